package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// A Git is a repository: what is committed in it, without a checkout. It only reads.
type Git struct {
	repo   *git.Repository
	store  *objects
	root   string // the work tree; empty for a bare repository
	common string // the .git folder, the common one of linked work trees
	dot    string // the .git folder, a linked work tree's own
	mu     *sync.Mutex
	close  func() error
}

// OpenGit opens the repository that dir is in. A linked work tree, a clone that borrows objects from
// another, a bare repository, and the quarantine of a push that a pre-receive hook looks at, all work.
func OpenGit(dir string) (*Git, error) {
	dot, root, err := findDotGit(dir)
	if err != nil {
		return nil, err
	}
	common, err := commonDir(dot)
	if err != nil {
		return nil, fmt.Errorf("open git repository %s: %w", dot, err)
	}
	var shared billy.Filesystem
	if common != dot {
		shared = osfs.New(common)
	}
	// Without AlternatesFS go-git can't leave the .git folder, and borrowed objects are "not found";
	// without KeepDescriptors it opens the pack anew for every object.
	opts := filesystem.Options{KeepDescriptors: true, AlternatesFS: osfs.New("/")}
	st := filesystem.NewStorageWithOptions(dotgit.NewRepositoryFilesystem(osfs.New(dot), shared), cache.NewObjectLRUDefault(), opts)
	store := newObjects(withoutWorktreeConfig{withQuarantine(st, opts, os.Getenv)}, dot)
	r, err := git.Open(store, nil)
	if err != nil {
		return nil, errors.Join(explainOpen(dot, err), st.Close())
	}
	return &Git{repo: r, store: store, root: root, common: common, dot: dot, mu: &sync.Mutex{}, close: func() error {
		store.stop()
		return st.Close()
	}}, nil
}

// withoutWorktreeConfig hides an extension that go-git refuses and that changes nothing for reading objects:
// git sparse-checkout turns it on.
type withoutWorktreeConfig struct{ storage.Storer }

// Config is the repository's configuration.
func (w withoutWorktreeConfig) Config() (*config.Config, error) {
	c, err := w.Storer.Config()
	if err == nil && c.Raw != nil {
		c.Raw.Section("extensions").RemoveOption("worktreeconfig")
	}
	return c, err
}

func explainOpen(dot string, err error) error {
	if strings.Contains(err.Error(), "extension") {
		return fmt.Errorf("open git repository %s: %w (Lockstep reads SHA-1 repositories without extensions; a clone made without that option works)", dot, err)
	}
	return fmt.Errorf("open git repository %s: %w", dot, err)
}

// Close lets go of the files that are held open.
func (g *Git) Close() error { return g.close() }

// Root is the work tree's folder; empty for a bare repository.
func (g *Git) Root() string { return g.root }

// findDotGit looks for the repository upwards from dir.
func findDotGit(dir string) (dot, root string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", "", fmt.Errorf("open git repository: %w", err)
	}
	for up := abs; ; up = filepath.Dir(up) {
		name := filepath.Join(up, ".git")
		info, err := os.Stat(name)
		switch {
		case err == nil && info.IsDir():
			return name, up, nil
		case err == nil:
			dot, err := gitFile(name)
			return dot, up, err
		case isBare(up):
			if filepath.Base(up) == ".git" {
				return up, filepath.Dir(up), nil
			}
			return up, "", nil
		}
		if filepath.Dir(up) == up {
			return "", "", fmt.Errorf("no git repository in %s or above: git:REV needs one (git init, or -C DIR)", abs)
		}
	}
}

// gitFile follows a .git file, as linked work trees and submodules have it.
func gitFile(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("open git repository: %w", err)
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
	if !ok {
		return "", fmt.Errorf("open git repository: %s does not say where the repository is (\"gitdir: …\")", name)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(name), target)
	}
	if _, err := os.Stat(target); err != nil {
		return "", fmt.Errorf("open git repository: %s leads to a folder that is not there: %w (git worktree repair)", name, err)
	}
	return target, nil
}

func isBare(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

func commonDir(dot string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dot, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return dot, nil
	}
	if err != nil {
		return "", err
	}
	target := strings.TrimSpace(string(data))
	if !filepath.IsAbs(target) {
		target = filepath.Join(dot, target)
	}
	return target, nil
}

// Resolve gives the full id of the commit that rev names: a branch, a tag, HEAD~1, a short id,
// origin/main.
func (g *Git) Resolve(rev string) (string, error) {
	c, err := g.commit(rev)
	if err != nil {
		return "", err
	}
	return c.Hash.String(), nil
}

// revision is what git calls one, as far as it makes sense here: a name or an id, then steps back.
var revision = regexp.MustCompile(`^([^\x00-\x20\x7f~^:?*\[\\{}-][^\x00-\x20\x7f~^:?*\[\\{}]*)((?:[~^][0-9]{0,6})*)$`)

func (g *Git) commit(rev string) (*object.Commit, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := revision.FindStringSubmatch(rev)
	if m == nil || strings.Contains(m[1], "..") {
		// go-git leaves out what it does not know: HEAD@{1} would be HEAD.
		return nil, fmt.Errorf("%q names no commit here: a branch, a tag or an id does, with ~N or ^N behind it", rev)
	}
	base, full := m[1], rev
	if base == "@" {
		base = "HEAD"
	}
	// A branch called "fade" is that branch, not a commit whose id starts so. go-git sees that the
	// other way round; git itself prefers the name to the short id.
	if !plumbing.IsHash(base) {
		if h, ok := g.ref(base); ok {
			full = h.String() + m[2]
		}
	}
	h, err := g.repo.ResolveRevision(plumbing.Revision(full))
	if err != nil {
		return nil, g.explain(rev, err)
	}
	c, err := g.repo.CommitObject(*h)
	if err != nil {
		return nil, g.explain(rev, err)
	}
	return c, nil
}

// ref finds a reference by the name people use, in git's order, and the commit it leads to.
func (g *Git) ref(name string) (plumbing.Hash, bool) {
	for _, rule := range plumbing.RefRevParseRules {
		r, err := g.repo.Reference(plumbing.ReferenceName(fmt.Sprintf(rule, name)), true)
		if err != nil {
			continue
		}
		h := r.Hash()
		for tag, err := g.repo.TagObject(h); err == nil; tag, err = g.repo.TagObject(h) {
			h = tag.Target
		}
		return h, true
	}
	return plumbing.ZeroHash, false
}

func (g *Git) isShallow() bool {
	shallow, err := g.store.Shallow()
	return err == nil && len(shallow) > 0
}

// remoteBranch splits a name such as origin/main, when it is one that the clone could have and has not.
func (g *Git) remoteBranch(rev string) (remote, branch string, ok bool) {
	m := revision.FindStringSubmatch(rev)
	if m == nil {
		return "", "", false
	}
	remote, branch, ok = strings.Cut(m[1], "/")
	if _, there := g.ref(m[1]); !ok || there {
		return "", "", false
	}
	_, err := g.repo.Remote(remote)
	return remote, branch, err == nil
}

func (g *Git) explain(rev string, err error) error {
	hint := ""
	switch remote, branch, ok := g.remoteBranch(rev); {
	case ok:
		hint = fmt.Sprintf("; this clone has not fetched that branch: git fetch %[1]s %[2]s:refs/remotes/%[1]s/%[2]s", remote, branch)
	case g.isShallow():
		hint = "; this clone is shallow: git fetch --unshallow brings the rest"
	}
	if errors.Is(err, plumbing.ErrReferenceNotFound) || errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("%q names no commit here%s", rev, hint)
	}
	return fmt.Errorf("%q names no commit here: %w%s", rev, err, hint)
}

// Tree gives a commit's files, and its full id. Nothing is checked out.
func (g *Git) Tree(rev string) (fs.FS, string, error) {
	c, err := g.commit(rev)
	if err != nil {
		return nil, "", err
	}
	t := &treeFS{store: g.store, root: c.TreeHash, time: c.Committer.When, mu: &sync.Mutex{}, dirs: map[plumbing.Hash]*treeDir{}, paths: map[string]*treeDir{}}
	if _, err := t.dir(c.TreeHash); err != nil {
		return nil, "", fmt.Errorf("read the files of commit %s: %w", c.Hash, err)
	}
	return t, c.Hash.String(), nil
}

// EmptyTree gives a tree without files: what a first commit is compared with.
func (g *Git) EmptyTree() fs.FS {
	t, err := g.treeOf(nil)
	if err != nil {
		panic("repo: the empty tree: " + err.Error()) // nothing is read for it
	}
	return t
}

// Refs lists the commits that references point to, each once, of those whose full name begins with prefix
// ("refs/remotes/origin/"); no more than limit.
func (g *Git) Refs(prefix string, limit int) ([]string, error) {
	iter, err := g.store.IterReferences()
	if err != nil {
		return nil, fmt.Errorf("list references: %w", err)
	}
	defer iter.Close()
	seen := map[string]bool{}
	err = iter.ForEach(func(r *plumbing.Reference) error {
		if r.Type() == plumbing.HashReference && strings.HasPrefix(r.Name().String(), prefix) {
			seen[r.Hash().String()] = true
		}
		if len(seen) >= limit {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, fmt.Errorf("list references: %w", err)
	}
	list := make([]string, 0, len(seen))
	for id := range seen {
		list = append(list, id)
	}
	slices.Sort(list)
	return list, nil
}

var errEnough = errors.New("enough")

// GitDir is the repository's own folder, the common one of linked work trees.
func (g *Git) GitDir() string { return g.common }

// Head is the full name of the branch that HEAD stands on ("refs/heads/main"), also when that branch has no
// commit yet; empty when HEAD stands on a commit.
func (g *Git) Head() string {
	r, err := g.store.Reference(plumbing.HEAD)
	if err != nil || r.Type() != plumbing.SymbolicReference {
		return ""
	}
	return r.Target().String()
}

// Peel finds the commit that an id stands for: the commit itself, or the one that a tag leads to. ok is false
// when it stands for something else, such as a tag of a file.
func (g *Git) Peel(id string) (commit string, ok bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := plumbing.NewHash(id)
	for range maxHops {
		o, err := g.store.EncodedObject(plumbing.AnyObject, h)
		if err != nil {
			return "", false, fmt.Errorf("read object %s: %w", id, err)
		}
		switch o.Type() {
		case plumbing.CommitObject:
			return h.String(), true, nil
		case plumbing.TagObject:
			tag, err := object.DecodeTag(g.store, o)
			if err != nil {
				return "", false, fmt.Errorf("read tag %s: %w", h, err)
			}
			h = tag.Target
		default:
			return "", false, nil
		}
	}
	return "", false, fmt.Errorf("tag %s leads over more than %d tags", id, maxHops)
}

// Commits lists the commits that head has and none of known has, newest first, with the first parent of each
// ("" for a root). It stops at limit; more says whether it did.
func (g *Git) Commits(head string, known []string, limit int) (list []CommitID, more bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := map[plumbing.Hash]bool{}
	// What is known is walked as far as it is younger than what is looked for; a little further does no harm.
	c, err := g.repo.CommitObject(plumbing.NewHash(head))
	if err != nil {
		return nil, false, fmt.Errorf("read commit %s: %w", head, err)
	}
	q := &frontier{}
	q.push(c, false)
	for _, k := range known {
		if kc, err := g.repo.CommitObject(plumbing.NewHash(k)); err == nil {
			q.push(kc, true)
		}
	}
	for steps := 0; q.fresh() && steps < 100*limit+1000; steps++ {
		c, old := q.pop()
		if seen[c.Hash] {
			continue
		}
		seen[c.Hash] = true
		if !old {
			if len(list) == limit {
				return list, true, nil
			}
			id := CommitID{ID: c.Hash.String()}
			if len(c.ParentHashes) > 0 {
				id.Parent = c.ParentHashes[0].String()
			}
			list = append(list, id)
		}
		for _, h := range c.ParentHashes {
			if p, err := g.repo.CommitObject(h); err == nil { // a shallow clone ends somewhere
				q.push(p, old)
			}
		}
	}
	return list, q.fresh(), nil
}

// A CommitID is a commit and its first parent; Parent is empty for a root.
type CommitID struct{ ID, Parent string }

// Subject is the first line of a commit's message; empty when there is no such commit.
func (g *Git) Subject(rev string) string {
	c, err := g.commit(rev)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return strings.TrimSpace(line)
}

// Author is the mail address of a commit's author; empty when there is no such commit.
func (g *Git) Author(rev string) string {
	c, err := g.commit(rev)
	if err != nil {
		return ""
	}
	return c.Author.Email
}

// MergeBase gives the commit that two revisions have in common.
func (g *Git) MergeBase(a, b string) (string, error) {
	ca, err := g.commit(a)
	if err != nil {
		return "", err
	}
	cb, err := g.commit(b)
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	bases, err := ca.MergeBase(cb)
	if (err != nil || len(bases) == 0) && g.isShallow() {
		return "", fmt.Errorf("where %s and %s part is not known: this clone is shallow. Fetch what is missing: git fetch --unshallow origin (or --deepen=100, until it suffices; in CI, fetch-depth: 0)", a, b)
	}
	if err != nil {
		return "", fmt.Errorf("find where %s and %s part: %w", a, b, g.explain(a, err))
	}
	if len(bases) == 0 {
		return "", fmt.Errorf("%s and %s have no commit in common", a, b)
	}
	return bases[0].Hash.String(), nil
}

// HooksDir is the folder that git runs hooks from: core.hooksPath, or hooks in the .git folder.
func (g *Git) HooksDir() (string, error) {
	local, err := g.repo.Config()
	if err != nil {
		return "", fmt.Errorf("read git's configuration: %w", err)
	}
	configs := []*config.Config{local}
	if own, err := os.Open(filepath.Join(g.dot, "config.worktree")); err == nil {
		c, err := config.ReadConfig(own)
		if err = errors.Join(err, own.Close()); err != nil {
			return "", fmt.Errorf("read git's configuration of this work tree: %w", err)
		}
		configs = []*config.Config{c, local}
	}
	for _, scope := range []config.Scope{config.GlobalScope, config.SystemScope} {
		c, err := config.LoadConfig(scope)
		if err != nil {
			return "", fmt.Errorf("read git's configuration: %w", err)
		}
		configs = append(configs, c)
	}
	for _, c := range configs {
		dir := c.Raw.Section("core").Option("hooksPath")
		if dir == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(dir, "~/"); ok {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", fmt.Errorf("core.hooksPath is %s: %w", dir, err)
			}
			dir = filepath.Join(home, rest)
		}
		if !filepath.IsAbs(dir) {
			// Git runs hooks in the work tree, and in the repository itself where there is none.
			dir = filepath.Join(firstOf(g.root, g.common), dir)
		}
		return dir, nil
	}
	return filepath.Join(g.common, "hooks"), nil
}

// SetConfig sets values of the repository's own configuration: name ("merge.lockstep.driver") and value. It is
// the one thing that is written here. git does it: it knows how to change that file without losing comments.
func (g *Git) SetConfig(settings [][2]string) error {
	for _, s := range settings {
		out, err := exec.Command("git", "--git-dir", g.common, "config", "--local", s[0], s[1]).CombinedOutput()
		if err != nil {
			return fmt.Errorf("git config %s: %w: %s", s[0], err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}
