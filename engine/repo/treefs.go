package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// treeFS is a commit's tree as an fs.FS: read-only, safe for use by several goroutines. A directory
// is listed without its files being touched, so that a partial clone fails on a file only when
// somebody wants it. Links are followed within the tree and nowhere else; a submodule is an empty
// directory, as it is in a clone that has not fetched it.
type treeFS struct {
	store *objects
	root  plumbing.Hash
	time  time.Time

	mu    *sync.Mutex
	dirs  map[plumbing.Hash]*treeDir
	paths map[string]*treeDir // folders that were found without a link on the way
}

type treeDir struct {
	id      treeID
	entries []treeEntry // sorted by name
}

type treeEntry struct {
	name string
	mode filemode.FileMode
	hash plumbing.Hash
}

// treeID is what FileInfo.Sys gives for a directory of a commit: two directories with one id are one.
type treeID string

var (
	errEscapes = errors.New("it leads out of the repository")
	errLoop    = errors.New("it leads back to itself")
)

// maxHops is how many links a name may lead over: what Linux allows.
const maxHops = 40

func (t *treeFS) dir(h plumbing.Hash) (*treeDir, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.dirs[h]; d != nil {
		return d, nil
	}
	tree, err := object.GetTree(t.store, h)
	if err != nil {
		return nil, err
	}
	d := &treeDir{id: treeID(h.String())}
	for _, e := range tree.Entries {
		if !fs.ValidPath(e.Name) || e.Name == "." || strings.ContainsAny(e.Name, "/\x00") {
			return nil, fmt.Errorf("the commit has an entry with the impossible name %q", e.Name)
		}
		d.entries = append(d.entries, treeEntry{e.Name, e.Mode, e.Hash})
	}
	// Git sorts a directory as if its name ended with a slash.
	slices.SortFunc(d.entries, func(a, b treeEntry) int { return strings.Compare(a.name, b.name) })
	t.dirs[h] = d
	return d, nil
}

func (d *treeDir) find(name string) (treeEntry, bool) {
	i, ok := slices.BinarySearchFunc(d.entries, name, func(e treeEntry, n string) int { return strings.Compare(e.name, n) })
	if !ok {
		return treeEntry{}, false
	}
	return d.entries[i], true
}

// find walks to name. Links on the way are followed; one at the end only if follow says so.
func (t *treeFS) find(name string, follow bool) (treeEntry, error) {
	here := treeEntry{name: ".", mode: filemode.Dir, hash: t.root}
	if name == "." {
		return here, nil
	}
	dir, base := path.Split(name)
	t.mu.Lock()
	known := t.paths[dir]
	t.mu.Unlock()
	if known != nil {
		if e, ok := known.find(base); !ok {
			return treeEntry{}, fs.ErrNotExist
		} else if e.mode != filemode.Symlink || !follow {
			return e, nil
		}
	}
	rest := strings.Split(name, "/")
	var at []string
	for hops := 0; len(rest) > 0; {
		if here.mode != filemode.Dir {
			return treeEntry{}, fs.ErrNotExist
		}
		d, err := t.dir(here.hash)
		if err != nil {
			return treeEntry{}, err
		}
		e, ok := d.find(rest[0])
		if !ok {
			return treeEntry{}, fs.ErrNotExist
		}
		if e.mode != filemode.Symlink || len(rest) == 1 && !follow {
			if len(rest) == 1 && hops == 0 {
				t.mu.Lock()
				t.paths[dir] = d
				t.mu.Unlock()
			}
			here, at, rest = e, append(at, e.name), rest[1:]
			continue
		}
		if hops++; hops > maxHops {
			return treeEntry{}, errLoop
		}
		target, err := t.link(e.hash)
		if err != nil {
			return treeEntry{}, err
		}
		whole := path.Join(append(slices.Clone(at), target)...)
		if path.IsAbs(target) || whole == ".." || strings.HasPrefix(whole, "../") {
			return treeEntry{}, errEscapes
		}
		rest = append(strings.Split(whole, "/"), rest[1:]...)
		if whole == "." {
			rest = rest[1:]
		}
		at, here = nil, treeEntry{name: ".", mode: filemode.Dir, hash: t.root}
	}
	return here, nil
}

func (t *treeFS) link(h plumbing.Hash) (string, error) {
	if size, err := t.size(h); err != nil || size > 4096 {
		return "", errors.Join(err, errLoop)
	}
	data, err := t.blob(h)
	return string(data), err
}

func (t *treeFS) blob(h plumbing.Hash) ([]byte, error) { return t.blobUpTo(h, math.MaxInt64) }

// blobUpTo reads a blob of at most so many bytes. They are shared with other readers, and not to be changed.
func (t *treeFS) blobUpTo(h plumbing.Hash, limit int64) ([]byte, error) {
	c, err := t.store.read(h, limit)
	if err != nil {
		return nil, missingBlob(err)
	}
	if c.kind != plumbing.BlobObject {
		return nil, fmt.Errorf("object %s is no file", h)
	}
	return c.data, nil
}

func (t *treeFS) size(h plumbing.Hash) (int64, error) {
	n, err := t.store.EncodedObjectSize(h)
	return n, missingBlob(err)
}

// ahead reads files of at most limit bytes at once, in as far as they are there.
func (t *treeFS) ahead(names []string, limit int64) {
	var ids []plumbing.Hash
	for _, n := range names {
		if e, err := t.find(n, true); err == nil && e.mode.IsFile() {
			ids = append(ids, e.hash)
		}
	}
	t.store.ahead(ids, limit)
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Open opens a file or directory.
func (t *treeFS) Open(name string) (fs.File, error) {
	e, err := t.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	f := &treeFile{info: t.info(e)}
	if f.info.IsDir() {
		if f.list, err = t.list(e); err != nil {
			return nil, pathError("open", name, err)
		}
		return f, nil
	}
	f.load = func() ([]byte, error) { return t.blob(e.hash) }
	return f, nil
}

func (t *treeFS) lookup(op, name string, follow bool) (treeEntry, error) {
	if !fs.ValidPath(name) {
		return treeEntry{}, pathError(op, name, fs.ErrInvalid)
	}
	e, err := t.find(name, follow)
	if err != nil {
		return treeEntry{}, pathError(op, name, err)
	}
	if name != "." {
		e.name = path.Base(name) // a link keeps its own name
	}
	return e, nil
}

// ReadDir lists a directory.
func (t *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := t.lookup("readdir", name, true)
	if err != nil {
		return nil, err
	}
	list, err := t.list(e)
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	return list, nil
}

func (t *treeFS) list(e treeEntry) ([]fs.DirEntry, error) {
	if e.mode == filemode.Submodule {
		return nil, nil
	}
	if e.mode != filemode.Dir {
		return nil, errors.New("not a directory")
	}
	d, err := t.dir(e.hash)
	if err != nil {
		return nil, err
	}
	list := make([]fs.DirEntry, len(d.entries))
	for i, e := range d.entries {
		list[i] = treeDirEntry{t, e}
	}
	return list, nil
}

// ReadFile reads a whole file.
func (t *treeFS) ReadFile(name string) ([]byte, error) {
	e, err := t.lookup("read", name, true)
	if err != nil {
		return nil, err
	}
	if e.mode == filemode.Dir || e.mode == filemode.Submodule {
		return nil, pathError("read", name, errors.New("is a directory"))
	}
	data, err := t.blob(e.hash)
	if err != nil {
		return nil, pathError("read", name, err)
	}
	return bytes.Clone(data), nil // it is the caller's to change
}

// Stat describes what a name leads to, Lstat the name itself.
func (t *treeFS) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name, true) }

// Lstat describes a name; a link is not followed.
func (t *treeFS) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name, false) }

func (t *treeFS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	e, err := t.lookup(op, name, follow)
	if err != nil {
		return nil, err
	}
	return t.sized(op, name, e)
}

func (t *treeFS) sized(op, name string, e treeEntry) (fs.FileInfo, error) {
	info := t.info(e)
	if info.IsDir() {
		return info, nil
	}
	n, err := t.size(e.hash)
	if err != nil {
		return nil, pathError(op, name, err)
	}
	info.size = n
	return info, nil
}

// isFile says whether a name leads to a file. Unlike Stat it does not ask how large the file is.
func isFile(fsys fs.FS, name string) bool {
	if t, ok := fsys.(*treeFS); ok {
		e, err := t.lookup("stat", name, true)
		return err == nil && treeMode(e.mode).IsRegular()
	}
	info, err := fs.Stat(fsys, name)
	return err == nil && info.Mode().IsRegular()
}

// ReadLink gives a link's target.
func (t *treeFS) ReadLink(name string) (string, error) {
	e, err := t.lookup("readlink", name, false)
	if err != nil {
		return "", err
	}
	if e.mode != filemode.Symlink {
		return "", pathError("readlink", name, fs.ErrInvalid)
	}
	return t.link(e.hash)
}

func (t *treeFS) info(e treeEntry) *treeInfo { return &treeInfo{entry: e, time: t.time} }

type treeInfo struct {
	entry treeEntry
	size  int64
	time  time.Time
}

func (i *treeInfo) Name() string       { return i.entry.name }
func (i *treeInfo) Size() int64        { return i.size }
func (i *treeInfo) ModTime() time.Time { return i.time }
func (i *treeInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i *treeInfo) Mode() fs.FileMode  { return treeMode(i.entry.mode) }

// Sys gives a directory's id, by which links that go round in a circle are seen.
func (i *treeInfo) Sys() any { return treeID(i.entry.hash.String()) }

func treeMode(m filemode.FileMode) fs.FileMode {
	switch m {
	case filemode.Dir, filemode.Submodule:
		return fs.ModeDir | 0o555
	case filemode.Symlink:
		return fs.ModeSymlink | 0o444
	default:
		return 0o444
	}
}

type treeDirEntry struct {
	t *treeFS
	e treeEntry
}

func (d treeDirEntry) Name() string      { return d.e.name }
func (d treeDirEntry) IsDir() bool       { return d.Type().IsDir() }
func (d treeDirEntry) Type() fs.FileMode { return treeMode(d.e.mode).Type() }
func (d treeDirEntry) String() string    { return fs.FormatDirEntry(d) }

func (d treeDirEntry) Info() (fs.FileInfo, error) { return d.t.sized("stat", d.e.name, d.e) }

type treeFile struct {
	info   *treeInfo
	load   func() ([]byte, error)
	r      *bytes.Reader
	list   []fs.DirEntry
	closed bool
}

func (f *treeFile) Stat() (fs.FileInfo, error) {
	if f.info.IsDir() || f.info.size > 0 || f.load == nil {
		return f.info, nil
	}
	r, err := f.reader()
	if err != nil {
		return nil, err
	}
	f.info.size = r.Size()
	return f.info, nil
}

func (f *treeFile) reader() (*bytes.Reader, error) {
	if f.closed {
		return nil, fs.ErrClosed
	}
	if f.r == nil {
		data, err := f.load()
		if err != nil {
			return nil, pathError("read", f.info.Name(), err)
		}
		f.r = bytes.NewReader(data)
	}
	return f.r, nil
}

func (f *treeFile) Read(p []byte) (int, error) {
	if f.load == nil {
		return 0, pathError("read", f.info.Name(), errors.New("is a directory"))
	}
	r, err := f.reader()
	if err != nil {
		return 0, err
	}
	return r.Read(p)
}

func (f *treeFile) Close() error {
	f.closed, f.r = true, nil
	return nil
}

// ReadDir gives the next entries of a directory.
func (f *treeFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.load != nil {
		return nil, pathError("readdir", f.info.Name(), errors.New("not a directory"))
	}
	if n <= 0 {
		list := f.list
		f.list = nil
		return list, nil
	}
	if len(f.list) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.list))
	list := f.list[:n]
	f.list = f.list[n:]
	return list, nil
}
