package repo

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// differs compares two bodies of one resource as the type's row says: without what the server owns
// or adds, and without order that means nothing. It answers with a pointer to the first difference,
// "/" for the whole, "" when there is none.
func differs(a, b *schema.Resource) string {
	t, ok := schema.TypeOf(a.Type)
	if !ok {
		return ""
	}
	x, y := plain(t, a.Body), plain(t, b.Body)
	if bytes.Equal(schema.CompactJSON(x), schema.CompactJSON(y)) {
		return ""
	}
	return cmp.Or(firstDifference(x, y, ""), "/")
}

func plain(t *schema.Type, body map[string]any) map[string]any {
	out := schema.CloneObject(body)
	for _, p := range t.Volatile {
		for _, m := range schema.Select(out, p) {
			drop(out, m.Pointer)
		}
	}
	for _, d := range t.Defaults {
		for _, m := range schema.Select(out, d.Pattern) {
			if bytes.Equal(schema.CompactJSON(m.Value), schema.CompactJSON(d.Value)) {
				drop(out, m.Pointer)
			}
		}
	}
	for _, p := range t.Unordered {
		for _, m := range schema.Select(out, p) {
			if list, ok := m.Value.([]any); ok {
				slices.SortFunc(list, func(a, b any) int { return bytes.Compare(schema.CompactJSON(a), schema.CompactJSON(b)) })
			}
		}
	}
	if t.NullIsAbsent {
		dropNulls(out)
	}
	for _, x := range t.Text {
		for _, m := range schema.Select(out, x.Pattern) {
			if s, ok := m.Value.(string); ok {
				schema.SetAt(out, m.Pointer, schema.ComparableText(s))
			}
		}
	}
	return out
}

// drop takes a member out of its object; elements of lists stay.
func drop(body map[string]any, pointer string) {
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return
	}
	parent, _ := schema.Lookup(body, pointer[:i])
	if m, ok := parent.(map[string]any); ok {
		delete(m, schema.SplitPointer(pointer[i:])[0])
	}
}

func dropNulls(v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if e == nil {
				delete(x, k)
			} else {
				dropNulls(e)
			}
		}
	case []any:
		for _, e := range x {
			dropNulls(e)
		}
	}
}

func firstDifference(a, b any, at string) string {
	x, isMap := a.(map[string]any)
	y, bothMaps := b.(map[string]any)
	if !isMap || !bothMaps {
		if bytes.Equal(schema.CompactJSON(a), schema.CompactJSON(b)) {
			return ""
		}
		return at
	}
	keys := schema.SortedKeys(x)
	for k := range y {
		if _, ok := x[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		_, inX := x[k]
		_, inY := y[k]
		p := at + "/" + schema.EscapeSegment(k)
		if inX != inY {
			return p
		}
		if d := firstDifference(x[k], y[k], p); d != "" {
			return d
		}
	}
	return ""
}
