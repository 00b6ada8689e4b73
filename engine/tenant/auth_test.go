package tenant

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// tokenServer gives out tokens t1, t2, … and accepts only those that are not revoked and not old.
type tokenServer struct {
	mu      sync.Mutex
	life    time.Duration
	given   int
	until   map[string]time.Time
	asks    []url.Values
	refuse  func(w http.ResponseWriter) bool
	request func(w http.ResponseWriter, r *http.Request)
}

func (s *tokenServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != tokenPath {
		s.mu.Lock()
		until, known := s.until[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		s.mu.Unlock()
		if !known || !time.Now().Before(until) {
			answer(w, 401, `{"code":401,"reason":"Unauthorized","message":"token expired"}`)
			return
		}
		s.request(w, r)
		return
	}
	time.Sleep(time.Second)
	b, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(b))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks = append(s.asks, form)
	if s.refuse != nil && s.refuse(w) {
		return
	}
	s.given++
	token := fmt.Sprint("t", s.given)
	s.until[token] = time.Now().Add(s.life)
	answer(w, 200, fmt.Sprintf(`{"access_token":%q,"scope":"fr:idm:* fr:am:* fr:idc:esv:*","token_type":"Bearer","expires_in":%d}`, token, int(s.life/time.Second)))
}

func withTokens(t *testing.T, change ...func(*Config)) (*tokenServer, *Client) {
	t.Helper()
	s := &tokenServer{life: 899 * time.Second, until: map[string]time.Time{}}
	s.request = func(w http.ResponseWriter, r *http.Request) { answer(w, 200, `{"tier":"dev"}`) }
	c := withHandler(t, s.ServeHTTP, append([]func(*Config){func(c *Config) {
		c.Token, c.ServiceAccount, c.Key = "", "449d7e27-7889-47af-a736-83b6bbf97ec5", makeJWK(t)
	}}, change...)...)
	return s, c
}

func TestAssertion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withTokens(t)
		start := time.Now()
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(s.asks) != 1 {
			t.Fatalf("asked for %d tokens", len(s.asks))
		}
		form := s.asks[0]
		if form.Get("client_id") != "service-account" || form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || form.Get("scope") != DefaultScope {
			t.Errorf("form %v", form)
		}
		parts := strings.Split(form.Get("assertion"), ".")
		header, err := base64.RawURLEncoding.DecodeString(parts[0])
		if err != nil || string(header) != `{"alg":"RS256"}` {
			t.Errorf("header %s, %v", header, err)
		}
		jws, err := jose.ParseSignedCompact(form.Get("assertion"), []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := jws.Verify(&makeKey().PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Iss, Sub, Aud, Jti string
			Exp                int64
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		id := "449d7e27-7889-47af-a736-83b6bbf97ec5"
		if claims.Iss != id || claims.Sub != id || claims.Exp != start.Add(180*time.Second).Unix() || len(claims.Jti) < 16 ||
			claims.Aud != "https://openam-acme-dev.forgeblocks.com:443/am/oauth2/access_token" {
			t.Errorf("claims %s", payload)
		}
	})
}

func TestTokenIsRenewedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withTokens(t, func(c *Config) { c.Parallel = 20 })
		burst := func() {
			t.Helper()
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if _, err := c.Info(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		for i, tt := range []struct {
			wait  time.Duration
			asked int
			do    func()
		}{
			{0, 1, nil},
			{830 * time.Second, 1, nil}, // 68 s are left
			{10 * time.Second, 2, nil},  // early: the old one is good for another 58 s
			{0, 3, func() { s.until = map[string]time.Time{} }}, // revoked: 20 requests get a 401
			{2000 * time.Second, 4, nil},
		} {
			time.Sleep(tt.wait)
			if tt.do != nil {
				tt.do()
			}
			burst()
			if len(s.asks) != tt.asked {
				t.Errorf("step %d: asked for %d tokens, want %d", i, len(s.asks), tt.asked)
			}
		}
	})
}

func TestShortLivedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withTokens(t)
		s.life = 10 * time.Second
		for range 20 {
			if _, err := c.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if n := len(s.asks); n != 3 {
			t.Errorf("asked for %d tokens", n)
		}
	})
}

// A promotion that was refused for its token was not started: it may go out again, body and all.
func TestExpiredTokenUnderPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withTokens(t)
		var bodies []string
		s.request = func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(b))
			answer(w, 202, `{"result":"started"}`)
		}
		if err := c.Promote(t.Context(), PromoteRequest{DryRun: true}); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.until = map[string]time.Time{}
		s.mu.Unlock()
		if err := c.Promote(t.Context(), PromoteRequest{DryRun: true}); err != nil {
			t.Fatal(err)
		}
		if len(bodies) != 2 || bodies[0] != bodies[1] || bodies[0] != `{"dryRun":true,"ignoreEncryptedSecrets":false,"unlockEnvironmentsAfterPromotion":false}` || len(s.asks) != 2 {
			t.Errorf("%q, %d tokens", bodies, len(s.asks))
		}
	})
}

func TestTokenRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		body, want string
	}{
		"scope": {400, `{"error_description":"Unsupported scope for service account: fr:idc:promotion:*","error":"invalid_scope"}`,
			"dev: token refused: service account 449d7e27-7889-47af-a736-83b6bbf97ec5 may not ask for scope fr:idc:promotion:*\n" +
				"  Tenant answered 400 invalid_scope at /am/oauth2/access_token.\n" +
				"  Add the scope under Tenant settings > Service Accounts, or do the work that needs it with another account."},
		"key": {400, `{"error_description":"The JWT is invalid","error":"invalid_grant"}`,
			"dev: token refused: the tenant doesn't accept the key of service account 449d7e27-7889-47af-a736-83b6bbf97ec5\n" +
				"  Tenant answered 400 invalid_grant at /am/oauth2/access_token.\n" +
				"  It says: The JWT is invalid\n" +
				"  Check that the account is one of this tenant (" + testURL + "), that the key is its newest, and that this machine's clock is right."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := withTokens(t)
				s.refuse = func(w http.ResponseWriter) bool { answer(w, tt.status, tt.body); return true }
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						_, err := c.Info(t.Context())
						if err == nil || err.Error() != tt.want {
							t.Errorf("%v\nwant %s", err, tt.want)
						}
					})
				}
				wg.Wait()
				if len(s.asks) != 1 {
					t.Errorf("a refused account asked %d times", len(s.asks))
				}
				// A later call does ask: the account may have been given the scope meanwhile.
				s.mu.Lock()
				s.refuse = nil
				s.mu.Unlock()
				if _, err := c.Info(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestTokenEndpointIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := withTokens(t)
		n := 0
		s.refuse = func(w http.ResponseWriter) bool {
			if n++; n < 3 {
				w.WriteHeader(503)
				return true
			}
			return false
		}
		if _, err := c.Info(t.Context()); err != nil || len(s.asks) != 3 {
			t.Errorf("%v after %d tries", err, len(s.asks))
		}
		// It is asked five times, not five times five.
		s.refuse = func(w http.ResponseWriter) bool { panic(http.ErrAbortHandler) }
		time.Sleep(time.Hour)
		if _, err := c.Info(t.Context()); err == nil || len(s.asks) != 3+5 {
			t.Errorf("%v after %d tries", err, len(s.asks)-3)
		}
	})
}

// Who is interrupted while asking for the token doesn't take the others along.
func TestInterruptedLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := withTokens(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		var good atomic.Int32
		wg.Go(func() {
			if _, err := c.Info(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the interrupted one: %v", err)
			}
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				if _, err := c.Info(t.Context()); err == nil {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		if good.Load() != 3 {
			t.Errorf("%d of 3 got through", good.Load())
		}
	})
}

func TestGivenToken(t *testing.T) {
	for _, token := range []string{"abc", " abc\n", "Bearer abc"} {
		c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Authorization"); got != "Bearer abc" {
				t.Errorf("%q: %q", token, got)
			}
			answer(w, 401, `{"code":401,"message":"unauthorized"}`)
		}, func(c *Config) { c.Token = token })
		_, err := c.Info(t.Context())
		if StatusOf(err) != 401 || !strings.Contains(err.Error(), "expired or for another tenant") {
			t.Errorf("error %v", err)
		}
	}
	if _, err := New(Config{URL: testURL, Token: "a b"}); err == nil || strings.Contains(err.Error(), "a b") {
		t.Errorf("error %v", err)
	}
}

func TestScopesNotGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := withTokens(t, func(c *Config) { c.Scope = DefaultScope + " fr:idc:promotion:*" })
		lacks, err := c.tokens.lacking(t.Context())
		if err != nil || !slices.Equal(lacks, []string{"fr:idc:promotion:*"}) {
			t.Errorf("%q, %v", lacks, err)
		}
	})
}

func TestAgainstSimulatedTokens(t *testing.T) {
	_, c := simulated(t, sim.Options{})
	if _, err := c.Version(t.Context()); err != nil {
		t.Error(err)
	}
	_, c = simulated(t, sim.Options{}, func(c *Config) { c.Scope = "fr:am:* fr:made-up:*" })
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "may not ask for scope fr:made-up:*") {
		t.Errorf("error %v", err)
	}
	_, c = simulated(t, sim.Options{}, func(c *Config) { c.ServiceAccount = "00000000-0000-4000-8000-000000000000" })
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "token refused") {
		t.Errorf("error %v", err)
	}
}
