package sim_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

func TestToken(t *testing.T) {
	w := newWorld(t, sim.Options{Scopes: []string{"fr:am:*", "fr:idm:*", "fr:idc:esv:*"}})
	other, err := rsa.GenerateKey(rand.Reader, 1024) // too weak for anything but a wrong signature
	if err != nil {
		other, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(w.dev.base, "http://")
	name, _, _ := strings.Cut(host, ":")
	forged := sign(t, map[string]any{"alg": "RS256"}, map[string]any{"iss": w.group.ServiceAccount().ID,
		"sub": w.group.ServiceAccount().ID, "aud": w.dev.base + "/am/oauth2/access_token",
		"exp": w.clock.Now().Add(time.Minute).Unix()}, other)
	claim := func(name string, v any) string {
		return w.dev.assertion(func(_, claims map[string]any) { claims[name] = v })
	}
	for _, c := range []struct {
		name, assertion, scope string
		status                 int
		oauth                  string
	}{
		{"good", w.dev.assertion(nil), "fr:am:*", 200, ""},
		{"aud with :443", claim("aud", "https://"+name+":443/am/oauth2/access_token"), "fr:am:*", 200, ""},
		{"aud without port", claim("aud", "https://"+name+"/am/oauth2/access_token"), "fr:am:*", 200, ""},
		{"aud in a list", claim("aud", []string{w.dev.base + "/am/oauth2/access_token"}), "fr:am:*", 200, ""},
		{"aud with the port twice, as of frodo", claim("aud", w.dev.base+w.dev.base[strings.LastIndex(w.dev.base, ":"):]+"/am/oauth2/access_token"), "fr:am:*", 200, ""},
		{"child of a scope", w.dev.assertion(nil), "fr:idc:esv:read", 200, ""},
		{"wrong host", claim("aud", "https://elsewhere/am/oauth2/access_token"), "fr:am:*", 400, "invalid_grant"},
		{"wrong path", claim("aud", w.dev.base), "fr:am:*", 400, "invalid_grant"},
		{"expired", claim("exp", w.clock.Now().Unix()), "fr:am:*", 400, "invalid_grant"},
		{"no exp", claim("exp", nil), "fr:am:*", 400, "invalid_grant"},
		{"unknown account", claim("iss", "nobody"), "fr:am:*", 400, "invalid_client"},
		{"sub is not iss", claim("sub", "nobody"), "fr:am:*", 400, "invalid_client"},
		{"forged", forged, "fr:am:*", 400, "invalid_grant"},
		{"no jwt", "x.y", "fr:am:*", 400, "invalid_grant"},
		{"other algorithm", w.dev.assertion(func(h, _ map[string]any) { h["alg"] = "none" }), "fr:am:*", 400, "invalid_grant"},
		{"unsupported scopes", w.dev.assertion(nil), "fr:am:* fr:autoaccess:* fr:iga:*", 400, "invalid_scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.dev.grant(c.assertion, strings.Fields(c.scope)...)
			if a.status != c.status || a.str("error") != c.oauth {
				t.Errorf("got %d %s, want %d %s", a.status, a.text, c.status, c.oauth)
			}
		})
	}
	same := w.dev.assertion(nil)
	refused := w.dev.grant(same, "fr:am:*", "fr:autoaccess:*", "fr:iga:*")
	if got, want := refused.str("error_description"), "Unsupported scope for service account: fr:autoaccess:*,fr:iga:*"; got != want {
		t.Errorf("description %q, want %q", got, want)
	}
	again := w.dev.grant(same, "fr:am:*") // frodo repeats the assertion
	if again.status != 200 || again.str("scope") != "fr:am:*" || again.object()["expires_in"] != 899.0 {
		t.Errorf("second grant: %d %s", again.status, again.text)
	}
}

func TestTokenIsAsked(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.token = "made-up"
	w.dev.refused(401, "Access Denied", "GET", alpha+"/scripts?_queryFilter=true", nil)
	w.dev.refused(401, "Access Denied", "GET", "/openidm/config/managed", nil)
	w.dev.refused(401, "unauthorized", "GET", "/environment/variables", nil)
	w.dev.want(200, "GET", "/am/json/serverinfo/*", nil) // open to all

	w.dev.login("fr:am:*")
	w.dev.want(200, "GET", alpha+"/scripts?_queryFilter=true", nil)
	w.dev.refused(403, "Access denied", "GET", "/openidm/config/managed", nil)
	w.dev.want(403, "GET", "/environment/variables", nil)

	w.dev.login("fr:idc:esv:read")
	w.dev.want(200, "GET", "/environment/variables", nil)
	w.dev.want(403, "PUT", "/environment/variables/esv-a", m{"valueBase64": b64("x"), "expressionType": "string"})
	w.dev.want(403, "POST", "/environment/startup?_action=restart", nil)

	w.dev.login()
	w.clock.pass(898 * time.Second)
	w.dev.want(200, "GET", alpha+"/scripts?_queryFilter=true", nil)
	w.clock.pass(time.Second)
	w.dev.want(401, "GET", alpha+"/scripts?_queryFilter=true", nil)
}

func TestProbes(t *testing.T) {
	w := newWorld(t, sim.Options{AMVersion: "8.0.0-SNAPSHOT"})
	if a := w.dev.want(200, "GET", "/am/json/serverinfo/version", nil); a.str("version") != "8.0.0-SNAPSHOT" {
		t.Errorf("version: %s", a.text)
	}
	scopes := w.dev.want(200, "GET", "/environment/scopes/service-accounts", nil)
	if l, isList := scopes.body.([]any); !isList || len(l) < 10 {
		t.Errorf("scopes: %s", scopes.text)
	}
	id := w.group.ServiceAccount().ID
	own := w.dev.want(200, "GET", "/openidm/managed/svcacct/"+id+"?_fields=*", nil)
	var jwks struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(own.str("jwks")), &jwks); err != nil || jwks.Keys[0]["n"] == "" || jwks.Keys[0]["d"] != "" {
		t.Errorf("jwks %q: %v", own.str("jwks"), err)
	}
	w.dev.refused(403, "Access denied", "GET", "/openidm/managed/svcacct/other?_fields=*", nil)
	for _, c := range []struct {
		who       *client
		tier      string
		immutable bool
		up, down  any
	}{{w.dev, "development", false, "staging", nil}, {w.prod, "production", true, nil, "staging"}} {
		a := c.who.want(200, "GET", "/environment/info", nil)
		tiers, _ := a.object()["promotionTierInfo"].(map[string]any)
		if a.str("tier") != c.tier || a.object()["immutable"] != c.immutable ||
			tiers["upperTierDisplayName"] != c.up || tiers["lowerTierDisplayName"] != c.down {
			t.Errorf("info: %s", a.text)
		}
	}
	w.dev.want(200, "GET", "/environment/release", nil)
	realms := w.dev.want(200, "GET", "/am/json/global-config/realms/?_queryFilter=true", nil)
	if got := ids(realms.list("result")); !slices.Equal(got, []string{"L2FscGhh", "L2JyYXZv"}) {
		t.Errorf("realms: %v", got)
	}
}

func TestScripts(t *testing.T) {
	w := newWorld(t, sim.Options{})
	one, two := alpha+"/scripts/one", alpha+"/scripts/two"
	body := script("A", "1")
	body["createdBy"], body["creationDate"] = "me", 5
	made := w.dev.want(201, "PUT", one, body)
	if made.str("_rev") == "" || made.header.Get("ETag") != `"`+made.str("_rev")+`"` || made.header.Get("Location") != one {
		t.Errorf("201: %s %v", made.text, made.header)
	}
	created := w.clock.Now().UnixMilli()
	if made.object()["creationDate"] != float64(created) || made.str("createdBy") == "me" {
		t.Errorf("the client set what the server owns: %s", made.text)
	}
	w.clock.pass(time.Minute)
	changed := w.dev.want(200, "PUT", one, script("A", "2"))
	read := w.dev.want(200, "GET", one, nil)
	if changed.str("_rev") != "" || read.str("_rev") != "" {
		t.Error("_rev outside a 201")
	}
	if read.object()["creationDate"] != float64(created) || read.object()["lastModifiedDate"] == float64(created) {
		t.Errorf("dates: %s", read.text)
	}
	w.dev.refused(409, "Script with name A already exist in realm /alpha", "PUT", two, script("A", "1"))
	w.dev.want(201, "PUT", strings.Replace(two, "alpha", "bravo", 1), script("A", "1"))
	w.dev.want(200, "GET", "/am/json/alpha/scripts/one", nil) // the short form is the same place
	w.dev.want(201, "PUT", "/am/json/alpha/scripts/two", script("B", "1"))
	for filter, want := range map[string][]string{
		`true`: {"one", "two"}, `name+eq+"A"`: {"one"}, `name%20sw%20'B'+or+_id+eq+'one'`: {"one", "two"},
		`!(name+co+"A")+and+description+pr`: {"two"}, `nothing+pr`: nil,
	} {
		a := w.dev.want(200, "GET", alpha+"/scripts?_queryFilter="+filter, nil)
		if got := ids(a.list("result")); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
		if a.object()["remainingPagedResults"] != 0.0 || a.str("totalPagedResultsPolicy") != "NONE" {
			t.Errorf("envelope: %s", a.text)
		}
	}
	w.dev.want(400, "GET", alpha+"/scripts?_queryFilter=name+is+x", nil)
	gone := w.dev.want(200, "DELETE", two, nil)
	if !sameJSON(gone.body, m{"_id": "two"}) {
		t.Errorf("DELETE: %s", gone.text)
	}
	w.dev.refused(404, "Script with UUID two could not be found in realm /alpha", "DELETE", two, nil)
	w.dev.refused(404, "Not Found", "GET", two, nil)
}

func TestJourneys(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.want(201, "PUT", alpha+"/scripts/s", script("S", "1"))
	node := m{"script": "s", "outcomes": []any{"yes", "no"}, "_outcomes": []any{m{"id": "made up"}}, "_type": m{"_id": "other"}}

	refusedNode := m{"script": "none", "outcomes": []any{}}
	w.dev.refused(400, "Data validation failed for the attribute, Script", "PUT", nodes+"ScriptedDecisionNode/n1", refusedNode)
	w.dev.refused(404, "Resource 'NoSuchNode' not found", "PUT", nodes+"NoSuchNode/n1", m{})
	w.dev.refused(400, "Node with ID n1 must exist in the tree.", "PUT", trees+"T", tree("n1", m{"n1": "ScriptedDecisionNode"}))

	made := w.dev.want(201, "PUT", nodes+"ScriptedDecisionNode/n1", node)
	if !sameJSON(made.list("_outcomes"), []any{m{"id": "yes", "displayName": "yes"}, m{"id": "no", "displayName": "no"}}) {
		t.Errorf("_outcomes: %s", made.text)
	}
	if kind, _ := made.object()["_type"].(map[string]any); kind["_id"] != "ScriptedDecisionNode" || kind["name"] != "Scripted Decision" || kind["version"] != "1.0" {
		t.Errorf("_type: %s", made.text)
	}
	w.dev.want(200, "GET", nodes+"ScriptedDecisionNode/1.0/n1", nil) // the same instance
	again := w.dev.want(200, "PUT", nodes+"ScriptedDecisionNode/1.0/n1", node)
	if again.str("_rev") != made.str("_rev") {
		t.Error("equal content has another _rev")
	}
	node["outcomes"] = []any{"yes"}
	if c := w.dev.want(200, "PUT", nodes+"ScriptedDecisionNode/n1", node); c.str("_rev") == made.str("_rev") {
		t.Error("other content has the same _rev")
	}
	w.dev.want(201, "PUT", nodes+"ValidatedUsernameNode/2.0/n2", m{"usernameAttribute": "userName"})
	w.dev.refused(404, "Not Found", "GET", nodes+"ValidatedUsernameNode/n2", nil)
	w.dev.want(200, "GET", nodes+"ValidatedUsernameNode/2.0/n2", nil)
	if inner := w.dev.want(201, "PUT", nodes+"InnerTreeEvaluatorNode/n3", m{"tree": "later"}); inner.object()["displayErrorOutcome"] != false {
		t.Errorf("the server adds no default: %s", inner.text)
	}
	page := w.dev.want(201, "PUT", nodes+"PageNode/2.0/p", m{"nodes": []any{m{"_id": "n1", "nodeType": "ScriptedDecisionNode"}}})
	if !sameJSON(page.list("_outcomes"), []any{m{"id": "n1-yes", "displayName": "yes"}}) || !strings.Contains(page.text, `"nodeVersion":"1.0"`) {
		t.Errorf("page: %s", page.text)
	}

	first := w.dev.want(201, "PUT", trees+"My Tree", tree("n1", m{"n1": "ScriptedDecisionNode"}))
	for _, name := range []string{"innerTreeOnly", "noSession", "mustRun", "transactionalOnly"} {
		if first.object()[name] != false {
			t.Errorf("%s: %s", name, first.text)
		}
	}
	if first.object()["enabled"] != true || !strings.Contains(first.text, `"version":"1.0"`) {
		t.Errorf("defaults: %s", first.text)
	}
	w.dev.want(200, "GET", trees+"My%20Tree/", nil)
	bad := tree("n1", nil)
	bad["surprise"] = true
	refused := w.dev.refused(400, "Invalid attribute specified.", "PUT", trees+"T", bad)
	detail, _ := refused.object()["detail"].(map[string]any)
	valid, _ := detail["validAttributes"].([]any)
	if len(valid) < 8 || valid[0] != "description" || slices.Contains(valid, any("_id")) {
		t.Errorf("detail: %s", refused.text)
	}
	w.dev.refused(400, "Node with ID entryNodeId must exist in the tree.", "PUT", trees+"T", m{"nodes": m{}})
	w.dev.refused(400, "Data validation failed for the attribute, Nodes", "PUT", trees+"T", m{"entryNodeId": "x", "nodes": m{"x": "y"}})
	w.dev.want(400, "PUT", trees+"T", "{no json")
	w.dev.want(201, "PUT", trees+"dangling entry", tree("not there", nil)) // accepted by the real one too

	w.dev.want(412, "PUT", trees+"My Tree", tree("n1", nil), "If-None-Match", "*")
	w.dev.want(404, "PUT", trees+"Never", tree("n1", nil), "If-Match", "*")
	w.dev.refused(400, "Cannot delete a node that is connected in a tree.", "DELETE", nodes+"ScriptedDecisionNode/n1", nil)
	if gone := w.dev.want(200, "DELETE", trees+"My Tree", nil); gone.str("entryNodeId") != "n1" {
		t.Errorf("DELETE: %s", gone.text)
	}
	w.dev.refused(404, "Not Found", "DELETE", trees+"My Tree", nil)
	w.dev.want(200, "GET", nodes+"ScriptedDecisionNode/n1", nil) // its nodes stay
	w.dev.want(200, "DELETE", nodes+"ScriptedDecisionNode/n1", nil)
	w.dev.refused(500, "Unable to read SMS config: Node did not exist", "DELETE", nodes+"PageNode/2.0/p", nil)
	w.dev.refused(409, "Unable to save config: Service already exists", "POST", nodes+"InnerTreeEvaluatorNode?_action=create", m{"_id": "n3", "tree": "x"})
	if all := w.dev.want(200, "POST", nodes[:len(nodes)-1]+"?_action=nextdescendents", m{}); len(all.list("result")) != 3 || strings.Contains(all.text, "_rev") {
		t.Errorf("nextdescendents: %s", all.text)
	}
	if types := w.dev.want(200, "POST", nodes[:len(nodes)-1]+"?_action=getAllTypes", m{}); len(types.list("result")) < 200 {
		t.Errorf("getAllTypes: %d", len(types.list("result")))
	}
}

// Before AM 9, a provider's URL could not be taken away by leaving it out.
func TestRedirectOfOlderProviders(t *testing.T) {
	w := newWorld(t, sim.Options{AMVersion: "8.1.0-SNAPSHOT"})
	idp := alpha + "/realm-config/services/SocialIdentityProviders"
	w.dev.want(201, "PUT", idp, m{})
	w.dev.want(201, "PUT", idp+"/oidcConfig/okta", m{"clientId": "c"})
	w.dev.want(200, "PUT", idp+"/oidcConfig/okta", m{"clientId": "c", "redirectAfterFormPostURI": "https://a.example"})
	w.dev.refused(500, "Unable to update SMS config: Data validation failed for the attribute, Redirect after form post URL",
		"PUT", idp+"/oidcConfig/okta", m{"clientId": "c"})
	w.dev.want(200, "PUT", idp+"/oidcConfig/okta", m{"clientId": "c", "redirectAfterFormPostURI": ""})
}

func TestOlderAM(t *testing.T) {
	w := newWorld(t, sim.Options{AMVersion: "8.0.0-SNAPSHOT"})
	w.dev.want(201, "PUT", nodes+"ValidatedUsernameNode/n", m{})
	a := w.dev.want(201, "PUT", trees+"T", tree("n", m{"n": "ValidatedUsernameNode"}))
	if strings.Contains(a.text, `"version"`) || strings.Contains(a.text, "transactionalOnly") {
		t.Errorf("8.0 shows what came with 9.0: %s", a.text)
	}
}

func TestServices(t *testing.T) {
	w := newWorld(t, sim.Options{})
	services := alpha + "/realm-config/services"
	w.dev.refused(404, "Resource 'NoService' not found", "PUT", services+"/NoService", m{})
	w.dev.refused(404, "Not Found", "GET", services+"/baseurl", nil)
	made := w.dev.want(201, "PUT", services+"/baseurl", m{"source": "REQUEST_VALUES", "nextDescendents": []any{}})
	if made.header.Get("Location") != "" || made.str("_id") != "" || strings.Contains(made.text, "nextDescendents") || made.str("_rev") == "" {
		t.Errorf("singleton: %s %v", made.text, made.header)
	}
	w.dev.want(200, "PUT", services+"/baseurl", m{"source": "FIXED_VALUE"})
	w.dev.refused(403, "This operation is not available in PingOne Advanced Identity Cloud.", "GET", services+"/DataStoreService", nil)

	email := services + "/email"
	w.dev.refused(404, "Resource 'email' not found", "PUT", email+"/smtpTransports/gmail", m{})
	w.dev.refused(400, "Data validation failed for the attribute, Transport Type", "PUT", email, m{"transportType": "gmail"})
	w.dev.want(201, "PUT", email, m{"from": "x"})
	w.dev.refused(400, "Data validation failed for the attribute, Transport Type", "PUT", email, m{"transportType": "gmail"})
	w.dev.want(201, "PUT", email+"/smtpTransports/gmail", m{"port": 465})
	w.dev.want(200, "PUT", email, m{"transportType": "gmail"})
	if l := w.dev.want(200, "POST", email+"?_action=nextdescendents", m{}).list("result"); len(l) != 1 {
		t.Errorf("children: %v", l)
	}
	w.dev.want(201, "PUT", alpha+"/scripts/s", script("S", ""))
	all := w.dev.want(200, "POST", services+"?_action=nextdescendents", m{})
	if got := ids(all.list("result")); !slices.Equal(got, []string{"baseurl", "email", "s"}) {
		t.Errorf("services: %v", got)
	}
	w.dev.want(200, "DELETE", email, nil)
	w.dev.want(404, "GET", email+"/smtpTransports/gmail", nil)

	idp := services + "/SocialIdentityProviders"
	w.dev.want(201, "PUT", idp, m{})
	w.dev.want(201, "PUT", idp+"/oidcConfig/okta", m{"clientId": "c", "clientSecret": "hush", "transform": "s"})
	w.dev.want(200, "PUT", idp+"/oidcConfig/okta", m{"clientId": "d", "redirectAfterFormPostURI": ""})
	w.dev.refused(400, "Invalid attribute specified.", "PUT", idp+"/oidcConfig/okta", m{"newThing": 1, "redirectAfterFormPostURI": ""})
	read := w.dev.want(200, "GET", idp+"/oidcConfig/okta", nil)
	if strings.Contains(read.text, "hush") || read.str("clientId") != "d" {
		t.Errorf("provider: %s", read.text)
	}
	for _, d := range w.dev.tenant.DocumentsWithSecrets() {
		if strings.HasSuffix(d.Path, "/okta") && !strings.Contains(string(d.Body), "hush") {
			t.Error("a PUT without the secret lost it")
		}
	}
	for _, d := range w.dev.tenant.Documents() {
		if strings.Contains(string(d.Body), "hush") {
			t.Errorf("%s shows a secret", d.Path)
		}
	}
	const root = "/am/json/realms/root"
	for _, path := range []string{root + "/scripts?_queryFilter=true", root + "/realm-config/services/baseurl",
		root + "/realm-config/agents?_queryFilter=true", "/am/json/global-config/secrets/stores/GoogleSecretManagerSecretStoreProvider/ESV"} {
		w.dev.refused(403, "This operation is not available in PingOne Advanced Identity Cloud.", "GET", path, nil)
	}
	w.dev.want(200, "GET", root+"/policies?_queryFilter=true", nil)
}

func TestCORS(t *testing.T) {
	w := newWorld(t, sim.Options{})
	const cors = "/am/json/global-config/services/CorsService"
	if a := w.dev.want(200, "GET", cors, nil); a.object()["enabled"] != true {
		t.Errorf("CORS: %s", a.text)
	}
	if a := w.dev.want(200, "PUT", cors, m{"enabled": false}); a.object()["enabled"] != false || a.header.Get("ETag") == "" {
		t.Errorf("PUT: %s", a.text)
	}
	w.dev.refused(400, "The singleton resource cannot be deleted", "DELETE", cors, nil)
	w.dev.want(201, "PUT", cors+"/configuration/cors", m{"enabled": true, "acceptedOrigins": []any{"https://a"}})
	w.dev.want(200, "PUT", cors+"/configuration/cors", m{"enabled": true, "_rev": "1"})
	if l := w.dev.want(200, "POST", cors+"?_action=nextdescendents", m{}).list("result"); len(l) != 1 {
		t.Errorf("configurations: %v", l)
	}
	w.dev.want(200, "DELETE", cors+"/configuration/cors", nil)
	w.dev.refused(404, "Resource 'CorsService' not found", "GET", alpha+"/realm-config/services/CorsService", nil)
}

func TestOtherAM(t *testing.T) {
	w := newWorld(t, sim.Options{})
	mapping := alpha + "/realm-config/secrets/stores/GoogleSecretManagerSecretStoreProvider/ESV/mappings"
	w.dev.want(200, "GET", strings.TrimSuffix(mapping, "/mappings"), nil)
	w.dev.want(201, "PUT", mapping+"/am.x", m{"aliases": []any{"esv-a"}})
	w.dev.refused(400, "Invalid config: Only a single alias per mapping is allowed for this secret store type", "PUT", mapping+"/am.x", m{"aliases": []any{"a", "b"}})
	w.dev.refused(400, "Data validation failed for the attribute, aliases", "PUT", mapping+"/am.x", m{"aliases": []any{"a", "a"}})
	w.dev.refused(409, "Unable to save config: Service already exists", "POST", mapping+"?_action=create", m{"_id": "am.x", "aliases": []any{"a"}})

	sets := alpha + "/applications"
	w.dev.refused(404, "S not found.", "PUT", sets+"/S", m{"name": "S"})
	w.dev.want(201, "POST", sets+"/?_action=create", m{"name": "S"})
	w.dev.refused(409, "Application already exists", "POST", sets+"?_action=create", m{"name": "S"})
	w.dev.want(201, "POST", sets+"?_action=create", m{"name": "sunAMDelegationService"})
	filter := `?_sortKeys=name&_queryFilter=name+eq+"%5E(%3F!sunAMDelegationService%24).*"`
	if l := w.dev.want(200, "GET", sets+filter, nil).list("result"); len(l) != 1 {
		t.Errorf("pattern: %v", l)
	}
	if a := w.dev.want(200, "DELETE", sets+"/S", nil); !sameJSON(a.body, m{}) {
		t.Errorf("DELETE: %s", a.text)
	}
	w.dev.refused(404, "S application not found in realm.", "DELETE", sets+"/S", nil)
	policy := w.dev.want(201, "PUT", alpha+"/policies/P", m{"name": "P", "creationDate": "never"})
	if policy.str("creationDate") != "2026-07-13T09:00:00.000Z" || policy.str("_rev") != "1783933200000" {
		t.Errorf("policy: %s", policy.text)
	}
	if a := w.dev.want(200, "DELETE", alpha+"/policies/P", nil); !sameJSON(a.body, m{"_id": "P", "_rev": "0"}) {
		t.Errorf("DELETE: %s", a.text)
	}
	w.dev.refused(404, "Resource Type u does not exist in realm /alpha", "PUT", alpha+"/resourcetypes/u", m{})

	agents := alpha + "/realm-config/agents"
	made := w.dev.want(201, "PUT", agents+"/OAuth2Client/c", m{"coreOAuth2ClientConfig": m{"userpassword": "hush", "redirectionUris": []any{"a"}}})
	if !strings.Contains(made.text, `"redirectionUris":{"inherited":false,"value":["a"]}`) || !strings.Contains(made.text, `"userpassword":null`) {
		t.Errorf("client: %s", made.text)
	}
	w.dev.want(200, "PUT", agents+"/OAuth2Client/c", made.body)
	nulls := w.dev.want(201, "PUT", agents+"/OAuth2Client/n", m{"overrideOAuth2ClientConfig": m{"oidcClaimsClass": nil, "remoteConsentServiceId": nil}})
	if strings.Contains(nulls.text, "oidcClaimsClass") || !strings.Contains(nulls.text, `"remoteConsentServiceId":null`) {
		t.Errorf("client with nulls: %s", nulls.text)
	}
	w.dev.want(200, "DELETE", agents+"/OAuth2Client/n", nil)
	if l := w.dev.want(200, "GET", agents+"?_queryFilter=_id+eq+'c'", nil).list("result"); len(l) != 1 {
		t.Errorf("search: %v", l)
	}
	w.dev.refused(404, "Resource 'OAuth2Thing' not found", "GET", agents+"/OAuth2Thing?_queryFilter=true", nil)

	designer := "/am/json/node-designer/node-type"
	w.dev.want(201, "POST", designer, m{"serviceName": "abc", "displayName": "D", "outcomes": []any{"go"}})
	w.dev.refused(409, "Node Type with resource id abc already exists", "POST", designer, m{"serviceName": "abc", "displayName": "E"})
	w.dev.refused(409, "Node Type with display name D already exists", "POST", designer, m{"serviceName": "abd", "displayName": "D"})
	w.dev.want(412, "PUT", designer+"/abc-1", m{"displayName": "D"})
	w.dev.want(200, "PUT", designer+"/abc-1", m{"displayName": "D", "outcomes": []any{"go"}}, "If-Match", "*")
	w.dev.want(404, "PUT", designer+"/none-1", m{}, "If-Match", "*")
	if n := w.dev.want(201, "PUT", nodes+"designer-abc/n", m{}); !strings.Contains(n.text, `"id":"go"`) {
		t.Errorf("designed node: %s", n.text)
	}
	w.dev.want(201, "PUT", trees+"T", tree("n", m{"n": "designer-abc"}))
	w.dev.refused(400, "Cannot delete node type that is in use", "DELETE", designer+"/abc-1", nil)
	if a := w.dev.want(200, "POST", designer+"/abc-1?_action=journeys", m{}); !sameJSON(a.body, m{"/alpha": m{"T": []any{"n"}}}) {
		t.Errorf("journeys: %s", a.text)
	}
	circles := alpha + "/realm-config/federation/circlesoftrust"
	w.dev.refused(500, "Unable to update entity provider's circle of trust", "POST", circles+"/?_action=create", m{"_id": "c", "trustedProviders": []any{"nobody|saml2"}})
	w.dev.want(201, "POST", alpha+"/realm-config/saml2/hosted/?_action=create", m{"entityId": "me", "serviceProvider": m{"metaAlias": "/alpha/me"}})
	w.dev.want(400, "POST", alpha+"/realm-config/saml2/hosted?_action=create", m{"entityId": "you", "serviceProvider": m{"metaAlias": "/alpha/me"}})
	metadata := rawURL64(`<EntityDescriptor entityID="them"><IDPSSODescriptor/></EntityDescriptor>`)
	w.dev.want(200, "POST", alpha+"/realm-config/saml2/remote/?_action=importEntity", m{"standardMetadata": metadata})
	w.dev.refused(500, "Unable to import SAML2 entity provider", "POST", alpha+"/realm-config/saml2/remote/?_action=importEntity", m{"standardMetadata": metadata})
	if l := w.dev.want(200, "GET", alpha+"/realm-config/saml2?_queryFilter=entityId+eq+'them'", nil).list("result"); len(l) != 1 {
		t.Errorf("entities: %v", l)
	}
	if a := w.dev.want(200, "GET", "/am/saml2/jsp/exportmetadata.jsp?entityid=them&realm=alpha", nil); !strings.Contains(a.text, `entityID="them"`) {
		t.Errorf("metadata: %s", a.text)
	}
	w.dev.want(201, "POST", circles+"/?_action=create", m{"_id": "c", "trustedProviders": []any{"me|saml2", "them|saml2"}})
}

func TestIDM(t *testing.T) {
	w := newWorld(t, sim.Options{})
	const config = "/openidm/config/"
	w.dev.refused(404, "Not Found", "GET", config+"sync", nil)
	made := w.dev.want(201, "PUT", config+"emailTemplate/welcome", m{"_id": "emailTemplate/other", "from": "<x&y>", "deep": m{"a": []any{1, 2.5}}})
	if made.header.Get("Location") != "/openidm/config/emailTemplate/emailTemplate/welcome" || made.header.Get("ETag") != "" {
		t.Errorf("headers: %v", made.header)
	}
	if made.str("_id") != "emailTemplate/welcome" || made.str("id") != "emailTemplate/other" || !strings.Contains(made.text, `"<x&y>"`) {
		t.Errorf("body: %s", made.text)
	}
	w.dev.want(200, "PUT", config+"emailTemplate/welcome?waitForCompletion=true", m{"from": "x"})
	page := w.dev.want(403, "PUT", config+"emailTemplate/frResetPassword", m{})
	if !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") || !strings.Contains(page.text, "403 Forbidden") {
		t.Errorf("protected template: %v %s", page.header, page.text)
	}
	w.dev.want(201, "PUT", config+"endpoint/mine", m{"source": "1"})
	w.dev.want(201, "PUT", config+"endpoint/linkedView", m{"source": "1"})
	w.dev.want(201, "PUT", config+"endpoint/file", m{"file": "x.js"})
	w.dev.want(201, "PUT", config+"endpoint/util", m{"source": "1", "context": "util/x"})
	w.dev.want(201, "PUT", config+"managed", m{"objects": []any{m{"name": "alpha_user", "schema": m{"properties": m{"a": m{"type": "string"}}}}}})
	for filter, want := range map[string][]string{
		`_id+sw+'emailTemplat'`:  {"emailTemplate/welcome"},
		`_id+sw+"emailTemplate"`: {"emailTemplate/welcome"},
		`!(file+pr)+and+_id+sw+"endpoint"+and+!(context+sw+"util")+and+!(_id+eq+"endpoint/linkedView")`: {"endpoint/mine"},
	} {
		a := w.dev.want(200, "GET", "/openidm/config?_queryFilter="+filter, nil)
		if got := ids(a.list("result")); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
		if a.str("totalPagedResultsPolicy") != "EXACT" || a.object()["totalPagedResults"] != float64(len(want)) {
			t.Errorf("envelope: %s", a.text)
		}
	}
	if l := w.dev.want(200, "GET", "/openidm/config", nil).list("configurations"); len(l) != 6 {
		t.Errorf("stubs: %v", l)
	}
	if a := w.dev.want(200, "GET", "/openidm/schema/managed/alpha_user", nil); !strings.Contains(a.text, `"a"`) {
		t.Errorf("schema: %s", a.text)
	}
	w.dev.want(201, "PUT", "/openidm/schema/managed/alpha_user/properties/custom_b", m{"type": "relationship"})
	if a := w.dev.want(200, "GET", config+"managed", nil); !strings.Contains(a.text, "custom_b") {
		t.Errorf("managed: %s", a.text)
	}
	if gone := w.dev.want(200, "DELETE", config+"emailTemplate/welcome", nil); gone.str("from") != "x" {
		t.Errorf("DELETE: %s", gone.text)
	}
	w.dev.want(404, "DELETE", config+"emailTemplate/welcome", nil)

	role := w.dev.want(201, "PUT", "/openidm/internal/role/r", m{"name": "r", "privileges": []any{}})
	if role.str("_rev") == "" || role.list("temporalConstraints") == nil {
		t.Errorf("role: %s", role.text)
	}
	if again := w.dev.want(200, "PUT", "/openidm/internal/role/r", m{"name": "r"}); again.str("_rev") == role.str("_rev") {
		t.Error("IDM's _rev must change with every write")
	}
	listed := w.dev.want(200, "GET", "/openidm/internal/role?_queryFilter=true&_fields=name", nil).list("result")
	if o, _ := listed[0].(map[string]any); len(o) != 3 {
		t.Errorf("_fields: %v", listed)
	}
	w.dev.want(201, "PUT", "/openidm/managed/alpha_application/a", m{"name": "a"}, "If-None-Match", "*")
	w.dev.want(412, "PUT", "/openidm/managed/alpha_application/a", m{"name": "a"}, "If-None-Match", "*")
	patched := w.dev.want(200, "PATCH", "/openidm/managed/alpha_application/a", []any{m{"operation": "replace", "field": "/name", "value": "b"}})
	if patched.str("name") != "b" {
		t.Errorf("PATCH: %s", patched.text)
	}
}

func TestUnknownAndLarge(t *testing.T) {
	w := newWorld(t, sim.Options{})
	for _, path := range []string{"/environment/no-such", alpha + "/no-such", "/openidm/no-such", "/no-such"} {
		w.dev.refused(501, "The simulator does not know GET "+path, "GET", path, nil)
	}
	if got := len(w.dev.tenant.Unknown()); got != 4 {
		t.Errorf("%d unknown requests, want 4", got)
	}
	w.dev.want(200, "GET", alpha+"/scripts?_queryFilter=true", nil)
	if got := len(w.dev.tenant.Unknown()); got != 4 {
		t.Error("a known request counts as unknown")
	}
	a, err := w.dev.send("PUT", "/openidm/config/big", strings.Repeat(" ", 17<<20))
	if err != nil || a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("17 MB: %d %v", a.status, err)
	}
}

func TestSeedAndEdit(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.prod.seed(nodes+"ScriptedDecisionNode/n", m{"script": "none", "_rev": "5"}) // past every rule
	w.prod.seed("/am/json/realms/root/realms/alpha/policies/Has Space", m{"_id": "Has Space"})
	w.prod.seed("/environment/variables/esv-a", m{"valueBase64": b64("x"), "expressionType": "string"})
	w.prod.seed("/environment/secrets/esv-s", m{"valueBase64": b64("hush"), "activeVersion": "4"})
	a := w.prod.want(200, "GET", "/environment/variables/esv-a", nil)
	if a.object()["loaded"] != true {
		t.Errorf("seeded ESV: %s", a.text)
	}
	s := w.prod.want(200, "GET", "/environment/secrets/esv-s", nil)
	if s.str("activeVersion") != "4" || s.str("loadedVersion") != "4" || strings.Contains(s.text, "valueBase64") {
		t.Errorf("seeded secret: %s", s.text)
	}
	w.prod.want(200, "GET", alpha+"/policies/Has%20Space", nil)
	if err := w.prod.tenant.Seed([]sim.Document{{Path: "/elsewhere/x", Body: json.RawMessage(`{}`)}}); err == nil {
		t.Error("a path of no surface was seeded")
	}
	hidden, shown := 0, 0
	for _, d := range w.prod.tenant.Documents() {
		hidden += strings.Count(string(d.Body), b64("hush"))
	}
	for _, d := range w.prod.tenant.DocumentsWithSecrets() {
		shown += strings.Count(string(d.Body), b64("hush"))
	}
	if hidden != 0 || shown != 1 {
		t.Errorf("secret value: %d times without, %d times with secrets", hidden, shown)
	}
	path := alpha + "/scripts/s"
	w.prod.seed(path, m{"_id": "s", "name": "S", "script": b64("1"), "lastModifiedDate": 1})
	w.clock.pass(10 * time.Minute)
	err := w.prod.tenant.Edit(path, func(body json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(strings.Replace(string(body), b64("1"), b64("2"), 1)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	read := w.prod.want(200, "GET", path, nil)
	if read.str("script") != b64("2") || read.object()["lastModifiedDate"] != float64(w.clock.Now().UnixMilli()) {
		t.Errorf("edited: %s", read.text)
	}
	if err := w.prod.tenant.Edit(path, func(json.RawMessage) (json.RawMessage, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	w.prod.want(404, "GET", path, nil)
	if w.prod.tenant.Writes() != 0 {
		t.Error("Seed and Edit are no requests")
	}
}

func TestGroupBehindOneHandler(t *testing.T) {
	w := newWorld(t, sim.Options{})
	for host, want := range map[string]int{"staging.localhost:1": 200, "production.localhost": 200, "uat.localhost": 421, "localhost": 421} {
		r := httptest.NewRequest("GET", "http://"+host+"/am/json/serverinfo/*", nil)
		got := httptest.NewRecorder()
		w.group.ServeHTTP(got, r)
		if got.Code != want {
			t.Errorf("%s: %d, want %d", host, got.Code, want)
		}
	}
	if len(w.group.Tenant("staging").Requests()) != 1 || len(w.group.Tenant("development").Requests()) != 0 {
		t.Error("the request reached another tenant")
	}
	if w.group.Tenant("uat") != nil {
		t.Error("there is no uat")
	}
}
