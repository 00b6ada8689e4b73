package placeholders

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The lexer below knows just enough of JavaScript, and of Groovy where it
// differs, to tell code from strings, comments and regular expressions. It takes
// anything: what it cannot make sense of becomes a punctuation token, and a
// string that is not closed ends with its line.

type tokenKind int

const (
	tokPunct tokenKind = iota
	tokWord            // identifier, keyword or number
	tokString
	tokTemplate // with ${...} in it; its code is a stream of its own
	tokRegex
)

type token struct {
	kind       tokenKind
	start, end int
	text       string // word or punctuation as written; a string's value
}

func (t token) is(punct string) bool { return t.kind == tokPunct && t.text == punct }

// regexWords are those after which a slash begins a regular expression.
const regexWords = " return typeof case in of delete void throw new else do instanceof yield await "

// headWords are those whose closing parenthesis is followed by a statement.
const headWords = " if while for with "

type lexer struct {
	src     string
	streams [][]token
	// noRegex is the end of a line in which a slash was found to begin no
	// regular expression. The rest of that line is not tried again, or a long
	// one full of slashes would take quadratic time.
	noRegex int
}

// tokenize gives the code of src as streams of tokens: one for the script, and
// one for every ${...} in a template literal.
func tokenize(src string) [][]token {
	l := &lexer{src: src}
	l.code(0, false, 0)
	return l.streams
}

// code lexes from i to the end, or, inside a template, to the brace that closes
// it. It returns the offset after that.
func (l *lexer) code(i int, inTemplate bool, level int) int {
	var toks []token
	var heads []bool // per open parenthesis: does it belong to an if, while, …
	headClosed := false
	braces := 0
	if i == 0 && strings.HasPrefix(l.src, "#!") {
		i = l.lineEnd(0)
	}
	for i < len(l.src) {
		if j := l.skip(i); j > i {
			i = j
			continue
		}
		c := l.src[i]
		if inTemplate && c == '}' && braces == 0 {
			i++
			break
		}
		t := l.next(i, toks, headClosed, level)
		headClosed = false
		switch {
		case t.is("("):
			heads = append(heads, len(toks) > 0 && isOneOf(toks[len(toks)-1], headWords))
		case t.is(")") && len(heads) > 0:
			headClosed = heads[len(heads)-1]
			heads = heads[:len(heads)-1]
		case t.is("{"):
			braces++
		case t.is("}"):
			braces--
		}
		toks = append(toks, t)
		i = t.end
	}
	l.streams = append(l.streams, toks)
	return i
}

// skip returns the offset after the white space or comment at i.
func (l *lexer) skip(i int) int {
	switch rest := l.src[i:]; {
	case strings.HasPrefix(rest, "//"):
		return l.lineEnd(i)
	case strings.HasPrefix(rest, "/*"):
		if n := strings.Index(rest[2:], "*/"); n >= 0 {
			return i + 2 + n + 2
		}
		return len(l.src)
	case strings.IndexByte(" \t\r\n\v\f", rest[0]) >= 0:
		return i + 1
	case strings.HasPrefix(rest, "\ufeff"), strings.HasPrefix(rest, "\u2028"), strings.HasPrefix(rest, "\u2029"):
		return i + 3
	case strings.HasPrefix(rest, "\u00a0"):
		return i + 2
	}
	return i
}

func (l *lexer) lineEnd(i int) int {
	if n := strings.IndexAny(l.src[i:], "\r\n\u2028\u2029"); n >= 0 {
		return i + n
	}
	return len(l.src)
}

// next reads the token at i, which is neither white space nor comment.
func (l *lexer) next(i int, before []token, headClosed bool, level int) token {
	c := l.src[i]
	switch {
	case c == '"' || c == '\'':
		return l.str(i)
	case c == '`':
		return l.template(i, level)
	case isWordByte(c):
		j := i + 1
		for j < len(l.src) && isWordByte(l.src[j]) {
			j++
		}
		return token{tokWord, i, j, l.src[i:j]}
	case c == '/' && (headClosed || regexMayFollow(before)):
		if end := l.regexEnd(i); end > 0 {
			return token{tokRegex, i, end, ""}
		}
	case strings.HasPrefix(l.src[i:], "?."):
		return token{tokPunct, i, i + 2, "?."}
	}
	return token{tokPunct, i, i + 1, l.src[i : i+1]}
}

func regexMayFollow(before []token) bool {
	if len(before) == 0 {
		return true
	}
	switch t := before[len(before)-1]; t.kind {
	case tokPunct:
		return t.text != ")" && t.text != "]"
	case tokWord:
		return isOneOf(t, regexWords)
	}
	return false
}

func isOneOf(t token, words string) bool {
	return t.kind == tokWord && strings.Contains(words, " "+t.text+" ")
}

// regexEnd returns the offset after the regular expression at i, or 0 if the
// line ends before it does, in which case the slash was a division.
func (l *lexer) regexEnd(i int) int {
	if i < l.noRegex {
		return 0
	}
	inClass := false
	j := i + 1
	for ; j < len(l.src) && l.src[j] != '\n' && l.src[j] != '\r'; j++ {
		switch l.src[j] {
		case '\\':
			if j+1 < len(l.src) && l.src[j+1] != '\n' && l.src[j+1] != '\r' {
				j++
			}
		case '[':
			inClass = true
		case ']':
			inClass = false
		case '/':
			if inClass {
				continue
			}
			for j++; j < len(l.src) && isWordByte(l.src[j]); j++ {
			}
			return j
		}
	}
	l.noRegex = j
	return 0
}

// str reads the string at i. Three quotes are Groovy's, in JavaScript they are
// never valid, but only if three more follow.
func (l *lexer) str(i int) token {
	quote := l.src[i]
	if triple := strings.Repeat(string(quote), 3); strings.HasPrefix(l.src[i:], triple) {
		if n := strings.Index(l.src[i+3:], triple); n >= 0 {
			return token{tokString, i, i + 3 + n + 3, unescapeJS(l.src[i+3 : i+3+n])}
		}
	}
	for j := i + 1; j < len(l.src); j++ {
		switch l.src[j] {
		case '\\':
			if strings.HasPrefix(l.src[j+1:], "\r\n") {
				j++
			}
			j++
		case quote:
			return token{tokString, i, j + 1, unescapeJS(l.src[i+1 : j])}
		case '\n', '\r':
			return token{tokString, i, j, unescapeJS(l.src[i+1 : j])}
		}
	}
	return token{tokString, i, len(l.src), unescapeJS(l.src[i+1:])}
}

// template reads the template literal at i. Without ${...} it is a string.
func (l *lexer) template(i, level int) token {
	kind := tokString
	j := i + 1
	for j < len(l.src) {
		switch {
		case l.src[j] == '\\':
			j += 2
		case l.src[j] == '`':
			return token{kind, i, j + 1, unescapeJS(l.src[i+1 : j])}
		case strings.HasPrefix(l.src[j:], "${"):
			kind = tokTemplate
			j += 2
			if level < maxNesting { // deeper is no script anyone wrote
				j = l.code(j, true, level+1)
			}
		default:
			j++
		}
	}
	return token{kind, i, len(l.src), unescapeJS(l.src[i+1:])}
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '_' || c == '$' || c >= utf8.RuneSelf
}

// unescapeJS gives the value of a string's source text.
func unescapeJS(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		i += unescapeOne(&b, s[i:])
	}
	return b.String()
}

// unescapeOne writes the value of the escape that s begins with and returns its
// length.
func unescapeOne(b *strings.Builder, s string) int {
	const letters, values = "nrtbfv0", "\n\r\t\b\f\v\x00"
	if n := strings.IndexByte(letters, s[1]); n >= 0 {
		b.WriteByte(values[n])
		return 2
	}
	digits, n := "", 0
	switch {
	case strings.HasPrefix(s, "\\\r\n"): // the string goes on in the next line
		return 3
	case s[1] == '\n' || s[1] == '\r':
		return 2
	case s[1] == 'x' && len(s) >= 4:
		digits, n = s[2:4], 4
	case strings.HasPrefix(s, `\u{`):
		if end := strings.IndexByte(s, '}'); end > 0 {
			digits, n = s[3:end], end+1
		}
	case s[1] == 'u' && len(s) >= 6:
		digits, n = s[2:6], 6
	}
	if r, err := strconv.ParseUint(digits, 16, 32); err == nil && r <= utf8.MaxRune {
		b.WriteRune(rune(r))
		return n
	}
	b.WriteByte(s[1])
	return 2
}
