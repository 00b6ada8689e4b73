package tenant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

func TestTenantURL(t *testing.T) {
	for _, tt := range []struct{ in, want, err string }{
		{in: "https://openam-acme.forgeblocks.com", want: "https://openam-acme.forgeblocks.com"},
		{in: " https://openam-acme.forgeblocks.com/am/ ", want: "https://openam-acme.forgeblocks.com"},
		{in: "https://openam-acme.forgeblocks.com/am", want: "https://openam-acme.forgeblocks.com"},
		{in: "https://openam-acme.forgeblocks.com:8443", want: "https://openam-acme.forgeblocks.com:8443"},
		{in: "http://127.0.0.1:8080/am", want: "http://127.0.0.1:8080"},
		{in: "http://[::1]:8080", want: "http://[::1]:8080"},
		{in: "http://localhost:1", want: "http://localhost:1"},
		{in: "", err: "no tenant URL"},
		{in: "openam-acme.forgeblocks.com", err: "can't be read"},
		{in: "https://", err: "can't be read"},
		{in: "http://openam-acme.forgeblocks.com", err: "in the clear"},
		{in: "http://127.0.0.1.evil.example", err: "in the clear"},
		{in: "ftp://openam-acme.forgeblocks.com", err: "scheme"},
		{in: "https://user:hunter2@openam-acme.forgeblocks.com", err: "user name"},
		{in: "https://user:hunter2@%zz", err: "can't be read"},
		{in: "https://openam-acme.forgeblocks.com/platform", err: "after the host"},
		{in: "https://openam-acme.forgeblocks.com?x=1", err: "after the host"},
	} {
		got, err := tenantURL(tt.in)
		switch {
		case tt.err == "" && (err != nil || got != tt.want):
			t.Errorf("tenantURL(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("tenantURL(%q): error %v; want %q", tt.in, err, tt.err)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("tenantURL(%q) repeats the password: %v", tt.in, err)
		}
	}
}

func TestAudienceHasPort(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example":      "https://a.example:443/am/oauth2/access_token",
		"https://a.example:8443": "https://a.example:8443/am/oauth2/access_token",
		"http://localhost":       "http://localhost:80/am/oauth2/access_token",
		"http://[::1]:9":         "http://[::1]:9/am/oauth2/access_token",
	} {
		if got := audience(in); got != want {
			t.Errorf("audience(%s) = %s, want %s", in, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	k := makeKey()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	block := func(typ string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}))
	}
	jwk := string(makeJWK(t))
	d := jwk[strings.Index(jwk, `"d":"`)+5:][:40]
	for name, tt := range map[string]struct{ key, err string }{
		"jwk":              {jwk, ""},
		"jwk after a mark": {"\xef\xbb\xbf" + jwk + "\n", ""},
		"jwks":             {`{"keys":[` + jwk + `]}`, ""},
		"two jwks":         {`{"keys":[` + jwk + `,` + jwk + `]}`, "set of 2"},
		"pkcs1":            {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)), ""},
		"pkcs8":            {block("PRIVATE KEY", pkcs8), ""},
		"pkcs8 as rsa":     {block("RSA PRIVATE KEY", pkcs8), ""},
		"empty":            {" \n", "no private key"},
		"path":             {"/home/me/sa.jwk", "path"},
		"cut jwk":          {jwk[:len(jwk)/2], "not a valid JWK"},
		"public jwk":       {`{"kty":"RSA","n":"` + strings.Repeat("u", 342) + `","e":"AQAB"}`, "public key"},
		"changed jwk":      {strings.Replace(jwk, `"d":"`, `"d":"BBBB`, 1), "not a valid JWK"},
		"ec":               {block("PRIVATE KEY", ecDER), "not RSA"},
		"cut pem":          {block("PRIVATE KEY", pkcs8)[:300], "not valid PEM"},
		"bad der":          {block("PRIVATE KEY", pkcs8[:100]), "PKCS #8"},
		"encrypted":        {block("ENCRYPTED PRIVATE KEY", pkcs8), "pass phrase"},
		"certificate":      {block("CERTIFICATE", pkcs8), "CERTIFICATE"},
	} {
		_, err := New(Config{Name: "dev", URL: testURL, ServiceAccount: "449d7e27", Key: []byte(tt.key)})
		switch {
		case tt.err == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: error %v, want %q", name, err, tt.err)
		case err != nil && !strings.HasPrefix(err.Error(), "dev: service account 449d7e27: "):
			t.Errorf("%s: the error doesn't say whose key: %v", name, err)
		case err != nil && (strings.Contains(err.Error(), d) || strings.Contains(err.Error(), "uuuu") || strings.Contains(err.Error(), "home")):
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
	if _, err := New(Config{Name: "dev", URL: testURL}); err == nil || !strings.Contains(err.Error(), "no credentials") {
		t.Errorf("no credentials: %v", err)
	}
}

// Whatever the tenant answers, neither the token nor a body's values reach the error.
func TestRefusals(t *testing.T) {
	html := "<!doctype html><title>Sign in</title>secret-of-the-page"
	for name, tt := range map[string]struct {
		status      int
		kind, body  string
		want        string // part of the error
		notExist    bool
		permission  bool
		locked      bool
		answersBody bool
	}{
		"am 404":         {404, "application/json", `{"code":404,"reason":"Not Found","message":"Not Found"}`, "dev: GET /am/json/x: 404 Not Found", true, false, false, false},
		"env 404":        {404, "application/json", `{"code":404,"message":"The variable does not exist\n"}`, "The variable does not exist", true, false, false, false},
		"empty 404":      {404, "", "", "404 Not Found", true, false, false, false},
		"html 200":       {200, "text/html", html, "answered HTML where JSON was due\n  Is this the tenant's URL? " + testURL, false, false, false, false},
		"unmarked html":  {200, "", html, "answered HTML", false, false, false, false},
		"html 404":       {404, "text/html", html, "answered HTML", false, false, false, false},
		"html 403":       {403, "text/html", html, "the front end refused it", false, true, false, false},
		"redirect":       {302, "", "", "redirect", false, false, false, false},
		"403":            {403, "application/json", `{"code":403,"message":"This operation is not available in PingOne Advanced Identity Cloud."}`, "not available", false, true, false, false},
		"locked":         {409, "application/json", `{"code":409,"message":"Environment is already locked for promotion 8acd3a87-aaaa-4bbb-8ccc-0123456789ab"}`, "already locked", false, false, true, false},
		"not locked":     {409, "application/json", `{"message":"Environment is not in locked state"}`, "not in locked", false, false, false, false},
		"name taken":     {409, "application/json", `{"code":409,"message":"Script with name N already exist in realm /alpha"}`, "already exist", false, false, false, false},
		"old code":       {422, "application/json", `{"code":606,"message":"encoding in body should be one of [generic]"}`, "422 606", false, false, false, false},
		"value repeated": {400, "application/json", `{"code":400,"message":"bad\n\nValue:\n  \"secret-of-the-page\""}`, "400 Bad Request: bad", false, false, false, false},
		"token repeated": {400, "application/json", `{"code":400,"message":"eyJhbGciOiJSUzI1NiJ9.secret.secret-of-the-page is bad"}`, "*** is bad", false, false, false, false},
		"plain":          {403, "text/plain", "Forbidden", "403 Forbidden", false, true, false, false},
		"not json":       {200, "application/json", `{"a":`, "can't be read", false, false, false, false},
		"a list":         {200, "application/json", `[]`, "something else than a JSON object", false, false, false, false},
		"nothing":        {200, "application/json", ``, "can't be read", false, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
				if tt.kind != "" {
					w.Header().Set("Content-Type", tt.kind)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}, noRetries)
			_, err := c.object(t.Context(), call{method: "GET", path: "/am/json/x"})
			if err == nil {
				t.Fatal("no error")
			}
			text := err.Error()
			if !strings.Contains(text, tt.want) {
				t.Errorf("error %q, want %q", text, tt.want)
			}
			if strings.Contains(text, "secret") || strings.Contains(text, "ready-token") {
				t.Errorf("the error shows too much: %q", text)
			}
			if errors.Is(err, fs.ErrNotExist) != tt.notExist || errors.Is(err, fs.ErrPermission) != tt.permission || IsLocked(err) != tt.locked {
				t.Errorf("not exist %t, permission %t, locked %t", errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), IsLocked(err))
			}
		})
	}
	err := error(&Error{Status: 409, Message: "Environment is already locked for promotion 8acd3a87-aaaa-4bbb-8ccc-0123456789ab"})
	if got := LockedBy(err); got != "8acd3a87-aaaa-4bbb-8ccc-0123456789ab" {
		t.Errorf("LockedBy = %q", got)
	}
}

func TestHeaders(t *testing.T) {
	var got http.Header
	var body string
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r.Header, string(b)
		answer(w, 200, `{}`)
	}, func(c *Config) { c.UserAgent = "lockstep/1.2" })
	if _, err := c.object(t.Context(), call{method: "PUT", path: "/am/json/x", version: "resource=1.0", body: map[string]any{"html": "<b>&{esv.x}</b>"}}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer ready-token", "Accept-Api-Version": "resource=1.0", "Content-Type": "application/json", "User-Agent": "lockstep/1.2",
	} {
		if got.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Get(name), want)
		}
	}
	if !strings.HasPrefix(got.Get("X-ForgeRock-TransactionId"), "lockstep-") {
		t.Error("no transaction id")
	}
	if body != `{"html":"<b>&{esv.x}</b>"}` {
		t.Errorf("body %s", body)
	}
}

func TestListPages(t *testing.T) {
	pages := map[string]string{
		"":  `{"result":[{"_id":"a"}],"pagedResultsCookie":"1","totalPagedResultsPolicy":"NONE","totalPagedResults":-1}`,
		"1": `{"result":[{"_id":"b"}],"pagedResultsCookie":null,"totalPagedResultsPolicy":"NONE","totalPagedResults":-1}`,
		"x": `{"result":[{"_id":"b"}],"pagedResultsCookie":null,"totalPagedResultsPolicy":"EXACT","totalPagedResults":3}`,
		"y": `{"result":[],"pagedResultsCookie":"y"}`,
	}
	serve := func(first string) *Client {
		return withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			cookie := r.URL.Query().Get("_pagedResultsCookie")
			if cookie == "" {
				cookie = first
			}
			answer(w, 200, pages[cookie])
		})
	}
	k := call{method: "GET", path: "/openidm/config", query: "_queryFilter=true"}
	if got, err := serve("").list(t.Context(), k); err != nil || len(got) != 2 {
		t.Errorf("two pages: %v, %v", got, err)
	}
	if _, err := serve("x").list(t.Context(), k); err == nil || !strings.Contains(err.Error(), "1 of 3") {
		t.Errorf("a list that is cut off: %v", err)
	}
	if _, err := serve("y").list(t.Context(), k); err == nil || !strings.Contains(err.Error(), "same page") {
		t.Errorf("the same page again and again: %v", err)
	}
}

func TestIDCantLeaveItsPlace(t *testing.T) {
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) })
	for _, id := range []string{"..", "../../x", "."} {
		r := &schema.Resource{Key: schema.Key{Type: "script", Realm: "alpha", ID: id}, Body: map[string]any{}}
		if _, err := c.Get(t.Context(), r.Key); err == nil {
			t.Errorf("Get %q", id)
		}
		if _, err := c.Put(t.Context(), r, nil); err == nil {
			t.Errorf("Put %q", id)
		}
		if err := c.Delete(t.Context(), r); err == nil {
			t.Errorf("Delete %q", id)
		}
	}
}

func TestTooLongAnAnswer(t *testing.T) {
	x := &exchange{limit: 10, timeout: time.Minute, next: inProcess{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Query().Get("body"))
	})}}
	if _, err := x.RoundTrip(newRequest(t, "GET", "/x?body=0123456789", "")); err != nil {
		t.Error(err)
	}
	if _, err := x.RoundTrip(newRequest(t, "GET", "/x?body=0123456789a", "")); err == nil || !strings.Contains(err.Error(), "more than 10 bytes") || isTransient(err) {
		t.Errorf("error %v", err)
	}
}
