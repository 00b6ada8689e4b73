package sim

import (
	_ "embed"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// knownServices are the realm services seen on AIC tenants, with their titles.
func knownServices() map[string]string {
	return map[string]string{
		"DataStoreService":        "External Data Stores",
		"SocialIdentityProviders": "Social Identity Provider Service",
		"TNTPPingOneService":      "PingOne Service",
		"baseurl":                 "Base URL Source",
		"dashboard":               "Dashboard",
		"email":                   "Email Service",
		"httpclient":              "Http Client Service",
		"id-repositories":         "sunIdentityRepositoryService",
		"oauth-oidc":              "OAuth2 Provider",
		"pingOneWorkerService":    "PingOne Worker Service",
		"policyconfiguration":     "Policy Configuration",
		"selfServiceTrees":        "Self Service Trees",
		"session":                 "Session",
		"validation":              "Validation Service",
	}
}

// childTitles are the titles of service children seen on AIC tenants.
func childTitles() map[string]string {
	return map[string]string{
		"appleConfig":     "Client configuration for Apple.",
		"configuration":   "Cors Configuration",
		"googleConfig":    "Client configuration for Google.",
		"instagramConfig": "Client configuration for Instagram.",
		"microsoftConfig": "Client configuration for Microsoft.",
		"oauth2Config":    "Client configuration for providers that implement the OAuth2 specification.",
		"oidcConfig":      "Client configuration for providers that implement the OpenID Connect specification.",
		"smtpTransports":  "SMTP",
		"workers":         "PingOne Worker",
	}
}

// routeServices serves realm services: rest is name, type, id.
func (t *Tenant) routeServices(r *request, target amTarget, rest []string) *reply {
	if len(rest) == 0 {
		switch {
		case r.isAction("nextdescendents"):
			return t.realmServices(target)
		case r.isAction("getAllTypes"), r.isAction("getCreatableTypes"):
			return t.serviceTypes()
		case r.method == http.MethodGet:
			paths := t.store.in(target.key)
			names := make([]string, len(paths))
			for i, p := range paths {
				names[i] = last(p)
			}
			return t.serviceStubs(r, names, func(name string) (object, string) {
				o, _ := t.store.get(target.key + "/" + escape(name))
				return o, t.services[name]
			})
		}
		return notAllowed(r)
	}
	name := rest[0]
	if name == "DataStoreService" || name == "id-repositories" {
		return unavailable()
	}
	title, known := t.services[name]
	if !known {
		return refusal(http.StatusNotFound, "Resource '"+name+"' not found")
	}
	service := realmRoot(target.realm) + join("realm-config", "services", name)
	switch len(rest) {
	case 1:
		if r.isAction("nextdescendents") {
			return t.descendants(service)
		}
		return t.serveService(r, target, name, title)
	case 2:
		return t.serveCollection(r, target.realm, target.key, childFamily(name, rest[1]))
	case 3:
		if _, found := t.store.get(service); !found && name == "email" {
			return refusal(http.StatusNotFound, "Resource 'email' not found")
		}
		return t.serveFamily(r, target, childFamily(name, rest[1]), 4)
	}
	return unknown(r)
}

// realmServices lists services in full. Read in a list, the _id is the service's
// name; and the realm's scripts stand among them as if they were services, which
// clients must skip.
func (t *Tenant) realmServices(target amTarget) *reply {
	result := []any{}
	for _, p := range t.store.in(target.key) {
		o, _ := t.store.get(p)
		result = append(result, with(without(t.present(p, o), "_rev"), "_id", last(p)))
	}
	for _, p := range t.store.in(realmRoot(target.realm) + "/scripts") {
		o, _ := t.store.get(p)
		result = append(result, scriptAsService(o))
	}
	return ok(object{"result": result})
}

// scriptAsService is a script as the list of services shows it: all of it as text.
func scriptAsService(o object) object {
	s := object{"_id": o["_id"], "name": o["name"], "script": o["script"], "language": o["language"], "context": o["context"],
		"evaluatorVersion": "V" + strings.TrimPrefix(strings.Replace(orDefault(str(o["evaluatorVersion"]), "1.0"), ".", "_", 1), "V"),
		"_type":            object{"_id": "scripts", "name": "Scripting", "collection": true}}
	for name, none := range map[string]string{"createdBy": "null", "lastModifiedBy": "null", "creationDate": "0", "lastModifiedDate": "0"} {
		s[name] = orDefault(text(o[name]), none)
	}
	if d := str(o["description"]); d != "" {
		s["description"] = d
	}
	return s
}

func (t *Tenant) serviceTypes() *reply {
	result := []any{}
	for _, name := range slices.Sorted(maps.Keys(t.services)) {
		result = append(result, object{"_id": name, "name": t.services[name], "collection": false})
	}
	return ok(object{"result": result})
}

// serviceStubs lists services by name; read gives what a service holds, and its title.
func (t *Tenant) serviceStubs(r *request, names []string, read func(name string) (object, string)) *reply {
	keep, a := filtered(r, false)
	if a != nil {
		return a
	}
	var result []any
	for _, name := range names {
		o, title := read(name)
		stub := object{"_id": name, "_rev": revision(o), "name": title}
		if keep(stub) {
			result = append(result, stub)
		}
	}
	return ok(envelope(result, "NONE", -1, -1))
}

func (t *Tenant) serveService(r *request, target amTarget, name, title string) *reply {
	f := family{upsert: true,
		check: func(t *Tenant, w *change) *reply {
			if name == "email" {
				return t.checkTransport(w)
			}
			return nil
		},
		prepare: func(_ *Tenant, w *change) object {
			o := without(w.body, "nextDescendents")
			if slices.Contains([]string{"SocialIdentityProviders", "selfServiceTrees", "pingOneWorkerService"}, name) &&
				o["enabled"] == nil {
				o["enabled"] = true
			}
			o["_id"] = ""
			o["_type"] = object{"_id": name, "name": title, "collection": false}
			return o
		},
		remove: func(t *Tenant, w *change) *reply {
			for _, p := range t.store.under(w.path) {
				t.store.remove(p)
			}
			return nil
		},
	}
	a := t.serveFamily(r, target, f, 2)
	delete(a.headers, "Location") // a singleton's 201 has none
	return a
}

// checkTransport is the email service's circle: it names a transport that is its
// own child, which can't be there before it.
func (t *Tenant) checkTransport(w *change) *reply {
	name := str(w.body["transportType"])
	if name == "" {
		return nil
	}
	for _, p := range t.store.under(w.path) {
		if last(p) == name {
			return nil
		}
	}
	return refusal(http.StatusBadRequest, "Data validation failed for the attribute, Transport Type")
}

// oidcAttributes is the recorded validAttributes of an oidcConfig in 2022, and the
// attributes that later recordings and snapshots of the same tenant had besides.
func oidcAttributes() []string {
	return []string{"acrValues", "authenticationIdKey", "authorizationEndpoint", "claims", "clientAuthenticationMethod",
		"clientId", "clientSecret", "clientSecretLabelIdentifier", "enableNativeNonce", "enabled",
		"encryptJwtRequestParameter", "encryptedIdTokens", "expClaimRequiredInRequestObject", "introspectEndpoint",
		"issuer", "issuerComparisonCheckType", "jwksUriEndpoint", "jwtEncryptionAlgorithm", "jwtEncryptionMethod",
		"jwtRequestParameterOption", "jwtSigningAlgorithm", "pkceMethod", "privateKeyJwtAudience",
		"privateKeyJwtExpTime", "redirectAfterFormPostURI", "redirectURI", "requestObjectAudience", "responseMode",
		"revocationCheckOptions", "scopeDelimiter", "scopes", "tokenEndpoint", "transform", "uiConfig",
		"useCustomTrustStore", "userInfoEndpoint", "userInfoResponseType", "wellKnownEndpoint"}
}

// childFamily is a service's collection of children of one type.
func childFamily(service, kind string) family {
	f := family{remaining: -1, upsert: true, create: true, prepare: func(_ *Tenant, w *change) object {
		title := childTitles()[kind]
		if title == "" {
			title = orDefault(str(obj(w.body["_type"])["name"]), str(obj(w.old["_type"])["name"]))
		}
		return with(w.body, "_type", object{"_id": kind, "name": orDefault(title, kind), "collection": true})
	}}
	if service != "SocialIdentityProviders" {
		return f
	}
	named := f.prepare
	f.prepare = func(t *Tenant, w *change) object {
		o := named(t, w)
		if str(o["redirectAfterFormPostURI"]) == "" {
			delete(o, "redirectAfterFormPostURI") // an empty one is not shown
		}
		return o
	}
	f.check = func(t *Tenant, w *change) *reply {
		if kind == "oidcConfig" {
			if a := invalidAttribute(w.body, oidcAttributes()); a != nil {
				return a
			}
		}
		if _, sent := w.body["redirectAfterFormPostURI"]; str(w.old["redirectAfterFormPostURI"]) != "" && !sent && !t.atLeast(9, 0) {
			return refusal(http.StatusInternalServerError, "Unable to update SMS config: "+
				"Data validation failed for the attribute, Redirect after form post URL")
		}
		if id := str(w.body["transform"]); id != "" && id != "[Empty]" && !strings.Contains(id, "&{") {
			if _, found := t.store.get(realmRoot(w.realm) + "/scripts/" + escape(id)); !found {
				return refusal(http.StatusBadRequest, "Data validation failed for the attribute, Transform Script")
			}
		}
		return nil
	}
	return f
}

// storeSchemaJSON is the schema of the ESV secret store, as recorded.
//
//go:embed storeschema.json
var storeSchemaJSON []byte

// routeSecrets serves the ESV secret store and its mappings: rest is stores, type,
// id, mappings, secretId.
func (t *Tenant) routeSecrets(r *request, target amTarget, rest []string) *reply {
	const provider = "GoogleSecretManagerSecretStoreProvider"
	switch {
	case len(rest) == 0 && r.isAction("nextdescendents"):
		return t.descendants(target.key)
	case len(rest) == 1 && r.isAction("nextdescendents"):
		return ok(object{"result": []any{t.secretStore(target.key + "/" + provider + "/ESV")}})
	case len(rest) == 2 && rest[1] == provider && r.isAction("schema"):
		return &reply{status: http.StatusOK, kind: amType, raw: storeSchemaJSON}
	case len(rest) == 2 && (r.isAction("schema") || r.method == http.MethodGet):
		return t.serveCollection(r, target.realm, target.key, family{remaining: -1})
	case len(rest) == 3 && rest[1] == provider && rest[2] == "ESV":
		if r.method != http.MethodGet {
			return unavailable()
		}
		o := t.secretStore(target.key)
		return tagged(ok(with(o, "_rev", revision(o))))
	case len(rest) > 3 && len(rest) < 6 && rest[3] == "mappings":
		return t.serveFamily(r, target, mappingFamily(), 6)
	}
	return unknown(r)
}

// secretStore is the one store of a realm, that of its ESVs.
func (t *Tenant) secretStore(path string) object {
	if o, found := t.store.get(path); found {
		return o
	}
	return object{"_id": "ESV", "project": "&{google.project.id}", "expiryDurationSeconds": 600,
		"serviceAccount": "default", "secretFormat": "PEM",
		"_type": object{"_id": "GoogleSecretManagerSecretStoreProvider", "name": "Google Secret Manager", "collection": true}}
}

func mappingFamily() family {
	return family{remaining: -1, upsert: true, create: true,
		check: func(_ *Tenant, w *change) *reply {
			aliases := list(w.body["aliases"])
			seen := map[string]bool{}
			for _, a := range aliases {
				if seen[str(a)] {
					return refusal(http.StatusBadRequest, "Data validation failed for the attribute, aliases")
				}
				seen[str(a)] = true
			}
			if len(aliases) != 1 {
				return refusal(http.StatusBadRequest,
					"Invalid config: Only a single alias per mapping is allowed for this secret store type")
			}
			return nil
		},
		prepare: func(_ *Tenant, w *change) object {
			return with(w.body, "secretId", w.id, "_type", object{"_id": "mappings", "name": "Mappings", "collection": true})
		},
	}
}

const globalServices = "/am/json/global-config/services"

// routeGlobal serves what has no realm.
func (t *Tenant) routeGlobal(r *request, target amTarget) *reply {
	rest := target.rest
	if rest[0] == "node-designer" {
		return t.routeDesigner(r, target, rest[1:])
	}
	if rest[0] == "contexts" && len(rest) == 2 && r.method == http.MethodGet {
		return t.serveFamily(r, target, family{noRev: true}, 1)
	}
	if rest[0] != "global-config" || len(rest) < 2 {
		return unknown(r)
	}
	switch rest[1] {
	case "realms":
		return t.realms(r, rest[2:])
	case "services":
		return t.routeGlobalServices(r, target, rest[2:])
	case "secrets", "authentication", "servers", "sites":
		return unavailable() // the vendor's
	}
	return unknown(r)
}

// globalSingletons are the two global services of the cloud, and what they hold
// where nobody changed them.
func globalSingletons() map[string]object {
	return map[string]object{
		"CorsService": {"enabled": true, "_type": object{"_id": "CorsService", "name": "CORS Service", "collection": false}},
		"dashboard": {"defaults": object{"assignedDashboard": []any{}},
			"_type": object{"_id": "dashboard", "name": "Dashboard", "collection": false}},
	}
}

func (t *Tenant) routeGlobalServices(r *request, target amTarget, rest []string) *reply {
	singletons := globalSingletons()
	if len(rest) == 0 {
		if r.method == http.MethodGet {
			return t.serviceStubs(r, slices.Sorted(maps.Keys(singletons)), func(name string) (object, string) {
				o, found := t.store.get(globalServices + "/" + name)
				if !found {
					o = singletons[name]
				}
				return o, str(obj(singletons[name]["_type"])["name"])
			})
		}
		if !r.isAction("nextdescendents") {
			return notAllowed(r)
		}
		result := []any{}
		for _, name := range slices.Sorted(maps.Keys(singletons)) {
			o, found := t.store.get(globalServices + "/" + name)
			if !found {
				o = singletons[name]
			}
			result = append(result, with(o, "_id", name))
		}
		return ok(object{"result": result})
	}
	if rest[0] == "scripting" && len(rest) > 1 && rest[1] == "contexts" && r.method == http.MethodGet {
		return t.scriptContexts(r, target, rest[2:])
	}
	fallback, known := singletons[rest[0]]
	if !known {
		return refusal(http.StatusNotFound, "Resource '"+rest[0]+"' not found")
	}
	switch len(rest) {
	case 1:
		if r.isAction("nextdescendents") {
			return t.descendants(target.key)
		}
		return t.singleton(r, target.key, with(fallback, "_id", ""))
	case 2, 3:
		return t.serveFamily(r, target, childFamily(rest[0], rest[1]), 4)
	}
	return unknown(r)
}

// scriptContexts are read-only product data: what seeds brought.
func (t *Tenant) scriptContexts(r *request, target amTarget, rest []string) *reply {
	switch len(rest) {
	case 0:
		return t.list(r, target.key, family{remaining: -1})
	case 1, 2:
		o, found := t.store.get(target.key)
		if !found {
			return notFound()
		}
		return tagged(ok(with(o, "_rev", revision(o))))
	}
	return unknown(r)
}

// realms are the cloud's fixed ones: what may be written of them are their aliases. The root realm stands in
// their list since AM 9.0 (2026-07-13), and did not yet with 8.0 (2025-06-23).
func (t *Tenant) realms(r *request, rest []string) *reply {
	all := []object{
		{"_id": "Lw", "parentPath": nil, "active": true, "name": "/", "aliases": []any{}},
		{"_id": "L2FscGhh", "parentPath": "/", "active": true, "name": "alpha", "aliases": []any{}},
		{"_id": "L2JyYXZv", "parentPath": "/", "active": true, "name": "bravo", "aliases": []any{}},
	}
	if !t.atLeast(9, 0) {
		all = all[1:]
	}
	for i, realm := range all {
		path := realmsRoot + "/" + str(realm["_id"])
		if seeded, found := t.store.get(path); found {
			all[i] = seeded
		}
		all[i] = with(all[i], "_rev", revision(all[i]))
		if len(rest) == 1 && rest[0] == realm["_id"] {
			return t.realm(r, path, all[i])
		}
	}
	switch {
	case len(rest) == 0 && r.method == http.MethodGet:
		var result []any
		for _, realm := range all {
			result = append(result, realm)
		}
		return ok(envelope(result, "NONE", -1, -1))
	case len(rest) == 0, r.method == http.MethodPut:
		return unavailable() // no realm can be made
	}
	return notFound()
}

const realmsRoot = "/am/json/global-config/realms"

func (t *Tenant) realm(r *request, path string, realm object) *reply {
	switch r.method {
	case http.MethodGet:
		return tagged(ok(realm))
	case http.MethodPut:
		if a := t.refuseWrite(r, path); a != nil {
			return a
		}
		if a := otherRevision(r, str(realm["_rev"])); a != nil {
			return a
		}
		body, a := jsonBody(r)
		if a != nil {
			return a
		}
		if body["aliases"] == nil {
			body["aliases"] = []any{}
		}
		if str(body["name"]) != realm["name"] || body["active"] == false || realm["_id"] == "Lw" {
			return unavailable()
		}
		realm = with(without(realm, "_rev"), "aliases", body["aliases"])
		t.store.put(path, realm)
		return tagged(ok(with(realm, "_rev", revision(realm))))
	}
	return unavailable()
}

const designerRoot = "/am/json/node-designer/node-type"

// routeDesigner serves custom node types: rest is node-type, id.
func (t *Tenant) routeDesigner(r *request, target amTarget, rest []string) *reply {
	if len(rest) == 0 || len(rest) > 2 || rest[0] != "node-type" {
		return unknown(r)
	}
	f := family{policy: "EXACT", remaining: -1, upsert: true,
		missing: func(_, id, _ string) string { return "Node Type with resource ID " + id + " does not exist" },
		check:   checkDesigned,
		remove: func(t *Tenant, w *change) *reply {
			if len(t.usedIn(strings.TrimSuffix(w.id, "-1"))) > 0 {
				return refusal(http.StatusBadRequest, "Cannot delete node type that is in use")
			}
			return nil
		},
		deleted: func(_ *Tenant, _ string, o object) any { return object{"_id": o["_id"]} },
	}
	if len(rest) == 1 {
		if r.method != http.MethodPost {
			return t.serveCollection(r, "", target.key, f)
		}
		body, a := jsonBody(r)
		if a != nil {
			return a
		}
		service := str(body["serviceName"])
		if service == "" {
			service = strings.ReplaceAll(newUUID(), "-", "")
			body["serviceName"] = service
		}
		w := &change{r: r, path: designerRoot + "/" + escape(service) + "-1", id: service + "-1", body: body}
		if _, found := t.store.get(w.path); found {
			return refusal(http.StatusConflict, "Node Type with resource id "+service+" already exists")
		}
		return t.save(w, f)
	}
	if r.isAction("journeys") {
		return ok(t.usedIn(strings.TrimSuffix(rest[1], "-1")))
	}
	if _, found := t.store.get(target.key); r.method == http.MethodPut && found && r.header.Get("If-Match") == "" {
		// frodo's note: without If-Match a PUT only creates; the status is a choice
		return refusal(http.StatusPreconditionFailed, "Node Type with resource id "+strings.TrimSuffix(rest[1], "-1")+" already exists")
	}
	return t.serveFamily(r, target, f, 2)
}

func checkDesigned(t *Tenant, w *change) *reply {
	for _, p := range t.store.in(designerRoot) {
		if o, _ := t.store.get(p); p != w.path && o["displayName"] == w.body["displayName"] {
			return refusal(http.StatusConflict, "Node Type with display name "+str(w.body["displayName"])+" already exists")
		}
	}
	return nil
}

// usedIn maps realm to journey to the nodes of a custom type.
func (t *Tenant) usedIn(service string) object {
	used := object{}
	kind := "designer-" + service
	for _, realm := range []string{"/alpha", "/bravo"} {
		journeys := object{}
		for _, p := range t.store.in(realmRoot(realm) + "/" + strings.TrimSuffix(treesBelow, "/")) {
			tree, _ := t.store.get(p)
			ids := []any{}
			for _, id := range slices.Sorted(maps.Keys(obj(tree["nodes"]))) {
				n := obj(obj(tree["nodes"])[id])
				if n["nodeType"] == kind {
					ids = append(ids, id)
				}
				page, _ := t.store.get(nodeKey(realm, str(n["nodeType"]), str(n["version"]), id))
				for _, c := range list(page["nodes"]) {
					if obj(c)["nodeType"] == kind {
						ids = append(ids, obj(c)["_id"])
					}
				}
			}
			if len(ids) > 0 {
				journeys[last(p)] = ids
			}
		}
		if len(journeys) > 0 {
			used[realm] = journeys
		}
	}
	return used
}
