package sim

import (
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxBody is far above any configuration object that was seen (a theme realm of
// 3 MB), and keeps a runaway client from filling the memory.
const maxBody = 16 << 20

// request is an HTTP request read to its end, so that it can be served under the
// group's lock.
type request struct {
	method  string
	path    string // as sent, still escaped
	segs    []string
	query   url.Values
	action  string
	header  http.Header
	body    []byte
	host    string
	account string // of the bearer token
}

// isAction tells POST ?_action=name.
func (r *request) isAction(name string) bool {
	return r.method == http.MethodPost && r.action == name
}

// writes tells the requests that ask for a change. POST is the doubtful case:
// these actions only read.
func (r *request) writes() bool {
	switch r.method {
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	case http.MethodPost:
		if strings.HasPrefix(r.path, "/am/oauth2/") || strings.HasSuffix(r.path, "/authenticate") {
			return false
		}
		reads := []string{"nextdescendents", "getAllTypes", "getCreatableTypes", "getType", "schema",
			"template", "journeys", "getSessionInfo", "validate", "verify", "test", "testConnectorServers"}
		return !slices.Contains(reads, r.action)
	}
	return false
}

// resourceVersion is what Accept-API-Version asks for, "" when it is not sent.
func (r *request) resourceVersion() string {
	for part := range versionParts(r.header.Get("Accept-API-Version")) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(part), "resource="); ok {
			return v
		}
	}
	return ""
}

// versionParts are those of an Accept-API-Version. A semicolon between them stands in the vendor's documents.
func versionParts(header string) iter.Seq[string] {
	return strings.FieldsFuncSeq(header, func(c rune) bool { return c == ',' || c == ';' })
}

// badVersion refuses an Accept-API-Version that can't be read, or that asks for a
// protocol no tenant speaks. Any resource version is served as the nearest one: none
// was ever seen to be refused, and clients differ widely in what they ask for.
func badVersion(r *request) *reply {
	header := r.header.Get("Accept-API-Version")
	if strings.TrimSpace(header) == "" {
		return nil
	}
	for part := range versionParts(header) {
		name, version, _ := strings.Cut(strings.TrimSpace(part), "=")
		major, err := strconv.ParseFloat(version, 64)
		if err != nil || name != "protocol" && name != "resource" {
			return refusal(http.StatusBadRequest, "Accept-API-Version: invalid value: "+header)
		}
		if name == "protocol" && (major < 1 || major >= 3) {
			return refusal(http.StatusBadRequest, "Accept-API-Version: unsupported protocol version: "+version)
		}
	}
	return nil
}

// reply is an answer before it is written.
type reply struct {
	status  int
	body    any    // JSON; nil is an empty body
	raw     []byte // instead of body
	kind    string // content type
	headers map[string]string
	unknown bool
}

func (r *reply) header(name, value string) *reply {
	if r.headers == nil {
		r.headers = map[string]string{}
	}
	r.headers[name] = value
	return r
}

const (
	amType  = "application/json;charset=UTF-8"
	idmType = "application/json;charset=utf-8"
	envType = "application/json; charset=utf-8"
)

// refusal is the error body AM and IDM share.
func refusal(status int, message string) *reply {
	return &reply{status: status, kind: amType,
		body: object{"code": status, "reason": http.StatusText(status), "message": message}}
}

// envRefusal is the environment API's, which has no reason.
func envRefusal(status int, message string) *reply {
	return &reply{status: status, kind: envType, body: object{"code": status, "message": message}}
}

func notFound() *reply { return refusal(http.StatusNotFound, "Not Found") }

// unknown is the answer to a request that the simulator does not know: no tenant
// says so, so that it can't be taken for one's answer. The log counts it.
func unknown(r *request) *reply {
	text := "The simulator does not know " + r.method + " " + r.path
	if r.action != "" {
		text += "?_action=" + r.action
	}
	a := refusal(http.StatusNotImplemented, text)
	if strings.HasPrefix(r.path, "/environment") {
		a = envRefusal(http.StatusNotImplemented, text)
	}
	a.unknown = true
	return a
}

// notAllowed is unknown for a path that is known, by another method or action.
func notAllowed(r *request) *reply { return unknown(r) }

// ServeHTTP answers one request.
func (t *Tenant) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r, problem := readRequest(hr)
	entry := t.begin(r)
	fault := t.inject(hr, r)
	if fault.cut {
		t.finishCut(entry)
		panic(http.ErrAbortHandler) // net/http closes the connection without an answer
	}
	a := fault.answer
	if a == nil {
		a = problem
	}
	if a == nil {
		a = t.serve(r)
	}
	if t.finish(entry, r, a, fault) {
		panic(http.ErrAbortHandler)
	}
	write(w, r, a, fault.half)
}

// finishCut counts a request that gets no answer.
func (t *Tenant) finishCut(entry *Request) {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	t.log.close(entry)
}

func readRequest(hr *http.Request) (*request, *reply) {
	path := hr.URL.EscapedPath()
	r := &request{
		method: hr.Method, path: path, segs: segments(path), query: hr.URL.Query(),
		header: hr.Header, host: hr.Host,
	}
	r.action = r.query.Get("_action")
	body, err := io.ReadAll(http.MaxBytesReader(nil, hr.Body, maxBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return r, refusal(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		}
		return r, refusal(http.StatusBadRequest, "The request body could not be read")
	}
	r.body = body
	return r, nil
}

// finish closes the log entry, and tells whether the answer is to be lost.
func (t *Tenant) finish(entry *Request, r *request, a *reply, fault injected) bool {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	if r.writes() && statusOK(a.status) && fault.answer == nil {
		t.faults.done++
	}
	entry.Unknown = a.unknown
	if !fault.lose {
		entry.Status = a.status
	}
	t.log.close(entry)
	return fault.lose
}

// serve answers under the group's lock.
func (t *Tenant) serve(r *request) *reply {
	t.group.mu.Lock()
	defer t.group.mu.Unlock()
	t.group.tick()
	a := t.route(r)
	t.rival(r, a)
	if err := t.group.persist(); err != nil {
		return refusal(http.StatusInternalServerError, "The simulator can't keep its state: "+err.Error())
	}
	return a
}

func (t *Tenant) route(r *request) *reply {
	if len(r.segs) == 0 {
		return unknown(r)
	}
	switch r.segs[0] {
	case "am":
		return t.serveAM(r)
	case "openidm":
		return t.serveIDM(r)
	case "environment":
		return t.serveEnvironment(r)
	case "iga", "auto":
		return t.serveGovernance(r)
	case "feature":
		if len(r.segs) == 1 && r.method == http.MethodGet {
			return ok(object{"result": []any{object{"_id": "service-accounts", "installedVersion": "1", "availableVersions": []any{"1"}}}})
		}
	case "monitoring":
		return t.serveLogs(r)
	case "platform":
		if r.path == platformRedirect && r.method == http.MethodGet { // clients follow a code to it
			return &reply{status: http.StatusOK, raw: []byte("<!doctype html><title>Sandbox</title>"), kind: "text/html; charset=utf-8"}
		}
	case ".well-known":
		return t.serveAssociation(r)
	case "keys":
		return t.serveLogKeys(r)
	}
	return unknown(r)
}

// write sends an answer; half breaks it off in the middle of its body.
func write(w http.ResponseWriter, r *request, a *reply, half bool) {
	body := a.raw
	if body == nil && a.body != nil {
		body = encode(a.body)
		if r.query.Get("_prettyPrint") == "true" {
			body = append(indented(a.body), '\n')
		}
	}
	h := w.Header()
	for k, v := range a.headers {
		h.Set(k, v)
	}
	if body != nil {
		h.Set("Content-Type", a.kind)
	}
	if id := r.header.Get("X-ForgeRock-TransactionId"); id != "" {
		h.Set("X-ForgeRock-TransactionId", id)
	} else {
		h.Set("X-ForgeRock-TransactionId", newUUID())
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	if half {
		_, _ = w.Write(body[:len(body)/2])
		if f, can := w.(http.Flusher); can {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body) // the client has gone; nobody is left to tell
}

// refuseWrite is the answer to a write that this tenant does not take now: because
// a promotion holds its lock, or because static configuration is immutable here.
func (t *Tenant) refuseWrite(r *request, path string) *reply {
	c := classOf(path)
	if id := t.lockedFor(); id != "" && (c != dynamic || t.lower() == nil) {
		return refusal(http.StatusForbidden, "Environment is locked for promotion "+id)
	}
	if c != static || !t.immutable() {
		return nil
	}
	if t.env.session.open() && r.header.Get("X-Configuration-Type") == "mutable" {
		return nil
	}
	return refusal(http.StatusForbidden, "Static configuration is immutable in this environment.")
}

// filtered reads _queryFilter; a list without one is a list of all.
func filtered(r *request, patterns bool) (predicate, *reply) {
	q := r.query.Get("_queryFilter")
	if q == "" {
		return func(object) bool { return true }, nil
	}
	f, err := parseFilter(q, patterns)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "The value for parameter '_queryFilter' could not be parsed: "+err.Error())
	}
	return f, nil
}

// fields keeps what _fields names, as pointers such as realm/alpha; an empty list and * keep everything.
func fields(r *request, o object) object {
	q := r.query.Get("_fields")
	if q == "" || q == "*" {
		return o
	}
	keep := object{}
	for name := range strings.SplitSeq(q+",_id,_rev", ",") {
		keep = kept(keep, o, strings.Split(strings.Trim(name, "/ "), "/"))
	}
	return keep
}

// kept is keep with one member of o more, at its place below it.
func kept(keep, o object, path []string) object {
	v, found := o[path[0]]
	if found && len(path) > 1 {
		inner := obj(v)
		if inner == nil {
			return keep
		}
		v = kept(obj(keep[path[0]]), inner, path[1:])
		found = obj(v) != nil
	}
	if !found {
		return keep
	}
	return with(keep, path[0], v)
}

// envelope is the query answer. The three members that differ between families
// are the policy, the total and what remains (tenant-api.md, 2.3).
func envelope(result []any, policy string, total, remaining int) object {
	if result == nil {
		result = []any{}
	}
	return object{
		"result": result, "resultCount": len(result), "pagedResultsCookie": nil,
		"totalPagedResultsPolicy": policy, "totalPagedResults": total, "remainingPagedResults": remaining,
	}
}
