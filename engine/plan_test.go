package engine_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/schema"
)

func kept(p *engine.Plan) []string {
	out := []string{}
	for _, m := range p.Kept {
		out = append(out, m.Key.Type+"/"+m.Name+": "+m.Why)
	}
	return out
}

func decision(t testing.TB, n int, name string) *schema.Resource {
	return script(t, n, name, "AUTHENTICATION_TREE_DECISION_NODE", name)
}

func TestPrune(t *testing.T) {
	lib := script(t, 3, "Lib", "LIBRARY", "1")
	user := script(t, 2, "User", "AUTHENTICATION_TREE_DECISION_NODE", `require("Lib"); systemEnv.getProperty("esv.a")`)
	own := decision(t, 1, "Product")
	own.Body["default"] = true
	a, b := variable(t, "esv-a", "1"), variable(t, "esv-b", "1")
	login := journey(t, "Login", "x", 100, []int{2})
	for _, tc := range []struct {
		name        string
		live, want  *schema.Set
		change      func(*engine.PlanOptions)
		steps, kept []string
	}{
		{"only with --prune", set(user), set(), func(o *engine.PlanOptions) { o.Prune = false }, []string{}, []string{"script/User: only --prune deletes"}},
		{"the product's own", set(own), set(), func(o *engine.PlanOptions) { o.Diff.Tenant = false }, []string{}, []string{"script/Product: belongs to the product"}},
		{"what the source uses, and what that uses", set(lib, user, a, login), set(login, b), nil, []string{"create variable/esv-b"},
			[]string{"script/User: still used by alpha/journey/Login", "variable/esv-a: still used by User", "script/Lib: still used by alpha/script/User"}},
		{"what a live one uses that the plan leaves as it is", set(user, login), set(journey(t, "Login", "x", 100, nil)),
			func(o *engine.PlanOptions) { o.Diff.Target = []schema.Glob{glob("alpha/script/*")} }, []string{}, []string{"script/User: still used by alpha/journey/Login"}},
		{"what an updated one no longer uses", set(user, login), set(journey(t, "Login", "x", 100, nil)), nil, []string{"update journey/Login", "delete script/User"}, []string{}},
		{"ESVs where the source declares none", set(a, b), set(), func(o *engine.PlanOptions) { o.Diff.Tenant = false }, []string{},
			[]string{"variable/esv-a: the source declares no ESV variables", "variable/esv-b: the source declares no ESV variables"}},
		{"ESVs of another tenant's repository", set(a), set(), nil, []string{}, []string{}},
		{"an ESV that nothing uses, where the source declares some", set(a, b), set(b), nil, []string{"delete variable/esv-a"}, []string{}},
		{"a script that unread journeys may use", func() *schema.Set { s := set(user); s.Partial = []string{"alpha/journey"}; return s }(), set(), nil, []string{},
			[]string{"script/User: still used by journeys, perhaps, which were not read"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := planOptions(true)
			if tc.change != nil {
				tc.change(&o)
			}
			p := mustPlan(t, tc.live, tc.want, o)
			if d := cmp.Diff(tc.steps, steps(p)); d != "" {
				t.Error(d)
			}
			got := kept(p)
			slices.Sort(got)
			slices.Sort(tc.kept)
			if d := cmp.Diff(tc.kept, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestUpperEnvironment(t *testing.T) {
	o := planOptions(true)
	o.Environment.Role = "production"
	a := variable(t, "esv-a", "1")
	p := mustPlan(t, set(decision(t, 1, "Old"), variable(t, "esv-old", "1")), set(decision(t, 2, "New"), a), o)
	if d := cmp.Diff([]string{"create variable/esv-a", "delete variable/esv-old"}, steps(p)); d != "" {
		t.Error(d)
	}
	if len(p.Elsewhere) != 2 || p.Elsewhere[0].Why != "comes by promotion" {
		t.Errorf("elsewhere %v", p.Elsewhere)
	}
	// What is live there reads the ESV until the promotion comes, whatever the source says.
	reader := script(t, 1, "Reader", "AUTHENTICATION_TREE_DECISION_NODE", `systemEnv.getProperty("esv.old")`)
	p = mustPlan(t, set(reader, variable(t, "esv-old", "1")), set(decision(t, 1, "Reader"), a), o)
	if d := cmp.Diff([]string{"create variable/esv-a"}, steps(p)); d != "" {
		t.Error(d)
	}
}

func TestLimits(t *testing.T) {
	live := set(decision(t, 1, "A"), decision(t, 2, "B"), decision(t, 3, "C"), decision(t, 4, "D"))
	for _, tc := range []struct {
		deletes, percent, allow int
		refused                 string
	}{
		{0, 0, 0, ""}, {4, 0, 0, ""}, {3, 0, 0, "deletes 4 of 4 resources; lockstep.yaml allows 3."},
		{0, 99, 0, "allows 99%."}, {3, 50, 3, "allows 3, or 50%."}, {3, 50, 4, ""}, {4, 100, 0, ""},
	} {
		o := planOptions(true)
		o.MaxDeletes, o.MaxPercent, o.AllowDelete = tc.deletes, tc.percent, tc.allow
		_, err := engine.NewPlan(live, set(), o)
		var limit *engine.LimitError
		if (tc.refused != "") != errors.As(err, &limit) || err != nil && !strings.Contains(err.Error(), tc.refused) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

func TestNameTaken(t *testing.T) {
	for name, tc := range map[string]struct {
		live, want *schema.Set
		err        string
	}{
		"create":       {set(decision(t, 1, "Same")), set(decision(t, 2, "Same")), "create alpha/script/Same: the tenant has a script of that name under another id (" + id(1)},
		"rename":       {set(decision(t, 1, "Same"), decision(t, 2, "Other")), set(decision(t, 1, "Same"), decision(t, 2, "Same")), "update alpha/script/Same"},
		"its own name": {set(decision(t, 1, "Same")), set(script(t, 1, "Same", "LIBRARY", "new")), ""},
	} {
		_, err := engine.NewPlan(tc.live, tc.want, planOptions(false))
		if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlanIsDeterministic(t *testing.T) {
	first := planBytes(t, mustPlan(t, before(t), after(t), planOptions(true)))
	for range 20 {
		if again := planBytes(t, mustPlan(t, before(t), after(t), planOptions(true))); !bytes.Equal(first, again) {
			t.Fatal(cmp.Diff(string(first), string(again)))
		}
	}
}

func TestPlanHoldsNoSecret(t *testing.T) {
	key := secret(t, "esv-key", true)
	key.Body["valueBase64"] = schema.EncodeBase64(hush)
	sealed := smtp(t, "gmail", "465")
	sealed.Body["password"] = "&{esv-key}"
	open := smtp(t, "gmail", "465")
	open.Body["password"] = hush
	o := planOptions(true)
	p := mustPlan(t, set(open, emailService(t, "gmail")), set(sealed, emailService(t, "gmail"), key), o)
	if len(p.Steps) < 2 {
		t.Fatalf("steps %v", steps(p))
	}
	for _, s := range []string{hush, schema.EncodeBase64(hush)} {
		if bytes.Contains(planBytes(t, p), []byte(s)) {
			t.Errorf("the plan holds the secret")
		}
	}
	_, err := engine.NewPlan(set(sealed), set(open), o)
	if err == nil || !strings.Contains(err.Error(), "/password holds a secret in the clear") || strings.Contains(err.Error(), hush) {
		t.Errorf("got %v", err)
	}
}

// TestPlanKeepsWhereASecretComesFrom: the name of a variable is no secret, and need not be the ESV's.
func TestPlanKeepsWhereASecretComesFrom(t *testing.T) {
	for value, want := range map[string]bool{"${MAIL_KEY}": true, "${BASE64:MAIL_KEY}": true, schema.EncodeBase64(hush): false, "x${MAIL_KEY}": false} {
		key := secret(t, "esv-key", true)
		key.Body["valueBase64"] = value
		p := mustPlan(t, set(), set(key), planOptions(false))
		if got := bytes.Contains(p.Steps[0].Body, []byte(value)); got != want {
			t.Errorf("%s is in the step's body: %v, want %v", value, got, want)
		}
		if _, err := engine.ReadPlan(bytes.NewReader(planBytes(t, p)), "plan.json"); err != nil {
			t.Error(err)
		}
	}
}

func TestPlanWarnings(t *testing.T) {
	live := set()
	live.Partial = []string{"alpha/theme"}
	o := planOptions(false)
	o.Diff = diff.Options{Tenant: true, Target: []schema.Glob{glob("alpha/journey/*")}, Exclude: []schema.Glob{glob("alpha/script/*")}}
	p := mustPlan(t, live, set(decision(t, 1, "Left"), journey(t, "Login", "x", 100, []int{1})), o)
	all := strings.Join(p.Warnings, "\n")
	for _, want := range []string{"alpha/theme could not be read", "alpha/journey/Login needs alpha/script/Left, which the tenant lacks"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in %q", want, all)
		}
	}
}

// What a target needs comes with it, through what is the same on both sides, and is named; what is excluded
// and what only needs the target stay away.
func TestTargetsBringWhatTheyNeed(t *testing.T) {
	lib := script(t, 3, "Lib", "LIBRARY", `exports.a = systemEnv.getProperty("esv.a")`)
	user := script(t, 2, "User", "AUTHENTICATION_TREE_DECISION_NODE", `require("Lib")`)
	old := script(t, 3, "Lib", "LIBRARY", "exports.a = 1")
	want := set(variable(t, "esv-a", "1"), lib, user, decision(t, 4, "Other"), journey(t, "Inner", "i", 100, []int{2}), journey(t, "Outer", "o", 300, nil, "Inner"), journey(t, "Login", "l", 500, nil, "Outer"))
	live := set(old, user)
	target := func(exclude ...string) engine.PlanOptions {
		o := planOptions(false)
		o.Diff.Target = []schema.Glob{glob("alpha/journey/Outer")}
		for _, e := range exclude {
			o.Diff.Exclude = append(o.Diff.Exclude, glob(e))
		}
		return o
	}
	p := mustPlan(t, live, want, target())
	if d := cmp.Diff([]string{"create variable/esv-a", "restart", "update script/Lib", "create journey/Inner", "create journey/Outer"}, steps(p)); d != "" {
		t.Error(d)
	}
	var came []string
	for _, m := range p.Included {
		came = append(came, m.Name+" "+m.Why)
	}
	if d := cmp.Diff([]string{"esv-a needed by alpha/script/Lib", "Inner needed by alpha/journey/Outer", "Lib needed by alpha/script/User"}, came); d != "" {
		t.Error(d)
	}
	p = mustPlan(t, live, want, target("alpha/journey/Inner"))
	if d := cmp.Diff([]string{"create journey/Outer"}, steps(p)[len(p.Steps)-1:]); d != "" || slices.Contains(steps(p), "create journey/Inner") || !strings.Contains(strings.Join(p.Warnings, "\n"), "alpha/journey/Outer needs alpha/journey/Inner") {
		t.Error(d, steps(p), p.Warnings)
	}
}

// A target that names nothing is a slip of the pen, and no plan without steps.
func TestTargetThatNamesNothing(t *testing.T) {
	o := planOptions(false)
	o.Diff.Target = []schema.Glob{glob("alpha/journey/Login"), glob("alpha/journey/Logn")}
	_, err := engine.NewPlan(before(t), after(t), o)
	if err == nil || !strings.HasPrefix(err.Error(), "--target alpha/journey/Logn names nothing") {
		t.Errorf("got %v", err)
	}
	o.Diff.Target = o.Diff.Target[:1]
	if _, err := engine.NewPlan(before(t), after(t), o); err != nil {
		t.Error(err)
	}
}
