package tenant

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	tokenPath  = "/am/oauth2/access_token"
	assertLife = 180 * time.Second
)

// auth sends the bearer token along, and once a new one when the tenant refuses it.
type auth struct {
	next   http.RoundTripper
	tokens *tokens
}

func (a *auth) RoundTrip(req *http.Request) (*http.Response, error) {
	token, err := a.tokens.get(req.Context(), "")
	if err != nil {
		return nil, err
	}
	resp, err := a.send(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || a.tokens.fixed != "" {
		return resp, err
	}
	if token, err = a.tokens.get(req.Context(), token); err != nil {
		return nil, err
	}
	return a.send(req, token)
}

func (a *auth) send(req *http.Request, token string) (*http.Response, error) {
	r, err := fresh(req)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return a.next.RoundTrip(r)
}

// tokens holds the access token, and gets a new one before it ends.
type tokens struct {
	env, base, account, scope, agent string
	fixed                            string // a ready token; none is ever asked for
	key                              *rsa.PrivateKey
	http                             *http.Client
	more                             func() []string // gives optional, once
	optional                         []string        // asked for as long as the tenant doesn't refuse them

	// turn holds one token: who takes it may read and change what follows. A channel, not a mutex, so
	// that those who wait for a new token can give up.
	turn    chan struct{}
	token   string
	granted string
	until   time.Time // when to ask for a new one
	err     error     // why the last attempt failed
}

func newTokens(c Config, base string, rt http.RoundTripper) (*tokens, error) {
	t := &tokens{
		env: c.Name, base: base, account: strings.TrimSpace(c.ServiceAccount), agent: c.UserAgent,
		scope: strings.Join(strings.Fields(c.Scope), " "), more: c.Optional, http: newHTTP(rt), turn: make(chan struct{}, 1),
	}
	if fixed := strings.TrimSpace(c.Token); fixed != "" {
		t.fixed = strings.TrimSpace(strings.TrimPrefix(fixed, "Bearer "))
		if strings.ContainsAny(t.fixed, " \r\n\t") {
			return nil, errors.New("the access token has white space in it: give the token alone")
		}
		return t, nil
	}
	if t.account == "" {
		return nil, errors.New("no credentials: give the id and the private key of a service account, or an access token")
	}
	var err error
	t.key, err = parseKey(c.Key)
	if err != nil {
		return nil, fmt.Errorf("service account %s: %w", t.account, err)
	}
	return t, nil
}

// get returns a token other than stale. All who wait while one is being asked for share the outcome.
func (t *tokens) get(ctx context.Context, stale string) (string, error) {
	if t.fixed != "" {
		return t.fixed, nil
	}
	waited := false
	select {
	case t.turn <- struct{}{}:
	default:
		waited = true
		select {
		case t.turn <- struct{}{}:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	defer func() { <-t.turn }()
	if t.token != "" && t.token != stale && time.Now().Before(t.until) {
		return t.token, nil
	}
	if waited && t.err != nil {
		return "", t.err
	}
	if t.more != nil {
		t.optional, t.more = t.more(), nil
	}
	token, granted, life, err := t.ask(ctx)
	if rest, ok := t.without(err); ok {
		t.optional = rest
		token, granted, life, err = t.ask(ctx)
	}
	t.err = nil
	if err != nil {
		if ctx.Err() == nil { // somebody else's interruption is not the others' outcome
			t.err = err
		}
		return "", err
	}
	t.token, t.granted = token, granted
	t.until = time.Now().Add(life - min(time.Minute, life/5))
	return token, nil
}

// ask gets a new token by a signed assertion (tenant-api, section 3.1).
func (t *tokens) ask(ctx context.Context) (token, granted string, life time.Duration, err error) {
	assertion, err := t.assertion(time.Now())
	if err != nil {
		return "", "", 0, err
	}
	form := url.Values{
		"client_id":  {"service-account"},
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion":  {assertion},
		"scope":      {strings.Join(append(strings.Fields(t.scope), t.optional...), " ")},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+tokenPath, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", 0, fmt.Errorf("%s: %w", t.env, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", t.agent)
	c := &Client{name: t.env, base: t.base, tokens: t}
	resp, err := t.http.Do(req)
	if err != nil {
		return "", "", 0, c.noAnswer(req.Method, tokenPath, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", "", 0, c.noAnswer(req.Method, tokenPath, err)
	}
	k := call{method: req.Method, path: tokenPath, hide: []string{assertion}}
	if err := c.refusal(k, resp, body); err != nil {
		return "", "", 0, t.explain(err)
	}
	var answer struct {
		Token   string `json:"access_token"`
		Scope   string `json:"scope"`
		Expires int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return "", "", 0, c.bad(k, "answered without an access token")
	}
	if answer.Expires <= 0 {
		answer.Expires = int64(assertLife / time.Second)
	}
	return answer.Token, answer.Scope, time.Duration(answer.Expires) * time.Second, nil
}

// without gives the optional scopes that are left when the tenant has refused some of them, and nothing
// else: "Unsupported scope for service account: a,b" (tenant-api, section 3.1).
func (t *tokens) without(err error) (rest []string, ok bool) {
	var e *Error
	if !errors.As(err, &e) || e.Code != "invalid_scope" || len(t.optional) == 0 {
		return nil, false
	}
	_, list, _ := strings.Cut(e.Message, ": ")
	var refused []string
	for name := range strings.SplitSeq(list, ",") {
		refused = append(refused, strings.TrimSpace(name))
	}
	for _, name := range refused {
		if !slices.Contains(t.optional, name) {
			return nil, false
		}
	}
	for _, name := range t.optional {
		if !slices.Contains(refused, name) {
			rest = append(rest, name)
		}
	}
	return rest, true
}

// assertion signs who we are. Its header has "alg" and nothing else, as the recorded ones do.
func (t *tokens) assertion(now time.Time) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: t.key}, nil)
	if err != nil {
		return "", fmt.Errorf("%s: service account %s: the private key can't sign", t.env, t.account)
	}
	claims, err := json.Marshal(map[string]any{
		"iss": t.account, "sub": t.account, "aud": audience(t.base),
		"exp": now.Add(assertLife).Unix(), "jti": randomID(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("%s: service account %s: the private key can't sign", t.env, t.account)
	}
	return signed.CompactSerialize()
}

// explain says in people's words why no token was given.
func (t *tokens) explain(err error) error {
	var e *Error
	if !errors.As(err, &e) || e.html {
		return err
	}
	switch {
	case e.Code == "invalid_scope":
		_, list, found := strings.Cut(e.Message, ": ")
		what := "one of the scopes " + t.scope
		if found {
			what = "scope " + strings.ReplaceAll(list, ",", " ")
		}
		e.Summary = fmt.Sprintf("token refused: service account %s may not ask for %s", t.account, what)
		e.Hint = "Add the scope under Tenant settings > Service Accounts, or do the work that needs it with another account."
	case e.Status == http.StatusBadRequest || e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		e.Summary = fmt.Sprintf("token refused: the tenant doesn't accept the key of service account %s", t.account)
		e.Hint = "Check that the account is one of this tenant (" + t.base + "), that the key is its newest, and that this machine's clock is right."
		if e.Message != "" {
			e.Hint = "It says: " + e.Message + "\n" + e.Hint
		}
	}
	return e
}

func (t *tokens) unauthorizedHint() string {
	if t.fixed != "" {
		return "The access token that was given is expired or for another tenant. Get a new one, or give a service account's key."
	}
	return "A fresh token was refused too: does the service account still exist on this tenant?"
}

// lacking lists what was asked for and not granted. The order of scopes means nothing.
func (t *tokens) lacking(ctx context.Context) ([]string, error) {
	if _, err := t.get(ctx, ""); err != nil {
		return nil, err
	}
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-t.turn }()
	granted := strings.Fields(t.granted)
	if len(granted) == 0 {
		return nil, nil // the answer named none: all that was asked for (RFC 6749, section 5.1)
	}
	var lacks []string
	for _, s := range strings.Fields(t.scope) {
		if !slices.Contains(granted, s) {
			lacks = append(lacks, s)
		}
	}
	return lacks, nil
}
