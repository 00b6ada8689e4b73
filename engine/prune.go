package engine

import (
	"slices"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// keep says which deletions don't happen, and why.
func (p *Plan) keep(deletes []diff.Change, u usage, o PlanOptions) []diff.Change {
	mention := func(c diff.Change, why string) {
		p.Kept = append(p.Kept, Mention{c.Key, c.Name, diff.Delete, why})
	}
	declared := map[string]bool{}
	for _, r := range u.want.All() {
		declared[r.Type] = true
	}
	goes := map[schema.Key]bool{}
	var out []diff.Change
	for _, c := range deletes {
		t, _ := schema.TypeOf(c.Type)
		switch {
		case !o.Prune:
			mention(c, "only --prune deletes")
		case t.IsProtected(c.Before):
			mention(c, "belongs to the product")
		case t.Class == schema.PerEnvironment && !declared[c.Type]:
			mention(c, "the source declares no "+t.Plural)
		default:
			goes[c.Key] = true
			out = append(out, c)
		}
	}
	if !o.Prune {
		return nil
	}
	used := u.by(goes)
	// What stays because it is used keeps what it uses itself: go on until nothing changes.
	for again := true; again; {
		again = false
		out = slices.DeleteFunc(out, func(c diff.Change) bool {
			by, ok := used(c.Key)
			if !ok {
				return false
			}
			mention(c, "still used by "+by)
			delete(goes, c.Key)
			again = true
			return true
		})
	}
	return out
}

// usage is who refers to what, on both sides.
type usage struct {
	live, want         *schema.Set
	liveRefs, wantRefs []schema.Reference
	liveESVs, wantESVs []schema.ESVReference
	written            map[schema.Key]bool // what the plan writes: then the source's body counts, not the tenant's
}

func keysOf(changes []diff.Change) map[schema.Key]bool {
	keys := map[schema.Key]bool{}
	for _, c := range changes {
		keys[c.Key] = true
	}
	return keys
}

func label(s *schema.Set, k schema.Key) string {
	if r, ok := s.Get(k); ok {
		return r.Label()
	}
	return k.String()
}

// by finds who still refers to a resource once the plan is done: a resource of the source, or a live one
// that stays as it is. Where not everything could be read, who may refer to it counts as well.
func (u usage) by(goes map[schema.Key]bool) func(schema.Key) (string, bool) {
	stays := func(from, to schema.Key) bool { return !u.written[from] && !goes[from] && from != to }
	users := map[schema.Key][]schema.Reference{}
	for _, r := range u.liveRefs {
		users[r.To] = append(users[r.To], r)
	}
	wanted := map[schema.Key]schema.Key{}
	for _, r := range u.wantRefs {
		if _, ok := wanted[r.To]; !ok {
			wanted[r.To] = r.From
		}
	}
	return func(k schema.Key) (string, bool) {
		if from, ok := wanted[k]; ok {
			return label(u.want, from), true
		}
		for _, r := range users[k] {
			if stays(r.From, k) {
				return label(u.live, r.From), true
			}
		}
		t, _ := schema.TypeOf(k.Type)
		if t == nil || t.Class != schema.PerEnvironment {
			return u.unread(k)
		}
		for _, e := range u.wantESVs {
			if e.ESV == k.ID {
				return cmpOr(e.Name, e.Pos.File), true
			}
		}
		for _, e := range u.liveESVs {
			if e.ESV == k.ID && stays(e.Key, k) {
				return cmpOr(e.Name, e.Key.String()), true
			}
		}
		return "", false
	}
}

// unread names what may refer to k and was not read from the tenant, or is left alone: nobody knows that it
// doesn't. ESVs don't need it: the tenant itself refuses to delete one that is in use.
func (u usage) unread(k schema.Key) (string, bool) {
	for _, t := range schema.Types() {
		mayRefer := slices.ContainsFunc(t.Links, func(l schema.Link) bool { return l.To == k.Type && !l.Soft })
		if !mayRefer && !(t.Libraries && t.Name == k.Type) {
			continue
		}
		from := schema.Key{Type: t.Name, ID: "*"}
		if t.Realm {
			from.Realm = k.Realm
		}
		if !readWhole(u.live, from) {
			return t.Plural + ", perhaps, which were not read", true
		}
		for _, broken := range slices.Concat(u.live.Broken(), u.live.Ignored(), u.want.Ignored()) {
			if broken.Type == t.Name && broken.Realm == from.Realm {
				return broken.String() + ", perhaps, which was not read", true
			}
		}
	}
	return "", false
}

// readWhole says whether the set was asked for all resources of the key's type and realm, and got them.
func readWhole(s *schema.Set, k schema.Key) bool {
	return (s.Types == nil || slices.Contains(s.Types, k.Type)) &&
		(s.Realms == nil || k.Realm == "" || slices.Contains(s.Realms, k.Realm)) &&
		!slices.Contains(s.Partial, k.Type) && !slices.Contains(s.Partial, k.Realm+"/"+k.Type)
}
