package repo_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// seeds are the files of a form of the fixture that are not too long to be changed with effect.
func seeds(f *testing.F, dir string) {
	f.Helper()
	n := 0
	err := fs.WalkDir(fixtures.Repos(), dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fixtures.Repos(), p)
		if err == nil && len(data) < 4000 {
			n++
			f.Add(strings.TrimPrefix(p, dir+"/"), data)
		}
		return err
	})
	if err != nil || n == 0 {
		f.Fatal(n, err)
	}
}

// Any file at any place: no panic, every place is in the file, and nothing is read and broken at once.
func fuzzReader(f *testing.F, layout repo.Layout, dir, beside string) {
	seeds(f, dir)
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !fs.ValidPath(name) || name == "." || strings.Contains(name, "\x00") {
			return
		}
		base, err := fs.Sub(fixtures.Repos(), dir)
		if err != nil {
			t.Fatal(err)
		}
		other, err := fs.ReadFile(base, beside)
		if err != nil {
			t.Fatal(err)
		}
		fsys := fstest.MapFS{beside: &fstest.MapFile{Data: other}, name: &fstest.MapFile{Data: data}}
		set, diags, err := repo.Load(fsys, ".", repo.Options{Layout: layout})
		if err != nil {
			return
		}
		for _, d := range diags {
			if d.Pos.Line > strings.Count(string(data), "\n")+1 && d.Pos.File == name {
				t.Errorf("%s is beyond the end", d.Pos)
			}
			if d.Message == "" || d.Code == "" {
				t.Errorf("%+v says nothing", d)
			}
		}
		for _, r := range set.All() {
			if r.ID == "" || set.IsBroken(r.Key) {
				t.Errorf("%s is read, and broken or without id", r.Key)
			}
			schema.Walk(r.Body, func(p string, v any) bool {
				if pos := r.Source.At(p); pos.IsZero() {
					t.Errorf("%s %s has no place", r.Key, p)
				}
				if text, ok := v.(string); ok {
					r.Source.AtText(p, text, len(text)/2, len(text))
				}
				return len(data) < 1000
			})
		}
	})
}

func FuzzFrConfig(f *testing.F) {
	fuzzReader(f, repo.FrConfig, "frconfig", "esvs/variables/esv-neo-age.json")
}

func FuzzFrodo(f *testing.F) {
	fuzzReader(f, repo.Frodo, "frodo-separate", "global/variable/esv-neo-age.variable.json")
}

func FuzzFlat(f *testing.F) { fuzzReader(f, repo.Flat, "flat", "global/variable/esv-neo-age.json") }

func FuzzREST(f *testing.F) {
	f.Add([]byte(`{"path":"/am/json/realms/root/realms/alpha/scripts/1","body":{"_id":"1","script":"eA=="}}` + "\n\n{\n"))
	f.Add([]byte(`{"path":"/openidm/config/ui/themerealm","body":{"realm":{"alpha":[{"_id":"1"},3],"/":[]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, diags, err := repo.Load(fstest.MapFS{"x.jsonl": &fstest.MapFile{Data: data}}, "x.jsonl", repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, d := range diags {
			if d.Pos.Line > lines {
				t.Errorf("%s is beyond the end", d.Pos)
			}
		}
		for _, r := range set.All() {
			if pos := r.Source.At(""); pos.Line < 1 || pos.Line > lines {
				t.Errorf("%s: %s", r.Key, pos)
			}
		}
	})
}

// A text goes through frodo's forms and back unchanged, and so does a name through the file system's.
func FuzzRoundTrip(f *testing.F) {
	f.Add("name", `"literal"`)
	f.Add("a/b: c", "YSBzY3JpcHQgdGhhdCBsb29rcyBsaWtlIGJhc2U2NA==")
	f.Add("..", "a\r\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		if name == "" || strings.ToValidUTF8(name, "") != name || strings.ToValidUTF8(text, "") != text {
			return
		}
		set := schema.NewSet("fuzz")
		set.Add(&schema.Resource{Key: schema.Key{Type: "script", Realm: "alpha", ID: name}, Body: map[string]any{"_id": name, "name": name, "context": "X", "script": text}})
		for _, l := range repo.Layouts() {
			dir := t.TempDir()
			if _, err := repo.Write(dir, set, l, repo.WriteOptions{Existing: schema.NewSet("")}); err != nil {
				t.Fatal(err)
			}
			got, diags, err := repo.LoadPath(dir, repo.Options{Layout: l})
			if err != nil || len(diags) > 0 || got.Len() != 1 {
				t.Fatalf("%s: %v %v", l, diags, err)
			}
			if r := got.All()[0]; r.ID != name || r.Body["script"] != text {
				t.Errorf("%s: %q %q became %q %q", l, name, text, r.ID, r.Body["script"])
			}
		}
	})
}

// A commit's tree with any names: TestFS-like access never panics, and no name leads out.
func FuzzTreeNames(f *testing.F) {
	f.Add("a", "b", "../x")
	f.Add("..", "x", "/etc/passwd")
	f.Add("a/b", "\x00", ".")
	f.Fuzz(func(t *testing.T, dirName, fileName, target string) {
		if strings.ContainsRune(dirName, 0) || strings.ContainsRune(fileName, 0) {
			return
		}
		dir, b := newRepo(t)
		b.commit("refs/heads/master", "m", folder{"esvs": folder{dirName: folder{fileName: "{}"}, "link.json": link(target)}})
		fsys, _, err := open(t, dir).Tree("HEAD")
		if err != nil {
			return
		}
		_, _, err = repo.Load(fsys, ".", repo.Options{Layout: repo.FrConfig})
		if err != nil {
			t.Fatal(err)
		}
		err = fs.WalkDir(fsys, ".", func(p string, e fs.DirEntry, err error) error {
			if err == nil && (!fs.ValidPath(p) || strings.Contains(p, "..") && !strings.Contains(dirName+fileName, "..")) {
				t.Errorf("%q", p)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
