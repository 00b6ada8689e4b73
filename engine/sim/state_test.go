package sim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// A tenant group that is cut off after any request is restored as it was then.
func TestStateIsKept(t *testing.T) {
	clock := newClock()
	var kept [][]byte
	o := sim.Options{Now: clock.Now, Key: testKey(), AccountID: "a", UAT: true, Standalone: true, LockDuration: time.Minute}
	o.Persist = func(change []byte) error { kept = append(kept, slices.Clone(change)); return nil }
	g, err := sim.NewGroup(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, group: g, clock: clock}
	dev, uat, box := w.client("development"), w.client("uat"), w.client("sandbox")
	dev.seed(alpha+"/scripts/s", script("seeded", "1"))
	err = g.Save(func(state []byte) error { kept = [][]byte{slices.Clone(state)}; return nil })
	if err != nil {
		t.Fatal(err)
	}

	restored := func() *world {
		o := o
		o.Persist = nil
		again, err := sim.NewGroup(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range kept {
			if err := again.Restore(state); err != nil {
				t.Fatal(err)
			}
		}
		return &world{t: t, group: again, clock: clock}
	}
	for i, step := range []func(){
		func() { dev.want(201, "PUT", alpha+"/scripts/t", script("t", "2")) },
		func() { dev.want(200, "DELETE", alpha+"/scripts/s", nil) },
		func() { dev.want(200, "PUT", variables+"esv-v", m{"valueBase64": b64("1"), "expressionType": "int"}) },
		func() {
			dev.want(200, "PUT", secrets+"esv-s", m{"valueBase64": b64("1"), "encoding": "generic", "useInPlaceholders": true})
		},
		func() { dev.want(200, "POST", secrets+"esv-s/versions?_action=create", m{"valueBase64": b64("2")}) },
		func() { dev.want(200, "PUT", "/environment/cookie-domains", m{"domains": []any{"a.example"}}) },
		func() {
			dev.want(201, "PUT", "/openidm/config/access", m{"big": json.Number("12345678901234567890.10")})
		},
		func() { box.want(200, "PUT", "/environment/sso-cookie", m{"name": "abc"}) },
		func() { uat.want(202, "POST", "/environment/promotion/lock", m{}) },
		func() { clock.pass(time.Minute); uat.want(200, "GET", "/environment/promotion/lock/state", nil) },
		func() { uat.want(202, "POST", "/environment/promotion/promote", m{"dryRun": false}) },
		func() {
			for range 8 {
				uat.want(200, "GET", "/environment/promotion/promote", nil)
			}
		},
	} {
		step()
		again := restored()
		for _, tenant := range g.Tenants() {
			want, got := tenant.DocumentsWithSecrets(), again.group.Tenant(tenant.Role()).DocumentsWithSecrets()
			if !sameJSON(want, got) {
				t.Fatalf("step %d: %s is not as it was:\n%.600v\n%.600v", i, tenant.Role(), got, want)
			}
		}
		for _, c := range []struct {
			was  *client
			path string
		}{
			{dev, secrets + "esv-s/versions"}, {dev, "/environment/variables"}, {uat, "/environment/promotion/lock/state"},
			{uat, "/environment/promotion/promote"}, {uat, "/environment/promotion/reports"}, {box, "/environment/info"},
		} {
			now := again.client(c.was.tenant.Role())
			c.was.do("GET", c.path, nil) // logs in
			for _, state := range kept[len(kept)-1:] {
				if err := again.group.Restore(state); err != nil {
					t.Fatal(err)
				}
			}
			now.token = c.was.token // a client's token outlives the restart, too
			a, b := c.was.do("GET", c.path, nil), now.do("GET", c.path, nil)
			if a.status != b.status || a.text != b.text {
				t.Errorf("step %d: GET %s: %d %s, was %d %s", i, c.path, b.status, b.text, a.status, a.text)
			}
		}
	}
	if _, found := document(restored().group.Tenant("uat"), alpha+"/scripts/t"); !found {
		t.Error("the promotion is lost")
	}
}

func document(t *sim.Tenant, path string) (string, bool) {
	for _, d := range t.Documents() {
		if d.Path == path {
			return string(d.Body), true
		}
	}
	return "", false
}

func TestTiers(t *testing.T) {
	g, err := sim.NewGroup(sim.Options{Key: testKey(), UAT: true, Standalone: true, Now: newClock().Now})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, group: g, clock: newClock()}
	for role, want := range map[string]m{
		"development": {"tierDisplayName": "development", "upperTierDisplayName": "uat", "lowerTierDisplayName": nil},
		"uat":         {"tierDisplayName": "uat", "upperTierDisplayName": "staging", "lowerTierDisplayName": "development"},
		"production":  {"tierDisplayName": "production", "upperTierDisplayName": nil, "lowerTierDisplayName": "staging"},
		"sandbox":     {"tierDisplayName": "other", "upperTierDisplayName": nil, "lowerTierDisplayName": nil},
	} {
		a := w.client(role).want(200, "GET", "/environment/info", nil)
		info, _ := a.object()["promotionTierInfo"].(map[string]any)
		for name, v := range want {
			if info[name] != v {
				t.Errorf("%s: %s is %v, want %v", role, name, info[name], v)
			}
		}
		if want := role != "development" && role != "sandbox"; a.object()["immutable"] != want {
			t.Errorf("%s: immutable is %v", role, a.object()["immutable"])
		}
	}
	box := w.client("sandbox")
	box.want(201, "PUT", alpha+"/scripts/x", script("x", "1"))
	box.refused(400, "Environment has no lower environment", "POST", "/environment/promotion/lock", m{})
	w.client("uat").want(403, "PUT", alpha+"/scripts/x", script("x", "1"))
}

func TestFaultWords(t *testing.T) {
	for text, problem := range map[string]string{
		"latency=50ms": "", "jitter=1s": "", "seed=7": "", "every=10:429:2s": "", "every=3:503": "", "html": "",
		"maintenance": "", "lock-held=false": "", "fail-lock=x y": "", "second-administrator=2": "", "slow-phases=1m": "",
		"no-such": "there is no fault", "latency": "needs a value, as in latency=50ms", "latency=-1s": "negative",
		"every=0:429": "no count", "every=1:99": "no HTTP status", "every=1": "want N:STATUS", "every=1:429:x": "duration",
		"cut-body=x": "invalid syntax", "maintenance=x": "invalid syntax",
	} {
		var f sim.Faults
		err := f.Set(text)
		if problem == "" && err != nil || problem != "" && (err == nil || !strings.Contains(err.Error(), problem)) {
			t.Errorf("%s: %v, want %q", text, err, problem)
		}
	}
	for line := range strings.Lines(sim.FaultHelp()) { // what help shows is understood
		example, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		var f sim.Faults
		if err := f.Set(example); err != nil {
			t.Error(err)
		}
	}
}

func FuzzFaultWords(f *testing.F) {
	f.Add("every=10:429:2s")
	f.Fuzz(func(_ *testing.T, text string) { _ = new(sim.Faults).Set(text) })
}

func TestMoreFaults(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.login()
	path := alpha + "/scripts/s"
	w.dev.want(201, "PUT", path, script("s", "1"))

	w.dev.tenant.SetFaults(sim.Faults{CutBodyEvery: 2})
	w.dev.want(200, "GET", path, nil)
	if a, err := w.dev.send("GET", path, nil); err == nil {
		t.Errorf("half an answer came through: %s", a.text)
	}
	w.dev.tenant.SetFaults(sim.Faults{Every: []sim.Every{{N: 2, Status: 429, RetryAfter: 2 * time.Second}, {N: 3, Status: 503}}})
	var got []int
	for range 6 {
		a := w.dev.do("GET", path, nil)
		got = append(got, a.status)
		if a.status == 429 && a.header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
	}
	if !slices.Equal(got, []int{200, 429, 503, 429, 200, 429}) {
		t.Errorf("statuses %v", got)
	}

	// What a client read is not what is there any more.
	w.dev.tenant.SetFaults(sim.Faults{SecondAdministrator: 1})
	w.dev.want(201, "PUT", nodes+"MessageNode/e", m{})
	read := w.dev.want(201, "PUT", trees+"t", tree("e", m{"e": "MessageNode"}))
	w.dev.want(200, "GET", trees+"t", nil)
	w.dev.want(412, "PUT", trees+"t", tree("e", m{"e": "MessageNode"}), "If-Match", read.header.Get("ETag"))
	w.dev.tenant.Heal()
	if now := w.dev.want(200, "GET", trees+"t", nil); !strings.HasPrefix(now.str("description"), "Edited by a second administrator") {
		t.Errorf("after the second administrator: %s", now.text)
	}

	w.stage.tenant.SetFaults(sim.Faults{LockHeld: true})
	if a := w.stage.want(409, "POST", "/environment/promotion/lock", m{}); !strings.HasPrefix(a.str("message"), "Environment is already locked for promotion ") {
		t.Errorf("held lock: %s", a.text)
	}
	w.dev.want(403, "PUT", variables+"esv-x", m{"valueBase64": b64("1"), "expressionType": "int"})
	w.stage.tenant.Heal()
	w.dev.want(200, "PUT", variables+"esv-x", m{"valueBase64": b64("1"), "expressionType": "int"})
}

// The same faults and requests give the same waits.
func TestJitterIsDrawnFromTheSeed(t *testing.T) {
	waits := func(seed uint64) []time.Duration {
		var mu = newClock()
		var slept []time.Duration
		w := newWorld(t, sim.Options{Sleep: sleeper(&mu.mu, &slept)})
		w.dev.login()
		w.dev.tenant.SetFaults(sim.Faults{Latency: time.Second, Jitter: time.Second, Seed: seed})
		for range 5 {
			w.dev.want(200, "GET", "/environment/startup", nil)
		}
		return slept
	}
	a, b, other := waits(1), waits(1), waits(2)
	if !slices.Equal(a, b) || slices.Equal(a, other) || len(a) != 5 {
		t.Errorf("%v, %v, %v", a, b, other)
	}
	for _, d := range a {
		if d < time.Second || d >= 2*time.Second {
			t.Errorf("waited %s", d)
		}
	}
}

func TestAdmin(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.want(200, "GET", alpha+"/scripts?_queryFilter=true", nil)
	w.dev.want(404, "GET", alpha+"/scripts/a", nil)
	w.dev.want(404, "GET", alpha+"/scripts/b", nil)
	w.dev.want(501, "GET", "/no-such", nil)
	server := httptest.NewServer(w.group.Admin())
	t.Cleanup(server.Close)
	admin := &client{t: t, base: server.URL, group: w.group, clock: w.clock, token: "none"}

	counts := admin.want(200, "GET", "/tenants/development/counts", nil)
	for _, want := range []string{`"GET /am/json/{realm}/scripts?_queryFilter"`, `"GET /am/json/{realm}/scripts/{id}"`, `"404": 2`, `"requests": 2`} {
		if !strings.Contains(counts.text, want) {
			t.Errorf("%s is missing in %s", want, counts.text)
		}
	}
	if a := admin.want(200, "GET", "/tenants/development/requests?unknown=true", nil); !strings.Contains(a.text, "/no-such") || strings.Contains(a.text, "scripts") {
		t.Errorf("unknown: %s", a.text)
	}
	if a := admin.want(200, "GET", "/tenants", nil); !strings.Contains(a.text, `"production"`) || !strings.Contains(a.text, `"unknown": 1`) {
		t.Errorf("tenants: %s", a.text)
	}
	admin.want(200, "PUT", "/tenants/development/faults", []string{"every=1:503:3s"})
	if a := w.dev.do("GET", alpha+"/scripts/a", nil); a.status != 503 || a.header.Get("Retry-After") != "3" {
		t.Errorf("fault: %d", a.status)
	}
	if a := admin.want(200, "GET", "/tenants/development/faults", nil); !strings.Contains(a.text, "every=1:503:3s") {
		t.Errorf("faults: %s", a.text)
	}
	admin.want(400, "PUT", "/tenants/development/faults", []string{"no-such"})
	admin.want(400, "PUT", "/tenants/development/faults", "{")
	admin.want(200, "DELETE", "/tenants/development/faults", nil)
	w.dev.want(404, "GET", alpha+"/scripts/a", nil)
	admin.want(200, "POST", "/tenants/staging/unblock", nil)
	admin.want(404, "GET", "/tenants/nobody/faults", nil)
	if a := admin.want(200, "GET", "/faults", nil); !strings.Contains(a.text, "latency=50ms") {
		t.Errorf("help: %s", a.text)
	}
	// A page in a browser, by a name that was made to lead here, or by a script of another origin.
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Host = "evil.example" },
		func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
		func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" },
	} {
		r := httptest.NewRequest("GET", "http://localhost/tenants", nil)
		r.RemoteAddr = "127.0.0.1:1"
		change(r)
		rec := httptest.NewRecorder()
		w.group.Admin().ServeHTTP(rec, r)
		if rec.Code != http.StatusForbidden {
			t.Errorf("%s %s: %d", r.RemoteAddr, r.Host, rec.Code)
		}
	}
}
