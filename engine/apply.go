package engine

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// Target is the tenant a plan is applied to.
type Target interface {
	// Get returns the live resource; its error wraps fs.ErrNotExist when there is none.
	Get(ctx context.Context, k schema.Key) (*schema.Resource, error)
	// Put replaces the whole resource and returns what the tenant holds now. was is what the tenant held
	// before, nil for none. It may be called again after a failure. An error whose Moved method says so means
	// that somebody changed the resource meanwhile, and that Put stopped before it wrote over that.
	Put(ctx context.Context, r, was *schema.Resource) (*schema.Resource, error)
	// Delete removes the resource; that it is gone already is no error.
	Delete(ctx context.Context, r *schema.Resource) error
}

// Restarter restarts a tenant's services, so that changed ESVs take effect.
type Restarter interface {
	// RestartPending says whether an ESV waits for a restart.
	RestartPending(ctx context.Context) (bool, error)
	// Restart restarts and waits until it is done; when one is under way already, it waits for that.
	Restart(ctx context.Context, on func(status string, elapsed time.Duration)) error
}

// A Moved names a resource that is not as the plan expects it.
type Moved struct {
	Key  schema.Key
	Name string
	Why  string
}

// A StaleError says that the tenant moved since the plan was made. Written counts the steps that were
// done before it was noticed: none, unless somebody changed the tenant during the run.
type StaleError struct {
	Moved   []Moved
	Written int
	// Undo: it was noticed by a rollback, and Written counts the steps that were undone.
	Undo bool
}

func (e *StaleError) Error() string {
	var b strings.Builder
	if e.Undo {
		b.WriteString("the run can't be undone: the tenant has changed since\n")
	} else {
		b.WriteString("the plan is stale: the tenant has changed since it was made\n")
	}
	for i, m := range e.Moved {
		if i == maxMoved {
			fmt.Fprintf(&b, "  … and %d more\n", len(e.Moved)-i)
			break
		}
		fmt.Fprintf(&b, "  %s  %s\n", schema.Key{Type: m.Key.Type, Realm: m.Key.Realm, ID: cmpOr(m.Name, m.Key.ID)}, m.Why)
	}
	switch {
	case e.Undo && e.Written == 0:
		b.WriteString("Nothing was put back. Plan from the commit that the tenant should match, and review it")
	case e.Undo:
		fmt.Fprintf(&b, "%d steps were undone before. Plan from the commit that the tenant should match, and review it", e.Written)
	case e.Written == 0:
		b.WriteString("Nothing was written. Make a new plan and review it")
	default:
		fmt.Fprintf(&b, "%d steps were done before. Make a new plan for the rest and review it", e.Written)
	}
	return b.String()
}

// maxMoved is how many resources that moved a message names.
const maxMoved = 20

// ApplyOptions go with a run.
type ApplyOptions struct {
	Restarter Restarter
	// Resolve fills in what a plan must not hold: ${NAME} values of ESVs, secrets.
	Resolve func(ctx context.Context, k schema.Key, body map[string]any) (map[string]any, error)
	// Wrote, if set, is told of each write before it counts as done: what was sent, and what the tenant
	// holds now. Its error stops the run.
	Wrote func(sent, now *schema.Resource) error
	On    func(Event)
	Now   func() time.Time
}

// run is one walk over a plan.
type run struct {
	plan   *Plan
	target Target
	j      *Journal
	o      ApplyOptions
}

// Apply carries the plan out: it checks that nothing the plan relies on has moved, then does the steps
// that the journal does not have yet. Before each write the old body is kept and the intent is on disk. It
// may be called again with the same plan and journal after any interruption.
func (p *Plan) Apply(ctx context.Context, t Target, j *Journal, o ApplyOptions) error {
	r := &run{p, t, j, o}
	if err := p.begin(j); err != nil {
		return err
	}
	if _, undo := j.Last("rolling back"); undo {
		if _, undone := j.Last("rolled back"); undone {
			return fmt.Errorf("run %s was rolled back; make a new plan", j.Run())
		}
		return fmt.Errorf("run %s is half rolled back; finish that first: lockstep rollback %s", j.Run(), j.Run())
	}
	if _, done := j.Last("done"); done {
		return nil
	}
	if err := r.checkStale(ctx); err != nil {
		return err
	}
	if err := r.checkResolves(ctx); err != nil {
		return err
	}
	for _, s := range p.Steps {
		if j.Has("did", s.Number) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		start := o.Now()
		r.on(StepStarted{s.Number, len(p.Steps), s.Action, s.Key, s.Name, s.Restart})
		done, err := r.step(ctx, s)
		if err != nil {
			r.on(StepFailed{s.Number, err})
			return r.failed(s, err)
		}
		done.Step, done.Took = s.Number, o.Now().Sub(start)
		r.on(done)
	}
	return j.Append(Record{What: "done"})
}

// begin makes a new journal the plan's, and refuses one of another plan.
func (p *Plan) begin(j *Journal) error {
	if len(j.Records) == 0 {
		return j.Append(Record{What: "begin", Plan: p.Digest, Tenant: p.Environment.URL})
	}
	if j.Records[0].Plan != p.Digest {
		return fmt.Errorf("run %s belongs to another plan", j.Run())
	}
	return nil
}

func (r *run) on(e Event) {
	if r.o.On != nil {
		r.o.On(e)
	}
}

// failed notes the failure and returns it with the step's name.
func (r *run) failed(s Step, err error) error {
	if jerr := r.j.Append(Record{What: "fail", Step: s.Number, Key: s.Key, Error: firstLine(err.Error())}); jerr != nil {
		err = errors.Join(err, jerr)
	}
	var stale *StaleError
	if errors.As(err, &stale) {
		return err
	}
	return fmt.Errorf("step %d, %s: %w", s.Number, s.what(), err)
}

func firstLine(s string) string { line, _, _ := strings.Cut(s, "\n"); return line }

func (s Step) what() string {
	if s.Restart {
		return "restart services"
	}
	return string(s.Action) + " " + schema.Key{Type: s.Key.Type, Realm: s.Key.Realm, ID: cmpOr(s.Name, s.Key.ID)}.String()
}

// Done counts the steps that the journal has as done.
func (j *Journal) Done() int {
	n := 0
	for _, r := range j.Records {
		if r.What == "did" {
			n++
		}
	}
	return n
}

// expected is what a resource should look like now: the plan's digest, or what an earlier step of this run
// left. known is false when a write may have been cut off: then either is right.
func (r *run) expected(s Step) (digest string, known bool) {
	if r.j.Has("will", s.Number) {
		return "", false
	}
	for _, rec := range slices.Backward(r.j.Records) {
		if rec.Key == s.Key && rec.What == "did" {
			return rec.Digest, true
		}
	}
	for _, earlier := range r.plan.Steps[:s.Number-1] {
		if earlier.Key == s.Key && r.j.Has("will", earlier.Number) {
			return "", false
		}
	}
	return s.Was, true
}

// checkStale compares every resource that the plan touches or relies on with what the plan expects, before
// the first write.
func (r *run) checkStale(ctx context.Context) error {
	type check struct {
		key    schema.Key
		name   string
		digest string
		cut    *Step // it was cut off: see whyForeign
	}
	var checks []check
	seen := map[schema.Key]bool{}
	for _, s := range r.plan.Steps {
		if s.Restart || seen[s.Key] || r.j.Has("did", s.Number) {
			continue
		}
		seen[s.Key] = true
		if digest, known := r.expected(s); known {
			checks = append(checks, check{s.Key, s.Name, digest, nil})
		} else if r.j.Has("will", s.Number) {
			checks = append(checks, check{s.Key, s.Name, "", &s})
		}
	}
	for _, e := range r.plan.Reads {
		checks = append(checks, check{e.Key, "", e.Digest, nil})
	}
	var mu sync.Mutex
	var moved []Moved
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, c := range checks {
		g.Go(func() error {
			live, err := r.get(gctx, c.key)
			if err != nil {
				return err
			}
			why := ""
			if c.cut == nil {
				why = whyMoved(live, c.digest)
			} else if why, err = r.whyForeign(gctx, *c.cut, live); err != nil {
				return err
			}
			if why != "" {
				mu.Lock()
				defer mu.Unlock()
				moved = append(moved, Moved{c.key, nameOf(live, c.name), why})
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if len(moved) == 0 {
		return nil
	}
	slices.SortFunc(moved, func(a, b Moved) int { return a.Key.Compare(b.Key) })
	return &StaleError{Moved: moved, Written: r.j.Done()}
}

func nameOf(r *schema.Resource, name string) string {
	if r != nil && name == "" {
		return r.Name()
	}
	return name
}

// whyMoved says how a live resource differs from what the plan expects; "" when it doesn't.
func whyMoved(live *schema.Resource, digest string) string {
	switch {
	case live == nil && digest == "":
		return ""
	case live == nil:
		return "is gone"
	case digest == "":
		return "is there now"
	case diff.Digest(live) != digest:
		return "was changed" + byWhom(live)
	}
	return ""
}

// get returns nil for what is not there.
func (r *run) get(ctx context.Context, k schema.Key) (*schema.Resource, error) {
	live, err := r.target.Get(ctx, k)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", k, err)
	}
	return live, nil
}

// checkResolves fills in all bodies once before the first write, so that an unset variable stops a run
// before it starts. All that is missing is told at once.
func (r *run) checkResolves(ctx context.Context) error {
	var missing []error
	for _, s := range r.plan.Steps {
		if s.Restart || s.Action == diff.Delete || r.j.Has("did", s.Number) {
			continue
		}
		body, err := r.body(ctx, s)
		if err == nil {
			err = checkValue(s, body)
		}
		if err != nil {
			missing = append(missing, fmt.Errorf("step %d, %s: %w", s.Number, s.what(), err))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	nothing := "Nothing was written"
	if n := r.j.Done(); n > 0 {
		nothing = fmt.Sprintf("Nothing was written beyond the %d steps that were done before", n)
	}
	if len(missing) == 1 {
		return fmt.Errorf("%w. %s", missing[0], nothing)
	}
	return fmt.Errorf("%d steps can't be filled in:\n%w\n%s", len(missing), errors.Join(missing...), nothing)
}

// checkValue refuses an ESV's value that the tenant would refuse in the middle of the run.
func checkValue(s Step, body map[string]any) error {
	t, _ := schema.TypeOf(s.Key.Type)
	v, ok := body[t.API.Value].(string)
	if !ok {
		return nil
	}
	if _, err := base64.StdEncoding.DecodeString(v); err != nil {
		return fmt.Errorf("its value (%s) is not base64", t.API.Value)
	}
	return nil
}

func (r *run) body(ctx context.Context, s Step) (map[string]any, error) {
	v, err := schema.ParseJSON(s.Body)
	if err != nil {
		return nil, fmt.Errorf("read the step's body: %w", err)
	}
	body, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("the step's body is no object")
	}
	if r.o.Resolve == nil {
		return body, nil
	}
	return r.o.Resolve(ctx, s.Key, body)
}

func (r *run) step(ctx context.Context, s Step) (StepDone, error) {
	if s.Restart {
		return r.restart(ctx, s)
	}
	ctx = whole(ctx)
	// Read once more: somebody may have changed the resource since the check.
	live, err := r.get(ctx, s.Key)
	if err != nil {
		return StepDone{}, err
	}
	if digest, known := r.expected(s); known {
		if why := whyMoved(live, digest); why != "" {
			return StepDone{}, r.moved(s, live, why)
		}
	} else if done, ok := r.alreadyDone(s, live); ok {
		return done, r.did(s, done.Outcome, live)
	} else if r.j.Has("will", s.Number) {
		why, err := r.whyForeign(ctx, s, live)
		if err != nil {
			return StepDone{}, err
		}
		if why != "" {
			return StepDone{}, r.moved(s, live, why)
		}
	}
	if err := r.j.Keep(s.Number, s.Key, live); err != nil {
		return StepDone{}, err
	}
	if !r.j.Has("will", s.Number) {
		if err := r.j.Append(Record{What: "will", Step: s.Number, Key: s.Key}); err != nil {
			return StepDone{}, err
		}
	}
	kept, _, _, err := r.j.Kept(s.Number)
	if err != nil {
		return StepDone{}, err
	}
	if s.Action == diff.Delete {
		// What was kept knows all the parts of it, also those that a try which was cut off left behind.
		if kept != nil {
			if err := r.target.Delete(ctx, kept); err != nil {
				return StepDone{}, err
			}
		}
		return StepDone{Outcome: "deleted"}, r.did(s, "deleted", nil)
	}
	return r.put(ctx, s, live, kept)
}

// moved is the error of a step whose resource somebody else changed.
func (r *run) moved(s Step, live *schema.Resource, why string) error {
	return &StaleError{Moved: []Moved{{s.Key, nameOf(live, s.Name), why}}, Written: r.j.Done()}
}

func (r *run) put(ctx context.Context, s Step, live, kept *schema.Resource) (StepDone, error) {
	body, err := r.body(ctx, s)
	if err != nil {
		return StepDone{}, err
	}
	want := &schema.Resource{Key: s.Key, Body: body}
	got, err := r.target.Put(ctx, want, withLeftovers(want, live, kept))
	var moved interface{ Moved() bool }
	if errors.As(err, &moved) && moved.Moved() {
		now, gerr := r.get(ctx, s.Key)
		if gerr != nil {
			return StepDone{}, errors.Join(err, gerr)
		}
		return StepDone{}, r.moved(s, now, whyMoved(now, diff.Digest(live))+" while it was being written")
	}
	if err != nil {
		return StepDone{}, err
	}
	if r.o.Wrote != nil {
		if err := r.o.Wrote(want, got); err != nil {
			return StepDone{}, err
		}
	}
	t, _ := schema.TypeOf(s.Key.Type)
	done := StepDone{Outcome: "updated"}
	switch {
	case kept == nil:
		done.Outcome = "created"
	case t.API.Versioned:
		done.Outcome = versionOutcome(kept, got)
	}
	done.Changed = append(unasked(want, got), skipped(kept, got)...)
	return done, r.did(s, done.Outcome, got)
}

// withLeftovers adds to a live journey the nodes of another state of it that neither it nor the wanted one
// has: a write that was cut off may have left them on the tenant, where nothing refers to them any more, and
// who writes the journey removes what it no longer needs.
func withLeftovers(want, live, other *schema.Resource) *schema.Resource {
	t, _ := schema.TypeOf(want.Type)
	if !t.Journey || live == nil || other == nil {
		return live
	}
	body := schema.CloneObject(live.Body)
	added := false
	for _, member := range []string{"nodes", "nodeConfigs"} {
		had, _ := body[member].(map[string]any)
		wanted, _ := want.Body[member].(map[string]any)
		extra, _ := other.Body[member].(map[string]any)
		for id, v := range extra {
			if had == nil || had[id] != nil || wanted[id] != nil {
				continue
			}
			had[id], added = v, true
		}
	}
	if !added {
		return live
	}
	return &schema.Resource{Key: live.Key, Body: body, Rev: live.Rev}
}

// alreadyDone recognises a write that reached the tenant although the run was cut off before it knew.
func (r *run) alreadyDone(s Step, live *schema.Resource) (StepDone, bool) {
	if s.Action == diff.Delete {
		return StepDone{}, false // parts of it may be left
	}
	// A secret's value can't be compared; writing it again makes no second version of the same value.
	t, _ := schema.TypeOf(s.Key.Type)
	if live == nil || t.Class == schema.PerEnvironment {
		return StepDone{}, false
	}
	if diff.Digest(live) != s.Want {
		return StepDone{}, false
	}
	if kept, _, _, err := r.j.Kept(s.Number); err != nil || t.Journey && withLeftovers(live, live, kept) != live {
		return StepDone{}, false // nodes that it no longer has may be left
	}
	return StepDone{Outcome: "already done"}, true
}

func (r *run) did(s Step, outcome string, now *schema.Resource) error {
	rec := Record{What: "did", Step: s.Number, Key: s.Key, Outcome: outcome}
	if now != nil {
		rec.Digest = diff.Digest(now)
	}
	return r.j.Append(rec)
}

func (r *run) restart(ctx context.Context, s Step) (StepDone, error) {
	if r.o.Restarter == nil {
		return StepDone{}, errors.New("this tenant can't be restarted from here")
	}
	if r.j.Has("will", s.Number) {
		pending, err := r.o.Restarter.RestartPending(ctx)
		if err != nil {
			return StepDone{}, err
		}
		if !pending {
			return StepDone{Outcome: "already done"}, r.did(s, "already done", nil)
		}
	} else if err := r.j.Append(Record{What: "will", Step: s.Number}); err != nil {
		return StepDone{}, err
	}
	err := r.o.Restarter.Restart(ctx, func(status string, elapsed time.Duration) {
		r.on(StepProgress{s.Number, status, elapsed})
	})
	if err != nil {
		return StepDone{}, err
	}
	return StepDone{Outcome: "restarted"}, r.did(s, "restarted", nil)
}

// unasked lists what the tenant made of a body on the way in: members that were sent and came back
// otherwise. What it added is its defaults, and no difference.
func unasked(want, got *schema.Resource) []diff.Item {
	if got == nil {
		return nil
	}
	w, g := schema.NewSet("want"), schema.NewSet("got")
	w.Add(want)
	g.Add(got)
	changes, err := diff.Compare(w, g, diff.Options{})
	if err != nil || len(changes) == 0 {
		return nil
	}
	return slices.DeleteFunc(changes[0].Items, func(i diff.Item) bool { return i.Kind == "+" || i.Minor || strings.Contains(i.Detail, "set to ") })
}
