package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A treeCheck finds what a change to a tree brings: of two trees it reads the resources whose files differ,
// those that refer to what is gone or is called otherwise now, and those that all these refer to. Ten changed
// journeys of a thousand are then the work of ten.
type treeCheck struct {
	p        *config.Project
	dir      string // of the configuration, from the top of the trees
	old, new fs.FS  // old is nil when there was nothing
	limits   repo.Limits
	now      func() time.Time // exemptions end
}

// treeResult is what a treeCheck finds.
type treeResult struct {
	diags     schema.Diagnostics // that the old tree does not have
	files     int                // that differ
	resources int                // that were looked at
	pointers  []string           // files whose content lies in Git LFS, and is not looked at
}

// A side is one of the two trees.
type side struct {
	tree  fs.FS
	part  *repo.Part
	set   *schema.Set
	diags schema.Diagnostics
	read  []string // files that are in set
}

func (c *treeCheck) run(ctx context.Context) (treeResult, error) {
	files, err := repo.ChangedFiles(c.old, c.new, c.dir, c.limits)
	if err != nil {
		return treeResult{}, err
	}
	res := treeResult{files: len(files)}
	if len(files) == 0 {
		return res, nil
	}
	before, err := c.side(c.old)
	if err != nil {
		return res, err
	}
	after, err := c.side(c.new)
	if err != nil {
		return res, err
	}
	if after == nil {
		return c.nothingLeft(res, before != nil, files), nil
	}
	if after.part.Whole() || before != nil && (before.part.Layout() != after.part.Layout() || before.part.Root() != after.part.Root()) {
		return c.whole(res)
	}
	pointers := map[string]bool{}
	for _, f := range files {
		if f.LFS {
			pointers[f.Name] = true
			res.pointers = append(res.pointers, f.Name)
		}
		for _, s := range []*side{before, after} {
			if s != nil {
				s.part.Add(f.Name)
			}
		}
	}
	if err := errors.Join(before.load(ctx), after.load(ctx)); err != nil {
		return res, err
	}
	look, err := c.widen(ctx, before, after)
	if err != nil {
		return res, err
	}
	for k := range look {
		if r, ok := after.set.Get(k); ok && r.Source != nil && slices.ContainsFunc(r.Source.Files(), func(n string) bool { return pointers[n] }) {
			delete(look, k)
		}
	}
	res.resources = len(look)
	found, err := c.findings(ctx, after, before, look)
	if err != nil {
		return res, err
	}
	found = slices.DeleteFunc(found, func(d schema.Diagnostic) bool { return pointers[d.Pos.File] })
	if len(found) == 0 || before == nil {
		res.diags = found
		return res, nil
	}
	had, err := c.findings(ctx, before, nil, look)
	if err != nil {
		return res, err
	}
	res.diags = found.New(had)
	return res, nil
}

// nothingLeft is what a tree without configuration brings. Where all was taken away, nothing in it can be wrong;
// where files are left that are no configuration any more, somebody broke the one that said so.
func (c *treeCheck) nothingLeft(res treeResult, was bool, files []repo.FileChange) treeResult {
	_, _, err := repo.Detect(c.new, c.dir)
	for _, f := range files {
		if was && f.New && err != nil {
			res.diags = schema.Diagnostics{{
				Code: "file-unreadable", Severity: schema.Error, Pos: schema.Pos{File: f.Name}, Message: "what is left can't be read as configuration",
				Hint: err.Error(),
			}}.WithSeverities(c.p.Rules)
		}
	}
	return res
}

func (c *treeCheck) options() repo.Options { return repoOptions(c.p, "the push") }

// side begins one side; nil when the tree has no configuration.
func (c *treeCheck) side(tree fs.FS) (*side, error) {
	if tree == nil {
		return nil, nil
	}
	part, err := repo.NewPart(tree, c.dir, c.options())
	if repo.IsNothing(err) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &side{tree: tree, part: part}, nil
}

// load reads what was chosen and is not read yet.
func (s *side) load(ctx context.Context) error {
	if s == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	names := s.part.Without(s.read)
	if s.set != nil && len(names) == 0 {
		return nil
	}
	// A resource may have got more files since: what stands beside a file that was read is read with it.
	set, diags, err := s.part.Load(names)
	if err != nil {
		return err
	}
	s.read = append(s.read, names...)
	if s.set == nil {
		s.set, s.diags = set, diags
		return nil
	}
	for _, r := range set.All() {
		if old := s.set.Add(r); old != nil {
			diags = append(diags, schema.Duplicate(old, r))
		}
	}
	for _, k := range set.Broken() {
		s.set.MarkBroken(k)
	}
	for _, k := range set.Ignored() {
		s.set.MarkIgnored(k)
	}
	s.set.Others = append(s.set.Others, set.Others...)
	s.diags = append(s.diags, diags...)
	return nil
}

// findings reads what the looked-at resources refer to, and validates them. Base is the side before, if any.
func (c *treeCheck) findings(ctx context.Context, s, base *side, look map[schema.Key]bool) (schema.Diagnostics, error) {
	own := s.diags
	for _, ref := range schema.References(s.set) {
		if look[ref.From] && !ref.Found {
			s.part.AddKey(ref.To, ref.Link == nil || ref.Link.ByName)
		}
	}
	declared := s.part.Declared()
	addESVs := func(names []string) {
		for _, name := range names {
			if declared[name] {
				addDeclaration(s, name)
			}
		}
	}
	for _, r := range s.set.All() {
		if look[r.Key] && !perEnvironment(r) {
			addESVs(schema.ESVsOf(r))
		}
	}
	addESVs(schema.SortedKeys(schema.MentionedESVs(&schema.Set{Others: s.set.Others})))
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	diags := append(schema.Diagnostics{}, own...)
	o := schema.Options{ESVs: s.part.Declared(s.readESVs()...), Only: func(k schema.Key) bool { return look[k] }, Tenant: schema.HoldsTenant(s.part.Has)}
	if base != nil {
		o.Base = base.set
	}
	diags = append(diags, schema.Validate(s.set, o)...)
	return c.judged(diags), ctx.Err()
}

// readESVs are the files of declarations that were read.
func (s *side) readESVs() []string {
	var out []string
	for _, r := range s.set.All() {
		if perEnvironment(r) && r.Source != nil {
			out = append(out, r.Source.Files()...)
		}
	}
	return out
}

func addDeclaration(s *side, name string) {
	for _, t := range schema.Types() {
		if t.Class == schema.PerEnvironment {
			s.part.AddKey(schema.Key{Type: t.Name, ID: name}, false)
		}
	}
}

// whole checks layouts that can't be read in parts.
func (c *treeCheck) whole(res treeResult) (treeResult, error) {
	set, diags, err := repo.Load(c.new, c.dir, c.options())
	if err != nil {
		return res, err
	}
	res.resources = set.Len()
	now := schema.Options{}
	var had schema.Diagnostics
	if c.old != nil {
		// Where it can't be loaded, the configuration was not there yet.
		if old, diags, err := repo.Load(c.old, c.dir, c.options()); err == nil {
			had = c.judged(append(diags, schema.Validate(old, schema.Options{})...))
			now.Base = old
		}
	}
	res.diags = c.judged(append(diags, schema.Validate(set, now)...)).New(had)
	return res, nil
}

// judged are findings as the project sees them: without those that it exempts, with its severities.
func (c *treeCheck) judged(diags schema.Diagnostics) schema.Diagnostics {
	diags = diags.Exempt(c.p.Exemptions, c.now()).WithSeverities(c.p.Rules)
	diags.Sort()
	return diags
}

// secretsOnTheWay looks for secrets in commits that are not the last: what was taken out again leaves all the
// same.
func (c *treeCheck) secretsOnTheWay(ctx context.Context, g *repo.Git, commits []repo.CommitID, last schema.Diagnostics) (schema.Diagnostics, error) {
	type what struct{ code, pointer, file string }
	said := map[what]bool{}
	for _, d := range last {
		said[what{d.Code, d.Pointer, d.Pos.File}] = true
	}
	var out schema.Diagnostics
	for _, id := range commits {
		one := *c
		one.old = nil
		var err error
		if one.new, _, err = g.Tree(id.ID); err != nil {
			return nil, err
		}
		if id.Parent != "" {
			if one.old, _, err = g.Tree(id.Parent); err != nil {
				one.old = nil // a shallow clone ends here
			}
		}
		res, err := one.run(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range res.diags {
			w := what{d.Code, d.Pointer, d.Pos.File}
			if info, ok := schema.CodeOf(d.Code); !ok || !info.Secret || said[w] {
				continue
			}
			said[w] = true
			d.Message += fmt.Sprintf(" (in commit %s, which comes along)", short(id.ID))
			d.Hint = strings.TrimSpace(d.Hint + fmt.Sprintf("\nA later commit takes it out, and history keeps it: git rebase -i %s^", short(id.ID)))
			out = append(out, d)
		}
	}
	return out, nil
}
