package tenant

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// A CheckResult is one thing that Check looked at.
type CheckResult struct {
	Name    string // "url", "token", …
	OK      bool
	Skipped bool   // not looked at, since what it needs failed
	Detail  string // what was found
	Hint    string // the way out
}

// Check looks at everything that work against the tenant needs, one thing after the other, and changes
// nothing. The results always come in the same order.
func (c *Client) Check(ctx context.Context) []CheckResult {
	checks := []struct {
		name string
		do   func(context.Context) (string, error)
		hint string // unless the error has its own
	}{
		{"url", c.checkURL, "Check the environment's url, the network and the proxy (HTTPS_PROXY)."},
		{"token", c.checkToken, "Check the service account's id and key."},
		{"scopes", c.checkScopes, "Add the scopes under Tenant settings > Service Accounts."},
		{"am", c.checkAM, "The account needs the scope fr:am:*."},
		{"idm", c.checkIDM, "The account needs the scope fr:idm:*."},
		{"esv", c.checkESV, "The account needs the scope fr:idc:esv:*."},
		{"environment", c.checkEnvironment, "The tenant doesn't tell its tier; promotion may not be had there."},
	}
	if slices.Contains(strings.Fields(c.scope), PromotionScope) {
		checks = append(checks, struct {
			name string
			do   func(context.Context) (string, error)
			hint string
		}{"promotion", c.checkPromotion, "The account needs the scope " + PromotionScope + ", and the tenant a lower one."})
	}
	var out []CheckResult
	stop := false
	for _, k := range checks {
		if stop {
			out = append(out, CheckResult{Name: k.name, Skipped: true, Detail: "not tried"})
			continue
		}
		detail, err := k.do(ctx)
		r := CheckResult{Name: k.name, OK: err == nil, Detail: detail}
		if err != nil {
			r.Detail, r.Hint = words(err, k.hint)
			stop = k.name == "url" || k.name == "token"
		}
		out = append(out, r)
	}
	return out
}

// words splits an error into what happened and the way out.
func words(err error, hint string) (string, string) {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error(), hint
	}
	if e.Hint != "" {
		hint = e.Hint
	}
	plain := *e
	plain.Env, plain.Hint = "", ""
	return plain.Error(), hint
}

func (c *Client) checkURL(ctx context.Context) (string, error) {
	_, err := c.object(ctx, call{method: http.MethodGet, path: "/am/json/serverinfo/*", version: "resource=1.1", anonymous: true})
	return c.base, err
}

func (c *Client) checkToken(ctx context.Context) (string, error) {
	if c.tokens.fixed != "" {
		return "a token was given; whether it is good shows below", nil
	}
	_, err := c.tokens.get(ctx, "")
	return "service account " + c.tokens.account, err
}

func (c *Client) checkScopes(ctx context.Context) (string, error) {
	if c.tokens.fixed != "" {
		return "not known for a token that was given", nil
	}
	lacks, err := c.tokens.lacking(ctx)
	if err == nil && len(lacks) > 0 {
		err = errors.New("the tenant grants no " + strings.Join(lacks, " "))
	}
	return c.scope, err
}

func (c *Client) checkAM(ctx context.Context) (string, error) {
	v, err := c.Version(ctx)
	if err != nil {
		return "", err
	}
	_, err = c.list(ctx, call{method: http.MethodGet, path: "/am/json/global-config/realms/", query: "_queryFilter=true", version: "protocol=2.0,resource=1.0"})
	return "AM " + v, err
}

func (c *Client) checkIDM(ctx context.Context) (string, error) {
	_, err := c.list(ctx, call{method: http.MethodGet, path: "/openidm/config", query: "_queryFilter=_id+eq+%22sync%22"})
	return "configuration can be read", err
}

func (c *Client) checkESV(ctx context.Context) (string, error) {
	pending, err := c.RestartPending(ctx)
	if pending {
		return "some ESVs wait for a restart", err
	}
	return "all ESVs are loaded", err
}

func (c *Client) checkEnvironment(ctx context.Context) (string, error) {
	i, err := c.Info(ctx)
	detail := []string{"tier " + i.Tier, "mutable"}
	if i.Immutable {
		detail[1] = "immutable"
	}
	if i.Locked {
		detail = append(detail, "locked")
	}
	return strings.Join(detail, ", "), err
}

func (c *Client) checkPromotion(ctx context.Context) (string, error) {
	l, err := c.LockState(ctx)
	return l.Result, err
}
