package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

func newShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "Show a saved plan or snapshot",
		Long:  "Shows a saved plan, or what an exported snapshot or folder holds, in any output format." + exitHelp(exitFindings),
		Example: `  lockstep show plan.json -o markdown
  lockstep show snapshots/dev.json.gz`,
		Args: exactArgs(1, "the file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runShow(cmd.Context(), a, args[0]) },
	}
}

func runShow(ctx context.Context, a *app, name string) error {
	path, err := a.path(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("there is no %s", name)
	}
	if !info.IsDir() {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if looksLikePlan(data) {
			format, err := a.outputs(report.Text, report.JSON, report.Markdown, report.HTML)
			if err != nil {
				return err
			}
			plan, err := engine.ReadPlan(bytes.NewReader(data), name)
			if err != nil {
				return err
			}
			return a.showPlan(format, plan, nil, "")
		}
	}
	return a.showSet(ctx, name)
}

// looksLikePlan tells a plan from a snapshot or an export by what it begins with: only a plan has a digest and an
// environment. One that is cut off is a plan all the same.
func looksLikePlan(data []byte) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	seen := map[string]bool{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		if text, ok := name.(string); ok {
			seen[text] = true
		}
		if seen["digest"] && seen["environment"] {
			return true
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return false
		}
	}
	return false
}

// showSet counts what a source holds.
func (a *app) showSet(ctx context.Context, name string) error {
	format, p, err := a.begin(report.Text, report.JSON)
	if err != nil {
		return err
	}
	set, err := a.load(ctx, p, name)
	if err != nil {
		return err
	}
	if err := a.unreadable(set); err != nil {
		return err
	}
	counts := set.CountByType()
	if format == report.JSON {
		return a.printJSON(map[string]any{"source": set.Origin, "layout": set.Layout, "resources": set.Len(), "types": counts, "unmanaged": set.Unmanaged})
	}
	fmt.Fprintf(a.stdout, "%s: %d resources, layout %s\n", set.Origin, set.Len(), set.Layout)
	return a.printCounts(set.Set)
}

// printCounts lists how many resources of each type there are, and what is not managed.
func (a *app) printCounts(set *schema.Set) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	counts := set.CountByType()
	for _, t := range schema.Types() {
		if n := counts[t.Name]; n > 0 {
			fmt.Fprintf(w, "  %s\t%d\n", t.Plural, n)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(set.Unmanaged) > 0 {
		fmt.Fprintln(a.stdout)
	}
	return report.Unmanaged(a.stdout, set.Unmanaged, a.options())
}

func newRollbackCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rollback RUN",
		Short: "Put back what a run changed, from the bodies kept before each write",
		Long: `Undoes a run of apply, last step first: what it created is deleted, what it updated or deleted is written
back as it was. A resource that somebody changed after the run is not touched: that ends the rollback, and
says which. A secret's old value can't be read, nor kept: it is left, and named.` + exitHelp(exitStale, exitLocked, exitInterrupted),
		Example: `  lockstep rollback 2026-11-21T22-31-07`,
		Args:    exactArgs(1, "the run, as apply named it"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runRollback(cmd.Context(), a, args[0]) },
	}
}

func runRollback(ctx context.Context, a *app, run string) (err error) {
	p, err := a.project()
	if err != nil {
		return err
	}
	if run != strings.Trim(run, "./\\") || strings.ContainsAny(run, "/\\") {
		return fmt.Errorf("%q is no run's name", run)
	}
	dir := stateDir(p) + "/runs/" + run
	f, err := os.Open(dir + "/plan.json")
	if err != nil {
		return fmt.Errorf("there is no run %s in %s", run, stateDir(p))
	}
	plan, err := engine.ReadPlan(f, run+"/plan.json")
	if cerr := f.Close(); err != nil || cerr != nil {
		return errors.Join(err, cerr)
	}
	e, c, err := a.planEnvironment(p, plan)
	if err != nil {
		return err
	}
	release, err := a.exclusive(p, plan.Environment.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	j, err := engine.OpenJournal(dir, a.now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if err := a.confirm(ctx, fmt.Sprintf("Undo run %s on %s?", run, plan.Environment.Name)); err != nil {
		return err
	}
	opts, err := a.applyOptions(p, e, c)
	if err != nil {
		return err
	}
	view := a.runView(report.Text, plan)
	opts.On = view.event
	defer withoutPipe()()
	ctx, end := a.gently(ctx)
	defer end()
	var left []engine.Mention
	work := func(ctx context.Context) error {
		left, err = plan.Rollback(ctx, c, j, opts)
		return err
	}
	switch _, applied := j.Last("session applied"); {
	case plan.Environment.Direct && !applied && !engine.Over(j.Records):
		err = engine.AbortDirect(ctx, j, a.directOptions(c, false))
	case plan.Environment.Direct && applied:
		err = plan.Direct(ctx, j, a.directOptions(c, true), work)
	default:
		err = work(ctx)
	}
	a.sayLeft(left)
	goOn := fmt.Sprintf("Go on:  %s rollback %s", a.commandLine(), run)
	if err != nil && ctx.Err() != nil {
		return &interruptedError{err: ctx.Err(), text: "Interrupted. The run is half undone.\n" + goOn}
	}
	if err != nil {
		if _, begun := j.Last("rolling back"); begun && !engine.Over(j.Records) {
			return fmt.Errorf("%w\n%s", err, goOn)
		}
		return err
	}
	if !slices.ContainsFunc(j.Records, func(r engine.Record) bool { return r.What == "will" }) {
		fmt.Fprintf(a.stdout, "Run %s wrote nothing on %s: there is nothing to undo.\n", run, plan.Environment.Name)
		return nil
	}
	fmt.Fprintf(a.stdout, "\nRun %s is undone on %s.\n", run, plan.Environment.Name)
	return nil
}
