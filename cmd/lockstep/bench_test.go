package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The measure of both is another program's work on the same machine in the same run, so that the figures can be
// compared between machines.

// BenchmarkValidateCorpus reads and checks real configuration. Its measure is json.Valid over the JSON in it,
// which lies in memory already.
func BenchmarkValidateCorpus(b *testing.B) {
	for _, source := range benchSources(b) {
		b.Run(filepath.Base(source), func(b *testing.B) {
			files, total := jsonFiles(b, source)
			a, _, _ := corpusApp(b)
			p, err := a.project()
			if err != nil {
				b.Fatal(err)
			}
			var ours, valid time.Duration
			b.ReportAllocs()
			b.SetBytes(total)
			for b.Loop() {
				start := time.Now()
				l, err := a.load(b.Context(), p, source)
				if err != nil || l.Len() == 0 {
					b.Fatalf("nothing was read: %v", err)
				}
				a.findings(p, l)
				ours += time.Since(start)

				b.StopTimer()
				start = time.Now()
				for _, f := range files {
					if !json.Valid(f) {
						b.Fatal("no JSON")
					}
				}
				valid += time.Since(start)
				b.StartTimer()
			}
			b.ReportMetric(float64(ours)/float64(valid), "x-json.Valid")
		})
	}
}

// benchSources are the corpus', or the fixtures where there is none.
func benchSources(b *testing.B) []string {
	b.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(root, "..", "shared", "corpus")
	sources := []string{filepath.Join(dir, "fr-config-manager-repo"), filepath.Join(dir, "frodo-export", "all.cloud.json")}
	if _, err := os.Stat(sources[0]); err != nil {
		b.Log("the corpus is not here; measured over the fixtures")
		sources = []string{filepath.Join(root, "fixtures", "repos", "frconfig"), filepath.Join(root, "fixtures", "repos", "frodo")}
	}
	return sources
}

func jsonFiles(b *testing.B, source string) (files [][]byte, total int64) {
	b.Helper()
	err := filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".json") {
			return err
		}
		data, err := os.ReadFile(name)
		files = append(files, data)
		total += int64(len(data))
		return err
	})
	if err != nil || total == 0 {
		b.Fatalf("no JSON in %s: %v", source, err)
	}
	return files, total
}

// BenchmarkStartup runs `lockstep version` as a process. Its measure is the smallest Go program there is.
func BenchmarkStartup(b *testing.B) {
	dir := b.TempDir()
	trivial := filepath.Join(dir, "trivial")
	if err := os.WriteFile(trivial+".go", []byte("package main\n\nfunc main() { println(\"devel\") }\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	program := filepath.Join(dir, "lockstep")
	if runtime.GOOS == "windows" {
		trivial, program = trivial+".exe", program+".exe"
	}
	for out, what := range map[string]string{trivial: filepath.Join(dir, "trivial.go"), program: "."} {
		if said, err := exec.Command("go", "build", "-o", out, what).CombinedOutput(); err != nil {
			b.Fatalf("go build: %v\n%s", err, said)
		}
	}
	var ours, least time.Duration
	took := func(args ...string) time.Duration {
		c := exec.Command(args[0], args[1:]...)
		c.Dir = dir
		start := time.Now()
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		return time.Since(start)
	}
	for b.Loop() {
		ours += took(program, "version")
		b.StopTimer()
		least += took(trivial)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(least), "x-trivial")
	if peak := peakMemory(b, dir, program, "version"); peak > 0 {
		b.ReportMetric(peak, "MiB-peak")
	}
}

// BenchmarkValidateProcess runs `lockstep validate` as a process, for the time and memory that a person sees.
func BenchmarkValidateProcess(b *testing.B) {
	program := filepath.Join(b.TempDir(), "lockstep")
	if said, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, said)
	}
	for _, source := range benchSources(b) {
		b.Run(filepath.Base(source), func(b *testing.B) {
			dir := b.TempDir()
			for b.Loop() {
				c := exec.Command(program, "validate", source)
				c.Dir = dir
				out, err := c.CombinedOutput()
				if code := c.ProcessState.ExitCode(); code != exitOK && code != exitFindings {
					b.Fatalf("%v\n%s", err, out)
				}
			}
			if peak := peakMemory(b, dir, program, "validate", source); peak > 0 {
				b.ReportMetric(peak, "MiB-peak")
			}
		})
	}
}
