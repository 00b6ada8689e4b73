package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

func newHookCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "Git hooks",
		Long:  "Installs git hooks, and is what they call." + exitHelp(),
	}
	var failOn string
	prePush := &cobra.Command{
		Use:   "pre-push [REMOTE [URL]]",
		Short: "Check the commits that are about to be pushed",
		Long: `Reads the lines that git gives to a pre-push hook and checks the configuration in each commit that leaves.
Only findings that what is on the remote already does not have stop the push.` + exitHelp(exitFindings),
		Args: maxArgs(2),
		RunE: func(cmd *cobra.Command, _ []string) error { return runPrePush(cmd.Context(), a, failOn) },
	}
	addFailOn(prePush, &failOn)
	install := &cobra.Command{
		Use:   "install pre-push",
		Short: "Install a hook; another's hook is kept and called first",
		Long:  "Installs the hook in the folder that git looks in (core.hooksPath is honoured). A hook that is there already is kept beside it and called first." + exitHelp(),
		Args:  exactArgs(1, "which hook: pre-push"), ValidArgs: []string{"pre-push"},
		RunE: func(_ *cobra.Command, args []string) error { return runHookInstall(a, args[0]) },
	}
	uninstall := &cobra.Command{
		Use:   "uninstall pre-push",
		Short: "Take the hook away, and put back the one that was there before",
		Long:  "Takes the hook away, and puts back the one that was there before." + exitHelp(),
		Args:  exactArgs(1, "which hook: pre-push"), ValidArgs: []string{"pre-push"},
		RunE: func(_ *cobra.Command, args []string) error { return runHookUninstall(a, args[0]) },
	}
	cmd.AddCommand(prePush, install, uninstall)
	return cmd
}

func runPrePush(ctx context.Context, a *app, failOnName string) error {
	failOn, err := parseFailOn(failOnName)
	if err != nil {
		return err
	}
	p, err := a.project()
	if err != nil {
		return err
	}
	updates, err := repo.ReadPushLines(a.stdin)
	if err != nil {
		return err
	}
	g, err := repo.OpenGit(p.Root)
	if err != nil {
		return err
	}
	worst := error(nil)
	for _, u := range updates {
		if u.Deletes() || strings.HasPrefix(u.LocalRef, "refs/tags/") {
			continue
		}
		diags, n, err := a.checkPush(ctx, p, g, u)
		if err != nil {
			return fmt.Errorf("%s: %w", u.LocalRef, err)
		}
		bad := diags.AtLeast(failOn)
		if len(bad) == 0 {
			a.note("lockstep: %s: %d resources, nothing new to report", strings.TrimPrefix(u.RemoteRef, "refs/heads/"), n)
			continue
		}
		if err := a.printFindings(bad, n); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "\nThe push of %s was stopped. Mend it and push again; git push --no-verify goes past this check.\n", strings.TrimPrefix(u.RemoteRef, "refs/heads/"))
		worst = said(exitFindings)
	}
	return worst
}

// checkPush finds what the pushed commit brings that the remote does not have. A branch that is new there
// is compared with where it left the branch that the remote calls HEAD.
func (a *app) checkPush(ctx context.Context, p *config.Project, g *repo.Git, u repo.Update) (schema.Diagnostics, int, error) {
	head, err := a.load(ctx, p, "git:"+u.LocalOID)
	if err != nil {
		return nil, 0, err
	}
	diags := findings(p, head)
	base := u.RemoteOID
	if u.Creates() {
		base = ""
		for _, ref := range []string{"origin/HEAD", "origin/main", "origin/master"} {
			if b, err := g.MergeBase(ref, u.LocalOID); err == nil {
				base = b
				break
			}
		}
	}
	if base == "" {
		return diags, head.Len(), nil
	}
	if _, err := g.Resolve(base); err != nil {
		// The remote has commits that were never fetched (a forced push): everything counts then.
		return diags, head.Len(), nil
	}
	old, err := a.load(ctx, p, "git:"+base)
	if err != nil {
		return diags, head.Len(), nil // the configuration was not there yet
	}
	return diags.New(findings(p, old)), head.Len(), nil
}

const hookMark = "# Installed by lockstep; lockstep hook uninstall takes it away."

// hookScript hands git's lines on, first to the hook that was there before.
const hookScript = `#!/bin/sh
` + hookMark + `
input=$(cat)
if [ -x "$0.before-lockstep" ]; then
	printf '%s\n' "$input" | "$0.before-lockstep" "$@" || exit $?
fi
if ! command -v lockstep >/dev/null 2>&1; then
	echo "lockstep is not on the PATH, so the push was not checked. Install it, or push with --no-verify." >&2
	exit 1
fi
printf '%s\n' "$input" | lockstep hook NAME "$@"
`

func hookFile(a *app, name string) (string, error) {
	if name != "pre-push" {
		return "", unknown("hook", name, []string{"pre-push"})
	}
	p, err := a.project()
	if err != nil {
		return "", err
	}
	g, err := repo.OpenGit(p.Root)
	if err != nil {
		return "", err
	}
	dir, err := g.HooksDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

func runHookInstall(a *app, name string) error {
	file, err := hookFile(a, name)
	if err != nil {
		return err
	}
	before := file + ".before-lockstep"
	old, err := os.ReadFile(file)
	switch {
	case err == nil && strings.Contains(string(old), hookMark):
		a.note("The %s hook is installed already: %s", name, file)
		return nil
	case err == nil:
		if _, err := os.Stat(before); err == nil {
			return fmt.Errorf("install %s: both %s and %s are there, and neither is ours; move one away", name, file, before)
		}
		if err := os.Rename(file, before); err != nil {
			return err
		}
		a.note("The hook that was there is kept as %s and called first.", filepath.Base(before))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(hookScript, "NAME", name)), 0o755); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "Installed %s\n", file)
	return err
}

func runHookUninstall(a *app, name string) error {
	file, err := hookFile(a, name)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.Contains(string(old), hookMark) {
		return fmt.Errorf("there is no %s hook of lockstep in %s", name, filepath.Dir(file))
	}
	if err != nil {
		return err
	}
	if err := os.Remove(file); err != nil {
		return err
	}
	if err := os.Rename(file+".before-lockstep", file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "Removed %s\n", file)
	return err
}
