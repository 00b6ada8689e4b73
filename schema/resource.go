package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Key names one resource of a tenant. Realm is empty for tenant-wide types.
// ID is the tenant's own identifier: a script's is its uuid, not its name.
type Key struct {
	Type  string `json:"type"`
	Realm string `json:"realm,omitempty"`
	ID    string `json:"id"`
}

// String gives realm/type/id, with "global" for tenant-wide resources: what globs match against.
func (k Key) String() string { return cmp.Or(k.Realm, "global") + "/" + k.Type + "/" + k.ID }

// Compare orders keys by realm (tenant-wide first), type and id.
func (k Key) Compare(o Key) int {
	return cmp.Or(strings.Compare(k.Realm, o.Realm), strings.Compare(k.Type, o.Type), strings.Compare(k.ID, o.ID))
}

// A Resource is one configuration object.
//
// Body is the decoded JSON object, numbers as json.Number, in the one form every reader makes:
// text that a layout keeps in side files stands inline, script text is decoded, a journey is its
// tree with the bodies of all its nodes beside it under "nodeConfigs", by id. It is shared:
// nobody changes a Body in place.
type Resource struct {
	Key
	Body   map[string]any
	Rev    string  // the tenant's revision; empty when read from files
	Source *Source // where it was read; nil when it came from a tenant
	// Place is where it stands in the whole document that it was read from, counted from 1; 0 is nowhere.
	Place int
}

// Name is what the admin UI calls the resource; the id where it has no other name.
func (r *Resource) Name() string {
	if t, ok := TypeOf(r.Type); ok && t.NamePath != "" {
		if name := firstStr(r.Body, t.NamePath); name != "" {
			return name
		}
	}
	return r.ID
}

// Label is Key.String with the name people know in the id's place.
func (r *Resource) Label() string {
	return Key{Type: r.Type, Realm: r.Realm, ID: r.Name()}.String()
}

// Unmanaged counts files of a kind of configuration that Lockstep does not manage.
type Unmanaged struct {
	Type  string   // the kind, as the tenant's documentation calls it
	Files []string // sorted paths
}

// An Other is configuration of a kind that is not managed: no diff or plan touches it, but ESVs and
// encrypted values in it count, since a promotion checks the whole configuration.
type Other struct {
	Kind    string
	File    *File
	Pointer string // where in the file's document the value stands; "" for the whole
	Value   any    // decoded JSON; nil when the file is text (a script, a template)
}

// A Copy is a place where a resource stands once more: frodo's journeys carry what they need along.
type Copy struct {
	Key     Key
	File    *File
	Pointer string // where in the file's document the copy stands
}

// A Set is the configuration of one tenant, wherever it was read.
type Set struct {
	// Origin says where the set was read, for messages: a path, "git:REV", "env:NAME".
	Origin string
	// Layout is the layout the files were in; empty for a tenant.
	Layout string
	// Commit is the full commit id, when read from git.
	Commit string
	// Unmanaged lists what was found beside the managed types and not touched.
	Unmanaged []Unmanaged
	// Others are the unmanaged files' contents, for the checks that look at everything.
	Others []Other
	// Copies are the places of agreeing copies, beside the one that each resource's Source names.
	Copies []Copy
	// Partial names what could not be read from a tenant (403, 404), so that a comparison does not
	// take "not readable" for "absent".
	Partial []string
	// Why is why, for each of Partial, where the tenant told.
	Why map[string]string
	// Types are the types that were asked for; nil means every managed type.
	Types []string
	// Realms are the realms that were asked for; nil means all.
	Realms []string
	// Files counts the files that were read.
	Files int

	byKey   map[Key]*Resource
	broken  map[Key]bool
	ignored map[Key]bool
}

// NewSet returns an empty set.
func NewSet(origin string) *Set {
	return &Set{Origin: origin, byKey: map[Key]*Resource{}, broken: map[Key]bool{}, ignored: map[Key]bool{}}
}

// Add puts r into the set, and says which resource already had its key, if any; that one stays.
func (s *Set) Add(r *Resource) (existing *Resource) {
	if old, ok := s.byKey[r.Key]; ok {
		return old
	}
	s.byKey[r.Key] = r
	return nil
}

// Replace puts r into the set, in place of what had its key.
func (s *Set) Replace(r *Resource) { s.byKey[r.Key] = r }

// Remove takes the resource out of the set.
func (s *Set) Remove(k Key) { delete(s.byKey, k) }

// Get returns the resource of that key.
func (s *Set) Get(k Key) (*Resource, bool) { r, ok := s.byKey[k]; return r, ok }

// MarkBroken notes a resource that is there but could not be read, so that what refers to it is
// not reported as dangling, and a plan does not take it for deleted.
func (s *Set) MarkBroken(k Key) { s.broken[k] = true }

// Broken lists the resources that are there but could not be read.
func (s *Set) Broken() []Key {
	keys := make([]Key, 0, len(s.broken))
	for k := range s.broken {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.Compare)
	return keys
}

// IsBroken says whether the resource is there but could not be read.
func (s *Set) IsBroken(k Key) bool { return s.broken[k] }

// MarkIgnored notes a resource that is there and that the user told us to leave alone: what refers
// to it is not dangling, and it is neither compared nor deleted.
func (s *Set) MarkIgnored(k Key) { s.ignored[k] = true }

// IsIgnored says whether the resource is there and to be left alone.
func (s *Set) IsIgnored(k Key) bool { return s.ignored[k] }

// Ignored lists the resources that are there and to be left alone.
func (s *Set) Ignored() []Key {
	keys := make([]Key, 0, len(s.ignored))
	for k := range s.ignored {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, Key.Compare)
	return keys
}

// Knows says whether the resource is there: readable or not, ignored or not.
func (s *Set) Knows(k Key) bool { return s.byKey[k] != nil || s.broken[k] || s.ignored[k] }

// Len counts the resources.
func (s *Set) Len() int { return len(s.byKey) }

// All returns the resources, sorted by key.
func (s *Set) All() []*Resource {
	all := make([]*Resource, 0, len(s.byKey))
	for _, r := range s.byKey {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *Resource) int { return a.Key.Compare(b.Key) })
	return all
}

// OfType returns the resources of one type, sorted by key.
func (s *Set) OfType(name string) []*Resource {
	var all []*Resource
	for _, r := range s.byKey {
		if r.Type == name {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *Resource) int { return a.Key.Compare(b.Key) })
	return all
}

// Filter returns a set with the resources for which keep says true; all else is carried over.
func (s *Set) Filter(keep func(*Resource) bool) *Set {
	out := *s
	out.byKey, out.broken = map[Key]*Resource{}, s.broken
	for k, r := range s.byKey {
		if keep(r) {
			out.byKey[k] = r
		}
	}
	return &out
}

// FindByName returns the resources of a type and realm with that name, sorted by id.
func (s *Set) FindByName(typ, realm, name string) []*Resource {
	var found []*Resource
	for k, r := range s.byKey {
		if k.Type == typ && k.Realm == realm && r.Name() == name {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *Resource) int { return a.Key.Compare(b.Key) })
	return found
}

// CountByType counts the resources of each type.
func (s *Set) CountByType() map[string]int {
	n := map[string]int{}
	for k := range s.byKey {
		n[k.Type]++
	}
	return n
}

// GoString helps test failures to be read.
func (k Key) GoString() string { return fmt.Sprintf("%q", k.String()) }
