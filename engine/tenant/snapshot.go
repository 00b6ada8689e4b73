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
	Types  []string // names of types; those that are read by default when empty
	Realms []string // alpha and bravo when empty
	// Keys are the resources to read of types that the tenant has no list of. Of a type whose API not every
	// tenant has, they say that it is expected: a refusal is then told.
	Keys []schema.Key
	// OnProgress, if set, is told of each part that is read; total grows as parts are found. Calls don't
	// overlap.
	OnProgress func(done, total int, what string)
}

// Snapshot reads the tenant's configuration, in lists wherever the tenant has them: each list is asked
// for once, whatever number of types are in it. What the tenant refuses to show, or doesn't have, is named in
// the set's Partial, with the tenant's words in Why; any other failure ends the reading, and so does a tenant
// that shows nothing at all.
func (c *Client) Snapshot(ctx context.Context, o SnapshotOptions) (*schema.Set, error) {
	s := &snapshot{c: c, o: o, set: schema.NewSet("env:" + c.name), want: map[string]bool{}, why: map[string]string{}, asked: map[string]*question{}}
	s.set.Types, s.set.Realms = slices.Clone(o.Types), slices.Clone(o.Realms)
	if len(o.Realms) == 0 {
		s.o.Realms = []string{"alpha", "bravo"}
	}
	if len(o.Types) == 0 {
		s.set.Types = defaultTypes()
	}
	for _, name := range o.Types {
		if _, ok := schema.TypeOf(name); !ok {
			return nil, fmt.Errorf("%s: there is no type %q", c.name, name)
		}
		s.want[name] = true
	}
	for _, name := range s.set.Types {
		s.want[name] = true
	}
	s.store = s.wantsStore()
	s.group, ctx = errgroup.WithContext(ctx)
	for _, t := range schema.Types() {
		s.plan(ctx, t)
	}
	if err := s.group.Wait(); err != nil {
		return nil, err
	}
	s.set.Partial = schema.SortedKeys(s.why)
	s.set.Why = s.why
	if len(s.why) > 0 && s.set.Len()+len(s.set.Broken()) == 0 {
		// Nobody wants that in a snapshot's place.
		return nil, fmt.Errorf("%s: the tenant shows nothing of what was asked for\n%s: %s", c.name, s.set.Partial[0], s.why[s.set.Partial[0]])
	}
	return s.set, nil
}

// defaultTypes are the types that are read when none are named.
func defaultTypes() []string {
	names, _ := schema.ExpandTypes([]string{schema.DefaultTypes}) // it is a group
	return names
}

type snapshot struct {
	c     *Client
	o     SnapshotOptions
	want  map[string]bool
	store bool // IDM's store of configuration is read as one list
	group *errgroup.Group

	mu          sync.Mutex
	set         *schema.Set
	why         map[string]string    // "realm/type" or "type" → why it could not be read
	asked       map[string]*question // by the request
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

// plan starts the reading of one type, realm by realm where it lives in realms.
func (s *snapshot) plan(ctx context.Context, t *schema.Type) {
	children := childTypes(t, s.want)
	if !s.want[t.Name] && len(children) == 0 || isBelow(t) {
		return // not asked for, or read by its parent's part
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
		case t.API.Member != "":
			s.start(what, func() error { return s.whole(ctx, t, realm, children) })
		case t.API.Fixed != "":
			s.start(what, func() error { return s.fixed(ctx, t, realm, children) })
		case len(t.API.IDs) > 0:
			s.start(what, func() error { return s.named(ctx, t, realm) })
		case t.API.Keyed:
			s.start(what, func() error { return s.keyed(ctx, t, realm) })
		case t.API.Grouped:
			s.start(what, func() error { return s.grouped(ctx, t) })
		case t.API.List.Path == "":
			s.missing(t, realm, "the tenant has no list of them")
		default:
			s.start(what, func() error { return s.list(ctx, t, realm, children) })
		}
	}
}

// isBelow says whether a type has a list below each resource of its parent's type.
func isBelow(t *schema.Type) bool {
	return strings.Contains(t.API.List.Path+t.API.List.Query, "{parent}")
}

// childTypes are the wanted types whose lists stand below each resource of t, or below a child of one.
func childTypes(t *schema.Type, want map[string]bool) []*schema.Type {
	var out []*schema.Type
	for _, x := range schema.Types() {
		if x.Parent.Type == t.Name && isBelow(x) && (want[x.Name] || len(childTypes(x, want)) > 0) {
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

// refuses says whether the tenant's answer is that it doesn't show such a thing, or doesn't have it. An HTML
// page is no such answer: whoever sent it is no tenant, unless it is a front end that forbids it.
func refuses(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Path == tokenPath { // who gets no token has not been shown anything
		return false
	}
	switch e.Status {
	case http.StatusForbidden:
		return true
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return !e.html
	}
	return false
}

// unreadable notes what the tenant refuses to show, of t and of what stands below it. It gives err back
// when it is not of that sort.
func (s *snapshot) unreadable(err error, realm string, t *schema.Type, children []*schema.Type) error {
	if !refuses(err) {
		return err
	}
	if t.API.Extra && !slices.ContainsFunc(s.o.Keys, func(k schema.Key) bool { return k.Type == t.Name }) {
		return nil
	}
	var e *Error
	errors.As(err, &e)
	why := e.answer()
	if e.Message != "" {
		why += ": " + e.Message
	}
	s.missing(t, realm, why)
	for _, x := range children {
		if err := s.unreadable(err, realm, x, childTypes(x, s.want)); err != nil {
			return err
		}
	}
	return nil
}

func (s *snapshot) missing(t *schema.Type, realm, why string) {
	if !s.want[t.Name] {
		return
	}
	name := t.Name
	if t.Realm && realm != "" {
		name = realm + "/" + t.Name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.why[name]; !ok || why < old { // the same one each time, whichever answer came first
		s.why[name] = why
	}
}

// add puts a resource into the set, and starts the reading of what stands below it.
func (s *snapshot) add(ctx context.Context, t *schema.Type, k schema.Key, body map[string]any, children []*schema.Type) {
	first, _, _ := strings.Cut(k.ID, "/")
	if k.ID == "" || slices.Contains(t.API.Skip, first) {
		return
	}
	if s.want[t.Name] {
		r := s.c.resource(t, k, body)
		s.mu.Lock()
		s.set.Add(r)
		s.mu.Unlock()
	}
	if ownsChildren(k) || slices.Contains(t.API.Childless, k.ID) {
		return
	}
	for _, x := range children {
		if x.Parent.ID != "" && x.Parent.ID != k.ID {
			continue
		}
		s.start(strings.TrimSpace(k.Realm+" "+k.ID+" "+x.Plural), func() error { return s.below(ctx, x, k) })
	}
}

// fixed reads the one resource of a type.
func (s *snapshot) fixed(ctx context.Context, t *schema.Type, realm string, children []*schema.Type) error {
	k := schema.Key{Type: t.Name, ID: t.API.Fixed}
	if t.Realm {
		k.Realm = realm
	}
	body, err := s.document(ctx, t.RESTPath(k, nil), t.API.Version)
	if errors.Is(err, fs.ErrNotExist) { // there is no such document
		return nil
	}
	if err != nil {
		return s.unreadable(err, realm, t, children)
	}
	s.add(ctx, t, k, body, children)
	return nil
}

// whole reads the document whose elements are the resources of a type.
func (s *snapshot) whole(ctx context.Context, t *schema.Type, realm string, children []*schema.Type) error {
	at := schema.Key{Type: t.Name, Realm: realm}
	doc, err := s.document(ctx, t.RESTPath(at, nil), t.API.Version)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.unreadable(err, realm, t, children)
	}
	_, items := members(t, at, doc)
	for _, it := range items {
		if body, ok := it.(map[string]any); ok {
			s.add(ctx, t, t.Key(realm, "", body), body, children)
		}
	}
	return nil
}

// list reads a type's resources.
func (s *snapshot) list(ctx context.Context, t *schema.Type, realm string, children []*schema.Type) error {
	items, err := s.items(ctx, t, listCall(t, realm, ""))
	if t.Parent.Type != "" && errors.Is(err, fs.ErrNotExist) {
		return nil // what they belong to isn't there, so neither are they
	}
	if err != nil {
		return s.unreadable(err, realm, t, children)
	}
	for _, body := range items {
		if !isListed(t, body) {
			continue
		}
		k := t.Key(realm, "", body)
		if t.IDByPath() {
			k.ID = schema.Str(body, "/_id")
		}
		switch {
		case t.API.Stubs != nil:
			s.start(strings.TrimSpace(realm+" "+t.Plural), func() error { return s.one(ctx, t, k) })
		case !t.API.Rest || schema.TypeAt(t.API.Path[:strings.Index(t.API.Path, "{")]+k.ID) == t:
			s.add(ctx, t, k, body, children)
		}
	}
	return nil
}

// isListed says whether an entry of a list is of the type.
func isListed(t *schema.Type, body map[string]any) bool {
	for pointer, want := range t.API.Stubs {
		if schema.Str(body, pointer) != want {
			return false
		}
	}
	return t.Is(body)
}

// one reads a resource by itself.
func (s *snapshot) one(ctx context.Context, t *schema.Type, k schema.Key) error {
	body, err := s.c.entity(ctx, t, k)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it went between the list and now
	}
	switch {
	case err != nil && t.API.Keyed && refuses(err): // the others of the type may be readable
		s.mu.Lock()
		defer s.mu.Unlock()
		s.set.MarkBroken(k)
		return nil
	case err != nil:
		return s.unreadable(err, k.Realm, t, nil)
	}
	s.add(ctx, t, k, body, nil)
	return nil
}

// named reads the documents that the type's row names.
func (s *snapshot) named(ctx context.Context, t *schema.Type, realm string) error {
	for _, id := range t.API.IDs {
		k := schema.Key{Type: t.Name, Realm: realm, ID: id}
		body, err := s.document(ctx, t.RESTPath(k, nil), t.API.Version)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return s.unreadable(err, realm, t, nil)
		}
		s.add(ctx, t, k, body, nil)
	}
	return nil
}

// keyed reads the resources that were asked for by key.
func (s *snapshot) keyed(ctx context.Context, t *schema.Type, realm string) error {
	for _, k := range s.o.Keys {
		if k.Type == t.Name && k.Realm == realm {
			s.start(t.Plural, func() error { return s.one(ctx, t, k) })
		}
	}
	return nil
}

// grouped reads an answer that is an object of arrays: by category.
func (s *snapshot) grouped(ctx context.Context, t *schema.Type) error {
	doc, err := s.document(ctx, t.API.List.Path, t.API.Version)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.unreadable(err, "", t, nil)
	}
	for _, category := range schema.SortedKeys(doc) {
		list, _ := doc[category].([]any)
		for _, v := range list {
			if body, ok := v.(map[string]any); ok {
				s.add(ctx, t, t.Key("", category, body), body, nil)
			}
		}
	}
	return nil
}

// below reads the resources of a type that belong to one parent.
func (s *snapshot) below(ctx context.Context, t *schema.Type, parent schema.Key) error {
	children := childTypes(t, s.want)
	items, err := s.items(ctx, t, listCall(t, parent.Realm, parent.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return s.unreadable(err, parent.Realm, t, children)
	}
	for _, body := range items {
		s.add(ctx, t, t.Key(parent.Realm, parent.ID, body), body, children)
	}
	return nil
}

// journeys reads a realm's trees, and then their nodes by type.
func (s *snapshot) journeys(ctx context.Context, t *schema.Type, realm string) error {
	trees, err := s.c.list(ctx, listCall(t, realm, ""))
	if err != nil {
		return s.unreadable(err, realm, t, nil)
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
	kinds := map[kind]map[nodeID]bool{}
	for _, n := range want {
		k := kind{n.typ, n.version}
		if kinds[k] == nil {
			kinds[k] = map[nodeID]bool{}
		}
		kinds[k][n] = true
	}
	g, ctx := errgroup.WithContext(ctx)
	for k, ids := range kinds {
		what := strings.TrimSpace(a.realm + " " + k.typ)
		s.more(1)
		g.Go(func() error {
			items, err := s.askList(ctx, a.list(k.typ, k.version))
			if err != nil && !refuses(err) {
				return err
			}
			for _, body := range items { // none, when it was refused
				n := nodeID{k.typ, k.version, schema.Str(body, "/_id")}
				into.add(n, body, nil) // also when it is not wanted yet: it may be the child of a page
				delete(ids, n)
			}
			s.more(len(ids))
			s.step(what)
			return s.c.readEach(ctx, a, sortedIDs(ids), into, func() { s.step(what) })
		})
	}
	return g.Wait()
}

// more tells the progress of parts within a part that is under way, and step that one of them is done.
func (s *snapshot) more(n int) {
	s.mu.Lock()
	s.total += n
	s.mu.Unlock()
}

func (s *snapshot) step(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	if s.o.OnProgress != nil {
		s.o.OnProgress(s.done, s.total, what)
	}
}
