package sim

import (
	"net/http"
	"strings"
	"time"
)

// stage is a phase that takes time. With a duration it ends by the clock; without
// one, a poll shows it and the next poll ends it.
type stage struct {
	since time.Time
	seen  bool
}

func (s *stage) next(now time.Time, d time.Duration, polled bool) bool {
	if d > 0 {
		if now.Sub(s.since) < d {
			return false
		}
		s.since = s.since.Add(d)
		return true
	}
	if !polled {
		return false
	}
	s.seen = !s.seen
	return !s.seen
}

// promotions is the promotion machinery of a group. There is one lock, since the
// pairs of a group share a tenant and the documents allow one promotion at a time
// in a group.
type promotions struct {
	lock lock
	run  *run

	// By the role of the upper tenant:
	status  map[string]status
	blocked map[string]bool
	history map[string][]map[string]object // configuration before each promotion
	reports map[string][]report
}

func newPromotions() promotions {
	return promotions{status: map[string]status{}, blocked: map[string]bool{},
		history: map[string][]map[string]object{}, reports: map[string][]report{}}
}

const (
	unlocked  = "unlocked"
	locking   = "locking"
	locked    = "locked"
	unlocking = "unlocking"
	failed    = "error"
)

type lock struct {
	stage
	state   string // "" is unlocked
	id      string
	upper   *Tenant
	failure string
}

func (l *lock) holds(t *Tenant) bool {
	return l.state != "" && t != nil && (l.upper == t || l.upper.lower() == t)
}

// status is what GET promote shows.
type status struct {
	status, message    string
	blocking           bool
	missing, encrypted []string
	kind               string
	at                 time.Time
}

// run is a promotion, dry run or rollback under way.
type run struct {
	stage
	upper   *Tenant
	phase   int
	kind    string // promotion or rollback
	dry     bool
	ignore  bool // encrypted secrets
	unlock  bool // after success
	by, why string
}

const (
	phasePrepare = iota
	phasePromote
	phaseRestart
)

func (r *run) message() string {
	switch {
	case r.phase == phasePrepare:
		return "Prepare config"
	case r.phase == phaseRestart:
		return "Waiting for workloads to restart"
	case r.kind == "rollback":
		return "Rollback configuration"
	}
	return "Promote configuration"
}

// restarting tells whether a promotion is restarting this tenant.
func (p *promotions) restarting(t *Tenant) bool {
	return p.run != nil && p.run.upper == t && p.run.phase == phaseRestart
}

// lockedFor is the promotion that holds this tenant's lock, "" when it is free.
func (t *Tenant) lockedFor() string {
	if l := &t.group.promotion.lock; l.holds(t) {
		return l.id
	}
	return ""
}

// tick lets the clock do its part before a request is served.
func (g *Group) tick() {
	g.tickRun(false)
	g.tickLock(false)
	for _, t := range g.tenants {
		t.tickRestart(false)
	}
}

func (g *Group) tickLock(polled bool) {
	l := &g.promotion.lock
	for l.state == locking || l.state == unlocking {
		if !l.next(g.o.Now(), g.o.LockDuration, polled) {
			return
		}
		switch {
		case l.state == unlocking:
			if !g.promotion.blocked[l.upper.role] {
				delete(g.promotion.status, l.upper.role)
			}
			*l = lock{}
		case l.failure != "":
			l.state = failed
		default:
			l.state = locked
		}
	}
}

func (g *Group) tickRun(polled bool) {
	for g.promotion.run != nil && g.promotion.run.next(g.o.Now(), g.o.PhaseDuration+g.promotion.run.upper.faults.SlowPhases, polled) {
		g.endPhase(g.promotion.run)
	}
}

// endPhase carries out what a phase stands for and begins the next one.
func (g *Group) endPhase(r *run) {
	upper, lower := r.upper, r.upper.lower()
	switch r.phase {
	case phasePrepare:
		if r.kind == "promotion" && g.checkIntegrity(r) {
			return
		}
		r.phase = phasePromote
	case phasePromote:
		if !r.dry && upper.faults.FailPromotion {
			upper.faults.FailPromotion = false
			g.promotion.blocked[upper.role] = true
			g.end(r, status{status: "ERROR", message: "Failed to promote config", blocking: true})
			return
		}
		before := upper.promotable(static, promoted)
		after := lower.promotable(static, promoted)
		if r.kind == "rollback" {
			past := g.promotion.history[upper.role]
			after = past[len(past)-1]
			g.promotion.history[upper.role] = past[:len(past)-1]
		}
		changes := difference(before, after)
		g.report(r, changes, after)
		if !r.dry {
			if r.kind == "promotion" {
				g.promotion.history[upper.role] = append(g.promotion.history[upper.role], before)
			}
			upper.replace(after, static, promoted)
		}
		if r.dry || len(changes) == 0 {
			g.complete(r, len(changes))
			return
		}
		r.phase = phaseRestart
	case phaseRestart:
		upper.load(upper.env.seq)
		g.complete(r, 1)
	}
}

// checkIntegrity runs the two checks over the whole configuration of the lower
// tenant, changed or not, and tells whether they ended the run.
func (g *Group) checkIntegrity(r *run) bool {
	config := r.upper.lower().promotable(static)
	if missing := missingESVs(config, r.upper); len(missing) > 0 {
		if r.dry {
			after := r.upper.lower().promotable(static, promoted)
			g.report(r, difference(r.upper.promotable(static, promoted), after), after)
		}
		g.end(r, status{status: "ERROR", message: "Missing ESVs", missing: missing})
		return true
	}
	if found := encryptedSecrets(config); len(found) > 0 && !r.ignore {
		g.end(r, status{status: "ERROR", message: "Found encrypted values in the AM/IDM configuration", encrypted: found})
		return true
	}
	return false
}

func (g *Group) complete(r *run, changes int) {
	message := "Promotion completed"
	if r.kind == "rollback" {
		message = "Rollback completed"
	}
	if changes == 0 {
		message += " (no change)"
	}
	unlock := r.unlock
	g.end(r, status{status: "READY", message: message})
	if l := &g.promotion.lock; unlock && l.state == locked {
		l.state, l.stage = unlocking, stage{since: g.o.Now()}
	}
}

func (g *Group) end(r *run, s status) {
	s.kind, s.at = r.kind, g.o.Now()
	g.promotion.status[r.upper.role] = s
	g.promotion.run = nil
}

// Unblock clears a blocking error, as the vendor's support does.
func (t *Tenant) Unblock() {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	delete(t.group.promotion.blocked, t.role)
	delete(t.group.promotion.status, t.role)
}

func (t *Tenant) routePromotion(r *request, rest []string) *reply {
	switch strings.Join(rest, "/") {
	case "lock":
		if r.method == http.MethodPost {
			return t.postLock()
		}
	case "lock/state":
		if r.method == http.MethodGet {
			t.group.tickLock(true)
			return ok(t.lockState(r.query.Get("localLockOnly") == "true"))
		}
	case "promote":
		switch r.method {
		case http.MethodGet:
			t.group.tickRun(true)
			return ok(t.promotionStatus())
		case http.MethodPost:
			return t.postPromote(r)
		}
	case "rollback":
		if r.method == http.MethodPost {
			return t.postRollback(r)
		}
	case "reports", "report", "report/provisional", "report/provisional-rollback":
		if r.method == http.MethodGet {
			return t.getReports(rest)
		}
	default:
		switch {
		case len(rest) == 2 && rest[0] == "lock" && r.method == http.MethodDelete:
			return t.deleteLock(rest[1])
		case len(rest) == 2 && rest[0] == "report" && r.method == http.MethodGet:
			return t.getReports(rest)
		}
		return unknown(r)
	}
	return notAllowed(r)
}

func (t *Tenant) postLock() *reply {
	lower, l := t.lower(), &t.group.promotion.lock
	switch {
	case lower == nil:
		return envRefusal(http.StatusBadRequest, "Environment has no lower environment")
	case t.faults.Maintenance || lower.faults.Maintenance:
		return envRefusal(http.StatusConflict, "Environment is locked by ForgeRock for maintenance. Retry later.")
	case l.state != "":
		return envRefusal(http.StatusConflict, "Environment is already locked for promotion "+l.id)
	}
	*l = lock{stage: stage{since: t.now()}, state: locking, id: newUUID(), upper: t, failure: t.faults.FailLock}
	t.faults.FailLock = ""
	return accepted(object{"description": "Environment lock in progress", "promotionId": l.id, "result": locking})
}

func accepted(o object) *reply { return &reply{status: http.StatusAccepted, kind: envType, body: o} }

func (t *Tenant) deleteLock(id string) *reply {
	l := &t.group.promotion.lock
	switch {
	case !l.holds(t):
		return ok(object{"description": "Environment unlocked", "promotionId": id, "result": unlocked})
	case l.state == locking || l.state == unlocking || t.group.promotion.run != nil:
		return &reply{status: http.StatusConflict, kind: envType, body: object{"message": "Environment is not in locked state"}}
	case l.id != id:
		return envRefusal(http.StatusConflict, "Environment is already locked for promotion "+l.id)
	}
	l.state, l.stage = unlocking, stage{since: t.now()}
	return accepted(object{"description": "Environment unlock in progress", "promotionId": id, "result": unlocking})
}

// lockState is both sides of the pair this tenant is the upper of. A tenant is
// locked when any pair that holds it is.
func (t *Tenant) lockState(local bool) object {
	l := &t.group.promotion.lock
	side := func(x *Tenant) object {
		if !l.holds(x) {
			return object{"state": unlocked}
		}
		return object{"state": l.state, "promotionId": l.id}
	}
	own := side(t)
	state := str(own["state"])
	o := object{"result": state, "description": map[string]string{
		unlocked: "Environment unlocked", locking: "Environment lock in progress",
		locked: "Environment locked", unlocking: "Environment unlock in progress", failed: l.failure,
	}[state]}
	if state != unlocked {
		o["promotionId"] = l.id
	}
	o["upperEnv"] = own
	if lower := t.lower(); lower != nil && !local {
		o["lowerEnv"] = side(lower)
	}
	return o
}

func (t *Tenant) promotionStatus() object {
	p := &t.group.promotion
	s := status{status: "READY", message: "Environment ready for promotion", at: t.now()}
	if last, found := p.status[t.role]; found {
		s = last
	}
	if r := p.run; r != nil && r.upper == t {
		s = status{status: "RUNNING", message: r.message(), kind: r.kind, at: t.now()}
	}
	o := object{"status": s.status, "message": s.message, "blockingError": s.blocking, "globalLock": "UNLOCKED",
		"timeStamp": s.at.UTC().Format(time.RFC3339)}
	if l := &p.lock; l.upper == t && l.state != "" {
		o["promotionId"] = l.id
		if l.state == locked {
			o["globalLock"] = "LOCKED"
		}
	}
	if s.kind != "" {
		o["type"] = s.kind
	}
	if len(s.missing) > 0 {
		o["missingESVs"] = s.missing
	}
	if len(s.encrypted) > 0 {
		o["encryptedSecrets"] = s.encrypted
	}
	return o
}

// refuseRun is what a promotion and a rollback are both refused for.
func (t *Tenant) refuseRun() *reply {
	p := &t.group.promotion
	switch {
	case p.blocked[t.role]:
		return envRefusal(http.StatusConflict, "Environment is blocked from a previous failed promotion")
	case p.run != nil:
		return envRefusal(http.StatusConflict, "A promotion or rollback is already running")
	case p.lock.upper != t || p.lock.state != locked:
		return envRefusal(http.StatusConflict, "Environment is not in locked state")
	}
	return nil
}

func (t *Tenant) postPromote(r *request) *reply {
	body, a := envBody(r)
	if a != nil {
		return a
	}
	dry, isBool := body["dryRun"].(bool)
	if !isBool {
		return schemaError("promotionRequest", "/dryRun", `property "dryRun" is missing`)
	}
	if dry {
		t.dryRuns++
	} else {
		t.promoteCalls++
	}
	if a := t.refuseRun(); a != nil {
		return a
	}
	t.group.promotion.run = &run{stage: stage{since: t.now()}, upper: t, kind: "promotion", dry: dry,
		ignore: boolean(body["ignoreEncryptedSecrets"]), unlock: boolean(body["unlockEnvironmentsAfterPromotion"]),
		by: str(body["promoter"]), why: str(body["promotionDescription"])}
	return accepted(object{"result": "Promotion process initiated successfully"})
}

func (t *Tenant) postRollback(r *request) *reply {
	body := object{}
	if len(r.body) > 0 {
		var a *reply
		if body, a = envBody(r); a != nil {
			return a
		}
	}
	if a := t.refuseRun(); a != nil {
		return a
	}
	if len(t.group.promotion.history[t.role]) == 0 {
		return envRefusal(http.StatusConflict, "There is no promotion to roll back")
	}
	t.group.promotion.run = &run{stage: stage{since: t.now()}, upper: t, kind: "rollback",
		unlock: boolean(body["unlockEnvironmentsAfterPromotion"]),
		by:     str(body["promoter"]), why: str(body["promotionDescription"])}
	return accepted(object{"result": "Rollback process initiated successfully"})
}
