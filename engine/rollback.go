package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// Rollback puts back what the run in the journal changed, last step first. It writes nothing to a resource
// that somebody changed after the run: that ends it with a *StaleError. ESVs are left as they are, since
// their values are not kept; left names them. It may be called again after an interruption.
func (p *Plan) Rollback(ctx context.Context, t Target, j *Journal, o ApplyOptions) (left []Mention, err error) {
	r := &run{p, t, j, o}
	for _, s := range slices.Backward(p.Steps) {
		if s.Restart || !j.Has("will", s.Number) || j.Has("undid", s.Number) {
			continue
		}
		if s.Class == schema.PerEnvironment {
			left = append(left, Mention{s.Key, s.Name, s.Action, "its old value was not kept"})
			continue
		}
		if err := ctx.Err(); err != nil {
			return left, err
		}
		start := o.Now()
		r.on(StepStarted{s.Number, len(p.Steps), s.Action, s.Key, s.Name, false})
		outcome, err := r.undo(ctx, s)
		if err != nil {
			r.on(StepFailed{s.Number, err})
			return left, fmt.Errorf("undo step %d, %s: %w", s.Number, s.what(), err)
		}
		if err := j.Append(Record{What: "undid", Step: s.Number, Key: s.Key, Outcome: outcome}); err != nil {
			return left, err
		}
		r.on(StepDone{Step: s.Number, Outcome: outcome, Took: o.Now().Sub(start)})
	}
	return left, j.Append(Record{What: "rolled back"})
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
	if why := r.movedSince(s, live, old); why != "" {
		return "", &StaleError{Moved: []Moved{{s.Key, nameOf(live, s.Name), why + " after the run"}}, Written: r.j.Done()}
	}
	switch {
	case old == nil && live == nil:
		return "already undone", nil
	case old == nil:
		return "deleted", r.target.Delete(ctx, live)
	case live != nil && diff.Digest(live) == diff.Digest(old):
		return "already undone", nil
	default:
		_, err := r.target.Put(ctx, old, live)
		return "put back", err
	}
}

// movedSince says whether the tenant holds something else than what the run left there. A step that was cut
// off, or whose undoing was, may have left anything in between.
func (r *run) movedSince(s Step, live, old *schema.Resource) string {
	for _, rec := range slices.Backward(r.j.Records) {
		if rec.What != "did" || rec.Key != s.Key {
			continue
		}
		if old != nil && live != nil && diff.Digest(live) == diff.Digest(old) || old == nil && live == nil {
			return ""
		}
		if r.j.Has("undid", rec.Step) {
			return ""
		}
		return whyMoved(live, rec.Digest)
	}
	return ""
}
