package sim

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Faults are what goes wrong at a tenant. Every count starts at SetFaults, and
// zero is off. A tenant with the same faults and the same requests fails the same
// way every time.
type Faults struct {
	// Latency is added to every request.
	Latency time.Duration

	// Every Nth request is answered with Status (503 when 0), and with Retry-After
	// when RetryAfter is not 0. HTML makes the answer the proxy's page.
	EveryNth   int
	Status     int
	RetryAfter time.Duration
	HTML       bool
	// Only limits EveryNth to the requests it accepts.
	Only func(method, path string) bool

	// CutBeforeWrite cuts the connection of the Nth write and does not carry it
	// out; CutAfterWrite carries it out and cuts before the answer.
	CutBeforeWrite, CutAfterWrite int

	// CrashAfterWrite ends the tenant after the Nth write was carried out and
	// answered: every later request is cut off, until Heal.
	CrashAfterWrite int

	// ReloadWindow is how long IDM answers 401 "Access Denied" after a write to
	// access, authentication or the privileges, as it does while it reloads.
	ReloadWindow time.Duration

	// SlowRestart is added to every restart.
	SlowRestart time.Duration

	// Maintenance refuses a promotion lock, as the vendor's own lock does.
	Maintenance bool
	// FailLock makes the next lock end in the state error with this description.
	FailLock string
	// FailPromotion makes the next promotion that is no dry run end in a blocking
	// error.
	FailPromotion bool
}

// faulty is a tenant's faults and the counters they run on.
type faulty struct {
	Faults
	requests, writes int // since SetFaults
	crashed          bool
	reload           time.Time // IDM reloads until then
	done             int       // writes carried out, ever
}

func (f *faulty) set(n Faults) { *f = faulty{Faults: n, done: f.done} }

// SetFaults replaces the tenant's faults and starts their counts again.
func (t *Tenant) SetFaults(f Faults) {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	t.faults.set(f)
}

// Heal takes all faults away and starts a crashed tenant again. Its state is what
// it was at the crash; tokens are lost.
func (t *Tenant) Heal() {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	if t.faults.crashed {
		t.tokens = map[string]token{}
	}
	t.faults.set(Faults{})
}

// Crashed tells whether CrashAfterWrite struck.
func (t *Tenant) Crashed() bool {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.faults.crashed
}

// injected is what the faults make of one request.
type injected struct {
	cut    bool   // no answer, nothing is carried out
	lose   bool   // carried out, but no answer
	answer *reply // instead of the tenant's
}

func (t *Tenant) inject(hr *http.Request, r *request) injected {
	t.group.mu.Lock()
	in, latency := t.decide(r), t.faults.Latency
	t.group.mu.Unlock()
	if latency > 0 {
		if err := t.group.o.Sleep(hr.Context(), latency); err != nil {
			return injected{cut: true}
		}
	}
	return in
}

func (t *Tenant) decide(r *request) injected {
	f := &t.faults
	if f.crashed {
		return injected{cut: true}
	}
	if f.Only == nil || f.Only(r.method, r.path) {
		f.requests++
		if f.EveryNth > 0 && f.requests%f.EveryNth == 0 {
			return injected{answer: f.page(r)}
		}
	}
	if !r.writes() {
		return injected{}
	}
	f.writes++
	if f.writes == f.CrashAfterWrite {
		f.crashed = true
	}
	return injected{cut: f.writes == f.CutBeforeWrite, lose: f.writes == f.CutAfterWrite}
}

// page is the fault's answer in the words of the surface that was asked.
func (f *faulty) page(r *request) *reply {
	status := f.Status
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	var a *reply
	switch {
	case f.HTML:
		a = proxyPage(status)
	case status == http.StatusUnauthorized:
		a = unauthorized(r)
	case strings.HasPrefix(r.path, "/environment"):
		a = envRefusal(status, strings.ToLower(http.StatusText(status)))
	default:
		a = refusal(status, http.StatusText(status))
	}
	if f.RetryAfter > 0 {
		a.header("Retry-After", strconv.Itoa(int((f.RetryAfter+time.Second-1)/time.Second)))
	}
	return a
}

// proxyPage is the page of the front end before the tenant, as recorded where
// protected email templates are written.
func proxyPage(status int) *reply {
	code := strconv.Itoa(status)
	return &reply{status: status, kind: "text/html; charset=utf-8",
		raw: []byte(`<!doctype html><meta charset="utf-8"><meta name=viewport content="width=device-width, initial-scale=1"><title>` +
			code + `</title>` + code + ` ` + http.StatusText(status))}
}
