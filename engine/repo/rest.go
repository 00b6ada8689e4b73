package repo

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// rest reads JSON Lines of {type, realm, id, path, body}, the form recorded tenants come in. Each
// line is a document of its own; its places are those of the whole file.
func (l *loader) rest() {
	names := slices.DeleteFunc(slices.Clone(l.names), func(n string) bool { return !strings.Contains(n, ".jsonl") })
	if len(names) == 0 {
		names = l.jsonLines()
	}
	var docs []schema.Document
	at := map[string]schema.Other{}
	for _, name := range names {
		docs = append(docs, l.restFile(name, at)...)
	}
	set, diags := schema.FromDocuments(l.o.Origin, docs)
	set.Files, set.Partial = l.set.Files, l.set.Partial
	for _, u := range set.Unmanaged {
		for _, p := range u.Files {
			if o, ok := at[p]; ok {
				o.Kind = u.Type
				set.Others = append(set.Others, o)
			}
		}
	}
	l.diags = append(l.diags, diags...)
	l.set = set
}

func (l *loader) jsonLines() []string {
	var names []string
	for _, e := range readDirNames(l.fsys, l.root) {
		if strings.HasSuffix(strings.TrimSuffix(e, ".gz"), ".jsonl") {
			names = append(names, e)
		}
	}
	return names
}

func (l *loader) restFile(name string, at map[string]schema.Other) []schema.Document {
	f := &file{File: &schema.File{Name: name}}
	f.Data, f.err = readFile(l.fsys, name, maxSource)
	l.set.Files++
	if l.report(f) {
		l.partial("")
		return nil
	}
	var docs []schema.Document
	before := -1
	for line := range bytes.Lines(f.Data) {
		before++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		rec := &schema.File{Name: name, Data: line, LinesBefore: before}
		v, err := schema.ParseJSON(line)
		var pe *schema.ParseError
		if errors.As(err, &pe) {
			l.partial("")
			l.add(parseFinding(rec, pe))
			continue
		}
		path, body := schema.Str(v, "/path"), any(nil)
		if m, ok := v.(map[string]any); ok {
			body = m["body"]
		}
		object, isObject := body.(map[string]any)
		if path == "" || body == nil || !isObject && managedPath(path) {
			l.noObject(f, schema.NewSource(schema.Part{File: rec}).At(""), fmt.Sprintf(`line %d lacks one of "path", "body"`, before+1))
			continue
		}
		text, _ := body.(string)
		docs = append(docs, schema.Document{Path: path, Body: object, Text: text, Source: schema.NewSource(schema.Part{File: rec, Root: "/body"})})
		at[path] = schema.Other{File: rec, Pointer: "/body", Value: body}
	}
	return docs
}

// managedPath says whether a tenant keeps a managed resource at the path. What is not managed may be text:
// SAML metadata is XML.
func managedPath(path string) bool {
	set, _ := schema.FromDocuments("", []schema.Document{{Path: path}})
	return len(set.Unmanaged) == 0
}
