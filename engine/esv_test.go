package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

const oldHush, sameHush = "a-value-from-before", "a-value-that-stays"

// valued is a secret as a push has it: with its value.
func valued(t testing.TB, name, value string) *schema.Resource {
	r := secret(t, name, true)
	r.Body["valueBase64"] = schema.EncodeBase64(value)
	return r
}

// pusher pushes ESVs to a development tenant, as the command does.
type pusher struct {
	g     *sim.Group
	c     *tenant.Client
	dir   string // of the project's state
	runs  int
	want  *schema.Set
	first string // the first run's folder
}

func newPusher(t *testing.T) *pusher {
	t.Helper()
	p := &pusher{g: newGroup(t), dir: t.TempDir()}
	p.c = clientOf(t, p.g, "development")
	seed(t, p.g.Tenant("development"), set(variable(t, "esv-level", "1"), variable(t, "esv-same", "x"), valued(t, "esv-key", oldHush), valued(t, "esv-same-key", sameHush)))
	p.want = set(variable(t, "esv-level", "2"), variable(t, "esv-new", "n"), variable(t, "esv-same", "x"),
		valued(t, "esv-key", hush), valued(t, "esv-new-key", hush), valued(t, "esv-same-key", sameHush))
	return p
}

func (p *pusher) hashes(t *testing.T) *engine.SecretHashes {
	t.Helper()
	h, err := engine.OpenSecretHashes(filepath.Join(p.dir, "hashes.json"), []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func value(t *testing.T, r *schema.Resource) []byte {
	t.Helper()
	b, ok := schema.DecodeBase64(schema.Str(r.Body, "/valueBase64"))
	if !ok {
		t.Fatalf("%s has no value", r.ID)
	}
	return []byte(b)
}

func (p *pusher) plan(t *testing.T) *engine.Plan {
	t.Helper()
	live, err := p.c.Snapshot(t.Context(), tenant.SnapshotOptions{Types: []string{"variable", "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	o := planOptions(false)
	o.Diff.Tenant = false
	o.Rewrite = map[schema.Key]string{}
	for _, w := range p.want.All() {
		if old, ok := live.Get(w.Key); ok && w.Type == "secret" {
			if same, text := p.hashes(t).Compare(w.ID, tenant.ActiveVersion(old), value(t, w)); !same {
				o.Rewrite[w.Key] = text
			}
		}
	}
	return mustPlan(t, live, p.want, o)
}

// push is one process: it looks at the tenant, and writes what differs.
func (p *pusher) push(t *testing.T, m *mortal) error {
	t.Helper()
	return p.pushWith(t, mortalClient(t, p.g, "development", m), m)
}

func (p *pusher) pushWith(t *testing.T, c *tenant.Client, m *mortal) error {
	t.Helper()
	plan := p.plan(t)
	if plan.Empty() {
		return nil
	}
	p.runs++
	dir := filepath.Join(p.dir, "runs", fmt.Sprint(p.runs))
	if p.first == "" {
		p.first = dir
	}
	j := mortalJournal(t, dir, m)
	if _, err := os.Stat(filepath.Join(dir, "plan.json")); err != nil {
		if err := os.WriteFile(filepath.Join(dir, "plan.json"), []byte(planText(t, plan)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := applyOptions(c)
	o.Resolve = p.resolve
	o.Wrote = func(sent, now *schema.Resource) error {
		if sent.Type != "secret" {
			return nil
		}
		return p.hashes(t).Note(sent.ID, tenant.ActiveVersion(now), value(t, sent))
	}
	err := plan.Apply(t.Context(), c, j, o)
	if cerr := j.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	return err
}

// state is what the tenant holds of each ESV, and how many versions.
func (p *pusher) state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	vars, err := p.c.Variables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vars {
		fmt.Fprintf(&b, "%s %s %s\n", v.ID, v.ExpressionType, v.ValueBase64)
	}
	secrets, err := p.c.Secrets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		versions, err := p.c.SecretVersions(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s version %s of %d\n", s.ID, s.ActiveVersion, len(versions))
	}
	return b.String()
}

func TestPushESVs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPusher(t)
		plan := p.plan(t)
		// The value that stays is not known yet: it is sent, and the tenant makes no version of it.
		if got := strings.Join(steps(plan), "\n"); strings.Count(got, "\n") != 4 || !strings.Contains(got, "update secret/esv-same-key") {
			t.Errorf("steps:\n%s", got)
		}
		for _, s := range []string{hush, sameHush, schema.EncodeBase64(hush)} {
			if strings.Contains(planText(t, plan), s) {
				t.Error("the plan holds a secret")
			}
		}
		if !strings.Contains(planText(t, plan), "? → ") {
			t.Error("a changed secret doesn't show as a hash")
		}
		if err := p.push(t, &mortal{}); err != nil {
			t.Fatal(err)
		}
		want := "esv-level string Mg==\nesv-new string bg==\nesv-same string eA==\nesv-key version 2 of 2\nesv-new-key version 1 of 1\nesv-same-key version 1 of 1\n"
		if got := p.state(t); got != want {
			t.Errorf("got\n%s", got)
		}
		// Everything is known now: nothing is sent, not even to be compared.
		writes := p.g.Tenant("development").Writes()
		if err := p.push(t, &mortal{}); err != nil || p.g.Tenant("development").Writes() != writes {
			t.Errorf("once more: %v, %d writes", err, p.g.Tenant("development").Writes()-writes)
		}
		// Somebody gave it another value: the hash no longer counts.
		if _, err := p.c.PutSecret(t.Context(), "esv-key", tenant.SecretInput{Value: []byte("by hand"), UseInPlaceholders: true}); err != nil {
			t.Fatal(err)
		}
		if got := steps(p.plan(t)); len(got) != 1 || got[0] != "update secret/esv-key" {
			t.Errorf("steps %v", got)
		}
		// Old versions go when that is asked for, but for those that services may still read.
		if n, err := p.c.PruneSecret(t.Context(), "esv-key"); err != nil || n != 0 {
			t.Errorf("pruned %d before the restart, %v", n, err)
		}
		if err := p.c.Restart(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if n, err := p.c.PruneSecret(t.Context(), "esv-key"); err != nil || n != 2 {
			t.Errorf("pruned %d after the restart, %v", n, err)
		}
		noSecret(t, p.dir)
	})
}

// Die at every write of a push; then push again, and in another run go back.
func TestCrashMatrixESVPush(t *testing.T) {
	end := pushedState(t)
	for _, way := range []string{"push again", "roll back"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			points := 0
			for n, ended := 1, false; !ended; n += smallStride() {
				m := &mortal{left: n}
				synctest.Test(t, func(t *testing.T) {
					p := newPusher(t)
					before, plan := p.state(t), p.plan(t)
					err := p.push(t, m)
					if ended = !m.dead; ended && err != nil {
						t.Fatal(err)
					}
					if way == "push again" {
						if err := p.push(t, &mortal{}); err != nil {
							t.Fatal(err)
						}
						if got := p.state(t); got != end {
							t.Errorf("got\n%s\nwant\n%s", got, end)
						}
					} else {
						p.backAgain(t, plan, before)
					}
					noSecret(t, p.dir)
				})
				if t.Failed() {
					t.Fatalf("died at point %d, %s", n, m.at)
				}
				if !ended {
					points++
				}
			}
			t.Logf("%s: %d cut points", way, points)
			if points*smallStride() < 30 {
				t.Errorf("only %d cut points", points)
			}
		})
	}
}

// backAgain rolls the first run back: all is as before, but for a version of the secret that nobody can
// take back, and that is said.
func (p *pusher) backAgain(t *testing.T, plan *engine.Plan, before string) {
	t.Helper()
	if nothingBegun(p.first) {
		return
	}
	j := openJournal(t, p.first)
	defer j.Close()
	left, err := plan.Rollback(t.Context(), p.c, j, applyOptions(p.c))
	if err != nil {
		t.Fatal(err)
	}
	now := p.state(t)
	if len(left) == 1 {
		if left[0].Name != "esv-key" || !strings.Contains(left[0].Why, "nobody can read the one of version 1") {
			t.Errorf("left %v", left)
		}
		now = strings.Replace(now, "esv-key version 2 of 2", "esv-key version 1 of 1", 1)
	}
	if now != before || len(left) > 1 {
		t.Errorf("left %v, got\n%s\nwant\n%s", left, now, before)
	}
}

func (p *pusher) resolve(ctx context.Context, k schema.Key, body map[string]any) (map[string]any, error) {
	if w, ok := p.want.Get(k); ok {
		body = schema.CloneObject(body)
		body["valueBase64"] = w.Body["valueBase64"]
	}
	return body, ctx.Err()
}

// A run that fails for good is undone when that was asked for; here by hand, as the command does.
func TestRollbackRestartsWhereTheRunDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(t)
		tn, c := g.Tenant("development"), clientOf(t, g, "development")
		reader := script(t, 1, "Reader", "AUTHENTICATION_TREE_DECISION_NODE", `systemEnv.getProperty("esv.level")`)
		seed(t, tn, set(variable(t, "esv-level", "1"), reader))
		p := mustPlan(t, snapshot(t, c), set(variable(t, "esv-level", "2"), reader), planOptions(false))
		if d := strings.Join(steps(p), ", "); d != "update variable/esv-level, restart" {
			t.Fatal(d)
		}
		dir, n := runDir(t), 0
		o := applyOptions(c)
		o.Restarter = restarter{c, &n}
		j := openJournal(t, dir)
		defer j.Close()
		if err := p.Apply(t.Context(), c, j, o); err != nil || n != 1 {
			t.Fatal(err, n)
		}
		if left, err := p.Rollback(t.Context(), c, j, o); err != nil || len(left) != 0 || n != 2 {
			t.Errorf("left %v, %v, %d restarts", left, err, n)
		}
		if pending, err := c.RestartPending(t.Context()); err != nil || pending {
			t.Errorf("a restart is pending: %t, %v", pending, err)
		}
		if got := changes(t, snapshot(t, c), set(variable(t, "esv-level", "1"), reader), true); len(got) > 0 {
			t.Error(got)
		}
	})
}
