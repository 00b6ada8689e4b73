package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/diff/picture"
	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	// maxMarkdown is how long a comment may be: GitHub takes 65,536 characters. Bytes are counted, which
	// are at least as many.
	maxMarkdown = 65000
	// maxBlock bounds one resource's difference, so that one large script leaves room for the others.
	maxBlock = 12000
	// maxChart bounds a journey's chart: larger ones are no help in a comment.
	maxChart = 8000
	maxCell  = 300
	maxRows  = 100
	// Marker lets the next run find the comment, to edit it in place.
	Marker = "<!-- lockstep-report -->"
)

// A page of Markdown is put together of whole blocks, as long as they fit.
type mdPage struct {
	b     strings.Builder
	limit int
}

func (m *mdPage) add(block string) bool {
	if m.b.Len()+len(block) > m.limit {
		return false
	}
	m.b.WriteString(block)
	return true
}

func writeMarkdown(w io.Writer, r *Report, o Options) error {
	footer := mdFooter(r)
	m := &mdPage{limit: cmp.Or(o.MaxBytes, maxMarkdown) - len(footer) - 400} // for the lines that count what was left out
	m.add(Marker + "\n" + mdTitle(r))
	m.environments(r.Environments)
	m.findings(r)
	m.changes(r)
	if r.Plan != nil {
		m.text("Plan", func(w io.Writer, o Options) error { return Plan(w, r.Plan, o) })
	}
	if r.Run != nil {
		m.text("Run", func(w io.Writer, o Options) error { return Run(w, r.Run, o) })
	}
	if r.Promotion != nil {
		m.text("Promotion", func(w io.Writer, o Options) error { return Promotion(w, r.Promotion, o) })
	}
	if len(r.Drift) > 0 {
		m.text("Drift", func(w io.Writer, o Options) error { return Drift(w, r.Drift, o) })
	}
	m.b.WriteString(footer)
	_, err := io.WriteString(w, m.b.String())
	return err
}

// Verdict says in one line how it stands, and how bad that is: Error, Warning where something could not
// be looked at, Off when all is well.
func (r *Report) Verdict() (text string, level schema.Severity) {
	var parts []string
	say := func(s schema.Severity, words string) {
		level = max(level, s)
		if !slices.Contains(parts, words) {
			parts = append(parts, words)
		}
	}
	if len(r.Findings) > 0 {
		worst := schema.Off
		if r.Findings.Count(schema.Error) > 0 {
			worst = schema.Error
		}
		say(worst, verdict(r.Findings))
	} else if r.Checked {
		say(schema.Off, "no findings")
	}
	missing, encrypted := 0, 0
	for _, e := range r.Environments {
		if len(e.MissingESVs) > 0 {
			missing++
		}
		encrypted += len(e.EncryptedSecrets)
	}
	if missing > 0 {
		say(schema.Error, count(missing, "environment lacks ESVs", "environments lack ESVs"))
	}
	if encrypted > 0 {
		say(schema.Error, count(encrypted, "encrypted secret", "encrypted secrets"))
	}
	if r.hasChanges() {
		say(schema.Off, changeWords(r.summarizeChanges()))
	}
	r.verdictOfRuns(say)
	for _, e := range r.Environments {
		if e.Problem != "" {
			say(schema.Warning, e.Name+" not looked at")
		}
	}
	return strings.Join(parts, ", "), level
}

func (r *Report) verdictOfRuns(say func(schema.Severity, string)) {
	drifted, accepted := 0, 0
	for _, d := range r.Drift {
		if d.Problem != "" {
			say(schema.Warning, d.Environment+" not looked at")
		}
		for _, i := range d.Items {
			if i.Accepted {
				accepted++
			} else {
				drifted++
			}
		}
	}
	switch {
	case drifted > 0:
		say(schema.Error, count(drifted, "difference that git does not have", "differences that git does not have"))
	case accepted > 0:
		say(schema.Off, count(accepted, "accepted difference", "accepted differences"))
	case len(r.Drift) > 0:
		say(schema.Off, "no drift")
	}
	if r.Run != nil {
		switch r.Run.Outcome {
		case Failed:
			say(schema.Error, "the run failed")
		case Done:
			say(schema.Off, "the run is done")
		}
	}
	if r.Promotion != nil {
		for _, s := range r.Promotion.Steps {
			if s.State == Failed {
				say(schema.Error, "the promotion stopped at "+s.Name)
			}
		}
	}
}

func changeWords(s diff.Summary) string {
	n := s.Create + s.Update + s.Delete
	if n == 0 {
		return "no changes"
	}
	return count(n, "change", "changes")
}

func mdTitle(r *Report) string {
	title := r.Title
	if title == "" {
		title = "Lockstep"
	}
	text, level := r.Verdict()
	sign := "✅"
	switch level {
	case schema.Error:
		sign = "❌"
	case schema.Warning:
		sign = "⚠️"
	}
	if text == "" {
		return "### " + sign + " " + mdInline(title) + "\n"
	}
	return "### " + sign + " " + mdInline(title) + ": " + mdInline(text) + "\n"
}

func mdFooter(r *Report) string {
	var parts []string
	if r.Commit != "" {
		parts = append(parts, "commit "+mdInline(short(r.Commit)))
	}
	if r.Base != "" {
		parts = append(parts, "base "+mdInline(short(r.Base)))
	}
	if r.Tool != "" {
		parts = append(parts, mdInline(r.Tool))
	}
	if len(parts) == 0 {
		return ""
	}
	return "\n<sub>" + strings.Join(parts, " · ") + "</sub>\n"
}

// short cuts a full commit id to what people use.
func short(rev string) string {
	if len(rev) == 40 && strings.Trim(rev, "0123456789abcdef") == "" {
		return rev[:10]
	}
	return rev
}

func (m *mdPage) environments(es []EnvironmentStatus) {
	if len(es) == 0 {
		return
	}
	head := "\n| environment | ESVs | encrypted secrets | plan |\n|---|---|---|---|\n"
	var b strings.Builder
	b.WriteString(head)
	for i, e := range es {
		row := mdRow(e)
		if i >= maxRows || m.b.Len()+b.Len()+len(row) > m.limit/2 {
			fmt.Fprintf(&b, "| … and %s more | | | |\n", number(len(es)-i))
			break
		}
		b.WriteString(row)
	}
	for _, e := range es {
		if len(e.UnusedESVs) > 0 {
			fmt.Fprintf(&b, "\n%s has what is no longer needed after this: %s\n", mdCell(e.Name), mdList(e.UnusedESVs))
		}
	}
	m.add(b.String())
}

func mdRow(e EnvironmentStatus) string {
	name := "**" + mdCell(e.Name) + "**"
	if e.Role != "" && e.Role != e.Name {
		name += " (" + mdCell(e.Role) + ")"
	}
	if e.Problem != "" {
		return fmt.Sprintf("| %s | not looked at: %s | | |\n", name, mdCell(e.Problem))
	}
	esvs, secrets, plan := "✅ all there", "✅ none", "–"
	if len(e.MissingESVs) > 0 {
		esvs = "❌ lacks " + mdList(e.MissingESVs)
	}
	if len(e.EncryptedSecrets) > 0 {
		secrets = "❌ " + mdList(e.EncryptedSecrets)
	}
	if e.Plan != nil {
		plan = mdCell(environmentPlan(e))
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", name, esvs, secrets, plan)
}

// mdList names the first few.
func mdList(names []string) string {
	const most = 5
	var parts []string
	for _, n := range names[:min(len(names), most)] {
		parts = append(parts, mdCell(n))
	}
	s := strings.Join(parts, ", ")
	if len(names) > most {
		s += fmt.Sprintf(" and %s more", number(len(names)-most))
	}
	return s
}

func (m *mdPage) findings(r *Report) {
	if len(r.Findings) == 0 {
		return
	}
	m.add("\n")
	total := map[string]int{}
	for _, d := range r.Findings {
		total[d.Code]++
	}
	shown, left := map[string]int{}, 0
	// Half the page is for the findings, so that the difference gets its share.
	limit := m.limit
	if len(r.Changes) > 0 {
		limit = m.limit / 2
	}
	for _, d := range worstFirst(r.Findings) {
		block := mdFinding(d, r.LinkBase)
		if shown[d.Code] >= 4*shownOfOne && total[d.Code] > 4*shownOfOne+1 || m.b.Len()+len(block) > limit {
			left++
			continue
		}
		shown[d.Code]++
		m.add(block)
	}
	if left > 0 {
		m.b.WriteString("\n… and " + count(left, "more finding", "more findings") + ".\n")
	}
}

// worstFirst is for formats that are read from the top, and may be cut at the end.
func worstFirst(ds schema.Diagnostics) schema.Diagnostics {
	ds = slices.Clone(ds)
	slices.SortStableFunc(ds, func(a, b schema.Diagnostic) int { return cmp.Compare(b.Severity, a.Severity) })
	return ds
}

func mdFinding(d schema.Diagnostic, base string) string {
	at := ""
	switch {
	case !d.Pos.IsZero():
		at = " — " + mdPlace(d.Pos, base)
	case d.Key != (schema.Key{}):
		at = " — " + mdInline(label(d.Key, d.Name))
	}
	s := fmt.Sprintf("- **%s** %s%s <sub>%s</sub>\n", d.Severity, mdInline(clipBytes(d.Message, 1000)), at, mdInline(d.Code))
	for _, l := range strings.Split(clipBytes(d.Hint, 1000), "\n") {
		if l != "" {
			s += "  <br>" + mdInline(l) + "\n"
		}
	}
	return s
}

func mdPlace(p schema.Pos, base string) string {
	text := p.File
	if p.Line > 0 {
		text = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if address := Link(base, p); address != "" {
		return "[" + mdInline(text) + "](" + address + ")"
	}
	return mdInline(text)
}

// Link is the address of a place in the repository's web view; "" when it has none.
func Link(base string, p schema.Pos) string {
	if base == "" || p.IsZero() || !(strings.HasPrefix(base, "https://") || strings.HasPrefix(base, "http://")) {
		return ""
	}
	s := tameURL(base) + escapePath(p.File)
	if p.Line > 0 {
		s += fmt.Sprintf("#L%d", p.Line)
	}
	return s
}

// tameURL encodes what would end a link in Markdown or a terminal.
func tameURL(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || strings.IndexByte("()<>[]\"`\\|", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (m *mdPage) changes(r *Report) {
	left := 0
	if ts := totals(r.summarizeChanges()); ts != nil {
		m.add("\n")
		for _, t := range ts {
			m.add("- by " + t.By + ": " + mdInline(clipBytes(t.text(), 2000)) + "\n")
		}
	}
	for _, c := range r.Changes {
		// A picture is the first to go when the page gets full.
		if left > 0 || !m.add(mdChange(c, mdPicture(c))) && !m.add(mdChange(c, "")) {
			left++
		}
	}
	if left > 0 {
		m.b.WriteString("\n… and " + count(left, "more resource that differs", "more resources that differ") + ".\n")
	}
}

// mdPicture is the picture of a journey's change as a Mermaid chart, folded; "" when there is none, or it is
// too large to be read there.
func mdPicture(c ChangeView) string {
	p, ok, err := picture.Change(&c.Change)
	if err != nil || !ok || c.Action == diff.Delete {
		return ""
	}
	chart := p.Mermaid()
	if len(chart) > maxChart {
		return ""
	}
	return "<details><summary>Picture</summary>\n\n" + fenced("mermaid", chart) + "\n</details>\n"
}

func mdChange(c ChangeView, chart string) string {
	var b strings.Builder
	p := &printer{w: &b, o: Options{All: true}}
	p.items(c)
	head := "<b>" + htmlInline(c.Label()) + "</b> " + did(c.Action)
	if c.Restart {
		head += " · needs a restart"
	}
	body := clipLines(b.String(), maxBlock)
	if body == "" && c.Picture == "" && chart == "" {
		return "\n- " + head + "\n"
	}
	s := "\n<details><summary>" + head + "</summary>\n\n"
	if strings.HasPrefix(c.Picture, "https://") {
		s += "[Picture of the journey](" + tameURL(c.Picture) + ")\n\n"
	}
	if body != "" {
		s += fenced("diff", mdDiff(body))
	}
	if chart != "" {
		s += "\n" + chart
	}
	return s + "\n</details>\n"
}

// mdDiff takes the indent away, so that a Markdown viewer colours the lines that start with + and -.
func mdDiff(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
		// Viewers know no "~" for a change; "!" is their sign for one.
		if strings.HasPrefix(lines[i], "~ ") {
			lines[i] = "! " + lines[i][2:]
		}
	}
	return strings.Join(lines, "\n")
}

func (m *mdPage) text(title string, write func(io.Writer, Options) error) {
	var b strings.Builder
	if err := write(&b, Options{}); err != nil { // a Builder does not fail
		return
	}
	if !m.add("\n<details><summary><b>" + title + "</b></summary>\n\n" + fenced("text", clipLines(b.String(), maxBlock)) + "\n</details>\n") {
		m.b.WriteString("\n(" + title + " left out: too long.)\n")
	}
}

// fenced puts text between fences longer than any run of backquotes in it.
func fenced(language, text string) string {
	longest, run := 2, 0
	for _, r := range text {
		if r == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	return fence + language + "\n" + strings.TrimRight(text, "\n") + "\n" + fence + "\n"
}

// clipLines cuts between lines, and says how many were left out.
func clipLines(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	lines := strings.SplitAfter(s, "\n")
	at := 0
	for i, l := range lines {
		if at+len(l) > limit {
			if i == 0 {
				return clipBytes(l, limit) + "\n"
			}
			return strings.Join(lines[:i], "") + fmt.Sprintf("… and %s\n", count(len(lines)-i, "more line", "more lines"))
		}
		at += len(l)
	}
	return s
}

func clipBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// mdInline makes untrusted text harmless in a line of Markdown: no markup, no HTML, no mention of people
// and no reference to issues.
func mdInline(s string) string {
	var b strings.Builder
	for _, r := range clean(s) {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@' || r == '#':
			// A zero-width space after it: then it names nobody and nothing.
			b.WriteRune(r)
			b.WriteString("&#8203;")
		case strings.ContainsRune("\\`*_{}[]()!|~$", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// mdCell is mdInline for a table's cell, bounded.
func mdCell(s string) string { return mdInline(clipBytes(s, maxCell)) }

// htmlInline is for text between HTML tags in Markdown, where Markdown's own escapes mean nothing.
func htmlInline(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "@", "@&#8203;", "#", "#&#8203;", "`", "&#96;", "*", "&#42;", "_", "&#95;",
		"[", "&#91;", "]", "&#93;", "!", "&#33;", "~", "&#126;", "\\", "&#92;").Replace(clean(s))
}
