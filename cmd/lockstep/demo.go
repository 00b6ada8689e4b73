package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/schema"
)

func newDemoCommand(a *app) *cobra.Command {
	dir := ""
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Tell the whole story on the embedded sandbox: from a pull request to staging, and drift",
		Long: `Runs the main job on real configuration and a simulated tenant group: a change to a journey, its script, an
email template and CORS is compared, validated and checked, mended, planned, applied to development and
promoted to staging, dry run first; then somebody edits a tenant by hand. It takes less than a minute,
talks to this machine only, and leaves a report and the repository behind to play with.` + exitHelp(exitInterrupted),
		Args: maxArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), a, dir) },
	}
	cmd.Flags().StringVarP(&dir, "dir", "d", "demo", "folder for the repository, the sandbox and report.html")
	return cmd
}

// A scene is one step of the story: what is told, the command that is run, and what must come of it.
type scene struct {
	heading, text string
	before        func(*story) error
	args          []string
	code          int
	shows         []string // must be in the output
	hides         []string // must not be
}

// story is a demo in progress.
type story struct {
	a       *app
	ctx     context.Context
	dir     string // of the demo
	repo    string // the repository in it
	sandbox *sandbox
	steps   []report.StoryStep
	style   report.Style
	width   int
}

// demoMark is the file that tells a demo's folder from any other: only such a folder is emptied.
const demoMark = ".lockstep-demo"

func runDemo(ctx context.Context, a *app, dir string) (err error) {
	path, err := a.path(dir)
	if err != nil {
		return err
	}
	start := a.now()
	s := &story{a: a, ctx: ctx, dir: path, repo: filepath.Join(path, "repository"), style: a.style(a.stdout), width: a.width(a.stdout)}
	if err := s.setUp(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.sandbox.close()) }()
	for i, sc := range scenes() {
		if err := s.play(i+1, sc); err != nil {
			return err
		}
	}
	file, err := s.writeReport()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\n%s\n%s\n", s.style.Bold("The end, in "+took(a.now().Sub(start))+"."), strings.Join([]string{
		"  The report          " + file,
		"  The repository      " + s.repo,
		"  Play on             cd " + s.repo,
		"                      lockstep sandbox --state ../sandbox    in another window",
	}, "\n"))
	return nil
}

// setUp makes the folder, the repository with its first commit, and the sandbox.
func (s *story) setUp() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(s.dir, demoMark)); err != nil {
			return fmt.Errorf("the folder %s is there and no demo of ours; take another one with --dir", s.dir)
		}
		if err := os.RemoveAll(s.dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.repo, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, demoMark), []byte("lockstep demo makes this folder anew at every run.\n"), 0o644); err != nil {
		return err
	}
	if err := s.overlay(examples.Quickstart()); err != nil {
		return err
	}
	seed, diags, err := repo.LoadPath(filepath.Join(s.repo, "config"), repo.Options{Origin: "the quickstart"})
	if err != nil {
		return err
	}
	if n := diags.Count(schema.Error); n > 0 {
		return fmt.Errorf("the quickstart has %d errors: %s", n, diags[0].Message)
	}
	pace := time.Second
	s.sandbox, _, err = startSandbox(filepath.Join(s.dir, "sandbox"), consecutive(0), sim.Options{Now: s.a.now, RestartDuration: pace, LockDuration: pace, PhaseDuration: pace}, seed)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.repo, "lockstep.yaml"), []byte(s.config()), 0o644); err != nil {
		return errors.Join(err, s.sandbox.close())
	}
	if err := errors.Join(repo.Init(s.repo), s.commit("Adopt the configuration of the development tenant")); err != nil {
		return errors.Join(err, s.sandbox.close())
	}
	return nil
}

// config is the repository's lockstep.yaml, for the sandbox of this run.
func (s *story) config() string {
	out := "version: 1\nconfig: {dir: config}\nenvironments:\n"
	for _, e := range sandboxEnvironments {
		out += fmt.Sprintf("  %s:\n    url: %s\n    role: %s\n", e.name, s.sandbox.urls[e.role], e.role)
		if e.from != "" {
			out += "    promoteFrom: " + e.from + "\n"
		}
		out += fmt.Sprintf("    serviceAccount: {id: %s, keyFile: ../sandbox/service-account.jwk}\n    esvs: esvs/%s.yaml\n", s.sandbox.group.ServiceAccount().ID, e.name)
	}
	return out
}

// overlay writes files over the repository's.
func (s *story) overlay(files fs.FS) error {
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "MESSAGE" {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		to := filepath.Join(s.repo, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}

func (s *story) commit(message string) error {
	_, err := repo.CommitAll(s.repo, message, s.a.now())
	return err
}

// nextCommit adds the n-th commit of the story.
func nextCommit(n int) func(*story) error {
	return func(s *story) error {
		c := examples.History()[n]
		if err := s.overlay(c.Files); err != nil {
			return err
		}
		return s.commit(c.Message)
	}
}

// retryNode is the document of the node that an administrator edits by hand.
const retryNode = "/am/json/realms/root/realms/alpha/realm-config/authentication/authenticationtrees/nodes/RetryLimitDecisionNode/1.0/2119f332-0f69-4088-a7a1-6582bf0f2001"

// editByHand is the second administrator.
func editByHand(s *story) error {
	return s.sandbox.group.Tenant("development").Edit(retryNode, func(body json.RawMessage) (json.RawMessage, error) {
		v, err := schema.ParseJSON(body)
		if err != nil {
			return nil, err
		}
		node, ok := v.(map[string]any)
		if !ok {
			return nil, errors.New("the node is not there")
		}
		node["retryLimit"] = 99
		return schema.CompactJSON(node), nil
	})
}

func scenes() []scene {
	return []scene{
		{
			heading: "Git and three tenants",
			text:    "A repository as fr-config-pull wrote it, and a development, a staging and a production tenant, simulated on this machine.",
			args:    []string{"drift"},
			shows:   []string{"dev", "staging", "prod", "in sync"},
		},
		{
			heading: "A colleague commits a change",
			text:    "Login sends people with an expired password to ResetPassword, takes the number of tries from an ESV, and the shop gets CORS.",
			before:  nextCommit(0),
			args:    []string{"diff", "git:HEAD~1", "git:HEAD"},
			shows:   []string{"Reset Expired Password", "outcome EXPIRED", "Check Username", "acme-shop", "welcome", "esv-shop-origin"},
		},
		{
			heading: "Validated before it leaves the laptop",
			text:    "Only what the change brings is reported. Somebody saved the mail password in the admin UI, and the export carried it, encrypted, into git.",
			args:    []string{"validate", "--base", "git:HEAD~1"},
			code:    exitFindings,
			shows:   []string{"encrypted-secret", "config/email-provider/external.email.json:"},
		},
		{
			heading: "What staging would say",
			text:    "The pull request's check, with the promotion's own integrity checks, before any promotion and without credentials: the ESVs of each environment are declared in git.",
			args:    []string{"check", "--base", "HEAD~1", "--env", "staging"},
			code:    exitFindings,
			shows:   []string{"esv-shop-origin", "staging", "config/cors/cors-config.json:", "encrypted-secret"},
		},
		{
			heading: "Both are mended",
			text:    "The password becomes a placeholder again, and staging gets its own shop address. The pull request's check is green.",
			before:  nextCommit(1),
			args:    []string{"check", "--base", "HEAD~2", "--env", "staging"},
			shows:   []string{"staging"},
			hides:   []string{"error["},
		},
		{
			heading: "A plan to review",
			text:    "In a safe order: ESVs, a restart since something reads them, and the journey last. It holds no secret.",
			args:    []string{"plan", "--env", "dev", "--out", "plan.json"},
			shows:   []string{"restart services", "Login", "plan.json"},
		},
		{
			heading: "Carried out, exactly as reviewed",
			text:    "Every body is kept before it is written over; cut off anywhere, the same command goes on.",
			args:    []string{"apply", "plan.json"},
			shows:   []string{"restarted", "Login", "rollback"},
		},
		{
			heading: "Staging gets its own values",
			text:    "ESVs are never promoted: each environment has its own.",
			args:    []string{"esv", "push", "--env", "staging", "--name", "esv-login-retry-limit", "--name", "esv-shop-origin", "--yes"},
			shows:   []string{"esv-shop-origin", "created", "restart"},
		},
		{
			heading: "Dry run first",
			text:    "Lock, integrity checks over the whole configuration, report, unlock. Nothing changes.",
			args:    []string{"promote", "staging", "--dry-run"},
			shows:   []string{"dry run", "unlocked", "nothing was promoted"},
		},
		{
			heading: "Promoted",
			text:    "The dry run must change what was reviewed, and nothing else. The lock is always given back.",
			args:    []string{"promote", "staging", "--plan", "plan.json", "--yes"},
			shows:   []string{"the same that were reviewed", "Promoted to staging", "Retry Limit Decision in Login", "unlocked"},
		},
		{
			heading: "In lockstep",
			text:    "Development and staging hold what git says.",
			args:    []string{"drift", "--env", "dev", "--env", "staging"},
			shows:   []string{"dev", "staging", "in sync"},
			hides:   []string{"difference"},
		},
		{
			heading: "Somebody edits the tenant by hand",
			text:    "An administrator raises the number of tries in the admin UI, just for a moment. Drift shows exactly that.",
			before:  editByHand,
			args:    []string{"drift", "--env", "dev", "--env", "staging"},
			code:    exitChanges,
			shows:   []string{"1 difference", "alpha/journey/Login", "retryLimit", "99"},
		},
	}
}

// play tells a scene, runs its command as a user would, and checks what came of it.
func (s *story) play(n int, sc scene) error {
	if sc.before != nil {
		if err := sc.before(s); err != nil {
			return fmt.Errorf("demo, scene %d: %w", n, err)
		}
	}
	w := s.a.stdout
	head := fmt.Sprintf("── %d · %s ", n, sc.heading)
	fmt.Fprintf(w, "\n%s\n", s.style.Bold(head+strings.Repeat("─", max(3, min(s.width, 100)-len([]rune(head))))))
	fmt.Fprintf(w, "%s\n\n%s\n\n", wrapText(sc.text, min(s.width, 100)), s.style.Dim("$ lockstep "+strings.Join(sc.args, " ")))
	var out bytes.Buffer
	sub := *s.a
	sub.stdout = io.MultiWriter(w, &out)
	sub.stderr = io.MultiWriter(s.a.stderr, &out)
	sub.chdir, sub.output, sub.quiet, sub.yes, sub.all, sub.configFile = s.repo, "", false, false, false, ""
	sub.terminal = func(io.Writer) (int, bool) { return s.a.terminal(w) }
	code := sub.run(s.ctx, append([]string{"-C", s.repo, "--color", s.a.color}, sc.args...))
	if err := s.ctx.Err(); err != nil {
		return err
	}
	text := plainText(out.String())
	s.steps = append(s.steps, report.StoryStep{Heading: sc.heading, Text: sc.text, Command: "lockstep " + strings.Join(sc.args, " "), Output: text})
	if code != sc.code {
		return fmt.Errorf("demo, scene %d: the command ended with %d; %d was expected", n, code, sc.code)
	}
	for _, want := range sc.shows {
		if !strings.Contains(text, want) {
			return fmt.Errorf("demo, scene %d: the output lacks %q", n, want)
		}
	}
	for _, bad := range sc.hides {
		if strings.Contains(text, bad) {
			return fmt.Errorf("demo, scene %d: the output has %q", n, bad)
		}
	}
	return nil
}

func wrapText(text string, width int) string {
	var b strings.Builder
	at := 0
	for _, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case at == 0:
		case at+1+n > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

var ansi = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// plainText is what remains on the screen: no colours, and of a line that was drawn over, the last version.
func plainText(s string) string {
	s = ansi.ReplaceAllString(s, "")
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if j := strings.LastIndexByte(strings.TrimRight(l, "\r"), '\r'); j >= 0 {
			lines[i] = l[j+1:]
		}
	}
	return strings.Join(lines, "\n")
}

// writeReport writes report.html: the story, with the change and the plan as a reviewer sees them.
func (s *story) writeReport() (string, error) {
	sub := *s.a
	sub.chdir, sub.configFile = s.repo, ""
	p, err := sub.project()
	if err != nil {
		return "", err
	}
	from, err := sub.load(s.ctx, p, "git:HEAD~2")
	if err != nil {
		return "", err
	}
	to, err := sub.load(s.ctx, p, "git:HEAD")
	if err != nil {
		return "", err
	}
	changes, err := sub.compare(p, from, to, nil, nil)
	if err != nil {
		return "", err
	}
	plan, err := sub.readPlan("plan.json")
	if err != nil {
		return "", err
	}
	r := &report.Report{
		Title: "From a pull request to staging", Tool: "lockstep " + toolVersion(), Source: "lockstep demo", Commit: to.Commit, Base: from.Commit,
		Resources: to.Len(), Compared: true, Changes: report.ViewsOf(changes), Plan: planView(plan), Steps: s.steps,
	}
	var b bytes.Buffer
	if err := report.Write(&b, report.HTML, r, report.Options{}); err != nil {
		return "", err
	}
	file := filepath.Join(s.dir, "report.html")
	return file, engine.WriteFile(file, b.Bytes(), 0o644)
}
