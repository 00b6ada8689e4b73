package sim

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// topFamilies are the collections right below a realm. Product data (types of
// conditions and the like) is there as seeds brought it, to be read only.
func (t *Tenant) topFamilies() map[string]family {
	return map[string]family{
		"policies": {upsert: true, missing: func(_, id, _ string) string { return "Policy " + id + " does not exist." },
			prepare: func(t *Tenant, w *change) object {
				o := t.stamped(w, false)
				o["name"] = w.id
				o["_rev"] = strconv.FormatInt(t.now().UnixMilli(), 10)
				return o
			},
			deleted: func(_ *Tenant, _ string, o object) any { return object{"_id": o["_id"], "_rev": "0"} }},
		"applications": {member: "name", create: true, noRev: true, tag: "lastModifiedDate", patterns: true,
			exists: func(string) string { return "Application already exists" },
			missing: func(method, id, realm string) string {
				switch method {
				case http.MethodGet:
					return "Unable to retrieve application under realm " + realm + "."
				case http.MethodDelete:
					return id + " application not found in realm."
				}
				return id + " not found."
			},
			prepare: func(t *Tenant, w *change) object {
				o := t.stamped(w, true)
				for name, v := range (object{"saveIndex": nil, "searchIndex": nil, "resourceComparator": nil, "editable": true}) {
					if _, sent := o[name]; !sent {
						o[name] = v
					}
				}
				return o
			},
			deleted: func(*Tenant, string, object) any { return object{} }},
		"resourcetypes": {member: "uuid", create: true, noRev: true, tag: "lastModifiedDate", patterns: true,
			exists: func(id string) string { return "Resource Type " + id + " already exists" },
			missing: func(_, id, realm string) string {
				return "Resource Type " + id + " does not exist in realm " + realm
			},
			prepare: func(t *Tenant, w *change) object { return t.stamped(w, true) },
			deleted: func(*Tenant, string, object) any { return object{} }},
		"applicationtypes":  {noRev: true},
		"conditiontypes":    {noRev: true},
		"decisioncombiners": {noRev: true},
		"subjecttypes":      {noRev: true},
		"subjectattributes": {policy: "EXACT", remaining: -1, noRev: true},
	}
}

// stamped is the body with the four members the server owns: times are numbers for
// policy sets and resource types, and text for policies.
func (t *Tenant) stamped(w *change, millis bool) object {
	o := maps.Clone(w.body)
	var when any = stamp(t.now())
	if millis {
		when = number(t.now().UnixMilli())
	}
	o["createdBy"], o["creationDate"] = t.author(), when
	if w.old != nil && w.old["createdBy"] != nil {
		o["createdBy"], o["creationDate"] = w.old["createdBy"], w.old["creationDate"]
	}
	o["lastModifiedBy"], o["lastModifiedDate"] = t.author(), when
	return o
}

// agentTypes are the types AIC has; others answer 404.
func agentTypes() map[string]string {
	return map[string]string{
		"WebAgent": "Web Agents", "J2EEAgent": "J2EE Agents", "2.2_Agent": "Policy Agents",
		"OAuth2Client": "OAuth2 Clients", "SharedAgent": "Shared Agents",
		"RemoteConsentAgent": "OAuth2 Remote Consent Service", "SoftwarePublisher": "OAuth2 Software Publisher",
		"IdentityGatewayAgent": "Identity Gateway Agents", "TrustedJwtIssuer": "OAuth2 Trusted JWT Issuer",
		"AIAgent": "AI Agents",
	}
}

// listedAgentTypes are the types in the order and by the names of getAllTypes, which are other ones than _type says:
// as recorded in 2023 and 2026.
func (t *Tenant) listedAgentTypes() [][2]string {
	l := [][2]string{{"WebAgent", "Web Agents"}, {"J2EEAgent", "J2EE Agents"}, {"2.2_Agent", "2.2 Agents"}, {"OAuth2Client", "OAuth2 Client Agents"},
		{"SharedAgent", "Shared Agents"}, {"SoapSTSAgent", "Soap STS Agents"}, {"RemoteConsentAgent", "OAuth2 Remote Consent Agents"},
		{"SoftwarePublisher", "OAuth2 Software Publisher Agents"}, {"IdentityGatewayAgent", "Identity Gateway Agents"},
		{"TrustedJwtIssuer", "OAuth2 Trusted JWT Issuer Agents"}, {"AIAgent", "AI Agents"}}
	newer := t.atLeast(9, 0)
	return slices.DeleteFunc(l, func(kind [2]string) bool { return kind[0] == "SoapSTSAgent" && newer || kind[0] == "AIAgent" && !newer })
}

// routeAgents serves agents, OAuth2 clients among them: rest is type, id, or
// groups, type, id.
func (t *Tenant) routeAgents(r *request, target amTarget, rest []string) *reply {
	depth, wrap := 3, wrapInherited
	if len(rest) > 0 && rest[0] == "groups" {
		rest, depth, wrap = rest[1:], 4, nil // a group inherits from nobody
	}
	if len(rest) == 0 {
		return t.allAgents(r, target)
	}
	title, known := agentTypes()[rest[0]]
	if rest[0] == "OAuth2Thing" && !t.atLeast(8, 1) {
		title, known = "OAuth2 Things", true // 404 since 2025-09; the clients of before ask every tenant for it
	}
	if !known {
		return refusal(http.StatusNotFound, "Resource '"+rest[0]+"' not found")
	}
	if len(rest) > 2 {
		return unknown(r)
	}
	return t.serveFamily(r, target, family{policy: "EXACT", remaining: -1, upsert: true, wrap: wrap,
		prepare: func(t *Tenant, w *change) object {
			return with(t.withIdentity(t.withoutNulls(unwrapInherited(w.body))), "_id", w.id, "_type", object{"_id": rest[0], "name": title, "collection": true})
		}}, depth)
}

func (t *Tenant) allAgents(r *request, target amTarget) *reply {
	switch {
	case r.isAction("getAllTypes"):
		result := []any{}
		for _, kind := range t.listedAgentTypes() {
			result = append(result, object{"_id": kind[0], "name": kind[1], "collection": true})
		}
		return ok(object{"result": result})
	case r.isAction("nextdescendents"), r.method == http.MethodGet:
		keep, a := filtered(r, false)
		if a != nil {
			return a
		}
		var result []any
		for _, p := range t.store.under(target.key) {
			if strings.HasPrefix(p, target.key+"/groups/") {
				continue
			}
			stored, _ := t.store.get(p)
			o := withSecretNames(stored, t.present(p, stored))
			if r.method == http.MethodGet {
				o = with(o, "_rev", revision(o))
			}
			if keep(o) {
				result = append(result, o)
			}
		}
		if r.method == http.MethodGet {
			return ok(envelope(result, "NONE", -1, -1))
		}
		if result == nil {
			result = []any{}
		}
		return ok(object{"result": result})
	}
	return notAllowed(r)
}

// withIdentity gives the identity of an AI agent a new revision, as IDM does that keeps it.
func (t *Tenant) withIdentity(o object) object {
	identity := obj(o["aiAgentIdentityAttributes"])
	if identity == nil {
		return o
	}
	identity = with(identity, "_rev", t.nextRev())
	if _, sent := identity["customAttributes"]; !sent {
		identity["customAttributes"] = nil
	}
	return with(o, "aiAgentIdentityAttributes", identity)
}

// withoutNulls is a client without the attributes that AM takes for not sent when they are null: some of its
// override (recordings since 2025-09; remoteConsentServiceId stays), and before 8.0 its password (2023-09).
func (t *Tenant) withoutNulls(o object) object {
	groups := map[string][]string{"overrideOAuth2ClientConfig": {"accessTokenModifierClass", "customLoginUrlTemplate", "oidcClaimsClass"}}
	if !t.atLeast(8, 0) {
		groups["coreOAuth2ClientConfig"] = []string{"userpassword"}
	}
	for group, names := range groups {
		for _, name := range names {
			if v, sent := obj(o[group])[name]; sent && v == nil {
				o = with(o, group, without(obj(o[group]), name))
			}
		}
	}
	return o
}

// isGroup tells the members of an agent that hold attributes: they are wrapped one
// level deeper.
func isGroup(name string, v any) bool {
	_, isMap := v.(object)
	return isMap && (strings.HasSuffix(name, "Config") || strings.HasPrefix(name, "amServices"))
}

// wrapInherited is the shape in which a single agent is answered: every value says
// whether it comes from the agent's group. Lists are not wrapped, and neither is a
// client's override of the provider.
func wrapInherited(o object) object {
	wrapped := object{}
	for name, v := range o {
		switch {
		case name == "agentgroup" && v == nil:
		case strings.HasPrefix(name, "_") || name == "overrideOAuth2ClientConfig" || isPlain(name, v):
			wrapped[name] = v
		case isGroup(name, v):
			g := object{}
			for k, e := range obj(v) {
				switch {
				case e == nil && (k == "agentgroup" || k == "userpassword" && name != "coreOAuth2ClientConfig"):
				case isPlain(k, e):
					g[k] = e
				default:
					g[k] = inherited(e)
				}
			}
			wrapped[name] = g
		default:
			wrapped[name] = inherited(v)
		}
	}
	return wrapped
}

// isPlain names the values that no group can give.
func isPlain(name string, v any) bool {
	_, isText := v.(string)
	return name == "userpassword" || name == "repositoryLocation" || name == "agentgroup" && isText
}

func inherited(v any) any {
	if m, isMap := v.(object); isMap {
		if _, is := m["inherited"]; is {
			return m
		}
	}
	if v == nil {
		return object{"inherited": false}
	}
	return object{"inherited": false, "value": v}
}

func unwrapInherited(o object) object {
	plain := object{}
	for name, v := range o {
		if isGroup(name, v) {
			v = unwrapInherited(obj(v))
		} else if m, isMap := v.(object); isMap {
			if from, is := m["inherited"]; is && !boolean(from) {
				v = m["value"]
			}
		}
		plain[name] = v
	}
	return plain
}
