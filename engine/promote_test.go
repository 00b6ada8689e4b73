package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// promoter adapts the client, as the command does; before each call, tick is told of it.
type promoter struct {
	c    *tenant.Client
	tick func(call string) error
}

func state(l tenant.LockResult) engine.LockState {
	return engine.LockState{Result: l.Result, Description: l.Description, PromotionID: l.PromotionID, Lower: l.LowerEnv.State, Upper: l.UpperEnv.State}
}

// call runs do between two ticks: a caller can be cut off before a call, and after it.
func call[T any](p promoter, name string, do func() (T, error)) (T, error) {
	var none T
	if err := p.tick("before " + name); err != nil {
		return none, err
	}
	v, err := do()
	if terr := p.tick("after " + name); terr != nil {
		return none, terr
	}
	return v, err
}

func (p promoter) Lock(ctx context.Context) (engine.LockState, error) {
	return call(p, "lock", func() (engine.LockState, error) {
		l, err := p.c.Lock(ctx)
		if tenant.IsLocked(err) {
			err = errors.Join(engine.ErrLockRefused, err)
		}
		return state(l), err
	})
}

func (p promoter) LockState(ctx context.Context) (engine.LockState, error) {
	return call(p, "lock state", func() (engine.LockState, error) { l, err := p.c.LockState(ctx); return state(l), err })
}

func (p promoter) Unlock(ctx context.Context, id string) (engine.LockState, error) {
	return call(p, "unlock", func() (engine.LockState, error) { l, err := p.c.Unlock(ctx, id); return state(l), err })
}

func (p promoter) Promote(ctx context.Context, r engine.PromoteRequest) error {
	_, err := call(p, fmt.Sprint("promote, dry ", r.DryRun), func() (bool, error) {
		return true, p.c.Promote(ctx, tenant.PromoteRequest{DryRun: r.DryRun, IgnoreEncryptedSecrets: r.IgnoreEncryptedSecrets})
	})
	return err
}

func (p promoter) Rollback(ctx context.Context, _ engine.PromoteRequest) error {
	_, err := call(p, "rollback", func() (bool, error) { return true, p.c.RollbackPromotion(ctx, tenant.RollbackRequest{}) })
	return err
}

func (p promoter) PromotionStatus(ctx context.Context) (engine.PromotionStatus, error) {
	return call(p, "status", func() (engine.PromotionStatus, error) {
		s, err := p.c.PromotionStatus(ctx)
		return engine.PromotionStatus{Status: s.Status, Message: s.Message, BlockingError: s.BlockingError, GlobalLock: s.GlobalLock,
			PromotionID: s.PromotionID, MissingESVs: s.MissingESVs, EncryptedSecrets: s.EncryptedSecrets}, err
	})
}

func (p promoter) Report(ctx context.Context, id string) (engine.PromotionReport, error) {
	return call(p, "report", func() (engine.PromotionReport, error) {
		r, err := p.c.Report(ctx, id)
		out := engine.PromotionReport{ID: r.ReportID, PromotionID: r.PromotionID, DryRun: r.DryRun, Type: r.Type}
		for _, c := range append(r.Changes.AM, r.Changes.IDM...) {
			for _, e := range append(append(c.Change.Added, c.Change.Modified...), c.Change.Deleted...) {
				out.Changes = append(out.Changes, engine.ReportChange{Item: c.Item, Name: e.Name})
			}
		}
		return out, err
	})
}

func (p promoter) Reports(ctx context.Context) ([]engine.PromotionReport, error) {
	return call(p, "reports", func() ([]engine.PromotionReport, error) {
		metas, err := p.c.Reports(ctx)
		var out []engine.PromotionReport
		for _, m := range metas {
			out = append(out, engine.PromotionReport{ID: m.ReportID, PromotionID: m.PromotionID, Created: m.CreatedDate, DryRun: m.DryRun, Type: m.Type})
		}
		return out, err
	})
}

// lane is a pair of tenants, and the journal of a promotion between them.
type lane struct {
	g     *sim.Group
	upper *sim.Tenant
	c     *tenant.Client
	dir   string
	o     engine.PromotionOptions
}

func newLane(t *testing.T, config ...*schema.Resource) *lane {
	t.Helper()
	g := newGroup(t)
	seed(t, g.Tenant("development"), set(append(config, template(t, "welcome", "Hi"))...))
	return &lane{g, g.Tenant("staging"), clientOf(t, g, "staging"), runDir(t), engine.PromotionOptions{
		Environment: "staging", Now: fixedNow, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}}
}

func never(string) error { return nil }

// promote is one process.
func (l *lane) promote(t *testing.T, ctx context.Context, tick func(string) error) (engine.PromotionResult, error) {
	t.Helper()
	j := openJournal(t, l.dir)
	r, err := engine.Promote(ctx, promoter{l.c, tick}, j, l.o)
	if cerr := j.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	return r, err
}

// is checks the lock, the promote calls, and whether staging has the template.
func (l *lane) is(t *testing.T, lock string, calls int, promoted bool) {
	t.Helper()
	s, err := l.c.LockState(t.Context())
	if err != nil || s.Result != lock {
		t.Errorf("the lock is %q (%v), not %s", s.Result, err, lock)
	}
	if n := l.upper.PromoteCalls(); n != calls {
		t.Errorf("%d promote calls, not %d", n, calls)
	}
	there := false
	for _, d := range l.upper.Documents() {
		there = there || d.Path == welcomePath
	}
	if there != promoted {
		t.Errorf("promoted: %t", there)
	}
}

func TestPromote(t *testing.T) {
	missing := func(t *testing.T) []*schema.Resource {
		return []*schema.Resource{template(t, "brand", "&{esv.brand.name}")}
	}
	crypto := func(t *testing.T) []*schema.Resource {
		r := template(t, "brand", "x")
		r.Body["key"] = map[string]any{"$crypto": map[string]any{"type": "x-simple-encryption", "value": map[string]any{"data": "AAAA"}}}
		return []*schema.Resource{r}
	}
	for _, tc := range []struct {
		name     string
		config   func(*testing.T) []*schema.Resource
		set      func(*lane)
		err      []string // what the error says; none when it goes well
		lock     string
		calls    int
		promoted bool
	}{
		{"dry run", nil, func(l *lane) { l.o.DryRun = true }, nil, "unlocked", 0, false},
		{"full", nil, nil, nil, "unlocked", 1, true},
		{"as reviewed", nil, func(l *lane) { l.o.Reviewed = []engine.Reviewed{{Label: "welcome", Aliases: []string{"welcome"}}} }, nil, "unlocked", 1, true},
		{"not as reviewed", nil, func(l *lane) { l.o.Reviewed = []engine.Reviewed{{Label: "bye", Aliases: []string{"bye"}}} }, []string{"not reviewed", "welcome", "bye"}, "unlocked", 0, false},
		{"missing ESV", missing, nil, []string{"dry run stopped: Missing ESVs", "staging lacks brand.name"}, "unlocked", 0, false},
		{"encrypted secret", crypto, nil, []string{"dry run stopped: Found encrypted values"}, "unlocked", 0, false},
		{"encrypted secret, ignored", crypto, func(l *lane) { l.o.Request.IgnoreEncryptedSecrets = true }, nil, "unlocked", 1, true},
		{"blocking error", nil, func(l *lane) { l.upper.SetFaults(sim.Faults{FailPromotion: true}) }, []string{"promote stopped: Failed to promote config"}, "locked", 1, false},
		{"the lock fails", nil, func(l *lane) { l.upper.SetFaults(sim.Faults{FailLock: "no proxy"}) }, []string{"locking failed: no proxy"}, "unlocked", 0, false},
		{"maintenance", nil, func(l *lane) { l.upper.SetFaults(sim.Faults{Maintenance: true}) }, []string{"for maintenance"}, "unlocked", 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var config []*schema.Resource
			if tc.config != nil {
				config = tc.config(t)
			}
			l := newLane(t, config...)
			if tc.set != nil {
				tc.set(l)
			}
			r, err := l.promote(t, t.Context(), never)
			if (err != nil) != (tc.err != nil) {
				t.Fatalf("got %v", err)
			}
			for _, s := range tc.err {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q is not in %v", s, err)
				}
			}
			var perr *engine.PromotionError
			if errors.As(err, &perr) && (perr.Blocked() != (tc.lock == "locked") || perr.Unlocked == perr.Blocked()) {
				t.Errorf("blocked %t, unlocked %t", perr.Blocked(), perr.Unlocked)
			}
			if err == nil && (r.DryRun == nil || len(r.DryRun.Changes) == 0 || (r.Report != nil) != (tc.calls == 1) || !r.Unlocked) {
				t.Errorf("result %+v", r)
			}
			l.is(t, tc.lock, tc.calls, tc.promoted)
			checkCutOff(t, tc.name, tc.config, tc.set, fmt.Sprint(err), func(l *lane) { l.is(t, tc.lock, tc.calls, tc.promoted) })
		})
	}
}

// checkCutOff cuts the same promotion off before and after every call it makes, by an ending context, and
// calls it again with the same journal: it must reach the same end.
func checkCutOff(t *testing.T, name string, config func(*testing.T) []*schema.Resource, change func(*lane), want string, is func(*lane)) {
	t.Helper()
	if name == "maintenance" {
		return
	}
	for n := 1; ; n++ {
		var c []*schema.Resource
		if config != nil {
			c = config(t)
		}
		l := newLane(t, c...)
		if change != nil {
			change(l)
		}
		ctx, cancel := context.WithCancel(t.Context())
		left, at := n, ""
		_, err := l.promote(t, ctx, func(call string) error {
			if left--; left == 0 {
				at = call
				cancel()
			}
			return ctx.Err()
		})
		cancel()
		if left > 0 {
			return
		}
		if err == nil {
			t.Fatalf("cut off %s: no error", at)
		}
		if records, rerr := engine.ReadJournal(l.dir); rerr != nil {
			t.Fatal(rerr)
		} else if slices.ContainsFunc(records, func(r engine.Record) bool { return r.What == "locked" }) {
			l.o.Reviewed = nil // the command doesn't look again once it has the lock
		}
		_, err = l.promote(t, t.Context(), never)
		if fmt.Sprint(err) != want {
			t.Errorf("cut off at call %d, %s: ends with %v, not %s", n, at, err, want)
		}
		is(l)
		if t.Failed() {
			t.Fatalf("cut off at call %d, %s", n, at)
		}
	}
}

func TestForeignLock(t *testing.T) {
	l := newLane(t)
	other, err := l.c.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var locked *engine.LockedError
	if _, err := l.promote(t, t.Context(), never); !errors.As(err, &locked) || !strings.Contains(err.Error(), other.PromotionID) {
		t.Errorf("got %v", err)
	}
	// And one that came between our look and our request: refused, and not taken over by the next call.
	l = newLane(t)
	if _, err := l.promote(t, t.Context(), func(call string) error {
		if call == "before lock" {
			_, err := l.c.Lock(t.Context())
			return err
		}
		return nil
	}); !errors.Is(err, engine.ErrLockRefused) {
		t.Errorf("got %v", err)
	}
	if _, err := l.promote(t, t.Context(), never); !errors.As(err, &locked) {
		t.Errorf("got %v", err)
	}
	l.is(t, "locked", 0, false)
}

// Somebody else gives the lock back while we are away: that ends the promotion, and the next one can begin.
func TestLockGivenBackByAnother(t *testing.T) {
	l := newLane(t)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := l.promote(t, ctx, func(call string) error {
		if call == "before promote, dry true" {
			cancel()
		}
		return ctx.Err()
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s, err := l.c.LockState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j := openJournal(t, runDir(t))
	defer j.Close()
	if err := engine.FinishLock(t.Context(), promoter{l.c, never}, j, s.PromotionID, l.o); err != nil {
		t.Fatal(err)
	}
	l.is(t, "unlocked", 0, false)
	if _, err := l.promote(t, t.Context(), never); err == nil || !strings.Contains(err.Error(), "somebody gave back the lock") {
		t.Errorf("got %v", err)
	}
	if _, err := l.promote(t, t.Context(), never); err != nil {
		t.Error(err)
	}
	l.is(t, "unlocked", 1, true)
}

// The lock can be given back while it is still being taken.
func TestFinishLockWhileLocking(t *testing.T) {
	l := newLane(t)
	s, err := l.c.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	j := openJournal(t, l.dir)
	defer j.Close()
	if err := engine.FinishLock(t.Context(), promoter{l.c, never}, j, s.PromotionID, l.o); err != nil {
		t.Fatal(err)
	}
	l.is(t, "unlocked", 0, false)
}
