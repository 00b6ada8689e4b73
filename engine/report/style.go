package report

import (
	"fmt"
	"strings"
	"unicode"
)

// A Style says whether text is coloured. The zero Style is plain. Colour only repeats what the words
// and signs say.
type Style struct{ colour bool }

// Coloured is the style with ANSI colours.
func Coloured() Style { return Style{true} }

func (s Style) sgr(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) bold(t string) string   { return s.sgr("1", t) }
func (s Style) dim(t string) string    { return s.sgr("2", t) }
func (s Style) red(t string) string    { return s.sgr("31", t) }
func (s Style) green(t string) string  { return s.sgr("32", t) }
func (s Style) yellow(t string) string { return s.sgr("33", t) }
func (s Style) cyan(t string) string   { return s.sgr("36", t) }

// clean makes untrusted text fit for one line of a terminal: control characters could rewrite the
// screen, and bidirectional controls could make code look like other code, so both are shown by name.
func clean(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0 {
		return noCommand(s)
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t' || r == '\n':
			b.WriteByte(' ')
		case r == '\r':
		case hazard(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
	}
	return noCommand(b.String())
}

// noCommand takes its force from a logging command of Azure Pipelines: its agent carries out ##vso[…] wherever in a line
// of the log it stands, and a journey may be called so.
func noCommand(s string) string {
	if !strings.Contains(s, "##") {
		return s
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "##")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		b.WriteString("##")
		for strings.HasPrefix(after, "#") {
			b.WriteByte('#')
			after = after[1:]
		}
		if rest := strings.TrimLeft(after, "\u200c\u200d"); rest != "" && (rest[0] == 'v' || rest[0] == 'V') {
			b.WriteByte(' ')
		}
		s = after
	}
}

// hazard says whether a character has no business in shown text.
func hazard(r rune) bool {
	switch {
	case r == '\u200c' || r == '\u200d': // joiners: scripts of languages and emoji need them
		return false
	case r == '\u2028' || r == '\u2029', unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
		return true
	}
	return false
}

// width is how many columns a terminal gives the text.
func width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// wide are the ranges of characters that take two columns (Unicode TR 11: W and F, roughly).
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x231a, Hi: 0x231b, Stride: 1}, {Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0x33ff, Stride: 1}, {Lo: 0x3400, Hi: 0x4dbf, Stride: 1}, {Lo: 0x4e00, Hi: 0x9fff, Stride: 1},
		{Lo: 0xa000, Hi: 0xa4cf, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, {Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1}, {Lo: 0xff00, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1}, {Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me) || r == '\u200c' || r == '\u200d':
		return 0
	case unicode.Is(wide, r):
		return 2
	default:
		return 1
	}
}

// pad fills up with spaces to n columns; a text that is longer gets two.
func pad(s string, n int) string {
	have := width(s)
	if have > n-2 {
		return s + "  "
	}
	return s + strings.Repeat(" ", n-have)
}

// wrap breaks text between words into lines of at most n columns; the lines after the first are
// indented. A word that is longer stays whole: it may be a path. n = 0 breaks nothing.
func wrap(text, indent string, n int) string {
	if n <= 0 || width(text) <= n {
		return text
	}
	var b strings.Builder
	at := 0
	for i, word := range strings.Split(text, " ") {
		w := width(word)
		switch {
		case i == 0:
		case at+1+w > n:
			b.WriteString("\n" + indent)
			at = width(indent)
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += w
	}
	return b.String()
}

// Wrap is wrap for those who write other lines than reports.
func Wrap(text, indent string, n int) string { return wrap(text, indent, n) }

// number writes n with commas between the thousands.
func number(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count says "1 error", "2 errors"; many is the plural.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}
