package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A widening finds what a change concerns besides its own files, on both sides: what refers to what is gone,
// is called otherwise, or is no longer what others expect; what must be held against what changed.
type widening struct {
	before, after *side // before is nil when there was nothing
	look          map[schema.Key]bool
}

// widen reads what the change concerns, and says which resources are to be looked at.
func (c *treeCheck) widen(ctx context.Context, before, after *side) (map[schema.Key]bool, error) {
	w := &widening{before, after, map[schema.Key]bool{}}
	for _, r := range after.set.All() {
		w.look[r.Key] = true
	}
	for _, k := range after.set.Broken() {
		w.look[k] = true
	}
	for _, step := range []func(context.Context) error{w.referrers, w.nodes, w.unused, w.inner} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	company := w.namesakes()
	if err := errors.Join(before.load(ctx), after.load(ctx)); err != nil {
		return nil, err
	}
	for _, r := range after.set.All() {
		if company[r.Type] {
			w.look[r.Key] = true
		}
	}
	return w.look, nil
}

// was is a resource as it was; nil when it was not there, or is not read.
func (w *widening) was(k schema.Key) *schema.Resource {
	if w.before == nil {
		return nil
	}
	r, _ := w.before.set.Get(k)
	return r
}

// lookedAt lists the resources to be looked at, as they are now.
func (w *widening) lookedAt() []*schema.Resource {
	return slices.DeleteFunc(w.after.set.All(), func(r *schema.Resource) bool { return !w.look[r.Key] })
}

// more reads what was chosen on the side after, on both sides. What has come by it is looked at, if that is asked.
func (w *widening) more(ctx context.Context, looked bool) error {
	fresh := w.after.part.Without(w.after.read)
	if w.before != nil {
		for _, n := range fresh {
			w.before.part.Add(n)
		}
	}
	known := map[schema.Key]bool{}
	for _, r := range w.after.set.All() {
		known[r.Key] = true
	}
	if err := errors.Join(w.before.load(ctx), w.after.load(ctx)); err != nil || !looked {
		return err
	}
	for _, r := range w.after.set.All() {
		if !known[r.Key] {
			w.look[r.Key] = true
		}
	}
	return nil
}

// referrers are those of what is gone, is called otherwise, or looks otherwise to others.
func (w *widening) referrers(ctx context.Context) error {
	var texts, literals []string
	add := func(r *schema.Resource) {
		texts = append(texts, mentionsOf(r)...)
		if rest, ok := strings.CutPrefix(r.ID, "esv-"); ok && perEnvironment(r) {
			// What was meant for it counts as well: a script may name it without its prefix.
			rest = strings.ReplaceAll(rest, "-", ".")
			literals = append(literals, "'"+rest+"'", `"`+rest+`"`, rest+`\"`)
		}
	}
	if w.before != nil {
		for _, r := range w.before.set.All() {
			now, ok := w.after.set.Get(r.Key)
			if ok && (now.Name() != r.Name() || schema.Outward(now) != schema.Outward(r)) || !ok && !w.after.set.Knows(r.Key) {
				add(r)
			}
		}
		for _, r := range w.after.set.All() {
			if w.was(r.Key) == nil && schema.Outward(r) != "" {
				add(r)
			}
		}
	}
	w.after.part.AddMentions(texts, literals)
	return w.more(ctx, true)
}

// nodes are other journeys' that have a node of a changed journey's: the tenant keeps one of each id.
func (w *widening) nodes(ctx context.Context) error {
	if w.before == nil {
		return nil // all that there is, is new and looked at
	}
	fresh := map[string][]string{}
	for _, r := range w.lookedAt() {
		had := map[string]bool{}
		if old := w.was(r.Key); old != nil {
			for _, n := range schema.NodeRefs(old.Body) {
				had[n.ID] = true
			}
		}
		if t, ok := schema.TypeOf(r.Type); !ok || !t.Journey {
			continue
		}
		for _, n := range schema.NodeRefs(r.Body) {
			if !had[n.ID] {
				fresh[r.Realm] = append(fresh[r.Realm], n.ID)
			}
		}
	}
	for _, realm := range schema.SortedKeys(fresh) {
		w.after.part.AddNodes(realm, fresh[realm])
	}
	return w.more(ctx, true)
}

// unused are ESVs that nothing speaks of any more, or that came with nothing that does: all that speaks of one
// of them is read.
func (w *widening) unused(ctx context.Context) error {
	declared := w.after.part.Declared()
	if declared == nil {
		declared = map[string]bool{}
	}
	maps.Copy(declared, w.after.set.Declared())
	if len(declared) == 0 || !schema.HoldsTenant(w.after.part.Has) {
		return nil
	}
	candidates := map[string]bool{}
	if w.before == nil || !schema.HoldsTenant(w.before.part.Has) {
		candidates = declared
	} else {
		had, now := w.before.part.Declared(), schema.MentionedESVs(w.after.set)
		for name := range schema.MentionedESVs(w.before.set) {
			candidates[name] = declared[name] && !now[name]
		}
		for name := range declared {
			candidates[name] = candidates[name] || !had[name] && !now[name]
		}
	}
	var names []string
	for _, name := range schema.SortedKeys(candidates) {
		if candidates[name] {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		addDeclaration(w.after, name)
	}
	if err := w.more(ctx, true); err != nil {
		return err
	}
	w.after.part.AddESVMentions(names)
	return w.more(ctx, false)
}

// inner reads the journeys that a changed journey calls, and those that they call: a circle is reported at the
// first of those that are in it.
func (w *widening) inner(ctx context.Context) error {
	queue, seen := []schema.Key{}, map[schema.Key]bool{}
	innerNow := schema.Inner(w.after.set)
	innerWas := innerNow
	if w.before != nil {
		innerWas = schema.Inner(w.before.set)
	}
	for _, r := range w.lookedAt() {
		now := innerNow(r)
		if old := w.was(r.Key); old != nil && slices.Equal(innerWas(old), now) {
			continue
		}
		if len(now) > 0 {
			queue, seen[r.Key] = append(queue, r.Key), true
		}
	}
	for len(queue) > 0 {
		var next []schema.Key
		innerNow = schema.Inner(w.after.set)
		for _, k := range queue {
			r, ok := w.after.set.Get(k)
			if !ok {
				continue
			}
			w.look[k] = true
			for _, to := range innerNow(r) {
				if !seen[to] {
					seen[to] = true
					next = append(next, to)
					w.after.part.AddKey(to, false)
				}
			}
		}
		if err := w.more(ctx, false); err != nil {
			return err
		}
		queue = next
	}
	return nil
}

// namesakes chooses what must be held against what changed: resources of the same name, and those that a rule
// looks at together, whose types it returns.
func (w *widening) namesakes() (looked map[string]bool) {
	looked = map[string]bool{}
	folded, company := map[schema.Key]map[string]bool{}, map[schema.Key]bool{}
	together := func(r *schema.Resource) {
		for _, typ := range schema.Company(r.Type) {
			realms := []string{""}
			if t, _ := schema.TypeOf(typ); t.Realm {
				realms = w.after.part.Realms()
			}
			looked[typ] = true
			for _, realm := range realms {
				company[schema.Key{Type: typ, Realm: realm}] = true
			}
		}
	}
	for _, r := range w.lookedAt() {
		k := schema.Key{Type: r.Type, Realm: r.Realm}
		together(r)
		if old := w.was(r.Key); old != nil && old.Name() == r.Name() {
			continue
		}
		if t, ok := schema.TypeOf(r.Type); ok && t.UniqueName {
			company[k] = true
		}
		if schema.NamesAFile(r) {
			if folded[k] == nil {
				folded[k] = map[string]bool{}
			}
			folded[k][strings.ToLower(r.Name())] = true
		}
	}
	if w.before != nil {
		for _, r := range w.before.set.All() {
			together(r)
		}
	}
	for _, s := range []*side{w.before, w.after} {
		if s == nil {
			continue
		}
		for k := range company {
			s.part.AddNamesakes(k.Type, k.Realm)
		}
		for k, names := range folded {
			s.part.AddFolded(k.Type, k.Realm, names)
		}
	}
	return looked
}

func perEnvironment(r *schema.Resource) bool {
	t, ok := schema.TypeOf(r.Type)
	return ok && t.Class == schema.PerEnvironment
}

// mentionsOf are the texts by which others may refer to a resource.
func mentionsOf(r *schema.Resource) []string {
	id := r.ID[strings.LastIndexByte(r.ID, '/')+1:]
	texts := []string{id}
	if name := r.Name(); name != r.ID {
		texts = append(texts, name)
	}
	if perEnvironment(r) {
		texts = append(texts, strings.ReplaceAll(id, "-", "."))
	}
	return texts
}
