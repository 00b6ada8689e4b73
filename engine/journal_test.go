package engine_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine"
)

func writeJournal(t testing.TB, dir, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "journal.ndjson"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func threeRecords(t *testing.T, dir string) []byte {
	t.Helper()
	j := openJournal(t, dir)
	for _, r := range []engine.Record{{What: "begin", Plan: "p"}, {What: "will", Step: 1}, {What: "did", Step: 1, Outcome: "created"}} {
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "journal.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTornTail(t *testing.T) {
	dir := runDir(t)
	data := threeRecords(t, dir)
	last := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
	for at := last; at < len(data); at++ {
		writeJournal(t, dir, string(data[:at]))
		j := openJournal(t, dir)
		if len(j.Records) != 2 || j.Has("did", 1) {
			t.Fatalf("cut at %d: %+v", at, j.Records)
		}
		if err := j.Append(engine.Record{What: "did", Step: 1, Outcome: "created"}); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		now, err := os.ReadFile(filepath.Join(dir, "journal.ndjson"))
		if err != nil || !bytes.Equal(now, data) {
			t.Fatalf("cut at %d and appended to: %v\n%s", at, err, now)
		}
	}
}

func TestDamagedJournal(t *testing.T) {
	dir := runDir(t)
	data := string(threeRecords(t, dir))
	lines := strings.SplitAfter(data, "\n")
	for name, text := range map[string]string{
		"half a line":       lines[0] + lines[1][:10] + "\n" + lines[2],
		"an empty one":      lines[0] + "\n" + lines[2],
		"not a record":      lines[0] + "{}\n" + lines[2],
		"zeros":             lines[0] + "\x00\x00\n" + lines[2],
		"before a torn one": lines[0] + "{\n" + lines[2][:5],
	} {
		t.Run(name, func(t *testing.T) {
			writeJournal(t, dir, text)
			for range 2 { // and it stays openable: the lock is free again
				j, err := engine.OpenJournal(dir, fixedNow)
				if err == nil {
					t.Fatalf("opened: %+v, %v", j.Records, j.Close())
				}
				if !strings.Contains(err.Error(), "journal.ndjson:2: the line is damaged") {
					t.Error(err)
				}
			}
			if now, err := os.ReadFile(filepath.Join(dir, "journal.ndjson")); err != nil || string(now) != text {
				t.Error("a damaged journal was changed")
			}
		})
	}
}

func TestJournalIsLocked(t *testing.T) {
	dir := runDir(t)
	j := openJournal(t, dir)
	var locked *engine.LockedError
	if _, err := engine.OpenJournal(dir, fixedNow); !errors.As(err, &locked) {
		t.Errorf("got %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openJournal(t, dir).Close(); err != nil {
		t.Error(err)
	}
}

func TestKeep(t *testing.T) {
	dir := runDir(t)
	j := openJournal(t, dir)
	defer j.Close()
	first, second := template(t, "a", "one"), template(t, "a", "two")
	for range 2 {
		if err := errors.Join(j.Keep(1, first.Key, first), j.Keep(1, first.Key, second), j.Keep(2, first.Key, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if kept := keptDigests(t, dir); len(kept) != 2 {
		t.Errorf("kept %v", kept)
	}
	if r, k, ok, err := j.Kept(1); err != nil || !ok || k != first.Key || r.Body["subject"].(map[string]any)["en"] != "one" {
		t.Errorf("kept %v %v %t %v", r, k, ok, err)
	}
	if r, _, ok, err := j.Kept(2); err != nil || !ok || r != nil {
		t.Errorf("kept %v %t %v", r, ok, err)
	}
	if _, _, ok, err := j.Kept(3); err != nil || ok {
		t.Errorf("kept %t %v", ok, err)
	}
}

func TestFindRun(t *testing.T) {
	runs := t.TempDir()
	for name, text := range map[string]string{
		"2026-01": `{"what":"begin","plan":"p"}` + "\n" + `{"what":"will","step":1}` + "\n",
		"2026-02": `{"what":"begin","plan":"p"}` + "\n" + `{"what":"done"}` + "\n",
		"2026-03": `{"what":"begin","plan":"q"}` + "\n",
		"2026-04": `{"what":"begin","plan":"p"}` + "\n" + `{"what":"rolled back"}` + "\n",
	} {
		writeJournal(t, filepath.Join(runs, name), text)
	}
	for plan, want := range map[string]string{"p": "2026-01", "q": "2026-03", "r": ""} {
		got, err := engine.FindRun(runs, plan)
		if err != nil || want != "" && filepath.Base(got) != want || want == "" && got != "" {
			t.Errorf("plan %s: %s, %v", plan, got, err)
		}
	}
	if got, err := engine.FindRun(filepath.Join(runs, "none"), "p"); got != "" || err != nil {
		t.Errorf("no folder: %q, %v", got, err)
	}
}

func FuzzReadJournal(f *testing.F) {
	for _, s := range []string{"", "\n", "{}", `{"what":"begin","plan":"p"}` + "\n" + `{"what":"did`, "null\n[]\n", "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		writeJournal(t, dir, string(data))
		records, err := engine.ReadJournal(dir)
		if err != nil {
			return
		}
		j := openJournal(t, dir)
		if len(j.Records) != len(records) {
			t.Errorf("%d and %d records", len(j.Records), len(records))
		}
		if err := errors.Join(j.Append(engine.Record{What: "will", Step: 1}), j.Close()); err != nil {
			t.Fatal(err)
		}
		again, err := engine.ReadJournal(dir)
		if err != nil || len(again) != len(records)+1 {
			t.Errorf("after appending: %d records, %v", len(again), err)
		}
	})
}

// One process at a time: the second one is told what the first is at.
func TestExclusive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "locks", "dev")
	release, err := engine.Exclusive(file, "busy")
	if err != nil {
		t.Fatal(err)
	}
	var locked *engine.LockedError
	if _, err := engine.Exclusive(file, "busy"); !errors.As(err, &locked) || locked.What != "busy" {
		t.Errorf("got %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = engine.Exclusive(file, "busy")
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}
