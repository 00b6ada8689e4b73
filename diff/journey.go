package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// graph is a journey as its diff needs it: nodes by id, page children with the page's id.
type graph struct {
	body  map[string]any
	nodes map[string]schema.NodeRef
}

func newGraph(body map[string]any) graph {
	g := graph{body, map[string]schema.NodeRef{}}
	for _, ref := range schema.NodeRefs(body) {
		g.nodes[ref.ID] = ref
	}
	return g
}

// name is what the canvas shows for a node id.
func (g graph) name(id string) string {
	switch id {
	case schema.SuccessNode:
		return "Success"
	case schema.FailureNode:
		return "Failure"
	case schema.StartNode:
		return "Start"
	}
	ref, ok := g.nodes[id]
	switch {
	case !ok:
		return "a node that is not there (" + clip(id, 9) + ")"
	case ref.Page != "":
		return g.name(ref.Page) + " › " + orType(ref)
	default:
		return orType(ref)
	}
}

func orType(ref schema.NodeRef) string {
	if ref.DisplayName != "" {
		return ref.DisplayName
	}
	return ref.Type
}

func (g graph) config(id string) map[string]any {
	v, _ := schema.Lookup(g.body, schema.Pointer("nodeConfigs", id))
	m, _ := v.(map[string]any)
	return m
}

// blank says that the journey names the page, but not what is on it.
func (g graph) blank(page string) bool {
	_, named := g.nodes[page]
	return named && g.config(page) == nil
}

func (g graph) connections(id string) map[string]any {
	v, _ := schema.Lookup(g.body, schema.Pointer("nodes", id, "connections"))
	m, _ := v.(map[string]any)
	return m
}

// journeyItems says what changed in the graph: settings, nodes added and removed, re-created, rewired,
// changed, and last how many only moved.
func journeyItems(t *schema.Type, c *Change, before, after map[string]any, n names) []Item {
	b, a := newGraph(before), newGraph(after)
	links := linkNames{t, c.Realm, n}
	items := settings(t, b, a, links)
	renewed := recreated(b, a)
	for _, id := range sortedIDs(b, a) {
		refB, inB := b.nodes[id]
		refA, inA := a.nodes[id]
		switch {
		case inB && inA:
			items = append(items, nodeItems(t, id, b, a, links)...)
		case inA && b.blank(refA.Page), inB && a.blank(refB.Page):
			// Whether the other side has it can't be known; that the page's settings are missing is said.
		case inA:
			if old, ok := renewed[id]; ok {
				items = append(items, Item{Kind: "~", Subject: a.name(id), Detail: "re-created under a new id", Pointer: refA.Pointer})
				items = append(items, rewired(old, id, b, a)...)
				continue
			}
			items = append(items, Item{Kind: "+", Subject: a.name(id), Detail: added(a, refA, links), Pointer: refA.Pointer})
		default:
			if !slices.Contains(values(renewed), id) {
				items = append(items, Item{Kind: "-", Subject: b.name(id), Detail: "(" + refB.Type + ")", Pointer: refB.Pointer})
			}
		}
	}
	if n := moved(b, a); n > 0 {
		items = append(items, Item{Kind: "·", Subject: fmt.Sprintf("%d %s moved on the canvas", n, plural(n, "node", "nodes")), Minor: true})
	}
	return items
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

func sortedIDs(b, a graph) []string {
	ids := schema.SortedKeys(a.nodes)
	for _, id := range schema.SortedKeys(b.nodes) {
		if _, ok := a.nodes[id]; !ok {
			ids = append(ids, id)
		}
	}
	// By name, so that the report reads like the canvas; ids break ties.
	name := func(id string) string {
		if _, ok := a.nodes[id]; ok {
			return a.name(id)
		}
		return b.name(id)
	}
	slices.SortFunc(ids, func(x, y string) int {
		if c := strings.Compare(name(x), name(y)); c != 0 {
			return c
		}
		return strings.Compare(x, y)
	})
	return ids
}

// settings compares what belongs to the tree itself.
func settings(t *schema.Type, b, a graph, links linkNames) []Item {
	d := differ{typ: t, links: links}
	strip := func(m map[string]any) map[string]any {
		out := map[string]any{}
		for k, v := range m {
			if k != "nodes" && k != "staticNodes" && k != "nodeConfigs" && k != "entryNodeId" {
				out[k] = v
			}
		}
		return out
	}
	d.object("", strip(b.body), strip(a.body))
	from, to := schema.Str(b.body, "/entryNodeId"), schema.Str(a.body, "/entryNodeId")
	if from != to {
		d.add(Item{Kind: "~", Subject: "Start", Detail: b.name(from) + " → " + a.name(to), Pointer: "/entryNodeId"})
	}
	return d.items
}

// nodeItems compares a node that both sides have.
func nodeItems(t *schema.Type, id string, b, a graph, links linkNames) []Item {
	var items []Item
	refB, refA := b.nodes[id], a.nodes[id]
	name := a.name(id)
	for _, f := range []struct{ what, from, to string }{
		{"renamed", refB.DisplayName, refA.DisplayName}, {"type", refB.Type, refA.Type}, {"version", refB.Version, refA.Version},
		{"page", pageName(b, refB), pageName(a, refA)},
	} {
		if f.from != f.to {
			items = append(items, Item{Kind: "~", Subject: name, Detail: fmt.Sprintf("%s %s → %s", f.what, f.from, f.to), Pointer: refA.Pointer})
		}
	}
	items = append(items, rewired(id, id, b, a)...)
	cb, ca := b.config(id), a.config(id)
	if cb == nil && ca != nil || cb != nil && ca == nil {
		items = append(items, Item{Kind: "~", Subject: name, Detail: presence(cb, ca), Pointer: schema.Pointer("nodeConfigs", id)})
		return items
	}
	d := differ{typ: t, links: links}
	if childrenMoved(cb, ca) {
		items = append(items, Item{Kind: "~", Subject: name, Detail: "its nodes stand in another order", Pointer: schema.Pointer("nodeConfigs", id, "nodes")})
	}
	d.object(schema.Pointer("nodeConfigs", id), settingsOf(cb), settingsOf(ca))
	for _, item := range d.items {
		item.Detail = strings.TrimSpace(strings.TrimPrefix(item.Subject, "nodeConfigs › "+id+" › ") + " " + sign(item) + item.Detail)
		item.Subject = name
		if item.Kind != "~" {
			item.Kind = "~"
		}
		items = append(items, item)
	}
	return items
}

func presence(before, after map[string]any) string {
	config, what := after, "its settings are there now"
	if after == nil {
		config, what = before, "its settings are gone"
	}
	if n := len(children(config)); n > 0 {
		what += fmt.Sprintf(", with the %d %s on it", n, plural(n, "node", "nodes"))
	}
	return what
}

func sign(i Item) string {
	switch i.Kind {
	case "+":
		return "set to "
	case "-":
		return "no longer set, was "
	default:
		return ""
	}
}

func pageName(g graph, ref schema.NodeRef) string {
	if ref.Page == "" {
		return "none"
	}
	return g.name(ref.Page)
}

// withoutType takes out what the node's reference says already.
func withoutType(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if k != "_type" {
			out[k] = v
		}
	}
	return out
}

// settingsOf takes out what is said elsewhere: the type, and a page's children, which are nodes of their own.
func settingsOf(config map[string]any) map[string]any {
	out := withoutType(config)
	if list, ok := out["nodes"].([]any); ok && len(list) == len(children(config)) {
		delete(out, "nodes")
	}
	return out
}

// children lists the ids of a page node's children, in their order.
func children(config map[string]any) []string {
	var ids []string
	list, _ := config["nodes"].([]any)
	for _, c := range list {
		if id := schema.Str(c, "/_id"); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// childrenMoved says whether children that a page had and has stand in another order.
func childrenMoved(before, after map[string]any) bool {
	b, a := children(before), children(after)
	both := func(list, other []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return !slices.Contains(other, id) })
	}
	return !slices.Equal(both(b, a), both(a, b))
}

// rewired compares where the outcomes of a node lead.
func rewired(idB, idA string, b, a graph) []Item {
	var items []Item
	cb, ca := b.connections(idB), a.connections(idA)
	outcomes := schema.SortedKeys(cb)
	for _, o := range schema.SortedKeys(ca) {
		if _, ok := cb[o]; !ok {
			outcomes = append(outcomes, o)
		}
	}
	slices.Sort(outcomes)
	for _, o := range outcomes {
		from, okB := cb[o].(string)
		to, okA := ca[o].(string)
		if okA == okB && from == to {
			continue
		}
		f, t := "not connected", "not connected"
		if okB {
			f = b.name(from)
		}
		if okA {
			t = a.name(to)
		}
		if f == t && okA && okB && a.nodes[to].ID != "" && b.nodes[to].ID == "" {
			continue // the node it leads to was re-created; said there
		}
		items = append(items, Item{
			Kind: "~", Subject: a.name(idA), Detail: fmt.Sprintf("outcome %s: %s → %s", o, f, t),
			Pointer: schema.Pointer("nodes", idA, "connections", o),
		})
	}
	return items
}

// added says what a new node is, with its first few settings.
func added(g graph, ref schema.NodeRef, links linkNames) string {
	parts := []string{"(" + ref.Type + ")"}
	config := withoutType(g.config(ref.ID))
	for _, k := range schema.SortedKeys(config) {
		switch v := config[k].(type) {
		case map[string]any, []any, nil:
			continue
		case string:
			if v == "" {
				continue
			}
		}
		parts = append(parts, k+" "+clip(links.show(schema.Pointer("nodeConfigs", ref.ID, k), config[k]), 30))
		if len(parts) == 4 {
			break
		}
	}
	return strings.Join(parts, "  ")
}

// recreated pairs nodes that only changed their id: the same name, type and settings. Key is the new id.
func recreated(b, a graph) map[string]string {
	print := func(g graph, ref schema.NodeRef) string {
		return ref.Type + "\x00" + ref.DisplayName + "\x00" + string(schema.CompactJSON(withoutType(g.config(ref.ID))))
	}
	gone := map[string][]string{}
	for _, id := range schema.SortedKeys(b.nodes) {
		if _, ok := a.nodes[id]; !ok {
			p := print(b, b.nodes[id])
			gone[p] = append(gone[p], id)
		}
	}
	pairs := map[string]string{}
	for _, id := range schema.SortedKeys(a.nodes) {
		if _, ok := b.nodes[id]; ok {
			continue
		}
		if p := print(a, a.nodes[id]); len(gone[p]) > 0 {
			pairs[id] = gone[p][0]
			gone[p] = gone[p][1:]
		}
	}
	return pairs
}

// moved counts the nodes, static ones included, that stand elsewhere on the canvas.
func moved(b, a graph) int {
	n := 0
	for _, part := range []string{"nodes", "staticNodes"} {
		nb, _ := b.body[part].(map[string]any)
		na, _ := a.body[part].(map[string]any)
		for _, id := range schema.SortedKeys(na) {
			if nb[id] == nil {
				if part == "staticNodes" {
					n++ // Success and Failure are always there; the canvas only shows them or not
				}
				continue
			}
			for _, axis := range []string{"/x", "/y"} {
				from, _ := schema.Lookup(nb[id], axis)
				to, _ := schema.Lookup(na[id], axis)
				if from != to {
					n++
					break
				}
			}
		}
		for id := range nb {
			if na[id] == nil && part == "staticNodes" {
				n++
			}
		}
	}
	return n
}
