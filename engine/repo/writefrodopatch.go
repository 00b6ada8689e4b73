package repo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// What an export holds already is changed in its place and in its form: a script that stands there as
// a list of lines stays one, "meta" and what is not managed stay, a journey's copies are changed with
// the resources they are copies of.

// A frodoDoc is one file that is there.
type frodoDoc struct {
	file *schema.File
	root any // the document, once it is changed
	keys []schema.Key
	gone bool // something was taken out
}

// emptied stands for an element that was taken out of a list, until all changes are made: pointers to
// the elements behind it stay true.
type emptied struct{}

// frodoDocs are the files that are there, by name.
func (w *writer) frodoDocs() map[string]*frodoDoc {
	docs := map[string]*frodoDoc{}
	add := func(f *schema.File) {
		if strings.HasSuffix(f.Name, ".json") && docs[f.Name] == nil {
			docs[f.Name] = &frodoDoc{file: f}
		}
	}
	for _, r := range w.old.All() {
		if r.Source != nil {
			for _, p := range r.Source.Parts() {
				if p.Kind != schema.TextPart {
					add(p.File)
				}
			}
		}
	}
	for _, c := range w.old.Copies {
		add(c.File)
	}
	for _, o := range w.old.Others {
		if w.single != "" && o.File != nil && o.File.Name == w.single {
			add(o.File)
		}
	}
	return docs
}

// open gives the document, to be changed.
func (d *frodoDoc) open() (any, error) {
	if d.root == nil {
		v, err := schema.ParseJSON(d.file.Data)
		if err != nil {
			return nil, fmt.Errorf("write configuration: %s: %w", d.file.Name, err)
		}
		d.root = v
	}
	return d.root, nil
}

// at is the value at a pointer.
func (d *frodoDoc) at(pointer string) any {
	v, _ := schema.Lookup(d.root, pointer)
	return v
}

// set replaces the value at a pointer, or adds a member.
func (d *frodoDoc) set(pointer string, v any) {
	if doc, ok := d.root.(map[string]any); pointer != "" && ok {
		if _, has := schema.Lookup(doc, pointer[:strings.LastIndexByte(pointer, '/')]); has {
			schema.SetAt(doc, pointer, v)
		} else {
			makeAt(doc, pointer, v)
		}
		return
	}
	d.root = v
}

// remove takes a value out.
func (d *frodoDoc) remove(pointer string) {
	d.gone = true
	if pointer == "" {
		d.root = map[string]any{}
		return
	}
	i := strings.LastIndexByte(pointer, '/')
	switch parent := d.at(pointer[:i]).(type) {
	case map[string]any:
		delete(parent, schema.SplitPointer(pointer[i:])[0])
	case []any:
		if n, err := strconv.Atoi(pointer[i+1:]); err == nil && n < len(parent) {
			parent[n] = emptied{}
		}
	}
}

// swept is the document without what was taken out of its lists.
func swept(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			x[k] = swept(e)
		}
	case []any:
		x = slices.DeleteFunc(x, func(e any) bool { return e == any(emptied{}) })
		for i, e := range x {
			x[i] = swept(e)
		}
		return x
	}
	return v
}

// hasContent says whether anything but the word about its origin is left of a document.
func hasContent(v any) bool {
	m, ok := v.(map[string]any)
	if !ok {
		return true
	}
	for k, e := range m {
		if k != "meta" && hasContent(e) {
			return true
		}
	}
	return false
}

// objectAt is the pointer of the object that a resource is in an export: a journey's tree is a member
// of it.
func objectAt(t *schema.Type, root string) string {
	if t.Journey {
		return strings.TrimSuffix(root, "/tree")
	}
	return root
}

// frodoPatch changes what is there, and answers with the resources that have no place yet.
func (w *writer) frodoPatch(docs map[string]*frodoDoc) ([]*schema.Resource, error) {
	var fresh []*schema.Resource
	copies := map[schema.Key][]schema.Copy{}
	for _, c := range w.old.Copies {
		copies[c.Key] = append(copies[c.Key], c)
	}
	for _, r := range w.all {
		t, ok := schema.TypeOf(r.Type)
		if !ok || t.Frodo.Section == "" {
			continue
		}
		old, ok := w.old.Get(r.Key)
		if !ok || old.Source == nil {
			fresh = append(fresh, r)
			continue
		}
		if w.renamed(t, old, r) {
			delete(docs, old.Source.Parts()[0].File.Name)
			fresh = append(fresh, r)
			continue
		}
		for _, p := range old.Source.Parts() {
			if d := docs[p.File.Name]; d != nil {
				d.keys = append(d.keys, r.Key)
			} else if w.out[p.File.Name] == nil {
				w.put(p.File.Name, p.File.Data, r.Key)
			}
		}
		if w.same[r.Key] {
			continue
		}
		main := old.Source.Parts()[0]
		if err := w.patchObject(docs[main.File.Name], t, old, r, main.Root, false); err != nil {
			return nil, err
		}
		for _, c := range copies[r.Key] {
			if err := w.patchObject(docs[c.File.Name], t, old, r, c.Pointer, true); err != nil {
				return nil, err
			}
		}
	}
	if w.o.Prune {
		for _, r := range w.gone {
			if err := w.patchOut(docs, r, copies[r.Key]); err != nil {
				return nil, err
			}
		}
	}
	return fresh, nil
}

// patchObject puts a resource into the place of what it was.
func (w *writer) patchObject(d *frodoDoc, t *schema.Type, old, r *schema.Resource, root string, isCopy bool) error {
	if d == nil {
		return fmt.Errorf("write configuration: the place of %s is not known", r.Key)
	}
	if _, err := d.open(); err != nil {
		return err
	}
	d.keys = append(d.keys, r.Key)
	pointer := objectAt(t, root)
	raw, _ := d.at(pointer).(map[string]any)
	object := w.frodoObject(t, r, nil, func(p, text string) any { return w.textLike(d, r, raw, p, text) })
	switch {
	case t.Journey:
		object = journeyLike(raw, object)
	case t.API.Inherited:
		object, _ = inheritedLike(raw, object).(map[string]any)
	}
	if child := childType(t, r.ID); child != nil {
		delete(object, child.Frodo.ListName())
		if list, ok := raw[child.Frodo.ListName()]; ok {
			object[child.Frodo.ListName()] = list
		}
	}
	if coded, has := raw[t.Frodo.PlainOf]; has && t.Frodo.Plain != "" && raw[t.Frodo.Plain] == nil && coded != nil {
		delete(object, t.Frodo.Plain)
		object[t.Frodo.PlainOf] = r.Body[t.Frodo.PlainOf]
	}
	if t.API.Metadata {
		w.patchMetadata(d, old, object, root, isCopy)
	}
	d.set(pointer, object)
	return nil
}

// patchMetadata puts a SAML entity's metadata where it stood, apart from the entity.
func (w *writer) patchMetadata(d *frodoDoc, old *schema.Resource, object map[string]any, root string, isCopy bool) {
	text, has := object[metadataPart]
	delete(object, metadataPart)
	segs := schema.SplitPointer(root)
	if isCopy || len(segs) < 2 {
		return // copies are without
	}
	place := schema.Pointer(append(slices.Clone(segs[:len(segs)-2]), metadataPart, segs[len(segs)-1])...)
	for _, p := range old.Source.Parts() {
		if p.Prefix == "/"+metadataPart && p.File == d.file {
			place = p.Root
		}
	}
	if has {
		d.set(place, text)
	} else if d.at(place) != nil {
		d.remove(place)
	}
}

// patchOut takes a resource out, with all its copies.
func (w *writer) patchOut(docs map[string]*frodoDoc, r *schema.Resource, copies []schema.Copy) error {
	t, ok := schema.TypeOf(r.Type)
	if !ok || r.Source == nil {
		return nil
	}
	type place struct {
		file    *schema.File
		pointer string
	}
	var places []place
	for _, p := range r.Source.Parts() {
		if p.Kind == schema.JSONPart && (p.Prefix == "" || p.Prefix == "/"+metadataPart && t.API.Metadata) {
			places = append(places, place{p.File, objectAt(t, p.Root)})
		}
		if p.Kind == schema.LinesPart && t.API.Metadata {
			places = append(places, place{p.File, p.Root})
		}
	}
	for _, c := range copies {
		places = append(places, place{c.File, objectAt(t, c.Pointer)})
	}
	for _, p := range places {
		d := docs[p.file.Name]
		if d == nil {
			continue
		}
		if _, err := d.open(); err != nil {
			return err
		}
		d.remove(p.pointer)
	}
	return nil
}

// frodoPut plans the files that are there. One that holds nothing any more is left to go.
func (w *writer) frodoPut(docs map[string]*frodoDoc) {
	for _, name := range schema.SortedKeys(docs) {
		d := docs[name]
		data := d.file.Data
		if d.root != nil {
			doc := swept(d.root)
			if d.gone && name != w.single && !hasContent(doc) {
				continue
			}
			data = schema.EncodeJSON(doc)
			if bytes.HasSuffix(d.file.Data, []byte("\n")) {
				data = append(data, '\n')
			}
		}
		w.put(name, data, d.keys...)
		w.out[name].changed = d.root != nil
	}
}

// textLike gives a text the form that the text in its place has.
func (w *writer) textLike(d *frodoDoc, r *schema.Resource, raw map[string]any, pointer, text string) any {
	was, _ := schema.Lookup(raw, pointer)
	old, isText := was.(string)
	side, isFile := strings.CutPrefix(old, "file://")
	_, isList := was.([]any)
	switch plain := unwrap(old); {
	case isFile:
		w.put(path.Join(path.Dir(d.file.Name), side), []byte(text), r.Key)
		return old
	case isList:
		return lines(text)
	case isText && strings.HasPrefix(old, `"`) && plain != old:
		literal, err := json.Marshal(text)
		if err != nil {
			return lines(text) // a string can't fail
		}
		return string(literal)
	case isText && plain != old:
		if coded := schema.EncodeBase64(text); unwrap(coded) == text {
			return coded
		}
		return lines(text) // too short to be known for base64
	case unwrapsTo(text):
		return lines(text)
	}
	return text
}

// journeyLike keeps what a journey's object has beside its tree and nodes.
func journeyLike(raw, object map[string]any) map[string]any {
	out := schema.CloneObject(raw)
	inner := "innerNodes"
	if _, ok := raw["innernodes"]; ok && raw[inner] == nil {
		inner = "innernodes"
	}
	if out == nil {
		out = map[string]any{}
	}
	out["tree"], out["nodes"], out[inner] = object["tree"], object["nodes"], object["innerNodes"]
	return out
}

// inheritedLike wraps values as those in their places are: {"inherited": false, "value": v}.
func inheritedLike(raw, v any) any {
	was, ok := raw.(map[string]any)
	if !ok {
		return v
	}
	if inner, has := was["value"]; has && len(was) == 2 && was["inherited"] == false {
		if m, is := v.(map[string]any); is && len(m) == 2 && m["inherited"] != nil {
			return v
		}
		return map[string]any{"inherited": false, "value": inheritedLike(inner, v)}
	}
	if m, is := v.(map[string]any); is {
		for k, e := range m {
			m[k] = inheritedLike(was[k], e)
		}
	}
	return v
}

// renamed says whether a resource has a file named after it, alone, and another name now.
func (w *writer) renamed(t *schema.Type, old, r *schema.Resource) bool {
	if old.Name() == r.Name() || w.single != "" {
		return false
	}
	main := old.Source.Parts()[0]
	base := safeName(slug(old.Name())) + "." + t.Frodo.FileSuffix() + ".json"
	if numbered.ReplaceAllString(strings.TrimSuffix(path.Base(main.File.Name), ".json"), "")+".json" != base {
		return false
	}
	return !slices.ContainsFunc(w.old.All(), func(other *schema.Resource) bool {
		return other.Key != old.Key && other.Source != nil && other.Source.Parts()[0].File.Name == main.File.Name &&
			!strings.HasPrefix(other.Source.Parts()[0].Root, main.Root+"/")
	})
}
