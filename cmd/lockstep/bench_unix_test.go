//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// cpuTime is how long the processors have worked for this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory gives the most memory, in MiB, that a program held at a time.
func peakMemory(b *testing.B, dir string, args ...string) float64 {
	b.Helper()
	peak, _ := measured(b, dir, nil, args...)
	return peak
}

// measured runs a program and gives the most memory, in MiB, that it held at a time, and what it printed. A
// process is charged with what the one that started it held, so a small one starts it. env is added to the
// environment.
func measured(b *testing.B, dir string, env []string, args ...string) (peak float64, output string) {
	b.Helper()
	c := exec.Command(peakHelper(b), args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		b.Fatalf("%v\n%s", err, &said)
	}
	n, err := strconv.ParseFloat(string(out), 64)
	if err != nil {
		b.Fatal(err)
	}
	if runtime.GOOS != "darwin" && runtime.GOOS != "ios" { // they count in bytes
		n *= 1024
	}
	return n / (1 << 20), said.String()
}

// peakHelper builds the small program, which go's cache makes quick the second time.
func peakHelper(b *testing.B) string {
	b.Helper()
	helper := filepath.Join(b.TempDir(), "peak")
	if out, err := exec.Command("go", "build", "-o", helper, filepath.Join("testdata", "peak", "main.go")).CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return helper
}
