package tenant

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lockstep-gitops/lockstep/schema"
)

// SnapshotOptions say what to read.
type SnapshotOptions struct {
	Types  []string // names of types; all when empty
	Realms []string // alpha and bravo when empty
	// OnProgress, if set, is told of each part that is read; total grows as parts are found. Calls don't
	// overlap.
	OnProgress func(done, total int, what string)
}

// Snapshot reads the tenant's configuration, in lists wherever the tenant has them. What it refuses to
// show, or doesn't have, is named in the set's Partial; any other failure ends the reading.
func (c *Client) Snapshot(ctx context.Context, o SnapshotOptions) (*schema.Set, error) {
	s := &snapshot{c: c, o: o, set: schema.NewSet("env:" + c.name), want: map[string]bool{}, partial: map[string]bool{}}
	s.set.Types, s.set.Realms = slices.Clone(o.Types), slices.Clone(o.Realms)
	if len(o.Realms) == 0 {
		s.o.Realms = []string{"alpha", "bravo"}
	}
	for _, name := range o.Types {
		if _, ok := schema.TypeOf(name); !ok {
			return nil, fmt.Errorf("%s: there is no type %q", c.name, name)
		}
		s.want[name] = true
	}
	if len(o.Types) == 0 {
		for _, t := range schema.Types() {
			s.want[t.Name] = true
		}
	}
	s.group, ctx = errgroup.WithContext(ctx)
	for _, t := range schema.Types() {
		s.plan(ctx, t)
	}
	if err := s.group.Wait(); err != nil {
		return nil, err
	}
	s.set.Partial = schema.SortedKeys(s.partial)
	return s.set, nil
}

type snapshot struct {
	c     *Client
	o     SnapshotOptions
	want  map[string]bool
	group *errgroup.Group

	mu          sync.Mutex
	set         *schema.Set
	partial     map[string]bool
	done, total int
}

// start reads one part. How many requests are in flight at once is the transport's matter.
func (s *snapshot) start(what string, f func() error) {
	s.mu.Lock()
	s.total++
	s.mu.Unlock()
	s.group.Go(func() error {
		if err := f(); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.done++
		if s.o.OnProgress != nil {
			s.o.OnProgress(s.done, s.total, what)
		}
		return nil
	})
}

// plan starts the reading of one type.
func (s *snapshot) plan(ctx context.Context, t *schema.Type) {
	children := childTypes(t, s.want)
	if !s.want[t.Name] && len(children) == 0 {
		return
	}
	switch {
	case t.API.Member != "":
		s.start(t.Plural, func() error { return s.whole(ctx, t) })
		return
	case t.API.Fixed != "":
		if s.want[t.Name] {
			s.start(t.Plural, func() error { return s.fixed(ctx, t) })
		}
		return
	case strings.Contains(t.API.List.Path, "{parent}"):
		return // read by its parent's part
	}
	realms := []string{""}
	if t.Realm {
		realms = s.o.Realms
	}
	for _, realm := range realms {
		what := strings.TrimSpace(realm + " " + t.Plural)
		switch {
		case t.Journey:
			s.start(what, func() error { return s.journeys(ctx, t, realm) })
		default:
			s.start(what, func() error { return s.list(ctx, t, realm, children) })
		}
	}
}

// childTypes are the wanted types whose lists stand below each resource of t.
func childTypes(t *schema.Type, want map[string]bool) []*schema.Type {
	var out []*schema.Type
	for _, x := range schema.Types() {
		if x.Parent.Type == t.Name && want[x.Name] && strings.Contains(x.API.List.Path, "{parent}") {
			out = append(out, x)
		}
	}
	return out
}

// ownsChildren says whether some other type has the children of that resource for itself.
func ownsChildren(parent schema.Key) bool {
	return slices.ContainsFunc(schema.Types(), func(t *schema.Type) bool {
		return t.Parent.Type == parent.Type && t.Parent.ID == parent.ID
	})
}

// unreadable notes what the tenant refuses to show. It says whether err was of that sort.
func (s *snapshot) unreadable(err error, t *schema.Type, realm string) bool {
	if !errors.Is(err, fs.ErrPermission) && StatusOf(err) != http.StatusNotFound {
		return false
	}
	var e *Error
	if errors.As(err, &e) && e.html && e.Status == http.StatusNotFound {
		return false // that is no tenant
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := t.Name
	if realm != "" {
		name = realm + "/" + t.Name
	}
	s.partial[name] = true
	return true
}

func (s *snapshot) add(t *schema.Type, k schema.Key, body map[string]any) {
	first, _, _ := strings.Cut(k.ID, "/")
	if k.ID == "" || slices.Contains(t.API.Skip, first) {
		return
	}
	r := s.c.resource(t, k, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set.Add(r)
}

// fixed reads the one resource of a type.
func (s *snapshot) fixed(ctx context.Context, t *schema.Type) error {
	k := schema.Key{Type: t.Name, ID: t.API.Fixed}
	body, err := s.c.object(ctx, call{method: http.MethodGet, path: t.RESTPath(k, nil), version: t.API.Version})
	switch {
	case errors.Is(err, fs.ErrNotExist): // IDM has no such document: it is not there
		return nil
	case err != nil && s.unreadable(err, t, ""):
		return nil
	case err != nil:
		return err
	}
	s.add(t, k, body)
	return nil
}

// whole reads the document whose elements are the resources of a type.
func (s *snapshot) whole(ctx context.Context, t *schema.Type) error {
	doc, err := s.c.object(ctx, call{method: http.MethodGet, path: t.RESTPath(schema.Key{}, nil), version: t.API.Version})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && s.unreadable(err, t, ""):
		return nil
	case err != nil:
		return err
	}
	realms := []string{""}
	if t.Realm {
		realms = s.o.Realms
	}
	for _, realm := range realms {
		_, items := members(t, schema.Key{Type: t.Name, Realm: realm}, doc)
		for _, it := range items {
			if body, ok := it.(map[string]any); ok {
				s.add(t, t.Key(realm, "", body), body)
			}
		}
	}
	return nil
}

// list reads a type's resources, and starts the reading of those that stand below each.
func (s *snapshot) list(ctx context.Context, t *schema.Type, realm string, children []*schema.Type) error {
	items, err := s.c.list(ctx, listCall(t, realm, ""))
	if t.Parent.Type != "" && errors.Is(err, fs.ErrNotExist) {
		return nil // what they belong to isn't there, so neither are they
	}
	if err != nil {
		for _, x := range append([]*schema.Type{t}, children...) {
			if s.want[x.Name] && !s.unreadable(err, x, realm) {
				return err
			}
		}
		return nil
	}
	for _, body := range items {
		if t.IDPrefix != "" && !strings.HasPrefix(schema.Str(body, "/_id"), t.IDPrefix) {
			continue
		}
		k := t.Key(realm, "", body)
		if s.want[t.Name] {
			s.add(t, k, body)
		}
		if k.ID == "" || slices.Contains(t.API.Skip, k.ID) || ownsChildren(k) {
			continue
		}
		for _, x := range children {
			s.start(realm+" "+k.ID+" entries", func() error { return s.below(ctx, x, k) })
		}
	}
	return nil
}

// below reads the resources of a type that belong to one parent.
func (s *snapshot) below(ctx context.Context, t *schema.Type, parent schema.Key) error {
	items, err := s.c.list(ctx, listCall(t, parent.Realm, parent.ID))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && s.unreadable(err, t, parent.Realm):
		return nil
	case err != nil:
		return err
	}
	for _, body := range items {
		s.add(t, t.Key(parent.Realm, parent.ID, body), body)
	}
	return nil
}

// journeys reads a realm's trees, and then their nodes by type.
func (s *snapshot) journeys(ctx context.Context, t *schema.Type, realm string) error {
	trees, err := s.c.list(ctx, listCall(t, realm, ""))
	if err != nil {
		if s.unreadable(err, t, realm) {
			return nil
		}
		return err
	}
	if len(trees) == 0 {
		return nil
	}
	a, err := s.c.nodes(ctx, realm)
	if err != nil {
		return err
	}
	var want []nodeID
	for _, tree := range trees {
		want = append(want, topNodes(tree)...)
	}
	bodies := newNodeBodies()
	if err := s.c.readNodes(ctx, a, want, bodies, s.readLists); err != nil {
		return err
	}
	for _, tree := range trees {
		r := s.c.resource(t, t.Key(realm, "", tree), tree)
		joinNodes(r, bodies)
		s.mu.Lock()
		if denied(r, bodies) {
			s.set.MarkBroken(r.Key)
		} else {
			s.set.Add(r)
		}
		s.mu.Unlock()
	}
	return nil
}

// denied says whether a node of the journey exists and may not be read: what is left of it would
// look as if the node had been removed.
func denied(r *schema.Resource, b *nodeBodies) bool {
	return slices.ContainsFunc(schema.NodeRefs(r.Body), func(ref schema.NodeRef) bool {
		return b.refused(nodeID{ref.Type, ref.Version, ref.ID}) != nil
	})
}

// readLists reads nodes with one request a type and version, and one by one what no list shows.
func (s *snapshot) readLists(ctx context.Context, a nodeAPI, want []nodeID, into *nodeBodies) error {
	type kind struct{ typ, version string }
	kinds := map[kind][]nodeID{}
	for _, n := range want {
		kinds[kind{n.typ, n.version}] = append(kinds[kind{n.typ, n.version}], n)
	}
	g, ctx := errgroup.WithContext(ctx)
	for k, ids := range kinds {
		g.Go(func() error {
			items, err := s.c.list(ctx, a.list(k.typ, k.version))
			switch StatusOf(err) {
			case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
				items = nil // no list of this type: ask for each
			default:
				if err != nil {
					return err
				}
			}
			for _, body := range items {
				into.add(nodeID{k.typ, k.version, schema.Str(body, "/_id")}, body, nil)
			}
			var left []nodeID
			for _, n := range ids {
				if _, known := into.get(n); !known {
					left = append(left, n)
				}
			}
			return s.c.readEach(ctx, a, left, into)
		})
	}
	return g.Wait()
}
