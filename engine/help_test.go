package engine_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// inProcess is a transport that calls a handler: no socket, so that synctest's clock moves.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI = req.URL.RequestURI()
	rec := httptest.NewRecorder()
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			resp, err = nil, errors.New("connection reset by peer")
		default:
			panic(p)
		}
	}()
	t.handler.ServeHTTP(rec, in)
	if req.Context().Err() != nil {
		return nil, req.Context().Err()
	}
	return rec.Result(), nil
}

var makeKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func newGroup(t *testing.T) *sim.Group {
	t.Helper()
	g, err := sim.NewGroup(sim.Options{Key: makeKey()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// clientOf is a client that never repeats a request by itself: each cut shows.
func clientOf(t *testing.T, g *sim.Group, role string) *tenant.Client {
	t.Helper()
	a := g.ServiceAccount()
	c, err := tenant.New(tenant.Config{
		Name: role, URL: urlOf(role), ServiceAccount: a.ID, Key: a.JWK, Rate: -1, Retries: -1,
		Transport: inProcess{g.Tenant(role)}, Scope: tenant.DefaultScope + " " + tenant.PromotionScope + " " + tenant.SessionScope,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func urlOf(role string) string { return "https://openam-acme-" + role + ".forgeblocks.com" }

func res(t testing.TB, typ, realm, id, body string) *schema.Resource {
	t.Helper()
	v, err := schema.ParseJSON([]byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return &schema.Resource{Key: schema.Key{Type: typ, Realm: realm, ID: id}, Body: v.(map[string]any)}
}

func set(rs ...*schema.Resource) *schema.Set {
	s := schema.NewSet("test")
	for _, r := range rs {
		if s.Add(r) != nil {
			panic("twice: " + r.Key.String())
		}
	}
	return s
}

// id makes a uuid that ends in n.
func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func variable(t testing.TB, name, value string) *schema.Resource {
	return res(t, "variable", "", name, `{"_id":"`+name+`","description":"","expressionType":"string","valueBase64":"`+schema.EncodeBase64(value)+`"}`)
}

func secret(t testing.TB, name string, inPlaceholders bool) *schema.Resource {
	return res(t, "secret", "", name, fmt.Sprintf(`{"_id":%q,"description":"","encoding":"generic","useInPlaceholders":%t}`, name, inPlaceholders))
}

func script(t testing.TB, n int, name, context, text string) *schema.Resource {
	return res(t, "script", "alpha", id(n), fmt.Sprintf(`{"_id":%q,"name":%q,"description":"","language":"JAVASCRIPT","context":%q,"evaluatorVersion":"2.0","script":%q}`, id(n), name, context, text))
}

func template(t testing.TB, name, subject string) *schema.Resource {
	return res(t, "email-template", "", name, fmt.Sprintf(`{"_id":"emailTemplate/%s","enabled":true,"defaultLocale":"en","subject":{"en":%q},"message":{"en":"<p>Hello</p>"}}`, name, subject))
}

// journey has a page with a name on it, and one node for each thing it refers to: a script, inner journeys.
func journey(t testing.TB, name, header string, first int, scripts []int, inner ...string) *schema.Resource {
	t.Helper()
	page, child := id(first), id(first+1)
	nodes := map[string]any{page: map[string]any{"x": 1, "y": 2, "nodeType": "PageNode", "displayName": "Page", "version": "1.0", "connections": map[string]any{"outcome": schema.SuccessNode}}}
	configs := map[string]any{
		page: map[string]any{"_id": page, "_type": map[string]any{"_id": "PageNode", "version": "1.0"}, "pageHeader": map[string]any{"en": header}, "pageDescription": map[string]any{},
			"nodes": []any{map[string]any{"_id": child, "nodeType": "ValidatedUsernameNode", "nodeVersion": "2.0", "displayName": "Name"}}},
		child: map[string]any{"_id": child, "_type": map[string]any{"_id": "ValidatedUsernameNode", "version": "2.0"}, "usernameAttribute": "userName"},
	}
	for i, s := range scripts {
		n := id(first + 10 + i)
		nodes[n] = map[string]any{"x": 1, "y": 2, "nodeType": "ScriptedDecisionNode", "displayName": "Decide", "version": "1.0", "connections": map[string]any{"true": schema.SuccessNode}}
		configs[n] = map[string]any{"_id": n, "_type": map[string]any{"_id": "ScriptedDecisionNode", "version": "1.0"}, "script": id(s), "outcomes": []any{"true"}, "inputs": []any{"*"}, "outputs": []any{"*"}}
	}
	for i, j := range inner {
		n := id(first + 20 + i)
		nodes[n] = map[string]any{"x": 1, "y": 2, "nodeType": "InnerTreeEvaluatorNode", "displayName": j, "version": "1.0", "connections": map[string]any{"true": schema.SuccessNode, "false": schema.FailureNode}}
		configs[n] = map[string]any{"_id": n, "_type": map[string]any{"_id": "InnerTreeEvaluatorNode", "version": "1.0"}, "tree": j, "displayErrorOutcome": false}
	}
	raw, err := json.Marshal(map[string]any{
		"_id": name, "entryNodeId": page, "enabled": true, "identityResource": "managed/alpha_user", "uiConfig": map[string]any{},
		"staticNodes": map[string]any{"startNode": map[string]any{"x": 70, "y": 80}}, "nodes": nodes, "nodeConfigs": configs,
	})
	if err != nil {
		t.Fatal(err)
	}
	return res(t, "journey", "alpha", name, string(raw))
}

func emailService(t testing.TB, transport string) *schema.Resource {
	return res(t, "service", "alpha", "email", `{"_id":"","_type":{"_id":"email"},"transportType":"`+transport+`","fromAddress":"shop@example.com"}`)
}

func smtp(t testing.TB, name, port string) *schema.Resource {
	return res(t, "service-child", "alpha", "email/smtpTransports/"+name, `{"_id":"`+name+`","_type":{"_id":"smtpTransports"},"port":`+port+`}`)
}

func cors(t testing.TB, name, origin string) *schema.Resource {
	return res(t, "cors", "", name, `{"_id":"`+name+`","enabled":true,"acceptedOrigins":["`+origin+`"],"acceptedMethods":["GET"],"acceptedHeaders":[],"exposedHeaders":[],"maxAge":0,"allowCredentials":false}`)
}

// seed puts a set into a simulated tenant. ESVs that come without a value get one.
func seed(t *testing.T, tn *sim.Tenant, s *schema.Set) {
	t.Helper()
	full := schema.NewSet(s.Origin)
	for _, r := range s.All() {
		if row, _ := schema.TypeOf(r.Type); row.Class == schema.PerEnvironment && r.Body["valueBase64"] == nil {
			body := schema.CloneObject(r.Body)
			body["valueBase64"] = schema.EncodeBase64("seeded")
			r = &schema.Resource{Key: r.Key, Body: body}
		}
		full.Add(r)
	}
	var docs []sim.Document
	for _, d := range schema.Documents(full) {
		docs = append(docs, sim.Document{Path: d.Path, Body: schema.CompactJSON(d.Body)})
	}
	if err := tn.Seed(docs); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, c *tenant.Client) *schema.Set {
	t.Helper()
	s, err := c.Snapshot(t.Context(), tenant.SnapshotOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Partial) > 0 {
		t.Fatalf("not read: %v", s.Partial)
	}
	return s
}

// changes is what Compare says, in short.
func changes(t *testing.T, live, want *schema.Set, asTenant bool) []string {
	t.Helper()
	found, err := diff.Compare(live, want, diff.Options{Tenant: asTenant})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range found {
		out = append(out, string(c.Action)+" "+c.Label())
	}
	return out
}

func planOptions(prune bool) engine.PlanOptions {
	return engine.PlanOptions{
		Tool: "lockstep test", Environment: engine.PlanTarget{Name: "dev", URL: urlOf("development"), Role: "development"},
		Source: engine.PlanSource{Origin: "test"}, Prune: prune, Diff: diff.Options{Tenant: true, HashKey: func() ([]byte, error) { return []byte("0123456789abcdef"), nil }},
	}
}

func mustPlan(t testing.TB, live, want *schema.Set, o engine.PlanOptions) *engine.Plan {
	t.Helper()
	p, err := engine.NewPlan(live, want, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// steps is a plan's steps in short: "create variable/esv-a", "restart".
func steps(p *engine.Plan) []string {
	out := []string{}
	for _, s := range p.Steps {
		switch {
		case s.Restart:
			out = append(out, "restart")
		case s.Stub:
			out = append(out, "stub "+s.Key.Type+"/"+s.Name)
		default:
			out = append(out, string(s.Action)+" "+s.Key.Type+"/"+s.Name)
		}
	}
	return out
}

func fixedNow() time.Time { return time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC) }

func openJournal(t *testing.T, dir string) *engine.Journal {
	t.Helper()
	j, err := engine.OpenJournal(dir, fixedNow)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// runDir is the folder of a run, in one of the test's own that is swept for secrets at the end.
func runDir(t *testing.T) string {
	dir := t.TempDir()
	sweep(t, dir)
	return filepath.Join(dir, "run")
}

// restarter restarts through the client, and counts.
type restarter struct {
	c *tenant.Client
	n *int
}

func (r restarter) RestartPending(ctx context.Context) (bool, error) { return r.c.RestartPending(ctx) }

func (r restarter) Restart(ctx context.Context, on func(string, time.Duration)) error {
	*r.n++
	return r.c.Restart(ctx, on)
}

// hush is the secret's value that no plan, journal or error may hold.
const hush = "correct-horse-battery-staple"

// resolve fills in ESV values as the command does.
func resolve(_ context.Context, k schema.Key, body map[string]any) (map[string]any, error) {
	row, _ := schema.TypeOf(k.Type)
	if row.Class != schema.PerEnvironment {
		return body, nil
	}
	body = schema.CloneObject(body)
	if v, ok := body["valueBase64"].(string); !ok || strings.Contains(v, "${") {
		body["valueBase64"] = schema.EncodeBase64(hush)
	}
	return body, nil
}

func applyOptions(c *tenant.Client) engine.ApplyOptions {
	return engine.ApplyOptions{Restarter: restarter{c, new(int)}, Resolve: resolve, Now: fixedNow}
}

func glob(s string) schema.Glob {
	g, err := schema.ParseGlob(s)
	if err != nil {
		panic(err)
	}
	return g
}
