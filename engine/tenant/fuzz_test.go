package tenant

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Whatever a tenant or a front end answers: one line, no value, no panic.
func FuzzRefusal(f *testing.F) {
	const value = "hunter2-hunter2"
	f.Add(400, "application/json", `{"code":400,"message":"bad hunter2-hunter2"}`)
	f.Add(400, "application/json", `{"error":"hunter2-hunter2","error_description":"x\r\ny"}`)
	f.Add(403, "text/plain", "Forbidden hunter2-hunter2\nmore")
	f.Add(404, "text/html", "<html>hunter2-hunter2")
	f.Add(409, "", `{"code":"hunter2-hunter2","detail":{"validAttributes":[1]}}`)
	f.Add(500, "", "\x00\xff")
	c := &Client{name: "dev", base: testURL, tokens: &tokens{fixed: "x"}}
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		k := call{method: "PUT", path: "/x", hide: []string{value}}
		err := c.refusal(k, &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}}, []byte(body))
		if err == nil {
			if status < 200 || status >= 300 {
				t.Errorf("%d is no error", status)
			}
			return
		}
		if e := err.(*Error); strings.Contains(err.Error(), value) || strings.ContainsAny(e.Message+e.Code, "\r\n\x00") || len(e.Message) > 2000 {
			t.Errorf("error %q", err)
		}
	})
}

func FuzzTenantURL(f *testing.F) {
	for _, s := range []string{testURL, testURL + "/am/", "http://127.0.0.1:1", "http://[::1%25lo]:1", "https://a:b@c", "https://a#b", "//x", "https://[", "HTTPS://X/AM"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		base, err := tenantURL(s)
		if err != nil {
			return
		}
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("tenantURL(%q) = %q", s, base)
		}
		if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
			t.Errorf("tenantURL(%q) = %q sends tokens in the clear", s, base)
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Add([]byte(`{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----"))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKey(data)
		if (k == nil) == (err == nil) {
			t.Errorf("key %v, error %v", k != nil, err)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "0", "120", "-1", "99999999999999999999", "Wed, 21 Oct 2026 07:28:00 GMT", "soon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := retryAfter(http.Header{"Retry-After": {s}}, time.Unix(0, 0)); d < 0 || !ok && d != 0 {
			t.Errorf("%q: %s, %t", s, d, ok)
		}
	})
}
