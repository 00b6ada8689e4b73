package tenant

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	environmentVersion = "protocol=1.0,resource=1.0"
	variablesPath      = "/environment/variables"
	secretsPath        = "/environment/secrets"
	startupPath        = "/environment/startup"
)

// A Variable is an ESV variable with its state on the tenant.
type Variable struct {
	ID             string `json:"_id"`
	Description    string `json:"description"`
	ExpressionType string `json:"expressionType"`
	ValueBase64    string `json:"valueBase64"`
	Loaded         bool   `json:"loaded"` // false: it takes effect at the next restart
	LastChangeDate string `json:"lastChangeDate"`
	LastChangedBy  string `json:"lastChangedBy"`
}

// A Secret is an ESV secret's state on the tenant; its value is never read back.
type Secret struct {
	ID                string `json:"_id"`
	Description       string `json:"description"`
	Encoding          string `json:"encoding"`
	UseInPlaceholders bool   `json:"useInPlaceholders"`
	Loaded            bool   `json:"loaded"`
	ActiveVersion     string `json:"activeVersion"`
	LoadedVersion     string `json:"loadedVersion"`
	LastChangeDate    string `json:"lastChangeDate"`
	LastChangedBy     string `json:"lastChangedBy"`
}

// Pending says whether the secret waits for a restart.
func (s Secret) Pending() bool {
	return s.UseInPlaceholders && (!s.Loaded || s.LoadedVersion != "" && s.LoadedVersion != s.ActiveVersion)
}

// VariableInput is what a variable is to be.
type VariableInput struct {
	Value          []byte
	ExpressionType string // string, list, array, object, bool, int, number, base64encodedinlined, keyvaluelist
	Description    string
}

// SecretInput is what a secret is to be. It doesn't show its value in any form of printing.
type SecretInput struct {
	Value             []byte // nil: the description alone is set
	Encoding          string // generic, pem, base64hmac, base64aes; generic when empty
	UseInPlaceholders bool
	Description       string
}

const hidden = "***"

// Format prints stars, whatever the verb.
func (SecretInput) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalJSON writes stars.
func (SecretInput) MarshalJSON() ([]byte, error) { return json.Marshal(hidden) }

// LogValue logs stars.
func (SecretInput) LogValue() slog.Value { return slog.StringValue(hidden) }

// Variables lists the ESV variables, sorted by id.
func (c *Client) Variables(ctx context.Context) ([]Variable, error) {
	all, err := listOf[Variable](ctx, c, variablesPath)
	slices.SortFunc(all, func(a, b Variable) int { return strings.Compare(a.ID, b.ID) })
	return all, err
}

// Secrets lists the ESV secrets with their loaded state, sorted by id.
func (c *Client) Secrets(ctx context.Context) ([]Secret, error) {
	all, err := listOf[Secret](ctx, c, secretsPath)
	slices.SortFunc(all, func(a, b Secret) int { return strings.Compare(a.ID, b.ID) })
	return all, err
}

func listOf[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	k := call{method: http.MethodGet, path: path, version: environmentVersion}
	items, err := c.list(ctx, k)
	if err != nil {
		return nil, err
	}
	var all []T
	for _, it := range items {
		var v T
		if json.Unmarshal(schema.CompactJSON(it), &v) != nil {
			return nil, c.bad(k, "answered with an ESV of an unexpected shape")
		}
		all = append(all, v)
	}
	return all, nil
}

// hides lists the spellings of a value that must not come back in a message. A very short one is left
// out: replacing every "1" would make the message unreadable, and hide nothing that can't be guessed.
func hides(value []byte) []string {
	if len(value) < 4 {
		return nil
	}
	escaped := strings.Trim(string(schema.CompactJSON(string(value))), `"`)
	return []string{base64.StdEncoding.EncodeToString(value), string(value), escaped}
}

// PutVariable creates or changes a variable. Its expression type can't be changed.
func (c *Client) PutVariable(ctx context.Context, id string, in VariableInput) error {
	body := map[string]any{
		"valueBase64": base64.StdEncoding.EncodeToString(in.Value), "expressionType": in.ExpressionType, "description": in.Description,
	}
	_, err := c.object(ctx, call{
		method: http.MethodPut, path: variablesPath + "/" + url.PathEscape(id), version: environmentVersion, body: body, hide: hides(in.Value),
	})
	return err
}

// PutSecret creates a secret, or gives one that exists a new version and description. createdVersion is
// false when the tenant had that value already: it compares a new version with the latest.
func (c *Client) PutSecret(ctx context.Context, id string, in SecretInput) (createdVersion bool, err error) {
	if in.Encoding == "" {
		in.Encoding = "generic"
	}
	path := secretsPath + "/" + url.PathEscape(id)
	var now Secret
	err = c.into(ctx, call{method: http.MethodGet, path: path, version: environmentVersion}, &now)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.createSecret(ctx, path, id, in)
	case err != nil:
		return false, err
	}
	return c.changeSecret(ctx, path, id, now, in)
}

func (c *Client) createSecret(ctx context.Context, path, id string, in SecretInput) (bool, error) {
	if in.Value == nil {
		return false, fmt.Errorf("%s: the secret %s is not there yet, and no value is given to create it with", c.name, id)
	}
	body := map[string]any{
		"valueBase64": base64.StdEncoding.EncodeToString(in.Value), "encoding": in.Encoding,
		"useInPlaceholders": in.UseInPlaceholders, "description": in.Description,
	}
	_, err := c.object(ctx, call{method: http.MethodPut, path: path, version: environmentVersion, body: body, hide: hides(in.Value)})
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest && strings.Contains(e.Message, "already exists") {
		// The answer to a first attempt was lost, or somebody else was faster.
		var now Secret
		if err := c.into(ctx, call{method: http.MethodGet, path: path, version: environmentVersion}, &now); err != nil {
			return false, err
		}
		if _, err := c.changeSecret(ctx, path, id, now, in); err != nil {
			return false, err
		}
		return true, nil
	}
	return err == nil, err
}

func (c *Client) changeSecret(ctx context.Context, path, id string, now Secret, in SecretInput) (bool, error) {
	if now.Encoding != in.Encoding {
		return false, fmt.Errorf("%s: the secret %s has the encoding %s, and can't get %s: the encoding is fixed when a secret is created", c.name, id, now.Encoding, in.Encoding)
	}
	if now.UseInPlaceholders != in.UseInPlaceholders {
		return false, fmt.Errorf("%s: the secret %s has useInPlaceholders %t, and can't get %t: it is fixed when a secret is created", c.name, id, now.UseInPlaceholders, in.UseInPlaceholders)
	}
	if now.Description != in.Description {
		if err := c.setDescription(ctx, path, in.Description); err != nil {
			return false, err
		}
	}
	if in.Value == nil {
		return false, nil
	}
	var made struct {
		Version string `json:"version"`
	}
	err := c.into(ctx, call{
		method: http.MethodPost, path: path + "/versions", query: "_action=create", version: environmentVersion,
		body: map[string]any{"valueBase64": base64.StdEncoding.EncodeToString(in.Value)}, hide: hides(in.Value),
	}, &made)
	return err == nil && made.Version != now.ActiveVersion, err
}

// SetDescription changes the description of an ESV, and nothing else: no restart is needed.
func (c *Client) SetDescription(ctx context.Context, k schema.Key, text string) error {
	t, err := c.typeOf(k)
	if err != nil {
		return err
	}
	if t.API.Value == "" {
		return fmt.Errorf("%s: %s: only an ESV has a description of its own", c.name, k)
	}
	return c.setDescription(ctx, t.RESTPath(k, nil), text)
}

func (c *Client) setDescription(ctx context.Context, path, text string) error {
	_, err := c.send(ctx, call{
		method: http.MethodPost, path: path, query: "_action=setDescription", version: environmentVersion, body: map[string]any{"description": text},
	})
	return err
}

// checkValue refuses an ESV whose value is not there or not resolved, and gives what messages must hide.
func (c *Client) checkValue(t *schema.Type, r, was *schema.Resource) (hide []string, err error) {
	coded, value, err := c.value(t, r)
	switch {
	case err != nil:
		return nil, err
	case coded == "":
		return nil, fmt.Errorf("%s: %s has no value (%s) to send", c.name, r.Label(), t.API.Value)
	}
	had, has := schema.Str(bodyOf(was), "/expressionType"), schema.Str(r.Body, "/expressionType")
	if had != "" && has != "" && had != has {
		return nil, fmt.Errorf("%s: %s has the expression type %s, and can't get %s: it is fixed when a variable is created; create one of another name", c.name, r.Label(), had, has)
	}
	return append(hides(value), coded), nil
}

func bodyOf(r *schema.Resource) map[string]any {
	if r == nil {
		return nil
	}
	return r.Body
}

// value is an ESV's value as the body has it; coded is empty when it has none.
func (c *Client) value(t *schema.Type, r *schema.Resource) (coded string, value []byte, err error) {
	v, ok := r.Body[t.API.Value]
	if !ok || v == nil {
		return "", nil, nil
	}
	coded, _ = v.(string)
	if strings.Contains(coded, "${") {
		return "", nil, fmt.Errorf("%s: the value of %s is not resolved: it still says ${…}", c.name, r.Label())
	}
	value, err = base64.StdEncoding.DecodeString(coded)
	if err != nil {
		return "", nil, fmt.Errorf("%s: the value of %s (%s) is not base64", c.name, r.Label(), t.API.Value)
	}
	return coded, value, nil
}

// putVersioned writes a resource that PUT only creates.
func (c *Client) putVersioned(ctx context.Context, t *schema.Type, r *schema.Resource) (*schema.Resource, error) {
	coded, value, err := c.value(t, r)
	if err != nil {
		return nil, err
	}
	in := SecretInput{Encoding: schema.Str(r.Body, "/encoding"), Description: schema.Str(r.Body, "/description"), UseInPlaceholders: true}
	if use, ok := r.Body["useInPlaceholders"].(bool); ok {
		in.UseInPlaceholders = use
	}
	if coded != "" {
		in.Value = value
	}
	if _, err := c.PutSecret(ctx, r.ID, in); err != nil {
		return nil, err
	}
	return c.Get(ctx, r.Key)
}

// RestartPending says whether an ESV waits for a restart to take effect.
func (c *Client) RestartPending(ctx context.Context) (bool, error) {
	vars, err := c.Variables(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(vars, func(v Variable) bool { return !v.Loaded }) {
		return true, nil
	}
	secrets, err := c.Secrets(ctx)
	return slices.ContainsFunc(secrets, Secret.Pending), err
}

// The states of the services, as StartupStatus gives them.
const (
	Ready      = "ready"
	Restarting = "restarting"
)

const (
	pollEvery   = 5 * time.Second
	restartMost = 30 * time.Minute // the vendor says up to 10
	pollErrors  = 3                // in a row: the tenant's front end may be gone for a moment
)

// StartupStatus says whether the tenant's services are Ready or Restarting.
func (c *Client) StartupStatus(ctx context.Context) (string, error) {
	return c.startup(ctx, call{method: http.MethodGet, path: startupPath, version: environmentVersion})
}

func (c *Client) startup(ctx context.Context, k call) (string, error) {
	var s struct {
		Status string `json:"restartStatus"`
	}
	if err := c.into(ctx, k, &s); err != nil {
		return "", err
	}
	return s.Status, nil
}

// Restart restarts the tenant's services, so that changed ESVs take effect, and waits until it is done.
// When a restart is under way already it waits for that one, and starts another only if an ESV still
// waits then: it may have been changed after the first began. on may be nil.
func (c *Client) Restart(ctx context.Context, on func(status string, elapsed time.Duration)) error {
	status, err := c.StartupStatus(ctx)
	if err != nil {
		return err
	}
	if status != Ready {
		if err := c.AwaitReady(ctx, on); err != nil {
			return err
		}
		pending, err := c.RestartPending(ctx)
		if err != nil || !pending {
			return err
		}
	}
	_, err = c.startup(ctx, call{method: http.MethodPost, path: startupPath, query: "_action=restart", version: environmentVersion})
	if err != nil {
		// The answer may be lost and the restart under way.
		if now, statusErr := c.StartupStatus(ctx); statusErr != nil || now != Restarting {
			return err
		}
	}
	return c.AwaitReady(ctx, on)
}

// AwaitReady waits until no restart is under way.
func (c *Client) AwaitReady(ctx context.Context, on func(status string, elapsed time.Duration)) error {
	start, failed := time.Now(), 0
	for {
		status, err := c.StartupStatus(ctx)
		elapsed := time.Since(start)
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			if failed++; failed >= pollErrors {
				return fmt.Errorf("the restart's state can't be read: %w", err)
			}
		default:
			failed = 0
			if on != nil {
				on(status, elapsed)
			}
			if status == Ready {
				return nil
			}
		}
		if elapsed > restartMost {
			return fmt.Errorf("%s: the services are still %s after %s; see the tenant's status page, then ask again", c.name, status, restartMost)
		}
		if err := sleep(ctx, c.poll); err != nil {
			return err
		}
	}
}

// Info says what kind of environment the tenant is (tenant-api, section 8).
type Info struct {
	Tier         string `json:"tier"`
	Immutable    bool   `json:"immutable"` // static configuration comes by promotion only
	Locked       bool   `json:"locked"`
	Region       string `json:"region"`
	Placeholders string `json:"placeholder_management"` // CUSTOMER or SRE
	Promotion    struct {
		Tier  string `json:"tierDisplayName"`
		Upper string `json:"upperTierDisplayName"`
		Lower string `json:"lowerTierDisplayName"`
	} `json:"promotionTierInfo"`
}

// Info reads what kind of environment the tenant is.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var i Info
	err := c.into(ctx, call{method: http.MethodGet, path: "/environment/info", version: environmentVersion}, &i)
	return i, err
}

// Version is AM's version, such as 9.0.0-SNAPSHOT.
func (c *Client) Version(ctx context.Context) (string, error) {
	var v struct {
		Version string `json:"version"`
	}
	err := c.into(ctx, call{method: http.MethodGet, path: "/am/json/serverinfo/version", version: "resource=1.0"}, &v)
	return strings.TrimSpace(v.Version), err
}
