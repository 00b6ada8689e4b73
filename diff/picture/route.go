package picture

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A path is how a wire is drawn: a curve with two handles, or a line with rounded corners.
type path struct {
	points []point
	curve  bool // points are start, two handles, end
}

const (
	arrow     = 8.0  // the length of a wire's arrow
	corner    = 9.0  // the radius of a wire's corners
	clearance = 8.0  // between a wire and a card that it passes
	stub      = 16.0 // straight out of a port
	hitCost   = 900.0
	bendCost  = 22.0
	// Beyond these, wires are drawn as curves: finding a way for each takes long.
	maxTried    = 400
	maxCards    = 300
	maxChannels = 60
)

// segment is a straight part of a wire that is drawn already.
type segment struct {
	a, b point
	to   string
}

// route finds a way for each wire, around the cards where there is one.
func (g *graph) route() {
	var cards []rect
	right, bottom := 0.0, 0.0
	for _, n := range g.nodes {
		r := n.rect()
		right, bottom = max(right, r.x+r.w), max(bottom, r.y+r.h)
		cards = append(cards, r)
	}
	var used []segment
	for i, w := range g.inOrder() {
		from, to := g.byID[w.from], g.byID[w.to]
		a := from.out(w.outcome)
		if from.id == schema.StartNode {
			a = point{from.at.x + from.w, from.at.y + from.h/2}
		}
		b := to.in()
		b.x -= arrow - 2
		w.path = straightest(a, b)
		if i < maxTried && len(cards) <= maxCards {
			// Wires to one node may run together; a marked one stands alone, so that it is seen.
			end := w.to + markSigns[w.mark] + fmt.Sprint(w.on)
			w.path = g.way(a, b, end, cards, used, from.rect(), to.rect())
			used = append(used, w.path.segments(end)...)
		}
		for _, p := range w.path.points {
			right, bottom = max(right, p.x), max(bottom, p.y)
		}
	}
	// Ways around the cards at the edge may lead out of the picture.
	left, up := 0.0, 0.0
	for _, w := range g.wires {
		for _, p := range w.path.points {
			left, up = max(left, margin/2-p.x), max(up, margin/2-p.y)
		}
	}
	if left > 0 || up > 0 {
		g.shift(left, up)
	}
	g.signs()
	g.width, g.height = math.Ceil(right+left+margin), math.Ceil(bottom+up+margin)
}

func (g *graph) shift(dx, dy float64) {
	for _, n := range g.nodes {
		n.at.x, n.at.y = n.at.x+dx, n.at.y+dy
	}
	for _, w := range g.wires {
		for i := range w.path.points {
			w.path.points[i].x, w.path.points[i].y = w.path.points[i].x+dx, w.path.points[i].y+dy
		}
	}
}

// inOrder gives the wires as they are drawn: what a change marks comes last, on top.
func (g *graph) inOrder() []*wire {
	order := slices.Clone(g.wires)
	slices.SortStableFunc(order, func(a, b *wire) int { return cmp.Compare(min(a.mark, added), min(b.mark, added)) })
	return order
}

// straightest is a curve, as the admin UI draws wires.
func straightest(a, b point) path {
	reach := max(36, min(math.Abs(b.x-a.x)/2, 140))
	return path{points: []point{a, {a.x + reach, a.y}, {b.x - reach, b.y}, b}, curve: true}
}

// way is the cheapest way from a to b: a curve if it is free, else straight lines around the cards.
func (g *graph) way(a, b point, to string, cards []rect, used []segment, source, target rect) path {
	best := straightest(a, b)
	cost := best.length() + hitCost*float64(best.hits(cards, len(cards)))
	if b.x < a.x+2*stub-4 {
		cost += 2 * hitCost // a curve back hides under its own card
	} else if cost < hitCost {
		return best
	}
	try := func(p path) {
		c := p.length() + bendCost*float64(len(p.points)-2)
		if c >= cost {
			return
		}
		c += hitCost * float64(p.hits(cards, int((cost-c)/hitCost)))
		if c >= cost {
			return
		}
		c += p.shared(used, to)
		if c < cost {
			best, cost = p, c
		}
	}
	offsets := []float64{stub, stub + 9, stub + 18}
	if b.x >= a.x+2*stub {
		for _, o := range offsets {
			try(bent(a, point{a.x + o, a.y}, point{a.x + o, b.y}, b))
			try(bent(a, point{b.x - o, a.y}, point{b.x - o, b.y}, b))
		}
	}
	// Where the target stands above or below the outcome, a wire passes on its far side; the source, alike.
	outs, ins := slices.Clone(offsets), slices.Clone(offsets)
	if far := target.x + target.w + clearance + 2 - a.x; far > stub {
		outs = append(outs, far)
	}
	if far := b.x - source.x + clearance + 2; far > stub {
		ins = append(ins, far)
	}
	for _, y := range channels(a, b, cards) {
		if math.Abs(y-a.y)+math.Abs(y-b.y) >= cost {
			break // they come by the length of the way
		}
		for _, out := range outs {
			for _, in := range ins {
				try(bent(a, point{a.x + out, a.y}, point{a.x + out, y}, point{b.x - in, y}, point{b.x - in, b.y}, b))
			}
		}
	}
	return best
}

// channels are the heights at which a wire can pass above or below a card, the nearest first.
func channels(a, b point, cards []rect) []float64 {
	var ys []float64
	for _, c := range cards {
		for _, off := range []float64{clearance + 2, clearance + 11, clearance + 20} {
			ys = append(ys, c.y-off, c.y+c.h+off)
		}
	}
	detour := func(y float64) float64 { return math.Abs(y-a.y) + math.Abs(y-b.y) }
	slices.SortFunc(ys, func(p, q float64) int { return cmp.Or(cmp.Compare(detour(p), detour(q)), cmp.Compare(p, q)) })
	ys = slices.Compact(ys)
	return ys[:min(len(ys), maxChannels)]
}

func bent(points ...point) path { return path{points: points} }

// lines gives the path as short straight parts.
func (p path) lines() []segment {
	pts := p.points
	if p.curve {
		const parts = 14
		pts = make([]point, 0, parts+1)
		for i := range parts + 1 {
			pts = append(pts, p.at(float64(i)/parts))
		}
	}
	out := make([]segment, 0, len(pts))
	for i := 1; i < len(pts); i++ {
		out = append(out, segment{a: pts[i-1], b: pts[i]})
	}
	return out
}

// at is the point of a curve at t from 0 to 1.
func (p path) at(t float64) point {
	u := 1 - t
	a, b, c, d := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
	q := p.points
	return point{a*q[0].x + b*q[1].x + c*q[2].x + d*q[3].x, a*q[0].y + b*q[1].y + c*q[2].y + d*q[3].y}
}

// along is the point at a part of the path, from 0 to 1.
func (p path) along(part float64) point {
	lines := p.lines()
	total := 0.0
	for _, s := range lines {
		total += math.Hypot(s.b.x-s.a.x, s.b.y-s.a.y)
	}
	left := total * part
	for _, s := range lines {
		l := math.Hypot(s.b.x-s.a.x, s.b.y-s.a.y)
		if left <= l && l > 0 {
			return point{s.a.x + (s.b.x-s.a.x)*left/l, s.a.y + (s.b.y-s.a.y)*left/l}
		}
		left -= l
	}
	return p.points[len(p.points)-1]
}

// signs finds a place on each marked wire for its sign: the nearest to its middle where it covers no card and
// no other sign.
func (g *graph) signs() {
	var taken []rect
	for _, n := range g.nodes {
		taken = append(taken, n.rect().grown(8, 8))
	}
	for _, w := range g.inOrder() {
		if w.mark == same {
			continue
		}
		w.sign = w.path.along(.5)
		for _, part := range []float64{.5, .42, .58, .34, .66, .26, .74, .18, .82, .1, .9} {
			p := w.path.along(part)
			if !slices.ContainsFunc(taken, func(r rect) bool { return p.x > r.x && p.x < r.x+r.w && p.y > r.y && p.y < r.y+r.h }) {
				w.sign = p
				break
			}
		}
		taken = append(taken, rect{w.sign.x - 14, w.sign.y - 14, 28, 28})
	}
}

func (p path) length() float64 {
	sum := 0.0
	if p.curve {
		return math.Hypot(p.points[3].x-p.points[0].x, p.points[3].y-p.points[0].y) * 1.05
	}
	for i := 1; i < len(p.points); i++ {
		sum += math.Abs(p.points[i].x-p.points[i-1].x) + math.Abs(p.points[i].y-p.points[i-1].y)
	}
	return sum
}

// hits counts the cards that the path passes over, up to one more than most: who asks has a better way then. Its
// ends touch their own cards, which is no hit.
func (p path) hits(cards []rect, most int) int {
	lines := p.lines()
	n := 0
	for _, c := range cards {
		if n > most {
			break
		}
		r := c.grown(1, 3)
		for i, s := range lines {
			if i == 0 {
				s.a.x += 3
			}
			if i == len(lines)-1 {
				s.b.x -= 3
			}
			if r.crossed(s) {
				n++
				break
			}
		}
	}
	return n
}

// crossed says whether a segment passes over the rectangle (Liang and Barsky's clipping).
func (r rect) crossed(s segment) bool {
	t0, t1 := 0.0, 1.0
	dx, dy := s.b.x-s.a.x, s.b.y-s.a.y
	for _, e := range [4][2]float64{{-dx, s.a.x - r.x}, {dx, r.x + r.w - s.a.x}, {-dy, s.a.y - r.y}, {dy, r.y + r.h - s.a.y}} {
		switch p, q := e[0], e[1]; {
		case p == 0 && q <= 0:
			return false
		case p < 0:
			t0 = max(t0, q/p)
		case p > 0:
			t1 = min(t1, q/p)
		}
	}
	return t0 < t1
}

func (p path) segments(to string) []segment {
	if p.curve {
		return nil
	}
	lines := p.lines()
	for i := range lines {
		lines[i].to = to
	}
	return lines
}

// shared is the cost of running on top of wires that lead elsewhere: then nobody could tell them apart.
func (p path) shared(used []segment, to string) float64 {
	cost := 0.0
	for _, s := range p.lines() {
		for _, u := range used {
			if u.to == to {
				continue
			}
			vertical := math.Abs(s.a.x-s.b.x) < 1
			if vertical && math.Abs(u.a.x-u.b.x) < 1 && math.Abs(s.a.x-u.a.x) < 5 && common(s.a.y, s.b.y, u.a.y, u.b.y) > 4 ||
				!vertical && math.Abs(u.a.y-u.b.y) < 1 && math.Abs(s.a.y-u.a.y) < 5 && common(s.a.x, s.b.x, u.a.x, u.b.x) > 4 {
				cost += 60
			}
		}
	}
	return cost
}

// common is how much two ranges share.
func common(a, b, c, d float64) float64 {
	return min(max(a, b), max(c, d)) - max(min(a, b), min(c, d))
}
