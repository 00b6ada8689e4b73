// Package tenant is the REST client of a live tenant: it reads configuration into a schema.Set, writes
// and deletes single resources, and calls the environment's own actions (ESVs, restart, promotion).
//
// It knows how the tenant is spoken to — tokens, retries, order of the calls that make up one write —
// and nothing about what should be written: it compares no sets, makes no plans, keeps no files and
// prints nothing. No body, token or key ever stands in an error or reaches a callback.
package tenant

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Scopes that work against a tenant asks for.
const (
	// DefaultScope is what reading and writing configuration and ESVs needs.
	DefaultScope = "fr:am:* fr:idm:* fr:idc:esv:*"
	// PromotionScope is needed beside it on the upper tenant of a promotion.
	PromotionScope = "fr:idc:promotion:*"
)

// Config says which tenant to talk to, as whom, and how fast.
type Config struct {
	Name string // the environment's name, for messages
	URL  string // https://openam-….forgeblocks.com, with or without /am

	ServiceAccount string // the account's id
	Key            []byte // its private key: a JWK, or PEM (PKCS #1 or PKCS #8)
	Scope          string // space-separated; DefaultScope when empty
	// Optional, if set, gives further scopes, when the first token is asked for. Where the tenant refuses
	// them to the account, the token is for the others.
	Optional func() []string
	Token    string // a ready bearer token, instead of ServiceAccount and Key

	// Parallel and Rate are upper bounds: see pace for what happens when the tenant is overloaded.
	Parallel int           // requests in flight at most; 0 means 8
	Rate     float64       // requests a second at most; 0 means 20, less than 0 no limit
	Timeout  time.Duration // of one attempt of one request, its answer's body included; 0 means 60 s
	Poll     time.Duration // between two looks at a restart; 0 means 5 s
	Retries  int           // further attempts after a failed one; 0 means 4, less than 0 none

	// Direct marks configuration requests as those of a direct-configuration session.
	Direct bool

	Transport http.RoundTripper // nil means an own one
	UserAgent string
	// OnRequest, if set, is told of every exchange, retries and token requests included; status is 0
	// when there was no answer. It is called from several goroutines at once.
	OnRequest func(method, path string, status int, d time.Duration)
}

// A Client talks to one tenant. It is safe for use by several goroutines.
type Client struct {
	name, base string
	poll       time.Duration
	parallel   int
	agent      string
	scope      string
	direct     bool
	http, anon *http.Client // with a bearer token, and without
	tokens     *tokens

	documents turns // had while a whole document is read, changed and written

	version   turns  // had while the version is asked for, so that it is asked for once
	amVersion string // once known
}

// New checks the configuration and returns a client; it sends nothing.
func New(c Config) (*Client, error) {
	if c.Name == "" {
		c.Name = "tenant"
	}
	base, err := tenantURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	c = withDefaults(c)
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = c.Parallel
		c.Transport = t
	}
	wire := &exchange{next: c.Transport, timeout: c.Timeout, limit: maxBody, on: c.OnRequest}
	again := func(next http.RoundTripper) http.RoundTripper {
		return &retry{next: next, retries: c.Retries, jitter: mrand.Float64}
	}
	cl := &Client{documents: newTurns(), version: newTurns(), name: c.Name, base: base, poll: c.Poll, parallel: c.Parallel, agent: c.UserAgent, scope: c.Scope, direct: c.Direct}
	cl.tokens, err = newTokens(c, base, again(wire))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	pace := newPace(c.Parallel, c.Rate) // one for all: the tenant counts what comes from us together
	cl.http = newHTTP(again(&paced{next: &auth{next: wire, tokens: cl.tokens}, pace: pace}))
	cl.anon = newHTTP(again(&paced{next: wire, pace: pace}))
	return cl, nil
}

func withDefaults(c Config) Config {
	if c.Poll <= 0 {
		c.Poll = pollEvery
	}
	if c.Parallel <= 0 {
		c.Parallel = 8
	}
	if c.Rate == 0 {
		c.Rate = 20
	}
	if c.Timeout <= 0 {
		c.Timeout = 60 * time.Second
	}
	switch {
	case c.Retries == 0:
		c.Retries = 4
	case c.Retries < 0:
		c.Retries = 0
	}
	if strings.TrimSpace(c.Scope) == "" {
		c.Scope = DefaultScope
	}
	if c.UserAgent == "" {
		c.UserAgent = "lockstep"
	}
	return c
}

// newHTTP makes a client that follows no redirect: a tenant sends none on the API, and a bearer token
// goes to no other place than the one it is for.
func newHTTP(rt http.RoundTripper) *http.Client {
	return &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// tenantURL checks and shortens the tenant's URL to scheme and host.
func tenantURL(s string) (string, error) {
	const want = "give it as https://openam-….forgeblocks.com"
	if strings.TrimSpace(s) == "" {
		return "", errors.New("no tenant URL: " + want)
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" || u.Hostname() == "" {
		// The text is not repeated: somebody may have put a password into it.
		return "", errors.New("the tenant URL can't be read: " + want)
	}
	if u.User != nil {
		return "", fmt.Errorf("the tenant URL of %s holds a user name: %s", u.Host, want)
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme == "http":
		return "", fmt.Errorf("the tenant URL of %s is http, which would send tokens in the clear: use https", u.Host)
	default:
		return "", fmt.Errorf("the tenant URL of %s has the scheme %q: %s", u.Host, u.Scheme, want)
	}
	path := strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/am")
	if path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("the tenant URL of %s has something after the host: %s", u.Host, want)
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String(), nil
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// audience is the token URL with its port spelled out, as the vendor's documents have it.
func audience(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base + tokenPath
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port) + tokenPath
}

// Name is the environment's name.
func (c *Client) Name() string { return c.name }

// URL is the tenant's address: scheme and host.
func (c *Client) URL() string { return c.base }

// turns lets one in at a time, for as long as requests take: who waits can give up, as at a mutex nobody can.
type turns chan struct{}

func newTurns() turns { return make(turns, 1) }

func (t turns) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turns) give() { <-t }

// A call is one request to the tenant.
type call struct {
	method, path, query string // path is escaped
	version             string // Accept-API-Version; not sent when empty
	body                any    // nil, or decoded JSON
	match               string // If-Match; not sent when empty
	hide                []string
	anonymous           bool
	text                bool // the answer is XML or text
}

// send does a call and returns the answer's body, which may be empty.
func (c *Client) send(ctx context.Context, k call) ([]byte, error) {
	req, err := c.request(ctx, k)
	if err != nil {
		return nil, err
	}
	client := c.http
	if k.anonymous {
		client = c.anon
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, c.noAnswer(k.method, k.path, err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, c.noAnswer(k.method, k.path, err)
	}
	if err := c.refusal(k, resp, body.Bytes()); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	// A segment ".." would lead to another resource than the one that was asked for.
	for _, seg := range strings.Split(k.path, "/") {
		if seg == "." || seg == ".." {
			return nil, fmt.Errorf("%s: %q is no id of a resource", c.name, seg)
		}
	}
	target := c.base + k.path
	if k.query != "" {
		target += "?" + k.query
	}
	var body []byte
	if k.body != nil {
		body = schema.CompactJSON(k.body)
	} else if k.method == http.MethodPost {
		body = []byte("{}")
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %s %s: %w", c.name, k.method, k.path, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	} else {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("X-ForgeRock-TransactionId", "lockstep-"+randomID())
	if k.version != "" {
		req.Header.Set("Accept-API-Version", k.version)
	}
	if k.match != "" {
		req.Header.Set("If-Match", k.match)
	}
	if c.direct && !strings.HasPrefix(k.path, "/environment/") {
		req.Header.Set(directHeader, "mutable")
	}
	return req, nil
}

func randomID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, since Go 1.24
	return hex.EncodeToString(b[:])
}

// object does a call that answers with one JSON object.
func (c *Client) object(ctx context.Context, k call) (map[string]any, error) {
	data, err := c.send(ctx, k)
	if err != nil {
		return nil, err
	}
	v, err := schema.ParseJSON(data)
	if err != nil {
		return nil, c.bad(k, "answered with JSON that can't be read: "+err.Error())
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, c.bad(k, "answered with something else than a JSON object")
	}
	return m, nil
}

// into does a call and reads the answer into a Go value.
func (c *Client) into(ctx context.Context, k call, v any) error {
	data, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return c.bad(k, "answered with no body")
	}
	if err := json.Unmarshal(data, v); err != nil {
		return c.bad(k, "answered with JSON of an unexpected shape")
	}
	return nil
}

// list does a call that answers with a list, all pages of it.
func (c *Client) list(ctx context.Context, k call) ([]map[string]any, error) {
	var all []map[string]any
	query, cookies := k.query, []string{}
	for {
		page, err := c.object(ctx, k)
		if err != nil {
			return nil, err
		}
		items, ok := page["result"].([]any)
		if !ok {
			return nil, c.bad(k, "answered without a list of results")
		}
		for _, it := range items {
			if m, ok := it.(map[string]any); ok {
				all = append(all, m)
			}
		}
		cookie, _ := page["pagedResultsCookie"].(string)
		if cookie == "" {
			// A list that is cut off must not be taken for the whole: what is missing would look deleted.
			total, _ := page["totalPagedResults"].(json.Number)
			if n, err := total.Int64(); err == nil && page["totalPagedResultsPolicy"] == "EXACT" && n > int64(len(all)) {
				return nil, c.bad(k, fmt.Sprintf("answered with %d of %d results", len(all), n))
			}
			return all, nil
		}
		if slices.Contains(cookies, cookie) {
			return nil, c.bad(k, "answered with the same page twice")
		}
		cookies = append(cookies, cookie)
		k.query = strings.TrimPrefix(query+"&_pagedResultsCookie="+url.QueryEscape(cookie), "&")
	}
}
