package placeholders

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	esvPrefix  = "esv-"
	namePrefix = "esv."
	maxESVName = 124 // characters after the prefix
)

// ESVName gives the ESV a placeholder's name or a script's argument stands for:
// "esv.my.var" is "esv-my-var". ok is false for any other property; it does not
// say that the name is a valid one, see CheckESVName.
func ESVName(placeholder string) (esv string, ok bool) {
	if !strings.HasPrefix(placeholder, namePrefix) {
		return "", false
	}
	return strings.ReplaceAll(placeholder, ".", "-"), true
}

// PlaceholderName is the name by which configuration and scripts refer to an
// ESV: "esv-my-var" is "esv.my.var". Underscores stay.
func PlaceholderName(esv string) string { return strings.ReplaceAll(esv, "-", ".") }

// MeantESV spots names that are no ESV references but look like a slip of one:
// "esv-my-var", "ESV.my.var", "esv_my_var". It returns the name probably meant.
// The platform takes these for properties of its own and finds no value, which
// makes a promotion fail.
func MeantESV(name string) (placeholder string, ok bool) {
	if _, is := ESVName(name); is || len(name) <= len(namePrefix) {
		return "", false
	}
	if !strings.EqualFold(name[:3], "esv") || !strings.ContainsRune("-._", rune(name[3])) {
		return "", false
	}
	rest := strings.ToLower(strings.ReplaceAll(name[4:], "-", "."))
	return namePrefix + rest, true
}

// CheckESVName says what is wrong with an ESV's name, which must match
// ^esv-[a-z0-9_-]{1,124}$. (The vendor's prose allows 124 characters with the
// prefix, its API 124 after it; the API decides.)
func CheckESVName(name string) error {
	if name == "" {
		return errors.New("ESV name is empty")
	}
	rest, ok := strings.CutPrefix(name, esvPrefix)
	if !ok {
		return fmt.Errorf("ESV name %q %s", name, prefixProblem(name))
	}
	if rest == "" {
		return fmt.Errorf("ESV name %q has nothing after %q", name, esvPrefix)
	}
	for i, c := range rest {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-':
		case c == '.':
			return fmt.Errorf("ESV name %q has a dot: dots are for references, the ESV is %q",
				name, strings.ReplaceAll(name, ".", "-"))
		case unicode.IsUpper(c):
			return fmt.Errorf("ESV name %q has the upper-case letter %q: names are lower case", name, c)
		case c == utf8.RuneError:
			return fmt.Errorf("ESV name %q is not valid UTF-8", name)
		default:
			return fmt.Errorf("ESV name %q has the illegal character %q at position %d: only a-z, 0-9, '_' and '-' are allowed",
				name, c, utf8.RuneCountInString(rest[:i])+len(esvPrefix)+1)
		}
	}
	if len(rest) > maxESVName {
		return fmt.Errorf("ESV name %q is too long: %d characters after %q, at most %d are allowed",
			name, len(rest), esvPrefix, maxESVName)
	}
	return nil
}

func prefixProblem(name string) string {
	switch {
	case strings.HasPrefix(name, namePrefix):
		return fmt.Sprintf("is written as a reference: the ESV is %q", strings.ReplaceAll(name, ".", "-"))
	case len(name) >= len(esvPrefix) && strings.EqualFold(name[:len(esvPrefix)], esvPrefix):
		return fmt.Sprintf("must begin with %q in lower case", esvPrefix)
	case strings.HasPrefix(name, "byos-"):
		return fmt.Sprintf("has the legacy prefix \"byos-\": it must begin with %q", esvPrefix)
	}
	return fmt.Sprintf("must begin with %q", esvPrefix)
}
