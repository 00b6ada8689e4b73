package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine/forge"
	"github.com/lockstep-gitops/lockstep/engine/report"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A postBox takes what is posted to any service, and has nothing yet.
type postBox struct {
	posted  []string
	comment string // the first of them
}

func (p *postBox) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	answer := `[]`
	switch {
	case r.Method != http.MethodGet:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if p.posted, answer = append(p.posted, string(data)), `{}`; len(p.posted) == 1 {
			p.comment = string(data)
		}
	case strings.HasSuffix(r.URL.Path, "/user"), strings.HasSuffix(r.URL.Path, "connectionData"):
		answer = `{"id": 1, "login": "x", "uuid": "{x}"}`
	case strings.Contains(r.URL.Path, "/_apis/") || strings.Contains(r.URL.Path, "/repositories/"):
		answer = `{"value": [], "values": []}`
	}
	_, err := w.WriteString(answer)
	return w.Result(), err
}

// postApp is an app in the CI of a service.
func postApp(t *testing.T, service string) (*app, *postBox) {
	t.Helper()
	a, _, _ := corpusApp(t)
	box := &postBox{}
	env := map[string]string{
		"LOCKSTEP_PULL_REQUEST": "7", "GITHUB_REPOSITORY": "acme/config", "GITHUB_TOKEN": "t", "LOCKSTEP_TOKEN": "t", "CI_API_V4_URL": "https://gitlab.example/api/v4",
		"CI_PROJECT_ID": "1", "SYSTEM_COLLECTIONURI": "https://dev.azure.example/acme", "SYSTEM_TEAMPROJECT": "p", "BUILD_REPOSITORY_ID": "r", "SYSTEM_ACCESSTOKEN": "t", "BITBUCKET_REPO_FULL_NAME": "acme/config", "BITBUCKET_COMMIT": strings.Repeat("a", 40),
	}
	a.env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	a.transport = box
	return a, box
}

// postedText takes the text out of a service's payload.
func postedText(t *testing.T, payload string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(payload), &v); err != nil {
		t.Fatal(err)
	}
	longest := ""
	schema.Walk(v, func(_ string, v any) bool {
		if s, ok := v.(string); ok && len(s) > len(longest) {
			longest = s
		}
		return true
	})
	return longest
}

const hostile = "<script>alert(1)</script> @everyone `x` | ](https://evil.example) #1 \u202e <img src=x onerror=alert(1)>\n/close"

// What a change's author writes does nothing in a comment: no markup, no mention, no command.
func TestHostileComment(t *testing.T) {
	key := schema.Key{Type: "journey", Realm: "alpha", ID: hostile}
	r := &report.Report{Title: "Check", Checked: true, Compared: true,
		Findings:     schema.Diagnostics{{Code: "journey-dangling-connection", Severity: schema.Error, Key: key, Name: hostile, Message: hostile, Hint: hostile, Pos: schema.Pos{File: "a/" + hostile + ".json", Line: 3}}},
		Changes:      report.ViewsOf([]diff.Change{{Key: key, Name: hostile, Action: diff.Update, Items: []diff.Item{{Kind: "~", Subject: hostile, Detail: hostile}, {Kind: "~", Subject: "script", Text: []string{"+```", "+@everyone", "+/close"}}}}}),
		Environments: []report.EnvironmentStatus{{Name: "prod", MissingESVs: []string{hostile}, UnusedESVs: []string{hostile}}},
	}
	for _, service := range forge.Names() {
		a, box := postApp(t, service)
		if err := a.postReport(t.Context(), service, r, schema.Error); err != nil {
			t.Fatal(service, err)
		}
		text := postedText(t, box.comment)
		outside := true
		fence := ""
		for line := range strings.Lines(text) {
			if trimmed := strings.TrimSpace(line); strings.HasPrefix(trimmed, "```") && (fence == "" || trimmed == fence) {
				if fence == "" {
					fence = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
				} else {
					fence = ""
				}
				outside = fence == ""
				continue
			}
			if !outside {
				continue
			}
			for _, bad := range []string{"<script", "<img", "@everyone", "](https://evil", " #1", "\u202e"} {
				if strings.Contains(line, bad) {
					t.Errorf("%s: %q in %q", service, bad, line)
				}
			}
			if strings.HasPrefix(line, "/") {
				t.Errorf("%s: a command: %q", service, line)
			}
		}
		if !outside {
			t.Errorf("%s: a fence stays open", service)
		}
	}
}

// A comment on 2,000 changes stays under each service's limit, tells the important first, and no table or fence is
// cut in the middle.
func TestLargeComment(t *testing.T) {
	r := &report.Report{Title: "Check", Checked: true, Compared: true}
	for i := range 2000 {
		name := fmt.Sprintf("Journey %04d", i)
		r.Changes = append(r.Changes, report.ChangeView{Change: diff.Change{Key: schema.Key{Type: "journey", Realm: "alpha", ID: name}, Name: name, Action: diff.Update,
			Items: []diff.Item{{Kind: "~", Subject: "LDAP Decision", Detail: "outcome FALSE: Failure → Retry Limit Decision"}, {Kind: "~", Subject: "script", Text: []string{"-a", "+b"}}}}})
		r.Findings = append(r.Findings, schema.Diagnostic{Code: "cors-wildcard-origin", Severity: schema.Warning, Message: fmt.Sprintf("a warning about %s", name), Pos: schema.Pos{File: name + ".json", Line: 1}})
	}
	r.Findings = append(r.Findings, schema.Diagnostic{Code: "journey-dangling-connection", Severity: schema.Error, Message: "the one error", Pos: schema.Pos{File: "z.json", Line: 1}})
	for i := range 40 {
		r.Environments = append(r.Environments, report.EnvironmentStatus{Name: fmt.Sprintf("env%d", i), MissingESVs: []string{"esv-email-from"}})
	}
	limits := map[string]int{"github": 65_536, "gitlab": 1_000_000, "azure": 150_000, "bitbucket": 32_768}
	for _, service := range forge.Names() {
		a, box := postApp(t, service)
		if err := a.postReport(t.Context(), service, r, schema.Error); err != nil {
			t.Fatal(service, err)
		}
		text := postedText(t, box.comment)
		if len(text) > limits[service] || len(text) < 10_000 {
			t.Errorf("%s: %d bytes", service, len(text))
		}
		title, rest := strings.Index(text, "### ❌"), strings.Index(text, "the one error")
		if title < 0 || rest < title || !strings.Contains(text, "esv-email-from") || !strings.Contains(text, "LDAP Decision") || !strings.Contains(text, "more resources that differ") || !strings.Contains(text, "more findings") {
			t.Errorf("%s: something is missing\n%.3000s", service, text)
		}
		if first := strings.Index(text, "a warning about"); first >= 0 && first < rest {
			t.Errorf("%s: a warning comes before the error", service)
		}
		if strings.Count(text, "\n```")%2 != 0 || strings.Count(text, "<details>") != strings.Count(text, "</details>") {
			t.Errorf("%s: a block is cut", service)
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5 {
				t.Errorf("%s: a row is cut: %q", service, line)
			}
		}
		if service == "bitbucket" && strings.ContainsAny(text, "<>") {
			t.Errorf("bitbucket shows HTML as text: %.300q", text[strings.IndexAny(text, "<>"):])
		}
	}
}

// An issue tells what is new, and says nothing when nothing is.
func TestDriftIssue(t *testing.T) {
	item := func(id, text string, accepted bool) report.DriftItem {
		return report.DriftItem{Label: "alpha/script/" + id, Key: schema.Key{Type: "script", Realm: "alpha", ID: id}, Text: text, Accepted: accepted}
	}
	view := func(items ...report.DriftItem) report.DriftView {
		return report.DriftView{Environment: "prod", Source: "git abc", Resources: 9, Items: items}
	}
	r := &report.Report{Title: "Drift", Commit: strings.Repeat("a", 40), Tool: "lockstep 1"}
	for _, service := range forge.Names() {
		one := driftIssue(r, view(item("a", "x 1 → 2", false)), service)
		if !one.Open || !strings.Contains(one.Body, one.Marker) || !strings.Contains(one.Body, "alpha/script/a") {
			t.Errorf("%+v", one)
		}
		other := &report.Report{Title: "Drift", Commit: strings.Repeat("b", 40), Tool: "lockstep 2"}
		if again := driftIssue(other, view(item("a", "x 1 → 2", false)), service); again.Body != one.Body || again.News(one.Body) != "" {
			t.Errorf("the same drift is told again: %q", again.News(one.Body))
		}
		two := driftIssue(r, view(item("a", "x 1 → 2", false), item("b", "gone", false)), service)
		if news := two.News(one.Body); !strings.Contains(news, "alpha/script/b") || strings.Contains(news, "alpha/script/a") {
			t.Errorf("news %q", news)
		}
		if changed := driftIssue(r, view(item("a", "x 1 → 3", false)), service); !strings.Contains(changed.News(one.Body), "alpha/script/a") {
			t.Errorf("a value that drifted further is no news")
		}
		if done := driftIssue(r, view(item("a", "x 1 → 2", true)), service); done.Open || done.News(one.Body) != "" {
			t.Errorf("accepted drift keeps the issue open")
		}
	}
}

// The command reads a file, and posts what stands in it.
func TestCommentCommand(t *testing.T) {
	a, box := postApp(t, "github")
	a.chdir = t.TempDir()
	if err := os.WriteFile(filepath.Join(a.chdir, "report.md"), []byte(report.Marker+"\n### fine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := a.run(t.Context(), []string{"-C", a.chdir, "comment", "--to", "github", "--file", "report.md", "--id", "x"}); code != 0 {
		t.Fatal(code)
	}
	if text := postedText(t, box.posted[0]); text != "[//]: # (lockstep-report-x)\n\n### fine\n" {
		t.Errorf("%q", text)
	}
	for _, args := range [][]string{{"--to", "githib", "--file", "report.md"}, {"--to", "github", "--file", "no.md"}, {"--to", "github"}, {"--to", "github", "--file", "report.md", "--id", "a b"}, {"--file", "report.md"}} {
		if code := a.run(t.Context(), append([]string{"-C", a.chdir, "comment"}, args...)); code != exitFailed {
			t.Errorf("%q: %d", args, code)
		}
	}
}
