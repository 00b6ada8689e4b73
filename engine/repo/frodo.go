package repo

import (
	"path"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// frodo's exports: everything in one file ({"global": {section: {id: object}}, "realm":
// {"root-alpha": {section: …}}}), one type in a file ({section: {id: object}}), or separate files
// (global/<section>/…, realm/root-alpha/<section>/…). A journey carries copies of what it needs.

// scopes of a section.
const (
	scopeGlobal  = "global"
	scopeRealm   = "realm"
	scopeRoot    = "root" // the root realm, which the tenant shows and refuses to change
	scopeUnknown = ""
)

// frodoExtras are the members of a journey's export that hold copies of other resources, and the
// sections these belong to.
func frodoExtras() map[string]string {
	return map[string]string{
		"scripts": "script", "emailTemplates": "emailTemplate", "themes": "theme", "socialIdentityProviders": "idp", "variable": "variable",
		"circlesOfTrust": samlSection + "/cot", "saml2Entities": samlEntities,
	}
}

// samlEntities stands for the sections of hosted and of remote entities: each object says which.
const samlEntities = samlSection + "/*"

// isFrodoExport says whether a JSON file is one of frodo's exports.
func isFrodoExport(m map[string]any) bool {
	if isFullExport(m) || isBareJourney(m) {
		return true
	}
	known := 0
	for k, v := range m {
		if k == "meta" {
			continue
		}
		if _, ok := v.(map[string]any); !ok || !isSection(k) {
			return false
		}
		known++
	}
	return known > 0
}

func isFullExport(m map[string]any) bool {
	_, global := m["global"].(map[string]any)
	realms, realm := m["realm"].(map[string]any)
	if !global && !realm {
		return false
	}
	// A by-type export of realms has a member "realm" too; its keys are no realm names.
	for name := range realms {
		if name != "root" && !strings.HasPrefix(name, "root-") {
			return false
		}
	}
	return true
}

// isBareJourney recognises the older form of a journey's export, without the outer "trees".
func isBareJourney(m map[string]any) bool {
	_, tree := m["tree"].(map[string]any)
	_, nodes := m["nodes"].(map[string]any)
	return tree && nodes
}

func isSection(name string) bool {
	for _, t := range schema.Types() {
		if t.Frodo.Section == name || strings.HasPrefix(t.Frodo.Section, name+"/") || slices.Contains(t.Frodo.Aliases, name) {
			return true
		}
	}
	return unmanagedSection(scopeRealm, name, "") != schema.OtherKind
}

// unmanagedSection names the kind of a section, in whatever scope knows it.
func unmanagedSection(scope, section, id string) string {
	scopes := []string{scope, scopeGlobal, scopeRealm}
	for _, s := range scopes {
		if kind := schema.KindOfSection(s, section, id); s != "" && kind != schema.OtherKind {
			return kind
		}
	}
	if scope == scopeRoot {
		return "configuration of the root realm"
	}
	return schema.OtherKind
}

// A frodoFile is one export while it is read.
type frodoFile struct {
	*file
	l       *loader
	many    bool              // it holds more than one object: places in it need a pointer
	scope   string            // of the whole file, as its folder says
	realm   string            // of the whole file, as its folder, its content or its name say
	places  map[string]string // members of objects that stand elsewhere in the file
	unknown bool              // its realm is not known, and that was said
}

// A section of a frodoFile.
type frodoSection struct {
	scope, realm string
	name         string
	pointer      string
	copies       bool // what stands in it are copies, carried along by a journey
}

func (l *loader) frodo() {
	var later []func()
	for _, name := range l.names {
		f := l.files[name]
		if !f.isJSON() {
			continue
		}
		scope, realm, section := frodoPlace(l.below(name))
		if l.report(f) {
			f.used = true
			l.frodoBroken(name, scope, realm, section)
			continue
		}
		m, ok := f.object()
		if !ok || !isFrodoExport(m) {
			continue
		}
		f.used = true
		ff := &frodoFile{file: f, l: l, scope: scope, realm: realm}
		later = append(later, ff.read(m)...)
	}
	// Copies come last: where they agree with the resource itself, that one's place counts.
	for _, f := range later {
		f()
	}
	for _, name := range l.names {
		f := l.files[name]
		if f.used {
			continue
		}
		scope, _, section := frodoPlace(l.below(name))
		l.other(unmanagedSection(scope, section, unsafeName(trimExt(trimExt(path.Base(name))))), f)
	}
}

// frodoPlace reads scope, realm and section off a file's path in the tree of separate files.
func frodoPlace(below string) (scope, realm, section string) {
	segs := strings.Split(below, "/")
	for i, s := range segs[:len(segs)-1] {
		rest := segs[i+1:]
		switch {
		case s == "global":
			if len(rest) > 1 {
				section = rest[0]
			}
			return scopeGlobal, "", section
		case s == "realm" && len(rest) > 1:
			realm, scope = realmOfFolder(rest[0])
			if len(rest) > 2 {
				section = rest[1]
			} else {
				section = sectionOfName(rest[1])
			}
			return scope, realm, section
		}
	}
	return scopeUnknown, "", sectionOfName(segs[len(segs)-1])
}

func realmOfFolder(name string) (realm, scope string) {
	if name == "root" {
		return "", scopeRoot
	}
	return strings.TrimPrefix(name, "root-"), scopeRealm
}

// sectionOfName takes the section out of a name such as "Login.journey.json".
func sectionOfName(name string) string {
	parts := strings.Split(name, ".")
	if len(parts) < 3 {
		return ""
	}
	return parts[len(parts)-2]
}

// frodoBroken marks the resource that a file of the separate form is named after.
func (l *loader) frodoBroken(name, scope, realm, section string) {
	if isIDMSection(section) {
		l.idmBroken(name, section)
		return
	}
	var types []*schema.Type
	for _, t := range schema.Types() {
		if t.Frodo.FolderName() != section {
			continue
		}
		types = append(types, t)
		suffix := "." + t.Frodo.FileSuffix() + ".json"
		id, ofOne := strings.CutSuffix(path.Base(name), suffix)
		if t.API.Fixed != "" {
			if strings.HasSuffix(name, "/"+t.API.Fixed+suffix) {
				l.broken(t, realm, t.API.Fixed)
			}
			continue
		}
		// Only where frodo makes the file's name of the id, not of the name, and keeps it as it is.
		if ofOne && scope != scopeUnknown && t.NamePath == "" && !t.Frodo.Children && slug(id) == id && strings.Trim(id, "-") == id {
			l.broken(t, realm, id)
			continue
		}
		l.partial(realm, t)
	}
	if len(types) == 0 && unmanagedSection(scope, section, "") == schema.OtherKind {
		l.partial(realm) // it may have held anything
	}
}

// idmBroken marks the IDM document that a file of the separate form is named after.
func (l *loader) idmBroken(name, section string) {
	_, below, _ := strings.Cut(l.below(name), section+"/")
	for _, t := range schema.Types() {
		if id, ok := strings.CutSuffix(path.Base(below), "."+t.Frodo.Elements+".json"); ok && t.Frodo.Elements != "" {
			l.broken(t, "", unsafeName(id))
			return
		}
	}
	id, ok := strings.CutSuffix(below, "."+section+".json")
	k, t := schema.KeyAt(idmConfig + unsafePath(id))
	switch {
	case !ok || t == nil:
		l.partial("")
	case t.API.Member != "":
		l.partial("", t)
	default:
		l.broken(t, k.Realm, k.ID)
	}
}

// read takes the file's objects, and answers with what is to be done when all files are read.
func (f *frodoFile) read(m map[string]any) []func() {
	f.many = true
	if f.realm == "" && f.scope == scopeUnknown {
		f.realm = f.hint(m)
	}
	var later []func()
	switch {
	case isFullExport(m):
		global, _ := m["global"].(map[string]any)
		for _, s := range schema.SortedKeys(global) {
			later = append(later, f.section(frodoSection{scope: scopeGlobal, name: s, pointer: schema.Pointer("global", s)}, global[s])...)
		}
		realms, _ := m["realm"].(map[string]any)
		for _, r := range schema.SortedKeys(realms) {
			sections, _ := realms[r].(map[string]any)
			realm, scope := realmOfFolder(r)
			for _, s := range schema.SortedKeys(sections) {
				later = append(later, f.section(frodoSection{scope: scope, realm: realm, name: s, pointer: schema.Pointer("realm", r, s)}, sections[s])...)
			}
		}
	case isBareJourney(m):
		for _, t := range schema.Types() {
			if t.Journey {
				later = append(later, f.journey(t, frodoSection{scope: f.scope, realm: f.realm}, m, "")...)
			}
		}
	default:
		f.many = f.countObjects(m) > 1
		for _, s := range schema.SortedKeys(m) {
			if s != "meta" {
				later = append(later, f.section(frodoSection{scope: f.scope, realm: f.realm, name: s, pointer: schema.Pointer(s)}, m[s])...)
			}
		}
	}
	return later
}

func (f *frodoFile) countObjects(m map[string]any) int {
	n := 0
	for k, v := range m {
		if s, ok := v.(map[string]any); ok && k != "meta" {
			n += len(s)
		}
	}
	return n
}

// hint finds the realm of a file whose folder does not tell: in the objects themselves, in the file's
// name, in what was asked for.
func (f *frodoFile) hint(m map[string]any) string {
	found := map[string]bool{}
	schema.Walk(m, func(pointer string, v any) bool {
		s, ok := v.(string)
		if !ok {
			return true
		}
		switch path.Base(pointer) {
		case "identityResource":
			if realm, ok := strings.CutSuffix(strings.TrimPrefix(s, "managed/"), "_user"); ok {
				found[realm] = true
			}
		case "location":
			if strings.Count(pointer, "/") == 3 && s != scopeGlobal {
				found[strings.TrimPrefix(s, "/")] = true
			}
		}
		return false
	})
	if len(found) == 1 {
		return schema.SortedKeys(found)[0]
	}
	base := path.Base(f.Name)
	for _, realm := range append([]string{"alpha", "bravo"}, f.l.o.Realms...) {
		if containsWord(base, realm) {
			return realm
		}
	}
	if len(f.l.o.Realms) == 1 {
		return f.l.o.Realms[0]
	}
	return ""
}

// containsWord finds a realm's name in a file's, as a word of its own or of a name in camel case:
// "allAlphaJourneys.journey.json".
func containsWord(name, word string) bool {
	if word == "" {
		return false
	}
	for i := 0; i+len(word) <= len(name); i++ {
		if !strings.EqualFold(name[i:i+len(word)], word) {
			continue
		}
		startsWord := i == 0 || !isLetter(name[i-1]) || name[i] >= 'A' && name[i] <= 'Z'
		end := i + len(word)
		endsWord := end == len(name) || !(name[end] >= 'a' && name[end] <= 'z')
		if startsWord && endsWord {
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
