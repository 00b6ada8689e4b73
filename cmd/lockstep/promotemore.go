package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/report"
)

func newPromoteResumeCommand(a *app, o *promoteOptions) *cobra.Command {
	return &cobra.Command{
		Use: "resume NAME", Short: "Go on with a promotion that was cut off here", Args: exactArgs(1, "the environment"),
		Long: "Goes on where the tenants are with a promotion that was begun here and was cut off. What was asked of a tenant is not asked twice." + exitHelp(exitFindings, exitStale, exitLocked, exitInterrupted),
		RunE: func(cmd *cobra.Command, args []string) error {
			next := *o
			next.env, next.resume = args[0], true
			return runPromote(cmd.Context(), a, next)
		},
	}
}

func newPromoteRollbackCommand(a *app, o *promoteOptions) *cobra.Command {
	return &cobra.Command{
		Use: "rollback NAME", Short: "Undo the last promotion to an environment", Args: exactArgs(1, "the environment"),
		Long: `Undoes the most recent promotion to NAME, where the tenant offers that: shows what changes, asks, locks, rolls
back, waits, reports and unlocks. Where it does not, the text of a ticket for the vendor's support is printed.` + exitHelp(exitFindings, exitLocked, exitInterrupted),
		RunE: func(cmd *cobra.Command, args []string) error {
			next := *o
			next.env, next.rollback = args[0], true
			return runPromote(cmd.Context(), a, next)
		},
	}
}

func newPromoteHistoryCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "history [NAME]", Short: "Who promoted what, when, and from which commit", Args: maxArgs(1),
		Long: `Lists the promotions and rollbacks that were run from here, oldest first, and checks the audit file: its entries
are chained by hash, and one that was changed or taken out is found. lockstep.yaml names the file (audit: FILE);
else it is .lockstep/audit.ndjson.` + exitHelp(),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, p, err := a.begin(report.Text, report.JSON)
			if err != nil {
				return err
			}
			all, rerr := engine.ReadAudit(auditFile(p))
			entries := []engine.AuditEntry{}
			for _, e := range all {
				if len(args) == 0 || e.Environment == args[0] {
					entries = append(entries, e)
				}
			}
			if format == report.JSON {
				return errors.Join(a.printJSON(map[string]any{"history": entries, "intact": rerr == nil}), rerr)
			}
			for _, e := range entries {
				from := e.Commit
				if from == "" {
					from = "no plan"
				}
				approved := ""
				if e.Approved != "" {
					approved = ", approved by " + e.Approved
				}
				fmt.Fprintf(a.stdout, "%s  %-9s  %s → %s  %s  %d changes  by %s%s  %s\n", e.Time.Format("2006-01-02 15:04"), e.What, e.Lower, e.Environment, short(from), len(e.Report.Changes), e.Who, approved, e.PromotionID)
			}
			switch {
			case rerr != nil:
				return rerr
			case len(entries) == 0:
				fmt.Fprintln(a.stdout, "Nothing was promoted from here yet.")
			default:
				fmt.Fprintf(a.stdout, "\n%d %s; the chain is intact.\n", len(entries), plural(len(entries), "entry", "entries"))
			}
			return nil
		},
	}
}
