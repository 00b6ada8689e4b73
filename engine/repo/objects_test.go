package repo

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// everything reads a commit's files, all at once and one by one.
func everything(t *testing.T, dir string) (files map[string]string, commit string) {
	t.Helper()
	g, err := OpenGit(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // only read from
	tree, commit, err := g.Tree("HEAD")
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]string{}
	var names []string
	err = fs.WalkDir(tree, ".", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tree.(*treeFS).ahead(names[:len(names)/2], maxFile)
	for _, name := range names {
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := fs.Stat(tree, name); err != nil || info.Size() != int64(len(data)) {
			t.Errorf("%s: %v %v", name, info, err)
		}
		files[name] = string(data)
	}
	return files, commit
}

// Whatever git does, go-git gives what it does not.
func TestWithoutGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil || runtime.GOOS == "windows" {
		t.Skip("git is not installed, or there are no scripts to stand in for it")
	}
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@acme.example", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@acme.example")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, data string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	want := map[string]string{}
	for i := range 40 {
		name := "folder " + string(rune('a'+i%7)) + "/f" + string(rune('a'+i)) + ".json"
		want[name] = strings.Repeat("missing\n\x00 100 blob\n", i)
		write(name, want[name])
	}
	git("add", "-A")
	git("commit", "-qm", "packed")
	git("repack", "-adq")
	want["loose.json"] = "{}"
	write("loose.json", "{}")
	git("add", "-A")
	git("commit", "-qm", "loose")
	_, commit := everything(t, dir)
	scripts := map[string]string{
		"git":                "",
		"no git":             "-",
		"git of 2020":        "echo 'error: unknown option `batch-command' >&2; exit 129",
		"one that says no":   "while read verb id; do echo $id missing; done",
		"one that babbles":   "while read verb id; do echo hello; done",
		"another's answer":   "while read verb id; do echo 1234567890123456789012345678901234567890 blob 3; echo abc; done",
		"cut off":            "read verb id; echo $id blob 300; echo abc",
		"no end":             "read verb id; echo $id blob 3; echo abcdefgh",
		"impossible length":  "while read verb id; do echo $id blob -1; done",
		"length of a dream":  "while read verb id; do echo $id blob 99999999999999999999; done",
		"no kind of objects": "while read verb id; do echo $id blip 0; echo; done",
	}
	for name, script := range scripts {
		t.Run(name, func(t *testing.T) {
			if script != "" {
				bin := t.TempDir()
				if script != "-" {
					if err := os.WriteFile(filepath.Join(bin, "git"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
						t.Fatal(err)
					}
				}
				t.Setenv("PATH", bin)
			}
			got, at := everything(t, dir)
			if at != commit {
				t.Errorf("commit %s, want %s", at, commit)
			}
			if len(got) != len(want) {
				t.Errorf("%d files, want %d", len(got), len(want))
			}
			for name, data := range want {
				if got[name] != data {
					t.Errorf("%s: %q, want %q", name, got[name], data)
				}
			}
		})
	}
}

// What is larger than asked for is not read, and what there is no room to keep is read again.
func TestObjectsBounds(t *testing.T) {
	big, small := plumbing.NewHash("0101010101010101010101010101010101010101"), plumbing.NewHash("0202020202020202020202020202020202020202")
	o := &objects{kept: map[plumbing.Hash]content{}, sizes: map[plumbing.Hash]int64{}, room: 4}
	answers := big.String() + " blob 9\n123456789\n" + small.String() + " blob 3\nabc\n" + big.String() + " blob 9\n123456789\n" + big.String() + " blob 9\n123456789\n"
	o.git = &catFile{in: writeCloser{io.Discard}, out: bufio.NewReader(strings.NewReader(answers)), end: func() { t.Error("it is ended") }}
	o.ahead([]plumbing.Hash{big, small, small}, 5)
	if c, ok := o.kept[small]; !ok || string(c.data) != "abc" || len(o.kept) != 1 || o.room != 1 {
		t.Errorf("%v is kept, with room for %d", o.kept, o.room)
	}
	if _, err := o.read(big, 5); !errors.Is(err, errTooLarge) {
		t.Error("large:", err)
	}
	for range 2 {
		if c, err := o.read(big, 100); err != nil || string(c.data) != "123456789" {
			t.Errorf("%q %v", c.data, err)
		}
	}
	if n, err := o.EncodedObjectSize(big); n != 9 || err != nil {
		t.Error(n, err)
	}
	if rest, _ := io.ReadAll(o.git.out); len(rest) > 0 {
		t.Errorf("%q is left", rest)
	}
}

type writeCloser struct{ io.Writer }

func (writeCloser) Close() error { return nil }

// Whatever comes back: no panic, nothing longer than the answer, and an answer for nothing but what was asked.
func FuzzCatFile(f *testing.F) {
	id := plumbing.NewHash("0101010101010101010101010101010101010101")
	for _, s := range []string{
		id.String() + " blob 3\nabc\n", id.String() + " missing\n", "", "\n", id.String() + " tree 0\n\n", id.String() + " blob 9223372036854775807\nabc\n", id.String() + " commit 3\nabcd",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, verb := range []string{"info", "contents"} {
			c := &catFile{in: writeCloser{io.Discard}, out: bufio.NewReader(bytes.NewReader(data)), end: func() {}}
			_ = c.ask(verb, []plumbing.Hash{id}, 1<<40, func(a answer) { //nolint:errcheck // whether it fails is not the point
				if a.id != id || a.size < 0 || (a.data == nil) != (verb == "info") || a.data != nil && int64(len(a.data)) != a.size {
					t.Errorf("%+v", a)
				}
			})
		}
	})
}
