package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/forge"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

type checkOptions struct {
	base, head, failOn string
	envs               []string
	live               bool
	post               string
}

func newCheckCommand(a *app) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [--base REV] [--head REV] [--env NAME]...",
		Short: "The pull-request check: new findings, the change by meaning, missing ESVs",
		Long: `Checks a change before it is merged: the findings it introduces, what it changes by meaning, and for every
environment the ESVs that are still missing there and the encrypted secrets that would stop a promotion.

What an environment has is known from its exported snapshot and its declared ESVs in lockstep.yaml, without
credentials: what it lacks, what a plan would do to development, what a promotion would bring to the others. A
tenant is asked only with --env env:NAME or --live.

--post keeps one comment on the pull request up to date; the repository, the pull request and the token come from
the variables that the service's CI sets. On Bitbucket it also puts the findings beside the lines (Code Insights);
-o github and -o azure do that in those services' logs, -o codequality and -o sarif as files.` + exitHelp(exitFindings),
		Example: `  lockstep check --base origin/main --env staging --env prod
  lockstep check --base main -o markdown > comment.md`,
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runCheck(cmd.Context(), a, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.base, "base", "", "revision that the change is against; its merge base with head counts")
	f.StringVar(&o.head, "head", "", "revision to check (default: the work tree)")
	f.StringSliceVar(&o.envs, "env", nil, "environment to check against, env:NAME to ask its tenant; may be repeated (default: all)")
	f.BoolVar(&o.live, "live", false, "ask all the tenants")
	f.StringVar(&o.post, "post", "", "comment on the pull request: auto, "+strings.Join(forge.Names(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("env", a.completeEnv)
	addFailOn(cmd, &o.failOn)
	return cmd
}

func runCheck(ctx context.Context, a *app, o checkOptions) error {
	format, p, err := a.begin(report.Text, report.JSON, report.Markdown, report.SARIF, report.JUnit, report.GitHub, report.HTML, report.CodeQuality, report.Azure)
	if err != nil {
		return err
	}
	failOn, err := parseFailOn(o.failOn)
	if err != nil {
		return err
	}
	r, err := a.check(ctx, p, o)
	if err != nil {
		return err
	}
	if o.post != "" {
		if err := a.postReport(ctx, o.post, r, failOn); err != nil {
			return err
		}
	}
	if format == report.Text && !a.all {
		// On a terminal the change is a list; lockstep diff, --all and the other formats tell it whole.
		for i := range r.Changes {
			r.Changes[i].Items = nil
		}
	}
	if err := report.Write(a.stdout, format, r, a.options()); err != nil {
		return err
	}
	return failOnFindings(r.Findings, failOn)
}

// check makes the report of the pull-request check.
func (a *app) check(ctx context.Context, p *config.Project, o checkOptions) (*report.Report, error) {
	vo := validateOptions{load: a.loadOnce()}
	if o.head != "" {
		vo.source = "git:" + o.head
	}
	if o.base != "" {
		rev, err := a.mergeBase(p, o)
		if err != nil {
			return nil, err
		}
		vo.base = "git:" + rev
	}
	v, err := a.validate(ctx, p, vo)
	if err != nil {
		return nil, err
	}
	diags := v.Findings
	r := &report.Report{
		Title: "Check", Checked: true, Tool: "lockstep " + toolVersion(), Source: v.Origin, Commit: v.Commit,
		Resources: v.Resources, Unmanaged: v.Unmanaged,
	}
	envs := o.envs
	if len(envs) == 0 {
		envs = envNames(p)
	}
	// What has been found may be known since the last run; the sets are for what has to be held against others.
	var head, base *loaded
	if o.base != "" || len(envs) > 0 {
		if head, err = vo.load(ctx, p, vo.source); err != nil {
			return nil, err
		}
	}
	if o.base != "" {
		if base, err = vo.load(ctx, p, vo.base); err != nil {
			return nil, err
		}
		r.Base = base.Commit
		changes, err := a.compare(p, base, head, nil, nil)
		if err != nil {
			return nil, err
		}
		r.Compared, r.Changes = true, report.ViewsOf(changes)
	}
	// Nothing is asked of a tenant unless somebody says so: a pull request's check needs no credentials.
	for _, name := range envs {
		ask := askNever
		name, asked := strings.CutPrefix(name, "env:")
		if asked || o.live {
			ask = askAlways
		}
		status, more, err := a.checkEnvironment(ctx, p, name, base, head, ask)
		if err != nil {
			return nil, err
		}
		r.Environments = append(r.Environments, status)
		diags = append(diags, more...)
	}
	diags = diags.WithSeverities(p.Rules)
	diags.Sort()
	r.Findings = diags
	return r, nil
}

// mergeBase is the commit that a change is held against, where the base and the head parted: what has come to the
// base since is no part of the change.
func (a *app) mergeBase(p *config.Project, o checkOptions) (string, error) {
	g, err := repo.OpenGit(p.Root)
	if err != nil {
		return "", err
	}
	rev, err := g.MergeBase(o.base, cmp.Or(o.head, "HEAD"))
	if err != nil {
		return "", fmt.Errorf("--base %s: %w", o.base, err)
	}
	return rev, nil
}

// A loading is app.load, or one that knows what it has loaded.
type loading func(ctx context.Context, p *config.Project, source string) (*loaded, error)

// loadOnce is a loading that reads each source once.
func (a *app) loadOnce() loading {
	known := map[string]*loaded{}
	return func(ctx context.Context, p *config.Project, source string) (*loaded, error) {
		if l := known[source]; l != nil {
			return l, nil
		}
		l, err := a.load(ctx, p, source)
		known[source] = l
		return l, err
	}
}

// checkEnvironment says what an environment lacks for the configuration, what it no longer needs after a change,
// and what the configuration would do to it. base is nil when there is no change to speak of.
func (a *app) checkEnvironment(ctx context.Context, p *config.Project, name string, base, head *loaded, ask asking) (report.EnvironmentStatus, schema.Diagnostics, error) {
	e, err := p.Env(name)
	if err != nil {
		return report.EnvironmentStatus{}, nil, err
	}
	want := head.Set
	have, _, err := a.esvNames(ctx, p, e, ask)
	if err != nil {
		return report.EnvironmentStatus{}, nil, err
	}
	check := promotionCheck(name, want, have)
	status := report.EnvironmentStatus{
		Name: name, Role: e.Role, MissingESVs: esvNamesOf(check.MissingESVs), EncryptedSecrets: check.EncryptedSecrets, References: referenceViews(want),
	}
	if have == nil {
		status.Problem = "no snapshot and no esvs file in lockstep.yaml"
		return status, nil, nil
	}
	if base != nil {
		status.UnusedESVs = unusedESVs(base.Set, want, have)
	}
	if err := a.outlook(ctx, p, e, head, ask, &status); err != nil {
		return report.EnvironmentStatus{}, nil, err
	}
	lacks := schema.MissingDiagnostics(name, schema.MissingESVs(schema.ESVReferences(want), have))
	for i := range lacks {
		lacks[i].AddExcerpt(want)
	}
	return status, lacks, nil
}

// unusedESVs are the ESVs that an environment has, and whose last use the change takes away.
func unusedESVs(base, head *schema.Set, have map[string]bool) []string {
	used := map[string]bool{}
	for _, r := range schema.ESVReferences(head) {
		used[r.ESV] = true
	}
	var out []string
	for _, r := range schema.ESVReferences(base) {
		if r.ESV != "" && !used[r.ESV] && have[r.ESV] && !slices.Contains(out, r.ESV) {
			out = append(out, r.ESV)
		}
	}
	slices.Sort(out)
	return out
}

// outlook says what a plan would do to a tenant that takes changes, and what a promotion would bring to one that
// takes them by promotion only: held against the committed snapshot, or the tenant when it is asked.
func (a *app) outlook(ctx context.Context, p *config.Project, e *config.Environment, head *loaded, ask asking, status *report.EnvironmentStatus) error {
	var live *loaded
	switch {
	case ask == askAlways:
		var err error
		if live, err = a.loadTenant(ctx, p, e.Name); err != nil {
			return err
		}
	case e.Snapshot != "":
		set, diags, err := repo.LoadPath(p.Path(e.Snapshot), repo.Options{Origin: e.Snapshot, Types: p.Config.Types, Realms: p.Config.Realms, Ignore: p.Config.Ignore})
		if err != nil {
			return err
		}
		live = &loaded{Set: set, diags: diags, live: true}
	default:
		return nil
	}
	if head.diags.Count(schema.Error) > 0 {
		return nil // what can't be read can't be planned; the findings say it
	}
	want := *head
	want.Set = head.Filter(func(*schema.Resource) bool { return true })
	o := diff.Options{HashKey: hashKey(p), Tenant: true}
	if engine.Upper(e.Role) {
		changes, err := diff.Compare(live.Set, want.Set, o)
		if err != nil {
			return err
		}
		status.Promotes, status.Plan = true, promotionImpact(e, changes)
		return nil
	}
	if err := addDeclared(p, e, want.Set); err != nil {
		return err
	}
	plan, err := engine.NewPlan(live.Set, want.Set, engine.PlanOptions{
		Tool: toolVersion(), Environment: engine.PlanTarget{Name: e.Name, URL: e.URL, Role: e.Role},
		Source: engine.PlanSource{Origin: want.Origin, Commit: want.Commit, Subject: want.subject, Digest: diff.SetDigest(want.Set)}, Diff: o,
		MaxDeletes: p.Limits.Deletes, MaxPercent: p.Limits.DeletePercent,
	})
	if err != nil {
		// The check goes on: that nothing can be planned is what it has to say of this environment.
		status.Plan = &report.PlanView{Environment: e.Name, Role: e.Role, Notes: []string{firstLine(err.Error())}}
		return nil
	}
	status.Plan = planView(plan)
	return nil
}

// promotionImpact lists the static changes that a promotion would bring.
func promotionImpact(e *config.Environment, changes []diff.Change) *report.PlanView {
	v := &report.PlanView{Environment: e.Name, Role: e.Role, Steps: []report.PlanStep{}}
	var static []diff.Change
	for _, c := range changes {
		if c.Class == schema.Static {
			static = append(static, c)
			v.Steps = append(v.Steps, report.PlanStep{Number: len(static), Kind: c.Type, Name: c.Label(), Text: string(c.Action), Delete: c.Action == diff.Delete})
		}
	}
	v.Summary = diff.Summarize(static)
	return v
}

type driftOptions struct {
	envs   []string
	want   string
	issues string
}

func newDriftCommand(a *app) *cobra.Command {
	var o driftOptions
	cmd := &cobra.Command{
		Use:   "drift [--env NAME]... [--want SOURCE]",
		Short: "Compare live tenants with git",
		Long: `Compares the live tenants with what git says they should hold. Drift that lockstep.yaml accepts, until a day,
is shown and does not count.

--issues keeps one issue for each environment: it is opened at the first drift, refreshed when that changes, told of
what is new since, and closed when nothing is left. It is made for a scheduled job.` + exitHelp(exitChanges),
		Example: `  lockstep drift
  lockstep drift --env prod --want git:v1.4 -o json`,
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDrift(cmd.Context(), a, o) },
	}
	cmd.Flags().StringSliceVar(&o.envs, "env", nil, "environment; may be repeated (default: all)")
	cmd.Flags().StringVar(&o.issues, "issues", "", "keep one issue per environment: auto, "+strings.Join(forge.Names(), ", "))
	cmd.Flags().StringVar(&o.want, "want", "", "the SOURCE that tenants should hold (default: the work tree)")
	_ = cmd.RegisterFlagCompletionFunc("env", a.completeEnv)
	return cmd
}

func runDrift(ctx context.Context, a *app, o driftOptions) error {
	format, p, err := a.begin(report.Text, report.JSON, report.Markdown, report.HTML)
	if err != nil {
		return err
	}
	r, drifted, err := a.drift(ctx, p, o)
	if err != nil {
		return err
	}
	unknown := false
	for _, d := range r.Drift {
		if d.Problem != "" {
			unknown = true
		}
	}
	var posted error
	if o.issues != "" {
		posted = a.postDrift(ctx, o.issues, r)
	}
	if err := report.Write(a.stdout, format, r, a.options()); err != nil {
		return err
	}
	switch {
	case posted != nil:
		return posted
	case unknown:
		return said(exitFailed)
	case drifted:
		return said(exitChanges)
	}
	return nil
}

// drift compares each environment with the wanted set.
func (a *app) drift(ctx context.Context, p *config.Project, o driftOptions) (*report.Report, bool, error) {
	want, err := a.load(ctx, p, o.want)
	if err != nil {
		return nil, false, err
	}
	if err := a.unreadable(want); err != nil {
		return nil, false, err
	}
	a.settle(p, want)
	r := &report.Report{Title: "Drift", Tool: "lockstep " + toolVersion(), Source: want.Origin, Commit: want.Commit, Resources: want.Len()}
	envs := o.envs
	if len(envs) == 0 {
		envs = envNames(p)
	}
	if len(envs) == 0 {
		_, err := environment(p, "")
		return nil, false, err
	}
	drifted := false
	for _, name := range envs {
		e, err := p.Env(name)
		if err != nil {
			return nil, false, err
		}
		live, err := a.loadTenant(ctx, p, name)
		if err != nil && (len(envs) == 1 || ctx.Err() != nil) {
			return nil, false, err
		}
		if err != nil {
			// One tenant that can't be reached must not hide what the others hold.
			r.Drift = append(r.Drift, report.DriftView{Environment: name, Source: sourceName(want), Problem: firstLine(err.Error())})
			continue
		}
		d, counts, err := a.driftOf(p, e, live, want)
		if err != nil {
			return nil, false, err
		}
		drifted = drifted || counts
		r.Drift = append(r.Drift, d)
	}
	return r, drifted, nil
}

// driftOf is what a tenant holds beside the wanted set: the change is told from git to the tenant, since that
// is what happened.
func (a *app) driftOf(p *config.Project, e *config.Environment, live, want *loaded) (report.DriftView, bool, error) {
	forward, err := a.compare(p, live, want, nil, nil)
	if err != nil {
		return report.DriftView{}, false, err
	}
	backward, err := a.compare(p, want, live, nil, nil)
	if err != nil {
		return report.DriftView{}, false, err
	}
	d := report.DriftView{Environment: e.Name, Source: sourceName(want), Resources: live.Len()}
	counts := false
	var open []diff.Change
	for _, c := range backward {
		// What only the tenant has and nobody put there was left out of the forward comparison.
		if !slices.ContainsFunc(forward, func(f diff.Change) bool { return f.Key == c.Key }) {
			continue
		}
		item := report.DriftItem{Label: c.Label(), Key: c.Key, Text: driftText(c)}
		if accepted, ok := p.Accepted(c.Key, c.Name, a.now()); ok {
			item.Accepted, item.Reason = true, accepted.Reason
			if !accepted.Until.IsZero() {
				item.Until = accepted.Until.Format(time.DateOnly)
			}
		} else {
			counts = true
			open = append(open, c)
		}
		d.Items = append(d.Items, item)
	}
	d.Changes = report.ViewsOf(open)
	return d, counts, nil
}

// driftText says in one line what differs.
func driftText(c diff.Change) string {
	switch c.Action {
	case diff.Create:
		return "only the tenant has it"
	case diff.Delete:
		return "the tenant does not have it"
	}
	var parts []string
	for _, i := range c.Items {
		s := strings.TrimSpace(i.Subject + " " + i.Detail)
		if i.Kind == "+" || i.Kind == "-" {
			s = i.Kind + " " + s // a value alone doesn't say whether it came or went
		}
		if len(parts) < 3 {
			parts = append(parts, s)
		}
	}
	text := strings.Join(parts, "; ")
	if n := len(c.Items) - len(parts); n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return text
}

// sourceName is how people call a source: "git 4f2c9e1", or its path.
func sourceName(l *loaded) string {
	if l.Commit != "" {
		return "git " + short(l.Commit)
	}
	return l.Origin
}

// referenceViews lists where ESVs are used, as scripts read them.
func referenceViews(s *schema.Set) []report.ReferenceView {
	out := []report.ReferenceView{}
	for _, r := range schema.ESVReferences(s) {
		out = append(out, report.ReferenceView{
			ESV: r.ESV, Kind: r.Kind, Wrapper: r.Wrapper, Default: r.Default, Resource: r.Key, Pointer: r.Pointer,
			File: r.Pos.File, Line: r.Pos.Line, Column: r.Pos.Column,
		})
	}
	return out
}

func firstLine(s string) string { line, _, _ := strings.Cut(s, "\n"); return line }
