package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
	"github.com/spf13/cobra"
)

// upperOf makes the client of one environment for the promotion's side commands.
func (a *app) upperOf(name string) (*config.Project, *config.Environment, *tenant.Client, error) {
	p, err := a.project()
	if err != nil {
		return nil, nil, nil, err
	}
	e, err := p.Env(name)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := a.client(e, true)
	return p, e, c, err
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func newPromoteStatusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status NAME", Short: "Show the lock and how far a promotion is", Args: exactArgs(1, "the environment"),
		Long: "Shows the lock of the pair of environments, and how far a promotion is." + exitHelp(),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := a.outputs(report.Text, report.JSON)
			if err != nil {
				return err
			}
			_, e, c, err := a.upperOf(args[0])
			if err != nil {
				return err
			}
			lock, err := c.LockState(cmd.Context())
			if err != nil {
				return err
			}
			status, err := c.PromotionStatus(cmd.Context())
			if err != nil {
				return err
			}
			if format == report.JSON {
				return a.printJSON(map[string]any{"environment": e.Name, "lock": lock, "promotion": status})
			}
			fmt.Fprintf(a.stdout, "%s  %s", e.Name, lock.Result)
			if lock.PromotionID != "" {
				fmt.Fprintf(a.stdout, " by promotion %s", lock.PromotionID)
			}
			fmt.Fprintf(a.stdout, "\n%s  %s\n", status.Status, status.Message)
			for _, m := range esvNamesOf(status.MissingESVs) {
				fmt.Fprintf(a.stdout, "  lacks %s\n", m)
			}
			for _, s := range status.EncryptedSecrets {
				fmt.Fprintf(a.stdout, "  encrypted secret: %s\n", s)
			}
			return nil
		},
	}
}

func newPromoteReportsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "reports NAME", Short: "List the reports of past promotions", Args: exactArgs(1, "the environment"),
		Long: "Lists the reports that the tenant keeps of promotions and dry runs, oldest first." + exitHelp(),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := a.outputs(report.Text, report.JSON)
			if err != nil {
				return err
			}
			_, _, c, err := a.upperOf(args[0])
			if err != nil {
				return err
			}
			reports, err := c.Reports(cmd.Context())
			if err != nil {
				return err
			}
			if format == report.JSON {
				return a.printJSON(map[string]any{"reports": reports})
			}
			for _, r := range reports {
				kind := "promotion"
				if r.DryRun {
					kind = "dry run"
				} else if r.Type != "" {
					kind = r.Type
				}
				fmt.Fprintf(a.stdout, "%s  %-9s  %s\n", r.CreatedDate, kind, r.ReportID)
			}
			if len(reports) == 0 {
				fmt.Fprintln(a.stdout, "No promotion has been run yet.")
			}
			return nil
		},
	}
}

func newPromoteReportCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "report NAME [ID]", Short: "Show the report of a promotion; the last one without an ID", Args: cobra.RangeArgs(1, 2),
		Long: "Shows what a promotion changed. ID is a report's id, or \"provisional\": what has changed since the last promotion." + exitHelp(),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := a.outputs(report.Text, report.JSON)
			if err != nil {
				return err
			}
			p, _, c, err := a.upperOf(args[0])
			if err != nil {
				return err
			}
			id := ""
			if len(args) > 1 {
				id = args[1]
			}
			r, err := promoter{c}.Report(cmd.Context(), id)
			if err != nil {
				return err
			}
			if format == report.JSON {
				return a.printJSON(r)
			}
			a.printReport(r, nodeNames(a.repository(p)))
			return nil
		},
	}
}

// printReport lists a report's changes by kind of configuration. Reports name nodes by id: names says what
// people call them.
func (a *app) printReport(r engine.PromotionReport, names map[string]string) {
	signs := map[string]string{"added": "+", "modified": "~", "deleted": "-"}
	item := ""
	for _, c := range r.Changes {
		if c.Item != item {
			item = c.Item
			fmt.Fprintf(a.stdout, "  %s\n", item)
		}
		realm := ""
		if c.Realm != "" {
			realm = "  (" + c.Realm + ")"
		}
		fmt.Fprintf(a.stdout, "    %s %s%s\n", signs[c.Action], cmp.Or(names[c.Name], c.Name), realm)
	}
	if len(r.Changes) == 0 {
		fmt.Fprintln(a.stdout, "  no change")
	}
}

// nodeNames tells what people call the nodes of a configuration's journeys, by id: "Retry Limit Decision in
// Login". An id that stands in several journeys, as in copies of one, names them all.
func nodeNames(set *loaded) map[string]string {
	names := map[string]string{}
	if set == nil {
		return names
	}
	for _, r := range set.All() {
		for _, ref := range schema.NodeRefs(r.Body) {
			if have := names[ref.ID]; have != "" {
				names[ref.ID] = have + ", " + r.Name()
			} else if ref.DisplayName != "" {
				names[ref.ID] = ref.DisplayName + " in " + r.Name()
			}
		}
	}
	return names
}

func newPromoteUnlockCommand(a *app, o *promoteOptions) *cobra.Command {
	return &cobra.Command{
		Use: "unlock NAME", Short: "Give back the lock that an interrupted promotion left", Args: exactArgs(1, "the environment"),
		Long: `Unlocks the two tenants of a promotion that was interrupted here, once the tenant has ended what it is at, or
whose lock somebody else left behind.` + exitHelp(exitLocked, exitInterrupted),
		RunE: func(cmd *cobra.Command, args []string) error { return runPromoteUnlock(cmd.Context(), a, *o, args[0]) },
	}
}

func runPromoteUnlock(ctx context.Context, a *app, o promoteOptions, name string) (err error) {
	p, err := a.project()
	if err != nil {
		return err
	}
	pr, err := a.pair(p, name)
	if err != nil {
		return err
	}
	state, err := pr.upperC.LockState(ctx)
	if err != nil {
		return err
	}
	if state.Unlocked() {
		a.note("Both environments are unlocked.")
		return nil
	}
	status, err := pr.upperC.PromotionStatus(ctx)
	if err != nil {
		return err
	}
	j, err := a.openPromotion(p, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	question := fmt.Sprintf("Unlock promotion %s?", state.PromotionID)
	ours := engine.LockHeld(j.Records) && engine.LockID(j.Records) == state.PromotionID
	if status.Status == tenant.PromotionRunning {
		if !ours {
			return &engine.LockedError{What: fmt.Sprintf("%s: promotion %s is running (%s), and was not started here; its lock can't be given back before it ends\nSee how far it is: %s promote status %s", name, state.PromotionID, status.Message, a.commandLine(), name)}
		}
		question = fmt.Sprintf("Promotion %s is running (%s). Wait for its end, and unlock it?", state.PromotionID, status.Message)
	}
	if status.Status == tenant.PromotionError && status.BlockingError {
		// Leave would keep the lock; this is somebody's decision.
		ours = false
		question = fmt.Sprintf("Promotion %s is blocked (%s), and the vendor's support may want its lock as it is. Unlock it all the same?", state.PromotionID, status.Message)
	}
	if err := a.confirm(ctx, question); err != nil {
		return err
	}
	defer withoutPipe()()
	w := &promotionRun{a: a, p: p, pr: pr, o: o, j: j, view: a.promotionView(report.Text, pr), opts: a.promotionOptions(pr, o)}
	w.o.env, w.o.rollback = name, ours && status.Type == "rollback"
	w.opts.On, w.opts.Audit = w.view.event, w.audit
	work, end := a.gently(ctx)
	defer end()
	if !ours {
		err := engine.FinishLock(work, promoter{pr.upperC}, j, state.PromotionID, w.opts)
		if err != nil && ctx.Err() != nil {
			return w.left(ctx.Err())
		}
		return err
	}
	result, err := engine.Leave(work, promoter{pr.upperC}, j, w.opts)
	w.keepReports(result)
	switch {
	case err != nil && ctx.Err() != nil:
		return w.left(ctx.Err())
	case err != nil:
		return w.stopped(ctx, err, result)
	case result.Report != nil:
		a.note("It was promoted; what it changed: %s promote report %s", a.commandLine(), name)
	}
	return nil
}
