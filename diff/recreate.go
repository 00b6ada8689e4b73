package diff

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// recreated pairs the nodes of a journey that were made again under another id, as an import that draws new
// ids does. Key is the new id. A pair has one type, and one name or the same settings; which of several
// alike it is, the place in the graph says: what leads to it and where it leads, by nodes that are known to
// be the same, or the page that it stands on.
//
// The best pair is taken first; what it makes known counts for the next.
func recreated(b, a graph) map[string]string {
	m := matcher{
		b: b, a: a, pairs: map[string]string{}, taken: map[string]bool{},
		intoB: incoming(b), intoA: incoming(a), printB: map[string]string{}, printA: map[string]string{},
	}
	// By type, so that what can't be a pair is never looked at.
	gone := map[string][]string{}
	for _, id := range schema.SortedKeys(b.nodes) {
		if _, stays := a.nodes[id]; !stays && !a.blank(b.nodes[id].Page) {
			gone[b.nodes[id].Type] = append(gone[b.nodes[id].Type], id)
			m.printB[id] = b.print(id)
		}
	}
	var came []string
	for _, id := range schema.SortedKeys(a.nodes) {
		ref := a.nodes[id]
		if _, was := b.nodes[id]; !was && !b.blank(ref.Page) && len(gone[ref.Type]) > 0 {
			came = append(came, id)
			m.printA[id] = a.print(id)
		}
	}
	m.theOnly(came, gone)
	for {
		found := m.candidates(came, gone)
		if len(found) == 0 {
			return m.pairs
		}
		if len(found) <= maxCandidates {
			found = found[:1] // what it makes known counts for all others
		}
		for _, c := range found {
			if m.pairs[c.new] == "" && !m.taken[c.old] {
				m.pair(c.old, c.new)
			}
		}
	}
}

// maxCandidates is up to where the best pair is taken alone, and all others are looked at again. Beyond it a
// journey has hundreds of nodes alike, and the whole round is taken at once.
const maxCandidates = 2000

// candidates are the pairs that may be, the surest first.
func (m *matcher) candidates(came []string, gone map[string][]string) []candidate {
	var found []candidate
	for _, id := range came {
		if m.pairs[id] != "" {
			continue
		}
		for _, old := range gone[m.a.nodes[id].Type] {
			if !m.taken[old] {
				if c := m.score(old, id); c.score > 0 {
					found = append(found, c)
				}
			}
		}
	}
	slices.SortStableFunc(found, func(x, y candidate) int { return cmp.Compare(y.score, x.score) })
	return found
}

// theOnly pairs at once what no other node is like: that is most of a journey.
func (m *matcher) theOnly(came []string, gone map[string][]string) {
	byFace := map[string][2][]string{}
	add := func(side int, g graph, id, print string) {
		face := g.nodes[id].Type + "\x00" + g.nodes[id].DisplayName + "\x00" + print
		both := byFace[face]
		both[side] = append(both[side], id)
		byFace[face] = both
	}
	for _, ids := range gone {
		for _, id := range ids {
			add(0, m.b, id, m.printB[id])
		}
	}
	for _, id := range came {
		add(1, m.a, id, m.printA[id])
	}
	for _, both := range byFace {
		if len(both[0]) == 1 && len(both[1]) == 1 {
			m.pair(both[0][0], both[1][0])
		}
	}
}

func (m *matcher) pair(old, id string) { m.pairs[id], m.taken[old] = old, true }

type candidate struct {
	old, new string
	score    int
}

type edge struct{ node, outcome string }

type matcher struct {
	b, a           graph
	intoB, intoA   map[string][]edge
	printB, printA map[string]string
	pairs          map[string]string // new id → old id
	taken          map[string]bool   // old ids
}

// was is the old id of a node, when it is known to be the same; "" else.
func (m *matcher) was(id string) string {
	if old, ok := m.pairs[id]; ok {
		return old
	}
	if _, ours := m.a.nodes[id]; ours {
		if _, same := m.b.nodes[id]; !same {
			return ""
		}
	}
	return id
}

// score says how surely the node new is old, made again; 0 when it is not. The name and the settings weigh
// more than any number of wires, and wires decide between those alike. That both end in Failure is not
// enough for two that differ.
func (m *matcher) score(old, id string) candidate {
	refB, refA := m.b.nodes[old], m.a.nodes[id]
	sameName := refB.DisplayName == refA.DisplayName
	sameSettings := m.printB[old] == m.printA[id]
	place := m.place(old, id)
	s := 0
	switch {
	case sameName && sameSettings:
		s = 3000
	case sameSettings && place > 1: // renamed
		s = 2000
	case sameName && place > 1: // changed
		s = 1000
	default:
		return candidate{}
	}
	return candidate{old, id, s + min(place, 999)}
}

// place counts what stands around both alike.
func (m *matcher) place(old, id string) int {
	n := 0
	refB, refA := m.b.nodes[old], m.a.nodes[id]
	if refA.Page != "" && m.was(refA.Page) == refB.Page {
		n += 2
		if childIndex(m.b, refB) == childIndex(m.a, refA) {
			n++
		}
	}
	if schema.Str(m.b.body, "/entryNodeId") == old && schema.Str(m.a.body, "/entryNodeId") == id {
		n += 2
	}
	cb := m.b.connections(old)
	for o, v := range m.a.connections(id) {
		if to, _ := v.(string); to != "" && m.was(to) == cb[o] {
			n++
		}
	}
	for _, e := range m.intoA[id] {
		if from := m.was(e.node); from != "" && slices.Contains(m.intoB[old], edge{from, e.outcome}) {
			n += 2 // what leads to it says more than where it leads: most end in Failure
		}
	}
	return n
}

func childIndex(g graph, ref schema.NodeRef) int {
	return slices.Index(children(g.config(ref.Page)), ref.ID)
}

// incoming lists for each node what leads to it.
func incoming(g graph) map[string][]edge {
	into := map[string][]edge{}
	for id := range g.nodes {
		for o, v := range g.connections(id) {
			if to, ok := v.(string); ok {
				into[to] = append(into[to], edge{id, o})
			}
		}
	}
	for _, edges := range into {
		slices.SortFunc(edges, func(x, y edge) int {
			return cmp.Or(strings.Compare(x.node, y.node), strings.Compare(x.outcome, y.outcome))
		})
	}
	return into
}

// print is what a node's settings say, without its id and, of a page, with its children's settings in the
// place of theirs.
func (g graph) print(id string) string {
	config := g.config(id)
	var b strings.Builder
	b.Write(schema.CompactJSON(settingsOf(config)))
	for _, child := range children(config) {
		b.WriteString("\x00" + g.nodes[child].Type + "\x00")
		b.Write(schema.CompactJSON(settingsOf(g.config(child))))
	}
	return b.String()
}
