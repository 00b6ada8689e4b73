package sim_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// corpus is where the recordings lie beside the work tree. They are not part of the
// repository: without them the tests of this file are skipped, and no other needs them.
func corpus(t *testing.T, part string) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "corpus", part)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no corpus: %v", err)
	}
	return dir
}

// exchange is one recorded request and its answer.
type exchange struct {
	ID, Method, Path, Query string
	AcceptAPIVersion        string
	RequestHeaders          map[string]string
	RequestBody             any
	Status                  int
	ResponseHeaders         map[string]string
	ResponseBody            any
	RecordedAt              string
	Area                    string
}

func (e exchange) request() m  { o, _ := e.RequestBody.(map[string]any); return o }
func (e exchange) response() m { o, _ := e.ResponseBody.(map[string]any); return o }

func (e exchange) filter() string {
	q, err := url.ParseQuery(e.Query)
	if err != nil {
		return ""
	}
	return q.Get("_queryFilter")
}

// plainPath is the path as a document has it: unescaped, no slash at the end.
func (e exchange) plainPath() string {
	p, err := url.PathUnescape(e.Path)
	if err != nil {
		return e.Path
	}
	return strings.TrimSuffix(p, "/")
}

func readLines[T any](t *testing.T, file string, each func(T)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var v T
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		each(v)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}

// replayer serves one tenant after the other at one address: every exchange is
// played on a tenant that holds just what the exchange needs.
type replayer struct {
	*client
	current atomic.Pointer[sim.Tenant]
}

func newReplayer(t *testing.T) *replayer {
	r := &replayer{client: &client{t: t, clock: newClock()}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.current.Load().ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	r.base = server.URL
	return r
}

// seed is the client's, but for what is no document.
func (r *replayer) seed(path string, body any) {
	r.t.Helper()
	for _, outside := range []string{"/feature", "/monitoring", "/am/oauth2", "/openidm/script", "/environment/info", "/environment/release", "/environment/scopes"} {
		if strings.HasPrefix(path, outside) {
			return
		}
	}
	if strings.Contains(path, "/authenticate") || strings.Contains(path, "/serverinfo/") || strings.Contains(path, "/sessions") {
		return
	}
	r.client.seed(path, body)
}

// versionOn is what AM called itself on a day, out of the recorded answers of
// serverinfo/version.
func versionOn(day string) string {
	version := "7.4.0-SNAPSHOT"
	for _, since := range []struct{ day, version string }{{"2023-11-28", "7.5.0"}, {"2024-07-12", "7.6.0"}, {"2024-12-16", "8.0.0"},
		{"2025-07-14", "8.1.0"}, {"2026-04-01", "9.0.0"}} {
		if day >= since.day {
			version = since.version + "-SNAPSHOT"
		}
	}
	return version
}

func (r *replayer) fresh(e exchange) {
	id := "6f2b0d9e-1111-4222-8333-444455556666"
	if own, is := strings.CutPrefix(e.Path, "/openidm/managed/svcacct/"); is && e.Status == http.StatusOK {
		id = own
	}
	body, err := json.Marshal(e.ResponseBody)
	if err != nil {
		r.t.Fatal(err)
	}
	governed := strings.Contains(string(body), "fr:iga:*")
	if form, isText := e.RequestBody.(string); isText {
		governed = governed || strings.Contains(form, "iga") && e.Status == http.StatusOK
	}
	g, err := sim.NewGroup(sim.Options{Now: r.clock.Now, Key: testKey(), AccountID: id, AMVersion: versionOn(e.RecordedAt), Governance: governed, Standalone: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.group, r.tenant, r.token = g, g.Tenant("development"), ""
	if e.Path == "/environment/info" {
		r.tenant = g.Tenant("sandbox") // the recorded one stands alone
	}
	r.current.Store(r.tenant)
}

// areas are the parts of the API by which matches are counted. An area is what a
// recordings' file holds; the realm's authentication settings and endpoints are cut
// out of the mixed ones.
func areas() []string {
	return []string{"journeys-nodes", "scripts", "esv", "email", "cors", "promotion-startup", "managed", "services", "idp", "themes",
		"secretstores", "connectors-mappings", "authentication-token", "errors",
		"policies", "saml", "oauth2-agents", "idm-misc", "am-misc", "environment-misc"}
}

func areaOf(file string, e exchange) string {
	switch {
	case file == "am-misc" && strings.HasSuffix(e.Path, "/realm-config/authentication"):
		return "authentication"
	case file == "connectors-mappings" && strings.HasPrefix(e.Path, "/openidm/system"):
		return "live systems"
	case file == "idm-misc" && strings.HasPrefix(e.Path, "/openidm/config/endpoint/"):
		return "endpoints"
	}
	return file
}

// score is how many of an area's exchanges were answered as recorded.
type score struct {
	matched, total int
	why            map[string][]string // reason -> exchanges
}

// TestRecordings plays every recorded exchange, each on a tenant that holds what the
// recorded one must have held, and counts the answers that match: in status, headers,
// members, types, and in values where the state determines them. What does not match
// is listed, with the reason where it is known.
func TestRecordings(t *testing.T) {
	dir := corpus(t, "recordings")
	r := newReplayer(t)
	// A tenth of them takes seconds; all of them are for a change of the simulator.
	every := 10
	if os.Getenv("SIM_ALL_RECORDINGS") != "" {
		every = 1
	}
	scores := map[string]*score{}
	for _, file := range areas() {
		n := 0
		readLines(t, filepath.Join(dir, file+".jsonl"), func(e exchange) {
			n++
			if file != "errors" && n%every != 0 {
				return
			}
			s := scores[areaOf(file, e)]
			if s == nil {
				s = &score{why: map[string][]string{}}
				scores[areaOf(file, e)] = s
			}
			s.total++
			r.fresh(e)
			r.prepare(e)
			problems := r.play(e)
			if len(problems) == 0 {
				s.matched++
				return
			}
			why := known(e)
			if why == "" {
				why = "unexplained"
			}
			s.why[why] = append(s.why[why], fmt.Sprintf("%s %s %s?%s: %s", e.ID, e.Method, e.Path, e.Query, strings.Join(problems, "; ")))
		})
	}
	report(t, scores, every == 1)
}

// enforced are the areas in which 97 % must match. The others hold identities, live
// systems, logins and agents of many versions; their numbers are printed.
func enforced() []string {
	return []string{"journeys-nodes", "scripts", "esv", "email", "cors", "promotion-startup", "managed", "services", "idp", "themes",
		"secretstores", "connectors-mappings", "endpoints", "authentication", "errors", "policies", "saml"}
}

// report prints matched/total by area and what is left, and fails below 97 % of an
// enforced one.
func report(t *testing.T, scores map[string]*score, whole bool) {
	var text strings.Builder
	if len(scores) < len(areas()) {
		t.Errorf("only %d areas were played", len(scores))
	}
	for _, area := range slices.Sorted(maps.Keys(scores)) {
		s := scores[area]
		fmt.Fprintf(&text, "%-22s %d/%d  %.1f %%\n", area, s.matched, s.total, 100*float64(s.matched)/float64(s.total))
		for _, why := range slices.Sorted(maps.Keys(s.why)) {
			fmt.Fprintf(&text, "  %4d  %s\n", len(s.why[why]), why)
			if why == "unexplained" || os.Getenv("SIM_ALL_RECORDINGS") == "2" {
				for _, line := range s.why[why] {
					fmt.Fprintf(&text, "        %.700s\n", line)
				}
			}
		}
		if !slices.Contains(enforced(), area) {
			continue
		}
		// Of a sample, one in a small area is more than 3 %.
		if allowed := max(1, s.total*3/100); whole && s.total-s.matched > s.total*3/100 || s.total-s.matched > allowed {
			t.Errorf("%s: only %d of %d match", area, s.matched, s.total)
		}
	}
	t.Logf("answered as recorded:\n%s", &text)
}

// known says why an exchange is not expected to match.
func known(e exchange) string {
	for _, x := range []struct{ match, why string }{
		{`^/openidm/system/`, "attributes and matching of a live target system"},
		{`^/openidm/managed/[a-z]+_aiagentprivilege|/agents/AIAgent/`, "AI agents, whose members IDM's own scripts make"},
		{`^/environment/scopes/service-accounts`, "scopes depend on the tenant's licences and its day"},
		{`^/environment/certificates/`, "certificates fail as the load balancer has them"},
		{`SocialIdentityProviders/oidcConfig/`, "an attribute that AM has had since"},
		{`/AIAgent`, "AI agents"},
		{`^/openidm/script`, "script evaluation is refused: it reads secrets in the clear (doc.go)"},
		{`^/am/json/.*/(authenticate|sessions/?)$|^/am/oauth2/authorize`, "administrator logins are not there (doc.go)"},
	} {
		if regexp.MustCompile(x.match).MatchString(e.Path) {
			return x.why
		}
	}
	return ""
}

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

// play sends a recorded request and compares the answer with the recorded one.
func (r *replayer) play(e exchange) []string {
	r.t.Helper()
	var body any
	if e.RequestBody != nil {
		if form, isText := e.RequestBody.(string); isText {
			if q, err := url.ParseQuery(form); err == nil && q.Has("assertion") {
				q.Set("assertion", r.assertion(nil)) // the recorded one is redacted
				form = q.Encode()
			}
			body = form
		} else {
			raw, err := json.Marshal(e.RequestBody)
			if err != nil {
				r.t.Fatal(err)
			}
			body = json.RawMessage(raw)
		}
	}
	var header []string
	for k, v := range e.RequestHeaders {
		header = append(header, k, v)
	}
	if e.AcceptAPIVersion != "" {
		header = append(header, "Accept-API-Version", e.AcceptAPIVersion)
	}
	path := e.Path
	if e.Query != "" {
		path += "?" + e.Query
	}
	a := r.do(e.Method, path, body, header...)
	if a.status != e.Status {
		return []string{fmt.Sprintf("status %d, recorded %d: %.200s", a.status, e.Status, a.text)}
	}
	return compare(e, a)
}

func rawURL64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
