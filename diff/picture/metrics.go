package picture

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Widths of ASCII from space to tilde in DejaVu Sans, in hundredths of the font's size. It is the widest face
// that browsers fall back to: what fits in it fits in Helvetica, Arial, Segoe UI, Roboto and San Francisco.
var (
	regularWidths = [95]uint8{
		32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53,
		100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50,
		50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
	}
	boldWidths = [95]uint8{
		35, 46, 52, 84, 70, 100, 87, 31, 46, 46, 52, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40, 84, 84, 84, 58,
		100, 77, 76, 73, 83, 68, 68, 82, 84, 37, 37, 77, 64, 100, 84, 85, 73, 85, 77, 72, 68, 81, 77, 110, 77, 72, 73, 46, 37, 46, 84, 50,
		50, 67, 72, 59, 72, 68, 44, 72, 71, 34, 34, 67, 34, 104, 71, 69, 72, 72, 49, 60, 48, 71, 65, 92, 65, 65, 58, 71, 37, 71, 84,
	}
)

// A font is a size and a weight that pictures use.
type font struct {
	size float64
	bold bool
}

var (
	titleFont   = font{12, true}
	typeFont    = font{10, false}
	kidFont     = font{10.5, false}
	outcomeFont = font{10.5, false}
	headFont    = font{15, true}
	noteFont    = font{11, false}
)

// tame makes untrusted text a line that shows what it holds: control characters and those that change the
// direction of writing, which XML does not allow or which would make one name look like another, become U+FFFD.
func tame(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d', unicode.Is(unicode.Cs, r), unicode.Is(unicode.Co, r), r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
}

// width estimates how wide a text is drawn, in px; from above for all but rare scripts.
func (f font) width(s string) float64 {
	total := 0.0
	for _, r := range s {
		total += f.rune(r)
	}
	return total
}

func (f font) rune(r rune) float64 {
	table := &regularWidths
	if f.bold {
		table = &boldWidths
	}
	switch {
	case r >= ' ' && r <= '~':
		return float64(table[r-' ']) / 100 * f.size
	case unicode.Is(unicode.Mn, r):
		return 0
	case r < 0x2000:
		return f.size * 0.9
	default: // ideographs, symbols, emoji
		return f.size * 1.25
	}
}

// clip cuts a text to a width, with an ellipsis.
func (f font) clip(s string, width float64) string {
	if f.width(s) <= width {
		return s
	}
	room := width - f.rune('…')
	for i, r := range s {
		if room -= f.rune(r); room < 0 {
			return strings.TrimRight(s[:i], " ") + "…"
		}
	}
	return s
}

// wrap breaks a text into at most n lines of a width, the last one clipped. Words longer than a line are cut.
func (f font) wrap(s string, width float64, n int) []string {
	words := strings.Fields(s)
	var lines []string
	line := ""
	for len(words) > 0 {
		if len(lines) == n-1 {
			rest := strings.Join(words, " ")
			if line != "" {
				rest = line + " " + rest
			}
			return append(lines, f.clip(rest, width))
		}
		next := words[0]
		if line != "" {
			next = line + " " + words[0]
		}
		switch {
		case f.width(next) <= width:
			line, words = next, words[1:]
		case line != "":
			lines, line = append(lines, line), ""
		default:
			at := f.fit(words[0], width)
			lines, words[0] = append(lines, words[0][:at]), words[0][at:]
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// fit is how many bytes of a word fit into a width; one character at least.
func (f font) fit(word string, width float64) int {
	room := width
	for i, r := range word {
		if room -= f.rune(r); room < 0 && i > 0 {
			return i
		}
	}
	if _, size := utf8.DecodeRuneInString(word); f.width(word) > width {
		return size
	}
	return len(word)
}

// human makes words of a node type: "IdentityStoreDecisionNode" → "Identity Store Decision".
func human(typ string) string {
	typ = strings.TrimPrefix(strings.TrimSuffix(typ, "Node"), "product-")
	var b strings.Builder
	rs := []rune(typ)
	for i, r := range rs {
		lower := func(j int) bool { return j >= 0 && j < len(rs) && (unicode.IsLower(rs[j]) || unicode.IsDigit(rs[j])) }
		if i > 0 && unicode.IsUpper(r) && (lower(i-1) || lower(i+1) && unicode.IsUpper(rs[i-1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "Ping One", "PingOne")
}
