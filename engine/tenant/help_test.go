package tenant

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/lockstep-gitops/lockstep/engine/sim"
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

func makeJWK(t *testing.T) []byte {
	t.Helper()
	b, err := (&jose.JSONWebKey{Key: makeKey(), Algorithm: "RS256"}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const testURL = "https://openam-acme-dev.forgeblocks.com"

// withHandler is a client of a handler, with a token at hand.
func withHandler(t *testing.T, h http.HandlerFunc, change ...func(*Config)) *Client {
	t.Helper()
	c := Config{Name: "dev", URL: testURL, Token: "ready-token", Rate: -1, Transport: inProcess{h}}
	for _, f := range change {
		f(&c)
	}
	cl, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

func noRetries(c *Config) { c.Retries = -1 }

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// simulated is a simulated tenant, and a client with its service account.
func simulated(t *testing.T, o sim.Options, change ...func(*Config)) (*sim.Tenant, *Client) {
	t.Helper()
	g := group(t, o)
	return g.Tenant("development"), of(t, g, "development", change...)
}

func group(t *testing.T, o sim.Options) *sim.Group {
	t.Helper()
	o.Key = makeKey()
	g, err := sim.NewGroup(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func of(t *testing.T, g *sim.Group, role string, change ...func(*Config)) *Client {
	t.Helper()
	a := g.ServiceAccount()
	c := Config{
		Name: role, URL: "https://openam-acme-" + role + ".forgeblocks.com", ServiceAccount: a.ID, Key: a.JWK,
		Rate: -1, Transport: inProcess{g.Tenant(role)}, Scope: DefaultScope + " " + PromotionScope, Optional: func() []string {
			return []string{"fr:idc:cookie-domain:*", "fr:idc:content-security-policy:*", "fr:idc:custom-domain:*", "fr:idc:telemetry:*", "fr:iga:*", "fr:autoaccess:*"}
		},
	}
	for _, f := range change {
		f(&c)
	}
	cl, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, r := range g.Tenant(role).Unknown() {
			t.Errorf("the simulator knows no %s %s?%s", r.Method, r.Path, r.Query)
		}
	})
	return cl
}

// seed puts documents into a simulated tenant.
func seed(t *testing.T, tn *sim.Tenant, docs []schema.Document) {
	t.Helper()
	var in []sim.Document
	for _, d := range docs {
		in = append(in, sim.Document{Path: d.Path, Body: schema.CompactJSON(d.Body)})
	}
	if err := tn.Seed(in); err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, s string) map[string]any {
	t.Helper()
	v, err := schema.ParseJSON([]byte(s))
	if err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v.(map[string]any)
}

func document(t *testing.T, path, body string) schema.Document {
	t.Helper()
	return schema.Document{Path: path, Body: decode(t, body)}
}

func resource(t *testing.T, typ, realm, id, body string) *schema.Resource {
	t.Helper()
	return &schema.Resource{Key: schema.Key{Type: typ, Realm: realm, ID: id}, Body: decode(t, body)}
}

// requests lists what reached a simulated tenant, less tokens and probes.
func requests(tn *sim.Tenant, writesOnly bool) []string {
	var out []string
	for _, r := range tn.Requests() {
		if r.Path == tokenPath || strings.HasPrefix(r.Path, "/am/json/serverinfo") || writesOnly && !r.Write {
			continue
		}
		path := r.Path
		for _, long := range []string{"/am/json/realms/root/realms/", "realm-config/authentication/authenticationtrees/"} {
			path = strings.Replace(path, long, "", 1)
		}
		out = append(out, r.Method+" "+path)
	}
	return out
}

// normal is a body less what the server owns and what it adds: what diff does, in a few lines.
func normal(t *testing.T, r *schema.Resource) string {
	t.Helper()
	row, ok := schema.TypeOf(r.Type)
	if !ok {
		t.Fatalf("no type %s", r.Type)
	}
	body := schema.CloneObject(r.Body)
	drop := func(p string) {
		segs := schema.SplitPointer(p)
		parent, _ := schema.Lookup(body, schema.Pointer(segs[:len(segs)-1]...))
		if m, ok := parent.(map[string]any); ok {
			delete(m, segs[len(segs)-1])
		}
	}
	for _, v := range row.Volatile {
		for _, m := range schema.Select(body, v) {
			drop(m.Pointer)
		}
	}
	for _, d := range row.Defaults {
		for _, m := range schema.Select(body, d.Pattern) {
			if sameJSON(m.Value, d.Value) {
				drop(m.Pointer)
			}
		}
	}
	if row.NullIsAbsent {
		var nulls []string
		schema.Walk(body, func(p string, v any) bool {
			if v == nil {
				nulls = append(nulls, p)
			}
			return true
		})
		for _, p := range nulls {
			drop(p)
		}
	}
	for _, p := range row.Unordered {
		for _, m := range schema.Select(body, p) {
			if l, ok := m.Value.([]any); ok {
				slices.SortFunc(l, func(a, b any) int { return bytes.Compare(schema.CompactJSON(a), schema.CompactJSON(b)) })
			}
		}
	}
	return string(schema.EncodeJSON(body))
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
