package picture

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A mark says what a change does to a part of the journey.
type mark int

const (
	same mark = iota
	added
	removed
	changed
	rewired // of an outcome: its wire leads elsewhere
)

// side says on which side of a change something is there.
type side int

const (
	before side = 1 << iota
	after
	both = before | after
)

// A node is a card or a static node on the canvas.
type node struct {
	id, title, typ string
	static         string // schema.StartNode, SuccessNode, FailureNode; empty for a card
	known          bool   // the journey has it; else something leads to an id that no node has
	mark           mark
	on             side
	coords         [2]point // where the canvas has it, before and after
	has            [2]bool  // whether the canvas has it at all
	kids           []kid
	outcomes       []outcome
	inner          string // the journey it evaluates

	at         point // where it is drawn; top left
	w, h       float64
	titleLines []string
	typeLine   string
}

// A kid is a node on a page node.
type kid struct {
	id, title, typ string
	mark           mark
	on             side
}

// named is what the canvas shows for a node.
func named(ref schema.NodeRef) string {
	return cmp.Or(tame(ref.DisplayName), human(tame(ref.Type)), "?")
}

// An outcome is a way out of a node.
type outcome struct {
	id, label string
	mark      mark
	on        side
}

// A wire leads from an outcome to a node.
type wire struct {
	from, outcome, to string // from is schema.StartNode for the entry
	mark              mark
	on                side
	path              path
	sign              point // where a marked wire has its sign
}

type wireKey struct{ from, outcome, to string }

type point struct{ x, y float64 }

// A graph is a journey, or two of them laid over each other.
type graph struct {
	title, name string
	facts       []string // "disabled", "inner journey only"
	diff        bool
	nodes       []*node
	byID        map[string]*node
	wires       []*wire
	byEnds      map[wireKey]*wire
	width       float64
	height      float64
	layered     bool // it has no coordinates of its own
	forced      int  // cards that were moved since the coordinates put them on others
}

// What is drawn is bounded: more is no picture for people, and no journey that people made.
const (
	maxNodes = 1000
	maxWires = 4000
)

// A TooLargeError says that a journey is too large to be drawn.
type TooLargeError struct {
	Journey      string
	Nodes, Wires int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("journey %s has %d nodes and %d connections; a picture holds up to %d and %d", e.Journey, e.Nodes, e.Wires, maxNodes, maxWires)
}

// bounded counts a journey's parts before anything is done with them.
func bounded(name string, body map[string]any) error {
	refs := schema.NodeRefs(body)
	wires := 0
	for _, ref := range refs {
		v, _ := schema.Lookup(body, schema.Pointer("nodes", ref.ID, "connections"))
		connections, _ := v.(map[string]any)
		wires += len(connections)
	}
	if len(refs) > maxNodes || wires > maxWires {
		return &TooLargeError{name, len(refs), wires}
	}
	return nil
}

func newGraph(realm, name string) *graph {
	return &graph{title: strings.TrimPrefix(tame(realm)+" / "+tame(name), " / "), name: tame(name), byID: map[string]*node{}, byEnds: map[wireKey]*wire{}}
}

func (g *graph) node(id string) *node {
	n, ok := g.byID[id]
	if !ok {
		n = &node{id: id}
		switch id {
		case schema.StartNode:
			n.static, n.title = id, "Start"
		case schema.SuccessNode:
			n.static, n.title = id, "Success"
		case schema.FailureNode:
			n.static, n.title = id, "Failure"
		}
		g.byID[id] = n
		g.nodes = append(g.nodes, n)
	}
	return n
}

// add lays a journey's body over what is there. alias gives the id under which a node is drawn.
func (g *graph) add(body map[string]any, on side, alias map[string]string) {
	own := func(id string) string { return cmp.Or(alias[id], id) }
	slot := 0
	if on == after {
		slot = 1
	}
	refs := schema.NodeRefs(body)
	for _, ref := range refs {
		if ref.Page != "" {
			continue
		}
		n := g.node(own(ref.ID))
		n.on |= on
		n.static, n.known = "", true
		n.title, n.typ = named(ref), tame(ref.Type)
		n.coords[slot], n.has[slot] = coordinates(body, "nodes", ref.ID)
		config, _ := schema.Lookup(body, schema.Pointer("nodeConfigs", ref.ID))
		if ref.Type == innerTree {
			n.inner = tame(schema.Str(config, "/tree"))
		}
		g.addOutcomes(n, ref.ID, body, config, on)
	}
	for _, ref := range refs {
		if page := g.byID[own(ref.Page)]; ref.Page != "" && page != nil {
			page.addKid(kid{id: own(ref.ID), title: named(ref), typ: tame(ref.Type), on: on})
		}
	}
	statics, _ := body["staticNodes"].(map[string]any)
	for _, id := range []string{schema.StartNode, schema.SuccessNode, schema.FailureNode} {
		if _, ok := statics[id]; ok || id == schema.StartNode {
			n := g.node(id)
			n.on |= on
			n.coords[slot], n.has[slot] = coordinates(body, "staticNodes", id)
		}
	}
	if entry := schema.Str(body, "/entryNodeId"); entry != "" {
		g.wire(schema.StartNode, "", own(entry), on)
	}
	for _, ref := range refs {
		if ref.Page != "" {
			continue
		}
		v, _ := schema.Lookup(body, schema.Pointer("nodes", ref.ID, "connections"))
		connections, _ := v.(map[string]any)
		for _, o := range schema.SortedKeys(connections) {
			if to, ok := connections[o].(string); ok && to != "" {
				g.wire(own(ref.ID), o, own(to), on)
			}
		}
	}
}

func (n *node) addKid(k kid) {
	if i := slices.IndexFunc(n.kids, func(o kid) bool { return o.id == k.id }); i >= 0 {
		k.on |= n.kids[i].on
		n.kids[i] = k
		return
	}
	n.kids = append(n.kids, k)
}

// addOutcomes lists a node's ways out, in the order of the admin UI where the node tells it, else by name.
func (g *graph) addOutcomes(n *node, id string, body map[string]any, config any, on side) {
	add := func(o, label string) {
		label = tame(label)
		if i := slices.IndexFunc(n.outcomes, func(x outcome) bool { return x.id == o }); i >= 0 {
			n.outcomes[i].on |= on
			if label != "" {
				n.outcomes[i].label = label
			}
			return
		}
		n.outcomes = append(n.outcomes, outcome{id: o, label: cmp.Or(label, tame(o)), on: on})
	}
	v, _ := schema.Lookup(body, schema.Pointer("nodes", id, "connections"))
	connections, _ := v.(map[string]any)
	list, _ := schema.Lookup(config, "/_outcomes")
	told, _ := list.([]any)
	for _, o := range told {
		name := schema.Str(o, "/id")
		// A node lists outcomes that its settings rule out, too; those that lead nowhere are only noise.
		if _, connected := connections[name]; connected {
			add(name, schema.Str(o, "/displayName"))
		}
	}
	for _, o := range schema.SortedKeys(connections) {
		add(o, "")
	}
}

func (g *graph) wire(from, outcome, to string, on side) {
	k := wireKey{from, outcome, to}
	if w := g.byEnds[k]; w != nil {
		w.on |= on
		return
	}
	w := &wire{from: from, outcome: outcome, to: to, on: on}
	g.byEnds[k] = w
	g.wires = append(g.wires, w)
}

// coordinates reads where the canvas has a node; false when it does not say.
func coordinates(body map[string]any, part, id string) (point, bool) {
	x, okX := number(body, schema.Pointer(part, id, "x"))
	y, okY := number(body, schema.Pointer(part, id, "y"))
	return point{x, y}, okX && okY
}

func number(body map[string]any, pointer string) (float64, bool) {
	v, ok := schema.Lookup(body, pointer)
	if !ok {
		return 0, false
	}
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil && !math.IsNaN(f) && math.Abs(f) < 1e6
}

// finish adds what wires lead to and nobody described, and orders all parts.
func (g *graph) finish() {
	for _, w := range g.wires {
		to := g.node(w.to)
		to.on |= w.on
		if to.static == "" && !to.known {
			to.title = "Not there: " + tame(w.to)
		}
	}
	slices.SortFunc(g.nodes, func(a, b *node) int { return strings.Compare(a.id, b.id) })
	slices.SortFunc(g.wires, func(a, b *wire) int {
		return cmp.Or(strings.Compare(a.from, b.from), strings.Compare(a.outcome, b.outcome), strings.Compare(a.to, b.to), cmp.Compare(a.on, b.on))
	})
	for _, n := range g.nodes {
		n.measure()
	}
	g.place()
	g.route()
}

// facts are what the tree's own settings say that changes how it runs.
func facts(body map[string]any) []string {
	var out []string
	for _, f := range []struct {
		name string
		when bool
		text string
	}{
		{"enabled", false, "disabled"}, {"innerTreeOnly", true, "inner journey only"}, {"noSession", true, "no session"},
		{"mustRun", true, "always runs"}, {"transactionalOnly", true, "transactional only"},
	} {
		if v, ok := body[f.name].(bool); ok && v == f.when {
			out = append(out, f.text)
		}
	}
	return out
}

// journeyGraph is the graph of one journey.
func journeyGraph(r *schema.Resource) (*graph, error) {
	g := newGraph(r.Realm, r.Name())
	if err := bounded(r.Name(), r.Body); err != nil {
		return nil, err
	}
	g.add(r.Body, after, nil)
	g.facts = facts(r.Body)
	g.finish()
	return g, nil
}

// changeGraph lays both sides of a change over each other, and marks the difference.
func changeGraph(c *diff.Change) (*graph, error) {
	g := newGraph(c.Realm, cmp.Or(c.Name, c.ID))
	g.diff = c.Before != nil && c.After != nil
	for _, r := range []*schema.Resource{c.Before, c.After} {
		if r == nil {
			continue
		}
		if err := bounded(g.name, r.Body); err != nil {
			return nil, err
		}
	}
	var alias map[string]string
	if g.diff {
		alias = renewed(c)
	}
	if c.Before != nil {
		g.add(c.Before.Body, before, alias)
		g.facts = facts(c.Before.Body)
	}
	if c.After != nil {
		g.add(c.After.Body, after, nil)
		g.facts = facts(c.After.Body)
	}
	if g.diff {
		g.markAll(c)
	}
	g.finish()
	return g, nil
}

// renewed pairs nodes that only changed their id, as the change's items say: old id → new id.
func renewed(c *diff.Change) map[string]string {
	gone, there := map[string]bool{}, map[string]bool{}
	for _, i := range c.Items {
		switch i.Kind {
		case "-":
			gone[i.Pointer] = true
		case "+":
			there[i.Pointer] = true
		}
	}
	inBefore, inAfter := map[string]bool{}, map[string]bool{}
	for _, ref := range schema.NodeRefs(c.Before.Body) {
		inBefore[ref.ID] = true
	}
	free := map[string][]string{}
	for _, ref := range schema.NodeRefs(c.After.Body) {
		inAfter[ref.ID] = true
		if !inBefore[ref.ID] && !there[ref.Pointer] {
			print := ref.Type + "\x00" + ref.DisplayName
			free[print] = append(free[print], ref.ID)
		}
	}
	alias := map[string]string{}
	for _, ref := range schema.NodeRefs(c.Before.Body) {
		if inAfter[ref.ID] || gone[ref.Pointer] {
			continue
		}
		if print := ref.Type + "\x00" + ref.DisplayName; len(free[print]) > 0 {
			alias[ref.ID] = free[print][0]
			free[print] = free[print][1:]
		}
	}
	return alias
}

// markAll marks nodes by where they are, and by the items about them; wires by where they are.
func (g *graph) markAll(c *diff.Change) {
	changedIDs := map[string]bool{}
	byPointer := map[string]string{}
	for _, ref := range schema.NodeRefs(c.After.Body) {
		byPointer[ref.Pointer] = ref.ID
	}
	for _, i := range c.Items {
		if i.Minor || i.Kind != "~" {
			continue
		}
		if id, ok := byPointer[i.Pointer]; ok {
			changedIDs[id] = true
		} else if segs := schema.SplitPointer(i.Pointer); len(segs) >= 2 && segs[0] == "nodeConfigs" {
			changedIDs[segs[1]] = true
		}
	}
	markOf := func(on side, id string) mark {
		switch {
		case on == after:
			return added
		case on == before:
			return removed
		case changedIDs[id]:
			return changed
		}
		return same
	}
	for _, n := range g.nodes {
		if n.static == "" { // whether the canvas shows Success and Failure is no change
			n.mark = markOf(n.on, n.id)
		}
		for i := range n.kids {
			n.kids[i].mark = markOf(n.kids[i].on, n.kids[i].id)
			if n.mark == added || n.mark == removed {
				n.kids[i].mark = same // said by the page's own mark
			} else if n.kids[i].mark != same && n.mark == same {
				n.mark = changed
			}
		}
	}
	for _, w := range g.wires {
		if w.on == both {
			continue
		}
		n := g.byID[w.from]
		if n.mark == added || n.mark == removed {
			w.mark = n.mark
			continue
		}
		w.mark = rewired
		for i := range n.outcomes {
			if n.outcomes[i].id == w.outcome {
				n.outcomes[i].mark = rewired
			}
		}
	}
}
