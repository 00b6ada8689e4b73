package diff

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

// renamed gives a journey's body with other ids: what an import that draws new ones makes of it.
func renamed(v any, ids map[string]string) any {
	swap := func(s string) string {
		if to, ok := ids[s]; ok {
			return to
		}
		return s
	}
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range x {
			out[swap(k)] = renamed(e, ids)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = renamed(e, ids)
		}
		return out
	case string:
		return swap(x)
	}
	return v
}

// newIDs draws ids that sort in another order than the old ones.
func newIDs(body map[string]any) map[string]string {
	ids := map[string]string{}
	for i, ref := range schema.NodeRefs(body) {
		ids[ref.ID] = fmt.Sprintf("%08x-0000-4000-8000-%012x", (i*7919+13)%1000, i)
	}
	return ids
}

func itemsOf(t *testing.T, before, after map[string]any) []Item {
	t.Helper()
	k := schema.Key{Type: "journey", Realm: "alpha", ID: "J"}
	c := comparer{hasher: newHasher(fixedKey), names: names{schema.NewSet(""), schema.NewSet("")}}
	ch, err := c.compare(&schema.Resource{Key: k, Body: before}, &schema.Resource{Key: k, Body: after})
	if err != nil {
		t.Fatal(err)
	}
	if ch == nil {
		return nil
	}
	checkPatch(t, ch)
	return ch.Items
}

func lines(items []Item) string {
	var b strings.Builder
	for _, i := range items {
		fmt.Fprintf(&b, "%s %s | %s\n", i.Kind, i.Subject, i.Detail)
		for _, l := range i.Text {
			b.WriteString("  " + l + "\n")
		}
	}
	return b.String()
}

func journeysOf(set *schema.Set) []*schema.Resource { return set.OfType("journey") }

// TestAllRecreated: each real journey, with every id drawn anew, differs in nothing but ids.
func TestAllRecreated(t *testing.T) {
	sets := map[string]*schema.Set{"fixtures": fixtureSet(t)}
	t.Run("corpus", func(t *testing.T) {
		for name, s := range corpusSets(t) {
			sets[name] = s
		}
	})
	journeys, nodes := 0, 0
	seen := map[string]bool{} // the snapshots have most journeys in common
	for _, name := range schema.SortedKeys(sets) {
		for _, r := range journeysOf(sets[name]) {
			body, err := json.Marshal(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			if seen[string(body)] {
				continue
			}
			seen[string(body)] = true
			journeys++
			ids := newIDs(r.Body)
			named := map[string]bool{}
			for _, ref := range schema.NodeRefs(r.Body) {
				named[ref.ID] = true
			}
			n := len(named)
			nodes += n
			items := itemsOf(t, r.Body, renamed(r.Body, ids).(map[string]any))
			again := 0
			for _, i := range items {
				if i.Detail == "re-created under a new id" {
					again++
				} else {
					t.Errorf("%s: %s: %s", name, r.Label(), lines([]Item{i}))
				}
			}
			if again != n {
				t.Errorf("%s: %s: %d of %d nodes are found again", name, r.Label(), again, n)
			}
		}
	}
	t.Logf("%d different journeys with %d nodes", journeys, nodes)
	if nodes == 0 {
		t.Error("no node was looked at")
	}
}

// A journey for tests: "id type name page? settings", then wires "from outcome to".
func journey(entry string, nodes []string, wires ...string) map[string]any {
	tree, configs := map[string]any{}, map[string]any{}
	var pages []func()
	for _, n := range nodes {
		f := strings.Split(n, "|")
		id, typ, name, page, setting := f[0], f[1], f[2], f[3], f[4]
		configs[id] = map[string]any{"_id": id, "_type": map[string]any{"_id": typ}, "setting": setting}
		if page == "" {
			tree[id] = map[string]any{"nodeType": typ, "displayName": name, "connections": map[string]any{}}
			continue
		}
		pages = append(pages, func() {
			c := configs[page].(map[string]any)
			list, _ := c["nodes"].([]any)
			c["nodes"] = append(list, map[string]any{"_id": id, "nodeType": typ, "displayName": name})
		})
	}
	for _, p := range pages {
		p()
	}
	for _, w := range wires {
		f := strings.Fields(w)
		tree[f[0]].(map[string]any)["connections"].(map[string]any)[f[1]] = f[2]
	}
	return map[string]any{"_id": "J", "entryNodeId": entry, "nodes": tree, "nodeConfigs": configs}
}

func TestRecreated(t *testing.T) {
	const yes, no = schema.SuccessNode, schema.FailureNode
	for _, c := range []struct {
		name          string
		before, after map[string]any
		want          string
	}{
		{
			"two alike are told apart by what leads to them",
			journey("s", []string{"s|Choice|Choose||", "p|Script|Check||x", "q|Script|Check||x"}, "s a p", "s b q", "p ok "+yes, "q ok "+no),
			journey("s", []string{"s|Choice|Choose||", "1|Script|Check||x", "2|Script|Check||x"}, "s a 2", "s b 1", "2 ok "+yes, "1 ok "+no),
			"~ Check | re-created under a new id\n~ Check | re-created under a new id\n",
		},
		{
			"re-created and changed: the same name in the same place",
			journey("s", []string{"s|Choice|Choose||", "p|Script|Check||x"}, "s a p", "p ok "+yes),
			journey("s", []string{"s|Choice|Choose||", "1|Script|Check||y"}, "s a 1", "1 ok "+no),
			"~ Check | re-created under a new id\n~ Check | outcome ok: Success → Failure\n~ Check | setting x → y\n",
		},
		{
			"re-created and renamed: the same settings in the same place",
			journey("s", []string{"s|Choice|Choose||", "p|Script|Check||x"}, "s a p"),
			journey("s", []string{"s|Choice|Choose||", "1|Script|Test||x"}, "s a 1"),
			"~ Test | re-created under a new id\n~ Test | renamed Check → Test\n",
		},
		{
			"another node in its place",
			journey("s", []string{"s|Choice|Choose||", "p|Script|Check||x"}, "s a p", "p ok "+yes),
			journey("s", []string{"s|Choice|Choose||", "1|Script|Test||y"}, "s a 1", "1 ok "+yes),
			"- Check | (Script)\n~ Choose | outcome a: Check → Test\n+ Test | (Script)  setting y\n",
		},
		{
			"both end in Failure: not enough for two that differ",
			journey("s", []string{"s|Choice|Choose||", "p|Script|Check||x"}, "s a p", "p no "+no),
			journey("s", []string{"s|Choice|Choose||", "1|Script|Check||y"}, "s b 1", "1 no "+no),
			"+ Check | (Script)  setting y\n- Check | (Script)\n~ Choose | outcome a: Check → not connected\n~ Choose | outcome b: not connected → Check\n",
		},
		{
			"a page with its nodes, one of them changed, and an order that stays",
			journey("p", []string{"p|PageNode|Page||", "a|Name|Name|p|", "b|Password|Password|p|min 8"}, "p ok "+yes),
			journey("1", []string{"1|PageNode|Page||", "3|Name|Name|1|", "2|Password|Password|1|min 12"}, "1 ok "+yes),
			"~ Page | re-created under a new id\n~ Page › Name | re-created under a new id\n~ Page › Password | re-created under a new id\n~ Page › Password | setting min 8 → min 12\n",
		},
		{
			"the entry was re-created: it starts where it started",
			journey("p", []string{"p|Script|Check||x"}, "p ok "+yes),
			journey("1", []string{"1|Script|Check||x"}, "1 ok "+yes),
			"~ Check | re-created under a new id\n",
		},
		{
			"a new node's long texts are shown whole",
			journey("s", []string{"s|Choice|Choose||"}),
			journey("s", []string{"s|Choice|Choose||", "1|Script|New||a\nb\n"}, "s a 1"),
			"~ Choose | outcome a: not connected → New\n+ New | (Script)  setting a⏎b⏎\n~ New | setting set to a text\n  @@ -0,0 +1,2 @@\n  +a\n  +b\n",
		},
		{
			"rewired to another node of one name",
			journey("s", []string{"s|Choice|Choose||", "p|Script|Check||x", "q|Script|Check||y"}, "s a p"),
			journey("s", []string{"s|Choice|Choose||", "p|Script|Check||x", "q|Script|Check||y"}, "s a q"),
			"~ Choose | outcome a: Check (p) → Check (q)\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 5 { // maps have no order, the report has
				if got := lines(itemsOf(t, c.before, c.after)); got != c.want {
					t.Fatalf("got\n%s\nwant\n%s", got, c.want)
				}
			}
		})
	}
}
