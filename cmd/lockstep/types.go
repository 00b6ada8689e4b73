package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

func newTypesCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "types",
		Short: "List the managed types, from the table itself",
		Long: `Lists the types of configuration that Lockstep manages, in the order in which they are written to a
tenant: name, scope, class, REST path, where each layout keeps them, what they may refer to.` + exitHelp(),
		Args: maxArgs(0),
		RunE: func(*cobra.Command, []string) error { return runTypes(a) },
	}
}

type typeRow struct {
	Name         string       `json:"name"`
	Doc          string       `json:"doc"`
	Scope        string       `json:"scope"`
	Class        schema.Class `json:"class"`
	OnRequest    bool         `json:"onRequest,omitempty"`
	ReadOnly     string       `json:"readOnly,omitempty"`
	Path         string       `json:"path"`
	Version      string       `json:"apiVersion,omitempty"`
	FrConfig     string       `json:"frConfigManager"`
	FrodoSection string       `json:"frodoSection"`
	RefersTo     []string     `json:"refersTo"`
	Evidence     string       `json:"evidence"`
}

func typeRows() []typeRow {
	var rows []typeRow
	for _, t := range schema.Types() {
		r := typeRow{
			Name: t.Name, Doc: t.Doc, Scope: "tenant", Class: t.Class, Path: t.API.Path, Version: t.API.Version,
			FrConfig: t.FrConfig.Path, FrodoSection: t.Frodo.Section, RefersTo: []string{}, Evidence: t.API.Evidence,
			OnRequest: t.OnRequest, ReadOnly: t.ReadOnly,
		}
		if t.API.Member != "" {
			r.Path += "#" + t.API.Member
		}
		if t.FrConfig.Own {
			r.FrConfig += "  (ours: fr-config-manager has none)"
		}
		if t.Frodo.Own {
			r.FrodoSection += "  (ours: frodo has none)"
		}
		if t.Realm {
			r.Scope = "realm"
		}
		seen := map[string]bool{}
		for _, l := range t.Links {
			if !seen[l.To] {
				seen[l.To] = true
				r.RefersTo = append(r.RefersTo, l.To)
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func runTypes(a *app) error {
	format, err := a.outputs(report.Text, report.JSON)
	if err != nil {
		return err
	}
	rows := typeRows()
	if format == report.JSON {
		e := json.NewEncoder(a.stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"types": rows})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TYPE\tSCOPE\tCLASS\tWHAT IT IS")
	for _, r := range rows {
		name, scope, class := r.Name, r.Scope, string(r.Class)
		if r.OnRequest {
			class += "*"
		}
		for line := range strings.SplitSeq(wrapText(r.Doc, a.width(a.stdout)-typesIndent), "\n") {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, scope, class, line)
			name, scope, class = "", "", ""
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.stdout, "\n* read from a tenant on request only: --type, config.types, or when the files\n  have some. Groups of types: all, default, static, dynamic\n"); err != nil {
		return err
	}
	if a.all {
		for _, r := range rows {
			fmt.Fprintf(a.stdout, "\n%s\n  REST               %s  %s\n  fr-config-manager  %s\n  frodo              %s\n  API notes          %s\n",
				r.Name, r.Path, r.Version, r.FrConfig, r.FrodoSection, r.Evidence)
			if r.ReadOnly != "" {
				fmt.Fprintf(a.stdout, "  read only          %s\n", r.ReadOnly)
			}
			if len(r.RefersTo) > 0 {
				fmt.Fprintf(a.stdout, "  refers to          %s\n", strings.Join(r.RefersTo, ", "))
			}
		}
		return nil
	}
	_, err = fmt.Fprintln(a.stdout, "Paths, layouts and references: lockstep types --all, or -o json")
	return err
}

// typesIndent is what the columns before the last take in the list of types.
const typesIndent = 50
