package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/merge"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// attributes are the lines that `lockstep init --attributes` offers.
const attributes = `# Lockstep merges and shows configuration by meaning. Once in each clone: lockstep init --drivers
*.json merge=lockstep diff=lockstep
`

// driverSettings are what a clone's git needs to know of the drivers: git does not take commands out of a
// repository.
func driverSettings() [][2]string {
	return [][2]string{
		{"merge.lockstep.name", "Lockstep: JSON by meaning"},
		{"merge.lockstep.driver", "lockstep merge-driver %O %A %B --path %P --marker-size %L"},
		{"diff.lockstep.textconv", "lockstep textconv"},
		{"diff.lockstep.cachetextconv", "true"},
	}
}

func newMergeDriverCommand(a *app) *cobra.Command {
	var path string
	var size int
	cmd := &cobra.Command{
		Use:   "merge-driver BASE OURS THEIRS",
		Short: "Merge JSON files by meaning; git calls it",
		Long: `Merges three versions of a configuration file, and writes the result over OURS, as git asks of a merge driver.
Journeys, scripts in JSON and all other JSON are merged member by member; what both sides changed differently stands
between conflict markers. A node that one side removed and the other leads to is a conflict, too. What is no JSON is
merged line by line.

Set it up: lockstep init --drivers` + exitHelp(),
		Args: exactArgs(3, "BASE, OURS or THEIRS"),
		RunE: func(_ *cobra.Command, args []string) error { return runMergeDriver(a, args, path, size) },
	}
	cmd.Flags().StringVar(&path, "path", "", "the file's path in the repository (%P)")
	cmd.Flags().IntVar(&size, "marker-size", 7, "length of conflict markers (%L)")
	return cmd
}

func runMergeDriver(a *app, args []string, path string, size int) error {
	var versions [3][]byte
	var names [3]string
	for i, arg := range args {
		name, err := a.path(arg)
		if err != nil {
			return err
		}
		names[i] = name
		if versions[i], err = os.ReadFile(name); err != nil {
			return err
		}
	}
	if path == "" {
		path = args[1]
	}
	res, err := merge.Files(versions[0], versions[1], versions[2], merge.Options{MarkerSize: size, Unordered: repo.UnorderedIn(filepath.ToSlash(path))})
	var binary *merge.ErrBinary
	if errors.As(err, &binary) {
		fmt.Fprintf(a.stderr, "lockstep: %s: %s; yours is kept, and the conflict is for you to resolve\n", path, binary)
		return said(exitFailed)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	info, err := os.Stat(names[1])
	if err != nil {
		return err
	}
	if err := engine.WriteFile(names[1], res.Data, info.Mode().Perm()); err != nil {
		return err
	}
	for _, n := range res.Notes {
		a.note("lockstep: %s: %s", path, n)
	}
	var bodies []any
	for _, version := range [][]byte{versions[1], versions[2], versions[0]} {
		if v, err := schema.ParseJSON(version); err == nil {
			bodies = append(bodies, v)
		}
	}
	for _, c := range res.Conflicts {
		a.note("lockstep: %s: %s", path, strings.TrimPrefix(whereOf(c.Pointer, bodies...)+": "+c.What, ": "))
	}
	if len(res.Conflicts) > 0 {
		return said(exitFailed)
	}
	return nil
}

func newTextconvCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "textconv FILE",
		Short: "Show a JSON file as text that git diff compares by meaning",
		Long: `Writes a configuration file as text: one line a value, sorted; a journey as its nodes and where their outcomes lead,
by the names that the admin UI shows; scripts and long texts line by line, base64 decoded. Values that only a tenant
can decrypt are left out.

Set it up: lockstep init --drivers` + exitHelp(),
		Args: exactArgs(1, "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			name, err := a.path(args[0])
			if err != nil {
				return err
			}
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.stdout, merge.Text(data))
			return err
		},
	}
}
