package picture_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/diff/picture"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// sources are all parts of the corpus that hold journeys.
func sources(t testing.TB) []string {
	t.Helper()
	const root = "../../../shared/corpus"
	if _, err := os.Stat(root); err != nil {
		t.Skip("the corpus is not here: ../shared/corpus, as seen from the repository's root")
	}
	var all []string
	for _, p := range []string{"fr-config-manager-repo", "fr-config-manager-push-input", "frodo-export/all-separate", "frodo-export/all-separate-legacy", "frodo-export/*.json", "frodo-export/by-type/*journey*", "tenant-snapshots/*.jsonl"} {
		found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil || len(found) == 0 {
			t.Fatalf("nothing at %s: %v", p, err)
		}
		all = append(all, found...)
	}
	return all
}

// load reads a source.
func load(t testing.TB, source string) *schema.Set {
	t.Helper()
	set, _, err := repo.LoadPath(source, repo.Options{})
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return set
}

// TestCorpus draws every journey of every source.
func TestCorpus(t *testing.T) {
	journeys, layered, forced, pairs := 0, 0, 0, 0
	var took []time.Duration
	seen := map[string]bool{} // the sources have most journeys in common
	for _, source := range sources(t) {
		for _, r := range load(t, source).OfType("journey") {
			body, err := json.Marshal(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if seen[string(body)] {
				continue
			}
			seen[string(body)] = true
			journeys++
			start := time.Now()
			p, err := picture.Journey(r)
			if err != nil {
				t.Fatalf("%s %s: %v", source, r.Label(), err)
			}
			svg := p.SVG(picture.Options{})
			took = append(took, time.Since(start))
			name := filepath.Base(source) + " " + r.Label()
			l, f := picture.Placed(p)
			if l {
				layered++
			}
			if f > 0 {
				forced++
				t.Errorf("%s: %d cards left their coordinates, which none has to in this corpus", name, f)
			}
			check(t, name, r, svg)
			if !l {
				pairs += arranged(t, name, r, read(t, name, svg))
			}
			if dir := os.Getenv("LOCKSTEP_PICTURES"); dir != "" {
				file := strings.NewReplacer("/", "_", " ", "_").Replace(name) + ".svg"
				if err := os.WriteFile(filepath.Join(dir, file), svg, 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if journeys == 0 || pairs == 0 {
		t.Fatalf("%d journeys, %d pairs of cards", journeys, pairs)
	}
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	t.Logf("%d different journeys, %d laid out by us, %d with cards on one spot; median %v, slowest %v", journeys, layered, forced, took[len(took)/2], took[len(took)-1])
}

// TestCorpusChanges draws what changed between neighbouring snapshots of the tenant.
func TestCorpusChanges(t *testing.T) {
	var before *schema.Set
	drawn := 0
	for _, source := range sources(t) {
		if filepath.Ext(source) != ".jsonl" {
			continue
		}
		set := load(t, source)
		if before != nil {
			changes, err := diff.Compare(before, set, diff.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range changes {
				p, ok, err := picture.Change(&changes[i])
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					continue
				}
				drawn++
				name := filepath.Base(source) + " " + changes[i].Label()
				told := 0
				for _, item := range changes[i].Items {
					if !item.Minor && strings.HasPrefix(item.Pointer, "/node") {
						told++
					}
				}
				if marks := p.Counts(); changes[i].Action == diff.Update && (told > 0) != (marks != picture.Counts{}) {
					t.Errorf("%s: the text tells %d differences of nodes, the picture marks %+v", name, told, marks)
				}
				for _, view := range []picture.View{picture.Merged, picture.Sides} {
					noOverlaps(t, name, read(t, name, p.SVG(picture.Options{View: view})))
				}
			}
		}
		before = set
	}
	if drawn == 0 {
		t.Fatal("no journey changed")
	}
	t.Logf("%d changed journeys", drawn)
}

// BenchmarkCorpus draws the journey of the corpus with the most nodes.
func BenchmarkCorpus(b *testing.B) {
	var largest *schema.Resource
	for _, source := range sources(b) {
		for _, r := range load(b, source).OfType("journey") {
			if largest == nil || len(schema.NodeRefs(r.Body)) > len(schema.NodeRefs(largest.Body)) {
				largest = r
			}
		}
	}
	if largest == nil {
		b.Fatal("no journeys")
	}
	for b.Loop() {
		p, err := picture.Journey(largest)
		if err != nil {
			b.Fatal(err)
		}
		p.SVG(picture.Options{})
	}
	b.ReportMetric(float64(len(schema.NodeRefs(largest.Body))), "nodes")
}
