package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/schema"
)

type initOptions struct {
	hook, ci            string
	force               bool
	drivers, attributes bool
}

func newInitCommand(a *app) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Adopt a repository: detect its layout, write lockstep.yaml",
		Long: `Adopts a repository of fr-config-manager or frodo as it is: detects the layout, counts what is there and
writes a lockstep.yaml to fill in. No configuration file is changed.` + exitHelp(),
		Example: `  lockstep init
  lockstep init --hook pre-push --ci github --attributes    now or later: a lockstep.yaml that is there stays
  lockstep init --drivers      in each clone: git's merge and diff by meaning`,
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runInit(cmd.Context(), a, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.hook, "hook", "", "install this git hook, too: "+strings.Join(hookNames(), ", "))
	f.BoolVar(&o.attributes, "attributes", false, "write .gitattributes lines, too: git merges and shows JSON by meaning")
	f.BoolVar(&o.drivers, "drivers", false, "only set this clone's git up for what .gitattributes asks: the merge and diff drivers")
	f.StringVar(&o.ci, "ci", "", "write the pull-request check for this service, too: "+strings.Join(examples.CINames(), ", "))
	f.BoolVar(&o.force, "force", false, "overwrite a lockstep.yaml that is there; with --ci, the CI files and not lockstep.yaml")
	return cmd
}

func runInit(ctx context.Context, a *app, o initOptions) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	root := dir
	if g, err := repo.OpenGit(dir); err == nil {
		root = g.Root()
	}
	if o.drivers {
		return a.setDrivers(root)
	}
	file := filepath.Join(root, config.FileName)
	adds := o.ci != "" || o.attributes || o.hook != ""
	sub := ""
	switch _, err := os.Stat(file); {
	case err == nil && adds:
		// Somebody has filled it in since: it is not touched.
		p, err := a.project()
		if err != nil {
			return err
		}
		if sub, err = below(root, p.Dir()); err != nil {
			return err
		}
	case err == nil && !o.force:
		return fmt.Errorf("%s is there already; --force overwrites it\n--ci NAME, --attributes and --hook NAME add to it, and leave it as it is", file)
	default:
		if sub, err = a.writeConfig(root, file); err != nil {
			return err
		}
	}
	if o.ci != "" {
		if err := a.writeCI(root, o); err != nil {
			return err
		}
	}
	if o.attributes {
		if err := a.writeAttributes(root, sub); err != nil {
			return err
		}
	}
	if o.hook != "" {
		if err := runHookInstall(a, o.hook, installOptions{}); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.stdout, `
Next:
  lockstep validate                     what is wrong now
  lockstep doctor                       whether the tenants can be reached
  lockstep plan --env dev               what would change there
`)
	if o.hook == "" {
		fmt.Fprintln(a.stdout, "  lockstep hook install pre-push        check before every push")
	}
	if !o.attributes {
		fmt.Fprintln(a.stdout, "  lockstep init --attributes            git merges and shows JSON by meaning")
	}
	if o.ci == "" {
		fmt.Fprintln(a.stdout, "  lockstep init --ci NAME               CI files: the pull-request check, drift")
	}
	return nil
}

// writeConfig writes a lockstep.yaml for what lies below root, and names the folder of the configuration.
func (a *app) writeConfig(root, file string) (sub string, err error) {
	layout, sub, err := repo.Detect(os.DirFS(root), ".")
	found := err == nil
	if !found {
		layout, sub = repo.FrConfig, "identity-cloud-config"
	}
	if err := engine.WriteFile(file, []byte(a.newConfig(string(layout), sub, root)), 0o644); err != nil {
		return "", err
	}
	fmt.Fprintf(a.stdout, "Wrote %s\n", file)
	if found {
		return sub, a.countFound(root, sub, layout)
	}
	fmt.Fprintf(a.stdout, "No configuration was found here. Fill %s/ from a tenant: lockstep export --env dev\n", sub)
	return sub, nil
}

func (a *app) countFound(root, sub string, layout repo.Layout) error {
	set, diags, err := repo.LoadPath(filepath.Join(root, filepath.FromSlash(sub)), repo.Options{Layout: layout})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Found %d resources in %s, layout %s:\n", set.Len(), sub, layout)
	if err := a.printCounts(set); err != nil {
		return err
	}
	if n := diags.Count(schema.Error); n > 0 {
		fmt.Fprintf(a.stdout, "  %d %s could not be read: lockstep validate\n", n, plural(n, "file", "files"))
	}
	return nil
}

// newConfig is a lockstep.yaml to fill in. Addresses that a .env file of fr-config-manager has are taken
// over; credentials are named, never written.
func (a *app) newConfig(layout, dir, root string) string {
	dev, upper := "https://openam-CHANGE-ME-dev.id.forgerock.io", "https://openam-CHANGE-ME-staging.id.forgerock.io"
	env := dotEnv(filepath.Join(root, ".env"))
	if v := env["TENANT_BASE_URL"]; v != "" {
		dev = v
	}
	if v := env["TENANT_ENV_UPPER_FQDN"]; v != "" {
		upper = "https://" + strings.TrimPrefix(v, "https://")
	}
	return fmt.Sprintf(`# What Lockstep needs to know of this repository.
version: 1
config:
  dir: %s
  layout: %s
environments:
  dev:
    url: %s
    role: development
    # The key is a JWK or PEM file outside of git. Set both variables where lockstep runs.
    serviceAccount: {id: "${DEV_SA_ID}", keyFile: "${DEV_SA_KEY}"}
  staging:
    url: %s
    role: staging
    promoteFrom: dev
    serviceAccount: {id: "${STAGING_SA_ID}", keyFile: "${STAGING_SA_KEY}"}
    # With an exported snapshot in git, checks know the ESVs of this environment without credentials:
    #   lockstep export --env staging -d snapshots/staging.json.gz
    # snapshot: snapshots/staging.json.gz
limits: {deletes: 10, deletePercent: 20}
`, dir, layout, dev, upper)
}

// dotEnv reads the addresses from a .env file; anything it can't read is left out.
func dotEnv(name string) map[string]string {
	out := map[string]string{}
	f, err := os.Open(name)
	if err != nil {
		return out
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if k, v, ok := strings.Cut(strings.TrimSpace(lines.Text()), "="); ok {
			out[k] = strings.Trim(v, `"'`)
		}
	}
	return out
}

func (a *app) writeCI(root string, o initOptions) error {
	list, ok := examples.CI(o.ci)
	if !ok {
		return unknown("CI service", o.ci, examples.CINames())
	}
	for _, f := range list {
		file := filepath.Join(root, filepath.FromSlash(f.Name))
		if _, err := os.Stat(file); err == nil && !o.force {
			return fmt.Errorf("%s is there already; --force overwrites it", file)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasSuffix(f.Name, ".sh") {
			mode = 0o755
		}
		if err := engine.WriteFile(file, f.Data, mode); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "Wrote %s\n", file)
	}
	return nil
}

// writeAttributes adds the lines that make git call our drivers, for the configuration's folder.
func (a *app) writeAttributes(root, dir string) error {
	file := filepath.Join(root, filepath.FromSlash(dir), ".gitattributes")
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.Contains(string(old), "merge=lockstep") {
		fmt.Fprintf(a.stdout, "%s names the drivers already\n", file)
		return nil
	}
	text := string(old)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := engine.WriteFile(file, []byte(text+attributes), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Wrote %s\n", file)
	return a.setDrivers(root)
}

// setDrivers tells this clone's git what the drivers are. Where there is no repository yet, that is for later.
func (a *app) setDrivers(root string) error {
	g, err := repo.OpenGit(root)
	if err != nil {
		a.note("There is no git repository yet. When there is one: lockstep init --drivers")
		return nil //nolint:nilerr // said
	}
	if err := g.SetConfig(driverSettings()); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, "git in this clone merges (merge.lockstep) and shows (diff.lockstep) JSON by meaning. Other clones: lockstep init --drivers")
	return nil
}
