package placeholders

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// wrapper is one row of the table of coercing objects.
type wrapper struct {
	name     string
	jsonType string // of what it yields, in JSON Schema's words
	// fits lists the expression types of ESVs it can read. The documentation
	// asks for the same type in both places; where a value of one type is always
	// one of the other ($number of an int), that is let pass. keyvaluelist and
	// base64encodedinlined are in the API but not in the documentation, so they
	// are let pass wherever they could make sense.
	fits   []string
	coerce func(string) (any, error)
}

// wrappers is a function, not a variable, so that nothing can change it.
func wrappers() []wrapper {
	return []wrapper{
		{"$array", "array", []string{"array"}, toArray},
		{"$base64:decode", "string", []string{"string", "base64encodedinlined"}, toDecoded},
		{"$base64:encode", "string", []string{"string", "base64encodedinlined"}, toEncoded},
		{"$bool", "boolean", []string{"bool"}, toBool},
		{"$int", "integer", []string{"int"}, toInt},
		{"$list", "array", []string{"list", "keyvaluelist"}, toList},
		{"$number", "number", []string{"number", "int"}, toNumber},
		{"$object", "object", []string{"object", "keyvaluelist"}, toObject},
		{"$string", "string", []string{"string", "base64encodedinlined", "keyvaluelist"}, toString},
	}
}

func findWrapper(name string) (wrapper, bool) {
	for _, w := range wrappers() {
		if w.name == name {
			return w, true
		}
	}
	return wrapper{}, false
}

// Wrappers lists the known coercing keys ($array, $int, …), sorted.
func Wrappers() []string {
	var names []string
	for _, w := range wrappers() {
		names = append(names, w.name)
	}
	return names
}

// ExpressionTypes lists the types an ESV variable can have, sorted.
func ExpressionTypes() []string {
	return []string{"array", "base64encodedinlined", "bool", "int", "keyvaluelist", "list", "number", "object", "string"}
}

// WrapperType is the JSON Schema type a wrapper yields ("integer" for $int). For
// "", a bare string, that is "string"; for a wrapper not known it is "".
func WrapperType(name string) string {
	if name == "" {
		return "string"
	}
	w, _ := findWrapper(name)
	return w.jsonType
}

// FitsType says whether a variable of that expression type can be read through
// that wrapper; "" stands for a bare string. An empty expression type (a secret
// has none) fits all, one that does not exist fits none.
func FitsType(wrapper, expressionType string) bool {
	if wrapper == "" {
		wrapper = "$string"
	}
	w, ok := findWrapper(wrapper)
	return ok && (expressionType == "" || slices.Contains(w.fits, expressionType))
}

// Wrapper takes a coercing object apart: {"$int": "&{esv.port}"}. ok says that
// obj is one: its only key is a known wrapper and the value a string. Whether
// the string holds a placeholder is for Scan to say.
func Wrapper(obj map[string]any) (wrapper string, value string, ok bool) {
	if len(obj) != 1 {
		return "", "", false
	}
	for k, v := range obj {
		if !strings.HasPrefix(k, "$") {
			break // as nearly all objects of one member
		}
		if _, known := findWrapper(k); known {
			value, ok = v.(string)
			wrapper = k
		}
	}
	if !ok {
		return "", "", false
	}
	return wrapper, value, true
}

// Unwrap is Wrapper for wrappers within wrappers, which the expression syntax
// allows too: {"$array": {"$base64:decode": "&{esv.list}"}}. Outermost first; to
// get the value, coerce by the last one first.
func Unwrap(obj map[string]any) (wrappers []string, value string, ok bool) {
	for len(obj) == 1 && len(wrappers) < maxNesting {
		for k, v := range obj {
			if _, known := findWrapper(k); !known {
				return nil, "", false
			}
			wrappers = append(wrappers, k)
			switch v := v.(type) {
			case string:
				return wrappers, v, true
			case map[string]any:
				obj = v
			default:
				return nil, "", false
			}
		}
	}
	return nil, "", false
}

// Coerce gives the JSON value that a wrapper makes of a text whose placeholders
// are resolved: json.Number, bool, []any, map[string]any or string. Numbers
// inside arrays and objects are json.Number as well.
func Coerce(wrapper, value string) (any, error) {
	w, ok := findWrapper(wrapper)
	if !ok {
		return nil, fmt.Errorf("unknown wrapper %q: known are %s", wrapper, strings.Join(Wrappers(), ", "))
	}
	v, err := w.coerce(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", wrapper, err)
	}
	return v, nil
}

func toString(s string) (any, error) { return s, nil }

// toInt keeps to 32 bits: the documentation sends longs to $number.
func toInt(s string) (any, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if errors.Is(err, strconv.ErrRange) {
		return nil, errors.New("does not fit 32 bits; use $number")
	}
	if err != nil {
		return nil, errors.New("not a whole number" + spaceHint(s))
	}
	return json.Number(strconv.FormatInt(n, 10)), nil
}

// toNumber keeps a number as written where JSON can, so that no digits are lost.
func toNumber(s string) (any, error) {
	if isJSONNumber(s) {
		return json.Number(s), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(s, "xX_") {
		return nil, errors.New("not a number" + spaceHint(s))
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64)), nil
}

func isJSONNumber(s string) bool {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return false
	}
	last := s[len(s)-1] // json.Valid would let white space pass
	return '0' <= last && last <= '9' && json.Valid([]byte(s))
}

// toBool refuses what is neither true nor false. The platform takes all but
// "true" for false, so that "yes" or "1" quietly switches a thing off; a tool
// that checks has to say so.
func toBool(s string) (any, error) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, nil
	case strings.EqualFold(s, "false"):
		return false, nil
	}
	return nil, errors.New("neither true nor false" + spaceHint(s))
}

// toList keeps blanks around the commas; nothing says that the platform drops
// them. There is no escape for a comma: that is what arrays are for.
func toList(s string) (any, error) {
	list := []any{}
	if s == "" {
		return list, nil
	}
	for item := range strings.SplitSeq(s, ",") {
		list = append(list, item)
	}
	return list, nil
}

func toArray(s string) (any, error) {
	v, err := parseJSON(s)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("JSON, but not an array")
	}
	return list, nil
}

func toObject(s string) (any, error) {
	v, err := parseJSON(s)
	if err != nil {
		return nil, err
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("JSON, but not an object")
	}
	return obj, nil
}

// parseJSON leaves out the decoder's message: it quotes the value.
func parseJSON(s string) (any, error) {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("not valid JSON near byte %d", d.InputOffset())
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("not valid JSON: text after the value")
	}
	return v, nil
}

func toEncoded(s string) (any, error) {
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func toDecoded(s string) (any, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("not valid base64")
	}
	if !utf8.Valid(b) {
		return nil, errors.New("base64 of something that is not UTF-8 text")
	}
	return string(b), nil
}

// spaceHint points at the commonest slip: a value made with echo ends in a
// line feed that nobody sees.
func spaceHint(s string) string {
	if s != strings.TrimSpace(s) {
		return " (there is white space around it)"
	}
	return ""
}
