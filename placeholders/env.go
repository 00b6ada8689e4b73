package placeholders

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"
)

// base64Prefix marks a variable that holds base64 already.
const base64Prefix = "BASE64:"

// An UnsetError names an environment variable that a "${...}" needs.
type UnsetError struct {
	Name   string
	Offset int // byte offset of the placeholder in the scanned string
}

func (e *UnsetError) Error() string {
	return fmt.Sprintf("environment variable %s is not set or empty", e.Name)
}

// ScanEnv finds the "${X}" and "${BASE64:X}" placeholders of a decoded string,
// in order. "\${" is plain text: in the JSON file it is written "\\${", which is
// what fr-config-manager's pull writes for a "${" that is part of the value.
// The error is a *SyntaxError, as for Scan. fr-config-manager would leave an
// unclosed one as it is; here that is an error, since it is never meant.
func ScanEnv(s string) ([]Ref, error) { return scanEnv(s, `\`) }

// scanEnv is told what escapes: one backslash in a decoded string, two in the
// text of a JSON file.
func scanEnv(s, escape string) ([]Ref, error) {
	var refs []Ref
	for i := 0; ; {
		at := strings.Index(s[i:], "${")
		if at < 0 {
			return refs, nil
		}
		start := i + at
		i = start + len("${")
		if strings.HasSuffix(s[:start], escape) {
			continue
		}
		r, err := envRef(s, start)
		if err != nil {
			return refs, err
		}
		refs = append(refs, r)
		i = r.End
	}
}

func envRef(s string, start int) (Ref, error) {
	body := start + len("${")
	n := strings.IndexAny(s[body:], "}\r\n")
	if n < 0 || s[body+n] != '}' {
		return Ref{}, &SyntaxError{start, unclosed("")}
	}
	r := Ref{Kind: Env, Start: start, End: body + n + 1}
	r.Raw = s[start:r.End]
	r.Whole = start == 0 && r.End == len(s)
	r.Name, r.Base64 = strings.CutPrefix(s[body:body+n], base64Prefix)
	if r.Name == "" {
		return Ref{}, &SyntaxError{start, "has no name"}
	}
	nameAt := r.End - 1 - len(r.Name)
	for j := 0; j < len(r.Name); j++ {
		if !isNameByte(r.Name[j]) {
			c, _ := utf8.DecodeRuneInString(r.Name[j:])
			return Ref{}, &SyntaxError{nameAt + j, fmt.Sprintf("illegal character %q in name", c)}
		}
	}
	return r, nil
}

// ExpandEnv replaces the "${X}" of a decoded string by X's value, as
// fr-config-manager does in agents, SAML entities, raw and service objects:
// "${BASE64:X}" is X's value too, "\${" becomes "${", and a variable that is not
// set, or empty, is an *UnsetError. Values are not expanded in turn.
func ExpandEnv(s string, lookup func(string) (string, bool)) (string, error) {
	return expandEnv(s, `\`, lookup, verbatim)
}

// ExpandEnvBase64 is ExpandEnv for an ESV's valueBase64, where fr-config-manager
// takes X's value for plain text and encodes it; ${BASE64:X} is put in as it is.
func ExpandEnvBase64(s string, lookup func(string) (string, bool)) (string, error) {
	return expandEnv(s, `\`, lookup, encode)
}

// ExpandEnvText is ExpandEnv for the text of a whole JSON file, not yet decoded,
// which is what fr-config-manager itself expands: the escape is "\\${", and
// values are put in as they are, so that {"port": ${PORT}} works and a value
// with a quote in it breaks the file.
func ExpandEnvText(text string, lookup func(string) (string, bool)) (string, error) {
	return expandEnv(text, `\\`, lookup, verbatim)
}

func verbatim(_ Ref, v string) string { return v }

func encode(r Ref, v string) string {
	if r.Base64 {
		return v
	}
	return base64.StdEncoding.EncodeToString([]byte(v))
}

func expandEnv(s, escape string, lookup func(string) (string, bool), put func(Ref, string) string) (string, error) {
	refs, err := scanEnv(s, escape)
	if err != nil {
		return s, err
	}
	var out strings.Builder
	literal := func(text string) {
		out.WriteString(strings.ReplaceAll(text, escape+"${", "${"))
	}
	at := 0
	for _, r := range refs {
		v, ok := lookup(r.Name)
		if !ok || v == "" {
			return s, &UnsetError{Name: r.Name, Offset: r.Start}
		}
		literal(s[at:r.Start])
		out.WriteString(put(r, v))
		at = r.End
	}
	literal(s[at:])
	return out.String(), nil
}
