package forge

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// azure speaks the REST API of Azure DevOps, version 7.1: pull request threads and work items
// (learn.microsoft.com/rest/api/azure/devops).
type azure struct{ project, repo, pull, kind string }

const azureVersion = "api-version=7.1"

func newAzure(f *Forge, v *variables) {
	f.Limit = 140_000 // 150,000 characters
	f.base = strings.TrimSuffix(v.need("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"), "/")
	v.hint = "In a pipeline: env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}, and let the build service contribute to pull requests."
	a := &azure{project: v.need("SYSTEM_TEAMPROJECT"), repo: v.get("BUILD_REPOSITORY_ID"), pull: v.get("LOCKSTEP_PULL_REQUEST", "SYSTEM_PULLREQUEST_PULLREQUESTID"), kind: v.get("LOCKSTEP_WORK_ITEM_TYPE")}
	if a.kind == "" {
		a.kind = "Issue"
	}
	// A job's token goes as bearer; a personal one, as a password without a name.
	if pat := v.get("AZURE_DEVOPS_EXT_PAT"); pat != "" && v.token == "" && v.get("SYSTEM_ACCESSTOKEN") == "" {
		f.headers.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(":"+pat)))
	} else {
		f.headers.Set("Authorization", "Bearer "+v.secret("SYSTEM_ACCESSTOKEN", "AZURE_DEVOPS_EXT_PAT"))
	}
	f.api = a
}

type azureThreads struct {
	Value []struct {
		ID        int64 `json:"id"`
		IsDeleted bool  `json:"isDeleted"`
		Comments  []struct {
			ID        int64  `json:"id"`
			Content   string `json:"content"`
			IsDeleted bool   `json:"isDeleted"`
			Author    struct {
				ID string `json:"id"`
			} `json:"author"`
		} `json:"comments"`
	} `json:"value"`
}

// me is the identity behind the token.
func (a *azure) me(ctx context.Context, f *Forge) (string, error) {
	var d struct {
		AuthenticatedUser struct {
			ID string `json:"id"`
		} `json:"authenticatedUser"`
	}
	_, err := f.call(ctx, "GET", "/_apis/connectionData?"+"api-version=7.1-preview.1", nil, &d)
	return d.AuthenticatedUser.ID, err
}

func (a *azure) comment(ctx context.Context, f *Forge, marker, body string) (string, error) {
	if a.pull == "" || a.repo == "" {
		return "", fmt.Errorf("which pull request? This run belongs to none; LOCKSTEP_PULL_REQUEST and BUILD_REPOSITORY_ID name one")
	}
	me, err := a.me(ctx, f)
	if err != nil {
		return "", err
	}
	path := fmt.Sprintf("/%s/_apis/git/repositories/%s/pullRequests/%s/threads", url.PathEscape(a.project), url.PathEscape(a.repo), url.PathEscape(a.pull))
	var threads azureThreads
	if _, err := f.call(ctx, "GET", path+"?"+azureVersion, nil, &threads); err != nil {
		return "", err
	}
	for _, t := range threads.Value {
		if t.IsDeleted || len(t.Comments) == 0 {
			continue
		}
		c := t.Comments[0]
		if c.IsDeleted || c.Author.ID != me || !strings.Contains(c.Content, marker) {
			continue
		}
		if c.Content == body {
			return "", nil
		}
		_, err := f.call(ctx, "PATCH", fmt.Sprintf("%s/%d/comments/%d?%s", path, t.ID, c.ID, azureVersion), map[string]any{"content": body, "commentType": "text"}, nil)
		return "", err
	}
	// "closed": a note, not a question that keeps the pull request from being completed.
	_, err = f.call(ctx, "POST", path+"?"+azureVersion, map[string]any{
		"comments": []any{map[string]any{"parentCommentId": 0, "content": body, "commentType": "text"}}, "status": "closed",
	}, nil)
	return "", err
}

// issue keeps a work item. Its kind depends on the project's process: Issue in Basic and Agile, else
// LOCKSTEP_WORK_ITEM_TYPE says.
func (a *azure) issue(ctx context.Context, f *Forge, i Issue) (string, error) {
	project := "/" + url.PathEscape(a.project)
	var found struct {
		WorkItems []struct {
			ID int64 `json:"id"`
		} `json:"workItems"`
	}
	tag := tagOf(i.Marker)
	query := fmt.Sprintf("SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project AND [System.Tags] CONTAINS '%s' AND [System.State] <> 'Done' AND [System.State] <> 'Closed' AND [System.State] <> 'Removed'", tag)
	if _, err := f.call(ctx, "POST", project+"/_apis/wit/wiql?"+azureVersion, map[string]string{"query": query}, &found); err != nil {
		return "", err
	}
	set := func(field string, value any) map[string]any {
		return map[string]any{"op": "add", "path": "/fields/" + field, "value": value}
	}
	fields := []map[string]any{
		set("System.Title", i.Title), set("System.Description", i.Body), set("System.Tags", "lockstep-drift; "+tag),
		{"op": "add", "path": "/multilineFieldsFormat/System.Description", "value": "Markdown"},
	}
	var out struct {
		Links struct {
			HTML struct {
				Href string `json:"href"`
			} `json:"html"`
		} `json:"_links"`
	}
	if len(found.WorkItems) > 0 {
		item := fmt.Sprintf("%s/_apis/wit/workitems/%d?%s", project, found.WorkItems[0].ID, azureVersion)
		if !i.Open {
			fields = append(fields, set("System.State", "Done"))
			_, err := f.call(ctx, "PATCH", item, fields, &out)
			if e, ok := err.(*Error); ok && e.Status == http.StatusBadRequest { // Agile and Scrum call it otherwise
				fields[len(fields)-1] = set("System.State", "Closed")
				_, err = f.call(ctx, "PATCH", item, fields, &out)
			}
			return out.Links.HTML.Href, err
		}
		var was struct {
			Fields struct {
				Title       string `json:"System.Title"`
				Description string `json:"System.Description"`
			} `json:"fields"`
		}
		if _, err := f.call(ctx, "GET", item, nil, &was); err != nil {
			return "", err
		}
		if was.Fields.Title == i.Title && was.Fields.Description == i.Body {
			return "", nil
		}
		if news := i.news(was.Fields.Description); news != "" {
			fields = append(fields, set("System.History", news))
		}
		_, err := f.call(ctx, "PATCH", item, fields, &out)
		return out.Links.HTML.Href, err
	}
	if !i.Open {
		return "", nil
	}
	_, err := f.call(ctx, "POST", project+"/_apis/wit/workitems/$"+url.PathEscape(a.kind)+"?"+azureVersion, json.RawMessage(mustJSON(fields)), &out)
	return out.Links.HTML.Href, err
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("forge: " + err.Error()) // strings and maps of them
	}
	return b
}

// tagOf makes a tag of a marker: letters, digits and dashes, so that it means nothing in a query.
func tagOf(marker string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, marker), "-")
}
