package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/schema"
)

// before and after are the small road: creations of most types, with a cycle and a stub, an update, and
// deletions with --prune.
func before(t *testing.T) *schema.Set {
	return set(
		script(t, 1, "Shop Library", "LIBRARY", "exports.a = 1;"), script(t, 9, "Old Decision", "AUTHENTICATION_TREE_DECISION_NODE", "old();"),
		journey(t, "Login", "Sign in", 100, []int{9, 9}), journey(t, "Old", "Old", 900, []int{9}),
		template(t, "welcome", "Hello"), cors(t, "shop", "https://old.example.com"), variable(t, "esv-level", "1"))
}

func after(t *testing.T) *schema.Set {
	return set(
		variable(t, "esv-shop", "shop"), variable(t, "esv-level", "2"), secret(t, "esv-key", true),
		script(t, 1, "Shop Library", "LIBRARY", "exports.a = 2;"),
		script(t, 2, "Shop Decision", "AUTHENTICATION_TREE_DECISION_NODE", `require("Shop Library"); systemEnv.getProperty("esv.shop"); systemEnv.getProperty("esv.key");`),
		journey(t, "Login", "Log in", 100, []int{2}, "Ping"), journey(t, "Ping", "Ping", 200, nil, "Pong"), journey(t, "Pong", "Pong", 300, nil, "Ping"),
		template(t, "welcome", "Hello again"), template(t, "bye", "Bye"), cors(t, "shop", "https://new.example.com"),
		emailService(t, "gmail"), smtp(t, "gmail", "465"))
}

// road is a development tenant that is to be turned from before into after.
type road struct {
	group *sim.Group
	tn    *sim.Tenant
	c     *tenant.Client
	live  *schema.Set // as it was
	want  *schema.Set
	plan  *engine.Plan
	dir   string
	prune bool
}

func newRoad(t *testing.T, prune bool) *road {
	t.Helper()
	r := &road{group: newGroup(t), want: after(t), dir: runDir(t), prune: prune}
	r.tn, r.c = r.group.Tenant("development"), clientOf(t, r.group, "development")
	seed(t, r.tn, before(t))
	roads.Lock()
	defer roads.Unlock()
	if roads.live == nil {
		roads.live = snapshot(t, r.c)
		roads.plan = map[bool]*engine.Plan{true: mustPlan(t, roads.live, r.want, planOptions(true)), false: mustPlan(t, roads.live, r.want, planOptions(false))}
	}
	r.live, r.plan = roads.live, roads.plan[prune]
	return r
}

// roads share what is the same on all of them: the tenant as it was and the plan. Nobody changes either.
var roads struct {
	sync.Mutex
	live *schema.Set
	plan map[bool]*engine.Plan
}

// apply runs the plan with the journal on disk, as one process does.
func (r *road) apply(t *testing.T, target engine.Target) error {
	t.Helper()
	j := openJournal(t, r.dir)
	err := r.plan.Apply(t.Context(), target, j, applyOptions(r.c))
	if cerr := j.Close(); cerr != nil {
		t.Fatal(cerr)
	}
	return err
}

// arrived checks the end: the tenant is as wanted, nothing of what was there is lost, nothing is left over.
func (r *road) arrived(t *testing.T) {
	t.Helper()
	now := snapshot(t, r.c)
	if left := mustPlan(t, now, r.want, planOptions(r.prune)); !left.Empty() {
		t.Errorf("there is more to do: %v %v", steps(left), left.Steps[0].Patch)
	}
	if c := changes(t, now, r.want, true); r.prune && len(c) > 0 {
		t.Errorf("differences are left: %v", c)
	}
	kept := keptDigests(t, r.dir)
	for _, s := range r.plan.Steps {
		if s.Was != "" && !slices.Contains(kept, s.Key.String()+" "+s.Was) {
			t.Errorf("the body of %s from before is not kept", s.Key)
		}
	}
	for _, n := range orphans(r.tn) {
		t.Errorf("a node is left that no journey uses: %s", n)
	}
	noSecret(t, r.dir)
}

// keptDigests lists what a run kept: "alpha/journey/Login DIGEST".
func keptDigests(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "bodies", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no bodies are kept: %v", err)
	}
	var out []string
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var k struct {
			Resource schema.Key      `json:"resource"`
			Body     json.RawMessage `json:"body"`
		}
		if err := json.Unmarshal(data, &k); err != nil {
			t.Fatal(err)
		}
		if k.Body != nil {
			out = append(out, k.Resource.String()+" "+diff.Digest(res(t, k.Resource.Type, k.Resource.Realm, k.Resource.ID, string(k.Body))))
		}
	}
	return out
}

// orphans are nodes in the simulator's store that no tree names, by their id.
func orphans(tn *sim.Tenant) []string {
	var trees strings.Builder
	var nodes []string
	for _, d := range tn.Documents() {
		switch {
		case strings.Contains(d.Path, "/authenticationtrees/trees/"), strings.Contains(d.Path, "/nodes/PageNode/"):
			trees.Write(d.Body)
			fallthrough
		default:
			if strings.Contains(d.Path, "/authenticationtrees/nodes/") {
				nodes = append(nodes, d.Path)
			}
		}
	}
	return slices.DeleteFunc(nodes, func(p string) bool {
		own := fmt.Sprintf(`"_id":%q`, filepath.Base(p))
		text := strings.ReplaceAll(trees.String(), " ", "")
		return strings.Count(text, `"`+filepath.Base(p)+`"`) > strings.Count(text, own)*min(1, strings.Count(p, "/PageNode/"))
	})
}

// noSecret looks through a run's files for the secret's value, in the clear and as it is sent.
func noSecret(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(p)
		for _, s := range []string{hush, schema.EncodeBase64(hush)} {
			if strings.Contains(string(data), s) {
				t.Errorf("%s holds the secret", filepath.Base(p))
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
}

func TestWholeRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t, true)
		if d := cmp.Diff([]string{"delete journey/Old", "delete script/Old Decision"}, steps(r.plan)[len(r.plan.Steps)-2:]); d != "" {
			t.Error(d)
		}
		j := openJournal(t, r.dir)
		restarts := 0
		var done []string
		o := applyOptions(r.c)
		o.Restarter = restarter{r.c, &restarts}
		o.On = func(e engine.Event) {
			if d, ok := e.(engine.StepDone); ok {
				done = append(done, d.Outcome)
				for _, i := range d.Changed {
					t.Errorf("step %d came back otherwise: %+v", d.Step, i)
				}
			}
		}
		if err := r.plan.Apply(t.Context(), r.c, j, o); err != nil {
			t.Fatal(err)
		}
		if len(done) != len(r.plan.Steps) || restarts != 1 {
			t.Errorf("%d of %d steps done, %d restarts", len(done), len(r.plan.Steps), restarts)
		}
		writes := r.tn.Writes()
		if err := r.plan.Apply(t.Context(), r.c, j, o); err != nil || r.tn.Writes() != writes {
			t.Errorf("once more: %v, %d more writes", err, r.tn.Writes()-writes)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		r.arrived(t)
	})
}

// What is cut off anywhere goes on, and ends at the same place.
func TestCutOffAtEveryWrite(t *testing.T) {
	for name, fault := range map[string]func(n int) sim.Faults{
		"the tenant dies after write": func(n int) sim.Faults { return sim.Faults{CrashAfterWrite: n} },
	} {
		t.Run(name, func(t *testing.T) {
			cut, step := 0, everyWrite(t)
			for n := 1; ; n += step {
				clean := false
				synctest.Test(t, func(t *testing.T) {
					r := newRoad(t, true)
					r.tn.SetFaults(fault(n))
					start := r.tn.Writes()
					whole := r.apply(t, r.c) == nil
					// A lost answer may be made up for within the run.
					clean = whole && n > r.tn.Writes()-start
					r.tn.Heal()
					if !whole {
						if err := r.apply(t, r.c); err != nil {
							t.Fatalf("%s %d: going on: %v", name, n, err)
						}
					}
					r.arrived(t)
				})
				if t.Failed() {
					t.Fatalf("%s %d", name, n)
				}
				if clean {
					break
				}
				cut++
			}
			if cut*step < 10 {
				t.Errorf("only %d writes were cut off", cut)
			}
		})
	}
}

// The disk lost what was said to be on it: the tenant is ahead of the journal. Whatever point it is cut at, the
// run goes on, or says that the tenant moved and writes nothing.
func TestJournalCutAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t, true)
		if err := r.apply(t, r.c); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(r.dir, "journal.ndjson")
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		wentOn, step := 0, 61*min(stride(), 3)
		t.Logf("%d bytes, cut after every %d; 61 with LOCKSTEP_MATRIX=all", len(data), step)
		for at := len(data); at > 0; at -= step {
			if err := os.WriteFile(name, data[:at], 0o600); err != nil {
				t.Fatal(err)
			}
			writes := len(writesOf(r.tn))
			err := r.apply(t, r.c)
			var stale *engine.StaleError
			switch {
			case err == nil:
				wentOn++
			case !errors.As(err, &stale):
				t.Fatalf("cut at byte %d: %v", at, err)
			case len(writesOf(r.tn)) != writes:
				t.Fatalf("cut at byte %d: written although the tenant moved: %v", at, writesOf(r.tn)[writes:])
			}
		}
		r.arrived(t)
		if wentOn < 2 {
			t.Errorf("%d runs went on", wentOn)
		}
	})
}

func edit(t *testing.T, tn *sim.Tenant, path string, fn func(body map[string]any)) {
	t.Helper()
	err := tn.Edit(path, func(raw json.RawMessage) (json.RawMessage, error) {
		if fn == nil {
			return nil, nil // it is deleted
		}
		v, err := schema.ParseJSON(raw)
		if err != nil {
			return nil, err
		}
		fn(v.(map[string]any))
		return schema.CompactJSON(v), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func scriptPath(n int) string { return "/am/json/realms/root/realms/alpha/scripts/" + id(n) }

const loginPath = "/am/json/realms/root/realms/alpha/realm-config/authentication/authenticationtrees/trees/Login"

const welcomePath = "/openidm/config/emailTemplate/welcome"

func writesOf(tn *sim.Tenant) []string {
	var out []string
	for _, r := range tn.Requests() {
		if r.Write {
			out = append(out, r.Method+" "+r.Path)
		}
	}
	return out
}

func TestStale(t *testing.T) {
	r := newRoad(t, false)
	edit(t, r.tn, scriptPath(1), func(b map[string]any) { b["description"] = "by hand" })
	seed(t, r.tn, set(template(t, "bye", "Mine")))
	if err := r.tn.Edit(welcomePath, func(json.RawMessage) (json.RawMessage, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	writes := len(writesOf(r.tn))
	err := r.apply(t, r.c)
	var stale *engine.StaleError
	if !errors.As(err, &stale) || stale.Written != 0 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"global/email-template/bye  is there now", "global/email-template/welcome  is gone",
		"alpha/script/Shop Library  was changed by id=second-administrator", "Nothing was written",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
	if now := writesOf(r.tn); len(now) != writes {
		t.Errorf("writes: %v", now[writes:])
	}
}

// What the plan reads and does not write counts, too; what it doesn't rely on may change.
func TestStaleReads(t *testing.T) {
	g := newGroup(t)
	tn, c := g.Tenant("development"), clientOf(t, g, "development")
	lib := script(t, 1, "Used", "AUTHENTICATION_TREE_DECISION_NODE", "a();")
	seed(t, tn, set(lib, template(t, "welcome", "Hi")))
	p := mustPlan(t, snapshot(t, c), set(lib, journey(t, "New", "x", 100, []int{1})), planOptions(false))
	if len(p.Reads) != 1 || p.Reads[0].Key != lib.Key {
		t.Fatalf("reads %v", p.Reads)
	}
	edit(t, tn, welcomePath, func(b map[string]any) { b["enabled"] = false })
	edit(t, tn, scriptPath(1), func(b map[string]any) { b["description"] = "by hand" })
	j := openJournal(t, runDir(t))
	defer j.Close()
	var stale *engine.StaleError
	if err := p.Apply(t.Context(), c, j, applyOptions(c)); !errors.As(err, &stale) || len(stale.Moved) != 1 || stale.Moved[0].Name != "Used" {
		t.Errorf("got %v", err)
	}
	edit(t, tn, scriptPath(1), func(b map[string]any) { b["description"] = "" })
	if err := p.Apply(t.Context(), c, j, applyOptions(c)); err != nil {
		t.Error(err)
	}
}

// between lets a second administrator act right before the nth write.
type between struct {
	engine.Target
	n   int
	act func()
}

func (b *between) Put(ctx context.Context, r, was *schema.Resource) (*schema.Resource, error) {
	got, err := b.Target.Put(ctx, r, was)
	if b.n--; b.n == 0 {
		b.act()
	}
	return got, err
}

func TestSecondAdministratorDuringTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoad(t, false)
		target := &between{r.c, 1, func() { edit(t, r.tn, welcomePath, func(b map[string]any) { b["defaultLocale"] = "fr" }) }}
		err := r.apply(t, target)
		var stale *engine.StaleError
		if !errors.As(err, &stale) || stale.Written == 0 || len(stale.Moved) != 1 || stale.Moved[0].Key.ID != "welcome" {
			t.Fatalf("got %v", err)
		}
		live, err := r.c.Get(t.Context(), stale.Moved[0].Key)
		if err != nil || live.Body["defaultLocale"] != "fr" {
			t.Errorf("the edit is lost: %v, %v", live, err)
		}
	})
}

// A run is cut off in a write, and somebody edits the very resource before it goes on: neither the way on nor the
// way back writes over the edit, and who made it is named where the tenant tells.
func TestEditOfACutOffResourceIsKept(t *testing.T) {
	edits := map[string]struct {
		cut  string // the resource
		path string
		edit func(body map[string]any)
		want string
	}{
		"a document": {"welcome", welcomePath, func(b map[string]any) { b["defaultLocale"] = "fr" }, "global/email-template/welcome  was changed after the run was cut off"},
		"a script, by": {id(1), scriptPath(1), func(b map[string]any) {
			b["description"] = "mine"
		}, "alpha/script/Shop Library  was changed by id=second-administrator,ou=user,ou=am-config, 2000-01-01 00:00 UTC after the run was cut off"},
		"a tree": {"Login", loginPath, func(b map[string]any) {
			b["description"] = "mine"
		}, "alpha/journey/Login  was changed after the run was cut off"},
		"gone": {"welcome", welcomePath, nil, "global/email-template/welcome  is gone since the run was cut off"},
	}
	for name, c := range edits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoad(t, false)
				if err := r.apply(t, failing{r.c, c.cut}); err == nil {
					t.Fatal("no error")
				}
				edit(t, r.tn, c.path, c.edit)
				writes := len(writesOf(r.tn))
				for way, err := range map[string]error{"on": r.apply(t, r.c), "back": func() error { _, err := r.rollback(t, r.c); return err }()} {
					var stale *engine.StaleError
					if !errors.As(err, &stale) || !strings.Contains(err.Error(), c.want) {
						t.Errorf("the way %s: got %v", way, err)
					}
				}
				if now := writesOf(r.tn); len(now) != writes {
					t.Errorf("writes: %v", now[writes:])
				}
			})
		})
	}
}

// Somebody changes the journey while its nodes are written: its tree is not written over.
func TestTreeChangedWhileItsNodesAreWritten(t *testing.T) {
	r := newRoad(t, false)
	var edited atomic.Bool // nodes are written side by side
	c := wiredClient(t, r, func(req *http.Request) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/nodes/") && strings.Contains(req.URL.Path, "-0000000001") && edited.CompareAndSwap(false, true) {
			edit(t, r.tn, loginPath, func(b map[string]any) { b["description"] = "mine" })
		}
	})
	plan := mustPlan(t, r.live, r.want, planOptions(false))
	j := openJournal(t, r.dir)
	defer j.Close()
	err := plan.Apply(t.Context(), c, j, applyOptions(c))
	var stale *engine.StaleError
	if !edited.Load() || !errors.As(err, &stale) || !strings.Contains(err.Error(), "alpha/journey/Login  was changed while it was being written") {
		t.Fatalf("edited %t: %v", edited.Load(), err)
	}
	live, err := r.c.Get(t.Context(), stale.Moved[0].Key)
	if err != nil || live.Body["description"] != "mine" {
		t.Errorf("the edit is lost: %v, %v", live, err)
	}
}

// failing fails to put one resource.
type failing struct {
	engine.Target
	id string
}

func (f failing) Put(ctx context.Context, r, was *schema.Resource) (*schema.Resource, error) {
	if r.ID == f.id {
		return nil, errors.New("connection reset by peer")
	}
	return f.Target.Put(ctx, r, was)
}

func TestUnsetVariableStopsBeforeTheFirstWrite(t *testing.T) {
	r := newRoad(t, false)
	writes := len(writesOf(r.tn))
	o := applyOptions(r.c)
	o.Resolve = func(_ context.Context, k schema.Key, body map[string]any) (map[string]any, error) {
		if k.ID == "esv-key" {
			return nil, errors.New("${ESV_KEY} is not set")
		}
		return body, nil
	}
	j := openJournal(t, r.dir)
	defer j.Close()
	err := r.plan.Apply(t.Context(), r.c, j, o)
	if err == nil || !strings.Contains(err.Error(), "secret/esv-key") || !strings.Contains(err.Error(), "${ESV_KEY} is not set. Nothing was written") {
		t.Errorf("got %v", err)
	}
	if now := writesOf(r.tn); len(now) != writes {
		t.Errorf("writes: %v", now[writes:])
	}
}

func TestJournalOfAnotherPlan(t *testing.T) {
	r := newRoad(t, false)
	other := mustPlan(t, r.live, set(template(t, "welcome", "Other")), planOptions(false))
	j := openJournal(t, r.dir)
	defer j.Close()
	if err := other.Apply(t.Context(), r.c, j, applyOptions(r.c)); err != nil {
		t.Fatal(err)
	}
	if err := r.plan.Apply(t.Context(), r.c, j, applyOptions(r.c)); err == nil || !strings.Contains(err.Error(), "another plan") {
		t.Errorf("apply: %v", err)
	}
	if _, err := r.plan.Rollback(t.Context(), r.c, j, applyOptions(r.c)); err == nil {
		t.Error("rollback of another plan's run")
	}
}

// A tenant that was seeded with a set has it: no change, and an empty plan.
func TestExportOfASeedIsNoChange(t *testing.T) {
	quick, diags, err := repo.Load(examples.Quickstart(), "config", repo.Options{})
	if err != nil || len(diags.AtLeast(schema.Error)) > 0 || quick.Len() < 20 {
		t.Fatalf("%v, %v", err, diags)
	}
	for name, want := range map[string]*schema.Set{"small": after(t), "quickstart": quick} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t)
			seed(t, g.Tenant("development"), want)
			live := snapshot(t, clientOf(t, g, "development"))
			if c := changes(t, live, want, true); len(c) > 0 {
				t.Errorf("changes: %v", c)
			}
			if p := mustPlan(t, live, want, planOptions(true)); !p.Empty() {
				t.Errorf("steps: %v", steps(p))
			}
		})
	}
}
