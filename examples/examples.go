// Package examples holds what a newcomer tries and what `lockstep init` writes: a small real tenant's
// configuration with the commits of a story about it, and CI files.
package examples

import (
	"embed"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

//go:embed all:quickstart all:history github-actions gitlab-ci azure-pipelines bitbucket jenkins shell cron kubernetes
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

// A CIFile is one file of a service's: where it goes in a repository, and what it holds.
type CIFile struct {
	Name string // slash-separated, from the repository's root
	Data []byte
}

// ci lists where each service's files go, and where they lie here.
var ci = map[string][][2]string{
	"azure":     {{"lockstep.azure-pipelines.yml", "azure-pipelines/lockstep.azure-pipelines.yml"}},
	"bitbucket": {{"bitbucket-pipelines.yml", "bitbucket/bitbucket-pipelines.yml"}},
	"cron":      {{"ci/lockstep-drift.crontab", "cron/lockstep-drift.crontab"}},
	"github": {
		{".github/workflows/lockstep.yml", "github-actions/lockstep.yml"},
		{".github/workflows/lockstep-comment.yml", "github-actions/lockstep-comment.yml"},
		{".github/workflows/lockstep-drift.yml", "github-actions/lockstep-drift.yml"},
	},
	"gitlab":     {{"lockstep.gitlab-ci.yml", "gitlab-ci/lockstep.gitlab-ci.yml"}},
	"jenkins":    {{"Jenkinsfile.lockstep", "jenkins/Jenkinsfile.lockstep"}},
	"kubernetes": {{"ci/lockstep-drift.yaml", "kubernetes/lockstep-drift.yaml"}},
	"shell":      {{"ci/lockstep-check.sh", "shell/lockstep-check.sh"}},
}

// CINames lists the services that there are CI files for.
func CINames() []string { return slices.Sorted(maps.Keys(ci)) }

// CI gives a service's CI files; the first one is the pull-request check, where there is one.
func CI(service string) ([]CIFile, bool) {
	list, ok := ci[service]
	if !ok {
		return nil, false
	}
	var out []CIFile
	for _, at := range list {
		data, err := files.ReadFile(at[1])
		if err != nil {
			panic("examples: " + err.Error()) // embedded
		}
		out = append(out, CIFile{at[0], data})
	}
	return out, true
}

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic("examples: " + err.Error()) // embedded
	}
	return f
}
