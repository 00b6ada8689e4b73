package repo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
	"golang.org/x/tools/txtar"
)

// Each file of testdata/bad is a tree with a fault, and its section "want": the findings, all of
// them, and what is broken.
func TestBadInput(t *testing.T) {
	cases, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, c := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(c), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(c)
			if err != nil {
				t.Fatal(err)
			}
			fsys, want := fstest.MapFS{}, ""
			for _, f := range a.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			var o repo.Options
			for line := range strings.Lines(string(a.Comment)) {
				if list, ok := strings.CutPrefix(strings.TrimSpace(line), "realms "); ok {
					o.Realms = strings.Fields(list)
				}
				if list, ok := strings.CutPrefix(strings.TrimSpace(line), "ignore "); ok {
					for _, text := range strings.Fields(list) {
						g, err := schema.ParseGlob(text)
						if err != nil {
							t.Fatal(err)
						}
						o.Ignore = append(o.Ignore, g)
					}
				}
			}
			set, diags, err := repo.Load(fsys, ".", o)
			got := findings(set, diags, err)
			if os.Getenv("UPDATE") != "" {
				for i := range a.Files {
					if a.Files[i].Name == "want" {
						a.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(c, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func findings(set *schema.Set, diags schema.Diagnostics, err error) string {
	var b strings.Builder
	if err != nil {
		return fmt.Sprintf("error: %s\n", err)
	}
	for _, d := range diags {
		fmt.Fprintf(&b, "%s %s %s", d.Severity, d.Code, d.Pos)
		if d.Key != (schema.Key{}) {
			fmt.Fprintf(&b, " %s", d.Key)
		}
		fmt.Fprintf(&b, ": %s\n", d.Message)
		for l := range strings.Lines(d.Hint) {
			fmt.Fprintf(&b, "  %s\n", strings.TrimRight(l, "\n"))
		}
		for _, r := range d.Related {
			fmt.Fprintf(&b, "  %s: %s\n", r.Pos, r.Text)
		}
	}
	for _, r := range set.All() {
		fmt.Fprintf(&b, "read %s\n", r.Key)
	}
	for _, k := range set.Broken() {
		fmt.Fprintf(&b, "broken %s\n", k)
	}
	for _, k := range set.Ignored() {
		fmt.Fprintf(&b, "ignored %s\n", k)
	}
	if n := len(set.Partial); n == len(schema.Types()) {
		b.WriteString("partial: all types\n")
	} else if n > 0 {
		fmt.Fprintf(&b, "partial: %s\n", strings.Join(set.Partial, ", "))
	}
	for _, u := range set.Unmanaged {
		fmt.Fprintf(&b, "unmanaged %s: %s\n", u.Type, strings.Join(u.Files, ", "))
	}
	return b.String()
}

func TestNothingThere(t *testing.T) {
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		root string
		o    repo.Options
		want string
	}{
		"no such folder":   {fstest.MapFS{}, "nope", repo.Options{}, "nope"},
		"empty":            {fstest.MapFS{"README.md": {}}, ".", repo.Options{}, "no configuration found in .: looked"},
		"two":              {fstest.MapFS{"a/esvs/x": {}, "b/realms/x": {}}, ".", repo.Options{}, "more than one folder of . holds configuration: a, b"},
		"foreign json":     {fstest.MapFS{"a.json": {Data: []byte(`{"a":1}`)}}, "a.json", repo.Options{}, "a.json is no configuration: looked for"},
		"foreign file":     {fstest.MapFS{"a.txt": {}}, "a.txt", repo.Options{}, "a.txt is neither .json"},
		"bad type":         {fstest.MapFS{}, ".", repo.Options{Types: []string{"journeys"}}, `there is no type "journeys"`},
		"bad layout":       {fstest.MapFS{"esvs/x": {}}, ".", repo.Options{Layout: "amster"}, `layout "amster" is not one of`},
		"out of the tree":  {fstest.MapFS{}, "../x", repo.Options{}, `"../x" is no path inside`},
		"layout of a file": {fstest.MapFS{"a.json": {Data: []byte(`{}`)}}, "a.json", repo.Options{Layout: repo.FrConfig}, "is not that"},
	} {
		_, _, err := repo.Load(c.fsys, c.root, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDetect(t *testing.T) {
	res := `{"type":"variable","id":"esv-x","body":{"_id":"esv-x"}}`
	for name, c := range map[string]struct {
		fsys   fstest.MapFS
		layout repo.Layout
		dir    string
	}{
		"fr-config":          {fstest.MapFS{"realms/alpha/x": {}}, repo.FrConfig, "."},
		"fr-config, below":   {fstest.MapFS{"identity-cloud-config/esvs/x": {}, "docs/a.md": {}, ".git/realms/x": {}}, repo.FrConfig, "identity-cloud-config"},
		"frodo separate":     {fstest.MapFS{"realm/root-alpha/script/x": {}}, repo.Frodo, "."},
		"frodo, only global": {fstest.MapFS{"config/global/variable/x.variable.json": {Data: []byte(`{"variable":{"x":{"_id":"x"}}}`)}}, repo.Frodo, "config"},
		"frodo, by type":     {fstest.MapFS{"a.journey.json": {Data: []byte(`{"trees":{}}`)}}, repo.Frodo, "."},
		"ESVs beside it":     {fstest.MapFS{"esvs/dev.yaml": {}, "config/realms/alpha/x": {}}, repo.FrConfig, "config"},
		"flat":               {fstest.MapFS{"alpha/script/x.json": {Data: []byte(res)}}, repo.Flat, "."},
		"flat, only global":  {fstest.MapFS{"global/variable/x.json": {Data: []byte(res)}}, repo.Flat, "."},
		"records":            {fstest.MapFS{"dev.jsonl": {}}, repo.REST, "."},
	} {
		layout, dir, err := repo.Detect(c.fsys, "")
		if err != nil || layout != c.layout || dir != c.dir {
			t.Errorf("%s: %q %q %v", name, layout, dir, err)
		}
	}
}

// A link may lead to another file of the repository, and nowhere else.
func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("making links takes privileges on Windows")
	}
	repoDir := t.TempDir()
	outside := t.TempDir()
	write(t, filepath.Join(outside, "stolen.json"), `{"_id":"esv-stolen"}`)
	write(t, filepath.Join(repoDir, "shared/esv-good.json"), `{"_id":"esv-good","valueBase64":"eA=="}`)
	dir := filepath.Join(repoDir, "config/esvs/variables")
	write(t, filepath.Join(dir, "esv-a.json"), `{"_id":"esv-a","valueBase64":"eA=="}`)
	for name, target := range map[string]string{
		"esv-good.json":   "../../../shared/esv-good.json",
		"esv-stolen.json": filepath.Join(outside, "stolen.json"),
		"esv-up.json":     "../../../../../../../etc/passwd",
		"esv-loop.json":   "esv-loop.json",
		"round":           "../..",
		"nowhere.json":    "not-there.json",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(repoDir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	set, diags, err := repo.LoadPath(filepath.Join(repoDir, "config"), repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range diags {
		got = append(got, d.Code+" "+d.Pos.String())
		if strings.Contains(d.Message, outside) || strings.Contains(d.Message, repoDir) {
			t.Errorf("a machine's path in %q", d.Message)
		}
	}
	at := "path-escapes esvs/variables/"
	want := []string{at + "esv-loop.json", at + "esv-stolen.json", at + "esv-up.json", at + "nowhere.json", at + "round"}
	if !slices.Equal(got, want) {
		t.Errorf("findings %q", got)
	}
	if n := set.Len(); n != 2 {
		t.Errorf("%d resources, want esv-a and esv-good", n)
	}
}

func TestTooLarge(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "esvs/variables/esv-big.json")
	write(t, name, `{}`)
	if err := os.Truncate(name, 64<<20+1); err != nil {
		t.Fatal(err)
	}
	set, diags, err := repo.LoadPath(dir, repo.Options{})
	if err != nil || len(diags) != 1 || diags[0].Code != "file-too-large" {
		t.Fatal(diags, err)
	}
	if !set.IsBroken(schema.Key{Type: "variable", ID: "esv-big"}) {
		t.Error("it is taken for deleted")
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "esvs/variables/esv-a.json")
	write(t, name, `{}`)
	if err := os.Chmod(name, 0); err != nil {
		t.Fatal(err)
	}
	_, diags, err := repo.LoadPath(dir, repo.Options{})
	if err != nil || len(diags) != 1 || diags[0].Code != "file-unreadable" {
		t.Fatal(diags, err)
	}
}

func write(t *testing.T, name, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}
