package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	udiff "github.com/rogpeppe/go-internal/diff"

	"github.com/lockstep-gitops/lockstep/placeholders"
	"github.com/lockstep-gitops/lockstep/schema"
)

// describe says a change in lines for people.
func describe(c *Change, h hasher, n names) []Item {
	t, _ := schema.TypeOf(c.Type)
	var before, after map[string]any
	if c.Before != nil {
		before = h.masked(t, Normalize(t, c.Before.Body))
	}
	if c.After != nil {
		after = h.masked(t, Normalize(t, c.After.Body))
	}
	switch {
	case c.Action != Update:
		return outline(t, c, cmp.Or(c.After, c.Before))
	case t.Journey:
		forgetUnknown(t, before, after)
		return journeyItems(t, c, before, after, n)
	default:
		forgetUnknown(t, before, after)
		d := differ{typ: t, links: linkNames{t, c.Realm, n}}
		d.walk("", before, after)
		return d.items
	}
}

// outline says in one line what a created or deleted resource is.
func outline(t *schema.Type, c *Change, r *schema.Resource) []Item {
	kind := "+"
	if c.Action == Delete {
		kind = "-"
	}
	if t.Journey {
		refs := schema.NodeRefs(r.Body)
		return []Item{{Kind: kind, Subject: fmt.Sprintf("%d %s", len(refs), plural(len(refs), "node", "nodes"))}}
	}
	for _, text := range t.Text {
		lines := 0
		for _, m := range schema.Select(r.Body, text.Pattern) {
			if s, ok := m.Value.(string); ok {
				lines += strings.Count(s, "\n") + 1
			}
		}
		if lines > 0 && len(t.Text) == 1 {
			return []Item{{Kind: kind, Subject: fmt.Sprintf("%d %s", lines, plural(lines, "line", "lines"))}}
		}
	}
	if d := schema.Str(r.Body, "/description"); d != "" {
		return []Item{{Kind: kind, Subject: clip(d, 70)}}
	}
	return nil
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// differ walks two normal forms side by side and collects items.
type differ struct {
	typ   *schema.Type
	links linkNames
	items []Item
}

func (d *differ) walk(at string, before, after any) {
	if equal(before, after) {
		return
	}
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok && !isWrapper(a) && !isWrapper(b) {
			d.object(at, b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok {
			d.list(at, b, a)
			return
		}
	case string:
		if a, ok := after.(string); ok && d.isText(at, b, a) {
			d.add(Item{Kind: "~", Subject: subject(at), Text: Unified(b, a), Pointer: at})
			return
		}
	}
	d.add(Item{Kind: "~", Subject: subject(at), Detail: d.links.show(at, before) + " → " + d.links.show(at, after), Pointer: at})
}

func (d *differ) add(i Item) { d.items = append(d.items, i) }

func (d *differ) object(at string, before, after map[string]any) {
	all := schema.SortedKeys(before)
	for _, k := range schema.SortedKeys(after) {
		if _, ok := before[k]; !ok {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	for _, k := range all {
		p := at + "/" + schema.EscapeSegment(k)
		b, inBefore := before[k]
		a, inAfter := after[k]
		switch {
		case !inBefore:
			d.add(Item{Kind: "+", Subject: subject(p), Detail: d.links.show(p, a), Pointer: p})
		case !inAfter:
			d.add(Item{Kind: "-", Subject: subject(p), Detail: d.links.show(p, b), Pointer: p})
		default:
			d.walk(p, b, a)
		}
	}
}

// list shows what came and went when the elements are plain values, and element by element otherwise.
// Objects that carry an identity (_id, name, id) are matched by it, so that one put in front of the
// others is one addition.
func (d *differ) list(at string, before, after []any) {
	if plain(before) && plain(after) {
		gone, came := difference(before, after), difference(after, before)
		var parts []string
		for _, v := range came {
			parts = append(parts, "+ "+d.links.show(at+"/0", v))
		}
		for _, v := range gone {
			parts = append(parts, "- "+d.links.show(at+"/0", v))
		}
		if len(parts) == 0 {
			parts = []string{"order changed"}
		}
		d.add(Item{Kind: "~", Subject: subject(at), Detail: strings.Join(parts, "  "), Pointer: at})
		return
	}
	if d.keyedList(at, before, after) {
		return
	}
	for i := range max(len(before), len(after)) {
		p := fmt.Sprintf("%s/%d", at, i)
		switch {
		case i >= len(before):
			d.add(Item{Kind: "+", Subject: subject(p), Detail: d.links.show(p, after[i]), Pointer: p})
		case i >= len(after):
			d.add(Item{Kind: "-", Subject: subject(p), Detail: d.links.show(p, before[i]), Pointer: p})
		default:
			d.walk(p, before[i], after[i])
		}
	}
}

func (d *differ) keyedList(at string, before, after []any) bool {
	for _, key := range []string{"_id", "id", "name"} {
		b, okB := index(before, key)
		a, okA := index(after, key)
		if !okB || !okA {
			continue
		}
		for i, v := range after {
			id := schema.Str(v, "/"+key)
			p := fmt.Sprintf("%s/%d", at, i)
			if old, ok := b[id]; ok {
				sub := differ{typ: d.typ, links: d.links}
				sub.walk(p, old, v)
				for _, item := range sub.items {
					item.Subject = subject(at) + "[" + id + "]" + strings.TrimPrefix(item.Subject, subject(p))
					d.add(item)
				}
				continue
			}
			d.add(Item{Kind: "+", Subject: subject(at) + "[" + id + "]", Detail: d.links.show(p, v), Pointer: p})
		}
		for _, v := range before {
			if id := schema.Str(v, "/"+key); a[id] == nil {
				d.add(Item{Kind: "-", Subject: subject(at) + "[" + id + "]", Detail: d.links.show(at+"/0", v), Pointer: at})
			}
		}
		return true
	}
	return false
}

// index maps a list of objects by a member; ok is false when one has none or two are alike.
func index(list []any, key string) (map[string]any, bool) {
	m := map[string]any{}
	for _, v := range list {
		id := schema.Str(v, "/"+key)
		if id == "" || m[id] != nil {
			return nil, false
		}
		m[id] = v
	}
	return m, true
}

func plain(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		switch v.(type) {
		case map[string]any, []any:
			return true
		}
		return false
	})
}

// difference is the multiset of what a has and b has not, in a's order.
func difference(a, b []any) []any {
	n := map[any]int{}
	for _, v := range b {
		n[v]++
	}
	var out []any
	for _, v := range a {
		if n[v] > 0 {
			n[v]--
			continue
		}
		out = append(out, v)
	}
	return out
}

// isText says whether a string is shown line by line.
func (d *differ) isText(at, before, after string) bool {
	for _, t := range d.typ.Text {
		if matchPointer(t.Pattern, at) {
			return true
		}
	}
	return strings.Contains(before, "\n") || strings.Contains(after, "\n")
}

// matchPointer matches a concrete pointer against a pattern.
func matchPointer(pattern, pointer string) bool {
	ps, segs := schema.SplitPointer(pattern), schema.SplitPointer(pointer)
	return slices.EqualFunc(ps, segs, schema.MatchSegment)
}

// isWrapper recognises {"$int": "&{…}"}: one value, not an object to walk into.
func isWrapper(m map[string]any) bool {
	for k := range m {
		return len(m) == 1 && strings.HasPrefix(k, "$")
	}
	return false
}

// subject names a pointer for people: "acceptedOrigins", "core › enabled".
func subject(pointer string) string { return strings.Join(schema.SplitPointer(pointer), " › ") }

// linkNames shows a value that names another resource with that resource's name.
type linkNames struct {
	typ   *schema.Type
	realm string
	names names
}

func (l linkNames) show(pointer string, v any) string {
	if s, ok := v.(string); ok {
		for _, link := range l.typ.Links {
			if link.ByName || link.Names != nil || !matchPointer(link.Pattern, pointer) {
				continue
			}
			to, ok := schema.TypeOf(link.To)
			if !ok {
				continue
			}
			k := schema.Key{Type: link.To, ID: s}
			if to.Realm {
				k.Realm = l.realm
			}
			if name, ok := l.names.of(k); ok {
				return name
			}
		}
	}
	return show(v)
}

// show writes a value on one line.
func show(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		if x == "" {
			return `""`
		}
		if strings.HasPrefix(x, "secret ") {
			return x
		}
		return clip(strings.ReplaceAll(x, "\n", "⏎"), 70)
	case map[string]any:
		if wrapper, value, ok := placeholders.Wrapper(x); ok {
			return clip(value, 60) + " (" + strings.TrimPrefix(wrapper, "$") + ")"
		}
	}
	return clip(string(schema.CompactJSON(v)), 70)
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// Unified gives the hunks of a unified diff of two texts, without the file header. Where both or neither
// end with a newline, that is not spoken of.
func Unified(before, after string) []string {
	if strings.HasSuffix(before, "\n") == strings.HasSuffix(after, "\n") {
		before, after = endLine(before), endLine(after)
	}
	text := string(udiff.Diff("before", []byte(before), "after", []byte(after)))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return nil
	}
	return lines[3:]
}

// endLine ends a text with a newline.
func endLine(s string) string {
	if s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}
