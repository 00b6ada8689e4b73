package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Receive is what a server that receives pushes asks of them. It is read from the protected revision that the
// server has already, never from what is pushed.
type Receive struct {
	Branches []BranchPolicy // the first that matches counts
	// OnFailure says what becomes of a push that could not be checked: "reject" or "accept".
	OnFailure string
	Limits    ReceiveLimits
}

// A BranchPolicy is what is asked of pushes to some branches.
type BranchPolicy struct {
	Match  string          // a glob over branches' names ("release/*", "**"), or, from "refs/" on, over whole references ("refs/tags/**")
	FailOn schema.Severity // from this severity on a new finding refuses the push; Off: nothing is checked
	Bypass bool            // a push option with a reason goes past the check, and is logged
}

// ReceiveLimits bound one push. Zero means the tool's own.
type ReceiveLimits struct {
	Files    int   // files of configuration that it may touch
	FileSize int64 // bytes of one
	Total    int64 // bytes of all
	Time     time.Duration
}

// DefaultPolicy holds for what no entry matches: errors refuse, nothing goes past.
func DefaultPolicy() BranchPolicy { return BranchPolicy{Match: "**", FailOn: schema.Error} }

// Policy gives what is asked of pushes to a reference, and whether anything is: without an entry for them,
// only branches and tags are checked.
func (r Receive) Policy(ref string) (BranchPolicy, bool) {
	short, isBranch := strings.CutPrefix(ref, "refs/heads/")
	for _, b := range r.Branches {
		if isBranch && matchRef(b.Match, short) || strings.HasPrefix(b.Match, "refs/") && matchRef(b.Match, ref) {
			return b, b.FailOn != schema.Off
		}
	}
	return DefaultPolicy(), isBranch || strings.HasPrefix(ref, "refs/tags/")
}

// matchRef matches a name against a glob whose last segment may be "**".
func matchRef(glob, name string) bool {
	if glob == "**" {
		return true
	}
	if prefix, ok := strings.CutSuffix(glob, "/**"); ok {
		n := strings.Count(prefix, "/") + 1
		segs := strings.Split(name, "/")
		return len(segs) > n && matchRef(prefix, strings.Join(segs[:n], "/"))
	}
	ok, err := path.Match(glob, name)
	return err == nil && ok
}

func (r *reader) receive(n *yaml.Node, to *Receive) {
	r.object(n, "receive", map[string]func(*yaml.Node){
		"branches": func(n *yaml.Node) {
			r.list(n, "receive.branches", func(n *yaml.Node) { r.branchPolicy(n, to) })
		},
		"onFailure": func(n *yaml.Node) { to.OnFailure = r.choice(n, "receive.onFailure", []string{"reject", "accept"}) },
		"limits": func(n *yaml.Node) {
			number := func(name string, hi float64, set func(float64)) func(*yaml.Node) {
				return func(n *yaml.Node) {
					if v, ok := r.number(n, "receive.limits."+name, 1, hi, true); ok {
						set(v)
					}
				}
			}
			r.object(n, "receive.limits", map[string]func(*yaml.Node){
				"files":    number("files", 1e6, func(v float64) { to.Limits.Files = int(v) }),
				"fileKiB":  number("fileKiB", 64<<10, func(v float64) { to.Limits.FileSize = int64(v) << 10 }),
				"totalMiB": number("totalMiB", 1<<10, func(v float64) { to.Limits.Total = int64(v) << 20 }),
				"seconds":  number("seconds", 600, func(v float64) { to.Limits.Time = time.Duration(v) * time.Second }),
			})
		},
	})
}

func (r *reader) branchPolicy(n *yaml.Node, to *Receive) {
	b := BranchPolicy{FailOn: schema.Error}
	before := len(r.diags)
	r.object(n, "an entry of receive.branches", map[string]func(*yaml.Node){
		"match": func(n *yaml.Node) {
			b.Match, _ = r.text(n, "match")
			if _, err := path.Match(strings.TrimSuffix(b.Match, "/**"), ""); err != nil {
				r.fail(n, fmt.Sprintf("%q is no glob", b.Match), `Write a branch's name, "release/*", or "**" for all`)
			}
		},
		"failOn": func(n *yaml.Node) {
			s, ok := r.text(n, "failOn")
			if !ok {
				return
			}
			var err error
			if b.FailOn, err = schema.ParseSeverity(s); err != nil {
				r.fail(n, err.Error(), "off checks nothing on these branches")
			}
		},
		"bypass": func(n *yaml.Node) {
			if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
				r.fail(n, "bypass must be true or false", "")
				return
			}
			b.Bypass = n.Value == "true"
		},
	})
	switch {
	case len(r.diags) > before:
	case b.Match == "":
		r.fail(n, "an entry of receive.branches has no match", `Add match: "main", or match: "**" for every branch`)
	default:
		to.Branches = append(to.Branches, b)
	}
}

// In reads the project that a commit or an index holds: the lockstep.yaml called name, and the .lockstepignore
// beside it. Without a lockstep.yaml, the project is what defaults make it. root is where the tree's top lies
// on disk, or would lie. The error is about a file that can't be read.
func In(tree fs.FS, root, name string, env Lookup) (*Project, schema.Diagnostics, error) {
	data, err := readIn(tree, name)
	if errors.Is(err, fs.ErrNotExist) {
		return newProject(root), nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	p, ds := Parse(root, name, data, env)
	// Parse takes paths as relative to the file's folder; that is below the tree's top.
	if dir := path.Dir(name); dir != "." && !path.IsAbs(p.Config.Dir) {
		p.Config.Dir = path.Join(dir, p.Config.Dir)
	}
	ignore, err := readIn(tree, path.Join(path.Dir(name), IgnoreName))
	if err == nil {
		globs, more := ParseIgnore(ignore)
		p.Config.Ignore, ds = append(p.Config.Ignore, globs...), append(ds, more...)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	return p, ds, nil
}

func readIn(tree fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read %s: the file is larger than %d KiB, so it is not what it is taken for", name, maxFile>>10)
	}
	return fs.ReadFile(tree, name)
}
