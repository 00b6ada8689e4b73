package engine_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

// stride thins a matrix out where it would take too long: every nth point is tried. LOCKSTEP_MATRIX=all tries
// every single one (about two minutes on two idle cores).
func stride() int {
	switch {
	case os.Getenv("LOCKSTEP_MATRIX") == "all":
		return 1
	case testing.Short():
		return 17
	case raced:
		return 15
	}
	return 3
}

// smallStride is stride for the small matrices: every point, but under the race detector and in a hurry.
func smallStride() int {
	if raced || testing.Short() {
		return min(stride(), 3)
	}
	return 1
}

// everyWrite is the step from one cut off write to the next: each, or every third under the race detector.
func everyWrite(t *testing.T) int {
	t.Helper()
	if raced && stride() > 1 {
		t.Log("every third write is cut off; LOCKSTEP_MATRIX=all cuts each, and so does a run without the race detector")
		return 3
	}
	return 1
}

// A mortal process dies at its nth write, to its journal or to a tenant: what it does after that has no
// effect any more. It dies before a write, in the middle of a line of the journal, or after a write whose
// answer it does not live to see.
type mortal struct {
	mu   sync.Mutex
	left int // points until death; never when it starts at 0
	dead bool
	at   string
}

var errDead = errors.New("the process is dead")

// point is a moment at which it may die.
func (m *mortal) point(at string) (dead bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return true
	}
	if m.left--; m.left == 0 {
		m.dead, m.at = true, at
	}
	return m.dead
}

func (m *mortal) gone() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// mortalFile is a journal's file of a mortal process.
type mortalFile struct {
	engine.JournalFile
	m *mortal
}

func (f mortalFile) Write(p []byte) (int, error) {
	line, _, _ := strings.Cut(string(p), ",")
	if f.m.point("before journal " + line) {
		return 0, errDead
	}
	if f.m.point("in the middle of journal " + line) {
		if f.m.at == "in the middle of journal "+line {
			_, _ = f.JournalFile.Write(p[:len(p)/2])
		}
		return 0, errDead
	}
	if _, err := f.JournalFile.Write(p); err != nil {
		return 0, err
	}
	if f.m.point("after journal " + line) {
		return 0, errDead
	}
	return len(p), nil
}

func (f mortalFile) Truncate(n int64) error {
	if f.m.gone() {
		return errDead
	}
	return f.JournalFile.Truncate(n)
}

func (f mortalFile) Seek(n int64, from int) (int64, error) {
	if f.m.gone() {
		return 0, errDead
	}
	return f.JournalFile.Seek(n, from)
}

// mortalWire is the way of a mortal process to a tenant.
type mortalWire struct {
	next http.RoundTripper
	m    *mortal
}

func (w mortalWire) RoundTrip(req *http.Request) (*http.Response, error) {
	if w.m == nil || !isWrite(req) {
		if w.m != nil && w.m.gone() {
			return nil, errDead
		}
		return w.next.RoundTrip(req)
	}
	if w.m.point("before " + req.Method + " " + req.URL.Path) {
		return nil, errDead
	}
	resp, err := w.next.RoundTrip(req)
	if w.m.point("after " + req.Method + " " + req.URL.Path) {
		return nil, errDead
	}
	return resp, err
}

// isWrite: requests for a token and lists by POST change nothing.
func isWrite(req *http.Request) bool {
	return req.Method != http.MethodGet && !strings.HasPrefix(req.URL.Path, "/am/oauth2/") &&
		req.URL.Query().Get("_action") != "nextdescendents" && req.URL.Query().Get("_action") != "getAllTypes"
}

// clientOver is a client whose requests go through a wire of the test.
func clientOver(t *testing.T, g *sim.Group, role string, wire func(http.RoundTripper) http.RoundTripper, retries int) *tenant.Client {
	t.Helper()
	a := g.ServiceAccount()
	c, err := tenant.New(tenant.Config{
		Name: role, URL: urlOf(role), ServiceAccount: a.ID, Key: a.JWK, Rate: -1, Retries: retries,
		Transport: wire(inProcess{g.Tenant(role)}), Scope: tenant.DefaultScope + " " + tenant.PromotionScope + " " + tenant.SessionScope,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mortalClient(t *testing.T, g *sim.Group, role string, m *mortal) *tenant.Client {
	t.Helper()
	return clientOver(t, g, role, func(next http.RoundTripper) http.RoundTripper { return mortalWire{next, m} }, -1)
}

// mortalJournal opens the journal of a mortal process.
func mortalJournal(t *testing.T, dir string, m *mortal) *engine.Journal {
	t.Helper()
	j := openJournal(t, dir)
	j.WrapFile(func(f engine.JournalFile) engine.JournalFile { return mortalFile{f, m} })
	return j
}

// A fault is what happens to one request, or what somebody else does before it.
type fault struct {
	name  string
	reply func(req *http.Request) *http.Response // instead of the tenant's answer
	// cut: the request never reaches the tenant; lose: it does, and the answer doesn't come back; half: the
	// answer ends in the middle; slow: it takes longer than the client waits.
	cut, lose, half, slow bool
}

func answerOf(status int, body string, retryAfter string) func(*http.Request) *http.Response {
	return func(req *http.Request) *http.Response {
		h := http.Header{"Content-Type": {"application/json"}}
		if retryAfter != "" {
			h.Set("Retry-After", retryAfter)
		}
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: req}
	}
}

// faults are those of the matrix.
func faults() []fault {
	return []fault{
		{name: "429", reply: answerOf(429, `{"code":429,"message":"Too Many Requests"}`, "7")},
		{name: "500", reply: answerOf(500, `{"code":500,"reason":"Internal Server Error","message":"Internal Server Error"}`, "")},
		{name: "503", reply: answerOf(503, "<!doctype html><title>503</title>", "")},
		{name: "401", reply: answerOf(401, `{"code":401,"reason":"Unauthorized","message":"Access Denied"}`, "")},
		{name: "cut before", cut: true},
		{name: "cut after", lose: true},
		{name: "cut in the middle of the answer", half: true},
		{name: "slow", slow: true},
	}
}

// faultyWire lets the fault happen to the nth request; 0 is never.
type faultyWire struct {
	next http.RoundTripper
	f    fault
	mu   *sync.Mutex
	left *int
	hit  *string
}

func newFaultyWire(f fault, n int) (wire func(http.RoundTripper) http.RoundTripper, hit *string) {
	left, at := n, ""
	w := faultyWire{f: f, mu: new(sync.Mutex), left: &left, hit: &at}
	return func(next http.RoundTripper) http.RoundTripper { w.next = next; return w }, &at
}

func (w faultyWire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	*w.left--
	now := *w.left == 0
	if now {
		*w.hit = req.Method + " " + req.URL.Path
	}
	w.mu.Unlock()
	if !now {
		return w.next.RoundTrip(req)
	}
	switch {
	case w.f.reply != nil:
		return w.f.reply(req), nil
	case w.f.cut:
		return nil, errors.New("connection reset by peer")
	case w.f.slow:
		select {
		case <-time.After(10 * time.Minute):
		case <-req.Context().Done():
		}
		return nil, req.Context().Err()
	}
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if w.f.half {
		body, err := io.ReadAll(resp.Body)
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(body[:len(body)/2])), &brokenPipe{}))
		return resp, err
	}
	return nil, errors.New("unexpected EOF")
}

type brokenPipe struct{}

func (*brokenPipe) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
