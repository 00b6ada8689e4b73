package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/lockstep-gitops/lockstep/fixtures"
)

// TestDiffPatchAppliesToFiles holds what the help says of -o json: a change's patch, applied to what a file in
// the flat layout has under "body", gives the other file's body.
func TestDiffPatchAppliesToFiles(t *testing.T) {
	dir := t.TempDir()
	before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
	for _, d := range []string{before, after} {
		if err := os.CopyFS(d, fixtures.Repos()); err != nil {
			t.Fatal(err)
		}
	}
	const login, script = "flat/alpha/journey/Login.json", "flat/alpha/script/739bdc48-fd24-4c52-b353-88706d75558a.json"
	edit := func(name, from, to string) {
		file := filepath.Join(after, filepath.FromSlash(name))
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(data), from, to, 1)
		if text == string(data) {
			t.Fatalf("%s has no %s", name, from)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit(login, `"Retry": "a12bc72f-ad97-4f1e-a789-a1fa3dd566c8"`, `"Retry": "e301438c-0bd0-429c-ab0c-66126501069a"`)
	edit(login, `"x": 612`, `"x": 614.5`)
	edit(script, `"script": "`, `"script": "// a/b ~ <&> é\n`)

	var out struct {
		Changes []struct {
			Resource struct{ Type, ID string }
			Patch    json.RawMessage
		}
	}
	text := corpusRun(t, dir, exitOK, "diff", filepath.Join(before, "flat"), filepath.Join(after, "flat"), "-o", "json")
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.Changes) != 2 {
		t.Fatalf("%d changes, want 2:\n%s", len(out.Changes), text)
	}
	body := func(root, typ, id string) json.RawMessage {
		var doc struct{ Body json.RawMessage }
		readJSON(t, filepath.Join(root, "flat", "alpha", typ, id+".json"), &doc)
		return doc.Body
	}
	for _, c := range out.Changes {
		p, err := jsonpatch.DecodePatch(c.Patch)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Apply(body(before, c.Resource.Type, c.Resource.ID))
		if err != nil {
			t.Fatal(err)
		}
		if !jsonpatch.Equal(got, body(after, c.Resource.Type, c.Resource.ID)) {
			t.Errorf("%s: the patch %s gives another body than the file's", c.Resource.ID, c.Patch)
		}
	}
}
