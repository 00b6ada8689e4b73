package schema

import (
	"fmt"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// reservedNames are file names that Windows keeps for devices, whatever their extension.
var reservedNames = []string{"con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
	"lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9"}

// checkNames reports names that no file can bear on some machine, and names that differ only by case.
// Layouts name files after resources, so that such names are lost on the way through git.
func checkNames(c *checker, t *Type, r *Resource) {
	row := checksOf(t.Name)
	if row.PlainID != nil && !row.PlainID.MatchString(r.ID) {
		c.report(r, "/_id", "cors-name", fmt.Sprintf("%q is no name for a %s", r.ID, singular(t.Name)), row.PlainIDHint)
	}
	if !row.FileID {
		return
	}
	name := r.Name()
	if why := unsafeName(name); why != "" {
		c.report(r, namePointer(t), "name-unsafe", fmt.Sprintf("the name %q %s", name, why), "Rename it, so that every colleague can check the repository out.")
	}
	for _, other := range c.foldedNames()[Key{Type: r.Type, Realm: r.Realm, ID: strings.ToLower(name)}] {
		if other.Name() == name || other.Compare(r.Key) > 0 {
			continue
		}
		d := c.report(r, namePointer(t), "name-case-collision", fmt.Sprintf("the names %q and %q differ only by case", name, other.Name()),
			"On macOS and Windows one file takes the place of the other. Rename one of them.")
		if at := other.Source.At(namePointer(t)); !at.IsZero() {
			d.Related = append(d.Related, Related{Pos: at, Text: "the other one"})
		}
	}
}

func namePointer(t *Type) string {
	if t.NamePath != "" {
		return t.NamePath
	}
	return "/_id"
}

// findFoldedNames finds the resources whose names are files' names, by their names in lower case.
func (k *known) findFoldedNames() map[Key][]*Resource {
	folded := map[Key][]*Resource{}
	for _, r := range k.all {
		if checksOf(r.Type).FileID {
			name := Key{Type: r.Type, Realm: r.Realm, ID: strings.ToLower(r.Name())}
			folded[name] = append(folded[name], r)
		}
	}
	return folded
}

// unsafeName says what is wrong with a name as that of a file. Characters that the layouts write in
// percent-encoding are no fault.
func unsafeName(name string) string {
	stem, _, _ := strings.Cut(name, ".")
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "has a control character in it"
	case strings.TrimSpace(name) != name:
		return "begins or ends with white space, which tools and people lose"
	case strings.HasSuffix(name, "."):
		return "ends with a dot, which Windows drops"
	case hasValue(reservedNames, strings.ToLower(stem)):
		return "is a device's name on Windows"
	case len(name) > 200:
		return fmt.Sprintf("has %d bytes: with the folders around it, the path is too long for some machines", len(name))
	}
	return ""
}

// checkURLs reports addresses that are none.
func checkURLs(c *checker, t *Type, r *Resource) {
	for _, pattern := range checksOf(t.Name).URLs {
		for _, m := range Select(r.Body, pattern) {
			s, _ := m.Value.(string)
			if s == "" || placeholders.Has(s) || strings.Contains(s, "${") {
				continue
			}
			if why := urlFault(s); why != "" {
				c.report(r, m.Pointer, "url-malformed", fmt.Sprintf("%s %s", c.subjectMember(t, r, m.Pointer), why), "Write the whole address, as https://login.example.com/path.")
			}
		}
	}
}

// withScheme is an address with a scheme, be it an application's own: org.example.app:/callback.
var withScheme = lazily(`^\[?[A-Za-z0-9][A-Za-z0-9+.\]=-]*:.`)

// checkURIs reports addresses without a scheme, to which nothing can be sent.
func checkURIs(c *checker, t *Type, r *Resource) {
	for _, pattern := range checksOf(t.Name).URIs {
		for _, m := range Select(r.Body, pattern) {
			s, _ := m.Value.(string)
			if s == "" || placeholders.Has(s) || strings.Contains(s, "${") || withScheme().MatchString(s) {
				continue
			}
			c.report(r, m.Pointer, "url-malformed", fmt.Sprintf("%s holds %q, which has no scheme", c.subject(t, r, m.Pointer), s),
				"Write the whole address, as https://app.example.com/callback, or with the application's own scheme.")
		}
	}
}

// checkRequired reports members that a provider of its kind needs.
func checkRequired(c *checker, t *Type, r *Resource) {
	reported := map[string]bool{}
	for _, req := range checksOf(t.Name).Required {
		if !holds(r.Body, req.When) {
			continue
		}
		for _, member := range req.Members {
			v, ok := Lookup(r.Body, member)
			if ok && v != nil && v != "" || reported[member] || reported[parentPointer(member)] {
				continue
			}
			reported[member] = true
			name := strings.ReplaceAll(strings.TrimPrefix(member, "/"), "/", ".")
			d := c.report(r, member, "email-provider", fmt.Sprintf("%q is missing, %s", name, req.Why), "Without it, no email is sent. See the documentation's table of properties.")
			if req.Soft {
				d.Severity, d.Hint = Warning, "The tenant's built-in server is used instead, which is for tests only."
			}
		}
	}
}

func parentPointer(p string) string { return p[:strings.LastIndexByte(p, '/')] }

// holds checks a condition on a body; an absent member counts as "".
func holds(body map[string]any, when map[string][]string) bool {
	for at, allowed := range when {
		v, _ := Lookup(body, at)
		s := ""
		switch x := v.(type) {
		case string:
			s = x
		case bool:
			s = fmt.Sprint(x)
		case nil:
		default:
			return false
		}
		if !hasValue(allowed, s) {
			return false
		}
	}
	return true
}

// checkOneDefault reports a second resource of a realm that says it is the default.
func checkOneDefault(c *checker, t *Type, r *Resource) {
	at := checksOf(t.Name).OneDefault
	if at == "" {
		return
	}
	if on, _ := Lookup(r.Body, at); on != true {
		return
	}
	for _, other := range c.all {
		if other == r {
			return
		}
		if other.Type != r.Type || other.Realm != r.Realm {
			continue
		}
		if on, _ := Lookup(other.Body, at); on == true {
			d := c.report(r, at, "theme-default", fmt.Sprintf("realm %s has two default %s: %q and %q", r.Realm, t.Plural, other.Name(), r.Name()),
				"Which of them is shown is not defined. Let one be the default.")
			if pos := other.Source.At(at); !pos.IsZero() {
				d.Related = append(d.Related, Related{Pos: pos, Text: "the other one"})
			}
			return
		}
	}
}

// IllegalID says whether the tenant refuses the id, so that a finding of its own speaks of it.
func IllegalID(t *Type, id string) bool {
	switch row := checksOf(t.Name); {
	case t.Class == PerEnvironment:
		return placeholders.CheckESVName(id) != nil
	case row.Endpoint:
		return !endpointName().MatchString(id)
	}
	return false
}
