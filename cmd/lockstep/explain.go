package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

func newExplainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Say what a finding means and what to do; without a code, list them",
		Long:  "Says why a finding is one, with a bad and a good example, and what to do. Without a CODE it lists all codes." + exitHelp(),
		Args:  maxArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return codeNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			format, err := a.outputs(report.Text, report.JSON)
			if err != nil {
				return err
			}
			codes := schema.Codes()
			if len(args) > 0 {
				c, ok := schema.CodeOf(args[0])
				if !ok {
					return unknown("code", args[0], codeNames())
				}
				codes = []schema.Code{c}
			}
			if format == report.JSON {
				return explainJSON(a, codes)
			}
			if len(args) == 0 {
				return listCodes(a)
			}
			c := codes[0]
			_, err = fmt.Fprintf(a.stdout, "%s  (%s)\n%s\n\n%s\n", a.style(a.stdout).Bold(c.Name), c.Severity, c.Summary, c.Help())
			return err
		},
	}
}

// explainJSON writes the codes for programs: what a finding means, and where it is documented.
func explainJSON(a *app, codes []schema.Code) error {
	type row struct {
		Code          string `json:"code"`
		Severity      string `json:"severity"`
		Summary       string `json:"summary"`
		Explanation   string `json:"explanation"`
		Documentation string `json:"documentation,omitempty"` // sections of the vendor's documentation
	}
	rows := make([]row, len(codes))
	for i, c := range codes {
		rows[i] = row{c.Name, c.Severity.String(), c.Summary, c.Explain, c.Docs}
	}
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"codes": rows})
}

func codeNames() []string {
	var names []string
	for _, c := range schema.Codes() {
		names = append(names, c.Name)
	}
	return names
}

func listCodes(a *app) error {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, c := range schema.Codes() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Name, c.Severity, c.Summary)
	}
	return w.Flush()
}

// unknown is the error for a name that is none, with the nearest one.
func unknown(what, name string, known []string) error {
	if s := suggest(name, known); s != "" {
		return fmt.Errorf("there is no %s %q; did you mean %s?", what, name, s)
	}
	return fmt.Errorf("there is no %s %q", what, name)
}

func suggest(name string, known []string) string { return schema.Suggest(name, known) }
