package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A predicate decides whether an object belongs into an answer.
type predicate func(object) bool

// parseFilter reads the query filters that were seen on the wire: true, false,
// eq, sw, co, ew, gt, ge, lt, le, pr, and, or, !, brackets; strings in single or
// double quotes. With patterns, the string after eq is a regular expression, as
// it is for policy sets and resource types.
func parseFilter(text string, patterns bool) (predicate, error) {
	p := &filterParser{text: text, patterns: patterns}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.token(); t != "" {
		return nil, fmt.Errorf("unexpected %q", t)
	}
	return f, nil
}

type filterParser struct {
	text     string
	at       int
	patterns bool
}

// peek gives the next token without taking it; "" at the end.
func (p *filterParser) peek() string {
	at := p.at
	t := p.token()
	p.at = at
	return t
}

func (p *filterParser) token() string {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	if p.at == len(p.text) {
		return ""
	}
	start := p.at
	switch c := p.text[p.at]; c {
	case '(', ')', '!':
		p.at++
		return p.text[start:p.at]
	case '\'', '"':
		p.at++
		for p.at < len(p.text) && p.text[p.at] != c {
			if p.text[p.at] == '\\' {
				p.at++
			}
			p.at++
		}
		p.at = min(p.at+1, len(p.text))
		return p.text[start:p.at]
	}
	for p.at < len(p.text) && !strings.ContainsRune(" ()", rune(p.text[p.at])) {
		p.at++
	}
	return p.text[start:p.at]
}

func (p *filterParser) or() (predicate, error) {
	f, err := p.and()
	for err == nil && strings.EqualFold(p.peek(), "or") {
		p.token()
		var g predicate
		if g, err = p.and(); err == nil {
			a := f
			f = func(o object) bool { return a(o) || g(o) }
		}
	}
	return f, err
}

func (p *filterParser) and() (predicate, error) {
	f, err := p.not()
	for err == nil && strings.EqualFold(p.peek(), "and") {
		p.token()
		var g predicate
		if g, err = p.not(); err == nil {
			a := f
			f = func(o object) bool { return a(o) && g(o) }
		}
	}
	return f, err
}

func (p *filterParser) not() (predicate, error) {
	switch p.peek() {
	case "!":
		p.token()
		f, err := p.not()
		if err != nil {
			return nil, err
		}
		return func(o object) bool { return !f(o) }, nil
	case "(":
		p.token()
		f, err := p.or()
		if err != nil {
			return nil, err
		}
		if p.token() != ")" {
			return nil, errors.New("missing )")
		}
		return f, nil
	}
	return p.compare()
}

func (p *filterParser) compare() (predicate, error) {
	field := p.token()
	switch field {
	case "":
		return nil, errors.New("unexpected end")
	case "true":
		return func(object) bool { return true }, nil
	case "false":
		return func(object) bool { return false }, nil
	}
	op := strings.ToLower(p.token())
	if op == "pr" {
		return func(o object) bool { v := lookup(o, field); return v != nil }, nil
	}
	if !slices.Contains([]string{"eq", "sw", "co", "ew", "gt", "ge", "lt", "le"}, op) {
		return nil, fmt.Errorf("unknown operator %q", op)
	}
	literal := p.token()
	if literal == "" {
		return nil, errors.New("missing value")
	}
	want, isText := unquote(literal)
	if p.patterns && op == "eq" && isText {
		match, err := pattern(want)
		if err != nil {
			return nil, err
		}
		return func(o object) bool { return match(text(lookup(o, field))) }, nil
	}
	return func(o object) bool { return holds(lookup(o, field), op, want) }, nil
}

func unquote(literal string) (string, bool) {
	q := literal[0]
	if q != '\'' && q != '"' || len(literal) < 2 || literal[len(literal)-1] != q {
		return literal, false
	}
	return strings.NewReplacer(`\\`, `\`, `\'`, `'`, `\"`, `"`).Replace(literal[1 : len(literal)-1]), true
}

// lookup follows a field such as name, /name or privileges/path.
func lookup(o object, field string) any {
	var v any = o
	for name := range strings.SplitSeq(strings.Trim(field, "/"), "/") {
		v = obj(v)[name]
	}
	return v
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	return ""
}

func holds(v any, op, want string) bool {
	if l, ok := v.([]any); ok {
		return slices.ContainsFunc(l, func(e any) bool { return holds(e, op, want) })
	}
	if v == nil {
		return false
	}
	have := text(v)
	switch op {
	case "eq":
		return have == want
	case "sw":
		return strings.HasPrefix(have, want)
	case "ew":
		return strings.HasSuffix(have, want)
	case "co":
		return strings.Contains(have, want)
	}
	c := strings.Compare(have, want)
	if n, ok := v.(json.Number); ok {
		a, errA := n.Float64()
		b, errB := strconv.ParseFloat(want, 64)
		if errA == nil && errB == nil {
			c = int(max(-1, min(1, (a-b)*1e9)))
		}
	}
	switch op {
	case "gt":
		return c > 0
	case "ge":
		return c >= 0
	case "lt":
		return c < 0
	}
	return c <= 0
}

// pattern compiles the expressions AM's policy lists get. Go has no lookahead, and
// the one form that occurs stands at the start: ^(?!name$).*
func pattern(expr string) (func(string) bool, error) {
	var not []*regexp.Regexp
	rest := strings.TrimPrefix(expr, "^")
	for strings.HasPrefix(rest, "(?!") {
		depth, end := 1, 3
		for end < len(rest) && depth > 0 {
			switch rest[end] {
			case '(':
				depth++
			case ')':
				depth--
			}
			end++
		}
		if depth > 0 {
			return nil, errors.New("missing ) in pattern")
		}
		re, err := regexp.Compile("^(?:" + rest[3:end-1] + ")")
		if err != nil {
			return nil, err
		}
		not = append(not, re)
		rest = rest[end:]
	}
	re, err := regexp.Compile("^(?:" + rest + ")$")
	if err != nil {
		return nil, err
	}
	return func(s string) bool {
		return re.MatchString(s) && !slices.ContainsFunc(not, func(n *regexp.Regexp) bool { return n.MatchString(s) })
	}, nil
}
