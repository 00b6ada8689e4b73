package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A reader walks a YAML document strictly: every fault becomes a finding with a place.
type reader struct {
	file  string
	lines []string
	env   Lookup // nil where ${NAME} means nothing
	diags schema.Diagnostics
	// soft takes the findings about values that come out of the environment, so that they are told only
	// when the values are needed. Nil means that they are always needed.
	soft *schema.Diagnostics
	// leaked is set when the file holds a secret: then no finding shows a line of it.
	leaked bool
}

// readYAML reads a document's top node; nil when there is none.
func readYAML(file string, data []byte, env Lookup) (*reader, *yaml.Node) {
	r := &reader{file: file, env: env}
	for l := range bytes.Lines(data) {
		r.lines = append(r.lines, strings.TrimRight(string(l), "\r\n"))
	}
	if !utf8.Valid(data) {
		r.diags = append(r.diags, schema.Diagnostic{Code: Code, Severity: schema.Error, Pos: schema.Pos{File: file}, Message: "the file is not UTF-8 text"})
		return r, nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return r, nil
	} else if err != nil {
		r.syntax(err)
		return r, nil
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		r.fail(&second, "the file holds a second document", "")
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return r, nil
	}
	if top := doc.Content[0]; top.Tag != "!!null" {
		return r, top
	}
	return r, nil
}

// syntax reports what the YAML parser could not read. Its line numbers are now and then one off (some
// errors count from 0), so the message says "near" and no place is claimed.
func (r *reader) syntax(err error) {
	msg := strings.TrimPrefix(strings.SplitN(err.Error(), "\n", 2)[0], "yaml: ")
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		line, what, _ := strings.Cut(rest, ": ")
		msg = what + ", near line " + line
	}
	r.diags = append(r.diags, schema.Diagnostic{Code: Code, Severity: schema.Error, Pos: schema.Pos{File: r.file}, Message: "not YAML: " + msg})
}

// pos gives a node's place; the end only where it can be told for certain.
func (r *reader) pos(n *yaml.Node) schema.Pos {
	p := schema.Pos{File: r.file, Line: n.Line, Column: n.Column}
	if n.Kind != yaml.ScalarNode || n.Line < 1 || n.Line > len(r.lines) || n.Value == "" {
		return p
	}
	line := []rune(r.lines[n.Line-1])
	if n.Column < 1 || n.Column > len(line) {
		return p
	}
	rest := string(line[n.Column-1:])
	for _, quote := range []string{"", `"`, "'"} {
		if text := quote + n.Value + quote; strings.HasPrefix(rest, text) {
			p.EndLine, p.EndColumn = n.Line, n.Column+utf8.RuneCountInString(text)
			break
		}
	}
	return p
}

func (r *reader) diagnostic(n *yaml.Node, message, hint string) schema.Diagnostic {
	d := schema.Diagnostic{Code: Code, Severity: schema.Error, Pos: r.pos(n), Message: message, Hint: hint}
	if n.Line >= 1 && n.Line <= len(r.lines) {
		from := max(1, n.Line-2)
		d.Excerpt, d.ExcerptLine = slices.Clone(r.lines[from-1:n.Line]), from
	}
	return d
}

func (r *reader) fail(n *yaml.Node, message, hint string) {
	d := r.diagnostic(n, message, hint)
	if r.soft != nil && r.fromEnv(n) {
		*r.soft = append(*r.soft, d)
		return
	}
	r.diags = append(r.diags, d)
}

// fromEnv says whether the value is made of variables; then it is not the file that is wrong.
func (r *reader) fromEnv(n *yaml.Node) bool {
	return r.env != nil && n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${")
}

// leak reports a secret that stands in the file.
func (r *reader) leak(n *yaml.Node, message, hint string) {
	r.leaked = true
	r.diags = append(r.diags, r.diagnostic(n, message, hint))
}

// findings gives what was found. No line of a file that holds a secret is shown.
func (r *reader) findings() schema.Diagnostics {
	if r.leaked {
		hideExcerpts(r.diags)
	}
	return r.diags
}

func hideExcerpts(ds schema.Diagnostics) {
	for i := range ds {
		ds[i].Excerpt, ds[i].ExcerptLine = nil, 0
	}
}

// plain refuses what the small files have no use for.
func (r *reader) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		r.fail(n, "YAML aliases are not read here", "Write the value out")
	case n.Anchor != "":
		r.fail(n, "YAML anchors are not read here", "Write the value out where it is needed")
	case n.Tag == "!!merge":
		r.fail(n, "YAML merge keys are not read here", "Write the keys out")
	default:
		return true
	}
	return false
}

// mapping calls f for each member, in the file's order, the key checked: a scalar that stands once.
func (r *reader) mapping(n *yaml.Node, what string, f func(key, value *yaml.Node)) {
	if !r.plain(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, what+" must be a mapping, not "+kindName(n), "")
		return
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !r.plain(key) {
			continue
		}
		if key.Kind != yaml.ScalarNode {
			r.fail(key, "a key must be a word", "")
			continue
		}
		if old, ok := first[key.Value]; ok {
			d := r.diagnostic(key, fmt.Sprintf("the key %q stands twice", key.Value), "")
			d.Related = []schema.Related{{Pos: r.pos(old), Text: "the first one"}}
			r.diags = append(r.diags, d)
			continue
		}
		first[key.Value] = key
		f(key, value)
	}
}

// object reads a mapping with a closed set of keys.
func (r *reader) object(n *yaml.Node, what string, fields map[string]func(*yaml.Node)) {
	r.mapping(n, what, func(key, value *yaml.Node) {
		read, ok := fields[key.Value]
		if !ok {
			r.unknown(key, "unknown key", schema.SortedKeys(fields))
			return
		}
		if r.plain(value) {
			read(value)
		}
	})
}

func (r *reader) unknown(n *yaml.Node, what string, known []string) {
	hint := "Known: " + strings.Join(known, ", ")
	if near := schema.Suggest(n.Value, known); near != "" {
		hint = fmt.Sprintf("Did you mean %q?", near)
	}
	r.fail(n, fmt.Sprintf("%s %q", what, n.Value), hint)
}

func (r *reader) list(n *yaml.Node, what string, f func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, what+" must be a list, not "+kindName(n), "")
		return
	}
	for _, e := range n.Content {
		if r.plain(e) {
			f(e)
		}
	}
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	default:
		return "text"
	}
}

// text reads a string, its variables expanded.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!timestamp" {
		hint := ""
		if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
			hint = "Put it in quotes"
		}
		r.fail(n, what+" must be text, not "+kindName(n), hint)
		return "", false
	}
	s, err := r.expand(n.Value)
	if err != nil {
		r.fail(n, err.Error(), "")
		return "", false
	}
	if strings.TrimSpace(s) == "" {
		r.fail(n, what+" is empty", "Leave the key out instead")
		return "", false
	}
	return s, true
}

// duration reads a time with its unit, such as 90s or 2m.
func (r *reader) duration(n *yaml.Node, what string, lo, hi time.Duration) time.Duration {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < lo || d > hi {
		r.fail(n, fmt.Sprintf("%s must be a time from %s to %s", what, lo, hi), "Write it with its unit: 90s, 2m")
		return 0
	}
	return d
}

// choice reads one of a few words.
func (r *reader) choice(n *yaml.Node, what string, known []string) string {
	s, ok := r.text(n, what)
	if !ok || slices.Contains(known, s) {
		return s
	}
	one := "one of " + strings.Join(known, ", ")
	if len(known) > longList {
		one = fmt.Sprintf("one of %d: lockstep %ss lists them", len(known), what)
	}
	hint := strings.ToUpper(one[:1]) + one[1:]
	if near := schema.Suggest(s, known); near != "" {
		hint = fmt.Sprintf("Did you mean %q? It is %s", near, one)
	}
	r.fail(n, fmt.Sprintf("%s %q is not known", what, s), hint)
	return ""
}

// longList is how many names stand in a hint at most.
const longList = 20

// number reads a number within bounds; whole says that it has no fraction.
func (r *reader) number(n *yaml.Node, what string, lo, hi float64, whole bool) (float64, bool) {
	kind := "a number"
	if whole {
		kind = "a whole number"
	}
	bad := func() (float64, bool) {
		r.fail(n, fmt.Sprintf("%s must be %s from %s to %s", what, kind, trimFloat(lo), trimFloat(hi)), "")
		return 0, false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" && !r.fromEnv(n) {
		return bad()
	}
	s, err := r.expand(n.Value)
	if err != nil {
		r.fail(n, err.Error(), "")
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < lo || v > hi || v != v || whole && v != float64(int(v)) {
		return bad()
	}
	return v, true
}

func trimFloat(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand puts the environment's values in the place of ${NAME}.
func (r *reader) expand(s string) (string, error) {
	if r.env == nil || !strings.Contains(s, "${") {
		return s, nil
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if strings.HasSuffix(before, "$") { // $${ is ${ as text, and the "$" of it is written already
			b.WriteString("{")
			s = rest
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !variableName.MatchString(name) {
			return "", errors.New("${ must be followed by a variable's name and }; the text ${ is written $${")
		}
		v, ok := r.env(name)
		switch {
		case !ok:
			return "", fmt.Errorf("the environment variable %s is not set", name)
		case v == "":
			return "", fmt.Errorf("the environment variable %s is set but empty", name)
		}
		b.WriteString(v)
		s = after
	}
}
