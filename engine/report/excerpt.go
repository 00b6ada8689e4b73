package report

import (
	"fmt"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	tabWidth      = 4
	plainWidth    = 120 // of excerpts where there is no terminal
	narrowest     = 20
	gutterAtLeast = 3
)

// A cell is one character of a source line as it is shown.
type cell struct {
	text string
	w    int
}

// cells turns a source line into what is shown for each of its characters: tabs become spaces, control
// characters their names, so that columns of the source are indexes here.
func cells(line string) []cell {
	var out []cell
	at, hashes := 0, 0
	for _, r := range line {
		c := cell{string(r), runeWidth(r)}
		switch {
		case r == '\t':
			c.w = tabWidth - at%tabWidth
			c.text = strings.Repeat(" ", c.w)
		case hazard(r):
			c.text = fmt.Sprintf("<U+%04X>", r)
			c.w = len(c.text)
		case hashes > 1 && (r == 'v' || r == 'V'): // as in noCommand
			c.text, c.w = " "+c.text, 2
		}
		switch {
		case r == '#':
			hashes++
		case r != '\u200c' && r != '\u200d':
			hashes = 0
		}
		at += c.w
		out = append(out, c)
	}
	return out
}

func cellsWidth(cs []cell) int {
	n := 0
	for _, c := range cs {
		n += c.w
	}
	return n
}

func cellsText(cs []cell) string {
	var b strings.Builder
	for _, c := range cs {
		b.WriteString(c.text)
	}
	return b.String()
}

// excerpt writes the lines around the place, and a line of carets under the value.
func (p *printer) excerpt(d schema.Diagnostic) {
	if len(d.Excerpt) == 0 || d.ExcerptLine < 1 {
		return
	}
	digits := max(gutterAtLeast, len(fmt.Sprint(d.ExcerptLine+len(d.Excerpt)-1)))
	columns := p.o.Width
	if columns <= 0 {
		columns = plainWidth
	}
	room := max(columns-digits-len("   | "), narrowest)
	for i, l := range d.Excerpt {
		n := d.ExcerptLine + i
		cs := cells(l)
		gutter := fmt.Sprintf("  %*d | ", digits, n)
		if n != d.Pos.Line || d.Pos.Column < 1 {
			p.line(p.o.Style.dim(gutter), cellsText(clipCells(cs, room)))
			continue
		}
		from, to := span(d, n, len(cs))
		shown, before, under := window(cs, from, to, room)
		p.line(p.o.Style.dim(gutter), shown)
		p.line(p.o.Style.dim(fmt.Sprintf("  %*s | ", digits, "")), strings.Repeat(" ", before), p.o.Style.red(strings.Repeat("^", max(under, 1))))
	}
}

// span gives the part of line n, of that many characters, that the value takes.
func span(d schema.Diagnostic, n, length int) (from, to int) {
	from = min(d.Pos.Column-1, length)
	to = from + 1
	switch {
	case d.Pos.EndLine == n && d.Pos.EndColumn > d.Pos.Column:
		to = d.Pos.EndColumn - 1
	case d.Pos.EndLine > n:
		to = length
	}
	return from, max(min(to, length), from)
}

// clipCells cuts what goes beyond the room, with a mark in its place.
func clipCells(cs []cell, room int) []cell {
	if cellsWidth(cs) <= room {
		return cs
	}
	at := 0
	for i, c := range cs {
		if at+c.w > room-1 {
			return append(append([]cell{}, cs[:i]...), cell{"…", 1})
		}
		at += c.w
	}
	return cs
}

// window chooses the part of a line to show so that the value at from..to is in it: the text, the
// columns before the value, and the columns under it.
func window(cs []cell, from, to, room int) (text string, before, under int) {
	start := 0
	if cellsWidth(cs) > room && cellsWidth(cs[:to]) > room-1 {
		// A third of the room is for what stands before the value.
		for start = from; start > 0 && cellsWidth(cs[start-1:from]) <= room/3; {
			start--
		}
	}
	var lead []cell
	if start > 0 {
		lead, room = []cell{{"…", 1}}, room-1
	}
	body := clipCells(cs[start:], room)
	before = cellsWidth(lead) + cellsWidth(cs[start:from])
	under = min(cellsWidth(cs[from:to]), max(cellsWidth(body)-cellsWidth(cs[start:from]), 1))
	return cellsText(append(lead, body...)), before, under
}
