package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

// sessions adapts the tenant's client to what the engine asks of direct-configuration sessions.
type sessions struct{ c *tenant.Client }

func (s sessions) State(ctx context.Context) (engine.SessionState, error) {
	now, err := s.c.SessionState(ctx)
	return engine.SessionState{
		Open: now.Editable, Done: now.Ended(), Aborted: now.Status == tenant.SessionAborted, Failed: now.Status == tenant.SessionError, Status: now.Status,
	}, err
}

func (s sessions) Init(ctx context.Context) error {
	_, err := s.c.InitSession(ctx)
	var answer *tenant.Error
	if errors.As(err, &answer) && answer.Refused() {
		return errors.Join(engine.ErrSessionRefused, err)
	}
	return err
}

func (s sessions) Apply(ctx context.Context) error { _, err := s.c.ApplySession(ctx); return err }
func (s sessions) Abort(ctx context.Context) error { _, err := s.c.AbortSession(ctx); return err }

func (a *app) directOptions(c *tenant.Client, undo bool) engine.DirectOptions {
	poll := 10 * time.Second
	if onLoopback(c.URL()) {
		poll = 20 * time.Millisecond
	}
	return engine.DirectOptions{Sessions: sessions{c}, Poll: poll, Sleep: sleep, Last: time.Minute, Undo: undo}
}

// sleep waits, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func newSessionCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "Direct-configuration sessions of immutable environments: status, abort",
		Long: `An immutable environment (staging, production) takes selected static configuration in a direct-configuration
session, where the vendor has enabled that. lockstep plan --direct and lockstep apply open one, and apply or abort it;
these commands are for one that somebody left open.` + exitHelp(),
	}
	sub := func(use, short, long string, run func(ctx context.Context, c *tenant.Client, name string) error) {
		cmd.AddCommand(&cobra.Command{
			Use: use, Short: short, Long: long + exitHelp(), Args: exactArgs(1, "the environment"),
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := a.project()
				if err != nil {
					return err
				}
				e, err := p.Env(args[0])
				if err != nil {
					return err
				}
				c, err := a.clientFor(e, clientNeeds{direct: true})
				if err != nil {
					return err
				}
				return run(cmd.Context(), c, e.Name)
			},
		})
	}
	sub("status NAME", "Show whether a session is open", "Shows the state of an environment's direct-configuration session.",
		func(ctx context.Context, c *tenant.Client, name string) error {
			s, err := c.SessionState(ctx)
			if err != nil {
				return err
			}
			if report.Format(a.output) == report.JSON {
				return a.printJSON(map[string]any{"environment": name, "session": s})
			}
			state := "closed"
			if s.Editable {
				state = "open"
			}
			if s.Status != "" {
				state += " (" + s.Status + ")"
			}
			fmt.Fprintf(a.stdout, "%s  session %s\n", name, state)
			return nil
		})
	sub("abort NAME", "Put back what an open session changed, and close it", "Aborts an environment's direct-configuration session: everything that was written in it is put back.",
		func(ctx context.Context, c *tenant.Client, name string) error {
			s, err := c.SessionState(ctx)
			if err != nil {
				return err
			}
			if !s.Editable {
				fmt.Fprintf(a.stdout, "%s has no open session.\n", name)
				return nil
			}
			if err := a.confirm(ctx, fmt.Sprintf("Abort the session of %s, with everything that was written in it?", name)); err != nil {
				return err
			}
			if _, err := c.AbortSession(ctx); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "The session of %s is aborted.\n", name)
			return nil
		})
	return cmd
}
