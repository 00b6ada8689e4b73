package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// The verbs of scripts that look at programs and files; those that look at tenants are in main_test.go.

// code N PROGRAM ARGS... runs a program that must end with the exit code N.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// fixture NAME [DIR] copies a configuration: frconfig, frodo, frodo-separate or flat of fixtures/repos;
// quickstart, or 2-change and the other commits of the examples' story.
func cmdFixture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: fixture NAME [DIR]")
	}
	dir := "."
	if len(args) == 2 {
		dir = args[1]
	}
	var from fs.FS
	switch {
	case args[0] == "quickstart":
		from = examples.Quickstart()
	case slices.Contains([]string{"frconfig", "frodo", "frodo-separate", "flat"}, args[0]):
		sub, err := fs.Sub(fixtures.Repos(), args[0])
		ts.Check(err)
		from = sub
	default:
		ts.Fatalf("there is no fixture %s", args[0])
	}
	copyTree(ts, from, dir)
}

// copy-tree FROM TO copies a folder.
func cmdCopyTree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: copy-tree FROM TO")
	}
	copyTree(ts, os.DirFS(ts.MkAbs(args[0])), args[1])
}

func copyTree(ts *testscript.TestScript, from fs.FS, dir string) {
	n := 0
	ts.Check(fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		n++
		to := filepath.Join(ts.MkAbs(dir), filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	}))
	if n == 0 {
		ts.Fatalf("there is nothing to copy to %s", dir)
	}
}

// commit MESSAGE commits all that is in the work tree, which becomes a repository if it is none.
func cmdCommit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: commit MESSAGE")
	}
	if _, err := os.Stat(ts.MkAbs(".git")); err != nil {
		ts.Check(ts.Exec("git", "init", "-q"))
	}
	ts.Check(ts.Exec("git", "add", "-A"))
	ts.Check(ts.Exec("git", "commit", "-q", "--no-verify", "-m", args[0]))
}

// jsonget FILE POINTER JSON checks one value of a document. FILE may be stdout; a pointer that ends with /#
// means the number of elements.
func cmdJSONGet(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: [!] jsonget FILE POINTER JSON")
	}
	got, ok := pointTo(ts, args[0], args[1])
	var want any
	if err := json.Unmarshal([]byte(args[2]), &want); err != nil {
		ts.Fatalf("%s: %v", args[2], err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if same := ok && bytes.Equal(a, b); same == neg {
		ts.Fatalf("%s is %s, want %s", args[1], a, b)
	}
}

// jsonkeys FILE POINTER KEY... checks that an object has these members and no others.
func cmdJSONKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: jsonkeys FILE POINTER KEY...")
	}
	v, _ := pointTo(ts, args[0], args[1])
	object, ok := v.(map[string]any)
	if !ok {
		ts.Fatalf("%s is no object: %v", args[1], v)
	}
	want := slices.Sorted(slices.Values(args[2:]))
	if got := schema.SortedKeys(object); !slices.Equal(got, want) {
		ts.Fatalf("%s has the members %s, want %s", args[1], got, want)
	}
}

func pointTo(ts *testscript.TestScript, file, pointer string) (any, bool) {
	v, err := schema.ParseJSON([]byte(ts.ReadFile(file)))
	if err != nil {
		ts.Fatalf("%s: %v", file, err)
	}
	count := strings.HasSuffix(pointer, "/#")
	got, ok := schema.Lookup(v, strings.TrimSuffix(pointer, "/#"))
	if count && ok {
		switch x := got.(type) {
		case []any:
			return len(x), true
		case map[string]any:
			return len(x), true
		}
	}
	return got, ok
}

// jsonset FILE POINTER JSON changes one value in a file; an empty JSON takes it away.
func cmdJSONSet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: jsonset FILE POINTER JSON")
	}
	out, err := setJSON([]byte(ts.ReadFile(args[0])), args[1], args[2])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out, 0o644))
}

func setJSON(data []byte, pointer, value string) ([]byte, error) {
	v, err := schema.ParseJSON(data)
	if err != nil {
		return nil, err
	}
	i := strings.LastIndexByte(pointer, '/')
	parent, _ := schema.Lookup(v, pointer[:i])
	object, ok := parent.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("there is no object at %q", pointer[:i])
	}
	segments := schema.SplitPointer(pointer)
	name := segments[len(segments)-1]
	if value == "" {
		delete(object, name)
	} else if object[name], err = schema.ParseJSON([]byte(value)); err != nil {
		return nil, err
	}
	return append(schema.EncodeJSON(v), '\n'), nil
}

// replace FILE OLD NEW replaces a text that must stand in the file once.
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, args[1]); n != 1 {
		ts.Fatalf("%q stands %d times in %s", args[1], n, args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o644))
}

// latest-run sets RUN to the name of the last run of apply.
func cmdLatestRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: latest-run")
	}
	entries, err := os.ReadDir(ts.MkAbs(".lockstep/runs"))
	ts.Check(err)
	if len(entries) == 0 {
		ts.Fatalf("there is no run")
	}
	ts.Setenv("RUN", entries[len(entries)-1].Name())
}

// other-key FILE writes the key of some other service account.
func cmdOtherKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: other-key FILE")
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ts.Check(err)
	data, err := json.Marshal(jose.JSONWebKey{Key: key})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// append FILE OTHER puts the text of OTHER behind FILE's.
func cmdAppend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append FILE OTHER")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(ts.ReadFile(args[0])+ts.ReadFile(args[1])), 0o644))
}

// help-of-all REGEXP checks the help of every command there is.
func cmdHelpOfAll(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: help-of-all REGEXP")
	}
	want := regexp.MustCompile(strings.ReplaceAll(args[0], `\n`, "\n"))
	n := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		n++
		ts.Check(ts.Exec(c.Root().Name(), append(strings.Fields(c.CommandPath())[1:], "--help")...))
		if out := ts.ReadFile("stdout"); !want.MatchString(out) {
			ts.Fatalf("%s --help has no %s:\n%s", c.CommandPath(), args[0], out)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand(newApp()))
	if n < 20 {
		ts.Fatalf("only %d commands were looked at", n)
	}
}

// executable FILE makes a file one that can be run.
func cmdExecutable(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: executable FILE")
	}
	ts.Check(os.Chmod(ts.MkAbs(args[0]), 0o755))
}

// commit-file FILE TEXT writes a file and commits it.
func cmdCommitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: commit-file FILE TEXT")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(args[1]+"\n"), 0o644))
	cmdCommit(ts, false, args[1:])
}

// masked FILE REGEXP TEXT writes FILE to masked.txt, with what the expression matches (a time) replaced.
func cmdMasked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: masked FILE REGEXP TEXT")
	}
	text := ts.ReadFile(args[0])
	out := regexp.MustCompile(args[1]).ReplaceAllString(text, args[2])
	if out == text {
		ts.Fatalf("%s matches nothing in:\n%s", args[1], text)
	}
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "masked.txt"), []byte(out), 0o644))
}

// truncate FILE N keeps the first N bytes.
func cmdTruncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate FILE N")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}

// sparse FILE MEGABYTES makes a large file that takes no room.
func cmdSparse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sparse FILE MEGABYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), nil, 0o644))
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n<<20))
}

// await-file FILE waits until another process has written the file, and gives up after so many looks that
// something must be wrong: a program that hangs fails the test, not the whole run's time limit.
func cmdAwaitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await-file FILE")
	}
	for range 12_000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond) // nothing else tells of a file in a portable way
	}
	ts.Fatalf("%s did not appear", args[0])
}

// await-request ROLE waits until a tenant was asked for something since the last tenant-fault.
func cmdAwaitRequest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await-request ROLE")
	}
	for range 12_000 {
		if len(tenantOf(ts, args[0]).Requests()) > worldOf(ts).asked {
			return
		}
		time.Sleep(5 * time.Millisecond) // nothing else tells when a process in the background has come so far
	}
	ts.Fatalf("%s was not asked for anything", args[0])
}

// columns FILE N checks that no line is wider than N, unless it begins with a word that is: a path is never
// broken.
func cmdColumns(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: columns FILE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := ts.ReadFile(args[0])
	if strings.TrimSpace(text) == "" {
		ts.Fatalf("%s is empty", args[0])
	}
	for line := range strings.SplitSeq(text, "\n") {
		first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if len([]rune(line)) > n && len([]rune(first)) < n-8 {
			ts.Fatalf("%d columns: %s", len([]rune(line)), line)
		}
	}
}

// snapshot-files DIR remembers every file's content and time below DIR; same-files DIR says whether all are
// as they were.
func cmdSnapshotFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: snapshot-files DIR")
	}
	worldOf(ts).files = filesBelow(ts, args[0])
}

func cmdSameFiles(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] same-files DIR")
	}
	then, now := worldOf(ts).files, filesBelow(ts, args[0])
	var changed []string
	for _, name := range schema.SortedKeys(now) {
		if then[name] != now[name] {
			changed = append(changed, name)
		}
	}
	for _, name := range schema.SortedKeys(then) {
		if _, ok := now[name]; !ok {
			changed = append(changed, name)
		}
	}
	if (len(changed) == 0) == neg {
		ts.Fatalf("changed: %q", changed)
	}
}

func filesBelow(ts *testscript.TestScript, dir string) map[string]string {
	out := map[string]string{}
	root := ts.MkAbs(dir)
	ts.Check(filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		out[name] = info.ModTime().String() + string(data)
		return err
	}))
	if len(out) == 0 {
		ts.Fatalf("there is no file in %s", dir)
	}
	return out
}

// nowhere TEXT checks that a text (a secret) stands neither in the last output nor in any file of the
// script's folder, except where it must: .sandbox is the tenant itself.
func cmdNowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nowhere TEXT")
	}
	for _, stream := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(stream), args[0]) {
			ts.Fatalf("%q stands in %s", args[0], stream)
		}
	}
	root := ts.Getenv("WORK")
	n := 0
	ts.Check(filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".sandbox" || d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		n++
		if bytes.Contains(data, []byte(args[0])) {
			return fmt.Errorf("%q stands in %s", args[0], name)
		}
		return nil
	}))
	if n == 0 {
		ts.Fatalf("no file was looked at")
	}
}

// ssh-key NAME makes an SSH key pair: NAME and NAME.pub.
func cmdSSHKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ssh-key NAME")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	block, err := ssh.MarshalPrivateKey(private, "")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(block), 0o600))
	key, err := ssh.NewPublicKey(public)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), ssh.MarshalAuthorizedKey(key), 0o644))
}

// allow FILE WHO=KEY.pub ... writes a file of allowed signers.
func cmdAllow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: allow FILE WHO=KEY.pub ...")
	}
	var b strings.Builder
	for _, a := range args[1:] {
		who, key, _ := strings.Cut(a, "=")
		fmt.Fprintf(&b, "%s %s", who, ts.ReadFile(key))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o644))
}

// await-lock ROLE waits until a tenant was asked for its lock, and was looked at after that.
func cmdAwaitLock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await-lock ROLE")
	}
	for range 3000 {
		asked := false
		for _, r := range tenantOf(ts, args[0]).Requests() {
			asked = asked || r.Method == "POST" && strings.HasSuffix(r.Path, "/promotion/lock") && r.Status != 0
			if asked && r.Method == "GET" && strings.HasSuffix(r.Path, "/lock/state") && r.Status != 0 {
				return
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s was not locked", args[0])
}

// add-line FILE TEXT [AFTER] adds a line at the end of a file, or after the one line that holds AFTER.
func cmdAddLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: add-line FILE TEXT [AFTER]")
	}
	lines := strings.SplitAfter(ts.ReadFile(args[0]), "\n")
	at := len(lines)
	if len(args) == 3 {
		at = 1 + slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, args[2]) })
		if at == 0 {
			ts.Fatalf("%s has no line with %q", args[0], args[2])
		}
	}
	text := strings.Join(slices.Insert(lines, at, args[1]+"\n"), "")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o644))
}

// filled-in FILE compares the last output with a file in which the words of the moment stand for what is different
// each time: ID, DATE, TIME, TOOK.
func cmdFilledIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: filled-in FILE")
	}
	got := ts.ReadFile("stdout")
	for _, word := range []struct{ match, word string }{
		{`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`, "ID"}, {`\d{4}-\d\d-\d\d`, "DATE"}, {`\d\d:\d\d UTC`, "TIME"}, {` +\d+\.\d s\n`, " TOOK\n"}, {`127\.0\.0\.1:\d+`, "HOST"},
	} {
		got = regexp.MustCompile(word.match).ReplaceAllString(got, word.word)
	}
	if want := ts.ReadFile(args[0]); got != want {
		ts.Fatalf("%s is not what was written:\n%s", args[0], got)
	}
}
