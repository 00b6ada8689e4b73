package tenant

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// leastShare is how far a pace is lowered: to a sixteenth of what was configured.
const leastShare = 1.0 / 16

// A pace bounds what is in flight at once and what is sent in a second, for all requests to one tenant.
//
// The configured bounds are what a tenant takes in good times. When it answers 429 or 503, or not in time,
// both are halved, at most once for the requests that were under way together, and nothing is sent for a
// while: as long as Retry-After asks, else half a second that doubles while it goes on. Every answer
// that comes adds a little, so that after some rounds of good answers the bounds are the configured ones
// again (additive increase, multiplicative decrease, as in TCP: many clients that do so share a tenant
// fairly, and none needs to know its limits).
type pace struct {
	most   int
	second rate.Limit // rate.Inf for none
	limit  *rate.Limiter

	mu      sync.Mutex
	share   float64 // of the configured bounds, now
	flying  int
	waiting list.List // of chan struct{}, closed when it is one's turn
	lowered time.Time // when share was lowered last
	until   time.Time // nothing is sent before
	again   int       // how often it was lowered without a good answer between
}

func newPace(most int, perSecond float64) *pace {
	second := rate.Inf
	if perSecond >= 0 {
		second = rate.Limit(perSecond)
	}
	return &pace{most: most, second: second, limit: rate.NewLimiter(second, most), share: 1}
}

// slots is how many requests may be in flight now; p.mu is held.
func (p *pace) slots() int { return max(1, int(float64(p.most)*p.share)) }

// take waits for a turn. It must be given back, unless there is an error.
func (p *pace) take(ctx context.Context) error {
	if err := p.slot(ctx); err != nil {
		return err
	}
	if err := p.turn(ctx); err != nil {
		p.give()
		return err
	}
	return nil
}

func (p *pace) slot(ctx context.Context) error {
	p.mu.Lock()
	if p.waiting.Len() == 0 && p.flying < p.slots() {
		p.flying++
		p.mu.Unlock()
		return ctx.Err()
	}
	turn := make(chan struct{})
	place := p.waiting.PushBack(turn)
	p.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-turn: // it came at the same moment: pass it on
		p.flying--
		p.wake()
	default:
		p.waiting.Remove(place)
	}
	return ctx.Err()
}

// wake gives free slots to those who wait; p.mu is held.
func (p *pace) wake() {
	for p.flying < p.slots() && p.waiting.Len() > 0 {
		turn, _ := p.waiting.Remove(p.waiting.Front()).(chan struct{})
		p.flying++
		close(turn)
	}
}

// turn waits until something may be sent.
func (p *pace) turn(ctx context.Context) error {
	if err := p.limit.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// The limiter says early that the deadline will pass.
		return fmt.Errorf("%w: the request's turn would come too late", context.DeadlineExceeded)
	}
	for { // the pause may have become longer meanwhile
		p.mu.Lock()
		pause := time.Until(p.until)
		p.mu.Unlock()
		if pause <= 0 {
			return nil
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func (p *pace) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flying--
	p.wake()
}

// good notes an answer that came as it should.
func (p *pace) good() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.again = 0
	if p.share >= 1 {
		return
	}
	// One request in flight more after four rounds: after one, a tenant with a limit refused a third more.
	p.set(p.share + 1/(4*float64(p.most)*max(1, float64(p.most)*p.share)))
}

// bad notes that the tenant is overloaded. sent is when the request was; asked is its Retry-After, 0 for none.
func (p *pace) bad(sent time.Time, asked time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if asked > 0 && asked <= maxRetryAfter && now.Add(asked).After(p.until) {
		p.until = now.Add(asked)
	}
	if !p.lowered.IsZero() && !sent.After(p.lowered) {
		return // it was under way when the others were refused
	}
	if wait := min(firstWait<<min(p.again, 10), longestWait); asked == 0 && now.Add(wait).After(p.until) {
		p.until = now.Add(wait)
	}
	p.again++
	p.lowered = now
	p.set(p.share / 2)
}

// set changes the share; p.mu is held.
func (p *pace) set(share float64) {
	p.share = min(1, max(leastShare, share))
	if p.second != rate.Inf {
		p.limit.SetLimit(p.second * rate.Limit(p.share))
	}
	p.wake()
}

// paced sends requests at a pace. The answer's body is read within: see exchange.
type paced struct {
	next http.RoundTripper
	pace *pace
}

func (t *paced) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.pace.take(req.Context()); err != nil {
		return nil, err
	}
	defer t.pace.give()
	sent := time.Now()
	resp, err := t.next.RoundTrip(req)
	var slow *slowError
	switch {
	case errors.As(err, &slow):
		t.pace.bad(sent, 0)
	case err != nil: // says nothing about the load
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		asked, _ := retryAfter(resp.Header, time.Now())
		t.pace.bad(sent, asked)
	default:
		t.pace.good()
	}
	return resp, err
}
