package repo_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

const carried = `{
  "meta": {"exportedBy": "someone@example.com"},
  "trees": {"T": {
    "tree": {"_id": "T", "identityResource": "managed/alpha_user", "nodes": {}}, "nodes": {}, "innerNodes": {},
    "scripts": {"s1": {"_id": "s1", "name": "one", "context": "LIBRARY", "language": "JAVASCRIPT", "script": ["var a = 1;", ""]}},
    "saml2Entities": {"aQ": {"_id": "aQ", "entityId": "i", "entityLocation": "remote", "enabled": true}},
    "circlesOfTrust": {"c": {"_id": "c", "trustedProviders": ["i|saml2"]}}
  }}
}
`

// One journey's export: what it carries along changes in it, and what a file of its own holds changes in
// both, in the form of each.
func TestCarriedAlong(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "realm/root-alpha/journey/T.journey.json"), carried)
	write(t, filepath.Join(dir, "realm/root-alpha/saml/i.saml.json"),
		`{"saml":{"cot":{},"hosted":{},"metadata":{"aQ":["<a/>",""]},"remote":{"aQ":{"_id":"aQ","entityId":"i","entityLocation":"remote","enabled":true}}}}`)
	set, diags, err := repo.LoadPath(dir, repo.Options{})
	if err != nil || len(diags) > 0 || set.Len() != 4 {
		t.Fatal(set.Len(), diags, err)
	}
	remote := schema.Key{Type: "saml-remote", Realm: "alpha", ID: "aQ"}
	if r, _ := set.Get(remote); schema.Str(r.Body, "/metadata") != "<a/>\n" {
		t.Errorf("metadata: %v", r.Body)
	}
	want := edit(t, set, schema.Key{Type: "script", Realm: "alpha", ID: "s1"}, func(b map[string]any) { b["script"] = "var a = 2;\n" })
	want = edit(t, want, remote, func(b map[string]any) { b["enabled"], b["metadata"] = false, "<b/>\n" })
	res := mustWrite(t, dir, want, repo.Frodo, repo.WriteOptions{})
	if len(res.Written) != 2 || len(res.Removed)+len(res.Stale) > 0 {
		t.Errorf("%+v", res)
	}
	got, diags, err := repo.LoadPath(dir, repo.Options{})
	if err != nil || len(diags) > 0 {
		t.Fatal(diags, err)
	}
	sameSets(t, "changed in place", got, want)
	data, err := os.ReadFile(filepath.Join(dir, "realm/root-alpha/journey/T.journey.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`"exportedBy": "someone@example.com"`, `"var a = 2;"`, `"enabled": false`} {
		if !strings.Contains(string(data), s) {
			t.Errorf("the journey's file lacks %s:\n%s", s, data)
		}
	}
	if strings.Contains(string(data), "<b/>") {
		t.Error("a journey carries no metadata")
	}
	// A resource that goes, goes with its copies.
	mustWrite(t, dir, without(want, remote), repo.Frodo, repo.WriteOptions{Prune: true})
	if got, diags, err = repo.LoadPath(dir, repo.Options{}); err != nil || len(diags) > 0 || got.Len() != 3 {
		t.Error(got.Len(), diags, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "realm/root-alpha/saml/i.saml.json")); !os.IsNotExist(err) {
		t.Error("the entity's file is still there")
	}
}

// Copies that disagree are a finding with both places, also of what only journeys carry along.
func TestCarriedAlongDisagrees(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"realm/root-alpha/journey/T.journey.json": carried,
		"realm/root-alpha/cot/c.cot.saml.json":    `{"saml":{"cot":{"c":{"_id":"c","trustedProviders":["j|saml2"]}},"hosted":{},"metadata":{},"remote":{}}}`,
		"realm/root-alpha/saml/i.saml.json":       `{"saml":{"cot":{},"hosted":{},"metadata":{"aQ":["<a/>"]},"remote":{"aQ":{"_id":"aQ","entityId":"i","entityLocation":"remote","enabled":false}}}}`,
		"realm/root-alpha/policy/p.policy.json":   `{"policy":{"p":{"_id":"p","name":"p"}},"script":{"s1":{"_id":"s1","name":"one","context":"LIBRARY","language":"JAVASCRIPT","script":["var b;"]}}}`,
	} {
		write(t, filepath.Join(dir, name), text)
	}
	set, diags, err := repo.LoadPath(dir, repo.Options{})
	if err != nil || set.Len() != 5 {
		t.Fatal(set.Len(), err)
	}
	found := map[string]bool{}
	for _, d := range diags {
		if d.Code != "copies-disagree" || len(d.Related) != 1 || d.Pos.Line == 0 || d.Related[0].Pos.Line == 0 || d.Pos.File == d.Related[0].Pos.File {
			t.Errorf("%+v", d)
		}
		found[d.Key.Type] = true
	}
	for _, typ := range []string{"circle-of-trust", "saml-remote", "script"} {
		if !found[typ] {
			t.Errorf("the two copies of the %s disagree, and nobody says so", typ)
		}
	}
}
