package sim_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// anonymous asks without a token.
func (c *client) anonymous(status int, method, path string, body any, header ...string) answer {
	c.t.Helper()
	copied := *c
	copied.token = ""
	a, err := copied.send(method, path, body, header...)
	if err != nil || a.status != status {
		c.t.Fatalf("%s %s: status %d, want %d: %v %s", method, path, a.status, status, err, a.text)
	}
	return a
}

// token asks the token endpoint of a realm.
func (c *client) tokenOf(status int, realm string, form url.Values, header ...string) answer {
	c.t.Helper()
	return c.anonymous(status, "POST", "/am/oauth2"+realm+"/access_token", form.Encode(), append(header, "Content-Type", "application/x-www-form-urlencoded")...)
}

const authenticate = "/am/json/realms/root/authenticate"

// An administrator logs in as frodo does it, and makes a service account that gets tokens of its own.
func TestAdministrator(t *testing.T) {
	w := newWorld(t, sim.Options{Administrator: sim.Administrator{Name: "a@b.example", Password: "hush"}})
	c := w.dev
	c.anonymous(401, "POST", authenticate, m{}, "X-OpenAM-Username", "a@b.example", "X-OpenAM-Password", "wrong")
	asked := c.anonymous(200, "POST", authenticate, m{})
	for i, v := range asked.list("callbacks") {
		in := v.(m)["input"].([]any)[0].(m)
		in["value"] = []string{"a@b.example", "hush"}[i]
	}
	if a := c.anonymous(200, "POST", authenticate, asked.body); a.str("tokenId") == "" {
		t.Errorf("with callbacks: %s", a.text)
	}
	session := c.anonymous(200, "POST", authenticate, m{}, "X-OpenAM-Username", "a@b.example", "X-OpenAM-Password", "hush").str("tokenId")
	cookie := c.anonymous(200, "GET", "/am/json/serverinfo/*", nil).str("cookieName") + "=" + session

	// AM takes the cookie; IDM and the environment want a token.
	c.anonymous(200, "GET", trees[:len(trees)-1]+"?_queryFilter=true", nil, "Cookie", cookie)
	c.anonymous(401, "GET", "/openidm/config/managed", nil, "Cookie", cookie)
	c.anonymous(200, "GET", "/environment/info", nil, "Cookie", cookie)
	c.anonymous(401, "GET", trees[:len(trees)-1]+"?_queryFilter=true", nil, "Cookie", cookie+"x")
	info := c.anonymous(200, "POST", "/am/json/realms/root/sessions/?_action=getSessionInfo", m{"tokenId": session})
	c.anonymous(200, "POST", "/am/json/realms/root/realms/alpha/sessions/?_action=getSessionInfo", m{"tokenId": session})
	c.anonymous(401, "POST", "/am/json/realms/root/sessions/?_action=getSessionInfo", m{"tokenId": session + "x"})
	if !strings.Contains(info.str("universalId"), "ou=am-config") || info.str("maxIdleExpirationTime") == "" {
		t.Errorf("session: %s", info.text)
	}

	c.anonymous(200, "GET", "/environment/scopes/service-accounts", nil)
	verifier := "a verifier of the client's"
	sum := sha256.Sum256([]byte(verifier))
	ask := url.Values{"client_id": {"idmAdminClient"}, "response_type": {"code"}, "scope": {"openid fr:idm:* fr:idc:esv:* fr:none"}, "decision": {"allow"}, "csrf": {session},
		"redirect_uri": {c.base + "/platform/appAuthHelperRedirect.html"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	c.anonymous(401, "POST", "/am/oauth2/authorize", ask.Encode())
	redirect := c.anonymous(302, "POST", "/am/oauth2/authorize", ask.Encode(), "Cookie", cookie)
	at, err := url.Parse(redirect.header.Get("Location"))
	if err != nil || at.Query().Get("code") == "" {
		t.Fatalf("Location %q", redirect.header.Get("Location"))
	}
	c.anonymous(200, "GET", at.String(), nil)
	change := url.Values{"grant_type": {"authorization_code"}, "code": {at.Query().Get("code")}, "code_verifier": {verifier}}
	got := c.tokenOf(200, "", change)
	if got.str("scope") != "openid fr:idm:* fr:idc:esv:*" || got.str("id_token") == "" || got.object()["expires_in"] != 3599.0 {
		t.Errorf("token: %s", got.text)
	}
	c.tokenOf(400, "", change) // once only
	c.tokenOf(400, "", url.Values{"grant_type": {"authorization_code"}, "code": {session}, "code_verifier": {verifier}})

	c.token = got.str("access_token")
	c.want(200, "GET", "/environment/variables", nil)
	c.want(200, "GET", "/environment/cookie-domains", nil)
	key := testKey()
	jwks, err := json.Marshal(m{"keys": []any{m{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}}})
	if err != nil {
		t.Fatal(err)
	}
	made := c.want(201, "POST", "/openidm/managed/svcacct?_action=create", m{"name": "n", "accountStatus": "active", "scopes": []string{"fr:am:*"}, "jwks": string(jwks)})
	c.want(200, "GET", "/openidm/managed/svcacct/"+made.str("_id"), nil)
	c.id, c.key = made.str("_id"), key
	c.login("fr:am:*")
	c.want(200, "GET", alpha+"/scripts?_queryFilter=true", nil)
	if a := c.grant(c.assertion(nil), "fr:idm:*"); a.str("error") != "invalid_scope" {
		t.Errorf("a scope that it was not given: %s", a.text)
	}
	c.refused(403, "Access denied", "POST", "/openidm/managed/svcacct?_action=create", m{})
	c.anonymous(200, "POST", "/am/json/realms/root/sessions/?_action=logout", m{"tokenId": session})
	c.anonymous(401, "GET", trees[:len(trees)-1]+"?_queryFilter=true", nil, "Cookie", cookie)
}

// Without a password nobody logs in, with an empty one neither.
func TestNoAdministrator(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.anonymous(401, "POST", authenticate, m{}, "X-OpenAM-Username", "x", "X-OpenAM-Password", "")
	w.dev.anonymous(401, "POST", authenticate, m{}, "X-OpenAM-Username", "x", "X-OpenAM-Password", "y")
}

// An OAuth2 client's own token opens IDM if IDM maps the client.
func TestClientCredentials(t *testing.T) {
	w := newWorld(t, sim.Options{})
	c := w.dev
	client := m{"coreOAuth2ClientConfig": m{"userpassword": "hush", "scopes": m{"inherited": false, "value": []any{"fr:idm:*|All"}}}}
	c.want(201, "PUT", alpha+"/realm-config/agents/OAuth2Client/c", client)
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"fr:idm:*"}}
	basic := []string{"Authorization", "Basic " + b64("c:hush")}
	c.tokenOf(401, "/realms/root/realms/alpha", form, "Authorization", "Basic "+b64("c:wrong"))
	c.tokenOf(401, "/realms/root/realms/bravo", form, basic...)
	c.tokenOf(401, "/realms/root/realms/alpha", form)
	own := c.tokenOf(200, "/realms/root/realms/alpha", form, basic...).str("access_token")
	form.Set("scope", "fr:am:*")
	c.tokenOf(400, "/alpha", form, basic...)

	outer := c.token
	c.token = own
	c.want(403, "GET", "/openidm/config/managed", nil)
	c.token = outer
	c.want(201, "PUT", config+"authentication", m{"rsFilter": m{"staticUserMapping": []any{m{"subject": "c", "localUser": "internal/user/openidm-admin"}}}})
	c.want(404, "GET", config+"managed", nil) // past the reload
	c.token = own
	c.want(404, "GET", config+"managed", nil)
	c.want(403, "GET", alpha+"/scripts?_queryFilter=true", nil)
	c.want(403, "GET", "/environment/variables", nil)
}

// What other clients ask beside configuration.
func TestAskedByOthers(t *testing.T) {
	w := newWorld(t, sim.Options{})
	c := w.dev
	c.want(200, "GET", "/openidm/recon", nil)
	stores := c.want(200, "POST", alpha+"/realm-config/secrets/stores?_action=nextdescendents", nil)
	if got := ids(stores.list("result")); !slices.Equal(got, []string{"ESV"}) {
		t.Errorf("stores: %v", got)
	}
	services := c.want(200, "GET", "/am/json/global-config/services?_queryFilter=true", nil)
	if got := ids(services.list("result")); !slices.Equal(got, []string{"CorsService", "dashboard"}) {
		t.Errorf("global services: %v", got)
	}
	c.want(403, "PUT", "/am/json/global-config/authentication", m{})
	sources := c.anonymous(200, "GET", "/monitoring/logs/sources", nil, "x-api-key", "k", "x-api-secret", "s")
	if len(sources.list("result")) != 14 {
		t.Errorf("sources: %s", sources.text)
	}
	c.anonymous(401, "GET", "/monitoring/logs?source=am-config", nil)
	c.anonymous(200, "GET", "/monitoring/logs?source=am-config", nil, "x-api-key", "k", "x-api-secret", "s")
	if a := c.want(200, "POST", "/keys?_action=create", m{"name": "n"}); a.str("api_key_id") == "" || a.str("api_key_secret") == "" {
		t.Errorf("key: %s", a.text)
	}
}

// A complete tenant answers by name with what each real one has, lists only what it holds, and forgets nothing of it.
func TestComplete(t *testing.T) {
	c := newWorld(t, sim.Options{Complete: true}).dev
	for _, id := range []string{"managed", "access", "audit", "authentication", "selfservice.kba", "selfservice.terms", "fieldPolicy/alpha_user", "alphaOrgPrivileges", "policy"} {
		if a := c.want(200, "GET", config+id, nil); a.str("_id") != id {
			t.Errorf("%s: %.200s", id, a.text)
		}
	}
	if l := c.want(200, "GET", strings.TrimSuffix(config, "/")+"?_queryFilter=true", nil).list("result"); len(l) != 0 {
		t.Errorf("listed: %v", ids(l))
	}
	c.want(200, "PUT", config+"policy", m{"resources": []any{}})
	c.want(200, "PUT", config+"policy", m{"resources": []any{}})
	c.want(200, "DELETE", config+"policy", nil)
}

// _fields are pointers; a PATCH of configuration changes what it names.
func TestFieldsOfConfiguration(t *testing.T) {
	c := newWorld(t, sim.Options{}).dev
	c.want(201, "PUT", config+"ui/themerealm", m{"realm": m{"alpha": []any{m{"name": "a"}}, "bravo": []any{}}, "x": 1})
	if a := c.want(200, "GET", config+"ui/themerealm?_fields=realm/alpha", nil); a.text != `{"_id":"ui/themerealm","realm":{"alpha":[{"name":"a"}]}}` {
		t.Errorf("one realm: %s", a.text)
	}
	if a := c.want(200, "GET", config+"ui/themerealm?_fields=realm/alpha,realm/bravo,x/y,none", nil); a.text != `{"_id":"ui/themerealm","realm":{"alpha":[{"name":"a"}],"bravo":[]}}` {
		t.Errorf("both: %s", a.text)
	}
	c.want(200, "PATCH", config+"ui/themerealm", []any{m{"operation": "replace", "field": "/x", "value": 2}})
	if a := c.want(200, "GET", config+"ui/themerealm?_fields=x", nil); a.object()["x"] != 2.0 {
		t.Errorf("patched: %s", a.text)
	}
	c.want(404, "PATCH", config+"none", []any{})
}

// A realm's aliases may be written, and nothing else of it. Before AM 9.0 the root realm was not in the list.
func TestRealms(t *testing.T) {
	const path = "/am/json/global-config/realms/"
	c := newWorld(t, sim.Options{}).dev
	if got := ids(c.want(200, "GET", path+"?_queryFilter=true", nil).list("result")); !slices.Equal(got, []string{"L2FscGhh", "L2JyYXZv", "Lw"}) {
		t.Errorf("realms: %v", got)
	}
	realm := c.want(200, "GET", path+"L2FscGhh", nil).object()
	realm["aliases"] = []any{"login.example.com"}
	delete(realm, "_rev")
	c.want(200, "PUT", path+"L2FscGhh", realm)
	if got := c.want(200, "GET", path+"L2FscGhh", nil).list("aliases"); len(got) != 1 {
		t.Errorf("aliases: %v", got)
	}
	realm["name"] = "gamma"
	c.want(403, "PUT", path+"L2FscGhh", realm)
	c.want(403, "POST", path+"?_action=create", m{"name": "gamma", "parentPath": "/"})
	c.want(403, "DELETE", path+"L2JyYXZv", nil)
	c.want(404, "GET", path+"no-such", nil)
	older := newWorld(t, sim.Options{AMVersion: "8.0.0-SNAPSHOT"}).dev
	if got := ids(older.want(200, "GET", path+"?_queryFilter=true", nil).list("result")); len(got) != 2 {
		t.Errorf("realms of 8.0: %v", got)
	}
	older.want(200, "GET", alpha+"/realm-config/agents/OAuth2Thing?_queryFilter=true", nil)
}

// What the node types tell of themselves: recorded, derived of a custom type, or of the attributes that were seen.
func TestNodeTypesTell(t *testing.T) {
	c := newWorld(t, sim.Options{}).dev
	if a := c.want(200, "POST", nodes+"ValidatedUsernameNode/2.0?_action=schema", nil); len(a.object()["properties"].(m)) != 4 || len(a.list("required")) != 4 {
		t.Errorf("recorded: %.300s", a.text)
	}
	page := c.want(200, "POST", nodes+"PageNode/1.0?_action=schema", nil).object()["properties"].(m)
	if page["nodes"].(m)["type"] != "array" || page["pageHeader"].(m)["type"] != "object" {
		t.Errorf("seen: %v", page)
	}
	if a := c.want(200, "POST", nodes+"PageNode/1.0?_action=getType", nil); a.str("_id") != "1.0" || a.str("help") == "" || len(a.list("tags")) == 0 {
		t.Errorf("type: %s", a.text)
	}
	c.want(201, "PUT", "/am/json/node-designer/node-type/abc-1", m{"_id": "abc-1", "serviceName": "abc", "displayName": "A", "properties": m{
		"one": m{"title": "One", "type": "STRING", "required": true, "options": m{"a": "A", "b": "B"}}, "two": m{"title": "Two", "type": "NUMBER", "multivalued": true}}})
	own := c.want(200, "POST", nodes+"designer-abc/1.0?_action=schema", nil)
	properties := own.object()["properties"].(m)
	if one := properties["one"].(m); one["type"] != "string" || len(one["enum"].([]any)) != 2 || properties["two"].(m)["type"] != "array" || len(own.list("required")) != 1 {
		t.Errorf("of a custom type: %s", own.text)
	}
	if a := c.want(200, "POST", strings.TrimSuffix(nodes, "/")+"?_action=getAllTypes", nil); !strings.Contains(a.text, `"designer-abc"`) {
		t.Error("getAllTypes leaves the custom type out")
	}
	if a := c.want(200, "POST", nodes+"InnerTreeEvaluatorNode/1.0?_action=template", nil); a.object()["_type"] == nil {
		t.Errorf("template: %s", a.text)
	}
	c.want(404, "POST", nodes+"NoSuchNode/1.0?_action=schema", nil)
}
