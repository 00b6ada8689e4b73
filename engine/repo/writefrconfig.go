package repo

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// frconfig plans fr-config-manager's tree. A resource that is there keeps its files' names as long as
// what they are made of is unchanged, so that a tree written by another tool does not change.
func (w *writer) frconfig() error {
	shared := map[string]map[string]any{}
	main := map[schema.Key]string{}
	for _, pass := range []bool{true, false} {
		for _, r := range w.all {
			t, ok := schema.TypeOf(r.Type)
			if !ok || t.FrConfig.Path == "" || t.FrConfig.Member != "" || main[r.Key] != "" {
				continue
			}
			kept := w.keptMain(t, r)
			if pass && kept != "" {
				main[r.Key] = kept
				w.used.take(kept)
				if dir := path.Dir(kept); path.Base(dir)+".json" == path.Base(kept) {
					w.used.takeFolder(dir)
				}
			} else if !pass {
				main[r.Key] = w.takeMain(t, r)
			}
		}
	}
	for _, r := range w.all {
		t, ok := schema.TypeOf(r.Type)
		switch {
		case !ok || t.FrConfig.Path == "":
		case t.FrConfig.Member != "":
			w.frMember(shared, t, r)
		default:
			w.frResource(t, r, main[r.Key])
		}
	}
	for name, doc := range shared {
		w.out[name].data = schema.EncodeJSON(doc)
	}
	return nil
}

// frPath is the path of a resource's main file, as the row has it.
func frPath(t *schema.Type, r *schema.Resource) string {
	p := strings.ReplaceAll(t.FrConfig.Path, "{name}", escapeBraces(safeName(r.Name())))
	p = strings.ReplaceAll(p, "{id...}", escapeBraces(safePath(r.ID)))
	parent, _, _ := strings.Cut(r.ID, "/")
	p = strings.ReplaceAll(p, "{parent}", escapeBraces(safeName(parent)))
	return unescapeBraces(t.Expand(p, r.Key, r.Body, safeName))
}

// safePath is safeName of each segment.
func safePath(p string) string {
	segs := strings.Split(p, "/")
	for i := range segs {
		segs[i] = safeName(segs[i])
	}
	return strings.Join(segs, "/")
}

// What is filled in may hold braces itself; they are no variables.
func escapeBraces(s string) string {
	return strings.NewReplacer("{", "\x00(", "}", "\x00)").Replace(s)
}

func unescapeBraces(s string) string {
	return strings.NewReplacer("\x00(", "{", "\x00)", "}").Replace(s)
}

// keptMain is the main file that the resource has and may keep.
func (w *writer) keptMain(t *schema.Type, r *schema.Resource) string {
	old, ok := w.old.Get(r.Key)
	if !ok || old.Source == nil || frPath(t, old) != frPath(t, r) {
		return ""
	}
	return old.Source.Parts()[0].File.Name
}

// takeMain gives the resource a main file of its own. Where folder and file have one name, the folder
// is what must be its own.
func (w *writer) takeMain(t *schema.Type, r *schema.Resource) string {
	p := frPath(t, r)
	dir, base := path.Dir(p), path.Base(p)
	if path.Base(dir)+".json" == base {
		folder := w.used.takeFolder(dir)
		return path.Join(folder, path.Base(folder)+".json")
	}
	return w.used.take(p)
}

// takeFolder gives a folder's name once.
func (n names) takeFolder(want string) string {
	name := want
	for i := 2; n[strings.ToLower(name)+"/"]; i++ {
		name = fmt.Sprintf("%s (%d)", want, i)
	}
	n[strings.ToLower(name)+"/"] = true
	return name
}

func (w *writer) frResource(t *schema.Type, r *schema.Resource, main string) {
	body := schema.CloneObject(r.Body)
	if t.Journey {
		delete(body, "nodeConfigs")
		w.frNodes(r, path.Dir(main))
	}
	w.frTexts(t, r, body, main)
	w.put(main, schema.EncodeJSON(wrapped(t, body)), r.Key)
}

// wrapped puts the body into the member that holds it in the file, and texts beside it.
func wrapped(t *schema.Type, body map[string]any) map[string]any {
	if t.FrConfig.Wrap == "" {
		return body
	}
	doc := map[string]any{}
	for _, p := range t.Frodo.Lines {
		name := schema.SplitPointer(p)[0]
		if v, ok := body[name]; ok {
			doc[name] = v
			delete(body, name)
		}
	}
	doc[t.FrConfig.Wrap] = body
	return doc
}

// frTexts moves long texts into side files.
func (w *writer) frTexts(t *schema.Type, r *schema.Resource, body map[string]any, main string) {
	for _, inc := range t.FrConfig.Include {
		// The matches are those of the resource: what is put in their place looks like a text by locale.
		for _, m := range schema.Select(r.Body, inc.Pattern) {
			text, ok := m.Value.(string)
			star := strings.HasSuffix(inc.Pattern, "/*")
			if !ok || text == "" && !star {
				continue
			}
			if inc.Sibling && !movable(r.Body, m.Pointer) {
				continue
			}
			if inc.Coded {
				plain, ok := schema.DecodeBase64(text)
				if !ok || schema.EncodeBase64(plain) != text {
					continue // it is not as the other tool expects it: it stays where it is
				}
				text = plain
			}
			base := path.Dir(main)
			if inc.Base != "" {
				base = t.Expand(inc.Base, r.Key, r.Body, safeName)
			}
			name := w.keptText(t, r, inc, m.Pointer, base)
			if name == "" {
				name = w.used.take(path.Join(base, frTextName(t, r, inc, m.Pointer)))
			}
			w.put(name, []byte(text), r.Key)
			if ref := strings.TrimPrefix(name, base+"/"); inc.Sibling {
				at := strings.LastIndexByte(m.Pointer, '/')
				makeAt(body, m.Pointer[:at]+"/file", ref)
				drop(body, m.Pointer)
			} else {
				schema.SetAt(body, m.Pointer, map[string]any{"file": ref})
			}
		}
	}
}

// movable says whether the script of which the text at the pointer is the source moves to a file: only
// JavaScript does, and not where the script names a file already.
func movable(body map[string]any, pointer string) bool {
	around, _ := schema.Lookup(body, pointer[:strings.LastIndexByte(pointer, '/')])
	object, _ := around.(map[string]any)
	kind, _ := object["type"].(string)
	_, has := object["file"]
	return !has && strings.Contains(kind, "javascript")
}

// frTextName is the name of a side file, as the row has it.
func frTextName(t *schema.Type, r *schema.Resource, inc schema.Include, pointer string) string {
	name := strings.ReplaceAll(inc.Name, "{name}", escapeBraces(safeName(r.Name())))
	pattern, segs := schema.SplitPointer(inc.Pattern), schema.SplitPointer(pointer)
	n := 0
	for i, p := range pattern {
		if p == "*" && i < len(segs) {
			n++
			star := escapeBraces(safeName(segs[i]))
			name = strings.ReplaceAll(name, fmt.Sprintf("{*%d}", n), star)
			if !slices.Contains(pattern[i+1:], "*") {
				name = strings.ReplaceAll(name, "{*}", star)
			}
		}
	}
	for {
		before, after, ok := strings.Cut(name, "{../")
		member, rest, closed := strings.Cut(after, "}")
		if !ok || !closed {
			break
		}
		name = before + escapeBraces(safeName(nearest(r.Body, segs, member))) + rest
	}
	return unescapeBraces(t.Expand(name, r.Key, r.Body, safeName))
}

// nearest is the string member of the nearest object around a value that has it.
func nearest(body map[string]any, segs []string, member string) string {
	for i := len(segs) - 1; i >= 0; i-- {
		around, _ := schema.Lookup(body, schema.Pointer(segs[:i]...))
		if object, ok := around.(map[string]any); ok {
			if s, ok := object[member].(string); ok {
				return s
			}
		}
	}
	return ""
}

// keptText is the side file that a text has and may keep.
func (w *writer) keptText(t *schema.Type, r *schema.Resource, inc schema.Include, pointer, base string) string {
	old, ok := w.old.Get(r.Key)
	if !ok || old.Source == nil || frTextName(t, old, inc, pointer) != frTextName(t, r, inc, pointer) {
		return ""
	}
	for _, p := range old.Source.Parts() {
		if p.Prefix == pointer && p.Kind == schema.TextPart && strings.HasPrefix(p.File.Name, base+"/") && w.out[p.File.Name] == nil {
			w.used[strings.ToLower(p.File.Name)] = true
			return p.File.Name
		}
	}
	return ""
}

// frNodes plans a journey's nodes: a file each, the children of a page in a folder named like it.
func (w *writer) frNodes(r *schema.Resource, folder string) {
	old, _ := w.old.Get(r.Key)
	had := map[string]string{}
	if old != nil && old.Source != nil {
		for _, ref := range schema.NodeRefs(old.Body) {
			for _, p := range old.Source.Parts() {
				if p.Prefix == schema.Pointer("nodeConfigs", ref.ID) {
					had[ref.ID+"\x00"+ref.Page+"\x00"+ref.DisplayName] = p.File.Name
				}
			}
		}
	}
	pages := map[string]string{}
	for _, ref := range schema.NodeRefs(r.Body) {
		node, ok := schema.Lookup(r.Body, schema.Pointer("nodeConfigs", ref.ID))
		if !ok {
			continue
		}
		dir := path.Join(folder, "nodes")
		if ref.Page != "" {
			dir = firstOf(pages[ref.Page], dir)
		}
		name := had[ref.ID+"\x00"+ref.Page+"\x00"+ref.DisplayName]
		if name == "" || w.out[name] != nil || path.Dir(name) != dir {
			name = w.used.take(path.Join(dir, safeName(ref.DisplayName+" - "+ref.ID)+".json"))
		}
		pages[ref.ID] = strings.TrimSuffix(name, ".json")
		w.put(name, schema.EncodeJSON(node), r.Key)
	}
}

// frMember puts a resource into the file that it shares with others.
func (w *writer) frMember(shared map[string]map[string]any, t *schema.Type, r *schema.Resource) {
	name := frPath(t, r)
	doc := shared[name]
	if doc == nil {
		doc = map[string]any{}
		shared[name] = doc
		for _, o := range w.old.Others {
			if o.File.Name == name && o.Pointer != "" {
				schema.SetAt(doc, o.Pointer, o.Value)
			}
		}
		// The other tool writes its lists also when they are empty.
		for _, other := range schema.Types() {
			if list, ok := strings.CutSuffix(other.FrConfig.Member, "/*"); ok && other.FrConfig.Path == t.FrConfig.Path {
				schema.SetAt(doc, list, []any{})
			}
		}
	}
	w.put(name, nil, r.Key)
	body := schema.CloneObject(r.Body)
	if list, ok := strings.CutSuffix(t.FrConfig.Member, "/*"); ok {
		have, _ := schema.Lookup(doc, list)
		elements, _ := have.([]any)
		schema.SetAt(doc, list, append(elements, body))
		return
	}
	makeAt(doc, t.Expand(t.FrConfig.Member, r.Key, r.Body, schema.EscapeSegment), body)
}
