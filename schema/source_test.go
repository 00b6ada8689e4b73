package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSourceAt(t *testing.T) {
	tree := &File{Name: "Login.json", Data: []byte("{\n  \"entryNodeId\": \"a\",\n  \"nodes\": {\"a\": {}}\n}")}
	node := &File{Name: "nodes/a.json", Data: []byte("{\n  \"script\": \"s\"\n}")}
	text := &File{Name: "s.js", Data: []byte("line one\nline two\n")}
	s := NewSource(
		Part{File: tree},
		Part{Prefix: "/nodeConfigs/a", File: node},
		Part{Prefix: "/nodeConfigs/a/text", File: text, Kind: TextPart},
	)
	tests := []struct{ pointer, want string }{
		{"", "Login.json:1:1"},
		{"/entryNodeId", "Login.json:2:18"},
		{"/nodes/a", "Login.json:3:18"},
		{"/nodes/a/connections/x", "Login.json:3:18"}, // not there: its nearest parent
		{"/nodeConfigs/a", "nodes/a.json:1:1"},
		{"/nodeConfigs/a/script", "nodes/a.json:2:13"},
		{"/nodeConfigs/ab", "Login.json:1:1"}, // no part of a
		{"/nodeConfigs/a/text", "s.js:1:1"},
	}
	for _, tt := range tests {
		if got := s.At(tt.pointer).String(); got != tt.want {
			t.Errorf("At(%q) = %s, want %s", tt.pointer, got, tt.want)
		}
	}
	if got := strings.Join(s.Files(), " "); got != "Login.json nodes/a.json s.js" {
		t.Errorf("files: %s", got)
	}
	var none *Source
	if !none.At("/a").IsZero() || !none.AtText("/a", "x", 0, 1).IsZero() || none.Excerpt("f", 1, 2) != nil || none.Below("/a") != nil || none.Coded("/a") != nil {
		t.Error("a nil Source knows something")
	}
}

func TestSourceAtText(t *testing.T) {
	f := &File{Name: "f.json", Data: []byte("{\n  \"s\": \"a\\n\\u00fc\\ud83d\\ude00b\",\n  \"l\": [\n    \"one\",\n    \"t\\\"wo\"\n  ],\n  \"c\": \"YWJj\"\n}")}
	side := &File{Name: "s.js", Data: []byte("über\nwo")}
	s := NewSource(
		Part{File: f},
		Part{Prefix: "/lines", File: f, Kind: LinesPart, Root: "/l"},
		Part{Prefix: "/coded", File: f, Kind: CodedPart, Root: "/c"},
		Part{Prefix: "/side", File: side, Kind: TextPart},
	)
	text := "a\nü😀b"
	lines := "one\nt\"wo"
	tests := []struct {
		pointer, text, of string
		line, col         int
	}{
		{"/s", text, "a", 2, 9},
		{"/s", text, "ü", 2, 12},
		{"/s", text, "😀", 2, 18},
		{"/s", text, "b", 2, 30},
		{"/lines", lines, "one", 4, 6},
		{"/lines", lines, "wo", 5, 9},
		{"/coded", "abc", "b", 7, 8},
		{"/side", "über\nwo", "ber", 1, 2},
		{"/side", "über\nwo", "o", 2, 2},
	}
	for _, tt := range tests {
		i := strings.LastIndex(tt.text, tt.of)
		got := s.AtText(tt.pointer, tt.text, i, i+len(tt.of))
		if got.Line != tt.line || got.Column != tt.col {
			t.Errorf("AtText(%q, %q) = %v, want %d:%d", tt.pointer, tt.of, got, tt.line, tt.col)
		}
	}
}

// TestAtTextRoundTrip: the characters at the place that AtText gives are the JSON form of the text
// that was asked for.
func TestAtTextRoundTrip(t *testing.T) {
	texts := []string{"plain", "a\"b\\c/d", "\t\n\r\b\f", "üöä😀\u2028", strings.Repeat("x😀\n", 50), "\x01<>&"}
	for _, text := range texts {
		for _, escapeHTML := range []bool{true, false} {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(escapeHTML)
			if err := e.Encode(map[string]any{"k": text}); err != nil {
				t.Fatal(err)
			}
			f := &File{Name: "f", Data: b.Bytes()}
			s := NewSource(Part{File: f})
			for i := range text {
				pos := s.AtText("/k", text, i, i)
				// All stands on line 1: the column tells the offset.
				rest := string([]rune(string(f.Data))[pos.Column-1:])
				var back string
				if err := json.Unmarshal([]byte(`"`+strings.TrimSuffix(strings.TrimSpace(rest), "}")), &back); err != nil {
					t.Fatalf("%q at %d: place is within an escape: %q", text, i, rest)
				}
				if back != text[i:] {
					t.Fatalf("%q at %d: place is at %q", text, i, back)
				}
			}
		}
	}
}

func TestBelowAndCoded(t *testing.T) {
	f := &File{Name: "f.json", Data: []byte("{\n \"list\": [\n  {\"a\": \"YQ==\"}\n ]\n}")}
	side := &File{Name: "side.txt", Data: []byte("x")}
	s := NewSource(Part{File: f}, Part{Prefix: "/list/0/t", File: side, Kind: TextPart})
	below := s.Below("/list/0")
	if got := below.At("/a").String(); got != "f.json:3:9" {
		t.Errorf("below: %s", got)
	}
	if got := below.At("/t").String(); got != "side.txt:1:1" {
		t.Errorf("side file below: %s", got)
	}
	coded := below.Coded("/a")
	if got := coded.AtText("/a", "a", 0, 1).String(); got != "f.json:3:9" {
		t.Errorf("coded: %s", got)
	}
	if below.Coded("/t") != below {
		t.Error("a side file is not coded")
	}
}

func TestExcerpt(t *testing.T) {
	small := "one\r\ntwo\nthree\nfour"
	large := small + strings.Repeat("\nmore", indexFrom/5+1)
	for _, data := range []string{small, large} {
		s := NewSource(Part{File: &File{Name: "f", Data: []byte(data)}})
		if got := strings.Join(s.Excerpt("f", 1, 3), "|"); got != "one|two|three" {
			t.Errorf("1-3: %q", got)
		}
		if got := strings.Join(s.Excerpt("f", 3, 4), "|"); got != "three|four" {
			t.Errorf("3-4: %q", got)
		}
		if got := s.Excerpt("f", 1<<20, 1<<20+1); len(got) != 0 {
			t.Errorf("beyond the end: %q", got)
		}
		if got := s.Excerpt("g", 1, 2); got != nil {
			t.Errorf("another file: %q", got)
		}
	}
}

func TestRecordsOfAFile(t *testing.T) {
	s := NewSource(Part{File: &File{Name: "all.jsonl", Data: []byte(`{"a": 1}`), LinesBefore: 41}})
	if got := s.At("/a").String(); got != "all.jsonl:42:7" {
		t.Errorf("got %s", got)
	}
	if got := strings.Join(s.Excerpt("all.jsonl", 42, 42), "|"); got != `{"a": 1}` {
		t.Errorf("excerpt: %q", got)
	}
}

// TestIndexAgrees: the index of a large file gives the places that a search from the start gives.
func TestIndexAgrees(t *testing.T) {
	doc := map[string]any{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		inner := map[string]any{}
		for j := range r.IntN(12) {
			inner[fmt.Sprintf("k/%d~", j)] = []any{strings.Repeat("x", r.IntN(120)), map[string]any{"n": json.Number("1"), "ü": nil}}
		}
		doc[fmt.Sprintf("m%d", i)] = inner
	}
	checkIndex(t, EncodeJSON(doc))
	checkIndex(t, append([]byte("\xef\xbb\xbf"), EncodeJSON(doc)...))
}

func checkIndex(t *testing.T, data []byte) {
	t.Helper()
	if len(data) < indexFrom {
		t.Fatalf("only %d bytes: no index is made", len(data))
	}
	f := &File{Name: "f", Data: data}
	doc := mustParse(t, data)
	all, n := 0, 0
	Walk(doc, func(string, any) bool { all++; return true })
	Walk(doc, func(pointer string, _ any) bool {
		n++
		if n%(all/300+1) != 0 { // a search from the start for each would take long
			return true
		}
		start, end, ok := Locate(data, pointer)
		s, e, o := f.locate(pointer)
		if start != s || end != e || ok != o {
			t.Fatalf("%q: index says %d-%d %v, search says %d-%d %v", pointer, s, e, o, start, end, ok)
		}
		line, col := lineCol(data, start)
		if l, c := f.lineCol(start); l != line || c != col {
			t.Fatalf("%q: index says %d:%d, search says %d:%d", pointer, l, c, line, col)
		}
		return true
	})
	if _, _, ok := f.locate("/no/such/value"); ok {
		t.Error("found what is not there")
	}
}

func TestIndexAgreesOnCorpus(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(corpus(t), "frodo-export", "by-type", "allAlphaJourneys.journey.json"))
	if err != nil {
		t.Fatal(err)
	}
	checkIndex(t, data)
}
