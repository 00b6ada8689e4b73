package report

// Clean makes untrusted text fit for one line of a terminal.
func Clean(s string) string { return clean(s) }
