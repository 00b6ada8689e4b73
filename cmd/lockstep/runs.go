package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/report"
)

// runInfo is one run, as `lockstep runs -o json` tells it.
type runInfo struct {
	Run         string    `json:"run"`
	Environment string    `json:"environment"`
	State       string    `json:"state"` // done, interrupted, rolled back, half rolled back, unreadable
	Steps       int       `json:"steps"`
	Done        int       `json:"done"`
	Source      string    `json:"source,omitempty"`
	Started     time.Time `json:"started"`
	Ended       time.Time `json:"ended"` // of the last record
	Error       string    `json:"error,omitempty"`
	Next        []string  `json:"next,omitempty"` // what can be typed about it
}

func newRunsCommand(a *app) *cobra.Command {
	var env string
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "List the runs of apply and esv push, and what can be done about each",
		Long: `Lists the runs that this repository's .lockstep folder keeps, newest first: which tenant, how far, and how
to go on with one that was cut off, or back.` + exitHelp(),
		Args: maxArgs(0),
		RunE: func(*cobra.Command, []string) error { return runRuns(a, env) },
	}
	addEnv(cmd, a, &env)
	return cmd
}

func runRuns(a *app, env string) error {
	format, p, err := a.begin(report.Text, report.JSON)
	if err != nil {
		return err
	}
	dir := filepath.Join(stateDir(p), "runs")
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list runs: %w", err)
	}
	runs := []runInfo{}
	for _, e := range slices.Backward(entries) {
		if !e.IsDir() {
			continue
		}
		if r := readRun(filepath.Join(dir, e.Name())); env == "" || r.Environment == env {
			runs = append(runs, r)
		}
	}
	if format == report.JSON {
		return a.printJSON(map[string]any{"runs": runs})
	}
	if len(runs) == 0 {
		fmt.Fprintln(a.stdout, "No run yet.")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, r := range runs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d of %d steps\t%s\n", r.Run, r.Environment, r.State, r.Done, r.Steps, r.Source)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range runs {
		if r.State != "done" && r.State != "rolled back" {
			fmt.Fprintf(a.stdout, "\n%s is %s", r.Run, r.State)
			if r.Error != "" {
				fmt.Fprintf(a.stdout, ": %s", r.Error)
			}
			fmt.Fprintln(a.stdout)
			for _, n := range r.Next {
				fmt.Fprintf(a.stdout, "  %s\n", n)
			}
		}
	}
	return nil
}

// readRun looks at one run's folder. What can't be read is said, and keeps no other run from the list.
func readRun(dir string) runInfo {
	r := runInfo{Run: filepath.Base(dir), State: "unreadable"}
	records, err := engine.ReadJournal(dir)
	if err != nil {
		r.Error = err.Error()
		return r
	}
	f, err := os.Open(filepath.Join(dir, "plan.json"))
	if err != nil {
		r.Error = "its plan is not there: " + err.Error()
		return r
	}
	plan, err := engine.ReadPlan(f, "plan.json")
	if cerr := f.Close(); err != nil || cerr != nil {
		r.Error = errors.Join(err, cerr).Error()
		return r
	}
	r.Environment, r.Steps, r.Source = plan.Environment.Name, len(plan.Steps), planView(plan).Source
	if len(records) > 0 {
		r.Started, r.Ended = records[0].Time, records[len(records)-1].Time
	}
	undone := false
	for _, rec := range records {
		switch rec.What {
		case "did":
			r.Done++
		case "fail":
			r.Error = rec.Error
		case "rolling back":
			undone = true
		}
	}
	file := ".lockstep/runs/" + r.Run + "/plan.json"
	last := ""
	if len(records) > 0 {
		last = records[len(records)-1].What
	}
	switch over := engine.Over(records); {
	case over && last == "rolled back":
		r.State, r.Error = "rolled back", ""
	case over:
		r.State, r.Error, r.Next = "done", "", []string{"Go back:  lockstep rollback " + r.Run}
	case undone:
		r.State, r.Next = "half rolled back", []string{"Go back:  lockstep rollback " + r.Run}
	default:
		r.State = "interrupted"
		r.Next = []string{"Go on:    lockstep apply " + file, "Go back:  lockstep rollback " + r.Run}
	}
	return r
}
