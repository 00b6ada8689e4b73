package engine_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

// A disturbed run is one process over a faulty wire: it says whether the same command had to be given again, and
// it has checked the end.
type disturbed func(t *testing.T, wire func(http.RoundTripper) http.RoundTripper, retries int) (again bool)

// faultMatrix lets every fault happen to every step-th request, to clients that repeat by themselves and to
// others, each kind of fault beginning at another request, until a run meets none. least is how many requests
// an undisturbed run makes at least.
func faultMatrix(t *testing.T, step, least int, run disturbed) {
	t.Helper()
	for row, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			points, again := 0, 0
			for n, ended := 1+row%step, false; !ended; n += step {
				at := ""
				synctest.Test(t, func(t *testing.T) {
					wire, hit := newFaultyWire(f, n)
					second := run(t, wire, []int{-1, 0}[n%2])
					if at, ended = *hit, *hit == ""; second {
						again++
					}
					if ended && second {
						t.Error("a run without a fault needed a second try")
					}
				})
				if t.Failed() {
					t.Fatalf("%s at request %d, %s", f.name, n, at)
				}
				if !ended {
					points++
				}
			}
			t.Logf("%s: %d requests, %d runs needed a second try", f.name, points, again)
			if points*step < least {
				t.Errorf("only %d requests", points)
			}
		})
	}
}

// Every request of a way back meets every fault; the same command, given again, ends where an undisturbed way
// back does.
func TestFaultMatrixRollback(t *testing.T) {
	t.Parallel()
	faultMatrix(t, 2*stride()-1, 30, func(t *testing.T, wire func(http.RoundTripper) http.RoundTripper, retries int) bool {
		r := newRoad(t, true)
		if err := r.apply(t, r.c); err != nil {
			t.Fatal(err)
		}
		c := clientOver(t, r.group, "development", wire, retries)
		j := openJournal(t, r.dir)
		left, err := r.plan.Rollback(t.Context(), c, j, applyOptions(c))
		if cerr := j.Close(); cerr != nil {
			t.Fatal(cerr)
		}
		var stale *engine.StaleError
		if errors.As(err, &stale) {
			t.Fatal(err)
		}
		again := err != nil
		if again {
			if left, err = r.rollback(t, r.c); err != nil {
				t.Fatalf("going back once more: %v", err)
			}
		}
		if len(left) > 0 {
			t.Errorf("left %v", left)
		}
		r.back(t, left)
		return again
	})
}

// Every request of a push, those that look at the tenant included, meets every fault; pushed again, the tenant
// has each value once.
func TestFaultMatrixESVPush(t *testing.T) {
	t.Parallel()
	end := pushedState(t)
	faultMatrix(t, stride(), 15, func(t *testing.T, wire func(http.RoundTripper) http.RoundTripper, retries int) bool {
		p := newPusher(t)
		err := p.pushWith(t, clientOver(t, p.g, "development", wire, retries), &mortal{})
		again := err != nil
		if again {
			if err := p.push(t, &mortal{}); err != nil {
				t.Fatalf("pushing again: %v", err)
			}
		}
		if got := p.state(t); got != end {
			t.Errorf("got\n%s\nwant\n%s", got, end)
		}
		// Whatever was lost, the hashes are right: nothing is left to push.
		if left := steps(p.plan(t)); len(left) > 0 && again {
			if err := p.push(t, &mortal{}); err != nil || p.state(t) != end {
				t.Errorf("%v left to push; %v", left, err)
			}
		} else if len(left) > 0 {
			t.Errorf("%v left to push", left)
		}
		noSecret(t, p.dir)
		return again
	})
}

// pushedState is what the tenant holds after a push that nobody disturbed.
func pushedState(t *testing.T) (end string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPusher(t)
		if err := p.push(t, &mortal{}); err != nil {
			t.Fatal(err)
		}
		end = p.state(t)
	})
	return end
}

// Every request of a run in a direct-configuration session meets every fault, and every request of the way back.
// The session is applied once or aborted, and never left open.
func TestFaultMatrixDirect(t *testing.T) {
	t.Parallel()
	t.Run("apply", func(t *testing.T) {
		t.Parallel()
		faultMatrix(t, min(smallStride(), 2), 10, func(t *testing.T, wire func(http.RoundTripper) http.RoundTripper, retries int) bool {
			s := newStage(t)
			err := s.runWith(t, t.Context(), s.clientOver(t, wire, retries), &mortal{}, s.applying, false)
			if err == nil {
				s.is(t, s.want)
				return false
			}
			s.settle(t, err)
			return true
		})
	})
	t.Run("roll back", func(t *testing.T) {
		t.Parallel()
		faultMatrix(t, min(smallStride(), 2), 10, func(t *testing.T, wire func(http.RoundTripper) http.RoundTripper, retries int) bool {
			s := newStage(t)
			if err := s.apply(t, t.Context(), &mortal{}); err != nil {
				t.Fatal(err)
			}
			err := s.runWith(t, t.Context(), s.clientOver(t, wire, retries), &mortal{}, s.undoing, true)
			again := err != nil
			for try := 0; err != nil; try++ {
				if try == 3 {
					t.Fatalf("going back once more: %v", err)
				}
				s.closed(t, err)
				err = s.rollback(t, &mortal{})
			}
			s.is(t, s.live)
			return again
		})
	})
}

// settle is what a user does after a run that failed: where the session was aborted, the tenant is as it was and
// a new run reaches the end; where it is still open, the same command goes on.
func (s *stage) settle(t *testing.T, failed error) {
	t.Helper()
	records, err := engine.ReadJournal(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if engine.Over(records) {
		s.is(t, s.live)
		s.dir += "x"
	}
	if err := s.apply(t, t.Context(), &mortal{}); err != nil {
		t.Fatalf("%v; going on: %v", failed, err)
	}
	s.is(t, s.want)
}

// closed checks that a way back which failed either says that its session is open, or has closed it.
func (s *stage) closed(t *testing.T, failed error) {
	t.Helper()
	now, err := s.c.SessionState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now.Editable && !strings.Contains(failed.Error(), "session") {
		t.Errorf("the session is open, and nobody says so: %v", failed)
	}
}

func (s *stage) applying(c *tenant.Client, j *engine.Journal) func(context.Context) error {
	return func(ctx context.Context) error { return s.plan.Apply(ctx, c, j, applyOptions(c)) }
}

func (s *stage) undoing(c *tenant.Client, j *engine.Journal) func(context.Context) error {
	return func(ctx context.Context) error { _, err := s.plan.Rollback(ctx, c, j, applyOptions(c)); return err }
}
