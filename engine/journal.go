package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A Record is one line of a journal.
type Record struct {
	What    string     `json:"what"` // begin, will, did, fail, done; rolling back, will undo, undid, rolled back; a promotion's phases
	Time    time.Time  `json:"time"`
	Plan    string     `json:"plan,omitempty"`
	Tenant  string     `json:"tenant,omitempty"`
	Step    int        `json:"step,omitempty"`
	Key     schema.Key `json:"resource,omitzero"`
	Digest  string     `json:"digest,omitempty"`
	Outcome string     `json:"outcome,omitempty"`
	ID      string     `json:"id,omitempty"` // a promotion's id
	Error   string     `json:"error,omitempty"`
	// Of a promotion: what was reviewed, and what the tenant said when it stopped.
	Reviewed []Reviewed       `json:"reviewed,omitempty"`
	DryRun   bool             `json:"dryRun,omitempty"` // the lock was taken for a dry run
	Status   *PromotionStatus `json:"status,omitempty"`
}

// A LockedError says that another process holds what is needed: another run on this machine, or another
// promotion on the tenant.
type LockedError struct{ What string }

func (e *LockedError) Error() string { return e.What }

// A Journal is the record of one run on disk: append-only, synced at every line, locked to one process,
// free of secrets. A line that was cut off at the end is dropped. It also keeps the bodies that a run
// overwrites or deletes.
type Journal struct {
	Dir     string // the run's folder; its base name is the run's id
	Records []Record
	file    journalFile
	whole   int64 // bytes of the whole lines
	lock    *flock.Flock
	now     func() time.Time
}

// journalFile is what a journal needs of an *os.File: tests let it fail.
type journalFile interface {
	io.WriteSeeker
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Run is the run's id: the name of its folder.
func (j *Journal) Run() string { return filepath.Base(j.Dir) }

// OpenJournal opens or makes the journal in dir. It fails with a *LockedError when another process has it.
func OpenJournal(dir string, now func() time.Time) (_ *Journal, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "bodies"), 0o700); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock journal: %w", err)
	}
	if !ok {
		return nil, &LockedError{fmt.Sprintf("another lockstep process works on run %s; wait for it, or end it", filepath.Base(dir))}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Unlock())
		}
	}()
	name := filepath.Join(dir, "journal.ndjson")
	records, whole, err := readRecords(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := f.Truncate(whole); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), f.Close())
	}
	if _, err := f.Seek(whole, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), f.Close())
	}
	return &Journal{Dir: dir, Records: standing(records), file: f, whole: whole, lock: lock, now: now}, nil
}

// ReadJournal reads a journal without locking it, for lists of runs.
func ReadJournal(dir string) ([]Record, error) {
	records, _, err := readRecords(filepath.Join(dir, "journal.ndjson"))
	return records, err
}

// readRecords reads the whole lines of a journal, and how many bytes they are. A torn tail is no error; a
// line in the middle that can't be read is.
func readRecords(name string) ([]Record, int64, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read journal: %w", err)
	}
	var records []Record
	whole := int64(0)
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		var r Record
		err := json.Unmarshal(line, &r)
		if err == nil && r.What == "" {
			err = errors.New("it says nothing")
		}
		if !ended || err != nil {
			if len(rest) > 0 {
				return nil, 0, fmt.Errorf("read journal: %s:%d: the line is damaged (%w), and what comes after it can't be trusted. Look at the tenant, move the run's folder away and make a new plan; the bodies from before each write are in its folder bodies", name, len(records)+1, err)
			}
			break
		}
		records = append(records, r)
		whole += int64(len(line)) + 1
		data = rest
	}
	return records, whole, nil
}

// Append writes one record and waits until it is on the disk. A line that could be written only in part,
// on a full disk, is taken back: a later one behind it would make the journal unreadable.
func (j *Journal) Append(r Record) error {
	r.Time = j.now().UTC().Truncate(time.Millisecond)
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	_, err = j.file.Write(append(line, '\n'))
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		_, serr := j.file.Seek(j.whole, io.SeekStart)
		return fmt.Errorf("write journal: %w", errors.Join(err, j.file.Truncate(j.whole), serr))
	}
	j.whole += int64(len(line)) + 1
	j.Records = standing(append(j.Records, r))
	return nil
}

// standing leaves out the records of a way back that was aborted as a whole, with its session: it never
// happened, as far as the tenant can tell.
func standing(records []Record) []Record {
	last := -1
	for i, r := range records {
		if r.What == undoVoid {
			last = i
		}
	}
	if last < 0 {
		return records
	}
	return slices.Concat(slices.DeleteFunc(slices.Clone(records[:last+1]), func(r Record) bool {
		return slices.Contains([]string{"rolling back", "will undo", "undid", "rolled back", undoVoid}, r.What) || strings.HasPrefix(r.What, undoSession)
	}), records[last+1:])
}

// Over says whether a run is at its end: done or rolled back, and its session, if it has one, closed.
func Over(records []Record) bool {
	if len(records) == 0 {
		return false
	}
	records = standing(records)
	open := map[bool]bool{}
	for _, r := range records {
		name, undo := strings.CutPrefix(r.What, undoSession)
		switch name {
		case willOpenSession:
			open[undo] = true
		case sessionRefused, sessionApplied:
			open[undo] = false
		case "rolled back":
			if r.Outcome == "session aborted" {
				open[undo] = false
			}
		}
	}
	if open[true] || open[false] {
		return false
	}
	for _, r := range slices.Backward(records) {
		switch r.What {
		case "rolled back", "done":
			return true
		case "rolling back", "will", "did", "begin", "fail":
			return false
		}
	}
	return false
}

// Exclusive locks a file for this process, until the function that it returns is called. It fails with a
// *LockedError that says what, when another process has it.
func Exclusive(file, what string) (release func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	lock := flock.New(file)
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	if !ok {
		return nil, &LockedError{what}
	}
	return lock.Unlock, nil
}

// Close gives the journal free for other processes.
func (j *Journal) Close() error { return errors.Join(j.file.Close(), j.lock.Unlock()) }

// Has says whether there is a record of that kind for that step.
func (j *Journal) Has(what string, step int) bool {
	return slices.ContainsFunc(j.Records, func(r Record) bool { return r.What == what && r.Step == step })
}

// Last returns the newest record of a kind.
func (j *Journal) Last(what string) (Record, bool) {
	for _, r := range slices.Backward(j.Records) {
		if r.What == what {
			return r, true
		}
	}
	return Record{}, false
}

// keptBody is a body as it was before a step.
type keptBody struct {
	Resource schema.Key      `json:"resource"`
	Existed  bool            `json:"existed"`
	Body     json.RawMessage `json:"body,omitempty"`
}

// bodyFile is where a step's body is kept. The first is the one from before the step, which a rollback puts
// back; others are what a second try, or the rollback, found.
func (j *Journal) bodyFile(step, n int) string {
	if n > 1 {
		return filepath.Join(j.Dir, "bodies", fmt.Sprintf("%04d-%d.json", step, n))
	}
	return filepath.Join(j.Dir, "bodies", fmt.Sprintf("%04d.json", step))
}

// Keep stores what a step is about to overwrite or delete. What was kept first stays. What a second try finds
// is kept beside it: a half-written body, or one that somebody wrote in between.
func (j *Journal) Keep(step int, k schema.Key, r *schema.Resource) error {
	n := 1
	for ; ; n++ {
		old, _, ok, err := j.kept(step, n)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if r == nil || old != nil && bytes.Equal(schema.CompactJSON(old.Body), schema.CompactJSON(r.Body)) {
			return nil
		}
	}
	kept := keptBody{Resource: k, Existed: r != nil}
	if r != nil {
		kept.Body = schema.CompactJSON(r.Body)
	}
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("keep %s: %w", k, err)
	}
	if err := WriteFile(j.bodyFile(step, n), data, 0o600); err != nil {
		return fmt.Errorf("keep %s: %w", k, err)
	}
	return nil
}

// Kept returns what Keep stored: nil when there was no resource. ok is false when nothing was stored.
func (j *Journal) Kept(step int) (r *schema.Resource, k schema.Key, ok bool, err error) {
	return j.kept(step, 1)
}

func (j *Journal) kept(step, n int) (r *schema.Resource, k schema.Key, ok bool, err error) {
	data, err := os.ReadFile(j.bodyFile(step, n))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, schema.Key{}, false, nil
	}
	if err != nil {
		return nil, schema.Key{}, false, fmt.Errorf("read kept body: %w", err)
	}
	var kept keptBody
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil, schema.Key{}, false, fmt.Errorf("read kept body: %s: %w", j.bodyFile(step, n), err)
	}
	if !kept.Existed {
		return nil, kept.Resource, true, nil
	}
	v, err := schema.ParseJSON(kept.Body)
	if err != nil {
		return nil, schema.Key{}, false, fmt.Errorf("read kept body: %s: %w", j.bodyFile(step, n), err)
	}
	body, _ := v.(map[string]any)
	return &schema.Resource{Key: kept.Resource, Body: body}, kept.Resource, true, nil
}

// FindRun looks in the folder of runs for an unfinished run of the plan; "" when there is none.
func FindRun(runs, planDigest string) (string, error) {
	return findRun(runs, planDigest, func(records []Record) bool { return !Over(records) })
}

// FindDone looks in the folder of runs for the last run that carried the plan out, and was not undone since; ""
// when there is none.
func FindDone(runs, planDigest string) (string, error) {
	return findRun(runs, planDigest, func(records []Record) bool {
		j := &Journal{Records: standing(records)}
		return Over(records) && j.after("done", "rolled back")
	})
}

func findRun(runs, planDigest string, is func([]Record) bool) (string, error) {
	entries, err := os.ReadDir(runs)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for runs: %w", err)
	}
	for _, e := range slices.Backward(entries) {
		dir := filepath.Join(runs, e.Name())
		records, err := ReadJournal(dir)
		if err != nil || len(records) == 0 || records[0].Plan != planDigest {
			continue
		}
		if is(records) {
			return dir, nil
		}
	}
	return "", nil
}

// NewRunDir names a new run after the time, with a counter when that is taken.
func NewRunDir(runs string, now time.Time) (string, error) {
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return "", fmt.Errorf("make run: %w", err)
	}
	base := now.UTC().Format("2006-01-02T15-04-05")
	for n := 1; ; n++ {
		dir := filepath.Join(runs, base)
		if n > 1 {
			dir = fmt.Sprintf("%s-%d", dir, n)
		}
		err := os.Mkdir(dir, 0o700)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make run: %w", err)
		}
	}
}
