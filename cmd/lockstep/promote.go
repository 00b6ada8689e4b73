package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
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

// promoter adapts the tenant's client to what the engine asks of the upper tenant.
type promoter struct{ c *tenant.Client }

func lockState(l tenant.LockResult) engine.LockState {
	return engine.LockState{Result: l.Result, Description: l.Description, PromotionID: l.PromotionID, Lower: l.LowerEnv.State, Upper: l.UpperEnv.State}
}

func (p promoter) Lock(ctx context.Context) (engine.LockState, error) {
	l, err := p.c.Lock(ctx)
	var answer *tenant.Error
	if errors.As(err, &answer) && answer.Status >= 400 && answer.Status < 500 {
		err = &lockRefused{err}
	}
	return lockState(l), err
}

// lockRefused says, in the tenant's words alone, that it answered and did not give the lock.
type lockRefused struct{ error }

func (e *lockRefused) Unwrap() []error { return []error{engine.ErrLockRefused, e.error} }

func (p promoter) LockState(ctx context.Context) (engine.LockState, error) {
	l, err := p.c.LockState(ctx)
	return lockState(l), err
}

func (p promoter) Unlock(ctx context.Context, id string) (engine.LockState, error) {
	l, err := p.c.Unlock(ctx, id)
	return lockState(l), err
}

func (p promoter) Promote(ctx context.Context, r engine.PromoteRequest) error {
	return p.c.Promote(ctx, tenant.PromoteRequest{DryRun: r.DryRun, IgnoreEncryptedSecrets: r.IgnoreEncryptedSecrets, Promoter: r.Promoter, Description: r.Description})
}

func (p promoter) PromotionStatus(ctx context.Context) (engine.PromotionStatus, error) {
	s, err := p.c.PromotionStatus(ctx)
	return engine.PromotionStatus{
		Status: s.Status, Message: s.Message, BlockingError: s.BlockingError, GlobalLock: s.GlobalLock, PromotionID: s.PromotionID,
		MissingESVs: s.MissingESVs, EncryptedSecrets: s.EncryptedSecrets,
	}, err
}

func (p promoter) Report(ctx context.Context, id string) (engine.PromotionReport, error) {
	r, err := p.c.Report(ctx, id)
	out := engine.PromotionReport{ID: r.ReportID, PromotionID: r.PromotionID, Created: r.CreatedDate, DryRun: r.DryRun, Type: r.Type}
	for _, c := range append(r.Changes.AM, r.Changes.IDM...) {
		for _, g := range []struct {
			action  string
			entries []tenant.ReportEntry
		}{{"added", c.Change.Added}, {"modified", c.Change.Modified}, {"deleted", c.Change.Deleted}} {
			for _, e := range g.entries {
				out.Changes = append(out.Changes, engine.ReportChange{Item: c.Item, Action: g.action, Name: e.Name, Realm: strings.TrimPrefix(e.Realm, "/"), UID: e.UID})
			}
		}
	}
	return out, err
}

func (p promoter) Reports(ctx context.Context) ([]engine.PromotionReport, error) {
	metas, err := p.c.Reports(ctx)
	var out []engine.PromotionReport
	for _, m := range metas {
		out = append(out, engine.PromotionReport{ID: m.ReportID, PromotionID: m.PromotionID, Created: m.CreatedDate, DryRun: m.DryRun, Type: m.Type})
	}
	return out, err
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
	format, err := a.outputs(report.Text, report.JSON, report.NDJSON)
	if err != nil {
		return err
	}
	p, err := a.project()
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
	if lock.Unlocked() || !open(j.Records) {
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
		if open(j.Records) {
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
		if open(records) {
			return engine.OpenJournal(found, a.now)
		}
	}
	if found, err = engine.NewRunDir(dir, a.now()); err != nil {
		return nil, err
	}
	return engine.OpenJournal(found, a.now)
}

// open says whether a promotion may still hold the lock: it asked for it, and it was not given back.
func open(records []engine.Record) bool {
	locked := false
	for _, r := range records {
		switch r.What {
		case "will lock":
			locked = true
		case "unlocked", "done", "lock refused":
			locked = false
		}
	}
	return locked
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

// preflight finds before any lock what would stop the promotion, or make it another one than was reviewed:
// the upper tenant lacks ESVs, the lower holds encrypted secrets, or is not what the plan left. It returns
// the names that the dry run may report, when a plan was given.
func (a *app) preflight(ctx context.Context, p *config.Project, pr *pair, o promoteOptions, lock tenant.LockResult) (reviewed []engine.Reviewed, text string, err error) {
	if !lock.Unlocked() {
		// Under a lock the tenants show no ESVs: nothing can be said before it is given back.
		return nil, "", &engine.LockedError{What: fmt.Sprintf("%s is locked: promotion %s\nIt is not this one. Wait for it: lockstep promote status %s", pr.upper.Name, cmp.Or(lock.PromotionID, "(unknown)"), pr.upper.Name)}
	}
	lower, err := a.snapshot(ctx, p, pr.lowerC)
	if err != nil {
		return nil, "", err
	}
	have, _, err := a.esvNames(ctx, p, pr.upper, askAlways)
	if err != nil {
		return nil, "", err
	}
	check := promotionCheck(pr.upper.Name, lower.Set, have)
	if o.ignoreEncrypted {
		check.EncryptedSecrets = nil
	}
	if len(check.MissingESVs)+len(check.EncryptedSecrets) > 0 {
		return nil, "", &preflightError{pr.upper.Name, lower.Set, check, have}
	}
	pending, err := pr.upperC.RestartPending(ctx)
	if err != nil {
		return nil, "", err
	}
	text = fmt.Sprintf("%d ESVs loaded", len(have))
	if pending {
		// The promotion restarts services itself.
		text = fmt.Sprintf("%d ESVs there", len(have))
	}
	if !o.ignoreEncrypted {
		text += " · no encrypted secrets"
	}
	if o.plan == "" {
		return nil, text, nil
	}
	plan, err := a.readPlan(o.plan)
	if err != nil {
		return nil, "", err
	}
	if err := planLanded(plan, lower.Set, pr.lower.Name); err != nil {
		return nil, "", err
	}
	upper, err := a.snapshot(ctx, p, pr.upperC)
	if err != nil {
		return nil, "", err
	}
	changes, err := diff.Compare(upper.Set, lower.Set, diff.Options{})
	if err != nil {
		return nil, "", err
	}
	reviewed = []engine.Reviewed{}
	for _, c := range changes {
		if c.Class == schema.Static {
			reviewed = append(reviewed, reviewedOf(c))
		}
	}
	return reviewed, text + fmt.Sprintf(" · %s is %s", pr.lower.Name, cmp.Or(short(plan.Source.Commit), "the plan")), nil
}

// reviewedOf names a change in all the ways that a report may.
func reviewedOf(c diff.Change) engine.Reviewed {
	out := engine.Reviewed{Label: c.Label(), Aliases: []string{c.ID, c.Name, c.ID[strings.LastIndexByte(c.ID, '/')+1:]}}
	for _, r := range []*schema.Resource{c.Before, c.After} {
		if r == nil {
			continue
		}
		out.Aliases = append(out.Aliases, schema.Str(r.Body, "/displayName"))
		for _, n := range schema.NodeRefs(r.Body) {
			out.Aliases = append(out.Aliases, n.ID)
		}
	}
	return out
}

// planLanded checks that the lower tenant holds what the plan made of it.
func planLanded(plan *engine.Plan, lower *schema.Set, env string) error {
	var moved []engine.Moved
	for _, s := range plan.Steps {
		if s.Restart || s.Stub || s.Class != schema.Static {
			continue
		}
		live, ok := lower.Get(s.Key)
		switch {
		case s.Action == diff.Delete && ok:
			moved = append(moved, engine.Moved{Key: s.Key, Name: s.Name, Why: "is still there"})
		case s.Action != diff.Delete && !ok:
			moved = append(moved, engine.Moved{Key: s.Key, Name: s.Name, Why: "is not there"})
		case s.Action != diff.Delete && !holds(live, s):
			moved = append(moved, engine.Moved{Key: s.Key, Name: s.Name, Why: "is not what the plan made of it"})
		}
	}
	if len(moved) == 0 {
		return nil
	}
	return fmt.Errorf("%s does not hold what the plan says\n%w", env, &engine.StaleError{Moved: moved})
}

// holds says whether the tenant's body is the step's, less what the tenant added on the way in.
func holds(live *schema.Resource, s engine.Step) bool {
	if diff.Digest(live) == s.Want {
		return true
	}
	v, err := schema.ParseJSON(s.Body)
	if err != nil {
		return false
	}
	body, _ := v.(map[string]any)
	want, got := schema.NewSet("plan"), schema.NewSet("tenant")
	want.Add(&schema.Resource{Key: s.Key, Body: body})
	got.Add(live)
	changes, err := diff.Compare(want, got, diff.Options{})
	if err != nil {
		return false
	}
	for _, c := range changes {
		for _, op := range c.Patch {
			if op.Op != "add" {
				return false
			}
		}
	}
	return true
}

func short(commit string) string {
	if len(commit) > 7 {
		return commit[:7]
	}
	return commit
}

// preflightError says before a promotion what would stop it, with the places.
type preflightError struct {
	env   string
	lower *schema.Set
	check engine.Promotion
	have  map[string]bool
}

func (e *preflightError) Error() string {
	var b strings.Builder
	if n := len(e.check.MissingESVs); n > 0 {
		fmt.Fprintf(&b, "%s lacks %d %s: ", e.env, n, plural(n, "ESV", "ESVs"))
		b.WriteString(strings.Join(esvNamesOf(e.check.MissingESVs), ", "))
		b.WriteByte('\n')
		for _, r := range schema.MissingESVs(schema.ESVReferences(e.lower), e.have) {
			k := r.Key
			k.ID = cmp.Or(r.Name, k.ID)
			fmt.Fprintf(&b, "  referenced in %s\n", k)
		}
	}
	for _, v := range schema.EncryptedValues(e.lower) {
		if len(e.check.EncryptedSecrets) > 0 && !v.Exempt {
			fmt.Fprintf(&b, "encrypted secret in %s at %s\n", v.Key, v.Pointer)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

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
			_, _, c, err := a.upperOf(args[0])
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
			a.printReport(r)
			return nil
		},
	}
}

// printReport lists a report's changes by kind of configuration.
func (a *app) printReport(r engine.PromotionReport) {
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
		fmt.Fprintf(a.stdout, "    %s %s%s\n", signs[c.Action], c.Name, realm)
	}
	if len(r.Changes) == 0 {
		fmt.Fprintln(a.stdout, "  no change")
	}
}

func newPromoteUnlockCommand(a *app, o *promoteOptions) *cobra.Command {
	return &cobra.Command{
		Use: "unlock NAME", Short: "Give back the lock that an interrupted promotion left", Args: exactArgs(1, "the environment"),
		Long: "Unlocks the two tenants of a promotion that was interrupted here, or whose lock is still held." + exitHelp(exitLocked),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			p, _, c, err := a.upperOf(args[0])
			if err != nil {
				return err
			}
			pr, err := a.pair(p, args[0])
			if err != nil {
				return err
			}
			state, err := c.LockState(cmd.Context())
			if err != nil {
				return err
			}
			if state.Unlocked() {
				a.note("Both environments are unlocked.")
				return nil
			}
			status, err := c.PromotionStatus(cmd.Context())
			if err != nil {
				return err
			}
			if status.Status == tenant.PromotionRunning {
				return &engine.LockedError{What: fmt.Sprintf("%s: promotion %s is running (%s); its lock can't be given back before it ends\nWait for it: lockstep promote status %s. If it was started here: lockstep promote %s goes on with it.", args[0], state.PromotionID, status.Message, args[0], args[0])}
			}
			if err := a.confirm(cmd.Context(), fmt.Sprintf("Unlock promotion %s?", state.PromotionID)); err != nil {
				return err
			}
			j, err := a.openPromotion(p, args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, j.Close()) }()
			view := a.promotionView(report.Text, pr)
			opts := a.promotionOptions(pr, *o)
			opts.On = view.event
			return engine.FinishLock(cmd.Context(), promoter{c}, j, state.PromotionID, opts)
		},
	}
}
