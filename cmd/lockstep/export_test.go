package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A snapshot of a tenant that did not change keeps its bytes and its time, whenever it is taken.
func TestSnapshotIsNotTouched(t *testing.T) {
	set := schema.NewSet("env:dev")
	set.Add(&schema.Resource{Key: schema.Key{Type: "cors", ID: "c"}, Body: map[string]any{"_id": "c"}})
	a := newApp()
	for _, name := range []string{"s.json", "below/s.json.gz"} {
		file := filepath.Join(t.TempDir(), name)
		meta := repo.SnapshotMeta{Tenant: "https://dev.example", Tool: "v1", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		save := func() (data []byte, done exported) {
			t.Helper()
			if err := a.writeSnapshot(file, name, set, meta, &done); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return data, done
		}
		first, done := save()
		if len(done.Written) != 1 || done.Unchanged != 0 {
			t.Errorf("%s: %+v", name, done)
		}
		meta.Time = meta.Time.Add(time.Hour)
		if second, done := save(); !bytes.Equal(first, second) || len(done.Written) != 0 || done.Unchanged != 1 {
			t.Errorf("%s: %+v", name, done)
		}
		set.Partial = []string{"alpha/script"}
		if third, done := save(); bytes.Equal(first, third) || len(done.Written) != 1 {
			t.Errorf("%s: partial, and not written", name)
		}
		set.Partial = nil
		// What is no snapshot is replaced, too: it was named as the destination.
		if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, done := save(); len(done.Written) != 1 {
			t.Errorf("%s: %+v", name, done)
		}
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &app{stderr: &out, now: func() time.Time { return now }, terminal: func(io.Writer) (int, bool) { return 0, false }}
	p := a.progress("Reading dev")
	for i := range 25 { // a second each
		p.update(i, 30, "scripts")
		now = now.Add(time.Second)
	}
	p.done()
	if want := "Reading dev: 10 of 30  scripts\nReading dev: 20 of 30  scripts\n"; out.String() != want {
		t.Errorf("plain:\n%s, want\n%s", &out, want)
	}
	out.Reset()
	a.quiet = true
	a.progress("Reading dev").update(1, 2, "x")
	if out.Len() > 0 {
		t.Errorf("quiet: %q", &out)
	}
	a.quiet, a.terminal = false, func(io.Writer) (int, bool) { return 60, true }
	p = a.progress("Reading dev")
	p.update(15, 30, "alpha scripts and more that does not fit into the line")
	p.done()
	lines := strings.Split(out.String(), "\r\x1b[K")
	if len(lines) != 3 || !strings.Contains(lines[1], "15 of 30") || len([]rune(lines[1])) != 59 || lines[2] != "" {
		t.Errorf("bar: %q", lines)
	}
}
