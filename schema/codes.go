package schema

// A Code is one kind of finding.
type Code struct {
	Name     string
	Severity Severity // unless the user chooses another
	Summary  string   // one line
	Explain  string   // why it matters, a bad and a good example, where it is documented
	// Secret: the finding is about a secret, so that no excerpt of the file is shown.
	Secret bool
}

// Codes is the table of all findings, in the order in which `lockstep explain` lists them.
func Codes() []Code {
	var all []Code
	for _, group := range [][]Code{fileCodes(), resourceCodes(), schemaCodes(), journeyCodes(), referenceCodes(), esvCodes(), secretCodes(), corsCodes(), scriptCodes()} {
		all = append(all, group...)
	}
	return all
}

// CodeOf returns the row of a code.
func CodeOf(name string) (Code, bool) {
	for _, c := range Codes() {
		if c.Name == name {
			return c, true
		}
	}
	return Code{}, false
}
