package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/report"
)

// runView shows a run as it goes: one line a step, kept up to date in place on a terminal.
type runView struct {
	a      *app
	w      io.Writer
	format report.Format
	style  report.Style
	live   bool // the last line may be overwritten
	plan   *engine.Plan
	done   []map[string]any
	push   bool // ESVs: a line each, by name
}

func (a *app) runView(format report.Format, plan *engine.Plan) *runView {
	_, tty := a.terminal(a.stdout)
	return &runView{a: a, w: a.stdout, format: format, style: a.style(a.stdout), live: tty, plan: plan}
}

func (v *runView) note(text string) {
	if v.format == report.Text {
		fmt.Fprintln(v.w, text)
	}
}

// took writes a duration the way people read it: "0.2 s", "2m14s".
func took(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func (v *runView) label(number int) string {
	s := v.plan.Steps[number-1]
	if s.Restart {
		return fmt.Sprintf("%d restart services", number)
	}
	return fmt.Sprintf("%d %s %s", number, s.Key.Type, stepName(s))
}

func (v *runView) event(e engine.Event) {
	switch v.format {
	case report.NDJSON:
		v.ndjson(e)
		return
	case report.JSON:
		if d, ok := e.(engine.StepDone); ok {
			v.done = append(v.done, map[string]any{"step": d.Step, "outcome": d.Outcome})
		}
		return
	}
	switch e := e.(type) {
	case engine.StepStarted:
		v.transient("◐ %s", v.label(e.Step))
	case engine.StepProgress:
		v.transient("◐ %-44s %s… %s (usually about 10 min)", v.label(e.Step), e.Text, took(e.Elapsed))
	case engine.StepDone:
		if v.push {
			v.line("%-40s %s", v.plan.Steps[e.Step-1].Key.ID, e.Outcome)
			return
		}
		v.line("%s %-44s %-14s %s", v.style.Good("✓"), v.label(e.Step), e.Outcome, v.style.Dim(took(e.Took)))
		for _, i := range e.Changed {
			v.line("    the tenant made of it: %s %s", i.Subject, i.Detail)
		}
	case engine.StepFailed:
		v.line("%s %s", v.style.Bad("✗"), v.label(e.Step))
	}
}

// transient writes a line that the next one replaces; off a terminal it writes nothing.
func (v *runView) transient(format string, args ...any) {
	if v.live && !v.a.quiet {
		fmt.Fprintf(v.w, "\r\x1b[K"+format, args...)
	}
}

func (v *runView) line(format string, args ...any) {
	if v.live {
		fmt.Fprint(v.w, "\r\x1b[K")
	}
	fmt.Fprintln(v.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (v *runView) ndjson(e engine.Event) {
	var out map[string]any
	switch e := e.(type) {
	case engine.StepStarted:
		out = map[string]any{"event": "step-started", "step": e.Step, "of": e.Of, "resource": e.Key, "name": e.Name}
	case engine.StepProgress:
		out = map[string]any{"event": "step-progress", "step": e.Step, "text": e.Text, "elapsedSeconds": e.Elapsed.Seconds()}
	case engine.StepDone:
		out = map[string]any{"event": "step-done", "step": e.Step, "outcome": e.Outcome, "tookSeconds": e.Took.Seconds()}
	case engine.StepFailed:
		out = map[string]any{"event": "step-failed", "step": e.Step, "error": e.Err.Error()}
	case engine.PhaseStarted:
		out = map[string]any{"event": "phase-started", "phase": e.Phase}
	case engine.PhaseProgress:
		out = map[string]any{"event": "phase-progress", "phase": e.Phase, "text": e.Text, "elapsedSeconds": e.Elapsed.Seconds()}
	case engine.PhaseDone:
		out = map[string]any{"event": "phase-done", "phase": e.Phase, "text": e.Text, "tookSeconds": e.Took.Seconds()}
		if e.Err != nil {
			out["error"] = e.Err.Error()
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return // strings and numbers always encode
	}
	fmt.Fprintf(v.w, "%s\n", b)
}

func (v *runView) end(run string) error {
	switch v.format {
	case report.JSON:
		return v.a.printJSON(map[string]any{"run": run, "environment": v.plan.Environment.Name, "steps": v.done})
	case report.NDJSON:
		return json.NewEncoder(v.w).Encode(map[string]any{"event": "done", "run": run})
	}
	if v.push {
		fmt.Fprintf(v.w, "\nUndo with: lockstep rollback %s\n", run)
		return nil
	}
	fmt.Fprintf(v.w, "\nDone: %d %s on %s. Undo with: lockstep rollback %s\n", len(v.plan.Steps), plural(len(v.plan.Steps), "step", "steps"), v.plan.Environment.Name, run)
	return nil
}

// promotionView shows a promotion as it goes, one line a phase.
type promotionView struct {
	runView
	pair *pair
	head bool
}

func (a *app) promotionView(format report.Format, pr *pair) *promotionView {
	_, tty := a.terminal(a.stdout)
	return &promotionView{runView: runView{a: a, w: a.stdout, format: format, style: a.style(a.stdout), live: tty}, pair: pr}
}

func (v *promotionView) event(e engine.Event) {
	if v.format == report.NDJSON {
		v.ndjson(e)
		return
	}
	if v.format == report.JSON {
		return
	}
	if !v.head {
		v.head = true
		fmt.Fprintf(v.w, "%s → %s\n\n", v.pair.lower.Name, v.pair.upper.Name)
	}
	switch e := e.(type) {
	case engine.PhaseStarted:
		v.transient("◐ %-11s", e.Phase)
	case engine.PhaseProgress:
		v.transient("◐ %-11s %-52s %s", e.Phase, e.Text, took(e.Elapsed))
	case engine.PhaseDone:
		if e.Err == nil {
			lines := foldParts(e.Text, 52)
			v.line("%s %-11s %-52s  %s", v.style.Good("✓"), e.Phase, lines[0], v.style.Dim(took(e.Took)))
			for _, l := range lines[1:] {
				v.line("              %s", l)
			}
			return
		}
		if errors.Is(e.Err, context.Canceled) {
			v.line("· %-11s interrupted", e.Phase)
			return
		}
		head, rest, _ := strings.Cut(e.Err.Error(), "\n")
		const indent = "              "
		room := v.a.width(v.w) - len(indent)
		v.line("%s %-11s %s", v.style.Bad("✗"), e.Phase, strings.ReplaceAll(report.Wrap(head, "", room), "\n", "\n"+indent))
		for l := range strings.SplitSeq(rest, "\n") {
			if l != "" {
				v.line("%s%s", indent, strings.TrimSpace(l))
			}
		}
	}
}

// foldParts breaks a text at its middle dots into lines of so many characters, where it can.
func foldParts(text string, width int) []string {
	lines := []string{""}
	for i, part := range strings.Split(text, " · ") {
		last := &lines[len(lines)-1]
		switch {
		case i == 0:
			*last = part
		case len([]rune(*last))+3+len([]rune(part)) <= width:
			*last += " · " + part
		default:
			lines = append(lines, part)
		}
	}
	return lines
}

// stopped ends a promotion that did not go through. The phase's line said why.
func (v *promotionView) stopped(err error, text string) error {
	switch v.format {
	case report.JSON:
		if perr := v.a.printJSON(map[string]any{"environment": v.pair.upper.Name, "promoted": false, "error": err.Error()}); perr != nil {
			return perr
		}
	case report.Text:
		if text != "" {
			fmt.Fprintln(v.w)
			for l := range strings.SplitSeq(text, "\n") {
				fmt.Fprintln(v.w, report.Wrap(l, "", v.a.width(v.w)))
			}
		}
		if hint := v.wayOut(err); hint != "" {
			fmt.Fprintln(v.w, hint)
		}
	}
	var pre *preflightError
	if asPreflight(err, &pre) {
		return said(exitFindings)
	}
	return said(exitCode(err))
}

// wayOut says what to do about what stopped a promotion.
func (v *promotionView) wayOut(err error) string {
	var names []string
	var pre *preflightError
	if asPreflight(err, &pre) {
		names = pre.check.MissingESVs
	} else if p := asPromotion(err); p != nil {
		names = p.Status.MissingESVs
	}
	if len(names) == 0 && pre != nil && len(pre.check.EncryptedSecrets) > 0 {
		return "Put what it holds into an ESV secret and name that with a placeholder, or say --ignore-encrypted-secrets.\nWhy: lockstep explain encrypted-secret"
	}
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Create what is missing, then run this again:")
	for _, n := range esvNamesOf(names) {
		fmt.Fprintf(&b, "\n  lockstep esv push --env %s --name %s", v.pair.upper.Name, n)
	}
	return b.String()
}

func (v *promotionView) end(r engine.PromotionResult, o promoteOptions) error {
	dry := o.dryRun
	switch v.format {
	case report.JSON:
		return v.a.printJSON(map[string]any{"environment": v.pair.upper.Name, "promoted": !o.rollback && r.Report != nil, "rolledBack": o.rollback, "promotionId": r.PromotionID, "dryRun": r.DryRun, "report": r.Report})
	case report.NDJSON:
		return json.NewEncoder(v.w).Encode(map[string]any{"event": "done", "promotionId": r.PromotionID})
	}
	if dry {
		fmt.Fprintf(v.w, "\nA dry run: nothing was promoted. It would change in %s:\n", v.pair.upper.Name)
		v.a.printReport(*r.DryRun, v.pair.nodes)
		return nil
	}
	if r.Report == nil && !o.rollback {
		fmt.Fprintf(v.w, "\nNothing to promote: %s has all of it, and no service was restarted.\n", v.pair.upper.Name)
		return nil
	}
	what := "Promoted to"
	if o.rollback {
		what = "Rolled back on"
	}
	fmt.Fprintf(v.w, "\n%s %s:\n", what, v.pair.upper.Name)
	if r.Report != nil {
		v.a.printReport(*r.Report, v.pair.nodes)
	}
	return nil
}
