package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// WriteOptions say how to write over what is there.
type WriteOptions struct {
	Prune  bool // remove the files of resources that the set does not have
	DryRun bool // say what would be done, and do nothing
	// Ignore are resources that are none of Write's business, whatever the set has.
	Ignore []schema.Glob
	// ValuesApart: where the layout has a form for it (fr-config-manager's ${NAME}), a value that differs in
	// every environment is not written for a resource that is not there yet. What is lost that way is found
	// on the tenant, so this is for writing what a tenant has, and for nothing else.
	ValuesApart bool
	// About, if set, is written beside flat files: they are then a snapshot.
	About *SnapshotMeta
	// Existing is what is there, as LoadPath(dir) reads it; nil means that Write reads it.
	Existing *schema.Set
}

// A WriteResult names files relative to the directory, sorted.
type WriteResult struct {
	Written   []string
	Unchanged []string // already right: not touched
	Removed   []string // of resources that are gone (with Prune), or that a rename left behind
	Stale     []string // of resources that the set does not have, kept
	// Gone are the resources that are there and not in the set: with Prune they are removed.
	Gone []*schema.Resource
}

// Write writes a set into dir in a layout; for Frodo, dir may also be a .json file. A resource that
// is there already, and means the same, is not touched, nor is any file of a kind that is not
// managed. Values that the repository keeps as ${NAME} stay so. A resource of a type or realm that
// the set was not asked for is none of Write's business.
func Write(dir string, s *schema.Set, l Layout, o WriteOptions) (WriteResult, error) {
	p, err := Prepare(dir, s, l, o)
	if err != nil || o.DryRun {
		return p.Result, err
	}
	return p.Result, p.CarryOut(context.Background())
}

// A Pending is a Write that was thought through and not carried out.
type Pending struct {
	Result WriteResult // as it will be
	dir    string
	todo   map[string][]byte
}

// CarryOut does what was prepared: all of it, or nothing. Interrupted before the last moment, it leaves
// everything as it was and gives ctx's error.
func (p *Pending) CarryOut(ctx context.Context) error {
	return carryOut(ctx, p.dir, p.Result.Removed, p.todo)
}

// Prepare finds out what Write would do, and does nothing.
func Prepare(dir string, s *schema.Set, l Layout, o WriteOptions) (*Pending, error) {
	none := &Pending{dir: dir}
	single := ""
	if l == Frodo && strings.HasSuffix(dir, ".json") {
		dir, single = filepath.Split(dir)
		dir = firstOf(dir, ".")
	}
	w := &writer{layout: l, single: single, o: o, old: o.Existing, used: names{}}
	if w.old == nil {
		old, err := existing(dir, l, single)
		if err != nil {
			return none, err
		}
		w.old = old
	}
	w.gather(s)
	if err := w.render(); err != nil {
		return none, err
	}
	res, todo, err := w.decide(dir)
	if err == nil {
		err = w.describe(dir, s, &res, todo)
	}
	return &Pending{Result: res, dir: dir, todo: todo}, err
}

// existing reads what is in dir already, as the tree of that layout and nothing else.
func existing(dir string, l Layout, single string) (*schema.Set, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return schema.NewSet(dir), nil
	}
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("write configuration: %s is a file, not a folder", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	defer root.Close() //nolint:errcheck // only read from
	ld := newLoader(root.FS(), Options{Layout: l, Origin: dir})
	ld.layout, ld.root = l, "."
	ld.list(".")
	if single != "" {
		ld.names = slices.DeleteFunc(ld.names, func(n string) bool { return n != single })
	}
	ld.readAll(ld.names, maxFile)
	switch l {
	case FrConfig:
		ld.frconfig()
	case Frodo:
		ld.frodo()
	case Flat:
		ld.flat()
	default:
		return nil, fmt.Errorf("layout %q can't be written: fr-config-manager, frodo and flat can", l)
	}
	return ld.finish(), nil
}

// A writer turns resources into files.
type writer struct {
	layout Layout
	single string
	o      WriteOptions
	old    *schema.Set
	all    []*schema.Resource // what the files will hold, sorted by key
	want   map[schema.Key]bool
	same   map[schema.Key]bool // there already, meaning the same
	gone   []*schema.Resource
	used   names
	out    map[string]*output
}

// An output is one file to be written.
type output struct {
	data    []byte
	keys    []schema.Key
	changed bool // whatever became of its resources
}

// gather puts together what the files will hold: the set, and what is there beside it and stays.
func (w *writer) gather(s *schema.Set) {
	w.want, w.same, w.out = map[schema.Key]bool{}, map[schema.Key]bool{}, map[string]*output{}
	for _, r := range s.All() {
		if old, ok := w.old.Get(r.Key); ok {
			r = keepPlaceholders(old, r)
			w.same[r.Key] = differs(old, r) == ""
			if w.same[r.Key] {
				r = old
			}
		} else if w.o.ValuesApart && w.layout == FrConfig {
			r = valueApart(r)
		}
		w.want[r.Key] = true
		w.all = append(w.all, r)
	}
	for _, r := range w.old.All() {
		if w.want[r.Key] {
			continue
		}
		if covers(s, r) && !slices.ContainsFunc(w.o.Ignore, func(g schema.Glob) bool { return g.Match(r.Key, r.Name()) }) {
			w.gone = append(w.gone, r)
			if w.o.Prune {
				continue
			}
		}
		w.same[r.Key] = true
		w.all = append(w.all, r)
	}
	slices.SortFunc(w.all, func(a, b *schema.Resource) int { return a.Key.Compare(b.Key) })
}

// covers says whether the set would have the resource if it existed.
func covers(s *schema.Set, r *schema.Resource) bool {
	if s.Knows(r.Key) || len(s.Types) > 0 && !slices.Contains(s.Types, r.Type) || len(s.Realms) > 0 && r.Realm != "" && !slices.Contains(s.Realms, r.Realm) {
		return false
	}
	for _, p := range s.Partial {
		if p == r.Type || p == r.Key.String() || p == strings.TrimSuffix(schema.Key{Type: r.Type, Realm: r.Realm}.String(), "/") {
			return false // what could not be read is not gone
		}
	}
	return true
}

// keepPlaceholders carries over values that the repository keeps as ${NAME}: the tenant answers with
// the value that stands there, or with none.
func keepPlaceholders(old, r *schema.Resource) *schema.Resource {
	t, ok := schema.TypeOf(r.Type)
	if !ok {
		return r
	}
	var out *schema.Resource
	for _, p := range append(t.PerTenant[:len(t.PerTenant):len(t.PerTenant)], t.Volatile...) {
		for _, m := range schema.Select(old.Body, p) {
			text, ok := m.Value.(string)
			if !ok || !strings.Contains(text, "${") || schema.Str(r.Body, m.Pointer) == text {
				continue
			}
			if out == nil {
				c := *r
				c.Body = schema.CloneObject(r.Body)
				out = &c
			}
			schema.SetAt(out.Body, m.Pointer, text)
		}
	}
	if out == nil {
		return r
	}
	return out
}

// valueApart gives an ESV as fr-config-manager pulls it: its value is ${NAME}, to be filled from the
// environment when it is pushed, and what only the server writes is left out.
func valueApart(r *schema.Resource) *schema.Resource {
	t, ok := schema.TypeOf(r.Type)
	if !ok || t.API.Value == "" || strings.Contains(schema.Str(r.Body, "/"+t.API.Value), "${") {
		return r
	}
	c := *r
	c.Body = schema.CloneObject(r.Body)
	for _, p := range t.Volatile {
		delete(c.Body, strings.TrimPrefix(p, "/"))
	}
	c.Body[t.API.Value] = "${" + strings.ToUpper(strings.ReplaceAll(r.ID, "-", "_")) + "}"
	return &c
}

func (w *writer) render() error {
	switch w.layout {
	case FrConfig:
		return w.frconfig()
	case Frodo:
		if w.single != "" {
			return w.frodoSingle()
		}
		return w.frodoSeparate()
	case Flat:
		return w.flat()
	default:
		return fmt.Errorf("layout %q can't be written: fr-config-manager, frodo and flat can", w.layout)
	}
}

// put plans one file.
func (w *writer) put(name string, data []byte, keys ...schema.Key) {
	o := w.out[name]
	if o == nil {
		o = &output{}
		w.out[name] = o
	}
	o.data = data
	o.keys = append(o.keys, keys...)
}

// decide compares the planned files with what is there.
func (w *writer) decide(dir string) (WriteResult, map[string][]byte, error) {
	var res WriteResult
	todo := map[string][]byte{}
	for _, name := range schema.SortedKeys(w.out) {
		if !fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
			return res, nil, fmt.Errorf("write configuration: %q would be outside %s", name, dir)
		}
		o := w.out[name]
		wanted := slices.ContainsFunc(o.keys, func(k schema.Key) bool { return w.want[k] })
		changed := slices.ContainsFunc(o.keys, func(k schema.Key) bool { return w.want[k] && !w.same[k] }) || w.shrinks(name) || o.changed
		has, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		switch {
		case err == nil && (bytes.Equal(has, o.data) || !changed):
			if wanted {
				res.Unchanged = append(res.Unchanged, name)
			}
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return res, nil, fmt.Errorf("write configuration: %w", err)
		case wanted || changed:
			res.Written = append(res.Written, name)
			todo[name] = o.data
		}
	}
	res.Removed, res.Stale = w.leftovers()
	res.Gone = w.gone
	return res, todo, nil
}

// shrinks says whether a resource that goes away stands in a file that others share.
func (w *writer) shrinks(name string) bool {
	return w.o.Prune && slices.ContainsFunc(w.gone, func(r *schema.Resource) bool {
		return r.Source != nil && slices.Contains(r.Source.Files(), name)
	})
}

// leftovers are the files that hold nothing any more. Those of a resource that is written again under
// another name go at once: two files with one node would contradict each other.
func (w *writer) leftovers() (remove, stale []string) {
	for _, r := range w.all {
		if old, ok := w.old.Get(r.Key); ok && old.Source != nil && w.want[r.Key] && !w.same[r.Key] {
			for _, f := range old.Source.Files() {
				if w.out[f] == nil {
					remove = append(remove, f)
				}
			}
		}
	}
	for _, r := range w.gone {
		if r.Source == nil {
			continue
		}
		for _, f := range r.Source.Files() {
			switch {
			case !w.o.Prune:
				stale = append(stale, f)
			case w.out[f] == nil:
				remove = append(remove, f)
			}
		}
	}
	for _, list := range []*[]string{&remove, &stale} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return remove, stale
}
