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
	return asObject(asObject(g.body["nodeConfigs"])[id])
}

// blank says that the journey names the page, but not what is on it.
func (g graph) blank(page string) bool {
	_, named := g.nodes[page]
	return named && g.config(page) == nil
}

// reference is what the tree or the page says of a node beside its name, type, version, place and wires.
func (g graph) reference(id string) map[string]any {
	v, _ := schema.Lookup(g.body, g.nodes[id].Pointer)
	out := map[string]any{}
	for k, e := range asObject(v) {
		switch k {
		case "_id", "displayName", "nodeType", "version", "nodeVersion", "connections", "x", "y":
		default:
			out[k] = e
		}
	}
	return out
}

func (g graph) connections(id string) map[string]any {
	return asObject(asObject(asObject(g.body["nodes"])[id])["connections"])
}

// A twoGraphs is a journey before and after, and which node is which: the same id, or one made again.
type twoGraphs struct {
	b, a    graph
	links   linkNames
	nodes   place             // of "nodeConfigs"
	renewed map[string]string // new id → old id
	gone    map[string]bool   // old ids that were made again
}

// journeyItems says what changed in the graph: settings, nodes added and removed, re-created, rewired,
// changed, and last how many only moved.
func journeyItems(p place, before, after map[string]any, links linkNames) []Item {
	j := twoGraphs{b: newGraph(before), a: newGraph(after), links: links, nodes: p.at("nodeConfigs"), gone: map[string]bool{}}
	j.renewed = recreated(j.b, j.a)
	for _, old := range j.renewed {
		j.gone[old] = true
	}
	items := j.settings(p)
	for _, id := range sortedIDs(j.b, j.a) {
		refB, inB := j.b.nodes[id]
		refA, inA := j.a.nodes[id]
		switch {
		case inB && inA:
			items = append(items, j.nodeItems(id, id)...)
		case inA && j.b.blank(refA.Page), inB && j.a.blank(refB.Page):
			// Whether the other side has it can't be known; that the page's settings are missing is said.
		case inA:
			if old, ok := j.renewed[id]; ok {
				items = append(items, Item{Kind: "~", Subject: j.a.name(id), Detail: "re-created under a new id", Pointer: refA.Pointer})
				items = append(items, j.nodeItems(old, id)...)
				continue
			}
			items = append(items, Item{Kind: "+", Subject: j.a.name(id), Detail: added(j.a, refA, links), Pointer: refA.Pointer})
			items = append(items, j.settingsTexts(id)...)
		default:
			if !j.gone[id] {
				items = append(items, Item{Kind: "-", Subject: j.b.name(id), Detail: "(" + refB.Type + ")", Pointer: refB.Pointer})
			}
		}
	}
	items = append(items, j.leftovers()...)
	if m := j.moved(); len(m) > 0 {
		items = append(items, Item{
			Kind: "·", Subject: fmt.Sprintf("%d %s moved on the canvas", len(m), plural(len(m), "node", "nodes")), Detail: listed(m, ", "), Minor: true,
		})
	}
	return items
}

// was is the old id of a node of the journey after.
func (j twoGraphs) was(id string) string {
	if old, ok := j.renewed[id]; ok {
		return old
	}
	return id
}

// leftovers are bodies of nodes that the journey names nowhere: no graph shows them, and the patch does.
func (j twoGraphs) leftovers() []Item {
	var items []Item
	cb, ca := asObject(j.b.body["nodeConfigs"]), asObject(j.a.body["nodeConfigs"])
	all := schema.SortedKeys(ca)
	for _, id := range schema.SortedKeys(cb) {
		if ca[id] == nil {
			all = append(all, id)
		}
	}
	for _, id := range all {
		if j.a.nodes[id].ID != "" || j.b.nodes[id].ID != "" || j.nodes.at(id).same(cb[id], ca[id]) {
			continue
		}
		kind := "~"
		switch {
		case cb[id] == nil:
			kind = "+"
		case ca[id] == nil:
			kind = "-"
		}
		items = append(items, Item{Kind: kind, Subject: "settings of a node that the journey does not name (" + clip(id, 9) + ")", Pointer: schema.Pointer("nodeConfigs", id)})
	}
	return items
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
func (j twoGraphs) settings(p place) []Item {
	d := differ{links: j.links}
	strip := func(m map[string]any) map[string]any {
		out := map[string]any{}
		for k, v := range m {
			if k != "nodes" && k != "staticNodes" && k != "nodeConfigs" && k != "entryNodeId" {
				out[k] = v
			}
		}
		return out
	}
	d.object(p, "", "", strip(j.b.body), strip(j.a.body))
	from, to := schema.Str(j.b.body, "/entryNodeId"), schema.Str(j.a.body, "/entryNodeId")
	if from != j.was(to) {
		d.add(Item{Kind: "~", Subject: "Start", Detail: j.b.name(from) + " → " + j.a.name(to), Pointer: "/entryNodeId"})
	}
	return d.items
}

// nodeItems compares a node that both sides have, under one id or two.
func (j twoGraphs) nodeItems(idB, idA string) []Item {
	var items []Item
	refB, refA := j.b.nodes[idB], j.a.nodes[idA]
	name := j.a.name(idA)
	for _, f := range []struct{ what, from, to string }{
		{"renamed", refB.DisplayName, refA.DisplayName}, {"type", refB.Type, refA.Type}, {"version", refB.Version, refA.Version},
	} {
		if f.from != f.to {
			items = append(items, Item{Kind: "~", Subject: name, Detail: fmt.Sprintf("%s %s → %s", f.what, f.from, f.to), Pointer: refA.Pointer})
		}
	}
	if refB.Page != j.was(refA.Page) {
		items = append(items, Item{Kind: "~", Subject: name, Detail: "page " + pageName(j.b, refB) + " → " + pageName(j.a, refA), Pointer: refA.Pointer})
	}
	items = append(items, j.rewired(idB, idA)...)
	cb, ca := j.b.config(idB), j.a.config(idA)
	if (cb == nil) != (ca == nil) {
		return append(items, Item{Kind: "~", Subject: name, Detail: presence(cb, ca), Pointer: schema.Pointer("nodeConfigs", idA)})
	}
	if j.childrenMoved(cb, ca) {
		items = append(items, Item{Kind: "~", Subject: name, Detail: "its nodes stand in another order", Pointer: schema.Pointer("nodeConfigs", idA, "nodes")})
	}
	d := differ{links: j.links}
	d.object(j.nodes.at(idA), schema.Pointer("nodeConfigs", idA), "", settingsOf(cb), settingsOf(ca))
	items = append(items, onNode(name, d.items)...)
	// What a tree says of a node beside what was compared above: nothing that there is today.
	nb, na := j.b.reference(idB), j.a.reference(idA)
	rest := differ{links: j.links}
	rest.object(nil, refA.Pointer, "", nb, na)
	return append(items, onNode(name, rest.items)...)
}

// settingsTexts shows the long texts of a new node, which its one line can't hold.
func (j twoGraphs) settingsTexts(id string) []Item {
	d := differ{links: j.links}
	config := settingsOf(j.a.config(id))
	for _, k := range schema.SortedKeys(config) {
		if s, ok := config[k].(string); ok && strings.Contains(s, "\n") {
			d.one(j.nodes.at(id).at(k), "+", schema.Pointer("nodeConfigs", id, k), k, s)
		}
	}
	return onNode(j.a.name(id), d.items)
}

// onNode makes items about settings into items about the node.
func onNode(name string, items []Item) []Item {
	for i := range items {
		if items[i].Kind == "+" && items[i].Detail == "" {
			items[i].Detail = "a text"
		}
		items[i].Detail = strings.TrimSpace(items[i].Subject + " " + sign(items[i]) + items[i].Detail)
		items[i].Subject, items[i].Kind = name, "~"
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
func (j twoGraphs) childrenMoved(before, after map[string]any) bool {
	b, a := children(before), children(after)
	for i := range a {
		a[i] = j.was(a[i])
	}
	both := func(list, other []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return !slices.Contains(other, id) })
	}
	return !slices.Equal(both(b, a), both(a, b))
}

// rewired compares where the outcomes of a node lead.
func (j twoGraphs) rewired(idB, idA string) []Item {
	var items []Item
	cb, ca := j.b.connections(idB), j.a.connections(idA)
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
		if okA == okB && from == j.was(to) {
			continue
		}
		f, t := "not connected", "not connected"
		if okB {
			f = j.b.name(from)
		}
		if okA {
			t = j.a.name(to)
		}
		if f == t { // two nodes of one name: only the ids say which
			f, t = f+" ("+clip(from, 9)+")", t+" ("+clip(to, 9)+")"
		}
		items = append(items, Item{
			Kind: "~", Subject: j.a.name(idA), Detail: fmt.Sprintf("outcome %s: %s → %s", o, f, t),
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

// moved names the nodes, static ones included, that stand elsewhere on the canvas.
func (j twoGraphs) moved() []string {
	var out []string
	for _, part := range []string{"nodes", "staticNodes"} {
		nb, na := asObject(j.b.body[part]), asObject(j.a.body[part])
		for _, id := range schema.SortedKeys(na) {
			from, to := nb[id], na[id]
			switch {
			case from == nil && part == "staticNodes":
				out = append(out, j.a.name(id)+" (now on it)") // Success and Failure are always there; the canvas shows them or not
			case from != nil && !(equal(asObject(from)["x"], asObject(to)["x"]) && equal(asObject(from)["y"], asObject(to)["y"])):
				out = append(out, fmt.Sprintf("%s (%s → %s)", j.a.name(id), spot(from), spot(to)))
			}
		}
		for _, id := range schema.SortedKeys(nb) {
			if na[id] == nil && part == "staticNodes" {
				out = append(out, j.b.name(id)+" (no longer on it)")
			}
		}
	}
	return out
}

// spot is where a node stands on the canvas.
func spot(node any) string {
	axis := func(p string) string {
		if v, ok := schema.Lookup(node, p); ok {
			return clip(string(schema.CompactJSON(v)), 12)
		}
		return "0"
	}
	return axis("/x") + "," + axis("/y")
}
