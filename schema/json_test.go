package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestParseJSONErrors(t *testing.T) {
	tests := []struct {
		name, in  string
		line, col int
		msg       string
	}{
		{"comma too many", "{\n  \"a\": 1,\n}", 2, 9, ""},
		{"duplicate key", "{\n  \"a\": 1,\n  \"a\": 2}", 3, 3, `the key "a" stands twice`},
		{"trailing value", "{}\n{}", 2, 1, "text after the end"},
		{"cut off", "{\"a\": [1,", 1, 10, "cut off"},
		{"empty", "", 1, 1, "empty"},
		{"only blanks", " \n ", 1, 1, "empty"},
		{"bad escape", `{"a": "\x"}`, 1, 8, ""},
		{"lone surrogate", `{"a": "\ud800"}`, 0, 0, ""},
		{"bad UTF-8", "{\"a\": \"\xff\"}", 1, 8, ""},
		{"conflict marker", "{\n<<<<<<< HEAD\n}", 2, 1, ""},
		{"after a byte order mark", "\xef\xbb\xbf{\"a\": x}", 1, 8, ""},
		{"columns are characters", "{\"größe\": x}", 1, 11, ""},
		{"too deep", strings.Repeat("[", MaxDepth+2), 1, MaxDepth + 2, "levels deep"},
		{"too long a number", "[" + strings.Repeat("1", 401) + "]", 0, 0, "400 digits"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := ParseJSON([]byte(tt.in))
			if tt.name == "lone surrogate" && err == nil {
				return // JSON allows the escape; Go can't keep it
			}
			var pe *ParseError
			if !errors.As(err, &pe) {
				t.Fatalf("got %v, %v", v, err)
			}
			if tt.line != 0 && (pe.Line != tt.line || pe.Column != tt.col) {
				t.Errorf("at %d:%d, want %d:%d (%s)", pe.Line, pe.Column, tt.line, tt.col, pe.Msg)
			}
			if !strings.Contains(pe.Msg, tt.msg) {
				t.Errorf("message %q lacks %q", pe.Msg, tt.msg)
			}
		})
	}
}

func TestParseJSON(t *testing.T) {
	v, err := ParseJSON([]byte("\xef\xbb\xbf{\"n\": 12345678901234567890.10, \"e\": \"\\/\\ud83d\\ude00\", \"l\": [true, false, null, {}]}"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"n": json.Number("12345678901234567890.10"), "e": "/😀", "l": []any{true, false, nil, map[string]any{}},
	}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("got %#v", v)
	}
	deep := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	if _, err := ParseJSON([]byte(deep)); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
}

func TestLocate(t *testing.T) {
	doc := `{"a": {"b/c": [1, "x", {"~": null}]},  "" : "empty", "a2":{"a":2}}`
	tests := []struct {
		pointer, want string
	}{
		{"", doc},
		{"/a", `{"b/c": [1, "x", {"~": null}]}`},
		{"/a/b~1c/0", "1"},
		{"/a/b~1c/1", `"x"`},
		{"/a/b~1c/2/~0", "null"},
		{"/", `"empty"`},
		{"/a2/a", "2"},
		{"/b", ""},
		{"/a/b~1c/3", ""},
		{"/a/b~1c/-1", ""},
		{"/a/b~1c/x", ""},
		{"/a2/a/b", ""},
	}
	for _, tt := range tests {
		for _, prefix := range []string{"", "\xef\xbb\xbf"} {
			data := []byte(prefix + doc)
			start, end, ok := Locate(data, tt.pointer)
			if ok != (tt.want != "") {
				t.Errorf("Locate(%q): ok is %v", tt.pointer, ok)
				continue
			}
			if ok && string(data[start:end]) != tt.want {
				t.Errorf("Locate(%q) = %q, want %q", tt.pointer, data[start:end], tt.want)
			}
		}
	}
}

func TestSelect(t *testing.T) {
	v := mustParse(t, []byte(`{"a": {"x": 1, "y": {"z": 2}}, "supportedA": [3], "supportedB": [4, 5], "b/c": {"x": 6}}`))
	tests := []struct {
		pattern string
		want    []string
	}{
		{"/a/x", []string{"/a/x"}},
		{"/a/*", []string{"/a/x", "/a/y"}},
		{"/supported*", []string{"/supportedA", "/supportedB"}},
		{"/supported*/*", []string{"/supportedA/0", "/supportedB/0", "/supportedB/1"}},
		{"/*/x", []string{"/a/x", "/b~1c/x"}},
		{"/**/x", []string{"/a/x", "/b~1c/x"}},
		{"/**/z", []string{"/a/y/z"}},
		{"/b~1c/x", []string{"/b~1c/x"}},
		{"/none", nil},
		{"", []string{""}},
	}
	for _, tt := range tests {
		var got []string
		for _, m := range Select(v, tt.pattern) {
			got = append(got, m.Pointer)
			if back, ok := Lookup(v, m.Pointer); !ok || !reflect.DeepEqual(back, m.Value) {
				t.Errorf("Select(%q): %q does not lead to its value", tt.pattern, m.Pointer)
			}
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Select(%q) = %q, want %q", tt.pattern, got, tt.want)
		}
	}
}

func TestEncodeJSON(t *testing.T) {
	v := map[string]any{"b": "<&{esv.x}>\u2028\u2029 \\u2028", "a": json.Number("1.0"), "c": []any{}}
	want := "{\n  \"a\": 1.0,\n  \"b\": \"<&{esv.x}>\u2028\u2029 \\\\u2028\",\n  \"c\": []\n}"
	if got := string(EncodeJSON(v)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := string(CompactJSON(map[string]any{"b": true, "a": nil})); got != `{"a":null,"b":true}` {
		t.Errorf("compact: %s", got)
	}
}

func TestDecodeBase64(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		ok       bool
	}{{"YQ==", "a", true}, {"YQ", "a", true}, {"", "", true}, {"not base64!", "", false}} {
		if got, ok := DecodeBase64(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("DecodeBase64(%q) = %q, %v", tt.in, got, ok)
		}
	}
}

// seeds are the test archives' documents and a few odd ones.
func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/findings/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for part := range bytes.SplitSeq(data, []byte("\n-- ")) {
			if i := bytes.IndexByte(part, '\n'); i >= 0 {
				f.Add(part[i+1:])
			}
		}
	}
	for _, s := range []string{
		`{"a":1,"a":2}`, `"\ud83d\ude00"`, "\xef\xbb\xbf{}", `[1e400, -0, 1.50]`, `{"":{"/":{"~":[0]}}}`, "\"\x7f\"", `{"a" :  [ ] }`,
		`"\ud800"`, "[\"\xff\"]", `{"a":"\u2028"}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzParseJSON holds ParseJSON against encoding/json: what both take is the same value, and what
// ParseJSON takes and encoding/json does not, or the other way round, has a known reason.
func FuzzParseJSON(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ParseJSON(data)
		body := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var want any
		wantErr := d.Decode(&want)
		if wantErr == nil {
			if _, e := d.Token(); !errors.Is(e, io.EOF) {
				wantErr = errors.New("text after the end")
			}
		}
		if err != nil {
			var pe *ParseError
			if !errors.As(err, &pe) || pe.Line < 1 || pe.Column < 1 || pe.Offset < 0 || pe.Offset > len(data) {
				t.Fatalf("no true place: %#v", err)
			}
			return // encoding/json takes more: duplicate keys, bad UTF-8, any depth
		}
		if wantErr != nil {
			t.Fatalf("ParseJSON takes what encoding/json refuses: %v", wantErr)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, want %#v", got, want)
		}
		again, err := ParseJSON(EncodeJSON(got))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("encode and parse: %v, %#v", err, again)
		}
	})
}

// FuzzLocate: every value of a document is found at its pointer, by Locate and by the index.
func FuzzLocate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := ParseJSON(data)
		if err != nil {
			return
		}
		file := &File{Name: "f", Data: data}
		file.containers.Do(func() { file.index.containers = indexContainers(data) })
		n := 0
		Walk(v, func(pointer string, v any) bool {
			n++
			start, end, ok := Locate(data, pointer)
			if !ok {
				t.Fatalf("no value at %q", pointer)
			}
			back, err := ParseJSON(data[start:end])
			if err != nil || !reflect.DeepEqual(back, v) {
				t.Fatalf("at %q stands %q", pointer, data[start:end])
			}
			if s, ok := file.index.containers[pointer]; ok && (s.start != start || s.end != end) {
				t.Fatalf("index has %v for %q, want %d-%d", s, pointer, start, end)
			}
			return n < 500
		})
	})
}
