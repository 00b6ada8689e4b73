package tenant

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/schema"
)

func TestSecretPrintsStars(t *testing.T) {
	in := SecretInput{Value: []byte("hunter2"), Description: "hunter2"}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", in)
	for _, s := range []string{
		fmt.Sprint(in), fmt.Sprintf("%v %+v %#v %s %q %x", in, in, in, in, in, in), fmt.Sprintf("%+v", struct{ S SecretInput }{in}),
		fmt.Sprint(&in), string(b), log.String(),
	} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, "68756e74657232") || strings.Contains(s, "104 117") || !strings.Contains(s, "***") {
			t.Errorf("prints %s", s)
		}
	}
}

func TestPutSecret(t *testing.T) {
	_, c := simulated(t, sim.Options{})
	in := SecretInput{Value: []byte("one"), Encoding: "generic", UseInPlaceholders: true, Description: "first"}
	for i, tt := range []struct {
		change  func()
		created bool
		err     string
		version string
	}{
		{func() {}, true, "", "1"},
		{func() {}, false, "", "1"}, // the tenant knows its own value
		{func() { in.Value = []byte("two") }, true, "", "2"},
		{func() { in.Description = "second" }, false, "", "2"},
		{func() { in.Value, in.Description = nil, "third" }, false, "", "2"},
		{func() { in.Encoding = "pem" }, false, "fixed when a secret is created", "2"},
		{func() { in.Encoding, in.UseInPlaceholders = "", false }, false, "useInPlaceholders", "2"},
	} {
		tt.change()
		created, err := c.PutSecret(t.Context(), "esv-key", in)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) || created != tt.created {
			t.Errorf("step %d: created %t, %v", i, created, err)
		}
		all, err := c.Secrets(t.Context())
		if err != nil || len(all) != 1 || all[0].ActiveVersion != tt.version || tt.err == "" && all[0].Description != in.Description {
			t.Errorf("step %d: %+v, %v", i, all, err)
		}
	}
	if _, err := c.PutSecret(t.Context(), "esv-other", SecretInput{}); err == nil || !strings.Contains(err.Error(), "no value") {
		t.Errorf("error %v", err)
	}
}

// Somebody else creates the secret between the look and the write.
func TestPutSecretRace(t *testing.T) {
	there, posts := false, 0
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == "PUT":
			there = true
			answer(w, 400, `{"code":400,"message":"Failed to create secret, the secret already exists"}`)
		case r.Method == "POST":
			posts++
			answer(w, 200, `{"version":"2"}`)
		case there:
			answer(w, 200, `{"_id":"esv-key","encoding":"generic","activeVersion":"1"}`)
		default:
			answer(w, 404, `{"code":404,"message":"The secret does not exist or does not have a version"}`)
		}
	})
	if created, err := c.PutSecret(t.Context(), "esv-key", SecretInput{Value: []byte("x")}); !created || err != nil || posts != 1 {
		t.Errorf("%t, %v, %d versions", created, err, posts)
	}
}

// The tenant's validator repeats what it doesn't like.
func TestValuesStayOutOfErrors(t *testing.T) {
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			w.WriteHeader(404)
			return
		}
		b, _ := io.ReadAll(r.Body)
		var body struct{ ValueBase64 string }
		_ = json.Unmarshal(b, &body)
		value, _ := schema.DecodeBase64(body.ValueBase64)
		answer(w, 400, mustJSON(t, map[string]any{"code": 400, "message": "bad value " + value + " (" + body.ValueBase64 + ")"}))
	})
	value := "hunter2-\"quoted\""
	coded := schema.EncodeBase64(value)
	_, errSecret := c.PutSecret(t.Context(), "esv-key", SecretInput{Value: []byte(value)})
	errVariable := c.PutVariable(t.Context(), "esv-key", VariableInput{Value: []byte(value), ExpressionType: "string"})
	_, errPut := c.Put(t.Context(), resource(t, "variable", "", "esv-key", `{"expressionType":"string","valueBase64":"`+coded+`"}`), nil)
	for name, err := range map[string]error{"secret": errSecret, "variable": errVariable, "put": errPut} {
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), coded) || !strings.Contains(err.Error(), "bad value ***") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVariables(t *testing.T) {
	tn, c := simulated(t, sim.Options{})
	for _, id := range []string{"esv-b", "esv-a"} {
		if err := c.PutVariable(t.Context(), id, VariableInput{Value: []byte("5"), ExpressionType: "int"}); err != nil {
			t.Fatal(err)
		}
	}
	k := schema.Key{Type: "variable", ID: "esv-a"}
	if err := c.SetDescription(t.Context(), k, "new"); err != nil {
		t.Error(err)
	}
	if err := c.SetDescription(t.Context(), schema.Key{Type: "script", Realm: "alpha", ID: "x"}, "new"); err == nil {
		t.Error("a script has no description of its own")
	}
	all, err := c.Variables(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != "esv-a" || all[0].Description != "new" || all[0].Loaded || all[0].ValueBase64 != "NQ==" || all[1].ExpressionType != "int" {
		t.Errorf("%+v, %v", all, err)
	}
	before := tn.Writes()
	if pending, err := c.RestartPending(t.Context()); !pending || err != nil || tn.Writes() != before {
		t.Errorf("pending %t, %v", pending, err)
	}
	if err := c.PutVariable(t.Context(), "esv-c", VariableInput{Value: []byte("5")}); StatusOf(err) != 400 {
		t.Errorf("a variable of no type: %v", err)
	}
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tn, c := simulated(t, sim.Options{RestartDuration: 107 * time.Second})
		if err := c.PutVariable(t.Context(), "esv-a", VariableInput{Value: []byte("5"), ExpressionType: "int"}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var seen []string
		err := c.Restart(t.Context(), func(status string, elapsed time.Duration) {
			seen = append(seen, status)
			if elapsed != time.Since(start) {
				t.Errorf("elapsed %s after %s", elapsed, time.Since(start))
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 110*time.Second || len(seen) != 23 || seen[0] != Restarting || seen[22] != Ready {
			t.Errorf("took %s, saw %q", took, seen)
		}
		if pending, err := c.RestartPending(t.Context()); pending || err != nil {
			t.Errorf("still pending: %v", err)
		}
		posts := 0
		for _, r := range tn.Requests() {
			if r.Method == "POST" && r.Path == startupPath {
				posts++
			}
		}
		if posts != 1 {
			t.Errorf("%d restarts", posts)
		}
	})
}

// startup is a tenant's restart, driven by hand.
type startup struct {
	posts   int
	until   time.Time
	pending bool
	post    func(w http.ResponseWriter) bool // answers in place of the tenant
	get     func(w http.ResponseWriter) bool
}

func (s *startup) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == variablesPath:
		answer(w, 200, fmt.Sprintf(`{"result":[{"_id":"esv-a","loaded":%t}]}`, !s.pending))
	case r.URL.Path == secretsPath:
		answer(w, 200, `{"result":[]}`)
	case r.Method == "POST":
		s.posts++
		s.pending, s.until = false, time.Now().Add(time.Minute)
		if s.post == nil || !s.post(w) {
			answer(w, 200, `{"restartStatus":"restarting"}`)
		}
	case s.get != nil && s.get(w):
	case time.Now().Before(s.until):
		answer(w, 200, `{"restartStatus":"restarting"}`)
	default:
		answer(w, 200, `{"restartStatus":"ready"}`)
	}
}

func TestRestartWhileRestarting(t *testing.T) {
	for _, pending := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &startup{until: time.Now().Add(30 * time.Second), pending: pending}
			c := withHandler(t, s.ServeHTTP)
			start := time.Now()
			err := c.Restart(t.Context(), nil)
			posts, took := 0, 30*time.Second
			if pending { // it was changed after the first restart began
				posts, took = 1, 90*time.Second
			}
			if err != nil || s.posts != posts || time.Since(start) != took {
				t.Errorf("pending %t: %v, %d restarts in %s", pending, err, s.posts, time.Since(start))
			}
		})
	}
}

func TestRestartAnswerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &startup{post: func(http.ResponseWriter) bool { panic(http.ErrAbortHandler) }}
		if err := withHandler(t, s.ServeHTTP).Restart(t.Context(), nil); err != nil || s.posts != 1 {
			t.Errorf("%v, %d restarts", err, s.posts)
		}
		s = &startup{}
		s.post = func(w http.ResponseWriter) bool {
			s.until = time.Time{} // nothing came of it
			answer(w, 500, `{"code":500,"message":"no"}`)
			return true
		}
		if err := withHandler(t, s.ServeHTTP).Restart(t.Context(), nil); StatusOf(err) != 500 || s.posts != 1 {
			t.Errorf("%v, %d restarts", err, s.posts)
		}
	})
}

func TestRestartPolling(t *testing.T) {
	for name, tt := range map[string]struct {
		errors int
		err    string
	}{"two errors": {2, ""}, "three errors": {3, "can't be read"}, "never ready": {-1, "still restarting after 30m"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, gets := &startup{}, 0
				s.get = func(w http.ResponseWriter) bool {
					gets++
					switch {
					case s.posts == 0:
						return false
					case tt.errors < 0:
						answer(w, 200, `{"restartStatus":"restarting"}`)
						return true
					case gets-1 <= tt.errors:
						w.WriteHeader(500)
						return true
					}
					return false
				}
				err := withHandler(t, s.ServeHTTP).Restart(t.Context(), nil)
				if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
			})
		})
	}
}

func TestInfo(t *testing.T) {
	g := group(t, sim.Options{})
	for role, immutable := range map[string]bool{"development": false, "production": true} {
		i, err := of(t, g, role).Info(t.Context())
		if err != nil || i.Immutable != immutable || i.Tier == "" {
			t.Errorf("%s: %+v, %v", role, i, err)
		}
	}
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, `{"tier":"other","immutable":false,"locked":true,"promotionTierInfo":{"tierDisplayName":"Sandbox","upperTierDisplayName":null,"lowerTierDisplayName":null}}`)
	})
	if i, err := c.Info(t.Context()); err != nil || !i.Locked || i.Promotion.Tier != "Sandbox" || i.Promotion.Upper != "" {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestPromotion(t *testing.T) { synctest.Test(t, promoteOnce) }

func promoteOnce(t *testing.T) {
	g := group(t, sim.Options{})
	dev, staging := g.Tenant("development"), of(t, g, "staging")
	seed(t, dev, []schema.Document{
		document(t, "/openidm/config/external.email", `{"_id":"external.email","from":"&{esv.email.from}"}`),
	})
	ctx := t.Context()
	if l, err := staging.LockState(ctx); err != nil || !l.Unlocked() || l.Locked() {
		t.Fatalf("%+v, %v", l, err)
	}
	begun, err := staging.Lock(ctx)
	if err != nil || begun.PromotionID == "" || begun.Locked() {
		t.Fatalf("%+v, %v", begun, err)
	}
	awaitLock(t, staging, LockResult.Locked)
	_, err = staging.Lock(ctx)
	if !IsLocked(err) || LockedBy(err) != begun.PromotionID {
		t.Errorf("a second lock: %v, held by %q", err, LockedBy(err))
	}
	if err := staging.Promote(ctx, PromoteRequest{DryRun: true, Promoter: "me"}); err != nil {
		t.Fatal(err)
	}
	s := awaitPromotion(t, staging)
	if s.Status != PromotionError || s.BlockingError || !slices.Equal(s.MissingESVs, []string{"email.from"}) {
		t.Errorf("dry run: %+v", s)
	}
	if len(s.MissingESVs) == 1 && ESVName(s.MissingESVs[0]) != "esv-email-from" {
		t.Errorf("ESVName(%q) = %q", s.MissingESVs[0], ESVName(s.MissingESVs[0]))
	}
	if _, err := staging.Unlock(ctx, begun.PromotionID); err != nil {
		t.Fatal(err)
	}
	awaitLock(t, staging, LockResult.Unlocked)
	if err := staging.PutVariable(ctx, "esv-email-from", VariableInput{Value: []byte("a@b.example"), ExpressionType: "string"}); err != nil {
		t.Fatal(err)
	}
	if err := staging.Restart(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if begun, err = staging.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	awaitLock(t, staging, LockResult.Locked)
	if err := staging.Promote(ctx, PromoteRequest{}); err != nil {
		t.Fatal(err)
	}
	if s := awaitPromotion(t, staging); s.Status != PromotionReady {
		t.Errorf("promotion: %+v", s)
	}
	checkReports(t, staging)
	if err := staging.RollbackPromotion(ctx, RollbackRequest{}); err != nil {
		t.Error(err)
	}
	if s := awaitPromotion(t, staging); s.Status != PromotionReady {
		t.Errorf("rollback: %+v", s)
	}
	if _, err := staging.Unlock(ctx, begun.PromotionID); err != nil {
		t.Error(err)
	}
	awaitLock(t, staging, LockResult.Unlocked)
	if n := g.Tenant("staging").PromoteCalls(); n != 1 {
		t.Errorf("%d promotions", n)
	}
}

func awaitLock(t *testing.T, c *Client, want func(LockResult) bool) {
	t.Helper()
	for range 20 {
		l, err := c.LockState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want(l) {
			return
		}
	}
	t.Fatal("the lock never got there")
}

func awaitPromotion(t *testing.T, c *Client) PromotionStatus {
	t.Helper()
	for range 20 {
		s, err := c.PromotionStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Status != PromotionRunning {
			return s
		}
	}
	t.Fatal("the promotion never ended")
	return PromotionStatus{}
}

func checkReports(t *testing.T, c *Client) {
	t.Helper()
	all, err := c.Reports(t.Context())
	if err != nil || len(all) < 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	last, err := c.Report(t.Context(), "")
	if err != nil || last.DryRun || last.ReportID == "" {
		t.Errorf("%+v, %v", last, err)
	}
	changes := append(slices.Clone(last.Changes.AM), last.Changes.IDM...)
	if len(changes) == 0 {
		t.Error("the report has no change")
	}
	for _, ch := range changes {
		if n := len(ch.Change.Added) + len(ch.Change.Modified) + len(ch.Change.Deleted); ch.Item == "" || n == 0 {
			t.Errorf("change %+v", ch)
		}
	}
	one, err := c.Report(t.Context(), last.ReportID)
	if err != nil || mustJSON(t, one) != mustJSON(t, last) {
		t.Errorf("%+v, %v", one, err)
	}
	for _, id := range []string{Provisional, ProvisionalRollback} {
		if _, err := c.Report(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// What the documents show for older tenants, and what the published API has.
func TestReportShapes(t *testing.T) {
	c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, `{"reportId":"r","report":{"AMConfig":[{"configItem":"Journeys","configChange":{"added":[{"name":"Login","realm":"/alpha","uid":"u"}]}}],
			"IDMConfig":[{"configItem":"Email > Templates","configChange":{"added":["Forgotten Username"]},"type":"single"}]}}`)
	})
	r, err := c.Report(t.Context(), "")
	if err != nil || r.Changes.AM[0].Change.Added[0] != (ReportEntry{"Login", "/alpha", "u"}) || r.Changes.IDM[0].Change.Added[0] != (ReportEntry{Name: "Forgotten Username"}) {
		t.Errorf("%+v, %v", r, err)
	}
}

// A promotion call whose answer is lost must not go out twice.
func TestPromotionIsNeverRepeated(t *testing.T) {
	calls := map[string]func(c *Client) error{
		"lock":     func(c *Client) error { _, err := c.Lock(t.Context()); return err },
		"promote":  func(c *Client) error { return c.Promote(t.Context(), PromoteRequest{}) },
		"rollback": func(c *Client) error { return c.RollbackPromotion(t.Context(), RollbackRequest{}) },
	}
	for name, do := range calls {
		for _, status := range []int{0, 429, 502, 503, 504} {
			n := 0
			c := withHandler(t, func(w http.ResponseWriter, r *http.Request) {
				if n++; status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(status)
			})
			err := do(c)
			var e *Error
			if n != 1 || !errors.As(err, &e) || e.Status != status {
				t.Errorf("%s after %d: sent %d times, %v", name, status, n, err)
			}
		}
	}
}

func TestCheck(t *testing.T) { synctest.Test(t, checkTenants) }

func checkTenants(t *testing.T) {
	names := []string{"url", "token", "scopes", "am", "idm", "esv", "environment", "promotion"}
	g := group(t, sim.Options{})
	staging := func(change ...func(*Config)) *Client { return of(t, g, "staging", change...) }
	for name, tt := range map[string]struct {
		c                *Client
		bad              []string
		skipped          int
		wantText, wanted string
	}{
		"good":    {staging(), nil, 0, "token", "service account"},
		"account": {staging(func(c *Config) { c.ServiceAccount = "nobody" }), []string{"token"}, 6, "token", "token refused"},
		"dead": {staging(func(c *Config) {
			c.Transport = inProcess{http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })}
			c.Retries = -1
		}), []string{"url"}, 7, "url", "no answer from openam-acme-staging.forgeblocks.com"},
		"not a tenant": {staging(func(c *Config) {
			c.Transport = inProcess{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })}
		}), []string{"url"}, 7, "url", "answered HTML"},
		"expired": {staging(func(c *Config) { c.Token = "old" }), []string{"am", "idm", "esv", "environment", "promotion"}, 0, "am", "401"},
	} {
		func() {
			var got, bad []string
			skipped := 0
			for _, r := range tt.c.Check(t.Context()) {
				got = append(got, r.Name)
				if r.Skipped {
					skipped++
				} else if !r.OK {
					bad = append(bad, r.Name)
					if r.Hint == "" || strings.Contains(r.Detail, r.Hint) {
						t.Errorf("%s: %s: %q, way out %q", name, r.Name, r.Detail, r.Hint)
					}
				}
				if r.Name == tt.wantText && !strings.Contains(r.Detail, tt.wanted) {
					t.Errorf("%s: %s: %q, want %q", name, r.Name, r.Detail, tt.wanted)
				}
			}
			if !slices.Equal(got, names) || !slices.Equal(bad, tt.bad) || skipped != tt.skipped {
				t.Errorf("%s: checks %q, failed %q, %d skipped", name, got, bad, skipped)
			}
		}()
	}
}
