package diff

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// identities are what tells objects of a list apart where the row names nothing, the surest first; the last is
// how audit event handlers have their name.
func identities() []string { return []string{"_id", "uuid", "id", "name", "/config/name"} }

// identityOf finds the member that tells the elements of both lists apart: the row's, else one that every
// element has and no two share. "" when there is none.
func identityOf(p place, before, after []any) string {
	candidates := identities()
	if by := p.by(); by != "" {
		candidates = []string{by}
	}
	for _, by := range candidates {
		if distinct(before, by) && distinct(after, by) {
			return by
		}
	}
	return ""
}

func distinct(list []any, by string) bool {
	seen := map[string]bool{}
	for _, e := range list {
		id, ok := idOf(e, by)
		if !ok || seen[id] {
			return false
		}
		seen[id] = true
	}
	return true
}

// idOf is an element's identity: the text of its member by, or what the pointer by leads to.
func idOf(e any, by string) (string, bool) {
	if strings.HasPrefix(by, "/") {
		s := schema.Str(e, by)
		return s, s != ""
	}
	s, _ := asObject(e)[by].(string)
	return s, s != ""
}

// pairUp says for each element of after which element of before it was; -1 for a new one. Objects are
// matched by their identity, all else by being the same; between two that stayed, what stands in the same
// place is taken for changed.
func pairUp(p place, before, after []any) (pairs []int, by string) {
	pairs = make([]int, len(after))
	for i := range pairs {
		pairs[i] = -1
	}
	if by = identityOf(p, before, after); by != "" && len(before) > 0 && len(after) > 0 {
		was := map[string]int{}
		for j, e := range before {
			id, _ := idOf(e, by)
			was[id] = j
		}
		for i, e := range after {
			id, _ := idOf(e, by)
			if j, ok := was[id]; ok {
				pairs[i] = j
			}
		}
		return pairs, by
	}
	b, a := p.texts(before), p.texts(after)
	if p.has(unordered) {
		was := map[string][]int{}
		for j, s := range b {
			was[s] = append(was[s], j)
		}
		for i, s := range a {
			if left := was[s]; len(left) > 0 {
				pairs[i], was[s] = left[0], left[1:]
			}
		}
		return pairs, ""
	}
	for _, m := range common(b, a) {
		pairs[m[1]] = m[0]
	}
	pairGaps(pairs, len(before))
	return pairs, ""
}

// pairGaps pairs what stands between two elements that stayed, in order.
func pairGaps(pairs []int, before int) {
	next := 0 // the first of before that is not yet behind us
	for i := 0; i < len(pairs); {
		if pairs[i] >= 0 {
			next = pairs[i] + 1
			i++
			continue
		}
		end := i
		for end < len(pairs) && pairs[end] < 0 {
			end++
		}
		limit := before
		if end < len(pairs) {
			limit = pairs[end]
		}
		for ; i < end; i++ {
			if next < limit {
				pairs[i] = next
				next++
			}
		}
	}
}

// maxCommon bounds the table of a longest common subsequence, in cells.
const maxCommon = 4 << 20

// common is a longest common subsequence as pairs of indices, in order. Of lists too long for that, what is
// the same at both ends.
func common(b, a []string) [][2]int {
	var head, tail [][2]int
	lo := 0
	for lo < len(b) && lo < len(a) && b[lo] == a[lo] {
		head = append(head, [2]int{lo, lo})
		lo++
	}
	hiB, hiA := len(b), len(a)
	for hiB > lo && hiA > lo && b[hiB-1] == a[hiA-1] {
		hiB--
		hiA--
		tail = append(tail, [2]int{hiB, hiA})
	}
	slices.Reverse(tail)
	n, m := hiB-lo, hiA-lo
	if n*m > 0 && n*m <= maxCommon {
		length := make([]int32, (n+1)*(m+1))
		for i := n - 1; i >= 0; i-- {
			for j := m - 1; j >= 0; j-- {
				at := i*(m+1) + j
				if b[lo+i] == a[lo+j] {
					length[at] = length[at+m+2] + 1
				} else {
					length[at] = max(length[at+m+1], length[at+1])
				}
			}
		}
		for i, j := 0, 0; i < n && j < m; {
			at := i*(m+1) + j
			switch {
			case b[lo+i] == a[lo+j]:
				head = append(head, [2]int{lo + i, lo + j})
				i++
				j++
			case length[at+m+1] >= length[at+1]:
				i++
			default:
				j++
			}
		}
	}
	return append(head, tail...)
}

// labelOf names an element: by what people call it where the identity is a technical one.
func labelOf(e any, by string, index int) string {
	id, ok := idOf(e, by)
	if by == "" || !ok {
		return strconv.Itoa(index)
	}
	if looksTechnical(id) {
		for _, k := range []string{"name", "displayName", "title"} {
			if s, ok := idOf(e, k); ok && s != id {
				return clip(s, 40)
			}
		}
	}
	return clip(id, 60)
}

// looksTechnical recognises a uuid.
func looksTechnical(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i, c := range id {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') {
			return false
		}
	}
	return true
}

// inOrder says whether the elements that stayed stand in the order in which they stood.
func inOrder(pairs []int) bool {
	last := -1
	for _, j := range pairs {
		if j < 0 {
			continue
		}
		if j < last {
			return false
		}
		last = j
	}
	return true
}

// unpaired lists what of before is no more.
func unpaired(pairs []int, before int) []int {
	stays := make([]bool, before)
	for _, j := range pairs {
		if j >= 0 {
			stays[j] = true
		}
	}
	var out []int
	for j, s := range stays {
		if !s {
			out = append(out, j)
		}
	}
	return out
}

// segment is a list's index as a segment of a pointer.
func segment(at string, i int) string { return at + "/" + schema.EscapeSegment(strconv.Itoa(i)) }
