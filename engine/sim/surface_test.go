package sim_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// surface is a kind of configuration: where one of it stands, what it may hold, and
// the request that lists it.
type surface struct {
	kind, path string
	body       m
	list       string // a GET, or a POST where it has an _action
	made       int    // the status of the first PUT; 201 when 0
	fixed      bool   // there from the start, or never deleted
	header     []string
	before     func(c *client)
}

const (
	realmServices = alpha + "/realm-config/services/"
	globals       = "/am/json/global-config/services/"
	mappings      = alpha + "/realm-config/secrets/stores/GoogleSecretManagerSecretStoreProvider/ESV/mappings"
	config        = "/openidm/config/"
)

// surfaces are all kinds of sections 4, 5, 8, 10, 11 and 14 of the API's description.
func surfaces() []surface {
	id64 := base64.RawURLEncoding.EncodeToString([]byte("https://sp.example"))
	all := []surface{
		{kind: "script", path: alpha + "/scripts/11111111-1111-4111-8111-111111111111", body: script("s", "1"), list: alpha + "/scripts?_queryFilter=true"},
		{kind: "node", path: nodes + "MessageNode/n", body: m{"message": m{}}, list: nodes + "MessageNode?_queryFilter=true"},
		{kind: "versioned node", path: nodes + "MessageNode/2.0/n2", body: m{"message": m{}}, list: nodes + "MessageNode/2.0?_queryFilter=true",
			header: []string{"Accept-API-Version", "protocol=2.1,resource=3.0"}},
		{kind: "journey", path: trees + "t", body: tree("e", m{"e": "MessageNode"}), list: trees + "?_queryFilter=true",
			before: func(c *client) { c.want(201, "PUT", nodes+"MessageNode/e", m{}) }},
		{kind: "custom node", path: "/am/json/node-designer/node-type/abc-1", body: m{"serviceName": "abc", "displayName": "Abc", "script": "1"},
			list: "/am/json/node-designer/node-type?_queryFilter=true", header: []string{"If-Match", "*"},
			before: func(c *client) {
				c.want(201, "PUT", "/am/json/node-designer/node-type/abc-1", m{"serviceName": "abc", "displayName": "Abc"})
			}, made: 200},
		{kind: "realm service", path: realmServices + "baseurl", body: m{"source": "REQUEST_VALUES"}, list: realmServices + "?_action=nextdescendents"},
		{kind: "service child", path: realmServices + "pingOneWorkerService/workers/w", body: m{"clientId": "c"},
			list: realmServices + "pingOneWorkerService?_action=nextdescendents"},
		{kind: "OAuth2 provider", path: realmServices + "oauth-oidc", body: m{"coreOAuth2Config": m{"refreshTokenLifetime": 1}},
			list: realmServices + "?_action=nextdescendents"},
		{kind: "identity provider", path: realmServices + "SocialIdentityProviders/oidcConfig/p",
			body: m{"enabled": true, "clientId": "c", "redirectAfterFormPostURI": ""}, list: realmServices + "SocialIdentityProviders?_action=nextdescendents"},
		{kind: "global service", path: globals + "dashboard", body: m{"defaults": m{"assignedDashboard": []any{"x"}}}, list: globals + "?_action=nextdescendents",
			made: 200, fixed: true},
		{kind: "CORS service", path: globals + "CorsService", body: m{"enabled": false}, list: globals + "?_action=nextdescendents", made: 200, fixed: true},
		{kind: "CORS", path: globals + "CorsService/configuration/c", body: m{"enabled": true, "acceptedOrigins": []any{"https://a.example"}},
			list: globals + "CorsService?_action=nextdescendents"},
		{kind: "authentication settings", path: alpha + "/realm-config/authentication", body: m{"core": m{"orgConfig": "Login"}}, made: 200, fixed: true},
		{kind: "secret mapping", path: mappings + "/am.services.oauth2.oidc.signing.RSA", body: m{"aliases": []any{"esv-key"}}, list: mappings + "?_queryFilter=true"},
		{kind: "saml remote", path: alpha + "/realm-config/saml2/remote/" + id64, body: m{"entityId": "https://sp.example", "serviceProvider": m{"a": 1}},
			list: alpha + "/realm-config/saml2?_queryFilter=true", made: 200, before: importEntity},
		{kind: "circle of trust", path: alpha + "/realm-config/federation/circlesoftrust/c", body: m{"status": "active", "trustedProviders": []any{}},
			list: alpha + "/realm-config/federation/circlesoftrust?_queryFilter=true"},
		{kind: "policy set", path: alpha + "/applications/set", body: m{"name": "set", "applicationType": "iPlanetAMWebAgentService"},
			list: alpha + "/applications?_queryFilter=true", made: 200, header: []string{"Accept-API-Version", "protocol=1.0,resource=2.1"},
			before: func(c *client) { c.want(201, "POST", alpha+"/applications/?_action=create", m{"name": "set"}) }},
		{kind: "resource type", path: alpha + "/resourcetypes/u", body: m{"uuid": "u", "name": "r"}, list: alpha + "/resourcetypes?_queryFilter=true", made: 200,
			before: func(c *client) {
				c.want(201, "POST", alpha+"/resourcetypes?_action=create", m{"uuid": "u", "name": "r"})
			}},
		{kind: "policy", path: alpha + "/policies/p", body: m{"name": "p", "active": true, "applicationName": "set"}, list: alpha + "/policies?_queryFilter=true"},

		{kind: "internal role", path: "/openidm/internal/role/r", body: m{"name": "r", "privileges": []any{}}, list: "/openidm/internal/role?_queryFilter=true"},
		{kind: "application", path: "/openidm/managed/alpha_application/a", body: m{"name": "a"}, list: "/openidm/managed/alpha_application?_queryFilter=true"},
		{kind: "service object", path: "/openidm/managed/alpha_thing/o", body: m{"name": "o"}, list: `/openidm/managed/alpha_thing?_queryFilter=name+eq+"o"&_fields=name`},

		{kind: "variable", path: variables + "esv-v", body: m{"valueBase64": b64("1"), "expressionType": "int"}, list: "/environment/variables", made: 200},
		{kind: "secret", path: secrets + "esv-s", body: m{"valueBase64": b64("1"), "encoding": "generic", "useInPlaceholders": true}, list: "/environment/secrets", made: 200},
		{kind: "cookie domains", path: "/environment/cookie-domains", body: m{"domains": []any{"a.example"}}, made: 200, fixed: true},
		{kind: "custom domains", path: "/environment/custom-domains/alpha", body: m{"domains": []any{"a.example"}}, made: 200, fixed: true},
		{kind: "CSP enforced", path: "/environment/content-security-policy/enforced", body: m{"active": true, "directives": m{"frame-ancestors": []any{"'self'"}}}, made: 200, fixed: true},
		{kind: "CSP report", path: "/environment/content-security-policy/report-only", body: m{"active": true, "directives": m{}}, made: 200, fixed: true},
		{kind: "SSO cookie", path: "/environment/sso-cookie", body: m{"name": "abc"}, made: 200, fixed: true},
		{kind: "federation enforcement", path: "/environment/federation/enforcement", body: m{"groups": "all"}, made: 200, fixed: true},
		{kind: "telemetry", path: "/environment/telemetry/otlp/p", body: m{"url": "https://a.example"}, list: "/environment/telemetry", made: 200},

		{kind: "workflow", path: "/auto/orchestration/definition/w", body: m{"id": "w", "name": "w"}, list: "/auto/orchestration/definition?_pageSize=100", made: 200, fixed: true},
		{kind: "workflow of IGA", path: "/iga/governance/workflow/w", body: m{"id": "w", "name": "w"}, list: "/iga/governance/workflow?_pageSize=10000&_pagedResultsOffset=1", made: 200, fixed: true},
		{kind: "request form", path: "/iga/governance/requestForms/f", body: m{"name": "f"}, list: "/iga/governance/requestForms?_queryFilter=true", made: 200},
		{kind: "request type", path: "/iga/governance/requestTypes/f", body: m{"name": "f"}, list: "/iga/governance/requestTypes?_queryFilter=true", made: 200},
	}
	for _, kind := range []string{"WebAgent", "J2EEAgent", "2.2_Agent", "OAuth2Client", "SharedAgent", "RemoteConsentAgent",
		"SoftwarePublisher", "IdentityGatewayAgent", "TrustedJwtIssuer", "AIAgent"} {
		all = append(all, surface{kind: kind, path: alpha + "/realm-config/agents/" + kind + "/a", body: m{"issuer": "i"},
			list: alpha + "/realm-config/agents/" + kind + "?_queryFilter=true"})
	}
	all = append(all, surface{kind: "agent group", path: alpha + "/realm-config/agents/groups/OAuth2Client/g", body: m{"issuer": "i"},
		list: alpha + "/realm-config/agents/groups?_action=nextdescendents"})
	for _, id := range []string{"emailTemplate/x", "external.email", "servletfilter/cors", "managed", "sync", "mapping/m",
		"provisioner.openicf/c", "provisioner.openicf.connectorinfoprovider", "endpoint/e", "schedule/s", "ui/themerealm",
		"access", "audit", "authentication", "fieldPolicy/alpha_user", "uilocale/fr", "selfservice.terms", "selfservice.kba",
		"ui/configuration", "ui/dashboard", "ui/profile", "ui/themeconfig", "ui.context/admin", "alphaOrgPrivileges",
		"privilegeAssignments", "privileges", "custom/config.metadata", "custom-config.metadata", "undefined"} {
		all = append(all, surface{kind: "IDM " + id, path: config + id, body: m{"a": m{"b": []any{1.5, nil, "x"}}},
			list: config + "?_queryFilter=_id+sw+" + url.QueryEscape(`"`+id[:4]+`"`)})
	}
	return all
}

func importEntity(c *client) {
	c.want(200, "POST", alpha+"/realm-config/saml2/remote/?_action=importEntity", m{"standardMetadata": base64.RawURLEncoding.EncodeToString(
		[]byte(`<EntityDescriptor entityID="https://sp.example"><SPSSODescriptor/></EntityDescriptor>`))})
}

// TestSurfaces writes, reads, lists and deletes one of every kind of configuration,
// and reads again.
func TestSurfaces(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range surfaces() {
		if seen[s.kind] {
			t.Fatalf("two surfaces are named %s", s.kind)
		}
		seen[s.kind] = true
		t.Run(s.kind, func(t *testing.T) {
			w := newWorld(t, sim.Options{Governance: true})
			c := w.dev
			c.login(w.group.Scopes()...)
			if s.before != nil {
				s.before(c)
			}
			made := s.made
			if made == 0 {
				made = 201
			}
			a := c.want(made, "PUT", s.path, s.body, s.header...)
			for name := range s.body {
				if name != "valueBase64" && name != "redirectAfterFormPostURI" && a.object()[name] == nil {
					t.Errorf("PUT: %s is missing in %s", name, a.text)
				}
			}
			if got := c.want(200, "GET", s.path, nil, s.header...); !strings.Contains(got.text, `"`) {
				t.Errorf("GET: %s", got.text)
			}
			if s.kind != "secret" {
				c.want(200, "PUT", s.path, s.body, s.header...)
			}
			if s.list != "" {
				method := "GET"
				var body any
				if strings.Contains(s.list, "_action") {
					method, body = "POST", m{}
				}
				list := c.want(200, method, s.list, body, s.header...)
				if n := len(list.list("result")) + len(list.list("otlp")); n == 0 {
					t.Errorf("%s lists nothing", s.list)
				}
			}
			if s.fixed {
				return
			}
			c.want(200, "DELETE", s.path, nil)
			c.want(404, "GET", s.path, nil)
			c.want(404, "DELETE", s.path, nil)
		})
	}
	if len(seen) < 70 {
		t.Errorf("only %d kinds", len(seen))
	}
}
