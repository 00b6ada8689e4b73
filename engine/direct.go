package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A SessionState is what a tenant says of its direct-configuration session (tenant-api, section 7).
type SessionState struct {
	Open bool
	Done bool // applied or aborted, or none yet
	// Aborted and Failed say how it ended, where the tenant tells.
	Aborted, Failed bool
	Status          string // the tenant's word
}

// Sessions opens the door through which the static configuration of an immutable environment is changed.
// Init fails with an error that wraps ErrSessionRefused when the tenant answers that it gives none.
type Sessions interface {
	State(ctx context.Context) (SessionState, error)
	Init(ctx context.Context) error
	Apply(ctx context.Context) error
	Abort(ctx context.Context) error
}

// ErrSessionRefused says that the tenant answered, and opened no session: another one is open, or a
// promotion has the tenant locked.
var ErrSessionRefused = errors.New("the tenant opened no session")

// DirectOptions go with a run in a session.
type DirectOptions struct {
	Sessions Sessions
	Poll     time.Duration
	Sleep    func(ctx context.Context, d time.Duration) error
	// Last is how long the session may take to be closed once the caller's context is done.
	Last time.Duration
	// Undo: the work is the way back of a run, in a session of its own.
	Undo bool
}

// Direct runs work between the opening of a session and its applying. What fails or is interrupted is
// aborted, which puts back what was there before; a process that dies leaves the session open, and the next
// call with the same journal goes on in it.
func (p *Plan) Direct(ctx context.Context, j *Journal, o DirectOptions, work func(ctx context.Context) error) error {
	d := &direct{j, o}
	if err := p.begin(j); err != nil {
		return err
	}
	if _, applied := j.Last(d.what(sessionApplied)); applied {
		return nil
	}
	if err := d.open(ctx); err != nil {
		return err
	}
	if !d.applying() {
		if err := work(ctx); err != nil {
			return errors.Join(err, d.abort(ctx))
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(err, d.abort(ctx))
		}
	}
	return d.apply(ctx)
}

// AbortDirect ends the session that a run left open, with all that was written in it.
func AbortDirect(ctx context.Context, j *Journal, o DirectOptions) error {
	d := &direct{j, o}
	if d.applying() {
		return errors.New("the session of the run is being applied already; let it end with lockstep apply, then roll back")
	}
	s, err := o.Sessions.State(ctx)
	if err != nil {
		return err
	}
	if !s.Open {
		return d.over()
	}
	return d.abort(ctx)
}

type direct struct {
	j *Journal
	o DirectOptions
}

// Records of a session. Those of the way back have undo before them.
const (
	willOpenSession  = "will open session"
	sessionRefused   = "session refused"
	sessionOpen      = "session open"
	willApplySession = "will apply session"
	sessionApplied   = "session applied"
	undoSession      = "undo: "
	undoVoid         = "undo aborted"
)

func (d *direct) what(record string) string {
	if d.o.Undo {
		return undoSession + record
	}
	return record
}

func (d *direct) note(record string) error { return d.j.Append(Record{What: d.what(record)}) }

func (d *direct) applying() bool {
	return d.j.after(d.what(willApplySession), d.what(willOpenSession))
}

// open opens the session, or finds the one that an earlier call opened.
func (d *direct) open(ctx context.Context) error {
	s, err := d.o.Sessions.State(ctx)
	if err != nil {
		return err
	}
	ours := d.j.after(d.what(willOpenSession), d.what(sessionRefused))
	switch {
	case d.applying():
		return nil // it is being applied, or is already; apply looks
	case s.Open && ours:
		return nil
	case s.Open:
		return &LockedError{"a direct-configuration session is open, and it is not one of this run. Its owner applies or aborts it; `lockstep session abort` puts back what it changed"}
	case d.j.after(d.what(sessionOpen), d.what(willOpenSession)):
		return errors.New("somebody closed the direct-configuration session of this run, and what was written in it may be gone. Make a new plan")
	case !s.Done:
		return &LockedError{"a direct-configuration session is being applied (" + s.Status + "). Wait for it, then run this again"}
	}
	if err := d.note(willOpenSession); err != nil {
		return err
	}
	if err := d.o.Sessions.Init(whole(ctx)); err != nil {
		if errors.Is(err, ErrSessionRefused) {
			return errors.Join(err, d.note(sessionRefused))
		}
		return err
	}
	return d.note(sessionOpen)
}

// apply makes the session's changes the tenant's, and waits until they are.
func (d *direct) apply(ctx context.Context) error {
	if !d.applying() {
		if err := d.note(willApplySession); err != nil {
			return err
		}
	}
	failures := 0
	for {
		s, err := d.o.Sessions.State(ctx)
		switch {
		case err != nil:
			if failures++; failures >= maxPollErrors || ctx.Err() != nil {
				return fmt.Errorf("the direct-configuration session is being applied, and its state can't be read: %w", err)
			}
		case s.Failed:
			return errors.Join(fmt.Errorf("the tenant could not apply the direct-configuration session: %s", s.Status), d.abort(ctx))
		case s.Open:
			// Not asked yet, or the request was lost.
			if err := d.o.Sessions.Apply(whole(ctx)); err != nil {
				if failures++; failures >= maxPollErrors || ctx.Err() != nil {
					return fmt.Errorf("apply the direct-configuration session: %w", err)
				}
			}
		case s.Aborted:
			return errors.Join(errors.New("somebody aborted the direct-configuration session of this run: nothing of it is on the tenant. Make a new plan"), d.over())
		case s.Done:
			return d.note(sessionApplied)
		default:
			failures = 0
		}
		if err := d.o.Sleep(ctx, d.o.Poll); err != nil {
			return err
		}
	}
}

// abort closes the session without its changes, even when the caller's time is over: an open session keeps
// others from working. The run is then over, and as if it had never been.
func (d *direct) abort(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.o.Last)
	defer cancel()
	var err error
	for range maxPollErrors {
		if err = d.o.Sessions.Abort(ctx); err == nil {
			return d.over()
		}
		if serr := d.o.Sleep(ctx, d.o.Poll); serr != nil {
			break
		}
	}
	return fmt.Errorf("the direct-configuration session is still open and could not be aborted: %w", err)
}

// over notes that nothing of the session is left.
func (d *direct) over() error {
	if d.o.Undo {
		return d.j.Append(Record{What: undoVoid})
	}
	return d.j.Append(Record{What: "rolled back", Outcome: "session aborted"})
}

// Verify reads everything that the plan wrote, and lists what the tenant does not hold as the journal says.
func (p *Plan) Verify(ctx context.Context, t Target, j *Journal) ([]Moved, error) {
	r := &run{plan: p, target: t, j: j}
	last := map[schema.Key]Record{}
	for _, rec := range j.Records {
		if rec.What == "did" && rec.Key != (schema.Key{}) {
			last[rec.Key] = rec
		}
	}
	var moved []Moved
	for _, s := range p.Steps {
		rec, ok := last[s.Key]
		if s.Restart || !ok {
			continue
		}
		delete(last, s.Key)
		live, err := r.get(ctx, s.Key)
		if err != nil {
			return nil, err
		}
		digest := rec.Digest
		if live != nil && digest != "" && diff.Digest(live) == s.Want {
			continue
		}
		if why := whyMoved(live, digest); why != "" {
			moved = append(moved, Moved{s.Key, nameOf(live, s.Name), why})
		}
	}
	return moved, nil
}
