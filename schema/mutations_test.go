package schema_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A mutation is one fault that is planted; see testdata/mutations.txt.
type mutation struct {
	code   string
	files  []string
	old    string
	puts   []string // one a file
	atFile string
	atText string
}

func readMutations(t *testing.T) []mutation {
	t.Helper()
	data, err := os.ReadFile("testdata/mutations.txt")
	if err != nil {
		t.Fatal(err)
	}
	short := strings.NewReplacer("$L", "realms/alpha/journeys/Login", "$R", "realms/alpha/journeys/ResetPassword", "$S", "realms/alpha/scripts", "$A", "realms/alpha")
	text := strings.NewReplacer(`\\n`, `\n`, `\n`, "\n")
	var out []mutation
	for _, record := range strings.Split(strings.TrimSpace(string(data)), "\n\n")[1:] {
		lines := strings.Split(record, "\n")
		m := mutation{code: lines[0], files: strings.Split(short.Replace(lines[1]), "; ")}
		for _, l := range lines[2:] {
			switch {
			case strings.HasPrefix(l, "<"):
				m.old = text.Replace(strings.TrimPrefix(strings.TrimPrefix(l, "<"), " "))
			case strings.HasPrefix(l, ">"):
				m.puts = append(m.puts, text.Replace(strings.TrimPrefix(strings.TrimPrefix(l, ">"), " ")))
			case strings.HasPrefix(l, "@"):
				file, what, _ := strings.Cut(l[2:], " | ")
				m.atFile, m.atText = short.Replace(file), text.Replace(what)
			default:
				t.Fatalf("line %q of %s", l, lines[0])
			}
		}
		out = append(out, m)
	}
	return out
}

// plant gives the tree with the fault in it, and where it must be found.
func (m mutation) plant(tree fstest.MapFS) (fstest.MapFS, casePlace, error) {
	out := fstest.MapFS{}
	for name, f := range tree {
		out[name] = f
	}
	var at casePlace
	for i, name := range m.files {
		if m.old == "-" {
			if out[name] == nil {
				return nil, at, fmt.Errorf("there is no %s", name)
			}
			delete(out, name)
			continue
		}
		text := m.puts[i]
		if m.old != "" {
			before := string(out[name].Data)
			if !strings.Contains(before, m.old) {
				return nil, at, fmt.Errorf("%s does not hold %q", name, m.old)
			}
			text = strings.Replace(before, m.old, text, 1)
		}
		if n := strings.Index(text, "«"); n >= 0 {
			at = placeOf(name, text, n)
			text = strings.NewReplacer("«", "", "»", "").Replace(text)
		}
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	if m.atText != "" {
		text := string(out[m.atFile].Data)
		n := strings.Index(text, m.atText)
		if n < 0 {
			return nil, at, fmt.Errorf("%s does not hold %q", m.atFile, m.atText)
		}
		at = placeOf(m.atFile, text, n)
	}
	if at.file == "" {
		return nil, at, fmt.Errorf("nothing says where it must be found")
	}
	return out, at, nil
}

func placeOf(file, text string, n int) casePlace {
	from := strings.LastIndex(text[:n], "\n") + 1
	return casePlace{file, 1 + strings.Count(text[:n], "\n"), 1 + len([]rune(text[from:n]))}
}

// notPlanted are the codes whose faults can't be planted into files of that tree, with the reason.
func notPlanted() map[string]string {
	return map[string]string{
		"config":                  "of lockstep.yaml: engine/config plants its own",
		"file-too-large":          "its case has a file of 65 MiB",
		"file-unreadable":         "its case has a file system that refuses",
		"exemption-expired":       "of .lockstepexemptions: the cases",
		"exemption-unused":        "of .lockstepexemptions: the cases",
		"copies-disagree":         "frodo's layout only: the cases",
		"duplicate-resource":      "other layouts: the cases, and engine/repo",
		"realm-unknown":           "frodo's layout only: the cases",
		"esv-missing":             "of an environment: the cases",
		"journey-missing-idp":     "no node of the tree names providers: the cases",
		"service-missing-script":  "no service of the tree names scripts: the cases",
		"service-missing-journey": "no service of the tree names journeys: the cases",
		"placeholder-dynamic":     "no dynamic configuration in the tree: the cases",
	}
}

// TestMutations plants faults into real configuration: each is found at its place, and nothing else is
// reported.
func TestMutations(t *testing.T) {
	sub, err := fs.Sub(fixtures.Repos(), "frconfig")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	err = fs.WalkDir(sub, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sub, name)
		tree[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	baseSet, _, baseFound := mutated(t, tree, nil)
	found, ways := 0, map[string]int{}
	list := readMutations(t)
	for i, m := range list {
		ways[m.code]++
		name := fmt.Sprintf("%s-%d", m.code, ways[m.code])
		ok := t.Run(name, func(t *testing.T) {
			planted, at, err := m.plant(tree)
			if err != nil {
				t.Fatalf("record %d: %v", i+1, err)
			}
			set, reading, ds := mutated(t, planted, baseSet)
			// Lines move: a finding of the base is the same one wherever it stands now.
			news := ds.New(baseFound)
			if len(news) != 1 || news[0].Code != m.code || news[0].Pos.File != at.file || news[0].Pos.Line != at.line || news[0].Pos.Column != at.col {
				t.Fatalf("want %s at %v; found:\n%s", m.code, at, showFindings(news))
			}
			amongStubs(t, set, baseSet, reading, ds, news[0].Key)
			// Files that came or went are no question: then all is read.
			same := maps.EqualFunc(tree, planted, func(_, _ *fstest.MapFile) bool { return true })
			r, ok := baseSet.Get(news[0].Key) // its stub would be of these files
			if same && ok && schema.View(set) == schema.View(baseSet) && !slices.ContainsFunc(r.Source.Files(), func(f string) bool {
				return !bytes.Equal(tree[f].Data, planted[f].Data)
			}) {
				t.Errorf("the view of all resources is the same, and yet something else is found about %s, which did not change", r.Key)
			}
		})
		if ok {
			found++
		}
	}
	for _, c := range schema.Codes() {
		if reason := notPlanted()[c.Name]; reason == "" && ways[c.Name] < 2 {
			t.Errorf("%s is planted in %d ways, and two are the least", c.Name, ways[c.Name])
		}
	}
	if len(list) < 120 {
		t.Errorf("only %d mutations", len(list))
	}
	t.Logf("%d of %d planted faults found, each at its place and alone", found, len(list))
}

// mutated loads a tree, and gives what reading it found, and all that was found.
func mutated(t *testing.T, tree fstest.MapFS, base *schema.Set) (set *schema.Set, reading, all schema.Diagnostics) {
	t.Helper()
	set, reading, err := repo.Load(tree, ".", repo.Options{Layout: repo.FrConfig})
	if err != nil {
		t.Fatal(err)
	}
	all = slices.Concat(reading, schema.Validate(set, schema.Options{Base: base}))
	all.Sort()
	return set, reading, all
}

// amongStubs: of the resource that a fault is about, the rules find the same when stubs stand for all the others:
// they hold what rules read of others. One that a rule asks for a place is read, as it is at the next run.
func amongStubs(t *testing.T, set, base *schema.Set, reading, all schema.Diagnostics, k schema.Key) {
	t.Helper()
	if _, ok := set.Get(k); !ok {
		return
	}
	about := func(ds schema.Diagnostics) string {
		return showFindings(slices.DeleteFunc(slices.Clone(ds), func(d schema.Diagnostic) bool {
			return d.Key != k || slices.ContainsFunc(reading, func(r schema.Diagnostic) bool { return r.Key == k && r.Code == d.Code && r.Pos == d.Pos })
		}))
	}
	stubs := schema.Stubs(set, reading, all)
	if len(stubs) == 0 {
		t.Fatal("no stubs")
	}
	whole := map[schema.Key]bool{k: true}
	for range 3 {
		var mu sync.Mutex
		asked := map[schema.Key]bool{}
		part := set.Filter(func(*schema.Resource) bool { return true })
		known := map[schema.Key]schema.Diagnostics{}
		for _, x := range stubs {
			if whole[x.Key] {
				continue
			}
			part.Replace(x.Resource(func(k schema.Key) { mu.Lock(); asked[k] = true; mu.Unlock() }))
			known[x.Key] = x.Findings
		}
		got := schema.Validate(part, schema.Options{Base: base, Known: known})
		if len(asked) > 0 {
			maps.Copy(whole, asked)
			continue
		}
		if got, want := about(got), about(all); got != want {
			t.Errorf("among stubs the rules find about %s:\n%s\nand among resources:\n%s", k, got, want)
		}
		return
	}
	t.Errorf("%s: the rules ask again and again", k)
}
