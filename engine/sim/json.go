package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// object is one JSON object. Stored objects are never changed in place: a write
// puts a new one, so answers may share parts with the store.
type object = map[string]any

// decode reads one JSON value and keeps numbers as they were written.
func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the JSON value")
	}
	return v, nil
}

func decodeObject(raw []byte) (object, error) {
	v, err := decode(raw)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("want a JSON object, got %T", v)
	}
	return o, nil
}

// encode writes v with sorted keys and without HTML escapes. Everything given to
// it came from decode or is made of plain values, so it can't fail.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("sim: encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// indented is encode with two spaces a level: the form in which the tenant's
// configuration repository is counted in lines.
func indented(v any) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, encode(v), "", "  "); err != nil {
		panic("sim: indent: " + err.Error())
	}
	return b.Bytes()
}

// with is o with some members set; o itself stays as it is.
func with(o object, kv ...any) object {
	c := maps.Clone(o)
	if c == nil {
		c = object{}
	}
	for i := 0; i < len(kv); i += 2 {
		c[kv[i].(string)] = kv[i+1]
	}
	return c
}

// without is o with some members left out; o itself stays as it is.
func without(o object, keys ...string) object {
	c := maps.Clone(o)
	for _, k := range keys {
		delete(c, k)
	}
	return c
}

// keysOf are a map's keys in order.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// sorted orders objects by a member that is text.
func sorted(l []any, member string) []any {
	slices.SortStableFunc(l, func(a, b any) int { return strings.Compare(str(obj(a)[member]), str(obj(b)[member])) })
	return l
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

func boolean(v any) bool {
	b, _ := v.(bool)
	return b
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func obj(v any) object {
	o, _ := v.(object)
	return o
}

func number(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }

// equal compares two JSON values by content, not by the order of their keys.
func equal(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// revision is AM's _rev: a hash of the content, written as a signed 32-bit
// number. Equal content has an equal _rev on every tenant.
func revision(o object) string {
	h := fnv.New32a()
	h.Write(encode(without(o, "_rev", "_outcomes")))
	return strconv.Itoa(int(int32(h.Sum32())))
}
