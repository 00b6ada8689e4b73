package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

type receiveOptions struct {
	onFailure, policyFrom string
	time                  time.Duration
}

func newPreReceiveCommand(a *app) *cobra.Command {
	var o receiveOptions
	cmd := &cobra.Command{
		Use:   "pre-receive",
		Short: "Check a push where it arrives, before it is accepted",
		Long: `Runs in the repository that receives a push, while the push lies in quarantine. It checks what each pushed branch
and tag changes against what was there, and what refers to that. A refused push leaves nothing behind.

The policy is "receive" in the lockstep.yaml of the branch that HEAD names, as it was before the push, so that a
push can't relax its own check. Findings of that revision's configuration don't count again.

What can't be checked is rejected, unless the policy or --on-failure says accept. What is built to do harm (paths
that lead elsewhere, files beyond all measure) is always refused. Where the policy says bypass: true, a push option
with a reason goes past findings, and is logged in lockstep/bypass.log of the repository:
  git push -o lockstep.skip="incident 4711: the old certificate must go now"` + exitHelp(exitFindings),
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runPreReceive(cmd.Context(), a, o) },
	}
	cmd.Flags().StringVar(&o.onFailure, "on-failure", "", "what becomes of a push that could not be checked: reject or accept (default: the policy's, else reject)")
	cmd.Flags().StringVar(&o.policyFrom, "policy-from", "", "the branch whose lockstep.yaml is the policy (default: the one that HEAD names)")
	cmd.Flags().DurationVar(&o.time, "time", 0, "how long the check may take (default: the policy's, else 30s)")
	return cmd
}

// A receiver checks one push.
type receiver struct {
	a        *app
	g        *repo.Git
	p        *config.Project
	baseline string // the protected commit; empty when there is none yet
	limits   repo.Limits
	reason   string // of a push option that asks to go past the check
	known    []string
}

// maxUpdates bounds the references of one push that are looked at.
const maxUpdates = 500

func runPreReceive(ctx context.Context, a *app, o receiveOptions) error {
	if o.onFailure != "" && o.onFailure != "reject" && o.onFailure != "accept" {
		return fmt.Errorf("--on-failure %s: it is reject or accept", o.onFailure)
	}
	// The process lives for a moment: collecting garbage would take longer than the check. The change is bounded.
	debug.SetGCPercent(400)
	onFailure := o.onFailure
	err := func() error {
		updates, err := repo.ReadReceiveLines(a.stdin)
		if err != nil {
			return err
		}
		r, err := a.newReceiver(o)
		if err != nil {
			return err
		}
		defer r.g.Close() //nolint:errcheck // only read from
		if onFailure == "" {
			onFailure = r.p.Receive.OnFailure
		}
		limit := 30 * time.Second
		for _, d := range []time.Duration{r.p.Receive.Limits.Time, o.time} {
			if d > 0 {
				limit = d
			}
		}
		return r.within(ctx, limit, updates)
	}()
	var found *exitError
	if err == nil || errors.As(err, &found) || errors.Is(err, context.Canceled) {
		return err
	}
	a.printError(err)
	if onFailure == "accept" {
		fmt.Fprintln(a.stderr, "The push could not be checked and is accepted all the same, as the server's policy says.")
		return nil
	}
	fmt.Fprintln(a.stderr, "The push could not be checked, so it is rejected. Whoever runs the server can say --on-failure accept.")
	return said(exitFailed)
}

// newReceiver reads the policy from the protected revision.
func (a *app) newReceiver(o receiveOptions) (*receiver, error) {
	g, err := a.gitHere()
	if err != nil {
		return nil, err
	}
	r := &receiver{a: a, g: g, limits: repo.DefaultLimits(), reason: a.pushOption("lockstep.skip")}
	nothing := func(string) (string, bool) { return "", false } // the server's variables are nobody's business
	root := g.Root()
	if root == "" {
		root = g.GitDir()
	}
	r.p, _, err = config.In(g.EmptyTree(), root, config.FileName, nothing)
	if err != nil {
		return nil, err
	}
	name := config.FileName
	if a.configFile != "" {
		name = path.Clean(filepath.ToSlash(a.configFile))
	}
	branch := o.policyFrom
	if branch == "" {
		branch = g.Head()
	}
	if r.baseline, err = g.Resolve(branch); err != nil {
		if o.policyFrom != "" {
			return nil, fmt.Errorf("--policy-from: %w", err)
		}
		r.baseline = "" // the first push: there is no branch to protect yet
	} else {
		tree, _, err := g.Tree(r.baseline)
		if err != nil {
			return nil, err
		}
		p, diags, err := config.In(tree, root, name, nothing)
		if err != nil {
			return nil, err
		}
		if errs := diags.AtLeast(schema.Error); len(errs) > 0 {
			// Pushes that mend it must get through, and nothing may pass that would not pass without it.
			a.note("lockstep: %s on %s has a fault, so its policy does not count: %s: %s", name, strings.TrimPrefix(branch, "refs/heads/"), errs[0].Pos, errs[0].Message)
			p.Receive, p.Rules, p.Config.Ignore = config.Receive{}, nil, nil
		}
		r.p = p
	}
	l := r.p.Receive.Limits
	if l.Files > 0 {
		r.limits.Files = l.Files
	}
	if l.FileSize > 0 {
		r.limits.FileSize = l.FileSize
	}
	if l.Total > 0 {
		r.limits.Total = l.Total
	}
	r.known, err = g.Refs("refs/heads/", 1000)
	return r, err
}

// pushOption finds a push option's value: git push -o name=value.
func (a *app) pushOption(name string) string {
	count, _ := a.env("GIT_PUSH_OPTION_COUNT")
	n, err := strconv.Atoi(count)
	if err != nil {
		return ""
	}
	for i := range min(n, 100) {
		v, _ := a.env("GIT_PUSH_OPTION_" + strconv.Itoa(i))
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// within bounds the check's time. What still runs then ends with the process.
func (r *receiver) within(ctx context.Context, limit time.Duration, updates []repo.Update) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.checkAll(ctx, updates) }()
	late := fmt.Errorf("the check took longer than %s\nPush in smaller parts; receive.limits.seconds in lockstep.yaml says how long it may take", limit)
	select {
	case err := <-done:
		if errors.Is(err, context.DeadlineExceeded) {
			return late
		}
		return err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return late
		}
		return ctx.Err()
	}
}

func (r *receiver) checkAll(ctx context.Context, updates []repo.Update) error {
	if len(updates) > maxUpdates {
		return &exitError{exitFindings, &repo.Refusal{Why: fmt.Sprintf("the push changes %d references; %d at once are checked", len(updates), maxUpdates), Way: "Push them in smaller parts."}}
	}
	checked := map[string]error{}
	var bad error
	for _, u := range updates {
		policy, asked := r.p.Receive.Policy(u.RemoteRef)
		if u.Deletes() || !asked {
			continue
		}
		commit, ok, err := r.g.Peel(u.LocalOID)
		if err != nil {
			return fmt.Errorf("%s: %w", u.RemoteRef, err)
		}
		if !ok {
			continue // a tag of something that is no commit holds no configuration
		}
		u.LocalOID = commit
		same := commit + " " + u.RemoteOID + " " + policy.FailOn.String()
		err, done := checked[same]
		if !done {
			err = r.checkOne(ctx, u, policy)
			checked[same] = err
		}
		var found *exitError
		var refused *repo.Refusal
		switch {
		case err == nil:
		case errors.As(err, &refused):
			r.a.printError(fmt.Errorf("%s: %w", shortRef(u.RemoteRef), err))
			bad = said(exitFindings)
		case errors.As(err, &found):
			if way, passes := r.bypass(u, policy); !passes {
				fmt.Fprintf(r.a.stderr, "\nThe push of %s is refused; the server keeps nothing of it.\n%s\n", shortRef(u.RemoteRef), way)
				bad = said(exitFindings)
			}
		default:
			return fmt.Errorf("%s: %w", shortRef(u.RemoteRef), err)
		}
	}
	return bad
}

func shortRef(ref string) string {
	return strings.TrimPrefix(strings.TrimPrefix(ref, "refs/heads/"), "refs/")
}

// checkOne prints the findings of one reference.
func (r *receiver) checkOne(ctx context.Context, u repo.Update, policy config.BranchPolicy) error {
	tree, _, err := r.g.Tree(u.LocalOID)
	if err != nil {
		return &repo.Refusal{Why: err.Error()}
	}
	check := treeCheck{p: r.p, dir: r.p.Config.Dir, new: tree, limits: r.limits, now: r.a.now}
	if base := r.base(u); base != "" {
		if check.old, _, err = r.g.Tree(base); err != nil {
			return err
		}
	}
	res, err := check.run(ctx)
	if err != nil {
		return err
	}
	if err := r.moved(ctx, &check, &res, u); err != nil {
		return err
	}
	commits, more, err := r.g.Commits(u.LocalOID, append(r.known[:len(r.known):len(r.known)], u.RemoteOID), most)
	if err != nil {
		return err
	}
	if len(commits) > 1 {
		onTheWay, err := check.secretsOnTheWay(ctx, r.g, commits[1:], res.diags)
		if err != nil {
			return err
		}
		res.diags = append(res.diags, onTheWay...)
	}
	if more {
		r.a.note("lockstep: %s: only the newest %d commits were looked through for secrets", shortRef(u.RemoteRef), most)
	}
	if n := len(res.pointers); n > 0 {
		r.a.note("lockstep: %s: %d %s in Git LFS and not looked at: %s", shortRef(u.RemoteRef), n, plural(n, "file lies", "files lie"), strings.Join(res.pointers[:min(n, 3)], ", "))
	}
	bad := res.diags.AtLeast(policy.FailOn)
	if len(bad) == 0 {
		return nil
	}
	if err := r.a.printFindings(bad, res.resources); err != nil {
		return err
	}
	return said(exitFindings)
}

// moved checks the folder that the pushed lockstep.yaml names, when it is another than the policy's: moving
// the configuration must not hide it.
func (r *receiver) moved(ctx context.Context, check *treeCheck, res *treeResult, u repo.Update) error {
	p, diags, err := config.In(check.new, r.p.Root, config.FileName, func(string) (string, bool) { return "", false })
	if err != nil || diags.Count(schema.Error) > 0 || p.Config.Dir == r.p.Config.Dir && p.Config.Layout == r.p.Config.Layout {
		return nil //nolint:nilerr // a lockstep.yaml that can't be read moves nothing
	}
	there := *r.p
	there.Config.Dir, there.Config.Layout = p.Config.Dir, p.Config.Layout
	other := treeCheck{p: &there, dir: p.Config.Dir, old: check.old, new: check.new, limits: check.limits, now: check.now}
	more, err := other.run(ctx)
	if err != nil {
		return err
	}
	if more.files > 0 {
		r.a.note("lockstep: %s: lockstep.yaml moves the configuration to %s, which is checked as well", shortRef(u.RemoteRef), p.Config.Dir)
	}
	res.diags = append(res.diags, more.diags.New(res.diags)...)
	res.files, res.resources = res.files+more.files, res.resources+more.resources
	return nil
}

// base is what a push is compared with: what the reference was; for a new one, where it left the protected
// branch.
func (r *receiver) base(u repo.Update) string {
	if !u.Creates() {
		if commit, ok, err := r.g.Peel(u.RemoteOID); err == nil && ok {
			return commit
		}
	}
	if r.baseline == "" {
		return ""
	}
	if b, err := r.g.MergeBase(r.baseline, u.LocalOID); err == nil {
		return b
	}
	return r.baseline
}

// bypass lets a push go past its findings, if the policy allows that and a reason is given; else it says how
// to go on.
func (r *receiver) bypass(u repo.Update, policy config.BranchPolicy) (way string, passes bool) {
	switch {
	case !policy.Bypass && r.reason != "":
		return "Mend it and push again. This branch's policy lets no push option past the check.", false
	case !policy.Bypass:
		return "Mend it and push again.", false
	case r.reason == "":
		return `Mend it and push again. In an emergency, with a reason that is logged: git push -o lockstep.skip="WHY"`, false
	}
	if err := r.log(u); err != nil {
		return fmt.Sprintf("The bypass could not be logged (%v), so it does not count.", err), false
	}
	fmt.Fprintf(r.a.stderr, "\nThe push of %s goes past the check, and that is logged: %s\n", shortRef(u.RemoteRef), clip(strings.ToValidUTF8(r.reason, "?"), 200))
	return "", true
}

// log appends a line of JSON to lockstep/bypass.log in the repository, flushed to the disk.
func (r *receiver) log(u repo.Update) (err error) {
	dir := filepath.Join(r.g.GitDir(), "lockstep")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	who := ""
	for _, name := range []string{"GL_USERNAME", "GITEA_PUSHER_NAME", "GITHUB_USER_LOGIN", "REMOTE_USER", "GIT_PUSHER_NAME", "USER"} {
		if v, _ := r.a.env(name); v != "" {
			who = v
			break
		}
	}
	line, err := json.Marshal(map[string]string{
		"time": r.a.now().UTC().Format(time.RFC3339), "ref": u.RemoteRef, "old": u.RemoteOID, "new": u.LocalOID, "who": who, "reason": clip(r.reason, 1000),
	})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "bypass.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}
