package merge

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Options say how to merge.
type Options struct {
	MarkerSize   int      // of conflict markers; 7 when zero
	Ours, Theirs string   // labels of the markers
	Unordered    []string // patterns of lists whose order means nothing, as schema.Select takes them
	MaxSize      int      // bytes of one version; larger ones are not merged
}

// A Result is what came of a merge.
type Result struct {
	Data      []byte
	Conflicts []Conflict // what stands between markers in Data
	Notes     []string   // what both changed and means nothing, and whose value was taken
	Text      bool       // one of the three is no JSON: they were merged line by line
}

// A Conflict is a place that both sides changed differently.
type Conflict struct {
	Pointer string // JSON pointer; empty for a line-by-line merge
	What    string // for people
}

// ErrBinary says that a version is neither JSON nor text, or too large: nobody can merge it but its owner.
type ErrBinary struct{ Why string }

func (e *ErrBinary) Error() string { return e.Why }

// Files merges three versions of a file. base may be empty: both sides added it.
func Files(base, ours, theirs []byte, o Options) (Result, error) {
	if o.MarkerSize <= 0 {
		o.MarkerSize = 7
	}
	if o.Ours == "" {
		o.Ours = "ours"
	}
	if o.Theirs == "" {
		o.Theirs = "theirs"
	}
	if o.MaxSize <= 0 {
		o.MaxSize = 32 << 20
	}
	for _, v := range [][]byte{base, ours, theirs} {
		if len(v) > o.MaxSize {
			return Result{}, &ErrBinary{fmt.Sprintf("a version has more than %d MiB", o.MaxSize>>20)}
		}
	}
	switch {
	case string(ours) == string(theirs), string(base) == string(theirs):
		return Result{Data: ours}, nil
	case string(base) == string(ours):
		return Result{Data: theirs}, nil
	}
	var b *node
	var err error
	if len(strings.TrimSpace(string(base))) > 0 {
		b, err = parse(base)
	}
	a, err2 := parse(ours)
	t, err3 := parse(theirs)
	if err != nil || err2 != nil || err3 != nil {
		return mergeText(base, ours, theirs, o)
	}
	m := &merger{o: o}
	merged := m.merge("", b, a, t)
	if merged != nil && merged.conflicts() == 0 {
		m.graph("", b, a, t, merged)
	}
	p := printer{o: o, indent: indentOf(string(ours)), ours: o.Ours, theirs: o.Theirs}
	text := p.document(merged)
	if strings.HasSuffix(string(ours), "\n") {
		text += "\n"
	}
	if len(m.conflicts) == 0 {
		// What was printed must be what was merged.
		again, err := parse([]byte(text))
		if err != nil || !same(again, merged) {
			return Result{}, fmt.Errorf("the merged text is not what was merged: this is a fault of the program; merge the file by hand")
		}
	}
	return Result{Data: []byte(text), Conflicts: m.conflicts, Notes: m.notes}, nil
}

type merger struct {
	o         Options
	conflicts []Conflict
	notes     []string
}

func (m *merger) clash(at, what string, base, ours, theirs *node) *node {
	m.conflicts = append(m.conflicts, Conflict{at, what})
	list := func(n *node) []*node {
		if n == nil {
			return nil
		}
		return []*node{n}
	}
	return &node{kind: conflictKind, clash: &clash{list(base), list(ours), list(theirs)}}
}

// merge merges three values; nil is one that is not there.
func (m *merger) merge(at string, base, ours, theirs *node) *node {
	switch {
	case same(ours, theirs), same(base, theirs):
		return ours
	case same(base, ours):
		return theirs
	case ours == nil:
		return m.clash(at, "one side removed it, the other changed it", base, ours, theirs)
	case theirs == nil:
		return m.clash(at, "one side changed it, the other removed it", base, ours, theirs)
	case base == nil:
		return m.clash(at, "both sides added it, differently", base, ours, theirs)
	}
	if base.kind == ours.kind && ours.kind == theirs.kind && !base.isWrapper() && !ours.isWrapper() && !theirs.isWrapper() {
		switch ours.kind {
		case '{':
			return m.object(at, base, ours, theirs)
		case '[':
			return m.list(at, base, ours, theirs)
		case '"':
			if n := m.text(base, ours, theirs); n != nil {
				return n
			}
		}
	}
	if why := meaningless(at); why != "" {
		m.notes = append(m.notes, fmt.Sprintf("%s: %s; ours is kept", at, why))
		return ours
	}
	return m.clash(at, "both sides changed it, differently", base, ours, theirs)
}

// meaningless are values that both may change and that change nothing: a node's place on the canvas, and the
// tenant's own revision.
func meaningless(at string) string {
	segs := schema.SplitPointer(at)
	last := segs[max(len(segs)-1, 0):]
	switch {
	case slices.Equal(last, []string{"_rev"}):
		return "both sides have another revision of the tenant's"
	case len(segs) >= 3 && (segs[len(segs)-1] == "x" || segs[len(segs)-1] == "y") && (segs[len(segs)-3] == "nodes" || segs[len(segs)-3] == "staticNodes"):
		return "both sides moved the node on the canvas"
	}
	return ""
}

func keysOf(n *node) []string {
	keys := make([]string, len(n.members))
	for i, m := range n.members {
		keys[i] = m.key
	}
	return keys
}

// object merges members. They keep the order of ours; those of theirs stand behind what they stood behind.
func (m *merger) object(at string, base, ours, theirs *node) *node {
	out := &node{kind: '{'}
	raw := map[string]string{}
	for _, n := range []*node{base, theirs, ours} {
		for _, x := range n.members {
			raw[x.key] = x.raw
		}
	}
	for _, key := range interleave(keysOf(ours), keysOf(theirs)) {
		if v := m.merge(at+"/"+schema.EscapeSegment(key), base.get(key), ours.get(key), theirs.get(key)); v != nil {
			out.members = append(out.members, member{key, raw[key], v})
		}
	}
	out.seal()
	if out.canon == ours.canon && out.conflicts() == 0 {
		return ours // with its own layout
	}
	return out
}

// interleave lists a's names, and each of b's that a has not behind the one that it stands behind in b.
func interleave(a, b []string) []string {
	out := slices.Clone(a)
	for i, name := range b {
		if slices.Contains(out, name) {
			continue
		}
		at := 0
		for j := i - 1; j >= 0; j-- {
			if k := slices.Index(out, b[j]); k >= 0 {
				at = k + 1
				break
			}
		}
		out = slices.Insert(out, at, name)
	}
	return out
}

func (m *merger) list(at string, base, ours, theirs *node) *node {
	if m.unordered(at) {
		return mergeSets(base, ours, theirs)
	}
	for _, key := range []string{"_id", "id", "name"} {
		b, okB := identities(base, key)
		o, okO := identities(ours, key)
		t, okT := identities(theirs, key)
		if okB && okO && okT {
			return m.keyed(at, key, base, ours, theirs, b, o, t)
		}
	}
	out := &node{kind: '['}
	for _, c := range diff3(canons(base), canons(ours), canons(theirs)) {
		if !c.clash {
			from := map[side]*node{sideBase: base, sideOurs: ours, sideTheirs: theirs}[c.from]
			out.elems = append(out.elems, from.elems[c.lo:c.hi]...)
			continue
		}
		m.conflicts = append(m.conflicts, Conflict{at, "both sides changed the same place of the list"})
		out.elems = append(out.elems, &node{kind: conflictKind, clash: &clash{base.elems[c.b0:c.b1], ours.elems[c.o0:c.o1], theirs.elems[c.t0:c.t1]}})
	}
	out.seal()
	return out
}

func (m *merger) unordered(at string) bool {
	segs := schema.SplitPointer(at)
	return slices.ContainsFunc(m.o.Unordered, func(p string) bool {
		return slices.EqualFunc(schema.SplitPointer(p), segs, schema.MatchSegment)
	})
}

// mergeSets takes out of ours what theirs took out, and puts in what theirs put in.
func mergeSets(base, ours, theirs *node) *node {
	out := &node{kind: '['}
	count := func(n *node) map[string]int {
		c := map[string]int{}
		for _, e := range n.elems {
			c[e.canon]++
		}
		return c
	}
	gone, had := count(base), count(base)
	for k, n := range count(theirs) {
		gone[k] -= n
	}
	there := map[string]int{}
	for _, e := range ours.elems {
		if gone[e.canon] > 0 {
			gone[e.canon]--
			continue
		}
		there[e.canon]++
		out.elems = append(out.elems, e)
	}
	for _, e := range theirs.elems {
		if had[e.canon] > 0 {
			had[e.canon]--
			continue
		}
		if there[e.canon] == 0 {
			out.elems = append(out.elems, e)
		}
	}
	out.seal()
	return out
}

func canons(n *node) []string {
	out := make([]string, len(n.elems))
	for i, e := range n.elems {
		out[i] = e.canon
	}
	return out
}

// identities lists what elements are called; ok is false when one has no name, or two have the same.
func identities(n *node, key string) ([]string, bool) {
	var out []string
	for _, e := range n.elems {
		id := e.get(key)
		if id == nil || id.kind != '"' || id.text == "" || slices.Contains(out, id.text) {
			return nil, false
		}
		out = append(out, id.text)
	}
	return out, true
}

// keyed merges lists whose elements have names.
func (m *merger) keyed(at, key string, base, ours, theirs *node, b, o, t []string) *node {
	order, clear := mergeOrder(b, o, t)
	if !clear {
		return m.clash(at, "both sides changed the order of the list", base, ours, theirs)
	}
	find := func(n *node, names []string, id string) *node {
		if i := slices.Index(names, id); i >= 0 {
			return n.elems[i]
		}
		return nil
	}
	out := &node{kind: '['}
	for _, id := range order {
		v := m.merge(fmt.Sprintf("%s/%s", at, schema.EscapeSegment("["+key+"="+id+"]")), find(base, b, id), find(ours, o, id), find(theirs, t, id))
		if v != nil {
			out.elems = append(out.elems, v)
		}
	}
	out.seal()
	return out
}

// mergeOrder merges the order of names; it is not clear when both sides changed that of the same ones.
func mergeOrder(base, ours, theirs []string) ([]string, bool) {
	common := func(list []string) []string {
		var out []string
		for _, id := range list {
			if slices.Contains(base, id) && slices.Contains(ours, id) && slices.Contains(theirs, id) {
				out = append(out, id)
			}
		}
		return out
	}
	b, o, t := common(base), common(ours), common(theirs)
	switch {
	case slices.Equal(o, t), slices.Equal(b, t):
		return interleave(ours, theirs), true
	case slices.Equal(b, o):
		return interleave(theirs, ours), true
	}
	return nil, false
}

// text merges strings of several lines; nil when that is no way out.
func (m *merger) text(base, ours, theirs *node) *node {
	if !strings.Contains(base.text, "\n") || !strings.Contains(ours.text, "\n") || !strings.Contains(theirs.text, "\n") {
		return nil
	}
	b, o, t := strings.SplitAfter(base.text, "\n"), strings.SplitAfter(ours.text, "\n"), strings.SplitAfter(theirs.text, "\n")
	var out strings.Builder
	for _, c := range diff3(b, o, t) {
		if c.clash {
			return nil
		}
		from := map[side][]string{sideBase: b, sideOurs: o, sideTheirs: t}[c.from]
		out.WriteString(strings.Join(from[c.lo:c.hi], ""))
	}
	q := string(schema.CompactJSON(out.String()))
	return &node{kind: '"', raw: q, canon: quote(out.String()), text: out.String()}
}

// graph looks for journeys that no side ever had: an outcome of one side's that leads to a node which the other
// removed.
func (m *merger) graph(at string, base, ours, theirs, merged *node) {
	if merged == nil || merged.kind != '{' {
		return
	}
	nodes := merged.get("nodes")
	if nodes != nil && nodes.kind == '{' {
		bad := dangling(merged)
		for _, id := range schema.SortedKeys(bad) {
			if dangling(ours)[id] || dangling(theirs)[id] || dangling(base)[id] {
				continue // it was so before
			}
			where := at + "/nodes/" + schema.EscapeSegment(id)
			c := m.clash(where, "one side removed the node, the other leads to it", base.get("nodes").get(id), ours.get("nodes").get(id), theirs.get("nodes").get(id))
			nodes = &node{kind: '{', members: append(slices.Clone(nodes.members), member{id, quote(id), c})}
			nodes.seal()
			for i := range merged.members {
				if merged.members[i].key == "nodes" {
					merged.raw, merged.members[i].val = "", nodes
				}
			}
		}
	}
	for _, x := range merged.members {
		before := len(m.conflicts)
		m.graph(at+"/"+schema.EscapeSegment(x.key), base.get(x.key), ours.get(x.key), theirs.get(x.key), x.val)
		if len(m.conflicts) > before {
			merged.raw = "" // it has to be printed anew
		}
	}
}

// dangling are the nodes that a journey's tree leads to and does not have.
func dangling(tree *node) map[string]bool {
	out := map[string]bool{}
	nodes := tree.get("nodes")
	if nodes == nil || nodes.kind != '{' {
		return out
	}
	static := tree.get("staticNodes")
	look := func(target *node) {
		if target != nil && target.kind == '"' && target.text != "" && nodes.get(target.text) == nil && static.get(target.text) == nil && !isEnd(target.text) {
			out[target.text] = true
		}
	}
	seen := false
	for _, n := range nodes.members {
		if c := n.val.get("connections"); c != nil {
			seen = true
			for _, x := range c.members {
				look(x.val)
			}
		}
	}
	if seen {
		look(tree.get("entryNodeId"))
	}
	return out
}

// isEnd recognises the ids of Success and Failure, which are the same in every journey.
func isEnd(id string) bool {
	return id == "70e691a5-1e33-4ac3-a356-e7b6d60d92e0" || id == "e301438c-0bd0-429c-ab0c-66126501069a"
}

// mergeText merges what is no JSON line by line, as git does.
func mergeText(base, ours, theirs []byte, o Options) (Result, error) {
	for _, v := range [][]byte{base, ours, theirs} {
		if !utf8.Valid(v) || strings.ContainsRune(string(v), 0) {
			return Result{}, &ErrBinary{"a version is neither JSON nor text"}
		}
	}
	lines := func(v []byte) []string {
		l := strings.SplitAfter(string(v), "\n")
		if l[len(l)-1] == "" {
			l = l[:len(l)-1]
		}
		return l
	}
	b, a, t := lines(base), lines(ours), lines(theirs)
	var out strings.Builder
	res := Result{Text: true}
	for _, c := range diff3(b, a, t) {
		if !c.clash {
			from := map[side][]string{sideBase: b, sideOurs: a, sideTheirs: t}[c.from]
			out.WriteString(strings.Join(from[c.lo:c.hi], ""))
			continue
		}
		res.Conflicts = append(res.Conflicts, Conflict{What: fmt.Sprintf("both sides changed line %d", c.b0+1)})
		part := func(list []string) string {
			s := strings.Join(list, "")
			if s != "" && !strings.HasSuffix(s, "\n") {
				s += "\n"
			}
			return s
		}
		if s := out.String(); s != "" && !strings.HasSuffix(s, "\n") {
			out.WriteString("\n")
		}
		out.WriteString(marker(o, '<', o.Ours) + part(a[c.o0:c.o1]) + marker(o, '|', "base") + part(b[c.b0:c.b1]) + marker(o, '=', "") + part(t[c.t0:c.t1]) + marker(o, '>', o.Theirs))
	}
	res.Data = []byte(out.String())
	return res, nil
}
