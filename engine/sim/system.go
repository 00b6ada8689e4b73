package sim

import (
	"net/http"
	"strconv"
	"strings"
)

// serveSystem plays the live side of connectors: whether they answer, and the
// objects of a target system, which are only stored. rest is connector, object
// type, id.
func (t *Tenant) serveSystem(r *request, rest []string) *reply {
	switch {
	case len(rest) == 0 && r.isAction("testConnectorServers"):
		servers := []any{}
		info, _ := t.store.get(configKey("provisioner.openicf.connectorinfoprovider"))
		for member, kind := range map[string]string{"remoteConnectorServers": "remoteConnectorServer",
			"remoteConnectorServersGroups": "remoteConnectorServersGroup", "remoteConnectorClients": "remoteConnectorClient",
			"remoteConnectorClientsGroups": "remoteConnectorClientsGroup"} {
			for _, s := range list(info[member]) {
				servers = append(servers, object{"name": obj(s)["name"], "type": kind, "ok": true})
			}
		}
		return ok(object{"openicf": sorted(servers, "name")})
	case len(rest) == 0 && r.isAction("test"):
		all := []any{}
		for _, p := range t.store.in(configRoot + "/provisioner.openicf") {
			all = append(all, t.systemStatus(p))
		}
		return &reply{status: http.StatusOK, kind: idmType, body: all}
	case len(rest) == 1 && r.isAction("test"):
		path := configKey("provisioner.openicf/" + rest[0])
		if _, found := t.store.get(path); !found {
			return notFound()
		}
		return ok(t.systemStatus(path))
	case len(rest) == 2 && r.isAction("authenticate"):
		return t.systemLogin(r, rest)
	case len(rest) == 2 && r.method == http.MethodGet && r.query.Has("_queryId"):
		var ids []any
		for _, p := range t.store.in(join("openidm", "system", rest[0], rest[1])) {
			o, _ := t.store.get(p)
			ids = append(ids, object{"_id": o["_id"], "__NAME__": o["__NAME__"]})
		}
		return pagedObjects(r, ids)
	case len(rest) == 2 || len(rest) == 3:
		if cookie := r.query.Get("_pagedResultsCookie"); cookie != "" {
			if _, err := strconv.Atoi(cookie); err != nil {
				r.query.Del("_pagedResultsCookie") // of a connector that ran elsewhere
			}
		}
		if len(rest) == 3 && r.method == http.MethodPut {
			if _, found := t.store.get(join("openidm", "system", rest[0], rest[1], rest[2])); !found {
				return refusal(http.StatusNotFound, "Create with client provided ID is not supported.")
			}
		}
		return bare(t.serveObjects(r, join("openidm", "system", rest[0], rest[1]), rest[2:]))
	}
	return unknown(r)
}

// bare takes away what objects of target systems have not: revisions and totals.
func bare(a *reply) *reply {
	o := obj(a.body)
	if l, isList := o["result"].([]any); isList {
		for i := range l {
			l[i] = without(obj(l[i]), "_rev")
		}
		o = with(o, "totalPagedResultsPolicy", "NONE", "totalPagedResults", -1)
	}
	if o != nil {
		a.body = without(o, "_rev")
	}
	delete(a.headers, "ETag")
	return a
}

// systemStatus is what IDM says of a connector; one that is not enabled is not there.
func (t *Tenant) systemStatus(path string) object {
	o, _ := t.store.get(path)
	enabled, isBool := o["enabled"].(bool)
	enabled = enabled || !isBool
	types := []any{"__ALL__"}
	for _, name := range keysOf(obj(o["objectTypes"])) {
		types = append(types, name)
	}
	s := object{"name": last(path), "enabled": enabled, "config": strings.TrimPrefix(path, "/openidm/"),
		"connectorRef": o["connectorRef"], "displayName": orDefault(str(obj(o["connectorRef"])["displayName"]), last(path)),
		"objectTypes": types, "ok": enabled}
	if !enabled {
		s["error"] = "connector not available"
	}
	return s
}

// systemLogin answers a pass-through login with the id of the object of that name;
// passwords are not looked at, since nobody logs in at a simulator.
func (t *Tenant) systemLogin(r *request, rest []string) *reply {
	for _, p := range t.store.in(join("openidm", "system", rest[0], rest[1])) {
		o, _ := t.store.get(p)
		if name := r.query.Get("username"); name != "" && (o["__NAME__"] == name || o["uid"] == name || o["_id"] == name) {
			return ok(object{"_id": o["_id"]})
		}
	}
	return refusal(http.StatusUnauthorized, "Access Denied")
}
