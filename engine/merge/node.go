package merge

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A node is a JSON value that remembers how it was written.
type node struct {
	kind    jsontext.Kind // '{', '[', '"', '0', 't', 'f', 'n'; conflictKind
	raw     string        // as written; "" when it was put together here
	canon   string        // the same for the same value
	text    string        // of a string
	members []member
	elems   []*node
	clash   *clash
}

type member struct {
	key string
	raw string // the key as written
	val *node
}

const conflictKind jsontext.Kind = 'x'

// A clash is what both sides changed differently: one value or, in a list, some elements.
type clash struct {
	base, ours, theirs []*node // no element: it is not there
}

// parse reads a document; what schema.ParseJSON refuses is refused here.
func parse(data []byte) (*node, error) {
	if _, err := schema.ParseJSON(data); err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	d := jsontext.NewDecoder(bytes.NewReader(data))
	return parseNode(d, data)
}

func parseNode(d *jsontext.Decoder, data []byte) (*node, error) {
	kind := d.PeekKind()
	if kind != '{' && kind != '[' {
		v, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		n := &node{kind: kind, raw: string(v), canon: string(v)}
		if kind == '"' {
			b, err := jsontext.AppendUnquote(nil, []byte(v))
			if err != nil {
				return nil, err
			}
			n.text = string(b)
			n.canon = quote(n.text)
		}
		return n, nil
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	start := int(d.InputOffset()) - 1
	n := &node{kind: kind}
	for d.PeekKind() != kind+2 { // '{'+2 is '}', '['+2 is ']'
		m := member{}
		if kind == '{' {
			v, err := d.ReadValue()
			if err != nil {
				return nil, err
			}
			b, err := jsontext.AppendUnquote(nil, []byte(v))
			if err != nil {
				return nil, err
			}
			m.raw, m.key = string(v), string(b)
		}
		val, err := parseNode(d, data)
		if err != nil {
			return nil, err
		}
		if m.val = val; kind == '{' {
			n.members = append(n.members, m)
		} else {
			n.elems = append(n.elems, val)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	n.raw = string(data[start:d.InputOffset()])
	n.seal()
	return n, nil
}

func quote(s string) string {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return s // it was read from JSON: it can be quoted
	}
	return string(b)
}

// seal computes the canonical text of an object or list.
func (n *node) seal() {
	var parts []string
	for _, m := range n.members {
		parts = append(parts, quote(m.key)+":"+m.val.canon)
	}
	if n.kind == '{' {
		slices.Sort(parts)
	}
	for _, e := range n.elems {
		parts = append(parts, e.canon)
	}
	n.canon = string(n.kind) + strings.Join(parts, ",") + string(n.kind+2)
}

func same(a, b *node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.canon == b.canon
}

func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, m := range n.members {
		if m.key == key {
			return m.val
		}
	}
	return nil
}

// isWrapper recognises {"$int": "&{…}"}: one value, not an object to merge into.
func (n *node) isWrapper() bool {
	return n.kind == '{' && len(n.members) == 1 && strings.HasPrefix(n.members[0].key, "$")
}

// conflicts counts the clashes in a value.
func (n *node) conflicts() int {
	if n == nil {
		return 0
	}
	count := 0
	if n.clash != nil {
		count++
	}
	for _, m := range n.members {
		count += m.val.conflicts()
	}
	for _, e := range n.elems {
		count += e.conflicts()
	}
	return count
}
