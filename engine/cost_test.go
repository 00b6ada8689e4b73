package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A plan of one changed node of 1,000 journeys costs a handful of requests beyond the export; one without a
// difference costs no write.
func TestCostOfOneChangedNode(t *testing.T) {
	n := 1000
	if raced || testing.Short() {
		n = 50
	}
	var live, want []*schema.Resource
	for i := range n {
		name := fmt.Sprintf("Journey %d", i)
		live = append(live, journey(t, name, "Sign in", 1000*(i+1), nil))
		header := "Sign in"
		if i == n/2 {
			header = "Log in"
		}
		want = append(want, journey(t, name, header, 1000*(i+1), nil))
	}
	g := newGroup(t)
	tn, c := g.Tenant("development"), clientOf(t, g, "development")
	seed(t, tn, set(live...))
	before := snapshot(t, c)
	if p := mustPlan(t, before, set(live...), planOptions(true)); !p.Empty() {
		t.Fatalf("steps %v", steps(p))
	}
	p := mustPlan(t, before, set(want...), planOptions(true))
	if len(p.Steps) != 1 {
		t.Fatalf("steps %v", steps(p))
	}
	start := len(tn.Requests())
	j := openJournal(t, runDir(t))
	defer j.Close()
	if err := p.Apply(t.Context(), c, j, applyOptions(c)); err != nil {
		t.Fatal(err)
	}
	reads, writes := 0, 0
	for _, r := range tn.Requests()[start:] {
		if strings.HasSuffix(r.Path, "/access_token") {
			continue
		}
		if r.Write {
			writes++
		} else {
			reads++
		}
	}
	t.Logf("%d journeys: %d writes, %d reads", n, writes, reads)
	if writes > 3 || reads > 10 {
		t.Errorf("%d writes, %d reads", writes, reads)
	}
}
