package tenant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// typeOf finds the row of a key's type.
func (c *Client) typeOf(k schema.Key) (*schema.Type, error) {
	t, ok := schema.TypeOf(k.Type)
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %s: there is no type %q", c.name, k, k.Type)
	case k.ID == "":
		return nil, fmt.Errorf("%s: %s: the resource has no id", c.name, k)
	case t.Realm && k.Realm == "":
		return nil, fmt.Errorf("%s: %s: the resource has no realm", c.name, k)
	}
	return t, nil
}

// Get reads one resource as the tenant holds it now. The error wraps fs.ErrNotExist when it has none.
func (c *Client) Get(ctx context.Context, k schema.Key) (*schema.Resource, error) {
	t, err := c.typeOf(k)
	if err != nil {
		return nil, err
	}
	switch {
	case t.Journey:
		return c.getJourney(ctx, t, k)
	case t.API.Member != "":
		doc, err := c.object(ctx, call{method: http.MethodGet, path: t.RESTPath(k, nil), version: t.API.Version})
		if err != nil {
			return nil, err
		}
		if _, items := members(t, k, doc); items != nil {
			if i := indexOf(t, k, items); i >= 0 {
				return c.resource(t, k, items[i].(map[string]any)), nil
			}
		}
		return nil, c.notFound(k)
	case pathNeedsBody(t):
		return c.find(ctx, t, k)
	}
	body, err := c.entity(ctx, t, k)
	if err != nil {
		return nil, err
	}
	return c.resource(t, k, body), nil
}

// entity reads the document at a key's path, with what the tenant keeps beside it.
func (c *Client) entity(ctx context.Context, t *schema.Type, k schema.Key) (map[string]any, error) {
	body, err := c.object(ctx, call{method: http.MethodGet, path: t.RESTPath(k, nil), version: t.API.Version})
	if err != nil || !t.API.Metadata {
		return body, err
	}
	return c.withMetadata(ctx, k, body)
}

// version is the Accept-API-Version header for a body.
func version(t *schema.Type, body map[string]any) string {
	if v, ok := t.API.KindVersions[schema.Str(body, "/_type/_id")]; ok {
		return v
	}
	if at := t.API.VersionAt; at != "" {
		protocol, resource := schema.Str(body, at+"/protocol"), schema.Str(body, at+"/resource")
		if protocol != "" && resource != "" {
			return "protocol=" + protocol + ",resource=" + resource
		}
	}
	return t.API.Version
}

// pathNeedsBody says whether a resource's path has a part that only its body tells: a provider's kind.
func pathNeedsBody(t *schema.Type) bool { return strings.Contains(t.API.Path, "{/") }

func (c *Client) resource(t *schema.Type, k schema.Key, body map[string]any) *schema.Resource {
	return &schema.Resource{Key: k, Body: t.Decode(body), Rev: schema.Str(body, "/_rev")}
}

func (c *Client) notFound(k schema.Key) error {
	return fmt.Errorf("%s: %s: %w", c.name, k, fs.ErrNotExist)
}

// find looks the resource up in the list of its type.
func (c *Client) find(ctx context.Context, t *schema.Type, k schema.Key) (*schema.Resource, error) {
	items, err := c.list(ctx, listCall(t, k.Realm, ""))
	if err != nil {
		return nil, err
	}
	for _, body := range items {
		if t.Is(body) && t.Key(k.Realm, "", body) == k {
			return c.resource(t, k, body), nil
		}
	}
	return nil, c.notFound(k)
}

// listCall is the request for all resources of a type, in a realm, below a parent.
func listCall(t *schema.Type, realm, parent string) call {
	l := t.API.List
	fill := func(s string, escape func(string) string) string {
		return strings.NewReplacer("{realm}", escape(realm), "{parent}", escape(parent)).Replace(s)
	}
	return call{method: l.Method, path: fill(l.Path, escapeSegments), query: fill(l.Query, url.QueryEscape), version: t.API.Version}
}

// escapeSegments escapes a path, but for the slashes in it: an id may have some.
func escapeSegments(s string) string {
	segs := strings.Split(s, "/")
	for i := range segs {
		segs[i] = url.PathEscape(segs[i])
	}
	return strings.Join(segs, "/")
}

// Put makes the tenant hold the resource, and returns what it holds then: the server adds defaults and
// its own members. was is what the tenant held before, nil if nothing. It may be called again after a
// failure, with the same arguments.
func (c *Client) Put(ctx context.Context, r, was *schema.Resource) (*schema.Resource, error) {
	t, err := c.typeOf(r.Key)
	if err != nil {
		return nil, err
	}
	switch {
	case t.ReadOnly != "":
		return nil, fmt.Errorf("%s: %s can't be written: %s", c.name, r.Label(), t.ReadOnly)
	case t.Journey:
		return c.putJourney(ctx, t, r, was)
	case t.API.Member != "":
		return c.putMember(ctx, t, r)
	case t.API.Versioned:
		return c.putVersioned(ctx, t, r)
	}
	body := forSending(t, r.Body)
	var hide []string
	if t.API.Value != "" {
		if hide, err = c.checkValue(t, r, was); err != nil {
			return nil, err
		}
	}
	if pathNeedsBody(t) && was != nil && t.RESTPath(r.Key, r.Body) != t.RESTPath(was.Key, was.Body) {
		return nil, fmt.Errorf("%s: %s: its kind can't be changed from %s: delete it and create it anew", c.name, r.Label(), schema.Str(was.Body, "/_type/_id"))
	}
	if at := masked(t, body); at != "" {
		return nil, fmt.Errorf("%s: %s: %s holds asterisks, which the tenant shows for a value that it hides: put the value there, or ${NAME}", c.name, r.Label(), at)
	}
	if t.API.Metadata {
		if err := c.importMetadata(ctx, t, r, was); err != nil {
			return nil, err
		}
	}
	answer, err := c.write(ctx, t, r, was, body, hide)
	if err != nil {
		return nil, explainPut(t, r, err)
	}
	if t.API.Publish != "" && schema.Str(body, "/status") == "published" {
		method, path, query := request(t, t.API.Publish, r)
		if _, err := c.send(ctx, call{method: method, path: path, query: query, version: t.API.Version, body: body}); err != nil {
			return nil, err
		}
		if answer, err = c.entity(ctx, t, r.Key); err != nil {
			return nil, err
		}
	}
	if t.API.Metadata {
		if answer, err = c.withMetadata(ctx, r.Key, answer); err != nil {
			return nil, err
		}
	}
	return c.resource(t, r.Key, answer), nil
}

// masked is the place of a value that a tenant has shown asterisks for; sent back, they would be the value.
func masked(t *schema.Type, body map[string]any) string {
	for _, pattern := range t.PerTenant {
		for _, m := range schema.Select(body, pattern) {
			if schema.IsMasked(m.Value) {
				return m.Pointer
			}
		}
	}
	return ""
}

// write creates or replaces a document, as the type's row says that the tenant wants it done. What was
// there before is only a hint: another administrator may have been faster.
func (c *Client) write(ctx context.Context, t *schema.Type, r, was *schema.Resource, body map[string]any, hide []string) (map[string]any, error) {
	k := call{method: http.MethodPut, path: t.RESTPath(r.Key, r.Body), version: version(t, r.Body), body: body, hide: hide}
	switch {
	case t.API.Create != "":
		create := k
		create.method, create.path, create.query = request(t, t.API.Create, r)
		return c.either(ctx, t, was == nil, create, k)
	case t.API.IfMatch:
		update := k
		update.match = "*"
		return c.either(ctx, t, was == nil, k, update)
	}
	return c.put(ctx, t, k)
}

// either creates or updates, and does the other one when the tenant answers that the resource is there
// already, or isn't.
func (c *Client) either(ctx context.Context, t *schema.Type, isNew bool, create, update call) (map[string]any, error) {
	if !isNew {
		answer, err := c.put(ctx, t, update)
		if errors.Is(err, fs.ErrNotExist) {
			return c.put(ctx, t, create)
		}
		return answer, err
	}
	answer, err := c.put(ctx, t, create)
	if exists(err) {
		return c.put(ctx, t, update)
	}
	return answer, err
}

// exists says whether the tenant answers that what should be created is there (tenant-api, sections 2.5,
// 10.10, 10.11): 409, 412, or a hosted entity's own 400 and a circle of trust's 500.
func exists(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusConflict, http.StatusPreconditionFailed:
		return true
	case http.StatusBadRequest:
		return strings.Contains(e.Message, "already exists")
	case http.StatusInternalServerError:
		return strings.Contains(e.Message, "circle of trust")
	}
	return false
}

// request takes the parts of a row's request, "POST /path?query", with its variables filled in.
func request(t *schema.Type, row string, r *schema.Resource) (method, path, query string) {
	method, target, _ := strings.Cut(row, " ")
	path, query, _ = strings.Cut(target, "?")
	return method, t.Expand(path, r.Key, r.Body, url.PathEscape), query
}

// put sends one document. When the tenant doesn't know some of its attributes, since it is older than
// the one they came from, those that say nothing are left out; any other is an error that names them.
func (c *Client) put(ctx context.Context, t *schema.Type, k call) (map[string]any, error) {
	body, _ := k.body.(map[string]any)
	answer, err := c.object(ctx, k)
	var e *Error
	if !errors.As(err, &e) || len(e.valid) == 0 {
		return answer, err
	}
	var lost []string
	less := schema.CloneObject(body)
	for _, name := range schema.SortedKeys(body) {
		if strings.HasPrefix(name, "_") || slices.Contains(e.valid, name) {
			continue
		}
		if !saysNothing(t, name, body[name]) {
			lost = append(lost, name)
		}
		delete(less, name)
	}
	if len(lost) > 0 || len(less) == len(body) {
		if len(lost) > 0 {
			e.Message += " This tenant doesn't know " + strings.Join(lost, ", ") + "."
			e.Hint = "The file may come from a newer release of the product. Take these attributes out, or wait until the tenant is upgraded."
		}
		return nil, e
	}
	k.body = less
	return c.object(ctx, k)
}

// saysNothing says whether leaving the attribute out means the same.
func saysNothing(t *schema.Type, name string, v any) bool {
	if v == nil {
		return true
	}
	for _, d := range t.Defaults {
		segs := schema.SplitPointer(d.Pattern)
		if segs[len(segs)-1] == name && sameJSON(d.Value, v) {
			return true
		}
	}
	return false
}

// forSending is the body as it goes to the tenant. Texts that are empty by default are spelled out: AM
// answers 500 to an update of a provider without its redirect field, and stores a script's null
// description as the word "null" (tenant-api, sections 10.4 and 10.7).
func forSending(t *schema.Type, body map[string]any) map[string]any {
	out := t.Encode(body)
	for _, d := range t.Defaults {
		segs := schema.SplitPointer(d.Pattern)
		if len(segs) == 1 && d.Value == "" && out[segs[0]] == nil {
			out[segs[0]] = ""
		}
	}
	return out
}

func explainPut(t *schema.Type, r *schema.Resource, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusForbidden && t.IsProtected(r) {
		e.Hint = strings.TrimPrefix(e.Hint+"\n"+r.Label()+" belongs to the product, which lets nobody change it. Leave it out with ignore: in lockstep.yaml.", "\n")
	}
	return err
}

// Delete removes the resource; one that is gone already is no error.
func (c *Client) Delete(ctx context.Context, r *schema.Resource) error {
	t, err := c.typeOf(r.Key)
	if err != nil {
		return err
	}
	if t.IsProtected(r) || t.ReadOnly != "" {
		return fmt.Errorf("%s: %s belongs to the product and is never deleted", c.name, r.Label())
	}
	switch {
	case t.Journey:
		return c.deleteJourney(ctx, t, r)
	case t.API.Member != "":
		return c.deleteMember(ctx, t, r.Key)
	}
	path := t.RESTPath(r.Key, r.Body)
	if len(t.API.Parts) == 0 {
		return c.remove(ctx, path, version(t, r.Body))
	}
	var errs []error
	for _, part := range t.API.Parts {
		errs = append(errs, c.remove(ctx, path+"/"+part, version(t, r.Body)))
	}
	// A part that isn't there answers 500 (tenant-api, section 14): what counts is what is left.
	if _, err := c.Get(ctx, r.Key); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(errs...)
}

// remove deletes one document; one that is gone already is no error.
func (c *Client) remove(ctx context.Context, path, version string) error {
	_, err := c.send(ctx, call{method: http.MethodDelete, path: path, version: version})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// members finds the list of a whole document that the resource is an element of, and the pointer to it.
// A realm's key may be written "/alpha".
func members(t *schema.Type, k schema.Key, doc map[string]any) (pointer string, items []any) {
	pointer = t.Expand(t.API.Member, k, nil, schema.EscapeSegment)
	segs := schema.SplitPointer(pointer)
	slashed := schema.Pointer(append(segs[:len(segs)-1:len(segs)-1], "/"+segs[len(segs)-1])...)
	for _, p := range []string{pointer, slashed} {
		if v, ok := schema.Lookup(doc, p); ok {
			if l, ok := v.([]any); ok {
				return p, l
			}
		}
	}
	return pointer, nil
}

func indexOf(t *schema.Type, k schema.Key, items []any) int {
	return slices.IndexFunc(items, func(v any) bool {
		m, ok := v.(map[string]any)
		return ok && t.Key(k.Realm, "", m) == k
	})
}

// editDocument reads a whole document, lets edit change the resource's list, and writes it back. The
// tenant has no conditional write for it: within this client the writes take turns, and between two
// clients the window is as short as it can be.
func (c *Client) editDocument(ctx context.Context, t *schema.Type, k schema.Key, edit func([]any) (changed []any, ok bool)) (map[string]any, error) {
	if err := c.documents.take(ctx); err != nil {
		return nil, err
	}
	defer c.documents.give()
	path := t.RESTPath(k, nil)
	doc, err := c.object(ctx, call{method: http.MethodGet, path: path, version: t.API.Version})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		doc = map[string]any{"_id": strings.TrimPrefix(path, "/openidm/config/")}
	case err != nil:
		return nil, err
	}
	pointer, items := members(t, k, doc)
	items, ok := edit(items)
	if !ok {
		return doc, nil
	}
	if err := setAt(doc, pointer, items); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", c.name, path, err)
	}
	return c.object(ctx, call{method: http.MethodPut, path: path, version: t.API.Version, body: doc})
}

func sameJSON(a, b any) bool { return bytes.Equal(schema.CompactJSON(a), schema.CompactJSON(b)) }

func (c *Client) putMember(ctx context.Context, t *schema.Type, r *schema.Resource) (*schema.Resource, error) {
	doc, err := c.editDocument(ctx, t, r.Key, func(items []any) ([]any, bool) {
		items = slices.Clone(items)
		body := forSending(t, r.Body)
		i := indexOf(t, r.Key, items)
		if i < 0 {
			return append(items, body), true
		}
		if sameJSON(items[i], body) {
			return nil, false
		}
		items[i] = body
		return items, true
	})
	if err != nil {
		return nil, err
	}
	_, items := members(t, r.Key, doc)
	if i := indexOf(t, r.Key, items); i >= 0 {
		return c.resource(t, r.Key, items[i].(map[string]any)), nil
	}
	return nil, fmt.Errorf("%s: %s: the tenant took it and does not hold it", c.name, r.Label())
}

func (c *Client) deleteMember(ctx context.Context, t *schema.Type, k schema.Key) error {
	_, err := c.editDocument(ctx, t, k, func(items []any) ([]any, bool) {
		i := indexOf(t, k, items)
		if i < 0 {
			return nil, false
		}
		return slices.Delete(slices.Clone(items), i, i+1), true
	})
	return err
}

// setAt sets the value at a pointer, making objects on the way.
func setAt(doc map[string]any, pointer string, v any) error {
	segs := schema.SplitPointer(pointer)
	for _, s := range segs[:len(segs)-1] {
		next, ok := doc[s].(map[string]any)
		if !ok {
			if doc[s] != nil {
				return fmt.Errorf("%s is not an object", s)
			}
			next = map[string]any{}
			doc[s] = next
		}
		doc = next
	}
	doc[segs[len(segs)-1]] = v
	return nil
}
