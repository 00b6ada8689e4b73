package picture

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A Picture is a journey, or what a change does to one, ready to be drawn.
type Picture struct{ g *graph }

// Journey makes the picture of a journey; a *[TooLargeError] when it is too large for one.
func Journey(r *schema.Resource) (*Picture, error) {
	g, err := journeyGraph(r)
	if err != nil {
		return nil, err
	}
	return &Picture{g}, nil
}

// Change makes the picture of what a change does to a journey, marked by the change's items. What is there on
// one side only is drawn as it is there. ok is false when the change is of something else, or has no bodies.
func Change(c *diff.Change) (p *Picture, ok bool, err error) {
	if t, known := schema.TypeOf(c.Type); !known || !t.Journey || c.Before == nil && c.After == nil {
		return nil, false, nil
	}
	g, err := changeGraph(c)
	if err != nil {
		return nil, true, err
	}
	return &Picture{g}, true, nil
}

// A View is which parts of a change are drawn.
type View int

// The views. A picture of one journey looks the same in all of them.
const (
	// Merged draws both sides over each other.
	Merged View = iota
	// Sides draws before and after beside each other, or one above the other where both are wide. What is on
	// both sides is in the same place in both.
	Sides
	viewBefore
	viewAfter
)

// Options say how to draw.
type Options struct {
	View View
	// Inline leaves out the style sheet, title and legend: for a page that has Style, and says the rest itself.
	Inline bool
	// Link gives the address of an inner journey's picture; "" when there is none. Nil means no links.
	Link func(journey string) string
}

// Counts says how much of a change the picture marks.
type Counts struct{ Added, Removed, Changed, Rewired int }

// String names what there is: "1 added, 2 rewired"; "" when nothing is marked.
func (c Counts) String() string {
	var parts []string
	for _, x := range []struct {
		n    int
		what string
	}{{c.Added, "added"}, {c.Removed, "removed"}, {c.Changed, "changed"}, {c.Rewired, "rewired"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return strings.Join(parts, ", ")
}

// Counts counts the marks: nodes, page children included, and outcomes.
func (p *Picture) Counts() Counts {
	var c Counts
	count := func(m mark) {
		switch m {
		case added:
			c.Added++
		case removed:
			c.Removed++
		case changed:
			c.Changed++
		}
	}
	for _, n := range p.g.nodes {
		count(n.mark)
		for _, k := range n.kids {
			count(k.mark)
		}
		for _, o := range n.outcomes {
			if o.mark == rewired {
				c.Rewired++
			}
		}
	}
	if start := p.g.byID[schema.StartNode]; start != nil {
		for _, w := range p.g.wires {
			if w.from == start.id && w.mark == rewired && w.on == after {
				c.Rewired++
			}
		}
	}
	return c
}

// Inner lists the inner journeys that the journey runs, in the order of its nodes.
func (p *Picture) Inner() []string {
	var names []string
	seen := map[string]bool{}
	for _, n := range p.g.nodes {
		if n.inner != "" && !seen[n.inner] {
			seen[n.inner] = true
			names = append(names, n.inner)
		}
	}
	return names
}

const (
	headHeight   = 46.0
	legendHeight = 38.0
	captionSpace = 30.0
	widestSides  = 2000.0 // px; wider pairs stand above each other
)

// SVG draws the picture as one SVG document.
func (p *Picture) SVG(o Options) []byte {
	g := p.g
	if !g.diff {
		o.View = Merged
	}
	width, height := g.width, g.height
	above := o.View == Sides && 2*g.width > widestSides
	switch {
	case above:
		height = 2 * (g.height + captionSpace)
	case o.View == Sides:
		width, height = 2*g.width, g.height+captionSpace
	}
	top := 0.0
	if !o.Inline {
		width = max(width, headFont.width(g.heading())+2*margin)
		if g.diff {
			width = max(width, 640) // of the legend
			height += legendHeight
		}
		top = headHeight
		height += headHeight
	}
	c := &canvas{link: o.Link}
	fmt.Fprintf(&c.b, `<svg xmlns="http://www.w3.org/2000/svg" class="lp" viewBox="0 0 %s %s" width="%s" height="%s" role="group" aria-label="%s">`+"\n", num(width), num(height), num(width), num(height), esc(p.Summary()))
	if !o.Inline {
		fmt.Fprintf(&c.b, "<title>%s</title>\n<style>\n%s</style>\n", esc(p.Summary()), Style())
		c.rect("lp-bg", rect{0, 0, width, height}, 10)
		c.text("lp-h", margin, 33, g.heading())
	}
	switch {
	case o.View == Sides:
		second := point{g.width, 0}
		if above {
			second = point{0, g.height + captionSpace}
		}
		c.panel(g, viewBefore, "Before", 0, top)
		c.panel(g, viewAfter, "After", second.x, top+second.y)
	default:
		c.dy = top
		c.graph(g)
	}
	if !o.Inline && g.diff {
		c.dx, c.dy = 0, 0
		c.legend(margin, height-legendHeight/2-4)
	}
	c.b.WriteString("</svg>\n")
	return []byte(c.b.String())
}

func (c *canvas) panel(g *graph, v View, caption string, x, y float64) {
	c.dx, c.dy, c.view = x, y, v
	c.text("lp-h", margin, 22, caption)
	c.dy += captionSpace
	fmt.Fprintf(&c.b, "<g>\n")
	c.graph(g)
	c.b.WriteString("</g>\n")
}

// heading is the journey's name, with what its own settings say.
func (g *graph) heading() string {
	return strings.Join(append([]string{g.title}, g.facts...), "  ·  ")
}

// Summary says in a line what the picture shows.
func (p *Picture) Summary() string {
	cards := 0
	for _, n := range p.g.nodes {
		if n.known {
			cards++
		}
	}
	s := fmt.Sprintf("Journey %s, %d nodes", p.g.heading(), cards)
	if cards == 1 {
		s = fmt.Sprintf("Journey %s, 1 node", p.g.heading())
	}
	if p.g.diff {
		s += ": " + cmp.Or(p.Counts().String(), "no node differs")
	}
	return s
}

// Legend is the explanation of the marks as a piece of HTML, for a page that has Style and pictures drawn with
// Options.Inline.
func Legend() string {
	c := &canvas{}
	for _, l := range marks {
		c.b.WriteString(`<span><svg class="lp" width="20" height="18" viewBox="0 0 20 18" aria-hidden="true">`)
		c.badge(l.m, 10, 9, 7)
		c.b.WriteString("</svg>" + l.text + "</span>")
	}
	for _, l := range wires {
		fmt.Fprintf(&c.b, `<span><svg class="lp" width="36" height="10" viewBox="0 0 36 10" aria-hidden="true"><path class="lp-w %s" d="M1 5h34"/></svg>%s</span>`, l.class, l.text)
	}
	return c.b.String()
}

var (
	marks = []struct {
		m    mark
		text string
	}{{added, "added"}, {removed, "removed"}, {changed, "changed"}, {rewired, "rewired:"}}
	wires = []struct{ class, text string }{{"lp-was", "before"}, {"lp-now", "now"}}
)

// legend explains the marks.
func (c *canvas) legend(x, y float64) {
	for _, l := range marks {
		c.badge(l.m, x+8, y, 8)
		x += 22
		c.text("lp-s", x, y+4, l.text)
		x += noteFont.width(l.text) + 20
	}
	x -= 12
	for _, l := range wires {
		fmt.Fprintf(&c.b, `<path class="lp-w %s" d="M%s %sh34"/>`, l.class, num(x), num(y))
		x += 42
		c.text("lp-s", x, y+4, l.text)
		x += noteFont.width(l.text) + 16
	}
}
