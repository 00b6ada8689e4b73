package placeholders

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// checkTiling says whether literal text and refs, put together, give s[lo:hi],
// and does the same for every default.
func checkTiling(t *testing.T, s string, lo, hi int, refs []Ref) {
	t.Helper()
	var b strings.Builder
	at := lo
	for _, r := range refs {
		if r.Start < at || r.End <= r.Start || r.End > hi {
			t.Fatalf("%q: ref %+v is out of order or bounds %d-%d", s, r, lo, hi)
		}
		b.WriteString(s[at:r.Start])
		b.WriteString(r.Raw)
		at = r.End
		print := "&{" + r.Name
		if r.Default != nil {
			print += "|" + *r.Default
			end := r.End - 1
			checkTiling(t, s, end-len(*r.Default), end, r.Nested)
		} else if r.Nested != nil {
			t.Fatalf("%q: nested without default", s)
		}
		if print+"}" != r.Raw {
			t.Fatalf("%q: parts of %+v do not print as its text", s, r)
		}
		if (r.Kind == ESV) != (r.ESV != "") {
			t.Fatalf("%q: kind and ESV of %+v disagree", s, r)
		}
	}
	b.WriteString(s[at:hi])
	if b.String() != s[lo:hi] {
		t.Fatalf("%q: printed as %q", s[lo:hi], b.String())
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{"", "&{esv.a}", "x&{a|&{b|{}}}y\\&{c}", "&{a|&{b", "&{}", "&{a}&{b c}", "${A}${BASE64:B}\\${C}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		refs, err := Scan(s)
		checkTiling(t, s, 0, len(s), refs)
		if e, ok := err.(*SyntaxError); ok && (e.Offset < 0 || e.Offset >= len(s)) {
			t.Fatalf("%q: error offset %d is out of bounds", s, e.Offset)
		}
		if err == nil && !Has(s) != (len(refs) == 0) && !strings.Contains(s, `\&{`) {
			t.Fatalf("%q: Has and Scan disagree", s)
		}
		for i, r := range All(refs) {
			if i > 0 && r.Start <= All(refs)[i-1].Start {
				t.Fatalf("%q: All is out of order", s)
			}
		}
		env, err := ScanEnv(s)
		at := 0
		for _, r := range env {
			if r.Start < at || r.End > len(s) || s[r.Start:r.End] != r.Raw || r.Name == "" {
				t.Fatalf("%q: odd %+v", s, r)
			}
			at = r.End
		}
		if e, ok := err.(*SyntaxError); ok && (e.Offset < 0 || e.Offset >= len(s)) {
			t.Fatalf("%q: error offset %d is out of bounds", s, e.Offset)
		}
	})
}

func FuzzExpand(f *testing.F) {
	f.Add("a&{esv.a}b&{c|&{d}e}", "v")
	f.Add(`\&{a}&{b|\&{c}}`, "&{a}")
	f.Add(`${A}\\${B}${BASE64:C}`, "")
	f.Fuzz(func(t *testing.T, s, v string) {
		none := func(string) (string, bool) { return "", false }
		all := func(string) (string, bool) { return v, true }
		refs, err := Scan(s)
		got, missing, expandErr := Expand(s, none)
		if (err == nil) != (expandErr == nil) {
			t.Fatalf("%q: Scan says %v, Expand %v", s, err, expandErr)
		}
		if err != nil && got != s || err == nil && len(All(refs)) == 0 && got != strings.ReplaceAll(s, `\&{`, "&{") {
			t.Fatalf("%q: expanded to %q", s, got)
		}
		for _, r := range missing {
			if r.Default != nil || s[r.Start:r.End] != r.Raw || !strings.Contains(got, r.Raw) {
				t.Fatalf("%q: odd missing %+v", s, r)
			}
		}
		got, missing, err = Expand(s, all)
		if len(missing) != 0 || err == nil && len(refs) > 0 && !strings.Contains(got, v) {
			t.Fatalf("%q: with all values: %q, missing %v", s, got, missing)
		}
		for _, f := range []func(string, func(string) (string, bool)) (string, error){ExpandEnv, ExpandEnvBase64, ExpandEnvText} {
			if got, err := f(s, all); err == nil && !strings.Contains(s, "${") && got != s {
				t.Fatalf("%q: env expanded to %q", s, got)
			}
		}
		for _, w := range Wrappers() {
			_, _ = Coerce(w, s)
		}
		_ = CheckESVName(s)
	})
}

func FuzzScriptRefs(f *testing.F) {
	for _, s := range []string{
		`systemEnv.getProperty("esv." + 'x', 1)`, "a`${systemEnv.getProperty(`esv.x`)}` /[/]/ // c\n/* */",
		"identityServer\r\n.getProperty '''esv.x'''", `systemEnv["getProperty"]("\x65\u{73}\ud800\`, "#!\ngetProperty}`${`",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := -1
		for _, r := range ScriptRefs(s) {
			if r.Offset <= last || r.Offset >= len(s) || !strings.HasPrefix(s[r.Offset:], strings.TrimSuffix(r.API, ".getProperty")) {
				t.Fatalf("%q: odd offset in %+v", s, r)
			}
			last = r.Offset
			if r.Line < 1 || r.Column < 1 || r.Column > utf8.RuneCountInString(s) || r.Line > len(s) {
				t.Fatalf("%q: odd place in %+v", s, r)
			}
			if r.Dynamic && (r.ESV != "" || !strings.Contains(s, r.Argument)) {
				t.Fatalf("%q: dynamic, but %+v", s, r)
			}
		}
	})
}
