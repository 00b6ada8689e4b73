package schema

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testDocuments(t *testing.T) []Document {
	t.Helper()
	const realm = "/am/json/realms/root/realms/alpha"
	const trees = realm + "/realm-config/authentication/authenticationtrees"
	list := []struct{ path, body string }{
		{realm + "/scripts/s1", `{"_id": "s1", "_rev": "7", "name": "Check", "script": "dmFyIGEgPSAxOw==", "language": "JAVASCRIPT"}`},
		{trees + "/trees/Login MFA", `{"_id": "Login MFA", "_rev": "1", "entryNodeId": "p", "nodes": {
			"p": {"nodeType": "PageNode", "version": "2.0", "connections": {}},
			"x": {"nodeType": "MessageNode", "connections": {}}}}`},
		{trees + "/nodes/PageNode/2.0/p", `{"_id": "p", "_type": {"_id": "PageNode"}, "nodes": [{"_id": "c", "nodeType": "ValidatedUsernameNode", "displayName": "Name"}]}`},
		{trees + "/nodes/ValidatedUsernameNode/c", `{"_id": "c", "_type": {"_id": "ValidatedUsernameNode"}}`},
		{trees + "/nodes/PageNode/1.0/o", `{"_id": "o"}`},
		{realm + "/realm-config/services/email", `{"_id": "", "_type": {"_id": "email"}}`},
		{realm + "/realm-config/services/email/smtpTransports/t1", `{"_id": "t1", "_type": {"_id": "smtpTransports"}}`},
		{realm + "/realm-config/services/SocialIdentityProviders/googleConfig/google", `{"_id": "google", "_type": {"_id": "googleConfig"}}`},
		{realm + "/realm-config/services/DataStoreService", `{"_id": ""}`},
		{"/openidm/config/ui/themerealm", `{"_id": "ui/themerealm", "realm": {"alpha": [{"_id": "t", "name": "T"}], "/": [{"_id": "r"}]}}`},
		{"/openidm/config/emailTemplate/welcome", `{"_id": "emailTemplate/welcome"}`},
		{"/openidm/config/external.email", `{"_id": "external.email"}`},
		{"/openidm/config/managed", `{"_id": "managed", "objects": [{"name": "alpha_user"}, {"name": "alpha_role"}]}`},
		{"/openidm/config/sync", `{"_id": "sync"}`},
		{"/openidm/config/provisioner.openicf/Azure", `{"_id": "provisioner.openicf/Azure"}`},
		{"/openidm/config/fieldPolicy/alpha_user", `{"_id": "fieldPolicy/alpha_user"}`},
		{"/openidm/config/router", `{"_id": "router"}`},
		{realm + "/realm-config/agents/OAuth2Client/app", `{"_id": "app", "_type": {"_id": "OAuth2Client"}}`},
		{realm + "/realm-config/agents/groups/WebAgent/g", `{"_id": "g", "_type": {"_id": "WebAgent"}}`},
		{realm + "/realm-config/saml2/remote/aQ", `{"_id": "aQ", "entityId": "i"}`},
		{"/am/json/global-config/services/CorsService", `{"enabled": true}`},
		{"/am/json/global-config/services/CorsService/configuration/app", `{"_id": "app"}`},
		{"/environment/variables/esv-a", `{"_id": "esv-a"}`},
		{"/environment/secrets/esv-b", `{"_id": "esv-b"}`},
	}
	docs := make([]Document, len(list))
	for i, d := range list {
		f := &File{Name: d.path + ".json", Data: []byte(d.body)}
		docs[i] = Document{Path: d.path, Body: mustParse(t, f.Data).(map[string]any), Source: NewSource(Part{File: f})}
	}
	return docs
}

func TestFromDocuments(t *testing.T) {
	set, diags := FromDocuments("test", testDocuments(t))
	var keys []string
	for _, r := range set.All() {
		keys = append(keys, r.Key.String())
	}
	want := []string{
		"global/connector/Azure", "global/cors/app", "global/cors-service/CorsService", "global/email-provider/external.email", "global/email-template/welcome",
		"global/idm-config/router", "global/managed-object/alpha_role", "global/managed-object/alpha_user", "global/secret/esv-b", "global/variable/esv-a",
		"alpha/agent-group/g", "alpha/idp/google", "alpha/journey/Login MFA", "alpha/oauth2-client/app", "alpha/password-policy/user", "alpha/saml-remote/aQ",
		"alpha/script/s1", "alpha/service/email", "alpha/service-child/email/smtpTransports/t1", "alpha/theme/t",
	}
	if d := cmp.Diff(want, keys); d != "" {
		t.Error(d)
	}
	script, _ := set.Get(Key{Type: "script", Realm: "alpha", ID: "s1"})
	if Str(script.Body, "/script") != "var a = 1;" || script.Rev != "7" || script.Name() != "Check" {
		t.Errorf("script: %+v", script)
	}
	journey, _ := set.Get(Key{Type: "journey", Realm: "alpha", ID: "Login MFA"})
	if Str(journey.Body, "/nodeConfigs/p/_type/_id") != "PageNode" || Str(journey.Body, "/nodeConfigs/c/_id") != "c" {
		t.Errorf("journey: %v", journey.Body)
	}
	if got := journey.Source.At("/nodeConfigs/c/_id").File; got == "" || got == journey.Source.At("").File {
		t.Errorf("a node's place is in %q", got)
	}
	if len(diags) != 1 || diags[0].Code != "journey-orphan-node" {
		t.Errorf("findings: %v", diags)
	}
	if len(set.Unmanaged) != 1 || set.Unmanaged[0].Type != "services the tenant does not show" || len(set.Unmanaged[0].Files) != 1 {
		t.Errorf("unmanaged: %v", set.Unmanaged)
	}
}

func TestDuplicateDocuments(t *testing.T) {
	docs := testDocuments(t)
	_, diags := FromDocuments("test", append(docs, docs[0], docs[1]))
	n := 0
	for _, d := range diags {
		if d.Code == "duplicate-resource" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d duplicates found, want 2: %v", n, diags)
	}
}

// TestDocumentsRoundTrip: documents → set → documents → set gives the same set.
func TestDocumentsRoundTrip(t *testing.T) {
	sets := []*Set{}
	set, _ := FromDocuments("test", testDocuments(t))
	sets = append(sets, set)
	if files, _ := filepath.Glob(filepath.Join(corpusDir, "tenant-snapshots", "frodo*.jsonl")); len(files) > 0 {
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var docs []Document
			for line := range bytes.Lines(data) {
				v := mustParse(t, line)
				if body, ok := v.(map[string]any)["body"].(map[string]any); ok {
					docs = append(docs, Document{Path: Str(v, "/path"), Body: body})
				}
			}
			s, _ := FromDocuments(f, docs)
			sets = append(sets, s)
		}
	}
	for _, s := range sets {
		again, diags := FromDocuments(s.Origin, Documents(s))
		if len(diags) != 0 {
			t.Errorf("%s: %v", s.Origin, diags)
		}
		if again.Len() != s.Len() {
			t.Errorf("%s: %d resources become %d", s.Origin, s.Len(), again.Len())
		}
		for _, r := range s.All() {
			b, ok := again.Get(r.Key)
			if !ok {
				t.Errorf("%s: %v is lost", s.Origin, r.Key)
				continue
			}
			ty, _ := TypeOf(r.Type)
			if d := cmp.Diff(withoutDropped(ty, r.Body), withoutDropped(ty, b.Body)); d != "" {
				t.Errorf("%s: %v: %s", s.Origin, r.Key, d)
			}
		}
	}
}

// withoutDropped takes away what is not sent.
func withoutDropped(ty *Type, body map[string]any) map[string]any {
	out := CloneObject(body)
	for _, name := range ty.API.Drop {
		if name != "nodeConfigs" {
			delete(out, name)
		}
	}
	for _, name := range ty.API.DropEmpty {
		if list, ok := out[name].([]any); ok && len(list) == 0 {
			delete(out, name)
		}
	}
	return out
}

func TestNodePath(t *testing.T) {
	base := "/am/json/realms/root/realms/alpha/realm-config/authentication/authenticationtrees/nodes/"
	if got := NodePath("alpha", "PageNode", "", "a b", true); got != base+"PageNode/1.0/a%20b" {
		t.Error(got)
	}
	if got := NodePath("alpha", "PageNode", "2.0", "a", false); got != base+"PageNode/a" {
		t.Error(got)
	}
}

// TestFromDocumentsNameless: what nothing can be called by is told, never left out in silence.
func TestFromDocumentsNameless(t *testing.T) {
	body, err := ParseJSON([]byte(`{"objects": [{"name": "alpha_user", "schema": {}}, {"schema": {}}, "x"]}`))
	if err != nil {
		t.Fatal(err)
	}
	set, diags := FromDocuments("test", []Document{{Path: "/openidm/config/managed", Body: body.(map[string]any)}})
	if set.Len() != 1 || len(diags) != 2 || diags[0].Severity != Error || !strings.Contains(diags[0].Message, "/objects/1 of /openidm/config/managed") {
		t.Errorf("%d resources, findings: %v", set.Len(), diags)
	}
}
