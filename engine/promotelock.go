package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// lock takes the lock, or finds that this promotion has it already, and waits until both sides are locked.
func (p *promotion) lock(ctx context.Context) (string, error) {
	s, err := p.t.LockState(ctx)
	if err != nil {
		return "", err
	}
	meant := p.j.after("will lock", "lock refused") && !p.j.after("unlocked", "will lock")
	switch {
	case s.Result == "unlocked" && meant && p.j.after("locked", "will lock"):
		return "", p.lost(ctx)
	case s.Result == "unlocked":
		if err := p.takeLock(ctx); err != nil {
			return "", err
		}
	case meant && p.id == "":
		if err := p.takeOver(ctx, s); err != nil {
			return "", err
		}
	case !meant || s.PromotionID != p.id:
		return "", p.lockedBy(s)
	}
	p.recallReview()
	err = p.wait(ctx, phaseLock, func() (bool, string, error) {
		s, err := p.t.LockState(ctx)
		switch {
		case err != nil:
			return false, "", err
		case s.Result == "error":
			return false, "", &LockFailedError{"locking", s.Description}
		case s.Result != "unlocked" && s.PromotionID != "" && s.PromotionID != p.id:
			return false, "", p.lockedBy(s)
		}
		return s.Result == "locked" && sideLocked(s.Lower) && sideLocked(s.Upper), s.Description, nil
	})
	if err != nil {
		return "", err
	}
	if !p.j.after("locked", "will lock") {
		if err := p.j.Append(Record{What: "locked", ID: p.id}); err != nil {
			return "", err
		}
	}
	return "both environments locked", nil
}

func (p *promotion) lockedBy(s LockState) error {
	return &LockedError{fmt.Sprintf("%s is locked by promotion %s, which is not this one. Wait for it; `lockstep promote status %s` tells where it is", p.o.Environment, cmpOr(s.PromotionID, "(unknown)"), p.o.Environment)}
}

// reviewedMark stands in the record of a promotion whose report is to be compared with what was reviewed.
const reviewedMark = "reviewed"

// takeLock asks for the lock. What the dry run may report is on disk first: a call that goes on later
// doesn't look at the tenants again, and must not forget it.
func (p *promotion) takeLock(ctx context.Context) error {
	will := Record{What: "will lock", Reviewed: p.o.Reviewed, DryRun: p.o.DryRun}
	if p.o.Reviewed != nil {
		will.Outcome = reviewedMark
	}
	if p.o.Rollback {
		will.Outcome = rollbackMark
	}
	if err := p.j.Append(will); err != nil {
		return err
	}
	s, err := p.t.Lock(whole(ctx))
	if errors.Is(err, ErrLockRefused) {
		return errors.Join(err, p.j.Append(Record{What: "lock refused"}))
	}
	if err != nil {
		return err
	}
	p.id = s.PromotionID
	return p.j.Append(Record{What: "locking", ID: p.id})
}

// takeOver takes a lock for this promotion's: its request went out, and we were cut off before the answer.
// A lock under which anything ran is somebody else's, since we never came so far.
func (p *promotion) takeOver(ctx context.Context, s LockState) error {
	status, err := p.t.PromotionStatus(ctx)
	if err != nil {
		return err
	}
	reports, err := p.t.Reports(ctx)
	if err != nil {
		return err
	}
	if s.PromotionID == "" || status.Status == "RUNNING" || slices.ContainsFunc(reports, func(r PromotionReport) bool { return r.PromotionID == s.PromotionID }) {
		return p.lockedBy(s)
	}
	p.id = s.PromotionID
	return p.j.Append(Record{What: "locking", ID: p.id})
}

// lost ends a promotion whose lock somebody else gave back, so that the next one can begin.
func (p *promotion) lost(ctx context.Context) error {
	text := "Nothing was promoted"
	if p.j.after("will promote", "will lock") {
		_, ok, err := p.findReport(ctx, isPromotion)
		if err != nil {
			return err
		}
		if ok {
			text = "It was promoted before that; `lockstep promote report " + p.o.Environment + "` shows what"
		}
	}
	return errors.Join(fmt.Errorf("somebody gave back the lock of promotion %s. %s. Run it again to start a new one", p.id, text), p.j.Append(Record{What: "unlocked", ID: p.id}))
}

// recallReview brings back what an earlier call was told to compare the dry run with.
func (p *promotion) recallReview() {
	if will, ok := p.j.Last("will lock"); ok && p.o.Reviewed == nil && will.Outcome == reviewedMark {
		p.o.Reviewed = append([]Reviewed{}, will.Reviewed...)
	}
}

// sideLocked accepts a side that the tenant doesn't tell about.
func sideLocked(state string) bool { return state == "" || state == "locked" }

// A LockFailedError says that the tenant took the request to lock, or to unlock, and could not carry it out.
type LockFailedError struct {
	What string // locking, unlocking
	Text string // the tenant's
}

func (e *LockFailedError) Error() string { return e.What + " failed: " + e.Text }

// unlock gives the lock back: once it is complete, and once only. Another promotion's lock, or none, means
// that ours is gone.
func (p *promotion) unlock(ctx context.Context) (string, error) {
	if err := p.j.Append(Record{What: "will unlock", ID: p.id}); err != nil {
		return "", err
	}
	asked := false
	err := p.wait(ctx, phaseUnlock, func() (bool, string, error) {
		s, err := p.t.LockState(ctx)
		switch {
		case err != nil:
			return false, "", err
		case s.Result == "unlocked", s.PromotionID != "" && s.PromotionID != p.id:
			return true, s.Description, nil
		case s.Result == "error" && asked:
			return false, "", &LockFailedError{"unlocking", s.Description}
		case s.Result == "locked" || s.Result == "error":
			_, err := p.t.Unlock(whole(ctx), p.id)
			asked = asked || err == nil
			return false, s.Description, err
		}
		return false, s.Description, nil
	})
	if err != nil {
		return "", err
	}
	return "both environments unlocked", p.j.Append(Record{What: "unlocked", ID: p.id})
}

// recallID brings back the promotion's id, when the lock was given.
func (p *promotion) recallID() { p.id = LockID(p.j.Records) }

// Leave ends a promotion that was interrupted: it gives the lock back as soon as the tenant lets it. What is
// under way there can't be stopped, and is waited for; a promotion that came to its end is in the result, and
// in the audit. A blocking error keeps the lock. A *LockedError says that the lock is somebody else's: it is
// left alone.
func Leave(ctx context.Context, t Promoter, j *Journal, o PromotionOptions) (PromotionResult, error) {
	p := &promotion{t: t, j: j, o: o}
	p.recallID()
	s, err := t.LockState(ctx)
	if err != nil {
		return p.result, err
	}
	switch {
	case s.Result == "unlocked", p.id != "" && s.PromotionID != p.id:
		return p.result, j.Append(Record{What: "unlocked", ID: p.id})
	case p.id == "":
		err := p.takeOver(ctx, s)
		var other *LockedError
		if errors.As(err, &other) {
			err = errors.Join(err, j.Append(Record{What: "lock refused"}))
		}
		if err != nil {
			return p.result, err
		}
	}
	p.result.PromotionID = p.id
	if err := p.waitIdle(ctx); err != nil {
		return p.result, err
	}
	for what, ours := range map[string]func(PromotionReport) bool{phasePromote: isPromotion, phaseBack: isRollback} {
		if !p.j.after("will "+what, "will lock") {
			continue
		}
		report, ok, err := p.findReport(ctx, ours)
		if err != nil {
			return p.result, err
		}
		if ok {
			p.result.Report = &report
		}
	}
	return p.end(ctx, nil)
}

// waitIdle waits until nothing runs on the tenant any more.
func (p *promotion) waitIdle(ctx context.Context) error {
	status, err := p.t.PromotionStatus(ctx)
	if err != nil {
		return err
	}
	if status.Status == "RUNNING" {
		err = p.phase(ctx, phaseWait, func(ctx context.Context) (string, error) {
			return "the tenant is done", p.wait(ctx, phaseWait, func() (done bool, text string, err error) {
				status, err = p.t.PromotionStatus(ctx)
				return status.Status != "RUNNING", status.Message, err
			})
		})
		if err != nil {
			return err
		}
	}
	if status.Status == "ERROR" && status.BlockingError {
		return &PromotionError{Environment: p.o.Environment, Phase: phasePromote, Status: status}
	}
	return nil
}

// FinishLock gives back a lock, whoever took it: `promote unlock`.
func FinishLock(ctx context.Context, t Promoter, j *Journal, id string, o PromotionOptions) error {
	p := &promotion{t: t, j: j, o: o, id: id}
	return p.phase(ctx, phaseUnlock, p.unlock)
}

// LockHeld says whether a promotion may still hold the lock: it asked for it, and it was not given back.
func LockHeld(records []Record) bool {
	held := false
	for _, r := range records {
		switch r.What {
		case "will lock":
			held = true
		case "unlocked", "done", "lock refused":
			held = false
		}
	}
	return held
}

// LockID is the id of the promotion whose lock LockHeld tells of; empty when the tenant's answer was lost.
func LockID(records []Record) string {
	j := &Journal{Records: records}
	if r, ok := j.Last("locking"); ok && j.after("locking", "will lock") {
		return r.ID
	}
	return ""
}

// HeldFor says what the lock that LockHeld tells of was taken for.
func HeldFor(records []Record) (dryRun, rollback bool) {
	for _, r := range slices.Backward(records) {
		if r.What == "will lock" {
			return r.DryRun, r.Outcome == rollbackMark
		}
	}
	return false, false
}
