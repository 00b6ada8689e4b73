package sim_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

const (
	alpha = "/am/json/realms/root/realms/alpha"
	trees = alpha + "/realm-config/authentication/authenticationtrees/trees/"
	nodes = alpha + "/realm-config/authentication/authenticationtrees/nodes/"
)

// testKey is made once for all tests: making one takes longer than most of them.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 7, 13, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a group behind servers, and a clock.
type world struct {
	t     *testing.T
	group *sim.Group
	clock *clock
	dev   *client
	stage *client
	prod  *client
	asked bool // what nobody knows, on purpose
}

func newWorld(t *testing.T, o sim.Options) *world {
	t.Helper()
	w := &world{t: t, clock: newClock()}
	o.Now = w.clock.Now
	o.Key = testKey()
	g, err := sim.NewGroup(o)
	if err != nil {
		t.Fatal(err)
	}
	w.group = g
	w.dev = w.client("development")
	w.stage = w.client("staging")
	w.prod = w.client("production")
	t.Cleanup(func() {
		if w.asked {
			return
		}
		for _, tenant := range g.Tenants() {
			for _, r := range tenant.Unknown() {
				if !strings.Contains(r.Path, "no-such") && !strings.HasSuffix(r.Path, "/ccc/apply") {
					t.Errorf("%s does not know %s %s?%s", tenant.Role(), r.Method, r.Path, r.Query)
				}
			}
		}
	})
	return w
}

// client talks to one tenant.
type client struct {
	t      testing.TB
	tenant *sim.Tenant
	base   string
	group  *sim.Group
	clock  *clock
	token  string
	// Of a service account that is not the group's:
	id  string
	key *rsa.PrivateKey
}

func (w *world) client(role string) *client {
	tenant := w.group.Tenant(role)
	server := httptest.NewServer(tenant)
	server.Config.ErrorLog = nil
	w.t.Cleanup(server.Close)
	return &client{t: w.t, tenant: tenant, base: server.URL, group: w.group, clock: w.clock}
}

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	text   string
	body   any
}

func (a answer) object() map[string]any {
	o, _ := a.body.(map[string]any)
	return o
}

func (a answer) str(member string) string {
	s, _ := a.object()[member].(string)
	return s
}

func (a answer) list(member string) []any {
	l, _ := a.object()[member].([]any)
	return l
}

// send is one request; header comes in pairs. An error is a cut connection.
func (c *client) send(method, path string, body any, header ...string) (answer, error) {
	c.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case json.RawMessage:
		reader = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequest(method, c.base+escapeSpaces(path), reader)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	// A connection of its own: net/http repeats a GET silently when a kept one is cut.
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, text: string(raw)}
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			c.t.Errorf("%s %s: body is no JSON: %v", method, path, err)
		}
	}
	return a, nil
}

func escapeSpaces(path string) string { return strings.ReplaceAll(path, " ", "%20") }

// do is send for requests that must be answered.
func (c *client) do(method, path string, body any, header ...string) answer {
	c.t.Helper()
	if c.token == "" {
		c.login()
	}
	a, err := c.send(method, path, body, header...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// want is do with a status that must be.
func (c *client) want(status int, method, path string, body any, header ...string) answer {
	c.t.Helper()
	a := c.do(method, path, body, header...)
	if a.status != status {
		c.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.text)
	}
	return a
}

// refused is want with the text of the error.
func (c *client) refused(status int, message, method, path string, body any, header ...string) answer {
	c.t.Helper()
	a := c.want(status, method, path, body, header...)
	if got := a.str("message"); got != message {
		c.t.Fatalf("%s %s: message %q, want %q", method, path, got, message)
	}
	return a
}

// now is the tenants' time: the clock's, else the machine's.
func (c *client) now() time.Time {
	if c.clock == nil {
		return time.Now()
	}
	return c.clock.Now()
}

// drain reads an answer to its end, so that its connection is used again.
func drain(res *http.Response) {
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
}

func (c *client) login(scopes ...string) {
	c.t.Helper()
	a := c.grant(c.assertion(nil), scopes...)
	if a.status != http.StatusOK {
		c.t.Fatalf("login: %d %s", a.status, a.text)
	}
	c.token = a.str("access_token")
}

func (c *client) grant(assertion string, scopes ...string) answer {
	c.t.Helper()
	if len(scopes) == 0 {
		scopes = []string{"fr:am:*", "fr:idm:*", "fr:idc:esv:*", "fr:idc:promotion:*", "fr:idc:direct-configuration:session:*",
			"fr:idc:cookie-domain:*", "fr:idc:custom-domain:*", "fr:idc:content-security-policy:*", "fr:idc:sso-cookie:*",
			"fr:idc:release:*", "fr:idc:certificate:*"}
	}
	form := url.Values{"client_id": {"service-account"}, "grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion": {assertion}, "scope": {strings.Join(scopes, " ")}}
	a, err := c.send("POST", "/am/oauth2/access_token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// assertion signs the claims every client sends, changed by change.
func (c *client) assertion(change func(header, claims map[string]any)) string {
	c.t.Helper()
	id, key := c.id, c.key
	if key == nil {
		id, key = c.group.ServiceAccount().ID, testKey()
	}
	header := map[string]any{"alg": "RS256"}
	claims := map[string]any{"iss": id, "sub": id, "aud": c.base + "/am/oauth2/access_token",
		"exp": c.now().Add(3 * time.Minute).Unix(), "jti": "x"}
	if change != nil {
		change(header, claims)
	}
	return sign(c.t, header, claims, key)
}

func sign(t testing.TB, header, claims map[string]any, key *rsa.PrivateKey) string {
	t.Helper()
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (c *client) seed(path string, body any) {
	c.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.tenant.Seed([]sim.Document{{Path: path, Body: raw}}); err != nil {
		c.t.Fatal(err)
	}
}

type m = map[string]any

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// script is a body for PUT scripts/{id}.
func script(name, source string) m {
	return m{"name": name, "script": b64(source), "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE"}
}

// tree is a journey of nodes that are there: id -> type.
func tree(entry string, held m) m {
	ns := m{}
	for id, kind := range held {
		ns[id] = m{"x": 1, "y": 2.5, "connections": m{}, "nodeType": kind, "displayName": id}
	}
	return m{"entryNodeId": entry, "nodes": ns, "staticNodes": m{}, "uiConfig": m{}, "identityResource": "managed/alpha_user"}
}

func ids(l []any) []string {
	var out []string
	for _, e := range l {
		o, _ := e.(map[string]any)
		out = append(out, fmt.Sprint(o["_id"]))
	}
	slices.Sort(out)
	return out
}

func sameJSON(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errors.Join(errA, errB) == nil && bytes.Equal(x, y)
}

// sleeper notes what it was to sleep, and does not.
func sleeper(mu *sync.Mutex, slept *[]time.Duration) func(context.Context, time.Duration) error {
	return func(_ context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		*slept = append(*slept, d)
		return nil
	}
}
