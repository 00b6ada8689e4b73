package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// bracketFault finds the first bracket or quote of a script that has no partner: its offset and what
// is wrong. Groovy scripts, and JavaScript in forms that only Rhino reads, are checked for this alone.
func bracketFault(src string, groovy bool) (offset int, why string, ok bool) {
	type open struct {
		at int
		c  byte
	}
	var stack []open
	closes := map[byte]byte{')': '(', ']': '[', '}': '{'}
	last := byte(';')
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case strings.HasPrefix(src[i:], "//"):
			i = lineEnd(src, i) - 1
			continue
		case strings.HasPrefix(src[i:], "/*"):
			n := strings.Index(src[i+2:], "*/")
			if n < 0 {
				return i, "the comment is not closed", true
			}
			i += 2 + n + 1
			continue
		case c == '\'' || c == '"' || c == '`' && !groovy:
			end, closed := scriptString(src, i, groovy)
			if !closed {
				return i, "the string is not closed", true
			}
			i, last = end, '"'
			continue
		case c == '/' && strings.IndexByte("(=,:[!&|?{};+", last) >= 0:
			if end := endOfRegexp(src, i); end > i+1 && src[end-1] == '/' {
				i, last = end-1, '"'
				continue
			}
		case c == '(' || c == '[' || c == '{':
			stack = append(stack, open{i, c})
		case closes[c] != 0:
			if len(stack) == 0 {
				return i, fmt.Sprintf("%q closes nothing", c), true
			}
			if top := stack[len(stack)-1]; top.c != closes[c] {
				return i, fmt.Sprintf("%q does not close %q", c, top.c), true
			}
			stack = stack[:len(stack)-1]
		}
		if c > ' ' {
			last = c
		}
	}
	if len(stack) > 0 {
		return stack[len(stack)-1].at, fmt.Sprintf("%q is not closed", stack[len(stack)-1].c), true
	}
	return 0, "", false
}

// scriptString gives the offset of the last character of the string begun at i, and whether it is
// closed. Groovy has strings of three quotes that go over lines.
func scriptString(src string, i int, groovy bool) (end int, closed bool) {
	quote := src[i]
	if three := strings.Repeat(string(quote), 3); groovy && strings.HasPrefix(src[i:], three) {
		for j := i + 3; j < len(src); j++ {
			if src[j] == '\\' {
				j++
			} else if strings.HasPrefix(src[j:], three) {
				return j + 2, true
			}
		}
		return len(src), false
	}
	end = endOfString(src, i)
	return end, end < len(src) && src[end] == quote
}

// The forms that Rhino reads and no other engine does; a script with one is checked for its brackets
// only. Each matches code without comments and strings.
var rhinoForms = []lazyExpr{
	lazily(`\bfor\s+each\s*\(`),                             // for each (x in list)
	lazily(`\bcatch\s*\(\s*[\w$]+\s+if\b`),                  // catch (e if e instanceof X)
	lazily(`\bfunction\s*[\w$]*\s*\([^()]*\)\s*[^\s{/]`),    // function(x) x * x
	lazily(`\blet\s*\(`),                                    // let (a = 1) { … }
	lazily(`\[[^\[\]]*\bfor\s*(?:each\s*)?\(`),              // [x * x for (x in list)]
	lazily(`(?:[=(,:?\[]|\breturn)\s*<[A-Za-z_>][^;]*?/?>`), // E4X: var x = <a/>
	lazily(`\bdefault\s+xml\s+namespace\b|\.\.@?[A-Za-z*]|\.@[A-Za-z*]`),
	lazily(`[\w$)\]]::[\w$*\[]`), // namespace::name
}

func isRhinoOnly(text string) bool {
	code := codeAlone(text)
	for _, re := range rhinoForms {
		if re().MatchString(code) {
			return true
		}
	}
	return false
}

// codeAlone puts spaces in the place of comments and of what stands in strings, so that offsets stay.
func codeAlone(src string) string { return blankStrings(src, func(_, _ int) bool { return false }) }

// An api is an expression that works with one generation of the script engine only.
type api struct {
	re      lazyExpr
	name    string
	instead string
	need    string // a text that is there whenever the expression matches
}

// What only evaluator version 1.0 offers, and what only 2.0 does (product documentation, "Next-generation
// scripts"). A name that the script declares itself is its own.
var (
	legacyAPIs = []api{
		{lazily(`\b(JavaImporter)\s*\(`), "JavaImporter", "Java classes are not reachable; use the bindings", "JavaImporter"},
		{lazily(`\b(Packages)\s*\.`), "Packages", "Java classes are not reachable; use the bindings", "Packages"},
		{lazily(`(?:^|[^.\w$])(sharedState)\s*\.\s*(?:get|put|remove)\b`), "sharedState", "use nodeState.get and nodeState.putShared", "sharedState"},
		{lazily(`(?:^|[^.\w$])(transientState)\s*\.\s*(?:get|put|remove)\b`), "transientState", "use nodeState.get and nodeState.putTransient", "transientState"},
		{lazily(`(?:^|[^.\w$])(logger)\s*\.\s*(?:message|warning)\s*\(`), "logger.message and logger.warning", "use logger.debug and logger.warn", "logger"},
	}
	nextAPIs = []api{
		{lazily(`(?:^|[^.\w$])(callbacksBuilder)\s*\.`), "callbacksBuilder", "build callbacks with Java classes, or set evaluatorVersion 2.0", "callbacksBuilder"},
		{lazily(`(?:^|[^.\w$])(action)\s*\.\s*(?:goTo|suspend|withErrorMessage|withStage)\s*\(`), "action.goTo", "set outcome, or evaluatorVersion 2.0", "action"},
	}
)

// apiOf finds the first use of an expression of the other generation.
func apiOf(src, evaluator string) (offset int, found api, ok bool) {
	list := nextAPIs
	if evaluator == "2.0" {
		list = legacyAPIs
	}
	best, code := -1, ""
	for _, a := range list {
		// The expressions are slow, so that they see the surroundings of the word only.
		for at := strings.Index(src, a.need); at >= 0; at = nextIndex(src, a.need, at+1) {
			from, to := max(at-1, 0), min(at+80, len(src))
			if best >= 0 && at >= best {
				break
			}
			// What follows the word is a dot or a parenthesis, whichever expression it is.
			if next := strings.TrimLeft(src[at+len(a.need):to], " \t\r\n\f"); next == "" || next[0] != '.' && next[0] != '(' || !a.re().MatchString(src[from:to]) {
				continue
			}
			if code == "" {
				code = codeAlone(src)
			}
			m := a.re().FindStringSubmatchIndex(code[from:to])
			if m == nil || declares(code, code[from+m[2]:from+m[3]]) {
				continue
			}
			best, found = from+m[2], a
			break
		}
	}
	return best, found, best >= 0
}

// declares says whether the code makes a variable, function or parameter of that name.
func declares(code, name string) bool {
	re := regexp.MustCompile(`\b(?:var|let|const|function)\s+` + regexp.QuoteMeta(name) + `\b|\bfunction\s*[\w$]*\s*\([^)]*\b` + regexp.QuoteMeta(name) + `\b|(?:^|[^.\w$])` + regexp.QuoteMeta(name) + `\s*=[^=]`)
	return re.MatchString(code)
}

// credential is an assignment of a constant to a name that speaks of a secret. An upper bound of the constant's
// length in the expression would make it too large for Go's fast matcher.
var credential = lazily(`(?i)(?:^|[^\w$])["']?([\w$.-]*(?:password|passwd|passphrase|secret|api_?key|access_?key|private_?key|auth_?token|bearer_?token|access_?token|credential)s?)["']?\s*[:=]\s*(["'])([^"'\\\n]{6,})["']`)

// authHeader is a header's value with the credential in it.
var authHeader = lazily(`(?i)["'](?:basic|bearer)\s+([A-Za-z0-9+/._~-]{12,}=*)["']`)

// looksSecret says whether a constant may well be a secret: not a word, not a sentence, not a name of
// something else.
func looksSecret(s string) bool {
	if strings.ContainsAny(s, " \t<>{}()") || strings.Contains(s, "://") || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "esv.") || s == "REDACTED" {
		return false
	}
	digits, lower, upper, other := 0, 0, 0, 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r >= 'a' && r <= 'z':
			lower++
		case r >= 'A' && r <= 'Z':
			upper++
		case r == '.' || r == '_' || r == '-':
		default:
			other++
		}
	}
	kinds := 0
	for _, n := range []int{digits, lower, upper, other} {
		if n > 0 {
			kinds++
		}
	}
	return len(s) >= 6 && kinds >= 2 && (digits > 0 || other > 0) || len(s) >= 24 && kinds >= 2 && !strings.ContainsAny(s, "._")
}

// logCall is a line of a log, up to the end of the statement; personal is what should not be in one.
var (
	logCall     = lazily(`\blogger\s*\.\s*(?:trace|debug|message|info|warn|warning|error)\s*\(([^;\n]*)`)
	personal    = lazily(`(?i)(?:^|[^\w$])([\w$]*(?:password|passcode|givenName|surname|telephoneNumber|phoneNumber|postalAddress|dateOfBirth|birthDate|socialSecurity|emailAddress|creditCard))\b`)
	personalKey = lazily(`(?i)["'](password|newPassword|oneTimePassword|mail|givenName|sn|telephoneNumber|postalAddress)["']\s*\)`)
)

// personalData finds a log call that writes what looks like personal data: the offsets of the name.
func personalData(src string) (name string, start, end int, ok bool) {
	if !strings.Contains(src, "logger") {
		return "", 0, 0, false
	}
	code := codeAlone(src)
	for at := strings.Index(code, "logger"); at >= 0; at = nextIndex(code, "logger", at+1) {
		m := logCall().FindStringSubmatchIndex(code[at:lineEnd(code, at)])
		if m == nil {
			continue
		}
		from, to := at+m[2], at+m[3]
		if p := personal().FindStringSubmatchIndex(code[from:to]); p != nil {
			return code[from+p[2] : from+p[3]], from + p[2], from + p[3], true
		}
		// Constants that name an attribute count where they are an argument: state.get("mail").
		if p := personalKey().FindStringSubmatchIndex(src[from:to]); p != nil {
			return src[from+p[2] : from+p[3]], from + p[2], from + p[3], true
		}
	}
	return "", 0, 0, false
}

func nextIndex(s, what string, from int) int {
	if n := strings.Index(s[min(from, len(s)):], what); n >= 0 {
		return from + n
	}
	return -1
}

// A credentialPlace is where a constant stands that looks like a credential.
type credentialPlace struct {
	name       string // what it is given to; empty for a header's value
	start, end int    // of the constant, quotes included
}

// credentialEnds are what a name that credential matches ends with, but for an s.
var credentialEnds = []string{"password", "passwd", "passphrase", "secret", "key", "token", "credential"}

// maxCredential is how long a constant may be, in bytes, that is taken for a credential.
const maxCredential = 200

// credentialsIn finds constants that look like credentials, line by line: the expressions are slow, and see the
// lines only on which a quote stands where they need one. Five of a script are enough.
func credentialsIn(src string) []credentialPlace {
	var out []credentialPlace
	for i := 0; i < len(src) && len(out) < 5; i++ {
		if c := src[i]; c != '"' && c != '\'' {
			continue
		}
		assigned, header := isGivenSecretName(src[:i]), beginsHeader(src[i+1:])
		if !assigned && !header {
			continue
		}
		at := strings.LastIndexByte(src[:i], '\n') + 1
		end := lineEnd(src, i)
		line := src[at:end]
		for _, m := range credential().FindAllStringSubmatchIndex(line, -1) {
			if m[7]-m[6] <= maxCredential && looksSecret(line[m[6]:m[7]]) && !commented(line, m[0]) {
				out = append(out, credentialPlace{line[m[2]:m[3]], at + m[6] - 1, at + m[7] + 1})
			}
		}
		for _, m := range authHeader().FindAllStringSubmatchIndex(line, -1) {
			if looksSecret(line[m[2]:m[3]]) && !commented(line, m[0]) {
				out = append(out, credentialPlace{"", at + m[0], at + m[1]})
			}
		}
		i = end
	}
	return out
}

// isGivenSecretName says whether what stands before a constant gives it to a name that speaks of a secret.
func isGivenSecretName(before string) bool {
	before = strings.TrimRight(before, " \t\r\f")
	if before == "" || before[len(before)-1] != ':' && before[len(before)-1] != '=' {
		return false
	}
	before = strings.TrimRight(before[:len(before)-1], " \t\r\f")
	for _, cut := range []string{`"'`, "sS"} {
		if n := len(before); n > 0 && strings.IndexByte(cut, before[n-1]) >= 0 {
			before = before[:n-1]
		}
	}
	return slices.ContainsFunc(credentialEnds, func(w string) bool {
		return len(before) >= len(w) && strings.EqualFold(before[len(before)-len(w):], w)
	})
}

// beginsHeader says whether a constant begins as an Authorization header's value does.
func beginsHeader(constant string) bool {
	for _, scheme := range []string{"basic", "bearer"} {
		if n := len(scheme); len(constant) > n && strings.EqualFold(constant[:n], scheme) && strings.IndexByte(" \t\r\f", constant[n]) >= 0 {
			return true
		}
	}
	return false
}
