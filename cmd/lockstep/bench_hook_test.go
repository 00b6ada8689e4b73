package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A large repository: 1,000 journeys of nine nodes each, a script for every second of them: 11,000 files.
const (
	largeJourneys = 1000
	largeNodes    = 9
	largeScripts  = 500
)

func uuidOf(kind, i, j int) string { return fmt.Sprintf("%08x-0000-4000-8000-%04x%08x", i, kind, j) }

// largeFiles are the files of some journeys and their scripts, by name.
func largeFiles(from, to int) map[string]string {
	files := map[string]string{}
	const success = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"
	for i := from; i < to; i++ {
		name := fmt.Sprintf("Journey%04d", i)
		var nodes []string
		for j := range largeNodes {
			next := success
			if j+1 < largeNodes {
				next = uuidOf(1, i, j+1)
			}
			nodes = append(nodes, fmt.Sprintf(`    %q: {"connections": {"true": %q, "false": "e301438c-0bd0-429c-ab0c-66126501069a"}, "displayName": "Decide %d", "nodeType": "ScriptedDecisionNode", "x": %d, "y": 100}`, uuidOf(1, i, j), next, j, 200*j))
			files[fmt.Sprintf("realms/alpha/journeys/%s/nodes/Decide %d - %s.json", name, j, uuidOf(1, i, j))] = fmt.Sprintf(
				`{"_id": %q, "_type": {"_id": "ScriptedDecisionNode", "name": "Scripted Decision", "collection": true}, "script": %q, "outcomes": ["true", "false"], "inputs": ["*"], "outputs": ["*"]}`, uuidOf(1, i, j), uuidOf(2, i%largeScripts, 0))
		}
		files["realms/alpha/journeys/"+name+"/"+name+".json"] = fmt.Sprintf(`{
  "_id": %q, "entryNodeId": %q, "innerTreeOnly": false, "identityResource": "managed/alpha_user", "mustRun": false, "enabled": true, "uiConfig": {},
  "nodes": {
%s
  },
  "staticNodes": {"startNode": {"x": 50, "y": 50}, "70e691a5-1e33-4ac3-a356-e7b6d60d92e0": {"x": 900, "y": 50}, "e301438c-0bd0-429c-ab0c-66126501069a": {"x": 900, "y": 250}}
}`, name, uuidOf(1, i, 0), strings.Join(nodes, ",\n"))
		if i < largeScripts {
			id := uuidOf(2, i, 0)
			files["realms/alpha/scripts/scripts-config/"+id+".json"] = fmt.Sprintf(
				`{"_id": %q, "name": "Script %04d", "description": null, "script": {"file": "scripts-content/AUTHENTICATION_TREE_DECISION_NODE/Script %04d.js"}, "default": false, "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "evaluatorVersion": "1.0"}`, id, i, i)
			files[fmt.Sprintf("realms/alpha/scripts/scripts-content/AUTHENTICATION_TREE_DECISION_NODE/Script %04d.js", i)] = "// a script\n" + strings.Repeat("logger.message('step');\n", 20) + "outcome = \"true\";\n"
		}
	}
	return files
}

// importFiles makes a commit of files with git fast-import, and returns its id.
func (r *gitRepo) importFiles(ref, parent string, files map[string]string) string {
	r.t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit %s\ncommitter t <t@acme.example> 1790000000 +0000\ndata 1\nx\n", ref)
	if parent != "" {
		fmt.Fprintf(&b, "from %s\n", parent)
	}
	for name, data := range files {
		fmt.Fprintf(&b, "M 100644 inline %q\ndata %d\n%s\n", name, len(data), data)
	}
	r.git(b.Bytes(), "fast-import", "--quiet", "--force")
	return r.git(nil, "rev-parse", ref)
}

// BenchmarkPreReceive runs the program as git runs it. Its measure is git itself: diff-tree of the same two
// commits, and cat-file --batch of the files that differ.
func BenchmarkPreReceive(b *testing.B) {
	env := append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
	dir := b.TempDir()
	program := filepath.Join(dir, "lockstep")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	r := &gitRepo{t: b, dir: filepath.Join(dir, "up.git"), env: env}
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		b.Fatal(err)
	}
	r.git(nil, "init", "-q", "--bare", "-b", "main")
	all := largeFiles(0, largeJourneys)
	first := r.importFiles("refs/heads/main", "", all)
	r.git(nil, "repack", "-adq")
	change := map[string]string{}
	for i := 0; len(change) < 50; i += 37 { // 40 nodes of ten journeys, ten scripts
		for name, data := range largeFiles(i, i+1) {
			switch {
			case strings.Contains(name, "/nodes/Decide ") && name[len("realms/alpha/journeys/Journey0000/nodes/Decide ")] < '4':
				change[name] = strings.Replace(data, `"inputs": ["*"]`, `"inputs": ["username"]`, 1)
			case strings.HasSuffix(name, ".js"):
				change[name] = data + "// changed\n"
			}
		}
	}
	if len(all) != 11_000 || len(change) != 50 {
		b.Fatalf("%d files, %d changed", len(all), len(change))
	}
	second := r.importFiles("refs/heads/x", first, change)
	third := r.importFiles("refs/heads/y", first, largeFiles(largeJourneys, largeJourneys+500))
	for name, to := range map[string]string{"50-changed": second, "5000-new": third} {
		b.Run(name, func(b *testing.B) {
			line := []byte(first + " " + to + " refs/heads/x\n")
			hook := func() {
				c := exec.Command(program, "hook", "pre-receive")
				c.Dir, c.Env, c.Stdin = r.dir, env, bytes.NewReader(line)
				if out, err := c.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
			var git time.Duration
			n := 0
			start := b.Elapsed()
			for b.Loop() {
				hook()
				b.StopTimer()
				n++
				at := time.Now()
				raw := r.git(nil, "diff-tree", "-r", first, to)
				var ids bytes.Buffer
				for line := range strings.Lines(raw) {
					fmt.Fprintln(&ids, strings.Fields(line)[3])
				}
				r.git(ids.Bytes(), "cat-file", "--batch")
				git += time.Since(at)
				b.StartTimer()
			}
			b.ReportMetric(float64((b.Elapsed()-start)/time.Duration(n))/1e6, "ms")
			b.ReportMetric(float64(b.Elapsed()-start)/float64(git), "x-git")
		})
	}
}
