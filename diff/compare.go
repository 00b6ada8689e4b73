package diff

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Options narrow and shape a comparison.
type Options struct {
	// Target, if any, selects what is compared; Exclude leaves out of that.
	Target, Exclude []schema.Glob
	// HashKey gives the key of the hashes that stand for secrets. It is asked only when there is one to
	// show. Without it, or when it fails, a key is drawn at random.
	HashKey func() ([]byte, error)
	// Tenant says that live is a tenant and want a repository: what the product itself put on the tenant
	// (default scripts, its own services), and ESVs where the repository keeps none, are then no change
	// for being absent from the repository.
	Tenant bool
	// WantTenant says the same with the sides changed.
	WantTenant bool
}

// Compare finds the changes that turn live into want, sorted by key. Resources that either side could
// not read are left out, and so are types that live could only read in part.
func Compare(live, want *schema.Set, o Options) ([]Change, error) {
	c := comparer{hasher: newHasher(o.HashKey), names: names{live, want}}
	inLive, inWant := live.CountByType(), want.CountByType()
	var todo [][2]*schema.Resource
	for _, k := range keys(live, want) {
		l, w := get(live, k), get(want, k)
		if !inScope(live, want, k) || !o.selects(cmp.Or(w, l)) || w == nil && o.Tenant && productOwn(l, inWant) || l == nil && o.WantTenant && productOwn(w, inLive) {
			continue
		}
		if (l == nil || w == nil) && leftOut(cmp.Or(l, w)) {
			continue
		}
		todo = append(todo, [2]*schema.Resource{l, w})
	}
	found, errs := make([]*Change, len(todo)), make([]error, len(todo))
	parallel(len(todo), func(i int) { found[i], errs[i] = c.compare(todo[i][0], todo[i][1]) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var changes []Change
	for _, f := range found {
		if f != nil {
			changes = append(changes, *f)
		}
	}
	return changes, nil
}

// parallel calls f for 0 to n-1 on all processors.
func parallel(n int, f func(i int)) {
	workers := min(runtime.GOMAXPROCS(0), n/64)
	if workers < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wg.Wait()
}

func keys(sets ...*schema.Set) []schema.Key {
	seen := map[schema.Key]bool{}
	var all []schema.Key
	for _, s := range sets {
		for _, r := range s.All() {
			if !seen[r.Key] {
				seen[r.Key] = true
				all = append(all, r.Key)
			}
		}
	}
	slices.SortFunc(all, schema.Key.Compare)
	return all
}

func get(s *schema.Set, k schema.Key) *schema.Resource {
	r, _ := s.Get(k)
	return r
}

// inScope says whether both sides can speak about the key: asked for, and read.
func inScope(live, want *schema.Set, k schema.Key) bool {
	for _, s := range []*schema.Set{live, want} {
		if s.Types != nil && !slices.Contains(s.Types, k.Type) {
			return false
		}
		if s.Realms != nil && k.Realm != "" && !slices.Contains(s.Realms, k.Realm) {
			return false
		}
		if s.IsBroken(k) || s.IsIgnored(k) {
			return false
		}
		if slices.Contains(s.Partial, k.Type) || slices.Contains(s.Partial, k.Realm+"/"+k.Type) {
			return false
		}
	}
	return true
}

// productOwn says whether a resource that only the tenant has is no business of the other side's, which has
// that many of each type.
func productOwn(r *schema.Resource, other map[string]int) bool {
	t, ok := schema.TypeOf(r.Type)
	return ok && (t.IsProtected(r) || t.Class == schema.PerEnvironment && other[r.Type] == 0)
}

// leftOut says whether a resource is one that comes with the product and that exports leave out or not, as
// they were asked: that one side lacks it says nothing about the tenant.
func leftOut(r *schema.Resource) bool {
	_, known := schema.ProductDefault(r.Key)
	t, ok := schema.TypeOf(r.Type)
	return known && ok && t.IsProtected(r)
}

func (o Options) selects(r *schema.Resource) bool {
	matches := func(g schema.Glob) bool { return g.Match(r.Key, r.Name()) }
	return (len(o.Target) == 0 || slices.ContainsFunc(o.Target, matches)) && !slices.ContainsFunc(o.Exclude, matches)
}

// A comparer compares resources one by one.
type comparer struct {
	hasher
	names names
}

// compare gives the change between two resources of one key, either of which may be absent; nil when they
// mean the same.
func (c comparer) compare(live, want *schema.Resource) (*Change, error) {
	r := cmp.Or(want, live)
	t, ok := schema.TypeOf(r.Type)
	if !ok {
		return nil, nil
	}
	ch := &Change{Key: r.Key, Name: r.Name(), Class: t.Class, Before: live, After: want}
	switch {
	case live == nil:
		ch.Action = Create
		ch.Patch = []Op{{Op: "add", Path: "", Value: schema.CompactJSON(c.mask(rootOf(t), Normalize(t, want.Body)))}}
	case want == nil:
		ch.Action = Delete
		ch.Patch = []Op{{Op: "remove", Path: ""}}
	default:
		return c.update(t, ch)
	}
	ch.Items = outline(t, ch, r)
	return ch, nil
}

func (c comparer) update(t *schema.Type, ch *Change) (*Change, error) {
	before, after := ch.Before.Body, ch.After.Body
	p := rootOf(t)
	// Most resources of two configurations are the same, and need no forms for that to be seen.
	if p.alike(before, after, t.NullIsAbsent) && !secretsDiffer(t, before, after) {
		return nil, nil
	}
	fb, fa := p.form(before, t.NullIsAbsent).(map[string]any), p.form(after, t.NullIsAbsent).(map[string]any)
	secretChanged(t, before, after, fb, fa)
	forgetUnknown(t, fb, fa)
	if p.same(fb, fa) {
		return nil, nil
	}
	ch.Action = Update
	var err error
	if ch.Patch, err = updatePatch(c.hasher, p, before, after, fb, fa, t.NullIsAbsent); err != nil {
		return nil, fmt.Errorf("%s: %w", ch.Label(), err)
	}
	ch.Items = describe(t, ch, p, asObject(c.mask(p, fb)), asObject(c.mask(p, fa)), c.names)
	return ch, nil
}

// names finds what ids stand for, in the wanted set first.
type names struct{ live, want *schema.Set }

func (n names) of(k schema.Key) (string, bool) {
	for _, s := range []*schema.Set{n.want, n.live} {
		if r, ok := s.Get(k); ok {
			return r.Name(), true
		}
	}
	return "", false
}
