package diff

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lockstep-gitops/lockstep/placeholders"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A hasher turns secret values into keyed hashes: without the key, a short password can't be found by
// hashing guesses.
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

const (
	hashPrefix = "secret "
	crypto     = "$crypto" // the member of an object that holds an encrypted value
)

// hash is the same for values that mean the same: 1 and 1.0, LF and CRLF.
func (h hasher) hash(v any) string {
	if s, ok := v.(string); ok {
		v = strings.ReplaceAll(s, "\r\n", "\n")
	}
	m := hmac.New(sha256.New, h.key())
	m.Write(schema.CompactJSON(place(nil).form(v, false)))
	return hashPrefix + hex.EncodeToString(m.Sum(nil))[:8] + "…"
}

// mask gives v with hashes in the place of secrets: what the row names and is no placeholder, encrypted
// values, members whose name ends in "-encrypted", and texts called as secrets are. v itself is not changed.
func (h hasher) mask(p place, v any) any {
	if p.has(secret) {
		return h.hide(v)
	}
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			switch {
			case k == crypto && e != nil:
				out[k] = h.hash(e)
			case strings.HasSuffix(k, "-encrypted"), isSecretName(k) && isScalar(e):
				out[k] = h.hide(e)
			default:
				out[k] = h.mask(p.at(k), e)
			}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = h.mask(p.at(strconv.Itoa(i)), e)
		}
		return out
	}
	return v
}

// isSecretName is the net below the rows: what is called like this is hashed wherever it stands, even in kinds
// whose row says nothing of it.
func isSecretName(member string) bool {
	return slices.Contains([]string{
		"password", "passphrase", "clientsecret", "sharedsecret", "secretkey", "privatekey", "apikey", "bindpassword", "accesstoken", "refreshtoken",
	}, strings.ToLower(member))
}

func isScalar(v any) bool {
	switch v.(type) {
	case string, json.Number:
		return true
	}
	return false
}

// hide hashes every text and number of a secret value, which may be wrapped: {"inherited": false,
// "value": x}. Placeholders stay: they name the secret, and are none.
func (h hasher) hide(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			if k == crypto && e != nil {
				out[k] = h.hash(e)
			} else {
				out[k] = h.hide(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = h.hide(e)
		}
		return out
	case string:
		if x == "" || onlyNames(x) {
			return v
		}
		return h.hash(v)
	case json.Number:
		return h.hash(v)
	}
	return v
}

// onlyNames says that a text is one placeholder, &{…} or ${…}, and holds no value beside it: a default
// is one.
func onlyNames(s string) bool {
	refs, err := placeholders.Scan(s)
	if err == nil && len(refs) == 0 {
		refs, err = placeholders.ScanEnv(s)
	}
	if err != nil || len(refs) != 1 || refs[0].Start != 0 || refs[0].End != len(s) {
		return false
	}
	for _, r := range placeholders.All(refs) {
		if d := r.Default; d != nil && *d != "" && !onlyNames(*d) {
			return false
		}
	}
	return true
}

// secretChanged puts values that are written and never read back into both forms, where both bodies hold
// one: between two repositories they can be compared, with a tenant they can't.
func secretChanged(t *schema.Type, before, after, fb, fa map[string]any) {
	for _, pattern := range t.Secret {
		for _, m := range schema.Select(before, pattern) {
			b, _ := m.Value.(string)
			a := schema.Str(after, m.Pointer)
			segs := schema.SplitPointer(m.Pointer)
			if b == "" || a == "" || isUnknown(b) != isUnknown(a) || len(segs) != 1 {
				continue
			}
			if _, kept := fb[segs[0]]; !kept {
				fb[segs[0]], fa[segs[0]] = b, a
			}
		}
	}
}

// secretsDiffer says whether secretChanged has something to say of two bodies.
func secretsDiffer(t *schema.Type, before, after map[string]any) bool {
	if len(t.Secret) == 0 {
		return false
	}
	b, a := map[string]any{}, map[string]any{}
	secretChanged(t, before, after, b, a)
	return !equal(b, a)
}

// isUnknown says that a value is filled in when it is pushed.
func isUnknown(s string) bool { return strings.Contains(s, "${") }

// isOpen says the same of a decoded value: a string, or one in a coercion, {"$bool": "${NAME}"}.
func isOpen(v any) bool {
	switch x := v.(type) {
	case string:
		return isUnknown(x)
	case map[string]any:
		for k, e := range x {
			if s, ok := e.(string); ok && len(x) == 1 && strings.HasPrefix(k, "$") {
				return isUnknown(s)
			}
		}
	}
	return false
}

// forgetUnknown takes values out of both forms where one of them is ${NAME}: it is filled in when it is
// pushed, and until then nobody knows whether it differs. Two names are a difference of names.
func forgetUnknown(t *schema.Type, a, b map[string]any) {
	for _, pattern := range t.PerTenant {
		for _, side := range []map[string]any{a, b} {
			for _, m := range schema.Select(side, pattern) {
				va, _ := schema.Lookup(a, m.Pointer)
				vb, _ := schema.Lookup(b, m.Pointer)
				if isOpen(va) != isOpen(vb) || schema.IsMasked(va) || schema.IsMasked(vb) {
					remove(a, m.Pointer)
					remove(b, m.Pointer)
				}
			}
		}
	}
}

// remove takes the member that a pointer leads to out of its object.
func remove(root map[string]any, pointer string) {
	segs := schema.SplitPointer(pointer)
	parent, _ := schema.Lookup(root, schema.Pointer(segs[:len(segs)-1]...))
	if obj, ok := parent.(map[string]any); ok {
		delete(obj, segs[len(segs)-1])
	}
}
