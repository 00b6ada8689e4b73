package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine/report"
)

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "Prints the version of lockstep, of Go, and the system it was built for." + exitHelp(),
		Args:  maxArgs(0),
		RunE: func(*cobra.Command, []string) error {
			format, err := a.outputs(report.Text, report.JSON)
			if err != nil {
				return err
			}
			if format == report.JSON {
				return json.NewEncoder(a.stdout).Encode(map[string]string{"version": toolVersion(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
			}
			_, err = fmt.Fprintf(a.stdout, "lockstep %s %s %s/%s\n", toolVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
