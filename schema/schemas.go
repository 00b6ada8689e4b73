package schema

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// The schemas were derived from recorded tenants. What they do not list may still be right: the
// product grows properties with each release.
//
//go:embed types/*.json
var schemaFiles embed.FS

// nodeSchema is the file with the journey nodes' schemas.
const nodeSchema = "node.json"

// A schemaFile is a file's schema, and the schemas of its kinds: a body is checked against the one
// that its _type names, since a oneOf over all of them is 45 times slower (libraries, section 3).
type schemaFile struct {
	name string
	main *jsonschema.Schema

	mu    sync.Mutex
	kinds map[string]*jsonschema.Schema // nil for one that is not compiled yet
	defs  map[string]json.RawMessage    // their texts
}

// A schemaTable compiles what is asked for and nothing else: a hook that looks at ten journeys needs
// three of the hundred schemas.
type schemaTable struct {
	mu       sync.Mutex // the compiler is not safe for use by several goroutines
	compiler *jsonschema.Compiler
	files    map[string]func() *schemaFile
	forms    sync.Map // *jsonschema.Schema → *form
}

const schemaBase = "lockstep:///"

var schemas = sync.OnceValue(func() *schemaTable {
	t, err := newSchemaTable()
	if err != nil {
		panic("schema: " + err.Error()) // embedded, and compiled by a test
	}
	return t
})

func newSchemaTable() (*schemaTable, error) {
	entries, err := schemaFiles.ReadDir("types")
	if err != nil {
		return nil, err
	}
	t := &schemaTable{compiler: jsonschema.NewCompiler(), files: map[string]func() *schemaFile{}}
	t.compiler.Draft = jsonschema.Draft2020
	t.compiler.ExtractAnnotations = true // the examples: see almost
	// The default would read file:// references.
	t.compiler.LoadURL = func(s string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("schema %s: an embedded schema refers to no other", s)
	}
	for _, e := range entries {
		t.files[e.Name()] = sync.OnceValue(func() *schemaFile {
			f, err := t.compile(e.Name())
			if err != nil {
				panic("schema: " + err.Error()) // embedded, and compiled by a test
			}
			return f
		})
	}
	return t, nil
}

func (t *schemaTable) compile(name string) (*schemaFile, error) {
	data, err := schemaFiles.ReadFile("types/" + name)
	if err != nil {
		return nil, err
	}
	doc, defs := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if raw, ok := doc["$defs"]; ok {
		if err := json.Unmarshal(raw, &defs); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	// The compiler holds a whole document against its metaschema, which takes longer than all the rest: a kind
	// is a document of its own.
	delete(doc, "$defs")
	if data, err = json.Marshal(doc); err != nil {
		return nil, err
	}
	f := &schemaFile{name: name, kinds: map[string]*jsonschema.Schema{}, defs: defs}
	for d := range defs {
		f.kinds[d] = nil
	}
	f.main, err = t.add(schemaBase+name, data)
	return f, err
}

// add compiles a schema under an address of its own.
func (t *schemaTable) add(address string, data []byte) (*jsonschema.Schema, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.compiler.AddResource(address, bytes.NewReader(data)); err != nil {
		return nil, err
	}
	return t.compiler.Compile(address)
}

// file gives a file's schema; nil when there is none of that name.
func (t *schemaTable) file(name string) *schemaFile {
	if f := t.files[name]; f != nil {
		return f()
	}
	return nil
}

// kind gives the schema of a file's kind; nil when there is none.
func (t *schemaTable) kind(f *schemaFile, kind string) (*jsonschema.Schema, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.kinds[kind]
	if s != nil || !ok {
		return s, nil
	}
	s, err := t.add(schemaBase+f.name+"/"+url.PathEscape(kind), f.defs[kind])
	f.kinds[kind] = s
	return s, err
}

// checkSchema checks a body's shape, and for a journey that of each node.
func checkSchema(c *checker, t *Type, r *Resource) {
	if t.Schema == "" {
		return
	}
	v := &shape{c: c, t: t, r: r, absent: map[string]bool{}, slips: map[string]bool{}}
	v.check(schemas().file(t.Schema), r.Body, "")
	if !t.Journey {
		return
	}
	nodes, _ := r.Body["nodeConfigs"].(map[string]any)
	for _, id := range SortedKeys(nodes) {
		if body, ok := nodes[id].(map[string]any); ok {
			v.check(schemas().file(nodeSchema), body, Pointer("nodeConfigs", id))
		}
	}
}

type shape struct {
	c *checker
	t *Type
	r *Resource
	// absent are the pointers of required members that are missing, slips those that another member's name
	// nearly is: a name that is slipped makes both.
	absent, slips map[string]bool
}

func (v *shape) check(f *schemaFile, body map[string]any, at string) {
	if f == nil {
		return
	}
	name := Str(body, "/_type/_id")
	kind, err := schemas().kind(f, name)
	if err != nil {
		panic("schema: " + err.Error()) // embedded, and compiled by a test
	}
	if kind == nil && !v.t.Journey && len(name) >= 4 { // of nodes the journey's rules speak
		if near := Suggest(name, SortedKeys(f.kinds)); near != "" {
			v.c.report(v.r, at+"/_type/_id", "schema-invalid", fmt.Sprintf("there is no kind %q of %s", name, singular(v.r.Type)), fmt.Sprintf("Did you mean %q?", near))
		}
	}
	if !v.fits(schemas().form(f.main), schemas().form(kind), body) {
		v.explain(f.main, kind, body, at)
	}
}

// explain asks the validator what is wrong with a body. kind may be nil.
func (v *shape) explain(main, kind *jsonschema.Schema, body map[string]any, at string) {
	value := v.plain(body)
	list := []*jsonschema.Schema{main}
	if kind != nil {
		list = append(list, kind)
	}
	seen := map[string]bool{}
	for _, s := range list {
		err := s.Validate(value)
		if err == nil {
			continue
		}
		ve, ok := err.(*jsonschema.ValidationError)
		if !ok {
			v.c.report(v.r, at, "schema-invalid", "the value can't be checked against its schema: "+err.Error(), "")
			continue
		}
		for _, leaf := range leaves(ve) {
			if k := leaf.pointer + "\x00" + leaf.keyword; !seen[k] {
				seen[k] = true
				v.invalid(leaf, body, at)
			}
		}
	}
	v.unknown(list, body, at)
	v.merge()
}

// A leaf is one innermost error of the validator.
type leaf struct{ pointer, keyword, message string }

// leaves are sorted: the validator walks Go maps, so that its own order changes from run to run.
func leaves(e *jsonschema.ValidationError) []leaf {
	var out []leaf
	if len(e.Causes) == 0 {
		out = append(out, leaf{unescapeLocation(e.InstanceLocation), e.KeywordLocation[strings.LastIndexByte(e.KeywordLocation, '/')+1:], e.Message})
	}
	for _, c := range e.Causes {
		out = append(out, leaves(c)...)
	}
	return sortedBy(out, func(l leaf) string { return l.pointer + "\x00" + l.keyword + "\x00" + l.message })
}

// unescapeLocation undoes the validator's percent-encoding of pointers.
func unescapeLocation(at string) string {
	segs := strings.Split(at, "/")
	for i, s := range segs {
		if u, err := url.PathUnescape(s); err == nil {
			segs[i] = u
		}
	}
	return strings.Join(segs, "/")
}

func (v *shape) invalid(l leaf, body map[string]any, at string) {
	if l.keyword == "additionalProperties" && strings.HasPrefix(l.message, "additionalProperties") {
		return // unknown reports them
	}
	where := v.where(at, l.pointer)
	if v.t.API.Inherited {
		l.pointer = throughInherited(body, l.pointer)
	}
	value, _ := Lookup(body, l.pointer)
	if excused(value, l.keyword) || v.perTenant(value) {
		return
	}
	switch l.keyword {
	case "required":
		for _, name := range quoted(l.message) {
			d := v.c.report(v.r, at+l.pointer+Pointer(name), "schema-invalid", fmt.Sprintf("%q is missing%s", name, v.within(at, l.pointer)), "")
			d.slip = d.Pointer
			v.absent[d.slip] = true
		}
	case "type":
		want := strings.TrimPrefix(l.message, "expected ")
		want, _, _ = strings.Cut(want, ", but got ")
		v.c.report(v.r, at+l.pointer, "schema-invalid", fmt.Sprintf("%s must be %s and is %s", where, articles(want), kindOf(value)), typeHint(want, value, v.t.Class == Static))
	case "enum":
		hint := ""
		s, _ := value.(string)
		if near := cmp.Or(nearest(s, quoted(l.message)), shorter(s, quoted(l.message))); near != "" {
			hint = fmt.Sprintf("Did you mean %q?", near)
		}
		v.c.report(v.r, at+l.pointer, "schema-invalid", fmt.Sprintf("%s must be one of %s", where, strings.Join(quoted(l.message), ", ")), hint)
	case "minimum", "maximum":
		bound := map[string]string{"minimum": "at least", "maximum": "at most"}[l.keyword]
		_, limit, _ := strings.Cut(l.message, "= ")
		limit, _, _ = strings.Cut(limit, " ")
		v.c.report(v.r, at+l.pointer, "schema-invalid", fmt.Sprintf("%s must be %s %s and is %v", where, bound, limit, value), "")
	case "pattern":
		v.c.report(v.r, at+l.pointer, "schema-invalid", fmt.Sprintf("%s is %q, which has not the form that it must have", where, value),
			"The form, as a regular expression: "+strings.TrimPrefix(l.message, "does not match pattern "))
	default:
		v.c.report(v.r, at+l.pointer, "schema-invalid", fmt.Sprintf("%s: %s", where, l.message), "")
	}
}

// where names the value, with the node it belongs to.
func (v *shape) where(at, pointer string) string {
	segs := splitPointer(pointer)
	if len(segs) == 0 {
		return v.owner(at, "the "+singular(v.r.Type))
	}
	name := fmt.Sprintf("%q", strings.Join(segs, "."))
	if owner := v.owner(at, ""); owner != "" {
		name += " of " + owner
	}
	return name
}

func (v *shape) within(at, pointer string) string {
	segs := splitPointer(pointer)
	if v.t.Journey && at == "" && len(segs) == 2 && segs[0] == "nodes" {
		return fmt.Sprintf(" in %q", nodeName(v.r.Body, segs[1]))
	}
	if len(segs) > 0 {
		return fmt.Sprintf(" in %s", v.where(at, pointer))
	}
	if owner := v.owner(at, ""); owner != "" {
		return " in " + owner
	}
	return ""
}

func (v *shape) owner(at, otherwise string) string {
	if segs := splitPointer(at); len(segs) == 2 {
		return fmt.Sprintf("%q", nodeName(v.r.Body, segs[1]))
	}
	return otherwise
}

// articles reads the validator's "string or object".
func articles(want string) string {
	words := strings.Split(want, " or ")
	for i, w := range words {
		words[i] = article(w)
	}
	return strings.Join(words, " or ")
}

func article(kind string) string {
	switch kind {
	case "null":
		return "null"
	}
	if strings.ContainsAny(kind[:1], "aeioAEIO") {
		return "an " + kind
	}
	return "a " + kind
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case []any:
		return "an array"
	}
	return "an object"
}

// typeHint says how to write a value that stands in a string. Placeholders are for static configuration.
func typeHint(want string, v any, static bool) string {
	wrapper := map[string]string{"boolean": "$bool", "integer": "$int", "number": "$number"}[want]
	if s, ok := v.(string); !ok || s == "" || wrapper == "" {
		return ""
	}
	how := "Write the value without quotes"
	if s := v.(string); want == "boolean" && s != "true" && s != "false" {
		how = "Write true or false, without quotes"
	}
	if !static {
		return how + "."
	}
	return fmt.Sprintf(`%s, or coerce a placeholder: {"%s": "&{esv.name}"}.`, how, wrapper)
}

// quoted takes the names in quotes out of one of the validator's messages.
func quoted(message string) []string {
	var names []string
	for {
		i := strings.IndexAny(message, `'"`)
		if i < 0 {
			return names
		}
		rest := message[i+1:]
		j := strings.IndexByte(rest, message[i])
		if j < 0 {
			return names
		}
		names = append(names, rest[:j])
		message = rest[j+1:]
	}
}

// perTenant says whether the value is ${NAME}, which is filled from the environment when it is pushed.
func (v *shape) perTenant(value any) bool {
	if m, ok := value.(map[string]any); ok {
		_, value, _ = placeholders.Wrapper(m)
	}
	s, _ := value.(string)
	return len(v.t.PerTenant) > 0 && strings.Contains(s, "${")
}

// inherited takes the value out of {"inherited": false, "value": v}, the form of an agent in a group.
func inherited(v any) (value any, ok bool) {
	m, _ := v.(map[string]any)
	own, isBool := m["inherited"].(bool)
	if _, has := m["value"]; !isBool || len(m) > 2 || len(m) == 2 && !has {
		return nil, false
	}
	if own {
		return nil, true // the group's counts
	}
	return m["value"], true
}

// throughInherited is the pointer into a body of what has that pointer without the inherited forms.
func throughInherited(body any, pointer string) string {
	at := ""
	for _, seg := range splitPointer(pointer) {
		at += Pointer(seg)
		v, _ := Lookup(body, at)
		if _, ok := inherited(v); ok {
			at += "/value"
		}
	}
	return at
}

// excused says whether a placeholder decides whether the value is right: what it will be is known on
// the tenant only. The wrong wrapper is no excuse, nor is text around a placeholder where no string
// may stand.
func excused(value any, keyword string) bool {
	switch x := value.(type) {
	case map[string]any:
		if hasMember(x, "$crypto") {
			return true // encrypted-secret reports it
		}
		_, text, ok := placeholders.Wrapper(x)
		return ok && placeholders.Has(text) && keyword != "type"
	case string:
		refs, err := placeholders.Scan(x)
		if err != nil {
			return true // placeholder-syntax reports it
		}
		if len(refs) == 1 && refs[0].Whole {
			return true // the ESV's expressionType gives it its type
		}
		return len(refs) > 0 && keyword != "type"
	}
	return false
}

// plain copies a body with a value of the right type in the place of each coercing object, and
// without nulls: AM answers null for what is not set, and IDM's admin UI writes it there.
func (v *shape) plain(value any) any {
	switch x := value.(type) {
	case map[string]any:
		if wrapper, _, ok := placeholders.Wrapper(x); ok {
			return sample(placeholders.WrapperType(wrapper))
		}
		out := make(map[string]any, len(x))
		for k, e := range x {
			if own, ok := inherited(e); ok && v.t.API.Inherited {
				e = own
			}
			if e != nil {
				out[k] = v.plain(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = v.plain(e)
		}
		return out
	}
	return value
}

func sample(jsonType string) any {
	switch jsonType {
	case "integer", "number":
		return json.Number("1")
	case "boolean":
		return true
	case "array":
		return []any{}
	case "object":
		return map[string]any{}
	}
	return "text"
}

// unknown reports members that a closed schema does not list, and of an open one those that look like
// a slip of a listed and absent one: each release of the product brings new ones.
func (v *shape) unknown(list []*jsonschema.Schema, value any, at string) {
	switch x := value.(type) {
	case []any:
		var items []*jsonschema.Schema
		for _, s := range list {
			if s.Items2020 != nil {
				items = append(items, s.Items2020)
			}
		}
		for i := 0; i < len(x) && len(items) > 0; i++ {
			v.unknown(items, x[i], at+Pointer(itoa(i)))
		}
	case string:
		v.almost(list, x, at)
	case map[string]any:
		if own, ok := inherited(x); ok && v.t.API.Inherited {
			v.unknown(list, own, at+"/value")
			return
		}
		v.unknownIn(list, x, at)
	}
}

func (v *shape) unknownIn(list []*jsonschema.Schema, body map[string]any, at string) {
	known, closed := map[string][]*jsonschema.Schema{}, false
	var named []*jsonschema.Schema
	for _, s := range list {
		for name, p := range s.Properties {
			known[name] = append(known[name], p)
		}
		open, isBool := s.AdditionalProperties.(bool)
		closed = closed || isBool && !open
		if more, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
			named = append(named, more)
		}
	}
	if len(known) == 0 && len(named) == 0 {
		return
	}
	var absent []string
	for name := range known {
		if _, there := body[name]; !there {
			absent = append(absent, name)
		}
	}
	slices.Sort(absent)
	for _, name := range SortedKeys(body) {
		if props, ok := known[name]; ok {
			v.unknown(props, body[name], at+Pointer(name))
		} else if len(named) > 0 {
			v.unknown(named, body[name], at+Pointer(name)) // the names are the user's
		} else {
			v.unknownMember(name, absent, closed, at)
		}
	}
}

func (v *shape) unknownMember(name string, absent []string, closed bool, at string) {
	near := slipOf(name, absent)
	if near == "" && !closed {
		return
	}
	segs := splitPointer(at)
	owner := singular(v.r.Type)
	if v.t.Journey && len(segs) >= 2 && segs[0] == "nodeConfigs" {
		owner = "node"
	}
	hint := fmt.Sprintf("The tenant may refuse a %s with it, or drop it.", owner)
	if near != "" {
		hint = fmt.Sprintf("Did you mean %q?\n%s", near, hint)
	}
	d := v.c.report(v.r, at+Pointer(name), "schema-unknown-property", fmt.Sprintf("%q is no known property of %s", name, article(owner)), hint)
	if near != "" {
		d.slip = at + Pointer(near)
		v.slips[d.slip] = true
	}
}

// slipOf is the absent member that an unknown one was probably meant to be.
func slipOf(name string, absent []string) string {
	// Short names are near to everything.
	if len(name) < 4 || strings.HasSuffix(name, "-encrypted") {
		return ""
	}
	return Suggest(name, absent)
}
