package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

// showPlan writes a plan. changes, when there are any, are shown with it in the formats that have room.
func (a *app) showPlan(format report.Format, plan *engine.Plan, changes []diff.Change, file string) error {
	view := planView(plan)
	view.File = file
	r := &report.Report{
		Title: "Plan for " + plan.Environment.Name, Tool: "lockstep " + plan.Tool, Source: plan.Source.Origin, Commit: plan.Source.Commit, Plan: view,
	}
	if format != report.Text {
		r.Compared, r.Changes = true, report.ViewsOf(planChanges(plan, changes))
	}
	return report.Write(a.stdout, format, r, a.options())
}

// planChanges are the changes that the plan carries out; from a plan file, without their bodies.
func planChanges(plan *engine.Plan, changes []diff.Change) []diff.Change {
	var out []diff.Change
	if changes != nil {
		in := map[schema.Key]bool{}
		for _, s := range plan.Steps {
			in[s.Key] = true
		}
		for _, c := range changes {
			if in[c.Key] {
				out = append(out, c)
			}
		}
		return out
	}
	for _, s := range plan.Steps {
		if s.Restart || s.Stub {
			continue
		}
		c := diff.Change{Key: s.Key, Name: s.Name, Action: s.Action, Class: s.Class, Patch: s.Patch}
		for _, l := range s.Lines {
			kind, text, _ := strings.Cut(l, " ")
			c.Items = append(c.Items, diff.Item{Kind: kind, Subject: text})
		}
		if t, _ := schema.TypeOf(s.Key.Type); t != nil && t.Journey && len(s.Body) > 0 {
			// The file keeps what is written, not what was there: a journey is drawn as it will be.
			if v, err := schema.ParseJSON(s.Body); err == nil {
				body, _ := v.(map[string]any)
				c.After = &schema.Resource{Key: s.Key, Body: body}
			}
		}
		out = append(out, c)
	}
	return out
}

// summaryOf counts what a plan changes.
func summaryOf(p *engine.Plan) diff.Summary {
	var changes []diff.Change
	for _, s := range p.Steps {
		if !s.Restart && !s.Stub {
			changes = append(changes, diff.Change{Key: s.Key, Action: s.Action, Class: s.Class})
		}
	}
	return diff.Summarize(changes)
}

func planView(p *engine.Plan) *report.PlanView {
	v := &report.PlanView{
		Environment: p.Environment.Name, Role: p.Environment.Role, Source: p.Source.Origin,
		Steps: []report.PlanStep{}, Summary: summaryOf(p),
	}
	if v.Source == "." {
		v.Source = "this folder"
	}
	if p.Source.Commit != "" {
		v.Source = "git " + short(p.Source.Commit)
		if p.Source.Subject != "" {
			v.Source += fmt.Sprintf(" %q", clip(p.Source.Subject, 40))
		}
	}
	for _, s := range p.Steps {
		step := report.PlanStep{Number: s.Number, Delete: s.Action == diff.Delete}
		if s.Restart {
			step.Kind, step.Name, step.Text = "·", "restart services", restartText(p, s)
		} else {
			step.Kind, step.Name, step.Text = s.Key.Type, stepName(s), stepText(s)
			if s.Was != "" {
				v.Kept++
			}
		}
		v.Steps = append(v.Steps, step)
	}
	for _, x := range p.Promotions {
		v.Ahead = append(v.Ahead, aheadView(x))
	}
	if n := len(p.Elsewhere); n > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d static %s by promotion, not from here", n, plural(n, "difference comes", "differences come")))
	}
	for _, m := range p.Included {
		v.Notes = append(v.Notes, fmt.Sprintf("comes along: %s %s", schema.Key{Type: m.Key.Type, Realm: m.Key.Realm, ID: m.Name}, m.Why))
	}
	kept := 0
	for _, m := range p.Kept {
		if m.Why != "only --prune deletes" {
			v.Notes = append(v.Notes, fmt.Sprintf("not deleted: %s %s", schema.Key{Type: m.Key.Type, Realm: m.Key.Realm, ID: m.Name}, m.Why))
		} else {
			kept++
		}
	}
	if kept > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d %s on the tenant and not in the source; only --prune deletes", kept, plural(kept, "resource is", "resources are")))
	}
	errs := 0
	for _, f := range p.Findings {
		if f.Severity == schema.Error.String() {
			errs++
		}
	}
	if errs > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("the source has %d %s in what this plan does not touch: lockstep validate", errs, plural(errs, "error", "errors")))
	}
	v.Notes = append(v.Notes, p.Warnings...)
	return v
}

func stepName(s engine.Step) string {
	name := s.Name
	if s.Key.Realm != "" {
		name = s.Key.Realm + "/" + name
	}
	return name
}

// stepText says in a few words what a step does; the formats with room show the change itself.
func stepText(s engine.Step) string {
	switch {
	case s.Stub && s.Action == diff.Update:
		return "update: without what it refers to; it is deleted below"
	case s.Stub:
		return "create, first without what it refers to"
	case s.Action != diff.Update || len(s.Lines) == 0:
		return string(s.Action)
	}
	if _, line, ok := strings.Cut(s.Lines[0], " "); ok && len(s.Lines) == 1 {
		return "update " + clip(strings.ReplaceAll(line, "  ", " "), 60)
	}
	if t, _ := schema.TypeOf(s.Key.Type); t.Journey {
		return "update: " + journeyText(s.Lines)
	}
	var what []string
	for _, l := range s.Lines {
		_, l, _ = strings.Cut(l, " ")
		subject, _, _ := strings.Cut(l, "  ")
		if len(what) < 3 {
			what = append(what, subject)
		}
	}
	text := "update " + strings.Join(what, ", ")
	if n := len(s.Lines) - len(what); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// journeyText counts what happens to a journey's nodes.
func journeyText(lines []string) string {
	var added, removed, rewired, changed int
	for _, l := range lines {
		switch {
		case strings.HasPrefix(l, "+ "):
			added++
		case strings.HasPrefix(l, "- "):
			removed++
		case strings.Contains(l, "  outcome "):
			rewired++
		default:
			changed++
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{added, "added"}, {removed, "removed"}, {rewired, "rewired"}, {changed, "changed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// restartText says who needs the restart.
func restartText(p *engine.Plan, s engine.Step) string {
	var by []string
	for _, later := range p.Steps[s.Number:] {
		for _, n := range later.Needs {
			if n == s.Number {
				by = append(by, fmt.Sprint(later.Number))
			}
		}
	}
	if len(by) > 0 {
		return "needed by " + strings.Join(by, ", ")
	}
	return "so that the new values count"
}

func aheadView(x engine.Promotion) report.AheadView {
	v := report.AheadView{Environment: x.Environment}
	var parts []string
	if !x.Known {
		parts = append(parts, "ESVs not known")
	}
	if len(x.MissingESVs) > 0 {
		parts = append(parts, "lacks "+strings.Join(esvNamesOf(x.MissingESVs), ", "))
	}
	if n := len(x.EncryptedSecrets); n > 0 {
		parts = append(parts, fmt.Sprintf("%d encrypted %s", n, plural(n, "secret", "secrets")))
	}
	if len(parts) == 0 {
		v.Ready, v.Text = true, "ready"
		return v
	}
	v.Text = strings.Join(parts, ", ")
	return v
}

// savePlan writes a plan file whole or not at all.
func savePlan(name string, p *engine.Plan) error {
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		return err
	}
	if err := engine.WriteFile(name, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}

// clip cuts a text to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
