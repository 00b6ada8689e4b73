package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// TestMain makes the test binary the program itself when a script calls lockstep, so that exit codes,
// streams and signals are the real ones.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"lockstep": mainOverheard})
}

// TestScripts runs testdata/script. What the scripts' own commands do stands at each of them, below.
func TestScripts(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048) // one for all sandboxes: making it is slow
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{key: key, said: t.TempDir(), sweeper: newSweeper(key)}
	t.Cleanup(func() {
		for _, u := range h.unknown {
			t.Error(u)
		}
		h.sweepSaid(t)
	})
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script", // an empty one fails
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               h.setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "fixture": cmdFixture, "copy-tree": cmdCopyTree, "commit": cmdCommit, "sandbox": h.cmdSandbox, "clock": cmdClock,
			"tenant-edit": cmdTenantEdit, "tenant-fault": cmdTenantFault, "writes": cmdWrites, "tenant-lock": cmdTenantLock, "promotions": cmdPromotions,
			"jsonget": cmdJSONGet, "jsonkeys": cmdJSONKeys, "jsonset": cmdJSONSet, "replace": cmdReplace, "masked": cmdMasked, "latest-run": cmdLatestRun, "executable": cmdExecutable, "commit-file": cmdCommitFile, "use-sandbox": cmdUseSandbox, "append": cmdAppend, "help-of-all": cmdHelpOfAll, "other-key": cmdOtherKey,
			"truncate": cmdTruncate, "sparse": cmdSparse, "await-file": cmdAwaitFile, "await-request": cmdAwaitRequest, "columns": cmdColumns,
			"snapshot-files": cmdSnapshotFiles, "same-files": cmdSameFiles, "nowhere": cmdNowhere,
			"ssh-key": cmdSSHKey, "add-line": cmdAddLine, "allow": cmdAllow, "await-lock": cmdAwaitLock,
			"git-http": cmdGitHTTP, "terminal": cmdTerminal, "filled-in": cmdFilledIn, "tenant-unblock": cmdTenantUnblock, "unlocked": cmdUnlocked, "last-line": cmdLastLine, "objects": cmdObjects, "same-objects": cmdSameObjects,
		},
	})
}

// A harness is what all scripts share.
type harness struct {
	key  *rsa.PrivateKey
	said string // folder: what the programs of all scripts wrote
	*sweeper

	mu      sync.Mutex
	unknown []string
}

// A world is one script's: its tenants, and their clock.
type world struct {
	sb *sandbox

	mu     sync.Mutex
	offset time.Duration
	files  map[string]string // what snapshot-files saw
	asked  int               // requests that a tenant had when something went wrong at it last
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
	// What a command leaves in the system's folder for temporary files is swept with the rest.
	temp := filepath.Join(e.WorkDir, ".temp")
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		e.Setenv(name, temp)
	}
	e.Setenv(saidVariable, h.said)
	inputs, err := filesIn(e.WorkDir)
	if err != nil {
		return err
	}
	e.Defer(func() { h.sweepWork(e.WorkDir, inputs) })
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
	case "terminal":
		return runtime.GOOS == "linux", nil
	default:
		return false, fmt.Errorf("there is no condition %q", name)
	}
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
			h.check("the log of "+t.Role(), fmt.Appendf(nil, "%+v", t.Requests()))
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

// tenant-fault ROLE KIND [N] [PATH] lets something go wrong at a tenant from now on; heal ends it.
func cmdTenantFault(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 4 {
		ts.Fatalf("usage: tenant-fault ROLE KIND [N] [PATH]")
	}
	t := tenantOf(ts, args[0])
	n := 1
	if len(args) > 2 {
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
	case "refuse-write":
		f.RefuseWrite = n
	case "html": // instead of every answer but the token
		f = sim.Faults{EveryNth: 1, Status: 200, HTML: true, Only: afterToken}
	case "html-login": // instead of the token
		f = sim.Faults{EveryNth: 1, Status: 200, HTML: true}
	case "status":
		f = sim.Faults{EveryNth: 1, Status: n, Only: afterToken}
	case "refuse": // with status N what has PATH in its path
		f = sim.Faults{EveryNth: 1, Status: n, Only: func(_, path string) bool { return strings.Contains(path, args[3]) }}
	case "hang": // no answer, for as long as the client waits
		f.Latency = 24 * time.Hour
	case "maintenance":
		f.Maintenance = true
	case "stand-still": // a promotion goes on when the tenant is healed
		f.SlowPhases = 1000 * time.Hour
	case "fail-lock":
		f.FailLock = "the lock could not be taken"
	case "fail-promotion":
		f.FailPromotion = true
	default:
		ts.Fatalf("there is no fault %s", args[1])
	}
	worldOf(ts).asked = len(t.Requests())
	t.SetFaults(f)
}

// tenant-unblock ROLE clears a blocking error, as the vendor's support does.
func cmdTenantUnblock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tenant-unblock ROLE")
	}
	tenantOf(ts, args[0]).Unblock()
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

// promotions ROLE N checks how many promotions were asked of a tenant, dry runs apart.
func cmdPromotions(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: promotions ROLE N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	if got := tenantOf(ts, args[0]).PromoteCalls(); got != want {
		ts.Fatalf("%s was asked for %d promotions, want %d", args[0], got, want)
	}
}

// unlocked ROLE checks that nobody holds the lock of the pair of tenants below and at ROLE.
func cmdUnlocked(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] unlocked ROLE")
	}
	ts.Check(ts.Exec("lockstep", "promote", "status", args[0], "-o", "json"))
	got, _ := pointTo(ts, "stdout", "/lock/result")
	if (got == "unlocked") == neg {
		ts.Fatalf("the lock is %v", got)
	}
}

// last-line FILE TEXT checks the last line of a file or of an output.
func cmdLastLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: last-line FILE TEXT")
	}
	text := strings.TrimRight(ts.ReadFile(args[0]), "\n")
	if last := text[strings.LastIndexByte(text, '\n')+1:]; last != args[1] {
		ts.Fatalf("the last line is %q, want %q:\n%s", last, args[1], text)
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

// use-sandbox FILE sets the variables that sandbox sets, for one that runs as a process of its own.
func cmdUseSandbox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: use-sandbox FILE")
	}
	var f sandboxFile
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &f))
	for _, e := range sandboxEnvironments {
		ts.Setenv(strings.ToUpper(e.name)+"_URL", f.Environments[e.role].URL)
	}
	ts.Setenv("SA_ID", f.Account.ID)
	ts.Setenv("SA_KEY_FILE", f.Account.KeyFile)
}
