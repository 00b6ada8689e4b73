package forge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// bitbucket speaks the REST API of Bitbucket Cloud, version 2.0 (developer.atlassian.com/cloud/bitbucket/rest).
type bitbucket struct{ repo, pull, commit string }

func newBitbucket(f *Forge, v *variables) {
	f.Limit = 32_000 // 32,768 characters
	f.base = strings.TrimSuffix(v.get("LOCKSTEP_API_URL"), "/")
	if f.base == "" {
		f.base = "https://api.bitbucket.org/2.0"
	}
	v.hint = "Set LOCKSTEP_TOKEN to a repository access token with the scopes pullrequest:write and issue:write (a secured variable)."
	b := &bitbucket{repo: v.need("BITBUCKET_REPO_FULL_NAME"), pull: v.get("LOCKSTEP_PULL_REQUEST", "BITBUCKET_PR_ID"), commit: v.get("BITBUCKET_COMMIT")}
	if user, password := v.get("BITBUCKET_USERNAME"), v.get("BITBUCKET_APP_PASSWORD"); user != "" && password != "" && v.token == "" && v.get("LOCKSTEP_TOKEN") == "" {
		f.headers.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	} else {
		f.headers.Set("Authorization", "Bearer "+v.secret("LOCKSTEP_TOKEN"))
	}
	f.api = b
}

type bitbucketText struct {
	ID      int64  `json:"id"`
	Deleted bool   `json:"deleted"`
	Title   string `json:"title"`
	Content struct {
		Raw string `json:"raw"`
	} `json:"content"`
	User struct {
		UUID string `json:"uuid"`
	} `json:"user"`
	Reporter struct {
		UUID string `json:"uuid"`
	} `json:"reporter"`
	Links struct {
		HTML struct {
			Href string `json:"href"`
		} `json:"html"`
	} `json:"links"`
}

func bitbucketPage(raw json.RawMessage) ([]bitbucketText, error) {
	var p struct {
		Values []bitbucketText `json:"values"`
	}
	err := json.Unmarshal(raw, &p)
	return p.Values, err
}

func bitbucketNext(_ http.Header, raw json.RawMessage, _ int) string {
	var p struct {
		Next string `json:"next"`
	}
	if json.Unmarshal(raw, &p) != nil {
		return ""
	}
	return p.Next
}

func (b *bitbucket) path() string {
	workspace, name, _ := strings.Cut(b.repo, "/")
	return "/repositories/" + url.PathEscape(workspace) + "/" + url.PathEscape(name)
}

// me is the identity behind the token; empty when the token may not ask.
func (b *bitbucket) me(ctx context.Context, f *Forge) string {
	var u struct {
		UUID string `json:"uuid"`
	}
	if _, err := f.call(ctx, "GET", "/user", nil, &u); err != nil {
		return ""
	}
	return u.UUID
}

func (b *bitbucket) comment(ctx context.Context, f *Forge, marker, body string) (string, error) {
	if b.pull == "" {
		return "", fmt.Errorf("which pull request? This run belongs to none; LOCKSTEP_PULL_REQUEST names one")
	}
	path := b.path() + "/pullrequests/" + url.PathEscape(b.pull) + "/comments"
	list, err := all(ctx, f, path+"?pagelen=100", bitbucketPage, bitbucketNext)
	if err != nil {
		return "", err
	}
	me := b.me(ctx, f)
	var out bitbucketText
	in := map[string]any{"content": map[string]string{"raw": body}}
	for _, c := range list {
		if c.Deleted || !strings.Contains(c.Content.Raw, marker) || me != "" && c.User.UUID != me {
			continue
		}
		if c.Content.Raw == body {
			return c.Links.HTML.Href, nil
		}
		_, err := f.call(ctx, "PUT", fmt.Sprintf("%s/%d", path, c.ID), in, &out)
		if e, ok := err.(*Error); ok && me == "" && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound) {
			continue // somebody else's, after all
		}
		return out.Links.HTML.Href, err
	}
	_, err = f.call(ctx, "POST", path, in, &out)
	return out.Links.HTML.Href, err
}

func (b *bitbucket) issue(ctx context.Context, f *Forge, i Issue) (string, error) {
	path := b.path() + "/issues"
	query := url.QueryEscape(`(state = "new" OR state = "open") AND kind = "bug"`)
	list, err := all(ctx, f, path+"?pagelen=100&q="+query, bitbucketPage, bitbucketNext)
	if err != nil {
		return "", err
	}
	me := b.me(ctx, f)
	in := map[string]any{"title": i.Title, "content": map[string]string{"raw": i.Body}}
	var out bitbucketText
	for _, x := range list {
		if !strings.Contains(x.Content.Raw, i.Marker) || me != "" && x.Reporter.UUID != me {
			continue
		}
		if !i.Open {
			in["state"] = "resolved"
		} else if x.Content.Raw == i.Body && x.Title == i.Title {
			return x.Links.HTML.Href, nil
		}
		item := fmt.Sprintf("%s/%d", path, x.ID)
		if news := i.news(x.Content.Raw); news != "" {
			if _, err := f.call(ctx, "POST", item+"/comments", map[string]any{"content": map[string]string{"raw": news}}, nil); err != nil {
				return "", err
			}
		}
		_, err := f.call(ctx, "PUT", item, in, &out)
		return out.Links.HTML.Href, err
	}
	if !i.Open {
		return "", nil
	}
	in["kind"], in["priority"] = "bug", "major"
	_, err = f.call(ctx, "POST", path, in, &out)
	return out.Links.HTML.Href, err
}

// Bounds of Code Insights (developer.atlassian.com/cloud/bitbucket/rest/api-group-reports).
const (
	bitbucketBatch   = 100 // annotations of one request
	bitbucketNotes   = 1000
	bitbucketSummary = 450 // characters
	bitbucketDetails = 2000
)

// annotate keeps one Code Insights report on the commit. What an earlier run left there goes first: a finding that
// is mended must not stay.
func (b *bitbucket) annotate(ctx context.Context, f *Forge, n Notes) (left int, err error) {
	if b.commit == "" {
		return 0, nil // outside of a pipeline nobody says which commit it is
	}
	path := b.path() + "/commit/" + url.PathEscape(b.commit) + "/reports/" + url.PathEscape(n.ID)
	if _, err := f.call(ctx, "DELETE", path, nil, nil); err != nil {
		if e, ok := err.(*Error); !ok || e.Status != http.StatusNotFound {
			return 0, err
		}
	}
	counts := map[string]int{}
	var list []any
	for _, x := range n.List {
		counts[x.Severity]++
		if len(list) == bitbucketNotes {
			left++
			continue
		}
		a := map[string]any{
			"external_id": x.ID, "annotation_type": "CODE_SMELL", "summary": cut(x.Summary, bitbucketSummary),
			"severity": map[string]string{"error": "HIGH", "warning": "MEDIUM"}[x.Severity], "result": "FAILED",
		}
		if a["severity"] == "" {
			a["severity"], a["result"] = "LOW", "PASSED"
		}
		if x.Details != "" {
			a["details"] = cut(x.Details, bitbucketDetails)
		}
		if x.Path != "" {
			a["path"] = x.Path
			if x.Line > 0 {
				a["line"] = x.Line
			}
		}
		list = append(list, a)
	}
	result := "FAILED"
	if n.Passed {
		result = "PASSED"
	}
	_, err = f.call(ctx, "PUT", path, map[string]any{
		"title": cut(n.Title, bitbucketSummary), "details": cut(n.Details, bitbucketDetails), "report_type": "BUG", "reporter": cut(n.Reporter, bitbucketSummary), "result": result,
		"data": []any{
			map[string]any{"title": "Errors", "type": "NUMBER", "value": counts["error"]},
			map[string]any{"title": "Warnings", "type": "NUMBER", "value": counts["warning"]},
		},
	}, nil)
	if err != nil {
		return left, err
	}
	for some := range slices.Chunk(list, bitbucketBatch) {
		if _, err := f.call(ctx, "POST", path+"/annotations", some, nil); err != nil {
			return left, err
		}
	}
	return left, nil
}

// cut shortens a text to so many characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
