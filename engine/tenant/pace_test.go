package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"
)

// gauge counts what is in flight at a handler.
type gauge struct{ now, most, total atomic.Int32 }

func (g *gauge) enter() func() {
	g.total.Add(1)
	n := g.now.Add(1)
	for m := g.most.Load(); n > m && !g.most.CompareAndSwap(m, n); m = g.most.Load() {
	}
	return func() { g.now.Add(-1) }
}

func gets(t *testing.T, c *Client, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := c.object(t.Context(), call{method: "GET", path: fmt.Sprint("/am/x/", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A tenant that is overloaded for a while: the client sends less, and after it passed as much as before.
func TestPaceIsLoweredAndRecovers(t *testing.T) {
	for _, status := range []int{429, 503} {
		synctest.Test(t, func(t *testing.T) {
			var g gauge
			start := time.Now()
			c := withHandler(t, func(w http.ResponseWriter, _ *http.Request) {
				defer g.enter()()
				time.Sleep(100 * time.Millisecond)
				if time.Since(start) < 2*time.Second {
					w.WriteHeader(status)
					return
				}
				answer(w, 200, `{}`)
			}, func(c *Config) { c.Parallel, c.Retries = 16, 8 })
			gets(t, c, 16)
			// Refused at 0, 0.6 and 1.7 s, and each time halved; 16 at once before.
			if first := g.most.Swap(0); first != 16 {
				t.Fatalf("%d at once at first", first)
			}
			gets(t, c, 8)
			if low := g.most.Swap(0); low < 2 || low > 8 {
				t.Errorf("%d at once after the overload", low)
			}
			gets(t, c, 2000)
			if again := g.most.Load(); again != 16 {
				t.Errorf("%d at once at the end", again)
			}
		})
	}
}

// A tenant that takes five requests a second gets about as many, and every request is answered in the end.
func TestPaceFindsTheTenantsLimit(t *testing.T) {
	for _, perSecond := range []float64{-1, 100} {
		synctest.Test(t, func(t *testing.T) {
			var refused atomic.Int32
			bucket := rate.NewLimiter(5, 10)
			c := withHandler(t, func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(50 * time.Millisecond)
				if !bucket.Allow() {
					refused.Add(1)
					w.WriteHeader(429)
					return
				}
				answer(w, 200, `{}`)
			}, func(c *Config) { c.Parallel, c.Rate = 16, perSecond })
			start := time.Now()
			const n = 300
			gets(t, c, n)
			if took := time.Since(start); took > 2*n/5*time.Second {
				t.Errorf("%d requests at 5 a second took %s", n, took)
			}
			if refused.Load() > n {
				t.Errorf("%d of %d requests were refused", refused.Load(), n)
			}
		})
	}
}

// When one request is told to wait, all others do.
func TestRetryAfterHoldsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told atomic.Bool
		start := time.Now()
		var early atomic.Int32
		c := withHandler(t, func(w http.ResponseWriter, _ *http.Request) {
			if told.CompareAndSwap(false, true) {
				w.Header().Set("Retry-After", "20")
				w.WriteHeader(429)
				return
			}
			if since := time.Since(start); since > 0 && since < 20*time.Second {
				early.Add(1)
			}
			time.Sleep(time.Second)
			answer(w, 200, `{}`)
		}, func(c *Config) { c.Parallel = 2 })
		gets(t, c, 20)
		if early.Load() > 0 {
			t.Errorf("%d requests came before the 20 s were over", early.Load())
		}
	})
}

// Those that were under way together lower the pace once, not each.
func TestPaceIsLoweredOnceAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(16, 32)
		sent := time.Now()
		time.Sleep(time.Second)
		for range 10 {
			p.bad(sent, 0)
		}
		if p.share != 0.5 || p.limit.Limit() != 16 || p.slots() != 8 {
			t.Errorf("share %v, rate %v, slots %d", p.share, p.limit.Limit(), p.slots())
		}
		for range 10 {
			time.Sleep(time.Minute)
			p.bad(time.Now(), 0)
			time.Sleep(time.Nanosecond)
		}
		if p.share != leastShare || p.slots() != 1 {
			t.Errorf("share %v, slots %d", p.share, p.slots())
		}
		if d := time.Until(p.until); d > longestWait {
			t.Errorf("a pause of %s", d)
		}
		for range 4 * 16 * 16 {
			p.good()
		}
		if p.share != 1 || p.limit.Limit() != 32 || p.slots() != 16 {
			t.Errorf("share %v, rate %v, slots %d after good answers", p.share, p.limit.Limit(), p.slots())
		}
	})
}

// Who is interrupted while waiting leaves no slot taken.
func TestPaceInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1, -1)
		if err := p.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := p.take(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
			})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		p.give()
		p.bad(time.Now().Add(time.Second), time.Minute) // a pause is left, too
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if p.flying != 0 || p.waiting.Len() != 0 {
			t.Errorf("%d in flight, %d waiting", p.flying, p.waiting.Len())
		}
	})
}

// trickle sends a byte of its body every second, without end.
type trickle struct{}

func (trickle) RoundTrip(req *http.Request) (*http.Response, error) {
	r, w := io.Pipe()
	go func() {
		for {
			select {
			case <-req.Context().Done():
				w.CloseWithError(req.Context().Err())
				return
			case <-time.After(time.Second):
				_, _ = w.Write([]byte(" "))
			}
		}
	}()
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: r, Request: req}, nil
}

// The time limit counts for the whole answer, not for its beginning.
func TestTimeoutOfABodyThatTrickles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withHandler(t, nil, noRetries, func(c *Config) { c.Transport, c.Timeout = trickle{}, 7*time.Second })
		start := time.Now()
		_, err := c.Info(t.Context())
		if err == nil || !strings.Contains(err.Error(), "the answer was not whole within 7s") || time.Since(start) != 7*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}
