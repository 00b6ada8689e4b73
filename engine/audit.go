package engine

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// An AuditEntry says who promoted what, when, and from which commit. The entries of a file are a chain: each
// holds the hash of the one before it, so that none can be changed or taken out without a trace.
type AuditEntry struct {
	Number      int             `json:"number"` // 1-based
	Time        time.Time       `json:"time"`
	What        string          `json:"what"` // promotion, rollback
	Lower       string          `json:"lower"`
	Environment string          `json:"environment"` // that was changed
	URL         string          `json:"url"`
	Who         string          `json:"who"`
	Approved    string          `json:"approved,omitempty"`
	Commit      string          `json:"commit,omitempty"`
	Plan        string          `json:"plan,omitempty"` // its digest
	PromotionID string          `json:"promotionId"`
	Message     string          `json:"message,omitempty"`
	Report      PromotionReport `json:"report"`
	Before      string          `json:"before"` // hash of the entry before; empty for the first
	Hash        string          `json:"hash"`   // SHA-256 of this entry's JSON with an empty hash
}

func (e AuditEntry) hash() string {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		panic("engine: encode audit entry: " + err.Error()) // plain data
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ReadAudit reads an audit file and checks its chain. A file that is not there is an empty one. The entries
// before a damage are returned with the error.
func ReadAudit(file string) ([]AuditEntry, error) {
	entries, _, err := readAudit(file)
	return entries, err
}

func readAudit(file string) (entries []AuditEntry, whole int64, err error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read audit: %w", err)
	}
	lines := bufio.NewReader(bytes.NewReader(data))
	before := ""
	for n := 1; ; n++ {
		line, rerr := lines.ReadBytes('\n')
		if rerr != nil {
			// Nothing more, or an entry that was cut off while it was written: it will be written again.
			return entries, whole, nil
		}
		var e AuditEntry
		if err := json.Unmarshal(line, &e); err != nil {
			return entries, whole, fmt.Errorf("%s:%d: the audit is damaged: the line can't be read", file, n)
		}
		// The bytes count, too: what reads the same and is written otherwise was changed.
		own, err := json.Marshal(e)
		if err != nil || !bytes.Equal(append(own, '\n'), line) || e.Number != n || e.Before != before || e.Hash != e.hash() {
			return entries, whole, fmt.Errorf("%s:%d: the audit was changed: the entry doesn't fit the chain", file, n)
		}
		entries, before, whole = append(entries, e), e.Hash, whole+int64(len(line))
	}
}

// AppendAudit adds an entry to the file, synced. The same promotion's entry is added once. It refuses to add
// to a chain that is broken.
func AppendAudit(file string, e AuditEntry) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	lock := flock.New(file + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock audit: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock(), os.Remove(file+".lock")) }()
	entries, whole, err := readAudit(file)
	if err != nil {
		return fmt.Errorf("%w\nWhat was promoted is not in it: promotion %s to %s", err, e.PromotionID, e.Environment)
	}
	for _, old := range entries {
		if old.PromotionID == e.PromotionID && old.What == e.What && old.Environment == e.Environment {
			return nil
		}
	}
	e.Number = len(entries) + 1
	if len(entries) > 0 {
		e.Before = entries[len(entries)-1].Hash
	}
	e.Time = e.Time.UTC().Truncate(time.Second)
	e.Hash = e.hash()
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// What was cut off goes; what is whole is never touched.
	if err := f.Truncate(whole); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	if _, err := f.WriteAt(append(line, '\n'), whole); err != nil {
		return fmt.Errorf("write audit: %w", errors.Join(err, f.Truncate(whole)))
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}
