package tenant

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A SecretVersion is one version of an ESV secret (tenant-api, section 5).
type SecretVersion struct {
	Version    string `json:"version"`
	Status     string `json:"status"` // ENABLED, DISABLED, DESTROYED
	CreateDate string `json:"createDate"`
}

// SecretVersions lists a secret's versions, newest first, those that are destroyed included.
func (c *Client) SecretVersions(ctx context.Context, id string) ([]SecretVersion, error) {
	var all []SecretVersion
	err := c.into(ctx, call{method: http.MethodGet, path: secretsPath + "/" + url.PathEscape(id) + "/versions", version: environmentVersion}, &all)
	slices.SortStableFunc(all, func(a, b SecretVersion) int { return number(b.Version) - number(a.Version) })
	return all, err
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// PruneSecret destroys the versions of a secret that are older than both the one that is active and the one
// that is loaded: until a restart, the services still read the latter. It returns how many it destroyed.
func (c *Client) PruneSecret(ctx context.Context, id string) (int, error) {
	path := secretsPath + "/" + url.PathEscape(id)
	var now Secret
	if err := c.into(ctx, call{method: http.MethodGet, path: path, version: environmentVersion}, &now); err != nil {
		return 0, err
	}
	versions, err := c.SecretVersions(ctx, id)
	if err != nil {
		return 0, err
	}
	oldest := number(now.ActiveVersion)
	if now.LoadedVersion != "" {
		oldest = min(oldest, number(now.LoadedVersion))
	}
	if now.UseInPlaceholders && now.LoadedVersion == "" && len(versions) > 0 {
		oldest = 0 // not loaded yet: nobody can say which one is in use
	}
	n := 0
	for _, v := range slices.Backward(versions) {
		if v.Status == "DESTROYED" || number(v.Version) >= oldest {
			continue
		}
		_, err := c.send(ctx, call{method: http.MethodDelete, path: path + "/versions/" + url.PathEscape(v.Version), version: environmentVersion})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, err
		}
		n++
	}
	return n, nil
}

// ActiveVersion is a versioned ESV's newest version, "" when the body doesn't tell.
func ActiveVersion(r *schema.Resource) string { return schema.Str(bodyOf(r), "/activeVersion") }
