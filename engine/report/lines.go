package report

// Bold, Dim, Good and Bad are for commands that write their own lines while work goes on.

// Bold stresses a text.
func (s Style) Bold(t string) string { return s.bold(t) }

// Dim takes a text back.
func (s Style) Dim(t string) string { return s.dim(t) }

// Good colours a sign of success.
func (s Style) Good(t string) string { return s.green(t) }

// Bad colours a sign of failure.
func (s Style) Bad(t string) string { return s.red(t) }

// Sign colours the sign of a change: + added, - removed, ~ changed.
func (s Style) Sign(sign string) string {
	switch sign {
	case "+":
		return s.green(sign)
	case "-":
		return s.red(sign)
	case "~":
		return s.yellow(sign)
	}
	return sign
}
