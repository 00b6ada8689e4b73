package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/examples"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// TestMain makes the test binary the program itself when a script calls lockstep, so that exit codes,
// streams and signals are the real ones.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lockstep": main})
}

// TestScripts runs testdata/script. What the scripts' own commands do stands at each of them, below.
func TestScripts(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048) // one for all sandboxes: making it is slow
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{key: key}
	t.Cleanup(func() {
		for _, u := range h.unknown {
			t.Error(u)
		}
	})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script", // an empty one fails
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               h.setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "fixture": cmdFixture, "copy-tree": cmdCopyTree, "commit": cmdCommit, "sandbox": h.cmdSandbox, "clock": cmdClock,
			"tenant-edit": cmdTenantEdit, "tenant-fault": cmdTenantFault, "writes": cmdWrites, "tenant-lock": cmdTenantLock,
			"jsonget": cmdJSONGet, "jsonkeys": cmdJSONKeys, "jsonset": cmdJSONSet, "replace": cmdReplace, "masked": cmdMasked, "latest-run": cmdLatestRun, "other-key": cmdOtherKey,
			"truncate": cmdTruncate, "sparse": cmdSparse, "await-file": cmdAwaitFile, "columns": cmdColumns,
			"snapshot-files": cmdSnapshotFiles, "same-files": cmdSameFiles, "nowhere": cmdNowhere,
		},
	})
}

// A harness is what all scripts share.
type harness struct {
	key *rsa.PrivateKey

	mu      sync.Mutex
	unknown []string
}

// A world is one script's: its tenants, and their clock.
type world struct {
	sb *sandbox

	mu     sync.Mutex
	offset time.Duration
	files  map[string]string // what snapshot-files saw
}

type worldKey struct{}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(worldKey{}).(*world) }

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// setup gives each script a home of its own, and a git that knows nothing of this machine.
func (h *harness) setup(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, ".home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	gitconfig := "[user]\n\tname = Ada\n\temail = ada@acme.example\n[init]\n\tdefaultBranch = main\n[core]\n\tautocrlf = false\n[advice]\n\tdetachedHead = false\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(gitconfig), 0o600); err != nil {
		return err
	}
	e.Setenv("HOME", home)
	e.Setenv("USERPROFILE", home)
	e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	e.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(e.WorkDir))
	// Commits get the same id each time.
	e.Setenv("GIT_AUTHOR_DATE", "2026-11-01T12:00:00Z")
	e.Setenv("GIT_COMMITTER_DATE", "2026-11-01T12:00:00Z")
	e.Values[worldKey{}] = &world{}
	return nil
}

func condition(name string) (bool, error) {
	switch name {
	case "git":
		_, err := exec.LookPath("git")
		return err == nil, nil
	case "symlinks":
		return runtime.GOOS != "windows", nil
	case "signals":
		return runtime.GOOS != "windows", nil
	default:
		return false, fmt.Errorf("there is no condition %q", name)
	}
}

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

// sandbox [-seed DIR] [-config DIR] starts a tenant group in the test's process, seeded with the fixtures or
// with DIR. It sets DEV_URL, STAGING_URL, PROD_URL, SA_ID and SA_KEY_FILE. With -config it writes
// DIR/lockstep.yaml with the environments dev, staging and prod; their ESV declarations are those of
// DIR/esvs/NAME.yaml, and their snapshots DIR/snapshots/NAME.json.gz, if they are there.
func (h *harness) cmdSandbox(ts *testscript.TestScript, neg bool, args []string) {
	seed, config := "", ""
	for len(args) > 1 && !neg {
		switch args[0] {
		case "-seed":
			seed = args[1]
		case "-config":
			config = args[1]
		default:
			ts.Fatalf("usage: sandbox [-seed DIR] [-config DIR]")
		}
		args = args[2:]
	}
	if neg || len(args) > 0 {
		ts.Fatalf("usage: sandbox [-seed DIR] [-config DIR]")
	}
	w := worldOf(ts)
	set, err := seedOf(ts, seed)
	ts.Check(err)
	w.sb, _, err = startSandbox(filepath.Join(ts.Getenv("WORK"), ".sandbox"), consecutive(0), sim.Options{Now: w.now, Key: h.key}, set)
	ts.Check(err)
	ts.Defer(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, t := range w.sb.group.Tenants() {
			for _, r := range t.Unknown() {
				h.unknown = append(h.unknown, fmt.Sprintf("%s: the tenant %s has no answer for %s %s?%s", ts.Name(), t.Role(), r.Method, r.Path, r.Query))
			}
		}
		ts.Check(w.sb.stop())
	})
	for _, e := range sandboxEnvironments {
		ts.Setenv(strings.ToUpper(e.name)+"_URL", w.sb.urls[e.role])
	}
	ts.Setenv("SA_ID", w.sb.group.ServiceAccount().ID)
	ts.Setenv("SA_KEY_FILE", w.sb.keyFile)
	if config != "" {
		writeConfig(ts, ts.MkAbs(config))
	}
}

func seedOf(ts *testscript.TestScript, dir string) (*schema.Set, error) {
	var set *schema.Set
	var diags schema.Diagnostics
	var err error
	if dir == "" {
		set, diags, err = repo.Load(fixtures.Repos(), "frconfig", repo.Options{Origin: "fixtures"})
	} else {
		set, diags, err = repo.LoadPath(ts.MkAbs(dir), repo.Options{Origin: dir})
	}
	if err == nil && diags.Count(schema.Error) > 0 {
		err = fmt.Errorf("the seed has an error: %s: %s", diags[0].Pos, diags[0].Message)
	}
	return set, err
}

func writeConfig(ts *testscript.TestScript, dir string) {
	var b strings.Builder
	b.WriteString("version: 1\n")
	if info, err := os.Stat(filepath.Join(dir, "config")); err == nil && info.IsDir() {
		b.WriteString("config: {dir: config}\n")
	}
	b.WriteString("environments:\n")
	for _, e := range sandboxEnvironments {
		fmt.Fprintf(&b, "  %s:\n    url: ${%s_URL}\n    role: %s\n    rate: 1000\n", e.name, strings.ToUpper(e.name), e.role)
		b.WriteString("    serviceAccount: {id: \"${SA_ID}\", keyFile: \"${SA_KEY_FILE}\"}\n")
		if e.from != "" {
			fmt.Fprintf(&b, "    promoteFrom: %s\n", e.from)
		}
		for key, file := range map[string]string{"esvs": "esvs/" + e.name + ".yaml", "snapshot": "snapshots/" + e.name + ".json.gz"} {
			if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err == nil {
				fmt.Fprintf(&b, "    %s: %s\n", key, file)
			}
		}
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "lockstep.yaml"), []byte(b.String()), 0o644))
}

func tenantOf(ts *testscript.TestScript, role string) *sim.Tenant {
	w := worldOf(ts)
	if w.sb == nil {
		ts.Fatalf("there is no sandbox yet")
	}
	for _, e := range sandboxEnvironments {
		if e.name == role {
			role = e.role
		}
	}
	t := w.sb.group.Tenant(role)
	if t == nil {
		ts.Fatalf("there is no tenant %s", role)
	}
	return t
}

// clock DURATION moves the tenants' clock away from the machine's.
func cmdClock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: clock DURATION")
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	w := worldOf(ts)
	w.mu.Lock()
	w.offset = d
	w.mu.Unlock()
}

// tenant-edit ROLE PATH POINTER JSON changes a tenant by hand, past every rule, as an administrator would.
// tenant-edit ROLE PATH deletes the document.
func cmdTenantEdit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && len(args) != 4 {
		ts.Fatalf("usage: tenant-edit ROLE PATH [POINTER JSON]")
	}
	t := tenantOf(ts, args[0])
	ts.Check(t.Edit(args[1], func(body json.RawMessage) (json.RawMessage, error) {
		if len(args) == 2 {
			if body == nil {
				return nil, errors.New("it is not there")
			}
			return nil, nil
		}
		if args[2] == "" {
			return json.RawMessage(args[3]), nil
		}
		if body == nil {
			return nil, fmt.Errorf("%s is not there", args[1])
		}
		return setJSON(body, args[2], args[3])
	}))
}

// tenant-fault ROLE KIND [N] lets something go wrong at a tenant from now on; heal ends it.
func cmdTenantFault(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: tenant-fault ROLE KIND [N]")
	}
	t := tenantOf(ts, args[0])
	n := 1
	if len(args) == 3 {
		var err error
		n, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	afterToken := func(_, path string) bool { return !strings.HasSuffix(path, "/access_token") }
	var f sim.Faults
	switch args[1] {
	case "heal":
		t.Heal()
		return
	case "cut-before-write":
		f.CutBeforeWrite = n
	case "cut-after-write":
		f.CutAfterWrite = n
	case "crash-after-write":
		f.CrashAfterWrite = n
	case "html": // instead of every answer but the token
		f = sim.Faults{EveryNth: 1, Status: 200, HTML: true, Only: afterToken}
	case "html-login": // instead of the token
		f = sim.Faults{EveryNth: 1, Status: 200, HTML: true}
	case "status":
		f = sim.Faults{EveryNth: 1, Status: n, Only: afterToken}
	case "maintenance":
		f.Maintenance = true
	case "fail-lock":
		f.FailLock = "the lock could not be taken"
	case "fail-promotion":
		f.FailPromotion = true
	default:
		ts.Fatalf("there is no fault %s", args[1])
	}
	t.SetFaults(f)
}

// writes ROLE N checks how many writes a tenant has carried out so far.
func cmdWrites(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] writes ROLE N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := tenantOf(ts, args[0]).Writes(); (got == want) == neg {
		ts.Fatalf("%s has carried out %d writes (wanted %d)", args[0], got, want)
	}
}

// tenant-lock ROLE lets somebody else lock the pair of tenants below and at ROLE for a promotion.
func cmdTenantLock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tenant-lock ROLE")
	}
	w := worldOf(ts)
	account := w.sb.group.ServiceAccount()
	c, err := tenant.New(tenant.Config{
		Name: "somebody else", URL: w.sb.urls[tenantOf(ts, args[0]).Role()], ServiceAccount: account.ID, Key: account.JWK,
		Scope: tenant.DefaultScope + " " + tenant.PromotionScope,
	})
	ts.Check(err)
	_, err = c.Lock(context.Background())
	ts.Check(err)
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

// await-file FILE waits until another process has written the file; the test's own deadline ends it.
func cmdAwaitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await-file FILE")
	}
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond) // nothing else tells of a file in a portable way
	}
}

// columns FILE N checks that no line is wider than N, unless it is one word that can't be broken: a path.
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
		if len([]rune(line)) > n && strings.Contains(strings.TrimSpace(line), " ") {
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
