package repo

import (
	"cmp"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockstep-gitops/lockstep/schema"
)

// frodoHome is the place of a resource in frodo's exports: the section's path in the document, and the
// object's key there; none where the section is the object.
func frodoHome(t *schema.Type, r *schema.Resource) (scope string, section []string, key string) {
	section = strings.Split(t.Frodo.Section, "/")
	switch {
	case isIDMSection(t.Frodo.Section):
		key = idmKey(t, r)
	case t.Frodo.Prefixed:
		key = t.IDPrefix + r.ID
	case !t.Frodo.Single:
		key = r.ID
	}
	if !t.Realm || isIDMSection(t.Frodo.Section) {
		return scopeGlobal, section, key
	}
	return "realm/root-" + r.Realm, section, key
}

// idmKey is the id of the IDM document that a resource is.
func idmKey(t *schema.Type, r *schema.Resource) string {
	return t.Expand(strings.TrimPrefix(t.API.Path, idmConfig), r.Key, r.Body, func(s string) string { return s })
}

// inDocument says whether frodo keeps the type's resources in the whole document that the tenant has
// them in.
func inDocument(t *schema.Type) bool {
	return t.API.Member != "" && (isIDMSection(t.Frodo.Section) || t.Frodo.Single)
}

// frodoSeparate plans the tree of separate files.
func (w *writer) frodoSeparate() error {
	children := w.frodoChildren()
	for _, r := range w.all {
		t, ok := schema.TypeOf(r.Type)
		if !ok || t.Frodo.Section == "" || t.Frodo.Children || inDocument(t) {
			continue
		}
		w.frodoFile(t, r, children[r.Key])
	}
	for parent, list := range children {
		if t, _ := schema.TypeOf(parent.Type); !w.has(parent) {
			w.frodoFile(t, &schema.Resource{Key: parent, Body: map[string]any{}}, list)
		}
	}
	return w.frodoDocuments(func(t *schema.Type, doc map[string]any, elements []*schema.Resource) {
		dir := path.Join(scopeGlobal, t.Frodo.Section)
		if isIDMSection(t.Frodo.Section) {
			dir = path.Join(dir, schema.Str(doc, "/_id"))
		}
		var refs []any
		var keys []schema.Key
		for _, r := range elements {
			name := w.frodoKept(r)
			if name == "" || path.Dir(name) != dir {
				name = w.used.take(path.Join(dir, safeName(slug(r.Name()))+"."+t.Frodo.Elements+".json"))
			} else {
				w.used.take(name)
			}
			w.put(name, schema.EncodeJSON(r.Body), r.Key)
			refs, keys = append(refs, "file://"+path.Base(name)), append(keys, r.Key)
		}
		makeAt(doc, t.API.Member, refs)
		id := schema.Str(doc, "/_id")
		w.put(path.Join(dir, id+".idm.json"), schema.EncodeJSON(map[string]any{"idm": map[string]any{id: doc}}), keys...)
	})
}

// frodoFile plans the separate file of one resource.
func (w *writer) frodoFile(t *schema.Type, r *schema.Resource, children []*schema.Resource) {
	scope, section, key := frodoHome(t, r)
	segs := []string{safeName(slug(r.Name()))}
	switch {
	case isIDMSection(t.Frodo.Section): // IDM's ids are paths: servletfilter/cors
		segs = strings.Split(key, "/")
		for i := range segs {
			segs[i] = safeName(segs[i])
		}
	case t.Frodo.Single:
		segs = []string{safeName("root-" + r.Realm)}
	}
	name := w.frodoKept(r)
	if name == "" {
		dir := path.Join(frodoDir(scope), t.Frodo.FolderName())
		name = w.used.take(path.Join(dir, strings.Join(segs, "/")+"."+t.Frodo.FileSuffix()+".json"))
	} else {
		w.used.take(name)
	}
	object := w.frodoObject(t, r, children, func(_, text string) any {
		if unwrapsTo(text) {
			return lines(text)
		}
		side := strings.TrimSuffix(name, ".json") + frodoExtension(r)
		w.put(side, []byte(text), r.Key)
		return "file://" + path.Base(side)
	})
	doc := map[string]any{}
	if len(section) > 1 {
		for _, part := range samlParts() {
			makeAt(doc, schema.Pointer(samlSection, part), map[string]any{})
		}
	}
	placeObject(doc, t, section, key, object)
	w.put(name, schema.EncodeJSON(doc), append(keysOf(children), r.Key)...)
}

// samlParts are the sections within SAML's, which frodo writes also when they are empty.
func samlParts() []string {
	parts := []string{metadataPart}
	for _, t := range schema.Types() {
		if part, ok := strings.CutPrefix(t.Frodo.Section, samlSection+"/"); ok {
			parts = append(parts, part)
		}
	}
	return parts
}

// placeObject puts an object into its section, and what frodo keeps apart from it into another.
func placeObject(doc map[string]any, t *schema.Type, section []string, key string, object map[string]any) {
	at := section
	if key != "" {
		at = append(at[:len(at):len(at)], key)
	}
	if text, ok := object[metadataPart]; ok && t.API.Metadata {
		delete(object, metadataPart)
		makeAt(doc, schema.Pointer(samlSection, metadataPart, key), text)
	}
	makeAt(doc, schema.Pointer(at...), object)
}

// frodoDocuments hands out the whole documents that hold several resources, with these in the order
// that they have there; new ones come last.
func (w *writer) frodoDocuments(each func(t *schema.Type, doc map[string]any, elements []*schema.Resource)) error {
	for _, t := range schema.Types() {
		if !inDocument(t) {
			continue
		}
		var elements []*schema.Resource
		for _, r := range w.all {
			if r.Type == t.Name {
				elements = append(elements, r)
			}
		}
		if len(elements) == 0 {
			continue
		}
		slices.SortStableFunc(elements, func(a, b *schema.Resource) int { return cmp.Compare(w.place(a), w.place(b)) })
		each(t, map[string]any{"_id": strings.TrimPrefix(t.API.Path, idmConfig)}, elements)
	}
	return nil
}

// place is the resource's place in the list that it stands in; a new one's is behind all.
func (w *writer) place(r *schema.Resource) int {
	if old, ok := w.old.Get(r.Key); ok && old.Place > 0 {
		return old.Place
	}
	return cmp.Or(r.Place, math.MaxInt)
}

func (w *writer) has(k schema.Key) bool {
	return slices.ContainsFunc(w.all, func(r *schema.Resource) bool { return r.Key == k })
}

func frodoDir(scope string) string {
	if realm, ok := strings.CutPrefix(scope, "realm/root-"); ok {
		return "realm/" + safeName("root-"+realm)
	}
	return scope
}

// frodoKept is the file that holds the resource alone already, if its name is still right.
func (w *writer) frodoKept(r *schema.Resource) string {
	old, ok := w.old.Get(r.Key)
	if !ok || old.Source == nil || old.Name() != r.Name() {
		return ""
	}
	main := old.Source.Parts()[0]
	if len(schema.SplitPointer(main.Root)) > 3 || w.out[main.File.Name] != nil {
		return ""
	}
	for _, other := range w.old.All() {
		if other.Key != r.Key && other.Source != nil && other.Source.Parts()[0].File.Name == main.File.Name && !strings.HasPrefix(other.Source.Parts()[0].Root, main.Root+"/") {
			return "" // it shares the file
		}
	}
	return main.File.Name
}

// frodoChildren sorts what stands inside others by its parent.
func (w *writer) frodoChildren() map[schema.Key][]*schema.Resource {
	out := map[schema.Key][]*schema.Resource{}
	for _, r := range w.all {
		t, ok := schema.TypeOf(r.Type)
		if !ok || !t.Frodo.Children {
			continue
		}
		if parent, ok := t.ParentKey(r.Key); ok {
			out[parent] = append(out[parent], r)
		}
	}
	return out
}

func keysOf(rs []*schema.Resource) []schema.Key {
	var keys []schema.Key
	for _, r := range rs {
		keys = append(keys, r.Key)
	}
	return keys
}

// frodoObject is the resource as frodo's exports have it. text says what stands for a text that the
// tenant keeps in base64.
func (w *writer) frodoObject(t *schema.Type, r *schema.Resource, children []*schema.Resource, text func(pointer, text string) any) map[string]any {
	body := schema.CloneObject(r.Body)
	if t.Journey {
		out := frodoJourney(body)
		w.keepExtras(r, out)
		return out
	}
	for _, p := range t.API.Coded {
		if s, ok := schema.Lookup(body, p); ok {
			if plain, ok := s.(string); ok {
				setAt(body, p, text(p, plain))
			}
		}
	}
	for _, p := range t.Frodo.Lines {
		if plain := schema.Str(body, p); plain != "" && t.API.Metadata {
			setAt(body, p, lines(plain)) // never in a file of its own
		} else if plain != "" {
			setAt(body, p, text(p, plain))
		}
	}
	if coded := schema.Str(body, schema.Pointer(t.Frodo.PlainOf)); t.Frodo.Plain != "" && coded != "" {
		if plain, ok := schema.DecodeBase64(coded); ok && schema.EncodeBase64(plain) == coded && utf8.ValidString(plain) {
			delete(body, t.Frodo.PlainOf)
			body[t.Frodo.Plain] = plain
		}
	}
	if child := childType(t, r.ID); child != nil && child.Frodo.Children || len(children) > 0 {
		list := []any{}
		for _, c := range children {
			list = append(list, schema.CloneObject(c.Body))
		}
		member := schema.Frodo{}.ListName()
		if child != nil {
			member = child.Frodo.ListName()
		}
		if member == (schema.Frodo{}).ListName() && body["location"] == nil && len(body) > 0 {
			body["location"] = firstOf(r.Realm, scopeGlobal)
			if r.Realm != "" {
				body["location"] = "/" + r.Realm
			}
		}
		body[member] = list
	}
	return body
}

// frodoJourney takes a journey's nodes apart again. What it needs stands in files of its own.
func frodoJourney(body map[string]any) map[string]any {
	configs, _ := body["nodeConfigs"].(map[string]any)
	nodes, inner := map[string]any{}, map[string]any{}
	for _, ref := range schema.NodeRefs(body) {
		if node, ok := configs[ref.ID]; ok && ref.Page == "" {
			nodes[ref.ID] = node
		} else if ok {
			inner[ref.ID] = node
		}
	}
	delete(body, "nodeConfigs")
	out := map[string]any{"tree": body, "nodes": nodes, "innerNodes": inner, "themes": []any{}}
	for name := range frodoExtras() {
		if out[name] == nil {
			out[name] = map[string]any{}
		}
	}
	return out
}

// keepExtras keeps what a journey's file carries along of kinds that are not managed.
func (w *writer) keepExtras(r *schema.Resource, out map[string]any) {
	old, ok := w.old.Get(r.Key)
	if !ok || old.Source == nil {
		return
	}
	main := old.Source.Parts()[0]
	for _, o := range w.old.Others {
		if rest, ok := strings.CutPrefix(o.Pointer, strings.TrimSuffix(main.Root, "/tree")+"/"); ok && o.File == main.File && strings.Contains(rest, "/") {
			makeAt(out, "/"+rest, o.Value)
		}
	}
}

// unwrapsTo says whether a text would be read as another one: as base64, or as a JSON literal.
func unwrapsTo(text string) bool { return unwrap(text) != text || strings.HasPrefix(text, "file://") }

func lines(text string) []any {
	var out []any
	for l := range strings.SplitSeq(text, "\n") {
		out = append(out, l)
	}
	return out
}

func frodoExtension(r *schema.Resource) string {
	if strings.EqualFold(schema.Str(r.Body, "/language"), "groovy") {
		return ".groovy"
	}
	return ".js"
}

// slug makes a file name as frodo does (the npm package slugify): blanks become dashes, what is
// neither a word nor one of a few signs goes.
func slug(s string) string {
	s = slugDrop.ReplaceAllString(strings.TrimSpace(s), "")
	return slugDash.ReplaceAllString(s, "-")
}

var (
	slugDrop = regexp.MustCompile(`[^\w\s$*+~.()'"!\-@]+`)
	slugDash = regexp.MustCompile(`[\s-]+`)
)

// frodoSingle plans one file with everything. What is in the file already and not managed stays.
func (w *writer) frodoSingle() error {
	children := w.frodoChildren()
	doc := w.frodoDocument()
	var keys []schema.Key
	add := func(t *schema.Type, r *schema.Resource, children []*schema.Resource) {
		scope, section, key := frodoHome(t, r)
		object := w.frodoObject(t, r, children, func(_, text string) any {
			if unwrapsTo(text) {
				return lines(text)
			}
			return text
		})
		at := doc
		for _, s := range strings.SplitN(scope, "/", 2) {
			next, ok := at[s].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[s] = next
			}
			at = next
		}
		placeObject(at, t, section, key, object)
	}
	for _, r := range w.all {
		t, ok := schema.TypeOf(r.Type)
		if !ok || t.Frodo.Section == "" {
			continue
		}
		keys = append(keys, r.Key)
		if !t.Frodo.Children && !inDocument(t) {
			add(t, r, children[r.Key])
		}
	}
	for parent, list := range children {
		if t, _ := schema.TypeOf(parent.Type); !w.has(parent) {
			add(t, &schema.Resource{Key: parent, Body: map[string]any{}}, list)
		}
	}
	err := w.frodoDocuments(func(t *schema.Type, document map[string]any, elements []*schema.Resource) {
		list := make([]any, len(elements))
		for i, r := range elements {
			list[i] = schema.CloneObject(r.Body)
		}
		makeAt(document, t.API.Member, list)
		at := []string{scopeGlobal, t.Frodo.Section}
		if isIDMSection(t.Frodo.Section) {
			at = append(at, schema.Str(document, "/_id"))
		}
		makeAt(doc, schema.Pointer(at...), document)
	})
	w.put(w.single, schema.EncodeJSON(doc), keys...)
	return err
}

// frodoDocument is the file as it is, less what is managed.
func (w *writer) frodoDocument() map[string]any {
	doc := map[string]any{}
	for _, o := range w.old.Others {
		if o.File.Name == w.single && o.Pointer != "" {
			makeAt(doc, o.Pointer, o.Value)
		}
	}
	for _, section := range []string{"global", "realm"} {
		if doc[section] == nil {
			doc[section] = map[string]any{}
		}
	}
	return doc
}

// makeAt sets the value at a pointer, making objects on the way.
func makeAt(doc map[string]any, pointer string, v any) {
	segs := schema.SplitPointer(pointer)
	for _, s := range segs[:len(segs)-1] {
		next, ok := doc[s].(map[string]any)
		if !ok {
			next = map[string]any{}
			doc[s] = next
		}
		doc = next
	}
	doc[segs[len(segs)-1]] = v
}
