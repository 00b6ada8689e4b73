package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/schema"
)

func lookup(pairs ...string) Lookup {
	return func(name string) (string, bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func lines(ds schema.Diagnostics) []string {
	var out []string
	for _, d := range ds {
		s := fmt.Sprintf("%d:%d: %s", d.Pos.Line, d.Pos.Column, d.Message)
		if d.Hint != "" {
			s += " | " + d.Hint
		}
		out = append(out, s)
	}
	return out
}

const whole = `version: 1
config:
  dir: ./identity-cloud-config/
  layout: fr-config-manager
  realms: [alpha, bravo]
  types: [journey, script]
  ignore: ["alpha/script/experiment-*"]
environments:
  dev:
    url: https://openam-acme-dev.id.forgerock.io/
    role: development
    serviceAccount: {id: "${DEV_SA_ID}", keyFile: "${DEV_SA_KEY}"}
    esvs: esvs/dev.yaml
    snapshot: snapshots/dev.json.gz
    parallel: 4
    rate: 2.5
    timeout: 90s
  prod: {url: "https://openam-acme.id.forgerock.io", role: production, promoteFrom: staging, approvals: 1, token: "${PROD_TOKEN}"}
  staging: {url: "https://openam-acme-st.id.forgerock.io", role: staging, promoteFrom: dev, serviceAccount: {id: me, key: "${ST_KEY}"}}
rules:
  journey-unreachable-node: off
limits: {deletes: 0, deletePercent: 5}
acceptedDrift:
  - {match: "alpha/theme/*", until: 2027-01-31, reason: "rebrand under way"}
`

func TestParseWhole(t *testing.T) {
	root := t.TempDir()
	write(t, root, "keys/dev.jwk", "the key")
	env := lookup("DEV_SA_ID", "dev-id", "DEV_SA_KEY", "keys/dev.jwk", "PROD_TOKEN", "prod-token", "ST_KEY", "st-key")
	p, ds := Parse(root, FileName, []byte(whole), env)
	if len(ds) > 0 {
		t.Fatalf("findings: %q", lines(ds))
	}
	if p.Config.Dir != "identity-cloud-config" || p.Config.Layout != "fr-config-manager" ||
		!slices.Equal(p.Config.Realms, []string{"alpha", "bravo"}) || !slices.Equal(p.Config.Types, []string{"script", "journey"}) {
		t.Errorf("config: %+v", p.Config)
	}
	if p.Dir() != filepath.Join(root, "identity-cloud-config") {
		t.Errorf("Dir: %s", p.Dir())
	}
	if got := p.Names(); !slices.Equal(got, []string{"dev", "prod", "staging"}) {
		t.Errorf("order of environments: %q", got)
	}
	if diff := cmp.Diff(map[string]schema.Severity{"journey-unreachable-node": schema.Off}, p.Rules); diff != "" {
		t.Error(diff)
	}
	if p.Limits != (Limits{0, 5}) {
		t.Errorf("limits: %+v", p.Limits)
	}
	for env, want := range map[string][]string{"dev": {"staging", "prod"}, "staging": {"prod"}, "prod": nil, "nope": nil} {
		if got := p.Chain(env); !slices.Equal(got, want) {
			t.Errorf("Chain(%s) = %q, want %q", env, got, want)
		}
	}
	for name, want := range map[string]Access{
		"dev":     {URL: "https://openam-acme-dev.id.forgerock.io", ID: "dev-id", Key: NewSecret([]byte("the key"))},
		"prod":    {URL: "https://openam-acme.id.forgerock.io", Token: NewSecret([]byte("prod-token"))},
		"staging": {URL: "https://openam-acme-st.id.forgerock.io", ID: "me", Key: NewSecret([]byte("st-key"))},
	} {
		e, err := p.Env(name)
		if err != nil {
			t.Fatal(err)
		}
		a, err := e.Access()
		if err != nil {
			t.Fatal(err)
		}
		if a.URL != want.URL || a.ID != want.ID || string(a.Key.Reveal()) != string(want.Key.Reveal()) || string(a.Token.Reveal()) != string(want.Token.Reveal()) {
			t.Errorf("%s: access to %s as %q is wrong", name, a.URL, a.ID)
		}
	}
	dev, _ := p.Env("dev")
	if dev.Parallel != 4 || dev.Rate != 2.5 || dev.Timeout != 90*time.Second || dev.ESVFile != "esvs/dev.yaml" || dev.Snapshot != "snapshots/dev.json.gz" || dev.Role != "development" {
		t.Errorf("dev: %+v", dev)
	}
	if dev.Pos.Line != 9 {
		t.Errorf("dev is declared at %v", dev.Pos)
	}
	theme := schema.Key{Type: "theme", Realm: "alpha", ID: "x"}
	for day, want := range map[string]bool{"2027-01-31T23:59:59Z": true, "2027-02-01T00:00:00Z": false} {
		now, err := time.Parse(time.RFC3339, day)
		if err != nil {
			t.Fatal(err)
		}
		if _, got := p.Accepted(theme, "", now); got != want {
			t.Errorf("accepted at %s: %t, want %t", day, got, want)
		}
	}
	if !p.Ignored(schema.Key{Type: "script", Realm: "alpha", ID: "1-2-3"}, "experiment-9") {
		t.Error("a script is not ignored by its name")
	}
}

// What a command does not need must not stop it.
func TestUnsetVariables(t *testing.T) {
	p, ds := Parse("/", FileName, []byte(whole), lookup("DEV_SA_ID", "x", "PROD_TOKEN", ""))
	if len(ds) > 0 {
		t.Fatalf("findings: %q", lines(ds))
	}
	for env, want := range map[string]string{
		"dev":     "environment dev: lockstep.yaml:12:51: the environment variable DEV_SA_KEY is not set",
		"prod":    "environment prod: lockstep.yaml:18:115: the environment variable PROD_TOKEN is set but empty",
		"staging": "environment staging: lockstep.yaml:19:123: the environment variable ST_KEY is not set",
	} {
		e, err := p.Env(env)
		if err != nil {
			t.Errorf("Env(%s): %v", env, err)
			continue
		}
		if _, err := e.Access(); err == nil || err.Error() != want {
			t.Errorf("Access(%s): %v, want %s", env, err, want)
		}
	}
	p, ds = Parse("/", FileName, []byte("environments:\n  dev: {url: 'https://a.b', snapshot: '${S}'}\n  uat: {url: '${NO}'}\n"), lookup())
	if len(ds) > 0 {
		t.Fatalf("findings: %q", lines(ds))
	}
	var ee *EnvironmentError
	if _, err := p.Env("dev"); !errors.As(err, &ee) || !strings.Contains(err.Error(), "lockstep.yaml:2:39: the environment variable S is not set") {
		t.Errorf("Env(dev): %v", err)
	}
	e, err := p.Env("uat")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Access(); err == nil || !strings.Contains(err.Error(), "NO is not set") {
		t.Errorf("Access(uat): %v", err)
	}
	if _, ds = Parse("/", FileName, []byte("config: {dir: '${D}'}"), lookup()); len(ds) != 1 {
		t.Errorf("an unset variable outside environments: %q", lines(ds))
	}
}

func TestParseFindings(t *testing.T) {
	env := "environments:\n  dev:\n    url: https://a.example\n    "
	tests := []struct{ name, text, want string }{
		{"unknown key", "confg: {}", `1:1: unknown key "confg" | Did you mean "config"?`},
		{"unknown key, nothing near", "zzzzzzz: {}", `1:1: unknown key "zzzzzzz" | Known: acceptedDrift, allowedSigners, audit, config, environments, limits, receive, rules, version`},
		{"key twice", "version: 1\nversion: 1", `2:1: the key "version" stands twice`},
		{"environment twice", "environments:\n  a: {url: 'https://a.b'}\n  a: {url: 'https://a.b'}", `3:3: the key "a" stands twice`},
		{"version", "version: 2", `1:10: this lockstep reads version 1 of lockstep.yaml | A newer lockstep may read it`},
		{"not a mapping", "[a]", `1:1: lockstep.yaml must be a mapping, not a list`},
		{"not YAML", "a: b: c", `0:0: not YAML: mapping values are not allowed in this context`},
		{"not closed", "version: 1\nrules: [a", `0:0: not YAML: did not find expected ',' or ']', near line 1`},
		{"two documents", "version: 1\n---\nversion: 1\n", `2:1: the file holds a second document`},
		{"layout", "config: {layout: frcm}", `1:18: layout "frcm" is not known | One of fr-config-manager, frodo, flat`},
		{"layout near", "config: {layout: frod}", `1:18: layout "frod" is not known | Did you mean "frodo"? It is one of fr-config-manager, frodo, flat`},
		{"type", "config: {types: [jouney]}", fmt.Sprintf(`1:18: type "jouney" is not known | Did you mean "journey"? It is one of %d: lockstep types lists them`, len(schema.TypeNames())+len(schema.TypeGroups()))},
		{"types not a list", "config: {types: journey}", `1:17: config.types must be a list, not text`},
		{"realm", "config: {realms: [/alpha]}", `1:19: "/alpha" can't be a realm's name | Realms are written as "alpha", without slashes`},
		{"realm twice", "config: {realms: [alpha, alpha]}", `1:26: the realm "alpha" stands twice`},
		{"glob parts", "config: {ignore: [alpha/x]}", `1:19: glob "alpha/x" does not have the three parts realm/type/id, as in "alpha/script/experiment-*" or "alpha/**"`},
		{"glob bracket", "config: {ignore: ['alpha/script/[x']}", `1:19: glob "alpha/script/[x" has an unfinished [ or \`},
		{"glob type", "config: {ignore: [alpha/skript/x]}", `1:19: glob "alpha/skript/x" names no type that Lockstep manages: did you mean "script"?`},
		{"role", env + "role: prod", `4:11: role "prod" is not known | One of development, uat, staging, production, sandbox`},
		{"no url", "environments: {dev: {}}", `1:16: environment "dev" has no url | Add url: https://…, the tenant's address`},
		{"http", "environments: {dev: {url: 'http://a.example'}}", `1:27: the url is not https: credentials would travel in the clear`},
		{"http on loopback", "environments: {dev: {url: 'http://127.0.0.1:8080'}}", ``},
		{"url path", "environments: {dev: {url: 'https://a.example/am'}}", `1:27: the url has more than scheme and host: write https://a.example`},
		{"url user", "environments: {dev: {url: 'https://u:pw@a.example'}}", `1:27: the url holds a user name: credentials come from serviceAccount`},
		{"no url at all", "environments: {dev: {url: 'a.example'}}", `1:27: the url is not one: it looks like https://openam-acme-dev.id.forgerock.io`},
		{"environment name", "environments: {'a b': {url: 'https://a.b'}}", `1:16: "a b" can't be an environment's name | Use letters, digits, dots, dashes and underscores`},
		{"number as text", env + "esvs: 12", `4:11: environments.dev.esvs must be text, not a number | Put it in quotes`},
		{"null", env + "esvs:", `4:10: environments.dev.esvs must be text, not nothing`},
		{"empty", env + "esvs: ''", `4:11: environments.dev.esvs is empty | Leave the key out instead`},
		{"parallel", env + "parallel: 0", `4:15: environments.dev.parallel must be a whole number from 1 to 64`},
		{"parallel text", env + "parallel: '4'", `4:15: environments.dev.parallel must be a whole number from 1 to 64`},
		{"rate", env + "rate: .nan", `4:11: environments.dev.rate must be a number from 0.1 to 1000`},
		{"timeout", env + "timeout: 90", `4:14: environments.dev.timeout must be a time from 1s to 1h0m0s | Write it with its unit: 90s, 2m`},
		{"timeout of nothing", env + "timeout: 0s", `4:14: environments.dev.timeout must be a time from 1s to 1h0m0s | Write it with its unit: 90s, 2m`},
		{"timeout as a list", env + "timeout: [90s]", `4:14: environments.dev.timeout must be a time from 1s to 1h0m0s | Write it with its unit: 90s, 2m`},
		{"promoteFrom", env + "promoteFrom: deev", `4:18: promoteFrom names an environment that is not there: "deev" | Did you mean "dev"?`},
		{"itself", env + "promoteFrom: dev", `4:18: promoteFrom leads in a circle: dev from dev | One environment, the development one, has no promoteFrom`},
		{"circle", "environments:\n  a: {url: 'https://a.b', promoteFrom: b}\n  b: {url: 'https://a.b', promoteFrom: a}", `2:40: promoteFrom leads in a circle: a from b from a | One environment, the development one, has no promoteFrom`},
		{"literal key", env + "serviceAccount: {id: x, key: s3cr3t}", `4:34: environments.dev.serviceAccount.key must name an environment variable: what stands in this file is in git for everybody to read | Write "${NAME}". If this was a real key, take it off the tenant's service account now`},
		{"half literal token", env + "token: 's3cr3t${X}'", `4:12: environments.dev.token must name an environment variable: what stands in this file is in git for everybody to read | Write "${NAME}". If this was a real key, take it off the tenant's service account now`},
		{"severity", "rules: {script-syntax: fatal}", `1:24: severity "fatal" is not one of error, warning, info, off`},
		{"rule", "rules: {script-sintax: off}", `1:9: no rule is called "script-sintax" | Did you mean "script-syntax"?`},
		{"deletes", "limits: {deletes: -1}", `1:19: limits.deletes must be a whole number from 0 to 1000000`},
		{"percent", "limits: {deletePercent: 101}", `1:25: limits.deletePercent must be a whole number from 0 to 100`},
		{"date", "acceptedDrift:\n  - {match: 'alpha/theme/*', until: 31.01.2027}", `2:37: "31.01.2027" is no date | Write it as 2027-01-31`},
		{"no such date", "acceptedDrift:\n  - {match: 'alpha/theme/*', until: 2027-02-31}", `2:37: "2027-02-31" is no date | Write it as 2027-01-31`},
		{"no match", "acceptedDrift:\n  - {reason: x}", `2:5: an entry of acceptedDrift has no match | Add match: "alpha/theme/*"`},
		{"anchor", "config: &x {dir: a}", `1:9: YAML anchors are not read here | Write the value out where it is needed`},
		{"alias", "config: &x {dir: a}\nlimits: *x", "1:9: YAML anchors are not read here | Write the value out where it is needed\n2:9: YAML aliases are not read here | Write the value out"},
		{"open variable", "config: {dir: '${X'}", `1:15: ${ must be followed by a variable's name and }; the text ${ is written $${`},
		{"not UTF-8", "config: {dir: \xff}", `0:0: the file is not UTF-8 text`},
		{"empty file", "", ``},
		{"comment only", "# nothing yet\n", ``},
		{"too large", strings.Repeat("#", maxFile+1), `0:0: the file is larger than 1024 KiB`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, ds := Parse("/", FileName, []byte(tt.text), lookup())
			if got := strings.Join(lines(ds), "\n"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			for _, d := range ds {
				if d.Code != Code || d.Severity != schema.Error || d.Pos.File != FileName {
					t.Errorf("code %s, severity %s, file %s", d.Code, d.Severity, d.Pos.File)
				}
				if text := fmt.Sprintf("%+v", d); strings.Contains(text, "s3cr3t") || strings.Contains(text, "pw@") {
					t.Errorf("a finding shows a secret")
				}
			}
			if len(p.AcceptedDrift) > 0 {
				t.Error("an entry of acceptedDrift with a fault counts")
			}
		})
	}
}

func TestExpand(t *testing.T) {
	r := &reader{env: lookup("A", "x${B}", "E", "")}
	for in, want := range map[string]string{
		"plain": "plain", "${A}": "x${B}", "-${A}-${A}": "-x${B}-x${B}", "$${A}": "${A}", "$A": "$A", "$$": "$$", "$${A}${A}": "${A}x${B}",
	} {
		if got, err := r.expand(in); err != nil || got != want {
			t.Errorf("expand(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"${B}", "${E}", "${", "${}", "${1}", "${A-B}", "${A"} {
		if got, err := r.expand(in); err == nil {
			t.Errorf("expand(%q) = %q, want an error", in, got)
		}
	}
}

func TestEnvNames(t *testing.T) {
	p, _ := Parse("/", FileName, []byte("environments: {staging: {url: 'https://a.b'}, prod: {url: 'https://a.b'}}"), lookup())
	_, err := p.Env("stagin")
	if want := `no environment "stagin": did you mean "staging"? It has staging, prod (lockstep.yaml)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err = p.Env(""); err == nil || !strings.Contains(err.Error(), "staging, prod") {
		t.Errorf("got %v", err)
	}
	p.Environments = p.Environments[:1]
	if e, err := p.Env(""); err != nil || e.Name != "staging" {
		t.Errorf("the only environment: %v, %v", e, err)
	}
	if _, err = newProject("/").Env("x"); err == nil || !strings.Contains(err.Error(), "lockstep init") {
		t.Errorf("no environments: %v", err)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	write(t, root, "lockstep.yaml", "config: {ignore: ['alpha/theme/a']}\n")
	write(t, root, ".lockstepignore", "# ours\n\nalpha/theme/b\r\n  !alpha/theme/c\n")
	write(t, root, "a/b/x", "")
	write(t, root, "repo/.git/HEAD", "")
	write(t, root, "repo/sub/x", "")
	write(t, root, "other.yaml", "version: 1\n")
	p, ds, err := Find(filepath.Join(root, "a", "b"), "", lookup())
	if err != nil {
		t.Fatal(err)
	}
	if p.Root != root || p.File != FileName || len(p.Config.Ignore) != 2 {
		t.Errorf("root %s, file %s, ignore %v", p.Root, p.File, p.Config.Ignore)
	}
	if got, want := lines(ds), []string{"4:3: a glob can't be taken back with ! | Ignore less in the first place"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if p, _, err = Find(filepath.Join(root, "repo", "sub"), "", lookup()); err != nil || p.File != "" {
		t.Errorf("a lockstep.yaml above the repository was taken: %v, %v", p, err)
	}
	if p, _, err = Find(filepath.Join(root, "a"), "../other.yaml", lookup()); err != nil || p.Root != root || p.File != "other.yaml" {
		t.Errorf("--config: %v, %v", p, err)
	}
	if _, _, err = Find(root, "missing.yaml", lookup()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("--config with no such file: %v", err)
	}
	write(t, root, "big.yaml", strings.Repeat("#", maxFile+1))
	if _, _, err = Find(root, "big.yaml", lookup()); err == nil || !strings.Contains(err.Error(), "larger than 1024 KiB") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestFallback(t *testing.T) {
	root := t.TempDir()
	write(t, root, ".git/HEAD", "")
	write(t, root, ".env", `# fr-config-manager
TENANT_BASE_URL=https://dev.example/am # comment
export SERVICE_ACCOUNT_ID="from-file"
SERVICE_ACCOUNT_KEY={"kty":"RSA","d":"x"}
SERVICE_ACCOUNT_SCOPE='fr:am:* fr:idm:*'
TENANT_ENV_UPPER_FQDN=upper.example
SERVICE_ACCOUNT_UPPER_ID=up
SERVICE_ACCOUNT_UPPER_KEY="-----BEGIN
two\nthree
-----END"  # multi-line
SERVICE_ACCOUNT_PROMOTION_SCOPE=fr:idc:promotion:*
CONFIG_DIR=`+root+`/cfg
REALMS=["alpha","bravo"]
just words
`)
	p, ds, err := Find(root, "", lookup("SERVICE_ACCOUNT_ID", "from-process", "FRODO_HOST", "https://other.example/am"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := lines(ds), []string{"14:1: this line is no NAME=value and was passed over"}; !slices.Equal(got, want) || ds[0].Severity != schema.Warning {
		t.Errorf("got %q, want %q", got, want)
	}
	if p.Config.Dir != "cfg" || !slices.Equal(p.Config.Realms, []string{"alpha", "bravo"}) || !slices.Equal(p.Chain("default"), []string{"upper"}) {
		t.Errorf("%+v", p)
	}
	e, err := p.Env("default")
	if err != nil {
		t.Fatal(err)
	}
	a, err := e.Access()
	if err != nil || a.URL != "https://dev.example" || a.ID != "from-process" || string(a.Key.Reveal()) != `{"kty":"RSA","d":"x"}` || a.Scope != "fr:am:* fr:idm:*" {
		t.Errorf("default: %s %s %s %v", a.URL, a.ID, a.Scope, err)
	}
	e, err = p.Env("upper")
	if err != nil {
		t.Fatal(err)
	}
	a, err = e.Access()
	if err != nil || a.URL != "https://upper.example" || a.ID != "up" || string(a.Key.Reveal()) != "-----BEGIN\ntwo\nthree\n-----END" || a.Scope != "fr:idc:promotion:*" {
		t.Errorf("upper: %s %s %s %v", a.URL, a.ID, a.Scope, err)
	}
}

func TestFallbackFrodo(t *testing.T) {
	root := t.TempDir()
	write(t, root, ".git/HEAD", "")
	p, ds, err := Find(root, "", lookup("FRODO_HOST", "https://f.example/am", "FRODO_SA_ID", "f", "FRODO_SA_JWK", "{}", "FRODO_REALM", "/alpha"))
	if err != nil || len(ds) > 0 {
		t.Fatal(err, lines(ds))
	}
	e, err := p.Env("")
	if err != nil {
		t.Fatal(err)
	}
	if a, err := e.Access(); err != nil || a.URL != "https://f.example" || a.ID != "f" || !slices.Equal(p.Config.Realms, []string{"alpha"}) {
		t.Errorf("%v %v %v", a.URL, err, p.Config.Realms)
	}
	p, _, err = Find(root, "", lookup("TENANT_BASE_URL", "http://plain.example"))
	if err != nil {
		t.Fatal(err)
	}
	e, err = p.Env("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Access(); err == nil || !strings.Contains(err.Error(), "TENANT_BASE_URL: the url is not https") {
		t.Errorf("got %v", err)
	}
	if p, _, err = Find(root, "", lookup()); err != nil || len(p.Environments) != 0 {
		t.Errorf("nothing set: %v %v", p, err)
	}
}
