package picture

import (
	"cmp"
	"math"
	"slices"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Sizes in px.
const (
	cardWidth   = 196.0
	textLeft    = 40.0 // of a card's title, right of the icon
	padding     = 10.0
	titleLine   = 15.0
	typeHeight  = 13.0
	kidHeight   = 21.0
	rowHeight   = 19.0
	startSize   = 40.0
	pillWidth   = 104.0
	pillHeight  = 36.0
	margin      = 28.0
	gapX        = 52.0 // between cards, so that wires have a way
	gapY        = 22.0
	portHeight  = 22.0 // of a card's way in, below its top
	maxSpread   = 2.6  // coordinates are spread by up to this factor
	farthest    = 30000.0
	columnsGapX = 84.0 // between the columns of a layered layout
)

// measure gives a node its size, and its text the lines.
func (n *node) measure() {
	switch n.static {
	case schema.StartNode:
		n.w, n.h = startSize, startSize
		return
	case schema.SuccessNode, schema.FailureNode:
		n.w, n.h = pillWidth, pillHeight
		return
	}
	n.w = cardWidth
	room := cardWidth - textLeft - padding - 8 // the mark's badge sits on the corner
	n.titleLines = titleFont.wrap(n.title, room, 2)
	if words := human(n.typ); n.known && words != n.title && n.inner == "" {
		n.typeLine = typeFont.clip(words, room)
	}
	n.h = n.headHeight() + float64(len(n.kids))*kidHeight + float64(len(n.outcomes))*rowHeight + 4
	if len(n.kids) > 0 {
		n.h += 6
	}
}

// headHeight is the height of the part of a card that names it.
func (n *node) headHeight() float64 {
	h := 9 + float64(len(n.titleLines))*titleLine
	if n.typeLine != "" {
		h += typeHeight
	}
	if n.inner != "" {
		h += typeHeight + 2
	}
	return max(h+7, 42)
}

// in is where wires reach a node.
func (n *node) in() point {
	if n.static != "" {
		return point{n.at.x, n.at.y + n.h/2}
	}
	return point{n.at.x, n.at.y + portHeight}
}

// out is where the wire of an outcome leaves a node.
func (n *node) out(outcome string) point {
	for i, o := range n.outcomes {
		if o.id == outcome {
			return point{n.at.x + n.w, n.row(i)}
		}
	}
	return point{n.at.x + n.w, n.at.y + n.h/2}
}

// row is the middle of an outcome's line.
func (n *node) row(i int) float64 {
	return n.at.y + n.h - 4 - float64(len(n.outcomes)-i)*rowHeight + rowHeight/2
}

type rect struct{ x, y, w, h float64 }

func (n *node) rect() rect { return rect{n.at.x, n.at.y, n.w, n.h} }

func (r rect) overlaps(o rect) bool {
	return r.x < o.x+o.w && o.x < r.x+r.w && r.y < o.y+o.h && o.y < r.y+r.h
}

func (r rect) grown(dx, dy float64) rect { return rect{r.x - dx, r.y - dy, r.w + 2*dx, r.h + 2*dy} }

// place gives every node its place on the picture.
func (g *graph) place() {
	slot, ok := g.canvas()
	if !ok {
		g.layered = true
		g.layer()
	} else {
		for _, n := range g.nodes {
			s := slot
			if !n.has[s] {
				s = 1 - s
			}
			n.at = n.coords[s]
		}
		g.seat(slot)
		g.spread()
		g.part()
	}
	left, top := math.Inf(1), math.Inf(1)
	for _, n := range g.nodes {
		left, top = min(left, n.at.x), min(top, n.at.y)
	}
	for _, n := range g.nodes {
		n.at = point{math.Round(n.at.x - left + margin), math.Round(n.at.y - top + margin)}
	}
}

// canvas says which side's coordinates to draw by: those of after, else of before. There are none when nearly
// all cards stand on one spot, or the journey does not say.
func (g *graph) canvas() (slot int, ok bool) {
	for _, slot := range []int{1, 0} {
		spots := map[point]int{}
		cards, most := 0, 0
		far := false
		for _, n := range g.nodes {
			if !n.known || n.on&(1<<slot) == 0 {
				continue
			}
			cards++
			p := n.coords[slot]
			if !n.has[slot] {
				p = point{}
			}
			spots[p]++
			most = max(most, spots[p])
			far = far || math.Abs(p.x) > farthest || math.Abs(p.y) > farthest
		}
		switch {
		case far || cards == 0:
		case cards == 1:
			if spots[point{}] == 0 {
				return slot, true
			}
		case most <= max(1, cards/3):
			return slot, true
		}
	}
	return 0, false
}

// seat finds places for what the canvas does not place: static nodes and ghosts right of the rest, removed or
// half-described nodes beside what leads to them.
func (g *graph) seat(slot int) {
	right, top := math.Inf(-1), math.Inf(1)
	for _, n := range g.nodes {
		if n.has[0] || n.has[1] {
			right, top = max(right, n.at.x), min(top, n.at.y)
		}
	}
	if math.IsInf(right, 0) {
		right, top = 0, 0
	}
	for _, n := range g.nodes {
		if n.has[0] || n.has[1] {
			continue
		}
		switch n.static {
		case schema.StartNode:
			n.at = point{min(0, right) - 120, top}
		case schema.SuccessNode:
			n.at = point{right + cardWidth + gapX, top}
		case schema.FailureNode:
			n.at = point{right + cardWidth + gapX, top + 120}
		default:
			n.at = point{right, top}
			for _, w := range g.wires {
				if from := g.byID[w.from]; w.to == n.id && from != nil && from.has[slot] {
					n.at = point{from.at.x + cardWidth + gapX, from.at.y + 40}
					break
				}
			}
		}
	}
}

// spread stretches both axes, each by one factor, as little as keeps cards apart.
func (g *graph) spread() {
	type choice struct {
		hits   int
		weight float64
		fx, fy float64
	}
	step := 0.1
	if len(g.nodes) > 150 {
		step = 0.4 // the pairs are counted for each choice
	}
	best := choice{hits: math.MaxInt}
	for fx := 1.0; fx <= maxSpread+1e-9; fx += step {
		for fy := 1.0; fy <= maxSpread+1e-9; fy += step {
			c := choice{weight: fx*fx + fy*fy, fx: fx, fy: fy} // evenly rather than one axis alone
			if best.hits == 0 && c.weight >= best.weight {
				continue
			}
			c.hits = g.hits(fx, fy)
			if c.hits < best.hits || c.hits == best.hits && c.weight < best.weight {
				best = c
			}
		}
	}
	for _, n := range g.nodes {
		n.at = point{n.at.x * best.fx, n.at.y * best.fy}
	}
}

// hits counts the pairs of nodes that would lie on each other, or too near for wires to pass.
func (g *graph) hits(fx, fy float64) int {
	hits := 0
	for i, a := range g.nodes {
		ra := rect{a.at.x * fx, a.at.y * fy, a.w, a.h}.grown(gapX*.4, gapY/4)
		for _, b := range g.nodes[i+1:] {
			if ra.overlaps(rect{b.at.x * fx, b.at.y * fy, b.w, b.h}.grown(gapX*.4, gapY/4)) {
				hits++
			}
		}
	}
	return hits
}

// part moves down what still lies on something else, counted in g.forced.
func (g *graph) part() {
	order := slices.Clone(g.nodes)
	slices.SortStableFunc(order, func(a, b *node) int {
		// What the change removes gives way to what stays.
		return cmp.Or(cmp.Compare(a.on&after^after, b.on&after^after), cmp.Compare(a.at.y, b.at.y), cmp.Compare(a.at.x, b.at.x))
	})
	for i, n := range order {
		moved := false
		for again := true; again; {
			again = false
			for _, o := range order[:i] {
				if n.rect().grown(4, 4).overlaps(o.rect()) {
					n.at.y = o.at.y + o.h + gapY/2
					again, moved = true, true
				}
			}
		}
		if moved {
			g.forced++
		}
	}
}
