package sim_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// fr-config-manager is not to be had from npm, so its calls are made here as its
// source makes them: short realm paths, an Accept-API-Version on some calls and none on
// others, If-Match: * on updates, bodies without what it strips. A call is a method, a
// path, the version it asks for, a body, and the status it goes on with.
type frCall struct {
	method, path, version string
	body                  any
	status                int
}

func (c *client) calls(calls []frCall, header ...string) {
	c.t.Helper()
	for _, q := range calls {
		h := append([]string{"Content-Type", "application/json"}, header...)
		if q.version != "" {
			h = append(h, "Accept-API-Version", q.version)
		}
		if a := c.do(q.method, q.path, q.body, h...); a.status != q.status {
			c.t.Errorf("%s %s [%s]: status %d, want %d: %.300s", q.method, q.path, q.version, a.status, q.status, a.text)
		}
	}
}

const (
	p10r10 = "protocol=1.0,resource=1.0"
	p20r10 = "protocol=2.0,resource=1.0"
	p21r10 = "protocol=2.1,resource=1.0"
)

// upsert is its restUpsert: a GET that may be 404, then PUT, with If-Match: * when it was there.
func (c *client) upsert(path, version string, body any, found bool) {
	c.t.Helper()
	status, want, header := 404, 201, []string{}
	if found {
		status, want, header = 200, 200, []string{"If-Match", "*"}
	}
	c.calls([]frCall{{"GET", path, version, nil, status}})
	c.calls([]frCall{{"PUT", path, version, body, want}}, header...)
}

func TestFrConfigManager(t *testing.T) {
	w := newWorld(t, sim.Options{Governance: true})
	c := w.dev
	c.login(w.group.Scopes()...) // the token: no version, aud without a port is tried in TestToken

	c.calls([]frCall{ // push, in the order of its pseudo-command all-static
		{"PUT", "/environment/secrets/esv-s", p10r10, m{"valueBase64": b64("1"), "encoding": "generic", "useInPlaceholders": true, "description": ""}, 200},
		{"GET", "/environment/secrets/esv-s", p10r10, nil, 200},
		{"POST", "/environment/secrets/esv-s/versions?_action=create", p10r10, m{"valueBase64": b64("2")}, 200},
		{"GET", "/environment/secrets/esv-s/versions", p10r10, nil, 200},
		{"DELETE", "/environment/secrets/esv-s/versions/1", p10r10, nil, 200},
		{"PUT", "/environment/variables/esv-v", p10r10, m{"_id": "esv-v", "valueBase64": b64("1"), "expressionType": "string", "description": ""}, 200},
		{"POST", "/environment/startup?_action=restart", p10r10, nil, 200},
		{"PUT", "/am/json/realms/root/realms/alpha/scripts/s", p20r10, script("s", "1"), 201},
		{"PUT", nodes + "MessageNode/n", p21r10, m{"_id": "n", "_type": m{"_id": "MessageNode", "name": "x", "collection": true}, "_outcomes": []any{}}, 201},
		{"PUT", nodes + "PageNode/1.0/p", "resource=3.0", m{"_id": "p", "nodes": []any{m{"_id": "n", "nodeType": "MessageNode", "nodeVersion": "1.0"}}}, 201},
		{"PUT", trees + "t", p21r10, tree("p", m{"p": "PageNode"}), 201},
		{"PUT", alpha + "/realm-config/authentication", p10r10, m{"core": m{"orgConfig": "t"}}, 200},
		{"PUT", config + "managed", "", m{"objects": []any{m{"name": "alpha_thing", "schema": m{"properties": m{"x": m{}}}}}}, 201},
		{"GET", config + "managed", "", nil, 200},
		{"PUT", config + "sync", "", m{"mappings": []any{}}, 201},
		{"PUT", config + "emailTemplate/welcome", "", m{"enabled": true}, 201},
		{"PUT", globals + "CorsService", p20r10, m{"enabled": true}, 200},
		{"PUT", config + "servletfilter/cors", "", m{"initParams": m{}}, 201},
		{"PUT", globals + "CorsService/configuration/c", p20r10, m{"enabled": true}, 201},
		{"PUT", mappings + "/am.x", p20r10, m{"_id": "am.x", "secretId": "am.x", "aliases": []any{"esv-s"}}, 201},
		{"PUT", "/environment/cookie-domains", p20r10, m{"domains": []any{"a.example"}}, 200},
		{"PUT", "/environment/content-security-policy/enforced", "", m{"active": true, "directives": m{}}, 200},
		{"PUT", "/environment/telemetry/otlp/p", p10r10, m{"id": "p", "headers": m{"x-key": "hush"}}, 200},
		{"PUT", "/auto/orchestration/definition/w", "", m{"id": "w", "name": "w", "mutable": true, "steps": []any{}, "_rev": 1}, 200},
		{"POST", "/auto/orchestration/definition?_action=publish", "", m{"id": "w", "name": "w", "mutable": true, "steps": []any{}, "_rev": 1}, 200},
		{"PUT", "/openidm/internal/role/r", "", m{"_id": "r", "name": "r", "privileges": []any{m{"name": "p"}}}, 201},
		{"PUT", "/openidm/managed/alpha_thing/o", "", m{"_id": "o", "name": "o", "owner": m{"_ref": "managed/alpha_user/u"}}, 201},
		{"PUT", config + "custom-config.metadata", "", m{"version": "1"}, 201},
	})
	// Its two-step upserts.
	c.upsert(alpha+"/realm-config/services/baseurl", "", m{"source": "REQUEST_VALUES"}, false)
	c.upsert(alpha+"/realm-config/services/baseurl", "", m{"source": "FIXED_VALUE"}, true)
	c.upsert("/am/json/node-designer/node-type/abc-1", p20r10, m{"_id": "abc-1", "serviceName": "abc", "displayName": "A"}, false)
	c.upsert("/am/json/node-designer/node-type/abc-1", p20r10, m{"_id": "abc-1", "serviceName": "abc", "displayName": "A"}, true)
	for _, q := range []struct{ collection, id, version string }{{"applications", "set", "protocol=1.0,resource=2.0"}, {"resourcetypes", "u", p10r10}} {
		body := m{"name": q.id, "uuid": q.id, "applicationType": "iPlanetAMWebAgentService"}
		c.calls([]frCall{
			{"GET", "/am/json/alpha/" + q.collection + "/" + q.id, "", nil, 404},
			{"POST", "/am/json/alpha/" + q.collection + "?_action=create", q.version, body, 201},
			{"GET", "/am/json/alpha/" + q.collection + "/" + q.id, "", nil, 200},
			{"PUT", "/am/json/alpha/" + q.collection + "/" + q.id, q.version, body, 200},
		})
	}
	c.calls([]frCall{{"PUT", "/openidm/schema/managed/alpha_thing/properties/x", "resource=2.0", m{"type": "string"}, 200}}, "If-Match", "*")

	filter := func(q string) string { return "?_queryFilter=" + url.QueryEscape(q) }
	c.calls([]frCall{ // pull
		{"GET", "/am/json/alpha/scripts" + filter("true"), "", nil, 200},
		{"GET", "/am/json/alpha/scripts" + filter(`name sw "s" or name sw "t"`), "", nil, 200},
		{"GET", strings.TrimSuffix(trees, "/") + filter("true"), "", nil, 200},
		{"GET", nodes + "PageNode/1.0/p", "resource=3.0", nil, 200},
		{"GET", nodes + "MessageNode/n", "", nil, 200},
		{"GET", alpha + "/realm-config/services" + filter("true"), "", nil, 200},
		{"POST", alpha + "/realm-config/services?_action=nextdescendents", p10r10, nil, 200},
		{"POST", alpha + "/realm-config/services/SocialIdentityProviders?_action=nextdescendents", p10r10, nil, 200},
		{"GET", alpha + "/realm-config/saml2" + filter(`entityId eq 'none'`), p20r10, nil, 200},
		{"GET", config[:len(config)-1] + filter(`_id sw "emailTemplate"`), "", nil, 200},
		{"GET", config[:len(config)-1] + filter(`!(file pr) and _id sw "endpoint" and !(context sw "util") and !(_id eq "endpoint/linkedView")`), "", nil, 200},
		{"GET", "/openidm/internal/role" + filter("true"), "", nil, 200},
		{"GET", "/openidm/managed/alpha_thing" + filter(`name eq "o"`) + "&_fields=name,owner", "", nil, 200},
		{"GET", "/environment/variables", p10r10, nil, 200},
		{"GET", "/environment/secrets", p10r10, nil, 200},
		{"GET", "/environment/cookie-domains", "", nil, 200},
		{"GET", "/environment/telemetry", p10r10, nil, 200},
		{"GET", "/auto/orchestration/definition?_pageSize=100", "", nil, 200},
		{"GET", "/environment/variables", "resource=2.0", nil, 200}, // its delete asks so
	})
	if a := c.want(200, "GET", "/am/json/alpha/resourcetypes"+filter("true"), nil); !strings.Contains(a.text, `"_id":"u"`) {
		t.Errorf("without a version, a resource type has no _id: %s", a.text)
	}
	if a := c.want(200, "GET", "/openidm/managed/alpha_thing"+filter(`name eq "o"`)+"&_fields=name,owner", nil); !strings.Contains(a.text, `"_ref"`) {
		t.Errorf("the relationship that was asked for is missing: %s", a.text)
	}
	c.calls([]frCall{ // delete: trees first, containers before what they hold
		{"DELETE", trees + "t", p21r10, nil, 200},
		{"DELETE", nodes + "PageNode/1.0/p", "resource=3.0", nil, 200},
		{"DELETE", nodes + "MessageNode/n", p21r10, nil, 200},
		{"DELETE", alpha + "/scripts/s", p21r10, nil, 200},
		{"DELETE", "/am/json/node-designer/node-type/abc-1", "resource=1.0", nil, 200},
		{"DELETE", "/environment/telemetry/otlp/p", p10r10, nil, 200},
	})
}

// With --direct-control it changes static configuration of an immutable tenant.
func TestFrConfigManagerDirectControl(t *testing.T) {
	w := newWorld(t, sim.Options{})
	c := w.stage
	session := "/environment/direct-configuration/session/"
	c.calls([]frCall{{"PUT", alpha + "/scripts/s", p20r10, script("s", "1"), 403}}, "X-Configuration-Type", "mutable")
	c.calls([]frCall{{"PUT", session + "init", "", nil, 200}, {"GET", session + "state", "", nil, 200}})
	c.calls([]frCall{{"PUT", alpha + "/scripts/s", p20r10, script("s", "1"), 201}}, "X-Configuration-Type", "mutable")
	c.calls([]frCall{{"PUT", alpha + "/scripts/s", p20r10, script("s", "2"), 403}})
	c.calls([]frCall{{"PUT", session + "apply", "", "null", 200}})
	for range 3 {
		if c.want(200, "GET", session+"state", nil).str("status") == "SESSION_APPLIED" {
			return
		}
	}
	t.Error("it would wait for SESSION_APPLIED for ever")
}

// Its promotion: lock, wait, dry run, promotion, reports, unlock, with the versions it
// sends, on the upper tenant.
func TestFrConfigManagerPromotes(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.want(201, "PUT", alpha+"/scripts/s", script("s", "1"))
	c, base := w.stage, "/environment/promotion/"
	wait := func(path, member, want string) {
		t.Helper()
		for range 10 {
			if c.want(200, "GET", base+path, nil, "Accept-API-Version", p10r10).str(member) == want {
				return
			}
		}
		t.Fatalf("%s never says %s", path, want)
	}
	c.calls([]frCall{{"GET", base + "lock/state?localLockOnly=false", p10r10, nil, 200}, {"POST", base + "lock", p21r10, nil, 202}})
	wait("lock/state", "result", "locked")
	id := c.want(200, "GET", base+"lock/state", nil).str("promotionId")
	for _, dry := range []bool{true, false} {
		c.calls([]frCall{{"POST", base + "promote", p21r10, m{"dryRun": dry, "ignoreEncryptedSecrets": false, "unlockEnvironmentsAfterPromotion": false}, 202}})
		wait("promote", "message", "Promotion completed")
	}
	c.calls([]frCall{{"GET", base + "reports", p10r10, nil, 200}, {"GET", base + "report", p10r10, nil, 200}})
	w.dev.calls([]frCall{{"GET", base + "report/provisional", p10r10, nil, 200}})
	c.calls([]frCall{{"POST", base + "rollback", p21r10, m{"unlockEnvironmentsAfterPromotion": false}, 202}})
	wait("promote", "message", "Rollback completed")
	c.calls([]frCall{{"DELETE", base + "lock/" + id, p21r10, nil, 202}})
	wait("lock/state", "result", "unlocked")
}
