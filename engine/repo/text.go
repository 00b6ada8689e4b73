package repo

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Exports hold a text that the tenant keeps in base64 in one of five forms: in base64, in the clear,
// as a list of lines, as a JSON string literal inside the string (frodo has written that), or in a
// file beside (corpus notes, "script").

// plainText finds the text in any of the forms that stand in the JSON itself, and says how it stood.
// ok is false when v is none of them.
func plainText(v any) (text string, kind schema.PartKind, ok bool) {
	switch x := v.(type) {
	case string:
		text = unwrap(x)
		if text != x {
			return text, schema.CodedPart, true
		}
		return x, schema.JSONPart, true
	case []any:
		lines := make([]string, len(x))
		for i, l := range x {
			if lines[i], ok = l.(string); !ok {
				return "", 0, false
			}
		}
		return strings.Join(lines, "\n"), schema.LinesPart, true
	default:
		return "", 0, false
	}
}

// unwrap undoes base64 or one JSON string literal. Only one: a tenant can hold a literal itself, put
// there by an import that did not undo it, and that is for a rule to find.
func unwrap(s string) string {
	if strings.HasPrefix(s, `"`) {
		var text string
		if json.Unmarshal([]byte(s), &text) == nil {
			return text
		}
		return s
	}
	if text, ok := decodeText(s); ok {
		return text
	}
	return s
}

// decodeText undoes base64, where s can be nothing else: one word of full length whose bytes are
// text. "abcd" is a script; a name of sixteen letters and more that decodes to text is not.
func decodeText(s string) (string, bool) {
	if len(s) < 16 || len(s)%4 != 0 || strings.ContainsAny(s, " \n.(){}[];:,'\"") {
		return "", false
	}
	text, ok := schema.DecodeBase64(s)
	if !ok || !utf8.ValidString(text) || schema.EncodeBase64(text) != s {
		return "", false
	}
	for _, r := range text {
		if unicode.IsControl(r) && !strings.ContainsRune("\n\r\t\f\v", r) {
			return "", false
		}
	}
	return text, true
}
