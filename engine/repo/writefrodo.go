package repo

import (
	"cmp"
	"fmt"
	"maps"
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
	docs := w.frodoDocs()
	fresh, err := w.frodoPatch(docs)
	if err != nil {
		return err
	}
	for name := range docs {
		w.used.take(name)
	}
	if fresh, err = w.frodoAttach(docs, fresh); err != nil {
		return err
	}
	w.frodoPut(docs)
	children, fresh := splitChildren(fresh)
	for _, r := range fresh {
		if t, _ := schema.TypeOf(r.Type); !inDocument(t) {
			w.frodoFile(t, r, children[r.Key])
			delete(children, r.Key)
		}
	}
	for _, parent := range sortedParents(children) {
		t, _ := schema.TypeOf(parent.Type)
		w.frodoFile(t, &schema.Resource{Key: parent, Body: map[string]any{}}, children[parent])
	}
	w.frodoDocuments(fresh, func(t *schema.Type, doc map[string]any, elements []*schema.Resource) {
		dir := path.Join(scopeGlobal, t.Frodo.Section)
		if isIDMSection(t.Frodo.Section) {
			dir = path.Join(dir, schema.Str(doc, "/_id"))
		}
		var refs []any
		for _, r := range elements {
			name := w.used.take(elementName(dir, t, r))
			w.put(name, frodoJSON(r.Body), r.Key)
			refs = append(refs, "file://"+path.Base(name))
		}
		makeAt(doc, t.API.Member, refs)
		id := schema.Str(doc, "/_id")
		w.put(w.used.take(path.Join(dir, id+".idm.json")), frodoJSON(map[string]any{"idm": map[string]any{id: doc}}), keysOf(elements)...)
	})
	return nil
}

// elementName is the file of one element of a whole document.
func elementName(dir string, t *schema.Type, r *schema.Resource) string {
	return path.Join(dir, safeName(slug(r.Name()))+"."+t.Frodo.Elements+".json")
}

// frodoAttach puts new resources into the lists in which others of theirs stand already: the entries of
// a service, the elements of a whole document. It answers with the rest.
func (w *writer) frodoAttach(docs map[string]*frodoDoc, fresh []*schema.Resource) (rest []*schema.Resource, err error) {
	for _, r := range fresh {
		t, _ := schema.TypeOf(r.Type)
		d, list, err := w.listOf(docs, t, r)
		if err != nil {
			return nil, err
		}
		if d == nil {
			rest = append(rest, r)
			continue
		}
		var value any = schema.CloneObject(r.Body)
		elements, _ := d.at(list).([]any)
		if len(elements) > 0 && t.Frodo.Elements != "" {
			if first, ok := elements[0].(string); ok && strings.HasPrefix(first, "file://") {
				name := w.used.take(elementName(path.Dir(d.file.Name), t, r))
				w.put(name, frodoJSON(r.Body), r.Key)
				value = "file://" + path.Base(name)
			}
		}
		d.set(list, append(elements, value))
		d.keys = append(d.keys, r.Key)
	}
	return rest, nil
}

// listOf finds the list that a new resource belongs into, in a file that is there; nil when there is none.
func (w *writer) listOf(docs map[string]*frodoDoc, t *schema.Type, r *schema.Resource) (*frodoDoc, string, error) {
	if !t.Frodo.Children && !inDocument(t) {
		return nil, "", nil
	}
	parent, isChild := t.ParentKey(r.Key)
	if old, ok := w.old.Get(parent); t.Frodo.Children && isChild && ok && old.Source != nil {
		main := old.Source.Parts()[0]
		if d := docs[main.File.Name]; d != nil {
			_, err := d.open()
			return d, main.Root + "/" + t.Frodo.ListName(), err
		}
	}
	for _, other := range w.old.OfType(r.Type) {
		if other.Source == nil || other.Realm != r.Realm {
			continue
		}
		if p, _ := t.ParentKey(other.Key); t.Frodo.Children && p != parent {
			continue
		}
		for _, p := range other.Source.Parts() {
			i := strings.LastIndexByte(p.Root, '/')
			if d := docs[p.File.Name]; d != nil && p.Prefix == "" && i > 0 {
				_, err := d.open()
				if _, isList := d.at(p.Root[:i]).([]any); isList || err != nil {
					return d, p.Root[:i], err
				}
			}
		}
	}
	return nil, "", nil
}

// splitChildren takes out what stands inside other resources' objects, by its parent.
func splitChildren(fresh []*schema.Resource) (children map[schema.Key][]*schema.Resource, rest []*schema.Resource) {
	children = map[schema.Key][]*schema.Resource{}
	for _, r := range fresh {
		t, _ := schema.TypeOf(r.Type)
		if parent, ok := t.ParentKey(r.Key); t.Frodo.Children && ok {
			children[parent] = append(children[parent], r)
		} else {
			rest = append(rest, r)
		}
	}
	return children, rest
}

func sortedParents(children map[schema.Key][]*schema.Resource) []schema.Key {
	return slices.SortedFunc(maps.Keys(children), schema.Key.Compare)
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
	dir := path.Join(frodoDir(scope), t.Frodo.FolderName())
	name := w.used.take(path.Join(dir, strings.Join(segs, "/")+"."+t.Frodo.FileSuffix()+".json"))
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
	w.put(name, frodoJSON(doc), append(keysOf(children), r.Key)...)
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

// frodoDocuments hands out the whole documents that hold several of these resources, with them in the
// order that they have there.
func (w *writer) frodoDocuments(resources []*schema.Resource, each func(t *schema.Type, doc map[string]any, elements []*schema.Resource)) {
	for _, t := range schema.Types() {
		if !inDocument(t) {
			continue
		}
		var elements []*schema.Resource
		for _, r := range resources {
			if r.Type == t.Name {
				elements = append(elements, r)
			}
		}
		if len(elements) == 0 {
			continue
		}
		slices.SortStableFunc(elements, func(a, b *schema.Resource) int {
			return cmp.Compare(cmp.Or(a.Place, math.MaxInt), cmp.Or(b.Place, math.MaxInt))
		})
		each(t, map[string]any{"_id": strings.TrimPrefix(t.API.Path, idmConfig)}, elements)
	}
}

func frodoDir(scope string) string {
	if realm, ok := strings.CutPrefix(scope, "realm/root-"); ok {
		return "realm/" + safeName("root-"+realm)
	}
	return scope
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
		return frodoJourney(body)
	}
	for _, p := range t.API.Coded {
		if s, ok := schema.Lookup(body, p); ok {
			if plain, ok := s.(string); ok {
				schema.SetAt(body, p, text(p, plain))
			}
		}
	}
	for _, p := range t.Frodo.Lines {
		if plain := schema.Str(body, p); plain != "" && t.API.Metadata {
			schema.SetAt(body, p, lines(plain)) // never in a file of its own
		} else if plain != "" {
			schema.SetAt(body, p, text(p, plain))
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
	for name, section := range frodoExtras() {
		if out[name] == nil && section != "variable" { // frodo has no variables in journeys, people had
			out[name] = map[string]any{}
		}
	}
	return out
}

// frodoJSON is a file as frodo writes it: with a newline at its end.
func frodoJSON(v any) []byte { return append(schema.EncodeJSON(v), '\n') }

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
	docs := w.frodoDocs()
	fresh, err := w.frodoPatch(docs)
	if err != nil {
		return err
	}
	if fresh, err = w.frodoAttach(docs, fresh); err != nil {
		return err
	}
	if d := docs[w.single]; d != nil && len(fresh) > 0 {
		v, err := d.open()
		if err != nil {
			return err
		}
		doc, ok := v.(map[string]any)
		if !ok || !isFullExport(doc) {
			return fmt.Errorf("write configuration: %s is an export of one type or object, which has no place for %s (%s beside it): name another file, or a folder", w.single, fresh[0].Label(), count(len(fresh)-1, "resource"))
		}
		w.frodoWhole(doc, fresh)
		d.keys = append(d.keys, keysOf(fresh)...)
	}
	w.frodoPut(docs)
	if docs[w.single] == nil {
		doc := map[string]any{"global": map[string]any{}, "realm": map[string]any{}}
		w.frodoWhole(doc, fresh)
		w.put(w.single, frodoJSON(doc), keysOf(fresh)...)
	}
	return nil
}

// frodoWhole puts resources into a full export.
func (w *writer) frodoWhole(doc map[string]any, resources []*schema.Resource) {
	children, rest := splitChildren(resources)
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
	for _, r := range rest {
		if t, _ := schema.TypeOf(r.Type); !inDocument(t) {
			add(t, r, children[r.Key])
			delete(children, r.Key)
		}
	}
	for _, parent := range sortedParents(children) {
		t, _ := schema.TypeOf(parent.Type)
		add(t, &schema.Resource{Key: parent, Body: map[string]any{}}, children[parent])
	}
	w.frodoDocuments(rest, func(t *schema.Type, document map[string]any, elements []*schema.Resource) {
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
