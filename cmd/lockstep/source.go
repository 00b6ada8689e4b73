package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine"
	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/engine/tenant"
	"github.com/lockstep-gitops/lockstep/schema"
)

// loaded is a set with what was found while it was read.
type loaded struct {
	*schema.Set
	diags schema.Diagnostics
	// the commit that is checked out where it was read, and its first line
	commit, subject string
	// live says that it was read from a tenant
	live bool
}

// load reads a SOURCE: a path, git:REV or env:NAME. An empty one is the project's configuration.
func (a *app) load(ctx context.Context, p *config.Project, source string) (*loaded, error) {
	if rev, ok := strings.CutPrefix(source, "git:"); ok {
		return a.loadGit(p, rev)
	}
	if name, ok := strings.CutPrefix(source, "env:"); ok {
		return a.loadTenant(ctx, p, name)
	}
	return a.loadPath(p, source)
}

// repoOptions are the project's, for reading its own configuration.
func repoOptions(p *config.Project, origin string) repo.Options {
	return repo.Options{Layout: repo.Layout(p.Config.Layout), Types: p.Config.Types, Realms: p.Config.Realms, Ignore: p.Config.Ignore, Origin: origin}
}

// A pathSource is a folder or file of the disk that is to be read, and the commit that is checked out there.
type pathSource struct {
	path            string // absolute
	own             bool   // it is the project's own configuration
	top, dir        string // of what is own: the top of the repository, and the configuration's folder below it
	commit, subject string
	options         repo.Options
}

func (a *app) pathSource(p *config.Project, source string) (pathSource, error) {
	s := pathSource{path: p.Dir(), own: true, options: repoOptions(p, ".")}
	if source != "" {
		var err error
		if s.path, err = a.path(source); err != nil {
			return s, err
		}
		s.own = s.path == p.Root || s.path == p.Dir()
	}
	g, giterr := repo.OpenGit(s.path)
	if giterr == nil {
		if commit, err := g.Resolve("HEAD"); err == nil {
			s.commit, s.subject = commit, g.Subject("HEAD")
		}
	}
	if !s.own {
		// Another folder may be in another layout.
		s.options = repoOptions(p, source)
		s.options.Layout = ""
		return s, nil
	}
	// The project's own files are named from the top of the repository, as in a commit.
	s.top = p.Root
	if giterr == nil {
		s.top = g.Root()
	}
	var err error
	s.dir, err = below(s.top, p.Dir())
	return s, err
}

func (s pathSource) load() (l *loaded, err error) {
	l = &loaded{commit: s.commit, subject: s.subject}
	if s.own {
		l.Set, l.diags, err = repo.LoadIn(s.top, s.dir, s.options)
	} else {
		l.Set, l.diags, err = repo.LoadPath(s.path, s.options)
	}
	return l, err
}

func (a *app) loadPath(p *config.Project, source string) (*loaded, error) {
	s, err := a.pathSource(p, source)
	if err != nil {
		return nil, err
	}
	return a.readSource(s)
}

func (a *app) readSource(s pathSource) (*loaded, error) {
	l, err := s.load()
	if err != nil {
		return nil, err
	}
	l.Commit = l.commit
	a.asks(l.Set)
	return l, nil
}

// settle takes the commit away from what was read off a work tree that differs from it: a plan or a drift
// report must not name a commit that does not hold what was compared.
func (a *app) settle(p *config.Project, l *loaded) {
	if l.commit == "" {
		return // read from a commit or a tenant, or no git here
	}
	head, err := a.loadGit(p, l.commit)
	if err == nil && diff.SetDigest(head.Set) == diff.SetDigest(l.Set) {
		return
	}
	if l.Origin == "." {
		l.Origin = "the work tree (changed since git " + short(l.commit) + ")"
	}
	l.Commit, l.commit, l.subject = "", "", ""
}

func (a *app) loadGit(p *config.Project, rev string) (*loaded, error) {
	g, err := repo.OpenGit(p.Root)
	if err != nil {
		return nil, err
	}
	tree, commit, err := g.Tree(rev)
	if err != nil {
		return nil, err
	}
	dir, err := below(g.Root(), p.Dir())
	if err != nil {
		return nil, err
	}
	set, diags, err := repo.Load(tree, dir, repoOptions(p, "git:"+rev))
	if err != nil {
		return nil, err
	}
	set.Commit = commit
	a.asks(set)
	return &loaded{Set: set, diags: diags, subject: g.Subject(rev)}, nil
}

// below gives the slash-separated path of dir under root.
func below(root, dir string) (string, error) {
	// The working directory may be reached through a symlink that git has resolved.
	if r, err := filepath.EvalSymlinks(root); err == nil {
		root = r
	}
	if d, err := filepath.EvalSymlinks(dir); err == nil {
		dir = d
	}
	rel, err := filepath.Rel(root, dir)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("the configuration in %s is outside of the git repository in %s", dir, root)
	}
	return filepath.ToSlash(rel), nil
}

func (a *app) loadTenant(ctx context.Context, p *config.Project, name string) (*loaded, error) {
	e, err := p.Env(name)
	if err != nil {
		return nil, err
	}
	c, err := a.client(e, false)
	if err != nil {
		return nil, err
	}
	return a.snapshot(ctx, p, c)
}

// snapshot reads all managed configuration of a tenant.
func (a *app) snapshot(ctx context.Context, p *config.Project, c *tenant.Client) (*loaded, error) {
	bar := a.progress("Reading " + c.Name())
	set, err := c.Snapshot(ctx, tenant.SnapshotOptions{Types: a.typesToRead(p), Realms: p.Config.Realms, Keys: a.keys, OnProgress: bar.update})
	bar.done()
	if err != nil {
		return nil, err
	}
	set.Origin = "env:" + c.Name()
	// What the repository ignores is nobody's business on the tenant either.
	set = set.Filter(func(r *schema.Resource) bool {
		if p.Ignored(r.Key, r.Name()) {
			set.MarkIgnored(r.Key) // it is there all the same: an export with --prune must not remove its files
			return false
		}
		return true
	})
	return &loaded{Set: set, live: true}, nil
}

// asks notes what a set of files has of the types that a tenant is read for only on request: whoever keeps
// OAuth2 clients in git wants to see those of the tenant beside them.
func (a *app) asks(set *schema.Set) {
	for _, r := range set.All() {
		a.ask(r.Key)
	}
}

func (a *app) ask(k schema.Key) {
	t, ok := schema.TypeOf(k.Type)
	if !ok || !t.OnRequest {
		return
	}
	if !slices.Contains(a.requested, t.Name) {
		a.requested = append(a.requested, t.Name)
	}
	if (t.API.Keyed || t.API.Extra) && !slices.Contains(a.keys, k) {
		a.keys = append(a.keys, k)
	}
}

// typesToRead are the types to read from a tenant: those that the project names, else the usual ones and
// those that files have asked for.
func (a *app) typesToRead(p *config.Project) []string {
	a.reading = p.Config.Types
	if len(p.Config.Types) == 0 && len(a.requested) > 0 {
		a.reading, _ = schema.ExpandTypes(append([]string{schema.DefaultTypes}, a.requested...)) // all are types
	}
	return a.reading
}

// moreScopes are what a token needs to read these types, beside the usual scopes.
func (a *app) moreScopes() []string {
	var scopes []string
	for _, name := range slices.Concat(a.reading, a.requested) {
		if t, ok := schema.TypeOf(name); ok {
			scopes = append(scopes, strings.Fields(t.API.Scope)...)
		}
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// loadPair reads two SOURCEs. A tenant comes last: what is read from it depends on what the files have.
func (a *app) loadPair(ctx context.Context, p *config.Project, from, to string) (f, t *loaded, err error) {
	if strings.HasPrefix(from, "env:") && !strings.HasPrefix(to, "env:") {
		t, f, err = a.loadPair(ctx, p, to, from)
		return f, t, err
	}
	if f, err = a.load(ctx, p, from); err != nil {
		return nil, nil, err
	}
	t, err = a.load(ctx, p, to)
	return f, t, err
}

// asking says whether a tenant may be asked for its ESVs.
type asking int

const (
	askNever asking = iota
	askIfUnknown
	askAlways
)

// esvNames gives the ESVs that an environment has: those of the exported snapshot in git and those that its
// declarations name; or the tenant's. have is nil when nobody knows.
func (a *app) esvNames(ctx context.Context, p *config.Project, e *config.Environment, ask asking) (have map[string]bool, from string, err error) {
	switch {
	case ask == askAlways || ask == askIfUnknown && e.Snapshot == "" && e.ESVFile == "":
		c, err := a.client(e, false)
		if err != nil {
			return nil, "", err
		}
		set, err := c.Snapshot(ctx, tenant.SnapshotOptions{Types: []string{"variable", "secret"}})
		if err != nil {
			return nil, "", err
		}
		if len(set.Partial) > 0 {
			return nil, "", fmt.Errorf("%s: the tenant does not show its %s", e.Name, strings.Join(set.Partial, " and "))
		}
		return set.Declared(), "the tenant", nil
	case e.Snapshot != "":
		path := filepath.Join(p.Root, filepath.FromSlash(e.Snapshot))
		set, diags, err := repo.LoadPath(path, repo.Options{Origin: e.Snapshot})
		if err != nil {
			return nil, "", err
		}
		if diags.Count(schema.Error) > 0 {
			return nil, "", fmt.Errorf("%s: %s: %s", e.Name, diags[0].Pos, diags[0].Message)
		}
		have = set.Declared()
		from = e.Snapshot
	}
	declared, diags, err := p.ESVs(e)
	if err != nil {
		return nil, "", err
	}
	if diags.Count(schema.Error) > 0 {
		return nil, "", fmt.Errorf("%s: %s: %s", e.Name, diags[0].Pos, diags[0].Message)
	}
	if e.ESVFile != "" {
		if have == nil {
			have = map[string]bool{}
		}
		for _, d := range declared {
			have[d.Name] = true
		}
		from = strings.TrimPrefix(from+", "+e.ESVFile, ", ")
	}
	return have, from, nil
}

// hashKey gives the key of the hashes that stand for secrets, made once for a project.
func hashKey(p *config.Project) func() ([]byte, error) {
	return func() ([]byte, error) { return projectKey(p) }
}

func projectKey(p *config.Project) ([]byte, error) {
	name := filepath.Join(stateDir(p), "hash.key")
	key, err := os.ReadFile(name)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails, as its documentation says
	if err := ensureStateDir(p); err != nil {
		// A read-only checkout: the hashes are then good for this run only.
		return key, nil //nolint:nilerr // comparing works without the file
	}
	if err := engine.WriteFile(name, key, 0o600); err != nil {
		return key, nil //nolint:nilerr // as above
	}
	return key, nil
}

// ensureStateDir makes .lockstep, with a .gitignore so that nothing in it is ever committed.
func ensureStateDir(p *config.Project) error {
	dir := stateDir(p)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Stat(ignore); err == nil {
		return nil
	}
	return engine.WriteFile(ignore, []byte("*\n"), 0o644)
}

// compare finds the changes from one source to another.
func (a *app) compare(p *config.Project, from, to *loaded, target, exclude globs) ([]diff.Change, error) {
	return diff.Compare(from.Set, to.Set, diff.Options{Target: target, Exclude: exclude, HashKey: hashKey(p), Tenant: from.live, WantTenant: to.live})
}
