package schema

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// Scanned is what one document holds that a promotion looks at.
type Scanned struct {
	Placeholders []Placeholder
	Scripts      []ScriptUse
	Aliases      []Alias
	Encrypted    []EncryptedValue
	Faults       []PlaceholderFault
	// Slips are getProperty calls with a constant that is no ESV's name.
	Slips []ScriptUse
}

// A Placeholder is one "&{…}" in a string, or one "${…}" where fr-config-manager expands it.
type Placeholder struct {
	placeholders.Ref
	Wrapper  string // the key of the coercing object around the string ("$int"); empty for a bare string
	NestedIn string // the placeholder in whose default it stands; empty at the top
	Pointer  string
	Pos      Pos
}

// A ScriptUse is one getProperty call in a script.
type ScriptUse struct {
	placeholders.ScriptRef
	Container string // how the script is kept: file, json-string, json-lines, base64
	Pointer   string // of the string or list; empty when the whole file is the script
	Pos       Pos
}

// An Alias is an ESV secret that a secret mapping names.
type Alias struct {
	ESV     string
	Pointer string
	Pos     Pos
}

// A PlaceholderFault is a placeholder that cannot be read.
type PlaceholderFault struct {
	Err     *placeholders.SyntaxError
	Pointer string
	Pos     Pos
}

// ScanFile looks through one file of any kind: v is its decoded JSON, nil when the file is text, a
// script or JSON Lines (then each line is a record of its own, and pointers lead into the record).
func ScanFile(f *File, v any) Scanned {
	if v != nil {
		return scanDocument(f, "", v)
	}
	if hasSuffix(f.Name, ".jsonl", ".ndjson") {
		return scanLines(f)
	}
	s := scanner{src: NewSource(Part{File: f, Kind: TextPart})}
	text := string(f.Data)
	if hasSuffix(f.Name, ".js", ".mjs", ".groovy") {
		s.script(text, "", "file")
	}
	s.text(text, "", "")
	return s.out
}

// scanDocument looks through a value that stands at root in the file.
func scanDocument(f *File, root string, v any) Scanned {
	s := scanner{src: NewSource(Part{File: f}), file: f, env: expandsEnv(f.Name)}
	s.value(v, root, lastSegment(root))
	return s.out
}

func scanLines(f *File) Scanned {
	var all Scanned
	n := 0
	for line := range bytes.Lines(f.Data) {
		n++
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		// A record that is no JSON is for the reader of the file to report.
		v, err := ParseJSON(line)
		if err != nil {
			continue
		}
		all.append(scanDocument(&File{Name: f.Name, Data: line, LinesBefore: f.LinesBefore + n - 1}, "", v))
	}
	return all
}

func (s *Scanned) append(o Scanned) {
	s.Placeholders = append(s.Placeholders, o.Placeholders...)
	s.Scripts = append(s.Scripts, o.Scripts...)
	s.Aliases = append(s.Aliases, o.Aliases...)
	s.Encrypted = append(s.Encrypted, o.Encrypted...)
	s.Faults = append(s.Faults, o.Faults...)
	s.Slips = append(s.Slips, o.Slips...)
}

// scanResource looks through a resource's body.
func scanResource(r *Resource) Scanned {
	s := scanner{src: r.Source, texts: map[string]string{}}
	if t, ok := TypeOf(r.Type); ok {
		for _, x := range t.Text {
			for _, m := range Select(r.Body, x.Pattern) {
				s.texts[m.Pointer] = x.LanguageAt(r.Body, m.Pointer)
			}
		}
		// The tenant keeps these in base64, where nothing is substituted.
		s.coded = t.API.Coded
	}
	s.value(r.Body, "", "")
	return s.out
}

// scanOther looks through an unmanaged file.
func scanOther(o Other) Scanned {
	if o.Value == nil {
		return ScanFile(o.File, nil)
	}
	return scanDocument(o.File, o.Pointer, o.Value)
}

// LanguageAt is the language of the text at a pointer in that body, in lower case: "javascript", "html".
func (t Text) LanguageAt(body map[string]any, pointer string) string {
	p, ok := strings.CutPrefix(t.Language, "{")
	if !ok {
		return t.Language
	}
	p = strings.TrimSuffix(p, "}")
	var around any = body
	if name, sibling := strings.CutPrefix(p, ".."); sibling {
		p = name
		around, _ = Lookup(body, pointer[:strings.LastIndexByte(pointer, '/')])
	}
	return strings.TrimPrefix(strings.ToLower(Str(around, p)), "text/")
}

// expandsEnv says whether the file is one of those in which fr-config-manager expands "${…}"; in all
// others the same text is IDM query or template syntax (tenant-api, section 3.6; corpus notes, 7).
func expandsEnv(name string) bool {
	path := "/" + name
	for _, dir := range []string{"/esvs/", "/realm-config/agents/", "/realm-config/saml/", "/raw/", "/service-objects/", "/telemetry/"} {
		if strings.Contains(path, dir) {
			return true
		}
	}
	return false
}

type scanner struct {
	src   *Source
	file  *File             // set when src is the one plain file
	texts map[string]string // pointers of texts → language; nil when the kind of document is not known
	coded []string          // pointers that hold no placeholders
	env   bool
	out   Scanned
}

func (s *scanner) value(v any, ptr, key string) {
	switch x := v.(type) {
	case map[string]any:
		s.object(x, ptr)
	case []any:
		s.list(x, ptr, key)
	case string:
		if !slices.Contains(s.coded, ptr) {
			s.text(x, ptr, "")
		}
		s.embedded(x, ptr)
		if form, ok := encryptedString(key, x); ok {
			s.encrypted(ptr, form)
		}
		s.scriptString(x, ptr, key)
	}
}

func (s *scanner) object(m map[string]any, ptr string) {
	if c, ok := m["$crypto"]; ok {
		form := "$crypto"
		if typ := Str(c, "/type"); typ != "" {
			form += " " + typ
		}
		s.encrypted(ptr, form)
		return
	}
	if wrapper, text, ok := placeholders.Wrapper(m); ok {
		s.text(text, ptr+"/"+EscapeSegment(wrapper), wrapper)
		return
	}
	for _, k := range SortedKeys(m) {
		at := ptr + "/" + EscapeSegment(k)
		if text, ok := m[k].(string); ok && text != "" && strings.HasSuffix(k, "-encrypted") && !placeholders.Has(text) {
			s.encrypted(at, "-encrypted property")
		}
		s.value(m[k], at, k)
	}
}

func (s *scanner) list(list []any, ptr, key string) {
	for i, e := range list {
		at := ptr + "/" + itoa(i)
		if esv, ok := e.(string); ok && key == "aliases" && strings.HasPrefix(esv, "esv-") {
			s.out.Aliases = append(s.out.Aliases, Alias{ESV: esv, Pointer: at, Pos: s.src.At(at)})
		}
		s.value(e, at, "")
	}
	if !isScriptKey(key) || s.file == nil {
		return
	}
	if text, ok := joinLines(list); ok {
		s.scriptAt(text, ptr, "json-lines", NewSource(Part{Prefix: ptr, File: s.file, Kind: LinesPart, Root: ptr}))
	}
}

// joinLines makes one text of a list of lines.
func joinLines(list []any) (string, bool) {
	lines := make([]string, len(list))
	for i, e := range list {
		line, ok := e.(string)
		if !ok {
			return "", false
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n"), len(lines) > 0
}

func isScriptKey(key string) bool { return key == "script" || key == "source" }

func (s *scanner) text(text, ptr, wrapper string) {
	refs, err := placeholders.Scan(text)
	s.refs(refs, text, ptr, wrapper, "")
	var syntax *placeholders.SyntaxError
	if errors.As(err, &syntax) {
		end := min(syntax.Offset+2, len(text))
		s.out.Faults = append(s.out.Faults, PlaceholderFault{Err: syntax, Pointer: ptr, Pos: s.src.AtText(ptr, text, syntax.Offset, end)})
	}
	if s.env {
		refs, _ := placeholders.ScanEnv(text)
		s.refs(refs, text, ptr, wrapper, "")
	}
}

func (s *scanner) refs(refs []placeholders.Ref, text, ptr, wrapper, nestedIn string) {
	for _, r := range refs {
		s.out.Placeholders = append(s.out.Placeholders, Placeholder{
			Ref: r, Wrapper: wrapper, NestedIn: nestedIn, Pointer: ptr, Pos: s.src.AtText(ptr, text, r.Start, r.End),
		})
		s.refs(r.Nested, text, ptr, wrapper, r.Raw)
	}
}

// embedded finds encrypted values in JSON that stands in a string.
func (s *scanner) embedded(text, ptr string) {
	if !strings.Contains(text, `"$crypto"`) {
		return
	}
	v, err := ParseJSON([]byte(text))
	if err != nil {
		return
	}
	found := false
	Walk(v, func(_ string, v any) bool {
		m, _ := v.(map[string]any)
		_, ok := m["$crypto"]
		found = found || ok
		return !found
	})
	if found {
		s.encrypted(ptr, "$crypto inside a JSON string")
	}
}

func (s *scanner) encrypted(ptr, form string) {
	s.out.Encrypted = append(s.out.Encrypted, EncryptedValue{Pointer: ptr, Pos: s.src.At(ptr), Form: form})
}

// scriptString reads a string that may be a script: plain, in base64, or a JSON literal of one.
func (s *scanner) scriptString(text, ptr, key string) {
	if language, ok := s.texts[ptr]; ok {
		if isScript(language) {
			s.plainScript(text, ptr)
		}
		return
	}
	if !isScriptKey(key) {
		return
	}
	if strings.Contains(text, "getProperty") {
		s.plainScript(text, ptr)
		return
	}
	if plain, ok := DecodeBase64(text); ok && strings.Contains(plain, "getProperty") {
		inner, _ := undoLiteral(plain)
		s.scriptAt(inner, ptr, "base64", s.wholeString(ptr))
	}
}

func isScript(language string) bool { return language == "javascript" || language == "groovy" }

func (s *scanner) plainScript(text, ptr string) {
	if inner, ok := undoLiteral(text); ok {
		s.scriptAt(inner, ptr, "json-string", s.wholeString(ptr))
		return
	}
	s.script(text, ptr, "json-string")
}

// wholeString is a Source that gives the string's place for every place in it.
func (s *scanner) wholeString(ptr string) *Source { return s.src.Coded(ptr) }

func (s *scanner) script(text, ptr, container string) { s.scriptAt(text, ptr, container, s.src) }

func (s *scanner) scriptAt(text, ptr, container string, src *Source) {
	for _, r := range placeholders.ScriptRefs(text) {
		use := ScriptUse{ScriptRef: r, Container: container, Pointer: ptr, Pos: src.AtText(ptr, text, r.Offset, r.Offset+len(r.API))}
		if !r.Dynamic && r.ESV == "" {
			s.out.Slips = append(s.out.Slips, use) // a property of the platform, most likely
			continue
		}
		s.out.Scripts = append(s.out.Scripts, use)
	}
}

// undoLiteral takes the script out of a JSON string literal: a tool has exported scripts so, and
// some were pushed back as they were (corpus notes, 2).
func undoLiteral(text string) (string, bool) {
	trimmed := strings.TrimSpace(text)
	if len(trimmed) < 2 || trimmed[0] != '"' || trimmed[len(trimmed)-1] != '"' {
		return text, false
	}
	v, err := ParseJSON([]byte(trimmed))
	if err != nil {
		return text, false
	}
	inner, ok := v.(string)
	if !ok {
		return text, false
	}
	return inner, true
}

func hasSuffix(name string, suffixes ...string) bool {
	return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

func lastSegment(pointer string) string {
	segs := splitPointer(pointer)
	if len(segs) == 0 {
		return ""
	}
	return segs[len(segs)-1]
}
