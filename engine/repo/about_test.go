package repo_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

func partialSet(t *testing.T) *schema.Set {
	t.Helper()
	set := schema.NewSet("env:dev")
	for _, r := range loadFixture(t, "flat").All() {
		if r.Type == "script" && r.Realm == "alpha" || r.Key == loginTree {
			continue
		}
		set.Add(&schema.Resource{Key: r.Key, Body: r.Body})
	}
	set.Partial, set.Why = []string{"alpha/script"}, map[string]string{"alpha/script": "403 Forbidden: not for you"}
	set.MarkBroken(loginTree)
	return set
}

func meta() repo.SnapshotMeta {
	return repo.SnapshotMeta{Tenant: "https://dev.example", Tool: "v1", Time: time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC), Digest: func(r *schema.Resource) string { return "digest of " + r.ID }}
}

// What a snapshot does not hold since it could not be read, or was not asked for, is not taken for deleted by
// who reads it: in one file, compressed or not, and in a folder.
func TestPartialSnapshotIsReadBack(t *testing.T) {
	for _, name := range []string{"snap.json", "snap.json.gz", "folder"} {
		for _, types := range [][]string{nil, {"theme", "cors", "script", "journey"}} {
			set := partialSet(t)
			set.Types = types
			at := filepath.Join(t.TempDir(), name)
			if name == "folder" {
				m := meta()
				mustWrite(t, at, set, repo.Flat, repo.WriteOptions{About: &m})
				if text := listFiles(t, at)["global/cors/cors.json"]; !strings.Contains(text, `"digest": "digest of cors"`) {
					t.Errorf("no digest in %s", text)
				}
			} else {
				var b bytes.Buffer
				if err := repo.WriteSnapshot(&b, set, meta(), strings.HasSuffix(name, ".gz")); err != nil {
					t.Fatal(err)
				}
				write(t, at, b.String())
				if got := repo.SnapshotTime(b.Bytes(), strings.HasSuffix(name, ".gz")); !got.Equal(meta().Time) {
					t.Errorf("%s: time %s", name, got)
				}
			}
			got, diags, err := repo.LoadPath(at, repo.Options{})
			if err != nil || len(diags) > 0 || len(got.Unmanaged) > 0 {
				t.Fatal(name, diags, err, got.Unmanaged)
			}
			if !slices.Equal(got.Partial, set.Partial) || !maps.Equal(got.Why, set.Why) || !got.IsBroken(loginTree) || len(got.Broken()) != 1 {
				t.Errorf("%s: partial %q for %v, broken %v", name, got.Partial, got.Why, got.Broken())
			}
			want := slices.Sorted(slices.Values(types))
			if !slices.Equal(got.Types, want) || (got.Types == nil) != (types == nil) {
				t.Errorf("%s: of types %q, want %q", name, got.Types, want)
			}
			if got.Len() != set.Len() {
				t.Errorf("%s: %d resources of %d", name, got.Len(), set.Len())
			}
			// Of a snapshot of some types one can ask for fewer, and not for more.
			got, _, err = repo.LoadPath(at, repo.Options{Types: []string{"theme", "secret"}, Realms: []string{"alpha"}})
			if want := map[bool][]string{true: {"theme", "secret"}, false: {"theme"}}[types == nil]; err != nil || !slices.Equal(got.Types, want) {
				t.Errorf("%s: themes and secrets of it: %q, %v", name, got.Types, err)
			}
		}
	}
}

// A snapshot of an older version has no types that only this one knows.
func TestSnapshotOfAnOlderVersion(t *testing.T) {
	const text = `{"lockstep": {"format": 1, "types": ["theme", "made-up"], "realms": ["alpha"]}, "resources": []}`
	at := filepath.Join(t.TempDir(), "s.json")
	write(t, at, text)
	got, _, err := repo.LoadPath(at, repo.Options{})
	if err != nil || !slices.Equal(got.Types, []string{"theme", "made-up"}) || !slices.Equal(got.Realms, []string{"alpha"}) {
		t.Errorf("types %q, realms %q, %v", got.Types, got.Realms, err)
	}
}

func touched(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	out := map[string]time.Time{}
	for name := range listFiles(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = info.ModTime()
	}
	return out
}

// A second export of an unchanged tenant touches no file, whatever the clock says.
func TestSecondWriteTouchesNothing(t *testing.T) {
	for _, l := range repo.Layouts() {
		dir := t.TempDir()
		m := meta()
		o := repo.WriteOptions{About: &m, ValuesApart: true}
		mustWrite(t, dir, partialSet(t), l, o)
		past := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		for name := range listFiles(t, dir) {
			if err := os.Chtimes(filepath.Join(dir, name), past, past); err != nil {
				t.Fatal(err)
			}
		}
		before, text := touched(t, dir), listFiles(t, dir)
		m.Time = m.Time.Add(time.Hour)
		res := mustWrite(t, dir, partialSet(t), l, o)
		if len(res.Written)+len(res.Removed) > 0 || !maps.Equal(touched(t, dir), before) || !maps.Equal(listFiles(t, dir), text) {
			t.Errorf("%s: written %q", l, res.Written)
		}
		// One change, and the description tells the time of it.
		set := partialSet(t)
		set.Remove(corsKey)
		res = mustWrite(t, dir, set, l, repo.WriteOptions{About: &m, ValuesApart: true, Prune: true})
		if now := listFiles(t, dir)["snapshot.json"]; l == repo.Flat && !strings.Contains(now, "2026-11-01T03:03:04Z") {
			t.Errorf("%v: %s", res, now)
		}
	}
}

// An export of some types into a folder that holds more leaves the description of the others.
func TestSnapshotOfSomeTypesIntoAWhole(t *testing.T) {
	dir := t.TempDir()
	m := meta()
	read := func() *schema.Set {
		t.Helper()
		got, diags, err := repo.LoadPath(dir, repo.Options{})
		if err != nil || len(diags) > 0 {
			t.Fatal(diags, err)
		}
		return got
	}
	only := func(types, realms []string, partial ...string) *schema.Set {
		s := partialSet(t).Filter(func(r *schema.Resource) bool {
			return slices.Contains(types, r.Type) && (realms == nil || slices.Contains(realms, r.Realm))
		})
		s.Types, s.Realms, s.Partial = types, realms, partial
		return s
	}
	themes := only([]string{"theme"}, nil)
	mustWrite(t, dir, themes, repo.Flat, repo.WriteOptions{About: &m})
	if got := read(); !slices.Equal(got.Types, []string{"theme"}) {
		t.Errorf("of themes: %q", got.Types)
	}
	mustWrite(t, dir, only([]string{"cors"}, nil, "cors"), repo.Flat, repo.WriteOptions{About: &m})
	if got := read(); !slices.Equal(got.Types, []string{"cors", "theme"}) || !slices.Equal(got.Partial, []string{"cors"}) {
		t.Errorf("and of CORS: %q, partial %q", got.Types, got.Partial)
	}
	mustWrite(t, dir, partialSet(t), repo.Flat, repo.WriteOptions{About: &m})
	if got := read(); got.Types != nil || !slices.Equal(got.Partial, []string{"alpha/script"}) {
		t.Errorf("and of all: %q, partial %q", got.Types, got.Partial)
	}
	mustWrite(t, dir, only([]string{"theme"}, []string{"alpha"}), repo.Flat, repo.WriteOptions{About: &m})
	if got := read(); got.Types != nil || got.Realms != nil || !slices.Equal(got.Partial, []string{"alpha/script"}) || !got.IsBroken(loginTree) {
		t.Errorf("and again of themes in alpha: %q in %q, partial %q, broken %v", got.Types, got.Realms, got.Partial, got.Broken())
	}
	again := only([]string{"script", "journey"}, nil)
	again = again.Filter(func(*schema.Resource) bool { return true })
	mustWrite(t, dir, again, repo.Flat, repo.WriteOptions{About: &m})
	if got := read(); len(got.Partial) > 0 {
		t.Errorf("what was read at last is partial: %q", got.Partial)
	}
}

// A fresh export has ESVs as fr-config-pull writes them: see esvs in its recorded tree.
func TestValuesApart(t *testing.T) {
	set := schema.NewSet("env:dev")
	add := func(typ, id, body string) {
		var b map[string]any
		if err := json.Unmarshal([]byte(body), &b); err != nil {
			t.Fatal(err)
		}
		set.Add(&schema.Resource{Key: schema.Key{Type: typ, ID: id}, Body: b})
	}
	add("variable", "esv-blue-piller", `{"_id":"esv-blue-piller","description":"Zion membership criteria.","expressionType":"bool","lastChangeDate":"2026-07-07T13:42:37.661166Z","lastChangedBy":"x","loaded":true,"valueBase64":"ZmFsc2U="}`)
	add("variable", "esv-new_one", `{"_id":"esv-new_one","expressionType":"int","valueBase64":"MQ=="}`)
	add("secret", "esv-admin-token", `{"_id":"esv-admin-token","activeVersion":"1","description":"Long-lived admin token","encoding":"generic","lastChangeDate":"x","lastChangedBy":"x","loaded":false,"loadedVersion":"","useInPlaceholders":true}`)
	dir := t.TempDir()
	mustWrite(t, dir, set, repo.FrConfig, repo.WriteOptions{ValuesApart: true})
	for name, want := range map[string]string{
		"esvs/variables/esv-blue-piller.json": `{"_id":"esv-blue-piller","description":"Zion membership criteria.","expressionType":"bool","valueBase64":"${ESV_BLUE_PILLER}"}`,
		"esvs/variables/esv-new_one.json":     `{"_id":"esv-new_one","expressionType":"int","valueBase64":"${ESV_NEW_ONE}"}`,
		"esvs/secrets/esv-admin-token.json":   `{"_id":"esv-admin-token","description":"Long-lived admin token","encoding":"generic","useInPlaceholders":true,"valueBase64":"${ESV_ADMIN_TOKEN}"}`,
	} {
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(listFiles(t, dir)[name])); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%s, want\n%s", name, err, &b, want)
		}
	}
	// A value that the repository has is kept as it is kept: in clear, and up to date.
	write(t, filepath.Join(dir, "esvs/variables/esv-blue-piller.json"), `{"_id":"esv-blue-piller","expressionType":"bool","valueBase64":"dHJ1ZQ=="}`)
	mustWrite(t, dir, set, repo.FrConfig, repo.WriteOptions{ValuesApart: true})
	if text := listFiles(t, dir)["esvs/variables/esv-blue-piller.json"]; !strings.Contains(text, `"ZmFsc2U="`) {
		t.Errorf("the literal became %s", text)
	}
	// Without the option, and in layouts that have no form for it, nothing is lost.
	for l, o := range map[repo.Layout]repo.WriteOptions{repo.FrConfig: {}, repo.Flat: {ValuesApart: true}, repo.Frodo: {ValuesApart: true}} {
		dir := t.TempDir()
		mustWrite(t, dir, set, l, o)
		got, _, err := repo.LoadPath(dir, repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sameSets(t, string(l), got, set)
	}
}

// The corpus' pull has the names that a fresh export gives.
func TestValuesApartAsRecorded(t *testing.T) {
	esvs := filepath.Join("..", "..", "..", "shared", "corpus", "fr-config-manager-repo", "esvs")
	if _, err := os.Stat(esvs); err != nil {
		t.Skip("the corpus is not beside the repository")
	}
	recorded, diags, err := repo.LoadPath(filepath.Dir(esvs), repo.Options{Types: []string{"variable", "secret"}})
	if err != nil || recorded.Len() < 25 {
		t.Fatal(recorded.Len(), diags, err)
	}
	set := schema.NewSet("env:dev")
	for _, r := range recorded.All() {
		body := schema.CloneObject(r.Body)
		body["lastChangeDate"], body["loaded"] = "2026-01-01", true
		delete(body, "valueBase64")
		if r.Type == "variable" {
			body["valueBase64"] = "MQ=="
		}
		set.Add(&schema.Resource{Key: r.Key, Body: body})
	}
	dir := t.TempDir()
	mustWrite(t, dir, set, repo.FrConfig, repo.WriteOptions{ValuesApart: true})
	same := 0
	for name, text := range listFiles(t, dir) {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(esvs), name))
		// The two that were made by hand end in a newline.
		if err != nil || strings.TrimSuffix(string(data), "\n") != text {
			t.Errorf("%s: %v\n%s, recorded\n%s", name, err, text, data)
		}
		same++
	}
	t.Logf("%d files byte for byte as recorded", same)
}
