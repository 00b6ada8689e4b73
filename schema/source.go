package schema

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Pos is a place in a file. The zero Pos means that the place is not known; it is never invented.
type Pos struct {
	File   string // slash-separated, relative to the source's root
	Line   int    // 1-based; 0 when only the file is known
	Column int    // 1-based, in characters
	// EndLine and EndColumn are one past the value's last character; 0 when not known.
	EndLine, EndColumn int
}

// IsZero says whether the place is unknown.
func (p Pos) IsZero() bool { return p.File == "" }

func (p Pos) String() string {
	switch {
	case p.File == "":
		return "-"
	case p.Line == 0:
		return p.File
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// A File is one file's name and content, shared by all that was read from it.
type File struct {
	Name string
	Data []byte
	// LinesBefore counts the lines of the file that come before Data: a record of a JSON Lines file is
	// a File of its own, whose places are still those of the whole file.
	LinesBefore int

	lines, containers, wrapping sync.Once
	index                       fileIndex
	wraps                       bool // some values stand as {"inherited": false, "value": v}
}

// PartKind says what a Part's file holds.
type PartKind int

// The kinds of a part.
const (
	JSONPart  PartKind = iota // the value stands in a JSON file, at Root
	TextPart                  // the whole file is the string's text
	LinesPart                 // a JSON array of lines at Root, joined with newlines, is the string's text
	CodedPart                 // a JSON string at Root that was decoded (base64): only the string's place is known
)

// A Part says: the value at Prefix, and what is below it, stands in this file.
type Part struct {
	Prefix string // JSON pointer into the resource's body
	File   *File
	Kind   PartKind
	Root   string // JSON pointer into the file's document
}

// A Source turns pointers into places. The part with the longest prefix wins.
type Source struct {
	parts []Part
	// Of a stub: called when a place is asked for, which nobody knows; and the resource's view.
	asked func()
	view  string
}

// NewSource makes a Source of parts; the first is the resource's main file.
func NewSource(parts ...Part) *Source { return &Source{parts: slices.Clone(parts)} }

// AddPart adds one part.
func (s *Source) AddPart(p Part) { s.parts = append(s.parts, p) }

// Parts returns the parts, main file first.
func (s *Source) Parts() []Part { return s.parts }

// Files names the files the resource was read from, main file first, each once.
func (s *Source) Files() []string {
	var names []string
	seen := map[string]bool{}
	for _, p := range s.parts {
		if !seen[p.File.Name] {
			seen[p.File.Name] = true
			names = append(names, p.File.Name)
		}
	}
	return names
}

func (s *Source) part(pointer string) (Part, bool) {
	if s.asked != nil {
		s.asked()
	}
	best, found := Part{}, false
	for _, p := range s.parts {
		if pointer == p.Prefix || strings.HasPrefix(pointer, p.Prefix+"/") {
			if !found || len(p.Prefix) > len(best.Prefix) {
				best, found = p, true
			}
		}
	}
	return best, found
}

// At gives the place of the value at pointer. A value that is not in the file (a missing property)
// is placed at its nearest parent that is.
func (s *Source) At(pointer string) Pos {
	if s == nil {
		return Pos{}
	}
	p, ok := s.part(pointer)
	if !ok {
		return Pos{}
	}
	if p.Kind == TextPart {
		return Pos{File: p.File.Name, Line: 1, Column: 1}
	}
	inFile := p.Root
	if p.Kind == JSONPart {
		inFile += strings.TrimPrefix(pointer, p.Prefix)
	}
	return locatePos(p.File, inFile)
}

func locatePos(f *File, pointer string) Pos {
	pointer = f.wrapped(pointer)
	for {
		if start, end, ok := f.locate(pointer); ok {
			return spanPos(f, start, end)
		}
		i := strings.LastIndexByte(pointer, '/')
		if i < 0 {
			return Pos{File: f.Name}
		}
		pointer = pointer[:i]
	}
}

func spanPos(f *File, start, end int) Pos {
	pos := Pos{File: f.Name}
	pos.Line, pos.Column = f.lineCol(start)
	pos.EndLine, pos.EndColumn = f.lineCol(end)
	pos.Line += f.LinesBefore
	pos.EndLine += f.LinesBefore
	return pos
}

// AtText gives the place of a byte offset within the string at pointer: inside the side file when the
// text has one, inside the JSON string's escapes otherwise. Where the text was decoded from base64,
// only the string's own place is known.
func (s *Source) AtText(pointer, text string, start, end int) Pos {
	if s == nil {
		return Pos{}
	}
	p, ok := s.part(pointer)
	if !ok {
		return Pos{}
	}
	switch p.Kind {
	case TextPart:
		// Readers may have taken a byte order mark away or changed line ends; then offsets don't fit.
		if string(p.File.Data) == text {
			return spanPos(p.File, start, end)
		}
		line, col := lineCol([]byte(text), start)
		endLine, endCol := lineCol([]byte(text), end)
		return Pos{p.File.Name, line, col, endLine, endCol}
	case LinesPart:
		line := strings.Count(text[:start], "\n")
		from := strings.LastIndexByte(text[:start], '\n') + 1
		return inString(p.File, fmt.Sprintf("%s/%d", p.Root, line), start-from, end-from)
	case CodedPart:
		return locatePos(p.File, p.Root)
	default:
		return inString(p.File, p.Root+strings.TrimPrefix(pointer, p.Prefix), start, end)
	}
}

// inString maps offsets in a decoded string back into the JSON string's raw text.
func inString(f *File, pointer string, start, end int) Pos {
	from, to, ok := f.locate(f.wrapped(pointer))
	if !ok || f.Data[from] != '"' {
		return locatePos(f, pointer)
	}
	raw := f.Data[from:to]
	return spanPos(f, from+rawOffset(raw, start), from+rawOffset(raw, end))
}

// rawOffset walks a JSON string's raw text (quotes included) until n bytes of the decoded string have
// passed.
func rawOffset(raw []byte, n int) int {
	i := 1
	for n > 0 && i < len(raw)-1 {
		if raw[i] != '\\' {
			i, n = i+1, n-1
			continue
		}
		if raw[i+1] != 'u' {
			i, n = i+2, n-1
			continue
		}
		var r rune
		fmt.Sscanf(string(raw[i+2:min(i+6, len(raw))]), "%04x", &r)
		size := 6
		if r >= 0xd800 && r < 0xdc00 && bytes.HasPrefix(raw[i+6:], []byte(`\u`)) {
			size, n = 12, n-4
		} else {
			n -= len(string(r))
		}
		i += size
	}
	return min(i, len(raw)-1)
}

// Excerpt returns the lines from..to (1-based, inclusive) of a file the resource was read from.
func (s *Source) Excerpt(file string, from, to int) []string {
	if s == nil {
		return nil
	}
	for _, p := range s.parts {
		if p.File.Name != file || from <= p.File.LinesBefore {
			continue
		}
		if lines := p.File.excerpt(from-p.File.LinesBefore, to-p.File.LinesBefore); lines != nil {
			return lines
		}
	}
	return nil
}

// Below returns a Source for the part of the document at pointer, as a document of its own. A nil
// Source stays nil.
func (s *Source) Below(pointer string) *Source {
	if s == nil {
		return nil
	}
	out := &Source{}
	exact := slices.ContainsFunc(s.parts, func(p Part) bool { return p.Prefix == pointer })
	for _, p := range s.parts {
		switch rest, below := strings.CutPrefix(p.Prefix, pointer+"/"); {
		case below:
			p.Prefix = "/" + rest
		case p.Prefix == pointer:
			p.Prefix = ""
		case exact: // the value stands in a file of its own
			continue
		case p.Kind == JSONPart && (p.Prefix == "" || strings.HasPrefix(pointer, p.Prefix+"/")):
			p.Root += strings.TrimPrefix(pointer, p.Prefix)
			p.Prefix = ""
		default:
			continue
		}
		out.parts = append(out.parts, p)
	}
	return out
}

// Coded returns a Source that knows the string at pointer was decoded. A nil Source stays nil.
func (s *Source) Coded(pointer string) *Source {
	if s == nil {
		return nil
	}
	p, ok := s.part(pointer)
	if !ok || p.Kind != JSONPart {
		return s
	}
	out := NewSource(s.parts...)
	out.AddPart(Part{Prefix: pointer, File: p.File, Kind: CodedPart, Root: p.Root + strings.TrimPrefix(pointer, p.Prefix)})
	return out
}
