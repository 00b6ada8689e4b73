package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A real tenant has what its configuration refers to; the peers' clients fail where the sandbox has not.
func TestSandboxHasWhatTenantsHave(t *testing.T) {
	set, _, err := repo.Load(examples.Quickstart(), ".", repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{}
	for _, d := range sandboxDocuments(set) {
		if paths[d.Path] {
			t.Errorf("%s is there twice", d.Path)
		}
		paths[d.Path] = true
	}
	brought := 0
	for _, ref := range schema.References(set) {
		typ, ok := schema.TypeOf(ref.To.Type)
		if !ok || !typ.Libraries || !ref.Found {
			continue
		}
		if !set.Knows(ref.To) {
			brought++
		}
		if p := strings.NewReplacer("{realm}", ref.To.Realm, "{id}", ref.To.ID).Replace(typ.API.Path); !paths[p] {
			t.Errorf("%s, which %s names, is not there", ref.To, ref.From)
		}
	}
	if brought == 0 {
		t.Error("the quickstart names no script of the product's; this test needs one that does")
	}
	if !paths["/openidm/config/sync"] || !paths["/am/json/realms/root/realms/alpha/realm-config/authentication"] {
		t.Error("the mappings or the realm's authentication settings are not there")
	}
}

// scriptIn is the script that the test writes, as development holds it.
func scriptIn(s *sandbox) string {
	for _, d := range s.group.Tenant("development").Documents() {
		if strings.HasSuffix(d.Path, "/scripts/s") {
			return string(d.Body)
		}
	}
	return ""
}

func openTestSandbox(t *testing.T, dir string) *sandbox {
	t.Helper()
	seed := schema.NewSet("a test")
	sb, err := openSandbox(sandboxStart{dir: dir, seeds: map[string]*schema.Set{"": seed}})
	if err != nil {
		t.Fatal(err)
	}
	return sb
}

// changeScript puts a document as a client does: the change is kept before it is answered.
func changeScript(t *testing.T, sb *sandbox, text string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/am/json/realms/root/authenticate", strings.NewReader("{}"))
	password, err := os.ReadFile(sb.password)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-OpenAM-Username", "administrator@sandbox.example")
	r.Header.Set("X-OpenAM-Password", string(password))
	tenant, w := sb.group.Tenant("development"), httptest.NewRecorder()
	tenant.ServeHTTP(w, r)
	var session struct{ TokenID string }
	if err := json.Unmarshal(w.Body.Bytes(), &session); err != nil || session.TokenID == "" {
		t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	info := httptest.NewRecorder()
	tenant.ServeHTTP(info, httptest.NewRequest(http.MethodGet, "/am/json/serverinfo/*", nil))
	var server struct{ CookieName string }
	if err := json.Unmarshal(info.Body.Bytes(), &server); err != nil {
		t.Fatal(err)
	}
	r = httptest.NewRequest(http.MethodPut, "/am/json/realms/root/realms/alpha/scripts/s", strings.NewReader(`{"name":"n","script":"`+text+`","language":"JAVASCRIPT","context":"AUTHENTICATION_TREE_DECISION_NODE"}`))
	r.AddCookie(&http.Cookie{Name: server.CookieName, Value: session.TokenID})
	w = httptest.NewRecorder()
	tenant.ServeHTTP(w, r)
	if w.Code > 201 {
		t.Fatalf("PUT: %d %s", w.Code, w.Body)
	}
}

func copyOfFolder(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// A change that was answered is there again, at whatever moment the process ended; a damaged file is named with the way out.
func TestSandboxState(t *testing.T) {
	dir := t.TempDir()
	sb := openTestSandbox(t, dir)
	first := copyOfFolder(t, dir) // as it was before any change
	changeScript(t, sb, "b25l")
	changeScript(t, sb, "dHdv")
	killed := copyOfFolder(t, dir)
	if err := sb.close(); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"ended": dir, "killed": killed} {
		sb := openTestSandbox(t, dir)
		if got := scriptIn(sb); !strings.Contains(got, "dHdv") {
			t.Errorf("%s: the second change is missing: %s", name, got)
		}
		if err := sb.close(); err != nil {
			t.Error(err)
		}
	}
	// Killed in the middle of a save: the new state beside the old changes, and a change half written.
	for name, from := range map[string]string{"state.json": dir, "changes.ndjson": killed} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		half := copyOfFolder(t, killed)
		if name == "changes.ndjson" {
			data = append(data, `{"tenants":{"develop`...)
		}
		if err := os.WriteFile(filepath.Join(half, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		sb := openTestSandbox(t, half)
		if got := scriptIn(sb); !strings.Contains(got, "dHdv") {
			t.Errorf("in the middle, %s: the second change is missing: %s", name, got)
		}
		if err := sb.close(); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ file, text, names string }{
		{"state.json", `{"format":2,"gro`, "state.json"},
		{"state.json", "", "state.json"},
		{"state.json", `{"format":2,"group":{"tenants":7}}`, "state.json"},
		{"changes.ndjson", "{}\n\x00\x00\n", "changes.ndjson:2"},
		{"service-account.jwk", "{}", "service-account.jwk"},
	} {
		damaged := copyOfFolder(t, first)
		if err := os.WriteFile(filepath.Join(damaged, c.file), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := openSandbox(sandboxStart{dir: damaged})
		if err == nil || !strings.Contains(err.Error(), filepath.Join(damaged, c.names)) || !strings.Contains(err.Error(), "start anew") {
			t.Errorf("%s of %q: %v", c.file, c.text, err)
		}
	}
}

// pipes is a listener whose connections are made by dial.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, open := <-p; open {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }
func (p pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p <- theirs
	return ours
}

// Who sends a header or a body a byte at a time, or nothing at all, is cut off; who asks is answered meanwhile.
func TestSandboxSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := sim.NewGroup(sim.Options{})
		if err != nil {
			t.Fatal(err)
		}
		listener, server := make(pipes), sandboxServer(g.Tenant("development"))
		done := make(chan struct{})
		go func() { _ = server.Serve(listener); close(done) }()
		const put = "PUT /openidm/config/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
		for _, c := range []struct {
			name, first, drip string
			within            time.Duration
		}{
			{"nothing", "", "", 11 * time.Second},
			{"a header a byte at a time", "GET / HTTP/1.1\r\n", "X", 11 * time.Second},
			{"a body a byte at a time", put, "{", 121 * time.Second},
		} {
			conn := listener.dial()
			var dripping sync.WaitGroup
			dripping.Go(func() {
				_, _ = io.WriteString(conn, c.first)
				for c.drip != "" {
					if _, err := io.WriteString(conn, c.drip); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			start := time.Now()
			_, _ = io.Copy(io.Discard, conn) // until it is cut off
			if took := time.Since(start); took > c.within {
				t.Errorf("%s: cut off after %v only", c.name, took)
			}
			_ = conn.Close()
			dripping.Wait()

			asking := listener.dial()
			go func() {
				_, _ = io.WriteString(asking, "GET /am/json/serverinfo/* HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			}()
			if answer, err := io.ReadAll(asking); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
				t.Errorf("beside %s: %v %.100s", c.name, err, answer)
			}
			_ = asking.Close()
		}
		close(listener)
		<-done
		_ = server.Close()
	})
}
