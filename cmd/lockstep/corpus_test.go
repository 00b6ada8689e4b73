package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/schema"
)

// These tests read real tenants' configuration, which lies beside the repository and not in it.

var updateCorpus = flag.Bool("update-corpus", false, "write testdata/corpus/*.golden anew")

// corpus is the path of a part of the corpus.
func corpus(t testing.TB, name string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "corpus", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p); err != nil {
		t.Skipf("the corpus is not here: ../shared/corpus/%s, as seen from the repository's root", name)
	}
	return p
}

// corpusApp is the program, working in an empty folder, with nothing from the test's environment.
func corpusApp(t testing.TB) (a *app, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{
		stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, chdir: t.TempDir(),
		env:      func(string) (string, bool) { return "", false },
		now:      func() time.Time { return time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC) },
		terminal: func(io.Writer) (int, bool) { return 0, false },
	}, stdout, stderr
}

// corpusRun runs a command in dir, which must end with code.
func corpusRun(t *testing.T, dir string, code int, args ...string) string {
	t.Helper()
	a, stdout, stderr := corpusApp(t)
	if got := a.run(t.Context(), append([]string{"-C", dir}, args...)); got != code {
		t.Fatalf("lockstep %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
	}
	return stdout.String()
}

func corpusLoad(t *testing.T, source string) *loaded {
	t.Helper()
	a, _, _ := corpusApp(t)
	p, err := a.project()
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.load(t.Context(), p, source)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCorpusEveryFileIsLoadedOrNamed(t *testing.T) {
	for _, name := range []string{"fr-config-manager-repo", "frodo-export/all-separate", "frodo-export/all.cloud.json", "frodo-export/all.config.json"} {
		t.Run(path.Base(name), func(t *testing.T) {
			root := corpus(t, name)
			l := corpusLoad(t, root)
			named := map[string]bool{}
			for _, r := range l.All() {
				for _, f := range r.Source.Files() {
					named[f] = true
				}
			}
			for _, u := range l.Unmanaged {
				for _, f := range u.Files {
					file, _, _ := strings.Cut(f, "#") // an object in a file is named file#pointer
					named[file] = true
				}
			}
			for _, d := range l.diags {
				named[d.Pos.File] = true
			}
			files := filesOf(t, root)
			for _, f := range files {
				if !named[f] {
					t.Errorf("%s is neither loaded nor named", f)
				}
			}
			if l.Files != len(files) {
				t.Errorf("%d files read, there are %d", l.Files, len(files))
			}
			// Real configuration has real faults, so the code is 3; a panic would have ended the test.
			corpusRun(t, t.TempDir(), exitFindings, "validate", root)
		})
	}
}

// filesOf lists the files below a folder, or the one file, as findings name them.
func filesOf(t *testing.T, root string) []string {
	t.Helper()
	var files []string
	if info, err := os.Stat(root); err == nil && !info.IsDir() {
		return []string{filepath.Base(root)}
	}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, name)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no file in %s: %v", root, err)
	}
	return files
}

// Two pairs of snapshots of one tenant. Every line of the golden files was read against the raw records;
// differences.json, made without Lockstep, says that none is missing. Of 2026-07-08 is to be known that it was
// read without node versions: the settings of its eight page nodes of version 2.0 are not in it.
func TestCorpusDiff(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"frodo-dev_2026-07-07", "frodo-dev_2026-07-08"},
		{"frodo-dev_2026-07-08", "frodo-dev_2026-07-13"},
	} {
		t.Run(c.from+" "+c.to, func(t *testing.T) {
			from, to := corpus(t, "tenant-snapshots/"+c.from+".jsonl"), corpus(t, "tenant-snapshots/"+c.to+".jsonl")
			dir := t.TempDir()
			text := corpusRun(t, dir, exitChanges, "diff", from, to, "--exit-code", "--all")
			golden := filepath.Join("testdata", "corpus", strings.TrimPrefix(c.from, "frodo-dev_")+"_"+strings.TrimPrefix(c.to, "frodo-dev_")+".golden")
			if *updateCorpus {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text != string(want) {
				t.Errorf("the difference is another than in %s (go test -run TestCorpusDiff -update-corpus):\n%s", golden, firstDifference(string(want), text))
			}
			var out struct {
				Changes []struct {
					Action   string
					Resource schema.Key
				}
			}
			if err := json.Unmarshal([]byte(corpusRun(t, dir, exitOK, "diff", from, to, "-o", "json")), &out); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ch := range out.Changes {
				got = append(got, ch.Action+" "+ch.Resource.String())
			}
			slices.Sort(got)
			if want := expectedChanges(t, from, to, c.from+" -> "+c.to); !slices.Equal(got, want) {
				t.Errorf("changes:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d is\n%s\nwant\n%s", i+1, b, a)
		}
	}
	return ""
}

// A snapshotRecord is a line of a recorded tenant.
type snapshotRecord struct {
	Type, Realm, Path string
	Body              json.RawMessage
}

func snapshotRecords(t *testing.T, file string) []snapshotRecord {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []snapshotRecord
	for line := range bytes.Lines(data) {
		var r snapshotRecord
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// expectedChanges turns the corpus' own list of differences into changes of resources: a node's is its
// journey's, the themes' document's is that of each theme.
func expectedChanges(t *testing.T, from, to, pair string) []string {
	var all map[string]struct {
		ByType map[string]struct{ Added, Removed, Changed []string }
	}
	readJSON(t, corpus(t, "tenant-snapshots/differences.json"), &all)
	pairs, ok := all[pair]
	if !ok {
		t.Fatalf("differences.json knows no %s", pair)
	}
	types := map[string]string{
		"emailTemplate": "email-template", "idp": "idp", "journey": "journey", "script": "script", "service": "service",
		"serviceChild": "service-child", "corsAm": "cors", "corsIdm": "cors-idm", "variable": "variable", "secret": "secret",
	}
	found := map[string]string{} // by key: the action
	add := func(action, typ string, paths []string) {
		for _, p := range paths {
			k := schema.Key{Type: typ, Realm: realmOfPath(p), ID: path.Base(p)}
			if old := found[k.String()]; old == "" || action != "update" {
				found[k.String()] = action
			}
		}
	}
	for name, typ := range types {
		d := pairs.ByType[name]
		add("create", typ, d.Added)
		add("delete", typ, d.Removed)
		add("update", typ, d.Changed)
	}
	records := [2][]snapshotRecord{snapshotRecords(t, from), snapshotRecords(t, to)}
	for name, d := range pairs.ByType {
		if types[name] != "" || name == "node" || name == "themes" || name == "managedObjects" || name == "syncMappings" {
			continue
		}
		for action, paths := range map[string][]string{"create": d.Added, "delete": d.Removed, "update": d.Changed} {
			for _, p := range paths {
				if k, typ := schema.KeyAt(p); typ != nil {
					found[k.String()] = action
				}
			}
		}
	}
	changedElements(t, records, found, "managedObjects", "objects", "global/managed-object/")
	changedElements(t, records, found, "syncMappings", "mappings", "global/sync-mapping/")
	oneSided(records, found)
	nodes := pairs.ByType["node"]
	for _, p := range slices.Concat(nodes.Added, nodes.Removed, nodes.Changed) {
		for _, k := range journeysWith(t, slices.Concat(records[0], records[1]), realmOfPath(p), path.Base(p)) {
			if found[k] == "" {
				found[k] = "update"
			}
		}
	}
	if len(pairs.ByType["themes"].Changed) > 0 {
		changedThemes(t, records, found)
	}
	var out []string
	for k, action := range found {
		out = append(out, action+" "+k)
	}
	slices.Sort(out)
	return out
}

// changedElements compares the elements of one whole document by their names. The order of members means
// nothing, that of lists does.
func changedElements(t *testing.T, records [2][]snapshotRecord, found map[string]string, typ, member, prefix string) {
	t.Helper()
	var elements [2]map[string]string
	for i := range records {
		for _, r := range records[i] {
			if r.Type != typ {
				continue
			}
			var doc map[string]json.RawMessage
			var list []map[string]any
			if err := errors.Join(json.Unmarshal(r.Body, &doc), json.Unmarshal(doc[member], &list)); err != nil {
				t.Fatal(err)
			}
			elements[i] = map[string]string{}
			for _, e := range list {
				text, err := json.Marshal(e) // sorts members
				if err != nil {
					t.Fatal(err)
				}
				elements[i][prefix+e["name"].(string)] = string(text)
			}
		}
	}
	for k, v := range elements[1] {
		if old, ok := elements[0][k]; !ok {
			found[k] = "create"
		} else if old != v {
			found[k] = "update"
		}
	}
	for k := range elements[0] {
		if _, ok := elements[1][k]; !ok {
			found[k] = "delete"
		}
	}
}

// oneSided finds what only one of the two recordings has a kind of: differences.json leaves those out.
func oneSided(records [2][]snapshotRecord, found map[string]string) {
	kinds := [2]map[string]bool{{}, {}}
	for i := range records {
		for _, r := range records[i] {
			kinds[i][r.Type] = true
		}
	}
	for i, action := range []string{"delete", "create"} {
		for _, r := range records[i] {
			if k, typ := schema.KeyAt(r.Path); typ != nil && typ.API.Member == "" && !kinds[1-i][r.Type] {
				found[k.String()] = action
			}
		}
	}
}

func realmOfPath(p string) string {
	m := regexp.MustCompile(`/realms/root/realms/([^/]+)/`).FindStringSubmatch(p)
	if m == nil {
		return ""
	}
	return m[1]
}

// journeysWith finds the journeys that name a node, in the tree or on one of its pages. A node that none
// names is nobody's.
func journeysWith(t *testing.T, records []snapshotRecord, realm, node string) []string {
	t.Helper()
	pages := map[string]bool{node: true}
	for _, r := range records {
		if r.Type == "node" && strings.Contains(r.Path, "/PageNode/") && bytes.Contains(r.Body, []byte(node)) {
			pages[path.Base(r.Path)] = true
		}
	}
	var keys []string
	for _, r := range records {
		if r.Type != "journey" || realmOfPath(r.Path) != realm {
			continue
		}
		var tree struct{ Nodes map[string]json.RawMessage }
		if err := json.Unmarshal(r.Body, &tree); err != nil {
			t.Fatal(err)
		}
		for id := range tree.Nodes {
			if pages[id] {
				keys = append(keys, schema.Key{Type: "journey", Realm: realm, ID: path.Base(r.Path)}.String())
			}
		}
	}
	return keys
}

func changedThemes(t *testing.T, records [2][]snapshotRecord, found map[string]string) {
	t.Helper()
	var themes [2]map[string]string
	for i := range records {
		themes[i] = map[string]string{}
		for _, r := range records[i] {
			if r.Type != "themes" {
				continue
			}
			var doc struct{ Realm map[string][]map[string]any }
			if err := json.Unmarshal(r.Body, &doc); err != nil {
				t.Fatal(err)
			}
			for realm, list := range doc.Realm {
				for _, theme := range list {
					text, err := json.Marshal(theme) // sorts members
					if err != nil {
						t.Fatal(err)
					}
					themes[i][fmt.Sprintf("%s/theme/%s", realm, theme["_id"])] = string(text)
				}
			}
		}
	}
	for k, v := range themes[1] {
		if old, ok := themes[0][k]; !ok {
			found[k] = "create"
		} else if old != v {
			found[k] = "update"
		}
	}
	for k := range themes[0] {
		if _, ok := themes[1][k]; !ok {
			found[k] = "delete"
		}
	}
}

// What was seeded comes back: an export of a tenant with the corpus on it is the corpus, in every layout.
// What a tenant has no list of is read only where there are files of it. fr-config-manager-repo has one document
// of IDM's twice, and the two differ.
func TestCorpusExportOfSandbox(t *testing.T) {
	for _, name := range []string{"fr-config-manager-repo", "frodo-export/all.config.json", "tenant-snapshots/frodo-dev_2026-07-13.jsonl"} {
		t.Run(path.Base(name), func(t *testing.T) {
			source := corpus(t, name)
			seed := corpusLoad(t, source)
			sb, _, err := startSandbox(t.TempDir(), consecutive(0), sim.Options{}, seed.Set)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := sb.stop(); err != nil {
					t.Error(err)
				}
			})
			// What every tenant has, and the source has none of, is no loss; a tenant has no list of raw resources.
			types := slices.DeleteFunc(schema.SortedKeys(seed.CountByType()), func(typ string) bool { return typ == "raw" || typ == "service-object" })
			dir := t.TempDir()
			yaml := "version: 1\nconfig: {types: [all]}\n" + strings.ReplaceAll(sandboxYAML(sb), "\n    role:", "\n    rate: 1000\n    role:")
			if err := os.WriteFile(filepath.Join(dir, "lockstep.yaml"), []byte(yaml), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, to := range []string{"tree", "frodo", "flat", "dev.json.gz"} {
				args := []string{"export", "--env", "dev", "-d", to}
				if layout := cmp.Or(map[string]string{"tree": "fr-config-manager"}[to], to); !strings.HasSuffix(to, ".gz") {
					args = append(args, "--layout", layout)
				}
				corpusRun(t, dir, exitOK, args...)
				if out := corpusRun(t, dir, exitOK, "diff", source, to, "--exit-code", "--type", strings.Join(types, ","), "--exclude", "global/idm-authentication/*"); !strings.Contains(out, "no differences") {
					t.Errorf("export as %s:\n%s", to, out)
				}
			}
			if out := corpusRun(t, dir, exitOK, "diff", "env:dev", source, "--exit-code", "--type", strings.Join(types, ","), "--exclude", "global/idm-authentication/*"); !strings.Contains(out, "no differences") {
				t.Errorf("the tenant:\n%s", out)
			}
			out := corpusRun(t, dir, exitOK, "plan", "--env", "dev", "--exit-code", "tree", "--exclude", "global/idm-authentication/*")
			if !strings.Contains(out, "nothing to do") {
				t.Errorf("plan:\n%s", out)
			}
			for _, tenant := range sb.group.Tenants() {
				for _, r := range tenant.Unknown() {
					t.Errorf("the tenant %s has no answer for %s %s", tenant.Role(), r.Method, r.Path)
				}
			}
		})
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
