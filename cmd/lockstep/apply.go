package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

type applyOptions struct {
	planOptions
	requireSignature bool
	onFailure        string
}

func newApplyCommand(a *app) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply [FILE | --env NAME]",
		Short: "Carry a plan out",
		Long: `Carries out a saved plan exactly as it was reviewed, or makes a fresh one, shows it and asks.

Before the first write everything that the plan relies on is compared with the tenant; if it moved, nothing
is written. Every body is kept before it is overwritten. Cut off anywhere, the same command goes on where it
stopped; with --on-failure rollback, a run that fails is undone at once. What somebody else wrote meanwhile is
not written over, also where the run was cut off: it stops there. Tenants have no conditional writes, so that
each resource is read again right before its write; an edit in the moment between the two is written over.

A plan made with --direct is carried out in a direct-configuration session, which is applied at the end,
or aborted as a whole.` + exitHelp(exitFindings, exitStale, exitLocked, exitInterrupted),
		Example: `  lockstep apply plan.json
  lockstep apply plan.json --require-signature
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
	addPlanFlags(cmd, &o.planOptions)
	cmd.Flags().BoolVar(&o.requireSignature, "require-signature", false, "refuse a plan that no allowed signer signed (allowedSigners in lockstep.yaml)")
	cmd.Flags().StringVar(&o.onFailure, "on-failure", "stop", "when a step fails: stop, or rollback")
	return cmd
}

func runApply(ctx context.Context, a *app, o applyOptions) error {
	format, p, err := a.begin(report.Text, report.JSON, report.NDJSON)
	if err != nil {
		return err
	}
	if o.onFailure != "stop" && o.onFailure != "rollback" {
		return fmt.Errorf("--on-failure %s: it is stop or rollback", o.onFailure)
	}
	w := carry{format: format, undo: o.onFailure == "rollback"}
	if o.env == "" && o.source != "" {
		plan, err := a.readPlan(o.source)
		if err != nil {
			return err
		}
		if o.requireSignature {
			if err := a.requireSignature(p, o.source); err != nil {
				return err
			}
		}
		w.file = o.source
		return a.carryOut(ctx, p, plan, w)
	}
	if o.requireSignature {
		return errors.New("--require-signature is for a plan file: a fresh plan is signed by nobody")
	}
	fresh, changes, err := a.makePlan(ctx, p, o.planOptions)
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
	return a.carryOut(ctx, p, fresh, w)
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
	c, err := a.clientFor(e, clientNeeds{direct: plan.Environment.Direct})
	if err != nil {
		return nil, nil, err
	}
	if c.URL() != plan.Environment.URL {
		return nil, nil, fmt.Errorf("the plan is for another tenant: %s was %s, and is %s now. Make a new plan", e.Name, plan.Environment.URL, c.URL())
	}
	return e, c, nil
}

// carry says how a plan is carried out.
type carry struct {
	format report.Format
	file   string // the plan file; empty for a fresh plan
	undo   bool   // when it fails
	push   bool   // ESVs: another way of showing it
}

// carryOut applies a plan with its journal, going on with an unfinished run of the same plan.
func (a *app) carryOut(ctx context.Context, p *config.Project, plan *engine.Plan, w carry) (err error) {
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
	release, err := a.exclusive(p, plan.Environment.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	j, resumed, err := a.openRun(p, plan)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, j.Close())
		if err != nil && !resumed && !begun(j) {
			_ = os.RemoveAll(j.Dir) // it did nothing: an empty run in the list is noise, and no more
		}
	}()
	file := w.file
	if file == "" {
		// A fresh plan is kept with its run, so that an interrupted run can go on with it.
		file = filepath.Join(j.Dir, "plan.json")
		if rel, rerr := filepath.Rel(p.Root, file); rerr == nil {
			file = rel
		}
	}
	opts, err := a.applyOptions(p, e, c)
	if err != nil {
		return err
	}
	view := a.runView(w.format, plan)
	view.push = w.push
	opts.On = view.event
	if resumed {
		view.note(fmt.Sprintf("Going on with run %s: %d of %d steps are done.", j.Run(), j.Done(), len(plan.Steps)))
	}
	defer withoutPipe()()
	ctx, end := a.gently(ctx)
	defer end()
	work := func(ctx context.Context) error { return plan.Apply(ctx, c, j, opts) }
	if plan.Environment.Direct {
		if err = plan.Direct(ctx, j, a.directOptions(c, false), work); err == nil {
			err = a.verifyRun(ctx, plan, c, j)
		}
	} else {
		err = work(ctx)
	}
	if err == nil {
		return view.end(j.Run())
	}
	return a.runStopped(ctx, plan, c, j, opts, view, w, file, err)
}

// verifyRun looks once more at what was written, after a session was applied: the tenant does that by itself.
func (a *app) verifyRun(ctx context.Context, plan *engine.Plan, c *tenant.Client, j *engine.Journal) error {
	moved, err := plan.Verify(ctx, c, j)
	if err != nil {
		return fmt.Errorf("the session is applied, and what it wrote can't be read back: %w", err)
	}
	if len(moved) > 0 {
		return fmt.Errorf("the session is applied, and %s does not hold what was written\n%w", plan.Environment.Name, &engine.StaleError{Moved: moved, Written: j.Done()})
	}
	return nil
}

// runStopped says what became of a run that did not reach its end, and undoes it when that was asked for.
func (a *app) runStopped(ctx context.Context, plan *engine.Plan, c *tenant.Client, j *engine.Journal, opts engine.ApplyOptions, view *runView, w carry, file string, err error) error {
	if last, ok := j.Last("rolled back"); ok && last.Outcome != "" {
		err = fmt.Errorf("%w\nThe direct-configuration session is aborted: nothing of the run is left on %s. Make a new plan", err, plan.Environment.Name)
		if ctx.Err() != nil {
			return &interruptedError{err: ctx.Err(), text: "Interrupted. The direct-configuration session is aborted: nothing of the run is left on " + plan.Environment.Name + "."}
		}
		return err
	}
	me := a.commandLine()
	way := fmt.Sprintf("Go on:    %s apply %s\nGo back:  %s rollback %s", me, file, me, j.Run())
	if ctx.Err() != nil {
		return interruptedRun(ctx, plan, j, begun(j), way)
	}
	var stale *engine.StaleError
	if !begun(j) {
		if done, ferr := engine.FindDone(filepath.Dir(j.Dir), plan.Digest); errors.As(err, &stale) && ferr == nil && done != "" {
			return fmt.Errorf("%w\nRun %s carried this very plan out already", err, filepath.Base(done))
		}
		return err
	}
	if w.undo && !plan.Environment.Direct {
		view.note(fmt.Sprintf("It failed; going back as --on-failure says: %s", firstLine(err.Error())))
		left, uerr := plan.Rollback(ctx, c, j, opts)
		a.sayLeft(left)
		if uerr == nil {
			return fmt.Errorf("%w\nRun %s is undone: %s is as it was before", err, j.Run(), plan.Environment.Name)
		}
		return fmt.Errorf("%w\nIt could not be undone: %w\nGo back:  lockstep rollback %s", err, uerr, j.Run())
	}
	if errors.As(err, &stale) {
		// The same plan would stop there again, and so would the way back where the run wrote there.
		way = fmt.Sprintf("Go on:    %s plan --env %s --out FILE", me, plan.Environment.Name)
		if !slices.ContainsFunc(stale.Moved, func(m engine.Moved) bool { return begunOn(plan, j, m.Key) }) {
			way += fmt.Sprintf("\nGo back:  %s rollback %s", me, j.Run())
		}
	}
	return fmt.Errorf("%w\n%d of %d steps are done.\n%s", err, j.Done(), len(plan.Steps), way)
}

// begunOn says whether a run may have written to a resource.
func begunOn(plan *engine.Plan, j *engine.Journal, k schema.Key) bool {
	return slices.ContainsFunc(plan.Steps, func(s engine.Step) bool { return s.Key == k && j.Has("will", s.Number) })
}

// begun says whether a run may have written something, or opened a session.
func begun(j *engine.Journal) bool {
	return slices.ContainsFunc(j.Records, func(r engine.Record) bool { return r.What != "begin" && r.What != "fail" })
}

// interruptedRun says how far an interrupted run came, and how to go on and back.
func interruptedRun(ctx context.Context, plan *engine.Plan, j *engine.Journal, begun bool, way string) error {
	out := &interruptedError{err: ctx.Err()}
	if !begun {
		out.text = "Interrupted. Nothing was changed."
		return out
	}
	half := "Nothing is half written"
	for _, s := range plan.Steps {
		switch cut := j.Has("will", s.Number) && !j.Has("did", s.Number); {
		case cut && s.Restart:
			half = "The restart goes on by itself"
		case cut:
			half = fmt.Sprintf("Step %d (%s %s %s) was cut off and may be half written; either way below mends it", s.Number, s.Action, s.Key.Type, stepName(s))
		}
	}
	out.text = fmt.Sprintf("Interrupted. %s: %d of %d steps are done.\n%s", half, j.Done(), len(plan.Steps), way)
	return out
}

// sayLeft names what a rollback left as it is.
func (a *app) sayLeft(left []engine.Mention) {
	for _, m := range left {
		fmt.Fprintf(a.stdout, "  left as it is: %s: %s\n", schema.Key{Type: m.Key.Type, Realm: m.Key.Realm, ID: m.Name}, m.Why)
	}
}

// applyOptions are what a run on an environment needs.
func (a *app) applyOptions(p *config.Project, e *config.Environment, c *tenant.Client) (engine.ApplyOptions, error) {
	resolve, err := a.resolver(p, e)
	if err != nil {
		return engine.ApplyOptions{}, err
	}
	return engine.ApplyOptions{Restarter: restarter{c}, Resolve: resolve, Wrote: a.noteSecret(p, e, c), Now: a.now}, nil
}

// exclusive lets one process at a time write to an environment from this project: two runs of one plan would each
// find the tenant as it should be, and write side by side.
func (a *app) exclusive(p *config.Project, env string) (release func() error, err error) {
	if err := ensureStateDir(p); err != nil {
		return nil, err
	}
	return engine.Exclusive(filepath.Join(stateDir(p), "locks", env), fmt.Sprintf("another lockstep process is writing to %s from here; wait for it, or end it\nSee: lockstep runs --env %s", env, env))
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
			return nil, false, errors.Join(err, j.Close(), os.RemoveAll(dir))
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
