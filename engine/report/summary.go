package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
)

// A total is one line of the summary: what the changes are of.
type total struct {
	By    string // "type"
	Parts []totalPart
}

// A totalPart is one type, realm or class, with the signs of what is done: "+20 ~5 -1".
type totalPart struct{ Name, Signs string }

// totals breaks a summary down; nil when there is nothing to break down.
func totals(s diff.Summary) []total {
	if len(s.ByType) < 2 && len(s.ByRealm) < 2 && len(s.ByClass) < 2 {
		return nil
	}
	return []total{{"type", parts(s.ByType)}, {"realm", parts(s.ByRealm)}, {"class", parts(s.ByClass)}}
}

// parts are sorted by how much they have, then by name.
func parts[K ~string](counts map[K]diff.Counts) []totalPart {
	var names []K
	for k := range counts {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b].Total(), counts[a].Total()), cmp.Compare(a, b))
	})
	var out []totalPart
	for _, n := range names {
		out = append(out, totalPart{string(n), signs(counts[n])})
	}
	return out
}

func signs(c diff.Counts) string {
	var parts []string
	for _, s := range []struct {
		sign string
		n    int
	}{{"+", c.Create}, {"~", c.Update}, {"-", c.Delete}} {
		if s.n > 0 {
			parts = append(parts, s.sign+number(s.n))
		}
	}
	return strings.Join(parts, " ")
}

func (t total) text() string {
	var all []string
	for _, p := range t.Parts {
		all = append(all, p.Name+" "+p.Signs)
	}
	return strings.Join(all, " · ")
}

// wrapped is text in lines of n columns, broken between parts and never within one.
func (t total) wrapped(indent string, n int) string {
	const hard = "\u00a0"
	var all []string
	for _, p := range t.Parts {
		all = append(all, strings.ReplaceAll(clean(p.Name+" "+p.Signs), " ", hard))
	}
	return strings.ReplaceAll(wrap(strings.Join(all, hard+"· "), indent, n), hard, " ")
}

// maxText is how many lines of one text's difference are shown unless all is asked for, and maxHTMLText in a
// page, which folds.
const (
	maxText     = 400
	maxHTMLText = 5000
	maxItems    = 80 // lines about one resource
	maxDrift    = 60 // differences of one tenant
)

// bounded gives the lines that are shown, and what is said of the others.
func bounded(lines []string, most int, way string) (shown []string, rest string) {
	if len(lines) <= most+1 {
		return lines, ""
	}
	return lines[:most], fmt.Sprintf("… %s more lines; %s", number(len(lines)-most), way)
}
