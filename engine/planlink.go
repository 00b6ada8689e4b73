package engine

import (
	"fmt"
	"slices"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// link fills Needs: the steps that must be done before each.
func (p *Plan) link(refs []schema.Reference, esvs []schema.ESVReference) {
	last := map[schema.Key]int{}
	lastRestart := 0
	refsOf, esvsOf := map[schema.Key][]schema.Key{}, map[schema.Key][]string{}
	for _, r := range refs {
		refsOf[r.From] = append(refsOf[r.From], r.To)
	}
	for _, e := range esvs {
		esvsOf[e.Key] = append(esvsOf[e.Key], e.ESV)
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		needs := map[int]bool{}
		if s.Restart {
			for _, earlier := range p.Steps[:i] {
				if earlier.Class == schema.PerEnvironment {
					needs[earlier.Number] = true
				}
			}
			lastRestart = s.Number
		}
		if s.Action != diff.Delete {
			for _, to := range refsOf[s.Key] {
				if n := last[to]; n > 0 && !s.Stub {
					needs[n] = true
				}
			}
			for _, esv := range esvsOf[s.Key] {
				for _, typ := range []string{"variable", "secret"} {
					if n := last[schema.Key{Type: typ, ID: esv}]; n > 0 {
						needs[n] = true
						if lastRestart > n {
							needs[lastRestart] = true
						}
					}
				}
			}
		}
		if n := last[s.Key]; n > 0 && s.Key != (schema.Key{}) {
			needs[n] = true
		}
		for n := range needs {
			s.Needs = append(s.Needs, n)
		}
		slices.Sort(s.Needs)
		if s.Key != (schema.Key{}) {
			last[s.Key] = s.Number
		}
	}
}

// linkDeletes makes a deletion wait for the steps after which nothing on the tenant refers to the resource.
func (p *Plan) linkDeletes(liveRefs []schema.Reference, liveESVs []schema.ESVReference) {
	users := map[schema.Key][]schema.Key{}
	for _, r := range liveRefs {
		users[r.To] = append(users[r.To], r.From)
	}
	for _, e := range liveESVs {
		for _, typ := range []string{"variable", "secret"} {
			k := schema.Key{Type: typ, ID: e.ESV}
			users[k] = append(users[k], e.Key)
		}
	}
	last := map[schema.Key]int{}
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Action == diff.Delete {
			for _, u := range users[s.Key] {
				if n := last[u]; n > 0 && !slices.Contains(s.Needs, n) {
					s.Needs = append(s.Needs, n)
				}
			}
			slices.Sort(s.Needs)
		}
		if !s.Restart {
			last[s.Key] = s.Number
		}
	}
}

// expect notes the digests of live resources that the written ones refer to and no step touches.
func (p *Plan) expect(live, want *schema.Set, refs []schema.Reference) {
	touched := map[schema.Key]bool{}
	for _, s := range p.Steps {
		touched[s.Key] = true
	}
	seen := map[schema.Key]bool{}
	for _, r := range refs {
		if !touched[r.From] || touched[r.To] || seen[r.To] {
			continue
		}
		seen[r.To] = true
		if target, ok := live.Get(r.To); ok {
			p.Reads = append(p.Reads, Expect{r.To, diff.Digest(target)})
		} else if _, left := want.Get(r.To); left && !r.Soft && !live.Knows(r.To) && readWhole(live, r.To) {
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s needs %s, which the tenant lacks and this plan leaves out", label(want, r.From), label(want, r.To)))
		}
	}
	slices.SortFunc(p.Reads, func(a, b Expect) int { return a.Key.Compare(b.Key) })
}
