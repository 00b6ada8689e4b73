package sim

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Document is one object at its REST path. The path has the long realm form,
// unescaped: /am/json/realms/root/realms/alpha/policies/Test Policy. Nodes may
// stand with or without their version; Documents writes them with it.
type Document struct {
	Path string          `json:"path"`
	Body json.RawMessage `json:"body"`
}

// Options say how a group behaves. The zero value is a fast, faultless group.
type Options struct {
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Sleep is how Faults.Latency passes; a timer when nil.
	Sleep func(context.Context, time.Duration) error

	// How long a restart, a lock or unlock, and one phase of a promotion take.
	// With zero, every poll shows the phase it found and moves on to the next.
	RestartDuration, LockDuration, PhaseDuration time.Duration

	// Faults every tenant starts with.
	Faults Faults

	// AMVersion is what serverinfo/version says; "9.0.0-SNAPSHOT" when empty.
	AMVersion string

	// UAT puts a fourth tenant between development and staging. Standalone adds a
	// sandbox tenant beside the group, which no promotion reaches.
	UAT, Standalone bool

	// Persist, when set, gets every change before the request that made it is
	// answered, as one JSON value: see Group.Restore.
	Persist func(change []byte) error

	// Complete lets every tenant answer with the IDM configuration that each real one has from the start, where it
	// holds none of the name. No list shows it: lists are what was seeded and written.
	Complete bool

	// Administrator may log in, if there is a password.
	Administrator Administrator

	// Governance gives every tenant the IGA APIs and their scope.
	Governance bool

	// Key and AccountID are the service account's, for a sandbox that keeps its
	// account over a restart. Both are made when they are zero.
	Key       *rsa.PrivateKey
	AccountID string
	// Scopes of the service account; every scope a tenant knows when nil.
	Scopes []string
}

// A Group is a development, a staging and a production tenant, with a UAT tenant
// among them or a sandbox tenant beside them if asked for, and the promotion machinery
// between them. One lock guards all of it, since a promotion touches two tenants at
// once.
type Group struct {
	o       Options
	account account
	tenants []*Tenant
	saved   savedParts // what Persist was last told
	// products are IDM's configuration that nobody seeded, by id; empty unless it is complete.
	products map[string]object

	mu        sync.Mutex
	promotion promotions
}

// NewGroup makes the tenants, empty but for what no tenant is without.
func NewGroup(o Options) (*Group, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.AMVersion == "" {
		o.AMVersion = "9.0.0-SNAPSHOT"
	}
	if o.Scopes == nil {
		o.Scopes = allScopes(o.Governance)
	}
	a, err := newAccount(o)
	if err != nil {
		return nil, err
	}
	types, err := loadNodeTypes()
	if err != nil {
		return nil, err
	}
	schemas, err := loadNodeSchemas()
	if err != nil {
		return nil, err
	}
	added, err := loadDefaults()
	if err != nil {
		return nil, err
	}
	g := &Group{o: o, account: a, promotion: newPromotions()}
	if o.Complete {
		if g.products, err = loadProducts(); err != nil {
			return nil, err
		}
	}
	roles := []string{"development", "staging", "production"}
	if o.UAT {
		roles = slices.Insert(roles, 1, "uat")
	}
	for i, role := range roles {
		g.tenants = append(g.tenants, newTenant(g, role, i, types, schemas, added))
	}
	if o.Standalone {
		g.tenants = append(g.tenants, newTenant(g, "sandbox", alone, types, schemas, added))
	}
	return g, nil
}

// Tenant is the tenant of a role, nil when there is none.
func (g *Group) Tenant(role string) *Tenant {
	for _, t := range g.tenants {
		if t.role == role {
			return t
		}
	}
	return nil
}

// Tenants lists the group from lower to upper, a stand-alone tenant last.
func (g *Group) Tenants() []*Tenant { return slices.Clone(g.tenants) }

// ServeHTTP serves the whole group behind one handler: the first label of the host
// says which tenant is meant, as in staging.localhost:8080.
func (g *Group) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	role, _, _ := strings.Cut(r.Host, ".")
	t := g.Tenant(role)
	if t == nil {
		http.Error(w, "no tenant of this group has the host "+r.Host, http.StatusMisdirectedRequest)
		return
	}
	t.ServeHTTP(w, r)
}

// alone is the place of a tenant that takes no part in promotions.
const alone = -1

// A Tenant is one simulated tenant; it is an http.Handler and keeps its state in
// memory.
type Tenant struct {
	group   *Group
	role    string
	place   int // in group.tenants, from the lowest; or alone
	types   *nodeTypes
	schemas *nodeSchemas
	defaults

	store    *store
	services map[string]string // realm services and their titles, seeds teach more
	taught   map[string]string // node types and their titles that seeds taught
	env      environment
	tokens   map[string]token
	logins   map[string]login // logins, and codes that are made from them
	counter  int64            // IDM's revision counter

	faults faulty
	log    requestLog
	// promoteCalls counts POST promote that was no dry run, dryRuns the others.
	promoteCalls, dryRuns int
}

func newTenant(g *Group, role string, place int, types *nodeTypes, schemas *nodeSchemas, added defaults) *Tenant {
	t := &Tenant{
		group: g, role: role, place: place, types: types, schemas: schemas, defaults: added,
		store:    newStore(),
		services: knownServices(),
		taught:   map[string]string{},
		env:      newEnvironment(),
		tokens:   map[string]token{},
		logins:   map[string]login{},
	}
	t.faults.set(g.o.Faults)
	return t
}

// Role is development, uat, staging, production or sandbox.
func (t *Tenant) Role() string { return t.role }

// upper is the tenant this one is promoted to, lower the one it receives from.
func (t *Tenant) upper() *Tenant { return t.neighbour(t.place + 1) }
func (t *Tenant) lower() *Tenant { return t.neighbour(t.place - 1) }

func (t *Tenant) neighbour(place int) *Tenant {
	if t.place == alone || place < 0 || place >= len(t.group.tenants) || t.group.tenants[place].place == alone {
		return nil
	}
	return t.group.tenants[place]
}

// immutable tenants take static configuration by promotion only.
func (t *Tenant) immutable() bool { return t.place > 0 }

func (t *Tenant) now() time.Time { return t.group.o.Now() }

// Seed puts documents as if they had always been there: no rule is checked, ESVs
// are loaded, and unknown node and service types become known ones.
func (t *Tenant) Seed(docs []Document) error { return t.group.Seed(docs, t) }

// Seed seeds several tenants of the group with the same documents, which they share
// until they write their own.
func (g *Group) Seed(docs []Document, tenants ...*Tenant) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range docs {
		body, err := decode(d.Body)
		if err != nil {
			return fmt.Errorf("seed %s: %w", d.Path, err)
		}
		for _, t := range tenants {
			if err := t.seed(d.Path, body); err != nil {
				return fmt.Errorf("seed %s: %w", d.Path, err)
			}
		}
	}
	return nil
}

// seed puts one document. body is decoded JSON that nobody else changes.
func (t *Tenant) seed(documentPath string, v any) error {
	if metadata, ok := metadataPath(documentPath); ok {
		t.store.put(metadata, object{"xml": v})
		return nil
	}
	path, err := t.canonical(documentPath)
	if err != nil {
		return err
	}
	body, isObject := v.(object)
	if !isObject {
		return fmt.Errorf("want a JSON object, got %T", v)
	}
	if strings.HasPrefix(path, "/auto/") {
		path = governanceKey(segments(documentPath), body)
	}
	if strings.HasPrefix(path, "/environment/") {
		return t.seedEnvironment(path, body)
	}
	if strings.HasPrefix(path, "/openidm/managed/svcacct/") {
		return nil // the group has its own account
	}
	t.learn(path, body)
	t.store.put(path, t.seeded(path, body))
	return nil
}

// canonical is a document path in the form the store uses.
func (t *Tenant) canonical(path string) (string, error) {
	segs := segments(path)
	if len(segs) < 2 {
		return "", errors.New("the path names no object")
	}
	switch segs[0] {
	case "am":
		if segs[1] != "json" {
			return "", errors.New("not a path of /am/json")
		}
		p, ok := amPath(segs[2:])
		if !ok {
			return "", errors.New("not a path of the AM API")
		}
		return p.key, nil
	case "openidm":
		if segs[1] == "config" && len(segs) > 2 {
			return configKey(strings.Join(segs[2:], "/")), nil
		}
	case "environment":
	case "iga", "auto":
		if key := governanceKey(segs, nil); key != "" {
			return key, nil
		}
		return "", errors.New("not a path of the governance API")
	default:
		return "", errors.New("not a path of /am, /openidm, /environment, /iga or /auto")
	}
	return join(segs...), nil
}

// Documents dumps the tenant's state, sorted by path, without secret values.
func (t *Tenant) Documents() []Document { return t.documents(false) }

// DocumentsWithSecrets is Documents with the values no API call ever returns:
// what a sandbox keeps on disk to be started again.
func (t *Tenant) DocumentsWithSecrets() []Document { return t.documents(true) }

func (t *Tenant) documents(secrets bool) []Document {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	var docs []Document
	for _, path := range t.store.paths() {
		docs = append(docs, t.document(path, secrets))
	}
	docs = append(docs, t.env.documents(secrets)...)
	slices.SortFunc(docs, func(a, b Document) int { return strings.Compare(a.Path, b.Path) })
	return docs
}

func (t *Tenant) document(path string, secrets bool) Document {
	o, _ := t.store.get(path)
	if entity, ok := strings.CutPrefix(path, metadataRoot); ok {
		realm, id, _ := strings.Cut(entity, "/")
		return Document{"/am/saml2/jsp/exportmetadata.jsp?entityid=" + unescape(id) + "&realm=" + realm, encode(o["xml"])}
	}
	if !secrets {
		o = t.present(path, o)
	}
	return Document{path, encode(without(o, "_rev", "_version"))}
}

// Edit changes one document the way a second administrator would, by hand and
// past every rule. A missing document is nil to fn; nil from fn deletes it.
func (t *Tenant) Edit(path string, fn func(body json.RawMessage) (json.RawMessage, error)) error {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	key, err := t.canonical(path)
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	var before json.RawMessage
	if strings.HasPrefix(key, "/environment/") {
		before = t.env.document(key)
	} else if o, ok := t.store.get(key); ok {
		before = encode(without(o, "_rev", "_version"))
	}
	after, err := fn(before)
	if err != nil {
		return err
	}
	if after == nil {
		t.store.remove(key)
		t.env.remove(key)
		return nil
	}
	body, err := decode(after)
	if err == nil {
		err = t.seed(path, body)
	}
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	if o, ok := t.store.get(key); ok && isScript(key) {
		t.store.put(key, with(o, "lastModifiedBy", "id=second-administrator,ou=user,ou=am-config",
			"lastModifiedDate", number(t.now().UnixMilli())))
	}
	return nil
}

// Writes counts the write requests that were carried out, also those whose answer
// was lost.
func (t *Tenant) Writes() int {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.faults.done
}

// PromoteCalls counts the requests to promote for real that reached this tenant,
// whatever they were answered; dry runs are not among them.
func (t *Tenant) PromoteCalls() int {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.promoteCalls
}

// DryRuns counts the dry-run promotions asked of this tenant.
func (t *Tenant) DryRuns() int {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	return t.dryRuns
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
