package picture

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// canvas writes SVG; all coordinates are moved by dx, dy.
type canvas struct {
	b      strings.Builder
	dx, dy float64
	view   View
	link   func(journey string) string
}

// num writes a coordinate with up to one decimal.
func num(f float64) string {
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
}

// esc escapes text for an element or a double-quoted attribute.
func esc(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(tame(s))
}

func (c *canvas) x(f float64) string { return num(f + c.dx) }
func (c *canvas) y(f float64) string { return num(f + c.dy) }

func (c *canvas) rect(class string, r rect, rx float64) {
	fmt.Fprintf(&c.b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="%s"/>`, class, c.x(r.x), c.y(r.y), num(r.w), num(r.h), num(rx))
}

func (c *canvas) text(class string, x, y float64, s string) {
	fmt.Fprintf(&c.b, `<text class="%s" x="%s" y="%s">%s</text>`, class, c.x(x), c.y(y), esc(s))
}

func (c *canvas) icon(d string, x, y float64, class string, scale float64) {
	s := ""
	if scale != 1 {
		s = " scale(" + num(scale) + ")"
	}
	fmt.Fprintf(&c.b, `<path class="%s" transform="translate(%s %s)%s" d="%s"/>`, class, c.x(x), c.y(y), s, d)
}

// shows says whether a part is to be seen in this view.
func (v View) shows(on side) bool {
	switch v {
	case viewBefore:
		return on&before != 0
	case viewAfter:
		return on&after != 0
	}
	return true
}

// graph draws the whole graph.
func (c *canvas) graph(g *graph) {
	for _, w := range g.inOrder() {
		if c.view.shows(w.on) {
			c.wire(g, w)
		}
	}
	for _, n := range g.nodes {
		if c.view.shows(n.on) {
			c.node(n)
		}
	}
	for _, w := range g.wires {
		if w.mark != same && c.view.shows(w.on) {
			c.badge(w.mark, w.sign.x, w.sign.y, 7)
		}
	}
}

var markClass = [...]string{same: "", added: " lp-added", removed: " lp-removed", changed: " lp-changed"}

// class is the style of a wire.
func (w *wire) class() string {
	if w.mark == rewired {
		if w.on == before {
			return " lp-was"
		}
		return " lp-now"
	}
	return markClass[w.mark]
}

func (c *canvas) wire(g *graph, w *wire) {
	p := w.path.points
	var d strings.Builder
	at := func(q point) string { return c.x(q.x) + " " + c.y(q.y) }
	d.WriteString("M" + at(p[0]))
	if w.path.curve {
		d.WriteString("C" + at(p[1]) + " " + at(p[2]) + " " + at(p[3]))
	} else {
		for i := 1; i < len(p)-1; i++ {
			in, out := toward(p[i], p[i-1], p[i+1]), toward(p[i], p[i+1], p[i-1])
			d.WriteString("L" + at(in) + "Q" + at(p[i]) + " " + at(out))
		}
		d.WriteString("L" + at(p[len(p)-1]))
	}
	end := p[len(p)-1]
	name := func(id string) string {
		if n := g.byID[id]; n != nil && n.title != "" {
			return n.title
		}
		return id
	}
	label := name(w.from) + " → " + name(w.to)
	if w.outcome != "" {
		label = name(w.from) + ", " + w.outcome + " → " + name(w.to)
	}
	fmt.Fprintf(&c.b, `<g data-from="%s" data-outcome="%s" data-to="%s"><title>%s</title><path class="lp-w%s" d="%s"/>`, esc(w.from), esc(w.outcome), esc(w.to), esc(label), w.class(), d.String())
	fmt.Fprintf(&c.b, `<path class="lp-a%s" d="M%s %sl%s %sv%sz"/></g>`+"\n", w.class(), c.x(end.x+arrow-2), c.y(end.y), num(-arrow), num(-4.5), num(9))
}

// toward is the point a corner's radius away from p, or half way, in the direction of a.
func toward(p, a, b point) point {
	la, lb := math.Hypot(a.x-p.x, a.y-p.y), math.Hypot(b.x-p.x, b.y-p.y)
	r := min(corner, la/2, lb/2)
	if la == 0 {
		return p
	}
	return point{p.x + (a.x-p.x)*r/la, p.y + (a.y-p.y)*r/la}
}

func (c *canvas) node(n *node) {
	r := n.rect()
	middle := n.at.y + n.h/2
	switch n.static {
	case schema.StartNode:
		fmt.Fprintf(&c.b, `<g class="lp-n" data-id="%s"><title>Start</title><circle class="lp-start" cx="%s" cy="%s" r="%s"/>`, esc(n.id), c.x(r.x+r.w/2), c.y(middle), num(r.w/2))
		fmt.Fprintf(&c.b, `<path class="lp-start-i" d="M%s %sl12 7l-12 7z"/></g>`+"\n", c.x(r.x+r.w/2-4.5), c.y(middle-7))
		return
	case schema.SuccessNode, schema.FailureNode:
		class, icon := "lp-ok", "M2 7l4 4 7-8"
		if n.static == schema.FailureNode {
			class, icon = "lp-no", "M3 3l8 8M11 3l-8 8"
		}
		fmt.Fprintf(&c.b, `<g class="lp-n" data-id="%s"><title>%s</title>`, esc(n.id), esc(n.title))
		radius := r.h / 2
		if n.static == schema.FailureNode {
			radius = 6 // by its shape, too, not by its colour alone
		}
		c.rect(class, r, radius)
		c.icon(icon, r.x+14, middle-7, "lp-g "+class+"-i", 1)
		c.text("lp-t "+class+"-t", r.x+35, middle+4.3, n.title)
		c.b.WriteString("</g>\n")
		return
	}
	c.card(n, r)
}

func (c *canvas) card(n *node, r rect) {
	cat := categoryOf(n.typ)
	class := "lp-n lp-" + cat.name + markClass[n.mark]
	tip := n.title + " (" + n.typ + ", " + n.id + ")"
	if !n.known {
		class, tip, cat.icon = "lp-n lp-ghost", n.title, "M5.5 6a2.5 2.5 0 1 1 3.5 2.3c-.7.4-1 .8-1 1.7M8 12.5v.3"
	}
	fmt.Fprintf(&c.b, `<g class="%s" data-id="%s"><title>%s</title>`, class, esc(n.id), esc(tip))
	if n.inner != "" { // a card behind the card
		c.rect("lp-card", rect{r.x + 4, r.y + 4, r.w - 1, r.h - 1}, 8)
	}
	c.rect("lp-card", r, 8)
	c.rect("lp-tile", rect{r.x + 9, r.y + 9, 24, 24}, 6)
	c.icon(cat.icon, r.x+13, r.y+13, "lp-i", 1)
	y := r.y + 9
	if len(n.titleLines) == 1 && n.typeLine == "" && n.inner == "" {
		y += 4.5
	}
	for _, l := range n.titleLines {
		y += titleLine
		c.text("lp-t", r.x+textLeft, y-3.5, l)
	}
	if n.typeLine != "" {
		y += typeHeight
		c.text("lp-y", r.x+textLeft, y-2, n.typeLine)
	}
	if n.inner != "" {
		c.innerLine(n, r.x+textLeft, y+typeHeight)
	}
	y = r.y + n.headHeight()
	for _, k := range n.kids {
		c.kid(k, r, y)
		y += kidHeight
	}
	if len(n.outcomes) > 0 {
		line := n.row(0) - rowHeight/2 - 1
		fmt.Fprintf(&c.b, `<path class="lp-rule" d="M%s %sH%s"/>`, c.x(r.x+9), c.y(line), c.x(r.x+r.w-9))
	}
	for i, o := range n.outcomes {
		if c.view.shows(o.on) {
			c.outcome(n, o, n.row(i))
		}
	}
	if n.mark != same {
		c.badge(n.mark, r.x+r.w-13, r.y, 9)
	}
	c.b.WriteString("</g>\n")
}

// innerLine names the inner journey, as a link where the reader can go there.
func (c *canvas) innerLine(n *node, x, y float64) {
	name := typeFont.clip("→ "+n.inner, cardWidth-textLeft-padding)
	if c.link != nil {
		if to := c.link(n.inner); to != "" {
			fmt.Fprintf(&c.b, `<a href="%s">`, esc(to))
			c.text("lp-y lp-link", x, y, name)
			c.b.WriteString("</a>")
			return
		}
	}
	c.text("lp-y", x, y, name)
}

func (c *canvas) kid(k kid, r rect, y float64) {
	if !c.view.shows(k.on) {
		return
	}
	cat := categoryOf(k.typ)
	fmt.Fprintf(&c.b, `<g class="lp-kid lp-%s%s" data-id="%s"><title>%s</title>`, cat.name, markClass[k.mark], esc(k.id), esc(k.title+" ("+k.typ+", "+k.id+")"))
	c.rect("lp-kid-r", rect{r.x + 9, y, r.w - 18, kidHeight - 3}, 4)
	c.icon(cat.icon, r.x+13, y+2.5, "lp-i", 0.8)
	room := r.w - 18 - 22 - 6
	if k.mark != same {
		room -= 20
		c.badge(k.mark, r.x+r.w-20, y+(kidHeight-3)/2, 6.5)
	}
	c.text("lp-k", r.x+31, y+12.8, kidFont.clip(k.title, room))
	c.b.WriteString("</g>")
}

func (c *canvas) outcome(n *node, o outcome, y float64) {
	right := n.at.x + n.w
	class := "lp-o"
	label := outcomeFont.clip(o.label, n.w-padding-24)
	if o.mark == rewired {
		class = "lp-o lp-rew"
		c.rect("lp-row", rect{right - 20 - outcomeFont.width(label), y - 8.5, outcomeFont.width(label) + 12, 17}, 4)
	}
	c.text(class, right-13, y+3.7, label)
	fmt.Fprintf(&c.b, `<circle class="lp-port" cx="%s" cy="%s" r="3.5"/>`, c.x(right), c.y(y))
}

// badge draws the sign of a mark: a disc with a plus, a square with a minus, a diamond with a wave, a hexagon
// with an arrow. Each has its own shape, so that nobody needs its colour.
func (c *canvas) badge(m mark, x, y, r float64) {
	at := func(dx, dy float64) string { return c.x(x+dx*r) + " " + c.y(y+dy*r) }
	switch m {
	case added:
		fmt.Fprintf(&c.b, `<circle class="lp-b-added" cx="%s" cy="%s" r="%s"/><path class="lp-b" d="M%sL%sM%sL%s"/>`, c.x(x), c.y(y), num(r), at(-.5, 0), at(.5, 0), at(0, -.5), at(0, .5))
	case removed:
		c.rect("lp-b-removed", rect{x - r*.9, y - r*.9, r * 1.8, r * 1.8}, 2)
		fmt.Fprintf(&c.b, `<path class="lp-b" d="M%sL%s"/>`, at(-.5, 0), at(.5, 0))
	case changed:
		fmt.Fprintf(&c.b, `<path class="lp-b-changed" d="M%sL%sL%sL%sz"/><path class="lp-b" d="M%sQ%s %sT%s"/>`, at(0, -1.25), at(1.25, 0), at(0, 1.25), at(-1.25, 0), at(-.55, .1), at(-.28, -.5), at(0, 0), at(.55, -.1))
	case rewired:
		fmt.Fprintf(&c.b, `<path class="lp-b-rewired" d="M%sL%sL%sL%sL%sL%sz"/><path class="lp-b" d="M%sL%sM%sL%sL%s"/>`,
			at(-1.15, 0), at(-.57, -1), at(.57, -1), at(1.15, 0), at(.57, 1), at(-.57, 1), at(-.55, 0), at(.5, 0), at(.1, -.42), at(.5, 0), at(.1, .42))
	}
}
