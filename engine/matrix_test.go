package engine_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/schema"
)

// applyWith is one process that carries the road's plan out, as client and journal let it.
func (r *road) applyWith(t *testing.T, m *mortal) error {
	t.Helper()
	c := mortalClient(t, r.group, "development", m)
	j := mortalJournal(t, r.dir, m)
	err := r.plan.Apply(t.Context(), c, j, applyOptions(c))
	if cerr := j.Close(); cerr != nil { // the system frees a dead process's lock
		t.Fatal(cerr)
	}
	return err
}

func (r *road) rollbackWith(t *testing.T, m *mortal) ([]engine.Mention, error) {
	t.Helper()
	c := mortalClient(t, r.group, "development", m)
	j := mortalJournal(t, r.dir, m)
	left, err := r.plan.Rollback(t.Context(), c, j, applyOptions(c))
	if cerr := j.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	return left, err
}

// Die at every write, to the journal and to the tenant, until a run ends; then go on, and in another run go
// back: the end is that of a run nobody disturbed.
func TestCrashMatrixApply(t *testing.T) {
	for _, way := range []string{"resume", "roll back"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			points := 0
			for n, ended := 1, false; !ended; n += stride() {
				var m *mortal
				synctest.Test(t, func(t *testing.T) {
					r := newRoad(t, true)
					m = &mortal{left: n}
					err := r.applyWith(t, m)
					if ended = !m.dead; ended {
						if err != nil {
							t.Fatal(err)
						}
						r.arrived(t)
						return
					}
					if way == "resume" {
						if err := r.applyWith(t, &mortal{}); err != nil {
							t.Fatalf("going on: %v", err)
						}
						r.arrived(t)
						return
					}
					left, err := r.rollbackWith(t, &mortal{})
					if err != nil && !nothingBegun(r.dir) {
						t.Fatalf("going back: %v", err)
					}
					r.back(t, left)
				})
				if t.Failed() {
					t.Fatalf("died at point %d, %s", n, m.at)
				}
				if !ended {
					points++
				}
			}
			t.Logf("%s: %d cut points", way, points)
			if points*stride() < 100 {
				t.Errorf("only %d cut points", points)
			}
		})
	}
}

// nothingBegun: it died before its first line, and there is no run to roll back.
func nothingBegun(dir string) bool {
	records, err := engine.ReadJournal(dir)
	return err == nil && len(records) == 0
}

// The way back is cut off at every write of it, and taken again.
func TestCrashMatrixRollback(t *testing.T) {
	t.Parallel()
	points := 0
	for n, ended := 1, false; !ended; n += stride() {
		var m *mortal
		synctest.Test(t, func(t *testing.T) {
			r := newRoad(t, true)
			if err := r.apply(t, r.c); err != nil {
				t.Fatal(err)
			}
			m = &mortal{left: n}
			left, err := r.rollbackWith(t, m)
			if ended = !m.dead; !ended {
				left, err = r.rollbackWith(t, &mortal{})
			}
			if err != nil {
				t.Fatal(err)
			}
			r.back(t, left)
		})
		if t.Failed() {
			t.Fatalf("died at point %d, %s", n, m.at)
		}
		if !ended {
			points++
		}
	}
	t.Logf("roll back: %d cut points", points)
	if points*stride() < 60 {
		t.Errorf("only %d cut points", points)
	}
}

// Every request of a run meets every fault, once with a client that repeats by itself and once with one that
// does not: the same command, given again until it is done, ends where an undisturbed run does.
func TestFaultMatrixApply(t *testing.T) {
	for row, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			points, again := 0, 0
			for n, ended := 1+row%stride(), false; !ended; n += stride() {
				at := ""
				synctest.Test(t, func(t *testing.T) {
					r := newRoad(t, true)
					wire, hit := newFaultyWire(f, n)
					c := clientOver(t, r.group, "development", wire, []int{-1, 0}[n%2])
					j := openJournal(t, r.dir)
					err := r.plan.Apply(t.Context(), c, j, applyOptions(c))
					if cerr := j.Close(); cerr != nil {
						t.Fatal(cerr)
					}
					at, ended = *hit, *hit == ""
					var stale *engine.StaleError
					if errors.As(err, &stale) || ended && err != nil {
						t.Fatalf("got %v", err)
					}
					if err != nil {
						again++
						if err := r.apply(t, r.c); err != nil {
							t.Fatalf("going on: %v", err)
						}
					}
					r.arrived(t)
				})
				if t.Failed() {
					t.Fatalf("%s at request %d, %s", f.name, n, at)
				}
				if !ended {
					points++
				}
			}
			t.Logf("%s: %d requests, %d runs needed a second try", f.name, points, again)
			if points*stride() < 60 {
				t.Errorf("only %d requests", points)
			}
		})
	}
}

// meddler is another administrator who edits a resource right before the nth request.
type meddler struct {
	next http.RoundTripper
	mu   *sync.Mutex
	left *int
	at   *string
	act  func()
}

func (m meddler) RoundTrip(req *http.Request) (*http.Response, error) {
	m.mu.Lock()
	*m.left--
	if *m.left == 0 {
		*m.at = req.Method + " " + req.URL.Path
		m.act()
	}
	m.mu.Unlock()
	return m.next.RoundTrip(req)
}

// Another administrator edits what the plan writes, before every request of the run: the run stops and
// names it, or the edit was made after the plan's own write and stays. The tenants take no conditional
// write of configuration (tenant-api, 2.2), so one moment is left, between the last look at a resource and
// its write: it is counted, and is one request wide.
func TestAnotherAdministratorAtEveryRequest(t *testing.T) {
	for _, victim := range []struct {
		name, path string
		key        schema.Key
	}{
		{"template", welcomePath, schema.Key{Type: "email-template", ID: "welcome"}},
		{"script", scriptPath(1), schema.Key{Type: "script", Realm: "alpha", ID: id(1)}},
	} {
		t.Run(victim.name, func(t *testing.T) {
			t.Parallel()
			points, stopped, stayed, window := 0, 0, 0, 0
			for n, ended := 1, false; !ended; n += stride() {
				at := ""
				synctest.Test(t, func(t *testing.T) {
					r := newRoad(t, true)
					left := n
					wire := meddler{mu: new(sync.Mutex), left: &left, at: &at, act: func() {
						edit(t, r.tn, victim.path, func(b map[string]any) { b["description"] = "by the other administrator" })
					}}
					c := clientOver(t, r.group, "development", func(next http.RoundTripper) http.RoundTripper { wire.next = next; return wire }, -1)
					j := openJournal(t, r.dir)
					err := r.plan.Apply(t.Context(), c, j, applyOptions(c))
					if cerr := j.Close(); cerr != nil {
						t.Fatal(cerr)
					}
					if ended = left > 0; ended {
						return
					}
					points++
					live, gerr := r.c.Get(t.Context(), victim.key)
					if gerr != nil {
						t.Fatal(gerr)
					}
					there := live.Body["description"] == "by the other administrator"
					var stale *engine.StaleError
					switch {
					case errors.As(err, &stale):
						stopped++
						if !there || !slices.ContainsFunc(stale.Moved, func(m engine.Moved) bool { return m.Key == victim.key }) {
							t.Errorf("the edit is there: %t; %v", there, err)
						}
					case err != nil:
						t.Error(err)
					case there:
						stayed++
					case at == "PUT "+victim.path:
						window++
					default:
						t.Error("the edit is lost")
					}
				})
				if t.Failed() {
					t.Fatalf("an edit before request %d, %s", n, at)
				}
			}
			t.Logf("%s: %d requests; the run stopped at %d, the edit came after the write at %d, in the window of one request %d", victim.name, points, stopped, stayed, window)
			if stopped == 0 && !testing.Short() {
				t.Error("no run was stopped")
			}
		})
	}
}

// planText is a plan's own text, to look for what must not be in it.
func planText(t testing.TB, p *engine.Plan) string {
	t.Helper()
	var b strings.Builder
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
