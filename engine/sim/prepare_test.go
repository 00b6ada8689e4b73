package sim_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// parent is the path of the collection.
func parentOf(path string) string { return path[:strings.LastIndex(path, "/")] }

// prepare puts what the recorded tenant held when it answered.
func (r *replayer) prepare(e exchange) {
	path, body := e.plainPath(), e.response()
	if strings.HasSuffix(path, "/exportmetadata.jsp") {
		q, err := url.ParseQuery(e.Query)
		if err != nil {
			r.t.Fatal(err)
		}
		if xml, isText := e.ResponseBody.(string); isText && !strings.Contains(xml, "ERROR") {
			r.client.seed(path+"?entityid="+q.Get("entityid")+"&realm="+q.Get("realm"), xml)
		}
		return
	}
	if strings.Contains(path, "/nodes/") {
		kind := strings.Split(strings.SplitN(path, "/nodes/", 2)[1], "/")[0]
		if e.Status != http.StatusNotFound && !strings.Contains(e.Query, "_queryFilter") { // teaches the type
			r.seed(nodes+kind+"/teacher", m{"_type": m{"_id": kind, "name": typeName(body, kind)}})
		}
	}
	if strings.Contains(path, "/realm-config/services/") && e.Status < 300 {
		service := strings.Join(strings.Split(path, "/")[:10], "/")
		r.seed(service, m{"_type": m{"name": typeName(body, "")}})
		if service == path && e.Status == 201 {
			r.unseed(path)
		}
	}
	switch {
	case e.Status == http.StatusOK && e.Method == "POST" && strings.Contains(e.Query, "nextdescendents"):
		r.seedAll(path, e.filter(), body)
	case e.Status == http.StatusOK && strings.Contains(e.Query, "_query"),
		e.Status == http.StatusOK && (path == "/environment/variables" || path == "/environment/secrets"):
		r.seedAll(path, e.filter(), body)
	case e.Status == http.StatusOK && (e.Method == "GET" || e.Method == "PUT" || e.Method == "DELETE" || e.Method == "PATCH"),
		e.Status == http.StatusOK && strings.Contains(e.Query, "setDescription"):
		if e.Method == "PUT" && strings.HasPrefix(path, "/environment/secrets/") {
			return // a secret's PUT only creates
		}
		if list, isList := e.ResponseBody.([]any); isList && strings.HasPrefix(path, "/environment/") {
			if strings.HasSuffix(path, "/versions") {
				r.seed(parentOf(path), m{"versions": list})
			}
			for _, v := range list {
				if o, isMap := v.(map[string]any); isMap && o["id"] != nil {
					r.seed(path+"/"+o["id"].(string), o)
				}
			}
			return
		}
		if body == nil {
			body = m{}
		}
		if e.Method == "PUT" && e.request() != nil && strings.HasPrefix(path, "/am/") {
			body = e.request() // what the answer has besides must come from the simulator
		}
		if strings.HasPrefix(path, "/openidm/schema/") || strings.Contains(path, "/versions/") {
			break
		}
		r.seed(strings.TrimSuffix(path, "/versions"), body)
	case e.Status == http.StatusBadRequest && strings.HasPrefix(path, "/environment/certificates/"):
		r.seed(path, m{"active": true})
	case e.Status == http.StatusConflict, e.Status == http.StatusBadRequest && strings.HasPrefix(path, "/environment/secrets"):
		r.prepareConflict(e, path)
	case e.Status == http.StatusInternalServerError && strings.Contains(path, "SocialIdentity"):
		set := maps.Clone(e.request())
		set["redirectAfterFormPostURI"] = "https://was.example"
		r.seed(path, set)
	case e.Status == http.StatusBadRequest && strings.HasSuffix(path, "/saml2/hosted"):
		other := maps.Clone(e.request())
		other["entityId"] = "another"
		r.seed(path+"/YW5vdGhlcg", other)
	case e.Status == http.StatusBadRequest && strings.Contains(path, "/node-type/"):
		r.seed(path, m{"displayName": "d"})
		kind := "designer-" + strings.TrimSuffix(path[strings.LastIndex(path, "/")+1:], "-1")
		r.seed(trees+"user", tree("n", m{"n": kind}))
	}
	if raw, isText := e.request()["standardMetadata"].(string); isText && e.Status == http.StatusInternalServerError {
		xml, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(raw, "="))
		found := regexp.MustCompile(`entityID="([^"]+)"`).FindSubmatch(xml)
		if err == nil && found != nil {
			r.seed(path+"/"+rawURL64(string(found[1])), m{"entityId": string(found[1])})
		}
	}
	if strings.Contains(e.Query, "_action=journeys") {
		r.prepareUse(path, body)
	}
	if object, isSchema := strings.CutPrefix(path, "/openidm/schema/managed/"); isSchema {
		r.seed("/openidm/config/managed", m{"objects": []any{m{"name": object, "schema": body}}})
	}
	r.prepareVersions(e, path, body)
	r.prepareSystem(e, path)
	if (strings.HasSuffix(path, "/state") && body["editable"] == true || strings.HasSuffix(path, "/session/apply")) && e.Status == http.StatusOK {
		r.do("PUT", "/environment/direct-configuration/session/init", nil)
	}
	if body["restartStatus"] == "restarting" && e.Method == http.MethodGet {
		r.do("POST", "/environment/startup?_action=restart", nil)
	}
	if details, isMap := body["detail"].(map[string]any); isMap && details["failedPolicyRequirements"] != nil {
		kind := strings.Split(path, "/")[3]
		r.seed(path, m{})
		r.seed("/openidm/config/managed", m{"objects": []any{m{"name": kind, "schema": m{"properties": m{"aiagentprivileges": m{"type": "array"},
			"aiagentprivilege": m{"type": "array"}}}}}})
	}
	if object, field, is := strings.Cut(strings.TrimPrefix(path, "/openidm/managed/"), "/"); is && strings.HasPrefix(path, "/openidm/managed/") {
		if id, name, isRelation := strings.Cut(field, "/"); isRelation {
			list, _ := body["result"].([]any)
			r.seed("/openidm/managed/"+object+"/"+id, m{name: list})
		}
	}
	r.prepareReferences(e, path)
}

// prepareSystem seeds connectors and their servers out of what was said of them.
func (r *replayer) prepareSystem(e exchange, path string) {
	if !strings.HasPrefix(path, "/openidm/system") || e.Status != http.StatusOK || !strings.Contains(e.Query, "_action=test") {
		return
	}
	all, isList := e.ResponseBody.([]any)
	if !isList {
		all = []any{e.ResponseBody}
	}
	for _, v := range all {
		o := v.(map[string]any)
		name, isText := o["name"].(string)
		if !isText {
			continue
		}
		types := m{}
		known, _ := o["objectTypes"].([]any)
		for _, kind := range known {
			if kind != "__ALL__" {
				types[kind.(string)] = m{}
			}
		}
		ref, _ := o["connectorRef"].(map[string]any)
		ref = maps.Clone(ref)
		if ref == nil {
			ref = m{}
		}
		r.seed("/openidm/config/provisioner.openicf/"+name, m{"enabled": o["enabled"], "connectorRef": ref, "objectTypes": types, "displayName": o["displayName"]})
	}
	servers := m{}
	list, _ := e.response()["openicf"].([]any)
	for _, v := range list {
		o := v.(map[string]any)
		member := o["type"].(string) + "s"
		servers[member] = append(asList(servers[member]), m{"name": o["name"]})
	}
	r.seed("/openidm/config/provisioner.openicf.connectorinfoprovider", servers)
}

func asList(v any) []any { l, _ := v.([]any); return l }

// prepareVersions seeds a secret with the versions that an answer speaks of.
func (r *replayer) prepareVersions(e exchange, path string, body m) {
	secret, version, is := strings.Cut(path, "/versions")
	version = strings.Trim(version, "/")
	if !is || !strings.HasPrefix(path, "/environment/secrets/") {
		return
	}
	latest := m{"version": "99", "status": "ENABLED"}
	switch {
	case strings.Contains(e.Query, "_action=create") && e.Status == http.StatusOK:
		if number, isText := body["version"].(string); isText {
			// Values are redacted alike, so that every one is the latest's again.
			r.seed(secret, m{"activeVersion": number, "loaded": body["loaded"], "loadedVersion": map[bool]any{true: number, false: ""}[body["loaded"] == true],
				"versions": []any{m{"version": number, "status": "ENABLED", "valueBase64": e.request()["valueBase64"]}}})
		}
	case version != "" && e.Status == http.StatusOK && e.Method == http.MethodGet:
		r.seed(secret, m{"activeVersion": version, "versions": []any{body}, "loaded": body["loaded"], "loadedVersion": map[bool]any{true: version, false: ""}[body["loaded"] == true]})
	case version != "" && e.Status == http.StatusOK:
		r.seed(secret, m{"loaded": false, "loadedVersion": "", "versions": []any{latest, m{"version": version, "status": "ENABLED"}}})
	case e.Status == http.StatusBadRequest, e.Status == http.StatusInternalServerError:
		r.seed(secret, m{"versions": []any{m{"version": version, "status": "ENABLED"}}})
	}
}

// prepareUse seeds journeys that hold a custom node, out of the recorded answer.
func (r *replayer) prepareUse(path string, used m) {
	kind := "designer-" + strings.TrimSuffix(path[strings.LastIndex(path, "/")+1:], "-1")
	for realm, v := range used {
		for journey, ids := range v.(map[string]any) {
			held := m{}
			for _, id := range ids.([]any) {
				held[id.(string)] = kind
			}
			at := strings.Replace(trees, "/realms/alpha/", "/realms"+realm+"/", 1)
			r.seed(at+journey, tree("n", held))
		}
	}
}

func typeName(o m, fallback string) string {
	if k, isMap := o["_type"].(map[string]any); isMap {
		return k["name"].(string)
	}
	return fallback
}

func (r *replayer) unseed(path string) {
	if err := r.tenant.Edit(path, func(json.RawMessage) (json.RawMessage, error) { return nil, nil }); err != nil {
		r.t.Fatal(err)
	}
}

// seedAll seeds the members of a recorded list.
func (r *replayer) seedAll(path, filter string, body m) {
	list, _ := body["result"].([]any)
	for _, v := range list {
		o, isMap := v.(map[string]any)
		if !isMap {
			continue
		}
		o = maps.Clone(o)
		id, _ := o["_id"].(string)
		for _, member := range []string{"uuid", "name"} {
			if s, isText := o[member].(string); isText && id == "" {
				id = s
			}
		}
		kind, _ := o["_type"].(map[string]any)
		name, _ := kind["_id"].(string)
		version, _ := kind["version"].(string)
		at := path + "/" + id
		switch {
		case name == "scripts":
			at = strings.Replace(path, "/realm-config/services", "/scripts", 1) + "/" + id
		case strings.HasSuffix(path, "/authenticationtrees/nodes"):
			if version == "" {
				version = "1.0"
			}
			at = path + "/" + name + "/" + version + "/" + id
		case strings.HasSuffix(path, "/agents"), strings.HasSuffix(path, "/agents/groups"):
			at = path + "/" + name + "/" + id
		case strings.HasSuffix(path, "/saml2"):
			at = path + "/" + o["location"].(string) + "/" + id
			if query := regexp.MustCompile(`entityId eq '([^']*)'`).FindStringSubmatch(filter); query != nil {
				o["entityId"] = query[1]
			}
			roles, _ := o["roles"].([]any) // _fields=location leaves them out
			for _, role := range roles {
				o[role.(string)] = m{}
			}
		case strings.Contains(path, "/services/") && !strings.Contains(path, "contexts"):
			at = path + "/" + name + "/" + id
		case strings.HasSuffix(path, "/libraries"):
			at = strings.Replace(path, "/libraries", "/scripts", 1) + "/" + id
			source := ""
			exports, _ := o["exports"].([]any)
			for _, v := range exports {
				x := v.(map[string]any)
				if x["type"] == "String" {
					source += fmt.Sprintf("exports.%s = \"text\";\n", x["id"])
					continue
				}
				arity, _ := x["arity"].(float64)
				source += fmt.Sprintf("exports.%s = function (%s) {};\n", x["id"], strings.TrimSuffix(strings.Repeat("a,", int(arity)), ","))
			}
			o = m{"_id": id, "name": o["name"], "context": "LIBRARY", "script": b64(source)}
		}
		r.seed(at, o)
	}
}

func (r *replayer) prepareConflict(e exchange, path string) {
	q := e.request()
	switch {
	case strings.Contains(path, "/scripts/"):
		r.seed(parentOf(path)+"/other", q)
	case strings.HasSuffix(path, "/node-type"):
		r.seed(path+"/"+q["serviceName"].(string)+"-1", q)
	case e.Method == "PUT":
		r.seed(path, q)
	default:
		id, _ := q["_id"].(string)
		for _, member := range []string{"uuid", "name"} {
			if s, isText := q[member].(string); isText && id == "" {
				id = s
			}
		}
		r.seed(path+"/"+id, q)
	}
}

// prepareReferences seeds what a written body points at.
func (r *replayer) prepareReferences(e exchange, path string) {
	q := e.request()
	if q == nil || e.Status > 299 {
		return
	}
	realm := strings.Join(strings.Split(path, "/")[:min(7, strings.Count(path, "/")+1)], "/")
	for _, member := range []string{"script", "transform"} {
		if id, isText := q[member].(string); isText && strings.Contains(path, "/realm-config/") && id != "" {
			r.seed(realm+"/scripts/"+id, m{"name": "s"})
		}
	}
	held, _ := q["nodes"].(map[string]any)
	for id, v := range held {
		n := v.(map[string]any)
		version, _ := n["version"].(string)
		if version == "" {
			version = "1.0"
		}
		r.seed(nodesOf(realm)+n["nodeType"].(string)+"/"+version+"/"+id, m{})
	}
	providers, _ := q["trustedProviders"].([]any)
	for _, p := range providers {
		entity := strings.TrimSuffix(p.(string), "|saml2")
		r.seed(realm+"/realm-config/saml2/remote/"+rawURL64(entity), m{"entityId": entity})
	}
	if kind, isText := q["transportType"].(string); isText {
		r.seed(path+"/smtpTransports/"+kind, m{})
	}
}

func nodesOf(realm string) string {
	return realm + "/realm-config/authentication/authenticationtrees/nodes/"
}
