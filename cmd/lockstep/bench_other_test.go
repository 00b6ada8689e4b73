//go:build !unix

package main

import "testing"

// peakMemory is not known here.
func peakMemory(*testing.B, string, ...string) float64 { return 0 }
