package repo

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A pathPattern is a row's path in fr-config-manager's tree, taken to pieces.
type pathPattern struct {
	types   []*schema.Type // several share one file
	segs    []pathSegment
	literal int // how much of it is fixed: the more, the earlier it matches
}

// A pathSegment is literal text around at most one variable; rest says that the variable takes all
// segments that are left.
type pathSegment struct {
	pre, variable, post string
	rest                bool
}

func frConfigPatterns() []*pathPattern {
	var out []*pathPattern
	byPath := map[string]*pathPattern{}
	for _, t := range schema.Types() {
		for _, where := range []string{t.FrConfig.Path, t.FrConfig.Also} {
			if where == "" {
				continue
			}
			if byPath[where] == nil {
				byPath[where] = newPathPattern(where)
				out = append(out, byPath[where])
			}
			byPath[where].types = append(byPath[where].types, t)
		}
	}
	slices.SortStableFunc(out, func(a, b *pathPattern) int { return b.literal - a.literal })
	return out
}

func newPathPattern(where string) *pathPattern {
	p := &pathPattern{}
	for seg := range strings.SplitSeq(hideSlashes(where), "/") {
		pre, after, ok := strings.Cut(seg, "{")
		variable, post, _ := strings.Cut(after, "}")
		variable, rest := strings.CutSuffix(variable, "...")
		p.segs = append(p.segs, pathSegment{pre, variable, post, rest})
		p.literal += len(pre) + len(post)
		if !ok {
			p.literal += 100
		}
	}
	return p
}

// hideSlashes takes the slashes out of variables such as {/_type/_id}, so that paths split at slashes.
func hideSlashes(p string) string {
	return pathVariable.ReplaceAllStringFunc(p, func(v string) string { return strings.ReplaceAll(v, "/", "\x01") })
}

var pathVariable = regexp.MustCompile(`\{[^}]*\}`)

// fits says whether a name can stand at the segment's place.
func (s pathSegment) fits(name string) bool {
	if s.variable == "" {
		return name == s.pre
	}
	return len(name) > len(s.pre)+len(s.post) && strings.HasPrefix(name, s.pre) && strings.HasSuffix(name, s.post)
}

// match gives the variables' values. A variable that stands twice has one value.
func (p *pathPattern) match(segs []string) (map[string]string, bool) {
	if n := len(p.segs); n > 0 && p.segs[n-1].rest && len(segs) > n {
		segs = append(segs[:n-1:n-1], strings.Join(segs[n-1:], "/"))
	}
	if len(segs) != len(p.segs) {
		return nil, false
	}
	for i, s := range p.segs {
		if !s.fits(segs[i]) {
			return nil, false
		}
	}
	vars := map[string]string{}
	for i, s := range p.segs {
		if s.variable == "" {
			continue
		}
		v := segs[i][len(s.pre) : len(segs[i])-len(s.post)]
		if old, ok := vars[s.variable]; ok && old != v {
			return nil, false
		}
		vars[s.variable] = v
	}
	return vars, true
}

// frMatch is one file that holds resources.
type frMatch struct {
	f    *file
	p    *pathPattern
	vars map[string]string
}

// frconfig reads fr-config-manager's tree.
func (l *loader) frconfig() {
	patterns := frConfigPatterns()
	var matches []frMatch
	var nodes []*file
	journeys := map[string]bool{}
	for _, name := range l.names {
		f := l.files[name]
		below := l.below(name)
		if isJSON(name) && nodeFolder(below) != "" {
			nodes = append(nodes, f)
			continue
		}
		if !isJSON(name) {
			continue
		}
		segs := strings.Split(below, "/")
		for _, p := range patterns {
			if vars, ok := p.match(segs); ok {
				f.used = true
				matches = append(matches, frMatch{f, p, vars})
				if p.types[0].Journey {
					journeys[path.Dir(below)] = true
				}
				break
			}
		}
	}
	folders := l.nodeFolders(nodes, journeys)
	for _, m := range matches {
		l.frFile(m, folders[path.Dir(l.below(m.f.Name))])
	}
	for _, name := range l.names {
		if f := l.files[name]; !f.used {
			l.frOther(f)
		}
	}
}

// frOther names a file that no resource has taken.
func (l *loader) frOther(f *file) {
	kind := schema.KindOfFile(l.below(f.Name))
	l.other(kind, f)
}

// frFile reads the resources of one file.
func (l *loader) frFile(m frMatch, nodes *nodeFiles) {
	realm, parent := m.vars["realm"], unsafeName(m.vars["parent"])
	if l.report(m.f) {
		for _, t := range m.p.types {
			l.broken(t, realm, firstOf(t.API.Fixed, unsafePath(m.vars["id"])))
		}
		nodes.take()
		return
	}
	doc, ok := m.f.object()
	if !ok {
		l.noObject(m.f, schema.Pos{File: m.f.Name}, "it is no JSON object")
		for _, t := range m.p.types {
			l.broken(t, realm, firstOf(t.API.Fixed, unsafePath(m.vars["id"])))
		}
		nodes.take()
		return
	}
	if m.p.types[0].FrConfig.Member == "" {
		l.frResource(m, typeOfBody(m.p.types, doc), realm, parent, doc, "", nodes)
		return
	}
	taken := map[string]bool{}
	for _, t := range m.p.types {
		for _, x := range frMembers(t, doc) {
			taken[schema.SplitPointer(x.Pointer)[0]] = true
			if body, ok := x.Value.(map[string]any); ok {
				l.frResource(m, t, realm, parent, body, x.Pointer, nil)
			} else {
				l.noObject(m.f, schema.NewSource(schema.Part{File: m.f.File, Root: x.Pointer}).At(""), x.Pointer+" is no JSON object")
				l.broken(t, realm, t.API.Fixed)
			}
		}
		if list, ok := strings.CutSuffix(t.FrConfig.Member, "/*"); ok {
			taken[schema.SplitPointer(list)[0]] = true
		}
	}
	for _, name := range schema.SortedKeys(doc) {
		if p := schema.Pointer(name); !taken[name] {
			l.set.AddUnmanaged(schema.OtherKind, m.f.Name+anchor(p))
			l.set.Others = append(l.set.Others, schema.Other{Kind: schema.OtherKind, File: m.f.File, Pointer: p, Value: doc[name]})
		}
	}
}

// typeOfBody picks the type of a body among those that share a path.
func typeOfBody(types []*schema.Type, body map[string]any) *schema.Type {
	for _, t := range types {
		if t.Is(body) {
			return t
		}
	}
	return types[0]
}

// frMembers are the resources of a type in a file that several share.
func frMembers(t *schema.Type, doc map[string]any) []schema.Match {
	if t.FrConfig.Member != "/{id}" {
		return schema.Select(doc, t.FrConfig.Member)
	}
	var out []schema.Match
	for _, id := range t.API.IDs {
		if v, ok := doc[id]; ok {
			out = append(out, schema.Match{Pointer: schema.Pointer(id), Value: v})
		}
	}
	return out
}

// unwrapped takes the body out of the member that holds it, and puts the file's other members beside
// it: a SAML entity's metadata.
func unwrapped(t *schema.Type, f *file, doc map[string]any) (map[string]any, *schema.Source) {
	inner, ok := doc[t.FrConfig.Wrap].(map[string]any)
	if t.FrConfig.Wrap == "" || !ok {
		return doc, schema.NewSource(schema.Part{File: f.File})
	}
	body := schema.CloneObject(inner)
	src := schema.NewSource(schema.Part{File: f.File, Root: schema.Pointer(t.FrConfig.Wrap)})
	for name, v := range doc {
		if name != t.FrConfig.Wrap {
			body[name] = v
			src.AddPart(schema.Part{Prefix: schema.Pointer(name), File: f.File, Root: schema.Pointer(name)})
		}
	}
	return body, src
}

// frResource makes one resource of a body, its side files and, if it is a journey, its nodes.
func (l *loader) frResource(m frMatch, t *schema.Type, realm, parent string, body map[string]any, pointer string, nodes *nodeFiles) {
	src := schema.NewSource(schema.Part{File: m.f.File, Root: pointer})
	if pointer == "" {
		body, src = unwrapped(t, m.f, body)
	}
	k := t.Key(realm, parent, body)
	named := unsafePath(m.vars["id"])
	if t.IDByPath() && k.ID == "" {
		k.ID = named
		if pointer != "" {
			k.ID = schema.SplitPointer(pointer)[0]
		}
	}
	if k.ID == "" || strings.HasSuffix(k.ID, "/") {
		l.noObject(m.f, src.At(""), "it has no "+t.IDMember())
		nodes.take()
		l.broken(t, realm, named)
		return
	}
	if id := m.vars["id"]; id != "" && pointer == "" && !t.IDByPath() && !placeholders.Has(k.ID) && !schema.IllegalID(t, k.ID) && named != k.ID && !strings.EqualFold(numbered.ReplaceAllString(id, ""), safeName(k.ID)) {
		l.add(schema.Diagnostic{
			Code: "id-mismatch", Severity: schema.Warning, Key: k, Pos: src.At("/_id"),
			Message: fmt.Sprintf("the file is called %s and the resource in it %s", path.Base(m.f.Name), k.ID),
			Hint:    "The id in the file counts. Rename the file, or correct the id.",
		})
	}
	r := &schema.Resource{Key: k, Body: t.Uninherit(body), Source: src}
	ok := l.includes(t, r, m)
	if t.Journey && !l.joinNodes(r, nodes) {
		ok = false
	}
	if !ok {
		l.set.MarkBroken(k)
		return
	}
	l.put(r)
}

// numbered is what Write adds to a name that is taken.
var numbered = regexp.MustCompile(` \(\d+\)$`)

// includes puts the texts of side files into the body. It answers false when one is not there.
func (l *loader) includes(t *schema.Type, r *schema.Resource, m frMatch) bool {
	ok := true
	for _, inc := range t.FrConfig.Include {
		base := path.Dir(m.f.Name)
		if inc.Base != "" {
			base = path.Join(l.root, t.Expand(inc.Base, r.Key, r.Body, func(s string) string { return s }))
		}
		if inc.Sibling {
			ok = l.siblings(t, r, m, inc, base) && ok
			continue
		}
		for _, x := range schema.Select(r.Body, inc.Pattern) {
			ref, isRef := x.Value.(map[string]any)
			name, isName := ref["file"].(string)
			if !isRef || !isName || len(ref) != 1 {
				l.inlineText(t, r, x, m.f)
				continue
			}
			f := l.side(r, base, name, r.Source.At(x.Pointer+"/file"))
			if f == nil {
				ok = false
				continue
			}
			text := string(f.Data)
			part := schema.Part{Prefix: x.Pointer, File: f.File, Kind: schema.TextPart}
			if inc.Coded {
				// The text stands in a file, its base64 nowhere: only where the file is named is a true place.
				text, part = schema.EncodeBase64(text), schema.Part{Prefix: x.Pointer, File: m.f.File, Kind: schema.CodedPart, Root: x.Pointer}
			}
			schema.SetAt(r.Body, x.Pointer, text)
			r.Source.AddPart(part)
		}
	}
	return ok
}

// siblings puts the texts of side files that stand beside their objects' other members into the body:
// {"type": "text/javascript", "file": "x.js"}. A path that leads nowhere is that of one of the product's
// own files, unless the row would call the file so. It answers false when one of ours is not there.
func (l *loader) siblings(t *schema.Type, r *schema.Resource, m frMatch, inc schema.Include, base string) bool {
	ok := true
	parent, member := path.Split(inc.Pattern)
	for _, x := range schema.Select(r.Body, strings.TrimSuffix(parent, "/")) {
		object, _ := x.Value.(map[string]any)
		name, isName := object["file"].(string)
		if _, has := object[member]; !isName || has {
			continue
		}
		at := x.Pointer + "/" + member
		if l.named(path.Join(base, name)) == nil && (slices.Contains(inc.Product, name) || !isOurs(name) && name != frTextName(t, r, inc, at)) {
			continue
		}
		f := l.side(r, base, name, r.Source.At(x.Pointer+"/file"))
		if f == nil {
			ok = false
			continue
		}
		delete(object, "file")
		object[member] = string(f.Data)
		r.Source.AddPart(schema.Part{Prefix: at, File: f.File, Kind: schema.TextPart})
	}
	return ok
}

// isOurs says whether a file's name can only mean one beside the JSON: the product's own scripts are
// named by paths below its folder, such as "ui/correlateTreeToQueryFilter.js".
func isOurs(name string) bool {
	return !strings.Contains(name, "/") || path.IsAbs(name) || !fsValid(path.Clean(name)) || strings.HasPrefix(name, "./")
}

// inlineText decodes a text that stands in the JSON itself, where the tenant keeps it in base64.
func (l *loader) inlineText(t *schema.Type, r *schema.Resource, x schema.Match, f *file) {
	if !slices.Contains(t.API.Coded, x.Pointer) {
		return
	}
	if text, kind, ok := plainText(x.Value); ok && kind != schema.JSONPart {
		r.Source.AddPart(schema.Part{Prefix: x.Pointer, File: f.File, Kind: kind, Root: x.Pointer})
		schema.SetAt(r.Body, x.Pointer, text)
	}
}

// side finds the file that a resource names, or makes the finding that says why not.
func (l *loader) side(r *schema.Resource, base, name string, pos schema.Pos) *file {
	where := path.Join(base, name)
	d := schema.Diagnostic{
		Code: "file-missing", Severity: schema.Error, Key: r.Key, Name: r.Name(), Pos: pos,
		Message: fmt.Sprintf("%s names the file %s, which is not there", r.Label(), name),
		Hint:    fmt.Sprintf("Expected: %s", where),
	}
	if path.IsAbs(name) || !fsValid(where) || l.root != "." && !strings.HasPrefix(where, l.root+"/") {
		d.Code, d.Message = "path-escapes", fmt.Sprintf("%s names the file %s, which is outside the configuration", r.Label(), name)
		d.Hint = "It is not read. Put the file below " + base + " and name it from there."
		l.add(d)
		return nil
	}
	f := l.named(where)
	if f == nil {
		if slices.ContainsFunc(l.diags, func(d schema.Diagnostic) bool { return d.Pos.File == where }) {
			return nil // a link that can't be followed: that is said already
		}
		if near := l.nearest(where); near != "" {
			d.Hint += "\nThere is: " + near
		}
		l.add(d)
		return nil
	}
	f.used = true
	if f.err != nil && f.Data == nil {
		l.report(f)
		return nil
	}
	return f
}

// nearest finds a file whose name differs only in case: what a copy between file systems changes.
func (l *loader) nearest(name string) string {
	for _, n := range l.names {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	return ""
}

// unsafePath is unsafeName of each segment.
func unsafePath(p string) string {
	segs := strings.Split(p, "/")
	for i := range segs {
		segs[i] = unsafeName(segs[i])
	}
	return strings.Join(segs, "/")
}
