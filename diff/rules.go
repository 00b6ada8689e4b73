package diff

import (
	"slices"
	"strings"
	"sync"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A mark says what a row says of the values at a place.
type mark uint8

const (
	volatile  mark = 1 << iota // the server owns it
	text                       // shown line by line, LF and CRLF the same
	unordered                  // a list whose order means nothing
	secret                     // never shown
)

// A ruleNode is one segment of the patterns of a type's row, put together as a tree, so that one walk
// over a body answers for all of them at once.
type ruleNode struct {
	literal  map[string]*ruleNode
	wild     []wildEdge // "*", "supported*"
	deep     *ruleNode  // the node of a "**" that follows
	self     bool       // is the node of a "**": stays, however deep the walk goes
	marks    mark
	defaults []any
	by       string // the identity of a list's elements
	alone    place  // what the place is when nothing else leads there: made once, never changed
}

type wildEdge struct {
	pattern string
	to      *ruleNode
}

// A place is where a walk over a body stands in the row's patterns: all nodes that its pointer leads to.
// No node means that the row says nothing about what is there or below it.
type place []*ruleNode

// rootsOf compiles the table once.
var rootsOf = sync.OnceValue(func() map[*schema.Type]place {
	m := map[*schema.Type]place{}
	for _, t := range schema.Types() {
		m[t] = compile(t)
	}
	return m
})

// rootOf is the place of a type's whole body.
func rootOf(t *schema.Type) place {
	if p, ok := rootsOf()[t]; ok {
		return p
	}
	return compile(t) // a row that is not in the table: a test's
}

func compile(t *schema.Type) place {
	root := &ruleNode{}
	for marks, patterns := range map[mark][]string{volatile: t.Volatile, unordered: t.Unordered, secret: t.Secret} {
		for _, p := range patterns {
			root.grow(p).marks |= marks
		}
	}
	for _, x := range t.Text {
		root.grow(x.Pattern).marks |= text
	}
	for _, d := range t.Defaults {
		n := root.grow(d.Pattern)
		n.defaults = append(n.defaults, d.Value)
	}
	for _, k := range t.Keyed {
		root.grow(k.Pattern).by = k.By
	}
	root.settle()
	return root.alone
}

// settle makes the places of single nodes, when the tree is whole.
func (n *ruleNode) settle() {
	n.alone = slices.Clip(n.into(nil))
	if n.deep != nil {
		n.deep.settle()
	}
	for _, c := range n.literal {
		c.settle()
	}
	for _, w := range n.wild {
		w.to.settle()
	}
}

// grow finds or makes the node that a pattern ends at.
func (n *ruleNode) grow(pattern string) *ruleNode {
	for _, seg := range schema.SplitPointer(pattern) {
		n = n.child(seg)
	}
	return n
}

func (n *ruleNode) child(seg string) *ruleNode {
	switch {
	case seg == "**":
		if n.deep == nil {
			n.deep = &ruleNode{self: true}
		}
		return n.deep
	case strings.Contains(seg, "*"):
		for _, w := range n.wild {
			if w.pattern == seg {
				return w.to
			}
		}
		w := wildEdge{seg, &ruleNode{}}
		n.wild = append(n.wild, w)
		return w.to
	default:
		if n.literal == nil {
			n.literal = map[string]*ruleNode{}
		}
		if n.literal[seg] == nil {
			n.literal[seg] = &ruleNode{}
		}
		return n.literal[seg]
	}
}

// into adds the node to a place, and what "**" makes of it: any number of segments, none included.
func (n *ruleNode) into(p place) place {
	p = append(p, n)
	if n.deep != nil {
		p = n.deep.into(p)
	}
	return p
}

// at is the place of a member or an element.
func (p place) at(name string) place {
	var out place
	for _, n := range p {
		if n.self {
			out = out.and(n)
		}
		if to := n.literal[name]; to != nil {
			out = out.and(to)
		}
		for _, w := range n.wild {
			if schema.MatchSegment(w.pattern, name) {
				out = out.and(w.to)
			}
		}
	}
	return out
}

// and adds a node's place; it copies, since the places of single nodes are shared.
func (p place) and(n *ruleNode) place {
	if len(p) == 0 {
		return n.alone
	}
	return slices.Concat(p, n.alone)
}

func (p place) has(m mark) bool {
	for _, n := range p {
		if n.marks&m != 0 {
			return true
		}
	}
	return false
}

// isDefault says whether the server would put v there by itself.
func (p place) isDefault(v any) bool {
	for _, n := range p {
		if slices.ContainsFunc(n.defaults, func(d any) bool { return equal(d, v) }) {
			return true
		}
	}
	return false
}

// by is the member that tells the elements of a list apart; "" when the row does not say.
func (p place) by() string {
	for _, n := range p {
		if n.by != "" {
			return n.by
		}
	}
	return ""
}
