package sim

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const configRoot = "/openidm/config"

// configKey is the store's path of an IDM configuration id, whose slash is a part
// of it: emailTemplate/welcome.
func configKey(id string) string { return configRoot + "/" + strings.ReplaceAll(id, "%", "%25") }

func (t *Tenant) serveIDM(r *request) *reply {
	if a := t.authorize(r, "fr:idm:*"); a != nil {
		return a
	}
	if t.now().Before(t.faults.reload) {
		return unauthorized(r) // 11.2: the filters are being reloaded
	}
	if len(r.segs) < 2 {
		return unknown(r)
	}
	a := t.routeIDM(r)
	if a.kind == amType {
		a.kind = idmType
	}
	return a.header("Content-API-Version", "protocol=2.1,resource=1.0")
}

func (t *Tenant) routeIDM(r *request) *reply {
	rest := r.segs[2:]
	switch r.segs[1] {
	case "config":
		return t.serveConfig(r, strings.Join(rest, "/"))
	case "managed":
		switch {
		case len(rest) > 0 && (rest[0] == "svcacct" || rest[0] == "teammember"):
			return t.serveAccount(r, rest)
		case len(rest) == 1 || len(rest) == 2:
			return t.serveObjects(r, "/openidm/managed/"+escape(rest[0]), rest[1:])
		case len(rest) == 3:
			o, found := t.store.get(join("openidm", "managed", rest[0], rest[1]))
			if !found {
				return notFound()
			}
			return t.related(r, o, rest[2])
		}
	case "internal":
		if len(rest) > 0 && rest[0] == "role" && len(rest) < 3 {
			return t.serveObjects(r, "/openidm/internal/role", rest[1:])
		}
	case "schema":
		if len(rest) > 1 && rest[0] == "managed" {
			return t.serveSchema(r, rest[1:])
		}
	case "system":
		return t.serveSystem(r, rest)
	case "script":
		if r.isAction("eval") || r.isAction("compile") {
			// Evaluation reads ESV secrets in the clear; the simulator runs no scripts.
			return refusal(http.StatusForbidden, "Access denied")
		}
	case "recon":
		if len(rest) == 0 && r.method == http.MethodGet {
			return ok(object{"_id": "", "reconciliations": []any{}}) // none runs
		}
	case "info":
		if len(rest) == 1 && rest[0] == "ping" && r.method == http.MethodGet {
			return ok(object{"_id": "", "shortDesc": "OpenIDM ready", "state": "ACTIVE_READY"})
		}
		if len(rest) == 1 && rest[0] == "version" && r.method == http.MethodGet {
			return ok(object{"_id": "version", "productVersion": t.group.o.AMVersion, "productBuildDate": "20260504095300",
				"productRevision": "0000000"})
		}
		if len(rest) == 1 && rest[0] == "features" && r.method == http.MethodGet {
			return ok(envelope(nil, "NONE", -1, -1))
		}
	}
	return unknown(r)
}

func ok(o object) *reply { return &reply{status: http.StatusOK, kind: amType, body: o} }

func (t *Tenant) serveConfig(r *request, id string) *reply {
	if id == "" {
		return t.listConfig(r)
	}
	key := configKey(id)
	old, found := t.store.get(key)
	if product, isProduct := t.group.products[id]; isProduct && !found && r.method != http.MethodDelete {
		old, found = with(product, "_id", id), true
	}
	switch r.method {
	case http.MethodGet:
		if !found {
			return notFound()
		}
		return ok(fields(r, old))
	case http.MethodPut:
		return t.putConfig(r, id, key, found)
	case http.MethodPatch:
		if !found {
			return notFound()
		}
		if a := t.refuseWrite(r, key); a != nil {
			return a
		}
		o, a := patched(r, old)
		if a != nil {
			return a
		}
		t.store.put(key, o)
		t.reloads(id)
		return ok(o)
	case http.MethodDelete:
		if !found {
			return notFound()
		}
		if a := t.refuseWrite(r, key); a != nil {
			return a
		}
		t.store.remove(key)
		t.reloads(id)
		return ok(old)
	}
	return notAllowed(r)
}

func (t *Tenant) listConfig(r *request) *reply {
	if r.method != http.MethodGet {
		return notAllowed(r)
	}
	paths := t.store.under(configRoot)
	slices.SortStableFunc(paths, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	if r.query.Get("_queryFilter") == "" {
		stubs := []any{}
		for _, p := range paths {
			o, _ := t.store.get(p)
			id := str(o["_id"])
			factory, _, isFamily := strings.Cut(id, "/")
			stub := object{"_id": id, "pid": strings.ReplaceAll(id, "/", "."), "factoryPid": nil}
			if isFamily {
				stub["factoryPid"] = factory
			}
			stubs = append(stubs, stub)
		}
		return ok(object{"configurations": stubs})
	}
	keep, a := filtered(r, false)
	if a != nil {
		return a
	}
	var result []any
	for _, p := range paths {
		if o, _ := t.store.get(p); keep(o) {
			result = append(result, fields(r, o))
		}
	}
	return ok(envelope(result, "EXACT", len(result), -1))
}

// protectedTemplates answer a write with the proxy's page (42 recordings).
func protectedTemplates() []string {
	return []string{"frEmailUpdated", "frForgotUsername", "frOnboarding", "frPasswordUpdated",
		"frProfileUpdated", "frResetPassword", "frUsernameUpdated"}
}

func (t *Tenant) putConfig(r *request, id, key string, found bool) *reply {
	if name, ok := strings.CutPrefix(id, "emailTemplate/"); ok && slices.Contains(protectedTemplates(), name) {
		return proxyPage(http.StatusForbidden)
	}
	if a := t.refuseWrite(r, key); a != nil {
		return a
	}
	body, a := jsonBody(r)
	if a != nil {
		return a
	}
	stored := with(body, "_id", id)
	if other, ok := body["_id"]; ok && other != id && !strings.HasPrefix(id, "mapping/") {
		stored["id"] = other
	}
	if id == "external.email" {
		stored = encryptEmail(stored)
	}
	t.store.put(key, stored)
	t.reloads(id)
	if found {
		return ok(stored)
	}
	a = ok(stored)
	a.status = http.StatusCreated
	family, _, isFamily := strings.Cut(id, "/")
	location := configRoot + "/" + id
	if isFamily { // the doubled prefix is the tenant's, not a mistake here
		location = configRoot + "/" + family + "/" + id
	}
	return a.header("Location", location)
}

// encryptEmail is the one place where IDM's encryption on write is played: a plain
// password of the email provider comes back as $crypto, and stops a promotion.
func encryptEmail(o object) object {
	auth := obj(o["auth"])
	for _, name := range []string{"password", "clientSecret"} {
		plain, isText := auth[name].(string)
		if !isText || plain == "" || strings.HasPrefix(plain, "&{") {
			continue
		}
		sealed := object{"$crypto": object{"type": "x-simple-encryption",
			"value": object{"cipher": "AES/CBC/PKCS5Padding", "stableId": "openidm-sym-default", "data": revision(object{"v": plain})}}}
		auth = with(auth, name, sealed)
		o = with(o, "auth", auth)
	}
	return o
}

// reloads opens the window in which IDM answers 401, after the writes that reload
// its filters.
func (t *Tenant) reloads(id string) {
	if t.faults.ReloadWindow > 0 && slices.Contains([]string{"access", "authentication", "privileges",
		"privilegeAssignments", "alphaOrgPrivileges", "bravoOrgPrivileges"}, id) {
		t.faults.reload = t.now().Add(t.faults.ReloadWindow)
	}
}

func jsonBody(r *request) (object, *reply) {
	o, err := decodeObject(r.body)
	if err != nil {
		return nil, invalidJSON(r)
	}
	return o, nil
}

// invalidJSON repeats what was sent, as the tenant does (recorded).
func invalidJSON(r *request) *reply {
	a := refusal(http.StatusBadRequest, "The request could not be processed because the provided content is not valid JSON")
	a.body.(object)["detail"] = string(r.body[:min(len(r.body), 4096)])
	return a
}

// nextRev is IDM's revision: it changes with every write, whatever was written.
func (t *Tenant) nextRev() string {
	t.counter++
	return fmt.Sprintf("5e1a2f9c-0000-4000-8000-%012d-%d", t.place, t.counter)
}

// serveObjects is the generic store of managed and internal objects.
func (t *Tenant) serveObjects(r *request, collection string, id []string) *reply {
	if len(id) == 0 {
		switch {
		case r.method == http.MethodGet:
			keep, a := filtered(r, false)
			if a != nil {
				return a
			}
			var result []any
			for _, p := range t.store.in(collection) {
				if o := t.revised(p); keep(o) {
					result = append(result, shown(r, o))
				}
			}
			return pagedObjects(r, result)
		case r.isAction("create"):
			body, a := jsonBody(r)
			if a != nil {
				return a
			}
			name := str(body["_id"])
			if name == "" {
				name = newUUID()
			}
			return t.putObject(r, collection+"/"+escape(name), name, true)
		}
		return notAllowed(r)
	}
	key := collection + "/" + escape(id[0])
	_, found := t.store.get(key)
	if r.method == http.MethodPut {
		return t.putObject(r, key, id[0], false)
	}
	if !found {
		return t.noObject(collection, id[0])
	}
	switch r.method {
	case http.MethodGet:
		return tagged(ok(shown(r, t.revised(key))))
	case http.MethodPatch:
		return t.patchObject(r, key)
	case http.MethodDelete:
		if a := t.refuseWrite(r, key); a != nil {
			return a
		}
		o := t.revised(key)
		if match := r.header.Get("If-Match"); match != "" && match != "*" && strings.Trim(match, `"`) != str(o["_rev"]) {
			return refusal(http.StatusPreconditionFailed, "The resource could not be deleted because it has a different revision")
		}
		t.store.remove(key)
		return tagged(ok(shown(r, o)))
	}
	return notAllowed(r)
}

// noObject is the 404 of an object that is not there: of a user, in the words of
// the directory.
func (t *Tenant) noObject(collection, id string) *reply {
	kind := last(collection)
	realm, name, isManaged := strings.Cut(kind, "_")
	if isManaged && name == "user" {
		return refusal(http.StatusNotFound, "No Such Entry: The search base entry &#39;fr-idm-uuid&#61;"+id+
			",ou&#61;user,o&#61;"+realm+",o&#61;root,ou&#61;identities&#39; does not exist")
	}
	return notFound()
}

// pagedObjects is one page of a list of objects. Without _pageSize it is the whole.
func pagedObjects(r *request, all []any) *reply {
	total, policy := -1, "NONE"
	if r.query.Get("_totalPagedResultsPolicy") == "EXACT" || r.query.Get("_countOnly") == "true" {
		total, policy = len(all), "EXACT"
	}
	if r.query.Get("_countOnly") == "true" {
		a := envelope(nil, policy, total, -1)
		a["resultCount"] = total
		return ok(a)
	}
	size, err := strconv.Atoi(r.query.Get("_pageSize"))
	if err != nil || size < 1 {
		return ok(envelope(all, policy, total, -1))
	}
	from, err := strconv.Atoi(orDefault(r.query.Get("_pagedResultsCookie"), orDefault(r.query.Get("_pagedResultsOffset"), "0")))
	if err != nil || from < 0 {
		return refusal(http.StatusBadRequest, "The value for parameter '_pagedResultsCookie' could not be parsed")
	}
	from = min(from, len(all))
	end := min(from+size, len(all))
	a := envelope(all[from:end], policy, total, -1)
	if end < len(all) {
		a["pagedResultsCookie"] = strconv.Itoa(end)
	}
	return ok(a)
}

// revised gives a seeded object the revision it was seeded without.
func (t *Tenant) revised(key string) object {
	o, _ := t.store.get(key)
	if o["_rev"] == nil {
		o = with(o, "_rev", t.nextRev())
		t.store.put(key, o)
	}
	return o
}

func tagged(a *reply) *reply {
	if rev := str(obj(a.body)["_rev"]); rev != "" {
		a.header("ETag", `"`+rev+`"`)
	}
	return a
}

func (t *Tenant) putObject(r *request, key, id string, create bool) *reply {
	if a := t.refuseWrite(r, key); a != nil {
		return a
	}
	body, a := jsonBody(r)
	if a != nil {
		return a
	}
	_, found := t.store.get(key)
	if found && (create || r.header.Get("If-None-Match") == "*") {
		return refusal(http.StatusPreconditionFailed, "Entry Already Exists: The entry &#39;"+id+
			"&#39; cannot be added because an entry with that name already exists")
	}
	if match := r.header.Get("If-Match"); match != "" {
		if !found {
			return notFound()
		}
		if match != "*" && strings.Trim(match, `"`) != str(t.revised(key)["_rev"]) {
			return refusal(http.StatusPreconditionFailed, "The resource could not be updated because it has a different revision")
		}
	}
	o := with(body, "_id", id, "_rev", t.nextRev())
	if strings.HasPrefix(key, "/openidm/internal/role/") && o["temporalConstraints"] == nil {
		o["temporalConstraints"] = []any{}
	}
	t.store.put(key, o)
	a = tagged(ok(shown(r, o)))
	if !found {
		a.status = http.StatusCreated
		a.header("Location", key)
	}
	return a
}

// patchObject changes a managed or internal object.
func (t *Tenant) patchObject(r *request, key string) *reply {
	if a := t.refuseWrite(r, key); a != nil {
		return a
	}
	o, _ := t.store.get(key)
	if match := r.header.Get("If-Match"); match != "" && match != "*" && strings.Trim(match, `"`) != str(t.revised(key)["_rev"]) {
		return refusal(http.StatusPreconditionFailed, "The resource could not be updated because it has a different revision")
	}
	if a := t.failedPolicy(r, key); a != nil {
		return a
	}
	o, a := patched(r, o)
	if a != nil {
		return a
	}
	o = with(o, "_rev", t.nextRev())
	t.store.put(key, o)
	return tagged(ok(shown(r, o)))
}

// failedPolicy is the answer to a PATCH that gives an object to a property whose
// schema wants a list.
func (t *Tenant) failedPolicy(r *request, key string) *reply {
	ops, err := decode(r.body)
	if err != nil {
		return nil // told by patched
	}
	config, _ := t.store.get(configKey("managed"))
	for _, e := range list(config["objects"]) {
		if obj(e)["name"] != last(parent(key)) {
			continue
		}
		properties := obj(obj(obj(e)["schema"])["properties"])
		for _, op := range list(ops) {
			name := strings.Trim(str(obj(op)["field"]), "/")
			if obj(obj(op)["value"]) == nil || obj(properties[name])["type"] != "array" {
				continue
			}
			a := refusal(http.StatusForbidden, "Failed policy validation")
			a.body.(object)["detail"] = object{"result": false, "failedPolicyRequirements": []any{object{"property": name,
				"policyRequirements": []any{object{"policyRequirement": "VALID_TYPE",
					"params": object{"invalidType": "object", "validTypes": []any{"array"}}}}}}}
			return a
		}
	}
	return nil
}

// shown is a managed or internal object as the API answers it: relationships only
// where _fields asks for them.
func shown(r *request, o object) object {
	want := r.query.Get("_fields")
	if want != "" && want != "*" {
		names := strings.Split(want, ",")
		if !slices.Contains(names, "*_ref") && !slices.Contains(names, "*") {
			return fields(r, o)
		}
		if slices.Contains(names, "*_ref") {
			return o
		}
		kept := withoutRelationships(o)
		for _, name := range names {
			if v, found := o[strings.Trim(name, "/ ")]; found {
				kept = with(kept, strings.Trim(name, "/ "), v)
			}
		}
		return kept
	}
	return withoutRelationships(o)
}

func withoutRelationships(o object) object {
	for name, v := range o {
		if isRelationship(v) {
			o = without(o, name)
		}
	}
	return o
}

func isRelationship(v any) bool {
	if l := list(v); len(l) > 0 {
		v = l[0]
	}
	_, is := obj(v)["_ref"]
	_, whole := obj(v)["_id"] // a copy of the object, kept as a value
	return is && !whole
}

// related answers a relationship as a collection: managed/x/{id}/{field}.
func (t *Tenant) related(r *request, o object, field string) *reply {
	if r.method != http.MethodGet {
		return notAllowed(r)
	}
	keep, a := filtered(r, false)
	if a != nil {
		return a
	}
	all := list(o[field])
	if one := obj(o[field]); one != nil {
		all = []any{one}
	}
	var result []any
	for _, e := range all {
		ref := obj(e)
		target, _ := t.store.get("/openidm/" + str(ref["_ref"]))
		x := object{}
		maps.Copy(x, withoutRelationships(target))
		maps.Copy(x, ref)
		if keep(x) {
			part := fields(r, x)
			for name, v := range ref { // what makes it a reference is always there
				if strings.HasPrefix(name, "_ref") {
					part = with(part, name, v)
				}
			}
			result = append(result, part)
		}
	}
	return ok(envelope(result, "NONE", -1, -1))
}

// serveAccount reads the service account itself; every other account is forbidden
// to it.
func (t *Tenant) serveAccount(r *request, rest []string) *reply {
	if r.isAction("create") && len(rest) == 1 && rest[0] == "svcacct" {
		return t.createAccount(r)
	}
	if r.account != t.group.account.id && rest[0] == "svcacct" && len(rest) == 2 && (r.account == administratorID || r.account == rest[1]) {
		if o, found := t.store.get("/openidm/managed/svcacct/" + escape(rest[1])); found && r.method == http.MethodGet {
			return tagged(ok(fields(r, o)))
		}
	}
	if r.method != http.MethodGet || len(rest) != 2 || rest[0] != "svcacct" || rest[1] != t.group.account.id {
		return refusal(http.StatusForbidden, "Access denied")
	}
	a := t.group.account
	scopes := []any{}
	for _, s := range a.scopes {
		scopes = append(scopes, s)
	}
	return tagged(ok(fields(r, object{"_id": a.id, "_rev": "5e1a2f9c-0000-4000-8000-000000000000-1",
		"accountStatus": "active", "name": a.name, "description": "The sandbox's service account", "scopes": scopes,
		"jwks":           string(encode(object{"keys": []any{publicJWK(&a.key.PublicKey)}})),
		"maxCachingTime": "15", "maxIdleTime": "15", "maxSessionTime": "15", "quotaLimit": "5"})))
}

// serveSchema shows a managed object's schema out of config/managed, and writes
// one of its properties back there.
func (t *Tenant) serveSchema(r *request, rest []string) *reply {
	key := configKey("managed")
	config, _ := t.store.get(key)
	objects := list(config["objects"])
	at := slices.IndexFunc(objects, func(e any) bool { return obj(e)["name"] == rest[0] })
	if at < 0 {
		return notFound()
	}
	schema := obj(obj(objects[at])["schema"])
	switch {
	case len(rest) == 1 && r.method == http.MethodGet:
		return ok(schema)
	case len(rest) == 3 && rest[1] == "properties" && r.method == http.MethodGet:
		if p, found := obj(schema["properties"])[rest[2]]; found {
			return ok(obj(p))
		}
		return notFound()
	case len(rest) == 3 && rest[1] == "properties" && r.method == http.MethodPut:
		if a := t.refuseWrite(r, key); a != nil {
			return a
		}
		body, a := jsonBody(r)
		if a != nil {
			return a
		}
		_, found := obj(schema["properties"])[rest[2]]
		if !found && r.header.Get("If-Match") == "*" {
			return notFound()
		}
		changed := slices.Clone(objects)
		changed[at] = with(obj(objects[at]), "schema",
			with(schema, "properties", with(obj(schema["properties"]), rest[2], body)))
		t.store.put(key, with(config, "objects", changed))
		a = ok(body)
		if !found {
			a.status = http.StatusCreated
		}
		return a
	}
	return unknown(r)
}

// stamp is a time as AM's policies write it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
