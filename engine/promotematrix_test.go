package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

// promoteWith is one process, as client and journal let it.
func (l *lane) promoteWith(t *testing.T, m *mortal) error {
	t.Helper()
	c := mortalClient(t, l.g, "staging", m)
	j := mortalJournal(t, l.dir, m)
	_, err := engine.Promote(t.Context(), promoter{c, never}, j, l.o)
	if cerr := j.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	return err
}

func (l *lane) audited(t *testing.T) int {
	t.Helper()
	entries, err := engine.ReadAudit(filepath.Join(filepath.Dir(l.dir), "audit"))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func (l *lane) withAudit(what string) *lane {
	file := filepath.Join(filepath.Dir(l.dir), "audit")
	l.o.Audit = func(id string, r engine.PromotionReport) error {
		return engine.AppendAudit(file, engine.AuditEntry{Time: fixedNow(), What: what, Environment: "staging", PromotionID: id, Report: r})
	}
	return l
}

// Die at every write of a promotion, of a dry run, and of a rollback, to the journal and to the tenant. The
// same command goes on, to the same end: it is carried out once, noted once, and no lock is left.
func TestCrashMatrixPromote(t *testing.T) {
	for _, what := range []string{"promotion", "dry run", "rollback"} {
		for _, way := range []string{"resume", "unlock", "leave"} {
			t.Run(what+", "+way, func(t *testing.T) {
				t.Parallel()
				points := 0
				for n, ended := 1, false; !ended; n++ {
					m := &mortal{left: n}
					synctest.Test(t, func(t *testing.T) {
						l := newLane(t).withAudit("promotion")
						calls, promoted := 1, true
						switch what {
						case "dry run":
							l.o.DryRun, calls, promoted = true, 0, false
						case "rollback":
							if err := l.promoteWith(t, &mortal{}); err != nil {
								t.Fatal(err)
							}
							l.dir = filepath.Join(filepath.Dir(l.dir), "rollback")
							l.withAudit("rollback")
							l.o.Rollback, promoted = true, false
						}
						err := l.promoteWith(t, m)
						if ended = !m.dead; ended && err != nil {
							t.Fatal(err)
						}
						if way == "unlock" && !ended {
							l.giveUp(t)
							return
						}
						if way == "leave" && !ended {
							l.leave(t)
							return
						}
						if err := l.promoteWith(t, &mortal{}); err != nil && !strings.Contains(err.Error(), "somebody gave back") {
							t.Fatal(err)
						}
						l.is(t, "unlocked", calls, promoted)
						if n, want := l.audited(t), map[string]int{"promotion": 1, "dry run": 0, "rollback": 2}[what]; n < want || n > want+1 {
							t.Errorf("%d entries in the audit, not %d", n, want)
						}
					})
					if t.Failed() {
						t.Fatalf("died at point %d, %s", n, m.at)
					}
					if !ended {
						points++
					}
				}
				t.Logf("%s, %s: %d cut points", what, way, points)
				if points < 20 {
					t.Errorf("only %d cut points", points)
				}
			})
		}
	}
}

// anew begins a new journal where the old one holds no lock any more, as the command does.
func (l *lane) anew(t *testing.T) {
	t.Helper()
	records, err := engine.ReadJournal(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	if !engine.LockHeld(records) {
		l.dir += "x"
	}
}

// leave gives up a promotion where a process died, as the command does when it is interrupted. What was carried
// out all the same is in the audit.
func (l *lane) leave(t *testing.T) {
	t.Helper()
	j := openJournal(t, l.dir)
	if _, err := engine.Leave(t.Context(), promoter{l.c, never}, j, l.o); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := l.c.LockState(t.Context()); err != nil || !s.Unlocked() || engine.LockHeld(j.Records) {
		t.Errorf("the lock is %q: %v", s.Result, err)
	}
	reports, err := l.c.Reports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reports = slices.DeleteFunc(reports, func(r tenant.ReportMeta) bool { return r.DryRun })
	if n := l.audited(t); n < len(reports) || n > len(reports)+1 || len(reports) > 2 {
		t.Errorf("%d entries in the audit, %d carried out", n, len(reports))
	}
}

// giveUp gives back a lock that a dead process left, as `promote unlock` does: when what it asked for is over.
func (l *lane) giveUp(t *testing.T) {
	t.Helper()
	for {
		s, err := l.c.LockState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Unlocked() {
			return
		}
		status, err := l.c.PromotionStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status.Status != "RUNNING" {
			j := openJournal(t, l.dir)
			err := engine.FinishLock(t.Context(), promoter{l.c, never}, j, s.PromotionID, l.o)
			if cerr := j.Close(); err != nil || cerr != nil {
				t.Fatal(err, cerr)
			}
			if n := l.upper.PromoteCalls(); n > 1 {
				t.Errorf("%d promote calls", n)
			}
		}
	}
}

// Every request of a promotion meets every fault; the same command, given again until it is done, promotes
// once and leaves no lock.
func TestFaultMatrixPromote(t *testing.T) {
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			points, again := 0, 0
			for n, ended := 1, false; !ended; n++ {
				at := ""
				synctest.Test(t, func(t *testing.T) {
					l := newLane(t).withAudit("promotion")
					wire, hit := newFaultyWire(f, n)
					c := clientOver(t, l.g, "staging", wire, []int{-1, 0}[n%2])
					j := openJournal(t, l.dir)
					_, err := engine.Promote(t.Context(), promoter{c, never}, j, l.o)
					if cerr := j.Close(); cerr != nil {
						t.Fatal(cerr)
					}
					at, ended = *hit, *hit == ""
					for try := 0; err != nil; try++ {
						if try == 3 {
							t.Fatalf("still %v", err)
						}
						again++
						l.anew(t)
						err = l.promoteWith(t, &mortal{})
					}
					l.is(t, "unlocked", l.upper.PromoteCalls(), true)
					if n := carriedOut(t, l); n != 1 {
						t.Errorf("it was carried out %d times", n)
					}
				})
				if t.Failed() {
					t.Fatalf("%s at request %d, %s", f.name, n, at)
				}
				if !ended {
					points++
				}
			}
			t.Logf("%s: %d requests, %d second tries", f.name, points, again)
			if points < 15 {
				t.Errorf("only %d requests", points)
			}
		})
	}
}

// carriedOut counts the promotions that the tenant has a report of.
func carriedOut(t *testing.T, l *lane) int {
	t.Helper()
	reports, err := l.c.Reports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range reports {
		if !r.DryRun && r.Type != "rollback" {
			n++
		}
	}
	return n
}

func waits(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// slowLane is a lane whose tenant takes its time, by the clock.
func slowLane(t *testing.T, lock, phase time.Duration) *lane {
	t.Helper()
	g, err := sim.NewGroup(sim.Options{Key: makeKey(), LockDuration: lock, PhaseDuration: phase})
	if err != nil {
		t.Fatal(err)
	}
	seed(t, g.Tenant("development"), set(template(t, "welcome", "Hi")))
	return &lane{g, g.Tenant("staging"), clientOf(t, g, "staging"), runDir(t), engine.PromotionOptions{
		Environment: "staging", Now: time.Now, Poll: 10 * time.Second, Sleep: waits,
	}}
}

// 45 minutes of promotion outlive three tokens of 899 s.
func TestPromotionOf45Minutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slowLane(t, 90*time.Second, 15*time.Minute)
		start := time.Now()
		if _, err := l.promote(t, t.Context(), never); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 45*time.Minute {
			t.Errorf("it took %s", took)
		}
		tokens := 0
		for _, r := range l.upper.Requests() {
			if strings.HasSuffix(r.Path, "/access_token") {
				tokens++
			}
		}
		if tokens < 3 {
			t.Errorf("%d tokens", tokens)
		}
		l.is(t, "unlocked", 1, true)
	})
}

// A laptop sleeps for hours between two polls: the promotion goes on by itself, and so do we.
func TestLaptopSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := slowLane(t, 90*time.Second, 5*time.Minute)
		l.o.Sleep = func(ctx context.Context, _ time.Duration) error { return waits(ctx, 8*time.Hour) }
		if _, err := l.promote(t, t.Context(), never); err != nil {
			t.Fatal(err)
		}
		l.is(t, "unlocked", 1, true)
	})
}

// A lock, a promotion and an unlock that never end are given up, in this order of what is named: the phase,
// the promotion's id, what the tenant says. The journal stays open, and the same command goes on.
func TestPhaseThatNeverEnds(t *testing.T) {
	for phase, set := range map[string][2]time.Duration{"lock": {1000 * time.Hour, time.Second}, "dry run": {time.Second, 1000 * time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			l := slowLane(t, set[0], set[1])
			_, err := l.promote(t, t.Context(), never)
			var slow *engine.SlowError
			if !errors.As(err, &slow) || slow.Phase != phase || slow.ID == "" {
				t.Fatalf("%s: %v", phase, err)
			}
			time.Sleep(5000 * time.Hour)
			if _, err := l.promote(t, t.Context(), never); err != nil && phase == "lock" {
				var again *engine.SlowError
				if !errors.As(err, &again) { // its dry run takes 1000 h, too
					t.Errorf("going on: %v", err)
				}
			}
		})
	}
}

// A rollback goes back one promotion, and is refused under a lock that was taken to promote.
func TestPromoteRollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(t).withAudit("promotion")
		if _, err := l.promote(t, t.Context(), never); err != nil {
			t.Fatal(err)
		}
		l.o.Rollback = true
		l.withAudit("rollback").anew(t)
		r, err := l.promote(t, t.Context(), never)
		if err != nil || r.Report == nil || r.Report.Type != "rollback" || r.DryRun != nil {
			t.Fatalf("%+v, %v", r, err)
		}
		l.is(t, "unlocked", 1, false)
		if n := l.audited(t); n != 2 {
			t.Errorf("%d entries in the audit", n)
		}
		// Once more: there is none left, and the lock is given back.
		l.anew(t)
		if _, err := l.promote(t, t.Context(), never); err == nil || !strings.Contains(err.Error(), "no promotion to roll back") {
			t.Errorf("got %v", err)
		}
		l.is(t, "unlocked", 1, false)
	})
	l := newLane(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.promote(t, ctx, func(call string) error {
		if call == "after lock" {
			cancel()
		}
		return nil
	})
	if err == nil {
		t.Fatal("no error")
	}
	l.o.Rollback = true
	var locked *engine.LockedError
	if _, err := l.promote(t, t.Context(), never); !errors.As(err, &locked) || !strings.Contains(err.Error(), "promote resume staging") {
		t.Errorf("got %v", err)
	}
	l.o.Rollback = false
	if _, err := l.promote(t, t.Context(), never); err != nil {
		t.Error(err)
	}
	l.is(t, "unlocked", 1, true)
}
