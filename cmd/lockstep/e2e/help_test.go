//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limit bounds one command, so that one that hangs is ended and named.
const limit = 3 * time.Minute

// lockstep is the path of the program that is tried.
var lockstep string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lockstep-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	lockstep = filepath.Join(dir, "lockstep")
	build := exec.Command("go", "build", "-o", lockstep, "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build lockstep: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// offline ends a test that lacks something: it fails, or is skipped where LOCKSTEP_E2E_OFFLINE=1 says that
// there is no network.
func offline(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("LOCKSTEP_E2E_OFFLINE") == "1" {
		t.Skipf(format+" (LOCKSTEP_E2E_OFFLINE=1)", args...)
	}
	t.Fatalf(format+"\nLOCKSTEP_E2E_OFFLINE=1 skips what must be installed", args...)
}

// A result is what a command said.
type result struct {
	code   int
	output string // stdout and stderr, as they came
}

// command runs a program with nothing of the test's environment but the path, and ends it after the limit.
func command(t *testing.T, dir string, env []string, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.WaitDelay = dir, 10*time.Second
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NO_COLOR=1"}, env...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s %s did not end within %s:\n%s", name, strings.Join(args, " "), limit, out)
	case err != nil && !errors.As(err, &exit):
		t.Fatalf("%s: %v", name, err)
	}
	return result{c.ProcessState.ExitCode(), ansi.ReplaceAllString(string(out), "")}
}

var ansi = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// ours runs lockstep, which must end with code.
func ours(t *testing.T, dir string, env []string, code int, args ...string) string {
	t.Helper()
	r := command(t, dir, env, lockstep, args...)
	if r.code != code {
		t.Fatalf("lockstep %s: exit code %d, want %d\n%s", strings.Join(args, " "), r.code, code, r.output)
	}
	return r.output
}

func noDifferences(t *testing.T, dir string, env []string, from, to string) {
	t.Helper()
	if out := ours(t, dir, env, 0, "diff", from, to, "--exit-code"); !strings.Contains(out, "no differences") {
		t.Fatalf("lockstep diff %s %s:\n%s", from, to, out)
	}
}

// A sandbox is a running `lockstep sandbox`, and what it printed.
type sandbox struct {
	yaml   string   // for lockstep.yaml
	frodo  []string // the environment variables for frodo, as a shell sets them
	shared []string // and those for fr-config-manager
	secret string   // the file with the administrator's password
}

// startSandbox runs `lockstep sandbox` until the test ends. It goes by what the command prints, as a person does.
func startSandbox(t *testing.T, seed string, more ...string) sandbox {
	t.Helper()
	dir := t.TempDir()
	c := exec.Command(lockstep, append([]string{"sandbox", "--seed", seed, "--port", "0", "--phase", "100ms"}, more...)...)
	c.Dir = dir
	c.Env = []string{"HOME=" + dir, "NO_COLOR=1"}
	stderr, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	c.Stderr = stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(5*limit, func() { _ = c.Process.Kill() }) // nothing of ours outlives the test
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGINT)
		if err := c.Wait(); err != nil {
			t.Errorf("the sandbox ended with: %v", err)
		}
		kill.Stop()
	})
	var text strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Ctrl-C ends it") {
			return parseSandbox(t, text.String())
		}
	}
	said, _ := os.ReadFile(stderr.Name())
	t.Fatalf("the sandbox ended before it listened:\n%s%s", &text, said)
	return sandbox{}
}

func parseSandbox(t *testing.T, text string) sandbox {
	t.Helper()
	var s sandbox
	for block := range strings.SplitSeq(text, "\n\n") {
		exports := shell(t, block)
		if file, found := strings.CutPrefix(block, "A client without a service account logs in as administrator@sandbox.example, with the password in\n"); found {
			s.secret = strings.TrimSpace(file)
		}
		switch {
		case strings.HasPrefix(block, "environments:"):
			s.yaml = block + "\n"
		case strings.Contains(block, "export FRODO_HOST="):
			s.frodo = exports
		case strings.Contains(block, "export TENANT_BASE_URL="):
			s.shared = exports
		}
	}
	if s.secret == "" || s.yaml == "" || len(s.frodo) == 0 || len(s.shared) == 0 {
		t.Fatalf("the sandbox does not tell how to reach it:\n%s", text)
	}
	return s
}

// shell sets variables as the printed lines do, and gives what came of it.
func shell(t *testing.T, block string) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\s+export (\w+)=`).FindAllStringSubmatch(block, -1) {
		names = append(names, m[1])
	}
	var env []string
	for _, name := range names {
		r := command(t, t.TempDir(), nil, "sh", "-c", block+"\nprintf %s \"$"+name+"\"")
		if r.code != 0 || r.output == "" {
			t.Fatalf("a shell can't set %s as printed: %s", name, r.output)
		}
		env = append(env, name+"="+r.output)
	}
	return env
}

// project makes a folder with a lockstep.yaml for the sandbox.
func (s sandbox) project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lockstep.yaml"), "version: 1\n"+s.yaml)
	return dir
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// replaceIn changes a text that must stand in the file once.
func replaceIn(t *testing.T, file, from, to string) {
	t.Helper()
	text := read(t, file)
	if n := strings.Count(text, from); n != 1 {
		t.Fatalf("%q stands %d times in %s", from, n, file)
	}
	write(t, file, strings.Replace(text, from, to, 1))
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	n := 0
	err := fs.WalkDir(os.DirFS(from), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		write(t, filepath.Join(to, name), read(t, filepath.Join(from, name)))
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("copy %s: %d files, %v", from, n, err)
	}
}

// repository is the path of the repository's root.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}
