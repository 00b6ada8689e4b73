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
// serverinfo/version. The first of them, 7.4, is of 2023-06.
func versionOn(day string) string {
	version := "7.3.0-SNAPSHOT"
	for _, since := range []struct{ day, version string }{{"2023-06-20", "7.4.0"}, {"2023-11-28", "7.5.0"}, {"2024-07-12", "7.6.0"}, {"2024-12-16", "8.0.0"},
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
	case file == "idm-misc" && strings.HasPrefix(e.Path, "/openidm/script"):
		return "script evaluation"
	case file == "oauth2-agents" && strings.Contains(e.Path, "/AIAgent"):
		return "AI agents"
	case file == "am-misc" && strings.Contains(e.Path, "/users/"):
		return "identities"
	case file == "authentication-token" && login.MatchString(e.Path), strings.HasPrefix(body(e), "grant_type=authorization_code"):
		return "administrator logins"
	case file == "authentication-token" && e.Path == "/environment/scopes/service-accounts":
		return "licensed scopes"
	}
	return file
}

// login are the steps by which an administrator's browser gets a token. A service account needs none of them.
var login = regexp.MustCompile(`^/am/json/.*/(authenticate|sessions/?)$|^/am/oauth2/authorize`)

// body is a recorded form, as text.
func body(e exchange) string { form, _ := e.RequestBody.(string); return form }

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

// enforced are the areas in which 97 % must match. The others hold identities, live systems, script evaluation,
// administrators' logins, scopes by licence, and AI agents of many builds; their numbers are printed. Every exchange that
// does not match has a reason.
func enforced() []string {
	return []string{"journeys-nodes", "scripts", "esv", "email", "cors", "promotion-startup", "managed", "services", "idp", "themes",
		"secretstores", "connectors-mappings", "endpoints", "authentication", "authentication-token", "errors", "policies", "saml", "idm-misc",
		"am-misc", "environment-misc", "oauth2-agents"}
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
			if why == "unexplained" {
				t.Errorf("%s: %d exchanges are answered otherwise for no known reason", area, len(s.why[why]))
			}
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
		{`access_token 2026-07-10`, "a code is of its own login, which the exchange does not show"},
		{`svcacct\?_action=create `, "an administrator makes service accounts (TestAdministrator), and the exchange does not show that one asks"},
		{`emailTemplate/FrodoTestEmailTemplate3 `, "the tenant drops an id beside _id in this one exchange, and keeps it in others"},
		{`^PATCH /environment/csrs/`, "read out of the certificate"},
		{`esv-test-secret-pi-unknown 2023`, "422 in 2023, 400 since (doc.go)"},
		{`versions/1\?_action=changestatus 2023`, "loaded of a version says nothing reliable (tenant-api.md, 5)"},
		{`^GET /environment/variables 2023`, "variables that are older than their types"},
		{`/nodes\?_action=getAllTypes `, "custom node types that the exchange does not define"},
		{`^GET .*/nodes/[^/?]+/[0-9a-f-]+ 2025-1[12]`, "builds of 8.1.0 since 2025-11 tell a node's version in the older form, too"},
		{`/nodes/PageNode(/2.0)?\?_queryFilter=true `, "a page's outcomes are its children's, which its list does not show"},
		{`/ValidatedUsernameNode/2.0\?_action=getType `, "version 2.0 of a type has tags of its own"},
		{`/nodes/designer-ef81b1a52c914710b3388caebfe7233a/1.0\?_action=schema `, "a custom type that the exchange does not define"},
		{`/trees/j10 2023`, "attributes that trees have had since"},
		{`/openidm/system\?_action=test`, "connectors and servers as they were that day"},
		{`alpha_application\?_queryFilter=name%20eq%20%27TestLDAP%27`, "the recorded list holds more than its filter"},
		{`/IdentityGatewayAgent/frodo-test-ig-agent `, "a null of one gateway stays as it was sent; that of others is wrapped"},
		{`/subjectattributes\?`, "attribute names of the tenant's identities"},
		{`/realm-config/services/dashboard `, "an attribute of one build"},
		{`/realm-config/services/oauth-oidc `, "AM mends a provider's header format"},
		{`^/openidm/system/`, "attributes and matching of a live target system"},
		{`^/openidm/managed/[a-z]+_aiagentprivilege`, "AI agents, whose members IDM's own scripts make"},
		{`^/environment/scopes/service-accounts`, "scopes depend on the tenant's licences and its day"},
		{`^/environment/certificates/`, "certificates fail as the load balancer has them"},
		{`SocialIdentityProviders/oidcConfig/`, "an attribute that AM has had since"},
		{`/agents/AIAgent/`, "attributes that builds of 9.0.0 since 2026-07-10 add, and none before"},
		{`^/openidm/script`, "script evaluation is refused: it reads secrets in the clear (doc.go)"},
		{login.String(), "an administrator's login with a second factor, by a session that the exchange does not show (TestAdministrator)"},
		{`/users/[^/]+/groups$`, "identities' groups are paged otherwise"},
		{`^/monitoring/logs`, "logs are not there (doc.go)"},
	} {
		// What was asked, and when, as one line.
		asked := e.Method + " " + e.Path
		if e.Query != "" {
			asked += "?" + e.Query
		}
		if at := regexp.MustCompile(x.match); at.MatchString(e.Path) || at.MatchString(asked+" "+e.RecordedAt) {
			return x.why
		}
	}
	return ""
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
