// Package examples holds what a newcomer tries and what `lockstep init` writes: a small real tenant's
// configuration with the commits of a story about it, and CI files.
package examples

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed all:quickstart all:history github-actions gitlab-ci
var files embed.FS

// Quickstart is the configuration of a small tenant in fr-config-manager's layout, below its repository's
// root: the folder "config", lockstep.yaml, the environments' ESV declarations.
func Quickstart() fs.FS { return sub("quickstart") }

// A Commit is one commit of the story: files that it adds or replaces.
type Commit struct {
	Message string
	Files   fs.FS
}

// History lists the commits that come after the quickstart, in order.
func History() []Commit {
	entries, err := fs.ReadDir(files, "history")
	if err != nil {
		panic("examples: " + err.Error()) // embedded
	}
	var out []Commit
	for _, e := range entries {
		dir := sub("history/" + e.Name())
		msg, err := fs.ReadFile(dir, "MESSAGE")
		if err != nil {
			panic("examples: " + err.Error()) // embedded
		}
		out = append(out, Commit{strings.TrimSpace(string(msg)), dir})
	}
	return out
}

// ci maps a service's name to where its file goes in a repository, and where it lies here.
var ci = map[string][2]string{
	"github": {".github/workflows/lockstep.yml", "github-actions/lockstep.yml"},
	"gitlab": {"lockstep.gitlab-ci.yml", "gitlab-ci/lockstep.gitlab-ci.yml"},
}

// CINames lists the services that there is a CI file for.
func CINames() []string {
	var names []string
	for n := range ci {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// CI gives a service's CI file and its name in a repository.
func CI(service string) (name string, data []byte, ok bool) {
	at, ok := ci[service]
	if !ok {
		return "", nil, false
	}
	data, err := files.ReadFile(at[1])
	if err != nil {
		panic("examples: " + err.Error()) // embedded
	}
	return at[0], data, true
}

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic("examples: " + err.Error()) // embedded
	}
	return f
}
