package schema

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// A secretShape is how a kind of secret looks wherever it stands.
type secretShape struct {
	name string
	need []string // one of these is there whenever the expression matches: searching for them is fast
	re   lazyExpr
}

// secretShapes are those that can't be anything else: their issuers chose prefixes for that.
var secretShapes = []secretShape{
	{"a private key", []string{"PRIVATE KEY-----"}, lazily(`-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----(?:\\n|\s)*(?:[A-Za-z-]+: [^\n]*(?:\\n|\s)*)*(?:[A-Za-z0-9+/=]|\\n|\s){60,}`)},
	{"a private JWK", []string{`"kty"`}, lazily(`\{[^{}]*"kty"\s*:\s*"(?:RSA|EC|OKP)"[^{}]*"d"\s*:\s*"[A-Za-z0-9_-]{16,}"|\{[^{}]*"d"\s*:\s*"[A-Za-z0-9_-]{16,}"[^{}]*"kty"\s*:\s*"(?:RSA|EC|OKP)"`)},
	{"a symmetric JWK", []string{`"oct"`}, lazily(`\{[^{}]*"kty"\s*:\s*"oct"[^{}]*"k"\s*:\s*"[A-Za-z0-9_-]{16,}"|\{[^{}]*"k"\s*:\s*"[A-Za-z0-9_-]{16,}"[^{}]*"kty"\s*:\s*"oct"`)},
	{"a JSON Web Token", []string{"eyJ"}, lazily(`\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,}`)},
	{"an AWS access key", []string{"AKIA"}, lazily(`\bAKIA[0-9A-Z]{16}\b`)},
	{"a GitHub token", []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"}, lazily(`\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})`)},
	{"a GitLab token", []string{"glpat-"}, lazily(`\bglpat-[A-Za-z0-9_-]{20,}`)},
	{"a Slack token", []string{"xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxo-"}, lazily(`\bxox[abeoprs]-[A-Za-z0-9-]{10,}`)},
	{"a Google API key", []string{"AIza"}, lazily(`\bAIza[0-9A-Za-z_-]{35}\b`)},
	{"a Stripe key", []string{"_live_"}, lazily(`\b[rs]k_live_[0-9A-Za-z]{20,}`)},
	{"a SendGrid key", []string{"SG."}, lazily(`\bSG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50}`)},
	{"a Twilio key", []string{"SK"}, lazily(`\bSK[0-9a-f]{32}\b`)},
	{"a password in a URL", []string{"://"}, lazily(`\b[a-z][a-z0-9+.-]{2,12}://[^\s/@:"'<>{}$&]+:[^\s/@:"'<>{}$&]{3,}@[A-Za-z0-9.-]+`)},
}

// secretIn finds a secret in a text by its shape.
func secretIn(text string) (what string, start, end int, ok bool) {
	if len(text) < 16 {
		return "", 0, 0, false
	}
	there := secretNeeds().in(text)
	for _, s := range secretShapes {
		if there == nil || !slices.ContainsFunc(s.need, func(w string) bool { return there[w] }) {
			continue
		}
		if s.need[0] == "://" && !urlWithUser(text) {
			continue
		}
		if m := s.re().FindStringIndex(text); m != nil && !strings.Contains(text[m[0]:m[1]], "REDACTED") {
			return s.name, m[0], m[1], true
		}
	}
	return "", 0, 0, false
}

// secretNeeds finds which of the shapes' words a text has.
var secretNeeds = sync.OnceValue(func() *wordSearch {
	var all []string
	for _, s := range secretShapes {
		all = append(all, s.need...)
	}
	return newWordSearch(all)
})

// urlWithUser says whether an "@" follows a "://" before the host could have ended.
func urlWithUser(text string) bool {
	for at := strings.Index(text, "://"); at >= 0; at = nextIndex(text, "://", at+3) {
		rest := text[at+3:]
		if n := strings.IndexAny(rest, "/@ \"'<>{}$&\n"); n >= 0 && rest[n] == '@' {
			return true
		}
	}
	return false
}

// checkSecretTexts looks for secrets in every string of a resource. An ESV's own value is a secret by
// its nature, and another rule asks that it comes from the environment.
func checkSecretTexts(c *checker, t *Type, r *Resource) {
	if t.Class == PerEnvironment {
		return
	}
	scripts := map[string]bool{}
	for _, x := range t.Text {
		for _, m := range Select(r.Body, x.Pattern) {
			if isScript(x.LanguageAt(r.Body, m.Pointer)) {
				scripts[m.Pointer] = true // scriptSecrets looks at it
			}
		}
	}
	marked := map[string]bool{}
	row := checksOf(t.Name)
	for _, pattern := range slices.Concat(t.Secret, row.Secrets, row.Public) {
		for _, m := range Select(r.Body, pattern) {
			marked[m.Pointer] = true
		}
	}
	c.secretTexts(r, r.Body, "", func(at string) bool { return scripts[at] || marked[at] })
}

func (c *checker) secretTexts(r *Resource, v any, at string, skip func(string) bool) {
	switch x := v.(type) {
	case map[string]any:
		if member, what := jwkSecret(x); what != "" {
			c.secretText(r, at+Pointer(member), r.Source.At(at+Pointer(member)), what)
			return
		}
		for k, e := range x {
			switch e.(type) {
			case string, map[string]any, []any:
				c.secretTexts(r, e, at+"/"+EscapeSegment(k), skip)
			}
		}
	case []any:
		for i, e := range x {
			c.secretTexts(r, e, at+"/"+itoa(i), skip)
		}
	case string:
		if len(x) < 16 || skip(at) {
			return
		}
		if what, start, end, ok := secretIn(x); ok {
			c.secretText(r, at, r.Source.AtText(at, x, start, end), what)
			return
		}
		// Scripts stand in base64 in documents whose form is not known.
		if isScriptKey(lastSegment(at)) {
			if plain, ok := DecodeBase64(x); ok {
				if what, _, _, ok := secretIn(plain); ok {
					c.secretText(r, at, r.Source.At(at), what)
				}
			}
		}
	}
}

// jwkSecret says which member of a JSON Web Key is secret.
func jwkSecret(m map[string]any) (member, what string) {
	kty, _ := m["kty"].(string)
	if kty == "" {
		return "", ""
	}
	name := map[string]string{"RSA": "d", "EC": "d", "OKP": "d", "oct": "k"}[kty]
	s, _ := m[name].(string)
	if len(s) < 16 || s == "REDACTED" || placeholders.Has(s) || strings.HasPrefix(s, "${") {
		return "", ""
	}
	return name, "a private JWK"
}

func (c *checker) secretText(r *Resource, pointer string, pos Pos, what string) {
	c.reportAt(r, pointer, pos, "secret-in-text", what+" stands in configuration in the clear",
		"Everybody who can read the repository can read it. Revoke it, keep the new one in an ESV secret, and read it with \"&{esv.my.secret}\" or systemEnv.getProperty(\"esv.my.secret\").")
}

// scriptSecrets looks for credentials in a script. coded says that only the script's own place is known.
func (c *checker) scriptSecrets(r *Resource, pointer, text string, coded bool) {
	place := func(start, end int) Pos {
		if coded {
			return r.Source.At(pointer)
		}
		return r.Source.AtText(pointer, text, start, end)
	}
	if what, start, end, ok := secretIn(text); ok {
		c.secretText(r, pointer, place(start, end), what)
		return
	}
	for _, x := range credentialsIn(text) {
		message := "an Authorization header stands in the script with its credential"
		if x.name != "" {
			message = fmt.Sprintf("%q is given a constant that looks like a credential", x.name)
		}
		c.scriptSecret(r, pointer, place(x.start, x.end), message)
	}
}

func (c *checker) scriptSecret(r *Resource, pointer string, pos Pos, message string) {
	c.reportAt(r, pointer, pos, "script-secret", message,
		"Keep it in an ESV secret and read it with systemEnv.getProperty(\"esv.my.secret\"). If it is a credential, change it: it is in git's history.")
}

// commented says whether a line comment stands before the offset on its line.
func commented(text string, offset int) bool {
	from := strings.LastIndexByte(text[:offset], '\n') + 1
	line := strings.TrimSpace(text[from:offset])
	return strings.HasPrefix(line, "//") || strings.HasPrefix(line, "*")
}

// The forms in which AM and directory servers write passwords that they have encrypted or hashed.
var (
	amEncrypted = lazily(`^(?:AQIC|AAAA(?:AwE|EwE|A[A-Za-z]E))[A-Za-z0-9+/]{16,}={0,2}$`)
	hashScheme  = lazily(`^\{(?:SSHA|SSHA256|SSHA384|SSHA512|SHA|SMD5|MD5|CRYPT|BCRYPT|PBKDF2|PBKDF2-HMAC-SHA(?:1|256|512)|ARGON2)\}[A-Za-z0-9+/$.,:=-]{12,}$`)
	secretKey   = lazily(`(?i)(?:password|passwd|passphrase|secret|credential|private_?key|bindpw)$`)
)

// encryptedString says in which form a member's string is encrypted or hashed, if it is.
func encryptedString(key, s string) (form string, ok bool) {
	if len(s) < 20 {
		return "", false
	}
	if s[0] == '{' && hashScheme().MatchString(s) {
		return "hashed password " + s[:strings.IndexByte(s, '}')+1], true
	}
	if s[0] == 'A' && secretKey().MatchString(key) && amEncrypted().MatchString(s) {
		return "string encrypted by AM", true
	}
	return "", false
}
