package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

// retryOver is a retry with jitter that always is j, over a handler.
func retryOver(retries int, j float64, h http.HandlerFunc) *retry {
	return &retry{next: &exchange{next: inProcess{h}, timeout: time.Minute, limit: maxBody}, retries: retries, jitter: func() float64 { return j }}
}

func newRequest(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, testURL+target, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestBackoff(t *testing.T) {
	for _, tt := range []struct {
		jitter float64
		want   []time.Duration
	}{
		{0, []time.Duration{250, 500, 1000, 2000, 4000, 8000, 15000, 15000}},
		{1, []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var at []time.Time
			r := retryOver(len(tt.want), tt.jitter, func(w http.ResponseWriter, _ *http.Request) {
				at = append(at, time.Now())
				w.WriteHeader(503)
			})
			resp, err := r.RoundTrip(newRequest(t, "GET", "/x", ""))
			if err != nil || resp.StatusCode != 503 {
				t.Fatalf("%v, %v", resp, err)
			}
			var got []time.Duration
			for i := 1; i < len(at); i++ {
				got = append(got, at[i].Sub(at[i-1])/time.Millisecond)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("jitter %v: waits %v ms, want %v", tt.jitter, got, tt.want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for name, tt := range map[string]struct {
		header func() string
		want   time.Duration
		tries  int
	}{
		"seconds":        {func() string { return "90" }, 90 * time.Second, 2},
		"date":           {func() string { return time.Now().Add(42 * time.Second).UTC().Format(http.TimeFormat) }, 42 * time.Second, 2},
		"date gone by":   {func() string { return time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat) }, 0, 2},
		"negative":       {func() string { return "-5" }, 0, 2},
		"nonsense":       {func() string { return "soon" }, 250 * time.Millisecond, 2},
		"far too long":   {func() string { return "86400" }, 0, 1},
		"just in bounds": {func() string { return "300" }, 300 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				r := retryOver(4, 0, func(w http.ResponseWriter, _ *http.Request) {
					if tries++; tries == 1 {
						w.Header().Set("Retry-After", tt.header())
						w.WriteHeader(429)
					}
				})
				start := time.Now()
				if _, err := r.RoundTrip(newRequest(t, "GET", "/x", "")); err != nil {
					t.Fatal(err)
				}
				if got := time.Since(start); got != tt.want || tries != tt.tries {
					t.Errorf("waited %s in %d tries, want %s in %d", got, tries, tt.want, tt.tries)
				}
			})
		})
	}
}

func TestRetryAfterReachesTheCaller(t *testing.T) { synctest.Test(t, retryAfterReachesTheCaller) }

func retryAfterReachesTheCaller(t *testing.T) {
	c := withHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		answer(w, 429, `{"code":429,"message":"slow down"}`)
	})
	_, err := c.Info(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Status != 429 || e.RetryAfter != time.Hour || e.Message != "slow down" {
		t.Errorf("%#v", err)
	}
}

func TestWhatIsRepeated(t *testing.T) {
	for _, tt := range []struct {
		method, target string
		want           bool
	}{
		{"GET", "/x", true},
		{"PUT", "/x", true},
		{"DELETE", "/x", true},
		{"POST", "/am/json/realms/root/realms/alpha/realm-config/services?_action=nextdescendents", true},
		{"POST", "/am/json/x?_action=getAllTypes", true},
		{"POST", tokenPath, true},
		{"POST", "/environment/secrets/esv-x/versions?_action=create", true},
		{"POST", "/environment/secrets/esv-x?_action=setDescription", true},
		{"POST", "/am/json/realms/root/realms/alpha/realm-config/federation/circlesoftrust/?_action=create", false},
		{"POST", "/environment/startup?_action=restart", false},
		{"POST", "/environment/promotion/lock", false},
		{"POST", "/environment/promotion/promote", false},
		{"POST", "/environment/promotion/rollback", false},
		{"PATCH", "/x", false},
	} {
		for fault, status := range map[string]int{"429": 429, "502": 502, "503": 503, "504": 504, "cut": 0} {
			synctest.Test(t, func(t *testing.T) {
				var bodies []string
				r := retryOver(4, 0, func(w http.ResponseWriter, req *http.Request) {
					b, _ := io.ReadAll(req.Body)
					bodies = append(bodies, string(b))
					if len(bodies) > 1 {
						return
					}
					if status == 0 {
						panic(http.ErrAbortHandler)
					}
					w.WriteHeader(status)
				})
				_, _ = r.RoundTrip(newRequest(t, tt.method, tt.target, "body"))
				want := []string{"body"}
				if tt.want {
					want = append(want, "body")
				}
				if !slices.Equal(bodies, want) {
					t.Errorf("%s %s after %s: sent %q, want %q", tt.method, tt.target, fault, bodies, want)
				}
			})
		}
	}
	for _, status := range []int{400, 401, 403, 404, 409, 500, 501} {
		n := 0
		r := retryOver(4, 0, func(w http.ResponseWriter, _ *http.Request) { n++; w.WriteHeader(status) })
		if _, err := r.RoundTrip(newRequest(t, "GET", "/am/x", "")); err != nil || n != 1 {
			t.Errorf("%d: %d tries, %v", status, n, err)
		}
	}
}

func TestErrorsThatDontPass(t *testing.T) {
	for name, err := range map[string]error{
		"no such host": &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}},
		"refused":      &Error{Status: 400},
		"canceled":     context.Canceled,
	} {
		if isTransient(fmt.Errorf("wrapped: %w", err)) {
			t.Errorf("%s is tried again", name)
		}
	}
	if !isTransient(io.ErrUnexpectedEOF) {
		t.Error("a cut connection is not tried again")
	}
}

func TestInterruptedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		c := withHandler(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "200")
			w.WriteHeader(503)
		})
		start := time.Now()
		_, err := c.Info(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// hang answers n requests never, and all others at once.
type hang struct {
	n    atomic.Int32
	next http.RoundTripper
}

func (h *hang) RoundTrip(req *http.Request) (*http.Response, error) {
	if h.n.Add(-1) >= 0 {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return h.next.RoundTrip(req)
}

func TestTimeoutIsPerAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hang{next: inProcess{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"tier":"dev"}`) })}}
		h.n.Store(1)
		c := withHandler(t, nil, func(c *Config) { c.Transport, c.Timeout = h, 7*time.Second })
		start := time.Now()
		if i, err := c.Info(t.Context()); err != nil || i.Tier != "dev" {
			t.Errorf("%v, %v", i, err)
		}
		if took := time.Since(start); took < 7*time.Second || took > 8*time.Second {
			t.Errorf("took %s", took)
		}
		h.n.Store(100)
		c = withHandler(t, nil, noRetries, func(c *Config) { c.Transport, c.Timeout = h, 7*time.Second })
		if _, err := c.Info(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing came within 7s") {
			t.Errorf("error %v", err)
		}
	})
}

// cutBody ends the body in the middle of the first answer.
type cutBody struct {
	n    int
	next http.RoundTripper
}

func (c *cutBody) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	if c.n++; err == nil && c.n == 1 {
		resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, 4), failingReader{}))
	}
	return resp, err
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestCutAnswerIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cut := &cutBody{next: inProcess{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"tier":"dev"}`) })}}
		c := withHandler(t, nil, func(c *Config) { c.Transport = cut })
		if i, err := c.Info(t.Context()); err != nil || i.Tier != "dev" || cut.n != 2 {
			t.Errorf("%v, %v after %d exchanges", i, err, cut.n)
		}
	})
}

func TestReloadRace(t *testing.T) {
	for _, tt := range []struct {
		path, body string
		status     int
		tries      int
		waited     time.Duration
	}{
		{"/openidm/config/x", `{"code":401,"message":"Access Denied"}`, 401, 2, time.Second},
		{"/openidm/config/x", `{"code":403,"message":"Access denied"}`, 403, 2, time.Second},
		{"/openidm/config/x", `<!doctype html>403 Forbidden`, 403, 1, 0},
		{"/am/json/x", `{"code":403,"message":"Access denied"}`, 403, 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			n, start := 0, time.Now()
			c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				if string(b) != `{"a":1}` {
					t.Errorf("body %q", b)
				}
				n++
				answer(w, tt.status, tt.body)
			}, noRetries) // the second try is no retry of something that failed
			_, err := c.object(t.Context(), call{method: "PUT", path: tt.path, body: map[string]any{"a": 1}})
			if StatusOf(err) != tt.status || n != tt.tries || time.Since(start) != tt.waited {
				t.Errorf("%s %d: %v, %d tries in %s", tt.path, tt.status, err, n, time.Since(start))
			}
		})
	}
}

// The reload takes none of the attempts that are there for failures.
func TestReloadIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			switch n++; n {
			case 1:
				answer(w, 401, `{"code":401,"message":"Access Denied"}`)
			case 2:
				w.WriteHeader(503)
			default:
				answer(w, 200, `{}`)
			}
		}, func(c *Config) { c.Retries = 1 })
		if _, err := c.object(t.Context(), call{method: "GET", path: "/openidm/config/x"}); err != nil {
			t.Errorf("%v after %d tries", err, n)
		}
	})
}

func TestParallelIsBounded(t *testing.T) {
	for _, limit := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			var now, most atomic.Int32
			c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
				n := now.Add(1)
				defer now.Add(-1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(time.Second)
				answer(w, 200, `{"_id":"x"}`)
			}, func(c *Config) { c.Parallel = limit })
			start := time.Now()
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					if _, err := c.Get(t.Context(), schema.Key{Type: "script", Realm: "alpha", ID: fmt.Sprint(i)}); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if int(most.Load()) != limit || time.Since(start) != time.Duration(12/limit)*time.Second {
				t.Errorf("limit %d: %d at once, %s", limit, most.Load(), time.Since(start))
			}
		})
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withHandler(t, func(w http.ResponseWriter, r *http.Request) { answer(w, 200, `{"tier":"x"}`) }, func(c *Config) {
			c.Rate, c.Parallel = 2, 1
		})
		start := time.Now()
		for range 9 {
			if _, err := c.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(start); got != 4*time.Second {
			t.Errorf("9 requests at 2 a second took %s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.Info(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

func TestOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		var got []string
		c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			if n++; n == 1 {
				w.WriteHeader(503)
				return
			}
			answer(w, 200, `{}`)
		}, func(c *Config) {
			c.OnRequest = func(method, path string, status int, d time.Duration) {
				got = append(got, fmt.Sprint(method, " ", path, " ", status, " ", d))
			}
		})
		if _, err := c.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"GET /environment/info 503 1s", "GET /environment/info 200 1s"}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A redirect would carry the token to another place.
func TestNoRedirect(t *testing.T) {
	n := 0
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		n++
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
	})
	if _, err := c.Info(t.Context()); StatusOf(err) != http.StatusFound || n != 1 {
		t.Errorf("%v after %d requests", err, n)
	}
}
