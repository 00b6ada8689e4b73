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
}

// A Promoter is the upper tenant of a pair: the one that receives, and that all calls go to.
type Promoter interface {
	// Lock asks for the lock. An error that wraps ErrLockRefused says that the tenant refused; after any
	// other it may have been given all the same.
	Lock(ctx context.Context) (LockState, error)
	LockState(ctx context.Context) (LockState, error)
	Unlock(ctx context.Context, promotionID string) (LockState, error)
	Promote(ctx context.Context, r PromoteRequest) error
	PromotionStatus(ctx context.Context) (PromotionStatus, error)
	// Report returns one report; an empty id means the last one.
	Report(ctx context.Context, id string) (PromotionReport, error)
	Reports(ctx context.Context) ([]PromotionReport, error)
}

// ErrLockRefused says that the tenant answered a request for the lock, and did not give it.
var ErrLockRefused = errors.New("the tenant refused the lock")

// A PromotionError says that a promotion stopped, in the tenant's words. Whether the tenants were unlocked
// is in Unlocked.
type PromotionError struct {
	Environment string
	Phase       string
	Status      PromotionStatus
	Unlocked    bool
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
	Request     PromoteRequest
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
	Report      *PromotionReport // nil for a dry run
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
	phaseReport  = "report"
	phaseUnlock  = "unlock"
)

// Promote locks, waits, runs dry, compares with what was reviewed, promotes, waits, reports and unlocks.
// Called again with the same journal after an interruption it goes on where the tenants are. Whatever
// stops it, the lock is given back, unless the tenant says that a blocking error forbids it, a promotion is
// still running or nobody can say, or the context is done: then the journal holds the promotion's id, and
// the next call goes on.
func Promote(ctx context.Context, t Promoter, j *Journal, o PromotionOptions) (PromotionResult, error) {
	p := &promotion{t: t, j: j, o: o}
	if r, ok := j.Last("locking"); ok && j.after("will lock", "lock refused") {
		p.id = r.ID
	}
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
		return !perr.Blocked()
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
	for what, to := range map[string]**PromotionReport{"did dry run": &p.result.DryRun, "did promote": &p.result.Report} {
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
	if uerr := p.phase(ctx, phaseUnlock, p.unlock); uerr != nil {
		return p.result, errors.Join(err, fmt.Errorf("unlock promotion %s: %w", p.id, uerr))
	}
	p.result.Unlocked = true
	var perr *PromotionError
	if errors.As(err, &perr) {
		perr.Unlocked = true
	}
	if err != nil {
		return p.result, err
	}
	return p.result, p.j.Append(Record{What: "done", ID: p.id})
}

// lockFailed gives back what a lock that failed may have left behind.
func (p *promotion) lockFailed(ctx context.Context, err error) error {
	var failed *lockError
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
	if err := p.phase(ctx, phaseDryRun, p.dryRun); err != nil {
		return err
	}
	// What was asked of the tenant already is seen to its end.
	if p.o.DryRun && !p.j.after("will promote", "will lock") {
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
	report, err := p.start(ctx, phaseDryRun, true)
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
	report, err := p.start(ctx, phasePromote, false)
	if err != nil {
		return "", err
	}
	p.result.Report = &report
	return changesText(report), p.j.Append(Record{What: "did promote", ID: report.ID})
}

// start asks for a promotion or a dry run, once, and waits for its end. Whether an earlier try asked
// already is for the tenant to say: it is running, or its report is there.
func (p *promotion) start(ctx context.Context, phase string, dry bool) (PromotionReport, error) {
	status, err := p.t.PromotionStatus(ctx)
	if err != nil {
		return PromotionReport{}, err
	}
	meant := p.j.after("will "+phase, "will lock")
	if status.Status == "ERROR" && (status.BlockingError || meant && cmpOr(status.PromotionID, p.id) == p.id) {
		return PromotionReport{}, &PromotionError{Environment: p.o.Environment, Phase: phase, Status: status}
	}
	if meant && status.Status != "RUNNING" {
		if r, ok, err := p.findReport(ctx, dry); err != nil || ok {
			return r, err
		}
	}
	if status.Status != "RUNNING" {
		if err := p.j.Append(Record{What: "will " + phase, ID: p.id}); err != nil {
			return PromotionReport{}, err
		}
		req := p.o.Request
		req.DryRun = dry
		if err := p.t.Promote(ctx, req); err != nil {
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
		r, ok, err := p.findReport(ctx, dry)
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

// findReport looks for the report of this promotion's dry or real run.
func (p *promotion) findReport(ctx context.Context, dry bool) (PromotionReport, bool, error) {
	reports, err := p.t.Reports(ctx)
	if err != nil {
		return PromotionReport{}, false, err
	}
	// The API doesn't say in which order it lists them; Created sorts as text.
	slices.SortStableFunc(reports, func(a, b PromotionReport) int { return strings.Compare(a.Created, b.Created) })
	for _, r := range slices.Backward(reports) {
		if r.PromotionID == p.id && r.DryRun == dry && r.Type != "rollback" {
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

// maxReportWaits is how many polls may find a tenant ready before there is a report.
const maxReportWaits = 6

// maxPollErrors is how many polls in a row may fail before a wait gives up: a restart of the tenant's
// services takes its API away for moments.
const maxPollErrors = 3

// wait polls until f says so.
func (p *promotion) wait(ctx context.Context, phase string, f func() (bool, string, error)) error {
	start := p.o.Now()
	failures := 0
	for {
		done, text, err := f()
		var perr *PromotionError
		var lerr *LockedError
		var failed *lockError
		var none *noReportError
		switch {
		case errors.As(err, &perr), errors.As(err, &lerr), errors.As(err, &failed), errors.As(err, &none):
			return err // the tenant's answer, which asking again doesn't change
		case err != nil:
			if failures++; failures >= maxPollErrors || ctx.Err() != nil {
				return err
			}
		case done:
			return nil
		default:
			failures = 0
			p.on(PhaseProgress{phase, text, p.o.Now().Sub(start)})
		}
		if err := p.o.Sleep(ctx, p.o.Poll); err != nil {
			return err
		}
	}
}
