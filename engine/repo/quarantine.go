package repo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// While a pre-receive hook runs, the objects of the push lie in a folder of their own, which git names
// in its environment. go-git finds the loose ones by itself, and not the packs that git keeps from
// receive.unpackLimit on: small pushes would pass and large ones fail.

// A quarantined storer looks for objects in the quarantine first.
type quarantined struct {
	*filesystem.Storage
	extra []*filesystem.Storage
}

func withQuarantine(st *filesystem.Storage, opts filesystem.Options, getenv func(string) string) storage.Storer {
	if getenv("GIT_QUARANTINE_PATH") == "" {
		return st
	}
	dirs := append([]string{getenv("GIT_OBJECT_DIRECTORY")}, filepath.SplitList(getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES"))...)
	q := &quarantined{Storage: st}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		view := objectsView{osfs.New(dir)}
		q.extra = append(q.extra, filesystem.NewStorageWithOptions(view, cache.NewObjectLRUDefault(), opts))
	}
	return q
}

func (q *quarantined) stores() []*filesystem.Storage {
	return append(q.extra[:len(q.extra):len(q.extra)], q.Storage)
}

// EncodedObject finds an object in any of the stores.
func (q *quarantined) EncodedObject(t plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	for _, st := range q.stores() {
		if o, err := st.EncodedObject(t, h); !errors.Is(err, plumbing.ErrObjectNotFound) {
			return o, err
		}
	}
	return nil, plumbing.ErrObjectNotFound
}

// HasEncodedObject looks for an object in all of the stores.
func (q *quarantined) HasEncodedObject(h plumbing.Hash) error {
	for _, st := range q.stores() {
		if err := st.HasEncodedObject(h); !errors.Is(err, plumbing.ErrObjectNotFound) {
			return err
		}
	}
	return plumbing.ErrObjectNotFound
}

// EncodedObjectSize gives an object's size, from whichever store has it.
func (q *quarantined) EncodedObjectSize(h plumbing.Hash) (int64, error) {
	for _, st := range q.stores() {
		if n, err := st.EncodedObjectSize(h); !errors.Is(err, plumbing.ErrObjectNotFound) {
			return n, err
		}
	}
	return 0, plumbing.ErrObjectNotFound
}

// objectsView shows an objects folder as the .git folder around it.
type objectsView struct{ billy.Filesystem }

func (v objectsView) inside(name string) string {
	name = filepath.ToSlash(filepath.Clean(name))
	if name == "objects" {
		return "."
	}
	if rest, ok := strings.CutPrefix(name, "objects/"); ok {
		return rest
	}
	return filepath.Join("no-such-folder", name)
}

func (v objectsView) Open(name string) (billy.File, error) {
	f, err := v.Filesystem.Open(v.inside(name))
	if err != nil {
		return nil, err
	}
	return viewFile{f, name}, nil
}

// viewFile keeps the name it was opened by: go-git opens a pack again by that name for each object of more
// than 16 KiB.
type viewFile struct {
	billy.File
	name string
}

func (f viewFile) Name() string { return f.name }

func (v objectsView) Stat(name string) (os.FileInfo, error) {
	return v.Filesystem.Stat(v.inside(name))
}

func (v objectsView) Lstat(name string) (os.FileInfo, error) {
	return v.Filesystem.Lstat(v.inside(name))
}

func (v objectsView) ReadDir(name string) ([]os.FileInfo, error) {
	return v.Filesystem.ReadDir(v.inside(name))
}
