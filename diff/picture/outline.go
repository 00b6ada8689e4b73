package picture

import (
	"fmt"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A Line is one line of an outline: a node, or one of its outcomes.
type Line struct {
	Sign string // "+", "-", "~" of a change; empty for what is the same
	Text string
	Note string // said beside it: the node's type, what is on a page
	Node bool   // a node's own line
}

// Outline says the picture in lines, for a terminal: every node in the order in which people meet it, with
// where its outcomes lead. What can't be reached comes last, and says so.
func (p *Picture) Outline() []Line {
	g := p.g
	order, ways, reached := g.walk()
	var lines []Line
	for i, n := range order {
		if n.static != "" && n.id != schema.StartNode || n.static == "" && !n.known {
			continue // where outcomes lead, with none of its own
		}
		lines = append(lines, g.nodeLines(n, ways[n.id], i >= reached)...)
	}
	return lines
}

// walk lists the nodes as people meet them from the start, outcome by outcome, then those that can't be reached;
// reached counts the former. ways are the wires of each node.
func (g *graph) walk() (order []*node, ways map[string][]*wire, reached int) {
	ways = map[string][]*wire{}
	for _, w := range g.wires {
		ways[w.from] = append(ways[w.from], w)
	}
	seen := map[string]bool{}
	queue := []string{schema.StartNode}
	reach := func() {
		for len(queue) > 0 {
			n := g.byID[queue[0]]
			queue = queue[1:]
			if n == nil || seen[n.id] {
				continue
			}
			seen[n.id] = true
			order = append(order, n)
			for _, o := range n.outcomes {
				for _, w := range ways[n.id] {
					if w.outcome == o.id {
						queue = append(queue, w.to)
					}
				}
			}
			if n.id == schema.StartNode {
				for _, w := range ways[n.id] {
					queue = append(queue, w.to)
				}
			}
		}
	}
	reach()
	reached = len(order)
	for _, n := range g.nodes {
		if !seen[n.id] && n.static == "" {
			queue = append(queue, n.id)
			reach()
		}
	}
	return order, ways, reached
}

var markSigns = [...]string{same: "", added: "+", removed: "-", changed: "~", rewired: "~"}

func (g *graph) nodeLines(n *node, ways []*wire, lost bool) []Line {
	if n.id == schema.StartNode {
		var lines []Line
		for _, w := range ways {
			lines = append(lines, Line{Sign: w.told(), Text: "Start → " + g.byID[w.to].title, Node: true})
		}
		return lines
	}
	var notes []string
	if human(n.typ) != n.title {
		notes = append(notes, human(n.typ))
	}
	if n.inner != "" {
		notes = append(notes, "runs "+n.inner)
	}
	if lost {
		notes = append(notes, "can't be reached")
	}
	lines := []Line{{Sign: markSigns[n.mark], Text: n.title, Note: strings.Join(notes, ", "), Node: true}}
	for _, k := range n.kids {
		lines = append(lines, Line{Sign: markSigns[k.mark], Text: "· " + k.title})
	}
	for _, o := range n.outcomes {
		for _, w := range ways {
			if w.outcome == o.id {
				lines = append(lines, Line{Sign: w.told(), Text: fmt.Sprintf("%s → %s", o.label, g.byID[w.to].title)})
			}
		}
	}
	return lines
}

// told is the sign of a wire that a change leads elsewhere: gone from there, new here.
func (w *wire) told() string {
	switch {
	case w.mark == rewired && w.on == before:
		return "-"
	case w.mark == rewired:
		return "+"
	}
	return markSigns[w.mark]
}
