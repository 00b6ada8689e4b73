package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

func hookNames() []string { return []string{"pre-commit", "pre-push", "pre-receive"} }

func newHookCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "Git hooks",
		Long:  "Installs git hooks, and is what they call." + exitHelp(),
	}
	var commit, push struct{ failOn string }
	preCommit := &cobra.Command{
		Use:   "pre-commit",
		Short: "Check what is about to be committed: git's index, not the work tree",
		Long: `Checks the configuration as the next commit will hold it. What lies in the work tree and is not added is not
looked at. Only findings that the last commit does not have stop the commit.` + exitHelp(exitFindings),
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runPreCommit(cmd.Context(), a, commit.failOn) },
	}
	addFailOn(preCommit, &commit.failOn)
	prePush := &cobra.Command{
		Use:   "pre-push [REMOTE [URL]]",
		Short: "Check the commits that are about to be pushed",
		Long: `Reads the lines that git gives to a pre-push hook and checks the configuration in what leaves: the last commit of
each branch, and the commits before it for secrets that they bring along.
Only findings that what is on the remote already does not have stop the push. Run by pre-commit.com, it reads
that tool's variables instead.` + exitHelp(exitFindings),
		Args: maxArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return runPrePush(cmd.Context(), a, args, push.failOn) },
	}
	addFailOn(prePush, &push.failOn)
	var o installOptions
	install := &cobra.Command{
		Use:   "install pre-commit|pre-push|pre-receive",
		Short: "Install a hook; another's hook is kept and called first",
		Long: `Installs the hook in the folder that git looks in (core.hooksPath and linked work trees are honoured). A hook
that is there already is kept beside it and called first. Where husky manages the hooks, a marked block is put
into husky's own file, which is committed. pre-receive belongs into the repository that receives pushes.` + exitHelp(),
		Example: `  lockstep hook install pre-push
  lockstep -C /srv/git/tenant.git hook install pre-receive --on-failure reject`,
		Args: exactArgs(1, "which hook: "+strings.Join(hookNames(), ", ")), ValidArgs: hookNames(),
		RunE: func(_ *cobra.Command, args []string) error { return runHookInstall(a, args[0], o) },
	}
	install.Flags().StringVar(&o.onFailure, "on-failure", "", "pre-receive: what becomes of a push that could not be checked: reject (default) or accept")
	install.Flags().StringVar(&o.policyFrom, "policy-from", "", "pre-receive: the branch whose lockstep.yaml is the policy (default: the one that HEAD names)")
	uninstall := &cobra.Command{
		Use:   "uninstall pre-commit|pre-push|pre-receive",
		Short: "Take the hook away, and put back the one that was there before",
		Long:  "Takes the hook away, and puts back the one that was there before." + exitHelp(),
		Args:  exactArgs(1, "which hook: "+strings.Join(hookNames(), ", ")), ValidArgs: hookNames(),
		RunE: func(_ *cobra.Command, args []string) error { return runHookUninstall(a, args[0]) },
	}
	cmd.AddCommand(preCommit, prePush, newPreReceiveCommand(a), install, uninstall)
	return cmd
}

// projectIn reads the project out of a tree, where the tree has a lockstep.yaml, else as every command does.
// The folder is the configuration's, from the top of the tree.
func (a *app) projectIn(g *repo.Git, tree fs.FS) (*config.Project, string, error) {
	dir, err := a.dir()
	if err != nil {
		return nil, "", err
	}
	name := config.FileName
	if a.configFile != "" {
		full, err := a.path(a.configFile)
		if err != nil {
			return nil, "", err
		}
		if name, err = below(g.Root(), full); err != nil {
			return nil, "", err
		}
	} else if at, err := below(g.Root(), dir); err == nil {
		for ; ; at = path.Dir(at) {
			if _, err := fs.Stat(tree, path.Join(at, config.FileName)); err == nil {
				name = path.Join(at, config.FileName)
				break
			}
			if at == "." {
				break
			}
		}
	}
	if _, err := fs.Stat(tree, name); err != nil {
		p, err := a.project()
		if err != nil {
			return nil, "", err
		}
		at, err := below(g.Root(), p.Dir())
		return p, at, err
	}
	p, diags, err := config.In(tree, g.Root(), name, a.env)
	if err != nil {
		return nil, "", err
	}
	if diags.Count(schema.Error) > 0 {
		if err := a.printFindings(diags, 0); err != nil {
			return nil, "", err
		}
		return nil, "", said(exitFindings)
	}
	return p, p.Config.Dir, nil
}

func runPreCommit(ctx context.Context, a *app, failOnName string) error {
	failOn, err := parseFailOn(failOnName)
	if err != nil {
		return err
	}
	dir, err := a.dir()
	if err != nil {
		return err
	}
	g, err := repo.OpenGit(dir)
	if err != nil {
		return err
	}
	tree, err := g.Index()
	if err != nil {
		return err
	}
	p, at, err := a.projectIn(g, tree)
	if err != nil {
		return err
	}
	var old fs.FS
	if head, _, err := g.Tree("HEAD"); err == nil {
		old = head
	}
	check := treeCheck{p: p, dir: at, old: old, new: tree, limits: repo.Limits{}, now: a.now}
	res, err := check.run(ctx)
	if err != nil {
		return refusal(err)
	}
	bad := res.diags.AtLeast(failOn)
	if len(bad) == 0 {
		return nil
	}
	if err := a.printFindings(bad, res.resources); err != nil {
		return err
	}
	fmt.Fprintln(a.stderr, "\nThe commit was stopped. Mend it, git add it, and commit again; git commit --no-verify goes past this check.")
	return said(exitFindings)
}

// refusal gives the exit code of findings to what is refused out of hand.
func refusal(err error) error {
	var r *repo.Refusal
	if errors.As(err, &r) {
		return &exitError{exitFindings, err}
	}
	return err
}

func runPrePush(ctx context.Context, a *app, args []string, failOnName string) error {
	failOn, err := parseFailOn(failOnName)
	if err != nil {
		return err
	}
	dir, err := a.dir()
	if err != nil {
		return err
	}
	g, err := repo.OpenGit(dir)
	if err != nil {
		return err
	}
	updates, err := a.pushUpdates(g)
	if err != nil {
		return err
	}
	remote := "origin"
	if len(args) > 0 && args[0] != "" {
		remote = args[0]
	}
	worst := error(nil)
	for _, u := range updates {
		if u.Deletes() || strings.HasPrefix(u.LocalRef, "refs/tags/") {
			continue
		}
		commit, ok, err := g.Peel(u.LocalOID)
		if err == nil && !ok {
			continue // a tag of something that is no commit
		}
		if err == nil {
			u.LocalOID = commit
			err = a.checkPush(ctx, g, u, remote, failOn)
		}
		var found *exitError
		switch {
		case errors.As(err, &found) && found.err == nil:
			worst = err
		case err != nil:
			return fmt.Errorf("%s: %w", u.LocalRef, refusal(err))
		}
	}
	return worst
}

// pushUpdates reads git's lines; run by pre-commit.com, which keeps them to itself, that tool's variables.
func (a *app) pushUpdates(g *repo.Git) ([]repo.Update, error) {
	to, given := a.env("PRE_COMMIT_TO_REF")
	if !given || to == "" {
		return repo.ReadPushLines(a.stdin)
	}
	u := repo.Update{LocalRef: "HEAD", RemoteRef: "refs/heads/HEAD", RemoteOID: strings.Repeat("0", 40)}
	if v, _ := a.env("PRE_COMMIT_LOCAL_BRANCH"); v != "" {
		u.LocalRef = v
	}
	if v, _ := a.env("PRE_COMMIT_REMOTE_BRANCH"); v != "" {
		u.RemoteRef = v
	}
	var err error
	if u.LocalOID, err = g.Resolve(to); err != nil {
		return nil, fmt.Errorf("PRE_COMMIT_TO_REF: %w", err)
	}
	if from, _ := a.env("PRE_COMMIT_FROM_REF"); strings.Trim(from, "0") != "" {
		if u.RemoteOID, err = g.Resolve(from); err != nil {
			return nil, fmt.Errorf("PRE_COMMIT_FROM_REF: %w", err)
		}
	}
	return []repo.Update{u}, nil
}

// most is how many commits of a push are looked through for secrets.
const most = 100

// checkPush finds what the pushed commit brings that the remote does not have. A branch that is new there
// is compared with where it left the branch that the remote calls HEAD.
func (a *app) checkPush(ctx context.Context, g *repo.Git, u repo.Update, remote string, failOn schema.Severity) error {
	tree, _, err := g.Tree(u.LocalOID)
	if err != nil {
		return err
	}
	p, dir, err := a.projectIn(g, tree)
	if err != nil {
		return err
	}
	check := treeCheck{p: p, dir: dir, new: tree, now: a.now}
	if base := pushBase(g, u, remote); base != "" {
		if old, _, err := g.Tree(base); err == nil {
			check.old = old
		} // else the remote has commits that were never fetched (a forced push): everything counts then
	}
	res, err := check.run(ctx)
	if err != nil {
		return err
	}
	known, err := g.Refs("refs/remotes/"+remote+"/", 1000)
	if err != nil {
		return err
	}
	commits, more, err := g.Commits(u.LocalOID, append(known, u.RemoteOID), most)
	if err != nil {
		return err
	}
	if len(commits) > 1 {
		onTheWay, err := check.secretsOnTheWay(ctx, g, commits[1:], res.diags)
		if err != nil {
			return err
		}
		res.diags = append(res.diags, onTheWay...)
	}
	branch := strings.TrimPrefix(u.RemoteRef, "refs/heads/")
	if more {
		a.note("lockstep: %s: only the newest %d commits were looked through for secrets", branch, most)
	}
	bad := res.diags.AtLeast(failOn)
	if len(bad) == 0 {
		a.note("lockstep: %s: %d %s changed, nothing new to report", branch, res.files, plural(res.files, "file of configuration", "files of configuration"))
		return nil
	}
	if err := a.printFindings(bad, res.resources); err != nil {
		return err
	}
	if check.old == nil {
		fmt.Fprintf(a.stderr, "\nThe remote has nothing yet that this could be held against, so all findings count, old ones as well.\n")
	}
	fmt.Fprintf(a.stderr, "\nThe push of %s was stopped. Mend it and push again; git push --no-verify goes past this check.\n", branch)
	return said(exitFindings)
}

// pushBase is what a push is compared with; empty when the remote has nothing of it.
func pushBase(g *repo.Git, u repo.Update, remote string) string {
	if !u.Creates() {
		if commit, ok, err := g.Peel(u.RemoteOID); err == nil && ok {
			return commit
		}
		return ""
	}
	for _, ref := range []string{"HEAD", "main", "master"} {
		if b, err := g.MergeBase(remote+"/"+ref, u.LocalOID); err == nil {
			return b
		}
	}
	return ""
}

// gitHere opens the repository that the command works in.
func (a *app) gitHere() (*repo.Git, error) {
	dir, err := a.dir()
	if err != nil {
		return nil, err
	}
	return repo.OpenGit(filepath.Clean(dir))
}
