package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"golang.org/x/text/unicode/norm"
)

// Limits bound what is looked at of a change that nobody has accepted yet. Zero means without limit.
type Limits struct {
	Files    int   // that differ
	FileSize int64 // bytes of one file
	Total    int64 // bytes of all files that differ
}

// DefaultLimits are far above what real configuration needs: 5,000 new files pass, 100,000 do not.
func DefaultLimits() Limits { return Limits{Files: 20_000, FileSize: 8 << 20, Total: 128 << 20} }

// Bounds that are not for users to choose: a folder's own listing, and how deep folders may lie.
const (
	maxTreeObject = 16 << 20
	maxTreeDepth  = 64
	maxLFSPointer = 1024
)

// A Refusal is why a change is not looked at any further: it is built to do harm, or so large that it
// might as well be.
type Refusal struct {
	Name string // the file or folder, from the top of the repository
	Why  string
	Way  string // the way out
}

func (r *Refusal) Error() string {
	s := r.Why
	if r.Name != "" {
		s = fmt.Sprintf("%q %s", r.Name, r.Why)
	}
	if r.Way != "" {
		s += "\n" + r.Way
	}
	return s
}

// A FileChange is one file that differs between two trees.
type FileChange struct {
	Name     string // from the top of the repository
	Old, New bool   // it is there before, after
	Link     bool   // it is a symbolic link now
	Size     int64  // now, in bytes
	LFS      bool   // it is a pointer of Git LFS now: its content is not in git

	id plumbing.Hash // of what it is now
}

// ChangedFiles lists the files below dir that differ between two commits' trees and may be configuration,
// sorted by name. Folders
// that are the same are not looked into, and no file is read. A submodule counts for nothing: its files
// are another repository's. old may be nil: then all is new. The error is a *Refusal when the new tree is
// not to be trusted.
func ChangedFiles(old, new fs.FS, dir string, lim Limits) ([]FileChange, error) {
	nt, ok := new.(*treeFS)
	if !ok {
		return nil, fmt.Errorf("compare trees: %T is no commit's tree", new)
	}
	ot, _ := old.(*treeFS)
	c := &changes{old: ot, new: nt, lim: lim, skip: notConfiguration()}
	var from, to *treeEntry
	if e, err := nt.find(dir, true); err == nil {
		to = &e
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, c.refuse(dir, err)
	}
	if ot != nil {
		if e, err := ot.find(dir, true); err == nil {
			from = &e
		}
	}
	if err := c.walk(dir, from, to, 0); err != nil {
		return nil, err
	}
	if err := c.measure(); err != nil {
		return nil, err
	}
	slices.SortFunc(c.out, func(a, b FileChange) int { return strings.Compare(a.Name, b.Name) })
	return c.out, nil
}

// changes walks two trees side by side.
type changes struct {
	old, new *treeFS
	lim      Limits
	skip     []string
	out      []FileChange
	folders  int // that differ
}

func (c *changes) refuse(name string, err error) error {
	return &Refusal{Name: name, Why: "can't be read: " + cause(err), Way: "The push is broken or made by hand. git fsck says more."}
}

func isTree(e *treeEntry) bool { return e != nil && e.mode == filemode.Dir }

// walk compares one name of both trees; nil means that it is not there.
func (c *changes) walk(name string, from, to *treeEntry, depth int) error {
	if from != nil && to != nil && from.hash == to.hash && from.mode == to.mode {
		return nil
	}
	if depth > maxTreeDepth {
		return &Refusal{Name: name, Why: fmt.Sprintf("lies more than %d folders deep", maxTreeDepth)}
	}
	if !isTree(from) && !isTree(to) {
		return c.file(name, from, to)
	}
	// A few trees that name each other many times over make folders without number, and not one file.
	if c.folders++; c.lim.Files > 0 && c.folders > c.lim.Files {
		return c.tooMany()
	}
	var before, after *treeDir
	if isTree(from) {
		d, err := c.old.dir(from.hash)
		if err != nil {
			return fmt.Errorf("read the folder %s as it was: %w", name, err)
		}
		before = d
	} else if err := c.file(name, from, nil); err != nil {
		return err
	}
	if isTree(to) {
		if _, err := c.new.store.read(to.hash, maxTreeObject); err != nil {
			return &Refusal{Name: name, Why: "is a folder whose listing is too large or can't be read"}
		}
		d, err := c.new.dir(to.hash)
		if err != nil {
			return c.refuse(name, err)
		}
		// As many names as that are not looked at one by one.
		if more := len(d.entries) - before.len(); c.lim.Files > 0 && more > c.lim.Files {
			return c.tooMany()
		}
		if err := tricks(name, before, d); err != nil {
			return err
		}
		after = d
	} else if err := c.file(name, nil, to); err != nil {
		return err
	}
	return c.both(name, before, after, depth)
}

// both walks two listings, sorted by name, in step.
func (c *changes) both(name string, before, after *treeDir, depth int) error {
	var a, b []treeEntry
	if before != nil {
		a = before.entries
	}
	if after != nil {
		b = after.entries
	}
	c.readAhead(before, after)
	for len(a) > 0 || len(b) > 0 {
		var from, to *treeEntry
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].name < b[0].name:
			from, a = &a[0], a[1:]
		case len(a) == 0 || b[0].name < a[0].name:
			to, b = &b[0], b[1:]
		default:
			from, to, a, b = &a[0], &b[0], a[1:], b[1:]
		}
		e := from
		if to != nil {
			e = to
		}
		if !isConfiguration(e.name, c.skip) {
			continue
		}
		if err := c.walk(path.Join(name, e.name), from, to, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// readAhead has the folders read at once that differ between two listings.
func (c *changes) readAhead(before, after *treeDir) {
	var ids []plumbing.Hash
	add := func(d, other *treeDir) {
		if d == nil {
			return
		}
		for _, e := range d.entries {
			if same, ok := other.entry(e.name); e.mode == filemode.Dir && !(ok && same.hash == e.hash) {
				ids = append(ids, e.hash)
			}
		}
	}
	add(before, after)
	add(after, before)
	if len(ids) > 1 {
		c.new.store.ahead(ids, maxTreeObject)
	}
}

func isBlob(e *treeEntry) bool {
	return e != nil && e.mode != filemode.Dir && e.mode != filemode.Submodule
}

func (c *changes) file(name string, from, to *treeEntry) error {
	if !isBlob(from) && !isBlob(to) {
		return nil
	}
	f := FileChange{Name: name, Old: isBlob(from), New: isBlob(to)}
	if len(c.out) >= c.lim.Files && c.lim.Files > 0 {
		return c.tooMany()
	}
	if f.New {
		f.Link, f.id = to.mode == filemode.Symlink, to.hash
		if f.Link {
			if err := c.link(name); err != nil {
				return err
			}
		}
	}
	c.out = append(c.out, f)
	return nil
}

func (c *changes) tooMany() error {
	return &Refusal{Why: fmt.Sprintf("the change touches more than %d files or folders of configuration", c.lim.Files), Way: "Push it in smaller parts, or ask who runs the server to raise receive.limits.files in lockstep.yaml."}
}

// measure finds how large the files are, and which of them are pointers of Git LFS.
func (c *changes) measure() error {
	var ids, small []plumbing.Hash
	for _, f := range c.out {
		if f.New {
			ids = append(ids, f.id)
		}
	}
	c.new.store.measure(ids)
	total := int64(0)
	for i := range c.out {
		f := &c.out[i]
		if !f.New {
			continue
		}
		n, err := c.new.size(f.id)
		if err != nil {
			return c.refuse(f.Name, err)
		}
		if f.Size = n; c.lim.FileSize > 0 && n > c.lim.FileSize {
			return &Refusal{Name: f.Name, Why: fmt.Sprintf("is %s; a file of configuration has %s at most", mib(n), mib(c.lim.FileSize)), Way: "Take it out of the commits (git rebase), or keep it outside of the configuration's folder."}
		}
		if total += n; c.lim.Total > 0 && total > c.lim.Total {
			return &Refusal{Why: fmt.Sprintf("the change holds more than %s of configuration", mib(c.lim.Total)), Way: "Push it in smaller parts."}
		}
		if n < maxLFSPointer {
			small = append(small, f.id)
		}
	}
	c.new.store.ahead(small, maxLFSPointer)
	for i := range c.out {
		f := &c.out[i]
		f.LFS = f.New && !f.Link && f.Size < maxLFSPointer && c.new.isLFSPointer(f.id)
	}
	return nil
}

func mib(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// link refuses a link that leads nowhere or out of the repository: it would be followed on somebody's disk.
func (c *changes) link(name string) error {
	e, err := c.new.find(name, true)
	if err == nil && e.mode == filemode.Dir && strings.HasPrefix(name+"/", targetOf(c.new, name)+"/") {
		err = errLoop
	}
	if err != nil {
		return &Refusal{Name: name, Why: "is a link that can't be followed: " + cause(err), Way: "Put the file itself there. A link may lead to another file of the same repository only."}
	}
	return nil
}

// targetOf is where a link leads, from the top of the repository.
func targetOf(t *treeFS, name string) string {
	target, err := t.ReadLink(name)
	if err != nil {
		return "\x00" // no folder's name
	}
	return path.Join(path.Dir(name), target)
}

func (t *treeFS) isLFSPointer(h plumbing.Hash) bool {
	data, err := t.blob(h)
	return err == nil && isLFS(data)
}

func isLFS(data []byte) bool {
	return strings.HasPrefix(string(data[:min(len(data), 64)]), "version https://git-lfs.github.com/spec/")
}

// tricks refuses names that are taken for others on some machine, or are no names. Those that were there
// before are nobody's doing now.
func tricks(dir string, before, after *treeDir) error {
	folded := make(map[string]string, len(after.entries))
	for _, e := range after.entries {
		name := path.Join(dir, e.name)
		was := before.has(e)
		if why := badName(e.name); why != "" && !was {
			return &Refusal{Name: name, Why: why, Way: "Give it another name."}
		}
		key := strings.ToLower(norm.NFC.String(e.name))
		other, twice := folded[key]
		if twice && !(was && before.hasName(other)) {
			return &Refusal{Name: name, Why: fmt.Sprintf("and %q are one file where upper and lower case, or ways to write an accent, are the same", path.Join(dir, other)), Way: "Give one of them another name."}
		}
		folded[key] = e.name
	}
	return nil
}

func (d *treeDir) len() int {
	if d == nil {
		return 0
	}
	return len(d.entries)
}

func (d *treeDir) hasName(name string) bool {
	_, ok := d.entry(name)
	return ok
}

// entry is find for a folder that may not be there.
func (d *treeDir) entry(name string) (treeEntry, bool) {
	if d == nil {
		return treeEntry{}, false
	}
	return d.find(name)
}

func (d *treeDir) has(e treeEntry) bool { return d.hasName(e.name) }

// badName says what is wrong with a name; "" when nothing is. Names such as ".." never come here: a tree
// that holds one can't be read.
func badName(name string) string {
	lower := strings.ToLower(name)
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0xfffd }):
		return "has a control character, or bytes that are no text, in its name"
	case strings.ContainsAny(name, `\`):
		return "has a backslash in its name: on Windows that leads to another folder"
	case strings.TrimRight(strings.Trim(lower, "\u200c\u200d\u200e\u200f\ufeff"), ". ") == ".git", lower == "git~1", strings.HasPrefix(lower, ".git:"), strings.HasPrefix(lower, ".git::"):
		return "is git's own folder on some machines"
	case strings.HasPrefix(lower, ".. ") || lower == "..." || strings.TrimRight(lower, ". ") == "":
		return "is taken for another folder on Windows"
	}
	return ""
}
