package main

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
)

// Ticket texts hold the fields that the vendor's documentation asks for ("Resolve environment errors that are
// preventing promotions" and "Revert a promotion"), filled in.

// ticketOption is how the vendor's form names an environment.
func ticketOption(e *config.Environment) string {
	names := map[string]string{"development": "Dev", "uat": "UAT", "staging": "Staging", "production": "Prod"}
	return cmp.Or(names[e.Role], e.Name)
}

func host(e *config.Environment) string {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" {
		return e.URL
	}
	return u.Hostname()
}

// ticketBlocked asks the vendor's support to clear an error that blocks promotions.
func ticketBlocked(pr *pair, s engine.PromotionStatus, id string, now time.Time) string {
	role := cmp.Or(pr.upper.Role, pr.upper.Name)
	var b strings.Builder
	fmt.Fprintf(&b, "A ticket for the vendor's support, ready to send (How-To ticket):\n")
	fmt.Fprintf(&b, "  Product:                          ForgeRock Identity Cloud; Tenant Settings; Self-Service Promotion\n")
	fmt.Fprintf(&b, "  What are you trying to achieve?   Resolve environment errors preventing self-service promotions.\n")
	fmt.Fprintf(&b, "  Please provide a short description\n")
	fmt.Fprintf(&b, "    An error has occurred during a self-service promotion to the %s environment.\n", role)
	fmt.Fprintf(&b, "    Error: %s, %s (blockingError: %t, globalLock: %s)\n", cmp.Or(s.Status, "(no status)"), cmp.Or(s.Message, "(no message)"), s.BlockingError, cmp.Or(s.GlobalLock, "unknown"))
	fmt.Fprintf(&b, "    Promotion: %s, from %s to %s\n", cmp.Or(id, "(unknown)"), host(pr.lower), host(pr.upper))
	fmt.Fprintf(&b, "    Seen: %s", now.UTC().Format("2006-01-02 15:04 MST"))
	return b.String()
}

// ticketRevert asks the vendor's support to put the environment back as it was before a promotion.
func ticketRevert(upper *config.Environment, promoted time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "A ticket for the vendor's support, ready to send (Identity Cloud: Config request):\n")
	fmt.Fprintf(&b, "  Hostname:                         %s\n", host(upper))
	fmt.Fprintf(&b, "  What would you like to do?        Restore from backup\n")
	fmt.Fprintf(&b, "  What is the environment name?     %s\n", ticketOption(upper))
	fmt.Fprintf(&b, "  What is the date of the backup you would like to restore from?   %s\n", promoted.UTC().AddDate(0, 0, -1).Format(time.DateOnly))
	fmt.Fprintf(&b, "  (a date from before the promotion of %s)", promoted.UTC().Format(time.DateOnly))
	return b.String()
}

func newPromoteTicketCommand(a *app) *cobra.Command {
	var about string
	cmd := &cobra.Command{
		Use: "ticket NAME", Short: "Write the ticket for what only the vendor's support can mend", Args: exactArgs(1, "the environment"),
		Long: `Writes the text of a ticket with the fields that the vendor's documentation asks for, filled in from the
tenant: --about error, for an error that blocks promotions, or --about revert, to restore the environment from a
backup of before its last promotion.` + exitHelp(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := a.outputs(report.Text); err != nil {
				return err
			}
			p, e, c, err := a.upperOf(args[0])
			if err != nil {
				return err
			}
			switch about {
			case "error":
				pr, err := a.pair(p, args[0])
				if err != nil {
					return err
				}
				s, err := promoter{c}.PromotionStatus(cmd.Context())
				if err != nil {
					return err
				}
				lock, err := c.LockState(cmd.Context())
				if err != nil {
					return err
				}
				fmt.Fprintln(a.stdout, ticketBlocked(pr, s, cmp.Or(s.PromotionID, lock.PromotionID), a.now()))
			case "revert":
				reports, err := promoter{c}.Reports(cmd.Context())
				if err != nil {
					return err
				}
				when := a.now()
				for _, r := range reports {
					if t, terr := time.Parse(time.RFC3339, r.Created); terr == nil && !r.DryRun && r.Type != "rollback" {
						when = t // they come in the order of their dates
					}
				}
				fmt.Fprintln(a.stdout, ticketRevert(e, when))
			default:
				return fmt.Errorf("--about %s: it is error or revert", about)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&about, "about", "error", "error or revert")
	return cmd
}
