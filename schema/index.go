package schema

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Files below this size are searched from the start each time; larger ones get an index at the first
// search, since an export of a whole tenant is one file in which hundreds of places are asked for.
const indexFrom = 32 << 10

// Containers below this size are not worth an entry of the index.
const indexedContainer = 512

// A span is where a value stands: the offsets of its first and one past its last byte.
type span struct{ start, end int }

// fileIndex is where a file's lines and larger containers begin.
type fileIndex struct {
	lines      []int
	containers map[string]span
}

// lineStarts gives the offsets at which lines begin; nil when the file is small.
func (f *File) lineStarts() []int {
	if len(f.Data) < indexFrom {
		return nil
	}
	f.lines.Do(func() {
		f.index.lines = append(f.index.lines, 0)
		for i, c := range f.Data {
			if c == '\n' {
				f.index.lines = append(f.index.lines, i+1)
			}
		}
	})
	return f.index.lines
}

// lineCol is the function of that name, with the index where there is one.
func (f *File) lineCol(offset int) (line, col int) {
	lines := f.lineStarts()
	if lines == nil {
		return lineCol(f.Data, offset)
	}
	offset = min(max(offset, 0), len(f.Data))
	i, found := slices.BinarySearch(lines, offset)
	if !found {
		i--
	}
	return i + 1, 1 + utf8.RuneCount(f.Data[lines[i]:offset])
}

// excerpt returns the lines from..to, 1-based and inclusive.
func (f *File) excerpt(from, to int) []string {
	data, line := f.Data, 1
	if starts := f.lineStarts(); starts != nil && from > 0 {
		if from > len(starts) {
			return nil
		}
		data, line = data[starts[from-1]:], from
	}
	var out []string
	for l := range bytes.Lines(data) {
		if line > to {
			break
		}
		if line >= from {
			out = append(out, strings.TrimRight(string(l), "\r\n"))
		}
		line++
	}
	return out
}

// locate is Locate, with the index where there is one.
func (f *File) locate(pointer string) (start, end int, ok bool) {
	if len(f.Data) < indexFrom {
		return Locate(f.Data, pointer)
	}
	f.containers.Do(func() { f.index.containers = indexContainers(f.Data) })
	for at := pointer; at != ""; at = at[:strings.LastIndexByte(at, '/')] {
		if s, ok := f.index.containers[at]; ok {
			start, end, ok := Locate(f.Data[s.start:s.end], pointer[len(at):])
			return s.start + start, s.start + end, ok
		}
	}
	return Locate(f.Data, pointer)
}

// indexContainers finds the larger containers of a document, up to its first fault.
func indexContainers(data []byte) map[string]span {
	body, skipped := trimBOM(data)
	x := indexer{d: jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true)), skipped: skipped, found: map[string]span{}}
	x.value("", 0)
	return x.found
}

type indexer struct {
	d       *jsontext.Decoder
	skipped int
	found   map[string]span
}

func (x *indexer) value(at string, depth int) bool {
	if depth > MaxDepth {
		return false
	}
	kind := x.d.PeekKind()
	if kind != '{' && kind != '[' {
		return x.d.SkipValue() == nil
	}
	if _, err := x.d.ReadToken(); err != nil {
		return false
	}
	start := int(x.d.InputOffset()) - 1
	for i := 0; x.d.PeekKind() != kind+2; i++ { // '{'+2 is '}', '['+2 is ']'
		name := itoa(i)
		if kind == '{' {
			tok, err := x.d.ReadToken()
			if err != nil {
				return false
			}
			name = tok.String()
		}
		if !x.value(at+"/"+EscapeSegment(name), depth+1) {
			return false
		}
	}
	if _, err := x.d.ReadToken(); err != nil {
		return false
	}
	end := int(x.d.InputOffset())
	// Of a key that stands twice, Locate means the first.
	if _, twice := x.found[at]; end-start >= indexedContainer && !twice {
		x.found[at] = span{start + x.skipped, end + x.skipped}
	}
	return true
}

// wrapped is where the file has what the resource has at pointer: an agent's values stand in it as
// {"inherited": false, "value": v}, and in the resource as v.
func (f *File) wrapped(pointer string) string {
	f.wrapping.Do(func() { f.wraps = bytes.Contains(f.Data, []byte(`"inherited"`)) })
	if !f.wraps {
		return pointer
	}
	at, segs := "", splitPointer(pointer)
	for i, seg := range segs {
		at += Pointer(seg)
		if i+1 < len(segs) && (segs[i+1] == "value" || segs[i+1] == "inherited") {
			continue // the resource keeps the wrapping of what a group gives
		}
		if _, _, ok := f.locate(at + "/inherited"); !ok {
			continue
		}
		if _, _, ok := f.locate(at + "/value"); ok {
			at += "/value"
		}
	}
	return at
}
