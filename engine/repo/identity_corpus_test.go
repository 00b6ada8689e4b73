package repo_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// corpusSources are all forms of configuration in the corpus: fr-config-manager's trees, frodo's full,
// separate, legacy and by-type exports, and recorded tenants.
func corpusSources(t *testing.T) []string {
	t.Helper()
	sources := []string{
		"fr-config-manager-repo", "fr-config-manager-push-input", "frodo-export/all.cloud.json", "frodo-export/all.config.json",
		"frodo-export/all-separate", "frodo-export/all-separate-legacy",
	}
	for _, pattern := range []string{"frodo-export/by-type/*.json", "tenant-snapshots/*.jsonl"} {
		files, err := filepath.Glob(corpusPath(t, pattern))
		if err != nil || len(files) < 5 {
			t.Fatal(pattern, len(files), err)
		}
		for _, f := range files {
			rel, err := filepath.Rel(corpusPath(t, ""), f)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, filepath.ToSlash(rel))
		}
	}
	sort.Strings(sources)
	return sources
}

// roomFor makes a copy of a source, and names what Write and LoadPath take.
func roomFor(t *testing.T, source string) string {
	t.Helper()
	from := corpusPath(t, source)
	to := filepath.Join(t.TempDir(), filepath.Base(source))
	info, err := os.Stat(from)
	if err == nil && info.IsDir() {
		err = os.CopyFS(to, os.DirFS(from))
	} else if err == nil {
		var data []byte
		if data, err = os.ReadFile(from); err == nil {
			err = os.WriteFile(to, data, 0o644)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// Read and written over itself, no form changes a byte.
func TestCorpusOverItself(t *testing.T) {
	for _, source := range corpusSources(t) {
		if strings.HasPrefix(source, "tenant-snapshots") {
			continue // a form that is not written
		}
		set := loadCorpus(t, source)
		if set.Len() == 0 {
			continue // kinds that are not managed, alone
		}
		place := roomFor(t, source)
		before := listFiles(t, filepath.Dir(place))
		res := mustWrite(t, place, set, repo.Layout(set.Layout), repo.WriteOptions{Prune: true})
		if len(res.Written)+len(res.Removed)+len(res.Stale) > 0 || len(res.Unchanged) == 0 {
			t.Errorf("%s: written %q, removed %q, stale %q, %d unchanged", source, res.Written, res.Removed, res.Stale, len(res.Unchanged))
		}
		after := listFiles(t, filepath.Dir(place))
		for name, data := range before {
			if after[name] != data {
				t.Errorf("%s: %s changed", source, name)
			}
		}
		if len(after) != len(before) {
			t.Errorf("%s: %d files, were %d", source, len(after), len(before))
		}
		t.Logf("%s: %d resources, %d files unchanged", source, set.Len(), len(res.Unchanged))
	}
}

// Read in one form and written in every other, everything keeps its digest.
func TestCorpusThroughEveryLayout(t *testing.T) {
	if testing.Short() {
		t.Skip("every source in every form takes a while")
	}
	targets := map[string]repo.Layout{"fr": repo.FrConfig, "flat": repo.Flat, "separate": repo.Frodo, "one.json": repo.Frodo}
	total := map[string]int{}
	for _, source := range corpusSources(t) {
		set := loadCorpus(t, source)
		if set.Len() == 0 {
			continue // kinds that are not managed, alone
		}
		for typ, n := range set.CountByType() {
			total[typ] += n
		}
		for target, layout := range targets {
			dir := filepath.Join(t.TempDir(), target)
			mustWrite(t, dir, set, layout, repo.WriteOptions{Existing: schema.NewSet("")})
			got, diags, err := repo.LoadPath(dir, repo.Options{})
			if err != nil || len(diags) > 0 {
				t.Errorf("%s to %s: %v %v", source, target, diags, err)
				continue
			}
			sameSets(t, source+" to "+target, got, set)
		}
		for _, name := range []string{"s.json", "s.json.gz"} {
			sameSets(t, source+" to "+name, throughSnapshot(t, set, name), set)
		}
		t.Logf("%s (%s): %d resources: %v", source, set.Layout, set.Len(), set.CountByType())
	}
	for _, name := range schema.TypeNames() {
		t.Logf("%-24s %d", name, total[name])
	}
}

func throughSnapshot(t *testing.T, set *schema.Set, name string) *schema.Set {
	t.Helper()
	var b bytes.Buffer
	if err := repo.WriteSnapshot(&b, set, repo.SnapshotMeta{Digest: diff.Digest}, strings.HasSuffix(name, ".gz")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		if _, err := gzip.NewReader(&b); err != nil {
			t.Fatal(err)
		}
	}
	got, diags, err := repo.LoadPath(file, repo.Options{})
	if err != nil || len(diags) > 0 {
		t.Fatal(name, diags, err)
	}
	return got
}

// Frodo's forms, written afresh: what comes out as the same bytes, and the JSON values that don't.
func TestCorpusFrodoFresh(t *testing.T) {
	for source, atLeast := range map[string]int{"frodo-export/all-separate": 400, "frodo-export/all.cloud.json": 0} {
		set := loadCorpus(t, source)
		dir := t.TempDir()
		target := dir
		if strings.HasSuffix(source, ".json") {
			target = filepath.Join(dir, filepath.Base(source))
		}
		mustWrite(t, target, set, repo.Frodo, repo.WriteOptions{})
		want := map[string]string{}
		if target == dir {
			want = listFiles(t, corpusPath(t, source))
		} else {
			data, err := os.ReadFile(corpusPath(t, source))
			if err != nil {
				t.Fatal(err)
			}
			want[filepath.Base(source)] = string(data)
		}
		same, differs, elsewhere := 0, map[string]int{}, map[string]int{}
		for name, data := range listFiles(t, dir) {
			section := strings.Join(strings.SplitN(name, "/", 4)[:min(3, strings.Count(name, "/")+1)], "/")
			switch {
			case want[name] == data:
				same++
			case want[name] != "":
				differs[section]++
			default:
				elsewhere[section]++
			}
		}
		t.Logf("%s: %d of %d files have the same bytes; other bytes: %v; other names: %v", source, same, len(want), differs, elsewhere)
		if same < atLeast {
			t.Errorf("%s: only %d files are the same", source, same)
		}
	}
}
