package schema

import (
	"fmt"
	"slices"
	"strings"
)

// nodeName is what the admin UI calls a node; its id where it has no name.
func nodeName(body map[string]any, id string) string {
	switch id {
	case SuccessNode:
		return "Success"
	case FailureNode:
		return "Failure"
	}
	if name := Str(body, Pointer("nodes", id, "displayName")); name != "" {
		return name
	}
	for _, ref := range NodeRefs(body) {
		if ref.ID == id && ref.DisplayName != "" {
			return ref.DisplayName
		}
	}
	return id
}

// graph is a journey's tree.
type graph struct {
	r      *Resource
	nodes  map[string]any
	static map[string]bool
}

func newGraph(r *Resource) *graph {
	g := &graph{r: r, static: map[string]bool{SuccessNode: true, FailureNode: true}}
	g.nodes, _ = r.Body["nodes"].(map[string]any)
	static, _ := r.Body["staticNodes"].(map[string]any)
	for id := range static {
		g.static[id] = id != StartNode
	}
	return g
}

func (g *graph) has(id string) bool { return g.nodes[id] != nil || g.static[id] }

func (g *graph) connections(id string) map[string]any {
	m, _ := Lookup(g.nodes[id], "/connections")
	c, _ := m.(map[string]any)
	return c
}

// checkJourney checks what the nodes of a journey say about each other.
func checkJourney(c *checker, t *Type, r *Resource) {
	if !t.Journey {
		return
	}
	g := newGraph(r)
	g.entry(c)
	reached := g.reached()
	for _, id := range SortedKeys(g.nodes) {
		g.node(c, id, reached == nil || reached[id])
	}
	g.bodies(c)
}

func (g *graph) entry(c *checker) {
	entry := Str(g.r.Body, "/entryNodeId")
	if entry == "" || g.has(entry) {
		return // the schema asks for one
	}
	c.report(g.r, "/entryNodeId", "journey-entry-missing", "the journey starts at a node that is not there",
		g.nearID(entry, "Let it start at one of its nodes: entryNodeId is the node that Start is connected to."))
}

// node checks one node's connections.
func (g *graph) node(c *checker, id string, reached bool) {
	name := nodeName(g.r.Body, id)
	if !reached {
		c.report(g.r, Pointer("nodes", id), "journey-unreachable-node", fmt.Sprintf("no path leads to %q", name), "Connect it, or take it out.")
	}
	connections := g.connections(id)
	if v, ok := Lookup(g.nodes[id], "/connections"); ok && v != nil && connections == nil {
		return // it is no object: the schema says so
	}
	outcomes, sure := g.outcomes(id)
	unknown := 0
	for _, outcome := range SortedKeys(connections) {
		at := Pointer("nodes", id, "connections", outcome)
		if outcomes != nil && !slices.Contains(outcomes, outcome) {
			hint := "It has " + strings.Join(quoteAll(outcomes), ", ") + "."
			if near := Suggest(outcome, outcomes); near != "" && len(outcomes) > 1 {
				hint = fmt.Sprintf("Did you mean %q? %s", near, hint)
			} else if near != "" {
				hint = fmt.Sprintf("Did you mean %q? It has no other.", near)
			}
			d := c.report(g.r, at, "journey-unknown-outcome", fmt.Sprintf("%q has no outcome %q", name, outcome), hint)
			if !sure {
				d.Severity = Warning
			}
			unknown++
		}
		target, _ := connections[outcome].(string)
		if target == "" || g.has(target) {
			continue
		}
		c.report(g.r, at, "journey-dangling-connection",
			fmt.Sprintf("outcome %q of %q leads to a node that is not there", outcome, name),
			g.nearID(target, "Connect it to a node that is there, or to Success or Failure."))
	}
	for _, outcome := range outcomes {
		if !reached {
			break // its outcomes are never taken
		}
		if unknown > 0 && len(connections) >= len(outcomes) {
			break // one slip: the outcome that was meant has the wrong name
		}
		if target, _ := connections[outcome].(string); target == "" {
			c.report(g.r, Pointer("nodes", id, "connections", outcome), "journey-unconnected-outcome",
				fmt.Sprintf("outcome %q of %q leads nowhere", outcome, name), "A user who gets there sees an error. Connect it, to Failure if to nothing else.")
		}
	}
}

// outcomes are those a node can have; nil when they are not known. They are sure where the node's
// own attributes declare them. What the server once computed ("_outcomes") may be older than an edit.
func (g *graph) outcomes(id string) (names []string, sure bool) {
	body, _ := Lookup(g.r.Body, Pointer("nodeConfigs", id))
	if list, ok := Lookup(body, "/outcomes"); ok {
		items, _ := list.([]any)
		for _, o := range items {
			if s, ok := o.(string); ok {
				names = append(names, s)
			}
		}
		if len(names) > 0 {
			return names, true
		}
	}
	list, _ := Lookup(body, "/_outcomes")
	items, _ := list.([]any)
	for _, o := range items {
		if s := Str(o, "/id"); s != "" {
			names = append(names, s)
		}
	}
	if names == nil {
		names = g.typicalOutcomes(id, Str(body, "/_type/_id"))
	}
	return names, false
}

// typicalOutcomes are those of a node that says nothing of its own: of its type where they never
// differ, of the last child for a page (version 1.0).
func (g *graph) typicalOutcomes(id, typ string) []string {
	if typ == "" {
		return nil
	}
	if known := nodeTypes()[typ].Outcomes; known != nil {
		return known
	}
	children, _ := Lookup(g.r.Body, Pointer("nodeConfigs", id, "nodes"))
	list, _ := children.([]any)
	if len(list) == 0 || Str(g.nodes[id], "/version") != "" && Str(g.nodes[id], "/version") != "1.0" {
		return nil
	}
	last := Str(list[len(list)-1], "/_id")
	if last == "" || last == id {
		return nil
	}
	body, ok := Lookup(g.r.Body, Pointer("nodeConfigs", last))
	if !ok || hasMember(body, "nodes") {
		return nil
	}
	names, _ := g.outcomes(last)
	return names
}

// bodyType is the type that a node's own configuration says it has; "" when it says none.
func (g *graph) bodyType(id string) string {
	return Str(g.r.Body, Pointer("nodeConfigs", id, "_type", "_id"))
}

// bodies reports nodes that are named and have no body, or the body of another type.
func (g *graph) bodies(c *checker) {
	for _, ref := range NodeRefs(g.r.Body) {
		name := ref.DisplayName
		if name == "" {
			name = ref.ID
		}
		body, ok := Lookup(g.r.Body, Pointer("nodeConfigs", ref.ID))
		if !ok {
			by := "the journey"
			if ref.Page != "" {
				by = fmt.Sprintf("page %q", nodeName(g.r.Body, ref.Page))
			}
			typ := ""
			if ref.Type != "" {
				typ = " (" + ref.Type + ")"
			}
			c.report(g.r, ref.Pointer, "journey-node-missing",
				fmt.Sprintf("%s names node %q%s, whose configuration is not there", by, name, typ),
				fmt.Sprintf("Add the configuration of node %s, or take the node out.", ref.ID))
			continue
		}
		if is := Str(body, "/_type/_id"); is != "" && ref.Type != "" && is != ref.Type {
			c.report(g.r, ref.Pointer+"/nodeType", "journey-node-type",
				fmt.Sprintf("%q is a %s here and a %s in its own configuration", name, ref.Type, is),
				"The tenant finds a node by its type and id. Give both the same type.")
		}
	}
}

// reached are the nodes to which a path leads; nil when the journey starts at none.
func (g *graph) reached() map[string]bool {
	entry := Str(g.r.Body, "/entryNodeId")
	if g.nodes[entry] == nil {
		return nil // reported, or nothing runs at all
	}
	seen := map[string]bool{entry: true}
	for queue := []string{entry}; len(queue) > 0; queue = queue[1:] {
		for _, target := range g.connections(queue[0]) {
			id, _ := target.(string)
			if !g.has(id) {
				id, _ = g.near(id) // a slip of a digit: what was meant is reached all the same
			}
			if g.nodes[id] != nil && !seen[id] {
				seen[id] = true
				queue = append(queue, id)
			}
		}
	}
	return seen
}

// near finds the node that an id was probably meant to be, and how many digits away it is. Ids are
// uuids: two that differ in one or two digits are a slip of a key or of an editor.
func (g *graph) near(id string) (best string, away int) {
	if len(id) <= 8 {
		return "", 0
	}
	away = 3
	for _, c := range append(SortedKeys(g.nodes), SuccessNode, FailureNode) {
		if d := distance(id, c, 2); d < away && c != id {
			best, away = c, d
		}
	}
	return best, away
}

// nearID says which node an id was probably meant to be; when none is near, the way out is the other one.
func (g *graph) nearID(id, otherwise string) string {
	best, away := g.near(id)
	if best == "" {
		return otherwise
	}
	digits := "one digit"
	if away == 2 {
		digits = "two digits"
	}
	return fmt.Sprintf("The journey has a node with an id %s away: %q (…%s).", digits, nodeName(g.r.Body, best), best[max(len(best)-4, 0):])
}

func quoteAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return out
}

func hasMember(v any, name string) bool {
	m, _ := v.(map[string]any)
	_, ok := m[name]
	return ok
}
