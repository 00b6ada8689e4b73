package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type installOptions struct {
	onFailure, policyFrom string
}

// hookMark tells our hooks from others'.
const hookMark = "# Installed by lockstep; lockstep hook uninstall takes it away."

// hookScript hands git's lines on, first to the hook that was there before. A program that is not there is no
// reason to let a push pass, nor to lose a day: it says what to do.
const hookScript = `#!/bin/sh
` + hookMark + `
input=$(cat; echo x)
input=${input%x}
if [ -x "$0.before-lockstep" ]; then
	printf '%s' "$input" | "$0.before-lockstep" "$@" || exit $?
fi
lockstep=$(command -v lockstep) || lockstep=PROGRAM
if [ ! -x "$lockstep" ]; then
	echo "lockstep is not on the PATH, so the WHAT was not checked. MISSING" >&2
	exit MISSINGCODE
fi
printf '%s' "$input" | "$lockstep" hook NAME FLAGS"$@"
`

// Husky's files are committed and shared, so they get a block of their own, which leaves what git says to the
// rest of the file.
const (
	blockStart = "# >>> lockstep (lockstep hook uninstall takes this block away)"
	blockEnd   = "# <<< lockstep"
	huskyBlock = blockStart + `
lockstep_input=$(cat; echo x)
printf '%s' "${lockstep_input%x}" | lockstep hook NAME "$@" || exit $?
exec <<LOCKSTEP_INPUT
${lockstep_input%x}
LOCKSTEP_INPUT
` + blockEnd + "\n"
)

// hookFile is where a hook goes, and whether husky owns the file.
func hookFile(a *app, name string) (file string, husky bool, err error) {
	if !slices.Contains(hookNames(), name) {
		return "", false, unknown("hook", name, hookNames())
	}
	g, err := a.gitHere()
	if err != nil {
		return "", false, err
	}
	dir, err := g.HooksDir()
	if err != nil {
		return "", false, err
	}
	// husky 9 points core.hooksPath at .husky/_, which it generates; earlier ones at .husky.
	above := filepath.Dir(dir)
	switch {
	case filepath.Base(dir) == "_" && filepath.Base(above) == ".husky":
		return filepath.Join(above, name), true, nil
	case filepath.Base(dir) == ".husky":
		return filepath.Join(dir, name), true, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", false, fmt.Errorf("git looks for hooks in %s, and that can't be a folder: %w (core.hooksPath)", dir, err)
	}
	return filepath.Join(dir, name), false, nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// hookText is the script of a hook.
func hookText(name string, o installOptions) (string, error) {
	program, err := os.Executable()
	if err != nil {
		program = "lockstep"
	}
	what, missing, code, flags := "push", "Install it, or push with --no-verify.", "1", ""
	if name == "pre-commit" {
		what, missing = "commit", "Install it, or commit with --no-verify."
	}
	if name == "pre-receive" {
		missing = "Whoever runs this server must install it."
		if o.onFailure == "accept" {
			code = "0"
		}
		if o.onFailure != "" {
			flags += "--on-failure " + o.onFailure + " "
		}
		if o.policyFrom != "" {
			flags += "--policy-from " + shellQuote(o.policyFrom) + " "
		}
	} else if o != (installOptions{}) {
		return "", fmt.Errorf("--on-failure and --policy-from are for pre-receive; %s stops what could not be checked, and --no-verify goes past it", name)
	}
	return strings.NewReplacer("PROGRAM", shellQuote(filepath.ToSlash(program)), "WHAT", what, "MISSINGCODE", code, "MISSING", missing, "NAME", name, "FLAGS", flags).Replace(hookScript), nil
}

func runHookInstall(a *app, name string, o installOptions) error {
	if o.onFailure != "" && o.onFailure != "reject" && o.onFailure != "accept" {
		return fmt.Errorf("--on-failure %s: it is reject or accept", o.onFailure)
	}
	file, husky, err := hookFile(a, name)
	if err != nil {
		return err
	}
	text, err := hookText(name, o)
	if err != nil {
		return err
	}
	if husky {
		return a.installBlock(file, name)
	}
	before := file + ".before-lockstep"
	old, err := os.ReadFile(file)
	switch {
	case err == nil && string(old) == text:
		a.note("The %s hook is installed already: %s", name, file)
		return nil
	case err == nil && strings.Contains(string(old), hookMark):
		// Ours, from another version or with other flags: renewed.
	case err == nil:
		if _, err := os.Lstat(before); err == nil {
			return fmt.Errorf("install %s: both %s and %s are there, and neither is ours; move one away", name, file, before)
		}
		if err := os.Rename(file, before); err != nil {
			return err
		}
		a.note("The hook that was there is kept as %s and called first.", filepath.Base(before))
		if strings.Contains(string(old), "https://pre-commit.com") {
			a.note("It is pre-commit.com's. Its own way is the hook lockstep-%s in .pre-commit-config.yaml, from Lockstep's repository.", name)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
		return err
	}
	if err := os.Chmod(file, 0o755); err != nil { // a file that is written over keeps its mode
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "Installed %s\n", file)
	return err
}

// installBlock puts the block at the top of husky's file, below its first lines.
func (a *app) installBlock(file, name string) error {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.Contains(string(old), blockStart) {
		a.note("The %s hook is installed already: %s", name, file)
		return nil
	}
	head, rest := "", string(old)
	// The first lines are husky's: its shebang, and the line that reads husky.sh.
	for strings.HasPrefix(rest, "#!") || strings.HasPrefix(rest, ". ") || strings.HasPrefix(rest, "\n") && head != "" {
		line, after, _ := strings.Cut(rest, "\n")
		head, rest = head+line+"\n", after
	}
	if err := os.WriteFile(file, []byte(head+strings.ReplaceAll(huskyBlock, "NAME", name)+rest), 0o755); err != nil {
		return err
	}
	a.note("husky manages the hooks here: the file is committed, so the others have it, too.")
	_, err = fmt.Fprintf(a.stdout, "Installed %s\n", file)
	return err
}

func runHookUninstall(a *app, name string) error {
	file, husky, err := hookFile(a, name)
	if err != nil {
		return err
	}
	old, err := os.ReadFile(file)
	mark := hookMark
	if husky {
		mark = blockStart
	}
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.Contains(string(old), mark) {
		return fmt.Errorf("there is no %s hook of lockstep in %s", name, filepath.Dir(file))
	}
	if err != nil {
		return err
	}
	if husky {
		err = removeBlock(file, string(old))
	} else if err = os.Remove(file); err == nil {
		if err = os.Rename(file+".before-lockstep", file); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "Removed %s\n", file)
	return err
}

func removeBlock(file, text string) error {
	head, rest, _ := strings.Cut(text, blockStart)
	_, tail, ok := strings.Cut(rest, blockEnd+"\n")
	if !ok {
		return fmt.Errorf("%s: the end of lockstep's block is gone; take it out by hand", file)
	}
	if head+tail == "" {
		return os.Remove(file)
	}
	return os.WriteFile(file, []byte(head+tail), 0o755)
}
