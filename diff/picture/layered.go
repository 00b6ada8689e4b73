package picture

import (
	"cmp"
	"slices"

	"github.com/lockstep-gitops/lockstep/schema"
)

// sweeps is how often the order within the columns is looked at again.
const sweeps = 6

// layer places the nodes in columns by their distance from the start: for journeys that have no coordinates.
// Loops are cut where a walk in the order of the outcomes closes them, so that the same journey is always
// placed the same way.
func (g *graph) layer() {
	next := g.forward()
	column := g.columns(next)
	var columns [][]*node
	for _, n := range g.nodes {
		c := column[n.id]
		for len(columns) <= c {
			columns = append(columns, nil)
		}
		columns[c] = append(columns[c], n)
	}
	g.untangle(columns, next)
	g.stack(columns, next)
}

// forward gives the wires without those that close a loop, as lists of targets.
func (g *graph) forward() map[string][]string {
	all := map[string][]string{}
	for _, n := range g.nodes {
		for _, o := range n.outcomes {
			for _, w := range g.wires {
				if w.from == n.id && w.outcome == o.id {
					all[n.id] = append(all[n.id], w.to)
				}
			}
		}
	}
	for _, w := range g.wires {
		if w.from == schema.StartNode {
			all[w.from] = append(all[w.from], w.to)
		}
	}
	const open, done = 1, 2
	state := map[string]int{}
	next := map[string][]string{}
	var walk func(id string)
	walk = func(id string) { // as deep as there are nodes, which is bounded
		state[id] = open
		for _, to := range all[id] {
			if state[to] == 0 {
				walk(to)
			}
			if state[to] == done {
				next[id] = append(next[id], to)
			}
		}
		state[id] = done
	}
	walk(schema.StartNode)
	for _, n := range g.nodes { // what can't be reached from the start
		if state[n.id] == 0 && len(all[n.id]) > 0 {
			walk(n.id)
		}
	}
	return next
}

// columns gives each node the column right of all that lead to it; the ends are in the last one.
func (g *graph) columns(next map[string][]string) map[string]int {
	column := map[string]int{}
	waits := map[string]int{}
	for _, n := range g.nodes {
		for _, to := range next[n.id] {
			waits[to]++
		}
	}
	var ready []string
	for _, n := range g.nodes {
		if waits[n.id] == 0 {
			ready = append(ready, n.id)
			if n.id != schema.StartNode {
				column[n.id] = 1
			}
		}
	}
	last := 1
	for len(ready) > 0 {
		id := ready[0]
		ready = ready[1:]
		for _, to := range next[id] {
			column[to] = max(column[to], column[id]+1)
			if s := g.byID[to].static; s == "" {
				last = max(last, column[to])
			}
			if waits[to]--; waits[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	for _, id := range []string{schema.SuccessNode, schema.FailureNode} {
		if g.byID[id] != nil {
			column[id] = last + 1
		}
	}
	return column
}

// untangle orders the nodes of each column by the middle of what they are wired to, left and right in turns.
func (g *graph) untangle(columns [][]*node, next map[string][]string) {
	previous := map[string][]string{}
	for _, n := range g.nodes {
		for _, to := range next[n.id] {
			previous[to] = append(previous[to], n.id)
		}
	}
	rank := map[string]float64{}
	renumber := func(list []*node) {
		for i, n := range list {
			rank[n.id] = float64(i) - float64(len(list))/2
		}
	}
	for _, list := range columns {
		renumber(list)
	}
	middle := func(n *node, of map[string][]string) float64 {
		if len(of[n.id]) == 0 {
			return rank[n.id]
		}
		sum := 0.0
		for _, id := range of[n.id] {
			sum += rank[id]
			// A node's outcomes leave it from top to bottom.
			sum += float64(slices.Index(next[id], n.id)) / 64
		}
		return sum / float64(len(of[n.id]))
	}
	for i := range sweeps {
		of := previous
		if i%2 == 1 {
			of = next
		}
		for c := range columns {
			list := columns[c]
			if i%2 == 1 {
				list = columns[len(columns)-1-c]
			}
			at := map[*node]float64{}
			for _, n := range list {
				at[n] = middle(n, of)
			}
			slices.SortStableFunc(list, func(a, b *node) int { return cmp.Compare(at[a], at[b]) })
			renumber(list)
		}
	}
}

// stack gives the nodes of each column their places: as near to what leads to them as the others allow.
func (g *graph) stack(columns [][]*node, next map[string][]string) {
	wanted := map[string][]float64{}
	x := 0.0
	for _, list := range columns {
		wide, y := 0.0, 0.0
		for i, n := range list {
			want := y
			if w := wanted[n.id]; len(w) > 0 {
				sum := 0.0
				for _, v := range w {
					sum += v
				}
				want = sum / float64(len(w))
			}
			if i > 0 {
				want = max(want, y)
			}
			n.at = point{x, want}
			y = want + n.h + gapY*1.6
			wide = max(wide, n.w)
			for k, to := range next[n.id] {
				into := portHeight
				if g.byID[to].static != "" {
					into = pillHeight / 2
				}
				// The first way on goes straight ahead, the others each a little lower.
				ahead := portHeight
				if n.static != "" {
					ahead = n.h / 2
				}
				wanted[to] = append(wanted[to], n.at.y+ahead-into+float64(k)*rowHeight*1.5)
			}
		}
		x += wide + columnsGapX
	}
}
