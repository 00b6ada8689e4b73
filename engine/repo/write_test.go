package repo_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// checkout copies a form of the fixture to disk.
func checkout(t *testing.T, name string) string {
	t.Helper()
	sub, err := fs.Sub(fixtures.Repos(), name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, sub); err != nil {
		t.Fatal(err)
	}
	return dir
}

func listFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, p))
		files[p] = string(data)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	return files
}

func mustWrite(t *testing.T, dir string, set *schema.Set, l repo.Layout, o repo.WriteOptions) repo.WriteResult {
	t.Helper()
	res, err := repo.Write(dir, set, l, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// edit gives a set with one resource changed.
func edit(t *testing.T, set *schema.Set, key schema.Key, change func(body map[string]any)) *schema.Set {
	t.Helper()
	r, ok := set.Get(key)
	if !ok {
		t.Fatalf("no %s", key)
	}
	out := set.Filter(func(*schema.Resource) bool { return true })
	body := schema.CloneObject(r.Body)
	change(body)
	out.Replace(&schema.Resource{Key: key, Body: body})
	return out
}

func without(set *schema.Set, keys ...schema.Key) *schema.Set {
	return set.Filter(func(r *schema.Resource) bool { return !slices.Contains(keys, r.Key) })
}

var (
	modeScript = schema.Key{Type: "script", Realm: "alpha", ID: "5bbdaeff-ddee-44b9-b608-8d413d7d65a6"}
	loginTree  = schema.Key{Type: "journey", Realm: "alpha", ID: "Login"}
	corsKey    = schema.Key{Type: "cors", ID: "cors"}
)

func TestWriteTouchesOnlyWhatChanged(t *testing.T) {
	for name, want := range map[string][]string{
		"frconfig":       {"realms/alpha/scripts/scripts-content/AUTHENTICATION_TREE_DECISION_NODE/mode.js"},
		"flat":           {"alpha/script/" + modeScript.ID + ".json"},
		"frodo-separate": {"realm/root-alpha/script/mode.script.js"},
	} {
		dir := checkout(t, name)
		write(t, filepath.Join(dir, "managed-objects/x/x.json"), "{}")
		write(t, filepath.Join(dir, "README.md"), "mine")
		before := listFiles(t, dir)
		set := edit(t, loadFixture(t, name), modeScript, func(b map[string]any) { b["script"] = "outcome = \"new\";\n" })
		for _, dry := range []bool{true, false} {
			res := mustWrite(t, dir, set, sources()[name], repo.WriteOptions{DryRun: dry})
			if !slices.Equal(res.Written, want) || len(res.Removed)+len(res.Stale) > 0 || len(res.Unchanged) < 30 {
				t.Errorf("%s: written %q, removed %q, stale %q, %d unchanged", name, res.Written, res.Removed, res.Stale, len(res.Unchanged))
			}
			after := listFiles(t, dir)
			for f, data := range before {
				if changed := after[f] != data; changed != (!dry && slices.Contains(want, f)) {
					t.Errorf("%s: %s changed: %t", name, f, changed)
				}
			}
			if len(after) != len(before) {
				t.Errorf("%s: %d files, were %d", name, len(after), len(before))
			}
		}
	}
}

// What only the server changed is no reason to write, and values that the repository keeps as
// ${NAME} stay.
func TestWriteKeepsPlaceholders(t *testing.T) {
	dir := checkout(t, "frconfig")
	name := filepath.Join(dir, "esvs/variables/esv-neo-age.json")
	write(t, name, `{"_id":"esv-neo-age","description":"Neo's age in the matrix.","expressionType":"int","valueBase64":"${ESV_NEO_AGE}"}`)
	live := schema.NewSet("env:dev")
	for _, r := range loadFixture(t, "flat").All() {
		c := *r
		c.Body = schema.CloneObject(r.Body)
		ty, _ := schema.TypeOf(r.Type)
		for _, p := range []string{"/_rev", "/loaded", "/lastChangeDate"} {
			if slices.Contains(ty.Volatile, p) {
				c.Body[p[1:]] = "12"
			}
		}
		c.Source = nil
		live.Add(&c)
	}
	if res := mustWrite(t, dir, live, repo.FrConfig, repo.WriteOptions{}); len(res.Written) != 0 {
		t.Errorf("written: %q", res.Written)
	}
	secret, variable := schema.Key{Type: "secret", ID: "esv-test-secret"}, schema.Key{Type: "variable", ID: "esv-neo-age"}
	for _, k := range []schema.Key{secret, variable} {
		live = edit(t, live, k, func(b map[string]any) { b["description"] = "new"; delete(b, "valueBase64") })
	}
	if res := mustWrite(t, dir, live, repo.FrConfig, repo.WriteOptions{}); len(res.Written) != 2 {
		t.Errorf("written: %q", res.Written)
	}
	files := listFiles(t, dir)
	if s := files["esvs/secrets/esv-test-secret.json"]; !strings.Contains(s, "${ESV_TEST_SECRET}") || !strings.Contains(s, "new") {
		t.Errorf("the secret's placeholder is gone: %s", s)
	}
	if s := files["esvs/variables/esv-neo-age.json"]; !strings.Contains(s, "${ESV_NEO_AGE}") {
		t.Errorf("the variable's placeholder is gone: %s", s)
	}
}

func TestStaleAndPrune(t *testing.T) {
	for name, want := range map[string][]string{
		"frconfig":       {"cors/cors-config.json", "realms/alpha/journeys/Login/Login.json"},
		"flat":           {"alpha/journey/Login.json", "global/cors/cors.json"},
		"frodo-separate": {"global/service/CorsService.service.json", "realm/root-alpha/journey/Login.journey.json"},
	} {
		dir := checkout(t, name)
		before := listFiles(t, dir)
		layout := sources()[name]
		set := without(loadFixture(t, name), loginTree, corsKey)
		res := mustWrite(t, dir, set, layout, repo.WriteOptions{})
		for _, w := range want {
			if !slices.Contains(res.Stale, w) {
				t.Errorf("%s: stale %q, want also %s", name, res.Stale, w)
			}
		}
		if after := listFiles(t, dir); len(res.Written)+len(res.Removed) > 0 || len(after) != len(before) {
			t.Errorf("%s: without Prune: written %q, removed %q", name, res.Written, res.Removed)
		}
		// A set that was never asked for journeys says nothing about them.
		set.Types = []string{"script"}
		if res := mustWrite(t, dir, set, layout, repo.WriteOptions{Prune: true}); len(res.Stale)+len(res.Removed)+len(res.Written) > 0 {
			t.Errorf("%s: journeys were not asked for: %v", name, res)
		}
		set.Types = nil
		set.Partial = []string{"alpha/journey", "cors"}
		if res := mustWrite(t, dir, set, layout, repo.WriteOptions{Prune: true}); len(res.Stale)+len(res.Removed)+len(res.Written) > 0 {
			t.Errorf("%s: journeys could not be read: %v", name, res)
		}
		set.Partial = nil
		mustWrite(t, dir, set, layout, repo.WriteOptions{Prune: true})
		got, diags, err := repo.LoadPath(dir, repo.Options{})
		if err != nil || len(diags) > 0 {
			t.Fatal(diags, err)
		}
		sameSets(t, name+" pruned", got, set)
		if _, err := os.Stat(filepath.Join(dir, "realms/alpha/journeys/Login")); err == nil {
			t.Errorf("%s: the journey's folder is left", name)
		}
	}
}

// A rename leaves nothing behind that says otherwise.
func TestWriteRenamed(t *testing.T) {
	for _, name := range []string{"frconfig", "flat", "frodo-separate"} {
		dir := checkout(t, name)
		set := edit(t, loadFixture(t, name), modeScript, func(b map[string]any) { b["name"] = "mode: new" })
		set = edit(t, set, loginTree, func(b map[string]any) {
			for _, ref := range schema.NodeRefs(b) {
				if ref.Type == "RetryLimitDecisionNode" {
					n, _ := schema.Lookup(b, ref.Pointer)
					n.(map[string]any)["displayName"] = "Try: Again"
				}
			}
		})
		res := mustWrite(t, dir, set, sources()[name], repo.WriteOptions{})
		got, diags, err := repo.LoadPath(dir, repo.Options{})
		if err != nil || len(diags) > 0 || len(got.Unmanaged) > 0 {
			t.Fatal(name, diags, err, got.Unmanaged)
		}
		sameSets(t, name, got, set)
		if name == "frconfig" {
			want := []string{
				"realms/alpha/journeys/Login/nodes/Retry Limit Decision - 2119f332-0f69-4088-a7a1-6582bf0f2001.json",
				"realms/alpha/scripts/scripts-content/AUTHENTICATION_TREE_DECISION_NODE/mode.js",
			}
			if !slices.Equal(res.Removed, want) {
				t.Errorf("removed %q", res.Removed)
			}
			if !slices.Contains(res.Written, "realms/alpha/journeys/Login/nodes/Try%3A Again - 2119f332-0f69-4088-a7a1-6582bf0f2001.json") {
				t.Errorf("written %q", res.Written)
			}
		}
	}
}

// Names that differ only in case, or that no file system takes, do not run into each other.
func TestWriteHostileNames(t *testing.T) {
	set := schema.NewSet("test")
	names := []string{"Login", "login", "LOGIN", "..", ".", "a/b", `a\b`, "CON", "x.", "x ", "a:b", "a%3Ab", "", "ü", strings.Repeat("é", 300), ".git", "new\nline", "../../../x", "{id}", "{/name}"}
	for i, n := range names {
		id := string(rune('a'+i)) + "1"
		set.Add(&schema.Resource{Key: schema.Key{Type: "script", Realm: "alpha", ID: id}, Body: map[string]any{"_id": id, "name": n, "context": n, "script": "x" + n}})
		set.Add(&schema.Resource{Key: schema.Key{Type: "theme", Realm: "alpha", ID: id}, Body: map[string]any{"_id": id, "name": n, "journeyHeader": map[string]any{"en": n + "en", n: "x"}, "accountFooter": "foot" + n}})
		if n != "" {
			tree := map[string]any{"_id": n, "nodes": map[string]any{"n": map[string]any{"nodeType": "PageNode", "displayName": n}}, "nodeConfigs": map[string]any{"n": map[string]any{"_id": "n", "_type": map[string]any{"_id": "PageNode"}}}}
			set.Add(&schema.Resource{Key: schema.Key{Type: "journey", Realm: "alpha", ID: n}, Body: tree})
		}
	}
	for l, dir := range map[repo.Layout]string{repo.FrConfig: "fr", repo.Flat: "flat", repo.Frodo: "frodo"} {
		dir := filepath.Join(t.TempDir(), dir)
		mustWrite(t, dir, set, l, repo.WriteOptions{})
		got, diags, err := repo.LoadPath(dir, repo.Options{})
		if err != nil || len(diags) > 0 {
			t.Errorf("%s: %v %v", l, diags, err)
			continue
		}
		sameSets(t, string(l), got, set)
		seen := map[string]bool{}
		for f := range listFiles(t, dir) {
			if low := strings.ToLower(f); seen[low] {
				t.Errorf("%s: %s is there twice for those who don't tell case", l, f)
			} else {
				seen[low] = true
			}
		}
	}
}

// Text that reads like another form of itself is read as what it is.
func TestHostileTexts(t *testing.T) {
	set := schema.NewSet("test")
	for i, text := range []string{
		`"a literal"`, `"\"twice\""`, "YSBzY3JpcHQgdGhhdCBsb29rcyBsaWtlIGJhc2U2NA==", "file://x.js", "", "\n", "a\r\nb\r\n", "\ufeffbom", "abcd", `"not closed`, "null", "a\u2028b",
	} {
		id := string(rune('a' + i))
		set.Add(&schema.Resource{Key: schema.Key{Type: "script", Realm: "alpha", ID: id}, Body: map[string]any{"_id": id, "name": id, "context": "X", "language": "GROOVY", "script": text}})
	}
	for _, v := range []string{"aGFsbG8=", "//79", "${ESV_X}", "", "aGFsbG8"} {
		id := "esv-" + string(rune('a'+len(v)))
		set.Add(&schema.Resource{Key: schema.Key{Type: "variable", ID: id}, Body: map[string]any{"_id": id, "valueBase64": v}})
	}
	for name, l := range map[string]repo.Layout{"fr": repo.FrConfig, "flat": repo.Flat, "frodo": repo.Frodo, "x.json": repo.Frodo} {
		dir := filepath.Join(t.TempDir(), name)
		mustWrite(t, dir, set, l, repo.WriteOptions{})
		got, diags, err := repo.LoadPath(dir, repo.Options{})
		if err != nil || len(diags) > 0 {
			t.Fatal(name, diags, err)
		}
		for _, r := range set.All() {
			o, ok := got.Get(r.Key)
			if !ok {
				t.Errorf("%s: %s is gone", name, r.Key)
				continue
			}
			for _, p := range []string{"script", "valueBase64"} {
				if o.Body[p] != r.Body[p] {
					t.Errorf("%s: %s: %q became %q", name, r.Key, r.Body[p], o.Body[p])
				}
			}
		}
	}
}

// A folder that leads out of the directory is not written through.
func TestWriteStaysInside(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "esvs")); err != nil {
		t.Skip(err)
	}
	set := schema.NewSet("test")
	set.Add(&schema.Resource{Key: schema.Key{Type: "variable", ID: "esv-a"}, Body: map[string]any{"_id": "esv-a"}})
	_, err := repo.Write(dir, set, repo.FrConfig, repo.WriteOptions{Existing: schema.NewSet("")})
	entries, rerr := os.ReadDir(outside)
	if err == nil || rerr != nil || len(entries) > 0 {
		t.Errorf("%v; written outside: %v", err, entries)
	}
}

func TestWriteRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	oneType := filepath.Join(t.TempDir(), "x.variable.json")
	write(t, oneType, `{"variable":{"esv-a":{"_id":"esv-a","value":"1"}}}`)
	orphan := schema.NewSet("test")
	orphan.Add(&schema.Resource{Key: schema.Key{Type: "service-child", Realm: "alpha", ID: "email/smtpTransports/x"}, Body: map[string]any{"_id": "x"}})
	for name, f := range map[string]func() error{
		"over a file": func() error { _, err := repo.Write(file, orphan, repo.Flat, repo.WriteOptions{}); return err },
		"rest":        func() error { _, err := repo.Write(t.TempDir(), orphan, repo.REST, repo.WriteOptions{}); return err },
		"one type":    func() error { _, err := repo.Write(oneType, orphan, repo.Frodo, repo.WriteOptions{}); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// One export file keeps what Lockstep does not manage.
func TestWriteSingleExportKeepsTheRest(t *testing.T) {
	dir := checkout(t, "frodo")
	name := filepath.Join(dir, "export.json")
	v, err := schema.ParseJSON([]byte(listFiles(t, dir)["export.json"]))
	if err != nil {
		t.Fatal(err)
	}
	before := v.(map[string]any)
	before["realm"].(map[string]any)["root"] = map[string]any{"policy": map[string]any{"p": map[string]any{"_id": "p"}}, "script": map[string]any{}}
	write(t, name, string(schema.EncodeJSON(before))+"\n")
	set := edit(t, loadFixture(t, "frodo"), modeScript, func(b map[string]any) { b["script"] = "new" })
	res := mustWrite(t, name, set, repo.Frodo, repo.WriteOptions{})
	if !slices.Equal(res.Written, []string{"export.json"}) || len(res.Stale)+len(res.Removed) > 0 {
		t.Errorf("%v", res)
	}
	got, diags, err := repo.LoadPath(name, repo.Options{})
	if err != nil || len(diags) > 0 {
		t.Fatal(diags, err)
	}
	sameSets(t, "export", got, set)
	if len(got.Unmanaged) != 1 || got.Unmanaged[0].Files[0] != "export.json#/realm/root/policy/p" {
		t.Errorf("unmanaged: %v", got.Unmanaged)
	}
	// All that changed is the script, in the form that it had there: a list of lines; and the copies that
	// journeys carry along.
	alpha := before["realm"].(map[string]any)["root-alpha"].(map[string]any)
	scripts, copies := alpha["script"].(map[string]any), 0
	script := scripts[modeScript.ID].(map[string]any)
	if _, isList := script["script"].([]any); !isList {
		t.Fatal("the fixture has the script in another form")
	}
	script["script"] = []any{"new"}
	for _, tree := range alpha["trees"].(map[string]any) {
		if carried, _ := tree.(map[string]any)["scripts"].(map[string]any); carried[modeScript.ID] != nil {
			carried[modeScript.ID] = script
			copies++
		}
	}
	if copies == 0 {
		t.Fatal("no journey of the fixture carries the script along")
	}
	if after := listFiles(t, dir)["export.json"]; after != string(schema.EncodeJSON(before))+"\n" {
		t.Errorf("more changed than the script:\n%s", cmp.Diff(string(schema.EncodeJSON(before))+"\n", after))
	}
	res = mustWrite(t, name, without(set, corsKey), repo.Frodo, repo.WriteOptions{Prune: true})
	if got, _, err = repo.LoadPath(name, repo.Options{}); err != nil || len(res.Written) != 1 {
		t.Fatal(err, res)
	}
	sameSets(t, "pruned export", got, without(set, corsKey))
}
