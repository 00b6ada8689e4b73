package sim_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// The requests of the vendor's documentation that touch configuration, as it prints them (reference,
// identity-cloud-docs.txt: the line is where one begins), and the status with which it goes on.
func TestDocumentedRequests(t *testing.T) {
	w := newWorld(t, sim.Options{Complete: true})
	const provider = "/am/json/realms/root/realms/alpha/realm-config/services/SocialIdentityProviders/oidcConfig/azure"
	w.dev.seed(globals+"CorsService/configuration/c", m{"enabled": true})
	w.dev.seed(provider, m{"clientId": "c"})
	w.dev.seed(trees+"ldapJourney", tree("n", m{"n": "LdapDecisionNode"}))
	w.dev.seed(nodes+"LdapDecisionNode/n", m{"searchFilterAttributes": []any{"mail"}})
	w.dev.seed(config+"external.email", m{"host": "h"})
	json, r1 := "application/json", "resource=1.0"
	for _, q := range []struct {
		line         int
		who          *client
		method, path string
		body         any
		status       int
		version      string
	}{
		{1653, w.dev, "PUT", "/environment/secrets/esv-key", m{"encoding": "pem", "useInPlaceholders": false, "valueBase64": b64("-----BEGIN")}, 200, "protocol=1.0;resource=1.0"},
		{1806, w.dev, "GET", config + "external.email", nil, 200, r1},
		{1915, w.dev, "PUT", config + "external.email", m{"_id": "external.email", "auth": m{"enable": true, "password": "&{esv.a}"}, "port": m{"$int": "&{esv.b}"}}, 200, r1},
		{1961, w.dev, "POST", globals + "CorsService/?_action=nextdescendents", nil, 200, r1},
		{2044, w.dev, "PUT", globals + "CorsService/configuration/c", m{"_id": "c", "enabled": true, "acceptedOrigins": []any{"&{esv.c}"}}, 200, r1},
		{2090, w.dev, "GET", trees + "ldapJourney", nil, 200, r1},
		{2151, w.dev, "GET", nodes + "LdapDecisionNode/n", nil, 200, r1},
		{2339, w.dev, "PUT", nodes + "LdapDecisionNode/n", m{"_id": "n", "searchFilterAttributes": []any{"&{esv.d}"}}, 200, r1},
		{2421, w.dev, "GET", strings.Replace(provider, "/realms/alpha", "", 1), nil, 403, r1}, // the realm is missing in its path
		{2421, w.dev, "GET", provider, nil, 200, r1},
		{2527, w.dev, "PUT", provider, m{"clientId": "&{esv.e}"}, 200, r1},
		{4078, w.dev, "GET", "/monitoring/health", nil, 200, ""},
		{4526, w.dev, "GET", config + "audit", nil, 200, ""},
		{4537, w.dev, "PUT", config + "audit", m{"_id": "audit", "eventHandlers": []any{}}, 200, ""},
		{5509, w.dev, "PUT", "/openidm/managed/alpha_user/u", m{"userName": "u", "mail": "u@b.example"}, 201, ""},
		{5509, w.dev, "PATCH", "/openidm/managed/alpha_user/u", []any{m{"operation": "replace", "field": "/mail", "value": "v@b.example"}}, 200, ""},
		{9282, w.dev, "PUT", config + "uilocale/fr", m{"admin": m{"overrides": m{"AppLogoAltText": "x"}}}, 201, ""},
		{9367, w.dev, "GET", config + "uilocale/fr", nil, 200, ""},
		{9413, w.dev, "DELETE", config + "uilocale/fr", nil, 200, ""},
		{9758, w.dev, "PUT", "/.well-known/assetlinks.json", []any{m{"relation": []any{"r"}}}, 200, ""},
		{9794, w.dev, "GET", "/.well-known/assetlinks.json", nil, 200, ""},
		{9813, w.dev, "DELETE", "/.well-known/assetlinks.json", nil, 200, ""},
		{9849, w.dev, "PUT", "/.well-known/apple-app-site-association", m{"applinks": m{}}, 200, ""},
		{9910, w.dev, "GET", "/.well-known/apple-app-site-association", nil, 200, ""},
		{9944, w.dev, "DELETE", "/.well-known/apple-app-site-association", nil, 200, ""},
		{10485, w.dev, "GET", "/openidm/managed/alpha_user?_fields=userName,givenName,sn,mail,accountStatus&_prettyPrint=true&_queryFilter=true", nil, 200, ""},
		{2922, w.stage, "GET", "/environment/promotion/lock/state", nil, 200, r1},
		{2936, w.stage, "GET", "/environment/promotion/promote", nil, 200, r1},
		{2969, w.stage, "POST", "/environment/promotion/lock", nil, 202, r1},
		{2922, w.stage, "GET", "/environment/promotion/lock/state", nil, 200, r1},
		{2922, w.stage, "GET", "/environment/promotion/lock/state", nil, 200, r1},
		{3081, w.stage, "POST", "/environment/promotion/promote", m{"dryRun": true}, 202, r1},
		{3292, w.stage, "GET", "/environment/promotion/reports", nil, 200, r1},
	} {
		header := []string{"Content-Type", json}
		if q.version != "" {
			header = append(header, "Accept-API-Version", q.version)
		}
		if a := q.who.do(q.method, q.path, q.body, header...); a.status != q.status {
			t.Errorf("line %d: %s %s: status %d, want %d: %.300s", q.line, q.method, q.path, a.status, q.status, a.text)
		}
	}
	if a := w.dev.want(200, "GET", config+"external.email?_prettyPrint=true", nil); !strings.Contains(a.text, "\n  \"_id\"") {
		t.Errorf("pretty: %s", a.text)
	}
	w.dev.anonymous(404, "GET", "/.well-known/assetlinks.json", nil)
	w.dev.anonymous(401, "PUT", "/.well-known/assetlinks.json", []any{})
	// The audience of the documents names the port.
	at, err := url.Parse(w.dev.base)
	if err != nil {
		t.Fatal(err)
	}
	aud := w.dev.assertion(func(_, claims map[string]any) {
		claims["aud"] = "https://" + at.Hostname() + ":443/am/oauth2/access_token"
	})
	if a := w.dev.grant(aud, "fr:am:*"); a.status != 200 {
		t.Errorf("token: %s", a.text)
	}
}
