package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/schema"
)

func TestOrder(t *testing.T) {
	lib := script(t, 1, "Zeta Library", "LIBRARY", "exports.a = 1;")
	user := script(t, 2, "Alpha User", "AUTHENTICATION_TREE_DECISION_NODE", `var z = require("Zeta Library"); systemEnv.getProperty("esv.shop");`)
	v := variable(t, "esv-shop", "shop")
	full := set(v, lib, user, template(t, "welcome", "Hi"),
		journey(t, "Outer", "o", 100, []int{2}, "Inner"), journey(t, "Inner", "i", 200, nil))
	cycle := func(header string) *schema.Set {
		return set(journey(t, "A", header, 100, nil, "B"), journey(t, "B", header, 200, nil, "A"), journey(t, "C", header, 300, nil, "A"))
	}
	for _, tc := range []struct {
		name       string
		live, want *schema.Set
		steps      []string
	}{
		{"references first, the table's order otherwise", set(), full, []string{
			"create variable/esv-shop", "create script/Zeta Library", "restart", "create script/Alpha User",
			"create email-template/welcome", "create journey/Inner", "create journey/Outer"}},
		{"deletions go the other way round", full, set(), []string{
			"delete journey/Outer", "delete journey/Inner", "delete email-template/welcome",
			"delete script/Alpha User", "delete script/Zeta Library"}},
		{"two new journeys that call each other; who uses them waits", set(), cycle("x"), []string{
			"stub journey/A", "create journey/B", "create journey/A", "create journey/C"}},
		{"existing ones need no stub", cycle("x"), cycle("y"), []string{
			"update journey/B", "update journey/A", "update journey/C"}},
		{"a new journey in a cycle with an existing one", set(journey(t, "A", "x", 100, nil)), set(journey(t, "A", "x", 100, nil, "B"), journey(t, "B", "x", 200, nil, "A")), []string{
			"create journey/B", "update journey/A"}},
		{"the email service and its transport", set(), set(emailService(t, "gmail"), smtp(t, "gmail", "465")), []string{
			"stub service/email", "create service-child/email/smtpTransports/gmail", "create service/email"}},
		{"scripts that require each other", set(), set(
			script(t, 1, "One", "LIBRARY", `require("Two")`), script(t, 2, "Two", "LIBRARY", `require("One")`),
			script(t, 3, "Able", "AUTHENTICATION_TREE_DECISION_NODE", `require("One")`)), []string{
			"create script/One", "create script/Two", "create script/Able"}},
		{"deleted journeys that call each other go before what they use", set(v, user, lib,
			journey(t, "A", "x", 100, []int{2}, "B"), journey(t, "B", "x", 200, nil, "A")), set(variable(t, "esv-other", "x")), []string{
			"create variable/esv-other", "stub journey/A", "delete journey/B", "delete journey/A", "delete script/Alpha User", "delete script/Zeta Library", "delete variable/esv-shop"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := mustPlan(t, tc.live, tc.want, planOptions(true))
			if d := cmp.Diff(tc.steps, steps(p)); d != "" {
				t.Error(d)
			}
			checkNeeds(t, p)
		})
	}
}

// checkNeeds: steps wait for earlier ones only, and a step that was written as a stub waits for the stub.
func checkNeeds(t *testing.T, p *engine.Plan) {
	t.Helper()
	last := map[schema.Key]int{}
	for _, s := range p.Steps {
		for _, n := range s.Needs {
			if n < 1 || n >= s.Number {
				t.Errorf("step %d needs step %d", s.Number, n)
			}
		}
		if n := last[s.Key]; n > 0 && !s.Restart && !slices.Contains(s.Needs, n) {
			t.Errorf("step %d doesn't wait for its stub, step %d", s.Number, n)
		}
		if !s.Restart {
			last[s.Key] = s.Number
		}
	}
}

func TestRestart(t *testing.T) {
	reader := script(t, 1, "Reader", "AUTHENTICATION_TREE_DECISION_NODE", `systemEnv.getProperty("esv.a")`)
	described := func(r *schema.Resource) *schema.Resource {
		body := schema.CloneObject(r.Body)
		body["description"] = "told"
		return &schema.Resource{Key: r.Key, Body: body}
	}
	a := variable(t, "esv-a", "one")
	for _, tc := range []struct {
		name       string
		live, want *schema.Set
		steps      []string
	}{
		{"new, read by a new script", set(), set(a, reader), []string{"create variable/esv-a", "restart", "create script/Reader"}},
		{"new, read by nobody", set(), set(a), []string{"create variable/esv-a"}},
		{"changed, read by what is there", set(a, reader), set(variable(t, "esv-a", "two"), reader), []string{"update variable/esv-a", "restart"}},
		{"changed, read by what only the tenant has", set(a, reader), set(variable(t, "esv-a", "two")), []string{"update variable/esv-a", "restart"}},
		{"changed, read by nobody", set(a), set(variable(t, "esv-a", "two")), []string{"update variable/esv-a"}},
		{"only described anew", set(a, reader), set(described(a), reader), []string{"update variable/esv-a"}},
		{"a secret for placeholders", set(), set(secret(t, "esv-a", true), reader), []string{"create secret/esv-a", "restart", "create script/Reader"}},
		{"a secret that is none for placeholders", set(), set(secret(t, "esv-a", false), reader), []string{"create secret/esv-a", "create script/Reader"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := mustPlan(t, tc.live, tc.want, planOptions(false))
			if d := cmp.Diff(tc.steps, steps(p)); d != "" {
				t.Error(d)
			}
			if warned := strings.Contains(strings.Join(p.Warnings, "\n"), "restart"); warned != slices.Contains(tc.steps, "restart") {
				t.Errorf("warnings %q", p.Warnings)
			}
		})
	}
}

// Every graph of journeys gets an order: each is written whole once, a stub of it earlier if at all, and
// after all that it calls, unless that calls it back.
func TestOrderOfRandomGraphs(t *testing.T) {
	graphs := 200
	if raced || testing.Short() {
		graphs = 40
	}
	for n := range graphs {
		rng := rand.New(rand.NewPCG(7, uint64(n)))
		size := 1 + rng.IntN(9)
		calls := make([][]bool, size)
		var live, want []*schema.Resource
		for i := range size {
			calls[i] = make([]bool, size)
			var inner []string
			for j := range size {
				if rng.Float64() < 0.25 {
					calls[i][j] = true
					inner = append(inner, fmt.Sprintf("J%d", j))
				}
			}
			want = append(want, journey(t, fmt.Sprintf("J%d", i), "new", 100*(i+1), nil, inner...))
			if rng.IntN(3) == 0 {
				live = append(live, journey(t, fmt.Sprintf("J%d", i), "old", 100*(i+1), nil))
			}
		}
		p := mustPlan(t, set(live...), set(want...), planOptions(false))
		checkNeeds(t, p)
		checkOrder(t, fmt.Sprint("graph ", n, calls), p, calls)
		deleted := mustPlan(t, set(want...), set(), planOptions(true))
		checkDeletes(t, fmt.Sprint("graph ", n, calls), deleted, calls)
	}
}

// reach is the transitive closure.
func reach(calls [][]bool) [][]bool {
	r := make([][]bool, len(calls))
	for i := range calls {
		r[i] = slices.Clone(calls[i])
	}
	for k := range r {
		for i := range r {
			for j := range r {
				r[i][j] = r[i][j] || r[i][k] && r[k][j]
			}
		}
	}
	return r
}

func checkOrder(t *testing.T, what string, p *engine.Plan, calls [][]bool) {
	t.Helper()
	whole, stub := map[string]int{}, map[string]int{}
	exists := map[string]bool{}
	for _, s := range p.Steps {
		at := whole
		if s.Stub {
			at = stub
			if whole[s.Name] > 0 || s.Action != diff.Create {
				t.Fatalf("%s: stub of %s at step %d, whole at %d, %s", what, s.Name, s.Number, whole[s.Name], s.Action)
			}
		}
		if at[s.Name] > 0 {
			t.Fatalf("%s: %s is written twice", what, s.Name)
		}
		at[s.Name] = s.Number
		exists[s.Name] = exists[s.Name] || s.Action == diff.Update
	}
	if len(whole) != len(calls) {
		t.Fatalf("%s: %d of %d are written", what, len(whole), len(calls))
	}
	r := reach(calls)
	for i := range calls {
		for j := range calls {
			from, to := fmt.Sprintf("J%d", i), fmt.Sprintf("J%d", j)
			if !calls[i][j] || i == j {
				continue
			}
			there := whole[to] < whole[from] || stub[to] > 0 && stub[to] < whole[from] || exists[to]
			if !there || !r[j][i] && whole[to] > whole[from] {
				t.Fatalf("%s: %s comes before %s, which it calls: %v", what, from, to, steps(p))
			}
		}
	}
}

func checkDeletes(t *testing.T, what string, p *engine.Plan, calls [][]bool) {
	t.Helper()
	gone, silent := map[string]int{}, map[string]int{} // deleted; deleted, or without its calls
	for _, s := range p.Steps {
		if !s.Stub {
			gone[s.Name] = s.Number
		}
		if silent[s.Name] == 0 {
			silent[s.Name] = s.Number
		}
	}
	if len(gone) != len(calls) {
		t.Fatalf("%s: %d deletions", what, len(gone))
	}
	for i := range calls {
		for j := range calls {
			if from, to := fmt.Sprintf("J%d", i), fmt.Sprintf("J%d", j); calls[i][j] && i != j && silent[from] > gone[to] {
				t.Fatalf("%s: %s goes before %s, which calls it: %v", what, to, from, steps(p))
			}
		}
	}
}
