package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// writeAzure writes logging commands, which Azure Pipelines shows on a run's page with the file and line
// (learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands, "LogIssue"). It knows errors and warnings; the
// rest is plain lines of the log.
func writeAzure(w io.Writer, r *Report) error {
	p := &printer{w: w}
	for _, n := range r.annotations() {
		text := n.Summary
		if n.Details != "" {
			text += "\n" + n.Details
		}
		if n.Severity < schema.Warning {
			p.line(n.Code, ": ", strings.ReplaceAll(text, "\n", " "))
			continue
		}
		level := "warning"
		if n.Severity >= schema.Error {
			level = "error"
		}
		props := "type=" + level + ";"
		if n.Path != "" {
			props += "sourcepath=" + escapeAzureProperty(n.Path) + ";"
		}
		if n.Line > 0 {
			props += fmt.Sprintf("linenumber=%d;", n.Line)
		}
		if n.Column > 0 {
			props += fmt.Sprintf("columnnumber=%d;", n.Column)
		}
		p.line("##vso[task.logissue ", props, "code=", escapeAzureProperty(n.Code), ";]", escapeAzure(text))
	}
	if r.hasFindings() {
		p.line(Summary(r.Findings, r.Resources, 0))
	}
	return p.err
}

// escapeAzure and escapeAzureProperty are the escapes of the agent (azure-pipelines-agent, Command.cs). A line that
// begins with ## is a command, so none may begin within a text.
func escapeAzure(s string) string {
	return strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeAzureProperty(s string) string {
	return strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A", "]", "%5D", ";", "%3B").Replace(s)
}

// An Annotation is a finding as services show it beside a line of a change: plain text, made harmless.
type Annotation struct {
	ID           string // the same when the finding only moved
	Code         string
	Severity     schema.Severity
	Path         string // "" when the place is not known
	Line, Column int    // from 1; 0 when they are not known
	Summary      string // one line
	Details      string // the hint, lines kept; may be empty
}

// Annotations lists the findings, the important first, named from the repository's root.
func (r *Report) Annotations() []Annotation { return r.prepared().annotations() }

func (r *Report) annotations() []Annotation {
	seen := map[string]int{}
	findings := slices.Clone(r.Findings)
	slices.SortStableFunc(findings, func(a, b schema.Diagnostic) int { return int(b.Severity) - int(a.Severity) })
	out := make([]Annotation, 0, len(findings))
	for _, d := range findings {
		n := Annotation{ID: fingerprint(d), Code: clean(d.Code), Severity: d.Severity, Summary: clean(d.Message), Details: cleanLines(d.Hint)}
		if seen[n.ID]++; seen[n.ID] > 1 {
			n.ID += fmt.Sprintf("-%d", seen[n.ID])
		}
		if d.Pos.IsZero() {
			if d.Key != (schema.Key{}) {
				n.Summary = clean(label(d.Key, d.Name)) + ": " + n.Summary
			}
		} else {
			n.Path, n.Line, n.Column = clean(d.Pos.File), d.Pos.Line, d.Pos.Column
		}
		out = append(out, n)
	}
	return out
}
