package config

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	defaultParallel      = 8
	defaultDeletes       = 10
	defaultDeletePercent = 20
)

func newProject(root string) *Project {
	return &Project{Root: root, Config: Files{Dir: "."}, Rules: map[string]schema.Severity{},
		Limits: Limits{defaultDeletes, defaultDeletePercent}}
}

// Parse reads a lockstep.yaml that lies in root, or would lie there: a hook reads it out of a commit.
// It reads no other file.
func Parse(root, name string, data []byte, env Lookup) (*Project, schema.Diagnostics) {
	p := newProject(root)
	p.File = name
	if len(data) > maxFile {
		return p, schema.Diagnostics{{Code: Code, Severity: schema.Error, Pos: schema.Pos{File: name},
			Message: fmt.Sprintf("the file is larger than %d KiB", maxFile>>10)}}
	}
	r, top := readYAML(name, data, env)
	if top == nil {
		return p, r.findings()
	}
	promote := map[string]*yaml.Node{}
	r.object(top, FileName, map[string]func(*yaml.Node){
		"version": func(n *yaml.Node) {
			if v, ok := r.number(n, "version", 1, 1e9, true); ok && v != 1 {
				r.fail(n, "this lockstep reads version 1 of "+FileName, "A newer lockstep may read it")
			}
		},
		"config": func(n *yaml.Node) { r.files(n, &p.Config) },
		"environments": func(n *yaml.Node) {
			r.mapping(n, "environments", func(key, value *yaml.Node) {
				if !environmentName.MatchString(key.Value) {
					r.fail(key, fmt.Sprintf("%q can't be an environment's name", key.Value), "Use letters, digits, dots, dashes and underscores")
					return
				}
				p.Environments = append(p.Environments, r.environment(root, key, value, promote))
			})
		},
		"rules":          func(n *yaml.Node) { r.rules(n, p.Rules) },
		"limits":         func(n *yaml.Node) { r.limits(n, &p.Limits) },
		"acceptedDrift":  func(n *yaml.Node) { r.drift(n, p) },
		"allowedSigners": func(n *yaml.Node) { p.AllowedSigners = r.path(n, "allowedSigners") },
		"audit":          func(n *yaml.Node) { p.Audit = r.path(n, "audit") },
		"receive":        func(n *yaml.Node) { r.receive(n, &p.Receive) },
	})
	r.promotions(p, promote)
	if r.leaked {
		for i := range p.Environments {
			hideExcerpts(p.Environments[i].problems)
			hideExcerpts(p.Environments[i].access)
		}
	}
	ds := r.findings()
	ds.Sort()
	return p, ds
}

var (
	environmentName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	realmName       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
)

func (r *reader) files(n *yaml.Node, c *Files) {
	r.object(n, "config", map[string]func(*yaml.Node){
		"dir": func(n *yaml.Node) {
			if s, ok := r.text(n, "config.dir"); ok {
				c.Dir = cleanPath(s)
			}
		},
		"layout": func(n *yaml.Node) { c.Layout = r.choice(n, "layout", Layouts()) },
		"realms": func(n *yaml.Node) {
			r.list(n, "config.realms", func(n *yaml.Node) {
				switch s, ok := r.text(n, "a realm"); {
				case !ok:
				case !realmName.MatchString(s):
					r.fail(n, fmt.Sprintf("%q can't be a realm's name", s), `Realms are written as "alpha", without slashes`)
				case slices.Contains(c.Realms, s):
					r.fail(n, fmt.Sprintf("the realm %q stands twice", s), "")
				default:
					c.Realms = append(c.Realms, s)
				}
			})
		},
		"types": func(n *yaml.Node) {
			r.list(n, "config.types", func(n *yaml.Node) {
				if s := r.choice(n, "type", append(schema.TypeNames(), schema.TypeGroups()...)); s != "" {
					c.Types = append(c.Types, s)
				}
			})
			c.Types, _ = schema.ExpandTypes(c.Types) // each is one that there is
		},
		"ignore": func(n *yaml.Node) {
			r.list(n, "config.ignore", func(n *yaml.Node) {
				if g, ok := r.glob(n); ok {
					c.Ignore = append(c.Ignore, g)
				}
			})
		},
	})
}

func cleanPath(s string) string { return path.Clean(filepath.ToSlash(s)) }

func (r *reader) glob(n *yaml.Node) (schema.Glob, bool) {
	s, ok := r.text(n, "a glob")
	if !ok {
		return schema.Glob{}, false
	}
	g, err := schema.ParseGlob(s)
	if err != nil {
		r.fail(n, err.Error(), "")
	}
	return g, err == nil
}

func (r *reader) environment(root string, key, value *yaml.Node, promote map[string]*yaml.Node) Environment {
	e := Environment{Name: key.Value, Parallel: defaultParallel, Pos: r.pos(key), root: root}
	if home, ok := r.env("HOME"); ok {
		e.home = home
	}
	what := func(field string) string { return "environments." + e.Name + "." + field }
	text := func(field string, to *string) func(*yaml.Node) {
		return func(n *yaml.Node) { *to, _ = r.text(n, what(field)) }
	}
	number := func(field string, lo, hi float64, whole bool, set func(float64)) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if v, ok := r.number(n, what(field), lo, hi, whole); ok {
				set(v)
			}
		}
	}
	// Values for talking to the tenant keep their problems apart: most commands need none of them.
	access := func(f func(*yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) {
			r.soft = &e.access
			f(n)
			r.soft = &e.problems
		}
	}
	before := len(r.diags)
	r.soft = &e.problems
	hasURL := false
	r.object(value, "environments."+e.Name, map[string]func(*yaml.Node){
		"url": access(func(n *yaml.Node) {
			hasURL = true
			if s, ok := r.text(n, what("url")); ok {
				var err error
				if e.URL, err = cleanURL(s, false); err != nil {
					r.leaked = r.leaked || strings.Contains(s, "@") // then it may be a password's place
					r.fail(n, err.Error(), "")
				}
			}
		}),
		"role": func(n *yaml.Node) { e.Role = r.choice(n, "role", Roles()) },
		"promoteFrom": func(n *yaml.Node) {
			if e.PromoteFrom, _ = r.text(n, what("promoteFrom")); e.PromoteFrom != "" {
				promote[e.Name] = n
			}
		},
		"approvals":      number("approvals", 0, 100, true, func(v float64) { e.Approvals = int(v) }),
		"serviceAccount": access(func(n *yaml.Node) { r.serviceAccount(n, what("serviceAccount"), &e.ServiceAccount) }),
		"scope":          access(text("scope", &e.Scope)),
		"token":          access(func(n *yaml.Node) { e.Token = r.secret(n, what("token")) }),
		"esvs":           func(n *yaml.Node) { e.ESVFile = r.path(n, what("esvs")) },
		"snapshot":       func(n *yaml.Node) { e.Snapshot = r.path(n, what("snapshot")) },
		"parallel":       number("parallel", 1, 64, true, func(v float64) { e.Parallel = int(v) }),
		"rate":           number("rate", 0.1, 1000, false, func(v float64) { e.Rate = v }),
		"timeout":        func(n *yaml.Node) { e.Timeout = r.duration(n, what("timeout"), time.Second, time.Hour) },
	})
	r.soft = nil
	if !hasURL && len(r.diags) == before {
		r.fail(key, fmt.Sprintf("environment %q has no url", e.Name), "Add url: https://…, the tenant's address")
	}
	return e
}

func (r *reader) path(n *yaml.Node, what string) string {
	s, ok := r.text(n, what)
	if !ok {
		return ""
	}
	return cleanPath(s)
}

func (r *reader) serviceAccount(n *yaml.Node, what string, a *ServiceAccount) {
	r.object(n, what, map[string]func(*yaml.Node){
		"id":      func(n *yaml.Node) { a.ID, _ = r.text(n, what+".id") },
		"keyFile": func(n *yaml.Node) { a.KeyFile, _ = r.text(n, what+".keyFile") },
		"key":     func(n *yaml.Node) { a.Key = r.secret(n, what+".key") },
	})
}

var oneVariable = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`)

// secret reads a value that must come out of the environment whole.
func (r *reader) secret(n *yaml.Node, what string) Secret {
	if n.Kind != yaml.ScalarNode || !oneVariable.MatchString(n.Value) {
		r.leak(n, what+" must name an environment variable: what stands in this file is in git for everybody to read",
			`Write "${NAME}". If this was a real key, take it off the tenant's service account now`)
		return Secret{}
	}
	s, err := r.expand(n.Value)
	if err != nil {
		r.fail(n, err.Error(), "")
		return Secret{}
	}
	return NewSecret([]byte(s))
}

func (r *reader) rules(n *yaml.Node, rules map[string]schema.Severity) {
	r.mapping(n, "rules", func(key, value *yaml.Node) {
		if !r.plain(value) {
			return
		}
		if !r.knownCode(key) {
			return
		}
		s, ok := r.text(value, "rules."+key.Value)
		if !ok {
			return
		}
		severity, err := schema.ParseSeverity(s)
		if err != nil {
			r.fail(value, err.Error(), "")
			return
		}
		rules[key.Value] = severity
	})
}

func (r *reader) limits(n *yaml.Node, l *Limits) {
	r.object(n, "limits", map[string]func(*yaml.Node){
		"deletes": func(n *yaml.Node) {
			if v, ok := r.number(n, "limits.deletes", 0, 1e6, true); ok {
				l.Deletes = int(v)
			}
		},
		"deletePercent": func(n *yaml.Node) {
			if v, ok := r.number(n, "limits.deletePercent", 0, 100, true); ok {
				l.DeletePercent = int(v)
			}
		},
	})
}

func (r *reader) drift(n *yaml.Node, p *Project) {
	r.list(n, "acceptedDrift", func(n *yaml.Node) {
		a := AcceptedDrift{Pos: r.pos(n)}
		matches, before := false, len(r.diags)
		r.object(n, "an entry of acceptedDrift", map[string]func(*yaml.Node){
			"match": func(n *yaml.Node) { a.Match, matches = r.glob(n) },
			"until": func(n *yaml.Node) {
				s, ok := r.text(n, "until")
				if !ok {
					return
				}
				var err error
				if a.Until, err = time.Parse(time.DateOnly, s); err != nil {
					r.fail(n, fmt.Sprintf("%q is no date", s), "Write it as 2027-01-31")
				}
			},
			"reason": func(n *yaml.Node) { a.Reason, _ = r.text(n, "reason") },
		})
		switch {
		case len(r.diags) > before: // an entry that is half understood must not hide drift
		case !matches:
			r.fail(n, "an entry of acceptedDrift has no match", `Add match: "alpha/theme/*"`)
		default:
			p.AcceptedDrift = append(p.AcceptedDrift, a)
		}
	})
}

// promotions checks that promoteFrom names environments and leads to a lowest one.
func (r *reader) promotions(p *Project, nodes map[string]*yaml.Node) {
	for i := range p.Environments {
		e := &p.Environments[i]
		n := nodes[e.Name]
		if n == nil {
			continue
		}
		if p.lookup(e.PromoteFrom) == nil {
			names := p.Names()
			hint := "There are " + strings.Join(names, ", ")
			if near := schema.Suggest(e.PromoteFrom, names); near != "" {
				hint = fmt.Sprintf("Did you mean %q?", near)
			}
			r.fail(n, fmt.Sprintf("promoteFrom names an environment that is not there: %q", e.PromoteFrom), hint)
			e.PromoteFrom = ""
			continue
		}
		if cycle := p.below(e.Name); cycle[len(cycle)-1] == e.Name {
			r.fail(n, "promoteFrom leads in a circle: "+strings.Join(cycle, " from "), "One environment, the development one, has no promoteFrom")
			e.PromoteFrom = ""
		}
	}
}

// below lists name and the environments it is promoted from; the last is name again if they are a
// circle.
func (p *Project) below(name string) []string {
	path := []string{name}
	for e := p.lookup(name); e != nil && e.PromoteFrom != "" && len(path) <= len(p.Environments); e = p.lookup(e.PromoteFrom) {
		path = append(path, e.PromoteFrom)
		if e.PromoteFrom == name {
			break
		}
	}
	return path
}
