package picture

import (
	"fmt"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Mermaid writes the picture as a Mermaid flow chart, for places that show those and no SVG: a pull request's
// comment. A change has both sides in one chart. Only letters, digits, spaces and a few signs of names are
// written as they are: the rest as Mermaid's #code;.
func (p *Picture) Mermaid() string {
	g := p.g
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	nodes, ways, _ := g.walk()
	short := map[string]string{}
	var wires []*wire
	for i, n := range nodes {
		short[n.id] = fmt.Sprintf("n%d", i)
		wires = append(wires, ways[n.id]...)
	}
	for _, n := range nodes {
		fmt.Fprintf(&b, "  %s%s\n", short[n.id], n.mermaid())
	}
	var styles []string
	for i, w := range wires {
		line, label := "-->", ""
		switch {
		case w.mark == removed, w.mark == rewired && w.on == before:
			line, label = "-.->", "− "
		case w.mark != same:
			line, label = "==>", "+ "
		}
		if text := strings.TrimSpace(label + g.outcomeLabel(w)); text != "" {
			line += `|"` + mermaidText(text) + `"|`
		}
		fmt.Fprintf(&b, "  %s %s %s\n", short[w.from], line, short[w.to])
		if color := w.colour(); color != "" {
			styles = append(styles, fmt.Sprintf("  linkStyle %d stroke:%s", i, color))
		}
	}
	if len(styles) > 0 {
		b.WriteString(strings.Join(styles, "\n") + "\n")
	}
	light := Light()
	for _, c := range []struct {
		name, fill, line, more string
		in                     func(*node) bool
	}{
		{"ok", "okbg", "ok", "", func(n *node) bool { return n.static == schema.SuccessNode }},
		{"failure", "badbg", "bad", "", func(n *node) bool { return n.static == schema.FailureNode }},
		{"ghost", "badbg", "bad", ",stroke-dasharray:5 4", func(n *node) bool { return !n.known && n.static == "" }},
		{"added", "addbg", "add", ",stroke-width:2px", func(n *node) bool { return n.mark == added }},
		{"removed", "delbg", "del", ",stroke-width:2px,stroke-dasharray:5 4", func(n *node) bool { return n.mark == removed }},
		{"changed", "modbg", "mod", ",stroke-width:2px", func(n *node) bool { return n.mark == changed }},
	} {
		var ids []string
		for _, n := range nodes {
			if c.in(n) {
				ids = append(ids, short[n.id])
			}
		}
		if len(ids) > 0 {
			fmt.Fprintf(&b, "  classDef %s fill:%s,stroke:%s,color:%s%s\n  class %s %s\n", c.name, light[c.fill], light[c.line], light["ink"], c.more, strings.Join(ids, ","), c.name)
		}
	}
	return b.String()
}

func (g *graph) outcomeLabel(w *wire) string {
	if n := g.byID[w.from]; n != nil {
		for _, o := range n.outcomes {
			if o.id == w.outcome {
				return o.label
			}
		}
	}
	return w.outcome
}

func (w *wire) colour() string {
	light := Light()
	switch w.mark {
	case added:
		return light["add"]
	case removed:
		return light["del"]
	case rewired:
		return light["rew"]
	}
	return ""
}

// mermaid is a node's shape and text.
func (n *node) mermaid() string {
	sign := [...]string{same: "", added: "+ ", removed: "− ", changed: "~ "}
	lines := []string{mermaidText(sign[n.mark] + n.title)}
	if n.inner != "" {
		lines = append(lines, mermaidText("→ "+n.inner))
	}
	for _, k := range n.kids {
		lines = append(lines, mermaidText("· "+sign[k.mark]+k.title))
	}
	text := strings.Join(lines, "<br/>")
	switch {
	case n.static == schema.StartNode:
		return `(("` + text + `"))`
	case n.static == schema.SuccessNode:
		return `(["` + text + `"])`
	case n.inner != "":
		return `[["` + text + `"]]`
	case n.static == schema.FailureNode:
		return `{{"` + text + `"}}`
	case categoryOf(n.typ).name == "script":
		return `[/"` + text + `"/]`
	}
	return `["` + text + `"]`
}

func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range tame(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" ,-_()/", r), r > 0xa0 && r != 0xfffd && r < 0xfff0:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
