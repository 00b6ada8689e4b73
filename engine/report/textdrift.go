package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Drift writes how environments differ from git.
func Drift(w io.Writer, vs []DriftView, o Options) error {
	p := &printer{w: w, o: o}
	p.drift(vs)
	return p.err
}

func (p *printer) drift(vs []DriftView) {
	names := 0
	for _, v := range vs {
		names = max(names, width(clean(v.Environment)))
	}
	for _, v := range vs {
		p.driftOf(v, names+3)
	}
}

func (p *printer) driftOf(v DriftView, column int) {
	st := p.o.Style
	name := pad(clean(v.Environment), column)
	git := "git"
	if v.Source != "" {
		git = clean(v.Source)
	}
	if v.Problem != "" {
		p.line(st.bold(name), st.red("not looked at: "), wrap(clean(v.Problem), strings.Repeat(" ", column), p.o.Width))
		return
	}
	if len(v.Items) == 0 {
		right := count(v.Resources, "resource", "resources")
		if v.Checked != "" {
			right += ", " + clean(v.Checked)
		}
		left := name + "in sync with " + git
		p.sides(st.bold(name)+st.green("in sync")+" with "+git, left, right, p.columns()-33)
		return
	}
	text := count(len(v.Items), "difference", "differences") + " that git does not have"
	if v.Source != "" {
		text = count(len(v.Items), "difference", "differences") + " that " + git + " does not have"
	}
	p.line(st.bold(name), text)
	labels, texts := 0, 0
	for _, i := range v.Items {
		if n := width(clean(i.Label)); n <= 40 {
			labels = max(labels, n)
		}
		if n := width(clean(i.Text)); n <= 45 {
			texts = max(texts, n)
		}
	}
	shown := v.Items
	if !p.o.All && len(shown) > maxDrift {
		shown = shown[:maxDrift]
	}
	for _, i := range shown {
		p.line("  ", pad(clean(i.Label), labels+2), pad(clean(i.Text), texts+2), p.accepted(i))
	}
	if n := len(v.Items) - len(shown); n > 0 {
		p.line("  ", st.dim(fmt.Sprintf("… %s more differences, %s; --all shows them, -o json has all", number(n), driftKinds(v.Items[len(shown):]))))
	}
}

// driftKinds counts differences by their resources' types: "sync-mapping 16, journey 12, 3 others".
func driftKinds(items []DriftItem) string {
	counts := map[string]int{}
	for _, i := range items {
		counts[i.Key.Type]++
	}
	types := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	var parts []string
	rest := len(items)
	for _, t := range types[:min(len(types), 5)] {
		parts = append(parts, fmt.Sprintf("%s %d", t, counts[t]))
		rest -= counts[t]
	}
	if rest > 0 {
		parts = append(parts, count(rest, "other", "others"))
	}
	return strings.Join(parts, ", ")
}

func (p *printer) accepted(i DriftItem) string {
	s := acceptedWords(i)
	if !i.Accepted {
		return p.o.Style.red(s)
	}
	return s
}

func acceptedWords(i DriftItem) string {
	if !i.Accepted {
		return "not accepted"
	}
	s := "accepted"
	if i.Until != "" {
		s += " until " + clean(i.Until)
	}
	if i.Reason != "" {
		s += " (" + clean(i.Reason) + ")"
	}
	return s
}
