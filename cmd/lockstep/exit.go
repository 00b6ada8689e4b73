package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
)

// The exit codes (product contract, "Commands"). They stand once in the code, here.
const (
	exitOK          = 0
	exitFailed      = 1
	exitChanges     = 2
	exitFindings    = 3
	exitStale       = 4
	exitLocked      = 5
	exitInterrupted = 130
)

var exitMeanings = map[int]string{
	exitOK:          "done, nothing to report",
	exitFailed:      "failed: usage, input or output, network, tenant",
	exitChanges:     "there are changes, or drift that is not accepted",
	exitFindings:    "findings at or above --fail-on",
	exitStale:       "the plan is stale: the tenant moved since it was made",
	exitLocked:      "locked or blocked: another promotion, another run, a blocking promotion error",
	exitInterrupted: "interrupted",
}

// exitHelp is the part of a command's help that tells its exit codes.
func exitHelp(codes ...int) string {
	var b strings.Builder
	b.WriteString("\n\nExit codes:\n")
	for _, c := range append([]int{exitOK, exitFailed}, codes...) {
		fmt.Fprintf(&b, "  %-4d %s\n", c, exitMeanings[c])
	}
	return strings.TrimRight(b.String(), "\n")
}

// exitError ends a command with a code. A nil err means that all is said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return exitMeanings[e.code]
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// said ends a command with a code after it has printed all there is to say.
func said(code int) error {
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

// exitCode finds the code of an error.
func exitCode(err error) int {
	var exit *exitError
	var stale *engine.StaleError
	var locked *engine.LockedError
	var promotion *engine.PromotionError
	var review *engine.ReviewError
	var signature *engine.SignatureError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &stale), errors.As(err, &review):
		return exitStale
	case errors.As(err, &locked), errors.As(err, &signature), tenant.IsLocked(err):
		return exitLocked
	case errors.As(err, &promotion):
		if promotion.Blocked() {
			return exitLocked
		}
		return exitFindings
	default:
		return exitFailed
	}
}

// run parses the arguments, runs the command and prints what its error says.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRootCommand(a)
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	code := exitCode(err)
	if err == nil {
		return code
	}
	var exit *exitError
	if errors.As(err, &exit) && exit.err == nil {
		return code
	}
	if code == exitInterrupted {
		var more *interruptedError
		if errors.As(err, &more) {
			fmt.Fprintf(a.stderr, "\n%s\n", more.text)
		} else {
			fmt.Fprintln(a.stderr, "\nInterrupted. Nothing was changed.")
		}
		return code
	}
	a.printError(err)
	return code
}

// interruptedError says how to go on after an interruption.
type interruptedError struct {
	text string
	err  error
}

func (e *interruptedError) Error() string { return e.text }
func (e *interruptedError) Unwrap() error { return e.err }

// printError prints an error as "lockstep: what happened", further lines indented below.
func (a *app) printError(err error) {
	head, rest, _ := strings.Cut(err.Error(), "\n")
	fmt.Fprintf(a.stderr, "%s %s\n", a.style(a.stderr).Bold("lockstep:"), head)
	for line := range strings.SplitSeq(strings.TrimRight(rest, "\n"), "\n") {
		if line != "" {
			fmt.Fprintf(a.stderr, "  %s\n", strings.TrimPrefix(line, "  "))
		}
	}
}

// usageError turns wrong arguments into an error that names the command's help.
func usageError(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w\nSee: %s --help", err, cmd.CommandPath())
}
