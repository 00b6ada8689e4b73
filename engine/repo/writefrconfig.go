package repo

import (
	"fmt"
	"path"
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
	parent, _, _ := strings.Cut(r.ID, "/")
	p = strings.ReplaceAll(p, "{parent}", escapeBraces(safeName(parent)))
	return unescapeBraces(t.Expand(p, r.Key, r.Body, safeName))
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
	w.put(main, schema.EncodeJSON(body), r.Key)
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
			setAt(body, m.Pointer, map[string]any{"file": strings.TrimPrefix(name, base+"/")})
		}
	}
}

func frTextName(t *schema.Type, r *schema.Resource, inc schema.Include, pointer string) string {
	segs := schema.SplitPointer(pointer)
	name := strings.ReplaceAll(inc.Name, "{*}", escapeBraces(safeName(segs[len(segs)-1])))
	name = strings.ReplaceAll(name, "{name}", escapeBraces(safeName(r.Name())))
	return unescapeBraces(t.Expand(name, r.Key, r.Body, safeName))
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
				setAt(doc, o.Pointer, o.Value)
			}
		}
		// The other tool writes its lists also when they are empty.
		for _, other := range schema.Types() {
			if list, ok := strings.CutSuffix(other.FrConfig.Member, "/*"); ok && other.FrConfig.Path == t.FrConfig.Path {
				setAt(doc, list, []any{})
			}
		}
	}
	w.put(name, nil, r.Key)
	body := schema.CloneObject(r.Body)
	if list, ok := strings.CutSuffix(t.FrConfig.Member, "/*"); ok {
		have, _ := schema.Lookup(doc, list)
		elements, _ := have.([]any)
		setAt(doc, list, append(elements, body))
		return
	}
	setAt(doc, t.FrConfig.Member, body)
}
