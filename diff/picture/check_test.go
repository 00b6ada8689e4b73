package picture_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/diff/picture"
	"github.com/lockstep-gitops/lockstep/schema"
)

// box is where a text stands, by the estimates.
type box struct {
	x, y, w, h float64
	text       string
}

func (b box) overlaps(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

// seen is what an SVG shows, read back from its bytes.
type seen struct {
	texts         []box
	cards         []box
	wires         map[string]bool // from, outcome, to
	at            map[string]box  // the cards by their nodes
	nodes         map[string]bool
	paths         []path
	width, height float64
}

type path struct{ d, class, from, to string }

var (
	// allowed are the only elements and attributes that pictures have.
	allowedElements   = []string{"svg", "title", "style", "g", "rect", "path", "text", "circle", "a"}
	allowedAttributes = []string{"xmlns", "class", "viewBox", "width", "height", "role", "aria-label", "x", "y", "rx", "d", "transform", "cx", "cy", "r", "href", "data-id", "data-from", "data-outcome", "data-to"}
)

// read parses an SVG strictly, and fails on what pictures must not hold.
func read(t *testing.T, name string, svg []byte) seen {
	t.Helper()
	s := seen{wires: map[string]bool{}, nodes: map[string]bool{}, at: map[string]box{}}
	d := xml.NewDecoder(bytes.NewReader(svg))
	var stack []xml.StartElement
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: not XML: %v", name, err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			e = e.Copy()
			stack = append(stack, e)
			if !slices.Contains(allowedElements, e.Name.Local) {
				t.Errorf("%s: element %s", name, e.Name.Local)
			}
			for _, a := range e.Attr {
				if !slices.Contains(allowedAttributes, a.Name.Local) {
					t.Errorf("%s: attribute %s of %s", name, a.Name.Local, e.Name.Local)
				}
			}
			s.element(e, stack)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 && stack[len(stack)-1].Name.Local == "text" {
				s.text(stack[len(stack)-1], string(e))
			}
		case xml.ProcInst, xml.Directive, xml.Comment:
			t.Errorf("%s: %T", name, token)
		}
	}
	return s
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func float(e xml.StartElement, name string) float64 {
	f, err := strconv.ParseFloat(attr(e, name), 64)
	if err != nil {
		panic(err)
	}
	return f
}

func (s *seen) element(e xml.StartElement, stack []xml.StartElement) {
	switch e.Name.Local {
	case "svg":
		s.width, s.height = float(e, "width"), float(e, "height")
	case "g":
		if id := attr(e, "data-id"); id != "" {
			s.nodes[id] = true
		}
		if to := attr(e, "data-to"); to != "" {
			s.wires[attr(e, "data-from")+"\x00"+attr(e, "data-outcome")+"\x00"+to] = true
		}
	case "rect":
		if class := attr(e, "class"); class == "lp-card" || class == "lp-ok" || class == "lp-no" {
			card := box{float(e, "x"), float(e, "y"), float(e, "width"), float(e, "height"), ""}
			s.cards = append(s.cards, card)
			s.at[attr(stack[len(stack)-2], "data-id")] = card // an inner journey's card behind comes first
		}
	case "path":
		parent := stack[len(stack)-2]
		s.paths = append(s.paths, path{attr(e, "d"), attr(e, "class"), attr(parent, "data-from"), attr(parent, "data-to")})
	}
}

func (s *seen) text(e xml.StartElement, text string) {
	class := attr(e, "class")
	first, _, _ := strings.Cut(class, " ")
	w := picture.TextWidth(first, text)
	h := 11.0
	b := box{float(e, "x"), float(e, "y") - h*0.8, w, h, text}
	if first == "lp-o" {
		b.x -= w
	}
	s.texts = append(s.texts, b)
}

// arranged says whether the cards stand to each other as their coordinates say: left of, above.
// It gives the number of pairs that it looked at.
func arranged(t *testing.T, name string, r *schema.Resource, s seen) (pairs int) {
	t.Helper()
	type place struct {
		x, y float64
		card box
	}
	var places []place
	for _, ref := range schema.NodeRefs(r.Body) {
		vx, _ := schema.Lookup(r.Body, ref.Pointer+"/x")
		vy, _ := schema.Lookup(r.Body, ref.Pointer+"/y")
		x, errX := strconv.ParseFloat(fmt.Sprint(vx), 64)
		y, errY := strconv.ParseFloat(fmt.Sprint(vy), 64)
		if ref.Page == "" && errX == nil && errY == nil {
			places = append(places, place{x, y, s.at[ref.ID]})
		}
	}
	for i, a := range places {
		for _, b := range places[i+1:] {
			pairs++
			if (a.x-b.x)*(a.card.x-b.card.x) < -1.5 || (a.y-b.y)*(a.card.y-b.card.y) < -1.5 {
				t.Errorf("%s: a card is on the wrong side of another: coordinates %v and %v, drawn at %v and %v", name, []float64{a.x, a.y}, []float64{b.x, b.y}, a.card, b.card)
			}
		}
	}
	return pairs
}

var numbers = regexp.MustCompile(`-?[0-9.]+`)

// noOverlaps holds every text against all others, the cards and the picture's edge.
func noOverlaps(t *testing.T, name string, s seen) {
	t.Helper()
	for i, a := range s.texts {
		if a.x < 0 || a.y < 0 || a.x+a.w > s.width || a.y+a.h > s.height {
			t.Errorf("%s: %q reaches out of the picture", name, a.text)
		}
		for _, b := range s.texts[i+1:] {
			if a.overlaps(b) {
				t.Errorf("%s: %q and %q overlap", name, a.text, b.text)
			}
		}
		in := 0
		for _, c := range s.cards {
			if a.overlaps(c) && !(a.x >= c.x-1 && a.x+a.w <= c.x+c.w+1 && a.y >= c.y-1 && a.y+a.h <= c.y+c.h+5) {
				in++
			}
		}
		if in > 0 {
			t.Errorf("%s: %q crosses the edge of a card", name, a.text)
		}
	}
}

// check holds a picture of one journey against the journey.
func check(t *testing.T, name string, r *schema.Resource, svg []byte) {
	t.Helper()
	s := read(t, name, svg)
	noOverlaps(t, name, s)
	want := map[string]bool{}
	if entry := schema.Str(r.Body, "/entryNodeId"); entry != "" {
		want[schema.StartNode+"\x00\x00"+entry] = true
	}
	for _, ref := range schema.NodeRefs(r.Body) {
		if !s.nodes[ref.ID] {
			t.Errorf("%s: node %s (%s) is not drawn", name, ref.ID, ref.DisplayName)
		}
		connections, _ := schema.Lookup(r.Body, schema.Pointer("nodes", ref.ID, "connections"))
		m, _ := connections.(map[string]any)
		for o, to := range m {
			if to, ok := to.(string); ok && to != "" {
				want[ref.ID+"\x00"+o+"\x00"+to] = true
			}
		}
	}
	for w := range want {
		if !s.wires[w] {
			t.Errorf("%s: wire %q is not drawn", name, w)
		}
	}
	for w := range s.wires {
		if !want[w] {
			t.Errorf("%s: wire %q is drawn and is not there", name, w)
		}
	}
	for _, p := range s.paths {
		if !strings.HasPrefix(p.class, "lp-w") {
			continue
		}
		for _, n := range numbers.FindAllString(p.d, -1) {
			if f, err := strconv.ParseFloat(n, 64); err != nil || f < 0 || f > max(s.width, s.height) {
				t.Errorf("%s: a wire from %s to %s leaves the picture: %s", name, p.from, p.to, p.d)
				break
			}
		}
	}
}
