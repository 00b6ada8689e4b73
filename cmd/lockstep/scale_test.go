package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// scaleRepo writes a repository of 1,000 journeys, about 11,000 files and 32 MB, made of the fixtures' real
// journeys, scripts and templates under other ids.
func scaleRepo(tb testing.TB, journeys int) (dir string, files [][]byte, total int64) {
	tb.Helper()
	dir = tb.TempDir()
	root, err := filepath.Abs(filepath.Join("..", "..", "fixtures", "repos", "frconfig"))
	if err != nil {
		tb.Fatal(err)
	}
	write := func(name string, data []byte) {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o600); err != nil {
			tb.Fatal(err)
		}
		total += int64(len(data))
		if strings.HasSuffix(name, ".json") {
			files = append(files, data)
		}
	}
	type file struct {
		name string
		data []byte
	}
	var originals []file
	err = filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(root, name)
		originals = append(originals, file{filepath.ToSlash(rel), data})
		return err
	})
	if err != nil || len(originals) == 0 {
		tb.Fatal("no fixtures", err)
	}
	for _, f := range originals {
		write(f.name, f.data)
	}
	// One more of each journey with its nodes, and a script of 20 kB for each.
	const name = "realms/alpha/journeys/Login/"
	var script []byte
	for _, f := range originals {
		if strings.HasSuffix(f.name, "debug.js") {
			for len(script) < 24<<10 {
				script = append(script, []byte("(function () {\n"+string(f.data)+"\n}());\n")...)
			}
		}
	}
	for i := range journeys {
		id := fmt.Sprintf("Login%04d", i)
		// The last digits of every id differ from journey to journey.
		change := strings.NewReplacer("7f0c2aee-8c74-4d02-82a6", fmt.Sprintf("7f0c2aee-8c74-4d02-%04x", i), "-a1fa3dd566c8", fmt.Sprintf("-a1fa3dd5%04x", i), "-ac17f7988917", fmt.Sprintf("-ac17f798%04x", i),
			"-ab6f4e51b07e", fmt.Sprintf("-ab6f4e51%04x", i), "-a6582bf0f2001", fmt.Sprintf("-a6582bf0%04x", i), "-a7a1-6582bf0f2001", fmt.Sprintf("-a7a1-6582bf0f%04x", i), "-d2cc31c4a6a5", fmt.Sprintf("-d2cc31c4%04x", i),
			"-5fb4-", "-5fb4-", "-ddf1dd1e1e07d0", "-x", "-9ddc-f1dd1e1e07d0", fmt.Sprintf("-9ddc-f1dd1e1e%04x", i), "-5fb4a0bba85f994", "-x", "-4813-4e67-b4fb-5a0bba85f994", fmt.Sprintf("-4813-4e67-b4fb-5a0bba85%04x", i),
			`"_id": "Login"`, fmt.Sprintf(`"_id": %q`, id))
		for _, f := range originals {
			rest, ok := strings.CutPrefix(f.name, name)
			if !ok {
				continue
			}
			if rest == "Login.json" {
				rest = id + ".json"
			}
			write("realms/alpha/journeys/"+id+"/"+change.Replace(rest), []byte(change.Replace(string(f.data))))
		}
		scriptID := fmt.Sprintf("00000000-0000-4000-8000-%012x", i)
		write("realms/alpha/scripts/scripts-config/"+scriptID+".json", fmt.Appendf(nil, `{
  "_id": %q,
  "context": "AUTHENTICATION_TREE_DECISION_NODE",
  "evaluatorVersion": "1.0",
  "language": "JAVASCRIPT",
  "name": "Script %d",
  "script": {"file": "scripts-content/AUTHENTICATION_TREE_DECISION_NODE/Script %d.js"}
}`, scriptID, i, i))
		write(fmt.Sprintf("realms/alpha/scripts/scripts-content/AUTHENTICATION_TREE_DECISION_NODE/Script %d.js", i), append([]byte(fmt.Sprintf("// %d\n", i)), script...))
	}
	return dir, files, total
}

// BenchmarkValidateScale measures validate over a large repository. Its measure is json.Valid over the same
// bytes: the texts count as one JSON string each.
func BenchmarkValidateScale(b *testing.B) {
	dir, _, total := scaleRepo(b, 1000)
	all := scaleBytes(b, dir)
	a, _, _ := corpusApp(b)
	p, err := a.project()
	if err != nil {
		b.Fatal(err)
	}
	var ours, valid time.Duration
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		l, err := a.load(b.Context(), p, dir)
		if err != nil {
			b.Fatal(err)
		}
		loaded := time.Since(start)
		ds := a.findings(p, l)
		ours += time.Since(start)
		if len(ds.AtLeast(2)) > 10 {
			b.Fatalf("%d findings in what is fine: %+v", len(ds), ds[0])
		}
		b.StopTimer()
		valid += validTime(b, all)
		b.ReportMetric(float64(len(all)), "files")
		b.ReportMetric(loaded.Seconds(), "s-load")
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(valid), "x-json.Valid")
}

// BenchmarkValidateScaleCached measures validate where it has run before: with nothing changed since, and with
// one node of one journey changed each time. The measure is that of BenchmarkValidateScale.
func BenchmarkValidateScaleCached(b *testing.B) {
	dir, _, _ := scaleRepo(b, 1000)
	all := scaleBytes(b, dir)
	nodes, err := filepath.Glob(filepath.Join(dir, "realms", "alpha", "journeys", "Login0500", "nodes", "*.json"))
	if err != nil || len(nodes) == 0 {
		b.Fatal("no nodes", err)
	}
	node, err := os.ReadFile(nodes[0])
	if err != nil {
		b.Fatal(err)
	}
	a, _, _ := corpusApp(b)
	cache := b.TempDir()
	a.cacheDir = func() (string, error) { return cache, nil }
	p, err := a.project()
	if err != nil {
		b.Fatal(err)
	}
	validate := func(b *testing.B) time.Duration {
		start := time.Now()
		if _, err := a.validate(b.Context(), p, validateOptions{source: dir}); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	validate(b)
	for _, changed := range []bool{false, true} {
		b.Run(map[bool]string{false: "nothing", true: "one-file"}[changed], func(b *testing.B) {
			var ours, valid time.Duration
			for b.Loop() {
				if changed {
					node = append(node, ' ')
					if err := os.WriteFile(nodes[0], node, 0o600); err != nil {
						b.Fatal(err)
					}
				}
				ours += validate(b)
				valid += validTime(b, all)
			}
			b.ReportMetric(float64(ours)/float64(valid), "x-json.Valid")
			b.ReportMetric(ours.Seconds()/float64(b.N), "s-validate")
		})
	}
}

// validTime is how long json.Valid takes over all.
func validTime(b *testing.B, all [][]byte) time.Duration {
	b.Helper()
	start := time.Now()
	for _, f := range all {
		if !json.Valid(f) {
			b.Fatal("no JSON")
		}
	}
	return time.Since(start)
}

// scaleBytes reads all files; texts are one JSON string each.
func scaleBytes(b *testing.B, dir string) (all [][]byte) {
	b.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if !strings.HasSuffix(name, ".json") {
			data, _ = json.Marshal(string(data))
		}
		all = append(all, data)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return all
}
