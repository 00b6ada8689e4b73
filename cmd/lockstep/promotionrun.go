package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// promotionRun is one promotion by this process.
type promotionRun struct {
	a        *app
	p        *config.Project
	pr       *pair
	o        promoteOptions
	j        *engine.Journal
	view     *promotionView
	opts     engine.PromotionOptions
	approved string
}

// prepare checks what can be checked before a lock, and asks. going is false when there is nothing to do.
func (w *promotionRun) prepare(ctx context.Context) (going bool, err error) {
	lock, err := w.pr.upperC.LockState(ctx)
	if err != nil {
		return false, err
	}
	var plan *engine.Plan
	if w.o.plan != "" {
		if plan, err = w.a.readPlan(w.o.plan); err != nil {
			return false, err
		}
	}
	if !w.o.dryRun && !w.o.rollback && !w.o.resume {
		if w.approved, err = w.a.checkApprovals(w.p, w.pr.upper, w.o.plan); err != nil {
			return false, err
		}
	}
	held := engine.LockHeld(w.j.Records)
	switch {
	case w.o.resume && !held:
		fmt.Fprintf(w.a.stdout, "No promotion to %s is under way from here.\n", w.pr.upper.Name)
		return false, nil
	case held && !lock.Unlocked(), held && w.o.resume:
		w.view.note(fmt.Sprintf("Going on with promotion %s.", w.j.Run()))
	case w.o.rollback:
		if !lock.Unlocked() {
			return false, lockedByOther(w.pr.upper.Name, lock)
		}
		if err := w.showRollback(ctx); err != nil {
			return false, err
		}
	default:
		w.view.event(engine.PhaseStarted{Phase: "preflight"})
		start := w.a.now()
		reviewed, text, perr := w.a.preflight(ctx, w.p, w.pr, w.o, lock, plan)
		if perr == nil && w.approved != "" {
			text += " · " + w.approved
		}
		w.view.event(engine.PhaseDone{Phase: "preflight", Text: text, Err: perr, Took: w.a.now().Sub(start)})
		if perr != nil {
			return false, w.stoppedBefore(perr)
		}
		w.opts.Reviewed = reviewed
	}
	if !w.o.resume {
		if err := w.a.confirmPromotion(ctx, w.pr, w.o); err != nil {
			return false, err
		}
	}
	if !held {
		if err := w.keepIntent(plan); err != nil {
			return false, err
		}
	}
	w.opts.Audit = w.audit
	return true, nil
}

// stoppedBefore says what stopped a promotion before it asked the tenant for anything.
func (w *promotionRun) stoppedBefore(err error) error {
	text := "Nothing was locked or promoted."
	var perr *engine.PromotionError
	if errors.As(err, &perr) && perr.Blocked() {
		text += fmt.Sprintf(" %s takes no promotion until the vendor's support has cleared that.\n\n%s", w.pr.upper.Name,
			ticketError(w.pr, statusText(perr.Status), perr.Status.PromotionID, w.a.now()))
	}
	return w.view.stopped(err, text)
}

// showRollback shows what a rollback would undo, where the tenant tells.
func (w *promotionRun) showRollback(ctx context.Context) error {
	r, err := promoter{w.pr.upperC}.Report(ctx, tenant.ProvisionalRollback)
	if err != nil {
		if s := tenant.StatusOf(err); s == 0 || s >= 500 {
			return err
		}
		return nil // not every tenant tells beforehand
	}
	if w.view.format == report.Text {
		fmt.Fprintf(w.a.stdout, "A rollback of the last promotion to %s changes there:\n", w.pr.upper.Name)
		w.a.printReport(r, nodeNames(w.a.repository(w.p)))
		fmt.Fprintln(w.a.stdout)
	}
	return nil
}

// intentFile holds what the audit will say, less what the tenants have yet to tell: a call that goes on later
// may be somebody else's, without the plan.
const intentFile = "intent.json"

func (w *promotionRun) keepIntent(plan *engine.Plan) error {
	e := engine.AuditEntry{
		What: "promotion", Lower: w.pr.lower.Name, Environment: w.pr.upper.Name, URL: w.pr.upperC.URL(), Who: w.a.who(),
		Approved: strings.TrimPrefix(w.approved, "approved by "), Message: w.o.message,
	}
	if w.o.rollback {
		e.What = "rollback"
	}
	if plan != nil {
		e.Commit, e.Plan = plan.Source.Commit, plan.Digest
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return engine.WriteFile(filepath.Join(w.j.Dir, intentFile), data, 0o600)
}

// audit appends what was done to the project's audit file.
func (w *promotionRun) audit(id string, r engine.PromotionReport) error {
	var e engine.AuditEntry
	data, err := os.ReadFile(filepath.Join(w.j.Dir, intentFile))
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil {
		return fmt.Errorf("read what the promotion was begun for: %w", err)
	}
	e.Time, e.PromotionID, e.Report = w.a.now(), id, r
	return engine.AppendAudit(auditFile(w.p), e)
}

func auditFile(p *config.Project) string {
	if p.Audit != "" {
		return p.Path(p.Audit)
	}
	return filepath.Join(stateDir(p), "audit.ndjson")
}

// who is the person or job that runs this: what CI says of itself, else the system's user.
func (a *app) who() string {
	for _, name := range []string{"LOCKSTEP_ACTOR", "GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_USER_ID"} {
		if v, ok := a.env(name); ok && v != "" {
			return v
		}
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

// keepReports keeps what the tenant reported with the promotion's journal.
func (w *promotionRun) keepReports(r engine.PromotionResult) {
	for name, rep := range map[string]*engine.PromotionReport{"dry-run.json": r.DryRun, "report.json": r.Report} {
		if rep == nil {
			continue
		}
		data, err := json.MarshalIndent(rep, "", "  ")
		if err == nil {
			err = engine.WriteFile(filepath.Join(w.j.Dir, name), append(data, '\n'), 0o600)
		}
		if err != nil {
			w.a.note("The report could not be kept: %v. The tenant has it: lockstep promote report %s %s", err, w.pr.upper.Name, rep.ID)
		}
	}
}

// stopped says what stopped the promotion, what is left, and what to do. Where the lock may still be held, the
// command that gives it back is the last line.
func (w *promotionRun) stopped(ctx context.Context, err error, result engine.PromotionResult) error {
	name, held := w.pr.upper.Name, engine.LockHeld(w.j.Records)
	nothing := "Nothing was promoted."
	switch {
	case w.o.rollback:
		nothing = "Nothing was rolled back."
	case w.o.dryRun:
		nothing = "It was a dry run: nothing was promoted."
	}
	var perr *engine.PromotionError
	var answer *tenant.Error
	var failed *engine.LockFailedError
	text := nothing
	switch {
	case errors.As(err, &perr) && perr.Blocked():
		text = fmt.Sprintf("%s takes no promotion until the vendor's support has cleared that", name)
		if held {
			text += ", and the tenants stay locked"
		}
		text += ".\n\n" + ticketError(w.pr, statusText(perr.Status), result.PromotionID, w.a.now())
	case errors.Is(err, engine.ErrNoRollback):
		text += " The vendor's support reverts a promotion.\n\n" + w.ticketRevert(ctx)
	case errors.As(err, &perr):
		text += w.places(perr)
	case result.Report != nil:
		text = "It was carried out all the same; this came after it."
	case tenant.IsMaintenance(err) && errors.As(err, &answer):
		text += " The vendor has locked the environment, to look into something or to maintain it. Wait until that is over, then run this again. If it lasts:\n\n" +
			ticketError(w.pr, codeAndMessage(answer), result.PromotionID, w.a.now())
	case errors.Is(err, engine.ErrLockRefused):
		text = "Nothing was locked or promoted."
	case errors.As(err, &failed):
		text += " If it goes the same way when you run it again:\n\n" + ticketError(w.pr, firstLine(err.Error()), result.PromotionID, w.a.now())
	}
	if !held {
		return w.view.stopped(err, text)
	}
	stop := w.view.stopped(err, text)
	end := "\nThe tenants may still be locked.\n" + w.ways() + "\n"
	if w.view.format == report.Text {
		fmt.Fprint(w.a.stdout, end)
	} else {
		fmt.Fprint(w.a.stderr, end)
	}
	return stop
}

// places says where in the repository the dry run's findings are: the tenant names its own files.
func (w *promotionRun) places(e *engine.PromotionError) string {
	set := w.a.repository(w.p)
	if set == nil {
		return ""
	}
	var b strings.Builder
	for _, n := range esvNamesOf(e.Status.MissingESVs) {
		for _, place := range esvPlaces(set, n) {
			fmt.Fprintf(&b, "\n  %s is referenced in %s", n, place)
		}
	}
	if len(e.Status.EncryptedSecrets) > 0 {
		for _, place := range encryptedPlaces(set) {
			fmt.Fprintf(&b, "\n  encrypted secret in %s", place)
		}
	}
	return b.String()
}

// verify compares the two tenants after a promotion, or after a dry run that found nothing to promote.
func (w *promotionRun) verify(ctx context.Context, promoted bool) error {
	start := w.a.now()
	w.view.event(engine.PhaseStarted{Phase: "verify"})
	changes, err := w.a.staticChanges(ctx, w.p, w.pr)
	text := fmt.Sprintf("%s equals %s", w.pr.upper.Name, w.pr.lower.Name)
	if err == nil && len(changes) > 0 {
		var names []string
		for _, c := range changes {
			names = append(names, string(c.Action)+" "+c.Label())
		}
		err = &exitError{exitFindings, fmt.Errorf("%s does not equal %s: somebody changed one of them since, or the product does not promote it\n%s", w.pr.upper.Name, w.pr.lower.Name, strings.Join(names, "\n"))}
	}
	w.view.event(engine.PhaseDone{Phase: "verify", Text: text, Err: err, Took: w.a.now().Sub(start)})
	if ctx.Err() != nil {
		return &interruptedError{err: ctx.Err(), text: fmt.Sprintf("Interrupted. It is promoted, and both environments are unlocked; only the comparison after it was cut off.\nCompare:  %s diff env:%s env:%s", w.a.commandLine(), w.pr.upper.Name, w.pr.lower.Name)}
	}
	if err != nil && !promoted {
		return w.view.stopped(err, "Nothing was promoted: the dry run found no change. Both environments are unlocked.")
	}
	if err != nil {
		return w.view.stopped(err, "The promotion itself is done, and both environments are unlocked.")
	}
	return nil
}

// staticChanges is what the upper tenant would take from the lower.
func (a *app) staticChanges(ctx context.Context, p *config.Project, pr *pair) ([]diff.Change, error) {
	lower, err := a.snapshot(ctx, p, pr.lowerC)
	if err != nil {
		return nil, err
	}
	return a.staticChangesFrom(ctx, p, pr, lower.Set)
}

func (a *app) staticChangesFrom(ctx context.Context, p *config.Project, pr *pair, lower *schema.Set) ([]diff.Change, error) {
	upper, err := a.snapshot(ctx, p, pr.upperC)
	if err != nil {
		return nil, err
	}
	return a.static(upper.Set, lower)
}

// static compares two sets, static configuration only.
func (a *app) static(live, want *schema.Set) ([]diff.Change, error) {
	changes, err := diff.Compare(live, want, diff.Options{})
	if err != nil {
		return nil, err
	}
	var out []diff.Change
	for _, c := range changes {
		if c.Class == schema.Static {
			out = append(out, c)
		}
	}
	return out, nil
}

// ticketRevert is the ticket to revert the last promotion.
func (w *promotionRun) ticketRevert(ctx context.Context) string {
	// Without the tenant's word the ticket has a gap, which is better than a guess.
	when, _ := lastPromotion(ctx, promoter{w.pr.upperC})
	return ticketRevert(w.pr.upper, when)
}
