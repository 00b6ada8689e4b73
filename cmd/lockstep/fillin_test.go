package main

import (
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

// What a repository keeps as ${NAME} is filled in when it is sent, in the types that fr-config-manager fills.
func TestFillIn(t *testing.T) {
	env := map[string]string{"CSP_ENFORCED": "true", "HOOK": "https://a.example", "TENANT_BASE_URL": "https://t.example"}
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for _, c := range []struct{ typ, in, want string }{
		{"csp", `{"active":{"$bool":"${CSP_ENFORCED}"},"directives":{}}`, `{"active":true,"directives":{}}`},
		{"raw", `{"url":"${HOOK}/x","list":["${HOOK}"]}`, `{"list":["https://a.example"],"url":"https://a.example/x"}`},
		{"saml-hosted", `{"spUrl":"${TENANT_BASE_URL}/spsaehandler"}`, `{"spUrl":"https://t.example/spsaehandler"}`},
		{"oauth2-client", `{"a":"\\${HOOK}"}`, `{"a":"${HOOK}"}`},
		{"connector", `{"a":"Bearer ${HOOK}"}`, `{"a":"Bearer ${HOOK}"}`}, // there it is another syntax
		{"raw", `{"url":"${NOT_SET}"}`, "error: /url: environment variable NOT_SET is not set"},
		{"csp", `{"active":{"$bool":"${HOOK}"}}`, "error: /active/$bool"},
	} {
		v, err := schema.ParseJSON([]byte(c.in))
		if err != nil {
			t.Fatal(err)
		}
		row, ok := schema.TypeOf(c.typ)
		if !ok {
			t.Fatalf("no type %s", c.typ)
		}
		got, err := fillIn(row, v.(map[string]any), lookup)
		text := string(schema.CompactJSON(got))
		if err != nil {
			text = "error: " + err.Error()
		}
		if text != c.want && !(strings.HasPrefix(c.want, "error: ") && strings.HasPrefix(text, c.want)) {
			t.Errorf("%s %s\ngot  %s\nwant %s", c.typ, c.in, text, c.want)
		}
		if again := string(schema.CompactJSON(v)); strings.Contains(c.in, "HOOK}/x") && !strings.Contains(again, "${HOOK}") {
			t.Errorf("the body itself was changed: %s", again)
		}
	}
}
