package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// Rollback puts back what the run in the journal changed, last step first. It writes nothing to a resource
// that somebody changed after the run: that ends it with a *StaleError. A secret's old value was never
// readable and can't be put back; left names what stays as it is, and why. Where the run restarted services,
// the way back does, too. It may be called again after an interruption.
func (p *Plan) Rollback(ctx context.Context, t Target, j *Journal, o ApplyOptions) (left []Mention, err error) {
	r := &run{p, t, j, o}
	if len(j.Records) == 0 || j.Records[0].Plan != p.Digest {
		return nil, fmt.Errorf("run %s is not one of this plan", j.Run())
	}
	if err := r.checkMovedSince(ctx); err != nil {
		return nil, err
	}
	if _, begun := j.Last("rolling back"); !begun {
		if err := j.Append(Record{What: "rolling back"}); err != nil {
			return nil, err
		}
	}
	for _, s := range slices.Backward(p.Steps) {
		if s.Restart || !j.Has("will", s.Number) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return left, err
		}
		why, err := r.cantUndo(ctx, s)
		if err != nil {
			return left, err
		}
		if why != "" {
			left = append(left, Mention{s.Key, s.Name, s.Action, why})
			continue
		}
		if j.Has("undid", s.Number) {
			continue
		}
		start := o.Now()
		r.on(StepStarted{s.Number, len(p.Steps), s.Action, s.Key, s.Name, false})
		outcome, err := r.undo(whole(ctx), s)
		var refused interface{ Refused() bool }
		if s.Class == schema.PerEnvironment && errors.As(err, &refused) && refused.Refused() {
			// Somebody has come to use an ESV that the run created: it can stay.
			left = append(left, Mention{s.Key, s.Name, s.Action, "the tenant refuses to put it back: " + firstLine(err.Error())})
			outcome, err = "left", nil
		}
		if err != nil {
			r.on(StepFailed{s.Number, err})
			return left, fmt.Errorf("undo step %d, %s: %w", s.Number, s.what(), err)
		}
		if err := j.Append(Record{What: "undid", Step: s.Number, Key: s.Key, Outcome: outcome}); err != nil {
			return left, err
		}
		r.on(StepDone{Step: s.Number, Outcome: outcome, Took: o.Now().Sub(start)})
	}
	if err := r.restartBack(ctx); err != nil {
		return left, err
	}
	return left, j.Append(Record{What: "rolled back"})
}

// restartBack restarts the services once more where the run did: they still have its values.
func (r *run) restartBack(ctx context.Context) error {
	i := slices.IndexFunc(r.plan.Steps, func(s Step) bool { return s.Restart && r.j.Has("will", s.Number) })
	if i < 0 || r.o.Restarter == nil || r.j.Has("undid", r.plan.Steps[i].Number) {
		return nil
	}
	s := r.plan.Steps[i]
	pending, err := r.o.Restarter.RestartPending(ctx)
	if err != nil || !pending {
		return err
	}
	start := r.o.Now()
	r.on(StepStarted{s.Number, len(r.plan.Steps), s.Action, s.Key, s.Name, true})
	if err := r.o.Restarter.Restart(ctx, func(status string, elapsed time.Duration) { r.on(StepProgress{s.Number, status, elapsed}) }); err != nil {
		r.on(StepFailed{s.Number, err})
		return fmt.Errorf("everything is put back, and the restart after it failed: %w", err)
	}
	if err := r.j.Append(Record{What: "undid", Step: s.Number, Outcome: "restarted"}); err != nil {
		return err
	}
	r.on(StepDone{Step: s.Number, Outcome: "restarted", Took: r.o.Now().Sub(start)})
	return nil
}

// cantUndo says why a step's work stays; "" when it can be undone.
func (r *run) cantUndo(ctx context.Context, s Step) (string, error) {
	if r.staysCreated(s) {
		return "it belongs to the product, and is never deleted", nil
	}
	t, _ := schema.TypeOf(s.Key.Type)
	if !t.API.Versioned || s.Action == diff.Create {
		return "", nil
	}
	if s.Action == diff.Delete {
		return "it was deleted, and nobody can read a secret's value to keep it; give it its value anew: lockstep esv push", nil
	}
	old, _, _, err := r.j.Kept(s.Number)
	if err != nil || old == nil {
		return "", err
	}
	live, err := r.get(ctx, s.Key)
	if err != nil || live == nil {
		return "", err
	}
	if was, now := schema.Str(old.Body, "/activeVersion"), schema.Str(live.Body, "/activeVersion"); was != now {
		return fmt.Sprintf("it has a new value in version %s, and nobody can read the one of version %s to write it again", now, was), nil
	}
	return "", nil
}

// staysCreated says whether a step created what nobody may delete.
func (r *run) staysCreated(s Step) bool {
	t, _ := schema.TypeOf(s.Key.Type)
	wrote, err := s.wrote()
	return err == nil && s.Action == diff.Create && t.IsProtected(wrote)
}

// checkMovedSince looks at everything that would be put back before the first write.
func (r *run) checkMovedSince(ctx context.Context) error {
	e := &StaleError{Undo: true, Written: r.undone()}
	seen := map[schema.Key]bool{}
	for _, s := range slices.Backward(r.plan.Steps) {
		if s.Restart || seen[s.Key] || !r.j.Has("will", s.Number) || r.j.Has("undid", s.Number) {
			continue
		}
		seen[s.Key] = true
		if why, err := r.cantUndo(ctx, s); err != nil || why != "" {
			if err != nil {
				return err
			}
			continue
		}
		old, _, kept, err := r.j.Kept(s.Number)
		if err != nil {
			return err
		}
		if !kept {
			continue
		}
		live, err := r.get(ctx, s.Key)
		if err != nil {
			return err
		}
		why, err := r.movedSince(ctx, s, live, old)
		if err != nil {
			return err
		}
		if why != "" {
			e.Moved = append(e.Moved, Moved{s.Key, nameOf(live, s.Name), why})
		}
	}
	if len(e.Moved) == 0 {
		return nil
	}
	slices.SortFunc(e.Moved, func(a, b Moved) int { return a.Key.Compare(b.Key) })
	return e
}

func (r *run) undone() int {
	n := 0
	for _, rec := range r.j.Records {
		if rec.What == "undid" {
			n++
		}
	}
	return n
}

func (r *run) undo(ctx context.Context, s Step) (string, error) {
	old, _, kept, err := r.j.Kept(s.Number)
	if err != nil {
		return "", err
	}
	if !kept {
		return "nothing kept", nil
	}
	live, err := r.get(ctx, s.Key)
	if err != nil {
		return "", err
	}
	why, err := r.movedSince(ctx, s, live, old)
	if err != nil {
		return "", err
	}
	if why != "" {
		return "", &StaleError{Moved: []Moved{{s.Key, nameOf(live, s.Name), why}}, Written: r.undone(), Undo: true}
	}
	wrote, err := s.wrote()
	if err != nil {
		return "", err
	}
	if live != nil && old != nil && diff.Digest(live) == diff.Digest(old) && withLeftovers(old, live, wrote) == live {
		return "already undone", nil
	}
	if !r.j.Has("will undo", s.Number) {
		if err := r.j.Append(Record{What: "will undo", Step: s.Number, Key: s.Key}); err != nil {
			return "", err
		}
	}
	if live != nil { // it may be half-written, or somebody's: nothing is lost
		if err := r.j.Keep(s.Number, s.Key, live); err != nil {
			return "", err
		}
	}
	if old != nil {
		_, err := r.target.Put(ctx, old, withLeftovers(old, live, wrote))
		return "put back", err
	}
	if live == nil {
		// The nodes of a journey are written before it.
		live = wrote
	}
	return "deleted", r.target.Delete(ctx, live)
}

// wrote is the resource as the step writes it; nil for a deletion.
func (s Step) wrote() (*schema.Resource, error) {
	if s.Action == diff.Delete {
		return nil, nil
	}
	v, err := schema.ParseJSON(s.Body)
	if err != nil {
		return nil, fmt.Errorf("read the step's body: %w", err)
	}
	body, _ := v.(map[string]any)
	return &schema.Resource{Key: s.Key, Body: body}, nil
}

// movedSince says how what the tenant holds is something else than what the run left there; "" when it isn't. A
// step that was cut off, or whose undoing was, may have left something in between.
func (r *run) movedSince(ctx context.Context, s Step, live, old *schema.Resource) (string, error) {
	if !r.j.Has("did", s.Number) {
		return r.whyForeign(ctx, s, live)
	}
	if old != nil && live != nil && diff.Digest(live) == diff.Digest(old) || old == nil && live == nil {
		return "", nil
	}
	for _, rec := range slices.Backward(r.j.Records) {
		switch {
		case rec.Key != s.Key:
		case rec.What == "will undo", rec.What == "undid":
			return "", nil
		case rec.What == "did":
			if why := whyMoved(live, rec.Digest); why != "" {
				return why + " after the run", nil
			}
			return "", nil
		}
	}
	return "", nil
}
