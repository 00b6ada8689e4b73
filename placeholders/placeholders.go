// Package placeholders reads and resolves the references that stand in for
// values in tenant configuration: "&{esv.my.var}" and "&{fqdn}" in strings, the
// objects that coerce them to another JSON type ({"$int": "&{esv.port|389}"}),
// "${ESV_X}" as fr-config-manager expands it, and the calls by which AM and IDM
// scripts read an ESV.
//
// It is for looking at one string, one small object or one script at a time. It
// is not for finding those in a document (package schema walks documents), for
// deciding whether an ESV exists, or for talking to a tenant; and since a tenant
// resolves its own placeholders, nothing here is to be used to write resolved
// values into files. No error of this package holds a looked-up value, since
// that may be a secret.
package placeholders

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind says who resolves a placeholder.
type Kind int

// The kinds of placeholder.
const (
	// ESV is "&{esv.x}": the tenant resolves it from its ESV esv-x.
	ESV Kind = iota + 1
	// Property is "&{fqdn}": the platform's own; no ESV, so never a missing one.
	Property
	// Env is "${X}": fr-config-manager resolves it from its environment before
	// it pushes. Elsewhere the same text is IDM query or template syntax, so the
	// caller has to know from the folder that it means this.
	Env
)

// String is the word used for the kind in findings and in the corpus labels.
func (k Kind) String() string {
	switch k {
	case ESV:
		return "esv"
	case Property:
		return "property"
	case Env:
		return "env"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// A Ref is one placeholder in a string. Start and End are byte offsets in the
// scanned string, also for placeholders nested in a default.
type Ref struct {
	Kind       Kind
	Name       string  // as written: "esv.my.var", "fqdn", "ESV_X" (without BASE64:)
	ESV        string  // "esv-my-var" for Kind ESV, else ""
	Default    *string // text after the first '|', nil if there is none
	Raw        string  // the whole placeholder as it stands in the string
	Start, End int
	Nested     []Ref // placeholders within the default
	Whole      bool  // the scanned string is nothing but this placeholder
	Base64     bool  // Kind Env only: written ${BASE64:X}, the value is encoded already
}

// A SyntaxError is a placeholder that cannot be read.
type SyntaxError struct {
	Offset int // byte offset in the scanned string
	Msg    string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("placeholder at byte %d: %s", e.Offset, e.Msg)
}

// maxNesting bounds the recursion over defaults within defaults. Real
// configuration nests two deep.
const maxNesting = 100

// Has says whether s may hold a "&{" placeholder. False is certain.
func Has(s string) bool { return strings.Contains(s, "&{") }

// Scan finds the "&{...}" placeholders of s, in order. A backslash before one
// makes it plain text: the vendor documents that for PingGateway, which shares
// its expression syntax with AM and IDM. Within a default, braces count in
// pairs, so that a default may be JSON.
//
// The error is a *SyntaxError; the placeholders that end before it are returned
// with it.
func Scan(s string) ([]Ref, error) {
	if !Has(s) {
		return nil, nil
	}
	p := scanner{s: s}
	refs, _, err := p.text(0, 0)
	for i := range refs {
		refs[i].Whole = refs[i].Start == 0 && refs[i].End == len(s)
	}
	if err != nil {
		return refs, err
	}
	return refs, nil
}

// All lists refs and those nested in them, in the order of Start.
func All(refs []Ref) []Ref {
	var out []Ref
	for _, r := range refs {
		out = append(out, r)
		out = append(out, All(r.Nested)...)
	}
	return out
}

type scanner struct{ s string }

// text reads from i to the end of the string or, at a level above 0, to the
// brace that closes the surrounding placeholder; end is that brace's offset, or
// the string's length.
func (p *scanner) text(i, level int) (refs []Ref, end int, err *SyntaxError) {
	open := 0
	for i < len(p.s) {
		switch {
		case isEscaped(p.s, i):
			i += 2 // the brace stays, and counts as any other
		case isOpening(p.s, i):
			r, err := p.ref(i, level)
			if err != nil {
				return refs, i, err
			}
			refs = append(refs, r)
			i = r.End
		case level > 0 && p.s[i] == '{':
			open++
			i++
		case level > 0 && p.s[i] == '}':
			if open == 0 {
				return refs, i, nil
			}
			open--
			i++
		default:
			i++
		}
	}
	return refs, i, nil
}

// ref reads the placeholder that opens at start.
func (p *scanner) ref(start, level int) (Ref, *SyntaxError) {
	if level >= maxNesting {
		return Ref{}, &SyntaxError{start, fmt.Sprintf("nested more than %d deep", maxNesting)}
	}
	i := start + len("&{")
	nameEnd, err := p.nameEnd(start, i)
	if err != nil {
		return Ref{}, err
	}
	r := Ref{Kind: Property, Name: p.s[i:nameEnd], Start: start}
	if esv, ok := ESVName(r.Name); ok {
		r.Kind, r.ESV = ESV, esv
	}
	end := nameEnd
	if p.s[nameEnd] == '|' {
		nested, closing, err := p.text(nameEnd+1, level+1)
		if err != nil {
			return Ref{}, err
		}
		if closing == len(p.s) {
			return Ref{}, &SyntaxError{start, unclosed(p.s[nameEnd+1:])}
		}
		text := p.s[nameEnd+1 : closing]
		r.Default, r.Nested, end = &text, nested, closing
	}
	r.End = end + 1
	r.Raw = p.s[start:r.End]
	return r, nil
}

// nameEnd finds the '|' or '}' that ends the name that begins at i.
func (p *scanner) nameEnd(start, i int) (int, *SyntaxError) {
	for begin := i; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '|' || c == '}':
			if i == begin {
				return 0, &SyntaxError{start, "has no name"}
			}
			return i, nil
		case isOpening(p.s, i):
			return 0, &SyntaxError{i, "a placeholder may stand in a default, not in a name"}
		case !isNameByte(c):
			r, _ := utf8.DecodeRuneInString(p.s[i:])
			return 0, &SyntaxError{i, fmt.Sprintf("illegal character %q in name", r)}
		}
	}
	return 0, &SyntaxError{start, unclosed("")}
}

func unclosed(def string) string {
	if strings.Contains(def, "}") {
		return "is not closed: a '{' in its default has no '}'"
	}
	return "is not closed: '}' is missing"
}

func isOpening(s string, i int) bool {
	return s[i] == '&' && i+1 < len(s) && s[i+1] == '{'
}

func isEscaped(s string, i int) bool {
	return s[i] == '\\' && i+1 < len(s) && isOpening(s, i+1)
}

// isNameByte allows more than the vendor's "lower case and dots": the platform's
// own names hold capitals (org.ops4j.pax.web.server.maxThreads), and of an ESV's
// wrong spelling CheckESVName says more than a syntax error could.
func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '.' || c == '_' || c == '-'
}
