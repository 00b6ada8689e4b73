package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// writeGitHub writes workflow commands, which GitHub shows beside the lines of a pull request.
func writeGitHub(w io.Writer, r *Report) error {
	p := &printer{w: w}
	for _, d := range r.Findings {
		var props []string
		add := func(name string, v any) { props = append(props, name+"="+escapeProperty(clean(fmt.Sprint(v)))) }
		if !d.Pos.IsZero() {
			add("file", d.Pos.File)
		}
		if d.Pos.Line > 0 {
			add("line", d.Pos.Line)
			// GitHub takes columns only within one line.
			if d.Pos.EndLine == d.Pos.Line && d.Pos.EndColumn > d.Pos.Column {
				add("endLine", d.Pos.EndLine)
				add("col", d.Pos.Column)
				add("endColumn", d.Pos.EndColumn-1)
			} else if d.Pos.Column > 0 {
				add("col", d.Pos.Column)
			}
		}
		add("title", d.Code)
		text := d.Message
		if d.Pos.IsZero() && d.Key != (schema.Key{}) {
			text = label(d.Key, d.Name) + ": " + text
		}
		if d.Hint != "" {
			text += "\n" + d.Hint
		}
		p.line("::", githubLevel(d.Severity), " ", strings.Join(props, ","), "::", escapeData(cleanLines(text)))
	}
	if r.hasFindings() {
		p.line(Summary(r.Findings, r.Resources, 0))
	}
	return p.err
}

// cleanLines is clean for text whose line breaks stay.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func githubLevel(s schema.Severity) string {
	switch s {
	case schema.Error:
		return "error"
	case schema.Warning:
		return "warning"
	default:
		return "notice"
	}
}

// escapeData and escapeProperty are the escapes of GitHub's own toolkit (actions/core, command.ts).
func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
