package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

const (
	variables = "/environment/variables/"
	secrets   = "/environment/secrets/"
)

func TestVariables(t *testing.T) {
	w := newWorld(t, sim.Options{})
	one := variables + "esv-one"
	body := m{"valueBase64": b64("1"), "description": "d", "expressionType": "int", "loaded": true, "_id": "ignored"}
	w.dev.refused(404, "The variable does not exist", "GET", one, nil)
	w.dev.refused(404, "The variable does not exist", "DELETE", one, nil)
	w.dev.refused(400, "Variable type required; expressionType cannot be empty when creating new variables", "PUT", one, m{"valueBase64": b64("1")})
	w.dev.refused(400, `request body has an error: doesn't match schema #/components/schemas/esvVariableCreateUpdateRequest: `+
		`Error at "/expressionType": value is not one of the allowed values `+
		`["string","list","array","object","bool","int","number","base64encodedinlined","keyvaluelist"]`,
		"PUT", one, m{"valueBase64": b64("1"), "expressionType": "unknown"})
	for name, bad := range map[string]m{
		"no value":  {"expressionType": "int"},
		"no base64": {"expressionType": "int", "valueBase64": "%"},
		"too long":  {"expressionType": "int", "valueBase64": b64(strings.Repeat("x", 65536))},
		"long text": {"expressionType": "int", "valueBase64": "", "description": strings.Repeat("x", 1001)},
	} {
		if a := w.dev.do("PUT", one, bad); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	w.dev.want(400, "PUT", variables+"no-prefix", body)

	made := w.dev.want(200, "PUT", one, body)
	if made.object()["loaded"] != false || made.str("_id") != "esv-one" || made.str("lastChangeDate") != "2026-07-13T09:00:00Z" {
		t.Errorf("made: %s", made.text)
	}
	w.dev.restart()
	w.clock.pass(time.Minute)
	same := w.dev.want(200, "PUT", one, body)
	if same.str("lastChangeDate") != made.str("lastChangeDate") || same.object()["loaded"] != true {
		t.Errorf("a PUT that changes nothing changed something: %s", same.text)
	}
	w.dev.refused(400, "Variable type cannot be changed; expressionType is immutable", "PUT", one, m{"valueBase64": b64("1"), "expressionType": "string"})
	described := w.dev.want(200, "POST", one+"?_action=setDescription", m{"description": "new"})
	if described.text != "" {
		t.Errorf("setDescription: %s", described.text)
	}
	if a := w.dev.want(200, "GET", one, nil); a.object()["loaded"] != true || a.str("description") != "new" {
		t.Errorf("described: %s", a.text)
	}
	changed := w.dev.want(200, "PUT", one, m{"valueBase64": b64("2")})
	if changed.object()["loaded"] != false || changed.str("lastChangeDate") == made.str("lastChangeDate") {
		t.Errorf("changed: %s", changed.text)
	}
	for _, id := range []string{"esv-b", "esv-a"} {
		w.dev.want(200, "PUT", variables+id, m{"valueBase64": b64("x"), "expressionType": "string"})
	}
	list := w.dev.want(200, "GET", "/environment/variables", nil)
	if len(list.list("result")) != 3 || list.str("totalPagedResultsPolicy") != "NONE" || !strings.Contains(list.text, "valueBase64") {
		t.Errorf("list: %s", list.text)
	}
	page := w.dev.want(200, "GET", "/environment/variables?_pageSize=2", nil, "Accept-API-Version", "resource=2.0")
	if len(page.list("result")) != 2 || strings.Contains(page.text, "valueBase64") || page.str("pagedResultsCookie") == "" {
		t.Errorf("page: %s", page.text)
	}
	rest := w.dev.want(200, "GET", "/environment/variables?_pageSize=2&_pagedResultsCookie="+page.str("pagedResultsCookie"), nil, "Accept-API-Version", "protocol=1.0,resource=2.0")
	if len(rest.list("result")) != 1 || rest.object()["pagedResultsCookie"] != nil {
		t.Errorf("second page: %s", rest.text)
	}
	if a := w.dev.want(200, "GET", "/environment/count", nil); !sameJSON(a.body, m{"secrets": 0, "variables": 3}) {
		t.Errorf("count: %s", a.text)
	}
	if gone := w.dev.want(200, "DELETE", one, nil); gone.str("valueBase64") != b64("2") {
		t.Errorf("DELETE: %s", gone.text)
	}
}

// restart restarts a tenant of a group without durations and waits.
func (c *client) restart() {
	c.t.Helper()
	c.want(200, "POST", "/environment/startup?_action=restart", nil)
	for range 3 {
		if c.want(200, "GET", "/environment/startup", nil).str("restartStatus") == "ready" {
			return
		}
	}
	c.t.Fatal("the restart does not end")
}

func TestSecrets(t *testing.T) {
	w := newWorld(t, sim.Options{})
	one := secrets + "esv-one"
	body := m{"valueBase64": b64("1"), "description": "d", "encoding": "generic", "useInPlaceholders": true}
	w.dev.refused(404, "The secret does not exist or does not have a version", "GET", one, nil)
	w.dev.refused(404, "Failed to create secret version", "POST", one+"/versions?_action=create", m{"valueBase64": b64("1")})
	w.dev.want(400, "PUT", one, m{"valueBase64": b64("1"), "encoding": "unknown", "useInPlaceholders": true})
	made := w.dev.want(200, "PUT", one, body)
	if made.str("activeVersion") != "1" || made.str("loadedVersion") != "" || made.object()["loaded"] != false || strings.Contains(made.text, b64("1")) {
		t.Errorf("made: %s", made.text)
	}
	w.dev.refused(400, "Failed to create secret, the secret already exists", "PUT", one, body)
	w.dev.restart()
	if a := w.dev.want(200, "GET", one, nil); a.object()["loaded"] != true || a.str("loadedVersion") != "1" {
		t.Errorf("after the restart: %s", a.text)
	}
	same := w.dev.want(200, "POST", one+"/versions?_action=create", m{"valueBase64": b64("1")})
	if same.str("version") != "1" {
		t.Errorf("the same value made version %s", same.str("version"))
	}
	next := w.dev.want(200, "POST", one+"/versions?_action=create", m{"valueBase64": b64("2")})
	if next.str("version") != "2" || next.str("status") != "ENABLED" {
		t.Errorf("new value: %s", next.text)
	}
	if a := w.dev.want(200, "GET", one, nil); a.str("activeVersion") != "2" || a.str("loadedVersion") != "1" || a.object()["loaded"] != false {
		t.Errorf("with a new version: %s", a.text)
	}
	w.dev.refused(400, "Cannot disable latest secret version", "POST", one+"/versions/2?_action=changestatus", m{"status": "DISABLED"})
	w.dev.want(200, "POST", one+"/versions/1?_action=changestatus", m{"status": "DISABLED"})
	w.dev.refused(500, "Failed to delete secret version", "DELETE", one+"/versions/2", nil)
	w.dev.refused(404, "Failed to get secret version", "GET", one+"/versions/9", nil)
	w.dev.want(200, "POST", one+"/versions?_action=create", m{"valueBase64": b64("3")})
	if a := w.dev.want(200, "DELETE", one+"/versions/3", nil); a.str("status") != "DESTROYED" {
		t.Errorf("DELETE: %s", a.text)
	}
	versions := w.dev.want(200, "GET", one+"/versions", nil)
	l, _ := versions.body.([]any)
	if len(l) != 3 || l[0].(map[string]any)["version"] != "3" || l[0].(map[string]any)["status"] != "DESTROYED" {
		t.Errorf("versions: %s", versions.text)
	}
	if a := w.dev.want(200, "GET", one+"/versions/latest", nil); a.str("version") != "2" {
		t.Errorf("latest: %s", a.text)
	}
	mapped := w.dev.want(200, "PUT", secrets+"esv-key", m{"valueBase64": b64("k"), "encoding": "pem", "useInPlaceholders": false})
	if mapped.object()["loaded"] != true || mapped.str("loadedVersion") != "1" {
		t.Errorf("a mapped secret is there at once: %s", mapped.text)
	}
	w.dev.want(200, "POST", one+"?_action=setDescription", m{"description": "new"})
	if a := w.dev.want(200, "DELETE", one, nil); a.str("description") != "new" {
		t.Errorf("DELETE: %s", a.text)
	}
}

func TestRestartTakesTime(t *testing.T) {
	w := newWorld(t, sim.Options{RestartDuration: 2 * time.Minute})
	w.dev.want(200, "PUT", variables+"esv-a", m{"valueBase64": b64("1"), "expressionType": "int"})
	w.dev.want(200, "POST", "/environment/startup?_action=restart", nil)
	w.clock.pass(time.Minute)
	w.dev.want(200, "PUT", variables+"esv-b", m{"valueBase64": b64("1"), "expressionType": "int"}) // too late
	w.dev.want(200, "POST", "/environment/startup?_action=restart", nil)                           // joins the first
	for range 5 {
		if a := w.dev.want(200, "GET", "/environment/startup", nil); a.str("restartStatus") != "restarting" {
			t.Fatalf("polls shorten the restart: %s", a.text)
		}
	}
	if a := w.dev.want(200, "GET", variables+"esv-a", nil); a.object()["loaded"] != false {
		t.Error("loaded before the restart is over")
	}
	w.clock.pass(time.Minute)
	if a := w.dev.want(200, "GET", variables+"esv-a", nil); a.object()["loaded"] != true {
		t.Error("not loaded after the restart")
	}
	if a := w.dev.want(200, "GET", variables+"esv-b", nil); a.object()["loaded"] != false {
		t.Error("loaded although it came after the restart was asked for")
	}
	if a := w.dev.want(200, "GET", "/environment/startup", nil); a.str("restartStatus") != "ready" {
		t.Errorf("restart: %s", a.text)
	}
	w.dev.tenant.SetFaults(sim.Faults{SlowRestart: time.Hour})
	w.dev.want(200, "POST", "/environment/startup?_action=restart", nil)
	w.clock.pass(10 * time.Minute)
	if a := w.dev.want(200, "GET", "/environment/startup", nil); a.str("restartStatus") != "restarting" {
		t.Error("SlowRestart does nothing")
	}
}

func TestReferencedESVsStay(t *testing.T) {
	w := newWorld(t, sim.Options{})
	for _, id := range []string{"esv-in-config", "esv-in-script", "esv-in_default", "esv-free"} {
		w.dev.want(200, "PUT", variables+id, m{"valueBase64": b64("1"), "expressionType": "string"})
	}
	w.dev.want(201, "PUT", "/openidm/config/external.email", m{"host": "x&{esv.in.config}", "port": m{"$int": "&{esv.none|&{esv.in.default|25}}"}})
	w.dev.want(201, "PUT", alpha+"/scripts/s", script("S", `var x = systemEnv.getProperty('esv.in.script');`))
	for _, id := range []string{"esv-in-config", "esv-in-script", "esv-in_default"} {
		w.dev.want(400, "DELETE", variables+id, nil)
	}
	w.dev.want(200, "DELETE", variables+"esv-free", nil)
	w.dev.want(200, "DELETE", alpha+"/scripts/s", nil)
	w.dev.want(200, "DELETE", variables+"esv-in-script", nil)
}

func TestEnvironmentDocuments(t *testing.T) {
	w := newWorld(t, sim.Options{})
	for path, body := range map[string]m{
		"/environment/cookie-domains":                   {"domains": []any{"a.com"}},
		"/environment/custom-domains/alpha":             {"domains": []any{"login.a.com"}},
		"/environment/content-security-policy/enforced": {"active": true, "directives": m{"frame-ancestors": []any{"'self'"}}},
		"/environment/sso-cookie":                       {"name": "abc"},
		"/environment/federation/enforcement":           {"groups": "all"},
	} {
		w.prod.want(200, "GET", path, nil)
		w.prod.want(200, "PUT", path, body) // per environment: no tenant refuses it
		if a := w.prod.want(200, "GET", path, nil); !sameJSON(a.body, body) {
			t.Errorf("%s: %s", path, a.text)
		}
	}
	if a := w.prod.want(200, "POST", "/environment/sso-cookie?_action=reset", nil); a.str("name") == "abc" {
		t.Error("reset does nothing")
	}
	w.prod.want(200, "POST", "/environment/custom-domains?_action=verify", m{"name": "login.a.com"})
	w.prod.refused(400, "CNAME validation failed", "POST", "/environment/custom-domains?_action=verify", m{"name": "frodo.doesnotexist.com"})
	made := w.prod.want(200, "POST", "/environment/certificates", m{"active": true, "certificate": "c", "privateKey": "hush"})
	w.prod.want(400, "DELETE", "/environment/certificates/"+made.str("id"), nil)
	w.prod.want(200, "PATCH", "/environment/certificates/"+made.str("id"), m{"active": false})
	w.prod.want(200, "DELETE", "/environment/certificates/"+made.str("id"), nil)
	if a := w.prod.want(404, "GET", "/environment/certificates/"+made.str("id"), nil); a.text != "" {
		t.Errorf("404 of a certificate: %q", a.text)
	}
}

func TestImmutability(t *testing.T) {
	w := newWorld(t, sim.Options{})
	static := map[string]m{
		alpha + "/scripts/s":                                          script("S", "1"),
		nodes + "ValidatedUsernameNode/n":                             {},
		alpha + "/realm-config/services/baseurl":                      {},
		alpha + "/realm-config/authentication":                        {},
		"/am/json/global-config/services/CorsService":                 {"enabled": true},
		"/am/json/global-config/services/CorsService/configuration/c": {},
		"/openidm/config/emailTemplate/welcome":                       {},
		"/openidm/internal/role/r":                                    {"name": "r"},
	}
	free := map[string]m{
		alpha + "/realm-config/agents/OAuth2Client/c": {},
		alpha + "/policies/p":                         {},
		"/openidm/managed/alpha_application/a":        {},
		variables + "esv-a":                           {"valueBase64": b64("1"), "expressionType": "int"},
	}
	for path, body := range static {
		w.dev.do("PUT", path, body)
		for _, upper := range []*client{w.stage, w.prod} {
			a := upper.refused(403, "Static configuration is immutable in this environment.", "PUT", path, body)
			if a.str("reason") != "Forbidden" {
				t.Errorf("%s: %s", path, a.text)
			}
			upper.want(403, "PUT", path, body, "X-Configuration-Type", "mutable") // no session
		}
	}
	for path, body := range free {
		if a := w.prod.do("PUT", path, body); a.status > 201 {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
	if docs := w.stage.tenant.Documents(); len(docs) != 0 {
		t.Errorf("a refused write left %v", docs)
	}
	const session = "/environment/direct-configuration/session/"
	w.stage.want(409, "PUT", session+"apply", nil)
	if a := w.stage.want(200, "PUT", session+"init", nil); a.object()["editable"] != true {
		t.Errorf("init: %s", a.text)
	}
	w.stage.want(409, "PUT", session+"init", nil)
	path := alpha + "/scripts/s"
	w.stage.want(403, "PUT", path, script("S", "1")) // without the header
	w.stage.want(201, "PUT", path, script("S", "1"), "X-Configuration-Type", "mutable")
	w.stage.want(200, "PUT", session+"abort", nil)
	w.stage.want(404, "GET", path, nil)
	w.stage.want(200, "PUT", session+"init", nil)
	w.stage.want(201, "PUT", path, script("S", "1"), "X-Configuration-Type", "mutable")
	applied := w.stage.want(200, "PUT", session+"apply", nil)
	if applied.object()["editable"] != false || applied.str("status") != "SESSION_APPLYING" {
		t.Errorf("apply: %s", applied.text)
	}
	w.stage.want(200, "GET", session+"state", nil)
	if a := w.stage.want(200, "GET", session+"state", nil); a.str("status") != "SESSION_APPLIED" {
		t.Errorf("state: %s", a.text)
	}
	w.stage.want(200, "GET", path, nil)
	w.stage.want(403, "PUT", path, script("S", "2"), "X-Configuration-Type", "mutable")
	w.stage.refused(404, "path /environment/ccc/apply was not found", "PUT", "/environment/ccc/apply", nil)
}
