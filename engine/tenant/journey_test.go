package tenant

import (
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	page1 = "00000000-0000-4000-8000-0000000000a1"
	name1 = "00000000-0000-4000-8000-0000000000b1"
	pass1 = "00000000-0000-4000-8000-0000000000b2"
	dec1  = "00000000-0000-4000-8000-0000000000c1"
	dec2  = "00000000-0000-4000-8000-0000000000c2"
)

// login is a page with a name and a password, and a decision.
func login(t *testing.T) *schema.Resource {
	t.Helper()
	return resource(t, "journey", "alpha", "Login", `{
  "_id":"Login","entryNodeId":"`+page1+`","enabled":true,"identityResource":"managed/alpha_user","uiConfig":{},
  "nodes":{
    "`+page1+`":{"x":1,"y":2,"nodeType":"PageNode","displayName":"Page","version":"1.0","connections":{"outcome":"`+dec1+`"}},
    "`+dec1+`":{"nodeType":"DataStoreDecisionNode","displayName":"Check","version":"1.0","connections":{"true":"`+schema.SuccessNode+`","false":"`+schema.FailureNode+`"}}},
  "staticNodes":{"startNode":{"x":70,"y":80}},
  "nodeConfigs":{
    "`+page1+`":{"_id":"`+page1+`","_type":{"_id":"PageNode","version":"1.0"},"pageHeader":{"en":"Sign in"},"pageDescription":{},"nodes":[
      {"_id":"`+name1+`","nodeType":"ValidatedUsernameNode","nodeVersion":"2.0","displayName":"Name"},
      {"_id":"`+pass1+`","nodeType":"PasswordCollectorNode","nodeVersion":"1.0","displayName":"Password"}]},
    "`+name1+`":{"_id":"`+name1+`","_type":{"_id":"ValidatedUsernameNode","version":"2.0"},"usernameAttribute":"userName"},
    "`+pass1+`":{"_id":"`+pass1+`","_type":{"_id":"PasswordCollectorNode","version":"1.0"}},
    "`+dec1+`":{"_id":"`+dec1+`","_type":{"_id":"DataStoreDecisionNode","version":"1.0"}}}}`)
}

// changed is login with another page header, the decision replaced, and the password taken off the page.
func changed(t *testing.T) *schema.Resource {
	t.Helper()
	text := string(schema.CompactJSON(login(t).Body))
	text = strings.ReplaceAll(text, dec1, dec2)
	text = strings.Replace(text, "Sign in", "Log in", 1)
	r := resource(t, "journey", "alpha", "Login", text)
	page := r.Body["nodeConfigs"].(map[string]any)[page1].(map[string]any)
	page["nodes"] = page["nodes"].([]any)[:1]
	delete(r.Body["nodeConfigs"].(map[string]any), pass1)
	return r
}

func TestJourneyOrder(t *testing.T) {
	for version, nodes := range map[string]struct{ first, second string }{
		"9.0.0-SNAPSHOT": {"/1.0/", "/2.0/"},
		"8.0.0-SNAPSHOT": {"/", "/2.0/"},
	} {
		t.Run(version, func(t *testing.T) {
			tn, c := simulated(t, sim.Options{AMVersion: version}, func(c *Config) { c.Parallel = 1 })
			if _, err := c.Put(t.Context(), login(t), nil); err != nil {
				t.Fatal(err)
			}
			v1, v2 := nodes.first, nodes.second
			want := []string{
				"PUT alpha/nodes/PasswordCollectorNode" + v1 + pass1,
				"PUT alpha/nodes/ValidatedUsernameNode" + v2 + name1,
				"PUT alpha/nodes/DataStoreDecisionNode" + v1 + dec1,
				"PUT alpha/nodes/PageNode" + v1 + page1,
				"PUT alpha/trees/Login",
			}
			got := requests(tn, true)
			if len(got) == 5 { // within a layer the order is free
				slices.Sort(got[:2])
				slices.Sort(got[2:4])
			}
			if !slices.Equal(got, want) {
				t.Fatalf("wrote\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			was, err := c.Get(t.Context(), login(t).Key)
			if err != nil {
				t.Fatal(err)
			}
			n := len(requests(tn, true))
			now, err := c.Put(t.Context(), changed(t), was)
			if err != nil {
				t.Fatal(err)
			}
			want = []string{
				"PUT alpha/nodes/DataStoreDecisionNode" + v1 + dec2,
				"PUT alpha/nodes/PageNode" + v1 + page1,
				"PUT alpha/trees/Login",
				"DELETE alpha/nodes/DataStoreDecisionNode" + v1 + dec1,
				"DELETE alpha/nodes/PasswordCollectorNode" + v1 + pass1,
			}
			got = withoutPut(requests(tn, true)[n:], "ValidatedUsernameNode")
			if len(got) == 5 {
				slices.Sort(got[:2])
			}
			if !slices.Equal(got, want) {
				t.Errorf("wrote\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			held, err := c.Get(t.Context(), now.Key)
			if err != nil || normal(t, held) != normal(t, now) {
				t.Errorf("put answered\n%s\nget\n%s\n%v", normal(t, now), normal(t, held), err)
			}
			n = len(requests(tn, true))
			if _, err := c.Put(t.Context(), held, held); err != nil || len(requests(tn, true)) != n {
				t.Errorf("a journey that is the same is written: %v, %v", requests(tn, true)[n:], err)
			}
		})
	}
}

// withoutPut leaves out the writes of nodes to which the server added defaults.
func withoutPut(requests []string, typ string) []string {
	return slices.DeleteFunc(requests, func(r string) bool { return strings.HasPrefix(r, "PUT ") && strings.Contains(r, typ) })
}

// A node without a place on the canvas stays where it is.
func TestCoordinates(t *testing.T) {
	_, c := simulated(t, sim.Options{})
	first := login(t)
	first.Body["nodes"].(map[string]any)[dec1].(map[string]any)["x"] = 12
	was, err := c.Put(t.Context(), first, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := login(t)
	r.Body["description"] = "changed"
	got, err := c.Put(t.Context(), r, was)
	if err != nil {
		t.Fatal(err)
	}
	node, _ := schema.Lookup(got.Body, schema.Pointer("nodes", dec1))
	if x, y := node.(map[string]any)["x"], node.(map[string]any)["y"]; mustJSON(t, x) != "12" || mustJSON(t, y) != "0" {
		t.Errorf("the node is at %v, %v", x, y)
	}
}

// shared is another journey that uses the decision of login, and on its own page login's password.
func shared(t *testing.T) *schema.Resource {
	t.Helper()
	page2 := strings.Replace(page1, "a1", "a2", 1)
	return resource(t, "journey", "alpha", "Other", `{"_id":"Other","entryNodeId":"`+page2+`","nodes":{
    "`+page2+`":{"x":1,"y":1,"nodeType":"PageNode","displayName":"P","connections":{"outcome":"`+dec1+`"}},
    "`+dec1+`":{"x":1,"y":1,"nodeType":"DataStoreDecisionNode","displayName":"C","connections":{}}},"staticNodes":{},
  "nodeConfigs":{
    "`+page2+`":{"_id":"`+page2+`","_type":{"_id":"PageNode"},"pageHeader":{},"pageDescription":{},"nodes":[{"_id":"`+pass1+`","nodeType":"PasswordCollectorNode","displayName":"P"}]},
    "`+dec1+`":{"_id":"`+dec1+`","_type":{"_id":"DataStoreDecisionNode"}},"`+pass1+`":{"_id":"`+pass1+`","_type":{"_id":"PasswordCollectorNode"}}}}`)
}

func TestNodesOfOthersStay(t *testing.T) {
	_, c := simulated(t, sim.Options{})
	was, err := c.Put(t.Context(), login(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.Put(t.Context(), shared(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	now, err := c.Put(t.Context(), changed(t), was)
	if err != nil {
		t.Fatal(err)
	}
	whole := func(step string) {
		t.Helper()
		got, err := c.Get(t.Context(), other.Key)
		if err != nil || normal(t, got) != normal(t, other) {
			t.Errorf("after %s: %v, the other journey is\n%s", step, err, normal(t, got))
		}
	}
	whole("put")
	if err := c.Delete(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	whole("delete")
	if _, err := c.Get(t.Context(), now.Key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the deleted journey: %v", err)
	}
	if err := c.Delete(t.Context(), other); err != nil {
		t.Fatal(err)
	}
}

func TestDeleteLeavesNoNodes(t *testing.T) {
	tn, c := simulated(t, sim.Options{})
	was, err := c.Put(t.Context(), login(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := len(requests(tn, true))
	for range 2 {
		if err := c.Delete(t.Context(), was); err != nil {
			t.Fatal(err)
		}
	}
	// The tree, so that nobody enters it; the page, since AM can't read one whose child is gone.
	got := requests(tn, true)[n:]
	if got[0] != "DELETE alpha/trees/Login" || got[1] != "DELETE alpha/nodes/PageNode/1.0/"+page1 {
		t.Errorf("deleted in the order\n%s", strings.Join(got, "\n"))
	}
	for _, d := range tn.Documents() {
		if strings.Contains(d.Path, "authenticationtrees") {
			t.Errorf("left: %s", d.Path)
		}
	}
}

// Cut at any write and asked for again, with the revision that the tree has then, the journey ends whole.
func TestJourneyCutAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole, done := "", false
		for n := 1; !done && n < 20; n++ {
			g := group(t, sim.Options{})
			tn := g.Tenant("development")
			c := of(t, g, "development", noRetries)
			was, err := c.Put(t.Context(), login(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			tn.SetFaults(sim.Faults{CrashAfterWrite: n})
			_, err = c.Put(t.Context(), changed(t), was)
			if done = err == nil && !tn.Crashed(); !done {
				tn.Heal()
				now, err := c.Get(t.Context(), was.Key)
				if err != nil {
					t.Fatal(err)
				}
				was.Rev = now.Rev
				if _, err = c.Put(t.Context(), changed(t), was); err != nil {
					t.Fatalf("cut at write %d, then: %v", n, err)
				}
			}
			got, err := c.Get(t.Context(), was.Key)
			if err != nil {
				t.Fatal(err)
			}
			var state strings.Builder
			state.WriteString(normal(t, got))
			for _, d := range tn.Documents() {
				state.WriteString("\n" + d.Path)
			}
			if whole == "" {
				whole = state.String()
			}
			if state.String() != whole {
				t.Errorf("cut at write %d: ends as\n%s\nwant\n%s", n, state.String(), whole)
			}
		}
		if !done {
			t.Error("never ran to the end")
		}
	})
}

func TestStubThenWhole(t *testing.T) {
	_, c := simulated(t, sim.Options{})
	row, _ := schema.TypeOf("journey")
	r := login(t)
	stub, err := c.Put(t.Context(), &schema.Resource{Key: r.Key, Body: row.Stub(r.Body)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), r, stub); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(t.Context(), r.Key); err != nil || len(got.Body["nodeConfigs"].(map[string]any)) != 4 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestJourneyWithoutANodesBody(t *testing.T) {
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) { t.Errorf("asked %s", r.URL) })
	r := login(t)
	delete(r.Body["nodeConfigs"].(map[string]any), pass1)
	if _, err := c.Put(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), pass1) {
		t.Errorf("error %v", err)
	}
}

// AM says it deleted the tree, and has it still (tenant-api, section 10.1).
func TestDeleteIsVerified(t *testing.T) {
	for _, stays := range []int{1, 9} {
		deletes := 0
		c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.HasPrefix(r.URL.Path, "/am/json/serverinfo"):
				answer(w, 200, `{"version":"9.0.0"}`)
			case r.Method == "DELETE":
				deletes++
				answer(w, 200, `{}`)
			case deletes > stays:
				answer(w, 404, `{"code":404,"message":"Not Found"}`)
			default:
				answer(w, 200, `{"_id":"Login"}`)
			}
		})
		err := c.Delete(t.Context(), resource(t, "journey", "alpha", "Login", `{"nodes":{}}`))
		if stays == 1 && (err != nil || deletes != 2) || stays == 9 && err == nil {
			t.Errorf("%d deletes, %v", deletes, err)
		}
	}
}

// A node of version 2.0 is another thing on the path without a version (corpus-notes, 1).
func TestNodePaths(t *testing.T) {
	for _, tt := range []struct {
		am, version, path, header string
	}{
		{"9.0.0-SNAPSHOT", "1.0", "/nodes/PageNode/1.0/x", "protocol=2.1,resource=3.0"},
		{"8.1.0", "1.0", "/nodes/PageNode/1.0/x", "protocol=2.1,resource=3.0"},
		{"8.1.0", "2.0", "/nodes/PageNode/2.0/x", "protocol=2.1,resource=3.0"},
		{"8.0.2", "1.0", "/nodes/PageNode/x", "protocol=2.1,resource=1.0"},
		{"8.0.2", "2.0", "/nodes/PageNode/2.0/x", "protocol=2.1,resource=3.0"},
		{"7.5.0-SNAPSHOT", "1.0", "/nodes/PageNode/x", "protocol=2.1,resource=1.0"},
		{"10.0.0", "1.0", "/nodes/PageNode/1.0/x", "protocol=2.1,resource=3.0"},
		{"", "1.0", "/nodes/PageNode/x", "protocol=2.1,resource=1.0"},
	} {
		a := nodeAPI{"alpha", atLeast(tt.am, 8, 1)}
		path, header := a.path(nodeID{"PageNode", tt.version, "x"})
		if !strings.HasSuffix(path, tt.path) || header != tt.header {
			t.Errorf("AM %s, node %s: %s with %s", tt.am, tt.version, path, header)
		}
	}
}
