package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
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

// A pace is how long work takes beside json.Valid over the same bytes, taken in turn with it, so that a machine
// that is busy with other things slows both.
type pace struct{ ours, valid, oursCPU, validCPU []time.Duration }

func (p *pace) take(b *testing.B, all [][]byte, work func()) {
	b.Helper()
	runtime.GC() // what was left by others is no part of it
	cpu, start := cpuTime(), time.Now()
	work()
	p.ours, p.oursCPU = append(p.ours, time.Since(start)), append(p.oursCPU, cpuTime()-cpu)
	cpu, start = cpuTime(), time.Now()
	for _, f := range all {
		if !json.Valid(f) {
			b.Fatal("no JSON")
		}
	}
	p.valid, p.validCPU = append(p.valid, time.Since(start)), append(p.validCPU, cpuTime()-cpu)
}

// report tells the medians' ratio, that of the shortest times, and that of the processor's.
func (p *pace) report(b *testing.B, bound float64) {
	b.Helper()
	median := func(list []time.Duration) float64 {
		slices.Sort(list)
		return list[len(list)/2].Seconds()
	}
	ratio := median(p.ours) / median(p.valid)
	b.ReportMetric(ratio, "x-json.Valid")
	b.ReportMetric(p.ours[0].Seconds()/p.valid[0].Seconds(), "x-best")
	b.ReportMetric(p.ours[0].Seconds(), "s-best")
	if cpu := median(p.validCPU); cpu > 0 {
		b.ReportMetric(median(p.oursCPU)/cpu, "x-cpu")
	}
	within(b, "x json.Valid", ratio, bound, false)
}

// BenchmarkValidateScale measures validate and check over a large repository: anew, with nothing changed since the
// last run, and with one file changed each time. Its measure is json.Valid over the same bytes: the texts count as
// one JSON string each.
func BenchmarkValidateScale(b *testing.B) {
	dir, _, total := scaleRepo(b, 1000)
	all := scaleBytes(b, dir)
	b.Logf("%d files, %.1f MB", len(all), float64(total)/1e6)
	a, _, _ := corpusApp(b)
	a.chdir = dir
	p, err := a.project()
	if err != nil {
		b.Fatal(err)
	}
	cache := b.TempDir()
	validate := func() {
		v, err := a.validate(b.Context(), p, validateOptions{})
		if err != nil || len(v.Findings.AtLeast(schema.Warning)) > 10 {
			b.Fatalf("findings in what is fine: %+v %v", v, err)
		}
	}
	check := func() {
		if _, err := a.check(b.Context(), p, checkOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		work    func()
		cached  bool
		changed string // a pattern of files, of which the first is changed
		bound   float64
	}{
		{"anew", validate, false, "", 10},
		{"nothing", validate, true, "", 1},
		{"one-node", validate, true, "realms/alpha/journeys/Login0500/nodes/*.json", 2},
		{"one-script", validate, true, "realms/alpha/scripts/scripts-content/*/Script 500.js", 2},
		{"check-nothing", check, true, "", 1},
		{"check-one-node", check, true, "realms/alpha/journeys/Login0500/nodes/*.json", 2},
	} {
		b.Run(c.name, func(b *testing.B) {
			a.cacheDir = nil
			if c.cached {
				a.cacheDir = func() (string, error) { return cache, nil }
				c.work()
			}
			var took pace
			b.ReportAllocs()
			for b.Loop() {
				if c.changed != "" {
					appendTo(b, filepath.Join(dir, filepath.FromSlash(c.changed)), "\n")
				}
				took.take(b, all, c.work)
			}
			took.report(b, c.bound)
		})
	}
	b.Run("memory", func(b *testing.B) {
		program := buildProgram(b)
		for b.Loop() {
			peak := peakMemory(b, dir, program, "validate", "--no-cache", "--fail-on", "error")
			b.ReportMetric(peak, "MiB-peak")
			within(b, "MiB", peak, 500, true)
		}
	})
}

// appendTo writes a text behind the first file of a pattern.
func appendTo(b *testing.B, pattern, text string) {
	b.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		b.Fatal("no such file", err)
	}
	f, err := os.OpenFile(names[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	if _, err = f.WriteString(text); errors.Join(err, f.Close()) != nil {
		b.Fatal(err)
	}
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
