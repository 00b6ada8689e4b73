package main

import (
	"io/fs"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// The verbs of scripts about git servers.

// git-http REPO.git serves a repository with git's own http-backend on loopback, and sets REPO_URL.
func cmdGitHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: git-http REPO.git")
	}
	core, err := exec.Command("git", "--exec-path").Output()
	ts.Check(err)
	backend := filepath.Join(strings.TrimSpace(string(core)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		ts.Fatalf("git-http-backend is not installed: %v", err)
	}
	dir := ts.MkAbs(args[0])
	env := []string{"GIT_PROJECT_ROOT=" + filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1"}
	for _, name := range []string{"PATH", "HOME", "GIT_CONFIG_NOSYSTEM", "TMPDIR"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	s := httptest.NewServer(&cgi.Handler{Path: backend, Dir: dir, Env: env})
	ts.Defer(s.Close)
	name, _, _ := strings.Cut(filepath.Base(dir), ".")
	ts.Setenv(strings.ToUpper(name)+"_URL", s.URL+"/"+filepath.Base(dir))
}

// objectsOf lists all that a repository holds: objects, loose or packed, quarantines and references.
func objectsOf(ts *testscript.TestScript, dir string) string {
	var b strings.Builder
	for _, sub := range []string{"objects", "refs"} {
		err := filepath.WalkDir(filepath.Join(dir, sub), func(name string, _ fs.DirEntry, err error) error {
			b.WriteString(name + "\n")
			return err
		})
		ts.Check(err)
	}
	return b.String()
}

// objects NAME REPO keeps in mind what a repository holds.
func cmdObjects(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: objects NAME REPO")
	}
	w := worldOf(ts)
	if w.files == nil {
		w.files = map[string]string{}
	}
	w.files["objects "+args[0]] = objectsOf(ts, ts.MkAbs(args[1]))
}

// same-objects NAME REPO checks that a repository holds what it held.
func cmdSameObjects(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] same-objects NAME REPO")
	}
	was, ok := worldOf(ts).files["objects "+args[0]]
	if !ok || was == "" {
		ts.Fatalf("nothing is kept in mind as %s", args[0])
	}
	if now := objectsOf(ts, ts.MkAbs(args[1])); (now == was) == neg {
		ts.Fatalf("the repository held:\n%s\nand holds:\n%s", was, now)
	}
}
