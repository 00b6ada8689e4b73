package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A LockState is what a tenant says about the promotion lock of a pair of environments (tenant-api,
// section 9.3). Result and the sides are unlocked, locking, locked, unlocking or error.
type LockState struct {
	Result, Description, PromotionID string
	Lower, Upper                     string
}

// A PromotionStatus is what a tenant says about a promotion.
type PromotionStatus struct {
	Status           string   `json:"status"` // READY, RUNNING, ERROR
	Message          string   `json:"message"`
	BlockingError    bool     `json:"blockingError"`
	GlobalLock       string   `json:"globalLock,omitempty"`
	PromotionID      string   `json:"promotionId,omitempty"`
	MissingESVs      []string `json:"missingESVs,omitempty"`      // as the API spells them: "email.from"
	EncryptedSecrets []string `json:"encryptedSecrets,omitempty"` // "path:line"
}

// A PromotionReport lists what a promotion changed, or would change.
type PromotionReport struct {
	ID          string         `json:"reportId"`
	PromotionID string         `json:"promotionId"`
	Created     string         `json:"createdDate,omitempty"`
	DryRun      bool           `json:"dryRun"`
	Type        string         `json:"type,omitempty"`
	Changes     []ReportChange `json:"changes"`
}

// A ReportChange is one line of a report.
type ReportChange struct {
	Item   string `json:"item"`   // "Journeys", "Email > Templates"
	Action string `json:"action"` // added, modified, deleted
	Name   string `json:"name"`
	Realm  string `json:"realm,omitempty"`
	UID    string `json:"uid,omitempty"`
}

// A Reviewed is a change that was reviewed, with all the names that a report may call it by: reports name
// journeys and scripts by name, nodes by id, IDM's configuration by display name or by a part of its id.
type Reviewed struct {
	Label   string   `json:"label"`
	Aliases []string `json:"aliases"`
}

func (r Reviewed) matches(c ReportChange) bool {
	return slices.ContainsFunc(r.Aliases, func(a string) bool {
		return a != "" && (strings.EqualFold(a, c.Name) || strings.EqualFold(a, c.UID))
	})
}

// A PromoteRequest starts a promotion.
type PromoteRequest struct {
	DryRun                 bool
	IgnoreEncryptedSecrets bool
	Promoter, Description  string
	Ticket                 string // of the vendor's support
}

// A Promoter is the upper tenant of a pair: the one that receives, and that all calls go to.
type Promoter interface {
	// Lock asks for the lock. An error that wraps ErrLockRefused says that the tenant refused; after any
	// other it may have been given all the same.
	Lock(ctx context.Context) (LockState, error)
	LockState(ctx context.Context) (LockState, error)
	Unlock(ctx context.Context, promotionID string) (LockState, error)
	// Promote starts a promotion or a dry run. An error that wraps ErrBlocked says that the tenant takes none.
	Promote(ctx context.Context, r PromoteRequest) error
	// Rollback undoes the tenant's most recent promotion. An error that wraps ErrNoRollback says that the
	// tenant offers none.
	Rollback(ctx context.Context, r PromoteRequest) error
	PromotionStatus(ctx context.Context) (PromotionStatus, error)
	// Report returns one report; an empty id means the last one.
	Report(ctx context.Context, id string) (PromotionReport, error)
	Reports(ctx context.Context) ([]PromotionReport, error)
}

// ErrLockRefused says that the tenant answered a request for the lock, and did not give it.
var ErrLockRefused = errors.New("the tenant refused the lock")

// ErrBlocked says that a tenant takes no promotion: an earlier one failed, and the vendor's support has to clear
// that.
var ErrBlocked = errors.New("the tenant takes no promotion before the vendor's support has cleared an error")

// ErrNoRollback says that a tenant doesn't undo promotions: the vendor's support does.
var ErrNoRollback = errors.New("the tenant offers no rollback of promotions")

// A PromotionError says that a promotion stopped, in the tenant's words. Whether the tenants were unlocked
// is in Unlocked.
type PromotionError struct {
	Environment string
	Phase       string
	Status      PromotionStatus
	Unlocked    bool
	// Earlier: it is an earlier promotion's error that blocks this one, and nothing was asked for under this lock
	// that could have.
	Earlier bool
}

func (e *PromotionError) Error() string {
	s := fmt.Sprintf("%s stopped: %s", e.Phase, e.Status.Message)
	if n := len(e.Status.MissingESVs); n > 0 {
		s += fmt.Sprintf(": %s lacks %s", e.Environment, strings.Join(e.Status.MissingESVs, ", "))
	}
	if n := len(e.Status.EncryptedSecrets); n > 0 {
		s += ": " + strings.Join(e.Status.EncryptedSecrets, ", ")
	}
	return s
}

// Blocked says that the environment stays blocked until the vendor's support clears it.
func (e *PromotionError) Blocked() bool { return e.Status.BlockingError }

// A ReviewError says that a dry run would change other things than were reviewed.
type ReviewError struct {
	Extra, Lacking []string
	text           string // as a journal kept it; the lists are empty then
}

func (e *ReviewError) Error() string {
	if e.text != "" {
		return e.text
	}
	s := "the dry run changes other things than were reviewed"
	if len(e.Extra) > 0 {
		s += "\n  not reviewed:  " + strings.Join(e.Extra, ", ")
	}
	if len(e.Lacking) > 0 {
		s += "\n  reviewed, but not in it:  " + strings.Join(e.Lacking, ", ")
	}
	return s
}

// PromotionOptions go with a promotion.
type PromotionOptions struct {
	Environment string // the upper environment's name
	DryRun      bool   // stop after the dry run
	// Rollback: undo the most recent promotion instead of promoting.
	Rollback bool
	Request  PromoteRequest
	// Audit, if set, is told of what was promoted or rolled back, before the lock is given back. It may be
	// told twice of the same after an interruption.
	Audit func(id string, r PromotionReport) error
	// Reviewed, if not nil, are the changes that the dry run's report may hold, and must.
	Reviewed []Reviewed
	Poll     time.Duration
	Sleep    func(ctx context.Context, d time.Duration) error
	On       func(Event)
	Now      func() time.Time
}

// A PromotionResult is what a promotion did.
type PromotionResult struct {
	PromotionID string
	DryRun      *PromotionReport
	Report      *PromotionReport // nil for a dry run, and where it found nothing to promote
	Unlocked    bool
}

// promotion is one walk through the states. The journal holds what was meant and the ids; the tenant is the
// truth about what happened, and is asked before every move.
type promotion struct {
	t      Promoter
	j      *Journal
	o      PromotionOptions
	id     string
	result PromotionResult
}

// Phases of a promotion, in order.
const (
	phaseLock    = "lock"
	phaseDryRun  = "dry run"
	phasePromote = "promote"
	phaseBack    = "rollback"
	phaseReport  = "report"
	phaseWait    = "wait"
	phaseUnlock  = "unlock"
)

// Promote locks, waits, runs dry, compares with what was reviewed, promotes, waits, reports and unlocks.
// Called again with the same journal after an interruption it goes on where the tenants are. Whatever
// stops it, the lock is given back, unless the tenant says that a blocking error forbids it, a promotion is
// still running or nobody can say, or the context is done: then the journal holds the promotion's id, and
// the next call goes on.
func Promote(ctx context.Context, t Promoter, j *Journal, o PromotionOptions) (PromotionResult, error) {
	p := &promotion{t: t, j: j, o: o}
	if err := p.sameKind(); err != nil {
		return p.result, err
	}
	p.recallID()
	if j.after("will unlock", "will lock") {
		return p.finish(ctx)
	}
	if err := p.phase(ctx, phaseLock, p.lock); err != nil {
		return p.result, p.lockFailed(ctx, err)
	}
	p.result.PromotionID = p.id
	err := p.work(ctx)
	if cerr := ctx.Err(); cerr != nil {
		return p.result, errors.Join(err, cerr)
	}
	if !p.over(ctx, err) {
		return p.result, err
	}
	if jerr := p.stopped(err); jerr != nil {
		return p.result, errors.Join(err, jerr)
	}
	return p.end(ctx, err)
}

// rollbackMark stands in the record of a lock that was taken to undo a promotion.
const rollbackMark = "rollback"

// sameKind refuses to promote under a lock that was taken to undo a promotion, and the other way round.
func (p *promotion) sameKind() error {
	will, ok := p.j.Last("will lock")
	if !ok || p.j.after("unlocked", "will lock") || p.j.after("lock refused", "will lock") {
		return nil
	}
	switch back := will.Outcome == rollbackMark; {
	case back && !p.o.Rollback:
		return &LockedError{fmt.Sprintf("a rollback of %s is under way from here; go on with it: lockstep promote rollback %s", p.o.Environment, p.o.Environment)}
	case !back && p.o.Rollback:
		return &LockedError{fmt.Sprintf("a promotion to %s is under way from here; go on with it: lockstep promote resume %s", p.o.Environment, p.o.Environment)}
	}
	return nil
}

// after says whether the journal has a record of the kind, and none of the other after it.
func (j *Journal) after(what, other string) bool {
	for _, r := range slices.Backward(j.Records) {
		switch r.What {
		case what:
			return true
		case other:
			return false
		}
	}
	return false
}

// over says whether the lock can be given back: the work is done, or stopped in a way that leaves nothing
// behind. After an error of the connection the tenant is asked whether it is still at it.
func (p *promotion) over(ctx context.Context, err error) bool {
	var perr *PromotionError
	var review *ReviewError
	switch {
	case err == nil, errors.As(err, &review):
		return true
	case errors.As(err, &perr):
		return !perr.Blocked() || perr.Earlier
	}
	status, serr := p.t.PromotionStatus(ctx)
	return serr == nil && status.Status != "RUNNING" && !status.BlockingError
}

// stopped notes what ended the work, before the lock is given back: a call that goes on there tells the same.
func (p *promotion) stopped(err error) error {
	if err == nil {
		return nil
	}
	r := Record{What: "stopped", ID: p.id, Error: err.Error()}
	var perr *PromotionError
	var review *ReviewError
	switch {
	case errors.As(err, &perr):
		r.Outcome, r.Status = perr.Phase, &perr.Status
	case errors.As(err, &review):
		r.Outcome = "review"
	}
	return p.j.Append(r)
}

// whatStopped is the error that stopped noted, if any.
func (p *promotion) whatStopped() error {
	r, ok := p.j.Last("stopped")
	switch {
	case !ok || !p.j.after("stopped", "will lock"):
		return nil
	case r.Status != nil:
		return &PromotionError{Environment: p.o.Environment, Phase: r.Outcome, Status: *r.Status}
	case r.Outcome == "review":
		return &ReviewError{text: r.Error}
	default:
		return errors.New(r.Error)
	}
}

// finish goes on where the lock was being given back.
func (p *promotion) finish(ctx context.Context) (PromotionResult, error) {
	p.result.PromotionID = p.id
	err := p.whatStopped()
	for what, to := range map[string]**PromotionReport{"did dry run": &p.result.DryRun, "did promote": &p.result.Report, "did rollback": &p.result.Report} {
		if r, ok := p.j.Last(what); ok && p.j.after(what, "will lock") {
			report, rerr := p.t.Report(ctx, r.ID)
			if rerr != nil {
				return p.result, errors.Join(err, rerr)
			}
			*to = &report
		}
	}
	return p.end(ctx, err)
}

// end gives the lock back and closes the journal. err is what stopped the work.
func (p *promotion) end(ctx context.Context, err error) (PromotionResult, error) {
	aerr := p.audit()
	if uerr := p.phase(ctx, phaseUnlock, p.unlock); uerr != nil {
		return p.result, errors.Join(err, fmt.Errorf("unlock promotion %s: %w", p.id, uerr))
	}
	p.result.Unlocked = true
	var perr *PromotionError
	if errors.As(err, &perr) {
		perr.Unlocked = true
	}
	if err = errors.Join(err, aerr); err != nil {
		return p.result, err
	}
	return p.result, p.j.Append(Record{What: "done", ID: p.id})
}

// audit tells of what was done, once; an audit that can't be written keeps no tenant locked.
func (p *promotion) audit() error {
	if p.o.Audit == nil || p.result.Report == nil || p.j.after("audited", "will lock") {
		return nil
	}
	if err := p.o.Audit(p.id, *p.result.Report); err != nil {
		return err
	}
	return p.j.Append(Record{What: "audited", ID: p.id})
}

// lockFailed gives back what a lock that failed may have left behind.
func (p *promotion) lockFailed(ctx context.Context, err error) error {
	var failed *LockFailedError
	if ctx.Err() != nil || !errors.As(err, &failed) {
		return err
	}
	if jerr := p.stopped(err); jerr != nil {
		return errors.Join(err, jerr)
	}
	_, err = p.end(ctx, err)
	return err
}

func (p *promotion) on(e Event) {
	if p.o.On != nil {
		p.o.On(e)
	}
}

// phase frames f with events. What f returns as text stands behind the phase's name.
func (p *promotion) phase(ctx context.Context, name string, f func(ctx context.Context) (string, error)) error {
	start := p.o.Now()
	p.on(PhaseStarted{name})
	text, err := f(ctx)
	p.on(PhaseDone{name, text, p.o.Now().Sub(start), err})
	return err
}

func (p *promotion) work(ctx context.Context) error {
	if p.o.Rollback {
		if err := p.phase(ctx, phaseBack, p.back); err != nil {
			return err
		}
		return p.phase(ctx, phaseReport, p.report)
	}
	if err := p.phase(ctx, phaseDryRun, p.dryRun); err != nil {
		return err
	}
	// What was asked of the tenant already is seen to its end. Where nothing would change, services are restarted
	// for nothing.
	if (p.o.DryRun || len(p.result.DryRun.Changes) == 0) && !p.j.after("will promote", "will lock") {
		return nil
	}
	if err := p.phase(ctx, phasePromote, p.promote); err != nil {
		return err
	}
	return p.phase(ctx, phaseReport, p.report)
}

// dryRun runs the integrity checks and gets the report of what would change.
func (p *promotion) dryRun(ctx context.Context) (string, error) {
	if r, ok := p.j.Last("did dry run"); ok && r.ID != "" && p.j.after("did dry run", "will lock") {
		report, err := p.t.Report(ctx, r.ID)
		if err == nil {
			p.result.DryRun = &report
			return "done before: " + changesText(report), p.review(report)
		}
	}
	req := p.o.Request
	req.DryRun = true
	report, err := p.start(ctx, phaseDryRun, isDryRun, func(ctx context.Context) error { return p.t.Promote(ctx, req) })
	if err != nil {
		return "", err
	}
	p.result.DryRun = &report
	if err := p.review(report); err != nil {
		return "", err
	}
	text := changesText(report)
	if p.o.Reviewed != nil {
		text += ", the same that were reviewed"
	}
	return text, p.j.Append(Record{What: "did dry run", ID: report.ID})
}

func changesText(r PromotionReport) string {
	switch n := len(r.Changes); n {
	case 0:
		return "no change"
	case 1:
		return "1 change"
	default:
		return fmt.Sprintf("%d changes", n)
	}
}

// review compares the report with what was reviewed.
func (p *promotion) review(r PromotionReport) error {
	if p.o.Reviewed == nil {
		return nil
	}
	e := &ReviewError{}
	for _, c := range r.Changes {
		if !slices.ContainsFunc(p.o.Reviewed, func(x Reviewed) bool { return x.matches(c) }) {
			e.Extra = append(e.Extra, c.Item+" "+c.Name)
		}
	}
	for _, x := range p.o.Reviewed {
		if !slices.ContainsFunc(r.Changes, x.matches) {
			e.Lacking = append(e.Lacking, x.Label)
		}
	}
	if len(e.Extra)+len(e.Lacking) > 0 {
		return e
	}
	return nil
}

func (p *promotion) promote(ctx context.Context) (string, error) {
	req := p.o.Request
	req.DryRun = false
	report, err := p.start(ctx, phasePromote, isPromotion, func(ctx context.Context) error { return p.t.Promote(ctx, req) })
	if err != nil {
		return "", err
	}
	p.result.Report = &report
	return changesText(report), p.j.Append(Record{What: "did promote", ID: report.ID})
}

// back undoes the most recent promotion.
func (p *promotion) back(ctx context.Context) (string, error) {
	report, err := p.start(ctx, phaseBack, isRollback, func(ctx context.Context) error { return p.t.Rollback(ctx, p.o.Request) })
	if err != nil {
		return "", err
	}
	p.result.Report = &report
	return changesText(report), p.j.Append(Record{What: "did rollback", ID: report.ID})
}

// What a report is of.
func isDryRun(r PromotionReport) bool    { return r.DryRun && r.Type != "rollback" }
func isPromotion(r PromotionReport) bool { return !r.DryRun && r.Type != "rollback" }
func isRollback(r PromotionReport) bool  { return r.Type == "rollback" }

// start asks for a promotion or a dry run, once, and waits for its end. Whether an earlier try asked
// already is for the tenant to say: it is running, or its report is there.
func (p *promotion) start(ctx context.Context, phase string, ours func(PromotionReport) bool, ask func(context.Context) error) (PromotionReport, error) {
	status, err := p.t.PromotionStatus(ctx)
	if err != nil {
		return PromotionReport{}, err
	}
	meant := p.j.after("will "+phase, "will lock")
	earlier := !p.j.after("will "+phasePromote, "will lock") && !p.j.after("will "+phaseBack, "will lock")
	if status.Status == "ERROR" && (status.BlockingError || meant && cmpOr(status.PromotionID, p.id) == p.id) {
		return PromotionReport{}, &PromotionError{Environment: p.o.Environment, Phase: phase, Status: status, Earlier: earlier}
	}
	if meant && status.Status != "RUNNING" {
		if r, ok, err := p.findReport(ctx, ours); err != nil || ok {
			return r, err
		}
	}
	if status.Status != "RUNNING" {
		if err := p.j.Append(Record{What: "will " + phase, ID: p.id}); err != nil {
			return PromotionReport{}, err
		}
		err := ask(whole(ctx))
		if errors.Is(err, ErrBlocked) {
			status = PromotionStatus{Status: "ERROR", Message: firstLine(err.Error()), BlockingError: true, PromotionID: p.id}
			return PromotionReport{}, &PromotionError{Environment: p.o.Environment, Phase: phase, Status: status, Earlier: earlier}
		}
		if err != nil {
			return PromotionReport{}, err
		}
	}
	// READY alone may be from before the request: the promotion is over when its report is there.
	var report PromotionReport
	waited := 0
	err = p.wait(ctx, phase, func() (bool, string, error) {
		s, err := p.t.PromotionStatus(ctx)
		if err != nil {
			return false, "", err
		}
		if s.Status == "ERROR" {
			return false, "", &PromotionError{Environment: p.o.Environment, Phase: phase, Status: s}
		}
		if s.Status != "READY" {
			waited = 0
			return false, s.Message, nil
		}
		r, ok, err := p.findReport(ctx, ours)
		if waited++; err == nil && !ok && waited >= maxReportWaits {
			return false, "", &noReportError{phase, p.id}
		}
		report = r
		return ok, s.Message, err
	})
	return report, err
}

// A noReportError says that a tenant is ready again and shows no report of what it was asked for.
type noReportError struct{ phase, id string }

func (e *noReportError) Error() string {
	return fmt.Sprintf("the tenant is ready and has no report of the %s of promotion %s: it can't be said whether it was carried out. Look at its reports (lockstep promote reports), and give the lock back when you know", e.phase, e.id)
}

// findReport looks for the report of this promotion's dry run, real run or rollback.
func (p *promotion) findReport(ctx context.Context, ours func(PromotionReport) bool) (PromotionReport, bool, error) {
	reports, err := p.t.Reports(ctx)
	if err != nil {
		return PromotionReport{}, false, err
	}
	// The API doesn't say in which order it lists them; Created sorts as text.
	slices.SortStableFunc(reports, func(a, b PromotionReport) int { return strings.Compare(a.Created, b.Created) })
	for _, r := range slices.Backward(reports) {
		if r.PromotionID == p.id && ours(r) {
			full, err := p.t.Report(ctx, r.ID)
			return full, true, err
		}
	}
	return PromotionReport{}, false, nil
}

func (p *promotion) report(context.Context) (string, error) {
	if p.result.Report == nil {
		return "none", nil
	}
	return p.result.Report.ID, nil
}
