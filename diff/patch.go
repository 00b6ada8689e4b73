package diff

import (
	"fmt"
	"slices"
	"sort"
	"strconv"

	"github.com/wI2L/jsondiff"

	"github.com/lockstep-gitops/lockstep/schema"
)

// updatePatch makes the operations that turn the body before, as it was read, into one that means the same
// as the body after: fb and fa are their forms. What is no difference is not touched: what the server owns,
// the order of a list whose order means nothing. A secret stands in a value as its hash.
func updatePatch(h hasher, p place, before, after, fb, fa map[string]any, dropNull bool) ([]Op, error) {
	g := grafter{dropNull}
	target := g.graft(p, before, after, fb, fa)
	var w opsWriter
	err := w.value(p, "", h.mask(p, before), h.mask(p, target))
	return w.ops, err
}

// An opsWriter collects the operations of a patch. It knows the identity of elements; where there is none,
// jsondiff says how a list changed.
type opsWriter struct{ ops []Op }

func (w *opsWriter) op(op, path string, v any) {
	o := Op{Op: op, Path: path}
	if op != "remove" {
		o.Value = schema.CompactJSON(v)
	}
	w.ops = append(w.ops, o)
}

func (w *opsWriter) value(p place, at string, before, after any) error {
	if equal(before, after) {
		return nil
	}
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			return w.object(p, at, b, a)
		}
	case []any:
		if a, ok := after.([]any); ok {
			if len(b) > 0 && len(a) > 0 && identityOf(p, b, a) != "" {
				pairs, _ := pairUp(p, b, a)
				return w.keyed(p, at, b, a, pairs)
			}
			return w.list(at, b, a)
		}
	}
	w.op("replace", at, after)
	return nil
}

func (w *opsWriter) object(p place, at string, before, after map[string]any) error {
	all := schema.SortedKeys(after)
	for k := range before {
		if _, stays := after[k]; !stays {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	for _, k := range all {
		to := at + "/" + schema.EscapeSegment(k)
		b, was := before[k]
		a, is := after[k]
		switch {
		case !was:
			w.op("add", to, a)
		case !is:
			w.op("remove", to, nil)
		default:
			if err := w.value(p.at(k), to, b, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// keyed writes what became of a list whose elements have an identity: first, from the end, what goes, then
// from the start what comes and what changes, so that every index is right when its operation's turn is.
// An element that stands elsewhere goes and comes.
func (w *opsWriter) keyed(p place, at string, before, after []any, pairs []int) error {
	stay := rising(pairs)
	kept := map[int]bool{}
	for i, j := range pairs {
		if stay[i] {
			kept[j] = true
		}
	}
	for j := len(before) - 1; j >= 0; j-- {
		if !kept[j] {
			w.op("remove", segment(at, j), nil)
		}
	}
	for i, a := range after {
		if !stay[i] {
			w.op("add", segment(at, i), a)
			continue
		}
		if err := w.value(p.at(strconv.Itoa(i)), segment(at, i), before[pairs[i]], a); err != nil {
			return err
		}
	}
	return nil
}

// list writes what became of a list whose elements have no identity.
func (w *opsWriter) list(at string, before, after []any) error {
	var options []jsondiff.Option
	if longest(before)*longest(after) <= maxCommon { // its table has as many cells
		options = append(options, jsondiff.LCS())
	}
	ops, err := jsondiff.CompareWithoutMarshal(before, after, options...)
	if err != nil {
		return fmt.Errorf("compare the lists at %s: %w", at, err)
	}
	for _, op := range ops {
		w.op(op.Type, at+op.Path, op.Value)
	}
	return nil
}

// rising marks the longest run of elements that stayed and stand in the order in which they stood.
func rising(pairs []int) []bool {
	var tails []int // tails[n] is the index of the least last element of a run of n+1
	prev := make([]int, len(pairs))
	for i, j := range pairs {
		if j < 0 {
			continue
		}
		n := sort.Search(len(tails), func(n int) bool { return pairs[tails[n]] >= j })
		prev[i] = -1
		if n > 0 {
			prev[i] = tails[n-1]
		}
		tails = append(tails[:n], append([]int{i}, tails[min(n+1, len(tails)):]...)...)
	}
	stay := make([]bool, len(pairs))
	if len(tails) > 0 {
		for i := tails[len(tails)-1]; i >= 0; i = prev[i] {
			stay[i] = true
		}
	}
	return stay
}

// longest is the length of the longest list in v, v included.
func longest(v any) int {
	n := 0
	schema.Walk(v, func(_ string, v any) bool {
		if list, ok := v.([]any); ok {
			n = max(n, len(list))
		}
		return true
	})
	return n
}

// A grafter puts the differences of two forms into the body that the first was made of.
type grafter struct{ dropNull bool }

// graft returns before with as little changed as makes its form fa. before and after are as read, fb and fa
// their forms, all four at the same place.
func (g grafter) graft(p place, before, after, fb, fa any) any {
	if p.same(fb, fa) {
		return before
	}
	switch f := fb.(type) {
	case map[string]any:
		if to, ok := fa.(map[string]any); ok {
			return g.object(p, before.(map[string]any), asObject(after), f, to)
		}
	case []any:
		if to, ok := fa.([]any); ok {
			list, _ := after.([]any)
			return g.list(p, before.([]any), list, f, to)
		}
	}
	return fa
}

func asObject(v any) map[string]any { m, _ := v.(map[string]any); return m }

func (g grafter) object(p place, before, after, fb, fa map[string]any) map[string]any {
	out := make(map[string]any, len(before)+len(fa))
	for k, v := range before {
		out[k] = v
	}
	for k := range fb {
		if _, stays := fa[k]; stays {
			continue
		}
		// What is a default on the other side is put there in so many words if it stands there in so many.
		if v, ok := after[k]; ok && v != nil {
			out[k] = p.at(k).form(v, g.dropNull)
		} else {
			delete(out, k)
		}
	}
	for k, to := range fa {
		if from, ok := fb[k]; ok {
			out[k] = g.graft(p.at(k), before[k], after[k], from, to)
		} else {
			out[k] = to
		}
	}
	return out
}

// list keeps elements that stay as they were read. Where the order means something it is that of fa;
// otherwise what stays keeps its place, and what is new comes last.
func (g grafter) list(p place, before, after, fb, fa []any) []any {
	pairs, _ := pairUp(p, fb, fa)
	element := func(i int) any {
		j := pairs[i]
		if j < 0 {
			return fa[i]
		}
		var a any
		if i < len(after) {
			a = after[i]
		}
		return g.graft(p.at(strconv.Itoa(i)), before[j], a, fb[j], fa[i])
	}
	out := make([]any, 0, len(fa))
	if !p.has(unordered) {
		for i := range fa {
			out = append(out, element(i))
		}
		return out
	}
	is := map[int]int{}
	for i, j := range pairs {
		if j >= 0 {
			is[j] = i
		}
	}
	for j := range fb {
		if i, stays := is[j]; stays {
			out = append(out, element(i))
		}
	}
	for i, j := range pairs {
		if j < 0 {
			out = append(out, fa[i])
		}
	}
	return out
}
