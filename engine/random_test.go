package engine_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// configuration draws a set that is whole in itself: what it refers to, it has. Journeys may call each other in
// circles; scripts may require libraries and read ESVs.
func configuration(t *testing.T, rt *rapid.T, name string) *schema.Set {
	pick := func(what string, n int) []int {
		return rapid.SliceOfNDistinct(rapid.IntRange(1, n), 0, n, rapid.ID[int]).Draw(rt, name+" "+what)
	}
	text := func(what string) string {
		return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, name+" "+what)
	}
	s := set(variable(t, "esv-always", "x"))
	esvs, libs, scripts, journeys := pick("esvs", 2), pick("libraries", 2), pick("scripts", 3), pick("journeys", 4)
	for _, n := range esvs {
		s.Add(variable(t, fmt.Sprintf("esv-v%d", n), text("value")))
	}
	some := func(what string, from []int) []int {
		var out []int
		for _, n := range from {
			if rapid.Bool().Draw(rt, name+" "+what) {
				out = append(out, n)
			}
		}
		return out
	}
	reads := func(body string) string {
		for _, n := range some("reads", esvs) {
			body += fmt.Sprintf(`; systemEnv.getProperty("esv.v%d")`, n)
		}
		return body
	}
	for _, n := range libs {
		s.Add(script(t, n, fmt.Sprintf("Library %d", n), "LIBRARY", reads(text("library"))))
	}
	for _, n := range scripts {
		body := reads(text("script"))
		for _, l := range some("requires", libs) {
			body += fmt.Sprintf(`; require("Library %d")`, l)
		}
		s.Add(script(t, 10+n, fmt.Sprintf("Script %d", n), "AUTHENTICATION_TREE_DECISION_NODE", body))
	}
	for _, n := range journeys {
		var uses []int
		for _, u := range some("uses", scripts) {
			uses = append(uses, 10+u)
		}
		var inner []string
		for _, j := range some("calls", journeys) {
			if j != n {
				inner = append(inner, fmt.Sprintf("Journey %d", j))
			}
		}
		s.Add(journey(t, fmt.Sprintf("Journey %d", n), text("header"), 100*n, uses, inner...))
	}
	for _, n := range pick("templates", 2) {
		s.Add(template(t, fmt.Sprintf("mail%d", n), text("subject")))
	}
	return s
}

// whole finds what a journey of the tenant refers to and the tenant has not: then nobody could log in with it.
func whole(tn *sim.Tenant) []string {
	docs := map[string]map[string]any{}
	for _, d := range tn.Documents() {
		var body map[string]any
		if json.Unmarshal(d.Body, &body) == nil {
			docs[d.Path] = body
		}
	}
	const trees = "/authentication/authenticationtrees/trees/"
	var missing []string
	lacks := func(from, what string) { missing = append(missing, from+" lacks "+what) }
	for p, tree := range docs {
		at := strings.Index(p, trees)
		if at < 0 || strings.Contains(p, "/nodes/") {
			continue
		}
		top, _, _ := strings.Cut(p, "/realm-config/")
		nodes, _ := tree["nodes"].(map[string]any)
		for id, v := range nodes {
			typ, _ := v.(map[string]any)["nodeType"].(string)
			var body map[string]any
			for q, b := range docs {
				if path.Base(q) == id && strings.Contains(q, "/nodes/"+typ+"/") {
					body = b
				}
			}
			switch {
			case body == nil:
				lacks(p, "node "+typ+" "+id)
			case body["script"] != nil && docs[top+"/scripts/"+fmt.Sprint(body["script"])] == nil:
				lacks(p, "script "+fmt.Sprint(body["script"]))
			case body["tree"] != nil && docs[p[:at]+trees+strings.ReplaceAll(fmt.Sprint(body["tree"]), " ", "%20")] == nil && docs[p[:at]+trees+fmt.Sprint(body["tree"])] == nil:
				lacks(p, "inner journey "+fmt.Sprint(body["tree"]))
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// watched looks at the tenant after each request that changed it.
type watched struct {
	engine.Target
	after func(step string)
}

func (w watched) Put(ctx context.Context, r, was *schema.Resource) (*schema.Resource, error) {
	got, err := w.Target.Put(ctx, r, was)
	w.after("put " + r.Label())
	return got, err
}

func (w watched) Delete(ctx context.Context, r *schema.Resource) error {
	err := w.Target.Delete(ctx, r)
	w.after("delete " + r.Label())
	return err
}

// Whatever two configurations A and B are: the plan from A to B, applied to a tenant that holds A, gives B;
// and after every step, each journey has all that it refers to.
func TestRandomConfigurations(t *testing.T) {
	checks := "40"
	if raced || testing.Short() {
		checks = "10"
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		t.Fatal(err)
	}
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		t.Fatal(err)
	}
	tried, stepsDone, cut := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		a, b := configuration(t, rt, "A"), configuration(t, rt, "B")
		g := newGroup(t)
		tn := g.Tenant("development")
		account := g.ServiceAccount()
		c, err := tenant.New(tenant.Config{Name: "dev", URL: urlOf("development"), ServiceAccount: account.ID, Key: account.JWK, Rate: -1, Retries: -1, Poll: time.Millisecond, Transport: inProcess{tn}})
		if err != nil {
			rt.Fatal(err)
		}
		seed(t, tn, a)
		if lacks := whole(tn); len(lacks) > 0 {
			rt.Fatalf("A is not whole: %v", lacks)
		}
		p, err := engine.NewPlan(snapshot(t, c), b, planOptions(true))
		if err != nil {
			rt.Fatal(err)
		}
		j, err := engine.OpenJournal(filepath.Join(t.TempDir(), fmt.Sprint("run", tried)), fixedNow)
		if err != nil {
			rt.Fatal(err)
		}
		defer j.Close()
		after := func(step string) {
			if lacks := whole(tn); len(lacks) > 0 {
				rt.Errorf("after %s of %v: %v", step, steps(p), lacks)
			}
		}
		if err := p.Apply(t.Context(), watched{c, after}, j, applyOptions(c)); err != nil {
			rt.Fatalf("%v: %v", steps(p), err)
		}
		if left := changes(t, snapshot(t, c), b, true); len(left) > 0 {
			rt.Fatalf("%v leaves %v", steps(p), left)
		}
		for _, n := range orphans(tn) {
			rt.Errorf("%v leaves node %s", steps(p), n)
		}
		tried, stepsDone = tried+1, stepsDone+len(p.Steps)
		if slices.ContainsFunc(p.Steps, func(s engine.Step) bool { return s.Stub }) {
			cut++
		}
	})
	t.Logf("%d pairs, %d steps, %d plans with a cycle that was cut", tried, stepsDone, cut)
	if stepsDone < tried {
		t.Errorf("only %d steps", stepsDone)
	}
}
