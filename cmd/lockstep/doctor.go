package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/report"
)

func newDoctorCommand(a *app) *cobra.Command {
	var env string
	cmd := &cobra.Command{
		Use:   "doctor [--env NAME]",
		Short: "Look at the set-up: lockstep.yaml, git, each tenant's address, account and scopes",
		Long:  "Looks at all that lockstep needs and says what is wrong and what to do. It changes nothing." + exitHelp(),
		Args:  maxArgs(0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), a, env) },
	}
	addEnv(cmd, a, &env)
	return cmd
}

type doctorCheck struct {
	Area   string `json:"area"`
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

func runDoctor(ctx context.Context, a *app, env string) error {
	format, p, err := a.begin(report.Text, report.JSON)
	if err != nil {
		return err
	}
	checks := a.lookAtProject(p)
	names := envNames(p)
	if env != "" {
		names = []string{env}
	}
	for _, name := range names {
		checks = append(checks, a.lookAtEnvironment(ctx, p, name)...)
	}
	failed := 0
	for _, c := range checks {
		if !c.OK {
			failed++
		}
	}
	if format == report.JSON {
		if err := a.printJSON(map[string]any{"checks": checks, "failed": failed}); err != nil {
			return err
		}
	} else {
		a.printChecks(checks)
	}
	if failed > 0 {
		return said(exitFailed)
	}
	return nil
}

func (a *app) lookAtProject(p *config.Project) []doctorCheck {
	var out []doctorCheck
	add := func(name string, ok bool, detail, hint string) {
		if ok {
			hint = ""
		}
		out = append(out, doctorCheck{"repository", name, ok, detail, hint})
	}
	detail := "none; the environment variables of fr-config-manager and frodo are read"
	if p.File != "" {
		detail = p.File
	}
	add("lockstep.yaml", true, detail, "")
	layout, _, err := repo.Detect(os.DirFS(p.Dir()), ".")
	if err != nil {
		add("configuration", false, err.Error(), "Set config.dir in lockstep.yaml to the folder with the configuration, or fill it: lockstep export --env NAME")
	} else {
		add("configuration", true, fmt.Sprintf("layout %s in %s", layout, p.Config.Dir), "")
	}
	if g, err := repo.OpenGit(p.Root); err != nil {
		add("git", false, err.Error(), "git:REV sources, check and hooks need a git repository")
	} else {
		add("git", true, g.Root(), "")
	}
	if len(p.Environments) == 0 {
		add("environments", false, "none", "Add environments to lockstep.yaml (lockstep init), or set TENANT_BASE_URL and SERVICE_ACCOUNT_ID")
	}
	return out
}

func (a *app) lookAtEnvironment(ctx context.Context, p *config.Project, name string) []doctorCheck {
	fail := func(err error) []doctorCheck { return []doctorCheck{{name, "configuration", false, err.Error(), ""}} }
	e, err := p.Env(name)
	if err != nil {
		return fail(err)
	}
	c, err := a.client(e, e.PromoteFrom != "")
	if err != nil {
		return fail(err)
	}
	var out []doctorCheck
	for _, r := range c.Check(ctx) {
		if r.Skipped {
			continue
		}
		out = append(out, doctorCheck{name, r.Name, r.OK, r.Detail, r.Hint})
	}
	if info, err := c.Info(ctx); err == nil && e.Role == "development" && info.Immutable {
		out = append(out, doctorCheck{name, "role", false, "the tenant is immutable, and lockstep.yaml calls it development", "Set role: staging or production"})
	}
	return out
}

func (a *app) printChecks(checks []doctorCheck) {
	s := a.style(a.stdout)
	area := ""
	for _, c := range checks {
		if c.Area != area {
			area = c.Area
			fmt.Fprintf(a.stdout, "%s\n", s.Bold(area))
		}
		sign := s.Good("✓")
		if !c.OK {
			sign = s.Bad("✗")
		}
		const indent = 21
		hang := func(text string) string {
			var lines []string
			for line := range strings.Lines(text) {
				lines = append(lines, strings.Split(wrapText(line, a.width(a.stdout)-indent), "\n")...)
			}
			return strings.Join(lines, "\n"+strings.Repeat(" ", indent))
		}
		fmt.Fprintf(a.stdout, "  %s %-16s %s\n", sign, c.Name, hang(c.Detail))
		if c.Hint != "" {
			fmt.Fprintf(a.stdout, "    %-16s %s\n", "", hang(c.Hint))
		}
	}
}
