package schema

import "strings"

// ComparableText is the form in which long texts are compared: with LF line ends, and XML without its
// blank lines and indentation. AM answers with SAML metadata that has more of them each time that it was
// written (recordings of one entity on 2026-07-07, 07-08 and 07-13).
func ComparableText(s string) string {
	if strings.Contains(s, "\r\n") {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	if !strings.HasPrefix(s, "<?xml") {
		return s
	}
	lines := strings.Split(s, "\n")
	kept := lines[:0]
	for _, l := range lines {
		if l = strings.TrimSpace(l); l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, "\n")
}

// IsMasked says that a tenant shows asterisks in the place of a value: telemetry's headers.
func IsMasked(v any) bool {
	s, ok := v.(string)
	return ok && len(s) >= 4 && strings.Trim(s, "*") == ""
}
