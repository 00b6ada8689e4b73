package schema

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dop251/goja/parser"
)

// checkScripts checks the text of scripts.
func checkScripts(c *checker, t *Type, r *Resource) {
	for _, x := range t.Text {
		for _, m := range Select(r.Body, x.Pattern) {
			text, ok := m.Value.(string)
			language := x.LanguageAt(r.Body, m.Pointer)
			if !ok || strings.TrimSpace(text) == "" || !isScript(language) {
				continue
			}
			c.script(t, r, m.Pointer, text, language)
		}
	}
}

// script checks one text.
func (c *checker) script(t *Type, r *Resource, pointer, text, language string) {
	if inner, double := undoLiteral(text); double {
		c.report(r, pointer, "script-double-encoded", "the script is a JSON string of a script: when it runs, it does nothing",
			"A tool has pushed an export without undoing its form. Put the script itself here, without the quotes around it and without \\n.")
		c.scriptSecrets(r, pointer, inner, true)
		return
	}
	if language == "javascript" {
		c.syntax(r, pointer, text)
	} else {
		c.groovy(r, pointer, text)
	}
	c.scriptSecrets(r, pointer, text, false)
	if name, start, end, ok := personalData(text); ok {
		c.reportAt(r, pointer, r.Source.AtText(pointer, text, start, end), "script-personal-data",
			fmt.Sprintf("the script writes %s into the log", name), "Logs are kept for 30 days and read by more people than may know it. Log an id instead.")
	}
	if evaluator := Str(r.Body, "/evaluatorVersion"); t.Libraries && evaluator != "" && language == "javascript" {
		c.evaluator(r, pointer, text, evaluator)
	}
}

// groovy checks what can be told of a Groovy script without its compiler: that its brackets and quotes
// are in pairs.
func (c *checker) groovy(r *Resource, pointer, text string) {
	if d, ok := r.Body["default"].(bool); !ok || !d {
		if at := "/language"; Str(r.Body, at) != "" {
			c.report(r, at, "script-groovy", "the script is in Groovy, which is deprecated", "Write it in JavaScript; the product's own scripts have been.")
		}
	}
	c.brackets(r, pointer, text, true)
}

func (c *checker) brackets(r *Resource, pointer, text string, groovy bool) {
	offset, why, ok := bracketFault(text, groovy)
	if !ok {
		return
	}
	language := "JavaScript"
	if groovy {
		language = "Groovy"
	}
	line, col := lineCol([]byte(text), offset)
	c.reportAt(r, pointer, r.Source.AtText(pointer, text, offset, min(offset+1, len(text))), "script-syntax",
		fmt.Sprintf("the script is no valid %s: %s (line %d, column %d of the script)", language, why, line, col), "When it runs, the script fails at once.")
}

// evaluator reports the first use of what the script's engine does not offer.
func (c *checker) evaluator(r *Resource, pointer, text, evaluator string) {
	offset, a, ok := apiOf(text, evaluator)
	if !ok {
		return
	}
	d := c.reportAt(r, pointer, r.Source.AtText(pointer, text, offset, offset+len(a.name)), "script-evaluator",
		fmt.Sprintf("%s is not there in scripts of evaluator version %s", a.name, evaluator), upperFirst(a.instead)+".")
	if at := r.Source.At("/evaluatorVersion"); !at.IsZero() {
		d.Related = append(d.Related, Related{Pos: at, Text: "the script's evaluator version"})
	}
}

// Scripts run as the body of a function where the host lets them return at the top level.
const (
	scriptPrefix = "(function(){"
	scriptSuffix = "\n})"
)

// syntax parses a script. Rhino, which runs it, takes some old forms that are no standard
// JavaScript; of a script with one only the brackets are judged.
func (c *checker) syntax(r *Resource, pointer, text string) {
	if strings.HasPrefix(text, "#!") {
		text = "//" + text[2:]
	}
	// Source maps would be read from the file that a comment names.
	_, err := parser.ParseFile(nil, "", scriptPrefix+text+scriptSuffix, 0, parser.WithDisableSourceMaps)
	if err == nil {
		return
	}
	if isRhinoOnly(text) {
		c.brackets(r, pointer, text, false)
		return
	}
	message, offset := err.Error(), 0
	var list parser.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		message = list[0].Message
		column := list[0].Position.Column
		if list[0].Position.Line == 1 {
			column -= len(scriptPrefix)
		}
		offset = tokenAt(text, offsetAt(text, list[0].Position.Line, column), message)
	}
	line, col := lineCol([]byte(text), offset)
	c.reportAt(r, pointer, r.Source.AtText(pointer, text, offset, min(offset+1, len(text))), "script-syntax",
		fmt.Sprintf("the script is no valid JavaScript: %s (line %d, column %d of the script)", lowerFirst(message), line, col),
		"When it runs, the script fails at once. If it is Groovy, its language must say so.")
}

// tokenAt corrects the place of an unexpected token: within an object's braces the parser tells that of
// the token after it.
func tokenAt(text string, offset int, message string) int {
	_, token, ok := strings.Cut(message, "Unexpected token ")
	if !ok || token == "" || strings.HasPrefix(text[offset:], token) {
		return offset
	}
	i := strings.LastIndex(text[:offset], token)
	if i < 0 || strings.TrimSpace(text[i+len(token):offset]) != "" {
		return offset
	}
	return i
}

// offsetAt gives the byte offset of a line and column, both from 1, the column in characters.
func offsetAt(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		i := strings.IndexByte(text[offset:], '\n')
		if i < 0 {
			return len(text)
		}
		offset += i + 1
	}
	for i := range text[offset:] {
		if column--; column <= 0 {
			return offset + i
		}
		if text[offset+i] == '\n' {
			return offset + i
		}
	}
	return len(text)
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
