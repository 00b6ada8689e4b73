package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxReportWaits is how many polls may find a tenant ready before there is a report.
const maxReportWaits = 6

// maxPollErrors is how many polls in a row may fail before a wait gives up: a restart of the tenant's
// services takes its API away for moments.
const maxPollErrors = 3

// A SlowError says that a phase takes longer than any that was ever seen. It goes on by itself.
type SlowError struct {
	Environment, Phase, Text, ID string
	After                        time.Duration
}

func (e *SlowError) Error() string {
	return fmt.Sprintf("%s of promotion %s is not over after %s (the tenant says: %s)", e.Phase, cmpOr(e.ID, "(unknown)"), e.After, cmpOr(e.Text, "nothing"))
}

// patience is how long a phase is waited for: many times what the vendor's documents name (a minute or two
// for a lock, up to 45 minutes for a promotion). It is counted in polls: the hours that a laptop sleeps are
// not the tenant's.
func (p *promotion) patience(phase string) time.Duration {
	switch phase {
	case phaseLock, phaseUnlock:
		return 20 * time.Minute
	}
	return 3 * time.Hour
}

// wait polls until f says so.
func (p *promotion) wait(ctx context.Context, phase string, f func() (bool, string, error)) error {
	start := p.o.Now()
	failures, waited := 0, time.Duration(0)
	for {
		done, text, err := f()
		var perr *PromotionError
		var lerr *LockedError
		var failed *LockFailedError
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
			if waited > p.patience(phase) {
				return &SlowError{p.o.Environment, phase, text, p.id, waited}
			}
			waited += max(p.o.Poll, time.Millisecond)
		}
		if err := p.o.Sleep(ctx, p.o.Poll); err != nil {
			return err
		}
	}
}
