package main

import (
	"bytes"
	"cmp"
	"context"

	"fmt"
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

Placeholders are kept. Files that did not change are not touched; files of resources that are gone are
listed, and removed only with --prune.` + exitHelp(exitInterrupted),
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
	f.StringSliceVar(&o.types, "type", nil, "only this type; may be repeated (lockstep types lists them)")
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
		for _, t := range o.types {
			if _, ok := schema.TypeOf(t); !ok {
				return unknown("type", t, schema.TypeNames())
			}
		}
		p.Config.Types = o.types
	}
	c, err := a.client(e, false)
	if err != nil {
		return err
	}
	live, err := a.snapshot(ctx, p, c)
	if err != nil {
		return err
	}
	dest := p.Dir()
	if o.dir != "" {
		if dest, err = a.path(o.dir); err != nil {
			return err
		}
	}
	if strings.HasSuffix(dest, ".json") || strings.HasSuffix(dest, ".json.gz") {
		err = a.writeSnapshot(dest, c.URL(), live.Set)
		if err == nil {
			a.note("Wrote %s: %d resources of %s.", cmp.Or(o.dir, dest), live.Len(), e.Name)
		}
	} else {
		err = a.writeTree(format, p, o, dest, live.Set)
	}
	if err != nil {
		return err
	}
	if len(live.Partial) > 0 {
		return fmt.Errorf("the export is partial: %s does not show its %s", e.Name, strings.Join(live.Partial, ", "))
	}
	return nil
}

func (a *app) writeSnapshot(name, url string, set *schema.Set) error {
	var b bytes.Buffer
	meta := repo.SnapshotMeta{Tenant: url, Tool: toolVersion(), Time: a.now().UTC().Truncate(time.Second), Digest: diff.Digest}
	if err := repo.WriteSnapshot(&b, set, meta, strings.HasSuffix(name, ".gz")); err != nil {
		return err
	}
	return engine.WriteFile(name, b.Bytes(), 0o644)
}

func (a *app) writeTree(format report.Format, p *config.Project, o exportOptions, dest string, set *schema.Set) error {
	layout := repo.Layout(cmp.Or(o.layout, cmp.Or(p.Config.Layout, string(repo.FrConfig))))
	if !slices.Contains(repo.Layouts(), layout) {
		var names []string
		for _, l := range repo.Layouts() {
			names = append(names, string(l))
		}
		return unknown("layout", string(layout), names)
	}
	res, err := repo.Write(dest, set, layout, repo.WriteOptions{Prune: o.prune})
	if err != nil {
		return err
	}
	if format == report.JSON {
		return a.printJSON(map[string]any{"written": nonNil(res.Written), "unchanged": len(res.Unchanged), "stale": nonNil(res.Stale), "removed": nonNil(res.Removed)})
	}
	fmt.Fprintf(a.stdout, "%d files written, %d unchanged, %d resources\n", len(res.Written), len(res.Unchanged), set.Len())
	if n := len(res.Removed); n > 0 {
		fmt.Fprintf(a.stdout, "%d files removed: what they held is gone from the tenant\n", n)
		a.list(res.Removed)
	}
	if n := len(res.Stale); n > 0 {
		fmt.Fprintf(a.stdout, "%d files hold what the tenant does not have; --prune removes them:\n", n)
		a.list(res.Stale)
	}
	return nil
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
