package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// checkSecrets looks for secrets that stand in configuration in the clear. No finding shows a value.
func checkSecrets(c *checker, t *Type, r *Resource) {
	reported := map[string]bool{}
	for _, pattern := range append(slices.Clone(t.Secret), checksOf(t.Name).Secrets...) {
		for _, m := range Select(r.Body, pattern) {
			if isPlainSecret(m.Value) && !reported[m.Pointer] {
				reported[m.Pointer] = true
				c.report(r, m.Pointer, "plaintext-secret", fmt.Sprintf("%s holds a secret in the clear", c.subjectMember(t, r, m.Pointer)),
					plainSecretHint(t))
			}
		}
	}
}

func plainSecretHint(t *Type) string {
	if t.Class == PerEnvironment {
		return "Everybody who can read the repository can read it. Change it, and let it come from the environment: \"${NAME}\"."
	}
	return "Everybody who can read the repository can read it. Change it, keep it in an ESV secret, and put \"&{esv.my.secret}\" here."
}

// subjectMember is the member's name, with its node's where it has one.
func (c *checker) subjectMember(t *Type, r *Resource, pointer string) string {
	segs := splitPointer(pointer)
	member := fmt.Sprintf("%q", segs[len(segs)-1])
	if t.Journey && len(segs) > 2 && segs[0] == "nodeConfigs" {
		return member + " of " + fmt.Sprintf("%q", nodeName(r.Body, segs[1]))
	}
	return member
}

// isPlainSecret says whether a value that should come from elsewhere stands there itself.
func isPlainSecret(v any) bool {
	switch x := v.(type) {
	case string:
		return x != "" && !placeholders.Has(x) && !isEnvOnly(x) && !isEncrypted(x)
	case map[string]any:
		_, text, ok := placeholders.Wrapper(x)
		return ok && isPlainSecret(text)
	}
	return false
}

func isEnvOnly(s string) bool {
	refs, err := placeholders.ScanEnv(s)
	return err == nil && len(refs) > 0 && strings.HasPrefix(s, "${")
}

func (c *checker) encrypted(r *Resource, e EncryptedValue) {
	segs := splitPointer(e.Pointer)
	what := "the file"
	if len(segs) > 0 {
		what = fmt.Sprintf("%q", strings.TrimSuffix(segs[len(segs)-1], "-encrypted"))
	}
	c.reportAt(r, e.Pointer, e.Pos, "encrypted-secret",
		what+" holds an encrypted value, which only the tenant that wrote it can decrypt",
		"A promotion would stop with \"Found encrypted values\". Put the value into an ESV secret, and \"&{esv.my.secret}\" here.")
}

// isEncrypted: another finding speaks of it.
func isEncrypted(s string) bool { _, ok := encryptedString("password", s); return ok }
