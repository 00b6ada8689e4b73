package sim

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// variable is an ESV variable.
type variable struct {
	id, description, kind, value, by string
	changed                          time.Time
	loaded                           bool
	seq                              int64
}

func expressionTypes() []string {
	return []string{"string", "list", "array", "object", "bool", "int", "number", "base64encodedinlined", "keyvaluelist"}
}

func encodings() []string { return []string{"generic", "pem", "base64hmac", "base64aes"} }

// body is the object as read. Reads show microseconds, answers to writes nanoseconds.
func (v *variable) body(read bool) object {
	return object{"_id": v.id, "description": v.description, "expressionType": v.kind,
		"lastChangeDate": date(v.changed, read), "lastChangedBy": v.by, "loaded": v.loaded, "valueBase64": v.value}
}

func date(t time.Time, read bool) string {
	if read {
		return t.UTC().Format("2006-01-02T15:04:05.999999Z")
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999999Z")
}

func schemaError(schema, place, what string) *reply {
	return envRefusal(http.StatusBadRequest, "request body has an error: doesn't match schema #/components/schemas/"+
		schema+": Error at \""+place+"\": "+what)
}

func oneOf(schema, place string, allowed []string) *reply {
	return schemaError(schema, place, `value is not one of the allowed values ["`+strings.Join(allowed, `","`)+`"]`)
}

// checkESV checks what variables and secrets have in common.
func checkESV(schema, id string, body object) *reply {
	if !regexp.MustCompile(`^esv-[a-z0-9_-]{1,124}$`).MatchString(id) {
		return envRefusal(http.StatusBadRequest, "parameter in path has an error: string doesn't match the regular expression \"^esv-[a-z0-9_-]{1,124}$\"")
	}
	if len(str(body["description"])) > 1000 {
		return schemaError(schema, "/description", "maximum string length is 1000")
	}
	return checkValue(schema, body)
}

func checkValue(schema string, body object) *reply {
	v, isText := body["valueBase64"].(string)
	if !isText {
		return schemaError(schema, "/valueBase64", `property "valueBase64" is missing`)
	}
	raw, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		return schemaError(schema, "/valueBase64", "string doesn't match the format \"byte\"")
	}
	if len(raw) > 65535 {
		return envRefusal(http.StatusBadRequest, "The value must not exceed 65535 bytes")
	}
	return nil
}

func (t *Tenant) routeVariables(r *request, rest []string) *reply {
	if len(rest) == 0 && r.method == http.MethodGet {
		var l []object
		for _, id := range slices.Sorted(maps.Keys(t.env.variables)) {
			l = append(l, t.env.variables[id].body(true))
		}
		return page(r, l)
	}
	if len(rest) != 1 {
		return unknown(r)
	}
	v := t.env.variables[rest[0]]
	gone := envRefusal(http.StatusNotFound, "The variable does not exist")
	switch {
	case r.method == http.MethodPut:
		return t.putVariable(r, rest[0], v)
	case r.method != http.MethodGet && r.method != http.MethodDelete && !r.isAction("setDescription"):
		return notAllowed(r)
	case v == nil:
		return gone
	case r.method == http.MethodGet:
		return ok(v.body(true))
	case r.method == http.MethodDelete:
		if a := t.refuseReferenced(v.id); a != nil {
			return a
		}
		delete(t.env.variables, v.id)
		return ok(v.body(true))
	}
	body, a := envBody(r)
	if a != nil {
		return a
	}
	v.description, v.by, v.changed = str(body["description"]), t.group.account.name, t.now()
	return &reply{status: http.StatusOK}
}

func (t *Tenant) putVariable(r *request, id string, v *variable) *reply {
	const schema = "esvVariableCreateUpdateRequest"
	body, a := envBody(r)
	if a != nil {
		return a
	}
	kind := str(body["expressionType"])
	if kind != "" && !slices.Contains(expressionTypes(), kind) {
		return oneOf(schema, "/expressionType", expressionTypes())
	}
	if a := checkESV(schema, id, body); a != nil {
		return a
	}
	if v == nil && kind == "" {
		return envRefusal(http.StatusBadRequest, "Variable type required; expressionType cannot be empty when creating new variables")
	}
	if v != nil && kind != "" && kind != v.kind {
		return envRefusal(http.StatusBadRequest, "Variable type cannot be changed; expressionType is immutable")
	}
	value, description := str(body["valueBase64"]), str(body["description"])
	if v != nil && v.value == value && v.description == description {
		return ok(v.body(false)) // nothing changes, not even the date
	}
	if v == nil {
		v = &variable{id: id, kind: kind}
		t.env.variables[id] = v
		v.value = value + " " // differs from every value, so that it is not loaded
	}
	if v.value != value {
		t.env.seq++
		v.value, v.loaded, v.seq = value, false, t.env.seq
	}
	v.description, v.by, v.changed = description, t.group.account.name, t.now()
	return ok(v.body(false))
}

// page is a list of ESVs: all of it, or the pages of resource version 2.0, which
// also leaves values out.
func page(r *request, l []object) *reply {
	var result []any
	if r.resourceVersion() != "2.0" {
		for _, o := range l {
			result = append(result, o)
		}
		return ok(envelope(result, "NONE", -1, -1))
	}
	size, err := strconv.Atoi(r.query.Get("_pageSize"))
	if err != nil || size < 1 {
		size = 25
	}
	size = min(size, 100)
	offset, err := strconv.Atoi(orDefault(r.query.Get("_pagedResultsCookie"), r.query.Get("_pagedResultsOffset")))
	if err != nil || offset < 0 {
		offset = 0
	}
	if r.query.Get("_onlyPending") == "true" {
		l = slices.DeleteFunc(slices.Clone(l), func(o object) bool { return boolean(o["loaded"]) })
	}
	end := min(offset+size, len(l))
	for _, o := range l[min(offset, len(l)):end] {
		result = append(result, without(o, "valueBase64"))
	}
	a := envelope(result, "EXACT", len(l), max(0, len(l)-end))
	if end < len(l) {
		a["pagedResultsCookie"] = strconv.Itoa(end)
	}
	return ok(a)
}

func (t *Tenant) seedVariable(id string, o object) {
	kind := str(o["expressionType"])
	t.env.variables[id] = &variable{id: id, description: str(o["description"]), kind: orDefault(kind, "string"),
		value: str(o["valueBase64"]), by: str(o["lastChangedBy"]), changed: t.seedTime(o), loaded: o["loaded"] != false}
}

func (t *Tenant) seedTime(o object) time.Time {
	when, err := time.Parse(time.RFC3339Nano, str(o["lastChangeDate"]))
	if err != nil {
		return t.now()
	}
	return when
}

// secret is an ESV secret with its versions, oldest first.
type secret struct {
	id, description, encoding, by string
	placeholders                  bool
	changed                       time.Time
	loadedVersion                 int // 0 when none is loaded
	versions                      []*secretVersion
}

type secretVersion struct {
	number  int
	value   string // base64, never shown
	status  string
	created time.Time
	seq     int64
}

const (
	enabled   = "ENABLED"
	disabled  = "DISABLED"
	destroyed = "DESTROYED"
)

// active is the highest enabled version, nil when there is none.
func (s *secret) active() *secretVersion {
	return s.highest(func(v *secretVersion) bool { return v.status == enabled })
}

// latest is the highest version that is not destroyed.
func (s *secret) latest() *secretVersion {
	return s.highest(func(v *secretVersion) bool { return v.status != destroyed })
}

func (s *secret) highest(is func(*secretVersion) bool) *secretVersion {
	for _, v := range slices.Backward(s.versions) {
		if is(v) {
			return v
		}
	}
	return nil
}

func (s *secret) value() string {
	if v := s.active(); v != nil {
		return v.value
	}
	return ""
}

func (s *secret) body() object {
	active, loaded := "", ""
	if v := s.active(); v != nil {
		active = strconv.Itoa(v.number)
	}
	if s.loadedVersion > 0 {
		loaded = strconv.Itoa(s.loadedVersion)
	}
	if !s.placeholders {
		loaded = active // mapped secrets are there at once
	}
	return object{"_id": s.id, "activeVersion": active, "description": s.description, "encoding": s.encoding,
		"lastChangeDate": date(s.changed, true), "lastChangedBy": s.by, "loaded": active == loaded,
		"loadedVersion": loaded, "useInPlaceholders": s.placeholders}
}

func (s *secret) versionBody(v *secretVersion) object {
	return object{"createDate": date(v.created, true), "loaded": v.number == s.loadedVersion,
		"status": v.status, "version": strconv.Itoa(v.number)}
}

func (t *Tenant) addVersion(s *secret, value string) *secretVersion {
	t.env.seq++
	v := &secretVersion{number: 1, value: value, status: enabled, created: t.now(), seq: t.env.seq}
	if n := len(s.versions); n > 0 {
		v.number = s.versions[n-1].number + 1
	}
	s.versions = append(s.versions, v)
	s.by, s.changed = t.group.account.name, t.now()
	return v
}

// routeSecretsAPI serves ESV secrets: rest is id, versions, version.
func (t *Tenant) routeSecretsAPI(r *request, rest []string) *reply {
	if len(rest) == 0 && r.method == http.MethodGet {
		var l []object
		for _, id := range slices.Sorted(maps.Keys(t.env.secrets)) {
			l = append(l, t.env.secrets[id].body())
		}
		return page(r, l)
	}
	if len(rest) == 0 || len(rest) > 3 || len(rest) > 1 && rest[1] != "versions" {
		return unknown(r)
	}
	s := t.env.secrets[rest[0]]
	switch len(rest) {
	case 2:
		return t.serveVersions(r, s)
	case 3:
		return t.serveVersion(r, s, rest[2])
	}
	gone := envRefusal(http.StatusNotFound, "The secret does not exist or does not have a version")
	switch {
	case r.method == http.MethodPut:
		return t.createSecret(r, rest[0], s)
	case r.method != http.MethodGet && r.method != http.MethodDelete && !r.isAction("setDescription"):
		return notAllowed(r)
	case s == nil:
		return gone
	case r.method == http.MethodGet:
		return ok(s.body())
	case r.method == http.MethodDelete:
		if a := t.refuseReferenced(s.id); a != nil {
			return a
		}
		delete(t.env.secrets, s.id)
		return ok(s.body())
	}
	body, a := envBody(r)
	if a != nil {
		return a
	}
	s.description, s.by, s.changed = str(body["description"]), t.group.account.name, t.now()
	return &reply{status: http.StatusOK}
}

func (t *Tenant) createSecret(r *request, id string, s *secret) *reply {
	const schema = "esvSecretCreateRequest"
	body, a := envBody(r)
	if a != nil {
		return a
	}
	if !slices.Contains(encodings(), str(body["encoding"])) {
		return oneOf(schema, "/encoding", encodings())
	}
	use, isBool := body["useInPlaceholders"].(bool)
	if !isBool {
		return schemaError(schema, "/useInPlaceholders", `property "useInPlaceholders" is missing`)
	}
	if a := checkESV(schema, id, body); a != nil {
		return a
	}
	if s != nil {
		return envRefusal(http.StatusBadRequest, "Failed to create secret, the secret already exists")
	}
	s = &secret{id: id, description: str(body["description"]), encoding: str(body["encoding"]), placeholders: use}
	t.addVersion(s, str(body["valueBase64"]))
	t.env.secrets[id] = s
	return ok(s.body())
}

func (t *Tenant) serveVersions(r *request, s *secret) *reply {
	switch {
	case r.method == http.MethodGet:
		if s == nil {
			return envRefusal(http.StatusNotFound, "The secret does not exist or does not have a version")
		}
		all := []any{}
		for _, v := range slices.Backward(s.versions) {
			all = append(all, s.versionBody(v))
		}
		return &reply{status: http.StatusOK, kind: envType, body: all}
	case r.isAction("create"):
		if s == nil {
			return envRefusal(http.StatusNotFound, "Failed to create secret version")
		}
		body, a := envBody(r)
		if a != nil {
			return a
		}
		if a := checkValue("esvSecretVersionCreateRequest", body); a != nil {
			return a
		}
		if v := s.latest(); v != nil && v.value == str(body["valueBase64"]) {
			return ok(s.versionBody(v)) // the same value makes no new version
		}
		return ok(s.versionBody(t.addVersion(s, str(body["valueBase64"]))))
	}
	return notAllowed(r)
}

func (t *Tenant) serveVersion(r *request, s *secret, number string) *reply {
	var v *secretVersion
	if s != nil {
		if number == "latest" {
			v = s.latest()
		} else {
			v = s.highest(func(v *secretVersion) bool { return strconv.Itoa(v.number) == number })
		}
	}
	switch {
	case r.method == http.MethodGet:
		if v == nil {
			return envRefusal(http.StatusNotFound, "Failed to get secret version")
		}
		return ok(s.versionBody(v))
	case r.isAction("changestatus"):
		return t.changeStatus(r, s, v)
	case r.method == http.MethodDelete:
		if v == nil {
			return envRefusal(http.StatusNotFound, "Failed to get secret version")
		}
		if v == s.latest() {
			before := s.highest(func(o *secretVersion) bool { return o.number < v.number && o.status != destroyed })
			if before == nil || before.status == disabled {
				return envRefusal(http.StatusInternalServerError, "Failed to delete secret version")
			}
		}
		v.status, v.value = destroyed, ""
		s.by, s.changed = t.group.account.name, t.now()
		return ok(s.versionBody(v))
	}
	return notAllowed(r)
}

func (t *Tenant) changeStatus(r *request, s *secret, v *secretVersion) *reply {
	body, a := envBody(r)
	if a != nil {
		return a
	}
	status := str(body["status"])
	switch {
	case v == nil || v.status == destroyed:
		return envRefusal(http.StatusNotFound, "Failed to get secret version")
	case status != enabled && status != disabled:
		return oneOf("esvSecretVersionStatusRequest", "/status", []string{disabled, enabled})
	case status == disabled && v == s.latest():
		return envRefusal(http.StatusBadRequest, "Cannot disable latest secret version")
	}
	v.status = status
	s.by, s.changed = t.group.account.name, t.now()
	return ok(s.versionBody(v))
}

func (t *Tenant) seedSecret(id string, o object) {
	number, err := strconv.Atoi(str(o["activeVersion"]))
	if err != nil || number < 1 {
		number = 1
	}
	use, isBool := o["useInPlaceholders"].(bool)
	when := t.seedTime(o)
	x := &secret{id: id, description: str(o["description"]), by: str(o["lastChangedBy"]),
		encoding: orDefault(str(o["encoding"]), "generic"), placeholders: use || !isBool, changed: when, loadedVersion: number,
		versions: []*secretVersion{{number: number, value: str(o["valueBase64"]), status: enabled, created: when}}}
	if l := list(o["versions"]); len(l) > 0 {
		x.versions = nil
		for _, e := range slices.Backward(l) { // newest first, as they are listed
			v := obj(e)
			n, err := strconv.Atoi(text(v["version"]))
			if err != nil {
				continue
			}
			created, err := time.Parse(time.RFC3339Nano, str(v["createDate"]))
			if err != nil {
				created = when
			}
			x.versions = append(x.versions, &secretVersion{number: n, value: str(v["valueBase64"]), created: created,
				status: orDefault(str(v["status"]), enabled)})
		}
	}
	if loaded, isText := o["loadedVersion"].(string); isText && o["loaded"] == false {
		x.loadedVersion, _ = strconv.Atoi(loaded) // none is 0
	}
	t.env.secrets[id] = x
}

// refuseReferenced keeps an ESV that configuration or a script of this tenant
// names. The documents say it is refused; status and text are the simulator's.
func (t *Tenant) refuseReferenced(id string) *reply {
	name := dotted(id)
	for _, path := range t.store.paths() {
		o, _ := t.store.get(path)
		for _, ref := range references(path, o) {
			if ref.mentions(name) {
				return envRefusal(http.StatusBadRequest, fmt.Sprintf("Cannot delete %s: it is referenced by %s", id, path))
			}
		}
	}
	return nil
}

// restart is a running restart. It loads what was set before it was asked for.
type restart struct {
	stage
	seq int64
}

func (t *Tenant) serveStartup(r *request) *reply {
	status := func(s string) *reply { return ok(object{"restartStatus": s}) }
	running := func() string {
		if t.env.restart != nil || t.group.promotion.restarting(t) {
			return "restarting"
		}
		return "ready"
	}
	switch {
	case r.method == http.MethodGet:
		if t.env.restart != nil {
			t.tickRestart(true)
		}
		return status(running())
	case r.isAction("restart"):
		if t.env.restart == nil {
			t.env.restart = &restart{stage: stage{since: t.now()}, seq: t.env.seq}
		}
		return status("restarting")
	}
	return notAllowed(r)
}

// tickRestart ends a restart whose time has come.
func (t *Tenant) tickRestart(polled bool) {
	d := t.group.o.RestartDuration + t.faults.SlowRestart
	if x := t.env.restart; x != nil && x.next(t.now(), d, polled) {
		t.load(x.seq)
		t.env.restart = nil
	}
}

// load makes ESVs known to the workloads: those written up to seq.
func (t *Tenant) load(seq int64) {
	for _, v := range t.env.variables {
		if v.seq <= seq {
			v.loaded = true
		}
	}
	for _, s := range t.env.secrets {
		if v := s.highest(func(v *secretVersion) bool { return v.status == enabled && v.seq <= seq }); v != nil {
			s.loadedVersion = v.number
		}
	}
}
