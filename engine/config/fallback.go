package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Names of the environments that the other tools' variables make.
const (
	DefaultEnvironment = "default"
	UpperEnvironment   = "upper"
)

// envFile is the file of variables that fr-config-manager reads beside the process environment.
const envFile = ".env"

// A source is where a tool keeps what an environment is made of.
type source struct {
	url, id, key, keyFile, scope, token string
}

// Functions, so that nothing can change them.
func frConfigLower() source {
	return source{"TENANT_BASE_URL", "SERVICE_ACCOUNT_ID", "SERVICE_ACCOUNT_KEY", "SERVICE_ACCOUNT_KEY_PATH", "SERVICE_ACCOUNT_SCOPE", "FCM_ACCESS_TOKEN"}
}

func frConfigUpper() source {
	return source{"TENANT_ENV_UPPER_FQDN", "SERVICE_ACCOUNT_UPPER_ID", "SERVICE_ACCOUNT_UPPER_KEY", "SERVICE_ACCOUNT_UPPER_KEY_PATH", "SERVICE_ACCOUNT_UPPER_SCOPE", ""}
}

func frodoHost() source { return source{"FRODO_HOST", "FRODO_SA_ID", "FRODO_SA_JWK", "", "", ""} }

// variables are the process environment and, below it, the .env file.
type variables struct {
	env  Lookup
	file map[string]dotenvValue
}

func (v variables) get(name string) string {
	if name == "" {
		return ""
	}
	if s, ok := v.env(name); ok {
		return s
	}
	return v.file[name].value
}

// pos gives the place of a variable that comes from the .env file.
func (v variables) pos(name string) schema.Pos {
	if _, ok := v.env(name); ok {
		return schema.Pos{}
	}
	if d, ok := v.file[name]; ok {
		return schema.Pos{File: envFile, Line: d.line, Column: 1}
	}
	return schema.Pos{}
}

// fromVariables makes a project of the other tools' variables. What is wrong with them matters only to
// who talks to the tenant, so it is kept with the environment.
func fromVariables(dir string, env Lookup) (*Project, schema.Diagnostics, error) {
	p := newProject(dir)
	vars := variables{env: env}
	var ds schema.Diagnostics
	switch data, err := readBounded(filepath.Join(dir, envFile), maxFile); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, nil, err
	default:
		vars.file, ds = parseDotenv(data)
	}
	home := vars.get("HOME")
	add := func(name string, s source) *Environment {
		if vars.get(s.url) == "" {
			return nil
		}
		p.Environments = append(p.Environments, vars.environment(name, s, dir, home))
		return &p.Environments[len(p.Environments)-1]
	}
	if add(DefaultEnvironment, frConfigLower()) == nil {
		add(DefaultEnvironment, frodoHost())
	}
	if upper := add(UpperEnvironment, frConfigUpper()); upper != nil {
		if p.lookup(DefaultEnvironment) != nil {
			upper.PromoteFrom = DefaultEnvironment
		}
		if upper.Scope == "" {
			upper.Scope = vars.get("SERVICE_ACCOUNT_PROMOTION_SCOPE")
		}
	}
	if d := vars.get("CONFIG_DIR"); d != "" {
		p.Config.Dir = relative(dir, d)
	}
	realms, err := readRealms(vars.get("REALMS"))
	if err != nil {
		ds = append(ds, schema.Diagnostic{Code: Code, Severity: schema.Error, Pos: vars.pos("REALMS"), Message: err.Error(),
			Hint: `Write it as fr-config-manager does: REALMS='["alpha","bravo"]'`})
	}
	if r := strings.Trim(vars.get("FRODO_REALM"), "/"); r != "" && realms == nil && realmName.MatchString(r) {
		realms = []string{r}
	}
	p.Config.Realms = realms
	return p, ds, nil
}

func relative(dir, to string) string {
	if filepath.IsAbs(to) {
		if rel, err := filepath.Rel(dir, to); err == nil && filepath.IsLocal(rel) {
			return cleanPath(rel)
		}
	}
	return cleanPath(to)
}

func (v variables) environment(name string, s source, dir, home string) Environment {
	e := Environment{Name: name, Parallel: defaultParallel, Pos: v.pos(s.url), root: dir, home: home}
	address := v.get(s.url)
	if !strings.Contains(address, "://") {
		address = "https://" + address // TENANT_ENV_UPPER_FQDN is a host's name
	}
	var err error
	if e.URL, err = cleanURL(address, true); err != nil {
		e.access = append(e.access, schema.Diagnostic{Code: Code, Severity: schema.Error, Pos: v.pos(s.url), Message: s.url + ": " + err.Error()})
	}
	e.ServiceAccount.ID, e.ServiceAccount.KeyFile, e.Scope = v.get(s.id), v.get(s.keyFile), v.get(s.scope)
	if key := v.get(s.key); key != "" {
		e.ServiceAccount.Key = NewSecret([]byte(key))
	}
	if token := v.get(s.token); token != "" {
		e.Token = NewSecret([]byte(token))
	}
	return e
}

// readRealms reads REALMS: a JSON array as fr-config-manager writes it, or names between commas.
func readRealms(s string) ([]string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, nil
	}
	var names []string
	if strings.HasPrefix(s, "[") {
		if err := json.Unmarshal([]byte(s), &names); err != nil {
			return nil, errors.New("REALMS is no JSON array of realm names")
		}
	} else {
		names = strings.Split(s, ",")
	}
	var realms []string
	for _, n := range names {
		n = strings.Trim(strings.TrimSpace(n), "/")
		if !realmName.MatchString(n) {
			return nil, fmt.Errorf("REALMS: %q can't be a realm's name", n)
		}
		realms = append(realms, n)
	}
	return realms, nil
}

type dotenvValue struct {
	value string
	line  int
}

// parseDotenv reads NAME=value lines the way node's dotenv does: quotes of three kinds, which may span
// lines; \n means a new line in double quotes only; # after a space starts a comment where there are
// no quotes. Values never stand in a message: there are keys among them.
func parseDotenv(data []byte) (map[string]dotenvValue, schema.Diagnostics) {
	values := map[string]dotenvValue{}
	var ds schema.Diagnostics
	text := strings.TrimPrefix(strings.ReplaceAll(string(data), "\r\n", "\n"), "\ufeff")
	warn := func(line int, message string) {
		ds = append(ds, schema.Diagnostic{Code: Code, Severity: schema.Warning, Pos: schema.Pos{File: envFile, Line: line, Column: 1}, Message: message})
	}
	for line := 1; text != ""; {
		start := line
		first, rest, _ := strings.Cut(text, "\n")
		trimmed := strings.TrimSpace(first)
		text, line = rest, line+1
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		name, value, found := strings.Cut(strings.TrimPrefix(trimmed, "export "), "=")
		name = strings.TrimSpace(name)
		if !found || !variableName.MatchString(name) {
			warn(start, "this line is no NAME=value and was passed over")
			continue
		}
		value = strings.TrimLeft(value, " \t")
		if value == "" || !strings.ContainsAny(value[:1], "\"'`") {
			if i := strings.Index(value, " #"); i >= 0 {
				value = value[:i]
			}
			values[name] = dotenvValue{strings.TrimSpace(value), start}
			continue
		}
		quote := value[:1]
		whole := value[1:] + "\n" + rest
		end := closing(whole, quote[0])
		if end < 0 {
			warn(start, fmt.Sprintf("the value of %s has no closing %s and was passed over", name, quote))
			continue
		}
		inside := whole[:end]
		text = whole[end+1:]
		line = start + strings.Count(inside, "\n")
		_, text, _ = strings.Cut(text, "\n") // a comment may stand behind the value
		line++
		if quote == `"` {
			inside = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\"`, `"`).Replace(inside)
		}
		values[name] = dotenvValue{inside, start}
	}
	return values, ds
}

func closing(s string, quote byte) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quote == '"':
			i++
		case s[i] == quote:
			return i
		}
	}
	return -1
}

// readIgnore adds the globs of .lockstepignore: one a line, # for comments.
func (p *Project) readIgnore() (schema.Diagnostics, error) {
	data, err := readBounded(filepath.Join(p.Root, IgnoreName), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	globs, ds := ParseIgnore(data)
	p.Config.Ignore = append(p.Config.Ignore, globs...)
	return ds, nil
}

// ParseIgnore reads a .lockstepignore.
func ParseIgnore(data []byte) ([]schema.Glob, schema.Diagnostics) {
	var globs []schema.Glob
	var ds schema.Diagnostics
	text := strings.TrimPrefix(string(data), "\ufeff")
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		s := strings.TrimSpace(line)
		if s == "" || strings.HasPrefix(s, "#") {
			continue
		}
		g, err := schema.ParseGlob(s)
		if err == nil && !strings.HasPrefix(s, "!") {
			globs = append(globs, g)
			continue
		}
		col := 1 + len([]rune(line[:strings.Index(line, s)]))
		d := schema.Diagnostic{Code: Code, Severity: schema.Error, Excerpt: []string{line}, ExcerptLine: i + 1,
			Pos: schema.Pos{File: IgnoreName, Line: i + 1, Column: col, EndLine: i + 1, EndColumn: col + len([]rune(s))}}
		if strings.HasPrefix(s, "!") {
			d.Message, d.Hint = "a glob can't be taken back with !", "Ignore less in the first place"
		} else {
			d.Message = err.Error()
		}
		ds = append(ds, d)
	}
	return globs, ds
}
