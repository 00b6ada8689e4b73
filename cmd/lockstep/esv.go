package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

type esvOptions struct {
	env, source, failOn string
	names               []string
	live                bool
	restart             bool
	pruneVersions       bool
}

func newESVCommand(a *app) *cobra.Command {
	var o esvOptions
	cmd := &cobra.Command{
		Use:   "esv",
		Short: "ESVs: where they are used, what an environment lacks, push, restart",
		Long:  "Works on environment secrets and variables: what the configuration refers to, what is declared, what a tenant has." + exitHelp(),
	}
	sub := func(use, short, long string, codes []int, run func(context.Context, *app, esvOptions) error) *cobra.Command {
		c := &cobra.Command{
			Use: use, Short: short, Long: long + exitHelp(codes...), Args: maxArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					o.source = args[0]
				}
				return run(cmd.Context(), a, o)
			},
		}
		addEnv(c, a, &o.env)
		cmd.AddCommand(c)
		return c
	}
	sub("list [SOURCE]", "List ESVs with where they are used",
		"Lists every ESV that a source refers to or declares, with the places of the references.", nil, runESVList)
	check := sub("check --env NAME [SOURCE]", "Find ESVs that an environment lacks, and encrypted secrets",
		`Compares what a source refers to with what an environment has: its exported snapshot and declarations in
lockstep.yaml, else the tenant itself; with --live always the tenant. Answers in the words of the promotion API, before a promotion
would.`, []int{exitFindings}, runESVCheck)
	check.Flags().BoolVar(&o.live, "live", false, "ask the tenant which ESVs it has")
	addFailOn(check, &o.failOn)
	sub("diff --env NAME [SOURCE]", "Compare declared ESVs with a tenant's",
		"Compares the declared ESVs with the tenant's: type, description, and the values of variables. A secret's value can't be read back.", []int{exitChanges}, runESVDiff)
	push := sub("push --env NAME [SOURCE]", "Write declared ESVs to a tenant",
		`Writes declared ESVs to a tenant: only those that differ. Values come from the environment's esvs file
(env:NAME, file:PATH, exec:COMMAND), or from the process environment where the declaration says ${NAME}. A
secret gets a new version only when its value is new: what was pushed last is known by a keyed hash. It is a
run like that of apply: cut off anywhere the same command goes on, and lockstep rollback puts variables back.
A restart is needed before the values count: --restart, or lockstep esv restart.`, []int{exitStale, exitLocked, exitInterrupted}, runESVPush)
	push.Flags().BoolVar(&o.restart, "restart", false, "restart the services afterwards, where an ESV waits for it, and wait")
	push.Flags().BoolVar(&o.pruneVersions, "prune-versions", false, "destroy versions of the secrets that are older than the active and the loaded one")
	push.Flags().StringSliceVar(&o.names, "name", nil, "only this ESV; may be repeated")
	sub("restart --env NAME", "Restart a tenant's services so that changed ESVs count, and wait",
		"Restarts the tenant's services if an ESV waits for it, and waits until that is done: up to about 10 minutes.", []int{exitInterrupted}, runESVRestart)
	return cmd
}

// esvSource reads a source, and ends the command when parts of it can't be read.
func (a *app) esvSource(ctx context.Context, o esvOptions) (*config.Project, *loaded, error) {
	p, err := a.project()
	if err != nil {
		return nil, nil, err
	}
	set, err := a.load(ctx, p, o.source)
	if err != nil {
		return nil, nil, err
	}
	return p, set, a.unreadable(set)
}

func runESVList(ctx context.Context, a *app, o esvOptions) error {
	format, err := a.outputs(report.Text, report.JSON)
	if err != nil {
		return err
	}
	p, set, err := a.esvSource(ctx, o)
	if err != nil {
		return err
	}
	if o.env != "" {
		e, err := p.Env(o.env)
		if err != nil {
			return err
		}
		if err := addDeclared(p, e, set.Set); err != nil {
			return err
		}
	}
	refs := referenceViews(set.Set)
	declared := schema.SortedKeys(set.Declared())
	if format == report.JSON {
		return a.printJSON(map[string]any{"references": refs, "declared": nonNil(declared)})
	}
	places := map[string][]string{}
	for _, n := range declared {
		places[n] = nil
	}
	dynamic := 0
	for _, r := range refs {
		if r.ESV == "" {
			dynamic++
			continue
		}
		places[r.ESV] = append(places[r.ESV], fmt.Sprintf("%s:%d:%d", r.File, r.Line, r.Column))
	}
	s := a.style(a.stdout)
	for _, n := range schema.SortedKeys(places) {
		status := ""
		if !slices.Contains(declared, n) {
			status = "  not declared here"
		} else if len(places[n]) == 0 {
			status = "  not used here"
		}
		fmt.Fprintf(a.stdout, "%s%s\n", s.Bold(n), status)
		for _, pl := range places[n] {
			fmt.Fprintf(a.stdout, "  %s\n", pl)
		}
	}
	fmt.Fprintf(a.stdout, "\n%d ESVs, %d declared here, %d references", len(places), len(declared), len(refs)-dynamic)
	if dynamic > 0 {
		fmt.Fprintf(a.stdout, "; %d more read a name that is made at run time", dynamic)
	}
	fmt.Fprintln(a.stdout)
	return nil
}

func runESVCheck(ctx context.Context, a *app, o esvOptions) error {
	format, err := a.outputs(report.Text, report.JSON, report.SARIF, report.JUnit, report.GitHub, report.Markdown)
	if err != nil {
		return err
	}
	failOn, err := parseFailOn(o.failOn)
	if err != nil {
		return err
	}
	p, set, err := a.esvSource(ctx, o)
	if err != nil {
		return err
	}
	e, err := environment(p, o.env)
	if err != nil {
		return err
	}
	ask := askIfUnknown
	if o.live {
		ask = askAlways
	}
	have, from, err := a.esvNames(ctx, p, e, ask)
	if err != nil {
		return err
	}
	check := promotionCheck(e.Name, set.Set, have)
	diags := schema.MissingDiagnostics(e.Name, schema.MissingESVs(schema.ESVReferences(set.Set), have))
	for _, d := range a.findings(p, set) {
		if d.Code == "encrypted-secret" {
			diags = append(diags, d)
		}
	}
	diags = diags.WithSeverities(p.Rules)
	diags.Sort()
	if format == report.JSON {
		if err := a.printJSON(map[string]any{
			"environment": e.Name, "missingESVs": check.MissingESVs, "encryptedSecrets": nonNil(check.EncryptedSecrets), "references": referenceViews(set.Set),
		}); err != nil {
			return err
		}
		return failOnFindings(diags, failOn)
	}
	r := &report.Report{Title: "ESVs of " + e.Name, Tool: "lockstep " + toolVersion(), Source: set.Origin, Commit: set.Commit, Checked: true, Findings: diags, Resources: set.Len()}
	if format == report.Text && len(diags) == 0 {
		_, err := fmt.Fprintf(a.stdout, "%s has every ESV that the configuration refers to (known from %s), and there are no encrypted secrets.\n", e.Name, from)
		return err
	}
	if err := report.Write(a.stdout, format, r, a.options()); err != nil {
		return err
	}
	return failOnFindings(diags, failOn)
}

// esvPair gives the declared and the live ESVs of an environment, and its client.
func (a *app) esvPair(ctx context.Context, o esvOptions) (*config.Project, *config.Environment, *tenant.Client, *schema.Set, *schema.Set, error) {
	fail := func(err error) (*config.Project, *config.Environment, *tenant.Client, *schema.Set, *schema.Set, error) {
		return nil, nil, nil, nil, nil, err
	}
	p, set, err := a.esvSource(ctx, o)
	if err != nil {
		return fail(err)
	}
	e, err := environment(p, o.env)
	if err != nil {
		return fail(err)
	}
	if err := addDeclared(p, e, set.Set); err != nil {
		return fail(err)
	}
	c, err := a.client(e, false)
	if err != nil {
		return fail(err)
	}
	isESV := func(r *schema.Resource) bool {
		t, _ := schema.TypeOf(r.Type)
		return t != nil && t.Class == schema.PerEnvironment
	}
	want := set.Filter(isESV)
	want.Types = esvTypes()
	live, err := c.Snapshot(ctx, tenant.SnapshotOptions{Types: esvTypes()})
	if err != nil {
		return fail(err)
	}
	return p, e, c, want, live, nil
}

// esvTypes are the types that every environment has its own values of.
func esvTypes() []string {
	var names []string
	for _, t := range schema.Types() {
		if t.Class == schema.PerEnvironment {
			names = append(names, t.Name)
		}
	}
	return names
}

// resolveAll fills in the values that the surroundings know, so that they can be compared. What is not set
// stays unknown.
func (a *app) resolveAll(ctx context.Context, p *config.Project, e *config.Environment, set *schema.Set) error {
	resolve, err := a.resolver(p, e)
	if err != nil {
		return err
	}
	for _, r := range set.All() {
		if body, err := resolve(ctx, r.Key, r.Body); err == nil {
			set.Replace(&schema.Resource{Key: r.Key, Body: body, Source: r.Source})
		}
	}
	return nil
}

func runESVDiff(ctx context.Context, a *app, o esvOptions) error {
	format, err := a.outputs(report.Text, report.JSON, report.Markdown)
	if err != nil {
		return err
	}
	p, e, _, want, live, err := a.esvPair(ctx, o)
	if err != nil {
		return err
	}
	if err := a.resolveAll(ctx, p, e, want); err != nil {
		return err
	}
	changes, err := diff.Compare(live, want, diff.Options{HashKey: hashKey(p)})
	if err != nil {
		return err
	}
	r := &report.Report{Title: "ESVs of " + e.Name, Tool: "lockstep " + toolVersion(), Resources: want.Len(), Compared: true, Changes: report.ViewsOf(changes)}
	if err := report.Write(a.stdout, format, r, a.options()); err != nil {
		return err
	}
	if len(changes) > 0 {
		return said(exitChanges)
	}
	return nil
}

// pushList chooses what to push: everything declared, or what is named.
func pushList(want *schema.Set, names []string) ([]*schema.Resource, error) {
	all := want.All()
	if len(all) == 0 {
		return nil, errors.New("no ESV is declared: neither in the configuration (esvs/) nor in the environment's esvs file")
	}
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, r := range all {
		known = append(known, r.ID)
	}
	var out []*schema.Resource
	for _, n := range names {
		i := slices.Index(known, n)
		if i < 0 {
			return nil, unknown("declared ESV", n, known)
		}
		out = append(out, all[i])
	}
	return out, nil
}

func runESVRestart(ctx context.Context, a *app, o esvOptions) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	e, err := environment(p, o.env)
	if err != nil {
		return err
	}
	c, err := a.client(e, false)
	if err != nil {
		return err
	}
	pending, err := c.RestartPending(ctx)
	if err != nil {
		return err
	}
	status, err := c.StartupStatus(ctx)
	if err != nil {
		return err
	}
	if !pending && status == tenant.Ready {
		fmt.Fprintf(a.stdout, "%s: every ESV is loaded; no restart is needed.\n", e.Name)
		return nil
	}
	if err := a.confirm(ctx, fmt.Sprintf("Restart the services of %s?", e.Name)); err != nil {
		return err
	}
	return a.restartAndWait(ctx, c, e.Name, report.Text)
}
