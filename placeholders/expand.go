package placeholders

import "strings"

// Expand replaces the "&{...}" placeholders of s by what lookup gives for their
// names as written ("esv.my.var"), and where it has nothing by their defaults,
// which are expanded the same way. What cannot be resolved stays in the text as
// it was and is returned; "\&{" becomes "&{". Looked-up values are not expanded
// in turn: an ESV's value is data, and a loop of values must not hang us.
//
// On a syntax error nothing is expanded and s is returned.
func Expand(s string, lookup func(name string) (string, bool)) (string, []Ref, error) {
	refs, err := Scan(s)
	if err != nil {
		return s, nil, err
	}
	e := expander{s: s, lookup: lookup}
	e.span(0, len(s), refs)
	return e.out.String(), e.missing, nil
}

type expander struct {
	s       string
	lookup  func(string) (string, bool)
	out     strings.Builder
	missing []Ref
}

// span writes s[from:to], whose placeholders are refs.
func (e *expander) span(from, to int, refs []Ref) {
	for _, r := range refs {
		e.literal(e.s[from:r.Start])
		e.ref(r)
		from = r.End
	}
	e.literal(e.s[from:to])
}

func (e *expander) literal(text string) {
	e.out.WriteString(strings.ReplaceAll(text, `\&{`, `&{`))
}

func (e *expander) ref(r Ref) {
	if v, ok := e.lookup(r.Name); ok {
		e.out.WriteString(v)
		return
	}
	if r.Default == nil {
		e.out.WriteString(r.Raw)
		e.missing = append(e.missing, r)
		return
	}
	end := r.End - 1
	e.span(end-len(*r.Default), end, r.Nested)
}
