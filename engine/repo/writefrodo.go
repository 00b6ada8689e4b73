package repo

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/lockstep-gitops/lockstep/schema"
)

// frodoHome is the place of a resource in frodo's exports.
func frodoHome(t *schema.Type, r *schema.Resource) (scope string, section, key string) {
	key = r.ID
	if !t.Realm {
		return scopeGlobal, t.Frodo.Section, key
	}
	return "realm/root-" + r.Realm, t.Frodo.Section, key
}

// frodoSeparate plans the tree of separate files.
func (w *writer) frodoSeparate() error {
	children, err := w.frodoChildren()
	if err != nil {
		return err
	}
	for _, r := range w.all {
		t, ok := schema.TypeOf(r.Type)
		if !ok || t.Frodo.Section == "" || t.Frodo.Children {
			continue
		}
		scope, section, key := frodoHome(t, r)
		folder := frodoFolder(t)
		base := slug(r.Name())
		if isIDMSection(section) {
			base = r.ID // IDM's ids are paths: servletfilter/cors
		}
		segs := strings.Split(base, "/")
		for i := range segs {
			segs[i] = safeName(segs[i])
		}
		if !isIDMSection(section) {
			segs = []string{safeName(base)}
		}
		dir := path.Join(frodoDir(scope), folder)
		name := w.frodoKept(r)
		if name == "" {
			name = w.used.take(path.Join(dir, strings.Join(segs, "/")+"."+folder+".json"))
		} else {
			w.used.take(name)
		}
		object := w.frodoObject(t, r, children[r.Key], func(p, text string) any {
			if unwrapsTo(text) {
				return lines(text)
			}
			side := strings.TrimSuffix(name, ".json") + frodoExtension(r)
			w.put(side, []byte(text), r.Key)
			return "file://" + path.Base(side)
		})
		w.put(name, schema.EncodeJSON(map[string]any{section: map[string]any{key: object}}), append(keysOf(children[r.Key]), r.Key)...)
	}
	return nil
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

// frodoChildren sorts what belongs to others by its parent.
func (w *writer) frodoChildren() (map[schema.Key][]*schema.Resource, error) {
	have := map[schema.Key]bool{}
	for _, r := range w.all {
		have[r.Key] = true
	}
	out := map[schema.Key][]*schema.Resource{}
	for _, r := range w.all {
		t, ok := schema.TypeOf(r.Type)
		if !ok || t.Frodo.Section == "" {
			continue
		}
		parent, ok := t.ParentKey(r.Key)
		if !ok {
			continue
		}
		if have[parent] {
			out[parent] = append(out[parent], r)
		} else if t.Frodo.Children {
			return nil, fmt.Errorf("write %s in frodo's layout: it stands inside %s, which is not there; write that one too", r.Label(), parent)
		}
	}
	return out, nil
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
	if coded := schema.Str(body, schema.Pointer(t.Frodo.PlainOf)); t.Frodo.Plain != "" && coded != "" {
		if plain, ok := schema.DecodeBase64(coded); ok && schema.EncodeBase64(plain) == coded && utf8.ValidString(plain) {
			delete(body, t.Frodo.PlainOf)
			body[t.Frodo.Plain] = plain
		}
	}
	if isParent(t) {
		list := []any{}
		for _, c := range children {
			list = append(list, schema.CloneObject(c.Body))
		}
		body["nextDescendents"] = list
		if body["location"] == nil {
			body["location"] = firstOf(r.Realm, scopeGlobal)
			if r.Realm != "" {
				body["location"] = "/" + r.Realm
			}
		}
	}
	return body
}

func isParent(t *schema.Type) bool {
	for _, c := range schema.Types() {
		if c.Parent.Type == t.Name {
			return true
		}
	}
	return false
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
	children, err := w.frodoChildren()
	if err != nil {
		return err
	}
	doc := w.frodoDocument()
	var keys []schema.Key
	for _, r := range w.all {
		t, ok := schema.TypeOf(r.Type)
		if !ok || t.Frodo.Section == "" {
			continue
		}
		keys = append(keys, r.Key)
		if t.Frodo.Children {
			continue
		}
		scope, section, key := frodoHome(t, r)
		object := w.frodoObject(t, r, children[r.Key], func(_, text string) any {
			if unwrapsTo(text) {
				return lines(text)
			}
			return text
		})
		at := doc
		for _, s := range append(strings.SplitN(scope, "/", 2), section) {
			next, ok := at[s].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[s] = next
			}
			at = next
		}
		at[key] = object
	}
	w.put(w.single, schema.EncodeJSON(doc), keys...)
	return nil
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
