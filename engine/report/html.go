package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff/picture"
	"github.com/lockstep-gitops/lockstep/schema"
)

//go:embed report.html
var reportHTML string

// The only script of the page. The page's policy names its digest, so that no other runs.
//
//go:embed report.js
var reportJS string

// htmlPage is what the template sees. All text goes through html/template's escapes. Marked as safe are only
// the script and the style sheets, which hold no text of others, and the pictures, which escape theirs.
type htmlPage struct {
	*Report
	Script       template.JS
	ScriptHash   string
	PictureStyle template.CSS
	Searchable   bool
	Tiles        []htmlTile
	Chips        []htmlSection
	ChangeCounts string
	Heading      string
	Verdict      string
	Level        string
	Sign         string
	ShortBase    string
	ShortHead    string
	Counts       string
	Findings     []htmlFinding
	Changes      []htmlChange
	Drift        []htmlDrift
	ESVs         *htmlESVs
	PlanText     string
	Sections     []htmlSection
	Totals       []total
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

// htmlTile is one of the numbers at the top.
type htmlTile struct{ ID, Level, Big, What, Sub string }

type htmlChange struct {
	ID, Label, Did, Class, Picture string
	Restart, Open                  bool
	Items                          []htmlItem
	Shot                           *htmlShot
	NoPicture                      string // why there is none
	Patch                          []htmlOp
	PatchLeft                      int
}

// htmlDrift is one environment's drift, with what differs told whole.
type htmlDrift struct {
	DriftView
	Changes []htmlChange
}

type htmlOp struct{ Op, Path, Value string }

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
	Name       string
	Missing    bool
	Cells      []string // "missing", "there", ""
	Used, More []string // the first few places, and the others
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
	room := maxPictures
	p.Changes = htmlChangesOf("c", r.Changes, &room)
	drifted := 0
	for i, d := range r.Drift {
		h := htmlDrift{DriftView: d, Changes: htmlChangesOf(fmt.Sprintf("d%d-", i+1), d.Changes, &room)}
		p.Drift, drifted = append(p.Drift, h), drifted+len(h.Changes)
	}
	if len(r.Changes) > 0 {
		p.ChangeCounts = summaryText(r.summarizeChanges())
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
	p.Tiles, p.Chips = tiles(r), chips(r)
	p.Searchable = len(p.Findings)+len(p.Changes)+drifted > 0 || p.ESVs != nil || r.Plan != nil
	digest := sha256.Sum256([]byte(reportJS))
	p.Script, p.ScriptHash = template.JS(reportJS), base64.StdEncoding.EncodeToString(digest[:]) //nolint:gosec // our own file
	p.PictureStyle = template.CSS(picture.Style())                                               //nolint:gosec // holds colours only
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
		row := htmlESVRow{Name: n, Missing: len(missing[n]) > 0, Used: used[n]}
		slices.Sort(row.Used)
		const most = 3
		if len(row.Used) > most+1 {
			row.Used, row.More = row.Used[:most], row.Used[most:]
		}
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
	// What is missing somewhere comes first.
	slices.SortStableFunc(t.Rows, func(a, b htmlESVRow) int {
		switch {
		case a.Missing == b.Missing:
			return 0
		case a.Missing:
			return -1
		}
		return 1
	})
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
