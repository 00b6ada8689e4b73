package schema

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Options say how to validate.
type Options struct {
	// Severities are the user's choice, by code; others keep the severity of the table of codes.
	Severities map[string]Severity
	// ESVs are the ESVs of the environment the set is for; nil when only those count that the set
	// itself declares.
	ESVs map[string]bool
	// Only, if set, chooses the resources to report on. All are looked at, since one may refer to
	// another. Findings about files of no managed kind are reported whatever it says.
	Only func(Key) bool
	// Base, if set, is the configuration before a change: ESVs that only it declares were deleted.
	Base *Set
	// Tenant says that the set is part of a whole tenant's configuration, with all that speaks of the ESVs that
	// Only chooses.
	Tenant bool
}

// Validate checks a set against the JSON Schemas and the rules. The findings are sorted.
func Validate(s *Set, o Options) Diagnostics {
	c := newChecker(s, o)
	maps.Copy(c.esvs, s.Declared())
	c.knowsESVs = len(c.esvs) > 0 || o.ESVs != nil
	maps.Copy(c.esvs, o.ESVs)
	for _, r := range c.all {
		t, ok := TypeOf(r.Type)
		if !ok || o.Only != nil && !o.Only(r.Key) {
			continue
		}
		for _, rule := range rules() {
			rule(c, t, r)
		}
	}
	for _, other := range s.Others {
		c.other(other)
	}
	found := c.found.WithSeverities(o.Severities)
	found.Sort()
	return found
}

// A rule looks at one resource.
type rule func(c *checker, t *Type, r *Resource)

func rules() []rule {
	return []rule{
		checkSchema, checkReferences, checkExpects, checkRealmObjects, checkJourney, checkGraph, checkNames, checkContents, checkDynamic,
		checkDeclaration, checkUnused, checkSecrets, checkSecretTexts, checkCORS, checkHeaders, checkCORSAgreement, checkScripts, checkEmail,
		checkRequired, checkURLs, checkOneDefault, checkIDM, checkAccess, checkAudit, checkDirectives, checkSecretLabels, checkOverlaps,
	}
}

// checker collects the findings of one Validate.
type checker struct {
	set       *Set
	opts      Options
	refs      *resolver
	esvs      map[string]bool
	knowsESVs bool // there is something to hold references against
	found     Diagnostics

	// What several rules ask for is found once.
	all      []*Resource // of the set, sorted
	links    map[*Resource][]Reference
	innerOf  map[Key][]Reference
	uses     map[Key][]nodeUse
	folded   map[Key][]*Resource
	declared map[string]*Resource // ESVs by name
	scans    map[*Resource]Scanned
	// restrictedAt is where in found a resource's use of a restricted secret was reported.
	restrictedAt map[string]int
	mentions     map[string]bool // ESVs that are spoken of anywhere
	base         map[string]bool // ESVs that the base declares
}

func newChecker(s *Set, o Options) *checker {
	c := &checker{
		set: s, opts: o, refs: newResolver(s), esvs: map[string]bool{}, all: s.All(), links: map[*Resource][]Reference{},
		innerOf: map[Key][]Reference{}, declared: map[string]*Resource{}, scans: map[*Resource]Scanned{},
		restrictedAt: map[string]int{},
	}
	for _, r := range c.all {
		if t, ok := TypeOf(r.Type); ok && t.Class == PerEnvironment {
			c.declared[r.ID] = r
		}
	}
	return c
}

// references lists what a resource refers to.
func (c *checker) references(r *Resource) []Reference {
	refs, ok := c.links[r]
	if !ok {
		refs = c.refs.of(r)
		c.links[r] = refs
	}
	return refs
}

// scan looks through a resource.
func (c *checker) scan(r *Resource) Scanned {
	found, ok := c.scans[r]
	if !ok {
		found = scanResource(r)
		c.scans[r] = found
	}
	return found
}

// report adds a finding about the value at pointer.
func (c *checker) report(r *Resource, pointer, code, message, hint string) *Diagnostic {
	return c.reportAt(r, pointer, r.Source.At(pointer), code, message, hint)
}

// reportAt adds a finding about the place pos, within the value at pointer.
func (c *checker) reportAt(r *Resource, pointer string, pos Pos, code, message, hint string) *Diagnostic {
	d := Diagnostic{Code: code, Severity: severityOf(code), Key: r.Key, Pointer: pointer, Pos: pos, Message: message, Hint: hint}
	if name := r.Name(); name != r.ID {
		d.Name = name
	}
	if info, _ := CodeOf(code); !info.Secret {
		d.excerpt(r.Source)
	}
	c.found = append(c.found, d)
	return &c.found[len(c.found)-1]
}

// severityOf is what the table of codes says. A code that is not in it would be a slip of ours, which
// must not hide the finding.
func severityOf(code string) Severity {
	if info, ok := CodeOf(code); ok {
		return info.Severity
	}
	return Error
}

// Lines of context before the place, and the longest line that is worth showing.
const (
	excerptLines   = 2
	maxExcerptLine = 400
)

func (d *Diagnostic) excerpt(src *Source) {
	if d.Pos.Line == 0 {
		return
	}
	from := max(d.Pos.Line-excerptLines, 1)
	d.setExcerpt(src.Excerpt(d.Pos.File, from, d.Pos.Line), from)
}

// AddExcerpt fills in the lines around the finding's place from the set that it is about, with values that may
// be secret hidden; not in findings of rules about secrets, which leave them out on purpose.
func (d *Diagnostic) AddExcerpt(s *Set) {
	if r, ok := s.Get(d.Key); ok && len(d.Excerpt) == 0 {
		d.excerpt(r.Source)
	}
}

func (d *Diagnostic) setExcerpt(lines []string, from int) {
	if len(lines) == 0 || len(lines[len(lines)-1]) > maxExcerptLine {
		return // a document on one line: showing it helps nobody
	}
	// A neighbour that is too long is left out, with what stands before it.
	for i := len(lines) - 2; i >= 0; i-- {
		if len(lines[i]) > maxExcerptLine {
			lines, from = lines[i+1:], from+i+1
			break
		}
	}
	d.Excerpt, d.ExcerptLine = make([]string, len(lines)), from
	for i, l := range lines {
		d.Excerpt[i] = maskSecrets(l)
	}
}

// secretMember is a JSON member whose name says that its value is secret.
var secretMember = regexp.MustCompile(`(?i)("(?:[^"]*(?:secret|password|passwd|passphrase|private_?key|api_?key|access_?key)[^"]*|[^"]*token|valueBase64)"\s*:\s*")((?:[^"\\]|\\.)*)`)

// maskSecrets hides values that an excerpt would show though its finding is about the line below.
// Stars keep the columns.
func maskSecrets(line string) string {
	return secretMember.ReplaceAllStringFunc(line, func(s string) string {
		m := secretMember.FindStringSubmatch(s)
		if strings.Contains(m[2], "&{") || strings.HasPrefix(m[2], "${") {
			return s
		}
		return m[1] + strings.Repeat("*", utf8.RuneCountInString(m[2]))
	})
}

// knows says whether a resource's absence from the set says anything: its type and realm were asked
// for, and all of them could be read.
func (c *checker) knows(k Key) bool {
	if c.set.Types != nil && !slices.Contains(c.set.Types, k.Type) {
		return false
	}
	return k.Realm == "" || c.set.Realms == nil || slices.Contains(c.set.Realms, k.Realm)
}

// checkReferences reports references that lead nowhere.
func checkReferences(c *checker, t *Type, r *Resource) {
	for _, ref := range c.references(r) {
		if ref.Found || ref.Code == "" || !c.knows(ref.To) || c.leftOut(t, ref) {
			continue
		}
		pos := r.Source.At(ref.Pointer)
		if ref.Link == nil {
			text := Str(r.Body, ref.Pointer)
			pos = r.Source.AtText(ref.Pointer, text, ref.Start, ref.End)
		}
		d := c.reportAt(r, ref.Pointer, pos, ref.Code, c.missingMessage(t, r, ref), c.missingHint(ref))
		if ref.Soft && !(ref.Link != nil && ref.Link.HardIfAny && c.hasAny(ref.To)) {
			d.Severity = Warning
		}
		if c.isPartialExport(ref.To.Type) {
			d.Severity = Warning
			d.Hint = fmt.Sprintf("The export holds no %s at all. If the tenant has it, all is well.", singular(ref.To.Type))
		}
	}
}

// isPartialExport says whether the set is of frodo's exports and has nothing of that type: frodo
// exports one type at a time, with or without what it refers to.
func (c *checker) isPartialExport(typ string) bool {
	return c.set.Layout == "frodo" && len(c.set.OfType(typ)) == 0
}

func (c *checker) missingMessage(t *Type, r *Resource, ref Reference) string {
	noun := singular(ref.To.Type)
	if ref.Link == nil {
		return fmt.Sprintf("the script requires the library %q, which is not there", ref.Value)
	}
	value := ref.Value
	if i := strings.LastIndexByte(value, '/'); i >= 0 && ref.To.ID == value {
		value = value[i+1:] // an entry of a service is named within the service
	}
	return fmt.Sprintf("%s names the %s %q, which is not there", c.subject(t, r, ref.Pointer), noun, value)
}

// subject is who names something: the node, as the admin UI shows it, or the member.
func (c *checker) subject(t *Type, r *Resource, pointer string) string {
	segs := splitPointer(pointer)
	if t.Journey && len(segs) > 1 && segs[0] == "nodeConfigs" {
		return fmt.Sprintf("%q", nodeName(r.Body, segs[1]))
	}
	last := segs[len(segs)-1]
	if len(segs) > 1 && last != "" && strings.Trim(last, "0123456789") == "" {
		last = segs[len(segs)-2]
	}
	return fmt.Sprintf("%q", last)
}

// singular is what people call one resource of the type.
func singular(typ string) string {
	t, ok := TypeOf(typ)
	if !ok {
		return typ
	}
	if stem, ok := strings.CutSuffix(t.Plural, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(t.Plural, "s")
}

// missingHint looks for what was meant among the resources of the type.
func (c *checker) missingHint(ref Reference) string {
	names := map[string]*Resource{}
	for _, r := range c.set.OfType(ref.To.Type) {
		if r.Realm == ref.To.Realm {
			names[r.ID] = r
			names[r.Name()] = r
		}
	}
	noun := singular(ref.To.Type)
	if ref.Link == nil {
		noun = "library " + noun
	}
	way := fmt.Sprintf("Add the %s to realm %s, or name one that is there.", noun, ref.To.Realm)
	if ref.To.Realm == "" {
		way = fmt.Sprintf("Add the %s, or name one that is there.", noun)
	}
	if near := Suggest(ref.Value, SortedKeys(names)); near != "" {
		meant := fmt.Sprintf("Did you mean %q?", near)
		if name := names[near].Name(); name != near {
			meant = fmt.Sprintf("Did you mean %q (%s)?", name, near)
		}
		return meant + "\n" + way
	}
	if ref.To.Realm != "" {
		for _, r := range c.set.OfType(ref.To.Type) {
			if r.ID == ref.To.ID || r.Name() == ref.Value {
				return fmt.Sprintf("Realm %s has it; realm %s does not.\n%s", r.Realm, ref.To.Realm, way)
			}
		}
	}
	return way
}

// other looks at a file of a kind that is not managed: only what a promotion checks.
func (c *checker) other(o Other) {
	r := &Resource{Body: map[string]any{}, Source: NewSource(Part{File: o.File, Kind: JSONPart})}
	c.contents(r, scanOther(o))
	if o.Value != nil {
		c.secretTexts(r, o.Value, o.Pointer, func(string) bool { return false })
	} else if what, start, end, ok := secretIn(string(o.File.Data)); ok {
		text := NewSource(Part{File: o.File, Kind: TextPart})
		c.secretText(r, "", text.AtText("", string(o.File.Data), start, end), what)
	}
}

// sortedBy sorts a copy.
func sortedBy[T any](list []T, key func(T) string) []T {
	return slices.SortedStableFunc(slices.Values(list), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
