package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

type promoteOptions struct {
	env             string
	dryRun          bool
	ignoreEncrypted bool
	plan            string
	message         string
	poll            time.Duration
}

func newPromoteCommand(a *app) *cobra.Command {
	var o promoteOptions
	cmd := &cobra.Command{
		Use:   "promote NAME",
		Short: "Promote the environment below into this one, dry run first",
		Long: `Promotes the static configuration of the environment that promoteFrom names into NAME: checks ESVs and
encrypted secrets first, locks both tenants, waits, runs dry, promotes, waits, shows the report and unlocks.
Whatever stops it, the lock is given back. Interrupted, the same command goes on where the tenants are.

With --plan, development must hold what the plan made of it, and the dry run may change nothing but what
the two tenants were seen to differ in.` + exitHelp(exitFindings, exitStale, exitLocked, exitInterrupted),
		Example: `  lockstep promote staging --dry-run
  lockstep promote staging --plan plan.json
  lockstep promote status staging`,
		Args: exactArgs(1, "the environment to promote to"),
		ValidArgsFunction: func(c *cobra.Command, args []string, s string) ([]string, cobra.ShellCompDirective) {
			return a.completeEnv(c, args, s)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.env = args[0]
			return runPromote(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "stop after the dry run; nothing is changed")
	f.BoolVar(&o.ignoreEncrypted, "ignore-encrypted-secrets", false, "promote although the configuration holds encrypted secrets")
	f.StringVar(&o.plan, "plan", "", "the reviewed plan that development was made from")
	f.StringVarP(&o.message, "message", "m", "", "text for the promotion's record on the tenant")
	cmd.PersistentFlags().DurationVar(&o.poll, "poll", 0, "time between two looks at the tenant (default 10s; 250ms on loopback)")
	cmd.AddCommand(newPromoteStatusCommand(a), newPromoteReportsCommand(a), newPromoteReportCommand(a), newPromoteUnlockCommand(a, &o))
	return cmd
}

// pair is the two environments of a promotion.
type pair struct {
	lower, upper   *config.Environment
	lowerC, upperC *tenant.Client
}

func (a *app) pair(p *config.Project, name string) (*pair, error) {
	upper, err := p.Env(name)
	if err != nil {
		return nil, err
	}
	if upper.PromoteFrom == "" {
		return nil, fmt.Errorf("nothing is promoted to %s: it has no promoteFrom in lockstep.yaml", name)
	}
	lower, err := p.Env(upper.PromoteFrom)
	if err != nil {
		return nil, err
	}
	out := &pair{lower: lower, upper: upper}
	if out.upperC, err = a.client(upper, true); err != nil {
		return nil, err
	}
	out.lowerC, err = a.client(lower, false)
	return out, err
}

func runPromote(ctx context.Context, a *app, o promoteOptions) (err error) {
	format, p, err := a.begin(report.Text, report.JSON, report.NDJSON)
	if err != nil {
		return err
	}
	pr, err := a.pair(p, o.env)
	if err != nil {
		return err
	}
	view := a.promotionView(format, pr)
	j, err := a.openPromotion(p, o.env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	opts := a.promotionOptions(pr, o)
	opts.On = view.event
	lock, err := pr.upperC.LockState(ctx)
	if err != nil {
		return err
	}
	if lock.Unlocked() || !engine.LockHeld(j.Records) {
		view.event(engine.PhaseStarted{Phase: "preflight"})
		reviewed, text, perr := a.preflight(ctx, p, pr, o, lock)
		view.event(engine.PhaseDone{Phase: "preflight", Text: text, Err: perr})
		if perr != nil {
			return view.stopped(perr, "Nothing was locked or promoted.")
		}
		opts.Reviewed = reviewed
	} else {
		view.note(fmt.Sprintf("Going on with promotion %s.", j.Run()))
	}
	if err := a.confirmPromotion(ctx, pr, o); err != nil {
		return err
	}
	result, err := engine.Promote(ctx, promoter{pr.upperC}, j, opts)
	if ctx.Err() != nil {
		return &interruptedError{err: ctx.Err(), text: fmt.Sprintf("Interrupted. The tenants may be locked.\nGo on:   lockstep promote %s\nUnlock:  lockstep promote unlock %s", o.env, o.env)}
	}
	var perr *engine.PromotionError
	if errors.As(err, &perr) {
		if perr.Blocked() {
			return view.stopped(err, fmt.Sprintf("%s is blocked until the vendor's support clears it; the tenants stay locked (promotion %s).", o.env, result.PromotionID))
		}
		return view.stopped(err, "Nothing was promoted.")
	}
	if err != nil {
		stop := view.stopped(err, "")
		if engine.LockHeld(j.Records) {
			view.note(fmt.Sprintf("\nThe tenants may still be locked.\nGo on:   lockstep promote %s\nUnlock:  lockstep promote unlock %s", o.env, o.env))
		}
		return stop
	}
	return view.end(result, o.dryRun)
}

func (a *app) confirmPromotion(ctx context.Context, pr *pair, o promoteOptions) error {
	if o.dryRun {
		return nil
	}
	return a.confirm(ctx, fmt.Sprintf("Promote %s to %s?", pr.lower.Name, pr.upper.Name))
}

// openPromotion opens the journal of the promotion to an environment: the unfinished one, or a new one.
func (a *app) openPromotion(p *config.Project, env string) (*engine.Journal, error) {
	if err := ensureStateDir(p); err != nil {
		return nil, err
	}
	dir := filepath.Join(stateDir(p), "promotions", env)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	found, err := engine.FindRun(dir, "")
	if err != nil {
		return nil, err
	}
	if found != "" {
		records, err := engine.ReadJournal(found)
		if err != nil {
			return nil, err
		}
		if engine.LockHeld(records) {
			return engine.OpenJournal(found, a.now)
		}
	}
	if found, err = engine.NewRunDir(dir, a.now()); err != nil {
		return nil, err
	}
	return engine.OpenJournal(found, a.now)
}

func (a *app) promotionOptions(pr *pair, o promoteOptions) engine.PromotionOptions {
	poll := o.poll
	if poll == 0 {
		poll = 10 * time.Second
		if onLoopback(pr.upperC.URL()) {
			poll = 250 * time.Millisecond
		}
	}
	return engine.PromotionOptions{
		Environment: pr.upper.Name, DryRun: o.dryRun, Poll: poll, Now: a.now,
		Request: engine.PromoteRequest{IgnoreEncryptedSecrets: o.ignoreEncrypted, Promoter: "lockstep", Description: o.message},
		Sleep: func(ctx context.Context, d time.Duration) error {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-t.C:
				return nil
			}
		},
	}
}

func onLoopback(url string) bool {
	return strings.HasPrefix(url, "http://127.0.0.1") || strings.HasPrefix(url, "http://localhost") || strings.HasPrefix(url, "http://[::1]")
}
