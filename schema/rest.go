package schema

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Document is one object as the tenant's REST API keeps it: a tree and each of its nodes are
// documents of their own, all themes share one.
type Document struct {
	Path   string // unescaped segments joined by "/", without host; with a query only where that names the document
	Body   map[string]any
	Text   string  // of a document that is no JSON: SAML metadata
	Source *Source // where it was read from a file; nil otherwise
}

// restPattern is a type's path as a regular expression with named groups.
type restPattern struct {
	typ *Type
	re  *regexp.Regexp
}

// restPatterns are in the order of matching: the more literal text a path has, the earlier it comes.
// Types whose resources may stand anywhere have none.
var restPatterns = sync.OnceValue(func() []restPattern {
	var out []restPattern
	literal := map[string]int{}
	for _, t := range Types() {
		if t.API.Keyed {
			continue
		}
		p := regexp.QuoteMeta(t.API.Path)
		p = strings.ReplaceAll(p, `\{realm\}`, `(?P<realm>[^/]+)`)
		p = strings.ReplaceAll(p, `\{/_type/_id\}`, `[^/]+`)
		p = strings.ReplaceAll(p, `\{id\}`, `(?P<id>`+t.idPattern()+`)`)
		literal[t.Name] = len(variable.ReplaceAllString(t.API.Path, ""))
		out = append(out, restPattern{t, regexp.MustCompile("^" + p + "$")})
	}
	slices.SortStableFunc(out, func(a, b restPattern) int { return literal[b.typ.Name] - literal[a.typ.Name] })
	return out
})

// idPattern is what the ids of a type look like in a path.
func (t *Type) idPattern() string {
	switch {
	case len(t.API.IDs) > 0:
		quoted := make([]string, len(t.API.IDs))
		for i, id := range t.API.IDs {
			quoted[i] = regexp.QuoteMeta(id)
		}
		return strings.Join(quoted, "|")
	case t.API.Rest:
		return ".+"
	case strings.Contains(t.ID, "{parent}"):
		return strings.Repeat("[^/]+/", strings.Count(t.ID, "{")-1) + "[^/]+"
	default:
		return "[^/]+"
	}
}

// KeyAt is the key of the document at a REST path (unescaped), and its type, nil when it is of none.
// Where the document holds several resources, the key has no id.
func KeyAt(path string) (Key, *Type) {
	t, realm, id := matchREST(restPatterns(), path)
	if t == nil {
		return Key{}, nil
	}
	k := Key{Type: t.Name, ID: cmp.Or(t.API.Fixed, id)}
	if t.Realm {
		k.Realm = realm
	}
	return k, t
}

// TypeAt is the type of the document at a REST path (unescaped), nil when it is of none.
func TypeAt(path string) *Type {
	t, _, _ := matchREST(restPatterns(), path)
	return t
}

var nodePath = regexp.MustCompile(`^/am/json/realms/root/realms/([^/]+)/realm-config/authentication/authenticationtrees/nodes/([^/]+)/(?:([^/]+)/)?([^/]+)$`)

type nodeKey struct{ realm, typ, version, id string }

// FromDocuments makes a Set of REST documents. Documents of kinds that are not managed are counted
// in Set.Unmanaged; a node that no journey uses is a finding.
func FromDocuments(origin string, docs []Document) (*Set, Diagnostics) {
	set := NewSet(origin)
	var diags Diagnostics
	patterns := restPatterns()
	nodes := map[nodeKey]Document{}
	var trees []*Resource
	unmanaged := map[string][]string{}
	metadata := map[Key]Document{}
	for _, d := range docs {
		if k, ok := metadataOf(d); ok {
			metadata[k] = d
			continue
		}
		if m := nodePath.FindStringSubmatch(d.Path); m != nil {
			nodes[nodeKey{m[1], m[2], orFirstVersion(m[3]), m[4]}] = d
			continue
		}
		t, realm, id := matchREST(patterns, d.Path)
		if t == nil {
			kind := KindOfPath(d.Path)
			unmanaged[kind] = append(unmanaged[kind], d.Path)
			continue
		}
		found, nameless := t.fromDocument(realm, id, d)
		diags = append(diags, nameless...)
		for _, r := range found {
			if t.Journey {
				trees = append(trees, r)
				continue
			}
			if old := set.Add(r); old != nil {
				diags = append(diags, Duplicate(old, r))
			}
		}
	}
	for _, path := range set.joinMetadata(metadata) {
		unmanaged[KindOfPath(path)] = append(unmanaged[KindOfPath(path)], path)
	}
	used := map[nodeKey]bool{}
	for _, r := range trees {
		JoinJourney(r, func(typ, version, id string) (map[string]any, *Source, bool) {
			k := nodeKey{r.Realm, typ, version, id}
			d, ok := nodes[k]
			used[k] = used[k] || ok
			return d.Body, d.Source, ok
		})
		if old := set.Add(r); old != nil {
			diags = append(diags, Duplicate(old, r))
		}
	}
	for k, d := range nodes {
		if !used[k] {
			diags = append(diags, Diagnostic{
				Code: "journey-orphan-node", Severity: Warning, Pos: d.Source.At(""),
				Message: fmt.Sprintf("node %s (%s) in realm %s belongs to no journey", k.id, k.typ, k.realm),
				Hint:    "No journey uses it, so nothing changes when it goes. Delete it, or add it to a journey.",
			})
		}
	}
	for kind, paths := range unmanaged {
		set.AddUnmanaged(kind, paths...)
	}
	diags.Sort()
	return set, diags
}

// fromDocument makes the resources of one document: one, or one an element of the member. An element that
// nothing can be called by is a finding.
func (t *Type) fromDocument(realm, id string, d Document) ([]*Resource, Diagnostics) {
	if t.API.Member == "" {
		k := Key{Type: t.Name, ID: id}
		if t.Realm {
			k.Realm = realm
		}
		if t.API.Fixed != "" {
			k.ID = t.API.Fixed
		}
		body := t.Decode(d.Body)
		src := d.Source
		for _, p := range t.API.Coded {
			if s, ok := Lookup(d.Body, p); ok && Str(body, p) != s {
				src = src.Coded(p)
			}
		}
		return []*Resource{{Key: k, Body: body, Rev: Str(d.Body, "/_rev"), Source: src}}, nil
	}
	var out []*Resource
	var nameless Diagnostics
	for i, m := range Select(d.Body, strings.ReplaceAll(t.API.Member, "{realm}", "*")+"/*") {
		body, _ := m.Value.(map[string]any)
		segs := SplitPointer(m.Pointer)
		k := t.Key(strings.TrimPrefix(segs[len(segs)-2], "/"), "", body)
		if t.Realm && k.Realm == "" {
			continue // the root realm's themes: the API refuses everything else there
		}
		if k.ID == "" {
			nameless = append(nameless, Diagnostic{
				Code: "file-unreadable", Severity: Error, Pos: d.Source.At(m.Pointer),
				Message: fmt.Sprintf("%s of %s is no resource: nothing in it can be its name", m.Pointer, d.Path),
				Hint:    "Give it a name, or take it out: it can be neither compared nor written.",
			})
			continue
		}
		out = append(out, &Resource{Key: k, Body: body, Source: d.Source.Below(m.Pointer), Place: i + 1})
	}
	return out, nameless
}

func matchREST(patterns []restPattern, path string) (t *Type, realm, id string) {
	for _, p := range patterns {
		m := p.re.FindStringSubmatch(path)
		if m == nil {
			continue
		}
		for i, name := range p.re.SubexpNames() {
			switch name {
			case "realm":
				realm = m[i]
			case "id":
				id = m[i]
			}
		}
		first, _, _ := strings.Cut(id, "/")
		for _, s := range p.typ.API.Skip {
			if s == first {
				return nil, "", ""
			}
		}
		return p.typ, realm, id
	}
	return nil, "", ""
}

func orFirstVersion(v string) string {
	if v == "" {
		return "1.0"
	}
	return v
}

// JoinJourney puts the bodies of a journey's nodes, and of the children of its page nodes, into the
// tree's body under nodeConfigs. get finds a node by type, version and id. A node that get does not
// have stays missing: a rule reports it, at the place where the tree names it.
func JoinJourney(r *Resource, get func(typ, version, id string) (map[string]any, *Source, bool)) {
	configs := map[string]any{}
	add := func(typ, version, id string) map[string]any {
		body, src, ok := get(typ, orFirstVersion(version), id)
		if !ok {
			return nil
		}
		configs[id] = body
		if r.Source != nil && src != nil {
			for _, p := range src.Parts() {
				p.Prefix = Pointer("nodeConfigs", id) + p.Prefix
				r.Source.AddPart(p)
			}
		}
		return body
	}
	refs, _ := r.Body["nodes"].(map[string]any)
	for _, id := range SortedKeys(refs) {
		body := add(Str(refs[id], "/nodeType"), Str(refs[id], "/version"), id)
		children, _ := body["nodes"].([]any)
		for _, c := range children {
			add(Str(c, "/nodeType"), Str(c, "/nodeVersion"), Str(c, "/_id"))
		}
	}
	tree := make(map[string]any, len(r.Body)+1)
	for k, v := range r.Body {
		tree[k] = v
	}
	tree["nodeConfigs"] = configs
	r.Body = tree
}

// A NodeRef says how a journey names one of its nodes.
type NodeRef struct {
	ID, Type, Version, DisplayName string
	Page                           string // the page node it is a child of; empty for a node of the tree
	Pointer                        string // where the journey names it
}

// NodeRefs lists the nodes that a journey names: those of the tree, then the children of its page
// nodes, each in the order of ids and of the page.
func NodeRefs(body map[string]any) []NodeRef {
	var refs []NodeRef
	nodes, _ := body["nodes"].(map[string]any)
	for _, id := range SortedKeys(nodes) {
		n := nodes[id]
		refs = append(refs, NodeRef{id, Str(n, "/nodeType"), orFirstVersion(Str(n, "/version")), Str(n, "/displayName"), "", Pointer("nodes", id)})
	}
	for _, id := range SortedKeys(nodes) {
		children, _ := Lookup(body, Pointer("nodeConfigs", id, "nodes"))
		list, _ := children.([]any)
		for i, c := range list {
			refs = append(refs, NodeRef{
				Str(c, "/_id"), Str(c, "/nodeType"), orFirstVersion(Str(c, "/nodeVersion")), Str(c, "/displayName"), id,
				Pointer("nodeConfigs", id, "nodes", fmt.Sprint(i)),
			})
		}
	}
	return refs
}

// NodePath is the REST path of a node: versioned from version 2.0 on, where the unversioned form
// answers 404 (tenant-api, section 10.2); versioned is whether the tenant knows that form at all.
func NodePath(realm, typ, version, id string, versioned bool) string {
	base := strings.ReplaceAll(treesBase, "{realm}", url.PathEscape(realm)) + "/nodes/" + url.PathEscape(typ) + "/"
	if versioned {
		base += url.PathEscape(orFirstVersion(version)) + "/"
	}
	return base + url.PathEscape(id)
}

// TreesBase is the REST path above the trees and nodes of a realm.
func TreesBase(realm string) string {
	return strings.ReplaceAll(treesBase, "{realm}", url.PathEscape(realm))
}

// MetadataPath is where AM shows the metadata of a SAML entity (tenant-api, section 10.10).
const MetadataPath = "/am/saml2/jsp/exportmetadata.jsp"

// metadataOf gives the entity whose metadata the document is: its type is left open, its id is the
// entity's own name.
func metadataOf(d Document) (Key, bool) {
	query, ok := strings.CutPrefix(d.Path, MetadataPath+"?")
	if !ok {
		return Key{}, false
	}
	// The paths of recorded tenants are unescaped; an entity's name may hold any character.
	query = strings.TrimPrefix(query, "entityid=")
	at := strings.LastIndex(query, "&realm=")
	if at < 0 || d.Text == "" {
		return Key{}, false
	}
	return Key{Realm: strings.Trim(query[at+len("&realm="):], "/"), ID: query[:at]}, true
}

// joinMetadata puts SAML metadata into the bodies of their entities. It answers with the documents that
// no entity has.
func (s *Set) joinMetadata(metadata map[Key]Document) (left []string) {
	if len(metadata) == 0 {
		return nil
	}
	for _, r := range s.byKey {
		if t, _ := TypeOf(r.Type); !t.API.Metadata {
			continue
		}
		k := Key{Realm: r.Realm, ID: r.Name()}
		d, ok := metadata[k]
		if !ok {
			continue
		}
		delete(metadata, k)
		r.Body = CloneObject(r.Body)
		r.Body["metadata"] = d.Text
		if r.Source != nil && d.Source != nil {
			for _, p := range d.Source.Parts() {
				p.Prefix = "/metadata"
				r.Source.AddPart(p)
			}
		}
	}
	for _, d := range metadata {
		left = append(left, d.Path)
	}
	slices.Sort(left)
	return left
}

// Uninherit takes the wrapping off the values of agents that are not inherited.
func (t *Type) Uninherit(body map[string]any) map[string]any {
	if !t.API.Inherited {
		return body
	}
	body, _ = uninherit(CloneObject(body)).(map[string]any)
	return body
}

// uninherit takes the wrapping off values that are not inherited: AM answers with it, files have none.
func uninherit(v any) any {
	switch x := v.(type) {
	case map[string]any:
		// A value that is not set is left out: {"inherited": false} (recordings, oauth2-agents).
		if value, ok := x["value"]; x["inherited"] == false && (ok && len(x) == 2 || len(x) == 1) {
			return uninherit(value)
		}
		for k, e := range x {
			x[k] = uninherit(e)
		}
	case []any:
		for i, e := range x {
			x[i] = uninherit(e)
		}
	}
	return v
}

// Decode turns a body from the form the tenant keeps into the one a Resource holds.
func (t *Type) Decode(body map[string]any) map[string]any {
	body = t.Uninherit(body)
	if len(t.API.Coded) == 0 {
		return body
	}
	out := CloneObject(body)
	for _, p := range t.API.Coded {
		if s, ok := Lookup(out, p); ok {
			if text, ok := s.(string); ok {
				if plain, ok := DecodeBase64(text); ok {
					setMember(out, p, plain)
				}
			}
		}
	}
	return out
}

// Encode turns a Resource's body into the form the tenant keeps, less what the row says is not sent.
func (t *Type) Encode(body map[string]any) map[string]any {
	out := CloneObject(body)
	for _, name := range t.API.Drop {
		delete(out, name)
	}
	for _, name := range t.API.DropEmpty {
		if list, ok := out[name].([]any); ok && len(list) == 0 {
			delete(out, name)
		}
	}
	for _, p := range t.API.Coded {
		if s, ok := Lookup(out, p); ok {
			if text, ok := s.(string); ok {
				setMember(out, p, EncodeBase64(text))
			}
		}
	}
	return out
}

// setMember sets the member a pointer of one segment names.
func setMember(body map[string]any, pointer string, v any) { body[SplitPointer(pointer)[0]] = v }

// Documents gives the REST documents of a Set: what a tenant with this configuration would hold.
// Resources that share a document come out as one.
func Documents(s *Set) []Document {
	var docs []Document
	shared := map[string]map[string]any{}
	for _, r := range s.All() {
		t, ok := TypeOf(r.Type)
		if !ok {
			continue
		}
		path := unescapePath(t.RESTPath(r.Key, r.Body))
		switch {
		case t.API.Member != "":
			doc := shared[path]
			if doc == nil {
				doc = map[string]any{"_id": strings.TrimPrefix(path, "/openidm/config/")}
				shared[path] = doc
				docs = append(docs, Document{Path: path, Body: doc})
			}
			appendMember(doc, t.Expand(t.API.Member, r.Key, r.Body, EscapeSegment), CloneObject(r.Body))
		case t.Journey:
			docs = append(docs, journeyDocuments(t, r, path)...)
		default:
			docs = append(docs, Document{Path: path, Body: t.Encode(r.Body)})
			if text := Str(r.Body, "/metadata"); t.API.Metadata && text != "" {
				docs = append(docs, Document{Path: MetadataPath + "?entityid=" + r.Name() + "&realm=" + r.Realm, Text: text})
			}
		}
	}
	return docs
}

func journeyDocuments(t *Type, r *Resource, path string) []Document {
	docs := []Document{{Path: path, Body: t.Encode(r.Body)}}
	for _, ref := range NodeRefs(r.Body) {
		if body, ok := Lookup(r.Body, Pointer("nodeConfigs", ref.ID)); ok {
			if node, ok := body.(map[string]any); ok {
				docs = append(docs, Document{Path: unescapePath(NodePath(r.Realm, ref.Type, ref.Version, ref.ID, true)), Body: CloneObject(node)})
			}
		}
	}
	return docs
}

// appendMember appends v to the array at pointer, making objects on the way.
func appendMember(doc map[string]any, pointer string, v any) {
	segs := SplitPointer(pointer)
	for _, s := range segs[:len(segs)-1] {
		next, ok := doc[s].(map[string]any)
		if !ok {
			next = map[string]any{}
			doc[s] = next
		}
		doc = next
	}
	last := segs[len(segs)-1]
	list, _ := doc[last].([]any)
	doc[last] = append(list, v)
}

func unescapePath(p string) string {
	if u, err := url.PathUnescape(p); err == nil {
		return u
	}
	return p
}

// Duplicate is the finding that two places hold one resource.
func Duplicate(first, second *Resource) Diagnostic {
	d := Diagnostic{
		Code: "duplicate-resource", Severity: Error, Key: second.Key, Name: second.Name(), Pos: second.Source.At(""),
		Message: fmt.Sprintf("%s is there twice", second.Label()),
		Hint:    "Only the first is read. Delete one of them.",
	}
	if p := first.Source.At(""); !p.IsZero() {
		d.Related = append(d.Related, Related{Pos: p, Text: "the other one"})
	}
	return d
}
