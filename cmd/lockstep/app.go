package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// app is all that a command may touch: streams, environment, clock, network. Global flags are in it, too.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            config.Lookup
	now            func() time.Time
	transport      http.RoundTripper // nil means the network
	terminal       func(io.Writer) (width int, ok bool)
	cacheDir       func() (string, error) // the user's; nil means that nothing is kept

	chdir, configFile, output, color string
	quiet, yes, all, noCache         bool
	parallel                         int
	timeout                          time.Duration

	// What is read from a tenant beside the usual, since files or a plan have it: see asks.
	requested []string     // types
	keys      []schema.Key // resources of types without a list
	reading   []string     // the types that are read now
}

func newApp() *app {
	return &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.LookupEnv, now: time.Now, cacheDir: os.UserCacheDir,
		terminal: func(w io.Writer) (int, bool) {
			f, ok := w.(*os.File)
			if !ok || !term.IsTerminal(int(f.Fd())) {
				return 0, false
			}
			width, _, err := term.GetSize(int(f.Fd()))
			return width, err == nil
		},
	}
}

// version is set by packagers at link time; else it comes from the build information.
var version = ""

func toolVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// style says whether to colour what goes to w.
func (a *app) style(w io.Writer) report.Style {
	switch a.color {
	case "always":
		return report.Coloured()
	case "never":
		return report.Style{}
	}
	if v, ok := a.env("NO_COLOR"); ok && v != "" {
		return report.Style{}
	}
	if v, _ := a.env("TERM"); v == "dumb" {
		return report.Style{}
	}
	if _, tty := a.terminal(w); tty {
		return report.Coloured()
	}
	return report.Style{}
}

// width is the number of columns to write for: the terminal's, else 80.
func (a *app) width(w io.Writer) int {
	if n, ok := a.terminal(w); ok && n >= 40 {
		return n
	}
	return 80
}

func (a *app) options() report.Options {
	return report.Options{Style: a.style(a.stdout), Width: a.width(a.stdout), All: a.all}
}

// dir is the working directory, -C applied.
func (a *app) dir() (string, error) {
	dir, err := filepath.Abs(a.chdir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("there is no folder %s (-C)", a.chdir)
	}
	return dir, nil
}

// path makes a path from the command line absolute.
func (a *app) path(p string) (string, error) {
	if filepath.IsAbs(p) {
		return p, nil
	}
	dir, err := a.dir()
	return filepath.Join(dir, p), err
}

// project reads lockstep.yaml, or makes one of the peers' environment variables. Faults in it are printed
// and end the command: what a faulty configuration means is not for us to guess.
func (a *app) project() (*config.Project, error) {
	dir, err := a.dir()
	if err != nil {
		return nil, err
	}
	file := a.configFile
	if file != "" {
		if file, err = a.path(file); err != nil {
			return nil, err
		}
	}
	p, diags, err := config.Find(dir, file, a.env)
	if err != nil {
		return nil, err
	}
	if diags.Count(schema.Error) > 0 {
		if err := a.printFindings(diags, 0); err != nil {
			return nil, err
		}
		return nil, said(exitFailed)
	}
	return p, nil
}

func (a *app) errOptions() report.Options {
	return report.Options{Style: a.style(a.stderr), Width: a.width(a.stderr), All: a.all}
}

// begin is how most commands begin: with the output format, one of those that the command can write, and the
// project.
func (a *app) begin(formats ...report.Format) (report.Format, *config.Project, error) {
	format, err := a.outputs(formats...)
	if err != nil {
		return "", nil, err
	}
	p, err := a.project()
	return format, p, err
}

// printFindings shows findings that keep a command from going on.
func (a *app) printFindings(diags schema.Diagnostics, resources int) error {
	return report.Write(a.stderr, report.Text, &report.Report{Checked: true, Findings: diags, Resources: resources}, a.errOptions())
}

// client makes the client of an environment's tenant, with the scopes of a promotion when promote is asked for.
func (a *app) client(e *config.Environment, promote bool) (*tenant.Client, error) {
	return a.clientFor(e, clientNeeds{promote: promote})
}

// clientNeeds are what a client is for, beyond reading and writing configuration and ESVs.
type clientNeeds struct{ promote, direct bool }

// clientFor makes the client of an environment's tenant. The scopes are the environment's, else the usual
// ones, with those that the work needs.
func (a *app) clientFor(e *config.Environment, needs clientNeeds) (*tenant.Client, error) {
	access, err := e.Access()
	if err != nil {
		return nil, err
	}
	scope := access.Scope
	if scope == "" {
		scope = tenant.DefaultScope
		if needs.promote {
			scope += " " + tenant.PromotionScope
		}
		if needs.direct {
			scope += " " + tenant.SessionScope
		}
	}
	parallel := e.Parallel
	if a.parallel > 0 {
		parallel = a.parallel
	}
	timeout := cmp.Or(a.timeout, e.Timeout, time.Minute)
	rate, poll, retries := e.Rate, time.Duration(0), 0
	if onLoopback(access.URL) {
		// A sandbox is nobody's production: no reason to go easy on it, nor to wait for one that is gone.
		poll, retries = 250*time.Millisecond, 1
		if rate == 0 {
			rate = -1
		}
	}
	return tenant.New(tenant.Config{
		Name: e.Name, URL: access.URL, ServiceAccount: access.ID, Key: access.Key.Reveal(), Token: string(access.Token.Reveal()),
		Scope: scope, Optional: func() []string { return a.moreScopes() }, Parallel: parallel, Rate: rate, Poll: poll, Retries: retries, Timeout: timeout, Transport: a.transport,
		Direct: needs.direct, UserAgent: "lockstep/" + toolVersion(),
	})
}

// canAsk says whether there is a terminal to ask on.
func (a *app) canAsk() bool {
	in, ok := a.stdin.(*os.File)
	return ok && term.IsTerminal(int(in.Fd()))
}

// question asks a question on the terminal; the answer is trimmed and in lower case. Its error is io.EOF when
// the input ends without one.
func (a *app) question(ctx context.Context, text string) (string, error) {
	fmt.Fprint(a.stderr, text)
	type read struct {
		line string
		err  error
	}
	answer := make(chan read, 1)
	go func() {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		answer <- read{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-answer:
		if r.err != nil && r.line == "" {
			return "", r.err
		}
		return strings.ToLower(strings.TrimSpace(r.line)), nil
	}
}

// confirm asks a question on the terminal. Without one, --yes is needed.
func (a *app) confirm(ctx context.Context, question string) error {
	if a.yes {
		return nil
	}
	if !a.canAsk() {
		return errors.New("this needs a yes, and there is no terminal to ask on; run it with --yes once you have read what it will do")
	}
	s, err := a.question(ctx, question+" [y/N] ")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && (s == "y" || s == "yes") {
		return nil
	}
	return errors.New("not confirmed; nothing was changed")
}

// note prints a line about what goes on, unless --quiet.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// outputs checks -o against what the command can do.
func (a *app) outputs(allowed ...report.Format) (report.Format, error) {
	f := report.Format(a.output)
	if f == "" {
		f = report.Text
	}
	if !slices.Contains(allowed, f) {
		names := make([]string, len(allowed))
		for i, x := range allowed {
			names[i] = string(x)
		}
		return "", fmt.Errorf("-o %s: this command writes %s", a.output, strings.Join(names, ", "))
	}
	return f, nil
}

// stateDir is where runs and their kept bodies lie: .lockstep at the project's root.
func stateDir(p *config.Project) string { return filepath.Join(p.Root, ".lockstep") }
