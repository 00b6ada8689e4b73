package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

func newApplyCommand(a *app) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "apply [FILE | --env NAME]",
		Short: "Carry a plan out",
		Long: `Carries out a saved plan exactly as it was reviewed, or makes a fresh one, shows it and asks.

Before the first write everything that the plan relies on is compared with the tenant; if it moved, nothing
is written. Every body is kept before it is overwritten. Cut off anywhere, the same command goes on where it
stopped.` + exitHelp(exitFindings, exitStale, exitLocked, exitInterrupted),
		Example: `  lockstep apply plan.json
  lockstep apply --env dev
  lockstep apply --env dev --yes git:main`,
		Args: maxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.source = args[0]
			}
			return runApply(cmd.Context(), a, o)
		},
	}
	addEnv(cmd, a, &o.env)
	addPlanFlags(cmd, &o)
	return cmd
}

func runApply(ctx context.Context, a *app, o planOptions) error {
	format, p, err := a.begin(report.Text, report.JSON, report.NDJSON)
	if err != nil {
		return err
	}
	var plan *engine.Plan
	if o.env == "" && o.source != "" {
		if plan, err = a.readPlan(o.source); err != nil {
			return err
		}
		return a.carryOut(ctx, p, plan, o.source, format)
	}
	fresh, changes, err := a.makePlan(ctx, p, o)
	if err != nil {
		return err
	}
	if format == report.Text {
		if err := a.showPlan(report.Text, fresh, changes, ""); err != nil {
			return err
		}
	}
	if fresh.Empty() {
		return nil
	}
	if err := a.confirm(ctx, fmt.Sprintf("Carry out these %d steps on %s?", len(fresh.Steps), fresh.Environment.Name)); err != nil {
		return err
	}
	return a.carryOut(ctx, p, fresh, "", format)
}

func (a *app) readPlan(name string) (*engine.Plan, error) {
	path, err := a.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no plan file %s; lockstep plan --out %s writes one", name, name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return engine.ReadPlan(f, name)
}

// planEnvironment finds the environment a plan is for, and refuses one for another tenant.
func (a *app) planEnvironment(p *config.Project, plan *engine.Plan) (*config.Environment, *tenant.Client, error) {
	e, err := p.Env(plan.Environment.Name)
	if err != nil {
		return nil, nil, err
	}
	c, err := a.client(e, false)
	if err != nil {
		return nil, nil, err
	}
	if c.URL() != plan.Environment.URL {
		return nil, nil, fmt.Errorf("the plan is for another tenant: %s was %s, and is %s now. Make a new plan", e.Name, plan.Environment.URL, c.URL())
	}
	return e, c, nil
}

// carryOut applies a plan with its journal, going on with an unfinished run of the same plan.
func (a *app) carryOut(ctx context.Context, p *config.Project, plan *engine.Plan, file string, format report.Format) (err error) {
	for _, step := range plan.Steps {
		a.ask(step.Key)
	}
	e, c, err := a.planEnvironment(p, plan)
	if err != nil {
		return err
	}
	if plan.Empty() {
		a.note("Nothing to do.")
		return nil
	}
	j, resumed, err := a.openRun(p, plan)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if file == "" {
		// A fresh plan is kept with its run, so that an interrupted run can go on with it.
		file = filepath.Join(j.Dir, "plan.json")
		if rel, rerr := filepath.Rel(p.Root, file); rerr == nil {
			file = rel
		}
	}
	resolve, err := a.resolver(p, e)
	if err != nil {
		return err
	}
	view := a.runView(format, plan)
	if resumed {
		view.note(fmt.Sprintf("Going on with run %s: %d of %d steps are done.", j.Run(), j.Done(), len(plan.Steps)))
	}
	err = plan.Apply(ctx, c, j, engine.ApplyOptions{
		Restarter: restarter{c}, Resolve: resolve, Now: a.now, On: view.event,
	})
	if ctx.Err() != nil {
		return &interruptedError{err: ctx.Err(), text: fmt.Sprintf("Interrupted. Nothing is half written: %d of %d steps are done.\nGo on:    lockstep apply %s\nGo back:  lockstep rollback %s", j.Done(), len(plan.Steps), file, j.Run())}
	}
	if err != nil {
		if j.Done() > 0 {
			return fmt.Errorf("%w\n%d of %d steps are done.\nGo on:    lockstep apply %s\nGo back:  lockstep rollback %s", err, j.Done(), len(plan.Steps), file, j.Run())
		}
		return err
	}
	return view.end(j.Run())
}

// openRun finds the unfinished run of a plan, or starts one.
func (a *app) openRun(p *config.Project, plan *engine.Plan) (*engine.Journal, bool, error) {
	if err := ensureStateDir(p); err != nil {
		return nil, false, err
	}
	runs := filepath.Join(stateDir(p), "runs")
	dir, err := engine.FindRun(runs, plan.Digest)
	if err != nil {
		return nil, false, err
	}
	resumed := dir != ""
	if !resumed {
		if dir, err = engine.NewRunDir(runs, a.now()); err != nil {
			return nil, false, err
		}
	}
	j, err := engine.OpenJournal(dir, a.now)
	if err != nil {
		return nil, false, err
	}
	if !resumed {
		if err := savePlan(filepath.Join(dir, "plan.json"), plan); err != nil {
			return nil, false, errors.Join(err, j.Close())
		}
	}
	return j, resumed, nil
}

// restarter restarts through the tenant's client.
type restarter struct{ c *tenant.Client }

func (r restarter) RestartPending(ctx context.Context) (bool, error) { return r.c.RestartPending(ctx) }

func (r restarter) Restart(ctx context.Context, on func(string, time.Duration)) error {
	return r.c.Restart(ctx, on)
}
