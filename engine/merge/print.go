package merge

import "strings"

// indentOf finds what a document is indented with; "" when it stands on one line.
func indentOf(text string) string {
	i := strings.IndexByte(text, '\n')
	if i < 0 || strings.TrimSpace(text[i:]) == "" {
		return ""
	}
	rest := text[i+1:]
	n := len(rest) - len(strings.TrimLeft(rest, " \t"))
	if n == 0 {
		return "  "
	}
	return rest[:n]
}

func marker(o Options, sign byte, label string) string {
	s := strings.Repeat(string(sign), o.MarkerSize)
	if label != "" {
		s += " " + label
	}
	return s + "\n"
}

// A printer writes a merged value. What is as it was keeps its text.
type printer struct {
	o            Options
	indent       string
	ours, theirs string
	b            strings.Builder
}

func (p *printer) document(n *node) string {
	if n == nil {
		return ""
	}
	if n.clash != nil {
		p.clash(n.clash, 0, func(x *node) string { return "" }, false)
		return strings.TrimSuffix(p.b.String(), "\n")
	}
	p.value(n, 0)
	return p.b.String()
}

func (p *printer) value(n *node, depth int) {
	if n.raw != "" && n.conflicts() == 0 {
		p.b.WriteString(n.raw)
		return
	}
	open, end := "{", "}"
	count := len(n.members)
	if n.kind == '[' {
		open, end, count = "[", "]", len(n.elems)
	}
	p.b.WriteString(open)
	compact := p.indent == "" && n.conflicts() == 0
	for i := range count {
		v, key := n.child(i)
		last := i == count-1
		if v.clash != nil {
			p.line()
			p.clash(v.clash, depth+1, func(*node) string { return key }, !last)
			continue
		}
		if !compact {
			p.line()
			p.pad(depth + 1)
		}
		p.b.WriteString(key)
		p.value(v, depth+1)
		if !last {
			p.b.WriteByte(',')
		}
	}
	if count > 0 && !compact {
		p.line()
		p.pad(depth)
	}
	p.b.WriteString(end)
}

// child gives a member or element, and what stands before its value.
func (n *node) child(i int) (v *node, key string) {
	if n.kind == '[' {
		return n.elems[i], ""
	}
	return n.members[i].val, n.members[i].raw + ": "
}

// line ends a line, unless one has just ended.
func (p *printer) line() {
	if !strings.HasSuffix(p.b.String(), "\n") {
		p.b.WriteByte('\n')
	}
}

func (p *printer) pad(depth int) { p.b.WriteString(strings.Repeat(p.indent, depth)) }

// clash writes the three versions between markers, each as it would stand alone.
func (p *printer) clash(c *clash, depth int, key func(*node) string, comma bool) {
	part := func(list []*node) {
		for i, n := range list {
			p.pad(depth)
			p.b.WriteString(key(n))
			p.value(n, depth)
			if comma || i < len(list)-1 {
				p.b.WriteByte(',')
			}
			p.b.WriteByte('\n')
		}
	}
	p.b.WriteString(marker(p.o, '<', p.ours))
	part(c.ours)
	p.b.WriteString(marker(p.o, '|', "base"))
	part(c.base)
	p.b.WriteString(marker(p.o, '=', ""))
	part(c.theirs)
	p.b.WriteString(marker(p.o, '>', p.theirs))
}
