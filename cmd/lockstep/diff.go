package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

type diffOptions struct {
	from, to        string
	types           []string
	exitCode        bool
	target, exclude globs
}

func newDiffCommand(a *app) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff FROM TO",
		Short: "Compare two sources by meaning",
		Long: `Shows the change that turns FROM into TO, both a SOURCE: two exports, a commit and a tenant, two tenants.

What the tenant owns or adds by itself, the order of lists whose order means nothing, the spelling of
numbers are no differences. A journey shows as what changed in its graph, a script as text, a secret as a
keyed hash. Nodes that only moved on the canvas are counted, and shown with --all.

With -o json each change holds an RFC 6902 patch. Applied to the resource's body in FROM, as a file in the flat
layout has it under "body", it gives one that means the same as that in TO; the value of a secret stands in it
as its hash.` + exitHelp(exitChanges),
		Example: `  lockstep diff env:dev .
  lockstep diff git:v1.4 git:HEAD
  lockstep diff snapshots/dev-monday.json.gz env:dev --exit-code`,
		Args: exactArgs(2, "FROM or TO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.from, o.to = args[0], args[1]
			return runDiff(cmd.Context(), a, o)
		},
	}
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with 2 when there are changes")
	cmd.Flags().StringSliceVar(&o.types, "type", nil, "only this type, or group of types (all, default, static, dynamic); may be repeated")
	addTargets(cmd, &o.target, &o.exclude)
	return cmd
}

func addTargets(cmd *cobra.Command, target, exclude *globs) {
	cmd.Flags().Var(target, "target", "only resources that match this glob over realm/type/name; may be repeated")
	cmd.Flags().Var(exclude, "exclude", "not the resources that match this glob; may be repeated")
}

func runDiff(ctx context.Context, a *app, o diffOptions) error {
	format, p, err := a.begin(report.Text, report.JSON, report.Markdown, report.HTML)
	if err != nil {
		return err
	}
	if len(o.types) > 0 {
		if p.Config.Types, err = schema.ExpandTypes(o.types); err != nil {
			return err
		}
	}
	from, to, err := a.loadPair(ctx, p, o.from, o.to)
	if err != nil {
		return err
	}
	if err := a.unreadable(from, to); err != nil {
		return err
	}
	changes, err := a.compare(p, from, to, o.target, o.exclude)
	if err != nil {
		return err
	}
	r := &report.Report{
		Title: "Changes from " + called(from) + " to " + called(to), Tool: "lockstep " + toolVersion(), Source: to.Origin, Commit: to.Commit,
		Resources: to.Len(), Compared: true, Changes: report.ViewsOf(changes),
	}
	if err := report.Write(a.stdout, format, r, a.options()); err != nil {
		return err
	}
	for _, part := range append(from.Partial, to.Partial...) {
		a.note("%s could not be read and is left out of the comparison.", part)
	}
	if o.exitCode && len(changes) > 0 {
		return said(exitChanges)
	}
	return nil
}

// called is what people call a source.
func called(l *loaded) string {
	if l.Origin == "." {
		return "this folder"
	}
	return l.Origin
}

// unreadable ends a command when a source holds files that can't be read: what is not known can't be compared,
// planned or promoted.
func (a *app) unreadable(sources ...*loaded) error {
	var errs schema.Diagnostics
	for _, s := range sources {
		errs = append(errs, s.diags.AtLeast(schema.Error)...)
	}
	if len(errs) == 0 {
		return nil
	}
	errs.Sort()
	if err := a.printFindings(errs, 0); err != nil {
		return err
	}
	return said(exitFindings)
}
