package engine

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fullDisk takes a few bytes of the next write, and no more.
type fullDisk struct {
	journalFile
	left int
}

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.left >= len(p) {
		return f.journalFile.Write(p)
	}
	n, _ := f.journalFile.Write(p[:f.left])
	f.left = 1 << 20
	return n, errors.New("no space left on device")
}

// A line that didn't fit on the disk must not spoil those that come after it.
func TestAppendOnAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	j, err := OpenJournal(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	j.file = &fullDisk{j.file, 1 << 20}
	if err := j.Append(Record{What: "begin"}); err != nil {
		t.Fatal(err)
	}
	j.file.(*fullDisk).left = 150
	if err := j.Append(Record{What: "will", Step: 1, Error: strings.Repeat("x", 200)}); err == nil {
		t.Error("no error")
	}
	if err := j.Append(Record{What: "fail", Step: 1}); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "journal.ndjson"))
	if err != nil || bytes.Contains(data, []byte("xxx")) {
		t.Errorf("the torn line is still there: %s, %v", data, err)
	}
	records, err := ReadJournal(dir)
	if err != nil || len(records) != 2 || records[1].What != "fail" || len(j.Records) != 2 {
		t.Errorf("%+v, %v", records, err)
	}
}
