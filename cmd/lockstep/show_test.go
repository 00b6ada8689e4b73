package main

import (
	"strings"
	"testing"
)

// TestLooksLikePlan: a plan is known however long it is, and where it is cut off; a snapshot and an export are none.
func TestLooksLikePlan(t *testing.T) {
	head := `{"digest": "d", "elsewhere": [], "environment": {"name": "dev"}, "findings": [], `
	for data, want := range map[string]bool{
		head + `"steps": []}`: true,
		head + `"steps": [{"body": "` + strings.Repeat("x", 3<<20) + `"}], "warnings": ["` + strings.Repeat("y", 2<<20) + `"]}`: true,
		head + `"steps": [{"bo`: true,
		`{"lockstep": 1, "resources": [{"digest": "", "steps": []}]}`: false,
		`{"meta": {}, "global": {}, "realm": {}}`:                     false,
		`[{"digest": "d", "environment": {}}]`:                        false,
		`{"digest": `:                                                 false,
		``:                                                            false,
	} {
		if got := looksLikePlan([]byte(data)); got != want {
			t.Errorf("%.60q: %t", data, got)
		}
	}
}
