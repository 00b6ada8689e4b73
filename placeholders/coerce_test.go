package placeholders

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestCoerce(t *testing.T) {
	num := func(s string) json.Number { return json.Number(s) }
	tests := []struct {
		wrapper, in string
		want        any // nil: an error
	}{
		{"$string", "x", "x"},
		{"$string", "", ""},
		{"$int", "465", num("465")},
		{"$int", "-1", num("-1")},
		{"$int", "+007", num("7")},
		{"$int", "2147483648", nil},
		{"$int", "1.0", nil},
		{"$int", "465\n", nil},
		{"$int", "", nil},
		{"$number", "0.5", num("0.5")},
		{"$number", "1.0", num("1.0")},
		{"$number", "12345678901234567890", num("12345678901234567890")},
		{"$number", ".5", num("0.5")},
		{"$number", "1e3", num("1e3")},
		{"$number", "0x10", nil},
		{"$number", "1_000", nil},
		{"$number", "NaN", nil},
		{"$number", "1 ", nil},
		{"$number", "true", nil},
		{"$bool", "true", true},
		{"$bool", "False", false},
		{"$bool", "yes", nil},
		{"$bool", "", nil},
		{"$list", "a:1,b:2", []any{"a:1", "b:2"}},
		{"$list", "a, b", []any{"a", " b"}},
		{"$list", "", []any{}},
		{"$array", `["a", 12345678901234567890]`, []any{"a", num("12345678901234567890")}},
		{"$array", `{}`, nil},
		{"$array", `["a"] x`, nil},
		{"$array", `["a"`, nil},
		{"$object", `{"en":"x"}`, map[string]any{"en": "x"}},
		{"$object", `[]`, nil},
		{"$object", `null`, nil},
		{"$base64:encode", "é", "w6k="},
		{"$base64:decode", "w6k=", "é"},
		{"$base64:decode", "w6k", nil},
		{"$base64:decode", "/w==", nil},
		{"$nope", "x", nil},
	}
	for _, tt := range tests {
		got, err := Coerce(tt.wrapper, tt.in)
		if tt.want == nil {
			if err == nil {
				t.Errorf("Coerce(%s, %q) = %v, want an error", tt.wrapper, tt.in, got)
			} else if !strings.Contains(err.Error(), tt.wrapper) {
				t.Errorf("Coerce(%s, %q): %v does not name the wrapper", tt.wrapper, tt.in, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Coerce(%s, %q) = %#v, %v; want %#v", tt.wrapper, tt.in, got, err, tt.want)
		}
	}
}

// An ESV's value may be a secret, so no message may quote it.
func TestCoerceErrorsKeepSecrets(t *testing.T) {
	names := Wrappers()
	if len(names) == 0 {
		t.Fatal("no wrappers")
	}
	for _, w := range names {
		for _, secret := range []string{"hunter2", `{"p": hunter2`, "[hunter2]", "\"hunter2", "9hunter2"} {
			if _, err := Coerce(w, secret); err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Coerce(%s): message quotes the value: %v", w, err)
			}
		}
	}
}

func TestWrapper(t *testing.T) {
	if w, v, ok := Wrapper(map[string]any{"$int": "&{esv.p|1}"}); w != "$int" || v != "&{esv.p|1}" || !ok {
		t.Errorf("got %q, %q, %v", w, v, ok)
	}
	for _, obj := range []map[string]any{
		nil, {}, {"$int": 1}, {"$crypto": "x"}, {"int": "x"}, {"$int": "1", "x": "y"}, {"$int": map[string]any{"$string": "1"}},
	} {
		if w, v, ok := Wrapper(obj); ok || w != "" || v != "" {
			t.Errorf("Wrapper(%v) = %q, %q, %v; want none", obj, w, v, ok)
		}
	}
}

func TestUnwrap(t *testing.T) {
	ws, v, ok := Unwrap(map[string]any{"$array": map[string]any{"$base64:decode": "&{esv.x}"}})
	if !ok || v != "&{esv.x}" || !reflect.DeepEqual(ws, []string{"$array", "$base64:decode"}) {
		t.Errorf("got %q, %q, %v", ws, v, ok)
	}
	loop := map[string]any{}
	loop["$string"] = loop
	for _, obj := range []map[string]any{nil, {}, {"$int": 1}, {"x": "y"}, {"$int": map[string]any{"x": "y"}}, loop} {
		if ws, v, ok := Unwrap(obj); ok || ws != nil || v != "" {
			t.Errorf("Unwrap: %q, %q, %v; want none", ws, v, ok)
		}
	}
}

func TestFitsType(t *testing.T) {
	for _, tt := range []struct {
		wrapper, expression string
		want                bool
	}{
		{"", "string", true}, {"", "int", false}, {"$string", "string", true}, {"$int", "int", true},
		{"$int", "number", false}, {"$number", "int", true}, {"$bool", "bool", true}, {"$bool", "string", false},
		{"$list", "list", true}, {"$list", "array", false}, {"$array", "array", true}, {"$array", "list", false},
		{"$object", "object", true}, {"$object", "array", false}, {"$base64:encode", "string", true},
		{"$int", "", true}, {"$int", "integer", false}, {"$nope", "string", false}, {"$nope", "", false},
	} {
		if got := FitsType(tt.wrapper, tt.expression); got != tt.want {
			t.Errorf("FitsType(%q, %q) = %v", tt.wrapper, tt.expression, got)
		}
	}
	// Every type must be readable somehow, or a check could never be satisfied.
	types := ExpressionTypes()
	if len(types) == 0 {
		t.Fatal("no expression types")
	}
	for _, et := range types {
		fits := false
		for _, w := range Wrappers() {
			fits = fits || FitsType(w, et)
		}
		if !fits {
			t.Errorf("no wrapper reads %s", et)
		}
	}
	for w, want := range map[string]string{"": "string", "$int": "integer", "$list": "array", "$object": "object", "$nope": ""} {
		if got := WrapperType(w); got != want {
			t.Errorf("WrapperType(%q) = %q, want %q", w, got, want)
		}
	}
}
