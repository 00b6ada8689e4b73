package diff

import (
	"cmp"
	"slices"
	"strings"

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
	h := newHasher(o.HashKey)
	inLive, inWant := live.CountByType(), want.CountByType()
	var changes []Change
	for _, k := range keys(live, want) {
		l, w := get(live, k), get(want, k)
		if !inScope(live, want, k) || !o.selects(cmp.Or(w, l)) || w == nil && o.Tenant && productOwn(l, inWant) || l == nil && o.WantTenant && productOwn(w, inLive) {
			continue
		}
		if (l == nil || w == nil) && leftOut(cmp.Or(l, w)) {
			continue
		}
		c, err := h.compare(l, w)
		if err != nil {
			return nil, err
		}
		if c != nil {
			changes = append(changes, *c)
		}
	}
	n := names{live, want}
	for i := range changes {
		changes[i].Items = describe(&changes[i], h, n)
	}
	return changes, nil
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

func (h hasher) compare(live, want *schema.Resource) (*Change, error) {
	r := cmp.Or(want, live)
	t, ok := schema.TypeOf(r.Type)
	if !ok {
		return nil, nil
	}
	c := &Change{Key: r.Key, Name: r.Name(), Class: t.Class, Before: live, After: want}
	var before, after any
	switch {
	case live == nil:
		c.Action = Create
		after = h.masked(t, Normalize(t, want.Body))
	case want == nil:
		c.Action = Delete
		before = h.masked(t, Normalize(t, live.Body))
	default:
		if equal(live.Body, want.Body) {
			return nil, nil
		}
		c.Action = Update
		b, a := Normalize(t, live.Body), Normalize(t, want.Body)
		forgetUnknown(t, b, a)
		if equal(b, a) {
			return nil, nil
		}
		before, after = h.masked(t, b), h.masked(t, a)
	}
	var err error
	switch c.Action {
	case Create:
		c.Patch = []Op{{Op: "add", Path: "", Value: schema.CompactJSON(after)}}
	case Delete:
		c.Patch = []Op{{Op: "remove", Path: ""}}
	default:
		c.Patch, err = patch(before, after)
	}
	return c, err
}

func (h hasher) masked(t *schema.Type, body map[string]any) map[string]any {
	h.mask(t, body)
	return body
}

// forgetUnknown takes values out of both bodies where one of them is ${NAME}: it is filled in when it is
// pushed, and until then nobody knows whether it differs.
func forgetUnknown(t *schema.Type, a, b map[string]any) {
	for _, p := range t.PerTenant {
		if strings.Contains(schema.Str(a, p), "${") || strings.Contains(schema.Str(b, p), "${") {
			removeAll(a, p)
			removeAll(b, p)
		}
	}
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

// Summary counts changes by action.
type Summary struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Delete int `json:"delete"`
}

// Summarize counts changes by action.
func Summarize(changes []Change) Summary {
	var s Summary
	for _, c := range changes {
		switch c.Action {
		case Create:
			s.Create++
		case Update:
			s.Update++
		case Delete:
			s.Delete++
		}
	}
	return s
}
