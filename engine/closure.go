package engine

import (
	"fmt"
	"slices"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// names says whether a glob matches a resource of the set.
func names(g schema.Glob, s *schema.Set) bool {
	return slices.ContainsFunc(s.All(), func(r *schema.Resource) bool { return g.Match(r.Key, r.Name()) })
}

// Select compares two sets and chooses the changes that a plan is to hold: those that the targets name and
// the excludes don't, and what those need. included names what came along, and for whom: a journey without
// its new script would be refused by the tenant, or worse, taken. What is excluded stays out even then; the
// plan warns where that leaves something without what it needs.
func Select(live, want *schema.Set, o diff.Options) (changes []diff.Change, included []Mention, err error) {
	if len(o.Target) == 0 {
		changes, err = diff.Compare(live, want, o)
		return changes, nil, err
	}
	targets := o.Target
	for _, g := range targets {
		if !names(g, live) && !names(g, want) {
			return nil, nil, fmt.Errorf("--target %s names nothing: neither the source nor the tenant has such a resource\nA resource is called REALM/TYPE/NAME, as the plan without --target lists it", g)
		}
	}
	o.Target = nil
	all, err := diff.Compare(live, want, o)
	if err != nil {
		return nil, nil, err
	}
	byKey := map[schema.Key]diff.Change{}
	chosen := map[schema.Key]bool{}
	var queue []schema.Key
	for _, c := range all {
		byKey[c.Key] = c
		if slices.ContainsFunc(targets, func(g schema.Glob) bool { return g.Match(c.Key, c.Name) }) {
			chosen[c.Key] = true
			queue = append(queue, c.Key)
		}
	}
	needs := map[schema.Key][]schema.Key{}
	for _, r := range schema.References(want) {
		if !r.Soft {
			needs[r.From] = append(needs[r.From], r.To)
		}
	}
	for _, e := range schema.ESVReferences(want) {
		needs[e.Key] = append(needs[e.Key], schema.Key{Type: "variable", ID: e.ESV}, schema.Key{Type: "secret", ID: e.ESV})
	}
	// What is needed may be needed by what is the same on both sides: the walk goes through that as well.
	seen := map[schema.Key]bool{}
	for len(queue) > 0 {
		from := queue[0]
		queue = queue[1:]
		if seen[from] {
			continue
		}
		seen[from] = true
		if c, ok := byKey[from]; ok && c.Action == diff.Delete {
			continue
		}
		for _, to := range needs[from] {
			c, changed := byKey[to]
			if changed && c.Action != diff.Delete && !chosen[to] {
				chosen[to] = true
				included = append(included, Mention{c.Key, c.Name, c.Action, "needed by " + label(want, from)})
			}
			if r, ok := want.Get(to); ok && !slices.ContainsFunc(o.Exclude, func(g schema.Glob) bool { return g.Match(to, r.Name()) }) {
				queue = append(queue, to)
			}
		}
	}
	slices.SortFunc(included, func(a, b Mention) int { return a.Key.Compare(b.Key) })
	return slices.DeleteFunc(all, func(c diff.Change) bool { return !chosen[c.Key] }), included, nil
}
