package repo_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage"
	"github.com/lockstep-gitops/lockstep/engine/repo"
)

// A builder makes commits of hand-made trees, also of ones that git would not make.
type builder struct {
	t     *testing.T
	store storage.Storer
	when  time.Time
}

// A node is a file (string), a link (link), a submodule (gone) or a folder (map).
type (
	folder = map[string]any
	link   string
	gone   struct{}
)

func newRepo(t *testing.T) (string, *builder) {
	t.Helper()
	dir := t.TempDir()
	r, err := git.PlainInit(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	return dir, &builder{t, r.Storer, time.Date(2026, 7, 13, 0, 0, 0, 0, time.UTC)}
}

func (b *builder) put(kind plumbing.ObjectType, encode func(plumbing.EncodedObject) error) plumbing.Hash {
	b.t.Helper()
	o := b.store.NewEncodedObject()
	o.SetType(kind)
	if err := encode(o); err != nil {
		b.t.Fatal(err)
	}
	h, err := b.store.SetEncodedObject(o)
	if err != nil {
		b.t.Fatal(err)
	}
	return h
}

func (b *builder) blob(s string) plumbing.Hash {
	return b.put(plumbing.BlobObject, func(o plumbing.EncodedObject) error {
		w, err := o.Writer()
		if err != nil {
			return err
		}
		_, err = w.Write([]byte(s))
		return errors.Join(err, w.Close())
	})
}

func (b *builder) tree(f folder) plumbing.Hash {
	var raw []byte
	names := make([]string, 0, len(f))
	for n := range f {
		names = append(names, n)
	}
	sortKey := func(n string) string {
		if _, ok := f[n].(folder); ok {
			return n + "/"
		}
		return n
	}
	slices.SortFunc(names, func(x, y string) int { return strings.Compare(sortKey(x), sortKey(y)) })
	for _, n := range names {
		mode, h := filemode.Regular, plumbing.ZeroHash
		switch v := f[n].(type) {
		case string:
			h = b.blob(v)
		case link:
			mode, h = filemode.Symlink, b.blob(string(v))
		case gone:
			mode, h = filemode.Submodule, plumbing.NewHash("1234567890123456789012345678901234567890")
		case plumbing.Hash:
			h = v
		case folder:
			mode, h = filemode.Dir, b.tree(v)
		}
		raw = append(raw, strings.TrimLeft(mode.String(), "0")+" "+n+"\x00"...)
		raw = append(raw, h[:]...)
	}
	// Written by hand: go-git refuses to encode names that hostile repositories have.
	return b.put(plumbing.TreeObject, func(o plumbing.EncodedObject) error {
		w, err := o.Writer()
		if err != nil {
			return err
		}
		_, err = w.Write(raw)
		return errors.Join(err, w.Close())
	})
}

func (b *builder) commit(ref, msg string, f folder, parents ...plumbing.Hash) plumbing.Hash {
	b.t.Helper()
	b.when = b.when.Add(time.Hour)
	sig := object.Signature{Name: "t", Email: "t@example.com", When: b.when}
	c := &object.Commit{Author: sig, Committer: sig, Message: msg, TreeHash: b.tree(f), ParentHashes: parents}
	h := b.put(plumbing.CommitObject, c.Encode)
	if ref != "" {
		b.ref(ref, h)
	}
	return h
}

func (b *builder) ref(name string, h plumbing.Hash) {
	b.t.Helper()
	if err := b.store.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(name), h)); err != nil {
		b.t.Fatal(err)
	}
}

func open(t *testing.T, dir string) *repo.Git {
	t.Helper()
	g, err := repo.OpenGit(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func TestTreeFS(t *testing.T) {
	dir, b := newRepo(t)
	b.commit("refs/heads/master", "one", folder{
		"a.txt": "alpha", "a": folder{"b": folder{"c.json": "{}"}, "empty.txt": ""}, "a-b": "sorted between", "to-c": link("a/b/c.json"),
		"x": folder{"up": link("../a.txt"), "dir": link("../a/b")}, "sub": gone{}, "big.txt": strings.Repeat("x", 100_000),
	})
	fsys, commit, err := open(t, dir).Tree("HEAD")
	if err != nil || len(commit) != 40 {
		t.Fatal(commit, err)
	}
	if err := fstest.TestFS(fsys, "a.txt", "a/b/c.json", "a-b", "to-c", "x/up", "x/dir", "sub", "a/empty.txt"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"to-c": "{}", "x/up": "alpha", "x/dir/c.json": "{}"} {
		if data, err := fs.ReadFile(fsys, name); err != nil || string(data) != want {
			t.Errorf("%s: %q %v", name, data, err)
		}
	}
	if entries, err := fs.ReadDir(fsys, "sub"); err != nil || len(entries) != 0 {
		t.Errorf("a submodule: %v %v", entries, err)
	}
}

func TestTreeFSLinks(t *testing.T) {
	dir, b := newRepo(t)
	b.commit("refs/heads/master", "one", folder{
		"out": link("../../etc/passwd"), "abs": link("/etc/passwd"), "loop": link("loop"), "ping": link("pong"), "pong": link("ping"),
		"nowhere": link("not/there"), "d": folder{"self": link("../d"), "f": "x", "up": link("../..")}, "long": link(strings.Repeat("a/", 5000)),
	})
	fsys, _, err := open(t, dir).Tree("master")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"out", "abs", "loop", "ping", "nowhere", "d/up", "long", "d/f/x", "missing"} {
		if _, err := fs.ReadFile(fsys, name); err == nil {
			t.Errorf("%s can be read", name)
		} else if pe := new(fs.PathError); !errors.As(err, &pe) {
			t.Errorf("%s: %v is no PathError", name, err)
		}
	}
	if _, err := fs.ReadFile(fsys, "d/self/self/f"); err != nil {
		t.Error(err)
	}
}

// Reading a commit is reading the same files.
func TestLoadCommit(t *testing.T) {
	dir, b := newRepo(t)
	config := folder{}
	for name, data := range listFiles(t, checkout(t, "frconfig")) {
		at := config
		segs := strings.Split(name, "/")
		for _, s := range segs[:len(segs)-1] {
			if at[s] == nil {
				at[s] = folder{}
			}
			at = at[s].(folder)
		}
		at[segs[len(segs)-1]] = data
	}
	variables := config["esvs"].(folder)["variables"].(folder)
	variables["esv-out.json"], variables["round"] = link("../../../../x.json"), link("../..")
	b.commit("refs/heads/master", "one", folder{"identity-cloud-config": config, "README.md": "x", ".github": folder{"x.json": "{"}})
	fsys, _, err := open(t, dir).Tree("master")
	if err != nil {
		t.Fatal(err)
	}
	set, diags, err := repo.Load(fsys, ".", repo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sameSets(t, "commit", set, loadFixture(t, "frconfig"))
	var got []string
	for _, d := range diags {
		got = append(got, d.Code+" "+d.Pos.File)
	}
	base := "path-escapes identity-cloud-config/esvs/variables/"
	if !slices.Equal(got, []string{base + "esv-out.json", base + "round"}) {
		t.Errorf("findings %q", got)
	}
}

// Names that are no names: a finding or an error, never a path that leads elsewhere.
func TestTreeFSHostileNames(t *testing.T) {
	for _, name := range []string{"..", ".", "a/b", "", "../x"} {
		dir, b := newRepo(t)
		b.commit("refs/heads/master", "one", folder{"esvs": folder{"variables": folder{"a.json": `{"_id":"a"}`}, "secrets": folder{name: "x"}}})
		fsys, _, err := open(t, dir).Tree("master")
		if err != nil {
			t.Fatal(err)
		}
		set, diags, err := repo.Load(fsys, ".", repo.Options{})
		if err != nil || len(diags) != 1 || diags[0].Code != "file-unreadable" || set.Len() != 1 {
			t.Errorf("%q: %v %v", name, diags, err)
		}
		if len(set.Partial) == 0 {
			t.Errorf("%q: what the folder holds is taken for gone", name)
		}
	}
}

// A listing touches no file: in a partial clone they may not be there.
func TestReadDirTouchesNoBlob(t *testing.T) {
	dir, b := newRepo(t)
	missing := plumbing.NewHash("00000000000000000000000000000000000000ff")
	b.commit("refs/heads/master", "one", folder{"esvs": folder{"a.json": missing}})
	fsys, _, err := open(t, dir).Tree("master")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := fs.ReadDir(fsys, "esvs")
	if err != nil || len(entries) != 1 || entries[0].Type() != 0 {
		t.Errorf("%v %v", entries, err)
	}
	if _, err := fs.ReadFile(fsys, "esvs/a.json"); err == nil || !strings.Contains(err.Error(), "partial clone") {
		t.Errorf("reading what is not there: %v", err)
	}
}

func TestResolve(t *testing.T) {
	dir, b := newRepo(t)
	one := b.commit("", "one\n\nbody", folder{"a": "1"})
	two := b.commit("refs/heads/master", "two", folder{"a": "2"}, one)
	side := b.commit("refs/heads/feature/x", "side", folder{"a": "3"}, one)
	b.ref("refs/remotes/origin/x", side)
	b.ref("refs/tags/v1", one)
	tag := &object.Tag{Name: "v2", Tagger: object.Signature{When: b.when}, Message: "m", TargetType: plumbing.CommitObject, Target: two}
	b.ref("refs/tags/v2", b.put(plumbing.TagObject, tag.Encode))
	// A branch whose name could be the start of an id.
	b.ref("refs/heads/"+two.String()[:5], one)
	b.ref("refs/heads/cafe", side)
	g := open(t, dir)
	for rev, want := range map[string]plumbing.Hash{
		"HEAD": two, "@": two, "@~1": one, "master": two, "HEAD~1": one, "master^": one, "refs/heads/master": two, one.String(): one, one.String()[:7]: one,
		"feature/x": side, "origin/x": side, "v1": one, "v2": two, "v2~1": one, "cafe": side, "cafe~1": one, two.String()[:5]: one,
	} {
		if got, err := g.Resolve(rev); err != nil || got != want.String() {
			t.Errorf("%s: %s %v, want %s", rev, got, err, want)
		}
	}
	for _, rev := range []string{"", "nope", "HEAD~9", "HEAD^9", "~", "^^", "@{", "HEAD@{1}", ":", "a..b", "-x", "master:a", "\x00"} {
		if got, err := g.Resolve(rev); err == nil {
			t.Errorf("%q is %s", rev, got)
		} else if !strings.Contains(err.Error(), "names no commit here") {
			t.Errorf("%q: %v", rev, err)
		}
	}
	if got := g.Subject("v1"); got != "one" {
		t.Errorf("subject %q", got)
	}
	if got, err := g.MergeBase("master", "feature/x"); err != nil || got != one.String() {
		t.Errorf("merge base %s %v", got, err)
	}
	lone := b.commit("", "lone", folder{})
	if got, err := g.MergeBase("master", lone.String()); err == nil {
		t.Errorf("merge base of strangers: %s", got)
	}
}

func TestOpenGit(t *testing.T) {
	dir, b := newRepo(t)
	b.commit("refs/heads/master", "one", folder{"a": "1"})
	deep := filepath.Join(dir, "x/y")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if g := open(t, deep); g.Root() != dir {
		t.Errorf("root %s", g.Root())
	}
	if g := open(t, filepath.Join(dir, ".git")); g.Root() != dir {
		t.Errorf("root from inside .git: %s", g.Root())
	}
	if _, err := repo.OpenGit(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no git repository in") {
		t.Error(err)
	}
	broken := t.TempDir()
	write(t, filepath.Join(broken, ".git"), "gitdir: /nowhere/at/all")
	if _, err := repo.OpenGit(broken); err == nil || !strings.Contains(err.Error(), "git worktree repair") {
		t.Error(err)
	}
}

func TestHooksDir(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir, _ := newRepo(t)
	config := filepath.Join(dir, ".git/config")
	base, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"":                          filepath.Join(dir, ".git/hooks"),
		"hooksPath = .githooks":     filepath.Join(dir, ".githooks"),
		"hookspath = /srv/hooks":    "/srv/hooks",
		"hooksPath = ~/my/hooks":    filepath.Join(os.Getenv("HOME"), "my/hooks"),
		"hooksPath = \"a b/hooks\"": filepath.Join(dir, "a b/hooks"),
	} {
		write(t, config, string(base)+"\n[core]\n\t"+setting+"\n")
		if got, err := open(t, dir).HooksDir(); err != nil || got != want {
			t.Errorf("%q: %s %v, want %s", setting, got, err, want)
		}
	}
}

// gitCLI runs git, for what only git itself makes.
func gitCLI(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=t", "GIT_AUTHOR_EMAIL=t@example.com", "GIT_COMMITTER_NAME=t", "GIT_COMMITTER_EMAIL=t@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestReposThatGitMakes(t *testing.T) {
	base := t.TempDir()
	origin := filepath.Join(base, "origin")
	gitCLI(t, base, "init", "-q", "-b", "main", origin)
	for _, n := range []string{"1", "2", "3"} {
		write(t, filepath.Join(origin, "esvs/variables/esv-"+n+".json"), `{"_id":"esv-`+n+`"}`)
		gitCLI(t, origin, "add", ".")
		gitCLI(t, origin, "commit", "-qm", "commit "+n)
	}
	gitCLI(t, origin, "gc", "-q")
	gitCLI(t, base, "clone", "-q", "--shared", origin, "shared")
	gitCLI(t, base, "clone", "-q", "--bare", origin, "bare.git")
	gitCLI(t, base, "clone", "-q", "--depth", "1", "file://"+origin, "shallow")
	gitCLI(t, origin, "worktree", "add", "-q", "-b", "side", filepath.Join(base, "linked"))
	for dir, root := range map[string]string{"origin": "origin", "shared": "shared", "bare.git": "", "linked": "linked", "shallow": "shallow"} {
		g := open(t, filepath.Join(base, dir))
		if root != "" {
			root = filepath.Join(base, root)
		}
		if g.Root() != root {
			t.Errorf("%s: root %q", dir, g.Root())
		}
		fsys, _, err := g.Tree("HEAD")
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		if set, diags, err := repo.Load(fsys, ".", repo.Options{}); err != nil || len(diags) > 0 || set.Len() != 3 {
			t.Errorf("%s: %v %v", dir, diags, err)
		}
		switch _, err := g.Resolve("HEAD~2"); {
		case dir == "shallow" && (err == nil || !strings.Contains(err.Error(), "--unshallow")):
			t.Errorf("a shallow clone: %v", err)
		case dir != "shallow" && err != nil:
			t.Errorf("%s: %v", dir, err)
		}
	}
	if got, err := open(t, filepath.Join(base, "linked")).HooksDir(); err != nil || got != filepath.Join(origin, ".git/hooks") {
		t.Errorf("hooks of a linked work tree: %s %v", got, err)
	}
}

// The objects of a push that a pre-receive hook looks at: loose ones and, beyond
// receive.unpackLimit, a pack.
func TestQuarantine(t *testing.T) {
	for _, limit := range []string{"1", "1000"} {
		t.Run(limit, func(t *testing.T) { quarantine(t, limit) })
	}
}

func quarantine(t *testing.T, limit string) {
	base := t.TempDir()
	gitCLI(t, base, "init", "-q", "--bare", "-b", "main", "up.git")
	up := filepath.Join(base, "up.git")
	gitCLI(t, up, "config", "receive.unpackLimit", limit)
	write(t, filepath.Join(up, "hooks/pre-receive"), "#!/bin/sh\nread old new ref\ncp -a . '"+base+"/copy'\nenv | grep ^GIT_ > '"+base+"/env'\necho $new > '"+base+"/new'\n")
	if err := os.Chmod(filepath.Join(up, "hooks/pre-receive"), 0o755); err != nil {
		t.Fatal(err)
	}
	gitCLI(t, base, "clone", "-q", up, "work")
	work := filepath.Join(base, "work")
	gitCLI(t, work, "checkout", "-q", "-b", "main")
	for _, n := range []string{"1", "2", "3"} {
		write(t, filepath.Join(work, "esvs/variables/esv-"+n+".json"), `{"_id":"esv-`+n+`"}`)
	}
	gitCLI(t, work, "add", ".")
	gitCLI(t, work, "commit", "-qm", "one")
	gitCLI(t, work, "push", "-q", "origin", "main")
	env, err := os.ReadFile(filepath.Join(base, "env"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(env)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if strings.Contains(name, "OBJECT") || strings.Contains(name, "QUARANTINE") {
			t.Setenv(name, strings.ReplaceAll(strings.ReplaceAll(value, "/./", "/"), up, filepath.Join(base, "copy")))
		}
	}
	commit, err := os.ReadFile(filepath.Join(base, "new"))
	if err != nil {
		t.Fatal(err)
	}
	fsys, _, err := open(t, filepath.Join(base, "copy")).Tree(strings.TrimSpace(string(commit)))
	if err != nil {
		t.Fatalf("unpackLimit %s: %v", limit, err)
	}
	if set, diags, err := repo.Load(fsys, ".", repo.Options{}); err != nil || len(diags) > 0 || set.Len() != 3 {
		t.Errorf("unpackLimit %s: %v %v", limit, diags, err)
	}
}
