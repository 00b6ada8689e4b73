package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine"
)

func TestAudit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit", "promotions.ndjson")
	add := func(id, what string) error {
		return engine.AppendAudit(file, engine.AuditEntry{Time: fixedNow(), What: what, Environment: "staging", PromotionID: id, Report: engine.PromotionReport{ID: "r-" + id}})
	}
	for _, id := range []string{"a", "b", "b", "c"} { // b twice: it was cut off right after
		if err := add(id, "promotion"); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := engine.ReadAudit(file)
	if err != nil || len(entries) != 3 || entries[2].Before != entries[1].Hash || entries[0].Before != "" {
		t.Fatalf("%+v, %v", entries, err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	for name, tc := range map[string]struct{ text, err string }{
		"changed":        {strings.Replace(string(data), "r-b", "r-x", 1), ":2: the audit was changed"},
		"a member twice": {strings.Replace(string(data), `"number":2,`, `"number":1,"number":2,`, 1), ":2: the audit was changed"},
		"one taken":      {lines[0] + lines[2], ":2: the audit was changed"},
		"the first":      {lines[1] + lines[2], ":1: the audit was changed"},
		"swapped":        {lines[1] + lines[0] + lines[2], ":1: the audit was changed"},
		"not an entry":   {lines[0] + "hello\n", ":2: the audit is damaged"},
	} {
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := engine.ReadAudit(file); err == nil || !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v", name, err)
		}
		if err := add("d", "promotion"); err == nil || !strings.Contains(err.Error(), "What was promoted is not in it: promotion d") {
			t.Errorf("%s: added to: %v", name, err)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != tc.text {
			t.Errorf("%s: the file was touched", name)
		}
	}
	// Cut off at every byte of the last entry: the others stand, and it is written again.
	for at := len(lines[0]) + len(lines[1]); at < len(data); at++ {
		if err := os.WriteFile(file, data[:at], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := add("c", "promotion"); err != nil {
			t.Fatal(err)
		}
		if now, err := os.ReadFile(file); err != nil || string(now) != string(data) {
			t.Fatalf("cut at %d: %v\n%s", at, err, now)
		}
	}
}
