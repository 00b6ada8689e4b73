package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A Severity ranks findings. The zero value is Off.
type Severity int

// The severities, mildest first.
const (
	Off Severity = iota
	Info
	Warning
	Error
)

var severityNames = [...]string{"off", "info", "warning", "error"}

func (s Severity) String() string { return severityNames[s] }

// MarshalJSON writes the severity's name.
func (s Severity) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads the severity's name.
func (s *Severity) UnmarshalJSON(b []byte) error {
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		return err
	}
	v, err := ParseSeverity(name)
	*s = v
	return err
}

// ParseSeverity reads error, warning, info or off.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), nil
		}
	}
	return Off, fmt.Errorf("severity %q is not one of error, warning, info, off", name)
}

// A Diagnostic is one finding about one value.
type Diagnostic struct {
	Code     string // stable; explained by `lockstep explain`
	Severity Severity
	Key      Key    // zero when the finding is about a file, not a resource
	Name     string // what people call the resource, when it is not the id
	Pointer  string // into the resource's body
	Pos      Pos    // zero when the place is not known; never invented
	Message  string // one sentence, no full stop
	Hint     string // the way out; may have several lines
	Related  []Related
	// Excerpt holds the lines around Pos, the first of which is line ExcerptLine. Rules about secrets
	// leave it empty.
	Excerpt     []string
	ExcerptLine int

	slip string // the pointer of the member that another nearly is, until shape.merge has looked at it
}

// Related is another place that a finding speaks of.
type Related struct {
	Pos  Pos
	Text string // what stands there, for people; may be empty
}

// relate adds another place that the finding speaks of, if it is known.
func (d *Diagnostic) relate(at Pos, text string) {
	if !at.IsZero() {
		d.Related = append(d.Related, Related{Pos: at, Text: text})
	}
}

// movingPlace is the place within a script that some messages name.
var movingPlace = lazily(` \(line \d+, column \d+ of the script\)`)

// StableMessage is the message without what changes when lines move: what tells two findings apart.
func (d Diagnostic) StableMessage() string { return movingPlace().ReplaceAllString(d.Message, "") }

// Diagnostics are findings, in the order of Sort.
type Diagnostics []Diagnostic

// Sort orders by file, line, column, key, code and message, so that the same input gives the same bytes.
func (ds Diagnostics) Sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(
			strings.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column),
			a.Key.Compare(b.Key), strings.Compare(a.Pointer, b.Pointer), strings.Compare(a.Code, b.Code), strings.Compare(a.Message, b.Message))
	})
}

// Count counts the findings of one severity.
func (ds Diagnostics) Count(s Severity) int {
	n := 0
	for _, d := range ds {
		if d.Severity == s {
			n++
		}
	}
	return n
}

// AtLeast returns the findings of that severity and above.
func (ds Diagnostics) AtLeast(s Severity) Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		if d.Severity >= s {
			out = append(out, d)
		}
	}
	return out
}

// WithSeverities applies the user's choice of severities per code, and drops what is off.
func (ds Diagnostics) WithSeverities(rules map[string]Severity) Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		if s, ok := rules[d.Code]; ok {
			d.Severity = s
		}
		if d.Severity != Off {
			out = append(out, d)
		}
	}
	return out
}

// New returns the findings that base does not have. Two findings are the same when code, resource,
// pointer and message are: one that only moved to another line is not new.
func (ds Diagnostics) New(base Diagnostics) Diagnostics {
	type id struct {
		code, pointer, message string
		key                    Key
		file                   string
	}
	ident := func(d Diagnostic) id {
		i := id{d.Code, d.Pointer, d.StableMessage(), d.Key, ""}
		if d.Key == (Key{}) {
			i.file = d.Pos.File
		}
		return i
	}
	had := map[id]int{}
	for _, d := range base {
		had[ident(d)]++
	}
	var out Diagnostics
	for _, d := range ds {
		if had[ident(d)] > 0 {
			had[ident(d)]--
			continue
		}
		out = append(out, d)
	}
	return out
}
