package sim

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// workflowRoot is where workflows stand in the store: id, then draft or published.
// The two APIs that serve them, /auto/orchestration/definition and
// /iga/governance/workflow, show the same ones.
const workflowRoot = "/auto/orchestration/definition"

// igaCollections are the other collections of /iga, as objects by id.
func igaCollections() []string {
	return []string{"/iga/governance/requestForms", "/iga/governance/requestTypes", "/iga/governance/event",
		"/iga/governance/certification/template", "/iga/governance/requestFormAssignments", "/iga/commons/glossary/schema"}
}

// governanceKey is the store's path of a governance document, "" for none. A
// workflow without its status is the published one, or what its body says.
func governanceKey(segs []string, body object) string {
	path := join(segs...)
	for _, c := range igaCollections() {
		if rest, below := strings.CutPrefix(path, c+"/"); below && rest != "" && !strings.Contains(rest, "/") {
			return path
		}
	}
	id, below := strings.CutPrefix(path, workflowRoot+"/")
	if !below {
		id, below = strings.CutPrefix(path, "/iga/governance/workflow/")
	}
	if !below || id == "" {
		return ""
	}
	if parts := strings.Split(id, "/"); len(parts) == 2 && (parts[1] == "draft" || parts[1] == "published") {
		return workflowRoot + "/" + id
	}
	if strings.Contains(id, "/") {
		return ""
	}
	return workflowRoot + "/" + id + "/" + orDefault(str(body["status"]), "published")
}

// serveGovernance answers /iga and /auto. A tenant without governance has neither.
func (t *Tenant) serveGovernance(r *request) *reply {
	if a := t.authorize(r, "fr:iga:*"); a != nil {
		return a
	}
	if !t.group.o.Governance {
		return igaRefusal(http.StatusNotFound, "Not Found")
	}
	path := join(r.segs...)
	switch {
	case path == workflowRoot || strings.HasPrefix(path, workflowRoot+"/"):
		return t.serveWorkflows(r, r.segs[3:], http.StatusInternalServerError)
	case path == "/iga/governance/workflow" || strings.HasPrefix(path, "/iga/governance/workflow/"):
		return t.serveWorkflows(r, r.segs[3:], http.StatusNotFound)
	}
	for _, c := range igaCollections() {
		if path == c || path == c+"/search" {
			return t.serveIGA(r, c, "")
		}
		if id, below := strings.CutPrefix(path, c+"/"); below && !strings.Contains(id, "/") {
			return t.serveIGA(r, c, unescape(id))
		}
	}
	return unknown(r)
}

// igaRefusal is governance's error body: a message and nothing else.
func igaRefusal(status int, message string) *reply {
	return &reply{status: status, kind: amType, body: object{"message": message}}
}

// serveWorkflows serves workflows: rest is id, status. gone is the status of the
// DELETE of a workflow that is not there, in which the two APIs differ.
func (t *Tenant) serveWorkflows(r *request, rest []string, gone int) *reply {
	if len(rest) == 0 {
		switch {
		case r.method == http.MethodGet:
			return t.listWorkflows(r)
		case r.isAction("publish"):
			return t.putWorkflow(r, "", "published")
		}
		return notAllowed(r)
	}
	id := rest[0]
	missing := "Workflow with id: " + id + " was not found"
	if len(rest) == 1 {
		switch r.method {
		case http.MethodPut:
			return t.putWorkflow(r, id, "draft")
		case http.MethodGet:
			for _, status := range []string{"published", "draft"} {
				if o, found := t.store.get(workflowRoot + "/" + escape(id) + "/" + status); found {
					return ok(o)
				}
			}
			return igaRefusal(http.StatusNotFound, missing)
		}
		return notAllowed(r)
	}
	if len(rest) > 2 || rest[1] != "draft" && rest[1] != "published" {
		return unknown(r)
	}
	key := workflowRoot + "/" + escape(id) + "/" + rest[1]
	o, found := t.store.get(key)
	switch r.method {
	case http.MethodGet:
		if !found {
			return igaRefusal(http.StatusNotFound, missing)
		}
		return ok(o)
	case http.MethodDelete:
		if !found {
			return igaRefusal(gone, missing)
		}
		t.store.remove(key)
		return ok(o)
	}
	return notAllowed(r)
}

// listWorkflows pages through all of them: published and drafts side by side. The
// pages of workflows are counted from 1.
func (t *Tenant) listWorkflows(r *request) *reply {
	var all []any
	want := strings.ToLower(r.query.Get("_queryString"))
	for _, p := range t.store.under(workflowRoot) {
		o, _ := t.store.get(p)
		text := strings.ToLower(str(o["name"]) + "\n" + str(o["displayName"]) + "\n" + str(o["description"]))
		if strings.Contains(text, want) {
			all = append(all, o)
		}
	}
	number, err := strconv.Atoi(r.query.Get("_pagedResultsOffset"))
	if err != nil || number < 1 {
		number = 1
	}
	return igaPage(r, all, number-1)
}

// igaPage is governance's own envelope.
func igaPage(r *request, all []any, number int) *reply {
	size, err := strconv.Atoi(r.query.Get("_pageSize"))
	if err != nil || size < 1 {
		size = 10
	}
	from := min(number*size, len(all))
	part := all[from:min(from+size, len(all))]
	if part == nil {
		part = []any{}
	}
	return ok(object{"result": part, "resultCount": len(part), "totalCount": len(all),
		"totalHits": len(all), "searchAfterId": nil})
}

func (t *Tenant) putWorkflow(r *request, id, status string) *reply {
	body, err := decodeObject(r.body)
	if err != nil {
		return igaRefusal(http.StatusBadRequest, "The request body is not valid JSON")
	}
	if id == "" {
		id = str(body["id"])
	}
	if id == "" {
		return igaRefusal(http.StatusBadRequest, "Workflow id is required")
	}
	o := with(body, "id", id, "status", status)
	for name, v := range (object{"mutable": true, "childType": false, "steps": []any{}}) {
		if _, sent := o[name]; !sent {
			o[name] = v
		}
	}
	o["_rev"] = number(t.now().Unix())
	t.store.put(workflowRoot+"/"+escape(id)+"/"+status, o)
	if status == "published" {
		t.store.remove(workflowRoot + "/" + escape(id) + "/draft")
	}
	return ok(o)
}

// serveIGA serves one of the other collections.
func (t *Tenant) serveIGA(r *request, collection, id string) *reply {
	if id == "" {
		switch {
		case r.method == http.MethodGet || r.method == http.MethodPost && r.segs[len(r.segs)-1] == "search":
			keep, a := filtered(r, false)
			if a != nil {
				return a
			}
			var all []any
			for _, p := range t.store.in(collection) {
				if o, _ := t.store.get(p); keep(o) {
					all = append(all, fields(r, o))
				}
			}
			number, err := strconv.Atoi(r.query.Get("_pagedResultsOffset"))
			if err != nil || number < 0 {
				number = 0
			}
			return igaPage(r, all, number)
		case r.method == http.MethodPost:
			return t.postIGA(r, collection)
		}
		return notAllowed(r)
	}
	key := collection + "/" + escape(id)
	old, found := t.store.get(key)
	missing := igaRefusal(http.StatusNotFound, "Object with id: "+id+" was not found")
	switch r.method {
	case http.MethodGet, http.MethodDelete:
		if !found {
			return missing
		}
		if r.method == http.MethodDelete {
			t.store.remove(key)
		}
		return ok(old)
	case http.MethodPut:
		body, err := decodeObject(r.body)
		if err != nil {
			return igaRefusal(http.StatusBadRequest, "The request body is not valid JSON")
		}
		if !found && strings.HasSuffix(collection, "/certification/template") {
			return missing // templates and events are made by POST only (recorded)
		}
		o := with(body, "id", id)
		t.store.put(key, o)
		return ok(o)
	case http.MethodPatch:
		if !found {
			return missing
		}
		changed, a := patched(r, old)
		if a != nil {
			return igaRefusal(a.status, str(obj(a.body)["message"]))
		}
		t.store.put(key, changed)
		return ok(changed)
	}
	return notAllowed(r)
}

func (t *Tenant) postIGA(r *request, collection string) *reply {
	body, err := decodeObject(r.body)
	if err != nil {
		return igaRefusal(http.StatusBadRequest, "The request body is not valid JSON")
	}
	if strings.HasSuffix(collection, "/requestFormAssignments") {
		// An assignment is known by what it joins: a form, and an object.
		key := collection + "/" + escape(str(body["formId"])+" "+str(body["objectId"]))
		if r.action == "unassign" {
			t.store.remove(key)
		} else {
			t.store.put(key, body)
		}
		return ok(body)
	}
	for _, p := range t.store.in(collection) {
		if o, _ := t.store.get(p); str(body["name"]) != "" && o["name"] == body["name"] {
			return igaRefusal(http.StatusBadRequest, "Template already exists with the same name.")
		}
	}
	o := maps.Clone(body)
	id := orDefault(str(o["id"]), newUUID())
	o["id"] = id
	t.store.put(collection+"/"+escape(id), o)
	a := ok(o)
	if collection == "/iga/commons/glossary/schema" { // the one collection whose POST is a 201 (recorded)
		a.status = http.StatusCreated
	}
	return a
}
