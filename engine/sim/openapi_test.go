package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// operation is one of the vendor's published description, and a request for it. %s stands for what the request
// before it gave as its id.
type operation struct {
	method, pattern, path string
	body                  any
}

// environmentOperations are all of the description, in an order in which each has what it needs.
func environmentOperations() []operation {
	var l []operation
	add := func(method, pattern, path string, body any) {
		l = append(l, operation{method, "/environment/" + pattern, "/environment/" + path, body})
	}
	for _, p := range []string{"content-security-policy/enforced", "content-security-policy/report-only"} {
		add("PUT", p, p, m{"active": true, "directives": m{"default-src": []string{"'self'"}}})
		add("GET", p, p, nil)
	}
	add("PUT", "cookie-domains", "cookie-domains", m{"domains": []string{"a.example.com"}})
	add("GET", "cookie-domains", "cookie-domains", nil)
	add("POST", "custom-domains", "custom-domains?_action=verify", m{"name": "a.example.com"})
	add("PUT", "custom-domains/{realm}", "custom-domains/alpha", m{"domains": []string{"a.example.com"}})
	add("GET", "custom-domains/{realm}", "custom-domains/alpha", nil)
	add("PUT", "federation/enforcement", "federation/enforcement", m{"groups": "none"})
	add("GET", "federation/enforcement", "federation/enforcement", nil)
	add("GET", "release", "release", nil)
	add("PUT", "sso-cookie", "sso-cookie", m{"name": "abcdefghijklmno"})
	add("GET", "sso-cookie", "sso-cookie", nil)
	add("POST", "sso-cookie", "sso-cookie?_action=reset", nil)
	add("POST", "csrs", "csrs", m{"algorithm": "rsa", "commonName": "a.example.com", "country": "US", "organization": "o", "state": "s", "city": "c", "email": "a@b.example"})
	add("GET", "csrs/{id}", "csrs/%s", nil)
	add("GET", "csrs", "csrs", nil)
	add("DELETE", "csrs/{id}", "csrs/%s", nil)
	add("POST", "certificates", "certificates", m{"active": true, "certificate": "c", "privateKey": "hush"})
	add("GET", "certificates/{id}", "certificates/%s", nil)
	add("PATCH", "certificates/{id}", "certificates/%s", m{"active": false})
	add("GET", "certificates", "certificates", nil)
	add("DELETE", "certificates/{id}", "certificates/%s", nil)
	add("PUT", "variables/{variableId}", "variables/esv-v", m{"valueBase64": b64("1"), "expressionType": "string", "description": "d"})
	add("POST", "variables/{variableId}", "variables/esv-v?_action=setDescription", m{"description": "e"})
	add("GET", "variables/{variableId}", "variables/esv-v", nil)
	add("GET", "variables", "variables", nil)
	add("PUT", "secrets/{secretId}", "secrets/esv-s", m{"valueBase64": b64("1"), "encoding": "generic", "useInPlaceholders": true, "description": "d"})
	add("POST", "secrets/{secretId}", "secrets/esv-s?_action=setDescription", m{"description": "e"})
	add("POST", "secrets/{secretId}/versions", "secrets/esv-s/versions?_action=create", m{"valueBase64": b64("2")})
	add("GET", "secrets/{secretId}/versions", "secrets/esv-s/versions", nil)
	add("GET", "secrets/{secretId}/versions/{versionId}", "secrets/esv-s/versions/1", nil)
	add("POST", "startup", "startup?_action=restart", nil)
	add("GET", "startup", "startup", nil)
	add("POST", "secrets/{secretId}/versions/{versionId}", "secrets/esv-s/versions/1?_action=changestatus", m{"status": "DISABLED"})
	add("DELETE", "secrets/{secretId}/versions/{versionId}", "secrets/esv-s/versions/1", nil)
	add("GET", "secrets/{secretId}", "secrets/esv-s", nil)
	add("GET", "secrets", "secrets", nil)
	add("GET", "count", "count", nil)
	add("GET", "promotion/lock/state", "promotion/lock/state", nil)
	add("GET", "promotion/promote", "promotion/promote", nil)
	add("POST", "promotion/lock", "promotion/lock", nil)
	for range 3 {
		add("GET", "promotion/lock/state", "promotion/lock/state", nil)
	}
	add("POST", "promotion/promote", "promotion/promote", m{"dryRun": false, "ignoreEncryptedSecrets": true})
	for range 12 {
		add("GET", "promotion/promote", "promotion/promote", nil)
	}
	add("GET", "promotion/report", "promotion/report", nil)
	add("GET", "promotion/reports", "promotion/reports", nil)
	add("GET", "promotion/report/{reportId}", "promotion/report/%s", nil)
	add("GET", "promotion/report/provisional", "promotion/report/provisional", nil)
	add("GET", "promotion/report/provisional-rollback", "promotion/report/provisional-rollback", nil)
	add("POST", "promotion/rollback", "promotion/rollback", m{"promoter": "p"})
	for range 12 {
		add("GET", "promotion/promote", "promotion/promote", nil)
	}
	add("DELETE", "promotion/lock/{promotionId}", "promotion/lock/%s", nil)
	for range 3 {
		add("GET", "promotion/lock/state", "promotion/lock/state", nil)
	}
	add("DELETE", "secrets/{secretId}", "secrets/esv-s", nil)
	add("DELETE", "variables/{variableId}", "variables/esv-v", nil)
	return l
}

// TestOpenAPI asks for every operation of the vendor's own description of /environment, and holds the answers against its
// schemas: clients generated from it decode them by these.
func TestOpenAPI(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "reference", "environment-openapi.json"))
	if err != nil {
		t.Skipf("no reference: %v", err)
	}
	var document m
	err = json.Unmarshal(raw, &document)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft4 // of OpenAPI 3.0; its lists of variables are of one version and of the other
	if err := compiler.AddResource("openapi.json", bytes.NewReader(bytes.ReplaceAll(raw, []byte(`"oneOf"`), []byte(`"anyOf"`)))); err != nil {
		t.Fatal(err)
	}
	paths := document["paths"].(m)
	asked := map[string]bool{}
	w := newWorld(t, sim.Options{})
	w.dev.want(201, "PUT", alpha+"/scripts/s", script("s", "1"))
	ids := map[string]string{}
	for _, o := range environmentOperations() {
		c := w.stage
		if strings.HasSuffix(o.path, "/provisional") {
			c = w.dev
		}
		path := o.path
		if strings.Contains(path, "%s") {
			path = fmt.Sprintf(path, ids[path[:strings.LastIndex(path, "/")]])
		}
		a := c.do(o.method, path, o.body)
		if id := a.str("id"); id != "" {
			ids[o.pattern] = id
		}
		if id := a.str("reportId"); id != "" {
			ids["/environment/promotion/report"] = id
		}
		if id := a.str("promotionId"); id != "" {
			ids["/environment/promotion/lock"] = id
		}
		operation, found := paths[o.pattern].(m)[strings.ToLower(o.method)].(m)
		if !found {
			t.Fatalf("%s %s is not described", o.method, o.pattern)
		}
		asked[o.method+" "+o.pattern] = true
		status := fmt.Sprint(a.status)
		described, found := operation["responses"].(m)[status].(m)
		if !found || a.status >= 300 {
			t.Errorf("%s %s: %d %.300s", o.method, path, a.status, a.text)
			continue
		}
		content, _ := described["content"].(m)
		if len(content) == 0 {
			continue
		}
		at := "openapi.json#/paths/" + strings.ReplaceAll(strings.ReplaceAll(o.pattern, "~", "~0"), "/", "~1") + "/" + strings.ToLower(o.method) + "/responses/" + status + "/content/application~1json/schema"
		schema, err := compiler.Compile(at)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		var body any
		if err := json.Unmarshal([]byte(a.text), &body); err != nil {
			t.Fatalf("%s %s: %v", o.method, path, err)
		}
		if list, isList := body.(m); isList && list["result"] != nil {
			list["pagedResultsCookie"] = "" // described as text, recorded as null
		}
		if err := schema.Validate(body); err != nil {
			t.Errorf("%s %s: %v\n%.600s", o.method, path, err, a.text)
		}
	}
	var left []string
	for pattern, v := range paths {
		for method := range v.(m) {
			if name := strings.ToUpper(method) + " " + pattern; slices.Contains([]string{"GET", "PUT", "POST", "PATCH", "DELETE"}, strings.ToUpper(method)) && !asked[name] {
				left = append(left, name)
			}
		}
	}
	slices.Sort(left)
	t.Logf("%d operations asked; not asked: %s", len(asked), strings.Join(left, ", "))
	if len(asked) < 40 {
		t.Errorf("only %d operations were asked", len(asked))
	}
}
