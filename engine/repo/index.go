package repo

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Index gives the files that the next commit will hold: git's index, not the work tree. The index is the one
// that git names to its hooks (GIT_INDEX_FILE: "git commit FILE" makes one for the occasion), else the
// repository's own.
func (g *Git) Index() (fs.FS, error) {
	name := filepath.Join(g.dot, "index")
	if given := os.Getenv("GIT_INDEX_FILE"); given != "" {
		if name = given; !filepath.IsAbs(name) {
			name = filepath.Join(firstOf(g.root, g.dot), name)
		}
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return g.treeOf(nil)
	}
	if err != nil {
		return nil, fmt.Errorf("read git's index: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	idx := &index.Index{}
	if err := index.NewDecoder(bufio.NewReader(f)).Decode(idx); err != nil {
		return nil, fmt.Errorf("read git's index %s: %w (a split or sparse index is not read: git update-index --no-split-index, git sparse-checkout reapply --no-sparse-index)", name, err)
	}
	var entries []*index.Entry
	for _, e := range idx.Entries {
		if e.Stage != 0 { // go-git calls 1 "merged"; git means the common ancestor
			return nil, fmt.Errorf("%s is in conflict: resolve it, then git add it", e.Name)
		}
		if !e.IntentToAdd {
			entries = append(entries, e)
		}
	}
	return g.treeOf(entries)
}

// treeOf makes the tree that a commit of the index would have, with its true ids: then what is unchanged is
// seen by id. Nothing is written.
func (g *Git) treeOf(entries []*index.Entry) (*treeFS, error) {
	t := &treeFS{store: g.store, time: time.Time{}, mu: &sync.Mutex{}, dirs: map[plumbing.Hash]*treeDir{}, paths: map[string]*treeDir{}}
	slices.SortFunc(entries, func(a, b *index.Entry) int { return strings.Compare(a.Name, b.Name) })
	var err error
	t.root, err = t.build("", entries)
	return t, err
}

func (t *treeFS) build(dir string, entries []*index.Entry) (plumbing.Hash, error) {
	d := &treeDir{}
	done := map[string]bool{}
	for i, e := range entries {
		first, _, deeper := strings.Cut(e.Name[len(dir):], "/")
		if done[first] {
			continue
		}
		done[first] = true
		if !deeper {
			d.entries = append(d.entries, treeEntry{first, e.Mode, e.Hash})
			continue
		}
		// Sorted by whole names, a folder's files stand together but for names such as "a-b" between "a"
		// and "a/b": they are gathered.
		var below []*index.Entry
		for _, x := range entries[i:] {
			if strings.HasPrefix(x.Name, dir+first+"/") {
				below = append(below, x)
			}
		}
		h, err := t.build(dir+first+"/", below)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		d.entries = append(d.entries, treeEntry{first, filemode.Dir, h})
	}
	tree := &object.Tree{}
	for _, e := range d.entries {
		tree.Entries = append(tree.Entries, object.TreeEntry{Name: e.name, Mode: e.mode, Hash: e.hash})
	}
	slices.SortFunc(tree.Entries, func(a, b object.TreeEntry) int { return strings.Compare(gitOrder(a), gitOrder(b)) })
	o := &plumbing.MemoryObject{}
	if err := tree.Encode(o); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("read git's index: %s: %w", dir, err)
	}
	slices.SortFunc(d.entries, func(a, b treeEntry) int { return strings.Compare(a.name, b.name) })
	d.id = treeID(o.Hash().String())
	t.dirs[o.Hash()] = d
	return o.Hash(), nil
}

func gitOrder(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}
