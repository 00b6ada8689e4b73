package sim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const (
	treesBelow = "realm-config/authentication/authenticationtrees/trees/"
	nodesBelow = "realm-config/authentication/authenticationtrees/nodes/"
)

// nodeTypesJSON holds the node types' titles, the outcomes of those whose outcomes
// don't depend on attributes, and attributes the server was seen to add. All of it
// was taken from recordings of frodo-dev by a script, none of it was written by hand.
//
//go:embed nodetypes.json
var nodeTypesJSON []byte

type nodeTypes struct {
	Names    map[string]string      `json:"names"`
	Outcomes map[string][][2]string `json:"outcomes"` // "Type", or "Type/2.0" where not 1.0
	Defaults map[string]object      `json:"defaults"`
}

func loadNodeTypes() (*nodeTypes, error) {
	var n nodeTypes
	if err := json.Unmarshal(nodeTypesJSON, &n); err != nil {
		return nil, fmt.Errorf("read node types: %w", err)
	}
	return &n, nil
}

// treeAttributes are the attributes of a tree; older tenants lack some.
func (t *Tenant) treeAttributes() []string {
	l := []string{"description", "enabled", "entryNodeId", "identityResource", "innerTreeOnly", "mustRun",
		"noSession", "nodes", "staticNodes", "uiConfig"}
	if t.atLeast(9, 0) {
		l = append(l, "transactionalOnly")
	}
	slices.Sort(l)
	return l
}

func treeFamily() family {
	return family{remaining: -1, upsert: true, check: checkTree, prepare: prepareTree}
}

// invalidAttribute is the answer by which clients learn which attributes this
// version of AM has.
func invalidAttribute(body object, valid []string) *reply {
	for name := range body {
		if !strings.HasPrefix(name, "_") && !slices.Contains(valid, name) {
			a := refusal(http.StatusBadRequest, "Invalid attribute specified.")
			a.body.(object)["detail"] = object{"validAttributes": valid}
			return a
		}
	}
	return nil
}

func checkTree(t *Tenant, w *change) *reply {
	if a := invalidAttribute(w.body, t.treeAttributes()); a != nil {
		return a
	}
	if str(w.body["entryNodeId"]) == "" {
		return refusal(http.StatusBadRequest, "Node with ID entryNodeId must exist in the tree.")
	}
	nodes, isMap := w.body["nodes"].(object)
	if !isMap && w.body["nodes"] != nil {
		return refusal(http.StatusBadRequest, "Data validation failed for the attribute, Nodes")
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		n, isMap := nodes[id].(object)
		if !isMap || str(n["nodeType"]) == "" || n["x"] == nil || n["y"] == nil {
			return refusal(http.StatusBadRequest, "Data validation failed for the attribute, Nodes")
		}
		if _, found := t.store.get(nodeKey(w.realm, str(n["nodeType"]), str(n["version"]), id)); !found {
			return refusal(http.StatusBadRequest, "Node with ID "+id+" must exist in the tree.")
		}
	}
	return nil
}

// nodeKey is a node's place; no version means 1.0.
func nodeKey(realm, kind, version, id string) string {
	if version == "" {
		version = "1.0"
	}
	return realmRoot(realm) + "/" + nodesBelow + escape(kind) + "/" + version + "/" + escape(id)
}

// prepareTree adds what the server adds.
func prepareTree(t *Tenant, w *change) object {
	o := without(w.body, "_type")
	defaults := object{"enabled": true, "innerTreeOnly": false, "mustRun": false, "noSession": false,
		"nodes": object{}, "staticNodes": object{}, "uiConfig": object{}}
	if t.atLeast(9, 0) {
		defaults["transactionalOnly"] = false
	}
	for name, v := range defaults {
		if _, sent := o[name]; !sent {
			o[name] = v
		}
	}
	if o["identityResource"] == nil {
		o["identityResource"] = "managed/" + strings.Trim(w.realm, "/") + "_user"
	}
	return t.presentTree(o)
}

// presentTree names the version of each node reference, as AM does since 2026.
func (t *Tenant) presentTree(o object) object {
	if !t.atLeast(9, 0) {
		return o
	}
	nodes := object{}
	for id, v := range obj(o["nodes"]) {
		if n, isMap := v.(object); isMap && n["version"] == nil {
			v = with(n, "version", "1.0")
		}
		nodes[id] = v
	}
	return with(o, "nodes", nodes)
}

// routeNodes serves what lies below nodes: rest is type, version, id.
func (t *Tenant) routeNodes(r *request, target amTarget, rest []string) *reply {
	if len(rest) == 0 {
		switch {
		case r.isAction("getAllTypes"):
			return t.allNodeTypes()
		case r.isAction("nextdescendents"):
			return t.descendants(target.key)
		}
		return notAllowed(r)
	}
	kind, version := rest[0], rest[1]
	title := t.nodeTitle(kind)
	if title == "" {
		return refusal(http.StatusNotFound, "Resource '"+kind+"' not found")
	}
	if len(rest) == 2 {
		switch {
		case r.isAction("getType"):
			o := t.nodeType(kind, title)
			if t.atLeast(9, 0) && strings.Contains(r.path, "/nodes/"+kind+"/"+version) {
				o["_id"] = version // asked for below its version, it calls itself by that (recorded)
			}
			return ok(o)
		case r.isAction("schema"):
			return t.nodeSchema(kind, version)
		case r.isAction("template"):
			return t.nodeTemplate(kind, title, version)
		}
	}
	a := t.serveFamily(r, target, family{remaining: -1, upsert: true, create: true,
		check: func(t *Tenant, w *change) *reply { return checkNode(t, w, kind) },
		prepare: func(t *Tenant, w *change) object {
			o := w.body
			for name, v := range t.types.Defaults[kind] {
				if _, sent := o[name]; !sent {
					o = with(o, name, v)
				}
			}
			return with(o, "_type", object{"_id": kind, "name": title, "collection": true, "version": version})
		},
		remove: func(t *Tenant, w *change) *reply { return removeNode(t, w, version) },
	}, 6)
	if t.atLeast(9, 0) || r.resourceVersion() == "3.0" || strings.Contains(r.path, "/nodes/"+kind+"/"+version) {
		return a
	}
	// Asked for in the older form, a node of 8.1 does not tell its version yet.
	o := obj(a.body)
	for i, v := range list(o["result"]) {
		list(o["result"])[i] = with(obj(v), "_type", without(obj(obj(v)["_type"]), "version"))
	}
	if o["_type"] != nil {
		a.body = with(o, "_type", without(obj(o["_type"]), "version"))
	}
	return a
}

func (t *Tenant) allNodeTypes() *reply {
	names := maps.Clone(t.types.Names)
	maps.Copy(names, t.taught)
	for _, p := range t.store.in(designerRoot) {
		o, _ := t.store.get(p)
		names["designer-"+str(o["serviceName"])] = str(o["displayName"])
	}
	result := []any{}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		result = append(result, t.nodeType(id, names[id]))
	}
	return ok(object{"result": result})
}

// nodeTitle is the display name of a node type, "" for one the tenant hasn't.
func (t *Tenant) nodeTitle(kind string) string {
	if service, isDesigned := strings.CutPrefix(kind, "designer-"); isDesigned {
		if o, found := t.store.get(designerRoot + "/" + escape(service) + "-1"); found {
			return str(o["displayName"])
		}
	}
	if title := t.types.Names[kind]; title != "" {
		return title
	}
	return t.taught[kind]
}

// learn takes node and service types from seeds: a snapshot of a real tenant is
// better evidence of what exists than the simulator's tables.
func (t *Tenant) learn(path string, o object) {
	_, rest := splitRealm(path)
	kind := obj(o["_type"])
	if tail, isNode := strings.CutPrefix(rest, nodesBelow); isNode {
		id, _, _ := strings.Cut(tail, "/")
		title := str(kind["name"])
		if title == "" {
			title = unescape(id)
		}
		t.taught[unescape(id)] = title
	}
	if name, isService := strings.CutPrefix(rest, "realm-config/services/"); isService && !strings.Contains(name, "/") {
		if t.services[unescape(name)] == "" {
			t.services[unescape(name)] = str(kind["name"])
		}
	}
}

// scriptMember is the attribute that names a script, "" where a node of the type
// has none or doesn't use it.
func scriptMember(kind string, o object) string {
	switch kind {
	case "ScriptedDecisionNode", "ClientScriptNode", "ConfigProviderNode", "SocialProviderHandlerNode",
		"SocialProviderHandlerNodeV2", "CustomScriptNode":
		return "script"
	case "DeviceMatchNode":
		if boolean(o["useScript"]) {
			return "script"
		}
	case "PingOneVerifyCompletionDecisionNode":
		if boolean(o["useFilterScript"]) {
			return "filterScript"
		}
	}
	return ""
}

func checkNode(t *Tenant, w *change, kind string) *reply {
	member := scriptMember(kind, w.body)
	if member == "" {
		return nil
	}
	id, isText := w.body[member].(string)
	if !isText || id == "" || id == "[Empty]" || strings.Contains(id, "&{") {
		return nil
	}
	if _, found := t.store.get(realmRoot(w.realm) + "/scripts/" + escape(id)); !found {
		return refusal(http.StatusBadRequest, "Data validation failed for the attribute, Script")
	}
	return nil
}

// removeNode refuses a node that a tree holds, and a container one of whose
// children is gone: so containers go before their children.
func removeNode(t *Tenant, w *change, version string) *reply {
	for _, p := range t.store.in(realmRoot(w.realm) + "/" + strings.TrimSuffix(treesBelow, "/")) {
		tree, _ := t.store.get(p)
		if n, found := obj(tree["nodes"])[w.id].(object); found && orDefault(str(n["version"]), "1.0") == version {
			return refusal(http.StatusBadRequest, "Cannot delete a node that is connected in a tree.")
		}
	}
	for _, v := range list(w.old["nodes"]) {
		child := obj(v)
		key := nodeKey(w.realm, str(child["nodeType"]), str(child["nodeVersion"]), str(child["_id"]))
		if _, found := t.store.get(key); child != nil && !found {
			return refusal(http.StatusInternalServerError, "Unable to read SMS config: Node did not exist")
		}
	}
	return nil
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// presentNode sets _type and _outcomes as the server has them.
func (t *Tenant) presentNode(path string, o object) object {
	realm, rest := splitRealm(path)
	parts := strings.Split(strings.TrimPrefix(rest, nodesBelow), "/")
	kind, version := unescape(parts[0]), parts[1]
	typ := object{"_id": kind, "name": orDefault(t.nodeTitle(kind), kind), "collection": true}
	if t.atLeast(8, 1) {
		typ["version"] = version
	}
	o = with(o, "_type", typ)
	if kind == "PageNode" && t.atLeast(9, 0) {
		children := []any{}
		for _, v := range list(o["nodes"]) {
			if c, isMap := v.(object); isMap && c["nodeVersion"] == nil {
				v = with(c, "nodeVersion", "1.0")
			}
			children = append(children, v)
		}
		o["nodes"] = children
	}
	if outcomes := t.outcomes(realm, kind, version, o); outcomes != nil {
		o["_outcomes"] = outcomes
	}
	return o
}

// outcomes derives a node's outcomes; nil where they can't be and the ones that
// were sent stand.
func (t *Tenant) outcomes(realm, kind, version string, o object) []any {
	same := func(names []any) []any {
		l := []any{}
		for _, n := range names {
			l = append(l, outcome(str(n), str(n)))
		}
		return l
	}
	switch kind {
	case "ScriptedDecisionNode":
		return same(list(o["outcomes"]))
	case "ChoiceCollectorNode":
		return same(list(o["choices"]))
	case "InnerTreeEvaluatorNode":
		l := []any{outcome("true", "True"), outcome("false", "False")}
		if boolean(o["displayErrorOutcome"]) {
			l = append(l, outcome("error", "Error"))
		}
		return l
	case "SelectIdPNode":
		l := []any{outcome("socialAuthentication", "Social Authentication")}
		if boolean(o["includeLocalAuthentication"]) {
			l = append(l, outcome("localAuthentication", "Local Authentication"))
		}
		return l
	case "PageNode":
		return t.pageOutcomes(realm, version, o)
	}
	key := kind
	if version != "1.0" {
		key += "/" + version
	}
	if known, found := t.types.Outcomes[key]; found {
		l := []any{}
		for _, k := range known {
			l = append(l, outcome(k[0], k[1]))
		}
		return l
	}
	if service, isDesigned := strings.CutPrefix(kind, "designer-"); isDesigned {
		if d, found := t.store.get(designerRoot + "/" + escape(service) + "-1"); found {
			return same(list(d["outcomes"]))
		}
	}
	return nil
}

func outcome(id, title string) object { return object{"id": id, "displayName": title} }

// pageOutcomes: a 1.0 page ends as its one deciding child ends, a 2.0 page names
// the child with the outcome.
func (t *Tenant) pageOutcomes(realm, version string, o object) []any {
	plain := []any{outcome("outcome", "Outcome")}
	named := []any{}
	for _, v := range list(o["nodes"]) {
		child := obj(v)
		kind, childVersion := str(child["nodeType"]), orDefault(str(child["nodeVersion"]), "1.0")
		n, found := t.store.get(nodeKey(realm, kind, childVersion, str(child["_id"])))
		if !found {
			continue
		}
		l := t.outcomes(realm, kind, childVersion, n)
		if l == nil {
			l = list(n["_outcomes"])
		}
		decides := func(l []any) bool { return len(l) > 1 || len(l) == 1 && str(obj(l[0])["id"]) != "outcome" }
		if len(l) > 0 && (decides(l) || !decides(plain)) {
			plain = l
		}
		for _, e := range l {
			named = append(named, outcome(str(child["_id"])+"-"+str(obj(e)["id"]), str(obj(e)["displayName"])))
		}
	}
	if version == "1.0" {
		return plain
	}
	return named
}

// seeded is a document as the store keeps it: without what the server computes.
func (t *Tenant) seeded(path string, o object) object {
	if strings.HasPrefix(path, "/openidm/") {
		return o
	}
	_, rest := splitRealm(path)
	if strings.HasPrefix(rest, "policies/") || strings.HasPrefix(rest, "applications/") {
		return o // their _rev is a time, not a hash
	}
	delete(o, "_rev") // in place: the tenants of one seed share it, and all want it so
	return o
}
