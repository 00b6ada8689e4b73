package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

type validateOptions struct {
	source, base, failOn string
	load                 loading // how sources are read; nil is app.load
}

func newValidateCommand(a *app) *cobra.Command {
	var o validateOptions
	cmd := &cobra.Command{
		Use:   "validate [SOURCE]",
		Short: "Check configuration: schemas, references, placeholders, ESVs, secrets",
		Long: `Checks one SOURCE without talking to a tenant: JSON Schemas, references between resources (nodes,
outcomes, scripts, inner journeys, email templates), placeholder syntax, ESV names and values, embedded
encrypted secrets, scripts, email templates, CORS origins. lockstep explain lists all findings.

What is let be for a while stands in .lockstepexemptions, each entry with a code, a reason and a day.

With --base only findings count that the base does not have, so that a repository with old sins can start
today.` + exitHelp(exitFindings),
		Example: `  lockstep validate
  lockstep validate git:main
  lockstep validate --base git:origin/main -o github`,
		Args: maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.source = args[0]
			}
			return runValidate(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.base, "base", "", "a SOURCE; its findings are not reported again")
	addFailOn(cmd, &o.failOn)
	return cmd
}

func addFailOn(cmd *cobra.Command, failOn *string) {
	cmd.Flags().StringVar(failOn, "fail-on", "error", "exit with 3 from this severity on: error, warning, info")
}

func runValidate(ctx context.Context, a *app, o validateOptions) error {
	format, p, err := a.begin(report.Text, report.JSON, report.SARIF, report.JUnit, report.GitHub, report.Azure, report.Markdown, report.HTML)
	if err != nil {
		return err
	}
	failOn, err := parseFailOn(o.failOn)
	if err != nil {
		return err
	}
	start := a.now()
	v, err := a.validate(ctx, p, o)
	if err != nil {
		return err
	}
	diags := v.Findings
	r := &report.Report{
		Title: "Validation", Tool: "lockstep " + toolVersion(), Source: v.Origin, Commit: v.Commit,
		Checked: true, Findings: diags, Resources: v.Resources, Unmanaged: v.Unmanaged,
	}
	if format == report.Text {
		r.Elapsed = a.now().Sub(start)
	}
	if err := report.Write(a.stdout, format, r, a.options()); err != nil {
		return err
	}
	return failOnFindings(diags, failOn)
}

// validated is what validate finds. It is what the cache keeps.
type validated struct {
	Origin, Commit string
	Resources      int
	Unmanaged      []schema.Unmanaged
	Findings       schema.Diagnostics
}

// validate finds what is wrong with a source, or takes it from the cache when nothing has changed.
func (a *app) validate(ctx context.Context, p *config.Project, o validateOptions) (*validated, error) {
	if o.load == nil {
		o.load = a.load
	}
	c := a.openCache(p, o)
	if v := c.get(); v != nil {
		return v, nil
	}
	var base *baseState
	var before *schema.Set
	if o.base != "" {
		var err error
		if base, err = a.baseState(ctx, p, o); err != nil {
			return nil, err
		}
		before = base.set()
	}
	s := a.again(c, before)
	if s == nil {
		l, err := o.load(ctx, p, o.source)
		if err != nil {
			return nil, err
		}
		s = &survey{loaded: l, found: schema.Validate(l.Set, schema.Options{Base: before})}
	}
	diags := a.judged(p, s.all())
	if base != nil {
		diags = diags.New(a.judged(p, base.Found.Findings))
	}
	v := &validated{Origin: s.Origin, Commit: s.Commit, Resources: s.Len(), Unmanaged: s.Unmanaged, Findings: diags}
	c.put(v, s)
	return v, nil
}

// findings are what was found while reading and what the rules find, as the project sees them.
func (a *app) findings(p *config.Project, l *loaded) schema.Diagnostics {
	return a.judged(p, slices.Concat(l.diags, schema.Validate(l.Set, schema.Options{})))
}

// judged are findings as the project sees them: without what it exempts, with its severities.
func (a *app) judged(p *config.Project, diags schema.Diagnostics) schema.Diagnostics {
	diags = diags.Exempt(p.Exemptions, a.now()).WithSeverities(p.Rules)
	diags.Sort()
	return diags
}

func parseFailOn(name string) (schema.Severity, error) {
	s, err := schema.ParseSeverity(name)
	if err != nil || s == schema.Off {
		return 0, fmt.Errorf("--fail-on %s: it is error, warning or info", name)
	}
	return s, nil
}

func failOnFindings(diags schema.Diagnostics, from schema.Severity) error {
	if len(diags.AtLeast(from)) > 0 {
		return said(exitFindings)
	}
	return nil
}
