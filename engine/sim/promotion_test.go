package sim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

const promotion = "/environment/promotion/"

// lock locks the pair a tenant is the upper of, and gives the promotion's id.
func (c *client) lock() string {
	c.t.Helper()
	a := c.want(202, "POST", promotion+"lock", m{})
	if a.str("result") != "locking" {
		c.t.Fatalf("lock: %s", a.text)
	}
	c.until("lock/state", "result", "locked")
	return a.str("promotionId")
}

// until polls and gives what the member was on the way, each value once.
func (c *client) until(call, member, want string) []string {
	c.t.Helper()
	var seen []string
	for range 8 {
		a := c.want(200, "GET", promotion+call, nil)
		if v := a.str(member); !slices.Contains(seen, v) {
			seen = append(seen, v)
		}
		if a.str(member) == want {
			return seen
		}
	}
	c.t.Fatalf("%s never became %s: %v", member, want, seen)
	return nil
}

func (c *client) unlock(id string) {
	c.t.Helper()
	c.want(202, "DELETE", promotion+"lock/"+id, nil)
	c.until("lock/state", "result", "unlocked")
}

// promote runs to the end and gives the messages on the way.
func (c *client) promote(body m) (last answer, messages []string) {
	c.t.Helper()
	c.want(202, "POST", promotion+"promote", body)
	for range 8 {
		last = c.want(200, "GET", promotion+"promote", nil)
		messages = append(messages, last.str("message"))
		if last.str("status") != "RUNNING" {
			return last, messages
		}
	}
	c.t.Fatalf("the promotion does not end: %v", messages)
	return last, nil
}

// fill writes a small configuration into development.
func (w *world) fill() {
	w.dev.want(201, "PUT", alpha+"/scripts/s", script("S", "1"))
	w.dev.want(201, "PUT", nodes+"ScriptedDecisionNode/n", m{"script": "s", "outcomes": []any{"true"}})
	w.dev.want(201, "PUT", trees+"Login", tree("n", m{"n": "ScriptedDecisionNode"}))
	w.dev.want(201, "PUT", "/openidm/config/emailTemplate/forgot", m{"displayName": "Forgotten Username"})
	w.dev.want(201, "PUT", alpha+"/realm-config/agents/OAuth2Client/c", m{})
}

func TestPromotion(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.fill()
	w.stage.seed(alpha+"/scripts/old", m{"_id": "old", "name": "Old"})
	w.stage.want(200, "PUT", variables+"esv-x", m{"valueBase64": b64("1"), "expressionType": "int"})
	w.dev.want(400, "POST", promotion+"lock", m{})

	unlocked := w.stage.want(200, "GET", promotion+"lock/state", nil)
	if !sameJSON(unlocked.body, m{"description": "Environment unlocked", "result": "unlocked",
		"lowerEnv": m{"state": "unlocked"}, "upperEnv": m{"state": "unlocked"}}) {
		t.Errorf("unlocked: %s", unlocked.text)
	}
	w.stage.refused(409, "Environment is not in locked state", "POST", promotion+"promote", m{"dryRun": true})
	started := w.stage.want(202, "POST", promotion+"lock", nil)
	id := started.str("promotionId")
	w.stage.refused(409, "Environment is already locked for promotion "+id, "POST", promotion+"lock", nil)
	w.prod.refused(409, "Environment is already locked for promotion "+id, "POST", promotion+"lock", nil)
	w.stage.want(409, "DELETE", promotion+"lock/"+id, nil) // not while locking
	if seen := w.stage.until("lock/state", "result", "locked"); !slices.Equal(seen, []string{"locking", "locked"}) {
		t.Errorf("lock went through %v", seen)
	}
	state := w.stage.want(200, "GET", promotion+"lock/state", nil)
	side := m{"promotionId": id, "state": "locked"}
	if !sameJSON(state.body, m{"description": "Environment locked", "result": "locked", "promotionId": id, "lowerEnv": side, "upperEnv": side}) {
		t.Errorf("locked: %s", state.text)
	}
	if a := w.stage.want(200, "GET", promotion+"lock/state?localLockOnly=true", nil); a.object()["lowerEnv"] != nil {
		t.Errorf("local: %s", a.text)
	}
	ready := w.stage.want(200, "GET", promotion+"promote", nil)
	if !sameJSON(ready.body, m{"status": "READY", "message": "Environment ready for promotion", "blockingError": false,
		"globalLock": "LOCKED", "promotionId": id, "timeStamp": "2026-07-13T09:00:00Z"}) {
		t.Errorf("ready: %s", ready.text)
	}
	w.stage.want(400, "POST", promotion+"promote", m{})

	before := w.stage.tenant.DocumentsWithSecrets()
	end, messages := w.stage.promote(m{"dryRun": true, "promoter": "Barb"})
	if !slices.Equal(messages, []string{"Prepare config", "Promote configuration", "Promotion completed"}) || end.str("status") != "READY" {
		t.Errorf("dry run: %v %s", messages, end.text)
	}
	if !sameJSON(before, w.stage.tenant.DocumentsWithSecrets()) {
		t.Error("a dry run changed the tenant")
	}
	dry := w.stage.want(200, "GET", promotion+"report", nil)

	end, messages = w.stage.promote(m{"dryRun": false})
	if !slices.Equal(messages, []string{"Prepare config", "Promote configuration", "Waiting for workloads to restart", "Promotion completed"}) {
		t.Errorf("promotion: %v %s", messages, end.text)
	}
	w.stage.refused(409, "Environment is already locked for promotion "+id, "DELETE", promotion+"lock/other", nil)
	w.stage.unlock(id)
	if a := w.stage.want(200, "DELETE", promotion+"lock/"+id, nil); a.str("result") != "unlocked" {
		t.Errorf("second unlock: %s", a.text)
	}

	w.stage.want(200, "GET", trees+"Login", nil)
	w.stage.want(200, "GET", "/openidm/config/emailTemplate/forgot", nil)
	w.stage.want(404, "GET", alpha+"/scripts/old", nil)
	w.stage.want(404, "GET", alpha+"/realm-config/agents/OAuth2Client/c", nil) // dynamic
	if a := w.stage.want(200, "GET", variables+"esv-x", nil); a.object()["loaded"] != true {
		t.Error("the promotion's restart did not load ESVs")
	}
	if a := w.stage.want(200, "GET", "/environment/info", nil); a.object()["config_promotion_done"] != true || a.object()["locked"] != false {
		t.Errorf("info: %s", a.text)
	}
	if w.stage.tenant.PromoteCalls() != 1 || w.stage.tenant.DryRuns() != 2 {
		t.Errorf("%d promotions, %d dry runs", w.stage.tenant.PromoteCalls(), w.stage.tenant.DryRuns())
	}

	w.checkReports(dry.str("reportId"))
}

// checkReports looks at what TestPromotion's dry run and promotion reported.
func (w *world) checkReports(dry string) {
	t := w.t
	t.Helper()
	report := w.stage.want(200, "GET", promotion+"report", nil)
	for _, part := range []string{`"configItem":"Journeys"`, `"configItem":"Email > Templates"`, `"Forgotten Username"`,
		`"deleted":[{"name":"Old","realm":"/alpha","uid":"old"}]`, `"dryRun":false`, `"type":"promotion"`} {
		if !strings.Contains(report.text, part) {
			t.Errorf("report has no %s: %s", part, report.text)
		}
	}
	list := w.stage.want(200, "GET", promotion+"reports", nil)
	heads, _ := list.body.([]any)
	if len(heads) != 2 || heads[0].(map[string]any)["dryRun"] != true || heads[0].(map[string]any)["promoter"] != "Barb" {
		t.Errorf("reports: %s", list.text)
	}
	if a := w.stage.want(200, "GET", promotion+"report/"+dry, nil); a.object()["dryRun"] != true {
		t.Errorf("first report: %s", a.text)
	}
	w.stage.want(404, "GET", promotion+"report/none", nil)
	w.prod.want(404, "GET", promotion+"report", nil)
}

func TestPromotionOnward(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.fill()
	for _, upper := range []*client{w.stage, w.prod} {
		id := upper.lock()
		if end, _ := upper.promote(m{"dryRun": false, "unlockEnvironmentsAfterPromotion": true}); end.str("message") != "Promotion completed" {
			t.Fatalf("promotion: %s", end.text)
		}
		if seen := upper.until("lock/state", "result", "unlocked"); seen[0] != "unlocking" {
			t.Errorf("unlock after promotion went through %v (%s)", seen, id)
		}
	}
	w.prod.want(200, "GET", trees+"Login", nil)
	w.stage.lock()
	if end, messages := w.stage.promote(m{"dryRun": false}); end.str("message") != "Promotion completed (no change)" {
		t.Errorf("nothing to promote: %v", messages)
	}
}

func TestMissingESVs(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.fill()
	w.dev.want(201, "PUT", "/openidm/config/external.email", m{
		"from": `"Us" <&{esv.email.from}>`,
		"host": "&{fqdn}", // the platform's own
		"port": m{"$int": "&{esv.port|465}"},
		"deep": []any{m{"a": "&{esv.outer|&{esv.inner}}"}, "&{esv.set.by-secret}", "&{esv.not closed"},
	})
	w.dev.want(200, "PUT", alpha+"/scripts/s", script("S", `
		systemEnv.getProperty("esv.in.script"); systemEnv.getProperty(name);
		identityServer.getProperty('esv.with.default', 'x'); identityServer . getProperty( 'esv.idm' );`))
	w.dev.want(201, "PUT", "/openidm/config/endpoint/e", m{"source": `identityServer.getProperty("esv.endpoint")`})
	w.stage.want(200, "PUT", secrets+"esv-set-by-secret", m{"valueBase64": b64("1"), "encoding": "generic", "useInPlaceholders": true})

	id := w.stage.lock()
	end, _ := w.stage.promote(m{"dryRun": true})
	want := []any{"email.from", "endpoint", "idm", "in.script", "inner", "set.by-secret"}
	if end.str("status") != "ERROR" || end.str("message") != "Missing ESVs" || end.object()["blockingError"] != false {
		t.Errorf("status: %s", end.text)
	}
	if !sameJSON(end.list("missingESVs"), want) {
		t.Errorf("missing %v, want %v", end.list("missingESVs"), want)
	}
	if a := w.stage.want(200, "GET", promotion+"report", nil); len(a.list("missingESVs")) != len(want) {
		t.Errorf("report: %s", a.text)
	}
	if end, _ := w.stage.promote(m{"dryRun": false}); end.str("status") != "ERROR" {
		t.Errorf("the real promotion passes the check: %s", end.text)
	}
	w.stage.want(404, "GET", trees+"Login", nil)
	w.stage.unlock(id)
	for _, e := range []string{"email-from", "endpoint", "idm", "in_script", "inner"} {
		w.stage.want(200, "PUT", variables+"esv-"+e, m{"valueBase64": b64("1"), "expressionType": "string"})
	}
	w.dev.want(200, "PUT", "/openidm/config/external.email", m{"from": "&{esv.email.from}", "host": "&{esv.set.by.secret}"})
	w.stage.lock()
	if a := w.stage.want(200, "GET", promotion+"promote", nil); a.str("status") != "READY" {
		t.Errorf("the error outlives its lock: %s", a.text)
	}
	if end, _ := w.stage.promote(m{"dryRun": false}); end.str("message") != "Promotion completed" {
		t.Errorf("with the ESVs set: %s", end.text)
	}
}

func TestEncryptedSecrets(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.fill()
	w.dev.want(201, "PUT", nodes+"PersistentCookieDecisionNode/dd35c42f", m{"hmacSigningKey-encrypted": "AAA", "idleTimeout": 5, "zzz-encrypted": nil})
	w.dev.want(201, "PUT", "/openidm/config/external.email", m{"auth": m{"password": "plain"}})
	w.dev.want(201, "PUT", "/openidm/config/provisioner.openicf/db", m{"configurationProperties": m{"password": m{"$crypto": m{"value": "x"}}}})
	id := w.stage.lock()
	end, _ := w.stage.promote(m{"dryRun": true})
	want := []any{
		"* am/services/realm/root-alpha/persistentcookiedecisionnode/1.0/organizationconfig/default/dd35c42f.json:9",
		"* idm/conf/external.email.json:5",
		"* idm/conf/provisioner.openicf-db.json:5",
	}
	if end.str("message") != "Found encrypted values in the AM/IDM configuration" || !sameJSON(end.list("encryptedSecrets"), want) {
		t.Errorf("got %s\nwant %v", end.text, want)
	}
	end, _ = w.stage.promote(m{"dryRun": false, "ignoreEncryptedSecrets": true}) // without unlocking
	if end.str("message") != "Promotion completed" || end.object()["encryptedSecrets"] != nil {
		t.Errorf("ignored: %s", end.text)
	}
	if a := w.stage.want(200, "GET", promotion+"report", nil); len(a.list("previouslyIgnoredEncryptedSecrets")) != 3 {
		t.Errorf("report: %s", a.text)
	}
	w.stage.unlock(id)
}

func TestLockBlocks(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.fill()
	id := w.stage.lock()
	locked := "Environment is locked for promotion " + id
	for _, c := range []*client{w.dev, w.stage} {
		c.refused(403, locked, "GET", "/environment/variables", nil)
		c.refused(403, locked, "PUT", variables+"esv-a", m{"valueBase64": b64("1"), "expressionType": "int"})
		c.refused(403, locked, "GET", "/environment/secrets", nil)
		c.refused(403, locked, "POST", "/environment/startup?_action=restart", nil)
		c.want(200, "GET", "/environment/startup", nil)
		c.want(200, "GET", alpha+"/scripts?_queryFilter=true", nil)
	}
	w.dev.refused(403, locked, "PUT", alpha+"/scripts/s", script("S", "2"))
	w.dev.refused(403, locked, "PUT", alpha+"/realm-config/agents/OAuth2Client/d", m{}) // development is shut as a whole
	w.stage.want(201, "PUT", alpha+"/realm-config/agents/OAuth2Client/d", m{})
	w.prod.want(200, "PUT", variables+"esv-a", m{"valueBase64": b64("1"), "expressionType": "int"})
	w.stage.unlock(id)
	w.dev.want(200, "PUT", alpha+"/scripts/s", script("S", "2"))
	w.dev.want(200, "GET", "/environment/variables", nil)
}

func TestPromotionFailures(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.fill()
	w.stage.tenant.SetFaults(sim.Faults{Maintenance: true})
	w.stage.refused(409, "Environment is locked by ForgeRock for maintenance. Retry later.", "POST", promotion+"lock", nil)

	w.stage.tenant.SetFaults(sim.Faults{FailLock: "the proxy did not answer"})
	failed := w.stage.want(202, "POST", promotion+"lock", nil)
	w.stage.until("lock/state", "result", "error")
	if a := w.stage.want(200, "GET", promotion+"lock/state", nil); a.str("description") != "the proxy did not answer" {
		t.Errorf("failed lock: %s", a.text)
	}
	w.stage.unlock(failed.str("promotionId"))

	w.stage.tenant.SetFaults(sim.Faults{FailPromotion: true})
	id := w.stage.lock()
	if end, _ := w.stage.promote(m{"dryRun": true}); end.str("status") != "READY" {
		t.Errorf("dry run: %s", end.text)
	}
	end, _ := w.stage.promote(m{"dryRun": false})
	if end.str("message") != "Failed to promote config" || end.object()["blockingError"] != true {
		t.Errorf("failure: %s", end.text)
	}
	w.stage.refused(409, "Environment is blocked from a previous failed promotion", "POST", promotion+"promote", m{"dryRun": false})
	w.stage.tenant.Unblock()
	w.stage.want(202, "POST", promotion+"promote", m{"dryRun": false})
	w.stage.refused(409, "A promotion or rollback is already running", "POST", promotion+"promote", m{"dryRun": true})
	w.stage.want(409, "DELETE", promotion+"lock/"+id, nil)
	w.stage.until("promote", "status", "READY")
	w.stage.unlock(id)
}

func TestRollback(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.fill()
	w.stage.seed(alpha+"/scripts/old", m{"_id": "old", "name": "Old"})
	provisional := w.dev.want(200, "GET", promotion+"report/provisional", nil)
	if !strings.Contains(provisional.text, `"Login"`) {
		t.Errorf("provisional: %s", provisional.text)
	}
	before := w.stage.tenant.Documents()
	id := w.stage.lock()
	w.stage.want(409, "POST", promotion+"rollback", m{})
	w.stage.promote(m{"dryRun": false})
	undo := w.stage.want(200, "GET", promotion+"report/provisional-rollback", nil)
	if !strings.Contains(undo.text, `"added":[{"name":"Old"`) || undo.str("type") != "rollback" {
		t.Errorf("provisional rollback: %s", undo.text)
	}
	w.stage.want(202, "POST", promotion+"rollback", m{"promoter": "Barb"})
	if seen := w.stage.until("promote", "message", "Rollback completed"); len(seen) != 4 {
		t.Errorf("rollback went through %v", seen)
	}
	w.stage.unlock(id)
	if !sameJSON(before, w.stage.tenant.Documents()) {
		t.Error("the rollback did not bring back what was there")
	}
	if a := w.dev.want(200, "GET", promotion+"report/provisional", nil); !strings.Contains(a.text, `"Login"`) {
		t.Errorf("provisional after the rollback: %s", a.text)
	}
}

func TestPromotionTakesTime(t *testing.T) {
	w := newWorld(t, sim.Options{LockDuration: time.Minute, PhaseDuration: 10 * time.Minute})
	w.fill()
	id := w.stage.want(202, "POST", promotion+"lock", nil).str("promotionId")
	show := func(c *client, call, member, want string) {
		t.Helper()
		if c.token != "" {
			c.login()
		}
		for range 3 { // polls don't hurry it
			if got := c.want(200, "GET", promotion+call, nil).str(member); got != want {
				t.Fatalf("%s is %q, want %q", member, got, want)
			}
		}
	}
	show(w.stage, "lock/state", "result", "locking")
	w.clock.pass(time.Minute)
	show(w.stage, "lock/state", "result", "locked")
	w.stage.want(202, "POST", promotion+"promote", m{"dryRun": false})
	for _, message := range []string{"Prepare config", "Promote configuration", "Waiting for workloads to restart", "Promotion completed"} {
		show(w.stage, "promote", "message", message)
		w.clock.pass(10 * time.Minute)
	}
	w.stage.login()
	w.stage.want(202, "DELETE", promotion+"lock/"+id, nil)
	w.clock.pass(time.Hour) // nobody polls, and it is unlocked all the same
	w.dev.login()
	w.dev.want(200, "GET", "/environment/variables", nil)
}

func TestCutsAndCrashes(t *testing.T) {
	w := newWorld(t, sim.Options{})
	put := func(n int) error {
		_, err := w.dev.send("PUT", fmt.Sprintf("/openidm/config/x%d", n), m{"n": n})
		return err
	}
	there := func(n int) bool { return w.dev.do("GET", fmt.Sprintf("/openidm/config/x%d", n), nil).status == 200 }
	w.dev.login()

	w.dev.tenant.SetFaults(sim.Faults{CutBeforeWrite: 2})
	if put(1) != nil || put(2) == nil || put(3) != nil {
		t.Error("not the second write was cut")
	}
	if !there(1) || there(2) || !there(3) || w.dev.tenant.Writes() != 2 {
		t.Errorf("a write that was cut before was carried out (%d writes)", w.dev.tenant.Writes())
	}
	w.dev.tenant.SetFaults(sim.Faults{CutAfterWrite: 1})
	if put(4) == nil || !there(4) || w.dev.tenant.Writes() != 3 {
		t.Error("a write that was cut after must be carried out and not answered")
	}
	w.dev.tenant.SetFaults(sim.Faults{CrashAfterWrite: 2})
	if put(5) != nil || put(6) != nil {
		t.Error("the writes up to the crash are answered")
	}
	if !w.dev.tenant.Crashed() || put(7) == nil {
		t.Error("the tenant lives after its crash")
	}
	if _, err := w.dev.send("GET", "/openidm/config/x5", nil); err == nil {
		t.Error("a crashed tenant answers")
	}
	w.dev.tenant.Heal()
	if a := w.dev.do("GET", "/openidm/config/x5", nil); a.status != 401 {
		t.Errorf("tokens outlive a crash: %d", a.status)
	}
	w.dev.login()
	if !there(5) || !there(6) || there(7) {
		t.Error("the state at the crash is lost")
	}
	cut := 0
	for _, r := range w.dev.tenant.Requests() {
		if r.Status == 0 {
			cut++
		}
	}
	if cut != 4 {
		t.Errorf("the log has %d requests without an answer, want 4", cut)
	}
}

func TestAnsweredFaults(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.dev.login()
	ask := func() answer { return w.dev.do("GET", "/openidm/config/managed", nil) }
	w.dev.tenant.SetFaults(sim.Faults{EveryNth: 3, Status: 429, RetryAfter: 1500 * time.Millisecond})
	for n := 1; n <= 6; n++ {
		a := ask()
		if (a.status == 429) != (n%3 == 0) {
			t.Errorf("request %d: %d", n, a.status)
		}
		if a.status == 429 && a.header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After: %q", a.header.Get("Retry-After"))
		}
	}
	w.dev.tenant.SetFaults(sim.Faults{EveryNth: 1, HTML: true})
	if a := ask(); a.status != 503 || !strings.Contains(a.text, "<title>503</title>") {
		t.Errorf("HTML: %d %s", a.status, a.text)
	}
	w.dev.tenant.SetFaults(sim.Faults{EveryNth: 1, Status: 401, Only: func(method, _ string) bool { return method == "PUT" }})
	if a := ask(); a.status != 404 {
		t.Errorf("Only: %d", a.status)
	}
	if a := w.dev.do("PUT", "/openidm/config/managed", m{}); a.status != 401 || a.str("message") != "Access Denied" {
		t.Errorf("401: %d %s", a.status, a.text)
	}
	w.dev.tenant.Heal()
	if a := ask(); a.status != 404 {
		t.Errorf("healed: %d; a refused write was carried out", a.status)
	}
	w.dev.tenant.SetFaults(sim.Faults{ReloadWindow: time.Second})
	w.dev.want(201, "PUT", "/openidm/config/access", m{})
	w.dev.refused(401, "Access Denied", "GET", "/openidm/config/access", nil)
	w.dev.want(200, "GET", alpha+"/scripts?_queryFilter=true", nil) // AM doesn't reload
	w.clock.pass(time.Second)
	w.dev.want(200, "GET", "/openidm/config/access", nil)
}

func TestLatency(t *testing.T) {
	var slept []time.Duration
	var mu sync.Mutex
	w := newWorld(t, sim.Options{Faults: sim.Faults{Latency: 3 * time.Second}, Sleep: sleeper(&mu, &slept)})
	w.dev.want(200, "GET", "/am/json/serverinfo/*", nil)
	mu.Lock()
	defer mu.Unlock()
	if len(slept) != 2 || slept[0] != 3*time.Second { // the login, and the request
		t.Errorf("slept %v", slept)
	}
}

// TestConcurrent is for the race detector: readers, writers, promotion and seeds.
func TestConcurrent(t *testing.T) {
	w := newWorld(t, sim.Options{})
	w.fill()
	w.stage.login()
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			for i := range 5 {
				path := fmt.Sprintf("/openidm/config/c%d-%d", n, i)
				if _, err := w.dev.send("PUT", path, m{"n": n}); err != nil {
					t.Error(err)
				}
				if _, err := w.stage.send("GET", promotion+"lock/state", nil); err != nil {
					t.Error(err)
				}
				if err := w.prod.tenant.Seed([]sim.Document{{Path: path, Body: json.RawMessage(`{}`)}}); err != nil {
					t.Error(err)
				}
				w.dev.tenant.Documents()
			}
		})
	}
	group.Wait()
	if got := w.dev.tenant.Writes(); got != 5+40 {
		t.Errorf("%d writes, want 45", got)
	}
}
