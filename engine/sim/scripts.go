package sim

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
)

func isScript(path string) bool {
	_, rest := splitRealm(path)
	return strings.HasPrefix(rest, "scripts/")
}

func scriptFamily() family {
	return family{
		upsert: true, noRev: true, check: checkScript, prepare: prepareScript,
		missing: func(_, id, realm string) string {
			return "Script with UUID " + id + " could not be found in realm " + realm
		},
		deleted: func(_ *Tenant, _ string, o object) any { return object{"_id": o["_id"]} },
	}
}

func checkScript(t *Tenant, w *change) *reply {
	name := str(w.body["name"])
	if name == "" {
		return refusal(http.StatusBadRequest, "Script name must be specified")
	}
	if _, err := base64.StdEncoding.DecodeString(str(w.body["script"])); err != nil {
		return refusal(http.StatusBadRequest, "Script is not valid base64")
	}
	for _, p := range t.store.in(parent(w.path)) {
		if o, _ := t.store.get(p); p != w.path && str(o["name"]) == name {
			return refusal(http.StatusConflict, "Script with name "+name+" already exist in realm "+w.realm)
		}
	}
	return nil
}

// prepareScript sets what the server owns, whatever the body says about it.
func prepareScript(t *Tenant, w *change) object {
	o := without(w.body, "exports")
	if d, sent := o["description"]; sent && d == nil {
		o["description"] = "null" // the text, as recorded
	}
	for name, v := range (object{"default": false, "language": "JAVASCRIPT",
		"context": "AUTHENTICATION_TREE_DECISION_NODE", "evaluatorVersion": "1.0", "description": ""}) {
		if _, sent := o[name]; !sent {
			o[name] = v
		}
	}
	if !t.atLeast(7, 5) {
		delete(o, "evaluatorVersion") // it came with the next-generation scripts
	}
	o["default"] = false
	who, when := t.author(), number(t.now().UnixMilli())
	o["createdBy"], o["creationDate"] = who, when
	if w.old != nil && w.old["createdBy"] != nil {
		o["createdBy"], o["creationDate"] = w.old["createdBy"], w.old["creationDate"]
	}
	o["lastModifiedBy"], o["lastModifiedDate"] = who, when
	return o
}

// author is how AM names who wrote something.
func (t *Tenant) author() string { return "id=" + t.group.account.id + ",ou=user,ou=am-config" }

// serveScripts is the scripts collection: a _rev stands in the 201 and nowhere else.
func (t *Tenant) serveScripts(r *request, target amTarget) *reply {
	a := t.serveFamily(r, target, scriptFamily(), 1)
	if o := obj(a.body); r.method == http.MethodPut && a.status < 300 && str(o["description"]) == "null" {
		if body, err := decodeObject(r.body); err == nil && body["description"] == nil {
			a.body = with(o, "description", nil) // only the next read shows the text
		}
	}
	if a.status == http.StatusCreated {
		o := obj(a.body)
		a.body = with(o, "_rev", revision(o))
		return tagged(a)
	}
	if r.method == http.MethodGet && a.status == http.StatusNotFound {
		return notFound()
	}
	return a
}

// libraries lists the scripts of context LIBRARY with what they export.
func (t *Tenant) libraries(r *request, target amTarget) *reply {
	if r.method != http.MethodGet || len(target.rest) != 1 {
		return notAllowed(r)
	}
	keep, a := filtered(r, false)
	if a != nil {
		return a
	}
	var result []any
	for _, p := range t.store.in(realmRoot(target.realm) + "/scripts") {
		o, _ := t.store.get(p)
		if str(o["context"]) != "LIBRARY" || !keep(o) {
			continue
		}
		source, _ := base64.StdEncoding.DecodeString(str(o["script"]))
		exports := exported(string(source))
		result = append(result, object{"_id": o["_id"], "name": o["name"], "exports": exports})
	}
	return ok(envelope(result, "NONE", -1, 0))
}

// exported lists what a library exports, with the number of its parameters where the
// source shows them.
func exported(source string) []any {
	l := []any{}
	for _, m := range regexp.MustCompile(`(?m)^\s*exports\.(\w+)\s*=\s*(?:function\s*\w*\s*\(([^)]*)\)|(\w+)|(["'\x60]))?`).FindAllStringSubmatch(source, -1) {
		if m[4] != "" {
			l = append(l, object{"id": m[1], "type": "String"})
			continue
		}
		parameters := m[2]
		if m[3] != "" {
			if f := regexp.MustCompile(`function\s+` + m[3] + `\s*\(([^)]*)\)`).FindStringSubmatch(source); f != nil {
				parameters = f[1]
			}
		}
		arity := 0
		if strings.TrimSpace(parameters) != "" {
			arity = strings.Count(parameters, ",") + 1
		}
		l = append(l, object{"id": m[1], "type": "Function", "arity": arity})
	}
	return l
}
