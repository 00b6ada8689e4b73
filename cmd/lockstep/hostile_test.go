package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A gitRepo is a repository that a test pushes from, made with git's own plumbing.
type gitRepo struct {
	t   testing.TB
	dir string
	env []string
}

func newGitRepo(t *testing.T, env []string, args ...string) *gitRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := &gitRepo{t: t, dir: t.TempDir(), env: env}
	r.git(nil, append([]string{"init", "-q", "-b", "main"}, args...)...)
	return r
}

// gitEnv is a surrounding in which git knows nothing of this machine, and finds the test binary as lockstep.
func gitEnv(t *testing.T) []string {
	t.Helper()
	home, bin := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "lockstep")); err != nil {
		t.Skip("no links here: ", err)
	}
	return append(os.Environ(), "HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@acme.example", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@acme.example")
}

func (r *gitRepo) try(in []byte, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.dir, r.env, bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (r *gitRepo) git(in []byte, args ...string) string {
	r.t.Helper()
	out, err := r.try(in, args...)
	if err != nil {
		r.t.Fatalf("git %.200s: %v\n%s", args, err, out)
	}
	return out
}

func (r *gitRepo) blob(data string) string {
	return r.git([]byte(data), "hash-object", "-w", "--stdin")
}

// entry is one raw line of a tree object: names are whatever they are.
func entry(mode, name, id string) string {
	raw, _ := hex.DecodeString(id)
	return mode + " " + name + "\x00" + string(raw)
}

func (r *gitRepo) tree(entries ...string) string {
	return r.git([]byte(strings.Join(entries, "")), "hash-object", "-w", "-t", "tree", "--literally", "--stdin")
}

func (r *gitRepo) commit(tree string, parents ...string) string {
	args := []string{"commit-tree", "-m", "x", tree}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	return r.git(nil, args...)
}

// treeOf makes a tree of one folder: realms/alpha/services, with these entries.
func (r *gitRepo) services(entries ...string) string {
	return r.tree(r.realms(entries...))
}

func (r *gitRepo) realms(entries ...string) string {
	return entry("40000", "realms", r.tree(entry("40000", "alpha", r.tree(entry("40000", "services", r.tree(entries...))))))
}

// contents lists what a repository holds.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, sub := range []string{"objects", "refs", "lockstep"} {
		err := filepath.WalkDir(filepath.Join(dir, sub), func(name string, _ fs.DirEntry, err error) error {
			if err == nil {
				b.WriteString(name + "\n")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

const oneService = `{"_id": "baseurl", "_type": {"_id": "baseurl", "name": "Base URL", "collection": false}, "source": "FIXED_VALUE", "fixedValue": "https://a.example"}`

// Pushes that are built to do harm are refused with a message, and nothing of them stays, loose or packed.
func TestHostilePushes(t *testing.T) {
	env := gitEnv(t)
	from := newGitRepo(t, env)
	ok := from.blob(oneService)
	// Refused for what it is, and not because this machine is slow today.
	patient := entry("100644", "lockstep.yaml", from.blob("receive:\n  limits: {seconds: 600}\n"))
	first := from.commit(from.tree(patient, from.realms(entry("100644", "baseurl.json", ok))))
	long := strings.Repeat("x/", 70)
	deep := from.services(entry("100644", "a.json", ok))
	for range 70 {
		deep = from.tree(entry("40000", "realms", deep))
	}
	var many strings.Builder
	for i := range 100_000 {
		many.WriteString(entry("100644", fmt.Sprintf("s%06d.json", i), ok))
	}
	bomb := from.tree()
	for range 30 {
		bomb = from.tree(entry("40000", "a", bomb), entry("40000", "b", bomb))
	}
	link := func(to string) string { return from.blob(to) }
	tests := []struct{ name, tree, want string }{
		{"parent folder", from.services(entry("100644", "..", ok)), `impossible name`},
		{"this folder", from.services(entry("100644", ".", ok)), `impossible name`},
		{"slash", from.services(entry("100644", "../../x.json", ok)), `impossible name`},
		{"no name", from.services(entry("100644", "", ok)), "empty filename"},
		{"NUL", from.services("100644 a\x00b.json\x00" + strings.Repeat("\x01", 20)), ""},
		{"cut off", from.services("100644 a.json\x00\x01\x02"), ""},
		{"git folder", from.services(entry("40000", ".GIT", from.tree(entry("100644", "config", ok)))), "git's own folder"},
		{"git folder on Windows", from.services(entry("40000", "git~1", from.tree(entry("100644", "config", ok)))), "git's own folder"},
		{"backslash", from.services(entry("100644", `..\..\x.json`, ok)), "backslash"},
		{"line end", from.services(entry("100644", "a\nb.json", ok)), "control character"},
		{"case", from.services(entry("100644", "Base.json", ok), entry("100644", "base.json", ok)), "are one file"},
		{"accents", from.services(entry("100644", "e\u0301.json", ok), entry("100644", "\u00e9.json", ok)), "are one file"},
		{"link out", from.services(entry("120000", "a.json", link("../../../../../../etc/passwd"))), "leads out of the repository"},
		{"absolute link", from.services(entry("120000", "a.json", link("/etc/passwd"))), "leads out of the repository"},
		{"link to itself", from.services(entry("120000", "a.json", link("a.json"))), "leads back to itself"},
		{"long link", from.services(entry("120000", "a.json", link(long+"../etc"))), "can't be followed"},
		{"large", from.services(entry("100644", "a.json", from.blob(`"`+strings.Repeat("x", 20<<20)+`"`))), "a file of configuration has 8.0 MiB at most"},
		{"deep JSON", from.services(entry("100644", "a.json", from.blob(strings.Repeat("[", 500_000)+strings.Repeat("]", 500_000)))), "nested more than 200 levels deep"},
		{"deep folders", deep, "more than 64 folders deep"},
		{"100,000 files", from.services(many.String()), "more than 20000 files"},
		{"2^30 folders", from.tree(entry("40000", "realms", bomb)), "more than 20000 files or folders"},
		{"a file for a tree", from.tree(entry("40000", "realms", ok)), ""},
	}
	for _, limit := range []string{"1", "100"} {
		up := &gitRepo{t: t, dir: t.TempDir(), env: env}
		up.git(nil, "init", "-q", "--bare", "-b", "main")
		up.git(nil, "config", "receive.unpackLimit", limit)
		from.git(nil, "push", "-q", up.dir, first+":refs/heads/main")
		a, _, stderr := corpusApp(t)
		a.chdir = up.dir
		if err := runHookInstall(a, "pre-receive", installOptions{}); err != nil {
			t.Fatal(err, stderr)
		}
		before := contents(t, up.dir)
		for _, test := range tests {
			t.Run(test.name+" "+limit, func(t *testing.T) {
				// git's own checks would refuse some of these first: a server may not have them on.
				out, err := from.try(nil, "push", "-q", up.dir, from.commit(test.tree, first)+":refs/heads/x")
				if err == nil {
					t.Errorf("the push is accepted\n%s", out)
				}
				plain := strings.Join(strings.Fields(strings.ReplaceAll(out, "remote: ", "")), " ")
				if !strings.Contains(plain, test.want) || strings.Contains(plain, "panic") {
					t.Errorf("it says %s, want %q", plain, test.want)
				}
				if now := contents(t, up.dir); now != before {
					t.Errorf("something stays: %s", now)
				}
			})
		}
		// The same folder with nothing bad in it passes.
		from.git(nil, "push", "-q", up.dir, from.commit(from.services(entry("100644", "baseurl.json", ok), entry("120000", "z.json", link("baseurl.json"))), first)+":refs/heads/x")
	}
}
