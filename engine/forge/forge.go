// Package forge posts to the services that host repositories: one comment on a pull request, kept up to date, and
// one issue per subject, opened, refreshed and closed. It speaks the REST APIs of GitHub, GitLab, Azure DevOps and
// Bitbucket Cloud, and knows nothing of Lockstep. What it posts is taken as it is: whoever makes the text has made
// it harmless.
//
// A text carries a marker, by which the next run finds it. Only texts of the token's own making are edited where
// the service says who made them; a comment of somebody else's that repeats the marker is left alone.
package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Lookup reads one variable of the environment; os.LookupEnv is one.
type Lookup func(name string) (string, bool)

// A Forge is one service, one repository and, for comments, one pull request.
type Forge struct {
	Name  string // "github"
	Limit int    // bytes that a text may have

	base    string // of the API, without a slash at the end
	headers http.Header
	client  *http.Client
	retries int
	api     api
}

// api is what differs between services.
type api interface {
	comment(ctx context.Context, f *Forge, marker, body string) (address string, err error)
	issue(ctx context.Context, f *Forge, i Issue) (address string, err error)
}

// An Issue is the wanted state of one issue.
type Issue struct {
	Marker string // stands in the body, and is found again
	Title  string
	Body   string
	Open   bool // false closes the issue if there is one, with Body as the last word
	// News, if set, is asked when an open issue is refreshed: what a comment should tell of, given the body that the
	// issue had. "" means nothing. An edit notifies nobody; a comment does.
	News func(old string) string
}

// Notes are what to show beside the lines of a commit's files.
type Notes struct {
	ID, Title, Details, Reporter string
	Passed                       bool
	List                         []Note // the important first
}

// A Note is one of them.
type Note struct {
	ID       string // no two have the same
	Path     string // from the repository's root; "" when there is none
	Line     int    // from 1; 0 means the file
	Severity string // "error", "warning" or "info"
	Summary  string // plain text
	Details  string
}

// annotator is an api that takes notes. Others read them from a log or a file.
type annotator interface {
	annotate(ctx context.Context, f *Forge, n Notes) (left int, err error)
}

// Options say how to reach a service.
type Options struct {
	Transport http.RoundTripper // nil means the network
	Retries   int               // after the first attempt; 4 when zero, none when negative
	Token     string            // instead of the environment's
}

// Names lists the services.
func Names() []string { return []string{"azure", "bitbucket", "github", "gitlab"} }

// Detect names the service whose CI this is; "" when it is none of them.
func Detect(env Lookup) string {
	for _, s := range []struct{ name, variable string }{
		{"github", "GITHUB_ACTIONS"}, {"gitlab", "GITLAB_CI"}, {"azure", "TF_BUILD"}, {"bitbucket", "BITBUCKET_BUILD_NUMBER"},
	} {
		if v, _ := env(s.variable); v != "" {
			return s.name
		}
	}
	return ""
}

// New finds the repository, the pull request and the token in the variables that the service's CI sets. The error
// names what is missing; no error and no log holds the token.
func New(name string, env Lookup, o Options) (*Forge, error) {
	f := &Forge{Name: name, headers: http.Header{"User-Agent": {"lockstep"}, "Accept": {"application/json"}}, retries: o.Retries}
	if f.retries == 0 {
		f.retries = 4
	}
	f.client = &http.Client{Transport: o.Transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	v := &variables{env: env, token: o.Token}
	switch name {
	case "github":
		newGitHub(f, v)
	case "gitlab":
		newGitLab(f, v)
	case "azure":
		newAzure(f, v)
	case "bitbucket":
		newBitbucket(f, v)
	default:
		return nil, fmt.Errorf("there is no service %q: %s", name, strings.Join(Names(), ", "))
	}
	if len(v.missing) > 0 {
		return nil, fmt.Errorf("%s: not set: %s\n%s", name, strings.Join(v.missing, ", "), v.hint)
	}
	u, err := url.Parse(f.base)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("%s: the address of the API is no https address: the token would travel in the clear", name)
	}
	return f, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// variables reads the environment, and remembers what is missing.
type variables struct {
	env     Lookup
	token   string
	missing []string
	hint    string
}

// get gives the first that is set.
func (v *variables) get(names ...string) string {
	for _, n := range names {
		if s, _ := v.env(n); strings.TrimSpace(s) != "" {
			return strings.TrimSpace(s)
		}
	}
	return ""
}

func (v *variables) need(names ...string) string {
	s := v.get(names...)
	if s == "" {
		v.missing = append(v.missing, strings.Join(names, " or "))
	}
	return s
}

func (v *variables) secret(names ...string) string {
	if v.token != "" {
		return v.token
	}
	return v.need(names...)
}

// Comment makes sure that the pull request has one comment with the marker, and that it says body. It gives the
// comment's address, where the service tells it.
func (f *Forge) Comment(ctx context.Context, marker, body string) (string, error) {
	body, err := f.fit(marker, body)
	if err != nil {
		return "", err
	}
	address, err := f.api.comment(ctx, f, marker, body)
	if err != nil {
		return "", fmt.Errorf("comment on %s: %w", f.Name, err)
	}
	return address, nil
}

// Issue makes sure that the issue with the marker is as wanted. It gives its address; empty when there is none.
func (f *Forge) Issue(ctx context.Context, i Issue) (string, error) {
	var err error
	if i.Body, err = f.fit(i.Marker, i.Body); err != nil {
		return "", err
	}
	address, err := f.api.issue(ctx, f, i)
	if err != nil {
		return "", fmt.Errorf("issue on %s: %w", f.Name, err)
	}
	return address, nil
}

// Annotate makes sure that these notes, and no others of the same ID, stand on the commit that this run is for. left is
// how many the service does not take. Where a service takes none this way, nothing happens.
func (f *Forge) Annotate(ctx context.Context, n Notes) (left int, err error) {
	a, ok := f.api.(annotator)
	if !ok {
		return 0, nil
	}
	if left, err = a.annotate(ctx, f, n); err != nil {
		return left, fmt.Errorf("notes on %s: %w", f.Name, err)
	}
	return left, nil
}

// news is what a comment on a refreshed issue should say.
func (i Issue) news(old string) string {
	if !i.Open || i.News == nil {
		return ""
	}
	return i.News(old)
}

func (f *Forge) fit(marker, body string) (string, error) {
	if marker == "" || strings.ContainsAny(marker, "\n\r") {
		return "", errors.New("a marker is one line")
	}
	if !strings.Contains(body, marker) {
		body = marker + "\n" + body
	}
	if len(body) > f.Limit {
		return "", fmt.Errorf("the text has %d bytes, and %s takes %d: make it with --max-bytes %d", len(body), f.Name, f.Limit, f.Limit)
	}
	return body, nil
}

// An Error is an answer that is no success.
type Error struct {
	Method, Path string
	Status       int
	Message      string // of the service, shortened
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	if e.Message != "" {
		s += ": " + e.Message
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		s += "\nThe token may not do this. On pull requests from forks it is read-only: post from a job that runs in the base repository."
	case http.StatusNotFound:
		s += "\nIt is not there, or the token may not see it."
	}
	return s
}

const maxAnswer = 16 << 20

// call sends a request and reads the answer into out; both may be nil. It gives the answer's headers. What was
// not done is tried again: a lost connection of a request that can be repeated, too many requests, a server's
// own failure.
func (f *Forge) call(ctx context.Context, method, path string, in, out any) (http.Header, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	address := path
	if strings.HasPrefix(path, "/") {
		address = f.base + path
	}
	for attempt := 0; ; attempt++ {
		header, wait, err := f.once(ctx, method, address, body, out)
		if err == nil || wait < 0 || attempt >= f.retries {
			return header, err
		}
		if wait == 0 {
			wait = time.Second << min(attempt, 5)
			wait += time.Duration(rand.Int64N(int64(wait) / 2)) // several jobs at once must not come back at once
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(min(wait, 2*time.Minute)):
		}
	}
}

// once sends a request. wait says when to try again: 0 means soon, negative never.
func (f *Forge) once(ctx context.Context, method, address string, body []byte, out any) (_ http.Header, wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, -1, err
	}
	req.Header = f.headers.Clone()
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if strings.Contains(req.URL.Path, "/_apis/wit/workitems/") {
		req.Header.Set("Content-Type", "application/json-patch+json") // Azure's work items take nothing else
	}
	shown := req.URL.Path
	repeatable := method != http.MethodPost
	res, err := f.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err // without the address: its query may hold what is nobody's business
		}
		if !repeatable {
			return nil, -1, fmt.Errorf("%s %s: %w", method, shown, err)
		}
		return nil, 0, fmt.Errorf("%s %s: %w", method, shown, err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil && repeatable {
		return nil, 0, fmt.Errorf("%s %s: %w", method, shown, err)
	}
	if res.StatusCode/100 != 2 {
		e := &Error{Method: method, Path: shown, Status: res.StatusCode, Message: message(data)}
		limited := res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusForbidden && (res.Header.Get("Retry-After") != "" || res.Header.Get("X-RateLimit-Remaining") == "0")
		switch {
		case limited, res.StatusCode >= 500 && (repeatable || res.StatusCode == http.StatusServiceUnavailable):
			return nil, retryAfter(res.Header), e
		default:
			return nil, -1, e
		}
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			return nil, -1, fmt.Errorf("%s %s: the answer is not what the service documents: %w", method, shown, err)
		}
	}
	return res.Header, -1, nil
}

func retryAfter(h http.Header) time.Duration {
	if n, err := strconv.Atoi(h.Get("Retry-After")); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	return 0
}

// message is what a service says in an error, in one line.
func message(data []byte) string {
	var m struct {
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	s := ""
	if json.Unmarshal(data, &m) == nil {
		for _, raw := range []json.RawMessage{m.Message, m.Error} {
			if s == "" && json.Unmarshal(raw, &s) != nil {
				s = string(raw)
			}
		}
	}
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '?'
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}

// all reads every page of a list; next finds the address of the following one ("" at the end).
func all[T any](ctx context.Context, f *Forge, path string, page func(raw json.RawMessage) ([]T, error), next func(h http.Header, raw json.RawMessage, page int) string) ([]T, error) {
	var out []T
	for n := 1; path != "" && n <= 100; n++ {
		var raw json.RawMessage
		h, err := f.call(ctx, http.MethodGet, path, nil, &raw)
		if err != nil {
			return nil, err
		}
		list, err := page(raw)
		if err != nil {
			return nil, fmt.Errorf("GET: the answer is not what the service documents: %w", err)
		}
		out = append(out, list...)
		if path = next(h, raw, n); path != "" && !strings.HasPrefix(path, "/") && !f.own(path) {
			return nil, errors.New("the service's next page is on another host; the token stays here")
		}
	}
	return out, nil
}

func (f *Forge) own(address string) bool {
	a, err := url.Parse(address)
	b, err2 := url.Parse(f.base)
	return err == nil && err2 == nil && a.Host == b.Host && a.Scheme == b.Scheme
}

// linkNext is the next page of a Link header.
func linkNext(h http.Header, _ json.RawMessage, _ int) string {
	for part := range strings.SplitSeq(h.Get("Link"), ",") {
		target, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if slices.Contains(strings.Fields(strings.ReplaceAll(params, ";", " ")), `rel="next"`) {
			return strings.Trim(target, "<>")
		}
	}
	return ""
}

func decodeList[T any](raw json.RawMessage) ([]T, error) {
	var list []T
	err := json.Unmarshal(raw, &list)
	return list, err
}
