package forge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/lockstep-gitops/lockstep/engine/forge"
)

const token = "t0ken-that-must-not-show"

// A standIn answers as a service documents, and refuses what it does not know: paths, members, tokens.
type standIn struct {
	t    *testing.T
	name string

	mu     sync.Mutex
	texts  []*text // comments
	issues []*text
	news   []string
	writes int
	faults []int // statuses of the next answers
	report map[string]any
	notes  []map[string]any
	seen   map[string]bool // requests that had a body as documented
}

type text struct {
	id          int
	title, body string
	mine, open  bool
}

func (s *standIn) fail(w http.ResponseWriter, status int, format string, args ...any) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"message": %q}`, fmt.Sprintf(format, args...))
	if status == http.StatusNotImplemented {
		s.t.Errorf(format, args...)
	}
}

// requests are the documented requests: testdata/requests.json has a schema for each, and where it comes from.
var requests = sync.OnceValue(func() map[string]*jsonschema.Schema {
	data, err := os.ReadFile("testdata/requests.json")
	if err != nil {
		panic(err)
	}
	var file struct {
		Requests map[string]json.RawMessage `json:"requests"`
		Defs     json.RawMessage            `json:"$defs"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		panic(err)
	}
	out := map[string]*jsonschema.Schema{}
	for key, s := range file.Requests {
		whole := fmt.Sprintf(`{"$defs": %s, "allOf": [%s]}`, file.Defs, s)
		out[key] = jsonschema.MustCompileString("request.json", whole)
	}
	return out
})

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	auth := map[string]string{"github": "Bearer " + token, "azure": "Bearer " + token, "bitbucket": "Bearer " + token}[s.name]
	if s.name == "gitlab" && r.Header.Get("Private-Token") != token || s.name != "gitlab" && r.Header.Get("Authorization") != auth {
		s.fail(w, 401, "bad credentials %s", token)
		return
	}
	if len(s.faults) > 0 {
		status := s.faults[0]
		s.faults = s.faults[1:]
		w.Header().Set("Retry-After", "30")
		s.fail(w, status, "not now")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.fail(w, 400, "%v", err)
		return
	}
	var in map[string]any
	path, n := r.URL.Path, 0
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i > 0 && n == 0; i-- {
		if v, err := strconv.Atoi(parts[i]); err == nil && v >= 100 {
			n, parts[i] = v, "N"
		}
	}
	key := s.name + " " + r.Method + " " + strings.Join(parts, "/")
	if len(body) > 0 {
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			s.fail(w, 400, "no JSON: %v", err)
			return
		}
		if requests()[key] == nil {
			s.fail(w, 501, "the service documents no %s", key)
			return
		}
		if err := requests()[key].Validate(v); err != nil {
			s.fail(w, 501, "%s: not as the service documents it: %#v", key, err)
			return
		}
		s.seen[key] = true
		in, _ = v.(map[string]any)
	}
	if s.name == "azure" && !strings.HasPrefix(r.URL.Query().Get("api-version"), "7.1") {
		s.fail(w, 400, "api-version is missing")
		return
	}
	s.route(w, r, key, n, in, body)
}

func str(m map[string]any, path ...string) string {
	var v any = m
	for _, p := range path {
		o, _ := v.(map[string]any)
		v = o[p]
	}
	out, _ := v.(string)
	return out
}

func (s *standIn) route(w http.ResponseWriter, r *http.Request, key string, n int, in map[string]any, body []byte) {
	content := func() string {
		if c := str(in, "content", "raw"); c != "" {
			return c
		}
		for _, m := range []string{"body", "description", "content"} {
			if c := str(in, m); c != "" {
				return c
			}
		}
		return ""
	}
	list := &s.texts
	if strings.Contains(key, "/issues") && !strings.Contains(key, "issues/7/comments") && !strings.Contains(key, "issues/comments") {
		list = &s.issues
	}
	switch {
	case strings.Contains(key, "/commit/"):
		s.insights(w, r, key, in, body)
	case strings.HasSuffix(key, " /user"):
		if s.name == "github" { // Actions' own token may not ask
			s.fail(w, 403, "Resource not accessible by integration")
			return
		}
		s.write(w, map[string]any{"id": 5, "uuid": "{me}"})
	case strings.HasSuffix(key, "connectionData"):
		s.write(w, map[string]any{"authenticatedUser": map[string]any{"id": "me"}})
	case strings.Contains(key, "/_apis/wit/"):
		s.workItems(w, r, key, n, in, body)
	case r.Method == http.MethodGet:
		s.list(w, r, *list)
	case r.Method == http.MethodPost && (strings.HasSuffix(key, "/N/comments") || strings.HasSuffix(key, "/N/notes")):
		s.news = append(s.news, content())
		s.write(w, map[string]any{})
	case r.Method == http.MethodPost:
		t := &text{id: 100 + len(s.texts) + 50*len(s.issues), title: str(in, "title"), body: content(), mine: true, open: true}
		if s.name == "azure" {
			t.body = str(in["comments"].([]any)[0].(map[string]any), "content")
		}
		*list = append(*list, t)
		s.writes++
		w.WriteHeader(http.StatusCreated)
		s.write(w, s.show(t))
	case requests()[key] != nil:
		for _, t := range *list {
			if t.id == n {
				t.body, t.title = content(), str(in, "title")
				if str(in, "state") != "" || str(in, "state_event") != "" {
					t.open = false
				}
				s.writes++
				s.write(w, s.show(t))
				return
			}
		}
		s.fail(w, 404, "no %d", n)
	default:
		s.fail(w, 501, "the service documents no %s", key)
	}
}

// insights are Bitbucket's reports on a commit. There is none to be deleted at first.
func (s *standIn) insights(w http.ResponseWriter, r *http.Request, key string, in map[string]any, body []byte) {
	switch {
	case r.Method == http.MethodDelete && s.report == nil:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		s.report, s.notes = nil, nil
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		s.report = in
		s.write(w, in)
	case s.report == nil:
		s.fail(w, 404, "no report to put annotations on")
	default:
		var list []map[string]any
		if err := json.Unmarshal(body, &list); err != nil {
			s.t.Error(err)
		}
		if s.notes = append(s.notes, list...); len(s.notes) > 1000 {
			s.fail(w, 501, "%s: a report has 1000 annotations at most", key)
			return
		}
		s.write(w, list)
	}
}

// workItems are Azure's issues: queried in WIQL, changed by JSON Patch.
func (s *standIn) workItems(w http.ResponseWriter, r *http.Request, key string, n int, in map[string]any, body []byte) {
	if strings.HasSuffix(key, "/wiql") {
		var ids []any
		for _, t := range s.issues {
			if t.open && strings.Contains(str(in, "query"), "lockstep-drift-"+strings.TrimPrefix(t.title, "Drift ")) {
				ids = append(ids, map[string]any{"id": t.id})
			}
		}
		s.write(w, map[string]any{"workItems": ids})
		return
	}
	var t *text
	for _, x := range s.issues {
		if x.id == n {
			t = x
		}
	}
	if r.Method == http.MethodGet && t != nil {
		s.write(w, s.show(t))
		return
	}
	if r.Header.Get("Content-Type") != "application/json-patch+json" {
		s.fail(w, 415, "a work item takes application/json-patch+json")
		return
	}
	var ops []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal(body, &ops); err != nil {
		s.fail(w, 400, "%v", err)
		return
	}
	if r.Method == http.MethodPost {
		if !strings.HasSuffix(r.URL.Path, "/workitems/$Issue") {
			s.fail(w, 501, "%s", key)
			return
		}
		t = &text{id: 100 + len(s.issues), mine: true, open: true}
		s.issues = append(s.issues, t)
	}
	for _, op := range ops {
		value := fmt.Sprint(op.Value)
		switch op.Path {
		case "/fields/System.Title":
			t.title = value
		case "/fields/System.Description":
			t.body = value
		case "/fields/System.History":
			s.news = append(s.news, value)
		case "/fields/System.State":
			t.open = false
		case "/fields/System.Tags", "/multilineFieldsFormat/System.Description":
		default:
			s.fail(w, 501, "no field %s", op.Path)
			return
		}
	}
	s.writes++
	s.write(w, s.show(t))
}

func (s *standIn) write(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}

func (s *standIn) show(t *text) map[string]any {
	user := map[string]any{"login": "somebody", "type": "User", "id": 9, "uuid": "{other}"}
	if t.mine {
		user = map[string]any{"login": "github-actions[bot]", "type": "Bot", "id": 5, "uuid": "{me}"}
	}
	return map[string]any{
		"id": t.id, "number": t.id, "iid": t.id, "title": t.title, "body": t.body, "description": t.body, "content": map[string]any{"raw": t.body},
		"user": user, "author": user, "reporter": user, "html_url": fmt.Sprintf("https://forge.example/%d", t.id),
		"fields": map[string]any{"System.Title": t.title, "System.Description": t.body},
	}
}

// list answers in pages of one, each service in its own way.
func (s *standIn) list(w http.ResponseWriter, r *http.Request, texts []*text) {
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	page = max(page, 1)
	if s.name == "azure" {
		var threads []any
		for _, t := range texts {
			who := "somebody"
			if t.mine {
				who = "me"
			}
			threads = append(threads, map[string]any{"id": t.id, "comments": []any{map[string]any{"id": 1, "content": t.body, "author": map[string]any{"id": who}}}})
		}
		s.write(w, map[string]any{"value": threads})
		return
	}
	var open []any
	for _, t := range texts {
		if t.open {
			open = append(open, s.show(t))
		}
	}
	one, next := open, ""
	if page <= len(open) {
		one = open[page-1 : page]
		if page < len(open) {
			q := r.URL.Query()
			q.Set("page", strconv.Itoa(page+1))
			next = "http://" + r.Host + r.URL.EscapedPath() + "?" + q.Encode()
		}
	}
	if s.name == "bitbucket" {
		s.write(w, map[string]any{"values": one, "next": next})
		return
	}
	if next != "" {
		w.Header().Set("Link", `<http://`+r.Host+`/other>; rel="prev", <`+next+`>; rel="next"`)
	}
	if one == nil {
		one = []any{}
	}
	s.write(w, one)
}

// inProcess hands requests to a handler without a network.
type inProcess struct{ h http.Handler }

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = io.NopCloser(bytes.NewReader(nil))
	}
	t.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func environment(t *testing.T, name string) map[string]string {
	t.Helper()
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"pull_request": {"number": 7}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]map[string]string{
		"github":    {"GITHUB_ACTIONS": "true", "GITHUB_API_URL": "http://127.0.0.1:1", "GITHUB_REPOSITORY": "acme/config", "GITHUB_TOKEN": token, "GITHUB_EVENT_PATH": event},
		"gitlab":    {"GITLAB_CI": "true", "CI_API_V4_URL": "http://127.0.0.1:1", "CI_PROJECT_ID": "12", "CI_MERGE_REQUEST_IID": "7", "LOCKSTEP_TOKEN": token},
		"azure":     {"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "http://127.0.0.1:1/", "SYSTEM_TEAMPROJECT": "acme project", "BUILD_REPOSITORY_ID": "r-1", "SYSTEM_PULLREQUEST_PULLREQUESTID": "7", "SYSTEM_ACCESSTOKEN": token},
		"bitbucket": {"BITBUCKET_BUILD_NUMBER": "3", "LOCKSTEP_API_URL": "http://127.0.0.1:1", "BITBUCKET_REPO_FULL_NAME": "acme/config", "BITBUCKET_PR_ID": "7", "BITBUCKET_COMMIT": "c0ffee", "LOCKSTEP_TOKEN": token},
	}[name]
}

func lookup(env map[string]string) forge.Lookup {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func open(t *testing.T, name string) (*forge.Forge, *standIn) {
	t.Helper()
	s := &standIn{t: t, name: name, seen: map[string]bool{}}
	env := environment(t, name)
	if got := forge.Detect(lookup(env)); got != name {
		t.Errorf("detected %q", got)
	}
	f, err := forge.New(name, lookup(env), forge.Options{Transport: inProcess{s}})
	if err != nil {
		t.Fatal(err)
	}
	return f, s
}

func forAll(t *testing.T, do func(t *testing.T, f *forge.Forge, s *standIn)) {
	if len(forge.Names()) != 4 {
		t.Fatal(forge.Names())
	}
	for _, name := range forge.Names() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, s := open(t, name)
				do(t, f, s)
			})
		})
	}
}

const mark = "[//]: # (lockstep-report)"

func TestComment(t *testing.T) {
	forAll(t, func(t *testing.T, f *forge.Forge, s *standIn) {
		// Somebody else's, with the marker, and others: left alone, on whatever page they are.
		s.texts = []*text{{id: 200, body: mark + " theirs", open: true}, {id: 201, body: "mine, without", mine: true, open: true}}
		for i, body := range []string{"first", "first", "second"} {
			if _, err := f.Comment(t.Context(), mark, mark+"\n"+body); err != nil {
				t.Fatal(err)
			}
			if want := []int{1, 1, 2}[i]; s.writes != want {
				t.Errorf("%s: %d writes, want %d", body, s.writes, want)
			}
		}
		if len(s.texts) != 3 || s.texts[2].body != mark+"\nsecond" || s.texts[0].body != mark+" theirs" {
			t.Errorf("%+v", s.texts)
		}
		if _, err := f.Comment(t.Context(), mark, "without marker"); err != nil || s.texts[2].body != mark+"\nwithout marker" {
			t.Errorf("%v %q", err, s.texts[2].body)
		}
		if _, err := f.Comment(t.Context(), mark, strings.Repeat("x", f.Limit+1)); err == nil || !strings.Contains(err.Error(), "takes") {
			t.Errorf("a text that is too long: %v", err)
		}
	})
}

func TestIssue(t *testing.T) {
	forAll(t, func(t *testing.T, f *forge.Forge, s *standIn) {
		issue := func(env, body string, open bool) {
			t.Helper()
			i := forge.Issue{Marker: "[//]: # (lockstep-drift-" + env + ")", Title: "Drift " + env, Body: "[//]: # (lockstep-drift-" + env + ")\n" + body, Open: open,
				News: func(old string) string {
					if strings.Contains(old, "one") && strings.Contains(body, "two") {
						return "two is new"
					}
					return ""
				}}
			if _, err := f.Issue(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		issue("prod", "", false) // nothing to close
		if s.writes != 0 {
			t.Fatalf("%d writes for nothing", s.writes)
		}
		issue("prod", "one", true)
		issue("staging", "one", true)
		issue("prod", "one", true) // nothing new: nothing is written
		if s.writes != 2 || len(s.issues) != 2 || len(s.news) != 0 {
			t.Fatalf("%d writes, %d issues, news %q", s.writes, len(s.issues), s.news)
		}
		issue("prod", "one and two", true)
		if s.writes != 3 || !reflect.DeepEqual(s.news, []string{"two is new"}) {
			t.Errorf("%d writes, news %q", s.writes, s.news)
		}
		issue("prod", "all is well", false)
		if s.issues[0].open || !s.issues[1].open || len(s.issues) != 2 {
			t.Errorf("%+v %+v", s.issues[0], s.issues[1])
		}
		issue("prod", "one", true) // again: a new one
		if len(s.issues) != 3 {
			t.Errorf("%d issues", len(s.issues))
		}
	})
}

// What is sent is what each service documents, at its largest too, and nothing in the table goes untried.
func TestRequestsAreAsDocumented(t *testing.T) {
	forAll(t, func(t *testing.T, f *forge.Forge, s *standIn) {
		const drift = "[//]: # (lockstep-drift-prod)"
		long := mark + drift + strings.Repeat("ü", f.Limit/2-100)
		for _, end := range []string{"", "."} { // made, then edited
			if _, err := f.Comment(t.Context(), mark, long+end); err != nil {
				t.Fatal(err)
			}
		}
		for i, end := range []string{"", ".", "closed"} {
			_, err := f.Issue(t.Context(), forge.Issue{Marker: drift, Title: "Drift prod", Body: long + end, Open: i < 2, News: func(string) string { return long }})
			if err != nil {
				t.Fatal(err)
			}
		}
		n := forge.Notes{ID: "lockstep", Title: long, Details: long, Reporter: "lockstep 1.0.0"}
		for i := range 1234 {
			n.List = append(n.List, forge.Note{ID: fmt.Sprint(i), Path: "a b/ü.json", Line: i, Severity: []string{"error", "warning", "info"}[i%3], Summary: long, Details: long})
		}
		n.List = append(n.List, forge.Note{ID: "no place", Severity: "error", Summary: "s"})
		left, err := f.Annotate(t.Context(), n)
		if err != nil || s.name == "bitbucket" && left != 235 {
			t.Errorf("%d left, %v", left, err)
		}
		tried := 0
		for key := range requests() {
			if strings.HasPrefix(key, s.name+" ") {
				if tried++; !s.seen[key] {
					t.Errorf("nobody tries %s", key)
				}
			}
		}
		if tried < 4 {
			t.Errorf("only %d requests of %s are documented", tried, s.name)
		}
	})
}

// A finding that is mended leaves the commit.
func TestAnnotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := open(t, "bitbucket")
		n := forge.Notes{ID: "lockstep", Title: "Lockstep", Details: "2 errors", Reporter: "lockstep", List: []forge.Note{
			{ID: "a", Path: "x.json", Line: 3, Severity: "error", Summary: "broken", Details: "mend it"}, {ID: "b", Path: "x.json", Severity: "info", Summary: "so so"},
		}}
		if _, err := f.Annotate(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		if len(s.notes) != 2 || s.notes[0]["line"] != 3.0 || s.notes[0]["severity"] != "HIGH" || s.notes[1]["result"] != "PASSED" || s.report["result"] != "FAILED" {
			t.Errorf("%v %v", s.report, s.notes)
		}
		s.faults = []int{429, 503}
		if _, err := f.Annotate(t.Context(), forge.Notes{ID: "lockstep", Title: "Lockstep", Details: "nothing", Reporter: "lockstep", Passed: true}); err != nil {
			t.Fatal(err)
		}
		if len(s.notes) != 0 || s.report["result"] != "PASSED" {
			t.Errorf("%v %v", s.report, s.notes)
		}
	})
}

func TestRetries(t *testing.T) {
	forAll(t, func(t *testing.T, f *forge.Forge, s *standIn) {
		s.faults = []int{429, 503, 502}
		if _, err := f.Comment(t.Context(), mark, "text"); err != nil || len(s.texts) != 1 {
			t.Errorf("%v, %d comments", err, len(s.texts))
		}
		s.faults = []int{500, 500, 500, 500, 500, 500}
		if _, err := f.Comment(t.Context(), mark, "text 2"); err == nil || !strings.Contains(err.Error(), "500") {
			t.Errorf("%v", err)
		}
		s.faults = []int{401}
		_, err := f.Comment(t.Context(), mark, "text 2")
		if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "forks") {
			t.Errorf("%v", err)
		}
	})
}

func TestNew(t *testing.T) {
	for _, name := range forge.Names() {
		env := environment(t, name)
		for k := range env {
			if strings.HasPrefix(k, "GITHUB_ACTIONS") || k == "GITLAB_CI" || k == "TF_BUILD" || k == "BITBUCKET_BUILD_NUMBER" {
				continue
			}
			less := map[string]string{}
			for x, v := range env {
				if x != k {
					less[x] = v
				}
			}
			f, err := forge.New(name, lookup(less), forge.Options{Transport: inProcess{http.NotFoundHandler()}})
			if err == nil {
				_, err = f.Comment(t.Context(), mark, "x") // the pull request is asked for then
			}
			if err == nil || strings.Contains(err.Error(), token) {
				t.Errorf("%s without %s: %v", name, k, err)
			}
		}
	}
	env := environment(t, "github")
	env["GITHUB_API_URL"] = "http://api.evil.example"
	if _, err := forge.New("github", lookup(env), forge.Options{}); err == nil || !strings.Contains(err.Error(), "in the clear") {
		t.Errorf("a token over http: %v", err)
	}
	if _, err := forge.New("sourcehut", lookup(env), forge.Options{}); err == nil {
		t.Error("a service that is not known")
	}
	if got := forge.Detect(func(string) (string, bool) { return "", false }); got != "" {
		t.Errorf("%q", got)
	}
}

// A next page on another host would get the token.
func TestNextPageElsewhere(t *testing.T) {
	env := environment(t, "github")
	asked := ""
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Host
		w.Header().Set("Link", `<http://evil.example/next>; rel="next"`)
		_, _ = io.WriteString(w, "[]")
	})
	f, err := forge.New("github", lookup(env), forge.Options{Transport: inProcess{h}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Comment(t.Context(), mark, "x"); err == nil || asked == "evil.example" {
		t.Errorf("%v, asked %s", err, asked)
	}
}
