package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// maxPlan bounds a plan file.
const maxPlan = 256 << 20

// An AlteredError says that a plan file is not what was written: its digest does not fit.
type AlteredError struct{ Name string }

func (e *AlteredError) Error() string {
	return fmt.Sprintf("%s was changed after it was made: its digest does not fit. Make a new plan; a plan is carried out exactly as it was reviewed", e.Name)
}

// canonical is the plan as canonical JSON: sorted keys, two spaces, newline at the end.
func (p *Plan) canonical() []byte {
	raw, err := json.Marshal(p)
	if err != nil {
		panic("engine: encode plan: " + err.Error()) // plain data
	}
	v, err := schema.ParseJSON(raw)
	if err != nil {
		panic("engine: encode plan: " + err.Error())
	}
	return append(schema.EncodeJSON(v), '\n')
}

func (p *Plan) digest() string {
	q := *p
	q.Digest = ""
	sum := sha256.Sum256(q.canonical())
	return hex.EncodeToString(sum[:])
}

// WriteTo writes the plan file.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(p.canonical())
	return int64(n), err
}

// ReadPlan reads a plan file. It refuses one of another format, with unknown members, or that was changed
// after it was made.
func ReadPlan(r io.Reader, name string) (*Plan, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxPlan+1))
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	if len(data) > maxPlan {
		return nil, fmt.Errorf("read plan %s: larger than %d MiB", name, maxPlan>>20)
	}
	if _, err := schema.ParseJSON(data); err != nil {
		return nil, fmt.Errorf("read plan: %s:%w", name, err)
	}
	var head struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil || head.Format == nil {
		return nil, fmt.Errorf("read plan: %s is no plan file of lockstep", name)
	}
	if *head.Format != PlanFormat {
		return nil, fmt.Errorf("read plan: %s has format %d; this lockstep reads format %d. Make a new plan", name, *head.Format, PlanFormat)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var p Plan
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("read plan: %s: %w", name, err)
	}
	// The file's own bytes must be the canonical ones: JSON that merely decodes to the same is altered, too.
	if p.Digest != p.digest() || !bytes.Equal(data, p.canonical()) {
		return nil, &AlteredError{name}
	}
	if err := p.consistent(); err != nil {
		return nil, fmt.Errorf("read plan: %s: %w. Make a new plan", name, err)
	}
	return &p, nil
}

// consistent refuses steps that no NewPlan makes: the digest tells of changes, not of who made the file.
func (p *Plan) consistent() error {
	for i, s := range p.Steps {
		_, known := schema.TypeOf(s.Key.Type)
		switch {
		case s.Number != i+1:
			return fmt.Errorf("step %d has the number %d", i+1, s.Number)
		case s.Restart && (s.Action != "" || s.Key != (schema.Key{})):
			return fmt.Errorf("step %d is a restart and a change", s.Number)
		case !s.Restart && !known:
			return fmt.Errorf("step %d is about %q, a type this lockstep does not know", s.Number, s.Key.Type)
		case !s.Restart && !slices.Contains([]diff.Action{diff.Create, diff.Update, diff.Delete}, s.Action):
			return fmt.Errorf("step %d has the action %q", s.Number, s.Action)
		}
	}
	return nil
}

// WriteFile writes a file whole or not at all: beside, synced, renamed. perm is for a new file.
func WriteFile(name string, data []byte, perm os.FileMode) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(perm); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
