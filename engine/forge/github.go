package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
)

// gitHub speaks the REST API, version 2022-11-28 (docs.github.com/rest/issues).
type gitHub struct{ repo, pull string }

var pullRef = regexp.MustCompile(`^refs/pull/([0-9]+)/`)

func newGitHub(f *Forge, v *variables) {
	f.Limit = 65_000 // 65,536 characters
	f.base = strings.TrimSuffix(v.get("GITHUB_API_URL"), "/")
	if f.base == "" {
		f.base = "https://api.github.com"
	}
	v.hint = "In a workflow: env: {GITHUB_TOKEN: ${{ github.token }}}, with permissions: {pull-requests: write, issues: write}. Outside of one, set LOCKSTEP_PULL_REQUEST, too."
	g := &gitHub{repo: v.need("GITHUB_REPOSITORY"), pull: v.get("LOCKSTEP_PULL_REQUEST")}
	f.headers.Set("Authorization", "Bearer "+v.secret("GITHUB_TOKEN", "GH_TOKEN"))
	f.headers.Set("Accept", "application/vnd.github+json")
	f.headers.Set("X-GitHub-Api-Version", "2022-11-28")
	if m := pullRef.FindStringSubmatch(v.get("GITHUB_REF")); g.pull == "" && m != nil {
		g.pull = m[1]
	}
	if g.pull == "" {
		g.pull = eventNumber(v.get("GITHUB_EVENT_PATH"))
	}
	f.api = g
}

// eventNumber reads the pull request's number from the event that started the workflow.
func eventNumber(file string) string {
	data, err := os.ReadFile(file)
	if file == "" || err != nil {
		return ""
	}
	var e struct {
		PullRequest struct {
			Number json.Number `json:"number"`
		} `json:"pull_request"`
	}
	if json.Unmarshal(data, &e) != nil {
		return ""
	}
	return e.PullRequest.Number.String()
}

type gitHubText struct {
	ID      int64  `json:"id"`
	Number  int64  `json:"number"`
	Body    string `json:"body"`
	State   string `json:"state"`
	Title   string `json:"title"`
	HTMLURL string `json:"html_url"`
	User    struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"user"`
	PullRequest json.RawMessage `json:"pull_request"`
}

// mine says whether the token's owner wrote it: Actions' token and apps are bots, a person's token is not.
func (t gitHubText) mine(login string) bool {
	return login == "" && t.User.Type == "Bot" || login != "" && t.User.Login == login
}

// login is who the token belongs to; empty for Actions' own token and apps, which may not ask.
func (g *gitHub) login(ctx context.Context, f *Forge) string {
	var u struct {
		Login string `json:"login"`
	}
	if _, err := f.call(ctx, "GET", "/user", nil, &u); err != nil {
		return ""
	}
	return u.Login
}

func (g *gitHub) path() string {
	owner, name, _ := strings.Cut(g.repo, "/")
	return "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name)
}

func (g *gitHub) comment(ctx context.Context, f *Forge, marker, body string) (string, error) {
	if g.pull == "" {
		return "", fmt.Errorf("which pull request? This run belongs to none; LOCKSTEP_PULL_REQUEST names one")
	}
	path := g.path() + "/issues/" + url.PathEscape(g.pull) + "/comments"
	list, err := all(ctx, f, path+"?per_page=100", decodeList[gitHubText], linkNext)
	if err != nil {
		return "", err
	}
	login := g.login(ctx, f)
	var out gitHubText
	for _, c := range list {
		if !strings.Contains(c.Body, marker) || !c.mine(login) {
			continue
		}
		if c.Body == body {
			return c.HTMLURL, nil
		}
		_, err := f.call(ctx, "PATCH", fmt.Sprintf("%s/issues/comments/%d", g.path(), c.ID), map[string]string{"body": body}, &out)
		return out.HTMLURL, err
	}
	_, err = f.call(ctx, "POST", path, map[string]string{"body": body}, &out)
	return out.HTMLURL, err
}

func (g *gitHub) issue(ctx context.Context, f *Forge, i Issue) (string, error) {
	list, err := all(ctx, f, g.path()+"/issues?state=open&per_page=100&labels=lockstep-drift", decodeList[gitHubText], linkNext)
	if err != nil {
		return "", err
	}
	login := g.login(ctx, f)
	var out gitHubText
	for _, x := range list {
		if !strings.Contains(x.Body, i.Marker) || len(x.PullRequest) > 0 || !x.mine(login) {
			continue
		}
		change := map[string]any{"title": i.Title, "body": i.Body}
		if !i.Open {
			change["state"], change["state_reason"] = "closed", "completed"
		} else if x.Body == i.Body && x.Title == i.Title {
			return x.HTMLURL, nil
		}
		item := fmt.Sprintf("%s/issues/%d", g.path(), x.Number)
		if news := i.news(x.Body); news != "" {
			if _, err := f.call(ctx, "POST", item+"/comments", map[string]string{"body": news}, nil); err != nil {
				return "", err
			}
		}
		_, err := f.call(ctx, "PATCH", item, change, &out)
		return out.HTMLURL, err
	}
	if !i.Open {
		return "", nil
	}
	_, err = f.call(ctx, "POST", g.path()+"/issues", map[string]any{"title": i.Title, "body": i.Body, "labels": []string{"lockstep-drift"}}, &out)
	return out.HTMLURL, err
}
