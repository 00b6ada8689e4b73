package diff

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Strip returns the body without what the server owns: what is written to a tenant and kept in plans.
// A secret's value is among it, so a stripped body holds none.
func Strip(t *schema.Type, body map[string]any) map[string]any {
	out := schema.CloneObject(body)
	for _, p := range t.Volatile {
		removeAll(out, p)
	}
	return out
}

// Normalize returns the form in which two bodies are compared: stripped, without defaults and unset
// values, unordered lists sorted, numbers in one spelling, texts with LF line ends.
func Normalize(t *schema.Type, body map[string]any) map[string]any {
	out := Strip(t, body)
	for _, p := range t.Unordered {
		for _, m := range schema.Select(out, p) {
			if list, ok := m.Value.([]any); ok {
				sortValues(list)
			}
		}
	}
	for _, text := range t.Text {
		for _, m := range schema.Select(out, text.Pattern) {
			if s, ok := m.Value.(string); ok && strings.Contains(s, "\r\n") {
				set(out, m.Pointer, strings.ReplaceAll(s, "\r\n", "\n"))
			}
		}
	}
	canonical(out, t.NullIsAbsent)
	for _, d := range t.Defaults {
		dropDefault(out, d)
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
	h := sha256.New()
	for _, r := range s.All() {
		h.Write([]byte(r.Key.String() + "\x00" + Digest(r) + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func removeAll(body map[string]any, pattern string) {
	segs := schema.SplitPointer(pattern)
	last := segs[len(segs)-1]
	for _, m := range schema.Select(body, schema.Pointer(segs[:len(segs)-1]...)) {
		if obj, ok := m.Value.(map[string]any); ok {
			delete(obj, last)
		}
	}
}

func dropDefault(body map[string]any, d schema.Default) {
	segs := schema.SplitPointer(d.Pattern)
	last := segs[len(segs)-1]
	for _, m := range schema.Select(body, schema.Pointer(segs[:len(segs)-1]...)) {
		if obj, ok := m.Value.(map[string]any); ok && obj[last] == d.Value {
			delete(obj, last)
		}
	}
}

// set replaces the value at an existing pointer.
func set(root map[string]any, pointer string, v any) {
	segs := schema.SplitPointer(pointer)
	parent, _ := schema.Lookup(root, schema.Pointer(segs[:len(segs)-1]...))
	if obj, ok := parent.(map[string]any); ok {
		obj[segs[len(segs)-1]] = v
	}
}

// canonical rewrites numbers in place and drops null members when they mean "not set".
func canonical(v any, dropNull bool) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if e == nil && dropNull {
				delete(x, k)
				continue
			}
			x[k] = canonical(e, dropNull)
		}
	case []any:
		for i, e := range x {
			x[i] = canonical(e, dropNull)
		}
	case json.Number:
		return number(x)
	}
	return v
}

// number gives equal numbers one spelling: 1, 1.0 and 1e0 are 1. What is too large to expand keeps its
// own, so that a hostile exponent costs nothing.
func number(n json.Number) json.Number {
	s := n.String()
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
	return json.Number(strings.TrimRight(r.FloatString(40), "0"))
}

func sortValues(list []any) {
	slices.SortStableFunc(list, func(a, b any) int {
		return strings.Compare(string(schema.CompactJSON(a)), string(schema.CompactJSON(b)))
	})
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
		return a == b
	}
}

// A hasher turns secret values into keyed hashes.
type hasher struct{ key func() []byte }

func newHasher(given func() ([]byte, error)) hasher {
	return hasher{sync.OnceValue(func() []byte {
		if given != nil {
			if key, err := given(); err == nil && len(key) > 0 {
				return key
			}
		}
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails, as its documentation says
		return key
	})}
}

func (h hasher) hash(v any) string {
	m := hmac.New(sha256.New, h.key())
	m.Write(schema.CompactJSON(v))
	return "secret " + hex.EncodeToString(m.Sum(nil))[:8] + "…"
}

// mask replaces secret values in place: what the row names and is no placeholder, encrypted values,
// and members whose name ends in "-encrypted".
func (h hasher) mask(t *schema.Type, body map[string]any) {
	for _, p := range t.Secret {
		for _, m := range schema.Select(body, p) {
			if s, ok := m.Value.(string); ok && s != "" && !strings.HasPrefix(s, "&{") {
				set(body, m.Pointer, h.hash(s))
			}
		}
	}
	h.maskEncrypted(body)
}

func (h hasher) maskEncrypted(v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if obj, ok := e.(map[string]any); ok && obj["$crypto"] != nil {
				x[k] = h.hash(e)
				continue
			}
			if _, isString := e.(string); isString && strings.HasSuffix(k, "-encrypted") {
				x[k] = h.hash(e)
				continue
			}
			h.maskEncrypted(e)
		}
	case []any:
		for i, e := range x {
			if obj, ok := e.(map[string]any); ok && obj["$crypto"] != nil {
				x[i] = h.hash(e)
				continue
			}
			h.maskEncrypted(e)
		}
	}
}
