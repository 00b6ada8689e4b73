package config

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

// An Environment is one tenant of the group.
type Environment struct {
	Name           string
	URL            string // "https://host", without a path
	Role           string // one of Roles; "" when it is not known
	PromoteFrom    string // the environment below; "" for the lowest
	Approvals      int
	ServiceAccount ServiceAccount
	Scope          string        // space-separated; "" means the usual ones
	Token          Secret        // used as it is, in place of a service account
	ESVFile        string        // declares the environment's ESVs; slash-separated, relative to the project's Root
	Snapshot       string        // an exported snapshot in git; likewise
	Parallel       int           // requests in flight at most
	Rate           float64       // requests a second at most; 0 means the client's usual 20
	Timeout        time.Duration // of one request, its whole answer included; 0 means the client's usual one
	Pos            schema.Pos    // where it is declared

	root             string // of the project; for KeyFile
	home             string
	problems, access schema.Diagnostics
}

// ServiceAccount is who Lockstep is on the tenant.
type ServiceAccount struct {
	ID      string
	KeyFile string // JWK or PEM, relative to the project's root or to the home folder (~/)
	Key     Secret // the key itself, when the environment holds it
}

// Access is all that is needed to talk to a tenant: Token, or ID and Key.
type Access struct {
	URL   string
	ID    string
	Key   Secret
	Token Secret
	Scope string
}

// An EnvironmentError says what an environment lacks. It is about the surroundings, not the file.
type EnvironmentError struct {
	Environment string
	Problems    schema.Diagnostics
}

func (e *EnvironmentError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, d := range e.Problems {
		lines[i] = d.Message
		if !d.Pos.IsZero() {
			lines[i] = d.Pos.String() + ": " + d.Message
		}
		if d.Hint != "" {
			lines[i] += "\n  " + d.Hint
		}
	}
	return "environment " + e.Environment + ": " + strings.Join(lines, "\n")
}

// Access gives what is needed to talk to the tenant, the key file read. The error is an
// *EnvironmentError and names every variable that is unset.
func (e *Environment) Access() (Access, error) {
	fail := func(message, hint string) (Access, error) {
		return Access{}, &EnvironmentError{e.Name, schema.Diagnostics{
			{Code: Code, Severity: schema.Error, Pos: e.Pos, Message: message, Hint: hint}}}
	}
	if len(e.access) > 0 {
		return Access{}, &EnvironmentError{e.Name, e.access}
	}
	if e.URL == "" {
		return fail("has no url", "")
	}
	a := Access{URL: e.URL, ID: e.ServiceAccount.ID, Key: e.ServiceAccount.Key, Token: e.Token, Scope: e.Scope}
	if !a.Token.IsZero() {
		return a, nil
	}
	if a.ID == "" {
		return fail("has no service account to sign in with", `Add serviceAccount: {id: "${SA_ID}", keyFile: "${SA_KEY_FILE}"}`)
	}
	if !a.Key.IsZero() {
		return a, nil
	}
	if e.ServiceAccount.KeyFile == "" {
		return fail("has a service account and no key for it", "Name a file with keyFile, or a variable that holds the key with key")
	}
	data, err := readBounded(e.keyPath(), maxKey)
	if err != nil {
		return fail("the service account's key: "+err.Error(), "")
	}
	a.Key = NewSecret(data)
	return a, nil
}

func (e *Environment) keyPath() string {
	file := filepath.FromSlash(e.ServiceAccount.KeyFile)
	if rest, ok := strings.CutPrefix(e.ServiceAccount.KeyFile, "~/"); ok && e.home != "" {
		return filepath.Join(e.home, filepath.FromSlash(rest))
	}
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(e.root, file)
}

// cleanURL checks a tenant's URL and gives it without a path. The text is not repeated in the error:
// it may hold credentials. Paths that other tools' variables carry (/am) are cut off where lax.
func cleanURL(s string, lax bool) (string, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" || u.Opaque != "" || u.Hostname() == "" {
		return "", fmt.Errorf("the url is not one: it looks like https://openam-acme-dev.id.forgerock.io")
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback):
		return "", fmt.Errorf("the url is not https: credentials would travel in the clear")
	case u.User != nil:
		return "", fmt.Errorf("the url holds a user name: credentials come from serviceAccount")
	case !lax && (strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != ""):
		return "", fmt.Errorf("the url has more than scheme and host: write %s://%s", u.Scheme, u.Host)
	}
	return u.Scheme + "://" + u.Host, nil
}
