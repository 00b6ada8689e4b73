package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

type exportOptions struct {
	env, dir, layout string
	types            []string
	prune            bool
}

func newExportCommand(a *app) *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export --env NAME [-d DIR or FILE]",
		Short: "Write a tenant's configuration to files, or to a snapshot",
		Long: `Reads a live tenant and writes its configuration as files, in the project's layout or another one. A
destination that ends in .json or .json.gz becomes a snapshot: one file, a SOURCE like any other, which
lets checks run without credentials.

Types that are dynamic or large are read on request only: those that --type or config.types names, and those
that the destination has already, so that an export refreshes all of it. --type takes a type, or a group of
them: all, default (what is read without it), static, dynamic.

Placeholders are kept, and in fr-config-manager's layout the value of an ESV that is new to the folder is
${NAME}, as fr-config-pull writes it. Files that did not change are not touched. Files of resources that are
gone are listed, and removed only with --prune, after a question unless --yes. All files are written
beside the old ones before the first takes its place: interrupted, an export changes nothing.

What the tenant refuses to show (403) or doesn't know (404) is left as it is in the folder, a snapshot says
that it lacks it, and nothing takes it for deleted. All else is written; the exit code is then 1, the last
lines name what is missing and why, and with -o json "partial" has it: [{"what", "why"}], empty when the
export is whole. When nothing could be written there is no JSON.` + exitHelp(exitInterrupted),
		Example: `  lockstep export --env dev
  lockstep export --env staging -d snapshots/staging.json.gz
  lockstep export --env dev -d out --layout frodo`,
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), a, o) },
	}
	addEnv(cmd, a, &o.env)
	f := cmd.Flags()
	f.StringVarP(&o.dir, "dir", "d", "", "folder, or snapshot file ending in .json or .json.gz (default: the project's configuration folder)")
	f.StringVar(&o.layout, "layout", "", "fr-config-manager, frodo, flat (default: the project's, else fr-config-manager)")
	f.StringSliceVar(&o.types, "type", nil, "only this type, or all, default, static, dynamic; may be repeated (lockstep types lists them)")
	f.BoolVar(&o.prune, "prune", false, "remove files of resources that the tenant no longer has")
	return cmd
}

func runExport(ctx context.Context, a *app, o exportOptions) error {
	format, p, err := a.begin(report.Text, report.JSON)
	if err != nil {
		return err
	}
	e, err := environment(p, o.env)
	if err != nil {
		return err
	}
	if len(o.types) > 0 {
		if p.Config.Types, err = schema.ExpandTypes(o.types); err != nil {
			return err
		}
	}
	c, err := a.client(e, false)
	if err != nil {
		return err
	}
	dest := p.Dir()
	if o.dir != "" {
		if dest, err = a.path(o.dir); err != nil {
			return err
		}
	}
	a.asksOfDestination(p, o, dest)
	live, err := a.snapshot(ctx, p, c)
	if err != nil {
		return err
	}
	meta := repo.SnapshotMeta{Tenant: c.URL(), Tool: toolVersion(), Time: a.now().UTC().Truncate(time.Second), Digest: diff.Digest}
	done := exported{Environment: e.Name, Resources: live.Len(), Partial: missing(live.Set)}
	if strings.HasSuffix(dest, ".json") || strings.HasSuffix(dest, ".json.gz") {
		err = a.writeSnapshot(dest, cmp.Or(o.dir, dest), live.Set, meta, &done)
	} else {
		err = a.writeTree(ctx, p, o, dest, live.Set, meta, &done)
	}
	if err != nil {
		return err
	}
	if format == report.JSON {
		err = a.printJSON(done)
	} else {
		a.printExported(done)
	}
	if err != nil || len(done.Partial) == 0 {
		return err
	}
	return partialError(done)
}

// asksOfDestination notes what the destination has of the types that are read on request only: an export
// that left them as they are would leave the folder half old. What can't be read there asks for nothing; the
// export itself says what is wrong with it.
func (a *app) asksOfDestination(p *config.Project, o exportOptions, dest string) {
	from := repoOptions(p, dest)
	if o.layout != "" || o.dir != "" {
		from.Layout = repo.Layout(o.layout) // it may be in another layout than the project
	}
	if set, _, err := repo.LoadPath(dest, from); err == nil {
		a.asks(set)
	}
}

// exported is what an export did.
type exported struct {
	Environment string        `json:"environment"`
	Resources   int           `json:"resources"`
	Snapshot    string        `json:"snapshot,omitempty"` // the one file that was to be written
	Written     []string      `json:"written"`
	Unchanged   int           `json:"unchanged"` // files
	Stale       []string      `json:"stale"`
	Removed     []string      `json:"removed"`
	Partial     []partialPart `json:"partial"`
}

// A partialPart is something that the tenant did not show.
type partialPart struct {
	What string `json:"what"` // "alpha/script", "cors", "alpha/journey/Login"
	Why  string `json:"why"`  // the tenant's words; empty when it said nothing
}

// missing lists what a set lacks since the tenant did not show it.
func missing(set *schema.Set) []partialPart {
	out := []partialPart{}
	for _, p := range set.Partial {
		out = append(out, partialPart{p, set.Why[p]})
	}
	for _, k := range set.Broken() {
		out = append(out, partialPart{k.String(), "the tenant refuses to show a part of it"})
	}
	return out
}

// partialError names what is missing and why, once for everything that has one reason.
func partialError(done exported) error {
	byWhy := map[string][]string{}
	for _, m := range done.Partial {
		byWhy[m.Why] = append(byWhy[m.Why], m.What)
	}
	lines := []string{fmt.Sprintf("the export is partial: %s does not show everything", done.Environment)}
	for _, why := range schema.SortedKeys(byWhy) {
		lines = append(lines, strings.Join(byWhy[why], ", ")+": "+cmp.Or(why, "it does not say why"))
	}
	lines = append(lines, "All else is written; what is not shown was left as it is.")
	return errors.New(strings.Join(lines, "\n"))
}

// writeSnapshot writes one file, unless the one that is there says the same but for the time.
func (a *app) writeSnapshot(name, label string, set *schema.Set, meta repo.SnapshotMeta, done *exported) error {
	done.Snapshot, done.Written, done.Stale, done.Removed = label, []string{}, []string{}, []string{}
	gz := strings.HasSuffix(name, ".gz")
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil {
		then := meta
		if then.Time = repo.SnapshotTime(old, gz); !then.Time.IsZero() {
			var b bytes.Buffer
			if err := repo.WriteSnapshot(&b, set, then, gz); err != nil {
				return err
			}
			if bytes.Equal(b.Bytes(), old) {
				done.Unchanged = 1
				return nil
			}
		}
	}
	var b bytes.Buffer
	if err := repo.WriteSnapshot(&b, set, meta, gz); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	done.Written = []string{label}
	return engine.WriteFile(name, b.Bytes(), 0o644)
}

func (a *app) writeTree(ctx context.Context, p *config.Project, o exportOptions, dest string, set *schema.Set, meta repo.SnapshotMeta, done *exported) error {
	layout := repo.Layout(cmp.Or(o.layout, cmp.Or(p.Config.Layout, string(repo.FrConfig))))
	if !slices.Contains(repo.Layouts(), layout) {
		var names []string
		for _, l := range repo.Layouts() {
			names = append(names, string(l))
		}
		return unknown("layout", string(layout), names)
	}
	todo, err := repo.Prepare(dest, set, layout, repo.WriteOptions{Prune: o.prune, Ignore: p.Config.Ignore, ValuesApart: true, About: &meta})
	if err != nil {
		return err
	}
	if gone := todo.Result.Gone; o.prune && len(gone) > 0 && !a.yes {
		fmt.Fprintf(a.stderr, "%s does not have these any more:\n", done.Environment)
		for _, r := range gone {
			fmt.Fprintf(a.stderr, "  %-40s %s\n", r.Label(), strings.Join(placesOf(r), ", "))
		}
		what := fmt.Sprintf("%d %s", len(gone), plural(len(gone), "resource", "resources"))
		if err := a.confirm(ctx, fmt.Sprintf("Remove %s from %s?", what, cmp.Or(o.dir, dest))); err != nil {
			return err
		}
	}
	if err := todo.CarryOut(ctx); err != nil {
		return err
	}
	res := todo.Result
	done.Written, done.Unchanged, done.Stale, done.Removed = nonNil(res.Written), len(res.Unchanged), nonNil(res.Stale), nonNil(res.Removed)
	return nil
}

// placesOf are the files that hold a resource; of a journey's many, the first.
func placesOf(r *schema.Resource) []string {
	if r.Source == nil {
		return nil
	}
	files := r.Source.Files()
	if len(files) > 3 {
		return []string{files[0], fmt.Sprintf("and %d more", len(files)-1)}
	}
	return files
}

func (a *app) printExported(done exported) {
	if done.Snapshot != "" {
		if done.Unchanged > 0 {
			a.note("%s is up to date and was not touched: %d resources of %s.", done.Snapshot, done.Resources, done.Environment)
		} else {
			a.note("Wrote %s: %d resources of %s.", done.Snapshot, done.Resources, done.Environment)
		}
		return
	}
	fmt.Fprintf(a.stdout, "%d files written, %d unchanged, %d resources\n", len(done.Written), done.Unchanged, done.Resources)
	if n := len(done.Removed); n > 0 {
		fmt.Fprintf(a.stdout, "%d files removed: what they held is gone from the tenant\n", n)
		a.list(done.Removed)
	}
	if n := len(done.Stale); n > 0 {
		fmt.Fprintf(a.stdout, "%d files hold what the tenant does not have; --prune removes them:\n", n)
		a.list(done.Stale)
	}
}

func nonNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// list prints names, the first ten unless all are asked for.
func (a *app) list(names []string) {
	for i, n := range names {
		if i == 10 && !a.all {
			fmt.Fprintf(a.stdout, "  … and %d more (--all)\n", len(names)-10)
			return
		}
		fmt.Fprintf(a.stdout, "  %s\n", n)
	}
}
