package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	// FileName is the name of the project's file.
	FileName = "lockstep.yaml"
	// IgnoreName is the name of the file with more globs to ignore, beside FileName.
	IgnoreName = ".lockstepignore"
	// Code is the code of all findings about these files.
	Code = "config"

	maxFile = 1 << 20 // of lockstep.yaml, .lockstepignore, .env and files of ESVs
	maxKey  = 64 << 10
)

// Lookup reads one variable of the environment; os.LookupEnv is one.
type Lookup func(name string) (string, bool)

// A Project is a repository's configuration.
type Project struct {
	Root          string // absolute folder of lockstep.yaml; the working folder when there is none
	File          string // lockstep.yaml's name below Root; "" when there is none
	Config        Files
	Environments  []Environment // in the order of the file
	Rules         map[string]schema.Severity
	Limits        Limits
	AcceptedDrift []AcceptedDrift
	// AllowedSigners is a file in the form of ssh-keygen's allowed_signers, relative to Root: whose signature
	// on a plan counts. "" when there is none.
	AllowedSigners string
	// Audit is the file that promotions are noted in, relative to Root; "" means one in .lockstep.
	Audit      string
	Receive    Receive
	Exemptions []schema.Exemption // of .lockstepexemptions
}

// Files says where the configuration lies and what of it counts.
type Files struct {
	Dir    string        // slash-separated, relative to Root unless absolute; "." is Root
	Layout string        // "" when it is to be detected
	Realms []string      // nil means all
	Types  []string      // nil means every managed static type
	Ignore []schema.Glob // of lockstep.yaml and .lockstepignore
}

// Limits are the deletions beyond which a plan is refused.
type Limits struct {
	Deletes       int
	DeletePercent int
}

// AcceptedDrift is a difference that is known and let be for a while.
type AcceptedDrift struct {
	Match  schema.Glob
	Until  time.Time // the last day on which it counts, at midnight UTC; zero means without end
	Reason string
	Pos    schema.Pos
}

// Active says whether the entry still counts: through the whole of its last day, in UTC.
func (a AcceptedDrift) Active(now time.Time) bool {
	return a.Until.IsZero() || now.Before(a.Until.AddDate(0, 0, 1))
}

// Layouts are the names that config.layout may have.
func Layouts() []string { return []string{"fr-config-manager", "frodo", "flat"} }

// Roles are the names that an environment's role may have.
func Roles() []string {
	return []string{"development", "uat", "staging", "production", "sandbox"}
}

// Find reads the project that dir belongs to: file if it is given (--config), else the lockstep.yaml
// in dir or the nearest folder above it, up to the top of the git repository. Without one, the other
// tools' variables make the project. The error is about the machine (a file that can't be read); what
// is wrong with the files' contents is in the findings, and the project holds what could be read.
func Find(dir, file string, env Lookup) (*Project, schema.Diagnostics, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("find %s: %w", FileName, err)
	}
	if file != "" {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
	} else if file, err = findUp(dir); err != nil {
		return nil, nil, err
	}
	var p *Project
	var ds schema.Diagnostics
	if file == "" {
		p, ds, err = fromVariables(dir, env)
		if err != nil {
			return nil, nil, err
		}
	} else {
		data, err := readBounded(file, maxFile)
		if err != nil {
			return nil, nil, err
		}
		p, ds = Parse(filepath.Dir(file), filepath.Base(file), data, env)
	}
	exempt, err := p.readExemptions()
	if err != nil {
		return nil, nil, err
	}
	ds = append(ds, exempt...)
	more, err := p.readIgnore()
	if err != nil {
		return nil, nil, err
	}
	ds = append(ds, more...)
	ds.Sort()
	return p, ds, nil
}

// findUp stops at the top of a git repository: a lockstep.yaml outside is some other project's.
func findUp(dir string) (string, error) {
	for {
		file := filepath.Join(dir, FileName)
		switch _, err := os.Stat(file); {
		case err == nil:
			return file, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("look for %s: %w", FileName, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return "", nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", nil
		}
		dir = up
	}
}

func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read %w", err)
	}
	defer f.Close() // nothing was written
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read %s: the file is larger than %d KiB, so it is not what it is taken for", file, limit>>10)
	}
	return data, nil
}

// Path gives the absolute path of a file named in the project.
func (p *Project) Path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(p.Root, filepath.FromSlash(name))
}

// Dir is the absolute path of the folder with the configuration.
func (p *Project) Dir() string { return p.Path(p.Config.Dir) }

// Ignored says whether the project ignores the resource.
func (p *Project) Ignored(k schema.Key, name string) bool {
	return slices.ContainsFunc(p.Config.Ignore, func(g schema.Glob) bool { return g.Match(k, name) })
}

// Accepted gives the entry that accepts drift of that resource, and whether there is one at that time.
func (p *Project) Accepted(k schema.Key, name string, now time.Time) (AcceptedDrift, bool) {
	for _, a := range p.AcceptedDrift {
		if a.Active(now) && a.Match.Match(k, name) {
			return a, true
		}
	}
	return AcceptedDrift{}, false
}

// Names lists the environments, in the order of the file.
func (p *Project) Names() []string {
	names := make([]string, len(p.Environments))
	for i := range p.Environments {
		names[i] = p.Environments[i].Name
	}
	return names
}

// Env gives an environment by name; the empty name means the only one there is. The error says what
// there is, or which variable the environment lacks. What is needed to reach the tenant is checked
// later, by Access.
func (p *Project) Env(name string) (*Environment, error) {
	names := p.Names()
	from := p.File
	if from == "" {
		from = "this folder (no " + FileName + ")"
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no environments: write %s with `lockstep init`, or set TENANT_BASE_URL or FRODO_HOST", from, FileName)
	}
	if name == "" {
		if len(names) > 1 {
			return nil, fmt.Errorf("which environment? Say --env NAME: %s has %s", from, strings.Join(names, ", "))
		}
		name = names[0]
	}
	e := p.lookup(name)
	if e == nil {
		hint := ""
		if near := schema.Suggest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q? ", near)
		}
		return nil, fmt.Errorf("no environment %q: %sIt has %s (%s)", name, hint, strings.Join(names, ", "), from)
	}
	if len(e.problems) > 0 {
		return nil, &EnvironmentError{e.Name, e.problems}
	}
	return e, nil
}

func (p *Project) lookup(name string) *Environment {
	for i := range p.Environments {
		if p.Environments[i].Name == name {
			return &p.Environments[i]
		}
	}
	return nil
}

// Chain lists the environments above env, nearest first: those that its configuration is promoted to.
func (p *Project) Chain(env string) []string {
	var chain []string
	seen := map[string]bool{env: true}
	for level := []string{env}; len(level) > 0; {
		var next []string
		for i := range p.Environments {
			e := &p.Environments[i]
			if slices.Contains(level, e.PromoteFrom) && !seen[e.Name] {
				seen[e.Name] = true
				next = append(next, e.Name)
			}
		}
		chain, level = append(chain, next...), next
	}
	return chain
}
