package main

import (
	"context"
	"encoding/json"
	"path/filepath"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A baseState is what there is to know of the configuration before a change, to tell what the change brings. That of
// a commit stays as it is, and is kept.
type baseState struct {
	Found bareFindings // before anybody judged them
	ESVs  []schema.Key // that it declares
}

// baseState looks at the base of a change.
func (a *app) baseState(ctx context.Context, p *config.Project, o validateOptions) (*baseState, error) {
	file := a.baseStateFile(p, o.base)
	if data, ok := readCacheFile(file); ok {
		var b baseState
		if json.Unmarshal(data, &b) == nil {
			return &b, nil
		}
	}
	l, err := o.load(ctx, p, o.base)
	if err != nil {
		return nil, err
	}
	b := baseStateOf(l)
	if data, err := json.Marshal(b); err == nil && file != "" {
		_ = writeCacheFile(file, data) // it is found again
	}
	return b, nil
}

func baseStateOf(l *loaded) *baseState {
	b := &baseState{Found: bare(append(l.diags[:len(l.diags):len(l.diags)], schema.Validate(l.Set, schema.Options{})...))}
	for _, r := range l.All() {
		if perEnvironment(r) {
			b.ESVs = append(b.ESVs, r.Key)
		}
	}
	for _, k := range l.Broken() {
		if t, ok := schema.TypeOf(k.Type); ok && t.Class == schema.PerEnvironment {
			b.ESVs = append(b.ESVs, k)
		}
	}
	return b
}

// baseStateFile is where a base's state is kept; "" when the base is no commit, or nothing is kept.
func (a *app) baseStateFile(p *config.Project, source string) string {
	root := a.cacheRoot()
	if root == "" {
		return ""
	}
	commit := a.baseCommit(p, source)
	program, err := programID()
	if err != nil || commit == "" {
		return ""
	}
	o := repoOptions(p, "")
	key := sumOf(cacheFormat, program, commit, p.Root, p.Dir(), encoded(o.Layout), encoded(o.Types), encoded(o.Realms), encoded(o.Ignore))
	return filepath.Join(root, "base", key[:40])
}

// set is what a validation of the change needs of the base: the ESVs that it declares.
func (b *baseState) set() *schema.Set {
	s := schema.NewSet("")
	for _, k := range b.ESVs {
		s.MarkBroken(k)
	}
	return s
}
