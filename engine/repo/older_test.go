package repo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// Trees that older releases of fr-config-manager pulled have each script's JSON beside scripts-content,
// under the script's name. They are read as those of today, and stay as they are when they are written.
func TestOlderScripts(t *testing.T) {
	dir := checkout(t, "frconfig")
	scripts := filepath.Join(dir, "realms/alpha/scripts")
	moved := 0
	for name, data := range listFiles(t, filepath.Join(scripts, "scripts-config")) {
		body, err := schema.ParseJSON([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(scripts, "scripts-config", name), filepath.Join(scripts, schema.Str(body, "/name")+".json")); err != nil {
			t.Fatal(err)
		}
		moved++
	}
	if moved == 0 {
		t.Fatal("the fixture has no scripts")
	}
	want := loadFixture(t, "frconfig")
	got, diags, err := repo.Load(os.DirFS(dir), ".", repo.Options{})
	if err != nil || len(diags) > 0 {
		t.Fatal(err, diags)
	}
	sameSets(t, "the older tree", got, want)
	if diff.SetDigest(got) != diff.SetDigest(want) {
		t.Error("the older tree has another digest")
	}
	script := schema.Key{Type: "script", Realm: "alpha", ID: "1b52a7e0-4019-40fa-958a-15a49870e901"}
	changed := edit(t, got, script, func(b map[string]any) { b["script"] = "outcome = \"true\";\n" })
	if res := mustWrite(t, dir, changed, repo.FrConfig, repo.WriteOptions{}); len(res.Written) != 1 || !strings.Contains(res.Written[0], "/scripts-content/") {
		t.Errorf("written: %q", res.Written)
	}
}

// An id that a placeholder makes is no file's name.
func TestPlaceholderID(t *testing.T) {
	dir := checkout(t, "frconfig")
	write(t, filepath.Join(dir, "realms/alpha/realm-config/agents/OAuth2Client/policy.json"),
		`{"_id": "&{esv.policy.client}", "_type": {"_id": "OAuth2Client"}, "coreOAuth2ClientConfig": {"clientName": {"inherited": false, "value": ["x"]}}}`)
	_, diags, err := repo.Load(os.DirFS(dir), ".", repo.Options{})
	if err != nil || len(diags) > 0 {
		t.Error(err, diags)
	}
}
