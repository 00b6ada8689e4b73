package repo

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

// writers is how many files are written at a time: each waits for the disk.
const writers = 8

// A disk is the folder that is written to; what is done to it goes through here, so that a test can cut it off
// anywhere. Names are slash-separated and lead nowhere else.
type disk interface {
	MkdirAll(name string) error
	WriteFile(name string, data []byte) error // a new file; it may be on the disk after Sync only
	Sync(names []string) error                // files that were written
	Link(old, name string) error              // a second name, or a copy
	Rename(old, name string) error
	Remove(name string) error    // a file, or a folder that is empty
	RemoveAll(name string) error // whatever is left of it
	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
}

// carryOut writes and removes files, inside dir only: os.Root follows no link out of it.
func carryOut(ctx context.Context, dir string, remove []string, todo map[string][]byte) error {
	if len(remove)+len(todo) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	defer root.Close() //nolint:errcheck // each write was checked
	return replace(ctx, rootDisk{root}, remove, todo)
}

// The folder, at the top of the one that is written to, in which new files wait until all of them are written.
const (
	stagePrefix, stageSuffix = ".lockstep-", ".tmp"
	// leftoverAge is how old a stage is that nobody works in any more: its run was killed.
	leftoverAge = time.Hour
)

// replace makes the new files take the place of the old ones, all or none. First everything that needs room
// on the disk is written beside: the new files, a second name for each old one, the folders. Until
// then nothing has changed, and an interruption or a full disk leaves all as it was. Then the files are
// renamed, which nothing interrupts but the end of the process or of the machine: each file is then the old or
// the new one as a whole, and doing it again ends it. A rename that is refused takes back those before it.
func replace(ctx context.Context, d disk, remove []string, todo map[string][]byte) (err error) {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	s := &stage{d: d, dir: stagePrefix + hex.EncodeToString(id[:]) + stageSuffix, made: map[string]bool{}, had: map[int]bool{}}
	defer func() {
		if gone := d.RemoveAll(s.dir); err == nil && gone != nil {
			err = fmt.Errorf("all is written, and what was kept beside until then can't be removed: %w", gone)
		}
	}()
	names := schema.SortedKeys(todo)
	if err := s.prepare(ctx, names, remove, todo); err != nil {
		return fmt.Errorf("write configuration: nothing was changed: %w", errors.Join(err, s.undo()))
	}
	if err := s.swap(names, remove); err != nil {
		if undone := s.undo(); undone != nil {
			return fmt.Errorf("write configuration: %w\nTaking back what was written failed, too: %w", err, undone)
		}
		return fmt.Errorf("write configuration: nothing was changed: %w", err)
	}
	for _, name := range remove {
		for up := path.Dir(name); up != "."; up = path.Dir(up) {
			// A folder that still holds something stays; Remove says so, and that is no failure.
			if d.Remove(up) != nil {
				break
			}
		}
	}
	return nil
}

// A stage is the folder beside, and what was done so far.
type stage struct {
	d    disk
	dir  string
	back []func() error  // undo what was done, last first
	made map[string]bool // folders that were not there
	had  map[int]bool    // the files, by their place in the list, that were
}

func (s *stage) path(kind string, i int) string { return s.dir + "/" + kind + strconv.Itoa(i) }

// prepare does all that needs room on the disk.
func (s *stage) prepare(ctx context.Context, names, remove []string, todo map[string][]byte) error {
	s.sweep()
	if err := s.d.MkdirAll(s.dir); err != nil {
		return err
	}
	// Should the process be killed, git must not take what is left for configuration.
	if err := s.d.WriteFile(s.dir+"/.gitignore", []byte("*\n")); err != nil {
		return err
	}
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			for i := n; i < len(names); i += writers {
				if errs[i] = ctx.Err(); errs[i] == nil {
					errs[i] = s.d.WriteFile(s.path("new-", i), todo[names[i]])
				}
				if errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs { // the first one: that the disk is full need not be said eight times
		if err != nil {
			return err
		}
	}
	written := make([]string, len(names))
	for i := range names {
		written[i] = s.path("new-", i)
	}
	if err := s.d.Sync(written); err != nil {
		return err
	}
	for i, name := range names {
		if err := s.folders(path.Dir(name)); err != nil {
			return err
		}
		if s.made[path.Dir(name)] {
			continue // nothing can be there
		}
		err := s.d.Link(name, s.path("old-", i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		s.had[i] = err == nil
	}
	for i, name := range remove {
		if err := s.d.Link(name, s.path("gone-", i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return ctx.Err()
}

// folders makes a folder and those above it, and remembers which were not there.
func (s *stage) folders(dir string) error {
	var made []string
	for up := dir; up != "." && !s.made[up]; up = path.Dir(up) {
		if _, err := s.d.Stat(up); err == nil {
			break
		}
		made = append(made, up)
		s.made[up] = true
	}
	if len(made) == 0 {
		return nil
	}
	s.back = append(s.back, func() error {
		for _, up := range made {
			if s.d.Remove(up) != nil {
				break // somebody put something there
			}
		}
		return nil
	})
	return s.d.MkdirAll(dir)
}

// swap puts the new files into place and takes away those that are to go.
func (s *stage) swap(names, remove []string) error {
	for i, name := range names {
		if err := s.d.Rename(s.path("new-", i), name); err != nil {
			return err
		}
		s.back = append(s.back, func() error {
			if !s.had[i] {
				return s.d.Remove(name)
			}
			return s.d.Rename(s.path("old-", i), name)
		})
	}
	for i, name := range remove {
		err := s.d.Remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		s.back = append(s.back, func() error { return s.d.Rename(s.path("gone-", i), name) })
	}
	return nil
}

// undo takes back what was done, last first.
func (s *stage) undo() error {
	var errs []error
	for i := len(s.back) - 1; i >= 0; i-- {
		errs = append(errs, s.back[i]())
	}
	return errors.Join(errs...)
}

// sweep removes stages that killed runs have left. Nothing depends on it.
func (s *stage) sweep() {
	entries, err := s.d.ReadDir(".")
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), stagePrefix) || !strings.HasSuffix(e.Name(), stageSuffix) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > leftoverAge {
			_ = s.d.RemoveAll(e.Name())
		}
	}
}

// rootDisk is a folder of this machine.
type rootDisk struct{ root *os.Root }

func (d rootDisk) MkdirAll(name string) error {
	return d.root.MkdirAll(filepath.FromSlash(name), 0o755)
}

func (d rootDisk) WriteFile(name string, data []byte) (err error) {
	f, err := d.root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func (d rootDisk) Sync(names []string) error {
	const few = 32 // the whole file system has more to write than these files
	if len(names) > few && syncAll(d.root) {
		return nil
	}
	for _, name := range names {
		f, err := d.root.OpenFile(filepath.FromSlash(name), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (d rootDisk) Link(old, name string) error {
	err := d.root.Link(filepath.FromSlash(old), filepath.FromSlash(name))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Not every file system has second names, and a symbolic link has no content of its own.
	data, err := d.root.ReadFile(filepath.FromSlash(old))
	if err != nil {
		return err
	}
	return d.WriteFile(name, data)
}

func (d rootDisk) Rename(old, name string) error {
	return d.root.Rename(filepath.FromSlash(old), filepath.FromSlash(name))
}

func (d rootDisk) Remove(name string) error    { return d.root.Remove(filepath.FromSlash(name)) }
func (d rootDisk) RemoveAll(name string) error { return d.root.RemoveAll(filepath.FromSlash(name)) }

func (d rootDisk) Stat(name string) (fs.FileInfo, error) {
	return d.root.Stat(filepath.FromSlash(name))
}

func (d rootDisk) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(d.root.FS(), name) }
