package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	udiff "github.com/rogpeppe/go-internal/diff"

	"github.com/lockstep-gitops/lockstep/placeholders"
	"github.com/lockstep-gitops/lockstep/schema"
)

// describe says an update in lines for people; before and after are forms, without secrets.
func describe(t *schema.Type, c *Change, p place, before, after map[string]any, n names) []Item {
	links := linkNames{t, c.Realm, n}
	if t.Journey {
		if items := journeyItems(p, before, after, links); len(items) > 0 {
			return items
		}
		// It changed where no journey has anything: no change goes unsaid.
	}
	d := differ{links: links}
	d.walk(p, "", "", before, after)
	for i := range d.items {
		if t.API.Value != "" && d.items[i].Pointer == "/"+t.API.Value {
			d.items[i].Subject = "value" // whatever the tenant calls the member that holds it
		}
	}
	return d.items
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

// differ walks two forms side by side and collects items. at is the pointer into after, subject what
// people are told of it.
type differ struct {
	links linkNames
	items []Item
}

func (d *differ) walk(p place, at, subject string, before, after any) {
	if p.same(before, after) {
		return
	}
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok && !isWrapper(a) && !isWrapper(b) {
			d.object(p, at, subject, b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok {
			d.list(p, at, subject, b, a)
			return
		}
	case string:
		if a, ok := after.(string); ok && isText(p, b, a) {
			d.add(Item{Kind: "~", Subject: subject, Text: Unified(b, a), Pointer: at})
			return
		}
	}
	d.add(Item{Kind: "~", Subject: subject, Detail: d.links.change(at, before, after), Pointer: at})
}

func (d *differ) add(i Item) { d.items = append(d.items, i) }

func (d *differ) object(p place, at, subject string, before, after map[string]any) {
	all := schema.SortedKeys(before)
	for _, k := range schema.SortedKeys(after) {
		if _, ok := before[k]; !ok {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	for _, k := range all {
		q, to, name := p.at(k), at+"/"+schema.EscapeSegment(k), join(subject, k)
		b, inBefore := before[k]
		a, inAfter := after[k]
		switch {
		case !inBefore:
			d.one(q, "+", to, name, a)
		case !inAfter:
			d.one(q, "-", to, name, b)
		default:
			d.walk(q, to, name, b, a)
		}
	}
}

// one is what came or went as a whole. A text that came is to be read as well as one that changed.
func (d *differ) one(p place, kind, at, subject string, v any) {
	if s, ok := v.(string); ok && isText(p, s, "") && s != "" {
		if kind == "+" {
			d.add(Item{Kind: kind, Subject: subject, Text: Unified("", s), Pointer: at})
			return
		}
		d.add(Item{Kind: kind, Subject: subject, Detail: lineCount(s), Pointer: at})
		return
	}
	if m, ok := v.(map[string]any); ok && len(m) > 0 && textsOnly(p, m) {
		if kind == "+" {
			for _, k := range schema.SortedKeys(m) {
				d.one(p.at(k), kind, at+"/"+schema.EscapeSegment(k), join(subject, k), m[k])
			}
			return
		}
		var parts []string
		for _, k := range schema.SortedKeys(m) {
			parts = append(parts, k+" ("+lineCount(m[k].(string))+")")
		}
		d.add(Item{Kind: kind, Subject: subject, Detail: strings.Join(parts, ", "), Pointer: at})
		return
	}
	d.add(Item{Kind: kind, Subject: subject, Detail: d.links.show(at, v), Pointer: at})
}

// textsOnly says that an object holds texts and nothing else: one for each language.
func textsOnly(p place, m map[string]any) bool {
	for k, v := range m {
		if s, ok := v.(string); !ok || s == "" || !p.at(k).has(text) {
			return false
		}
	}
	return true
}

func lineCount(s string) string {
	n := strings.Count(strings.TrimSuffix(s, "\n"), "\n") + 1
	return fmt.Sprintf("%d %s", n, plural(n, "line", "lines"))
}

// list shows what came and went when the elements are plain values, and element by element otherwise.
func (d *differ) list(p place, at, subject string, before, after []any) {
	if plain(before) && plain(after) {
		d.add(Item{Kind: "~", Subject: subject, Detail: d.plainList(p, at, before, after), Pointer: at})
		return
	}
	pairs, by := pairUp(p, before, after)
	for i, v := range after {
		q, to, name := p.at(strconv.Itoa(i)), segment(at, i), subject+"["+labelOf(v, by, i)+"]"
		if j := pairs[i]; j >= 0 {
			d.walk(q, to, name, before[j], v)
		} else {
			d.one(q, "+", to, name, v)
		}
	}
	for _, j := range unpaired(pairs, len(before)) {
		d.add(Item{Kind: "-", Subject: subject + "[" + labelOf(before[j], by, j) + "]", Detail: d.links.show(segment(at, j), before[j]), Pointer: at})
	}
	if !p.has(unordered) && !inOrder(pairs) {
		var names []string
		for i, v := range after {
			names = append(names, labelOf(v, by, i))
		}
		d.add(Item{Kind: "~", Subject: subject, Detail: "another order: " + listed(names, ", "), Pointer: at})
	}
}

// plainList says what came into a list of plain values and what went.
func (d *differ) plainList(p place, at string, before, after []any) string {
	gone, came := difference(before, after), difference(after, before)
	var parts []string
	for _, v := range came {
		parts = append(parts, "+ "+d.links.show(at+"/0", v))
	}
	for _, v := range gone {
		parts = append(parts, "- "+d.links.show(at+"/0", v))
	}
	if len(parts) > 0 {
		return listed(parts, "  ")
	}
	var names []string
	for _, v := range after {
		names = append(names, d.links.show(at+"/0", v))
	}
	return "another order: " + listed(names, ", ")
}

// maxListed is how many elements of a list one line names.
const maxListed = 20

// listed joins the first few, and says how many more there are.
func listed(parts []string, sep string) string {
	if len(parts) <= maxListed+1 {
		return strings.Join(parts, sep)
	}
	return strings.Join(parts[:maxListed], sep) + sep + fmt.Sprintf("… %d more; -o json has all", len(parts)-maxListed)
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
func isText(p place, before, after string) bool {
	return p.has(text) || strings.Contains(before, "\n") || strings.Contains(after, "\n")
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

// join names a member for people: "acceptedOrigins", "core › enabled".
func join(subject, member string) string {
	if subject == "" {
		return member
	}
	return subject + " › " + member
}

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

// change writes two values on one line. Of long texts it shows the part from where they differ.
func (l linkNames) change(pointer string, before, after any) string {
	before, after = l.plain(pointer, before), l.plain(pointer, after)
	b, okB := before.(string)
	a, okA := after.(string)
	if okB && okA && (len(b) > maxShown || len(a) > maxShown) && !strings.HasPrefix(b, hashPrefix) {
		b, a = fromDifference(b, a)
		return show(b) + " → " + show(a)
	}
	return l.show(pointer, before) + " → " + l.show(pointer, after)
}

// plain decodes an ESV variable's value, which the tenant keeps in base64. A secret's is a hash here.
func (l linkNames) plain(pointer string, v any) any {
	s, ok := v.(string)
	if !ok || l.typ.API.Value == "" || pointer != "/"+l.typ.API.Value {
		return v
	}
	if text, ok := schema.DecodeBase64(s); ok && utf8.ValidString(text) {
		return text
	}
	return v
}

// fromDifference cuts what two texts begin with alike, but for a few words.
func fromDifference(b, a string) (string, string) {
	x, y := []rune(b), []rune(a)
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	const context = 20
	if n <= maxShown-context {
		return b, a
	}
	return "…" + string(x[n-context:]), "…" + string(y[n-context:])
}

// maxShown is how much of a value stands in a line, in characters.
const maxShown = 70

// show writes a value on one line.
func show(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case string:
		if x == "" {
			return `""`
		}
		if strings.HasPrefix(x, hashPrefix) {
			return x
		}
		return clip(strings.ReplaceAll(x, "\n", "⏎"), maxShown)
	case map[string]any:
		if hash, ok := x[crypto].(string); ok && len(x) == 1 {
			return hash
		}
		if wrapper, value, ok := placeholders.Wrapper(x); ok {
			return clip(value, 60) + " (" + strings.TrimPrefix(wrapper, "$") + ")"
		}
	}
	return clip(string(schema.CompactJSON(v)), maxShown)
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
