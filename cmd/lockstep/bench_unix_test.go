//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// peakMemory gives the most memory, in MiB, that a program held at a time. A process is charged with what the
// one that started it held, so a small one starts it.
func peakMemory(b *testing.B, dir string, args ...string) float64 {
	b.Helper()
	helper := filepath.Join(b.TempDir(), "peak")
	if out, err := exec.Command("go", "build", "-o", helper, filepath.Join("testdata", "peak", "main.go")).CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	c := exec.Command(helper, args...)
	c.Dir = dir
	out, err := c.Output()
	if err != nil {
		b.Fatal(err)
	}
	n, err := strconv.ParseFloat(string(out), 64)
	if err != nil {
		b.Fatal(err)
	}
	if runtime.GOOS != "darwin" && runtime.GOOS != "ios" { // they count in bytes
		n *= 1024
	}
	return n / (1 << 20)
}
