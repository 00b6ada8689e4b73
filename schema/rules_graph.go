package schema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A nodeType is a type of journey node that the product brings.
type nodeType struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`               // as the admin UI shows it
	Versions []string `json:"versions,omitempty"` // that were seen; none when no such node was
	Outcomes []string `json:"outcomes,omitempty"` // when they never differ
}

// nodeTypes were read from a tenant's list of all types (tenant-api, section 10.2), and their versions
// and outcomes from recorded nodes and the documentation.
//
//go:embed nodetypes.json
var nodeTypesJSON []byte

var nodeTypes = sync.OnceValue(func() map[string]nodeType {
	var list []nodeType
	if err := json.Unmarshal(nodeTypesJSON, &list); err != nil {
		panic("schema: nodetypes.json: " + err.Error()) // embedded, and read by a test
	}
	byID := make(map[string]nodeType, len(list))
	for _, t := range list {
		byID[t.ID] = t
	}
	return byID
})

// checkGraph checks what concerns a journey as a whole, and other journeys.
func checkGraph(c *checker, t *Type, r *Resource) {
	if !t.Journey {
		return
	}
	g := newGraph(r)
	g.deadEnds(c)
	g.nodeTypes(c)
	c.sharedNodes(r)
	c.innerJourneys(r)
	for _, at := range checksOf(t.Name).Debug {
		c.debugMode(r, at)
	}
}

// deadEnds reports nodes from which neither Success nor Failure can be reached though all that they
// lead to is connected: a loop that nobody leaves. A connection that leads nowhere is reported itself.
func (g *graph) deadEnds(c *checker) {
	reached := g.reached()
	if reached == nil {
		return
	}
	ends := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for id := range g.nodes {
			if !ends[id] && g.leaves(id, ends) {
				ends[id], changed = true, true
			}
		}
	}
	var stuck []string
	for _, id := range SortedKeys(g.nodes) {
		if reached[id] && !ends[id] {
			stuck = append(stuck, id)
		}
	}
	if len(stuck) == 0 {
		return
	}
	d := c.report(g.r, Pointer("nodes", stuck[0]), "journey-dead-end",
		fmt.Sprintf("from %q no path leads to Success or Failure", nodeName(g.r.Body, stuck[0])),
		"Who gets there goes round for ever. Connect an outcome to Success, to Failure, or to a node that leads there.")
	for _, id := range stuck[1:] {
		d.Related = append(d.Related, Related{Pos: g.r.Source.At(Pointer("nodes", id)), Text: "nor from " + fmt.Sprintf("%q", nodeName(g.r.Body, id))})
	}
}

// leaves says whether a node can end the journey, leads to one that can, or leads to where it is not
// known: then another finding speaks of it.
func (g *graph) leaves(id string, ends map[string]bool) bool {
	connections := g.connections(id)
	if len(connections) == 0 {
		return true
	}
	for _, target := range connections {
		to, _ := target.(string)
		if g.nodes[to] == nil || ends[to] {
			return true
		}
	}
	outcomes, _ := g.outcomes(id)
	return slices.ContainsFunc(outcomes, func(o string) bool { return connections[o] == nil })
}

// nodeTypes reports nodes of a type or a version that is not known: an info, since each release of
// the product brings new ones.
func (g *graph) nodeTypes(c *checker) {
	for _, ref := range NodeRefs(g.r.Body) {
		if ref.Type == "" || customNode(ref.Type) != "" {
			continue
		}
		if is := g.bodyType(ref.ID); is != "" && is != ref.Type {
			continue // journey-node-type reports it
		}
		known, ok := nodeTypes()[ref.Type]
		if !ok {
			hint := "It may be newer than this release of Lockstep. Its attributes are not checked."
			if near := Suggest(ref.Type, SortedKeys(nodeTypes())); near != "" {
				hint = fmt.Sprintf("Did you mean %q?\n%s", near, hint)
			}
			c.report(g.r, ref.Pointer+"/nodeType", "journey-node-unknown", fmt.Sprintf("%q is of type %s, which is not known", nodeName(g.r.Body, ref.ID), ref.Type), hint)
			continue
		}
		if len(known.Versions) > 0 && !slices.Contains(known.Versions, ref.Version) {
			member := "/version"
			if ref.Page != "" {
				member = "/nodeVersion"
			}
			c.report(g.r, ref.Pointer+member, "journey-node-unknown", fmt.Sprintf("%q is of version %s; of %s, %s is known", nodeName(g.r.Body, ref.ID), ref.Version, ref.Type, strings.Join(known.Versions, " and ")),
				"The version may be newer than this release of Lockstep.")
		}
	}
}

// A nodeUse is a journey's use of a node.
type nodeUse struct {
	journey *Resource
	pointer string
}

// findNodeUses finds who uses each node of a realm.
func (k *known) findNodeUses() map[Key][]nodeUse {
	uses := map[Key][]nodeUse{}
	for _, r := range k.all {
		if t, ok := TypeOf(r.Type); !ok || !t.Journey {
			continue
		}
		for _, ref := range NodeRefs(r.Body) {
			node := Key{Type: ref.Type, Realm: r.Realm, ID: ref.ID}
			uses[node] = append(uses[node], nodeUse{r, ref.Pointer})
		}
	}
	return uses
}

// sharedNodes reports nodes that are used twice. The tenant keeps nodes by type and id for the whole
// realm, so that both uses are one node.
func (c *checker) sharedNodes(r *Resource) {
	for _, ref := range NodeRefs(r.Body) {
		uses := c.nodeUses()[Key{Type: ref.Type, Realm: r.Realm, ID: ref.ID}]
		if len(uses) < 2 || uses[0].journey == r && uses[0].pointer == ref.Pointer {
			continue
		}
		first := uses[0]
		where := "journey " + fmt.Sprintf("%q", first.journey.Name())
		if first.journey == r {
			where = "this journey"
		}
		d := c.report(r, ref.Pointer, "journey-node-shared", fmt.Sprintf("node %q is in %s already", nodeName(r.Body, ref.ID), where),
			"The tenant keeps one node of a type and id in a realm: what changes it here changes it there. Give one of them an id of its own.")
		if at := first.journey.Source.At(first.pointer); !at.IsZero() {
			d.Related = append(d.Related, Related{Pos: at, Text: "the other use"})
		}
	}
}

// innerJourneys reports inner journeys that are disabled, and those that lead back to this one.
func (c *checker) innerJourneys(r *Resource) {
	for _, ref := range c.inner(r) {
		to, ok := c.set.Get(ref.To)
		if !ok {
			continue // reported as missing, or not readable
		}
		if to.Body["enabled"] == false {
			d := c.report(r, ref.Pointer, "journey-inner-disabled", fmt.Sprintf("%s calls the journey %q, which is disabled", c.subject(typeRow(r.Type), r, ref.Pointer), to.Name()),
				"Activate the inner journey, or take the node out.")
			if at := to.Source.At("/enabled"); !at.IsZero() {
				d.Related = append(d.Related, Related{Pos: at, Text: "disabled here"})
			}
		}
		path := c.pathTo(ref.To, r.Key, map[Key]bool{})
		// A circle is reported once, at the journey that comes first.
		if path == nil || slices.ContainsFunc(path, func(k Key) bool { return k.Compare(r.Key) < 0 }) {
			continue
		}
		names := []string{r.Name()}
		for _, k := range path {
			names = append(names, k.ID)
		}
		c.report(r, ref.Pointer, "journey-inner-cycle", "the journey calls itself: "+strings.Join(names, " → "),
			"Who takes that path gets deeper with each round. Connect the outcome to a node of the journey instead, or put what repeats into a journey of its own.")
	}
}

// inner lists a journey's inner journeys.
func (k *known) inner(r *Resource) []Reference { return k.innerOf[r.Key] }

// pathTo finds the shortest-named way from one journey to another through inner journeys: the keys on
// it, both ends included; nil when there is none.
func (c *checker) pathTo(from, to Key, seen map[Key]bool) []Key {
	if from == to {
		return []Key{to}
	}
	if seen[from] {
		return nil
	}
	seen[from] = true
	r, ok := c.set.Get(from)
	if !ok {
		return nil
	}
	for _, ref := range c.inner(r) {
		if rest := c.pathTo(ref.To, to, seen); rest != nil {
			return append([]Key{from}, rest...)
		}
	}
	return nil
}

func typeRow(name string) *Type { t, _ := TypeOf(name); return t }

// debugMode reports a member of the object at the pointer that switches debug mode on. How a tenant
// stores the switch is recorded nowhere, so every name that speaks of debugging counts.
func (c *checker) debugMode(r *Resource, at string) {
	v, _ := Lookup(r.Body, at)
	m, _ := v.(map[string]any)
	for _, name := range SortedKeys(m) {
		if !strings.Contains(strings.ToLower(name), "debug") {
			continue
		}
		if on := m[name]; on == true || on == "true" || on == "on" {
			c.report(r, at+Pointer(name), "journey-debug", "the journey is in debug mode",
				"In the journey editor, open the Debug panel, switch debug mode off and save; or take this member out.")
		}
	}
}

// realmObject is the name of a managed object with its realm's prefix.
var realmObject = lazily(`^managed/(alpha|bravo)_`)

// checkRealmObjects reports identity resources of another realm.
func checkRealmObjects(c *checker, t *Type, r *Resource) {
	for _, pattern := range checksOf(t.Name).RealmObjects {
		for _, m := range Select(r.Body, pattern) {
			name, _ := m.Value.(string)
			found := realmObject().FindStringSubmatch(name)
			if found == nil || found[1] == r.Realm || r.Realm == "" {
				continue
			}
			own := "managed/" + r.Realm + strings.TrimPrefix(name, "managed/"+found[1])
			c.report(r, m.Pointer, "journey-identity-resource", fmt.Sprintf("%s is %s: identities of realm %s, in a journey of realm %s", c.subjectMember(t, r, m.Pointer), name, found[1], r.Realm),
				fmt.Sprintf("Write %q.", own))
		}
	}
}

// checkExpects reports resources that are named and are not what is asked for.
func checkExpects(c *checker, t *Type, r *Resource) {
	expects := checksOf(t.Name).Expects
	if len(expects) == 0 {
		return
	}
	for _, ref := range c.references(r) {
		if ref.Link == nil || !ref.Found {
			continue
		}
		for _, x := range expects {
			if !matchPointer(x.Pattern, ref.Pointer) || !(&Link{When: x.When}).applies(r.Body, ref.Pointer) {
				continue
			}
			is, name, at := c.memberOf(ref.To, x.Member)
			if is == "" || slices.Contains(x.Values, is) {
				continue
			}
			d := c.report(r, ref.Pointer, x.Code, fmt.Sprintf("%s runs the script %q, which is of type %s", c.subject(t, r, ref.Pointer), name, is),
				fmt.Sprintf("It needs one of type %s: a script of another type gets other bindings, and fails when it runs.", strings.Join(x.Values, " or ")))
			if !at.IsZero() {
				d.Related = append(d.Related, Related{Pos: at, Text: "the script's type"})
			}
		}
	}
}

// memberOf reads a member of a resource of the set, or of one that the product brings.
func (c *checker) memberOf(k Key, pointer string) (value, name string, at Pos) {
	r, ok := c.set.Get(k)
	if !ok {
		if r, ok = ProductDefault(k); !ok {
			return "", "", Pos{}
		}
	}
	return Str(r.Body, pointer), r.Name(), r.Source.At(pointer)
}

// matchPointer matches a pointer against a pattern of the same number of segments.
func matchPointer(pattern, pointer string) bool {
	ps, fs := splitPointer(pattern), splitPointer(pointer)
	if len(ps) != len(fs) {
		return false
	}
	for i := range ps {
		if !MatchSegment(ps[i], fs[i]) {
			return false
		}
	}
	return true
}
