package placeholders

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A ScriptRef is one call in a script that reads a property, by
// systemEnv.getProperty (AM) or identityServer.getProperty (IDM).
type ScriptRef struct {
	API        string // "systemEnv.getProperty" or "identityServer.getProperty"
	Argument   string // the name, or the argument's source text if Dynamic
	ESV        string // "esv-my-var"; "" if Dynamic or not an ESV
	Dynamic    bool   // the name is known only when the script runs
	Offset     int    // byte offset of the call
	Line       int    // from 1
	Column     int    // from 1, in characters
	HasDefault bool   // a second argument says what to use if there is no value
}

// ScriptRefs finds the calls that read properties in the source of an AM or IDM
// script, JavaScript or Groovy, in order. Calls in comments, strings and regular
// expressions are none; those in a template literal's ${...} are. Names put
// together from constants ("esv." + "x") are folded.
//
// Not followed are variables, neither for the name (the call is Dynamic) nor for
// the object (var env = systemEnv; env.getProperty(...) is not found), and calls
// in the ${...} of Groovy's double-quoted strings, which in JavaScript are text.
func ScriptRefs(src string) []ScriptRef {
	// Most scripts read nothing, so spare them the lexer.
	if !strings.Contains(src, "getProperty") {
		return nil
	}
	var refs []ScriptRef
	for _, toks := range tokenize(src) {
		for i := range toks {
			if r, ok := callAt(src, toks[i:], i > 0 && isMember(toks[:i])); ok {
				refs = append(refs, r)
			}
		}
	}
	slices.SortFunc(refs, func(a, b ScriptRef) int { return a.Offset - b.Offset })
	setPlaces(src, refs)
	return refs
}

// isMember says whether what follows is a member of something else than the
// global object: in foo.systemEnv the binding is not meant.
func isMember(before []token) bool {
	n := len(before)
	if !before[n-1].is(".") && !before[n-1].is("?.") {
		return false
	}
	return n < 2 || !isOneOf(before[n-2], " this globalThis ")
}

// callAt reads the call that toks begins with.
func callAt(src string, toks []token, member bool) (ScriptRef, bool) {
	if member || !isOneOf(toks[0], " systemEnv identityServer ") {
		return ScriptRef{}, false
	}
	r := ScriptRef{API: toks[0].text + ".getProperty", Offset: toks[0].start}
	rest, ok := method(toks[1:])
	if !ok || len(rest) == 0 {
		return ScriptRef{}, false
	}
	switch {
	case rest[0].is("("):
		first, more := arguments(rest[1:])
		if len(first) == 0 {
			return ScriptRef{}, false // no name is no reference
		}
		r.HasDefault = more
		r.setArgument(src, first)
	case rest[0].kind == tokString || rest[0].kind == tokTemplate: // Groovy: getProperty "esv.x"
		r.setArgument(src, rest[:1])
		r.HasDefault = len(rest) > 1 && rest[1].is(",")
	default:
		return ScriptRef{}, false
	}
	return r, true
}

// method takes .getProperty, ?.getProperty or ["getProperty"] off toks.
func method(toks []token) ([]token, bool) {
	switch {
	case len(toks) >= 2 && (toks[0].is(".") || toks[0].is("?.")) && isOneOf(toks[1], " getProperty "):
		return toks[2:], true
	case len(toks) >= 3 && toks[0].is("[") && toks[1].kind == tokString && toks[1].text == "getProperty" && toks[2].is("]"):
		return toks[3:], true
	}
	return nil, false
}

// maxArgument bounds the tokens looked at for one call, so that a script of
// unclosed calls takes no quadratic time.
const maxArgument = 200

// arguments returns the tokens of a call's first argument and whether there is a
// second. A list that is not closed counts as far as it goes.
func arguments(toks []token) (first []token, more bool) {
	toks = toks[:min(len(toks), maxArgument)]
	depth := 0
	for i, t := range toks {
		switch {
		case t.is("(") || t.is("[") || t.is("{"):
			depth++
		case t.is(",") && depth == 0:
			next := toks[i+1:]
			return toks[:i], len(next) > 0 && !next[0].is(")") // a trailing comma is allowed
		case t.is(")") || t.is("]") || t.is("}"):
			if depth == 0 {
				return toks[:i], false
			}
			depth--
		}
	}
	return toks, false
}

func (r *ScriptRef) setArgument(src string, arg []token) {
	name, ok := fold(src, arg)
	if !ok {
		r.Dynamic = true
		r.Argument = src[arg[0].start:arg[len(arg)-1].end]
		return
	}
	r.Argument = name
	r.ESV, _ = ESVName(name)
}

// fold gives the value of constant strings joined by "+". Parentheses change
// nothing about it.
func fold(src string, arg []token) (string, bool) {
	var b strings.Builder
	wantString := true
	for _, t := range arg {
		switch {
		case t.is("(") && wantString, t.is(")") && !wantString:
		case t.kind == tokString && wantString && !interpolates(src, t):
			b.WriteString(t.text)
			wantString = false
		case t.is("+") && !wantString:
			wantString = true
		default:
			return "", false
		}
	}
	return b.String(), !wantString
}

// interpolates says whether a string would be put together at run time if the
// script is Groovy: "esv.$x". A dollar is in no property's name, so for
// JavaScript nothing is lost.
func interpolates(src string, t token) bool {
	return src[t.start] == '"' && strings.Contains(t.text, "$")
}

// setPlaces counts lines and columns in one walk over src; refs are sorted.
func setPlaces(src string, refs []ScriptRef) {
	line, column, at := 1, 1, 0
	for i := range refs {
		for ; at < refs[i].Offset; at++ {
			switch c := src[at]; {
			case c == '\n', c == '\r' && src[at+1] != '\n': // CR LF is one line end, CR alone too
				line++
				column = 1
			case utf8.RuneStart(c):
				column++
			}
		}
		refs[i].Line, refs[i].Column = line, column
	}
}
