package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A Stub stands for a resource that is not read again, since neither its files nor what its rules read of others
// have changed: what rules about others read of it, and what was found about it.
type Stub struct {
	Key      Key
	Body     map[string]any `json:",omitempty"` // the members that rules about others read; see Outward
	Files    []string       // that hold the resource, and nothing else
	View     string         // of the resource; see View
	Findings Diagnostics    `json:"-"`
}

// mentionsMember holds, in a stub's body, the names of the ESVs that the whole body speaks of.
const mentionsMember = "mentions"

// Stubs makes stubs of the resources of a set for which one can stand. found is what was found about the set: while
// reading, and by the rules.
func Stubs(s *Set, reading, found Diagnostics) []Stub {
	owners := map[string]int{} // of each file
	for _, r := range s.All() {
		for _, f := range filesOf(r) {
			owners[f]++
		}
	}
	for _, o := range s.Others {
		owners[o.File.Name]++
	}
	spoken := map[Key]bool{}
	for _, d := range reading {
		// What reading finds depends on more files than the resource's.
		spoken[d.Key] = true
		owners[d.Pos.File]++
		for _, rel := range d.Related {
			owners[rel.Pos.File]++
		}
	}
	about := map[Key]Diagnostics{}
	for _, d := range found {
		about[d.Key] = append(about[d.Key], d)
	}
	all := s.All()
	stubs := make([]*Stub, len(all))
	eachParallel(len(all), func(i int) {
		r := all[i]
		files := filesOf(r)
		body, ok := stubBody(r)
		if !ok || len(files) == 0 || spoken[r.Key] || slices.ContainsFunc(files, func(f string) bool { return owners[f] != 1 }) {
			return
		}
		if mentions := mentionsOf(r); len(mentions) > 0 {
			body[mentionsMember] = mentions
		}
		stubs[i] = &Stub{Key: r.Key, Body: body, Files: files, View: viewOf(r), Findings: about[r.Key]}
	})
	var out []Stub
	for _, x := range stubs {
		if x != nil {
			out = append(out, *x)
		}
	}
	return out
}

// filesOf names the files that a resource was read from; none for a stub's.
func filesOf(r *Resource) []string {
	if r.Source == nil {
		return nil
	}
	return r.Source.Files()
}

// Resource is the stub as a resource of a set. asked is called when a rule asks for a place in it, which only its
// files could tell.
func (x Stub) Resource(asked func(Key)) *Resource {
	return &Resource{Key: x.Key, Body: x.Body, Source: &Source{asked: func() { asked(x.Key) }, view: x.View}}
}

// DependsOn says whether the stub is of a file, or a finding about it tells a place in one.
func (x Stub) DependsOn(files map[string]bool) bool {
	if slices.ContainsFunc(x.Files, func(f string) bool { return files[f] }) {
		return true
	}
	for _, d := range x.Findings {
		if files[d.Pos.File] || slices.ContainsFunc(d.Related, func(r Related) bool { return files[r.Pos.File] }) {
			return true
		}
	}
	return false
}

// stubBody holds what rules about others read of a resource. Of types that others' rules read more of, or that are
// few, there are no stubs.
func stubBody(r *Resource) (map[string]any, bool) {
	t, row := typeRow(r.Type), checksOf(r.Type)
	if t == nil || t.Class == PerEnvironment || row.Sender != "" || row.OneDefault != "" || row.Relations || t.CORS != nil ||
		slices.ContainsFunc(t.FrConfig.Include, func(i Include) bool { return i.Coded }) {
		return nil, false
	}
	out := map[string]any{}
	for at := range strings.SplitSeq(t.NamePath, "|") {
		keep(out, r.Body, at)
	}
	for _, at := range expectedMembers(r.Type) {
		keep(out, r.Body, at)
	}
	if row.Inner != "" {
		keep(out, r.Body, "/enabled")
		keepInner(out, r.Body, t, row.Inner)
	}
	if t.Journey {
		keepNodes(out, r.Body)
	}
	return out, true
}

// keep copies a string or boolean, with the objects around it.
func keep(out, body map[string]any, at string) {
	v, ok := Lookup(body, at)
	switch v.(type) {
	case string, bool:
	default:
		return
	}
	segs := splitPointer(at)
	if !ok || len(segs) == 0 {
		return
	}
	for _, seg := range segs[:len(segs)-1] {
		next, ok := out[seg].(map[string]any)
		if !ok {
			next = map[string]any{}
			out[seg] = next
		}
		out = next
	}
	out[segs[len(segs)-1]] = v
}

// keepInner copies what makes the links to inner journeys.
func keepInner(out, body map[string]any, t *Type, code string) {
	for _, l := range t.Links {
		if l.Code != code {
			continue
		}
		for _, m := range Select(body, l.Pattern) {
			keep(out, body, m.Pointer)
			for where := range l.When {
				keep(out, body, parentPointer(m.Pointer)+where)
			}
		}
	}
}

// keepNodes copies which nodes a journey has.
func keepNodes(out, body map[string]any) {
	nodes, _ := body["nodes"].(map[string]any)
	few := make(map[string]any, len(nodes))
	for id, n := range nodes {
		few[id] = only(n, "nodeType", "version")
		children, ok := Lookup(body, Pointer("nodeConfigs", id, "nodes"))
		list, isList := children.([]any)
		if !ok || !isList {
			continue
		}
		copied := make([]any, len(list))
		for i, c := range list {
			copied[i] = only(c, "_id", "nodeType", "nodeVersion")
		}
		configs, _ := out["nodeConfigs"].(map[string]any)
		if configs == nil {
			configs = map[string]any{}
			out["nodeConfigs"] = configs
		}
		page, _ := configs[id].(map[string]any)
		if page == nil {
			page = map[string]any{}
			configs[id] = page
		}
		page["nodes"] = copied
	}
	out["nodes"] = few
}

// only copies some members of an object that are strings.
func only(v any, members ...string) map[string]any {
	out := map[string]any{}
	for _, m := range members {
		if s := Str(v, Pointer(m)); s != "" {
			out[m] = s
		}
	}
	return out
}

// View sums up what rules about other resources read of each resource: as long as two sets have the same view, what
// is found about a resource that has not changed stays as it is.
func View(s *Set) string {
	all := s.All()
	views := make([]string, len(all))
	eachParallel(len(all), func(i int) { views[i] = viewOf(all[i]) })
	return sumOf(views, fmt.Sprintf("%q %q %q %q %q", s.Broken(), s.Ignored(), s.Partial, s.Types, s.Realms))
}

// viewOf is the view of one resource.
func viewOf(r *Resource) string {
	if r.Source != nil && r.Source.view != "" {
		return r.Source.view // a stub's
	}
	body, _ := stubBody(r)
	var sender any
	if at := checksOf(r.Type).Sender; at != "" {
		sender, _ = Lookup(r.Body, at)
	}
	return sumOf([]string{r.Key.String(), r.Name(), Outward(r), string(CompactJSON(body)), string(CompactJSON(sender))})
}

// sumOf is the SHA-256 of texts.
func sumOf(list []string, more ...string) string {
	h := sha256.New()
	for _, s := range append(list, more...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}
