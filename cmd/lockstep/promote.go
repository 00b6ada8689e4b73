package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	through         string
	dryRun          bool
	ignoreEncrypted bool
	plan            string
	message         string
	ticket          string
	onInterrupt     string
	poll            time.Duration
	rollback        bool
	resume          bool
}

func newPromoteCommand(a *app) *cobra.Command {
	var o promoteOptions
	cmd := &cobra.Command{
		Use:   "promote NAME | --through NAME",
		Short: "Promote the environment below into this one, dry run first",
		Long: `Promotes the static configuration of the environment that promoteFrom names into NAME: checks ESVs and
encrypted secrets first, locks both tenants, waits, runs dry, promotes, waits, shows the report, unlocks, and
compares the two tenants. Whatever stops it, the lock is given back. Interrupted, it asks: finish, or unlock and
leave; cut off, the same command goes on where the tenants are.

With --plan, the environment below must hold what the plan made of it, and the dry run may change nothing but
what the two tenants were seen to differ in. An environment with approvals in lockstep.yaml takes a plan only
that others have signed (lockstep approve). --through NAME walks the whole chain up to NAME, one environment
after the other; none can be skipped, since each takes its configuration from the one below.` + exitHelp(exitFindings, exitStale, exitLocked, exitInterrupted),
		Example: `  lockstep promote staging --dry-run
  lockstep promote staging --plan plan.json
  lockstep promote --through prod --plan plan.json
  lockstep promote status staging`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.through != "" {
				return maxArgs(0)(cmd, args)
			}
			return exactArgs(1, "the environment to promote to")(cmd, args)
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, s string) ([]string, cobra.ShellCompDirective) {
			return a.completeEnv(c, args, s)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.through != "" {
				return runPromoteThrough(cmd.Context(), a, o)
			}
			o.env = args[0]
			return runPromote(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.through, "through", "", "promote to every environment of the chain up to this one")
	f.BoolVar(&o.dryRun, "dry-run", false, "stop after the dry run; nothing is changed")
	f.BoolVar(&o.ignoreEncrypted, "ignore-encrypted-secrets", false, "promote although the configuration holds encrypted secrets")
	f.StringVar(&o.plan, "plan", "", "the reviewed plan that development was made from")
	pf := cmd.PersistentFlags()
	pf.StringVarP(&o.message, "message", "m", "", "text for the promotion's record on the tenant")
	pf.StringVar(&o.ticket, "ticket", "", "the vendor's ticket, for the promotion's record on the tenant")
	pf.StringVar(&o.onInterrupt, "on-interrupt", "ask", "when interrupted: ask, unlock (as without a terminal), leave the lock")
	pf.DurationVar(&o.poll, "poll", 0, "time between two looks at the tenant (default 10s; 250ms on loopback)")
	cmd.AddCommand(newPromoteStatusCommand(a), newPromoteReportsCommand(a), newPromoteReportCommand(a), newPromoteUnlockCommand(a, &o),
		newPromoteResumeCommand(a, &o), newPromoteRollbackCommand(a, &o), newPromoteHistoryCommand(a), newPromoteTicketCommand(a))
	return cmd
}

// pair is the two environments of a promotion.
type pair struct {
	lower, upper   *config.Environment
	lowerC, upperC *tenant.Client
	nodes          map[string]string // what people call the lower tenant's nodes, by id; the preflight learns it
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

func runPromote(ctx context.Context, a *app, o promoteOptions) error {
	format, p, err := a.begin(report.Text, report.JSON, report.NDJSON)
	if err != nil {
		return err
	}
	switch o.onInterrupt {
	case "ask", "unlock", "leave":
	default:
		return fmt.Errorf("--on-interrupt %s: it is ask, unlock or leave", o.onInterrupt)
	}
	return a.promoteTo(ctx, p, o, format)
}

// runPromoteThrough promotes along the chain, from the lowest environment up.
func runPromoteThrough(ctx context.Context, a *app, o promoteOptions) error {
	format, p, err := a.begin(report.Text, report.NDJSON)
	if err != nil {
		return err
	}
	chain, err := chainTo(p, o.through)
	if err != nil {
		return err
	}
	for i, name := range chain {
		pr, err := a.pair(p, name)
		if err != nil {
			return err
		}
		step := o
		step.env = name
		if same, err := a.nothingToPromote(ctx, p, pr); err != nil {
			return err
		} else if same {
			if format == report.Text {
				fmt.Fprintf(a.stdout, "%s → %s: nothing to promote\n\n", pr.lower.Name, name)
			}
			continue
		}
		if err := a.promoteTo(ctx, p, step, format); err != nil {
			return err
		}
		if o.dryRun {
			a.note("The dry run ends here: %s takes what %s holds, and that is not changed by a dry run.", strings.Join(chain[i+1:], ", "), name)
			return nil
		}
		if format == report.Text {
			fmt.Fprintln(a.stdout)
		}
	}
	return nil
}

// chainTo lists the environments that lie on the way to name, without the lowest, which nothing is promoted to.
func chainTo(p *config.Project, name string) ([]string, error) {
	var chain []string
	for at := name; ; {
		e, err := p.Env(at)
		if err != nil {
			return nil, err
		}
		if e.PromoteFrom == "" {
			break
		}
		chain = append(chain, at)
		at = e.PromoteFrom
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("nothing is promoted to %s: it has no promoteFrom in lockstep.yaml", name)
	}
	slices.Reverse(chain)
	return chain, nil
}

// nothingToPromote says that the upper tenant has the lower's static configuration, and no promotion of ours
// is under way.
func (a *app) nothingToPromote(ctx context.Context, p *config.Project, pr *pair) (bool, error) {
	j, err := a.openPromotion(p, pr.upper.Name)
	if err != nil {
		return false, err
	}
	held := engine.LockHeld(j.Records)
	if err := j.Close(); err != nil || held {
		return false, err
	}
	changes, err := a.staticChanges(ctx, p, pr)
	return err == nil && len(changes) == 0, err
}

// promoteTo promotes to one environment, or undoes its last promotion.
func (a *app) promoteTo(ctx context.Context, p *config.Project, o promoteOptions, format report.Format) (err error) {
	pr, err := a.pair(p, o.env)
	if err != nil {
		return err
	}
	j, err := a.openPromotion(p, o.env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	defer withoutPipe()()
	if o.resume && engine.LockHeld(j.Records) {
		o.dryRun, o.rollback = engine.HeldFor(j.Records)
	}
	w := &promotionRun{a: a, p: p, pr: pr, o: o, j: j, view: a.promotionView(format, pr), opts: a.promotionOptions(pr, o)}
	w.opts.On = w.view.event
	going, err := w.prepare(ctx)
	if err != nil || !going {
		return err
	}
	work, end := a.gently(ctx)
	result, err := engine.Promote(work, promoter{pr.upperC}, j, w.opts)
	end()
	if err != nil && ctx.Err() != nil {
		if !engine.LockHeld(j.Records) {
			return &interruptedError{err: ctx.Err(), text: "Interrupted. Nothing is locked."}
		}
		var done bool
		if ctx, result, done, err = w.interrupted(ctx); !done {
			return err
		}
	}
	w.keepReports(result)
	if err != nil {
		return w.stopped(ctx, err, result)
	}
	if !o.dryRun && !o.rollback {
		if err := w.verify(ctx, result.Report != nil); err != nil {
			return err
		}
	}
	return w.view.end(result, o)
}

func (a *app) confirmPromotion(ctx context.Context, pr *pair, o promoteOptions) error {
	if o.dryRun {
		return nil
	}
	if o.rollback {
		return a.confirm(ctx, fmt.Sprintf("Undo the last promotion to %s?", pr.upper.Name))
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
		Environment: pr.upper.Name, DryRun: o.dryRun, Rollback: o.rollback, Poll: poll, Now: a.now, Sleep: sleep,
		Request: engine.PromoteRequest{IgnoreEncryptedSecrets: o.ignoreEncrypted, Promoter: "lockstep", Description: o.message, Ticket: o.ticket},
	}
}

func onLoopback(url string) bool {
	return strings.HasPrefix(url, "http://127.0.0.1") || strings.HasPrefix(url, "http://localhost") || strings.HasPrefix(url, "http://[::1]")
}
