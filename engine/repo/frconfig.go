package repo

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A pathPattern is a row's path in fr-config-manager's tree, taken to pieces.
type pathPattern struct {
	types   []*schema.Type // several share one file
	segs    []pathSegment
	literal int // how much of it is fixed: the more, the earlier it matches
}

type pathSegment struct{ pre, variable, post string }

func frConfigPatterns() []*pathPattern {
	var out []*pathPattern
	byPath := map[string]*pathPattern{}
	for _, t := range schema.Types() {
		if t.FrConfig.Path == "" {
			continue
		}
		p := byPath[t.FrConfig.Path]
		if p == nil {
			p = &pathPattern{}
			for seg := range strings.SplitSeq(escapeVariables(t.FrConfig.Path), "/") {
				pre, rest, ok := strings.Cut(seg, "{")
				variable, post, _ := strings.Cut(rest, "}")
				p.segs = append(p.segs, pathSegment{pre, variable, post})
				p.literal += len(pre) + len(post)
				if !ok {
					p.literal += 100
				}
			}
			byPath[t.FrConfig.Path] = p
			out = append(out, p)
		}
		p.types = append(p.types, t)
	}
	slices.SortStableFunc(out, func(a, b *pathPattern) int { return b.literal - a.literal })
	return out
}

// escapeVariables takes the slash out of a variable such as {/_id}, so that paths split at slashes.
func escapeVariables(p string) string { return strings.ReplaceAll(p, "{/", "{") }

// match gives the variables' values. A variable that stands twice has one value.
func (p *pathPattern) match(segs []string) (map[string]string, bool) {
	if len(segs) != len(p.segs) {
		return nil, false
	}
	for i, s := range p.segs {
		if s.variable == "" && segs[i] != s.pre {
			return nil, false
		}
		if len(segs[i]) <= len(s.pre)+len(s.post) && s.variable != "" || !strings.HasPrefix(segs[i], s.pre) || !strings.HasSuffix(segs[i], s.post) {
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
			l.broken(t, realm, firstOf(t.API.Fixed, unsafeName(m.vars["id"])))
		}
		nodes.take()
		return
	}
	doc, ok := m.f.object()
	if !ok {
		l.noObject(m.f, schema.Pos{File: m.f.Name}, "it is no JSON object")
		for _, t := range m.p.types {
			l.broken(t, realm, firstOf(t.API.Fixed, unsafeName(m.vars["id"])))
		}
		nodes.take()
		return
	}
	if m.p.types[0].FrConfig.Member == "" {
		l.frResource(m, m.p.types[0], realm, parent, doc, "", nodes)
		return
	}
	taken := map[string]bool{}
	for _, t := range m.p.types {
		taken[schema.SplitPointer(t.FrConfig.Member)[0]] = true
		for _, x := range schema.Select(doc, t.FrConfig.Member) {
			if body, ok := x.Value.(map[string]any); ok {
				l.frResource(m, t, realm, parent, body, x.Pointer, nil)
			} else {
				l.noObject(m.f, schema.NewSource(schema.Part{File: m.f.File, Root: x.Pointer}).At(""), x.Pointer+" is no JSON object")
				l.broken(t, realm, t.API.Fixed)
			}
		}
	}
	for _, name := range schema.SortedKeys(doc) {
		if p := schema.Pointer(name); !taken[name] {
			l.set.AddUnmanaged(schema.OtherKind, m.f.Name+anchor(p))
			l.set.Others = append(l.set.Others, schema.Other{Kind: schema.OtherKind, File: m.f.File, Pointer: p, Value: doc[name]})
		}
	}
}

// frResource makes one resource of a body, its side files and, if it is a journey, its nodes.
func (l *loader) frResource(m frMatch, t *schema.Type, realm, parent string, body map[string]any, pointer string, nodes *nodeFiles) {
	src := schema.NewSource(schema.Part{File: m.f.File, Root: pointer})
	k := t.Key(realm, parent, body)
	named := unsafeName(m.vars["id"])
	if k.ID == "" || strings.HasSuffix(k.ID, "/") {
		l.noObject(m.f, src.At(""), "it has no _id")
		nodes.take()
		l.broken(t, realm, named)
		return
	}
	if id := m.vars["id"]; id != "" && pointer == "" && named != k.ID && !strings.EqualFold(numbered.ReplaceAllString(id, ""), safeName(k.ID)) {
		l.add(schema.Diagnostic{
			Code: "id-mismatch", Severity: schema.Warning, Key: k, Pos: src.At("/_id"),
			Message: fmt.Sprintf("the file is called %s and the resource in it %s", path.Base(m.f.Name), k.ID),
			Hint:    "The id in the file counts. Rename the file, or correct the id.",
		})
	}
	r := &schema.Resource{Key: k, Body: body, Source: src}
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
			setAt(r.Body, x.Pointer, text)
			r.Source.AddPart(part)
		}
	}
	return ok
}

// inlineText decodes a text that stands in the JSON itself, where the tenant keeps it in base64.
func (l *loader) inlineText(t *schema.Type, r *schema.Resource, x schema.Match, f *file) {
	if !slices.Contains(t.API.Coded, x.Pointer) {
		return
	}
	if text, kind, ok := plainText(x.Value); ok && kind != schema.JSONPart {
		r.Source.AddPart(schema.Part{Prefix: x.Pointer, File: f.File, Kind: kind, Root: x.Pointer})
		setAt(r.Body, x.Pointer, text)
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
	f := l.files[where]
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

// setAt replaces the value at a pointer whose parents are objects.
func setAt(body map[string]any, pointer string, v any) {
	segs := schema.SplitPointer(pointer)
	for _, s := range segs[:len(segs)-1] {
		next, ok := body[s].(map[string]any)
		if !ok {
			return
		}
		body = next
	}
	body[segs[len(segs)-1]] = v
}
