package sim

import (
	"net/http"
	"slices"
	"strings"
)

// amTarget is what a path below /am/json names.
type amTarget struct {
	key   string   // canonical path in the store
	realm string   // "/alpha", "/" for the root realm, "" for what has no realm
	rest  []string // segments below the realm, or below /am/json
}

// amPath reads the segments after /am/json. The long realm form, the short one of
// fr-config-manager and the root realm's bare form are the same place.
func amPath(segs []string) (amTarget, bool) {
	if len(segs) == 0 {
		return amTarget{}, false
	}
	realm, rest := "/", segs
	switch segs[0] {
	case "global-config", "node-designer", "serverinfo", "contexts":
		return amTarget{key: join(append([]string{"am", "json"}, segs...)...), rest: segs}, true
	case "alpha", "bravo":
		realm, rest = "/"+segs[0], segs[1:]
	case "realms":
		if len(segs) < 2 || segs[1] != "root" {
			return amTarget{}, false
		}
		realm, rest = "", segs[2:]
		for len(rest) > 1 && rest[0] == "realms" {
			realm, rest = realm+"/"+rest[1], rest[2:]
		}
		if realm == "" {
			realm = "/"
		}
	}
	if len(rest) == 0 {
		return amTarget{}, false
	}
	rest = versioned(rest)
	key := realmRoot(realm)
	return amTarget{key: key + join(rest...), realm: realm, rest: rest}, true
}

func realmRoot(realm string) string {
	key := "/am/json/realms/root"
	for name := range strings.SplitSeq(strings.Trim(realm, "/"), "/") {
		if name != "" {
			key += "/realms/" + escape(name)
		}
	}
	return key
}

// versioned gives a node path its version: the unversioned form always means 1.0.
func versioned(rest []string) []string {
	const at = 4 // realm-config/authentication/authenticationtrees/nodes
	if len(rest) <= at || strings.Join(rest[:at], "/") != "realm-config/authentication/authenticationtrees/nodes" {
		return rest
	}
	if len(rest) == at+1 || len(rest) == at+2 && !isVersion(rest[at+1]) {
		return slices.Insert(slices.Clone(rest), at+1, "1.0")
	}
	return rest
}

func isVersion(s string) bool {
	major, minor, ok := strings.Cut(s, ".")
	digits := func(s string) bool { return s != "" && len(s) < 4 && strings.Trim(s, "0123456789") == "" }
	return ok && digits(major) && digits(minor)
}

const notAvailable = "This operation is not available in PingOne Advanced Identity Cloud."

func unavailable() *reply { return refusal(http.StatusForbidden, notAvailable) }

func (t *Tenant) serveAM(r *request) *reply {
	if len(r.segs) > 2 && r.segs[1] == "oauth2" {
		return t.serveOAuth(r, r.segs[2:])
	}
	if r.path == "/am/saml2/jsp/exportmetadata.jsp" && r.method == http.MethodGet {
		return t.exportMetadata(r) // open to all, as metadata is
	}
	if len(r.segs) < 3 || r.segs[1] != "json" {
		return unknown(r)
	}
	target, isAM := amPath(r.segs[2:])
	if !isAM {
		return unknown(r)
	}
	if target.rest[0] == "serverinfo" && len(target.rest) == 2 {
		return t.serverInfo(r, target.rest[1])
	}
	if r.method == http.MethodPost && len(target.rest) == 1 {
		switch {
		case target.rest[0] == "authenticate" && target.realm == "/":
			return t.authenticate(r)
		case target.rest[0] == "sessions" && (r.action == "getSessionInfo" || r.action == "logout"):
			return t.sessionActions(r) // of whatever realm frodo is set to, by no more than the session's own name
		}
	}
	if a := t.authorize(r, "fr:am:*"); a != nil {
		return a
	}
	if a := badVersion(r); a != nil {
		return a
	}
	a := t.routeAM(r, target)
	version := "resource=1.0"
	if v := r.resourceVersion(); v != "" {
		version = "resource=" + v
	}
	if target.rest[0] == "scripts" && version == "resource=1.0" {
		version = "resource=1.1" // recorded
	}
	if r.query.Has("_queryFilter") {
		version = "protocol=2.1," + version + ", " + version
	}
	return a.header("Content-API-Version", version)
}

func (t *Tenant) routeAM(r *request, target amTarget) *reply {
	if target.realm == "" {
		return t.routeGlobal(r, target)
	}
	rest := target.rest
	if target.realm == "/" && strings.Join(rest, "/") == "realm-config/services/SocialIdentityProviders" && r.isAction("nextdescendents") {
		return &reply{status: http.StatusForbidden, raw: []byte("Forbidden"), kind: "text/plain; charset=utf-8"} // recorded
	}
	if target.realm == "/" && (rest[0] == "scripts" || rest[0] == "realm-config") {
		return unavailable()
	}
	if target.realm != "/" && target.realm != "/alpha" && target.realm != "/bravo" {
		return notFound() // the cloud has these realms and no others
	}
	switch rest[0] {
	case "realm-config":
		return t.routeRealmConfig(r, target)
	case "libraries":
		return t.libraries(r, target)
	case "users", "groups":
		return t.identities(r, target)
	case "authenticate":
		if r.method == http.MethodPost && r.query.Get("authIndexType") == "service" && !t.hasJourney(target.realm, r.query.Get("authIndexValue")) {
			return refusal(http.StatusBadRequest, "No Configuration found")
		}
	case "scripts":
		if len(rest) < 3 {
			return t.serveScripts(r, target)
		}
	}
	if f, isFamily := t.topFamilies()[rest[0]]; isFamily && len(rest) <= 2 {
		return withID(r, rest[0], f, t.serveFamily(r, target, f, 1))
	}
	return unknown(r)
}

// withID adds _id to policy sets and resource types in the versions that show it:
// not in those that were recorded, but in older ones, and where no version is asked
// for (fr-config-manager relies on it, tenant-api.md 10.12).
func withID(r *request, collection string, f family, a *reply) *reply {
	recorded := map[string]string{"applications": "2.1", "resourcetypes": "1.0"}[collection]
	if recorded == "" || r.resourceVersion() == recorded || a.status >= 300 {
		return a
	}
	named := func(o object) object {
		if id := str(o[f.member]); id != "" {
			return with(o, "_id", id)
		}
		return o
	}
	o := obj(a.body)
	all, isList := o["result"].([]any)
	if !isList {
		a.body = named(o)
		return a
	}
	for i := range all {
		all[i] = named(obj(all[i]))
	}
	return a
}

// identities stores users and groups of AM as they are seeded or written; their
// services and devices are empty, and UMA is off.
func (t *Tenant) identities(r *request, target amTarget) *reply {
	rest := target.rest
	switch {
	case len(rest) < 3:
		return t.serveFamily(r, target, family{upsert: true, create: true}, 1)
	case rest[2] == "uma" || rest[2] == "oauth2" && len(rest) > 3 && rest[3] == "resources":
		return refusal(http.StatusNotFound, "UMA is not supported in this realm")
	case r.isAction("nextdescendents"):
		return t.descendants(target.key)
	case r.method == http.MethodGet:
		return t.list(r, target.key, family{remaining: -1})
	}
	return unknown(r)
}

func (t *Tenant) hasJourney(realm, id string) bool {
	_, found := t.store.get(realmRoot(realm) + "/" + treesBelow + escape(id))
	return found
}

func (t *Tenant) routeRealmConfig(r *request, target amTarget) *reply {
	rest := target.rest[1:]
	if len(rest) == 0 {
		return unknown(r)
	}
	switch rest[0] {
	case "authentication":
		return t.routeAuthentication(r, target, rest[1:])
	case "services":
		return t.routeServices(r, target, rest[1:])
	case "agents":
		return t.routeAgents(r, target, rest[1:])
	case "saml2":
		return t.routeSAML(r, target, rest[1:])
	case "federation":
		return t.routeFederation(r, target, rest[1:])
	case "secrets":
		return t.routeSecrets(r, target, rest[1:])
	case "webhooks":
		if len(rest) < 3 {
			return t.serveFamily(r, target, family{remaining: -1, upsert: true}, 2)
		}
	}
	return unknown(r)
}

func (t *Tenant) routeAuthentication(r *request, target amTarget, rest []string) *reply {
	switch {
	case len(rest) == 0:
		a := t.singleton(r, target.key, nil)
		if o := obj(a.body); a.status == http.StatusOK && r.resourceVersion() == "2.0" {
			a.body = without(o, "_rev") // the shape of this version (recorded)
		}
		return a
	case rest[0] == "authenticationtrees" && len(rest) > 1 && rest[1] == "trees" && len(rest) < 4:
		return t.serveFamily(r, target, treeFamily(), 4)
	case rest[0] == "authenticationtrees" && len(rest) > 1 && rest[1] == "nodes" && len(rest) < 6:
		return t.routeNodes(r, target, rest[2:])
	case rest[0] == "chains" && len(rest) < 3:
		return t.serveFamily(r, target, family{remaining: -1, upsert: true}, 3)
	case rest[0] == "modules" && len(rest) == 1 && r.isAction("nextdescendents"):
		return t.descendants(target.key)
	case rest[0] == "modules" && (len(rest) == 2 || len(rest) == 3):
		return t.serveFamily(r, target, family{remaining: -1, upsert: true}, 4)
	}
	return unknown(r)
}

// family is a collection of AM objects and what is particular about it. The zero
// value is a plain collection that takes PUT for existing members only.
type family struct {
	policy    string // of the query envelope; NONE when empty
	remaining int    // of the query envelope
	upsert    bool   // PUT creates a missing member
	create    bool   // POST ?_action=create creates one
	exists    func(id string) string
	member    string // the member that is the id; _id when empty
	noRev     bool
	tag       string // the member that the ETag shows, where that is no revision
	patterns  bool   // eq takes a regular expression

	missing func(method, id, realm string) string      // text of a 404
	check   func(t *Tenant, w *change) *reply          // refuses a write
	prepare func(t *Tenant, w *change) object          // what is stored of a body
	wrap    func(o object) object                      // shape of a single member
	remove  func(t *Tenant, w *change) *reply          // refuses a DELETE
	deleted func(t *Tenant, path string, o object) any // body of a DELETE
}

// change is one write on its way into the store.
type change struct {
	r         *request
	realm     string
	path, id  string
	body, old object // old is nil where there is none
}

func (f family) idOf(o object) string {
	if f.member != "" {
		return str(o[f.member])
	}
	return str(o["_id"])
}

// serveFamily serves a collection, whose name ends at rest[depth-1], and its
// members.
func (t *Tenant) serveFamily(r *request, target amTarget, f family, depth int) *reply {
	if len(target.rest) == depth {
		return t.serveCollection(r, target.realm, target.key, f)
	}
	id := target.rest[depth]
	w := &change{r: r, realm: target.realm, path: target.key, id: id}
	w.old, _ = t.store.get(target.key)
	gone := func() *reply {
		if f.missing != nil {
			return refusal(http.StatusNotFound, f.missing(r.method, id, target.realm))
		}
		return notFound()
	}
	switch r.method {
	case http.MethodGet:
		if w.old == nil {
			return gone()
		}
		return t.answer(http.StatusOK, f, target.key)
	case http.MethodPut:
		if w.old == nil && (!f.upsert || r.header.Get("If-Match") == "*") {
			return gone()
		}
		if a := t.precondition(w, f); a != nil {
			return a
		}
		return t.save(w, f)
	case http.MethodDelete:
		if w.old == nil {
			return gone()
		}
		if a := t.precondition(w, f); a != nil {
			return a
		}
		return t.drop(w, f)
	case http.MethodPost: // older clients name what they create
		if r.action == "create" && f.create && w.old == nil {
			return t.save(w, f)
		}
	}
	return notAllowed(r)
}

// precondition looks at If-None-Match: * and at an If-Match that names a revision.
func (t *Tenant) precondition(w *change, f family) *reply {
	if w.old == nil {
		return nil
	}
	if w.r.header.Get("If-None-Match") == "*" {
		return refusal(http.StatusPreconditionFailed, "The resource already exists")
	}
	have := str(t.revved(w.path, t.present(w.path, w.old), family{noRev: f.noRev})["_rev"])
	return otherRevision(w.r, have)
}

// otherRevision refuses an If-Match that names another revision than the one there
// is; "" is one that the API does not show, and that nobody can name.
func otherRevision(r *request, have string) *reply {
	want := r.header.Get("If-Match")
	if want == "" || want == "*" || have == "" || strings.Trim(strings.TrimPrefix(want, "W/"), `"`) == have {
		return nil
	}
	return refusal(http.StatusPreconditionFailed, "The resource could not be accessed because it has a different revision")
}

func (t *Tenant) serveCollection(r *request, realm, collection string, f family) *reply {
	switch {
	case r.method == http.MethodGet:
		return t.list(r, collection, f)
	case r.isAction("create") && f.create:
		body, a := jsonBody(r)
		if a != nil {
			return a
		}
		id := f.idOf(body)
		if id == "" {
			id = newUUID()
		}
		w := &change{r: r, realm: realm, path: collection + "/" + escape(id), id: id, body: body}
		if _, found := t.store.get(w.path); found {
			text := "Unable to save config: Service already exists"
			if f.exists != nil {
				text = f.exists(id)
			}
			return refusal(http.StatusConflict, text)
		}
		return t.save(w, f)
	case r.isAction("nextdescendents"):
		return t.descendants(collection)
	case r.isAction("schema"), r.isAction("template"):
		return ok(object{"type": "object", "properties": object{}})
	}
	return notAllowed(r)
}

func (t *Tenant) list(r *request, collection string, f family) *reply {
	keep, a := filtered(r, f.patterns)
	if a != nil {
		return a
	}
	var result []any
	for _, p := range t.store.in(collection) {
		stored, _ := t.store.get(p)
		o := withSecretNames(stored, t.revved(p, t.present(p, stored), f))
		if keep(o) {
			result = append(result, fields(r, o))
		}
	}
	policy, total := "NONE", -1
	if f.policy == "EXACT" {
		policy, total = "EXACT", len(result)
	}
	return ok(envelope(result, policy, total, f.remaining))
}

// withSecretNames is a stored object as lists show it: with null where it has a value that no answer shows.
func withSecretNames(stored, shown object) object {
	for _, name := range writeOnly() {
		if _, had := stored[name]; had {
			shown = with(shown, name, nil)
		}
	}
	return shown
}

// descendants answers nextdescendents: everything below, without _rev.
func (t *Tenant) descendants(collection string) *reply {
	result := []any{}
	for _, p := range t.store.under(collection) {
		o, _ := t.store.get(p)
		result = append(result, withSecretNames(o, without(t.present(p, o), "_rev")))
	}
	return ok(object{"result": result})
}

func (t *Tenant) revved(path string, o object, f family) object {
	if f.noRev {
		return without(o, "_rev")
	}
	if rev, ok := o["_rev"]; ok && rev != nil { // policies keep theirs
		return o
	}
	return with(o, "_rev", revision(o))
}

func (t *Tenant) answer(status int, f family, path string) *reply {
	o, _ := t.store.get(path)
	o = t.revved(path, t.present(path, o), f)
	if f.wrap != nil {
		o = f.wrap(o)
	}
	a := &reply{status: status, kind: amType, body: o}
	if f.tag != "" {
		a.header("ETag", `"`+text(o[f.tag])+`"`)
	}
	if rev := str(o["_rev"]); rev != "" {
		a.header("ETag", `"`+rev+`"`)
	}
	return a
}

// save checks and stores a body: 201 for a new member, 200 for one that was there.
func (t *Tenant) save(w *change, f family) *reply {
	if a := t.refuseWrite(w.r, w.path); a != nil {
		return a
	}
	if w.body == nil {
		body, a := jsonBody(w.r)
		if a != nil {
			return a
		}
		w.body = body
	}
	w.body = without(w.body, "_rev", "_version")
	if f.check != nil {
		if a := f.check(t, w); a != nil {
			return a
		}
	}
	stored := w.body
	if f.member == "" {
		stored = with(stored, "_id", w.id)
	} else {
		stored = with(without(stored, "_id"), f.member, w.id)
	}
	w.body = stored
	if f.prepare != nil {
		stored = f.prepare(t, w)
	}
	if kind := kindOf(w.path); w.old == nil || !strings.HasPrefix(kind, "agents/") { // an agent's are added when it is made
		stored = t.completed(kind, stored)
	}
	t.store.put(w.path, keepSecrets(stored, w.old))
	if w.old != nil {
		return t.answer(http.StatusOK, f, w.path)
	}
	at := w.path
	if w.r.method == http.MethodPut {
		at = strings.TrimSuffix(unescape(w.r.path), "/") // the form that was asked for
	}
	return t.answer(http.StatusCreated, f, w.path).header("Location", at)
}

func (t *Tenant) drop(w *change, f family) *reply {
	if a := t.refuseWrite(w.r, w.path); a != nil {
		return a
	}
	if f.remove != nil {
		if a := f.remove(t, w); a != nil {
			return a
		}
	}
	a := t.answer(http.StatusOK, f, w.path)
	if f.deleted != nil {
		a.body = f.deleted(t, w.path, w.old)
	}
	t.store.remove(w.path)
	return a
}

// singleton is an object that is its own place: read, replaced, never deleted.
// Where fallback is not nil the product always has the object.
func (t *Tenant) singleton(r *request, key string, fallback object) *reply {
	old, found := t.store.get(key)
	if !found && fallback != nil {
		old = fallback
	}
	switch r.method {
	case http.MethodGet:
		if old == nil {
			return notFound()
		}
		o := t.present(key, old)
		return tagged(ok(with(o, "_rev", revision(o))))
	case http.MethodPut:
		if a := t.refuseWrite(r, key); a != nil {
			return a
		}
		if old != nil {
			if a := otherRevision(r, revision(t.present(key, old))); a != nil {
				return a
			}
		}
		body, a := jsonBody(r)
		if a != nil {
			return a
		}
		o := with(without(body, "_rev"), "_id", "")
		for name, v := range fallback {
			if _, sent := o[name]; !sent {
				o[name] = v
			}
		}
		if o["_type"] == nil && old["_type"] != nil {
			o["_type"] = old["_type"]
		}
		t.store.put(key, o)
		return tagged(ok(with(o, "_rev", revision(o))))
	case http.MethodDelete:
		return refusal(http.StatusBadRequest, "The singleton resource cannot be deleted")
	}
	return notAllowed(r)
}

// writeOnly names the members no answer shows.
func writeOnly() []string { return []string{"clientSecret", "userpassword", "clientSecretPassword"} }

// keepSecrets carries a write-only value over a PUT that doesn't send it: both
// clients rely on it.
func keepSecrets(stored, old object) object {
	for _, name := range writeOnly() {
		if v, had := old[name]; had && stored[name] == nil {
			stored = with(stored, name, v)
		}
		for group, v := range old {
			was, is := obj(v), obj(stored[group])
			if was != nil && is != nil && was[name] != nil && is[name] == nil {
				stored = with(stored, group, with(is, name, was[name]))
			}
		}
	}
	return stored
}

// present is the stored object as the API shows it, without _rev where that is
// computed.
func (t *Tenant) present(path string, o object) object {
	for _, name := range writeOnly() {
		if _, had := o[name]; had {
			o = without(o, name)
		}
		for group, v := range o {
			if g := obj(v); g != nil && g[name] != nil {
				o = with(o, group, with(g, name, nil))
			}
		}
	}
	_, rest := splitRealm(path)
	switch {
	case strings.HasPrefix(rest, nodesBelow):
		return t.presentNode(path, o)
	case strings.HasPrefix(rest, treesBelow):
		return t.presentTree(o)
	}
	return o
}
