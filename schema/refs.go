package schema

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// A Reference is a value of one resource that names another.
type Reference struct {
	From    Key
	Pointer string // of the value in From's body
	To      Key    // a resource named by name has its id here when it is found, its name otherwise
	Value   string // the name or id as it stands there
	Link    *Link  // the row; nil for the resource it belongs to and for library scripts
	Found   bool   // in the set, or one of the product's own
	Soft    bool   // a missing one is a warning, and the order of writing does not depend on it
	Code    string // the finding when it is missing; empty for the resource it belongs to
	// Start and End are the name's place within the text, for a library script.
	Start, End int
}

// References lists what the set's resources refer to, sorted by From, Pointer and To.
func References(s *Set) []Reference {
	r := newResolver(s)
	var refs []Reference
	for _, res := range s.All() {
		refs = append(refs, r.of(res)...)
	}
	return refs
}

// ReferencesOf lists what one resource refers to, sorted by Pointer and To.
func ReferencesOf(s *Set, r *Resource) []Reference { return newResolver(s).of(r) }

// MissingLibrary is the finding for a library script that is not there.
const MissingLibrary = "script-missing-library"

// resolver keeps names, which would be searched for again for each reference.
type resolver struct {
	set   *Set
	names map[Key]Key // a key with the name in the id's place → the key
}

func newResolver(s *Set) *resolver { return &resolver{set: s} }

// index prepares byName, which then changes nothing any more.
func (r *resolver) index() {
	r.names = map[Key]Key{}
	for _, res := range r.set.All() {
		named := Key{Type: res.Type, Realm: res.Realm, ID: res.Name()}
		if _, ok := r.names[named]; !ok {
			r.names[named] = res.Key
		}
	}
}

func (r *resolver) byName(k Key) (Key, bool) {
	if r.names == nil {
		r.index()
	}
	found, ok := r.names[k]
	return found, ok
}

func (r *resolver) of(res *Resource) []Reference {
	t, ok := TypeOf(res.Type)
	if !ok {
		return nil
	}
	var refs []Reference
	if parent, ok := t.ParentKey(res.Key); ok {
		refs = append(refs, Reference{From: res.Key, To: parent, Value: parent.ID, Found: r.set.Knows(parent)})
	}
	for i := range t.Links {
		for _, m := range Select(res.Body, t.Links[i].Pattern) {
			if ref, ok := r.link(res, &t.Links[i], m); ok {
				refs = append(refs, ref)
			}
		}
	}
	if t.Libraries {
		refs = append(refs, r.libraries(t, res)...)
	}
	slices.SortStableFunc(refs, func(a, b Reference) int {
		return cmp.Or(strings.Compare(a.Pointer, b.Pointer), a.To.Compare(b.To), cmp.Compare(a.Start, b.Start))
	})
	return refs
}

func (r *resolver) link(res *Resource, l *Link, m Match) (Reference, bool) {
	value, ok := m.Value.(string)
	// Where a placeholder leads is the tenant's secret.
	if !ok || value == "" || slices.Contains(l.None, value) || placeholders.Has(value) || !l.applies(res.Body, m.Pointer) {
		return Reference{}, false
	}
	name := value
	if l.Names != nil {
		if name = l.Names(value); name == "" {
			return Reference{}, false
		}
	}
	ref := Reference{From: res.Key, Pointer: m.Pointer, Value: name, Link: l, Soft: l.Soft, Code: l.Code}
	to, ok := TypeOf(l.To)
	if !ok {
		return Reference{}, false
	}
	ref.To = Key{Type: l.To, ID: strings.TrimPrefix(name, to.IDPrefix)}
	if to.Realm {
		ref.To.Realm = res.Realm
	}
	if l.ByName {
		if k, ok := r.byName(ref.To); ok {
			ref.To = k
		}
	}
	ref.Found = r.set.Knows(ref.To) || isProductDefault(ref.To)
	return ref, true
}

// applies checks the row's condition against the nearest object around the value.
func (l *Link) applies(body map[string]any, pointer string) bool {
	if len(l.When) == 0 {
		return true
	}
	var around any
	for at := pointer; at != ""; {
		at = at[:strings.LastIndexByte(at, '/')]
		around, _ = Lookup(body, at)
		if _, ok := around.(map[string]any); ok {
			break
		}
	}
	for where, allowed := range l.When {
		v, _ := Lookup(around, where)
		switch x := v.(type) {
		case string:
			if !slices.Contains(allowed, x) {
				return false
			}
		case bool:
			if !slices.Contains(allowed, strconv.FormatBool(x)) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// libraries finds the library scripts that a script requires, by name.
func (r *resolver) libraries(t *Type, res *Resource) []Reference {
	var refs []Reference
	for _, x := range t.Text {
		for _, m := range Select(res.Body, x.Pattern) {
			if x.LanguageAt(res.Body, m.Pointer) != "javascript" {
				continue
			}
			text, _ := m.Value.(string)
			for _, use := range requires(text) {
				to, ok := r.byName(Key{Type: t.Name, Realm: res.Realm, ID: use.name})
				if !ok {
					to = Key{Type: t.Name, Realm: res.Realm, ID: use.name}
				}
				refs = append(refs, Reference{
					From: res.Key, Pointer: m.Pointer, To: to, Value: use.name,
					Found: ok || isProductLibrary(use.name) || r.hasBroken(t.Name, res.Realm),
					Code:  MissingLibrary, Start: use.start, End: use.end,
				})
			}
		}
	}
	return refs
}

// hasBroken says whether there are resources of that type whose names are not known.
func (r *resolver) hasBroken(typ, realm string) bool {
	for k := range r.set.broken {
		if k.Type == typ && k.Realm == realm {
			return true
		}
	}
	return false
}

// required is one require("name").
type required struct {
	name       string
	start, end int // of the quoted name in the text
}

// requires lists the constant names that a script's require calls name, each once.
func requires(src string) []required {
	// The expression is slow, and "required" is a frequent word in comments.
	if !callsRequire(src) {
		return nil
	}
	code := onlyCode(src)
	if !callsRequire(code) {
		return nil
	}
	var out []required
	seen := map[string]bool{}
	for _, m := range requireCall().FindAllStringSubmatchIndex(code, -1) {
		name := code[m[2]+1 : m[3]-1]
		if !seen[name] {
			seen[name] = true
			out = append(out, required{name, m[2], m[3]})
		}
	}
	return out
}

var (
	requireCall = lazily(`(?:^|[^.\w$])require\s*\(\s*('[^'\\\n]+'|"[^"\\\n]+")\s*\)`)
	requireOpen = lazily(`(?:^|[^.\w$])require\s*\(\s*$`)
)

// callsRequire says whether the word stands before a parenthesis.
func callsRequire(src string) bool {
	for {
		_, rest, ok := strings.Cut(src, "require")
		if !ok {
			return false
		}
		if strings.HasPrefix(strings.TrimLeft(rest, " \t\r\n\v\f"), "(") {
			return true
		}
		src = rest
	}
}

// onlyCode puts spaces in the place of comments, of regular expressions, and of strings that are no
// argument of require, so that offsets stay.
func onlyCode(src string) string {
	return blankStrings(src, func(start, _ int) bool {
		before := src[max(start-40, 0):start]
		return strings.HasSuffix(strings.TrimRight(before, " \t\r\n\v\f"), "(") && requireOpen().MatchString(before)
	})
}

// blankStrings puts spaces in the place of comments, of regular expressions, and of what stands in
// strings unless keep says otherwise.
func blankStrings(src string, keep func(start, end int) bool) string {
	out := []byte(src)
	blank := func(from, to int) {
		for i := from; i < min(to, len(out)); i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	last := byte(';') // the last character of code
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '\'' || c == '"' || c == '`':
			end := endOfString(src, i)
			if !keep(i, end) {
				blank(i+1, end)
			}
			i, last = end, '"'
		case strings.HasPrefix(src[i:], "//"):
			end := lineEnd(src, i)
			blank(i, end)
			i = end - 1
		case strings.HasPrefix(src[i:], "/*"):
			end := len(src)
			if n := strings.Index(src[i+2:], "*/"); n >= 0 {
				end = i + 2 + n + 2
			}
			blank(i, end)
			i = end - 1
		case c == '/' && strings.IndexByte("(=,:[!&|?{};+", last) >= 0:
			end := endOfRegexp(src, i)
			blank(i, end)
			i, last = end-1, '"'
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			last = c
		}
	}
	return string(out)
}

func lineEnd(src string, i int) int {
	if n := strings.IndexByte(src[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(src)
}

// endOfRegexp gives the offset after the slash that closes the regular expression begun at i.
func endOfRegexp(src string, i int) int {
	class := false
	for i++; i < len(src) && src[i] != '\n'; i++ {
		switch {
		case src[i] == '\\':
			i++
		case src[i] == '[':
			class = true
		case src[i] == ']':
			class = false
		case src[i] == '/' && !class:
			return i + 1
		}
	}
	return min(i, len(src))
}

// endOfString gives the offset of the quote that closes the string begun at i; a plain string ends
// with its line.
func endOfString(src string, i int) int {
	quote := src[i]
	for i++; i < len(src); i++ {
		switch {
		case src[i] == '\\':
			i++
		case src[i] == quote, src[i] == '\n' && quote != '`':
			return i
		}
	}
	return len(src)
}
