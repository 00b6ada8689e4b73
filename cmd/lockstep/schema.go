package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/schema"
)

func newSchemaCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "The JSON Schemas that configuration is checked against",
		Args:  maxArgs(0),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "export DIR",
		Short: "Write the JSON Schemas, with a mapping that editors understand",
		Long: `Writes one JSON Schema a type, and one a type of journey node, into DIR, which is made if need be; and
DIR/settings.json, with the mapping from files to schemas that VS Code reads. Copy its "json.schemas" into
.vscode/settings.json, or let an editor that reads SchemaStore catalogues read DIR/catalog.json.

A placeholder may stand wherever its value may.` + exitHelp(),
		Example: `  lockstep schema export .schemas`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return exportSchemas(a, args[0]) },
	})
	return cmd
}

func exportSchemas(a *app, dir string) error {
	to, err := a.path(dir)
	if err != nil {
		return err
	}
	files, err := schema.ExportSchemas(filepath.ToSlash(dir))
	if err != nil {
		return err
	}
	for _, name := range schema.SortedKeys(files) {
		file := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := engine.WriteFile(file, files[name], 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.stdout, "%d files in %s; its settings.json is for .vscode/settings.json\n", len(files), dir)
	return err
}
