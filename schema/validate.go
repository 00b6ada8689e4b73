package schema

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	// Known is what is known of some resources already: it is taken as it is, and their rules are not asked.
	Known map[Key]Diagnostics
}

// Validate checks a set against the JSON Schemas and the rules. The findings are sorted. Resources are looked
// at side by side; what is found does not depend on how.
func Validate(s *Set, o Options) Diagnostics {
	k := newKnown(s, o)
	n := len(k.all)
	found := make([]Diagnostics, n+len(s.Others))
	eachParallel(len(found), func(i int) {
		c := &checker{known: k}
		if i < n {
			c.resource(k.all[i])
		} else {
			c.other(s.Others[i-n])
		}
		found[i] = c.found
	})
	out := slices.Concat(found...).WithSeverities(o.Severities)
	out.Sort()
	return out
}

// resource looks at one resource, unless it is not asked for.
func (c *checker) resource(r *Resource) {
	if found, ok := c.opts.Known[r.Key]; ok {
		c.found = found
		return
	}
	t, ok := TypeOf(r.Type)
	if !ok || c.opts.Only != nil && !c.opts.Only(r.Key) {
		return
	}
	for _, rule := range rules() {
		rule(c, t, r)
	}
}

// eachParallel calls f for 0..n-1, each once, on all processors.
func eachParallel(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				f(i)
			}
		})
	}
	wg.Wait()
}

// A rule looks at one resource.
type rule func(c *checker, t *Type, r *Resource)

func rules() []rule {
	return []rule{
		checkSchema, checkReferences, checkExpects, checkRealmObjects, checkJourney, checkGraph, checkNames, checkContents, checkDynamic,
		checkDeclaration, checkUnused, checkSecrets, checkSecretTexts, checkCORS, checkHeaders, checkCORSAgreement, checkScripts, checkEmail,
		checkRequired, checkURLs, checkURIs, checkOneDefault, checkIDM, checkAccess, checkPrivileges, checkAudit, checkDirectives, checkSecretLabels, checkOverlaps,
	}
}

// A checker collects the findings about one resource or file. What it knows of the others is shared.
type checker struct {
	*known
	found Diagnostics
	// restrictedAt is where in found the use of a restricted secret was reported, by the secret's name.
	restrictedAt map[string]int
	scanned      *Scanned
}

// known is what all checkers of one Validate share. After newKnown nobody changes it.
type known struct {
	set       *Set
	opts      Options
	esvs      map[string]bool
	knowsESVs bool // there is something to hold references against

	// What several rules ask for is found once.
	all      []*Resource // of the set, sorted
	links    map[*Resource][]Reference
	innerOf  map[Key][]Reference
	declared map[string]*Resource // ESVs by name
	base     map[string]bool      // ESVs that the base declares
	whole    bool                 // the set is a tenant's configuration rather than a part of it

	// nodeUses, foldedNames and mentioned are found when the first rule asks.
	nodeUses    func() map[Key][]nodeUse
	foldedNames func() map[Key][]*Resource
	mentioned   func() map[string]bool // ESVs that are spoken of anywhere
}

func newKnown(s *Set, o Options) *known {
	k := &known{
		set: s, opts: o, esvs: map[string]bool{}, all: s.All(), links: make(map[*Resource][]Reference, s.Len()),
		innerOf: map[Key][]Reference{}, declared: map[string]*Resource{}, whole: o.Tenant || hasScripts(s),
	}
	maps.Copy(k.esvs, s.Declared())
	k.knowsESVs = len(k.esvs) > 0 || o.ESVs != nil
	maps.Copy(k.esvs, o.ESVs)
	if o.Base != nil {
		k.base = o.Base.Declared()
	}
	refs := newResolver(s)
	refs.index()
	links := make([][]Reference, len(k.all))
	eachParallel(len(k.all), func(i int) { links[i] = refs.of(k.all[i]) })
	for i, r := range k.all {
		k.links[r] = links[i]
		if t, ok := TypeOf(r.Type); ok && t.Class == PerEnvironment {
			k.declared[r.ID] = r
		}
		if code := checksOf(r.Type).Inner; code != "" {
			k.innerOf[r.Key] = slices.DeleteFunc(slices.Clone(links[i]), func(ref Reference) bool { return ref.Code != code })
		}
	}
	k.nodeUses = sync.OnceValue(k.findNodeUses)
	k.foldedNames = sync.OnceValue(k.findFoldedNames)
	k.mentioned = sync.OnceValue(k.findMentioned)
	return k
}

// references lists what a resource of the set refers to.
func (k *known) references(r *Resource) []Reference { return k.links[r] }

// scan looks through the checker's resource.
func (c *checker) scan(r *Resource) Scanned {
	if c.scanned == nil {
		found := scanResource(r)
		c.scanned = &found
	}
	return *c.scanned
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
		d.Excerpt[i] = ExcerptLine(l)
	}
}

// ExcerptLine is a line of a file as an excerpt shows it: without its end, values that may be secret hidden.
func ExcerptLine(line string) string { return maskSecrets(strings.TrimRight(line, "\r\n")) }

// secretMember is a JSON member whose name says that its value is secret.
var secretMember = lazily(`(?i)("(?:[^"]*(?:secret|password|passwd|passphrase|private_?key|api_?key|access_?key)[^"]*|[^"]*token|valueBase64)"\s*:\s*")((?:[^"\\]|\\.)*)`)

// maskSecrets hides values that an excerpt would show though its finding is about the line below.
// Stars keep the columns.
func maskSecrets(line string) string {
	return secretMember().ReplaceAllStringFunc(line, func(s string) string {
		m := secretMember().FindStringSubmatch(s)
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
		if len(c.set.OfType(ref.To.Type)) == 0 && (ref.Soft || c.set.Layout == "frodo") {
			// A source without any is a part of a tenant's configuration: frodo exports one type at a time,
			// with or without what it refers to, and not every repository keeps every type.
			if d.Severity = Warning; ref.Soft {
				d.Severity = Info
			}
			d.Hint = fmt.Sprintf("The source holds no %s at all. If the tenant has it, all is well.", singular(ref.To.Type))
		}
	}
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
