package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// page is the columns that the text views are laid out for, when no terminal says otherwise; screen is how many
// steps of a plan are taken in at a glance: more are counted as well.
const page, screen = 80, 20

func writeText(w io.Writer, r *Report, o Options) error {
	p := &printer{w: w, o: o}
	p.findings(r.Findings)
	if len(r.Unmanaged) > 0 {
		p.gap()
		p.unmanaged(r.Unmanaged)
	}
	if len(r.Changes) > 0 || r.Compared {
		p.gap()
		p.changes(r.Changes)
	}
	if len(r.Environments) > 0 {
		p.gap()
		p.environments(r.Environments)
	}
	if r.Plan != nil {
		p.gap()
		p.plan(r.Plan)
	}
	if r.Run != nil {
		p.gap()
		p.run(r.Run)
	}
	if r.Promotion != nil {
		p.gap()
		p.promotion(r.Promotion)
	}
	if len(r.Drift) > 0 {
		p.gap()
		p.drift(r.Drift)
	}
	for _, s := range r.Steps {
		p.gap()
		p.story(s)
	}
	if r.hasFindings() {
		p.gap()
		p.line(p.o.Style.bold(Summary(r.Findings, r.Resources, r.Elapsed)))
	}
	return p.err
}

// Changes writes a semantic difference and its sum.
func Changes(w io.Writer, cs []ChangeView, o Options) error {
	p := &printer{w: w, o: o}
	p.changes(cs)
	return p.err
}

// columns is where the right edge is.
func (p *printer) columns() int {
	if p.o.Width > 0 {
		return min(p.o.Width, 100)
	}
	return page
}

// sides writes a text on the left and one on the right; a long one on the left pushes the other.
func (p *printer) sides(left, plainLeft, right string, at int) {
	if right == "" {
		p.line(left)
		return
	}
	gap := max(at-width(plainLeft), 2)
	p.line(left, strings.Repeat(" ", gap), right)
}

func did(a diff.Action) string {
	switch a {
	case diff.Create:
		return "created"
	case diff.Delete:
		return "deleted"
	default:
		return "updated"
	}
}

func (p *printer) action(a diff.Action) string {
	switch a {
	case diff.Create:
		return p.o.Style.green(did(a))
	case diff.Delete:
		return p.o.Style.red(did(a))
	default:
		return p.o.Style.yellow(did(a))
	}
}

func (p *printer) changes(cs []ChangeView) {
	if len(cs) == 0 {
		p.line("no differences")
		return
	}
	restarts := 0
	for _, c := range cs {
		name := clean(c.Label())
		p.sides(p.o.Style.bold(name), name, p.action(c.Action), p.columns()-21)
		p.items(c)
		if c.Restart {
			restarts++
		}
	}
	sum := (&Report{Changes: cs}).summarizeChanges()
	last := fmt.Sprintf("%s updated, %s created, %s deleted", number(sum.Update), number(sum.Create), number(sum.Delete))
	if restarts > 0 {
		last += " · " + count(restarts, "needs a restart", "need a restart")
	}
	p.line()
	p.line(last)
	p.totals(sum)
}

// totals breaks a summary down by type, realm and class, a line each.
func (p *printer) totals(s diff.Summary) {
	for _, t := range totals(s) {
		p.line(p.o.Style.dim(pad("by "+t.By, 10)), t.wrapped(strings.Repeat(" ", 10), p.columns()-10))
	}
}

// oneText says that a resource of the type has one text, so that nobody need be told which one changed.
func oneText(typ string) bool {
	t, ok := schema.TypeOf(typ)
	return ok && len(t.Text) == 1
}

// items writes a change's lines, the names in a column of their own; what is of no consequence in one
// line each.
func (p *printer) items(c ChangeView) {
	items, lone := c.Items, len(c.Items) == 1 && oneText(c.Type)
	column := 0
	for _, i := range items {
		if w := width(clean(i.Subject)); i.Detail != "" && w <= 30 && !p.folded(i) {
			column = max(column, w)
		}
	}
	shown := 0
	for _, i := range items {
		if p.folded(i) {
			continue
		}
		if shown++; shown > maxItems && !p.o.All {
			continue
		}
		if lone && len(i.Text) > 0 && i.Detail == "" { // the text says it all
			i.Subject = ""
		}
		p.item(i, column)
	}
	if shown > maxItems && !p.o.All {
		p.line("  ", p.o.Style.dim(fmt.Sprintf("… %s more differences; --all shows them, -o json has all", number(shown-maxItems))))
	}
	for _, i := range items {
		if p.folded(i) {
			p.line("  ", p.o.Style.dim("· "+clean(i.Subject)+" (--all shows them)"))
		}
	}
}

func (p *printer) folded(i diff.Item) bool { return i.Minor && !p.o.All }

func (p *printer) item(i diff.Item, column int) {
	st := p.o.Style
	mark := i.Kind
	switch i.Kind {
	case "+":
		mark = st.green(mark)
	case "-":
		mark = st.red(mark)
	case "~":
		mark = st.yellow(mark)
	default:
		mark = st.dim(mark)
	}
	subject := clean(i.Subject)
	switch {
	case len(i.Text) > 0 && subject == "":
	case i.Detail == "":
		p.line("  ", mark, " ", subject)
	default:
		head := "  " + i.Kind + " " + pad(subject, column+2)
		text := wrap(head+clean(i.Detail), "      ", p.o.Width)
		for strings.Contains(text, " \n") { // a long name stands in a line of its own
			text = strings.ReplaceAll(text, " \n", "\n")
		}
		p.line("  ", mark, strings.TrimPrefix(text, "  "+i.Kind))
	}
	shown, rest := i.Text, ""
	if !p.o.All {
		shown, rest = bounded(i.Text, maxText, "--all shows them, -o json has all")
	}
	for _, l := range shown {
		p.unified(l)
	}
	if rest != "" {
		p.line("  ", st.dim(rest))
	}
}

// unified writes one line of a unified diff. A tab is kept to its width, and no line is clipped: what is
// reviewed must be what is there.
func (p *printer) unified(l string) {
	text := "  " + cellsText(cells(strings.TrimRight(l, "\r\n")))
	switch {
	case strings.HasPrefix(l, "@@"):
		p.line(p.o.Style.cyan(text))
	case strings.HasPrefix(l, "+"):
		p.line(p.o.Style.green(text))
	case strings.HasPrefix(l, "-"):
		p.line(p.o.Style.red(text))
	default:
		p.line(text)
	}
}

// environments writes what each environment lacks.
func (p *printer) environments(es []EnvironmentStatus) {
	names := 0
	for _, e := range es {
		names = max(names, width(clean(e.Name)))
	}
	indent := strings.Repeat(" ", names+3)
	for _, e := range es {
		name := pad(clean(e.Name), names+3)
		if e.Problem != "" {
			p.line(p.o.Style.bold(name), p.o.Style.red("not looked at: "), wrap(clean(e.Problem), indent, p.o.Width))
			continue
		}
		p.line(p.o.Style.bold(name), environmentVerdict(e))
		for _, s := range e.MissingESVs {
			p.line(indent, "missing ESV: ", clean(s))
		}
		for _, s := range e.EncryptedSecrets {
			p.line(indent, "encrypted secret: ", clean(s))
		}
		for _, s := range e.UnusedESVs {
			p.line(indent, "no longer needed: ", clean(s))
		}
	}
}

// environmentVerdict says in one line how an environment stands.
func environmentVerdict(e EnvironmentStatus) string {
	var parts []string
	if n := len(e.MissingESVs); n > 0 {
		parts = append(parts, "lacks "+count(n, "ESV", "ESVs"))
	} else {
		parts = append(parts, "no ESV missing")
	}
	if n := len(e.EncryptedSecrets); n > 0 {
		parts = append(parts, count(n, "encrypted secret", "encrypted secrets"))
	} else {
		parts = append(parts, "no encrypted secrets")
	}
	if e.Plan != nil {
		parts = append(parts, environmentPlan(e))
	}
	return strings.Join(parts, " · ")
}

func planWords(v *PlanView) string {
	if len(v.Steps) == 0 {
		return "nothing to do"
	}
	s := v.Summary
	words := count(len(v.Steps), "step", "steps")
	if s.Create+s.Update+s.Delete > 0 {
		words += fmt.Sprintf(" (%d created, %d updated, %d deleted)", s.Create, s.Update, s.Delete)
	}
	return words
}

// environmentPlan says what would happen to an environment.
func environmentPlan(e EnvironmentStatus) string {
	switch {
	case !e.Promotes:
		return planWords(e.Plan)
	case len(e.Plan.Steps) == 0:
		return "a promotion brings nothing"
	default:
		return "a promotion brings " + count(len(e.Plan.Steps), "change", "changes")
	}
}

// Plan writes a plan.
func Plan(w io.Writer, v *PlanView, o Options) error {
	p := &printer{w: w, o: o}
	p.plan(v)
	return p.err
}

func (p *printer) plan(v *PlanView) {
	st := p.o.Style
	head := "Plan for " + clean(v.Environment)
	if v.Role != "" && v.Role != v.Environment {
		head += " (" + clean(v.Role) + ")"
	}
	if v.Source != "" {
		head += " · from " + clean(v.Source)
	}
	if len(v.Steps) == 0 {
		p.line(st.bold(head + " · nothing to do"))
		for _, n := range v.Notes { // what is not done, and why, is worth knowing here most of all
			p.line(wrap(clean(n), "  ", p.o.Width))
		}
		return
	}
	head += " · " + count(len(v.Steps), "step", "steps")
	p.line(st.bold(wrap(head, "  ", p.o.Width)))
	p.line()
	digits, kinds, names := 1, 0, 0
	for _, s := range v.Steps {
		digits = max(digits, len(fmt.Sprint(s.Number)))
		kinds = max(kinds, width(clean(s.Kind)))
		if n := width(clean(s.Name)); n <= 40 {
			names = max(names, n)
		}
	}
	indent := strings.Repeat(" ", 2+digits+2)
	for _, s := range v.Steps {
		left := fmt.Sprintf("  %*d  %s%s", digits, s.Number, pad(clean(s.Kind), kinds+2), pad(clean(s.Name), names+2))
		text := wrap(left+clean(s.Text), indent+"  ", p.o.Width)
		if s.Delete {
			text = st.red(text)
		}
		p.line(text)
	}
	if len(v.Steps) > screen {
		p.line()
		p.totals(v.Summary)
	}
	if len(v.Ahead) > 0 {
		p.line()
		var parts []string
		for _, a := range v.Ahead {
			parts = append(parts, clean(a.Environment)+": "+clean(a.Text))
		}
		p.line(wrap("Promotion ahead   "+strings.Join(parts, "      "), "  ", p.o.Width))
	} else if v.Kept > 0 {
		p.line()
	}
	if v.Kept > 0 {
		p.line("Kept before writing: ", count(v.Kept, "body", "bodies"), " · Undo with: lockstep rollback <run>")
	}
	for _, n := range v.Notes {
		p.line(wrap(clean(n), "  ", p.o.Width))
	}
	if v.File != "" {
		p.line()
		p.line("Saved to ", clean(v.File), ". Carry out exactly this: lockstep apply ", clean(shellWord(v.File)))
	}
}

// shellWord quotes a word that a shell would take apart.
func shellWord(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@+%,", r))
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (p *printer) state(s State) string {
	st := p.o.Style
	switch s {
	case Done:
		return st.green("✓")
	case Running:
		return st.cyan("◐")
	case Failed:
		return st.red("✗")
	case Skipped:
		return st.dim("–")
	default:
		return " "
	}
}

func (p *printer) next(ns []Next) {
	labels := 0
	for _, n := range ns {
		labels = max(labels, width(clean(n.Label)))
	}
	for _, n := range ns {
		if n.Label == "" {
			p.line("  ", clean(n.Command))
			continue
		}
		p.line(pad(clean(n.Label)+":", labels+3), clean(n.Command))
	}
}

// Run writes a run as it stands.
func Run(w io.Writer, v *RunView, o Options) error {
	p := &printer{w: w, o: o}
	p.run(v)
	return p.err
}

func (p *printer) run(v *RunView) {
	digits, names := 1, 0
	for _, s := range v.Steps {
		digits = max(digits, len(fmt.Sprint(s.Number)))
		if n := width(clean(s.Name)); n <= 40 {
			names = max(names, n)
		}
	}
	for _, s := range v.Steps {
		p.runStep(s, digits, names)
	}
	if v.Message != "" {
		if len(v.Steps) > 0 {
			p.line()
		}
		p.line(p.o.Style.bold(wrap(clean(v.Message), "  ", p.o.Width)))
	}
	p.next(v.Next)
}

// RunStepLine writes one step of a run, for output that grows line by line.
func RunStepLine(w io.Writer, s RunStep, digits, names int, o Options) error {
	p := &printer{w: w, o: o}
	p.runStep(s, digits, names)
	return p.err
}

func (p *printer) runStep(s RunStep, digits, names int) {
	left := fmt.Sprintf(" %*d %s", digits, s.Number, pad(clean(s.Name), names+2))
	text := clean(s.Text)
	if text == "" {
		text = string(s.State)
	}
	took := ""
	if s.Took > 0 {
		took = fmt.Sprintf("%7s", duration(s.Took))
	}
	p.sides(p.state(s.State)+left+text, "x"+left+text, took, p.columns()-7)
	for _, d := range s.Detail {
		p.line(strings.Repeat(" ", digits+3), clean(d))
	}
}

func (p *printer) story(s StoryStep) {
	p.line(p.o.Style.bold("── " + clean(s.Heading)))
	if s.Text != "" {
		p.line(wrap(clean(s.Text), "", p.o.Width))
	}
	if s.Command != "" {
		p.line()
		p.line("  $ ", clean(s.Command))
	}
	for _, l := range strings.Split(strings.TrimRight(s.Output, "\n"), "\n") {
		if s.Output != "" {
			p.line("  ", clean(l))
		}
	}
}

// Problem writes an error the way all commands do: "lockstep: " and the error, its further lines
// indented.
func Problem(w io.Writer, err error, o Options) error {
	p := &printer{w: w, o: o}
	lines := strings.Split(strings.TrimRight(err.Error(), "\n"), "\n")
	p.line(p.o.Style.red("lockstep: "), wrap(clean(lines[0]), "  ", p.o.Width))
	for _, l := range lines[1:] {
		p.line("  ", clean(strings.TrimSpace(l)))
	}
	return p.err
}
