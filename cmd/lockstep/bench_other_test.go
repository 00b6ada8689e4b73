//go:build !unix

package main

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }

// peakMemory is not known here.
func peakMemory(*testing.B, string, ...string) float64 { return 0 }

// measured runs a program; its memory is not known here.
func measured(b *testing.B, dir string, env []string, args ...string) (peak float64, output string) {
	b.Helper()
	c := exec.Command(args[0], args[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, _ := c.CombinedOutput() // whether it did its work is seen in what it wrote
	return 0, string(out)
}
