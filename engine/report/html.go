package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

//go:embed report.html
var reportHTML string

// htmlPage is what the template sees. All text goes through html/template's escapes; nothing here is
// marked as safe.
type htmlPage struct {
	*Report
	Heading   string
	Verdict   string
	Level     string
	Sign      string
	ShortBase string
	ShortHead string
	Counts    string
	Findings  []htmlFinding
	Changes   []htmlChange
	ESVs      *htmlESVs
	PlanText  string
	Sections  []htmlSection
	Totals    []total
}

type htmlSection struct{ ID, Title, Count string }

type htmlFinding struct {
	ID       string
	Severity string
	Code     string
	Summary  string
	Message  string
	Label    string
	Pointer  string
	Place    string
	Link     string
	Hint     []string
	Related  []htmlRelated
	Lines    []htmlLine
}

type htmlRelated struct{ Place, Link, Text string }

// htmlLine is a source line, the value that the finding is about apart.
type htmlLine struct {
	Number              int
	Before, Mark, After string
	Hit                 bool
}

type htmlChange struct {
	Label, Did, Class, Picture string
	Restart, Open              bool
	Items                      []htmlItem
}

type htmlItem struct {
	Sign, Class, Subject, Detail string
	Minor                        bool
	Lines                        []htmlDiffLine
}

type htmlDiffLine struct{ Class, Text string }

// htmlESVs is the table ESV × environment.
type htmlESVs struct {
	Environments []string
	Rows         []htmlESVRow
}

type htmlESVRow struct {
	Name  string
	Cells []string // "missing", "there", ""
	Used  []string
}

func writeHTML(w io.Writer, r *Report) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"words": planWords, "accepted": acceptedWords, "took": duration, "count": count, "visible": clean, "visibleLines": cleanLines,
		"stateSign": func(s State) string { return (&printer{}).state(s) },
	}).Parse(reportHTML)
	if err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newHTMLPage(r)); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func newHTMLPage(r *Report) *htmlPage {
	p := &htmlPage{Report: r, Heading: r.Title, ShortBase: clean(short(r.Base)), ShortHead: clean(short(r.Commit))}
	if p.Heading == "" {
		p.Heading = "Lockstep report"
	}
	p.Heading = clean(p.Heading)
	text, level := r.Verdict()
	p.Verdict = clean(text)
	p.Level, p.Sign = "good", "✓"
	switch level {
	case schema.Error:
		p.Level, p.Sign = "bad", "✗"
	case schema.Warning:
		p.Level, p.Sign = "warning", "!"
	}
	if p.Verdict == "" {
		p.Verdict = "done"
	}
	if r.hasFindings() {
		p.Counts = Summary(r.Findings, r.Resources, r.Elapsed)
	}
	summaries := map[string]string{}
	for _, c := range schema.Codes() {
		summaries[c.Name] = c.Summary
	}
	for i, d := range worstFirst(r.Findings) {
		f := htmlFindingOf(i+1, d, r.LinkBase)
		f.Summary = summaries[d.Code]
		p.Findings = append(p.Findings, f)
	}
	for _, c := range r.Changes {
		p.Changes = append(p.Changes, htmlChangeOf(c))
	}
	p.Totals = totals(r.summarizeChanges())
	p.ESVs = htmlESVsOf(r.Environments)
	add := func(there bool, id, title string, n int) {
		if !there {
			return
		}
		s := htmlSection{ID: id, Title: title}
		if n > 0 {
			s.Count = number(n)
		}
		p.Sections = append(p.Sections, s)
	}
	add(len(r.Steps) > 0, "story", "Step by step", 0)
	add(len(r.Environments) > 0, "environments", "Environments", len(r.Environments))
	add(r.hasFindings(), "findings", "Findings", len(r.Findings))
	add(r.hasChanges(), "changes", "Differences", len(r.Changes))
	add(p.ESVs != nil, "esvs", "ESVs", 0)
	add(r.Plan != nil, "plan", "Plan", 0)
	add(r.Run != nil, "run", "Run", 0)
	add(r.Promotion != nil, "promotion", "Promotion", 0)
	add(len(r.Drift) > 0, "drift", "Drift", 0)
	add(len(r.Unmanaged) > 0, "unmanaged", "Not managed", 0)
	return p
}

func htmlFindingOf(n int, d schema.Diagnostic, base string) htmlFinding {
	f := htmlFinding{ID: fmt.Sprintf("f%d", n), Severity: d.Severity.String(), Code: clean(d.Code), Message: clean(d.Message), Pointer: clean(d.Pointer)}
	if d.Key != (schema.Key{}) {
		f.Label = clean(label(d.Key, d.Name))
	}
	if !d.Pos.IsZero() {
		f.Place, f.Link = clean(d.Pos.String()), Link(base, d.Pos)
	}
	if d.Hint != "" {
		for _, l := range strings.Split(d.Hint, "\n") {
			f.Hint = append(f.Hint, clean(l))
		}
	}
	for _, rel := range d.Related {
		h := htmlRelated{Text: clean(rel.Text), Link: Link(base, rel.Pos)}
		if !rel.Pos.IsZero() {
			h.Place = clean(rel.Pos.String())
		}
		f.Related = append(f.Related, h)
	}
	for i, l := range d.Excerpt {
		f.Lines = append(f.Lines, htmlLineOf(d, d.ExcerptLine+i, l))
	}
	return f
}

func htmlLineOf(d schema.Diagnostic, n int, l string) htmlLine {
	cs := cells(l)
	out := htmlLine{Number: n, Before: cellsText(cs)}
	if n != d.Pos.Line || d.Pos.Column < 1 {
		return out
	}
	from, to := span(d, n, len(cs))
	out.Hit = true
	out.Before, out.Mark, out.After = cellsText(cs[:from]), cellsText(cs[from:to]), cellsText(cs[to:])
	return out
}

func htmlChangeOf(c ChangeView) htmlChange {
	h := htmlChange{Label: clean(c.Label()), Did: did(c.Action), Class: string(c.Action), Restart: c.Restart, Open: c.Action == diff.Update}
	if strings.HasPrefix(c.Picture, "https://") {
		h.Picture = tameURL(c.Picture)
	}
	for _, i := range c.Items {
		item := htmlItem{Sign: i.Kind, Subject: clean(i.Subject), Detail: clean(i.Detail), Minor: i.Minor}
		switch i.Kind {
		case "+":
			item.Class = "add"
		case "-":
			item.Class = "del"
		case "~":
			item.Class = "mod"
		}
		shown, rest := bounded(i.Text, maxHTMLText, "-o json has all")
		for _, l := range shown {
			dl := htmlDiffLine{Text: cellsText(cells(strings.TrimRight(l, "\r\n")))}
			switch {
			case strings.HasPrefix(l, "@@"):
				dl.Class = "hunk"
			case strings.HasPrefix(l, "+"):
				dl.Class = "add"
			case strings.HasPrefix(l, "-"):
				dl.Class = "del"
			}
			item.Lines = append(item.Lines, dl)
		}
		if rest != "" {
			item.Lines = append(item.Lines, htmlDiffLine{Class: "hunk", Text: rest})
		}
		h.Items = append(h.Items, item)
	}
	return h
}

// htmlESVsOf makes the table of ESVs; nil when nothing is known of any.
func htmlESVsOf(es []EnvironmentStatus) *htmlESVs {
	t := &htmlESVs{}
	missing := map[string]map[string]bool{} // ESV, environment
	used := map[string][]string{}
	for _, e := range es {
		if e.Problem != "" {
			continue
		}
		t.Environments = append(t.Environments, e.Name)
		for _, m := range e.MissingESVs {
			name := esvName(m)
			if missing[name] == nil {
				missing[name] = map[string]bool{}
			}
			missing[name][e.Name] = true
		}
		for _, ref := range e.References {
			at := ref.File
			if ref.Line > 0 {
				at = fmt.Sprintf("%s:%d", ref.File, ref.Line)
			}
			if name := esvName(ref.ESV); at != "" && !slices.Contains(used[name], at) {
				used[name] = append(used[name], at)
			}
		}
	}
	names := map[string]bool{}
	for n := range missing {
		names[n] = true
	}
	for n := range used {
		names[n] = true
	}
	for _, n := range schema.SortedKeys(names) {
		row := htmlESVRow{Name: n, Used: used[n]}
		slices.Sort(row.Used)
		for _, e := range t.Environments {
			if missing[n][e] {
				row.Cells = append(row.Cells, "missing")
			} else {
				row.Cells = append(row.Cells, "there")
			}
		}
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

// esvName makes the ESV's own name of what the promotion API calls it: email.from → esv-email-from.
func esvName(s string) string {
	s = strings.ReplaceAll(s, ".", "-")
	if !strings.HasPrefix(s, "esv-") {
		s = "esv-" + s
	}
	return s
}
