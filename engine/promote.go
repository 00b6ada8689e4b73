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
	Label   string
	Aliases []string
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
	Lock(ctx context.Context) (LockState, error)
	LockState(ctx context.Context) (LockState, error)
	Unlock(ctx context.Context, promotionID string) (LockState, error)
	Promote(ctx context.Context, r PromoteRequest) error
	PromotionStatus(ctx context.Context) (PromotionStatus, error)
	// Report returns one report; an empty id means the last one.
	Report(ctx context.Context, id string) (PromotionReport, error)
	Reports(ctx context.Context) ([]PromotionReport, error)
}

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
type ReviewError struct{ Extra, Lacking []string }

func (e *ReviewError) Error() string {
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
// stops it, the lock is given back, unless the tenant says that a blocking error forbids it, or the
// context is done: then the journal holds the promotion's id, and the next call unlocks.
func Promote(ctx context.Context, t Promoter, j *Journal, o PromotionOptions) (PromotionResult, error) {
	p := &promotion{t: t, j: j, o: o}
	if r, ok := j.Last("locked"); ok {
		p.id = r.ID
	}
	if r, ok := j.Last("locking"); ok && p.id == "" {
		p.id = r.ID
	}
	if err := p.phase(ctx, phaseLock, p.lock); err != nil {
		return p.result, err
	}
	p.result.PromotionID = p.id
	err := p.work(ctx)
	var perr *PromotionError
	if ctx.Err() != nil {
		return p.result, err
	}
	if errors.As(err, &perr) && perr.Blocked() {
		return p.result, err
	}
	if uerr := p.phase(ctx, phaseUnlock, p.unlock); uerr != nil {
		return p.result, errors.Join(err, fmt.Errorf("unlock promotion %s: %w", p.id, uerr))
	}
	p.result.Unlocked = true
	if perr != nil {
		perr.Unlocked = true
	}
	if err != nil {
		return p.result, err
	}
	return p.result, j.Append(Record{What: "done", ID: p.id})
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
	if p.o.DryRun {
		return nil
	}
	if err := p.phase(ctx, phasePromote, p.promote); err != nil {
		return err
	}
	return p.phase(ctx, phaseReport, p.report)
}

// lock takes the lock, or finds that this promotion has it already, and waits until both sides are locked.
func (p *promotion) lock(ctx context.Context) (string, error) {
	s, err := p.t.LockState(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case s.Result == "unlocked":
		if _, begun := p.j.Last("locked"); begun {
			// Locked once, unlocked since: by us, before the end was written, or by somebody else.
			return "", errors.New("the promotion's lock was given back; run it again to start a new one")
		}
		if err := p.j.Append(Record{What: "will lock"}); err != nil {
			return "", err
		}
		if s, err = p.t.Lock(ctx); err != nil {
			return "", err
		}
		p.id = s.PromotionID
		if err := p.j.Append(Record{What: "locking", ID: p.id}); err != nil {
			return "", err
		}
	case p.id == "" && p.meantToLock():
		// The request went out, and we were cut off before the answer: nobody else could have this lock
		// in between but by a rare race, and taking over only leads to a dry run.
		p.id = s.PromotionID
		if err := p.j.Append(Record{What: "locking", ID: p.id}); err != nil {
			return "", err
		}
	case s.PromotionID != p.id || p.id == "":
		return "", &LockedError{fmt.Sprintf("%s is locked by promotion %s, which is not this one. Wait for it; `lockstep promote status %s` tells where it is", p.o.Environment, cmpOr(s.PromotionID, "(unknown)"), p.o.Environment)}
	}
	err = p.wait(ctx, phaseLock, func() (bool, string, error) {
		s, err := p.t.LockState(ctx)
		if err != nil {
			return false, "", err
		}
		if s.Result == "error" {
			return false, "", fmt.Errorf("locking failed: %s", s.Description)
		}
		return s.Result == "locked" && sideLocked(s.Lower) && sideLocked(s.Upper), s.Description, nil
	})
	if err != nil {
		return "", err
	}
	if r, ok := p.j.Last("locked"); !ok || r.ID != p.id {
		if err := p.j.Append(Record{What: "locked", ID: p.id}); err != nil {
			return "", err
		}
	}
	return "both environments locked", nil
}

// sideLocked accepts a side that the tenant doesn't tell about.
func sideLocked(state string) bool { return state == "" || state == "locked" }

func (p *promotion) meantToLock() bool {
	_, ok := p.j.Last("will lock")
	return ok
}

// dryRun runs the integrity checks and gets the report of what would change.
func (p *promotion) dryRun(ctx context.Context) (string, error) {
	if r, ok := p.j.Last("did dry run"); ok && r.ID != "" {
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
	if _, meant := p.j.Last("will " + phase); meant && status.Status != "RUNNING" {
		if r, ok, err := p.findReport(ctx, dry); err != nil || ok {
			return r, err
		}
	}
	if status.Status == "ERROR" && status.BlockingError {
		return PromotionReport{}, &PromotionError{Environment: p.o.Environment, Phase: phase, Status: status}
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
	err = p.wait(ctx, phase, func() (bool, string, error) {
		s, err := p.t.PromotionStatus(ctx)
		if err != nil {
			return false, "", err
		}
		if s.Status == "ERROR" {
			return false, "", &PromotionError{Environment: p.o.Environment, Phase: phase, Status: s}
		}
		return s.Status == "READY", s.Message, nil
	})
	if err != nil {
		return PromotionReport{}, err
	}
	r, ok, err := p.findReport(ctx, dry)
	if err == nil && !ok {
		return p.t.Report(ctx, "")
	}
	return r, err
}

// findReport looks for the report of this promotion's dry or real run.
func (p *promotion) findReport(ctx context.Context, dry bool) (PromotionReport, bool, error) {
	reports, err := p.t.Reports(ctx)
	if err != nil {
		return PromotionReport{}, false, err
	}
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

func (p *promotion) unlock(ctx context.Context) (string, error) {
	if err := p.j.Append(Record{What: "will unlock", ID: p.id}); err != nil {
		return "", err
	}
	s, err := p.t.LockState(ctx)
	if err != nil {
		return "", err
	}
	if s.Result == "locked" && (s.PromotionID == "" || s.PromotionID == p.id) {
		if _, err := p.t.Unlock(ctx, p.id); err != nil {
			return "", err
		}
	}
	err = p.wait(ctx, phaseUnlock, func() (bool, string, error) {
		s, err := p.t.LockState(ctx)
		if err != nil {
			return false, "", err
		}
		if s.Result == "error" {
			return false, "", fmt.Errorf("unlocking failed: %s", s.Description)
		}
		other := s.Result == "locked" && s.PromotionID != "" && s.PromotionID != p.id
		return s.Result == "unlocked" || other, s.Description, nil
	})
	if err != nil {
		return "", err
	}
	return "both environments unlocked", p.j.Append(Record{What: "unlocked", ID: p.id})
}

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
		switch {
		case errors.As(err, &perr):
			return err
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

// FinishLock gives back the lock that a promotion left behind: `promote unlock`.
func FinishLock(ctx context.Context, t Promoter, j *Journal, id string, o PromotionOptions) error {
	p := &promotion{t: t, j: j, o: o, id: id}
	return p.phase(ctx, phaseUnlock, p.unlock)
}
