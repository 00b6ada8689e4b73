package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// allTypes is a project with every type of the table in its files, and a development tenant that holds the same.
type allTypes struct {
	dir string
	set *schema.Set
	sb  *sandbox
}

func newAllTypes(t *testing.T) *allTypes {
	t.Helper()
	set, diags, err := repo.Load(fixtures.Repos(), "flat", repo.Options{})
	if err != nil || diags.Count(schema.Error) > 0 {
		t.Fatal(err, diags)
	}
	// A release is what the tenant says of itself: no document that anybody could seed.
	set = set.Filter(func(r *schema.Resource) bool { return r.ID != "environment/release" })
	has := map[string]bool{}
	for _, r := range set.All() {
		has[r.Type] = true
	}
	for _, row := range schema.Types() {
		if !has[row.Name] {
			t.Errorf("the fixtures have no %s", row.Name)
		}
	}
	sb, _, err := startSandbox(t.TempDir(), consecutive(0), sim.Options{Governance: true}, set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, tn := range sb.group.Tenants() {
			for _, r := range tn.Unknown() {
				t.Errorf("the tenant %s has no answer for %s %s", tn.Role(), r.Method, r.Path)
			}
		}
		if err := sb.stop(); err != nil {
			t.Error(err)
		}
	})
	x := &allTypes{dir: t.TempDir(), sb: sb}
	yaml := "version: 1\nconfig: {dir: config, layout: flat, types: [all]}\nrules: {schema-invalid: warning, audit-handler: warning}\n" + strings.ReplaceAll(sandboxYAML(sb), "\n    role:", "\n    rate: 1000\n    role:")
	if err := os.WriteFile(filepath.Join(x.dir, "lockstep.yaml"), []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	// What the tenant made of the fixtures is where this begins: it has its own ids, and what every tenant has.
	x.write(t, set)
	x.run(t, exitOK, "export", "--env", "dev")
	x.set = x.files(t)
	x.same(t)
	return x
}

// run runs a command, which must end with code. What the files keep as ${NAME} is in its environment.
func (x *allTypes) run(t *testing.T, code int, args ...string) string {
	t.Helper()
	a, stdout, stderr := corpusApp(t)
	a.env = func(name string) (string, bool) {
		values := map[string]string{"CSP_ENFORCED": "false", "CSP_REPORT_ONLY": "false", "TELEMETRY_TOKEN": "token", "TEST_WEBHOOK_URL": "https://hook.example.com"}
		if strings.HasPrefix(name, "ESV_") {
			return "c2VjcmV0", true
		}
		v, ok := values[name]
		return v, ok
	}
	if got := a.run(t.Context(), append([]string{"-C", x.dir}, args...)); got != code {
		t.Fatalf("lockstep %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	return stdout.String()
}

// files reads what the project's files hold.
func (x *allTypes) files(t *testing.T) *schema.Set {
	t.Helper()
	set, diags, err := repo.LoadPath(filepath.Join(x.dir, "config"), repo.Options{Layout: repo.Flat})
	if err != nil || diags.Count(schema.Error) > 0 {
		t.Fatal(err, diags)
	}
	return set
}

// write makes the project's files hold the set, and nothing else.
func (x *allTypes) write(t *testing.T, set *schema.Set) {
	t.Helper()
	config := filepath.Join(x.dir, "config")
	if err := os.RemoveAll(config); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Write(config, set, repo.Flat, repo.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// carryOut plans and applies, and gives the plan. Nothing may be left to do after it.
func (x *allTypes) carryOut(t *testing.T, flags ...string) *engine.Plan {
	t.Helper()
	x.run(t, exitOK, append([]string{"plan", "--env", "dev", "--out", "plan.json"}, flags...)...)
	f, err := os.Open(filepath.Join(x.dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	p, err := engine.ReadPlan(f, "plan.json")
	if err != nil {
		t.Fatal(err)
	}
	x.run(t, exitOK, "apply", "--yes", "plan.json")
	return p
}

// same checks that files and tenant don't differ.
func (x *allTypes) same(t *testing.T) {
	t.Helper()
	if out := x.run(t, exitOK, "diff", "env:dev", ".", "--exit-code"); !strings.Contains(out, "no differences") {
		t.Errorf("afterwards:\n%s", out)
	}
}

// One value of every resource that can be written is changed, planned and applied: the tenant then is what the
// files are.
func TestEveryTypeIsPlannedAndApplied(t *testing.T) {
	x := newAllTypes(t)
	changed := schema.NewSet("changed")
	var want []string
	for _, r := range x.set.All() {
		row, _ := schema.TypeOf(r.Type)
		if row.ReadOnly != "" {
			changed.Add(r)
			continue
		}
		changed.Add(changeOne(t, r))
		want = append(want, r.Key.String())
	}
	x.write(t, changed)
	p := x.carryOut(t)
	compareSteps(t, p, "update", want)
	x.same(t)
}

func compareSteps(t *testing.T, p *engine.Plan, action string, want []string) {
	t.Helper()
	var got []string
	for _, s := range p.Steps {
		if !s.Restart && string(s.Action) == action && !s.Stub {
			got = append(got, s.Key.String())
		}
	}
	slices.Sort(got)
	got = slices.Compact(got)
	slices.Sort(want)
	for _, k := range want {
		if !slices.Contains(got, k) {
			t.Errorf("%s %s is not in the plan", action, k)
		}
	}
	for _, k := range got {
		if !slices.Contains(want, k) {
			t.Errorf("%s %s is in the plan", action, k)
		}
	}
}

// changes are the values that are changed where the general rule of changeOne finds none, or one that the tenant or
// the rules refuse: by type or type/id, a pointer and its new value.
func changes() map[string][2]string {
	return map[string][2]string{
		"cookie-domains":     {"/domains", `["login.example.com"]`},
		"circle-of-trust":    {"/trustedProviders", `["iSPAzure|saml2"]`},
		"global-service":     {"/defaults/assignedDashboard", `["x"]`},
		"cors":               {"/maxAge", `601`},
		"cors-idm":           {"/initParams/allowedMethods", `"GET,POST"`},
		"csp":                {"/directives", `{"frame-ancestors":["'none'"]}`},
		"custom-domains":     {"/domains", `["login.example.org"]`},
		"journey":            {"/description", `"changed"`},
		"org-privileges":     {"/privilegeAssignments/0/relationshipField", `"adminOfOrg"`},
		"raw":                {"/headers/accept", `"text/plain"`},
		"secret-mapping":     {"/aliases", `["esv-test-secret"]`},
		"service-object":     {"/description", `"changed"`},
		"service/email":      {"/transportType", `"gmail"`},
		"service/validation": {"/validGotoDestinations", `["https://&{fqdn}/*"]`},
	}
}

// changeOne gives a copy of a resource with one value changed: a text that means nothing to the tenant, else the
// first switch, else the first number, else the first text.
func changeOne(t *testing.T, r *schema.Resource) *schema.Resource {
	t.Helper()
	body := schema.CloneObject(r.Body)
	c, ok := changes()[r.Type]
	if !ok {
		c, ok = changes()[r.Type+"/"+r.ID]
	}
	switch {
	case ok:
		data, err := setJSON(schema.EncodeJSON(body), c[0], c[1])
		if err != nil {
			t.Fatal(err)
		}
		v, err := schema.ParseJSON(data)
		if err != nil {
			t.Fatal(err)
		}
		body = v.(map[string]any)
	case !changeText(body) && !changeFirst(body, otherBool) && !changeFirst(body, otherNumber) && !changeFirst(body, otherText):
		t.Errorf("%s: nothing to change in %s", r.Key, schema.CompactJSON(body))
	}
	return &schema.Resource{Key: r.Key, Body: body}
}

func changeText(body map[string]any) bool {
	for _, name := range []string{"description", "displayName", "label"} {
		if s, ok := body[name].(string); ok {
			body[name] = s + " (changed)"
			return true
		}
	}
	return false
}

func otherBool(v any) any {
	if b, ok := v.(bool); ok {
		return !b
	}
	return nil
}

func otherNumber(v any) any {
	if n, ok := v.(json.Number); ok {
		return n + "1"
	}
	return nil
}

func otherText(v any) any {
	if s, ok := v.(string); ok && !strings.Contains(s, "{") {
		return s + "x"
	}
	return nil
}

// changeFirst changes the first value in a body for which change has another one.
func changeFirst(v any, change func(any) any) bool {
	switch x := v.(type) {
	case map[string]any:
		for _, name := range schema.SortedKeys(x) {
			if strings.HasPrefix(name, "_") || strings.HasSuffix(name, "d") && name != "enabled" || name == "name" {
				continue
			}
			if now := change(x[name]); now != nil {
				x[name] = now
				return true
			}
			if changeFirst(x[name], change) {
				return true
			}
		}
	case []any:
		for _, e := range x {
			if changeFirst(e, change) {
				return true
			}
		}
	}
	return false
}
