package repo

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// section takes the objects of one section; it answers with what is to be done when all files are
// read.
func (f *frodoFile) section(s frodoSection, v any) []func() {
	objects, _ := v.(map[string]any)
	if s.name == samlSection {
		return f.saml(s, objects)
	}
	if t := singleType(s.name); t != nil && len(objects) > 0 {
		f.single(t, s, objects)
		return nil
	}
	var later []func()
	for _, id := range schema.SortedKeys(objects) {
		pointer := s.pointer + schema.Pointer(id)
		later = append(later, f.entry(s, id, objects[id], pointer)...)
	}
	// A journey's themes are a list; so are embedded objects of unmanaged kinds in older exports.
	list, _ := v.([]any)
	for i, x := range list {
		id := schema.Str(x, "/_id")
		later = append(later, f.entry(s, id, x, fmt.Sprintf("%s/%d", s.pointer, i))...)
	}
	return later
}

// The section of SAML holds sections of its own: entities by where they are, circles of trust, and the
// entities' metadata apart from them.
const (
	samlSection  = "saml"
	metadataPart = "metadata"
)

func (f *frodoFile) saml(s frodoSection, parts map[string]any) []func() {
	metadata, _ := parts[metadataPart].(map[string]any)
	var later []func()
	for _, part := range schema.SortedKeys(parts) {
		sub := s
		sub.name, sub.pointer = samlSection+"/"+part, s.pointer+schema.Pointer(part)
		objects, _ := parts[part].(map[string]any)
		if part != metadataPart {
			for id, v := range objects {
				if body, ok := v.(map[string]any); ok && metadata[id] != nil {
					body[metadataPart] = metadata[id]
					f.elsewhere(sub.pointer+schema.Pointer(id, metadataPart), s.pointer+schema.Pointer(metadataPart, id))
				}
			}
			later = append(later, f.section(sub, objects)...)
		}
	}
	return later
}

// elsewhere notes that a member of an object stands at another place of the file.
func (f *frodoFile) elsewhere(member, place string) {
	if f.places == nil {
		f.places = map[string]string{}
	}
	f.places[member] = place
}

// singleType is the type whose section is the object itself, or the whole document.
func singleType(section string) *schema.Type {
	for _, t := range schema.Types() {
		if t.Frodo.Single && t.Frodo.Section == section {
			return t
		}
	}
	return nil
}

func (f *frodoFile) single(t *schema.Type, s frodoSection, body map[string]any) {
	switch {
	case s.scope == scopeRoot:
		f.unmanaged(s, "", body, s.pointer)
	case t.API.Member != "":
		f.idm(s, strings.TrimPrefix(t.API.Path, idmConfig), body, s.pointer)
	case t.Realm && s.realm == "":
		f.noRealm(s.pointer)
		f.l.partial("", t)
	default:
		f.resource(t, s, t.API.Fixed, body, s.pointer)
	}
}

func (f *frodoFile) entry(s frodoSection, id string, v any, pointer string) []func() {
	body, ok := v.(map[string]any)
	if s.scope == scopeRoot || !ok {
		f.unmanaged(s, id, v, pointer)
		return nil
	}
	if isIDMSection(s.name) {
		f.idm(s, id, body, pointer)
		return nil
	}
	if s.name == samlEntities {
		s.name = samlSection + "/" + schema.Str(body, "/entityLocation")
	}
	t := frodoType(s, id, body)
	if t == nil {
		f.unmanaged(s, id, v, pointer)
		return nil
	}
	if t.Realm && s.realm == "" {
		f.noRealm(pointer)
		f.l.partial("", t)
		return nil
	}
	if t.Journey {
		return f.journey(t, s, body, pointer)
	}
	f.resource(t, s, id, body, pointer)
	return nil
}

// frodoType is the row of an object in a section; nil when its kind is not managed.
func frodoType(s frodoSection, id string, body map[string]any) *schema.Type {
	scope := s.scope
	switch location := schema.Str(body, "/location"); {
	case location == scopeGlobal:
		scope = scopeGlobal
	case location != "" && scope == scopeUnknown:
		scope = scopeRealm
	}
	var found *schema.Type
	better := func(t *schema.Type) bool {
		switch {
		case found == nil || t.API.Fixed != "":
			return true
		case scope == scopeUnknown && t.Realm != found.Realm:
			return t.Realm
		}
		return t.Is(body) && !found.Is(body)
	}
	for _, t := range schema.Types() {
		if t.Frodo.Section != s.name && !slices.Contains(t.Frodo.Aliases, s.name) || t.Frodo.Children || t.API.Fixed != "" && t.API.Fixed != id {
			continue
		}
		if scope == scopeGlobal && t.Realm || scope == scopeRealm && !t.Realm && !s.copies && len(t.Frodo.Aliases) == 0 {
			continue
		}
		if slices.Contains(t.API.Skip, id) {
			continue
		}
		if better(t) {
			found = t
		}
	}
	return found
}

// isIDMSection says whether a section holds IDM's configuration, whose keys are the documents' ids.
func isIDMSection(name string) bool {
	for _, t := range schema.Types() {
		if t.Frodo.Section == name {
			return t.API.Path == idmConfig+t.API.Fixed && t.API.Fixed != ""
		}
	}
	return false
}

const idmConfig = "/openidm/config/"

// idm takes one of IDM's documents: which type it is, its path on the tenant says.
func (f *frodoFile) idm(s frodoSection, id string, body map[string]any, pointer string) {
	src := schema.NewSource(schema.Part{File: f.File, Root: pointer})
	if !f.elements(id, body, src) {
		f.l.partial("", schema.TypeAt(idmConfig+id))
		return
	}
	set, diags := schema.FromDocuments("", []schema.Document{{Path: idmConfig + id, Body: body, Source: src}})
	f.l.diags = append(f.l.diags, diags...)
	for _, r := range set.All() {
		if t, _ := schema.TypeOf(r.Type); r.Source.Parts()[0].File != f.File {
			// The element stands in a file of its own; here stands that file's name.
			r.Source.AddPart(schema.Part{File: f.File, Root: fmt.Sprintf("%s%s/%d", pointer, t.API.Member, r.Place-1)})
		}
		f.l.copy(r)
	}
	if set.Len() == 0 {
		f.unmanaged(s, id, body, pointer)
	}
}

// elements puts the elements of a whole document in the place of the names of their files. It answers
// false when one is not there.
func (f *frodoFile) elements(id string, doc map[string]any, src *schema.Source) bool {
	t := schema.TypeAt(idmConfig + id)
	if t == nil || t.Frodo.Elements == "" {
		return true
	}
	ok := true
	for _, m := range schema.Select(doc, t.API.Member+"/*") {
		text, _ := m.Value.(string)
		name, isName := strings.CutPrefix(text, "file://")
		if !isName {
			continue
		}
		of := &schema.Resource{Key: schema.Key{Type: t.Name, ID: strings.TrimSuffix(name, "."+t.Frodo.Elements+".json")}, Source: src}
		side := f.l.side(of, path.Dir(f.Name), name, src.At(m.Pointer))
		if side == nil {
			ok = false
			continue
		}
		body, isObject := side.object()
		if f.l.report(side) || !isObject {
			ok = false
			continue
		}
		schema.SetAt(doc, m.Pointer, body)
		src.AddPart(schema.Part{Prefix: m.Pointer, File: side.File})
	}
	return ok
}

func (f *frodoFile) unmanaged(s frodoSection, id string, v any, pointer string) {
	kind := unmanagedSection(s.scope, s.name, id)
	name := f.Name
	if f.many {
		name += anchor(pointer)
	}
	f.l.set.AddUnmanaged(kind, name)
	f.l.set.Others = append(f.l.set.Others, schema.Other{Kind: kind, File: f.File, Pointer: pointer, Value: v})
}

// noRealm is the finding that nothing says which realm a file's objects live in. One a file is enough.
func (f *frodoFile) noRealm(pointer string) {
	if f.unknown {
		return
	}
	f.unknown = true
	f.l.add(schema.Diagnostic{
		Code: "realm-unknown", Severity: schema.Error, Pos: schema.NewSource(schema.Part{File: f.File, Root: pointer}).At(""),
		Message: fmt.Sprintf("nothing says which realm %s belongs to", path.Base(f.Name)),
		Hint:    "An export of one type does not name its realm. Say it with config.realms: [alpha], move the file to realm/root-alpha/, or have Alpha or Bravo in its name.",
	})
}

// resource takes one object, and what belongs to it.
func (f *frodoFile) resource(t *schema.Type, s frodoSection, id string, body map[string]any, pointer string) {
	src := schema.NewSource(schema.Part{File: f.File, Root: pointer})
	k := t.Key(s.realm, "", body)
	if k.ID == "" || strings.HasPrefix(k.ID, "/") || t.IDByPath() && t.API.Fixed == "" {
		k.ID = strings.TrimPrefix(id, t.IDPrefix)
	}
	if k.ID == "" {
		f.l.partial(s.realm, t)
		f.l.noObject(f.file, src.At(""), "it has no "+t.IDMember())
		return
	}
	r := &schema.Resource{Key: k, Body: body, Source: src}
	child := childType(t, k.ID)
	member := schema.Frodo{}.ListName()
	if child != nil {
		member = child.Frodo.ListName()
	}
	children, _ := body[member].([]any)
	delete(body, member)
	if len(body) > 0 || len(children) == 0 { // else the object is there for its list only
		if !f.texts(t, r, pointer) {
			f.l.set.MarkBroken(k)
			return
		}
		f.plainValue(t, r, pointer)
		r.Body = t.Uninherit(r.Body)
		f.l.copy(r)
	}
	for i, c := range children {
		object, ok := c.(map[string]any)
		at := fmt.Sprintf("%s/%s/%d", pointer, member, i)
		if child == nil || !ok {
			f.unmanaged(s, id, c, at)
			continue
		}
		ck := child.Key(s.realm, k.ID, object)
		csrc := schema.NewSource(schema.Part{File: f.File, Root: at})
		if ck.ID == "" || strings.HasSuffix(ck.ID, "/") {
			f.l.partial(s.realm, child)
			f.l.noObject(f.file, csrc.At(""), "an entry of "+k.ID+" has no _id")
			continue
		}
		f.l.copy(&schema.Resource{Key: ck, Body: object, Source: csrc})
	}
}

// childType is the type of what belongs to a resource: the one that names it, else the one that fits
// any.
func childType(parent *schema.Type, id string) *schema.Type {
	var found *schema.Type
	for _, t := range schema.Types() {
		if t.Parent.Type != parent.Name {
			continue
		}
		if t.Parent.ID == id {
			return t
		}
		if t.Parent.ID == "" {
			found = t
		}
	}
	return found
}

// texts brings texts into the form that a Resource holds, whatever form the export has. It answers
// false when a text's file is not there.
func (f *frodoFile) texts(t *schema.Type, r *schema.Resource, pointer string) bool {
	for _, p := range append(t.API.Coded[:len(t.API.Coded):len(t.API.Coded)], t.Frodo.Lines...) {
		coded := slices.Contains(t.API.Coded, p)
		v, ok := schema.Lookup(r.Body, p)
		if !ok {
			continue
		}
		if name, ok := strings.CutPrefix(schema.Str(r.Body, p), "file://"); ok {
			side := f.l.side(r, path.Dir(f.Name), name, r.Source.At(p))
			if side == nil {
				return false
			}
			text, part := string(side.Data), schema.Part{Prefix: p, File: side.File, Kind: schema.TextPart}
			if plain := unwrap(text); coded && strings.HasPrefix(text, `"`) && plain != text {
				text, part.Kind = plain, schema.JSONPart // the file is one JSON string; a file of base64 is a file of base64
			}
			r.Source.AddPart(part)
			schema.SetAt(r.Body, p, text)
			continue
		}
		_, isList := v.([]any)
		root := firstOf(f.places[pointer+p], pointer+p)
		if text, kind, ok := plainText(v); ok && kind != schema.JSONPart && (coded || isList) {
			r.Source.AddPart(schema.Part{Prefix: p, File: f.File, Kind: kind, Root: root})
			schema.SetAt(r.Body, p, text)
		} else if root != pointer+p {
			r.Source.AddPart(schema.Part{Prefix: p, File: f.File, Root: root})
		}
	}
	return true
}

// plainValue brings a value that the export has in the clear into the form the tenant keeps.
func (f *frodoFile) plainValue(t *schema.Type, r *schema.Resource, pointer string) {
	if t.Frodo.Plain == "" {
		return
	}
	v, ok := r.Body[t.Frodo.Plain]
	if _, has := r.Body[t.Frodo.PlainOf]; !ok || has {
		return
	}
	text, isText := v.(string)
	if !isText {
		text = string(schema.CompactJSON(v)) // older exports have numbers and objects as JSON
	}
	delete(r.Body, t.Frodo.Plain)
	r.Body[t.Frodo.PlainOf] = schema.EncodeBase64(text)
	r.Source.AddPart(schema.Part{Prefix: schema.Pointer(t.Frodo.PlainOf), File: f.File, Kind: schema.CodedPart, Root: pointer + schema.Pointer(t.Frodo.Plain)})
}

// journey takes a journey: its tree, its nodes, and copies of what it needs.
func (f *frodoFile) journey(t *schema.Type, s frodoSection, v map[string]any, pointer string) []func() {
	if s.realm == "" {
		f.noRealm(pointer)
		f.l.partial("", t)
		return nil
	}
	tree, ok := v["tree"].(map[string]any)
	src := schema.NewSource(schema.Part{File: f.File, Root: pointer + "/tree"})
	id := schema.Str(tree, "/_id")
	if !ok || id == "" {
		f.l.noObject(f.file, src.At(""), `a journey has a "tree" with an _id`)
		if segs := schema.SplitPointer(pointer); len(segs) > 0 {
			f.l.broken(t, s.realm, segs[len(segs)-1])
		}
		return nil
	}
	r := &schema.Resource{Key: t.Key(s.realm, "", tree), Body: tree, Source: src}
	at := map[string]string{}
	for _, member := range []string{"nodes", "innerNodes", "innernodes"} {
		nodes, _ := v[member].(map[string]any)
		for _, nid := range schema.SortedKeys(nodes) {
			if _, ok := nodes[nid].(map[string]any); ok && at[nid] == "" {
				at[nid] = pointer + schema.Pointer(member, nid)
			}
		}
	}
	f.l.join(r, func(nid string) (map[string]any, *schema.Source, bool) {
		body, ok := schema.Lookup(f.value, at[nid])
		object, isObject := body.(map[string]any)
		if at[nid] == "" || !ok || !isObject {
			return nil, nil, false
		}
		return object, schema.NewSource(schema.Part{File: f.File, Root: at[nid]}), true
	}, func(stray func(id string) bool) {
		for _, nid := range schema.SortedKeys(at) {
			if stray(nid) {
				f.l.orphan(r, nid, schema.NewSource(schema.Part{File: f.File, Root: at[nid]}).At(""))
			}
		}
	})
	f.l.copy(r)
	return f.extras(s, v, pointer)
}

// extras reads the copies that a journey's export carries, later.
func (f *frodoFile) extras(s frodoSection, v map[string]any, pointer string) []func() {
	var later []func()
	sections := frodoExtras()
	for _, member := range schema.SortedKeys(v) {
		section := sections[member]
		if section == "" || isEmpty(v[member]) {
			continue
		}
		sub := frodoSection{scope: s.scope, realm: s.realm, name: section, pointer: pointer + schema.Pointer(member), copies: true}
		later = append(later, func() { f.section(sub, v[member]) })
	}
	return later
}

func isEmpty(v any) bool {
	m, isMap := v.(map[string]any)
	l, isList := v.([]any)
	return v == nil || isMap && len(m) == 0 || isList && len(l) == 0
}

// copy adds a resource that may be there already: exports repeat themselves. Two copies that say
// the same are one; two that do not are a finding.
func (l *loader) copy(r *schema.Resource) {
	old := l.set.Add(r)
	if old == nil {
		return
	}
	main := r.Source.Parts()[0]
	l.set.Copies = append(l.set.Copies, schema.Copy{Key: r.Key, File: main.File, Pointer: main.Root})
	// What a journey carries along of a SAML entity is without its metadata.
	if t, _ := schema.TypeOf(r.Type); t.API.Metadata && r.Body[metadataPart] == nil && old.Body[metadataPart] != nil {
		r.Body = schema.CloneObject(r.Body)
		r.Body[metadataPart] = old.Body[metadataPart]
	}
	where := differs(old, r)
	if where == "" {
		return
	}
	at := strings.TrimSuffix(where, "/")
	l.add(schema.Diagnostic{
		Code: "copies-disagree", Severity: schema.Error, Key: r.Key, Name: r.Name(), Pointer: at, Pos: r.Source.At(at),
		Message: fmt.Sprintf("two copies of %s disagree about %s", r.Label(), firstOf(strings.TrimPrefix(at, "/"), "its content")),
		Hint:    "The other one counts. Export again, or make the two the same.",
		Related: []schema.Related{{Pos: old.Source.At(at), Text: "the copy that counts"}},
	})
}
