package main

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A sweeper looks for planted secrets in all that commands write and keep: output, plans, journals, reports, audit,
// logs, temporary files.
type sweeper struct {
	secrets [][]byte

	lock  sync.Mutex
	leaks []string
	swept int // files and logs
}

// newSweeper knows the values of secrets that the scripts give to commands, what base64 makes of them, and the
// private key of the sandboxes' service account.
func newSweeper(key *rsa.PrivateKey) *sweeper {
	s := &sweeper{}
	for _, text := range []string{"Tr0ub4dor-and-3", "first-value-of-it", "second-value-of-it", "third-value-of-it", "this-token-has-expired"} {
		s.secrets = append(s.secrets, []byte(text), []byte(base64.StdEncoding.EncodeToString([]byte(text))))
	}
	s.secrets = append(s.secrets, []byte(base64.RawURLEncoding.EncodeToString(key.D.Bytes())[:32]))
	return s
}

// bearer is a token, as the client sends it: no output holds one.
var bearer = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{16,}\.eyJ[A-Za-z0-9_-]{16,}\.`)

func (s *sweeper) check(name string, data []byte) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.swept++
	for _, secret := range s.secrets {
		if bytes.Contains(data, secret) {
			s.leaks = append(s.leaks, fmt.Sprintf("%s holds the planted secret %s", name, secret))
		}
	}
	if m := bearer.Find(data); m != nil {
		s.leaks = append(s.leaks, fmt.Sprintf("%s holds a token: %s", name, m))
	}
}

// sweepWork looks at every file that is in a script's folder at its end, but for what it began with and for the
// sandbox's own (also where a script copied it), which is the tenant. It is called once a script is over.
func (s *sweeper) sweepWork(work string, inputs map[string]string) {
	files, err := filesIn(work)
	if err != nil {
		s.lock.Lock()
		s.leaks = append(s.leaks, err.Error())
		s.lock.Unlock()
		return
	}
	for name, data := range files {
		if inputs[name] != data && !strings.Contains("/"+name, "/.sandbox/") {
			s.check(filepath.Base(work)+": "+name, []byte(data))
		}
	}
}

// sweepSaid looks at what all programs wrote, and tells what was found.
func (h *harness) sweepSaid(t *testing.T) {
	files, err := filesIn(h.said)
	if err != nil || len(files) == 0 {
		t.Errorf("nothing is known of what the programs wrote: %v", err)
	}
	for name, data := range files {
		h.check(name, []byte(data))
	}
	for _, l := range h.leaks {
		t.Error(l)
	}
	t.Logf("%d files, logs and outputs (%d of them) swept for planted secrets", h.swept, len(files))
}

// filesIn reads the files below a folder, by their path with slashes.
func filesIn(dir string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() > 64<<20 { // sparse ones hold nothing
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	return out, err
}

// saidVariable names the folder to which programs under test write once more what they write.
const saidVariable = "LOCKSTEP_TEST_SAID"

// overheard is a stream that is written to a file as well.
type overheard struct {
	*os.File
	copy io.Writer
}

func (o overheard) Write(p []byte) (int, error) {
	_, _ = o.copy.Write(p) // first: the reader of the stream may be gone
	return o.File.Write(p)
}

// mainOverheard is main, whose output is kept for the sweep.
func mainOverheard() {
	a := newApp()
	dir := os.Getenv(saidVariable)
	if dir == "" {
		os.Exit(a.main())
	}
	f, err := os.CreateTemp(dir, "*.out")
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(f, "%q\n", os.Args)
	a.stdout, a.stderr = overheard{os.Stdout, f}, overheard{os.Stderr, f}
	terminal := a.terminal
	a.terminal = func(w io.Writer) (int, bool) {
		if o, ok := w.(overheard); ok {
			w = o.File
		}
		return terminal(w)
	}
	os.Exit(a.main())
}
