package main

import (
	"bytes"
	"encoding/json"
	"path"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A survey is one look at a source: what was read, and what was found before anybody judged it. Resources that are
// as they were the last time, and see of others what they saw then, are not read again: stubs stand for them.
type survey struct {
	*loaded
	found schema.Diagnostics // by the rules
	view  string             // see schema.View; "" when it was not asked for
	stubs []cachedStub       // that stand in the set
	seen  bool               // what was read is what the cache's fingerprint has seen
}

// all is all that was found, while reading as well.
func (s *survey) all() schema.Diagnostics { return slices.Concat(s.diags, s.found) }

// A cachedStub is a stub whose findings, if there are any, are kept without excerpts.
type cachedStub struct {
	schema.Stub
	Bare *bareFindings `json:",omitempty"`
	line []byte        // of the cache file; nil when it is new
}

// part is what is kept of a survey for the case that some files change: a line with its view, and one for each
// stub.
func (s *survey) part(lines fileLines) ([]byte, error) {
	if s.view == "" {
		s.view = schema.View(s.Set)
	}
	out := [][]byte{[]byte(s.view)}
	if !repo.Layout(s.Layout).InParts() {
		return out[0], nil
	}
	for _, x := range schema.Stubs(s.Set, s.diags, s.found) {
		one := cachedStub{Stub: x}
		if len(x.Findings) > 0 {
			b := bare(x.Findings)
			if !lines.holds(b, x.Findings) {
				continue
			}
			one.Bare = &b
		}
		line, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		out = append(out, line)
	}
	for _, x := range s.stubs {
		out = append(out, x.line)
	}
	return bytes.Join(out, []byte("\n")), nil
}

// readPart reads what part made, on all processors.
func readPart(data []byte) (view string, stubs []cachedStub, err error) {
	lines := bytes.Split(data, []byte("\n"))
	stubs = make([]cachedStub, len(lines)-1)
	var g errgroup.Group
	n := runtime.GOMAXPROCS(0)
	for k := range n {
		g.Go(func() error {
			for i := k; i < len(stubs); i += n {
				x := &stubs[i]
				if err := json.Unmarshal(lines[i+1], x); err != nil {
					return err
				}
				x.line = lines[i+1]
				if x.Bare != nil {
					x.Findings = x.Bare.Findings
				}
			}
			return nil
		})
	}
	return string(lines[0]), stubs, g.Wait()
}

// again looks at a source of which most is as it was; nil when it has to be read whole: where files came or went,
// or the change is one that other resources see. base is the configuration before a change, if any.
func (a *app) again(c *resultCache, base *schema.Set) *survey {
	if c.kept == nil || c.kept.Settings != c.settings {
		return nil
	}
	files, ok := c.stamps.Changed(c.was)
	if !ok {
		return nil
	}
	view, stubs, err := readPart(c.part)
	if err != nil {
		return nil
	}
	changed := map[string]bool{}
	for name := range files {
		changed[path.Join(c.source.dir, name)] = true
	}
	lines := c.lines()
	stubs = slices.DeleteFunc(stubs, func(x cachedStub) bool {
		if x.DependsOn(changed) {
			return true
		}
		ok := true
		if x.Bare != nil {
			_, ok = lines.fill(*x.Bare) // in place: x.Findings are the same
		}
		return !ok
	})
	// A rule may ask for a place in a resource that only a stub stands for: then that is read as well.
	for range 3 {
		s, asked := a.surveyWith(c, stubs, view, base)
		if s == nil || len(asked) == 0 {
			return s
		}
		stubs = slices.DeleteFunc(stubs, func(x cachedStub) bool { return asked[x.Key] })
	}
	return nil
}

// surveyWith looks at a source with stubs for what is known of it. It answers nil when they see another view than
// they did, and which of them rules have asked for more than they know.
func (a *app) surveyWith(c *resultCache, stubs []cachedStub, view string, base *schema.Set) (*survey, map[schema.Key]bool) {
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
