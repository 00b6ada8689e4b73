package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// Admin is the simulator's own endpoint, beside the tenants': it tells what they were
// asked and lets things go wrong. It answers to loopback only, by address and by name,
// so that no page in a browser can reach it.
//
//	GET    /tenants                  roles, writes, crashed or not
//	GET    /tenants/{role}/requests  the log; ?unknown=true for what nobody knew
//	GET    /tenants/{role}/counts    how often each kind of request came
//	GET    /tenants/{role}/faults    the faults as set
//	PUT    /tenants/{role}/faults    ["latency=50ms", "every=10:429:2s"]
//	DELETE /tenants/{role}/faults    none any more; a crashed tenant starts again
//	POST   /tenants/{role}/unblock   as the vendor's support after a blocking error
//	GET    /faults                   the faults there are
func (g *Group) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, FaultHelp())
	})
	mux.HandleFunc("GET /tenants", func(w http.ResponseWriter, _ *http.Request) {
		all := []any{}
		for _, t := range g.Tenants() {
			all = append(all, object{"role": t.Role(), "writes": t.Writes(), "crashed": t.Crashed(), "unknown": len(t.Unknown())})
		}
		adminJSON(w, http.StatusOK, all)
	})
	on := func(pattern string, serve func(w http.ResponseWriter, r *http.Request, t *Tenant)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			t := g.Tenant(r.PathValue("role"))
			if t == nil {
				adminJSON(w, http.StatusNotFound, object{"message": "there is no tenant " + r.PathValue("role")})
				return
			}
			serve(w, r, t)
		})
	}
	on("GET /tenants/{role}/requests", func(w http.ResponseWriter, r *http.Request, t *Tenant) {
		l := t.Requests()
		if r.URL.Query().Get("unknown") == "true" {
			l = t.Unknown()
		}
		adminJSON(w, http.StatusOK, append([]Request{}, l...))
	})
	on("GET /tenants/{role}/counts", func(w http.ResponseWriter, _ *http.Request, t *Tenant) {
		adminJSON(w, http.StatusOK, append([]Count{}, t.Counts()...))
	})
	on("GET /tenants/{role}/faults", func(w http.ResponseWriter, _ *http.Request, t *Tenant) {
		adminJSON(w, http.StatusOK, append([]string{}, t.faultTexts()...))
	})
	on("PUT /tenants/{role}/faults", putFaults)
	on("DELETE /tenants/{role}/faults", func(w http.ResponseWriter, _ *http.Request, t *Tenant) {
		t.Heal()
		adminJSON(w, http.StatusOK, []string{})
	})
	on("POST /tenants/{role}/unblock", func(w http.ResponseWriter, _ *http.Request, t *Tenant) {
		t.Unblock()
		adminJSON(w, http.StatusOK, object{})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) || r.Header.Get("Origin") != "" {
			adminJSON(w, http.StatusForbidden, object{"message": "the simulator's admin endpoint answers to this machine only"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func putFaults(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var texts []string
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&texts); err != nil {
		adminJSON(w, http.StatusBadRequest, object{"message": `want a JSON list such as ["latency=50ms"]: ` + err.Error()})
		return
	}
	f, err := ParseFaults(texts)
	if err != nil {
		adminJSON(w, http.StatusBadRequest, object{"message": err.Error()})
		return
	}
	t.faultsBy(f, texts)
	adminJSON(w, http.StatusOK, texts)
}

// ParseFaults reads faults as Faults.Set does.
func ParseFaults(texts []string) (Faults, error) {
	var f Faults
	for _, text := range texts {
		if err := f.Set(text); err != nil {
			return Faults{}, err
		}
	}
	return f, nil
}

// faultsBy sets faults and keeps the words they were asked for in.
func (t *Tenant) faultsBy(f Faults, texts []string) {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	t.setFaults(f)
	t.faults.texts = slices.Clone(texts)
}

func (t *Tenant) faultTexts() []string {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return slices.Clone(t.faults.texts)
}

// SetFaultTexts is SetFaults for faults in words.
func (t *Tenant) SetFaultTexts(texts []string) error {
	f, err := ParseFaults(texts)
	if err != nil {
		return fmt.Errorf("tenant %s: %w", t.role, err)
	}
	t.faultsBy(f, texts)
	return nil
}

func adminJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the client has gone
}

// isLoopback tells an address or host name, with or without port, of this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
