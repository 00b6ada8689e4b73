package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth bounds the nesting of a JSON document. Real configuration stays below 20.
const MaxDepth = 200

// A ParseError is a JSON document that can't be read, with the place of the fault.
type ParseError struct {
	Offset int    // byte offset in the document
	Line   int    // 1-based
	Column int    // 1-based, in characters
	Msg    string // says what is wrong; holds no text of the document but key names
	// Duplicate says that the fault is a key that stands twice in one object.
	Duplicate bool
}

func (e *ParseError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }

// ParseJSON reads one JSON document: numbers stay as written (json.Number), a duplicate key, a
// trailing value, bad UTF-8 and nesting beyond MaxDepth are errors. A byte order mark is skipped.
// The error is a *ParseError.
func ParseJSON(data []byte) (any, error) {
	body, skipped := trimBOM(data)
	d := jsontext.NewDecoder(bytes.NewReader(body))
	v, err := parseValue(d, 0)
	if err == nil {
		end := int(d.InputOffset())
		if _, e := d.ReadToken(); !errors.Is(e, io.EOF) {
			end += len(body[end:]) - len(bytes.TrimLeft(body[end:], " \t\r\n"))
			err = &ParseError{Offset: end, Msg: "text after the end of the document"}
		}
	}
	if err == nil {
		return v, nil
	}
	return nil, placeError(data, body, skipped, err)
}

func trimBOM(data []byte) ([]byte, int) {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return data[3:], 3
	}
	return data, 0
}

func placeError(data, body []byte, skipped int, err error) *ParseError {
	var pe *ParseError
	var se *jsontext.SyntacticError
	switch {
	case errors.As(err, &pe):
	case len(bytes.TrimSpace(body)) == 0:
		pe = &ParseError{Msg: "the file is empty"}
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		pe = &ParseError{Offset: len(bytes.TrimRight(body, " \t\r\n")), Msg: "the document ends in the middle: it is cut off"}
	case errors.As(err, &se):
		pe = &ParseError{Offset: int(se.ByteOffset), Msg: se.Err.Error()}
		if errors.Is(se.Err, jsontext.ErrDuplicateName) {
			key := string(se.JSONPointer.LastToken())
			pe.Msg, pe.Duplicate = fmt.Sprintf("the key %q stands twice in one object", key), true
		}
	default:
		pe = &ParseError{Msg: err.Error()}
	}
	pe.Offset += skipped
	pe.Line, pe.Column = lineCol(data, pe.Offset)
	return pe
}

func parseValue(d *jsontext.Decoder, depth int) (any, error) {
	if depth > MaxDepth {
		return nil, &ParseError{Offset: int(d.InputOffset()), Msg: fmt.Sprintf("nested more than %d levels deep", MaxDepth)}
	}
	tok, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		m := map[string]any{}
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String()
			if m[key], err = parseValue(d, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.ReadToken()
		return m, err
	case '[':
		a := []any{}
		for d.PeekKind() != ']' {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			a = append(a, v)
		}
		_, err := d.ReadToken()
		return a, err
	case '"':
		return tok.String(), nil
	case '0':
		n := tok.String()
		if len(n) > 400 {
			return nil, &ParseError{Offset: int(d.InputOffset()), Msg: "a number of more than 400 digits"}
		}
		return json.Number(n), nil
	case 't':
		return true, nil
	case 'f':
		return false, nil
	default:
		return nil, nil
	}
}

// lineCol turns a byte offset into a 1-based line and column, the column in characters.
func lineCol(data []byte, offset int) (line, col int) {
	offset = min(max(offset, 0), len(data))
	start := bytes.LastIndexByte(data[:offset], '\n') + 1
	return 1 + bytes.Count(data[:start], []byte("\n")), 1 + utf8.RuneCount(data[start:offset])
}

// Locate finds the value a JSON pointer leads to: the byte offsets of its first and one past its
// last character. ok is false when the document has no such value.
func Locate(data []byte, pointer string) (start, end int, ok bool) {
	body, skipped := trimBOM(data)
	want := splitPointer(pointer)
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	for _, seg := range want {
		tok, err := d.ReadToken()
		if err != nil {
			return 0, 0, false
		}
		switch tok.Kind() {
		case '{':
			if !seekMember(d, seg) {
				return 0, 0, false
			}
		case '[':
			n, err := strconv.Atoi(seg)
			if err != nil || n < 0 {
				return 0, 0, false
			}
			for range n {
				if d.PeekKind() == ']' || d.SkipValue() != nil {
					return 0, 0, false
				}
			}
			if d.PeekKind() == ']' {
				return 0, 0, false
			}
		default:
			return 0, 0, false
		}
	}
	// After a name the decoder has not consumed ":" and white space yet; the value's own bytes tell
	// where it starts.
	v, err := d.ReadValue()
	if err != nil {
		return 0, 0, false
	}
	end = int(d.InputOffset()) + skipped
	return end - len(v), end, true
}

func seekMember(d *jsontext.Decoder, name string) bool {
	for d.PeekKind() != '}' {
		tok, err := d.ReadToken()
		if err != nil {
			return false
		}
		if tok.String() == name {
			return true
		}
		if d.SkipValue() != nil {
			return false
		}
	}
	return false
}

// Pointer joins segments into a JSON pointer (RFC 6901), escaping them.
func Pointer(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(EscapeSegment(s))
	}
	return b.String()
}

// EscapeSegment escapes one segment of a JSON pointer.
func EscapeSegment(s string) string {
	if !strings.ContainsAny(s, "~/") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func unescapeSegment(s string) string {
	if !strings.Contains(s, "~") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
}

func splitPointer(p string) []string {
	if p == "" {
		return nil
	}
	segs := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i, s := range segs {
		segs[i] = unescapeSegment(s)
	}
	return segs
}

// SplitPointer gives the unescaped segments of a JSON pointer.
func SplitPointer(p string) []string { return splitPointer(p) }

// Lookup follows a JSON pointer through a decoded value.
func Lookup(v any, pointer string) (any, bool) {
	rest, more := strings.TrimPrefix(pointer, "/"), pointer != ""
	for more {
		var seg string
		seg, rest, more = strings.Cut(rest, "/")
		seg = unescapeSegment(seg)
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[seg]; !ok {
				return nil, false
			}
		case []any:
			n, err := strconv.Atoi(seg)
			if err != nil || n < 0 || n >= len(x) {
				return nil, false
			}
			v = x[n]
		default:
			return nil, false
		}
	}
	return v, true
}

// Str follows a pointer to a string; "" when there is none.
func Str(v any, pointer string) string {
	x, _ := Lookup(v, pointer)
	s, _ := x.(string)
	return s
}

// A Match is a value found by Select.
type Match struct {
	Pointer string
	Value   any
}

// Select finds all values that a pattern leads to. A pattern is a JSON pointer in which a segment
// "*" stands for any member or element, one like "supported*" for those it matches, and a segment
// "**" for any number of them, none included.
// The order is that of the sorted keys.
func Select(v any, pattern string) []Match {
	var out []Match
	selectInto(v, splitPointer(pattern), "", &out)
	return out
}

func selectInto(v any, pattern []string, at string, out *[]Match) {
	if len(pattern) == 0 {
		*out = append(*out, Match{at, v})
		return
	}
	seg, rest := pattern[0], pattern[1:]
	if seg == "**" {
		selectInto(v, rest, at, out)
		eachChild(v, func(name string, child any) { selectInto(child, pattern, at+"/"+EscapeSegment(name), out) })
		return
	}
	if !strings.Contains(seg, "*") {
		if next, ok := child(v, seg); ok {
			selectInto(next, rest, at+"/"+EscapeSegment(seg), out)
		}
		return
	}
	if m, ok := v.(map[string]any); ok && seg != "*" && !anyMatch(m, seg) {
		return // without sorting, as most often
	}
	eachChild(v, func(name string, child any) {
		if MatchSegment(seg, name) {
			selectInto(child, rest, at+"/"+EscapeSegment(name), out)
		}
	})
}

func anyMatch(m map[string]any, seg string) bool {
	for name := range m {
		if MatchSegment(seg, name) {
			return true
		}
	}
	return false
}

// child is the member or element of that name.
func child(v any, name string) (any, bool) {
	switch x := v.(type) {
	case map[string]any:
		e, ok := x[name]
		return e, ok
	case []any:
		if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(x) && strconv.Itoa(n) == name {
			return x[n], true
		}
	}
	return nil, false
}

func eachChild(v any, f func(name string, child any)) {
	switch x := v.(type) {
	case map[string]any:
		for _, k := range SortedKeys(x) {
			f(k, x[k])
		}
	case []any:
		for i, e := range x {
			f(strconv.Itoa(i), e)
		}
	}
}

// SortedKeys returns the keys of m in order.
func SortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Walk calls f for v and all that is below it, in the order of sorted keys; f says whether to go on
// below the value.
func Walk(v any, f func(pointer string, v any) bool) { walk(v, "", f) }

func walk(v any, at string, f func(string, any) bool) {
	if f(at, v) {
		eachChild(v, func(name string, child any) { walk(child, at+"/"+EscapeSegment(name), f) })
	}
}

// Clone copies a decoded JSON value, so that the copy may be changed.
func Clone(v any) any {
	switch x := v.(type) {
	case map[string]any:
		return CloneObject(x)
	case []any:
		a := make([]any, len(x))
		for i, e := range x {
			a[i] = Clone(e)
		}
		return a
	default:
		return v
	}
}

// CloneObject copies a decoded JSON object, so that the copy may be changed.
func CloneObject(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = Clone(v)
	}
	return out
}

// EncodeJSON writes v as fr-config-manager and frodo do: keys sorted, two spaces, no escaping of
// HTML characters (a placeholder stays "&{…}"), no newline at the end.
func EncodeJSON(v any) []byte { return encode(v, "  ") }

// CompactJSON writes v on one line, keys sorted, no escaping of HTML characters.
func CompactJSON(v any) []byte { return encode(v, "") }

func encode(v any, indent string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		// Only decoded JSON comes here: maps, slices, strings, numbers that were read from JSON.
		panic("schema: encode: " + err.Error())
	}
	// encoding/json escapes U+2028 and U+2029 whatever SetEscapeHTML says; JSON.stringify does not.
	out := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if bytes.Contains(out, []byte(`\u202`)) {
		out = unescapeLineSeparators(out)
	}
	return out
}

func unescapeLineSeparators(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			if b[i+1] == 'u' && i+5 < len(b) && (string(b[i+2:i+6]) == "2028" || string(b[i+2:i+6]) == "2029") {
				out = append(out, "\u2028\u2029"[3*(b[i+5]-'8'):3*(b[i+5]-'8')+3]...)
				i += 5
				continue
			}
			out = append(out, b[i], b[i+1])
			i++
			continue
		}
		out = append(out, b[i])
	}
	return out
}

// DecodeBase64 reads standard base64, padded or not; ok is false when s is something else.
func DecodeBase64(s string) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		if b, err = base64.RawStdEncoding.DecodeString(s); err != nil {
			return "", false
		}
	}
	return string(b), true
}

// EncodeBase64 writes standard base64 with padding, as AM stores scripts.
func EncodeBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// SetAt replaces the value at a pointer whose parents are there, in place.
func SetAt(root any, pointer string, v any) {
	segs := splitPointer(pointer)
	last := segs[len(segs)-1]
	parent, _ := Lookup(root, Pointer(segs[:len(segs)-1]...))
	switch p := parent.(type) {
	case map[string]any:
		p[last] = v
	case []any:
		if i, err := strconv.Atoi(last); err == nil && i >= 0 && i < len(p) {
			p[i] = v
		}
	}
}
