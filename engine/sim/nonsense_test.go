package sim_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// What nobody should send is refused in the API's own words, and the tenant stays up.
func TestNonsense(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.asked = true
	w.dev.login()
	before := len(w.dev.tenant.Documents())
	for _, c := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"PUT", trees + "t", "{", 400},
		{"PUT", trees + "t", "", 400},
		{"PUT", trees + "t", "[1]", 400},
		{"PUT", trees + "t", `{"a":1} {"b":2}`, 400},
		{"PUT", "/openidm/config/x", `"text"`, 400},
		{"PUT", "/openidm/managed/alpha_x/o", "null", 400},
		{"PATCH", "/openidm/managed/alpha_x/none", "{}", 404},
		{"PUT", variables + "esv-x", "{", 400},
		{"PUT", variables + "esv-..%2f..%2fetc", m{"valueBase64": "", "expressionType": "string"}, 400},
		{"PUT", variables + "../../etc/passwd", m{}, 501},
		{"GET", trees + "..%2f..%2f..%2fetc%2fpasswd", nil, 404},
		{"GET", "/am/json/realms/root/realms/..%2f..%2fetc/scripts?_queryFilter=true", nil, 404},
		{"GET", "/am/json/realms/root/realms/nobody/scripts?_queryFilter=true", nil, 404},
		{"GET", "/openidm/config/..%2f..%2fetc%2fpasswd", nil, 404},
		{"GET", alpha + "/scripts?_queryFilter=name+eq+", nil, 400},
		{"GET", alpha + "/scripts?_queryFilter=((((true", nil, 400},
		{"GET", alpha + "/applications?_queryFilter=name+eq+%22(%22", nil, 400},
		{"GET", "/openidm/managed/alpha_x?_queryFilter=true&_pageSize=1&_pagedResultsCookie=x", nil, 400},
		{"BREW", trees + "t", nil, 501},
		{"GET", "/", nil, 501},
		{"GET", "//", nil, 501},
		{"GET", "/am", nil, 501},
		{"GET", "/am/json", nil, 501},
		{"GET", "/openidm", nil, 501},
		{"GET", "/environment", nil, 501},
		{"GET", "/environment/promotion", nil, 501},
		{"POST", "/environment/promotion/promote", "{", 400},
		{"POST", "/environment/promotion/promote", m{}, 400},
	} {
		a, err := w.dev.send(c.method, c.path, c.body)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.path, err)
			continue
		}
		if a.status != c.status || a.body == nil {
			t.Errorf("%s %s: %d, want %d: %.200s", c.method, c.path, a.status, c.status, a.text)
		}
	}
	// An Accept-API-Version that says nothing.
	for _, version := range []string{"x", "resource=", "protocol=9.0", "resource=one"} {
		if a := w.dev.do("GET", trees+"t", nil, "Accept-API-Version", version); a.status != 400 {
			t.Errorf("version %q: %d", version, a.status)
		}
	}
	// Tokens.
	for _, token := range []string{"", "x", "Bearer", strings.Repeat("a", 100_000), "eyJhbGciOiJub25lIn0.e30."} {
		c := *w.dev
		c.token = ""
		for _, path := range []string{trees + "t", "/openidm/config/x", "/environment/variables"} {
			if a, err := c.send("GET", path, nil, "Authorization", "Bearer "+token); err != nil || a.status != 401 || a.body == nil {
				t.Errorf("token %.20q: %d %v", token, a.status, err)
			}
		}
	}
	if after := len(w.dev.tenant.Documents()); after != before {
		t.Errorf("nonsense left %d documents", after-before)
	}
}

// zeros is an endless body.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// A body of 100 MB is refused after the 16 MB a tenant takes, and read no further.
func TestHugeBody(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.login()
	body := &counted{r: io.LimitReader(zeros{}, 100<<20)}
	r, err := http.NewRequest("PUT", w.dev.base+"/openidm/config/big", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.dev.token)
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err == nil {
		drain(res)
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", res.StatusCode)
		}
	} // else the connection was closed on the writer, as HTTP allows
	if n := body.n.Load(); n > 40<<20 {
		t.Errorf("%d MB were read", n>>20)
	}
	w.dev.want(404, "GET", "/openidm/config/big", nil)
}

// counted counts what is read; the transport may still read when the answer is there.
type counted struct {
	r io.Reader
	n atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
