package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRootCommand builds the command tree.
func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "lockstep",
		Short: "Keeps PingOne Advanced Identity Cloud tenants in lockstep with git",
		Long: `Lockstep keeps ForgeRock / PingOne Advanced Identity Cloud tenants in lockstep with git.

A repository of journeys, scripts, email templates, CORS, ESVs and the rest is validated, compared by
meaning with an exported snapshot or a live tenant, checked for missing ESVs and embedded encrypted
secrets, written as a plan that can be reviewed, applied to development and promoted, dry run first.

A SOURCE is a path ("." when omitted), git:REV (a commit, tag or branch; nothing is checked out), or
env:NAME (the live tenant of an environment in lockstep.yaml).

First time here? Try all of it on a simulated tenant group: lockstep sandbox --help`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if colours := []string{"auto", "always", "never"}; !slices.Contains(colours, a.color) {
				return usageError(cmd, fmt.Errorf("--color %s: it is auto, always or never", a.color))
			}
			if a.timeout < 0 {
				return usageError(cmd, fmt.Errorf("--timeout %s: a time limit is above zero", a.timeout))
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError(cmd, withSuggestion(cmd, err)) })
	globalFlags(a, root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: "look", Title: "Look:"},
		&cobra.Group{ID: "change", Title: "Change:"},
		&cobra.Group{ID: "git", Title: "In git and CI:"},
		&cobra.Group{ID: "help", Title: "Set up and help:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("look", newValidateCommand(a), newDiffCommand(a), newGraphCommand(a), newExportCommand(a), newShowCommand(a), newDriftCommand(a))
	add("change", newESVCommand(a), newPlanCommand(a), newApplyCommand(a), newApproveCommand(a), newRollbackCommand(a), newRunsCommand(a), newPromoteCommand(a), newSessionCommand(a))
	add("git", newCheckCommand(a), newCommentCommand(a), newHookCommand(a), newMergeCheckCommand(a), newMergeDriverCommand(a), newTextconvCommand(a))
	add("help", newInitCommand(a), newSandboxCommand(a), newDemoCommand(a), newTypesCommand(a), newExplainCommand(a), newSchemaCommand(a), newDoctorCommand(a), newVersionCommand(a))
	root.SetHelpCommandGroupID("help")
	root.SetCompletionCommandGroupID("help")
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(newHelpCommand(root))
	finish(root)
	return root
}

// finish gives every command that only holds others an error for a name that is none of them (cobra prints
// its help and succeeds), and cobra's own commands the exit codes in their help.
func finish(cmd *cobra.Command) {
	if cmd.HasSubCommands() && (cmd.Run == nil && cmd.RunE == nil || !cmd.HasParent()) {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(cmd, unknown("command", strings.TrimSpace(cmd.CommandPath()+" "+args[0]), commandPaths(cmd)))
			}
			return cmd.Help()
		}
	}
	if !strings.Contains(cmd.Long, "Exit codes:") {
		cmd.Long = cmp.Or(cmd.Long, cmd.Short+".") + exitHelp()
	}
	for _, c := range cmd.Commands() {
		finish(c)
	}
}

func commandPaths(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.CommandPath())
	}
	return names
}

// newHelpCommand is cobra's, but for a name that is no command: that is an error.
func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command", GroupID: "help",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError(root, unknown("command", "lockstep "+strings.Join(args, " "), commandPaths(c)))
			}
			return c.Help()
		},
	}
}

func globalFlags(a *app, f *pflag.FlagSet) {
	f.StringVarP(&a.chdir, "chdir", "C", ".", "work as if started in this folder")
	f.StringVar(&a.configFile, "config", "", "read this lockstep.yaml instead of looking for one upwards")
	f.StringVarP(&a.output, "output", "o", "text", "output format: text, json, markdown and others, by command")
	f.StringVar(&a.color, "color", "auto", "colour: auto, always, never (NO_COLOR is honoured)")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print results and errors only")
	f.BoolVar(&a.noCache, "no-cache", false, "read and check everything anew (LOCKSTEP_CACHE=off does it always)")
	f.BoolVar(&a.all, "all", false, "show what is folded away otherwise: nodes that only moved, the rest of long texts")
	f.IntVar(&a.parallel, "parallel", 0, "requests in flight at most (default: the environment's, else 8)")
	f.DurationVar(&a.timeout, "timeout", 0, "time limit of one request to a tenant, its whole answer included (default: the environment's, else 1m)")
	f.BoolVarP(&a.yes, "yes", "y", false, "answer yes to questions")
}

// withSuggestion adds the nearest flag to an unknown one; cobra does that for commands only.
func withSuggestion(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !asNotExist(err, &unknown) {
		return err
	}
	var names []string
	collect := func(f *pflag.Flag) { names = append(names, f.Name) }
	cmd.Flags().VisitAll(collect)
	cmd.InheritedFlags().VisitAll(collect)
	if s := suggest(unknown.GetSpecifiedName(), names); s != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, s)
	}
	return err
}

// noArgs and maxArgs are cobra's, with the command's help named.
func maxArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError(cmd, fmt.Errorf("unexpected argument %q", args[n]))
		}
		return nil
	}
}

func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return usageError(cmd, fmt.Errorf("%s is missing", what))
		}
		return maxArgs(n)(cmd, args)
	}
}
