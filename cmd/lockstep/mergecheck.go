package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/merge"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

func newMergeCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "merge-check REV [REV]",
		Short: "What two branches both change, and what of it conflicts, by meaning",
		Long: `Compares two branches with the commit that they have in common, and tells what both change: journeys and other
resources with both sides' changes side by side, and what of that conflicts. The second one is HEAD when it is left
out. Nothing is checked out or merged.` + exitHelp(exitFindings),
		Example: "  lockstep merge-check origin/main\n  lockstep merge-check feature/a feature/b -o json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, fmt.Errorf("REV is missing"))
			}
			return maxArgs(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runMergeCheck(cmd.Context(), a, args[0], strings.Join(args[1:], ""))
		},
	}
}

// bothChanged is a resource that both branches change.
type bothChanged struct {
	Resource  schema.Key       `json:"resource"`
	Label     string           `json:"label"`
	Ours      []string         `json:"ours"`
	Theirs    []string         `json:"theirs"`
	Conflicts []mergeClashView `json:"conflicts"`
}

type mergeClashView struct {
	Pointer string `json:"pointer"`
	Where   string `json:"where"`
	What    string `json:"what"`
}

func runMergeCheck(ctx context.Context, a *app, theirRev, ourRev string) error {
	format, p, err := a.begin(report.Text, report.JSON)
	if err != nil {
		return err
	}
	ourRev = cmp.Or(ourRev, "HEAD")
	g, err := repo.OpenGit(p.Root)
	if err != nil {
		return err
	}
	baseRev, err := g.MergeBase(ourRev, theirRev)
	if err != nil {
		return err
	}
	var sets [3]*loaded
	for i, rev := range []string{baseRev, ourRev, theirRev} {
		if sets[i], err = a.load(ctx, p, "git:"+rev); err != nil {
			return err
		}
	}
	found, err := a.bothChange(p, sets[0], sets[1], sets[2])
	if err != nil {
		return err
	}
	conflicts := 0
	for _, f := range found {
		conflicts += len(f.Conflicts)
	}
	if format == report.JSON {
		if found == nil {
			found = []bothChanged{}
		}
		err = a.printJSON(map[string]any{"base": baseRev, "ours": sets[1].Commit, "theirs": sets[2].Commit, "both": found, "conflicts": conflicts})
	} else {
		a.showBoth(found, conflicts, ourRev, theirRev)
	}
	if err == nil && conflicts > 0 {
		return said(exitFindings)
	}
	return err
}

// bothChange finds what both sides change, and merges it to see what conflicts.
func (a *app) bothChange(p *config.Project, base, ours, theirs *loaded) ([]bothChanged, error) {
	mine, err := a.compare(p, base, ours, nil, nil)
	if err != nil {
		return nil, err
	}
	yours, err := a.compare(p, base, theirs, nil, nil)
	if err != nil {
		return nil, err
	}
	var out []bothChanged
	for _, c := range mine {
		i := slices.IndexFunc(yours, func(y diff.Change) bool { return y.Key == c.Key })
		if i < 0 {
			continue
		}
		both := bothChanged{Resource: c.Key, Label: c.Label(), Ours: changeLines(c), Theirs: changeLines(yours[i]), Conflicts: []mergeClashView{}}
		if err := both.merge(c, yours[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Label(), err)
		}
		out = append(out, both)
	}
	return out, nil
}

func (b *bothChanged) merge(ours, theirs diff.Change) error {
	if ours.After == nil || theirs.After == nil {
		if ours.After != nil || theirs.After != nil {
			b.Conflicts = append(b.Conflicts, mergeClashView{Where: b.Label, What: "one side deletes it, the other changes it"})
		}
		return nil
	}
	t, _ := schema.TypeOf(b.Resource.Type)
	text := func(r *schema.Resource) []byte {
		if r == nil {
			return nil
		}
		return schema.EncodeJSON(diff.Normalize(t, r.Body))
	}
	res, err := merge.Files(text(ours.Before), text(ours.After), text(theirs.After), merge.Options{Unordered: t.Unordered})
	if err != nil {
		return err
	}
	for _, c := range res.Conflicts {
		b.Conflicts = append(b.Conflicts, mergeClashView{c.Pointer, whereOf(c.Pointer, ours.After.Body, theirs.After.Body), c.What})
	}
	return nil
}

// whereOf names a place for people: nodes by the names that the admin UI shows.
func whereOf(pointer string, bodies ...any) string {
	segs := schema.SplitPointer(pointer)
	for i := 1; i < len(segs); i++ {
		for _, body := range bodies {
			if name := schema.Str(body, schema.Pointer("nodes", segs[i], "displayName")); name != "" && (segs[i-1] == "nodes" || segs[i-1] == "nodeConfigs") {
				segs[i] = fmt.Sprintf("%q", name)
				break
			}
		}
	}
	return strings.Join(segs, " › ")
}

// changeLines are a change's items, in a line each.
func changeLines(c diff.Change) []string {
	lines := []string{}
	if c.Action != diff.Update {
		lines = append(lines, string(c.Action)+"d")
	}
	for _, i := range c.Items {
		line := strings.TrimSpace(i.Kind + " " + i.Subject + " " + i.Detail)
		if len(i.Text) > 0 {
			line += fmt.Sprintf(" (%d lines of text)", len(i.Text))
		}
		lines = append(lines, line)
	}
	return lines
}

func (a *app) showBoth(found []bothChanged, conflicts int, ourRev, theirRev string) {
	width := a.width(a.stdout)
	for _, f := range found {
		fmt.Fprintf(a.stdout, "%s\n", clip(report.Clean(f.Label), width))
		for _, s := range []struct {
			name  string
			lines []string
		}{{ourRev, f.Ours}, {theirRev, f.Theirs}} {
			fmt.Fprintf(a.stdout, "  %s\n", clip(report.Clean(s.name), width-2))
			for _, l := range s.lines {
				fmt.Fprintf(a.stdout, "    %s\n", clip(report.Clean(l), width-4))
			}
		}
		for _, c := range f.Conflicts {
			fmt.Fprintf(a.stdout, "  conflict: %s\n", clip(report.Clean(c.Where), width-12))
			fmt.Fprintf(a.stdout, "    %s\n", clip(report.Clean(c.What), width-4))
		}
		fmt.Fprintln(a.stdout)
	}
	switch {
	case len(found) == 0:
		fmt.Fprintf(a.stdout, "%s and %s change nothing in common.\n", ourRev, theirRev)
	case conflicts == 0:
		fmt.Fprintf(a.stdout, "%d %s changed by both, nothing conflicts.\n", len(found), plural(len(found), "resource is", "resources are"))
	default:
		fmt.Fprintf(a.stdout, "%d %s in %d %s that both change.\n", conflicts, plural(conflicts, "conflict", "conflicts"), len(found), plural(len(found), "resource", "resources"))
	}
}
