package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	scriptA = "11111111-aaaa-4aaa-8aaa-000000000001"
	realmA  = "/am/json/realms/root/realms/alpha"
)

// samples has one resource of each type that can be written alone.
func samples(t *testing.T) []*schema.Resource {
	t.Helper()
	return []*schema.Resource{
		resource(t, "secret", "", "esv-api-key", `{"_id":"esv-api-key","encoding":"generic","useInPlaceholders":true,"description":"Key","valueBase64":"c2VjcmV0LXZhbHVl"}`),
		resource(t, "variable", "", "esv-limit", `{"_id":"esv-limit","expressionType":"int","description":"Limit","valueBase64":"NQ=="}`),
		resource(t, "script", "alpha", scriptA, `{"_id":"`+scriptA+`","name":"Risk","description":null,"script":"// ü\nvar a = 1;\r\n","language":"JAVASCRIPT","context":"AUTHENTICATION_TREE_DECISION_NODE","evaluatorVersion":"2.0"}`),
		resource(t, "email-template", "", "welcome", `{"_id":"emailTemplate/welcome","defaultLocale":"en","enabled":true,"from":"","subject":{"en":"Hi"},"message":{"en":"<b>Hi</b>"},"mimeType":"text/html"}`),
		resource(t, "email-provider", "", "external.email", `{"_id":"external.email","host":"&{esv.smtp.host}","port":{"$int":"&{esv.smtp.port}"}}`),
		resource(t, "theme", "alpha", "t1", `{"_id":"t1","name":"Blue","isDefault":true,"linkedTrees":["Login"]}`),
		resource(t, "cors-service", "", "CorsService", `{"_id":"","enabled":true,"_type":{"_id":"CorsService","name":"CORS Service","collection":false}}`),
		resource(t, "cors", "", "acme spa", `{"_id":"acme spa","enabled":true,"acceptedOrigins":["https://a.example"],"acceptedMethods":["GET"],"acceptedHeaders":["x"],"exposedHeaders":[],"allowCredentials":true,"maxAge":600,"_type":{"_id":"configuration","name":"Cors Configuration","collection":true}}`),
		resource(t, "cors-idm", "", "servletfilter/cors", `{"_id":"servletfilter/cors","initParams":{"allowedOrigins":"*"},"urlPatterns":["/*"]}`),
		resource(t, "service", "alpha", "baseurl", `{"_id":"","contextPath":"/am","source":"FIXED_VALUE","fixedValue":"https://&{fqdn}","_type":{"_id":"baseurl","name":"Base URL Source","collection":false}}`),
		resource(t, "service", "alpha", "pingOneWorkerService", `{"_id":"","enabled":true,"_type":{"_id":"pingOneWorkerService","name":"PingOne Worker Service","collection":false}}`),
		resource(t, "service-child", "alpha", "pingOneWorkerService/workers/w 1", `{"_id":"w 1","clientId":"c","_type":{"_id":"workers","name":"PingOne Worker","collection":true}}`),
		resource(t, "service", "alpha", "SocialIdentityProviders", `{"_id":"","enabled":true,"_type":{"_id":"SocialIdentityProviders","name":"Social Identity Provider Service","collection":false}}`),
		resource(t, "idp", "alpha", "google", `{"_id":"google","enabled":true,"clientId":"c","_type":{"_id":"googleConfig","name":"Client configuration for Google.","collection":true}}`),
	}
}

// fixtureSamples has what the flat fixture has of the other types, in the order of writing.
func fixtureSamples(t *testing.T, have []*schema.Resource) []*schema.Resource {
	t.Helper()
	covered := map[string]bool{"journey": true} // has tests of its own
	for _, r := range have {
		covered[r.Type] = true
	}
	var out []*schema.Resource
	err := fs.WalkDir(fixtures.Repos(), "flat", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(name) != ".json" {
			return err
		}
		data, err := fs.ReadFile(fixtures.Repos(), name)
		if err != nil {
			return err
		}
		r := decode(t, string(data))
		if list, ok := schema.Lookup(r, "/body/trustedProviders"); ok && list != nil {
			r["body"].(map[string]any)["trustedProviders"] = []any{"iSPAzure|saml2"} // AM refuses those that are not there
		}
		if typ := schema.Str(r, "/type"); !covered[typ] && schema.Str(r, "/id") != "environment/release" {
			out = append(out, resource(t, typ, schema.Str(r, "/realm"), schema.Str(r, "/id"), mustJSON(t, r["body"])))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	rank := func(r *schema.Resource) int { row, _ := schema.TypeOf(r.Type); return row.Rank() }
	slices.SortStableFunc(out, func(a, b *schema.Resource) int { return rank(a) - rank(b) })
	return out
}

// lostIn gives the pointer of a value that was written and is not there: what the server adds is no loss,
// nor is what it hides.
func lostIn(want, got any) string {
	switch w := want.(type) {
	case nil:
		return ""
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return "/"
		}
		for _, name := range schema.SortedKeys(w) {
			if name == "valueBase64" || name == "_id" {
				continue
			}
			if lost := lostIn(w[name], g[name]); lost != "" {
				return schema.Pointer(name) + strings.TrimSuffix(lost, "/")
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return "/"
		}
		for i := range w {
			if lost := lostIn(w[i], g[i]); lost != "" {
				return schema.Pointer(fmt.Sprint(i)) + strings.TrimSuffix(lost, "/")
			}
		}
		return ""
	}
	if s, ok := got.(string); ok && s == "********" || sameJSON(want, got) {
		return ""
	}
	return "/"
}

func TestWriteReadDelete(t *testing.T) {
	tn, c := simulated(t, sim.Options{Governance: true})
	all := samples(t)
	all = append(all, fixtureSamples(t, all)...)
	if len(all) < 60 {
		t.Fatalf("only %d samples", len(all))
	}
	covered := map[string]bool{"journey": true}
	for _, r := range all {
		covered[r.Type] = true
		if row, _ := schema.TypeOf(r.Type); row.ReadOnly != "" {
			if _, err := c.Put(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), row.ReadOnly) {
				t.Errorf("put %s: %v", r.Key, err)
			}
			continue
		}
		put, err := c.Put(t.Context(), r, nil)
		if err != nil {
			t.Errorf("put %s: %v", r.Key, err)
			continue
		}
		got, err := c.Get(t.Context(), r.Key)
		if err != nil {
			t.Errorf("get %s: %v", r.Key, err)
			continue
		}
		if put.Key != r.Key || got.Key != r.Key || normal(t, put) != normal(t, got) {
			t.Errorf("%s: put answered\n%s\nget\n%s", r.Key, normal(t, put), normal(t, got))
		}
		if lost := lostIn(decode(t, normal(t, r)), decode(t, normal(t, got))); lost != "" {
			t.Errorf("%s: %s is not what was written:\n%s", r.Key, lost, normal(t, got))
		}
		if again, err := c.Put(t.Context(), r, got); err != nil || normal(t, again) != normal(t, got) {
			t.Errorf("put %s again: %v", r.Key, err)
		}
	}
	for _, row := range schema.Types() {
		if !covered[row.Name] {
			t.Errorf("no sample of type %s", row.Name)
		}
	}
	slices.Reverse(all)
	for _, r := range all {
		row, _ := schema.TypeOf(r.Type)
		err := c.Delete(t.Context(), r)
		if row.IsProtected(r) || row.ReadOnly != "" {
			if err == nil || !strings.Contains(err.Error(), "belongs to the product") {
				t.Errorf("delete %s: %v", r.Key, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("delete %s: %v", r.Key, err)
		}
		if _, err := c.Get(t.Context(), r.Key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("get %s after its deletion: %v", r.Key, err)
		}
		if err := c.Delete(t.Context(), r); err != nil {
			t.Errorf("delete %s again: %v", r.Key, err)
		}
	}
	if len(tn.Requests()) == 0 {
		t.Error("the simulator saw nothing")
	}
}

// An answer that was lost after the write was done makes no difference.
func TestCutWrites(t *testing.T) {
	for name, fault := range map[string]sim.Faults{"before": {CutBeforeWrite: 1}, "after": {CutAfterWrite: 1}} {
		synctest.Test(t, func(t *testing.T) {
			for _, r := range samples(t) {
				tn, c := simulated(t, sim.Options{})
				for _, first := range samples(t) { // what r may belong to
					if row, _ := schema.TypeOf(r.Type); row.Parent.Type == first.Type {
						if _, err := c.Put(t.Context(), first, nil); err != nil {
							t.Fatal(err)
						}
					}
				}
				tn.SetFaults(fault)
				put, err := c.Put(t.Context(), r, nil)
				if err != nil {
					t.Errorf("cut %s: put %s: %v", name, r.Key, err)
					continue
				}
				if got, err := c.Get(t.Context(), r.Key); err != nil || normal(t, got) != normal(t, put) {
					t.Errorf("cut %s: get %s: %v", name, r.Key, err)
				}
				row, _ := schema.TypeOf(r.Type)
				if row.IsProtected(r) {
					continue
				}
				tn.SetFaults(fault)
				if err := c.Delete(t.Context(), r); err != nil {
					t.Errorf("cut %s: delete %s: %v", name, r.Key, err)
				}
			}
		})
	}
}

func TestKeysThatAreNone(t *testing.T) {
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) })
	for _, k := range []schema.Key{{Type: "made-up", ID: "x"}, {Type: "script", Realm: "alpha"}, {Type: "script", ID: "x"}} {
		if _, err := c.Get(t.Context(), k); err == nil {
			t.Errorf("Get %v", k)
		}
		if err := c.Delete(t.Context(), &schema.Resource{Key: k}); err == nil {
			t.Errorf("Delete %v", k)
		}
	}
}

// Attributes that only newer tenants know are left out when they say nothing, and are an error that
// names them when they say something.
func TestUnknownAttributes(t *testing.T) {
	_, c := simulated(t, sim.Options{AMVersion: "8.0.0-SNAPSHOT"})
	tree := func(transactional string) *schema.Resource {
		return resource(t, "journey", "alpha", "Empty", `{"_id":"Empty","entryNodeId":"`+schema.FailureNode+`","nodes":{},"staticNodes":{},"transactionalOnly":`+transactional+`}`)
	}
	if _, err := c.Put(t.Context(), tree("false"), nil); err != nil {
		t.Error(err)
	}
	_, err := c.Put(t.Context(), tree("true"), nil)
	if StatusOf(err) != 400 || !strings.Contains(err.Error(), "doesn't know transactionalOnly") {
		t.Errorf("error %v", err)
	}
}

func TestProtectedTemplate(t *testing.T) {
	_, c := simulated(t, sim.Options{})
	_, err := c.Put(t.Context(), resource(t, "email-template", "", "frEmailUpdated", `{"_id":"emailTemplate/frEmailUpdated","enabled":true}`), nil)
	if StatusOf(err) != 403 || !strings.Contains(err.Error(), "belongs to the product") {
		t.Errorf("error %v", err)
	}
}

func TestProviderKeepsItsKind(t *testing.T) {
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) })
	was := resource(t, "idp", "alpha", "x", `{"_id":"x","_type":{"_id":"googleConfig"}}`)
	r := resource(t, "idp", "alpha", "x", `{"_id":"x","_type":{"_id":"oidcConfig"}}`)
	if _, err := c.Put(t.Context(), r, was); err == nil || !strings.Contains(err.Error(), "googleConfig") {
		t.Errorf("error %v", err)
	}
}

const themes = "/openidm/config/ui/themerealm"

func TestThemesShareOneDocument(t *testing.T) {
	tn, c := simulated(t, sim.Options{})
	seed(t, tn, []schema.Document{document(t, themes, `{"_id":"ui/themerealm","extra":{"n":1.50},"realm":{"/alpha":[{"_id":"a","name":"A"},{"_id":"b","name":"B"}],"bravo":[{"_id":"a","name":"other"}]}}`)})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			id := fmt.Sprint("n", i)
			r := &schema.Resource{Key: schema.Key{Type: "theme", Realm: "alpha", ID: id}, Body: map[string]any{"_id": id, "name": id}}
			if _, err := c.Put(t.Context(), r, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		r := &schema.Resource{Key: schema.Key{Type: "theme", Realm: "alpha", ID: "a"}, Body: map[string]any{"_id": "a", "name": "A2"}}
		if got, err := c.Put(t.Context(), r, nil); err != nil || got.Name() != "A2" {
			t.Errorf("%v, %v", got, err)
		}
	})
	wg.Go(func() {
		if err := c.Delete(t.Context(), &schema.Resource{Key: schema.Key{Type: "theme", Realm: "alpha", ID: "b"}}); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	doc, err := c.object(t.Context(), call{method: "GET", path: themes})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range schema.Select(doc, "/realm/~1alpha/*/name") {
		names = append(names, m.Value.(string))
	}
	slices.Sort(names)
	if want := "A2 n0 n1 n2 n3 n4 n5 n6 n7"; strings.Join(names, " ") != want {
		t.Errorf("themes %v, want %s", names, want)
	}
	if first := schema.Str(doc, "/realm/~1alpha/0/_id"); first != "a" {
		t.Errorf("the order changed: %s stands first", first)
	}
	if got := mustJSON(t, doc["extra"]); got != `{"n":1.50}` || schema.Str(doc, "/realm/bravo/0/name") != "other" {
		t.Errorf("the rest of the document changed: %s", mustJSON(t, doc))
	}
	before := tn.Writes()
	r := resource(t, "theme", "alpha", "a", `{"_id":"a","name":"A2"}`)
	if _, err := c.Put(t.Context(), r, nil); err != nil || tn.Writes() != before {
		t.Errorf("a theme that is the same is written: %v", err)
	}
	r = resource(t, "theme", "alpha", "gone", `{}`)
	if err := c.Delete(t.Context(), r); err != nil || tn.Writes() != before {
		t.Errorf("a theme that is not there is deleted by a write: %v", err)
	}
}

// What IDM answers before anybody made a theme.
func TestFirstTheme(t *testing.T) {
	for name, doc := range map[string]string{"untouched": `{"_id":"ui/themerealm","realm":{}}`, "absent": ""} {
		held := doc
		c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "PUT" {
				b, _ := io.ReadAll(r.Body)
				held = string(b)
			}
			if held == "" {
				answer(w, 404, `{"code":404,"message":"Not Found"}`)
				return
			}
			answer(w, 200, held)
		})
		if _, err := c.Get(t.Context(), schema.Key{Type: "theme", Realm: "alpha", ID: "t1"}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Put(t.Context(), resource(t, "theme", "alpha", "t1", `{"_id":"t1","name":"N"}`), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := `{"_id":"ui/themerealm","realm":{"alpha":[{"_id":"t1","name":"N"}]}}`; held != want {
			t.Errorf("%s: wrote %s", name, held)
		}
	}
}

func TestVariableMustBeResolved(t *testing.T) {
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) })
	for _, tt := range []struct{ typ, body, was, want string }{
		{"variable", `{"valueBase64":"${ESV_X}","expressionType":"string"}`, "", "not resolved"},
		{"variable", `{"expressionType":"string"}`, "", "no value"},
		{"variable", `{"valueBase64":"not base64!","expressionType":"string"}`, "", "not base64"},
		{"variable", `{"valueBase64":"NQ==","expressionType":"int"}`, `{"valueBase64":"NQ==","expressionType":"string"}`, "fixed when a variable is created"},
		{"secret", `{"valueBase64":"${ESV_X}","encoding":"generic"}`, "", "not resolved"},
	} {
		var was *schema.Resource
		if tt.was != "" {
			was = resource(t, tt.typ, "", "esv-x", tt.was)
		}
		_, err := c.Put(t.Context(), resource(t, tt.typ, "", "esv-x", tt.body), was)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "NQ==") || strings.Contains(err.Error(), "ESV_X") {
			t.Errorf("%s %s: %v", tt.typ, tt.body, err)
		}
	}
}

func TestInterruptedPut(t *testing.T) {
	_, c := simulated(t, sim.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range append(samples(t), login(t)) {
		if _, err := c.Put(ctx, r, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", r.Key, err)
		}
	}
}
