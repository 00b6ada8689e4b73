package sim

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// environment is what each tenant has for itself and no promotion touches.
type environment struct {
	variables map[string]*variable
	secrets   map[string]*secret
	seq       int64 // grows with every ESV write; a restart loads what came before it
	restart   *restart

	plain     map[string]object // cookie domains and the like, by path
	ssoCookie string
	session   session

	certificates map[string]object
}

const defaultCookie = "6ac6499e9da2071" // the recorded tenant's

func newEnvironment() environment {
	return environment{
		variables: map[string]*variable{}, secrets: map[string]*secret{},
		plain: map[string]object{}, ssoCookie: defaultCookie, certificates: map[string]object{},
	}
}

// plainDocuments are the resources that are one object each: read, and replaced as
// sent.
func plainDocuments() map[string]object {
	none := []any{}
	return map[string]object{
		"/environment/cookie-domains":                      {"domains": none},
		"/environment/custom-domains/alpha":                {"domains": none},
		"/environment/custom-domains/bravo":                {"domains": none},
		"/environment/content-security-policy/enforced":    {"active": false, "directives": object{}},
		"/environment/content-security-policy/report-only": {"active": false, "directives": object{}},
		"/environment/federation/enforcement":              {"groups": "none"},
	}
}

// environmentScope is the scope a request needs; children of it do for reading.
func environmentScope(r *request) string {
	part := ""
	if len(r.segs) > 1 {
		part = r.segs[1]
	}
	family := map[string]string{
		"variables": "fr:idc:esv:", "secrets": "fr:idc:esv:", "count": "fr:idc:esv:", "startup": "fr:idc:esv:",
		"promotion": "fr:idc:promotion:", "direct-configuration": "fr:idc:direct-configuration:session:",
		"ccc": "fr:idc:direct-configuration:session:", "certificates": "fr:idc:certificate:", "csrs": "fr:idc:certificate:",
		"cookie-domains": "fr:idc:cookie-domain:", "custom-domains": "fr:idc:custom-domain:",
		"content-security-policy": "fr:idc:content-security-policy:", "sso-cookie": "fr:idc:sso-cookie:",
		"release": "fr:idc:release:", "telemetry": "fr:idc:telemetry:",
	}[part]
	switch {
	case family == "":
		return ""
	case r.method == http.MethodGet:
		return family + "read"
	case part == "startup":
		return family + "restart"
	case family == "fr:idc:esv:":
		return family + "update"
	}
	return family + "*"
}

func (t *Tenant) serveEnvironment(r *request) *reply {
	if r.path == "/environment/scopes/service-accounts" && r.method == http.MethodGet {
		return &reply{status: http.StatusOK, kind: envType, body: scopeList(t.group.o.Governance)} // clients ask before they have a token
	}
	if a := t.authorize(r, environmentScope(r)); a != nil {
		return a
	}
	a := t.routeEnvironment(r)
	if a.kind == amType {
		a.kind = envType
	}
	return a
}

func (t *Tenant) routeEnvironment(r *request) *reply {
	rest := r.segs[1:]
	if len(rest) == 0 {
		return unknown(r)
	}
	if a := t.blockedESV(r, rest[0]); a != nil {
		return a
	}
	switch rest[0] {
	case "variables":
		return t.routeVariables(r, rest[1:])
	case "secrets":
		return t.routeSecretsAPI(r, rest[1:])
	case "startup":
		return t.serveStartup(r)
	case "promotion":
		return t.routePromotion(r, rest[1:])
	case "direct-configuration", "ccc":
		return t.routeSession(r, rest)
	case "certificates", "csrs":
		return t.routeCertificates(r, rest)
	case "sso-cookie":
		return t.serveCookie(r)
	case "telemetry":
		return t.serveTelemetry(r, rest[1:])
	}
	if len(rest) == 1 && r.method == http.MethodGet {
		switch rest[0] {
		case "count":
			return ok(object{"secrets": len(t.env.secrets), "variables": len(t.env.variables)})
		case "info":
			return ok(t.info())
		case "release":
			return ok(object{"channel": "regular", "currentVersion": "18045.0"})
		}
	}
	if rest[0] == "custom-domains" && len(rest) == 1 && r.isAction("verify") {
		return t.verifyDomain(r)
	}
	return t.servePlain(r)
}

// blockedESV is the lock's hold on the ESV API: reading too, and restarts, but not
// the question whether a restart is over.
func (t *Tenant) blockedESV(r *request, part string) *reply {
	id := t.lockedFor()
	if id == "" {
		return nil
	}
	if part == "variables" || part == "secrets" || part == "count" || part == "startup" && r.method != http.MethodGet {
		return envRefusal(http.StatusForbidden, "Environment is locked for promotion "+id)
	}
	return nil
}

func (t *Tenant) servePlain(r *request) *reply {
	key := join(r.segs...)
	fallback, known := plainDocuments()[key]
	if !known {
		return unknown(r)
	}
	switch r.method {
	case http.MethodGet:
		if o, found := t.env.plain[key]; found {
			return ok(o)
		}
		return ok(fallback)
	case http.MethodPut:
		body, a := envBody(r)
		if a != nil {
			return a
		}
		o := object{}
		for name := range fallback {
			if v, sent := body[name]; sent {
				o[name] = v
			} else {
				return envRefusal(http.StatusBadRequest, "request body has an error: doesn't match schema: Error at \"/"+name+"\": property \""+name+"\" is missing")
			}
		}
		t.env.plain[key] = o
		return ok(o)
	}
	return notAllowed(r)
}

func envBody(r *request) (object, *reply) {
	o, err := decodeObject(r.body)
	if err != nil {
		return nil, envRefusal(http.StatusBadRequest, "request body has an error: failed to decode request body: "+err.Error())
	}
	return o, nil
}

func (t *Tenant) serveCookie(r *request) *reply {
	switch {
	case r.method == http.MethodGet:
	case r.isAction("reset"):
		t.env.ssoCookie = defaultCookie
	case r.method == http.MethodPut:
		body, a := envBody(r)
		if a != nil {
			return a
		}
		name := str(body["name"])
		if !regexp.MustCompile(`^[a-zA-Z0-9]{1,32}$`).MatchString(name) {
			return envRefusal(http.StatusBadRequest, "request body has an error: doesn't match schema: Error at \"/name\": string doesn't match the regular expression \"^[a-zA-Z0-9]{1,32}$\"")
		}
		t.env.ssoCookie = name
	default:
		return notAllowed(r)
	}
	return ok(object{"name": t.env.ssoCookie})
}

// verifyDomain plays the CNAME check: a name under .invalid or with "doesnotexist"
// in it has no CNAME.
func (t *Tenant) verifyDomain(r *request) *reply {
	body, a := envBody(r)
	if a != nil {
		return a
	}
	name := str(body["name"])
	if name == "" || strings.HasSuffix(name, ".invalid") || strings.Contains(name, "doesnotexist") {
		return envRefusal(http.StatusBadRequest, "CNAME validation failed")
	}
	return &reply{status: http.StatusOK}
}

// info tells which tier a tenant is. Only a tenant that stands alone was recorded;
// the words for the tiers are the simulator's: the roles.
func (t *Tenant) info() object {
	var upper, lower any
	if u := t.upper(); u != nil {
		upper = u.role
	}
	if l := t.lower(); l != nil {
		lower = l.role
	}
	tier, tiers := t.role, []any{}
	for _, other := range t.group.tenants {
		if other.place != alone && t.place != alone {
			tiers = append(tiers, other.role)
		}
	}
	if t.place == alone { // as recorded
		tier, tiers = "other", []any{"other"}
	}
	return object{
		"backupRegion": "us-south1", "config_promotion_done": len(t.group.promotion.history[t.role]) > 0,
		"immutable": t.immutable(), "ipAddresses": []any{"127.0.0.1"}, "locked": t.lockedFor() != "",
		"message_box_html": "", "message_box_title": "", "message_variant": "",
		"placeholder_management_migration_date": "", "placeholder_management": "CUSTOMER",
		"promotionTierInfo": object{"tierDisplayName": tier, "tiers": tiers,
			"upperTierDisplayName": upper, "lowerTierDisplayName": lower},
		"region": "us-central1", "tier": tier, "warning_message_html": "",
	}
}

// session is a direct-configuration session: the one door through which static
// configuration of an immutable tenant is changed. Changes show at once; abort puts
// back what was there.
type session struct {
	status string            // "" before the first
	before map[string]object // static configuration at init
}

func (s session) open() bool { return s.status == "SESSION_INITIALISED" }

func (t *Tenant) routeSession(r *request, rest []string) *reply {
	old := rest[0] == "ccc"
	if !old {
		if len(rest) < 2 || rest[1] != "session" {
			return unknown(r)
		}
		rest = rest[1:]
	}
	if old && len(rest) == 2 && rest[1] == "apply" {
		// The older spelling has no apply (recorded 2026-03).
		return envRefusal(http.StatusNotFound, "path "+r.path+" was not found")
	}
	if len(rest) != 2 {
		return unknown(r)
	}
	s := &t.env.session
	switch {
	case rest[1] == "state" && r.method == http.MethodGet:
		a := ok(s.answer())
		if s.status == "SESSION_APPLYING" {
			s.status = "SESSION_APPLIED"
		}
		return a
	case r.method != http.MethodPut:
		return notAllowed(r)
	case rest[1] == "init":
		if s.open() {
			return envRefusal(http.StatusConflict, "A direct configuration session is already open")
		}
		if id := t.lockedFor(); id != "" {
			return envRefusal(http.StatusConflict, "Environment is locked for promotion "+id)
		}
		*s = session{status: "SESSION_INITIALISED", before: t.promotable(static)}
	case rest[1] == "apply":
		if !s.open() {
			return envRefusal(http.StatusConflict, "No direct configuration session is open")
		}
		*s = session{status: "SESSION_APPLYING"}
	case rest[1] == "abort":
		if s.open() {
			t.replace(s.before, static)
		}
		*s = session{status: "SESSION_ABORTED"}
	default:
		return unknown(r)
	}
	return ok(s.answer())
}

func (s session) answer() object {
	o := object{"editable": s.open()}
	if s.status != "" {
		o["status"] = s.status
	}
	return o
}

// serveTelemetry serves log and metric receivers: rest is category, id. Their
// headers carry credentials, so a read masks the values.
func (t *Tenant) serveTelemetry(r *request, rest []string) *reply {
	const root = "/environment/telemetry/"
	masked := func(o object) object {
		headers := object{}
		for name := range obj(o["headers"]) {
			headers[name] = "********"
		}
		return with(o, "headers", headers)
	}
	switch {
	case len(rest) == 0 && r.method == http.MethodGet:
		all := object{"otlp": []any{}}
		for _, path := range slices.Sorted(maps.Keys(t.env.plain)) {
			if tail, is := strings.CutPrefix(path, root); is {
				category, _, _ := strings.Cut(tail, "/")
				all[unescape(category)] = append(list(all[unescape(category)]), masked(t.env.plain[path]))
			}
		}
		return ok(all)
	case len(rest) != 2:
		return unknown(r)
	}
	key := join(r.segs...)
	old, found := t.env.plain[key]
	if r.method == http.MethodPut {
		body, a := envBody(r)
		if a != nil {
			return a
		}
		t.env.plain[key] = with(body, "id", rest[1])
		return ok(masked(t.env.plain[key]))
	}
	if !found {
		return envRefusal(http.StatusNotFound, "The telemetry provider does not exist")
	}
	switch r.method {
	case http.MethodGet:
		return ok(masked(old))
	case http.MethodDelete:
		delete(t.env.plain, key)
		return ok(masked(old))
	}
	return notAllowed(r)
}

// routeCertificates keeps certificates and signing requests as objects, without
// looking into them.
func (t *Tenant) routeCertificates(r *request, rest []string) *reply {
	if len(rest) > 2 {
		return unknown(r)
	}
	if len(rest) == 1 {
		switch r.method {
		case http.MethodGet:
			all := []any{}
			for _, key := range slices.Sorted(maps.Keys(t.env.certificates)) {
				if strings.HasPrefix(key, rest[0]+"/") {
					all = append(all, t.env.certificates[key])
				}
			}
			return &reply{status: http.StatusOK, kind: envType, body: all}
		case http.MethodPost:
			body, a := envBody(r)
			if a != nil {
				return a
			}
			id := newUUID()
			if rest[0] == "certificates" {
				id = "ccrt-" + id
			}
			o := with(without(body, "privateKey", "certificate"), "id", id)
			t.env.certificates[rest[0]+"/"+id] = o
			return ok(o)
		}
		return notAllowed(r)
	}
	key := rest[0] + "/" + rest[1]
	o, found := t.env.certificates[key]
	empty := &reply{status: http.StatusNotFound}
	switch r.method {
	case http.MethodGet:
		if found {
			return ok(o)
		}
		return empty
	case http.MethodPatch:
		if !found {
			return empty
		}
		body, a := envBody(r)
		if a != nil {
			return a
		}
		for name, v := range body {
			o = with(o, name, v)
		}
		t.env.certificates[key] = o
		return ok(o)
	case http.MethodDelete:
		if found && boolean(o["active"]) {
			return envRefusal(http.StatusBadRequest, "Cannot delete an active certificate, de-activate the certificate "+
				"first and allow it to be removed from the loadbalancer.")
		}
		delete(t.env.certificates, key)
		return &reply{status: http.StatusOK} // also for a missing one (recorded)
	}
	return notAllowed(r)
}

func (t *Tenant) seedEnvironment(path string, o object) error {
	switch {
	case strings.HasPrefix(path, "/environment/variables/"):
		t.seedVariable(last(path), o)
	case strings.HasPrefix(path, "/environment/secrets/"):
		t.seedSecret(last(path), o)
	case strings.HasPrefix(path, "/environment/certificates/"), strings.HasPrefix(path, "/environment/csrs/"):
		t.env.certificates[strings.TrimPrefix(path, "/environment/")] = with(o, "id", last(path))
	case path == "/environment/sso-cookie":
		t.env.ssoCookie = str(o["name"])
	default:
		t.env.plain[path] = o
	}
	return nil
}

// documents dumps the environment; secret values only when asked for.
func (e *environment) documents(secrets bool) []Document {
	var docs []Document
	for path, o := range e.plain {
		if !secrets && strings.HasPrefix(path, "/environment/telemetry/") {
			o = without(o, "headers") // they carry credentials
		}
		docs = append(docs, Document{path, encode(o)})
	}
	for id, v := range e.variables {
		docs = append(docs, Document{"/environment/variables/" + id, encode(v.body(true))})
	}
	for id, s := range e.secrets {
		o := s.body()
		if secrets {
			o["valueBase64"] = s.value()
		}
		docs = append(docs, Document{"/environment/secrets/" + id, encode(o)})
	}
	if e.ssoCookie != defaultCookie {
		docs = append(docs, Document{"/environment/sso-cookie", encode(object{"name": e.ssoCookie})})
	}
	slices.SortFunc(docs, func(a, b Document) int { return cmp.Compare(a.Path, b.Path) })
	return docs
}

func (e *environment) document(path string) json.RawMessage {
	for _, d := range e.documents(false) {
		if d.Path == path {
			return d.Body
		}
	}
	return nil
}

func (e *environment) remove(path string) {
	delete(e.plain, path)
	if id, is := strings.CutPrefix(path, "/environment/variables/"); is {
		delete(e.variables, id)
	}
	if id, is := strings.CutPrefix(path, "/environment/secrets/"); is {
		delete(e.secrets, id)
	}
}

// serveAssociation serves the two files by which a custom domain vouches for an app. Who has a token writes them, anybody
// reads them. There is one of each, whatever the host's name.
func (t *Tenant) serveAssociation(r *request) *reply {
	name := strings.TrimPrefix(r.path, "/.well-known/")
	if name != "assetlinks.json" && name != "apple-app-site-association" {
		return unknown(r)
	}
	key := "/.well-known/" + name
	if r.method != http.MethodGet {
		if a := t.authorize(r, ""); a != nil {
			return a
		}
	}
	o, found := t.store.get(key)
	switch r.method {
	case http.MethodPut:
		v, err := decode(r.body)
		if err != nil {
			return invalidJSON(r)
		}
		o = object{"file": v}
		t.store.put(key, o)
	case http.MethodGet, http.MethodDelete:
		if !found {
			return notFound()
		}
		if r.method == http.MethodDelete {
			t.store.remove(key)
		}
	default:
		return unknown(r)
	}
	return &reply{status: http.StatusOK, kind: envType, body: o["file"]}
}
