package repo

import (
	"fmt"
	"path"

	"github.com/lockstep-gitops/lockstep/schema"
)

// The flat layout: DIR/{realm|global}/{type}/{id}.json, each {"type", "realm", "id", "body"}; or one
// file with a list of these under "resources". A snapshot says what it is of: see about.

func isFlatResource(m map[string]any) bool {
	_, typ := m["type"].(string)
	_, id := m["id"].(string)
	_, body := m["body"].(map[string]any)
	return typ && id && body
}

func (l *loader) flat() {
	for _, name := range l.names {
		f := l.files[name]
		if !f.isJSON() {
			l.other(schema.OtherKind, f)
			continue
		}
		if l.report(f) {
			l.flatBroken(f)
			continue
		}
		m, ok := f.object()
		if !ok {
			l.flatBroken(f)
			l.noObject(f, schema.Pos{File: name}, "it is no JSON object")
			continue
		}
		list, ok := m["resources"].([]any)
		if !ok && l.below(name) == aboutFile && isAbout(m) {
			f.used = true
			l.readAbout(m)
			continue
		}
		if ok {
			l.readAbout(m)
		}
		if !ok {
			l.flatResource(f, m, "")
			continue
		}
		f.used = true
		for i, v := range list {
			pointer := schema.Pointer("resources", fmt.Sprint(i))
			r, ok := v.(map[string]any)
			if !ok {
				l.partial("")
				l.noObject(f, schema.NewSource(schema.Part{File: f.File, Root: pointer}).At(""), fmt.Sprintf("element %d is no JSON object", i))
				continue
			}
			l.flatResource(f, r, pointer)
		}
	}
}

func (l *loader) flatResource(f *file, m map[string]any, pointer string) {
	f.used = true
	src := schema.NewSource(schema.Part{File: f.File, Root: pointer + "/body"})
	if !isFlatResource(m) {
		l.flatBroken(f)
		at := schema.NewSource(schema.Part{File: f.File, Root: pointer}).At("")
		l.noObject(f, at, `it lacks one of "type", "id", "body"`)
		return
	}
	body, _ := m["body"].(map[string]any)
	k := schema.Key{Type: schema.Str(m, "/type"), Realm: schema.Str(m, "/realm"), ID: schema.Str(m, "/id")}
	t, ok := schema.TypeOf(k.Type)
	if !ok {
		l.set.AddUnmanaged(k.Type, f.Name+anchor(pointer))
		l.set.Others = append(l.set.Others, schema.Other{Kind: k.Type, File: f.File, Pointer: pointer + "/body", Value: body})
		return
	}
	if t.Realm == (k.Realm == "") || k.ID == "" {
		what := fmt.Sprintf("a %s lives in a realm, and it names none", t.Name)
		if !t.Realm {
			what = fmt.Sprintf("a %s belongs to the whole tenant, and it names realm %s", t.Name, k.Realm)
		}
		if k.ID == "" {
			what = "its id is empty"
		}
		l.partial("", t)
		l.noObject(f, schema.NewSource(schema.Part{File: f.File, Root: pointer}).At(""), what)
		return
	}
	l.put(&schema.Resource{Key: k, Body: body, Source: src})
}

// flatBroken marks the resource that the file's path names.
func (l *loader) flatBroken(f *file) {
	dir := path.Dir(l.below(f.Name))
	if t, ok := schema.TypeOf(path.Base(dir)); ok {
		l.broken(t, unsafeName(path.Base(path.Dir(dir))), unsafeName(trimExt(path.Base(f.Name))))
		return
	}
	l.partial("") // it may have held anything
}

func trimExt(name string) string { return name[:len(name)-len(path.Ext(name))] }

// anchor names a place inside a file, where the file holds more than one object.
func anchor(pointer string) string {
	if pointer == "" {
		return ""
	}
	return "#" + pointer
}
