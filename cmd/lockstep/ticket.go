package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
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

// ticketError asks the vendor's support to clear an error that keeps promotions from being run. trouble is the
// error's code and its message.
func ticketError(pr *pair, trouble, id string, now time.Time) string {
	return fmt.Sprintf(`A ticket for the vendor's support, ready to send: a How-To ticket.
  Product                           ForgeRock Identity Cloud
                                    Tenant Settings
                                    Self-Service Promotion
  What are you trying to achieve?   Resolve environment errors preventing
                                    self-service promotions.
  Please provide a short description
    An error has occurred during a self-service promotion to the
    %s environment.
    Error code and message:
      %s
    Upper environment: %s
    Lower environment: %s
    Promotion: %s
    Seen: %s`, cmp.Or(pr.upper.Role, pr.upper.Name), trouble, host(pr.upper), host(pr.lower), cmp.Or(id, "none"), now.UTC().Format("2006-01-02 15:04 MST"))
}

// statusText is the code and the message of a promotion that failed.
func statusText(s engine.PromotionStatus) string {
	return fmt.Sprintf("%s, %s (blockingError: %t)", cmp.Or(s.Status, "(no status)"), cmp.Or(s.Message, "(no message)"), s.BlockingError)
}

// ticketRevert asks the vendor's support to put the environment back as it was before a promotion. promoted is
// the promotion's time; zero when the tenant doesn't tell it.
func ticketRevert(upper *config.Environment, promoted time.Time) string {
	day, of := "YYYY-MM-DD, from before the promotion", ""
	if !promoted.IsZero() {
		day = promoted.UTC().AddDate(0, 0, -1).Format(time.DateOnly)
		of = " of " + promoted.UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf(`A ticket for the vendor's support, ready to send:
an "Identity Cloud: Config" request.
  Hostname                          %s
  What would you like to do?        Restore from backup
  What is the environment name?     %s
  What is the date of the backup you would like to restore from?
                                    %s
  (the day before the promotion%s; later changes are lost)`, host(upper), ticketOption(upper), day, of)
}

// lastPromotion is when the tenant was promoted to last, by its own reports; zero when it doesn't tell.
func lastPromotion(ctx context.Context, p engine.Promoter) (time.Time, error) {
	reports, err := p.Reports(ctx)
	var last time.Time
	for _, r := range reports {
		if t, terr := time.Parse(time.RFC3339, r.Created); terr == nil && !r.DryRun && r.Type != "rollback" && t.After(last) {
			last = t
		}
	}
	return last, err
}

func newPromoteTicketCommand(a *app) *cobra.Command {
	var about, trouble string
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
				return a.errorTicket(cmd.Context(), pr, trouble)
			case "revert":
				when, err := lastPromotion(cmd.Context(), promoter{c})
				if err != nil {
					return err
				}
				fmt.Fprintln(a.stdout, ticketRevert(e, when))
				return nil
			}
			return fmt.Errorf("--about %s: it is error or revert", about)
		},
	}
	cmd.Flags().StringVar(&about, "about", "error", "error or revert")
	cmd.Flags().StringVar(&trouble, "error", "", "the error's code and message, where the tenant does not show it any more")
	return cmd
}

// errorTicket writes the ticket about the error that the tenant shows, or that it was seen to show before.
func (a *app) errorTicket(ctx context.Context, pr *pair, trouble string) error {
	up := promoter{pr.upperC}
	s, err := up.PromotionStatus(ctx)
	if err != nil {
		return err
	}
	lock, err := up.LockState(ctx)
	if err != nil {
		return err
	}
	switch {
	case trouble != "":
	case s.Status == "ERROR":
		trouble = statusText(s)
	case lock.Result != "unlocked":
		trouble = fmt.Sprintf("the lock is in the state %q (%s)", lock.Result, lock.Description)
	default:
		return fmt.Errorf("%s shows no error: it is unlocked, and %q\nSay what it answered: %s promote ticket %s --error \"409, ...\"", pr.upper.Name, s.Message, a.commandLine(), pr.upper.Name)
	}
	fmt.Fprintln(a.stdout, ticketError(pr, trouble, cmp.Or(s.PromotionID, lock.PromotionID), a.now()))
	return nil
}
