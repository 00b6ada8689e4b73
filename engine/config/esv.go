package config

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lockstep-gitops/lockstep/schema"
)

// MaxESV is the largest value that a tenant takes, in bytes.
const MaxESV = 65535

// A DeclaredESV is what a repository says of one ESV of an environment.
type DeclaredESV struct {
	Name        string // "esv-login-retry-limit"
	Secret      bool
	Type        string // a variable's expression type; "" for secrets
	Encoding    string // a secret's encoding; "" for variables
	Description string
	// Value is a variable's literal value in the tenant's form (a list with commas, an object as JSON),
	// From says where the value is had. At most one is set; with neither, the value is left alone.
	Value *string
	From  string
	// UseInPlaceholders says whether a secret may stand in placeholders, and not only in secret mappings.
	UseInPlaceholders bool
	Pos               schema.Pos
}

// HasValue says whether the declaration says where the value comes from.
func (d DeclaredESV) HasValue() bool { return d.Value != nil || d.From != "" }

// ExpressionTypes are the types that an ESV variable may have.
func ExpressionTypes() []string {
	return []string{"string", "int", "number", "bool", "list", "array", "object", "base64encodedinlined", "keyvaluelist"}
}

// Encodings are the encodings that an ESV secret may have.
func Encodings() []string { return []string{"generic", "pem", "base64hmac", "base64aes"} }

// ESVs reads the declarations of an environment, sorted by name; none when it names no file.
func (p *Project) ESVs(e *Environment) ([]DeclaredESV, schema.Diagnostics, error) {
	if e.ESVFile == "" {
		return nil, nil, nil
	}
	data, err := readBounded(p.Path(e.ESVFile), maxFile)
	if err != nil {
		return nil, nil, fmt.Errorf("environment %s: its esvs: %w", e.Name, err)
	}
	ds, diags := ParseESVs(e.ESVFile, data)
	return ds, diags, nil
}

// LoadESVs reads one file of declarations, sorted by name.
func LoadESVs(file string) ([]DeclaredESV, schema.Diagnostics, error) {
	data, err := readBounded(file, maxFile)
	if err != nil {
		return nil, nil, err
	}
	ds, diags := ParseESVs(filepath.ToSlash(file), data)
	return ds, diags, nil
}

var esvName = regexp.MustCompile(`^esv-[a-z0-9_-]{1,124}$`)

// ParseESVs reads declarations; name is the file's, for findings.
func ParseESVs(name string, data []byte) ([]DeclaredESV, schema.Diagnostics) {
	r, top := readYAML(name, data, nil)
	if top == nil {
		return nil, r.findings()
	}
	var out []DeclaredESV
	r.mapping(top, "a file of ESVs", func(key, value *yaml.Node) {
		if !esvName.MatchString(key.Value) {
			hint := "Names start with esv- and hold lower-case letters, digits, - and _"
			if fixed := "esv-" + strings.TrimPrefix(strings.NewReplacer(".", "-").Replace(strings.ToLower(key.Value)), "esv-"); esvName.MatchString(fixed) {
				hint = fmt.Sprintf("Did you mean %q?", fixed)
			}
			r.fail(key, fmt.Sprintf("%q can't be an ESV's name", key.Value), hint)
			return
		}
		if d, ok := r.declaration(key, value); ok {
			out = append(out, d)
		}
	})
	slices.SortFunc(out, func(a, b DeclaredESV) int { return strings.Compare(a.Name, b.Name) })
	ds := r.findings()
	ds.Sort()
	return out, ds
}

func (r *reader) declaration(key, body *yaml.Node) (DeclaredESV, bool) {
	d := DeclaredESV{Name: key.Value, UseInPlaceholders: true, Pos: r.pos(key)}
	nodes := map[string]*yaml.Node{}
	keep := func(field string) func(*yaml.Node) { return func(n *yaml.Node) { nodes[field] = n } }
	fields := map[string]func(*yaml.Node){}
	for _, f := range []string{"type", "description", "value", "from", "secret", "encoding", "useInPlaceholders"} {
		fields[f] = keep(f)
	}
	before := len(r.diags)
	r.object(body, d.Name, fields)
	flag := func(field string, to *bool) {
		if n := nodes[field]; n != nil {
			if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
				r.fail(n, field+" must be true or false", "")
				return
			}
			*to = strings.EqualFold(n.Value, "true")
		}
	}
	flag("secret", &d.Secret)
	flag("useInPlaceholders", &d.UseInPlaceholders)
	if n := nodes["secret"]; n != nil && !d.Secret && (nodes["encoding"] != nil || nodes["useInPlaceholders"] != nil) {
		r.fail(n, "only a secret has an encoding or useInPlaceholders", "Drop them, or say secret: true")
	}
	d.Secret = d.Secret || nodes["encoding"] != nil || nodes["useInPlaceholders"] != nil
	if n := nodes["description"]; n != nil {
		d.Description, _ = r.text(n, "description")
		if len([]rune(d.Description)) > 1000 {
			r.fail(n, "the description is longer than the 1,000 characters that a tenant takes", "")
		}
	}
	if d.Secret {
		r.secretESV(&d, nodes)
	} else {
		d.Type = "string"
		if n := nodes["type"]; n != nil {
			d.Type = r.choice(n, "type", ExpressionTypes())
		}
		if n := nodes["value"]; n != nil && d.Type != "" {
			r.value(&d, n)
		}
	}
	if n := nodes["from"]; n != nil {
		r.from(&d, n)
		if nodes["value"] != nil {
			r.fail(n, "either value or from, not both", "")
		}
	}
	return d, len(r.diags) == before
}

func (r *reader) secretESV(d *DeclaredESV, nodes map[string]*yaml.Node) {
	d.Encoding = "generic"
	if n := nodes["encoding"]; n != nil {
		d.Encoding = r.choice(n, "encoding", Encodings())
	}
	if n := nodes["type"]; n != nil {
		r.fail(n, "a secret has no type", "It has an encoding: "+strings.Join(Encodings(), ", "))
	}
	if n := nodes["value"]; n != nil {
		r.leak(n, "a secret's value must not stand in this file: it is in git for everybody to read",
			"Write from: env:NAME, file:PATH or exec:COMMAND. If this was a real value, replace it on the tenant now")
	}
}

func (r *reader) from(d *DeclaredESV, n *yaml.Node) {
	s, ok := r.text(n, "from")
	if !ok {
		return
	}
	kind, rest, _ := strings.Cut(s, ":")
	switch {
	case !slices.Contains([]string{"env", "file", "exec"}, kind):
		r.fail(n, "from must start with env:, file: or exec:", "As in env:SESSION_DOMAIN, file:certs/signing.pem, exec:vault kv get …")
	case strings.TrimSpace(rest) == "":
		r.fail(n, "from names nothing after "+kind+":", "")
	case kind == "env" && !variableName.MatchString(rest):
		r.fail(n, fmt.Sprintf("%q can't be an environment variable's name", rest), "")
	default:
		d.From = s
	}
}

// value reads a literal, turned into the text that the tenant keeps.
func (r *reader) value(d *DeclaredESV, n *yaml.Node) {
	s := n.Value
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		r.fail(n, "the value is missing", "Leave value out to leave the tenant's alone")
		return
	case n.Kind == yaml.ScalarNode:
	case n.Kind == yaml.SequenceNode && d.Type == "list":
		var ok bool
		if s, ok = r.commaList(n); !ok {
			return
		}
	case n.Kind == yaml.SequenceNode && d.Type == "array", n.Kind == yaml.MappingNode && (d.Type == "object" || d.Type == "keyvaluelist"):
		v, ok := r.toJSON(n, 0)
		if !ok {
			return
		}
		s = string(schema.CompactJSON(v))
	default:
		r.fail(n, fmt.Sprintf("a value of type %s can't be %s", d.Type, kindName(n)), "")
		return
	}
	if strings.Contains(s, "${") && n.Kind == yaml.ScalarNode {
		w := r.diagnostic(n, "${…} is not expanded here: it would reach the tenant as it stands", "Write from: env:NAME to take a value out of the environment")
		w.Severity = schema.Warning
		defer func() { r.diags = append(r.diags, w) }()
	}
	if err := checkValue(d.Type, s); err != nil {
		r.fail(n, err.Error(), "")
		return
	}
	d.Value = &s
}

func (r *reader) commaList(n *yaml.Node) (string, bool) {
	var items []string
	for _, e := range n.Content {
		if e.Kind != yaml.ScalarNode || e.Tag == "!!null" || strings.Contains(e.Value, ",") {
			r.fail(e, "an item of a list must be text without commas: the tenant keeps the list with commas between", "")
			return "", false
		}
		items = append(items, e.Value)
	}
	return strings.Join(items, ","), true
}

func (r *reader) toJSON(n *yaml.Node, depth int) (any, bool) {
	if depth > schema.MaxDepth {
		r.fail(n, "nested too deep", "")
		return nil, false
	}
	if !r.plain(n) {
		return nil, false
	}
	switch n.Kind {
	case yaml.MappingNode:
		m, ok := map[string]any{}, true
		r.mapping(n, "a value", func(key, value *yaml.Node) {
			v, good := r.toJSON(value, depth+1)
			m[key.Value], ok = v, ok && good
		})
		return m, ok
	case yaml.SequenceNode:
		a := []any{}
		for _, e := range n.Content {
			v, ok := r.toJSON(e, depth+1)
			if !ok {
				return nil, false
			}
			a = append(a, v)
		}
		return a, true
	}
	switch n.Tag {
	case "!!null":
		return nil, true
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), true
	case "!!int", "!!float":
		if !json.Valid([]byte(n.Value)) {
			r.fail(n, "this number is not written as JSON writes numbers", "")
			return nil, false
		}
		return json.Number(n.Value), true
	default:
		return n.Value, true
	}
}

// checkValue says whether a value is of its expression type. The value is not in the error: what comes
// from elsewhere may be a secret.
func checkValue(typ, s string) error {
	var ok bool
	switch typ {
	case "int":
		_, err := strconv.ParseInt(s, 10, 64)
		ok = err == nil
	case "number":
		_, err := strconv.ParseFloat(s, 64)
		ok = err == nil && json.Valid([]byte(s))
	case "bool":
		ok = s == "true" || s == "false"
	case "array":
		v, err := schema.ParseJSON([]byte(s))
		_, ok = v.([]any)
		ok = ok && err == nil
	case "object":
		v, err := schema.ParseJSON([]byte(s))
		_, ok = v.(map[string]any)
		ok = ok && err == nil
	case "base64encodedinlined":
		_, err := base64.StdEncoding.DecodeString(s)
		ok = err == nil
	default:
		ok = true
	}
	switch {
	case !ok:
		return fmt.Errorf("the value is not of type %s", typ)
	case len(s) > MaxESV:
		return fmt.Errorf("the value has %d bytes; a tenant takes %d", len(s), MaxESV)
	}
	return nil
}

// Resolve gets the value: the literal one, or what From leads to; paths are relative to dir, the
// project's root, and exec: runs its command there with the process's own environment. The error never
// holds the value, nor what a command printed.
func (d DeclaredESV) Resolve(ctx context.Context, env Lookup, dir string) (Secret, error) {
	fail := func(err error) (Secret, error) {
		at := ""
		if !d.Pos.IsZero() {
			at = d.Pos.String() + ": "
		}
		return Secret{}, fmt.Errorf("%s%s: %w", at, d.Name, err)
	}
	if d.Value != nil {
		return NewSecret([]byte(*d.Value)), nil
	}
	kind, rest, _ := strings.Cut(d.From, ":")
	var b []byte
	var err error
	switch kind {
	case "env":
		s, ok := env(rest)
		if !ok {
			err = fmt.Errorf("the environment variable %s is not set", rest)
		}
		b = []byte(s)
	case "file":
		file := filepath.FromSlash(rest)
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		b, err = readBounded(file, maxFile)
	case "exec":
		b, err = run(ctx, rest, dir)
	default:
		err = errors.New("its declaration has neither value nor from")
	}
	if err != nil {
		return fail(err)
	}
	if d.Encoding != "pem" {
		if line, ok := bytes.CutSuffix(b, []byte("\n")); ok {
			b = bytes.TrimSuffix(line, []byte("\r"))
		}
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return fail(fmt.Errorf("%s gave nothing", d.From))
	}
	if err := checkValue(d.Type, string(b)); err != nil {
		return fail(err)
	}
	return NewSecret(b), nil
}

func run(ctx context.Context, command, dir string) ([]byte, error) {
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd", "/C"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, shell[0], shell[1], command)
	cmd.Dir = dir
	cmd.WaitDelay = 2 * time.Second
	out := &bounded{limit: maxFile, full: cancel}
	cmd.Stdout = out
	switch err := cmd.Run(); {
	case out.over:
		return nil, fmt.Errorf("the command printed more than %d KiB: %s", maxFile>>10, command)
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the command was stopped: %s: %w", command, ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("the command failed (%w); run it by hand to see what it says: %s", err, command)
	}
	return out.b.Bytes(), nil
}

// bounded keeps what is written to it, up to a limit.
type bounded struct {
	b     bytes.Buffer
	limit int
	over  bool
	full  func()
}

func (w *bounded) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > w.limit {
		w.over = true
		w.full()
		return 0, io.ErrShortBuffer
	}
	return w.b.Write(p)
}
