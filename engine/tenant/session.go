package tenant

import (
	"context"
	"net/http"
)

// SessionScope is needed beside DefaultScope for a direct-configuration session.
const SessionScope = "fr:idc:direct-configuration:session:*"

// directHeader marks a request as one of a direct-configuration session (tenant-api, section 7).
const directHeader = "X-Configuration-Type"

const sessionPath = "/environment/direct-configuration/session"

// The states of a session. Tenants of before 2026-03 tell Editable alone.
const (
	SessionOpen     = "SESSION_INITIALISED"
	SessionApplying = "SESSION_APPLYING"
	SessionApplied  = "SESSION_APPLIED"
	SessionAborted  = "SESSION_ABORTED"
	SessionError    = "ERROR"
)

// A Session is a direct-configuration session: the door through which selected static configuration of an
// immutable environment is changed.
type Session struct {
	Editable bool   `json:"editable"` // open: writes are taken
	Status   string `json:"status,omitempty"`
}

// Ended says whether what was applied is applied, or aborted.
func (s Session) Ended() bool {
	return s.Status == SessionApplied || s.Status == SessionAborted || s.Status == "" && !s.Editable
}

func (c *Client) session(ctx context.Context, method, action string) (Session, error) {
	var s Session
	err := c.into(ctx, call{method: method, path: sessionPath + "/" + action, version: environmentVersion}, &s)
	return s, err
}

// SessionState reads the session's state.
func (c *Client) SessionState(ctx context.Context) (Session, error) {
	return c.session(ctx, http.MethodGet, "state")
}

// InitSession opens a session.
func (c *Client) InitSession(ctx context.Context) (Session, error) {
	return c.session(ctx, http.MethodPut, "init")
}

// ApplySession begins to make the session's changes the tenant's; SessionState tells when that is done.
func (c *Client) ApplySession(ctx context.Context) (Session, error) {
	return c.session(ctx, http.MethodPut, "apply")
}

// AbortSession puts back what was there before the session.
func (c *Client) AbortSession(ctx context.Context) (Session, error) {
	return c.session(ctx, http.MethodPut, "abort")
}
