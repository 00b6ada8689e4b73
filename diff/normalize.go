package diff

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Strip returns the body without what the server owns: what is written to a tenant and kept in plans.
// An ESV secret's value is among it, so a stripped one holds none.
func Strip(t *schema.Type, body map[string]any) map[string]any {
	return rootOf(t).strip(body).(map[string]any)
}

func (p place) strip(v any) any {
	if len(p) == 0 {
		return schema.Clone(v)
	}
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			if q := p.at(k); !q.has(volatile) {
				out[k] = q.strip(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = p.at(strconv.Itoa(i)).strip(e)
		}
		return out
	}
	return v
}

// Normalize returns the form in which two bodies are compared: stripped, without defaults and unset
// values, unordered lists sorted, numbers in one spelling, texts with LF line ends.
func Normalize(t *schema.Type, body map[string]any) map[string]any {
	p := rootOf(t)
	out := p.form(body, t.NullIsAbsent).(map[string]any)
	p.sort(out)
	return out
}

// form is the normal form, but for the order of lists: an element stands where it stood in the body, so
// that a pointer into the one leads to the same value in the other.
func (p place) form(v any, dropNull bool) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			if e == nil && dropNull {
				continue
			}
			if len(p) == 0 {
				out[k] = p.form(e, dropNull)
				continue
			}
			q := p.at(k)
			if q.has(volatile) {
				continue
			}
			if f := q.form(e, dropNull); !q.isDefault(f) {
				out[k] = f
			}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			if len(p) == 0 {
				out[i] = p.form(e, dropNull)
			} else {
				out[i] = p.at(strconv.Itoa(i)).form(e, dropNull)
			}
		}
		return out
	case json.Number:
		return number(x)
	case string:
		if p.has(text) {
			return schema.ComparableText(x)
		}
	}
	return v
}

// alike says, without making forms, that two bodies mean the same. It does not look at lists in another
// order: then, and whenever it is not sure, it says false.
func (p place) alike(a, b any, dropNull bool) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			return false
		}
		shared := 0
		for k, v := range x {
			w, both := y[k]
			if both {
				shared++
			}
			q := p.at(k)
			if q.has(volatile) || both && q.alike(v, w, dropNull) {
				continue
			}
			if !q.absent(v, dropNull) || both && !q.absent(w, dropNull) {
				return false
			}
		}
		if shared == len(y) {
			return true
		}
		for k, w := range y {
			if _, both := x[k]; both {
				continue
			}
			if q := p.at(k); !q.has(volatile) && !q.absent(w, dropNull) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			q := p
			if len(p) > 0 {
				q = p.at(strconv.Itoa(i))
			}
			if !q.alike(x[i], y[i], dropNull) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := b.(json.Number)
		return ok && (x == y || number(x) == number(y))
	default:
		return equal(a, b)
	}
}

// absent says that a member with that value is as good as none.
func (p place) absent(v any, dropNull bool) bool {
	return v == nil && dropNull || len(p) > 0 && p.isDefault(p.form(v, dropNull))
}

// sort puts the lists whose order means nothing in one order, in place, the innermost first.
func (p place) sort(v any) {
	if len(p) == 0 {
		return
	}
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			p.at(k).sort(e)
		}
	case []any:
		for i, e := range x {
			p.at(strconv.Itoa(i)).sort(e)
		}
		if p.has(unordered) {
			sortValues(x)
		}
	}
}

// same compares two forms, lists whose order means nothing as multisets.
func (p place) same(a, b any) bool {
	if len(p) == 0 {
		return equal(a, b)
	}
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !p.at(k).same(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		if p.has(unordered) && !equal(a, b) {
			return slices.Equal(slices.Sorted(slices.Values(p.texts(x))), slices.Sorted(slices.Values(p.texts(y))))
		}
		for i := range x {
			if !p.at(strconv.Itoa(i)).same(x[i], y[i]) {
				return false
			}
		}
		return true
	default:
		return a == b
	}
}

// texts gives each element of a list in one spelling.
func (p place) texts(list []any) []string {
	out := make([]string, len(list))
	for i, e := range list {
		q := p.at(strconv.Itoa(i))
		if len(q) > 0 {
			e = schema.Clone(e)
			q.sort(e)
		}
		out[i] = string(schema.CompactJSON(e))
	}
	return out
}

// Digest is the hex SHA-256 of a resource's normal form. It is the same whatever layout or tenant the
// resource was read from.
func Digest(r *schema.Resource) string {
	t, ok := schema.TypeOf(r.Type)
	if !ok {
		return ""
	}
	sum := sha256.Sum256(schema.CompactJSON(Normalize(t, r.Body)))
	return hex.EncodeToString(sum[:])
}

// SetDigest is the hex SHA-256 over the keys and digests of a set's resources.
func SetDigest(s *schema.Set) string {
	all := s.All()
	digests := make([]string, len(all))
	parallel(len(all), func(i int) { digests[i] = Digest(all[i]) })
	h := sha256.New()
	for i, r := range all {
		h.Write([]byte(r.Key.String() + "\x00" + digests[i] + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// number gives equal numbers one spelling: 1, 1.0 and 1e0 are 1. What is too large to expand keeps its
// own, so that a hostile exponent costs nothing.
func number(n json.Number) json.Number {
	s := n.String()
	if s == "-0" {
		return "0"
	}
	if !strings.ContainsAny(s, ".eE") || len(s) > 40 {
		return n
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 4 {
		return n
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return n
	}
	if r.IsInt() {
		return json.Number(r.Num().String())
	}
	// 40 digits and an exponent of -99 are the most that come here: this is exact.
	return json.Number(strings.TrimRight(r.FloatString(40+99), "0"))
}

func sortValues(list []any) {
	type element struct {
		text  string
		value any
	}
	all := make([]element, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			s = string(schema.CompactJSON(v))
		} else {
			s = `"` + s
		}
		all[i] = element{s, v}
	}
	slices.SortStableFunc(all, func(a, b element) int { return strings.Compare(a.text, b.text) })
	for i := range all {
		list[i] = all[i].value
	}
}

// equal compares two decoded values without making text of them.
func equal(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, equal)
	default:
		switch b.(type) {
		case map[string]any, []any:
			return false // two lists can't be compared with ==
		}
		return a == b
	}
}
