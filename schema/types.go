package schema

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Class says how a type's resources get from one tenant environment to the next
// (vendor documentation, "Promotions FAQ").
type Class string

// The classes.
const (
	Static         Class = "static"          // changed in development only, moved by promotion
	Dynamic        Class = "dynamic"         // kept per environment in a live store, never promoted
	PerEnvironment Class = "per-environment" // ESVs: must exist everywhere, with other values
)

// A Type describes one kind of resource. Everything that differs between kinds is data here, so no
// other package switches on a type's name.
//
// Paths and pointers in a row may hold variables: {realm}, {id}, {/pointer} (a string in the body),
// {parent} (the id of the resource it belongs to).
type Type struct {
	Name     string // "journey"; what Key.Type holds
	Plural   string // "journeys"
	Doc      string // one line for `lockstep types`
	Realm    bool   // lives in a realm
	Class    Class
	NamePath string // pointer to what the admin UI calls it, or several, the first that is there counts: "/a|/b"; empty where that is the id
	// UniqueName: the tenant refuses two of one name in a realm.
	UniqueName bool
	ID         string // how the id is made from a body; "{/_id}" less IDPrefix when empty; "{path}" is where it stands
	IDPrefix   string // stands before the id in the body's _id: "emailTemplate/"
	Parent     Parent // the resource it belongs to, if any
	Journey    bool   // the body is a journey: a tree, with its nodes' bodies under nodeConfigs
	API        API
	Schema     string    // file name of the embedded JSON Schema; empty if there is none
	Links      []Link    // values that name other resources: order, dangling checks
	Volatile   []string  // patterns of what the server owns or rewrites: never a difference
	Defaults   []Default // what the server adds when it is absent: no difference
	// Brings says of an id that the product itself brings the resource: a reference to it never dangles, though
	// exports and repositories leave it out.
	Brings func(id string) bool
	// NullIsAbsent: AM answers null for what is not set.
	NullIsAbsent bool
	// PerTenant are patterns of values that a repository may keep as ${NAME}, to be filled from the
	// environment when they are pushed: then they are unknown, and no difference.
	PerTenant []string
	Unordered []string // patterns of lists whose order means nothing
	Secret    []string // patterns of values that must hold a placeholder, if anything
	Text      []Text   // long texts
	Libraries bool     // its scripts may require("name") others of the type
	CORS      *CORS    // what the CORS rules look at
	// Stub, if set, makes a body that can be created before what the full body refers to exists: it
	// breaks cycles (inner journeys that call each other; the email service and its transport).
	Stub func(body map[string]any) map[string]any
	// Protected says that the product owns the resource: it is never deleted.
	Protected func(r *Resource) bool
	// OnRequest types are read from a tenant only when they are asked for: by name, or because the files
	// that it is compared with have some. They are dynamic, or the peers' full exports leave them out.
	OnRequest bool
	// ReadOnly, if set, says why nobody but the product writes the type: it is compared, never planned.
	ReadOnly string
	FrConfig FrConfig
	Frodo    Frodo
	// Keyed says what tells the elements of lists of objects apart, where it is none of the members _id,
	// uuid, id and name: an element that changed is then shown as that one's, wherever it stands.
	Keyed []KeyedList
}

// A KeyedList names the member that tells the elements of a list of objects apart.
type KeyedList struct {
	Pattern string // of the list: "/mappings/*/properties"
	By      string // the member's name: "target"; or a pointer to it: "/config/name"
}

// Parent names the resource that one belongs to. The id is constant or the own id's first segment.
type Parent struct {
	Type string
	ID   string // "" means the first segment of the own id
}

// API says where the tenant keeps a type (reference: tenant-api, the section named in the row).
type API struct {
	Path    string // of one resource: "/am/json/realms/root/realms/{realm}/scripts/{id}"; {id} may hold slashes where ID says so
	Version string // the Accept-API-Version header; empty when clients send none
	List    List   // how to get all of them
	// Member: Path is a whole document, and the resources are the elements of the array at this
	// pointer in it. Writing one is read, change, write of the document.
	Member string
	// Fixed: the document at Path is the one resource of the type (in its realm), with this id.
	Fixed string
	// IDs: the documents at Path with these ids are the resources of the type, and no others.
	IDs []string
	// Kinds, if set, are the values of /_type/_id that the type has; NotKinds are those that another has.
	Kinds, NotKinds []string
	// Stubs: the list shows only that a resource is there, and each is read by itself. Those of its
	// entries are of the type that have these values at these pointers.
	Stubs map[string]string
	// Create is the request that creates a resource where PUT can't: "POST /path?_action=create".
	Create string
	// IfMatch: PUT creates only, unless it comes with "If-Match: *".
	IfMatch bool
	// Inherited: values stand as {"inherited": false, "value": v}, or plain.
	Inherited bool
	// KindVersions are the Accept-API-Version headers of single kinds; VersionAt points to one in the body.
	KindVersions map[string]string
	VersionAt    string
	// Scope is what a token needs beside the usual to reach the type.
	Scope string
	// Extra: not every tenant has the API; one that refuses it has none of the type.
	Extra bool
	// Keyed: there is no list; only resources that somebody asks for by key are read.
	Keyed bool
	// Grouped: the list's answer is an object of arrays, and their names are the parents of what they hold.
	Grouped bool
	// Rest: the type has what no other row's path fits.
	Rest bool
	// Publish is a second request with the body, where it says "status": "published".
	Publish string
	// Parts are what is deleted below Path, where that itself can't be.
	Parts []string
	// Metadata: beside the document there is SAML metadata, read and imported by requests of its own.
	Metadata bool
	// Coded are pointers of strings that the tenant stores in base64.
	Coded []string
	// Value is the member that holds an ESV's value in base64; it must be resolved before it is sent.
	Value string
	// Versioned: PUT only creates the resource; an existing one gets a new version and a description.
	Versioned bool
	// Drop are top-level members that are not sent; DropEmpty are those that are not sent when empty.
	Drop, DropEmpty []string
	// Skip are ids that the tenant lists but refuses to show, or that are no resources of the type.
	Skip []string
	// Childless are ids of resources that never have children, so that nobody asks for them.
	Childless []string
	// Evidence is the section of the API notes, and what is a choice where they are silent.
	Evidence string
}

// List is the request that answers with all resources of a type.
type List struct {
	Method string // GET or POST
	Path   string
	Query  string
}

// A Link is a value that names another resource.
type Link struct {
	Pattern string              // where the value stands
	When    map[string][]string // pointer into the nearest object around the value → what may stand there
	To      string              // the type it names
	ByName  bool                // names it by name, not by id
	None    []string            // values that mean "none"; the empty string always does
	// Names, if set, takes the name out of the value; it returns "" when there is none.
	Names func(value string) string
	// Soft: a missing one is a warning, and the order of writing doesn't depend on it.
	Soft bool
	// HardIfAny: a missing one is an error after all when the source has others of the type, in that realm.
	HardIfAny bool
	Code      string // the finding when what it names is not there
}

// A Default is a value that the server adds when it is absent.
type Default struct {
	Pattern string // the last segment is the member's name
	Value   any
}

// A Text is a long text within a body, shown line by line.
type Text struct {
	Pattern  string
	Language string // javascript, html, css, markdown; a pointer "{/language}" into the body
}

// FrConfig is where fr-config-manager's tree keeps a type.
type FrConfig struct {
	Path   string // "realms/{realm}/scripts/scripts-config/{id}.json"; {name} is the name made safe
	Member string // several resources share the file: where this one's is; "/corsServices/*" is a list, "/{id}" has the id for its name
	// Wrap is the member that holds the body, where the file has others beside it: they are the body's too.
	Wrap string
	// Also is where older releases of the tool kept it; what stands there is read, and stays there.
	Also    string
	Include []Include
	// Own says that fr-config-manager has no place for the type: the path is ours, and it skips the file.
	Own bool
}

// An Include is text that stands in a side file, named by {"file": "…"} in the JSON.
type Include struct {
	Pattern string // "/html/*"; {*} in Name is what the star stood for
	Base    string // the folder the name is relative to; empty: the JSON file's own
	// Name may hold {*}, {*1}, {*2}: what the last, first, second star stood for; and {../member}: a
	// member of the nearest object around the text that has it.
	Name  string
	Coded bool // the side file holds in the clear what the tenant keeps in base64
	// Sibling names the side file in a member "file" beside the text's own, which goes: {"type":
	// "text/javascript", "file": "x.js"}. Only JavaScript moves so; a file that is not there is the product's.
	Sibling bool
	// Product are names of files that the product has itself, where they are no paths such as "ui/x.js".
	Product []string
}

// Frodo is where frodo's exports keep a type.
type Frodo struct {
	Section string // "script", "saml/hosted"; below "global" or "realm/root-alpha" in a full export
	// Folder and Suffix are those of the separate form where they are not the section's name: "oauth2.app".
	Folder, Suffix string
	Children       bool   // stands in a list of its parent's object
	List           string // that list's member; "nextDescendents" when empty
	Single         bool   // the section is the object itself
	// Lines are pointers to texts that stand as lists of lines, or in a file beside.
	Lines []string
	// Prefixed: the object's key has the IDPrefix.
	Prefixed bool
	// Elements is the suffix of the files in which the separate form keeps the elements of the whole
	// document: "managed" for alpha_user.managed.json, named in managed.idm.json.
	Elements string
	// Aliases are sections that have some too, in exports of other types.
	Aliases []string
	// Own says that frodo has no place for the type: the section is ours, and it skips it.
	Own bool
	// Plain is the member that holds in the clear what the tenant keeps in base64 under PlainOf.
	Plain, PlainOf string
}

// types is the table. Its order is the order of writing (tenant-api, section 13.1): what is referred
// to stands before what refers to it; what may lock the writer out comes last.
var types = slices.Concat(esvTypes, scriptTypes, experienceTypes, realmTypes, federationTypes, journeyTypes, authorizationTypes, idmTypes, environmentTypes, rawTypes, accessTypes)

var index = sync.OnceValue(func() map[string]int {
	m := make(map[string]int, len(types))
	for i := range types {
		m[types[i].Name] = i
	}
	return m
})

var table = sync.OnceValue(func() []*Type {
	all := make([]*Type, len(types))
	for i := range types {
		all[i] = &types[i]
	}
	return all
})

// FolderName and FileSuffix are those of frodo's separate files.
func (f Frodo) FolderName() string { return cmp.Or(f.Folder, f.Section) }

// FileSuffix is what stands between a name and ".json".
func (f Frodo) FileSuffix() string { return cmp.Or(f.Suffix, f.FolderName()) }

// ListName is the member of the parent's object that has the children.
func (f Frodo) ListName() string { return cmp.Or(f.List, "nextDescendents") }

// TypeOf returns the row of a type.
func TypeOf(name string) (*Type, bool) {
	i, ok := index()[name]
	if !ok {
		return nil, false
	}
	return &types[i], true
}

// Types returns the table, in the order in which resources are written to a tenant. It is shared:
// nobody changes it.
func Types() []*Type { return table() }

// TypeNames lists the names of the types, in the order of the table.
func TypeNames() []string {
	names := make([]string, len(types))
	for i := range types {
		names[i] = types[i].Name
	}
	return names
}

// The names of groups of types, for users to ask for.
const (
	AllTypes     = "all"     // every type
	DefaultTypes = "default" // what is read when nothing is asked for
)

// TypeGroups are the names of groups of types.
func TypeGroups() []string { return []string{AllTypes, DefaultTypes, string(Static), string(Dynamic)} }

// ExpandTypes gives the types that a user asked for by name or group (all, default, static, dynamic), in
// the order of the table. Nothing asked for is nil, which means what is read by default.
func ExpandTypes(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	want := map[string]bool{}
	for _, name := range names {
		found := false
		for i := range types {
			t := &types[i]
			if name == t.Name || name == AllTypes || name == DefaultTypes && !t.OnRequest || name == string(t.Class) {
				want[t.Name], found = true, true
			}
		}
		if !found {
			hint := ""
			if near := Suggest(name, append(TypeNames(), TypeGroups()...)); near != "" {
				hint = " (did you mean " + near + "?)"
			}
			return nil, fmt.Errorf("there is no type %q%s: lockstep types lists them", name, hint)
		}
	}
	out := make([]string, 0, len(want))
	for i := range types {
		if want[types[i].Name] {
			out = append(out, types[i].Name)
		}
	}
	return out, nil
}

// Rank is the type's place in the order of writing.
func (t *Type) Rank() int { return index()[t.Name] }

// Expand fills the variables of a path or pointer. escape is applied to what is filled in.
func (t *Type) Expand(pattern string, k Key, body map[string]any, escape func(string) string) string {
	return variable.ReplaceAllStringFunc(pattern, func(v string) string {
		switch name := v[1 : len(v)-1]; name {
		case "realm":
			return escape(k.Realm)
		case "id":
			return escape(k.ID)
		default:
			return escape(firstStr(body, name))
		}
	})
}

// firstStr is the string at the first of several pointers, "/a|/b", that has one.
func firstStr(body any, pointers string) string {
	for p := range strings.SplitSeq(pointers, "|") {
		if s := Str(body, p); s != "" {
			return s
		}
	}
	return ""
}

var variable = regexp.MustCompile(`\{(realm|id|/[^}]*)\}`)

// Key makes a resource's key from its body. parent is the id of the resource it belongs to.
// It returns an empty id when the body has none.
func (t *Type) Key(realm, parent string, body map[string]any) Key {
	if !t.Realm {
		realm = ""
	}
	k := Key{Type: t.Name, Realm: realm}
	switch {
	case t.API.Fixed != "":
		k.ID = t.API.Fixed
	case t.ID == idByPath: // only its reader knows
	case t.ID == "":
		k.ID = strings.TrimPrefix(Str(body, "/_id"), t.IDPrefix)
	default:
		k.ID = t.Expand(strings.ReplaceAll(t.ID, "{parent}", parent), k, body, func(s string) string { return s })
	}
	return k
}

// idByPath is the ID of a type whose bodies don't tell it.
const idByPath = "{path}"

// IDByPath says that where a resource stands gives its id, not its body.
func (t *Type) IDByPath() bool { return t.ID == idByPath || t.API.Fixed != "" }

// IDMember is the member of a body that tells its id: "_id", "name".
func (t *Type) IDMember() string {
	if t.ID == "" {
		return "_id"
	}
	i := strings.LastIndex(t.ID, "{/")
	member, _, _ := strings.Cut(strings.TrimSuffix(t.ID[i+2:], "}"), "|")
	return member
}

// Is says whether a body is of the type, where several share a path: by its kind, and by the prefix
// of its id.
func (t *Type) Is(body map[string]any) bool {
	kind := Str(body, "/_type/_id")
	if len(t.API.Kinds) > 0 && !slices.Contains(t.API.Kinds, kind) || slices.Contains(t.API.NotKinds, kind) {
		return false
	}
	return t.IDPrefix == "" || strings.HasPrefix(Str(body, "/_id"), t.IDPrefix)
}

// RESTPath is the path the tenant keeps the resource at, escaped.
func (t *Type) RESTPath(k Key, body map[string]any) string {
	return t.Expand(t.API.Path, k, body, func(s string) string {
		segs := strings.Split(s, "/")
		for i := range segs {
			segs[i] = url.PathEscape(segs[i])
		}
		return strings.Join(segs, "/")
	})
}

// ParentKey is the key of the resource that k belongs to; ok is false when it belongs to none.
func (t *Type) ParentKey(k Key) (Key, bool) {
	if t.Parent.Type == "" {
		return Key{}, false
	}
	id := t.Parent.ID
	if id == "" {
		id, _, _ = strings.Cut(k.ID, "/")
	}
	p, _ := TypeOf(t.Parent.Type)
	if p == nil || !p.Realm {
		return Key{Type: t.Parent.Type, ID: id}, true
	}
	return Key{Type: t.Parent.Type, Realm: k.Realm, ID: id}, true
}

// IsProtected says whether the product owns the resource.
func (t *Type) IsProtected(r *Resource) bool { return t.Protected != nil && t.Protected(r) }

// MatchSegment matches one segment of a pattern: "*" is anything, a star within is a wildcard.
func MatchSegment(pattern, name string) bool {
	if pattern == "*" || pattern == name {
		return true
	}
	before, after, ok := strings.Cut(pattern, "*")
	if !ok {
		return false
	}
	if !strings.ContainsAny(after, `*?[\`) && !strings.ContainsAny(before, `?[\`) && !strings.Contains(name, "/") {
		return len(name) >= len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
	}
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
