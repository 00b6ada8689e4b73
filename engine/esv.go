package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strconv"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// SecretHashes remembers which value each secret of a tenant was given last, as a keyed hash: the tenant
// never tells a secret's value, and a new version of an unchanged value is a restart for nothing. The file
// lies beside the runs, and is worth nothing without the key. A hash counts only while the tenant still has
// the version that it was noted for.
type SecretHashes struct {
	file  string
	key   []byte
	known map[string]secretHash
}

type secretHash struct {
	Hash    string `json:"hash"`    // hex of HMAC-SHA-256
	Version string `json:"version"` // the tenant's active version right after the write
}

// OpenSecretHashes reads the hashes of one tenant; a file that is not there holds none.
func OpenSecretHashes(file string, key []byte) (*SecretHashes, error) {
	h := &SecretHashes{file: file, key: key, known: map[string]secretHash{}}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read hashes of secrets: %w", err)
	}
	if err := json.Unmarshal(data, &h.known); err != nil || h.known == nil {
		// It only saves work: without it every secret is sent, and the tenant itself compares.
		h.known = map[string]secretHash{}
	}
	return h, nil
}

// hash is bound to the secret's name: equal values of two secrets don't show as equal.
func (h *SecretHashes) hash(name string, value []byte) string {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte(name))
	mac.Write([]byte{0})
	mac.Write(value)
	return hex.EncodeToString(mac.Sum(nil))
}

// Compare says whether the tenant's active version of the secret is known to hold the value, and how the
// two values show: "a1f3… → 9c07…". A value that is not known shows as "?".
func (h *SecretHashes) Compare(name, version string, value []byte) (same bool, text string) {
	now := h.hash(name, value)
	was := "?"
	if k, ok := h.known[name]; ok && version != "" && k.Version == version {
		if hmac.Equal([]byte(k.Hash), []byte(now)) {
			return true, ""
		}
		was = clipHash(k.Hash)
	}
	return false, was + " → " + clipHash(now)
}

func clipHash(s string) string { return s[:min(4, len(s))] + "…" }

// Note remembers a value that the tenant has taken, on disk.
func (h *SecretHashes) Note(name, version string, value []byte) error {
	next := secretHash{h.hash(name, value), version}
	if h.known[name] == next {
		return nil
	}
	known := maps.Clone(h.known)
	known[name] = next
	data, err := json.MarshalIndent(known, "", "  ")
	if err != nil {
		return fmt.Errorf("note the hash of %s: %w", name, err)
	}
	if err := WriteFile(h.file, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("note the hash of %s: %w", name, err)
	}
	h.known = known
	return nil
}

// addRewrites adds what looks the same on both sides and is to be written all the same: secrets whose value
// changed. A hash stands for it in what is shown.
func (o PlanOptions) addRewrites(changes []diff.Change, live, want *schema.Set) []diff.Change {
	changed := keysOf(changes)
	for _, w := range want.All() {
		text, ok := o.Rewrite[w.Key]
		l, there := live.Get(w.Key)
		if !ok || !there || changed[w.Key] {
			continue
		}
		t, _ := schema.TypeOf(w.Type)
		changes = append(changes, diff.Change{
			Key: w.Key, Name: w.Name(), Action: diff.Update, Class: t.Class, Before: l, After: w,
			Patch: []diff.Op{{Op: "replace", Path: "/" + t.API.Value, Value: json.RawMessage(`"***"`)}},
			Items: []diff.Item{{Kind: "~", Subject: "value", Detail: text}},
		})
	}
	return changes
}

// versionOutcome says what a write made of a resource with versions.
func versionOutcome(kept, got *schema.Resource) string {
	if got == nil {
		return "updated"
	}
	if was, now := schema.Str(kept.Body, "/activeVersion"), schema.Str(got.Body, "/activeVersion"); was != now {
		return newVersion + now
	}
	if schema.Str(kept.Body, "/description") != schema.Str(got.Body, "/description") {
		return "updated"
	}
	return "unchanged"
}

// skipped tells of versions that somebody else wrote between the last look and the write: the tenant counts them.
func skipped(kept, got *schema.Resource) []diff.Item {
	if kept == nil || got == nil {
		return nil
	}
	was, err1 := strconv.Atoi(schema.Str(kept.Body, "/activeVersion"))
	now, err2 := strconv.Atoi(schema.Str(got.Body, "/activeVersion"))
	if err1 != nil || err2 != nil || now <= was+1 {
		return nil
	}
	return []diff.Item{{Kind: "~", Subject: fmt.Sprintf("version %d", now), Detail: fmt.Sprintf("after version %d: somebody else wrote one in between, which is not the active one any more", was)}}
}

const newVersion = "new version "
