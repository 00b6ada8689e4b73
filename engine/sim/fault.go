package sim

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Faults are what goes wrong at a tenant. Every count starts at SetFaults, and
// zero is off. A tenant with the same faults and the same requests fails the same
// way every time.
type Faults struct {
	// Latency is added to every request, and up to Jitter more: how much, Seed and
	// the number of the request say.
	Latency, Jitter time.Duration
	Seed            uint64

	// Every Nth request is answered with Status (503 when 0), and with Retry-After
	// when RetryAfter is not 0. HTML makes the answer the proxy's page.
	EveryNth   int
	Status     int
	RetryAfter time.Duration
	HTML       bool
	// Only limits EveryNth and Every to the requests it accepts.
	Only func(method, path string) bool
	// Every are more of the kind, each with its own rhythm.
	Every []Every

	// CutBeforeWrite cuts the connection of the Nth write and does not carry it
	// out; CutAfterWrite carries it out and cuts before the answer; CutBody breaks
	// the Nth answer off in the middle of its body.
	CutBeforeWrite, CutAfterWrite, CutBody int
	// And the same at every Nth.
	CutBeforeEvery, CutAfterEvery, CutBodyEvery int

	// RefuseWrite answers the Nth write with 400 and does not carry it out.
	RefuseWrite int

	// CrashAfterWrite ends the tenant after the Nth write was carried out and
	// answered: every later request is cut off, until Heal.
	CrashAfterWrite int

	// SecondAdministrator edits the object after every Nth read of a single one: its
	// description, by hand and past every rule.
	SecondAdministrator int

	// ReloadWindow is how long IDM answers 401 "Access Denied" after a write to
	// access, authentication or the privileges, as it does while it reloads.
	ReloadWindow time.Duration

	// SlowRestart is added to every restart, SlowPhases to each phase of a promotion.
	SlowRestart, SlowPhases time.Duration

	// LockHeld lets another promotion hold the tenant's lock, until it is taken away.
	LockHeld bool
	// Maintenance refuses a promotion lock, as the vendor's own lock does.
	Maintenance bool
	// FailLock makes the next lock end in the state error with this description.
	FailLock string
	// FailPromotion makes the next promotion that is no dry run end in a blocking
	// error.
	FailPromotion bool
}

// Every is an answer that every Nth request gets instead of the tenant's.
type Every struct {
	N, Status  int
	RetryAfter time.Duration
}

// faulty is a tenant's faults and the counters they run on.
type faulty struct {
	Faults
	requests, writes, answers, reads int // since SetFaults
	crashed                          bool
	reload                           time.Time // IDM reloads until then
	done                             int       // writes carried out, ever
	edits                            int       // of the second administrator, ever
	texts                            []string  // the faults in words, where they were given so
}

func (f *faulty) set(n Faults) { *f = faulty{Faults: n, done: f.done, edits: f.edits} }

// SetFaults replaces the tenant's faults and starts their counts again.
func (t *Tenant) SetFaults(f Faults) {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	t.setFaults(f)
}

// otherPromotion is the id of the promotion that LockHeld stands for.
const otherPromotion = "00000000-0000-4000-8000-0000000007e2"

func (t *Tenant) setFaults(f Faults) {
	t.faults.set(f)
	l := &t.group.promotion.lock
	switch {
	case f.LockHeld && l.state == "" && t.lower() != nil:
		*l = lock{state: locked, id: otherPromotion, upper: t}
	case !f.LockHeld && l.id == otherPromotion && l.upper == t:
		*l = lock{}
	}
}

// Faults are the tenant's faults as they were set.
func (t *Tenant) Faults() Faults {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.faults.Faults
}

// Heal takes all faults away and starts a crashed tenant again. Its state is what
// it was at the crash; tokens are lost.
func (t *Tenant) Heal() {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	if t.faults.crashed {
		t.tokens, t.logins = map[string]token{}, map[string]login{}
	}
	t.setFaults(Faults{})
}

// Crashed tells whether CrashAfterWrite struck.
func (t *Tenant) Crashed() bool {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.faults.crashed
}

// injected is what the faults make of one request.
type injected struct {
	cut     bool   // no answer, nothing is carried out
	lose    bool   // carried out, but no answer
	half    bool   // carried out, and half of an answer
	answer  *reply // instead of the tenant's
	latency time.Duration
}

func (t *Tenant) inject(hr *http.Request, r *request) injected {
	t.group.mu.Lock()
	in := t.decide(r)
	t.group.mu.Unlock()
	if in.latency > 0 {
		if err := t.group.o.Sleep(hr.Context(), in.latency); err != nil {
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
	in := injected{latency: f.Latency}
	f.answers++
	if f.Jitter > 0 {
		in.latency += time.Duration(rand.New(rand.NewPCG(f.Seed, uint64(f.answers))).Int64N(int64(f.Jitter)))
	}
	if f.Only == nil || f.Only(r.method, r.path) {
		f.requests++
		if nth(f.requests, f.EveryNth) {
			in.answer = f.page(r, f.Status, f.RetryAfter)
		}
		for _, e := range f.Every {
			if in.answer == nil && nth(f.requests, e.N) {
				in.answer = f.page(r, e.Status, e.RetryAfter)
			}
		}
		if in.answer != nil {
			return in
		}
	}
	in.half = f.answers == f.CutBody || nth(f.answers, f.CutBodyEvery)
	if !r.writes() {
		return in
	}
	f.writes++
	if f.writes == f.CrashAfterWrite {
		f.crashed = true
	}
	if f.writes == f.RefuseWrite {
		in.answer = refusal(http.StatusBadRequest, "The fault refuses this write")
		return in
	}
	in.cut = f.writes == f.CutBeforeWrite || nth(f.writes, f.CutBeforeEvery)
	in.lose = f.writes == f.CutAfterWrite || nth(f.writes, f.CutAfterEvery)
	return in
}

func nth(count, n int) bool { return n > 0 && count%n == 0 }

// rival is the second administrator, who edits what was just read.
func (t *Tenant) rival(r *request, a *reply) {
	f := &t.faults
	if f.SecondAdministrator < 1 || r.method != http.MethodGet || a.status != http.StatusOK {
		return
	}
	key, err := t.canonical(r.path)
	if err != nil {
		return
	}
	o, found := t.store.get(key)
	_, described := o["description"]
	if !found || !described && !strings.HasPrefix(key, configRoot) && !isScript(key) && !strings.Contains(key, treesBelow) {
		return
	}
	f.reads++
	if !nth(f.reads, f.SecondAdministrator) {
		return
	}
	f.edits++
	o = with(o, "description", "Edited by a second administrator ("+strconv.Itoa(f.edits)+")")
	if strings.HasPrefix(key, "/openidm/managed/") || strings.HasPrefix(key, "/openidm/internal/") {
		o["_rev"] = t.nextRev()
	}
	if isScript(key) {
		o["lastModifiedBy"], o["lastModifiedDate"] = "id=second-administrator,ou=user,ou=am-config", number(t.now().UnixMilli())
	}
	t.store.put(key, o)
}

// page is the fault's answer in the words of the surface that was asked.
func (f *faulty) page(r *request, status int, retryAfter time.Duration) *reply {
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
	if retryAfter > 0 {
		a.header("Retry-After", strconv.Itoa(int((retryAfter+time.Second-1)/time.Second)))
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
