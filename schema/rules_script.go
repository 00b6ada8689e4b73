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
			if _, double := undoLiteral(text); double {
				c.report(r, m.Pointer, "script-double-encoded", "the script is a JSON string of a script: when it runs, it does nothing",
					"A tool has pushed an export without undoing its form. Put the script itself here, without the quotes around it and without \\n.")
				continue
			}
			if language == "javascript" {
				c.syntax(r, m.Pointer, text)
			}
		}
	}
}

// Scripts run as the body of a function where the host lets them return at the top level.
const (
	scriptPrefix = "(function(){"
	scriptSuffix = "\n})"
)

// syntax parses a script. Rhino, which runs it, takes some old forms that are no standard
// JavaScript; those are not judged.
func (c *checker) syntax(r *Resource, pointer, text string) {
	// Source maps would be read from the file that a comment names.
	_, err := parser.ParseFile(nil, "", scriptPrefix+text+scriptSuffix, 0, parser.WithDisableSourceMaps)
	if err == nil || isRhinoOnly(text) {
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
		offset = offsetAt(text, list[0].Position.Line, column)
	}
	line, col := lineCol([]byte(text), offset)
	c.reportAt(r, pointer, r.Source.AtText(pointer, text, offset, min(offset+1, len(text))), "script-syntax",
		fmt.Sprintf("the script is no valid JavaScript: %s (line %d, column %d of the script)", lowerFirst(message), line, col),
		"When it runs, the script fails at once. If it is Groovy, its language must say so.")
}

func isRhinoOnly(text string) bool {
	return strings.Contains(text, "for each") || strings.Contains(text, "XMLList") || strings.Contains(text, "</>")
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
