//go:build e2e

package e2e

import (
	"crypto/rsa"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// An api asks a tenant of the sandbox directly, past every client that is tried.
type api struct{ base, token string }

func (s sandbox) api(t *testing.T) api {
	t.Helper()
	set := map[string]string{}
	for _, v := range s.shared {
		name, value, _ := strings.Cut(v, "=")
		set[name] = value
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal([]byte(set["SERVICE_ACCOUNT_KEY"]), &key); err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key.Key.(*rsa.PrivateKey)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	base, id := set["TENANT_BASE_URL"], set["SERVICE_ACCOUNT_ID"]
	claims, err := json.Marshal(map[string]any{"iss": id, "sub": id, "aud": base + "/am/oauth2/access_token", "exp": time.Now().Add(3 * time.Minute).Unix(), "jti": "e2e"})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.PostForm(base+"/am/oauth2/access_token", url.Values{"client_id": {"service-account"}, "assertion": {assertion},
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "scope": {"fr:am:* fr:idm:* fr:idc:esv:*"}})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatalf("no token: %v", err)
	}
	return api{base, answer.Token}
}

// get is the status and body of a path.
func (a api) get(t *testing.T, path string) (int, string) {
	t.Helper()
	return a.ask(t, http.MethodGet, path)
}

func (a api) ask(t *testing.T, method, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, a.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// alpha is the realm's path.
const alpha = "/am/json/realms/root/realms/alpha"

// kinds are objects of every kind that frodo's users keep in git: the flag and id that name one to frodo, the
// path where the tenant has it, a text that its body holds, and frodo's command to delete it where that is not
// "delete" with the same flag.
var kinds = []struct{ command, flag, id, path, holds, delete string }{
	{"journey", "-i", "FrodoTest", alpha + "/realm-config/authentication/authenticationtrees/trees/FrodoTest", "entryNodeId", ""},
	{"script", "-n", "Check Username", alpha + "/scripts?_queryFilter=name+eq+%22Check+Username%22", `"resultCount":1`, ""},
	// There is no command that deletes a template: `frodo idm delete`, whose help speaks of services, does.
	{"email template", "-i", "welcome", "/openidm/config/emailTemplate/welcome", `"emailTemplate/welcome"`, "idm delete -i emailTemplate/welcome"},
	{"esv variable", "-i", "esv-e2e", "/environment/variables/esv-e2e", `"expressionType":"int"`, ""},
	{"theme", "-n", "Zardoz", "/openidm/config/ui/themerealm", `"name":"Zardoz"`, ""},
	{"idp", "-i", "google", alpha + "/realm-config/services/SocialIdentityProviders/googleConfig/google", `"clientId"`, ""},
}

// Frodo lists, exports, deletes and imports an object of every kind, promotes a tree of files, and brings the
// whole tenant back; the tenant is looked at after each, past frodo and past Lockstep.
func TestFrodoKinds(t *testing.T) {
	t.Parallel()
	folder := frodoFolder(t)
	s := startSandbox(t, filepath.Join(repository(t), "examples", "quickstart", "config"))
	dir := s.project(t)
	f := frodo{folder, dir, s.frodo}
	a := s.api(t)

	f.must(t, "esv", "variable", "create", "-i", "esv-e2e", "--value", "1", "--variable-type", "int", "--description", "d")
	f.must(t, "esv", "secret", "create", "-i", "esv-e2e-secret", "--value", "hush", "--description", "d")
	ours(t, dir, nil, 0, "export", "--env", "dev", "-d", "before", "--layout", "flat")
	for _, k := range kinds {
		t.Run(k.command, func(t *testing.T) {
			words := strings.Fields(k.command)
			list := f.run(t, "alpha", append(words, "list")...)
			if list.code != 0 || !strings.Contains(list.output, k.id) {
				t.Fatalf("frodo %s list: exit code %d\n%s", k.command, list.code, list.output)
			}
			if _, body := a.get(t, k.path); !strings.Contains(body, k.holds) {
				t.Fatalf("before: %.300s", body)
			}
			file := strings.ReplaceAll(k.command, " ", "-") + ".json"
			f.must(t, append(words, "export", k.flag, k.id, "-f", file)...)
			remove := append(words, "delete", k.flag, k.id)
			if k.delete != "" {
				remove = strings.Fields(k.delete)
			}
			f.must(t, remove...)
			if status, body := a.get(t, k.path); status == http.StatusOK && strings.Contains(body, k.holds) {
				t.Fatalf("frodo %s left %d %.300s", strings.Join(remove, " "), status, body)
			}
			f.must(t, append(words, "import", k.flag, k.id, "-f", file)...)
			if status, body := a.get(t, k.path); status != http.StatusOK || !strings.Contains(body, k.holds) {
				t.Fatalf("frodo %s import: %d %.300s", k.command, status, body)
			}
		})
	}
	t.Run("secret", func(t *testing.T) {
		f.must(t, "esv", "secret", "export", "-i", "esv-e2e-secret", "-f", "secret.json")
		if strings.Contains(read(t, filepath.Join(dir, "secret.json")), "hush") {
			t.Error("the value can be read")
		}
		f.must(t, "esv", "secret", "delete", "-i", "esv-e2e-secret")
		if status, _ := a.get(t, "/environment/secrets/esv-e2e-secret"); status != http.StatusNotFound {
			t.Errorf("deleted, it answers %d", status)
		}
		f.must(t, "esv", "secret", "create", "-i", "esv-e2e-secret", "--value", "hush", "--description", "d")
	})
	t.Run("an ESV in use stays", func(t *testing.T) {
		if r := f.run(t, "alpha", "esv", "variable", "delete", "-i", "esv-test-var-pi"); r.code == 0 || !strings.Contains(r.output, "it is referenced by") {
			t.Errorf("exit code %d\n%s", r.code, r.output)
		}
	})
	t.Run("what was deleted and imported is as it was", func(t *testing.T) { noDifferences(t, dir, nil, "before", "env:dev") })
	t.Run("it connects and tells", func(t *testing.T) {
		r := f.launch(t, "alpha", "info")
		if r.code != 0 || !strings.Contains(r.output, "lockstep-sandbox") || !strings.Contains(r.output, "cloud") {
			t.Errorf("frodo info: exit code %d\n%s", r.code, r.output)
		}
	})
	f.exportAll(t, "alpha", "whole")
	t.Run("it promotes", func(t *testing.T) { frodoPromotes(t, f, a) })
	t.Run("the whole tenant comes back", func(t *testing.T) { frodoBringsBack(t, f, a) })
	t.Run("a connection profile", func(t *testing.T) { frodoConnects(t, f, s) })
}

// frodoPromotes compares two exports and makes the tenant like the second; that is all that frodo's promote is.
func frodoPromotes(t *testing.T, f frodo, a api) {
	const script = alpha + "/scripts?_queryFilter=name+eq+%22Check+Username%22"
	const journey = alpha + "/realm-config/authentication/authenticationtrees/trees/"
	template, test := filepath.Join("global", "emailTemplate", "welcome.emailTemplate.json"), filepath.Join("realm", "root-alpha", "journey", "FrodoTest.journey.json")
	gone := []string{filepath.Join("realm", "root-alpha", "journey", "ForgottenUsername.journey.json"), filepath.Join("realm", "root-alpha", "script", "Check-Username.script.json")}
	copyTree(t, filepath.Join(f.dir, "whole"), filepath.Join(f.dir, "wanted"))
	replaceIn(t, filepath.Join(f.dir, "wanted", template), `"from": "`, `"from": "promoted-`)
	replaceIn(t, filepath.Join(f.dir, "wanted", test), `"description": "Frodo test journey`, `"description": "Promoted: Frodo test journey`)
	for _, file := range gone {
		if err := os.Remove(filepath.Join(f.dir, "wanted", file)); err != nil {
			t.Fatal(err)
		}
	}
	f.must(t, "promote", "--what-if", "-P", "-M", "wanted", "-E", "whole")
	var found struct{ Added, Changed, Deleted []string }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(f.dir, "a1fileDiff.config.json"))), &found); err != nil {
		t.Fatal(err)
	}
	if len(found.Added) > 0 || !slices.Equal(found.Changed, []string{template, test}) || !slices.Equal(found.Deleted, gone) {
		t.Errorf("what if: %+v", found)
	}
	noDifferences(t, f.dir, nil, "before", "env:dev")

	// Its own error, after all is done: it prunes nodes that it has just removed with their journey.
	if r := f.run(t, "alpha", "promote", "-M", "wanted", "-E", "whole"); r.code != 0 && !strings.Contains(r.output, "reading 'getErrorHandler'") {
		t.Fatalf("frodo promote: exit code %d\n%s", r.code, r.output)
	}
	for _, c := range []struct{ path, holds, lacks string }{
		{"/openidm/config/emailTemplate/welcome", `"from":"promoted-`, ""},
		{journey + "FrodoTest", `"description":"Promoted: Frodo test journey`, ""},
		{journey + "ForgottenUsername", `"code":404`, "entryNodeId"},
		{script, `"resultCount":0`, "Check Username"},
	} {
		if _, body := a.get(t, c.path); !strings.Contains(body, c.holds) || c.lacks != "" && strings.Contains(body, c.lacks) {
			t.Errorf("promoted, %s is %.300s", c.path, body)
		}
	}
	if out := ours(t, f.dir, nil, 2, "diff", "before", "env:dev", "--exit-code"); !strings.Contains(out, "2 updated, 0 created, 2 deleted") {
		t.Errorf("promote changed something else:\n%s", out)
	}
}

// frodoBringsBack imports whole exports into a tenant that lacks some of it, from separate files and from one.
func frodoBringsBack(t *testing.T, f frodo, a api) {
	f.must(t, "config", "import", "-A", "-D", "whole")
	noDifferences(t, f.dir, nil, "before", "env:dev")
	if r := f.run(t, "alpha", "config", "export", "-a", "-g", "-r", "-N", "-f", "whole.json"); !exported(r) {
		t.Fatalf("frodo config export: exit code %d\n%s", r.code, r.output)
	}
	for _, path := range []string{
		"/openidm/config/emailTemplate/welcome", "/openidm/config/external.email",
		alpha + "/realm-config/authentication/authenticationtrees/trees/FrodoTest",
		alpha + "/realm-config/services/SocialIdentityProviders/googleConfig/google",
		alpha + "/realm-config/services/baseurl",
	} {
		if status, body := a.ask(t, http.MethodDelete, path); status != http.StatusOK {
			t.Fatalf("DELETE %s: %d %.300s", path, status, body)
		}
	}
	if out := ours(t, f.dir, nil, 2, "diff", "before", "env:dev", "--exit-code"); !strings.Contains(out, " deleted") {
		t.Fatalf("nothing is gone:\n%s", out)
	}
	f.must(t, "config", "import", "-a", "-f", "whole.json")
	noDifferences(t, f.dir, nil, "before", "env:dev")
}

// frodoConnects saves a profile, uses it without any variable, and deletes it.
func frodoConnects(t *testing.T, f frodo, s sandbox) {
	set := map[string]string{}
	for _, v := range s.frodo {
		name, value, _ := strings.Cut(v, "=")
		set[name] = value
	}
	write(t, filepath.Join(f.dir, "key.jwk"), set["FRODO_SA_JWK"])
	bare := frodo{f.folder, f.dir, nil}
	bare.must(t, "conn", "save", "--sa-id", set["FRODO_SA_ID"], "--sa-jwk-file", "key.jwk", set["FRODO_HOST"])
	if r := bare.run(t, "alpha", "conn", "list"); r.code != 0 || !strings.Contains(r.output, set["FRODO_HOST"]) {
		t.Errorf("frodo conn list: exit code %d\n%s", r.code, r.output)
	}
	if r := bare.run(t, "alpha", "conn", "describe", set["FRODO_HOST"]); r.code != 0 || !strings.Contains(r.output, "lockstep-sandbox") || !strings.Contains(r.output, "fr:idc:promotion:*") {
		t.Errorf("frodo conn describe: exit code %d\n%s", r.code, r.output)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(set["FRODO_HOST"], "http://"), "/am")
	if r := bare.run(t, "alpha", "journey", "list", host); r.code != 0 || !strings.Contains(r.output, "FrodoTest") {
		t.Errorf("frodo journey list with the profile: exit code %d\n%s", r.code, r.output)
	}
	bare.must(t, "conn", "delete", set["FRODO_HOST"])
	if r := bare.run(t, "alpha", "journey", "list", host); r.code == 0 || strings.Contains(r.output, "FrodoTest") {
		t.Errorf("the profile is gone, and frodo lists journeys: exit code %d\n%s", r.code, r.output)
	}
}
