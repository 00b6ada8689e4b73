package engine_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

// wireFunc is a way to the tenant that is a function.
type wireFunc func(req *http.Request) (*http.Response, error)

func (f wireFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// wiredClient calls before ahead of each request.
func wiredClient(t *testing.T, r *road, before func(req *http.Request)) *tenant.Client {
	return clientOver(t, r.group, "development", func(next http.RoundTripper) http.RoundTripper {
		return wireFunc(func(req *http.Request) (*http.Response, error) {
			before(req)
			if err := req.Context().Err(); err != nil {
				return nil, err
			}
			return next.RoundTrip(req)
		})
	}, -1)
}

// Asked to stop in the middle of writing a journey, a run writes the whole of it and begins nothing more. Cut
// off there, it leaves the step open. Both go on to the same end.
func TestStopInTheMiddleOfAStep(t *testing.T) {
	for _, cut := range []bool{false, true} {
		r := newRoad(t, true)
		stop := make(chan struct{})
		hard, kill := context.WithCancel(t.Context())
		defer kill()
		ctx, end := engine.Gently(hard, stop)
		defer end()
		asked := false
		c := wiredClient(t, r, func(req *http.Request) {
			if asked || req.Method != http.MethodPut || !strings.Contains(req.URL.Path, "/nodes/") {
				return
			}
			asked = true
			close(stop)
			<-ctx.Done()
			if cut {
				kill()
			}
		})
		j := openJournal(t, r.dir)
		err := r.plan.Apply(ctx, c, j, applyOptions(c))
		if !errors.Is(err, context.Canceled) || !asked {
			t.Fatalf("asked %t: %v", asked, err)
		}
		open := slices.ContainsFunc(r.plan.Steps, func(s engine.Step) bool { return j.Has("will", s.Number) && !j.Has("did", s.Number) })
		if open != cut {
			t.Errorf("cut off %t: a step is open: %t", cut, open)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = openJournal(t, r.dir)
		if err := r.plan.Apply(t.Context(), r.c, j, applyOptions(r.c)); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		r.arrived(t)
	}
}

// Asked to stop while the lock is asked for, a promotion hears the answer: it knows whose lock it is.
func TestStopWhileLocking(t *testing.T) {
	l := newLane(t)
	stop := make(chan struct{})
	ctx, end := engine.Gently(t.Context(), stop)
	defer end()
	j := openJournal(t, l.dir)
	_, err := engine.Promote(ctx, promoter{l.c, func(call string) error {
		if call == "before lock" {
			close(stop)
			<-ctx.Done()
		}
		return nil
	}}, j, l.o)
	if !errors.Is(err, context.Canceled) || engine.LockID(j.Records) == "" {
		t.Fatalf("the lock's id is %q: %v", engine.LockID(j.Records), err)
	}
	if _, err := engine.Leave(t.Context(), promoter{l.c, never}, j, l.o); err != nil || engine.LockHeld(j.Records) {
		t.Fatalf("still held: %v", err)
	}
	l.is(t, "unlocked", 0, false)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// Leave gives back no lock of somebody else, also where our own request for it may have been the one.
func TestLeaveForeignLock(t *testing.T) {
	l := newLane(t)
	j := openJournal(t, l.dir)
	lost := errors.New("lost")
	_, err := engine.Promote(t.Context(), promoter{l.c, func(call string) error {
		if call == "before lock" {
			return lost
		}
		return nil
	}}, j, l.o)
	if !errors.Is(err, lost) {
		t.Fatal(err)
	}
	other, err := l.c.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.c.Promote(t.Context(), tenant.PromoteRequest{DryRun: true}); err != nil {
		// It is still locking: what matters is that there is a report under it.
		waitLocked(t, l)
		if err := l.c.Promote(t.Context(), tenant.PromoteRequest{DryRun: true}); err != nil {
			t.Fatal(err)
		}
	}
	var locked *engine.LockedError
	if _, err := engine.Leave(t.Context(), promoter{l.c, never}, j, l.o); !errors.As(err, &locked) || engine.LockHeld(j.Records) {
		t.Fatalf("held %t: %v", engine.LockHeld(j.Records), err)
	}
	s, err := l.c.LockState(t.Context())
	if err != nil || s.PromotionID != other.PromotionID {
		t.Errorf("the lock is %v now: %v", s, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func waitLocked(t *testing.T, l *lane) {
	t.Helper()
	for range 100 {
		s, err := l.c.LockState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Result == "locked" {
			return
		}
	}
	t.Fatal("it is not locked")
}
