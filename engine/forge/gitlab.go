package forge

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// gitLab speaks the REST API, version 4 (docs.gitlab.com/api/notes, /api/issues).
type gitLab struct{ project, merge string }

func newGitLab(f *Forge, v *variables) {
	f.Limit = 900_000 // 1,000,000 characters
	f.base = strings.TrimSuffix(v.need("CI_API_V4_URL"), "/")
	v.hint = "Set LOCKSTEP_TOKEN to a project access token with the scope api (a masked CI/CD variable): the job's own token can't write notes. The rest is set in merge request pipelines."
	g := &gitLab{project: v.need("CI_MERGE_REQUEST_PROJECT_ID", "CI_PROJECT_ID"), merge: v.get("LOCKSTEP_PULL_REQUEST", "CI_MERGE_REQUEST_IID")}
	f.headers.Set("Private-Token", v.secret("LOCKSTEP_TOKEN", "GITLAB_TOKEN"))
	f.api = g
}

type gitLabText struct {
	ID          int64  `json:"id"`
	IID         int64  `json:"iid"`
	Body        string `json:"body"`
	Description string `json:"description"`
	Title       string `json:"title"`
	WebURL      string `json:"web_url"`
	System      bool   `json:"system"`
	Author      struct {
		ID int64 `json:"id"`
	} `json:"author"`
}

func (g *gitLab) path() string { return "/projects/" + url.PathEscape(g.project) }

func (g *gitLab) me(ctx context.Context, f *Forge) (int64, error) {
	var u struct {
		ID int64 `json:"id"`
	}
	_, err := f.call(ctx, "GET", "/user", nil, &u)
	return u.ID, err
}

func (g *gitLab) comment(ctx context.Context, f *Forge, marker, body string) (string, error) {
	if g.merge == "" {
		return "", fmt.Errorf("which merge request? This pipeline belongs to none; LOCKSTEP_PULL_REQUEST names one")
	}
	me, err := g.me(ctx, f)
	if err != nil {
		return "", err
	}
	path := g.path() + "/merge_requests/" + url.PathEscape(g.merge) + "/notes"
	list, err := all(ctx, f, path+"?per_page=100&sort=asc", decodeList[gitLabText], linkNext)
	if err != nil {
		return "", err
	}
	for _, n := range list {
		if n.System || n.Author.ID != me || !strings.Contains(n.Body, marker) {
			continue
		}
		if n.Body == body {
			return "", nil
		}
		_, err := f.call(ctx, "PUT", fmt.Sprintf("%s/%d", path, n.ID), map[string]string{"body": body}, nil)
		return "", err
	}
	_, err = f.call(ctx, "POST", path, map[string]string{"body": body}, nil)
	return "", err
}

func (g *gitLab) issue(ctx context.Context, f *Forge, i Issue) (string, error) {
	me, err := g.me(ctx, f)
	if err != nil {
		return "", err
	}
	list, err := all(ctx, f, g.path()+"/issues?state=opened&per_page=100&labels=lockstep-drift", decodeList[gitLabText], linkNext)
	if err != nil {
		return "", err
	}
	var out gitLabText
	for _, x := range list {
		if x.Author.ID != me || !strings.Contains(x.Description, i.Marker) {
			continue
		}
		change := map[string]string{"title": i.Title, "description": i.Body}
		if !i.Open {
			change["state_event"] = "close"
		} else if x.Description == i.Body && x.Title == i.Title {
			return x.WebURL, nil
		}
		item := fmt.Sprintf("%s/issues/%d", g.path(), x.IID)
		if news := i.news(x.Description); news != "" {
			if _, err := f.call(ctx, "POST", item+"/notes", map[string]string{"body": news}, nil); err != nil {
				return "", err
			}
		}
		_, err := f.call(ctx, "PUT", item, change, &out)
		return out.WebURL, err
	}
	if !i.Open {
		return "", nil
	}
	_, err = f.call(ctx, "POST", g.path()+"/issues", map[string]string{"title": i.Title, "description": i.Body, "labels": "lockstep-drift"}, &out)
	return out.WebURL, err
}
