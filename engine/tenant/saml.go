package tenant

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A SAML entity is two documents: its settings, and its metadata in XML, which AM shows at an address
// of its own. A partner's metadata is imported, which makes the entity; it can't be changed afterwards
// but by deleting the entity (tenant-api, section 10.10).

// withMetadata puts an entity's metadata beside its settings.
func (c *Client) withMetadata(ctx context.Context, k schema.Key, body map[string]any) (map[string]any, error) {
	name := schema.Str(body, "/entityId")
	if name == "" {
		return body, nil
	}
	query := url.Values{"entityid": {name}, "realm": {k.Realm}}.Encode()
	data, err := c.send(ctx, call{method: http.MethodGet, path: schema.MetadataPath, query: query, version: "protocol=2.1,resource=1.0", text: true})
	if err != nil {
		return nil, err
	}
	// Its errors come as text, with status 200.
	text := string(data)
	if !strings.Contains(text, "EntityDescriptor") {
		return body, nil
	}
	out := schema.CloneObject(body)
	out["metadata"] = text
	return out, nil
}

// importMetadata makes a partner's entity of its metadata, where it is not there yet.
func (c *Client) importMetadata(ctx context.Context, t *schema.Type, r, was *schema.Resource) error {
	text := schema.Str(r.Body, "/metadata")
	if t.API.Create != "" || text == "" {
		return nil // AM makes the metadata of its own entities
	}
	if was != nil {
		if had := schema.Str(was.Body, "/metadata"); had != "" && had != text {
			return fmt.Errorf("%s: %s: the tenant can't change an entity's metadata; delete the entity there, and apply again", c.name, r.Label())
		}
		return nil
	}
	path := strings.TrimSuffix(t.RESTPath(schema.Key{Type: r.Type, Realm: r.Realm}, nil), "/") + "/"
	body := map[string]any{"standardMetadata": base64.RawURLEncoding.EncodeToString([]byte(text))}
	_, err := c.send(ctx, call{method: http.MethodPost, path: path, query: "_action=importEntity", version: t.API.Version, body: body})
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusInternalServerError && strings.Contains(e.Message, "import") {
		return nil // it may be there already: the write that follows tells
	}
	return err
}
