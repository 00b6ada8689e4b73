package sim

import (
	"encoding/base64"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// metadataRoot is where standard metadata stands in the store: realm, then entity.
const metadataRoot = "/am/saml2/metadata/"

// metadataPath reads the path a snapshot gives a SAML entity's metadata.
func metadataPath(path string) (string, bool) {
	query, is := strings.CutPrefix(path, "/am/saml2/jsp/exportmetadata.jsp?")
	if !is {
		return "", false
	}
	// The entity id stands in the query unescaped, so it is cut out by hand.
	query = strings.TrimPrefix(query, "entityid=")
	at := strings.LastIndex(query, "&realm=")
	if at < 0 {
		return "", false
	}
	return metadataKey(query[at+len("&realm="):], query[:at]), true
}

func metadataKey(realm, entity string) string {
	return metadataRoot + strings.Trim(realm, "/") + "/" + escape(entity)
}

// exportMetadata answers errors with 200 too, as text; so does the tenant.
func (t *Tenant) exportMetadata(r *request) *reply {
	entity := r.query.Get("entityid")
	text := "ERROR: No metadata for entity \"" + entity + "\" under realm \"" + r.query.Get("realm") + "\" found."
	if o, found := t.store.get(metadataKey(r.query.Get("realm"), entity)); found {
		text = str(o["xml"])
	}
	return &reply{status: http.StatusOK, raw: []byte(text), kind: "text/xml;charset=utf-8"}
}

// routeSAML serves entities: rest is hosted or remote, id.
func (t *Tenant) routeSAML(r *request, target amTarget, rest []string) *reply {
	if len(rest) == 0 {
		if r.method != http.MethodGet {
			return notAllowed(r)
		}
		return t.listEntities(r, target)
	}
	if len(rest) > 2 || rest[0] != "hosted" && rest[0] != "remote" {
		return unknown(r)
	}
	if len(rest) == 1 {
		switch {
		case rest[0] == "hosted" && r.isAction("create"):
			return t.createHosted(r, target)
		case rest[0] == "remote" && r.isAction("importEntity"):
			return t.importEntity(r, target)
		}
	}
	return t.serveFamily(r, target, family{policy: "EXACT", remaining: -1,
		remove: func(t *Tenant, w *change) *reply {
			t.store.remove(metadataKey(w.realm, str(w.old["entityId"])))
			return nil
		}}, 3)
}

func (t *Tenant) listEntities(r *request, target amTarget) *reply {
	keep, a := filtered(r, false)
	if a != nil {
		return a
	}
	var result []any
	for _, location := range []string{"hosted", "remote"} {
		for _, p := range t.store.in(target.key + "/" + location) {
			o, _ := t.store.get(p)
			roles := []any{}
			for _, name := range slices.Sorted(maps.Keys(o)) {
				if obj(o[name]) != nil && !strings.HasPrefix(name, "_") {
					roles = append(roles, name)
				}
			}
			stub := object{"_id": o["_id"], "_rev": revision(o), "entityId": o["entityId"], "location": location, "roles": roles}
			if keep(stub) {
				result = append(result, fields(r, stub))
			}
		}
	}
	return ok(envelope(result, "EXACT", len(result), -1))
}

// metaAliases finds every meta alias in an entity's roles.
func metaAliases(v any) []string {
	var l []string
	for name, e := range obj(v) {
		if name == "metaAlias" {
			l = append(l, str(e))
		} else {
			l = append(l, metaAliases(e)...)
		}
	}
	slices.Sort(l)
	return l
}

func (t *Tenant) createHosted(r *request, target amTarget) *reply {
	body, a := jsonBody(r)
	if a != nil {
		return a
	}
	entity := str(body["entityId"])
	if entity == "" {
		return refusal(http.StatusBadRequest, "Entity ID must be specified")
	}
	aliases := metaAliases(body)
	for _, p := range t.store.in(target.key) {
		o, _ := t.store.get(p)
		for _, taken := range metaAliases(o) {
			if slices.Contains(aliases, taken) {
				// the tab is in all 27 recordings
				return refusal(http.StatusBadRequest, "The Meta Alias \""+taken+"\t\" already exists under realm \""+target.realm+"\".")
			}
		}
	}
	id := base64.RawURLEncoding.EncodeToString([]byte(entity))
	path := target.key + "/" + id
	if _, found := t.store.get(path); found {
		return refusal(http.StatusBadRequest, "The entity \""+entity+"\" already exists under realm \""+target.realm+"\".")
	}
	return t.save(&change{r: r, realm: target.realm, path: path, id: id, body: body}, family{})
}

// importEntity reads the entity id out of the metadata; anything wrong with it is
// the same 500 as an entity that exists.
func (t *Tenant) importEntity(r *request, target amTarget) *reply {
	if a := t.refuseWrite(r, target.key+"/x"); a != nil {
		return a
	}
	body, a := jsonBody(r)
	if a != nil {
		return a
	}
	failed := refusal(http.StatusInternalServerError, "Unable to import SAML2 entity provider")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(str(body["standardMetadata"]), "="))
	if err != nil {
		return failed
	}
	var descriptor struct {
		EntityID string    `xml:"entityID,attr"`
		IDP      *struct{} `xml:"IDPSSODescriptor"`
		SP       *struct{} `xml:"SPSSODescriptor"`
	}
	if err := xml.Unmarshal(raw, &descriptor); err != nil || descriptor.EntityID == "" {
		return failed
	}
	id := base64.RawURLEncoding.EncodeToString([]byte(descriptor.EntityID))
	path := target.key + "/" + id
	if _, found := t.store.get(path); found {
		return failed
	}
	o := object{"_id": id, "entityId": descriptor.EntityID}
	if descriptor.IDP != nil {
		o["identityProvider"] = object{}
	}
	if descriptor.SP != nil {
		o["serviceProvider"] = object{}
	}
	t.store.put(path, o)
	t.store.put(metadataKey(target.realm, descriptor.EntityID), object{"xml": string(raw)})
	return ok(object{"importedEntities": []any{descriptor.EntityID}})
}

// routeFederation serves circles of trust, and the older lists of entities.
func (t *Tenant) routeFederation(r *request, target amTarget, rest []string) *reply {
	switch {
	case len(rest) > 0 && len(rest) < 3 && rest[0] == "circlesoftrust":
		return t.serveFamily(r, target, circleFamily(), 3)
	case len(rest) > 1 && len(rest) < 4 && rest[0] == "entityproviders":
		return t.serveFamily(r, target, family{remaining: -1, upsert: true}, 4)
	}
	return unknown(r)
}

func circleFamily() family {
	return family{remaining: -1, upsert: true, create: true,
		check: func(t *Tenant, w *change) *reply {
			for _, p := range list(w.body["trustedProviders"]) {
				entity, protocol, _ := strings.Cut(str(p), "|")
				if protocol != "saml2" || t.hasEntity(w.realm, entity) {
					continue
				}
				if w.r.method == http.MethodPost {
					return refusal(http.StatusInternalServerError, "Unable to update entity provider's circle of trust")
				}
				return refusal(http.StatusInternalServerError, "An error occurred while updating the COT memberships")
			}
			return nil
		},
		prepare: func(_ *Tenant, w *change) object {
			o := with(w.body, "_type", object{"_id": "circlesoftrust", "name": "Circle of Trust", "collection": true})
			if o["status"] == nil {
				o["status"] = "active"
			}
			if o["trustedProviders"] == nil {
				o["trustedProviders"] = []any{}
			}
			return o
		},
	}
}

func (t *Tenant) hasEntity(realm, entity string) bool {
	id := url.PathEscape(base64.RawURLEncoding.EncodeToString([]byte(entity)))
	for _, location := range []string{"hosted", "remote"} {
		if _, found := t.store.get(realmRoot(realm) + "/realm-config/saml2/" + location + "/" + id); found {
			return true
		}
	}
	return false
}
