package schema

import (
	"slices"
	"strings"
	"sync"
)

// A Code is one kind of finding.
type Code struct {
	Name     string
	Severity Severity // unless the user chooses another
	Summary  string   // one line
	Explain  string   // why it matters, a bad and a good example
	Docs     string   // the sections of the vendor's documentation that speak of it; empty where none does
	// Secret: the finding is about a secret, so that no excerpt of the file is shown.
	Secret bool
}

// Help is the whole explanation: why it matters, examples, and where it is documented.
func (c Code) Help() string {
	if c.Docs == "" {
		return c.Explain
	}
	return c.Explain + "\n\n" + documented + c.Docs + "."
}

// A Case is a small configuration in txtar form that shows when a code is found and when it is not:
// files named realm/type/id.json ("global" for no realm), or a tree in fr-config-manager's layout
// below "repo/". In a positive, «» stands around the place that is found; without it, the place is the
// head of the file named in the archive's comment, or of the only one.
type Case string

// registered is a row of the registry: a code with its positives and negatives. It is made by define
// alone, which asks for one of each at least, so that a rule without them does not compile.
type registered struct {
	code      Code
	positives []Case
	negatives []Case
}

type (
	positives struct {
		first Case
		more  []Case
	}
	negatives struct {
		first Case
		more  []Case
	}
)

func bad(first Case, more ...Case) positives  { return positives{first, more} }
func good(first Case, more ...Case) negatives { return negatives{first, more} }

// documented begins the end of an explanation, which names the sections of the vendor's documentation.
const documented = "Vendor documentation: "

func define(c Code, b positives, g negatives) registered {
	text, docs, _ := strings.Cut(c.Explain, documented)
	c.Explain, c.Docs = strings.TrimSpace(text), strings.TrimSuffix(strings.Join(strings.Fields(docs), " "), ".")
	return registered{c, append([]Case{b.first}, b.more...), append([]Case{g.first}, g.more...)}
}

// registry is the table of all findings, in the order in which `lockstep explain` lists them.
var registry = sync.OnceValue(func() []registered {
	return slices.Concat(fileCodes(), resourceCodes(), schemaCodes(), journeyCodes(), referenceCodes(), scriptCodes(),
		emailCodes(), esvCodes(), secretCodes(), corsCodes(), idmCodes(), accessCodes())
})

var codesByName = sync.OnceValue(func() map[string]Code {
	byName := map[string]Code{}
	for _, r := range registry() {
		byName[r.code.Name] = r.code
	}
	return byName
})

// Codes is the table of all findings, in the order in which `lockstep explain` lists them.
func Codes() []Code {
	all := make([]Code, 0, len(registry()))
	for _, r := range registry() {
		all = append(all, r.code)
	}
	return all
}

// CodeOf returns the row of a code.
func CodeOf(name string) (Code, bool) {
	c, ok := codesByName()[name]
	return c, ok
}

// CasesOf returns the configurations in which a code is found, and those in which it is not.
func CasesOf(name string) (found, silent []Case) {
	for _, r := range registry() {
		if r.code.Name == name {
			return r.positives, r.negatives
		}
	}
	return nil, nil
}
