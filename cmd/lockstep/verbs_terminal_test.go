package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// terminal N DIALOG PROGRAM ARGS... runs a program on a terminal of 80 by 24, holds the dialog with it, and checks
// that it ends with the exit code N. What stood on the screen goes to terminal.txt, each line as it was left. A
// line of the dialog is one of
//
//	when TEXT          waits until the program has written TEXT, after what the last when waited for
//	type TEXT          types a line
//	press c            types Ctrl-C, or another letter with Ctrl
//	hang up            closes the terminal
//	VERB ARGS...       one of the script's own verbs: heal ROLE, await-lock ROLE
func cmdTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: terminal N DIALOG PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	program, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(program, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(scriptEnv(ts), "TERM=xterm", "NO_COLOR=1")
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	ts.Check(err)
	s := &screen{cut: make(chan struct{})}
	go s.read(f)
	ended := false
	defer func() {
		if !ended { // a dialog that failed leaves nobody behind
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}()
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		verb, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch verb {
		case "":
		case "when":
			if !s.await(rest) {
				ts.Fatalf("the program did not write %q:\n%s", rest, s.text())
			}
		case "type":
			fmt.Fprintf(f, "%s\n", rest)
		case "press":
			fmt.Fprintf(f, "%c", rest[0]&0x1f)
		case "hang":
			ts.Check(f.Close())
		case "heal":
			cmdTenantFault(ts, false, []string{rest, "heal"})
		case "await-lock":
			cmdAwaitLock(ts, false, []string{rest})
		default:
			ts.Fatalf("%s: %q is no line of a dialog", args[1], line)
		}
	}
	err = cmd.Wait()
	ended = true
	<-s.cut // all is read: nobody has the other end any more
	_ = f.Close()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d\n%s", got, want, s.text())
	}
	ts.Check(os.WriteFile(ts.MkAbs("terminal.txt"), []byte(s.text()), 0o644))
}

// scriptEnv is the script's environment, less what does not concern the program.
func scriptEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "GIT_CONFIG_NOSYSTEM", "GIT_CEILING_DIRECTORIES", "DEV_URL", "STAGING_URL", "PROD_URL", "SA_ID", "SA_KEY_FILE", saidVariable} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

// A screen is what a program wrote to its terminal.
type screen struct {
	mu   sync.Mutex
	all  []byte
	seen int // of all, by await
	cut  chan struct{}
}

func (s *screen) read(f io.Reader) {
	defer close(s.cut)
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		s.mu.Lock()
		s.all = append(s.all, buf[:n]...)
		s.mu.Unlock()
		if err != nil { // EIO: the program is gone
			return
		}
	}
}

// await gives up after so many looks that something must be wrong, as await-file does.
func (s *screen) await(text string) bool {
	for range 12_000 {
		s.mu.Lock()
		i := strings.Index(string(s.all[s.seen:]), text)
		if i >= 0 {
			s.seen += i + len(text)
		}
		s.mu.Unlock()
		if i >= 0 {
			return true
		}
		select {
		case <-s.cut:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}

// text is the screen without what was overwritten.
func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for line := range strings.SplitSeq(strings.ReplaceAll(string(s.all), "\r\n", "\n"), "\n") {
		b.WriteString(line[strings.LastIndex(line, "\x1b[K")+1:])
		b.WriteByte('\n')
	}
	text := strings.ReplaceAll(b.String(), "[K", "")
	return strings.TrimRight(text, "\n") + "\n"
}
