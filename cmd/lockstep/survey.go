package main

import (
	"encoding/json"
	"path"
	"slices"
	"sync"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A survey is one look at a source: what was read, and what was found before anybody judged it. Resources that are
// as they were the last time, and see of others what they saw then, are not read again: stubs stand for them.
type survey struct {
	*loaded
	found schema.Diagnostics // by the rules
	view  string             // see schema.View; "" when it was not asked for
	stubs []schema.Stub      // that stand in the set
	seen  bool               // what was read is what the cache's fingerprint has seen
}

// all is all that was found, while reading as well.
func (s *survey) all() schema.Diagnostics { return slices.Concat(s.diags, s.found) }

// A cachedPart is what a cache keeps for the case that some files change.
type cachedPart struct {
	View  string
	Stubs []cachedStub
}

// A cachedStub is a stub whose findings, if there are any, are kept without excerpts.
type cachedStub struct {
	schema.Stub
	Bare *bareFindings `json:",omitempty"`
}

// part makes what is kept of a survey.
func (s *survey) part(lines fileLines) cachedPart {
	p := cachedPart{View: s.view}
	if p.View == "" {
		p.View = schema.View(s.Set)
	}
	if !repo.Layout(s.Layout).InParts() {
		return p
	}
	for _, x := range slices.Concat(schema.Stubs(s.Set, s.diags, s.found), s.stubs) {
		one := cachedStub{Stub: x}
		if len(x.Findings) > 0 {
			b := bare(x.Findings)
			if !lines.holds(b, x.Findings) {
				continue
			}
			one.Bare = &b
		}
		p.Stubs = append(p.Stubs, one)
	}
	return p
}

// again looks at a source of which most is as it was; nil when it has to be read whole: where files came or went,
// or the change is one that other resources see. base is the configuration before a change, if any.
func (a *app) again(c *resultCache, base *schema.Set) *survey {
	if c.kept == nil || c.kept.Settings != c.settings {
		return nil
	}
	files, ok := c.stamps.Changed(c.was)
	var part cachedPart
	if !ok || json.Unmarshal(c.part, &part) != nil {
		return nil
	}
	changed := map[string]bool{}
	for name := range files {
		changed[path.Join(c.source.dir, name)] = true
	}
	lines := c.lines()
	var stubs []schema.Stub
	for _, x := range part.Stubs {
		if x.Bare != nil {
			x.Findings = x.Bare.Findings
		}
		if x.DependsOn(changed) {
			continue
		}
		if x.Bare != nil {
			if x.Findings, ok = lines.fill(*x.Bare); !ok {
				continue
			}
		}
		stubs = append(stubs, x.Stub)
	}
	// A rule may ask for a place in a resource that only a stub stands for: then that is read as well.
	for range 3 {
		s, asked := a.surveyWith(c, stubs, part.View, base)
		if s == nil || len(asked) == 0 {
			return s
		}
		stubs = slices.DeleteFunc(stubs, func(x schema.Stub) bool { return asked[x.Key] })
	}
	return nil
}

// surveyWith looks at a source with stubs for what is known of it. It answers nil when they see another view than
// they did, and which of them rules have asked for more than they know.
func (a *app) surveyWith(c *resultCache, stubs []schema.Stub, view string, base *schema.Set) (*survey, map[schema.Key]bool) {
	seen := &repo.Seen{Stamps: c.stamps, Dir: c.source.dir, Skip: map[string]bool{}}
	for _, x := range stubs {
		for _, f := range x.Files {
			seen.Skip[f] = true
		}
	}
	source := c.source
	source.options.Seen = seen
	l, err := a.readSource(source)
	if err != nil {
		return nil, nil // a whole reading tells it better
	}
	var mu sync.Mutex
	asked := map[schema.Key]bool{}
	ask := func(k schema.Key) {
		mu.Lock()
		asked[k] = true
		mu.Unlock()
	}
	known := make(map[schema.Key]schema.Diagnostics, len(stubs))
	for _, x := range stubs {
		if l.Add(x.Resource(ask)) != nil || l.Knows(x.Key) && (l.IsBroken(x.Key) || l.IsIgnored(x.Key)) {
			return nil, nil
		}
		known[x.Key] = x.Findings
	}
	if schema.View(l.Set) != view {
		return nil, nil
	}
	s := &survey{loaded: l, view: view, stubs: stubs, seen: true}
	s.found = schema.Validate(l.Set, schema.Options{Base: base, Known: known})
	return s, asked
}
