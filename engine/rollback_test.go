package engine_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/schema"
)

func (r *road) rollback(t *testing.T, target engine.Target) ([]engine.Mention, error) {
	t.Helper()
	j := openJournal(t, r.dir)
	left, err := r.plan.Rollback(t.Context(), target, j, applyOptions(r.c))
	if cerr := j.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	return left, err
}

// back checks that the tenant is as it was, but for the ESVs and what nobody may delete; those are named.
func (r *road) back(t *testing.T, left []engine.Mention) {
	t.Helper()
	named := map[schema.Key]bool{}
	for _, m := range left {
		named[m.Key] = true
	}
	now := snapshot(t, r.c).Filter(func(x *schema.Resource) bool { return !named[x.Key] })
	was := r.live.Filter(func(x *schema.Resource) bool { return !named[x.Key] })
	if c := changes(t, now, was, false); len(c) > 0 {
		t.Errorf("the tenant is not as it was: %v", c)
	}
	for _, n := range orphans(r.tn) {
		t.Errorf("a node is left that no journey uses: %s", n)
	}
	for k := range named {
		if row, _ := schema.TypeOf(k.Type); row.Class != schema.PerEnvironment {
			t.Errorf("%s is left", k)
		}
	}
}

func TestRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t, true)
		if err := r.apply(t, r.c); err != nil {
			t.Fatal(err)
		}
		left, err := r.rollback(t, r.c)
		if err != nil || len(left) != 0 {
			t.Fatalf("left %v, %v", left, err)
		}
		r.back(t, left)
		if again, err := r.rollback(t, r.c); err != nil || len(again) != 0 {
			t.Errorf("once more: %v, %v", again, err)
		}
		if err := r.apply(t, r.c); err == nil || !strings.Contains(err.Error(), "was rolled back") {
			t.Errorf("apply of a run that was rolled back: %v", err)
		}
	})
}

// A run is cut off at every write, before or after it, and undone; the undoing is cut off, too.
func TestRollbackOfACutOffRun(t *testing.T) {
	for _, late := range []bool{false, true} {
		cut, step := 0, everyWrite(t)
		for n := 1; ; n += step {
			clean := false
			synctest.Test(t, func(t *testing.T) {
				r := newRoad(t, true)
				f := sim.Faults{CutBeforeWrite: n}
				if late {
					f = sim.Faults{CutAfterWrite: n}
				}
				r.tn.SetFaults(f)
				start := r.tn.Writes()
				clean = r.apply(t, r.c) == nil && n > r.tn.Writes()-start
				r.tn.SetFaults(sim.Faults{CrashAfterWrite: 1 + n%5})
				if _, err := r.rollback(t, r.c); err != nil {
					r.tn.Heal()
					var stale *engine.StaleError
					if errors.As(err, &stale) {
						t.Fatal(err)
					}
					if err := r.apply(t, r.c); err == nil || !strings.Contains(err.Error(), "half rolled back") {
						t.Errorf("apply of a half undone run: %v", err)
					}
				}
				r.tn.Heal()
				left, err := r.rollback(t, r.c)
				if err != nil {
					t.Fatal(err)
				}
				r.back(t, left)
			})
			if t.Failed() {
				t.Fatalf("write %d, late %t", n, late)
			}
			if clean {
				break
			}
			cut++
		}
		if cut*step < 10 {
			t.Errorf("%d writes were cut off", cut)
		}
	}
}

func TestRollbackStopsAtAnEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t, true)
		if err := r.apply(t, r.c); err != nil {
			t.Fatal(err)
		}
		edit(t, r.tn, scriptPath(1), func(b map[string]any) { b["description"] = "by hand" })
		writes := len(writesOf(r.tn))
		_, err := r.rollback(t, r.c)
		var stale *engine.StaleError
		if !errors.As(err, &stale) || len(stale.Moved) != 1 || stale.Moved[0].Name != "Shop Library" || !strings.Contains(err.Error(), "Nothing was put back") {
			t.Errorf("got %v", err)
		}
		if now := writesOf(r.tn); len(now) != writes {
			t.Errorf("writes: %v", now[writes:])
		}
	})
}
