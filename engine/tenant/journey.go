package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-gitops/lockstep/schema"
)

// pageNode is the one node type that holds other nodes (tenant-api, section 10.2).
const pageNode = "PageNode"

// nodeID names a node instance: the tenant keeps them per realm, by type, version and id, and knows
// nothing of the journey they are for.
type nodeID struct{ typ, version, id string }

func (n nodeID) String() string { return n.typ + "/" + n.id }

// A nodeAPI is how one realm's nodes are addressed.
type nodeAPI struct {
	realm     string
	versioned bool // the tenant knows paths with a version: AM 8.1 and later
}

func (c *Client) nodes(ctx context.Context, realm string) (nodeAPI, error) {
	v, err := c.knownVersion(ctx)
	if err != nil {
		return nodeAPI{}, err
	}
	return nodeAPI{realm, atLeast(v, 8, 1)}, nil
}

// path is a node's path and API version. The path without a version always means version 1.0, and
// shows some nodes of 2.0 as other nodes of 1.0 (corpus-notes, 1): never use it for them.
func (a nodeAPI) path(n nodeID) (path, version string) {
	versioned := a.versioned || n.version != "1.0"
	return schema.NodePath(a.realm, n.typ, n.version, n.id, versioned), nodeVersionHeader(versioned)
}

// list is the request for all nodes of one type and version.
func (a nodeAPI) list(typ, version string) call {
	versioned := a.versioned || version != "1.0"
	path := schema.TreesBase(a.realm) + "/nodes/" + url.PathEscape(typ)
	if versioned {
		path += "/" + url.PathEscape(version)
	}
	return call{method: http.MethodGet, path: path, query: "_queryFilter=true", version: nodeVersionHeader(versioned)}
}

func nodeVersionHeader(versioned bool) string {
	if versioned {
		return "protocol=2.1,resource=3.0"
	}
	return "protocol=2.1,resource=1.0"
}

// knownVersion is AM's version, asked for once; empty when the tenant doesn't tell.
func (c *Client) knownVersion(ctx context.Context) (string, error) {
	if err := c.version.take(ctx); err != nil {
		return "", err
	}
	defer c.version.give()
	if c.amVersion != "" {
		return c.amVersion, nil
	}
	v, err := c.Version(ctx)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	c.amVersion = v
	return v, nil
}

// atLeast compares the first two numbers of a version such as 9.0.0-SNAPSHOT.
func atLeast(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, errA := strconv.Atoi(parts[0])
	b, errB := strconv.Atoi(parts[1])
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}

// nodeBodies are the nodes that were read so far.
type nodeBodies struct {
	mu    sync.Mutex
	found map[nodeID]map[string]any // nil: the tenant has no such node
	deny  map[nodeID]error          // it is there, and may not be read
}

func newNodeBodies() *nodeBodies {
	return &nodeBodies{found: map[nodeID]map[string]any{}, deny: map[nodeID]error{}}
}

func (b *nodeBodies) get(n nodeID) (body map[string]any, known bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, known = b.found[n]
	return body, known || b.deny[n] != nil
}

// refused is why a node could not be read; nil when it could.
func (b *nodeBodies) refused(n nodeID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.deny[n]
}

func (b *nodeBodies) add(n nodeID, body map[string]any, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.deny[n] = err
		return
	}
	// Tenants before AM 9 don't say the version in the body.
	if kind, ok := body["_type"].(map[string]any); ok && kind["version"] == nil && n.version != "1.0" {
		kind["version"] = n.version
	}
	b.found[n] = body
}

// childrenOf lists the nodes that a page node's body names.
func childrenOf(body map[string]any) []nodeID {
	var ids []nodeID
	list, _ := body["nodes"].([]any)
	for _, c := range list {
		if id := schema.Str(c, "/_id"); id != "" {
			ids = append(ids, nodeID{schema.Str(c, "/nodeType"), orFirst(schema.Str(c, "/nodeVersion")), id})
		}
	}
	return ids
}

func orFirst(version string) string {
	if version == "" {
		return "1.0"
	}
	return version
}

// topNodes lists the nodes that a tree names.
func topNodes(tree map[string]any) []nodeID {
	var ids []nodeID
	refs, _ := tree["nodes"].(map[string]any)
	for _, id := range schema.SortedKeys(refs) {
		ids = append(ids, nodeID{schema.Str(refs[id], "/nodeType"), orFirst(schema.Str(refs[id], "/version")), id})
	}
	return ids
}

// readNodes reads the nodes, and then the children of the page nodes among them.
func (c *Client) readNodes(ctx context.Context, a nodeAPI, want []nodeID, into *nodeBodies, read func(context.Context, nodeAPI, []nodeID, *nodeBodies) error) error {
	// Twice: a page holds no pages.
	for range 2 {
		var need []nodeID
		seen := map[nodeID]bool{}
		for _, n := range want {
			if _, known := into.get(n); !known && !seen[n] {
				seen[n] = true
				need = append(need, n)
			}
		}
		if err := read(ctx, a, need, into); err != nil {
			return err
		}
		var next []nodeID
		for _, n := range want {
			body, _ := into.get(n)
			next = append(next, childrenOf(body)...)
		}
		want = next
	}
	return nil
}

// readEach reads nodes one by one, and calls done after each.
func (c *Client) readEach(ctx context.Context, a nodeAPI, want []nodeID, into *nodeBodies, done func()) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.parallel) // a goroutine for each of ten thousand would only wait
	for _, n := range want {
		g.Go(func() error {
			path, version := a.path(n)
			body, err := c.object(ctx, call{method: http.MethodGet, path: path, version: version})
			switch {
			case errors.Is(err, fs.ErrNotExist):
				into.add(n, nil, nil)
			case errors.Is(err, fs.ErrPermission):
				into.add(n, nil, err)
			case err != nil:
				return err
			default:
				into.add(n, body, nil)
			}
			done()
			return nil
		})
	}
	return g.Wait()
}

// joinNodes makes a journey of a tree and its nodes.
func joinNodes(r *schema.Resource, b *nodeBodies) {
	schema.JoinJourney(r, func(typ, version, id string) (map[string]any, *schema.Source, bool) {
		body, _ := b.get(nodeID{typ, version, id})
		return body, nil, body != nil
	})
}

func (c *Client) getJourney(ctx context.Context, t *schema.Type, k schema.Key) (*schema.Resource, error) {
	tree, err := c.object(ctx, call{method: http.MethodGet, path: t.RESTPath(k, nil), version: t.API.Version})
	if err != nil {
		return nil, err
	}
	a, err := c.nodes(ctx, k.Realm)
	if err != nil {
		return nil, err
	}
	bodies := newNodeBodies()
	each := func(ctx context.Context, a nodeAPI, want []nodeID, into *nodeBodies) error {
		return c.readEach(ctx, a, want, into, func() {})
	}
	if err := c.readNodes(ctx, a, topNodes(tree), bodies, each); err != nil {
		return nil, err
	}
	for _, n := range sortedIDs(bodies.deny) {
		return nil, fmt.Errorf("%s: node %s: %w", k, n, bodies.refused(n))
	}
	r := c.resource(t, k, tree)
	joinNodes(r, bodies)
	return r, nil
}

func sortedIDs[V any](m map[nodeID]V) []nodeID {
	var ids []nodeID
	for n := range m {
		ids = append(ids, n)
	}
	slices.SortFunc(ids, func(a, b nodeID) int {
		return strings.Compare(a.typ+" "+a.version+" "+a.id, b.typ+" "+b.version+" "+b.id)
	})
	return ids
}

// journeyNodes are the nodes of a journey's body with their bodies, split into the children of pages
// and all others.
func journeyNodes(body map[string]any) (children, others []nodeID, bodies map[nodeID]map[string]any) {
	bodies = map[nodeID]map[string]any{}
	for _, ref := range schema.NodeRefs(body) {
		n := nodeID{ref.Type, ref.Version, ref.ID}
		if _, twice := bodies[n]; twice {
			continue
		}
		node, _ := schema.Lookup(body, schema.Pointer("nodeConfigs", ref.ID))
		bodies[n], _ = node.(map[string]any)
		if ref.Page != "" {
			children = append(children, n)
		} else {
			others = append(others, n)
		}
	}
	return children, others, bodies
}

// putJourney writes what a journey needs before what needs it, so that a login that is under way never
// meets a node that is not there: children of page nodes, all other nodes, the tree, and then the
// removal of the nodes that nothing uses any more. Only what differs from was is written.
func (c *Client) putJourney(ctx context.Context, t *schema.Type, r, was *schema.Resource) (*schema.Resource, error) {
	children, others, want := journeyNodes(r.Body)
	for _, n := range append(slices.Clone(children), others...) {
		if want[n] == nil {
			return nil, fmt.Errorf("%s: %s: node %s is named by the journey and has no configuration", c.name, r.Label(), n)
		}
	}
	a, err := c.nodes(ctx, r.Key.Realm)
	if err != nil {
		return nil, err
	}
	var before map[nodeID]map[string]any
	var tree map[string]any
	if was != nil {
		_, _, before = journeyNodes(was.Body)
		tree = was.Body
	}
	held := newNodeBodies()
	for _, layer := range [][]nodeID{children, others} {
		if err := c.putNodes(ctx, t, a, layer, want, before, held); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Label(), err)
		}
	}
	answer := tree
	if was == nil || !sameTree(t, r.Body, tree) {
		if err := c.treeUnmoved(ctx, t, r.Key, was); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Label(), err)
		}
		body := withPlaces(forSending(t, r.Body), tree)
		if answer, err = c.put(ctx, t, call{method: http.MethodPut, path: t.RESTPath(r.Key, nil), version: t.API.Version, body: body}); err != nil {
			return nil, explainPut(t, r, err)
		}
	}
	var gone []nodeID
	for _, n := range sortedIDs(before) {
		if _, kept := want[n]; !kept && before[n] != nil {
			gone = append(gone, n)
		}
	}
	if err := c.deleteNodes(ctx, t, a, r.Key, gone, want); err != nil {
		return nil, fmt.Errorf("%s is written, and nodes that it no longer uses are left: %w", r.Label(), err)
	}
	now := c.resource(t, r.Key, answer)
	joinNodes(now, held)
	return now, nil
}

// errMoved says that somebody changed a journey while its nodes were written.
type errMoved struct{}

func (errMoved) Error() string { return "somebody changed the journey while its nodes were written" }
func (errMoved) Moved() bool   { return true }

// treeUnmoved reads the tree once more before it is written over: the nodes took their time, and the tenant has no
// precondition for it. Its _rev is a hash of the content (tenant-api, section 2.2).
func (c *Client) treeUnmoved(ctx context.Context, t *schema.Type, k schema.Key, was *schema.Resource) error {
	if was == nil || was.Rev == "" {
		return nil
	}
	now, err := c.object(ctx, call{method: http.MethodGet, path: t.RESTPath(k, nil), version: t.API.Version})
	if err != nil {
		return err
	}
	if schema.Str(now, "/_rev") != was.Rev {
		return errMoved{}
	}
	return nil
}

// putNodes writes the nodes of one layer that differ, and notes what the tenant holds then.
func (c *Client) putNodes(ctx context.Context, t *schema.Type, a nodeAPI, layer []nodeID, want, before map[nodeID]map[string]any, held *nodeBodies) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, n := range layer {
		if before[n] != nil && sameNode(t, want[n], before[n]) {
			held.add(n, before[n], nil)
			continue
		}
		g.Go(func() error {
			body := map[string]any{}
			for name, v := range want[n] {
				if name != "_rev" && !strings.HasSuffix(name, "-encrypted") {
					body[name] = v
				}
			}
			path, version := a.path(n)
			answer, err := c.put(ctx, t, call{method: http.MethodPut, path: path, version: version, body: body})
			if err != nil {
				return fmt.Errorf("node %s: %w", n, err)
			}
			held.add(n, answer, nil)
			return nil
		})
	}
	return g.Wait()
}

// sameNode compares two bodies of one node, less what the server owns.
func sameNode(t *schema.Type, a, b map[string]any) bool {
	under := func(node map[string]any) map[string]any {
		return map[string]any{"nodeConfigs": map[string]any{"n": node}}
	}
	return sameBody(t, under(a), under(b))
}

// sameTree compares two trees without their nodes' configuration.
func sameTree(t *schema.Type, a, b map[string]any) bool {
	without := func(body map[string]any) map[string]any {
		out := make(map[string]any, len(body))
		for k, v := range body {
			if k != "nodeConfigs" {
				out[k] = v
			}
		}
		return out
	}
	return sameBody(t, without(a), without(b))
}

// sameBody says that two bodies are equal but for the members that the server owns. It sees differences
// where the server would not (a default that is spelled out): that costs a request, no more.
func sameBody(t *schema.Type, a, b map[string]any) bool {
	strip := func(body map[string]any) map[string]any {
		out := schema.CloneObject(body)
		for _, pattern := range t.Volatile {
			for _, m := range schema.Select(out, pattern) {
				segs := schema.SplitPointer(m.Pointer)
				parent, _ := schema.Lookup(out, schema.Pointer(segs[:len(segs)-1]...))
				if p, ok := parent.(map[string]any); ok {
					delete(p, segs[len(segs)-1])
				}
			}
		}
		return out
	}
	return sameJSON(strip(a), strip(b))
}

// withPlaces fills in coordinates that are missing: AM refuses a node without them, and exports may
// leave them out. A node stays where it is on the tenant.
func withPlaces(tree, live map[string]any) map[string]any {
	for _, member := range []string{"nodes", "staticNodes"} {
		nodes, _ := tree[member].(map[string]any)
		for id, v := range nodes {
			node, ok := v.(map[string]any)
			if !ok {
				continue
			}
			for _, axis := range []string{"x", "y"} {
				if node[axis] != nil {
					continue
				}
				node[axis] = json.Number("0")
				if at, ok := schema.Lookup(live, schema.Pointer(member, id, axis)); ok && at != nil {
					node[axis] = at
				}
			}
		}
	}
	return tree
}

// deleteJourney removes the tree first, so that nobody enters it, and then the nodes that no other
// journey uses.
func (c *Client) deleteJourney(ctx context.Context, t *schema.Type, r *schema.Resource) error {
	path := t.RESTPath(r.Key, nil)
	// AM may answer 200 and still have the tree (tenant-api, section 10.1).
	for try := 0; ; try++ {
		if err := c.remove(ctx, path, t.API.Version); err != nil {
			return err
		}
		_, err := c.send(ctx, call{method: http.MethodGet, path: path, version: t.API.Version})
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		if try == 2 {
			return fmt.Errorf("%s: %s: the tenant says it is deleted and still has it", c.name, r.Label())
		}
	}
	a, err := c.nodes(ctx, r.Key.Realm)
	if err != nil {
		return err
	}
	_, _, bodies := journeyNodes(r.Body)
	if err := c.deleteNodes(ctx, t, a, r.Key, sortedIDs(bodies), nil); err != nil {
		return fmt.Errorf("%s is deleted, and nodes of it are left: %w", r.Label(), err)
	}
	return nil
}

// deleteNodes removes those of the nodes that no journey uses; kept are the nodes that the journey at
// hand still has.
func (c *Client) deleteNodes(ctx context.Context, t *schema.Type, a nodeAPI, of schema.Key, nodes []nodeID, kept map[nodeID]map[string]any) error {
	if len(nodes) == 0 {
		return nil
	}
	used, err := c.usedNodes(ctx, t, a, of, nodes)
	if err != nil {
		return err
	}
	for n := range kept {
		used[n] = true
	}
	// Pages first: AM answers 500 to the deletion of a page whose child is gone.
	slices.SortStableFunc(nodes, func(x, y nodeID) int { return order(y.typ == pageNode) - order(x.typ == pageNode) })
	for _, n := range nodes {
		if used[n] {
			continue
		}
		path, version := a.path(n)
		err := c.remove(ctx, path, version)
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusInternalServerError && strings.Contains(e.Message, "Node did not exist") {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("node %s: %w", n, err)
		}
	}
	return nil
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// usedNodes finds the nodes that other journeys of the realm use: two journeys may share one, since the
// tenant keeps nodes by id alone.
func (c *Client) usedNodes(ctx context.Context, t *schema.Type, a nodeAPI, of schema.Key, going []nodeID) (map[nodeID]bool, error) {
	trees, err := c.list(ctx, listCall(t, of.Realm, ""))
	if err != nil {
		return nil, err
	}
	used, versions := map[nodeID]bool{}, map[string]bool{}
	for _, tree := range trees {
		if t.Key(of.Realm, "", tree) == of {
			continue
		}
		for _, n := range topNodes(tree) {
			used[n] = true
			versions[n.version] = versions[n.version] || n.typ == pageNode
		}
	}
	for _, v := range schema.SortedKeys(versions) {
		if !versions[v] {
			continue
		}
		pages, err := c.list(ctx, a.list(pageNode, v))
		if err != nil {
			return nil, err
		}
		for _, page := range pages {
			if slices.Contains(going, nodeID{pageNode, v, schema.Str(page, "/_id")}) && !used[nodeID{pageNode, v, schema.Str(page, "/_id")}] {
				continue
			}
			for _, n := range childrenOf(page) {
				used[n] = true
			}
		}
	}
	return used, nil
}
