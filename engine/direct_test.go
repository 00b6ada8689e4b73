package engine_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// sessions adapts the client, as the command does.
type sessions struct{ c *tenant.Client }

func (s sessions) State(ctx context.Context) (engine.SessionState, error) {
	now, err := s.c.SessionState(ctx)
	return engine.SessionState{Open: now.Editable, Done: now.Ended(), Aborted: now.Status == tenant.SessionAborted, Failed: now.Status == tenant.SessionError, Status: now.Status}, err
}

func (s sessions) Init(ctx context.Context) error {
	_, err := s.c.InitSession(ctx)
	var answer *tenant.Error
	if errors.As(err, &answer) && answer.Refused() {
		return errors.Join(engine.ErrSessionRefused, err)
	}
	return err
}

func (s sessions) Apply(ctx context.Context) error { _, err := s.c.ApplySession(ctx); return err }
func (s sessions) Abort(ctx context.Context) error { _, err := s.c.AbortSession(ctx); return err }

// stage is an immutable tenant that is to be changed in a session.
type stage struct {
	g          *sim.Group
	dir        string
	live, want *schema.Set
	plan       *engine.Plan
	c          *tenant.Client // reads
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{g: newGroup(t), dir: runDir(t)}
	s.c = clientOf(t, s.g, "staging")
	seed(t, s.g.Tenant("staging"), set(decision(t, 1, "Check"), template(t, "welcome", "Hello")))
	s.live = snapshot(t, s.c)
	s.want = set(script(t, 1, "Check", "AUTHENTICATION_TREE_DECISION_NODE", "better();"), template(t, "welcome", "Hello"), template(t, "bye", "Bye"))
	o := planOptions(false)
	o.Environment = engine.PlanTarget{Name: "staging", URL: urlOf("staging"), Role: "staging", Direct: true}
	s.plan = mustPlan(t, s.live, s.want, o)
	if len(s.plan.Steps) != 2 {
		t.Fatal(steps(s.plan))
	}
	return s
}

// client is one of a process, for direct configuration.
func (s *stage) client(t *testing.T, m *mortal) *tenant.Client {
	t.Helper()
	return s.clientOver(t, func(next http.RoundTripper) http.RoundTripper { return mortalWire{next, m} }, -1)
}

func (s *stage) clientOver(t *testing.T, wire func(http.RoundTripper) http.RoundTripper, retries int) *tenant.Client {
	t.Helper()
	a := s.g.ServiceAccount()
	c, err := tenant.New(tenant.Config{
		Name: "staging", URL: urlOf("staging"), ServiceAccount: a.ID, Key: a.JWK, Rate: -1, Retries: retries, Direct: true,
		Transport: wire(inProcess{s.g.Tenant("staging")}), Scope: tenant.DefaultScope + " " + tenant.SessionScope,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func directOptions(c *tenant.Client, undo bool) engine.DirectOptions {
	return engine.DirectOptions{
		Sessions: sessions{c}, Poll: time.Second, Last: time.Minute, Undo: undo,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
}

func (s *stage) run(t *testing.T, ctx context.Context, m *mortal, work func(*tenant.Client, *engine.Journal) func(context.Context) error, undo bool) error {
	t.Helper()
	return s.runWith(t, ctx, s.client(t, m), m, work, undo)
}

func (s *stage) runWith(t *testing.T, ctx context.Context, c *tenant.Client, m *mortal, work func(*tenant.Client, *engine.Journal) func(context.Context) error, undo bool) error {
	t.Helper()
	j := mortalJournal(t, s.dir, m)
	err := s.plan.Direct(ctx, j, directOptions(c, undo), work(c, j))
	if cerr := j.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	return err
}

func (s *stage) apply(t *testing.T, ctx context.Context, m *mortal) error {
	t.Helper()
	return s.run(t, ctx, m, s.applying, false)
}

// rollback is what the command does: it aborts an open session, or goes back in one of its own.
func (s *stage) rollback(t *testing.T, m *mortal) error {
	t.Helper()
	j := openJournal(t, s.dir)
	_, applied := j.Last("session applied")
	over := engine.Over(j.Records)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if !applied && !over {
		c, j := s.client(t, m), mortalJournal(t, s.dir, m)
		err := engine.AbortDirect(t.Context(), j, directOptions(c, false))
		if cerr := j.Close(); cerr != nil {
			t.Fatal(cerr)
		}
		return err
	}
	return s.run(t, t.Context(), m, s.undoing, true)
}

// is checks what the tenant holds, and that no session is open.
func (s *stage) is(t *testing.T, want *schema.Set) {
	t.Helper()
	if got := changes(t, snapshot(t, s.c), want, true); len(got) > 0 {
		t.Errorf("differences: %v", got)
	}
	now, err := s.c.SessionState(t.Context())
	if err != nil || now.Editable {
		t.Errorf("the session is open: %+v, %v", now, err)
	}
}

func TestDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		if err := s.apply(t, t.Context(), &mortal{}); err != nil {
			t.Fatal(err)
		}
		s.is(t, s.want)
		if err := s.rollback(t, &mortal{}); err != nil {
			t.Fatal(err)
		}
		s.is(t, s.live)
	})
	synctest.Test(t, func(t *testing.T) { // somebody else's session
		s := newStage(t)
		if err := (sessions{s.c}).Init(t.Context()); err != nil {
			t.Fatal(err)
		}
		var locked *engine.LockedError
		if err := s.apply(t, t.Context(), &mortal{}); !errors.As(err, &locked) {
			t.Errorf("got %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a step that fails, and an interruption: the session is aborted
		s := newStage(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := s.run(t, ctx, &mortal{}, func(c *tenant.Client, j *engine.Journal) func(context.Context) error {
			return func(ctx context.Context) error {
				o := applyOptions(c)
				o.On = func(e engine.Event) {
					if _, ok := e.(engine.StepDone); ok {
						cancel()
					}
				}
				return s.plan.Apply(ctx, c, j, o)
			}
		}, false)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		s.is(t, s.live)
	})
	synctest.Test(t, func(t *testing.T) { // somebody aborts ours while we are away
		s := newStage(t)
		m := &mortal{left: 18}
		if err := s.apply(t, t.Context(), m); err == nil || !m.dead {
			t.Fatal("it did not die")
		}
		if err := (sessions{s.c}).Abort(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.apply(t, t.Context(), &mortal{}); err == nil || !strings.Contains(err.Error(), "somebody closed") {
			t.Errorf("got %v", err)
		}
		s.is(t, s.live)
	})
}

// Die at every write of a run in a session; go on, or go back; and at every write of the way back.
func TestCrashMatrixDirect(t *testing.T) {
	for _, way := range []string{"resume", "roll back", "roll back twice"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			points := 0
			for n, ended := 1, false; !ended; n += smallStride() {
				m := &mortal{left: n}
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t)
					first := m
					if way == "roll back twice" {
						first = &mortal{}
					}
					err := s.apply(t, t.Context(), first)
					if way == "roll back twice" {
						err = s.rollback(t, m)
					}
					ended = !m.dead
					switch {
					case ended:
						if err != nil {
							t.Fatal(err)
						}
					case way == "resume":
						if err := s.apply(t, t.Context(), &mortal{}); err != nil {
							t.Fatal(err)
						}
						s.is(t, s.want)
					case nothingBegun(s.dir):
					default:
						err := s.rollback(t, &mortal{})
						if err != nil && strings.Contains(err.Error(), "being applied already") {
							// As it says: first let it end.
							if err := s.apply(t, t.Context(), &mortal{}); err != nil {
								t.Fatal(err)
							}
							err = s.rollback(t, &mortal{})
						}
						if err != nil {
							t.Fatal(err)
						}
						s.is(t, s.live)
					}
				})
				if t.Failed() {
					t.Fatalf("died at point %d, %s", n, m.at)
				}
				if !ended {
					points++
				}
			}
			t.Logf("%s: %d cut points", way, points)
			if points*smallStride() < 20 {
				t.Errorf("only %d cut points", points)
			}
		})
	}
}
