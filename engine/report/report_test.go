package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// A checkout may have changed line ends.
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: -want +got\n%s", file, diff)
	}
}

var login = schema.Key{Type: "journey", Realm: "alpha", ID: "Login"}

func dangling() schema.Diagnostic {
	return schema.Diagnostic{
		Code: "journey-dangling-connection", Severity: schema.Error, Key: login,
		Pointer: "/nodes/2082/connections/FALSE",
		Pos:     schema.Pos{File: "realms/alpha/journeys/Login/Login.json", Line: 31, Column: 16, EndLine: 31, EndColumn: 54},
		Message: `outcome "FALSE" of "LDAP Decision" leads to a node that is not there`,
		Hint:    `The journey has a node with an id one digit away: "Data Store Decision" (…92e0).`,
		Excerpt: []string{`    "connections": {`, `      "CANCELLED": "e301438c-0bd0-429c-ab0c-66126501069a",`, `      "FALSE": "70e691a5-1e33-4ac3-a356-e7b6d60d92e1",`}, ExcerptLine: 29,
	}
}

func sampleFindings() schema.Diagnostics {
	tmpl := schema.Key{Type: "email-provider", ID: "external.email"}
	return schema.Diagnostics{
		dangling(),
		{
			Code: "esv-missing", Severity: schema.Error, Key: tmpl, Pointer: "/from",
			Pos:     schema.Pos{File: "email-provider/external.email.json", Line: 9, Column: 11, EndLine: 9, EndColumn: 46},
			Message: "esv-email-from is referenced and staging does not have it",
			Hint:    "A promotion to staging would stop with \"Missing ESVs\". Create it: lockstep esv push --env staging --name esv-email-from",
			Related: []schema.Related{{Pos: schema.Pos{File: "realms/alpha/scripts/scripts-content/AUTHENTICATION_TREE_DECISION_NODE/notify.js", Line: 12, Column: 34}},
				{Pos: schema.Pos{File: "a.json", Line: 1, Column: 2}, Text: "and here"}},
			Excerpt: []string{"\t\"from\": \"\\\"Acme\\\" <&{esv.email.from}>\""}, ExcerptLine: 9,
		},
		{Code: "theme-missing-journey", Severity: schema.Warning, Key: schema.Key{Type: "theme", Realm: "alpha", ID: "6a1c"}, Name: "NoAccess", Pointer: "/linkedTrees/0", Message: `theme "NoAccess" is linked to a journey that is not there: NoAccess`},
		{Code: "config", Severity: schema.Info, Pos: schema.Pos{File: "lockstep.yaml"}, Message: "the file is empty"},
	}
}

func script(lines ...string) diff.Item { return diff.Item{Kind: "~", Subject: "script", Text: lines} }

func sampleChanges() []ChangeView {
	captcha := schema.Key{Type: "secret", ID: "esv-captcha-key"}
	return []ChangeView{
		{Change: diff.Change{Key: login, Name: "Login", Action: diff.Update, Class: schema.Static,
			Patch: []diff.Op{{Op: "replace", Path: "/nodes/2082/connections/FALSE", Value: json.RawMessage(`"<b>"`)}},
			Items: []diff.Item{
				{Kind: "~", Subject: "LDAP Decision", Detail: "outcome FALSE: Failure → Retry Limit Decision"},
				{Kind: "+", Subject: "Retry Limit Decision", Detail: "(RetryLimitDecisionNode)  retryLimit 3"},
				{Kind: "·", Subject: "2 nodes moved on the canvas", Minor: true, Text: []string{"LDAP Decision  (210, 80) → (240, 80)", "Success  (500, 20) → (540, 20)"}},
			}}, Picture: "https://ci.example/login.svg"},
		{Change: diff.Change{Key: schema.Key{Type: "script", Realm: "alpha", ID: "01e1"}, Name: "Login Risk", Action: diff.Update, Class: schema.Static,
			Items: []diff.Item{script("@@ -12,7 +12,7 @@", " var a = 1;", "-\tif (score > 50) {", "+\tif (score > 40) {", " }")}}},
		{Change: diff.Change{Key: schema.Key{Type: "cors", ID: "acme-spa"}, Name: "acme-spa", Action: diff.Create, Class: schema.Static,
			Items: []diff.Item{{Kind: "+", Subject: "acceptedOrigins", Detail: "https://shop.acme.example"}}}},
		{Change: diff.Change{Key: captcha, Name: captcha.ID, Action: diff.Update, Class: schema.PerEnvironment,
			Items: []diff.Item{{Kind: "~", Subject: "value", Detail: "changed  (a1f3… → 9c07…)"}}}, Restart: true},
		{Change: diff.Change{Key: schema.Key{Type: "theme", Realm: "bravo", ID: "9"}, Name: "Old", Action: diff.Delete, Class: schema.Static}},
	}
}

func samplePlan() *PlanView {
	return &PlanView{
		Environment: "dev", Role: "development", Source: `git 4f2c9e1 "Retry limit on login"`,
		Steps: []PlanStep{
			{Number: 1, Kind: "esv", Name: "esv-login-retry-limit", Text: "create variable (int)"},
			{Number: 2, Kind: "·", Name: "restart services", Text: "needed by 4 · about 10 minutes"},
			{Number: 3, Kind: "script", Name: "alpha/Login Risk", Text: "update"},
			{Number: 4, Kind: "journey", Name: "alpha/Login", Text: "update: 1 node created, 1 rewired, then the tree"},
			{Number: 5, Kind: "theme", Name: "bravo/Old", Text: "delete", Delete: true},
		},
		Ahead: []AheadView{{"staging", true, "ready"}, {"prod", false, "lacks esv-login-retry-limit"}},
		Kept:  3, File: "plan.json", Summary: diff.Summary{Create: 1, Update: 3, Delete: 1},
	}
}

func sampleRun() *RunView {
	return &RunView{ID: "2026-11-21T22-31-07", Environment: "dev", Outcome: Failed,
		Steps: []RunStep{
			{Number: 1, Name: "esv-login-retry-limit", State: Done, Text: "created", Took: 200 * time.Millisecond},
			{Number: 2, Name: "restart services", State: Running, Text: "restarting… 2m14s (usually about 10 min)"},
			{Number: 3, Name: "alpha/Login Risk", State: Waiting},
		},
		Message: "Interrupted. Nothing is half written: 2 of 5 steps are done.",
		Next:    []Next{{"Go on", "lockstep apply plan.json"}, {"Go back", "lockstep rollback 2026-11-21T22-31-07"}}}
}

func samplePromotion() *PromotionView {
	return &PromotionView{From: "dev", To: "staging", ID: "8acd3a87", Source: "git 4f2c9e1",
		Steps: []PromotionStep{
			{Name: "preflight", State: Done, Text: "41 ESVs present and loaded · no encrypted secrets · dev equals 4f2c9e1"},
			{Name: "lock", State: Done, Text: "both environments locked", Took: 68 * time.Second},
			{Name: "dry run", State: Failed, Text: "staging lacks 1 ESV: esv-email-from", Detail: []string{"referenced in email-provider/external.email.json:9 and 1 script"}},
			{Name: "promote", State: Running, Text: "Waiting for workloads to restart", Took: 552 * time.Second},
			{Name: "unlock", State: Waiting},
		},
		Message: "Nothing was promoted. Create it, then run this again:",
		Next:    []Next{{Command: "lockstep esv push --env staging --name esv-email-from"}}}
}

func sampleDrift() []DriftView {
	return []DriftView{
		{Environment: "staging", Source: "git 4f2c9e1", Resources: 412, Checked: "checked 3 s ago"},
		{Environment: "prod", Resources: 412, Items: []DriftItem{
			{Label: "alpha/journey/Login", Key: login, Text: "LDAP Decision: heartbeatInterval 10 → 60"},
			{Label: "alpha/theme/Zardoz", Key: schema.Key{Type: "theme", Realm: "alpha", ID: "z"}, Text: "logo", Accepted: true, Until: "2027-01-31", Reason: "rebrand under way"},
		}},
		{Environment: "uat", Problem: "the tenant answered 401 at /am/oauth2/access_token"},
	}
}

func sampleReport() *Report {
	return &Report{
		Title: "Lockstep check", Tool: "lockstep 1.2.0", Commit: "4f2c9e1d8b7a6c5e4f3a2b1c0d9e8f7a6b5c4d3e", Base: "main", Source: "git 4f2c9e1",
		Checked: true, Findings: sampleFindings(), Resources: 1234,
		Unmanaged: []schema.Unmanaged{{Type: "agents and OAuth2 clients", Files: []string{"realms/alpha/realm-config/agents/OAuth2Client/spa.json", "realms/alpha/realm-config/agents/OAuth2Client/web.json"}}, {Type: "audit configuration", Files: []string{"audit/audit.json"}}},
		Compared:  true, Changes: sampleChanges(),
		Environments: []EnvironmentStatus{
			{Name: "staging", Role: "staging", MissingESVs: []string{"email.from"}, EncryptedSecrets: []string{"realms/alpha/x.json:10"}, Plan: samplePlan()},
			{Name: "prod", Role: "production", Plan: &PlanView{Environment: "prod"}},
			{Name: "uat", Role: "uat", Problem: "the environment variable UAT_KEY is not set"},
		},
		Plan: samplePlan(), Run: sampleRun(), Promotion: samplePromotion(), Drift: sampleDrift(),
		Steps:    []StoryStep{{Heading: "A bad change", Text: "Somebody mistypes an id.", Command: "lockstep validate", Output: "error[x]: y\n1 error\n"}},
		LinkBase: "https://git.example/acme/iam/blob/4f2c9e1/",
	}
}

func render(t *testing.T, f Format, r *Report, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, r, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		t.Run(string(f), func(t *testing.T) {
			r := sampleReport()
			if f == SARIF || f == HTML { // their texts come from the table of codes, which changes on its own
				for i := range r.Findings {
					r.Findings[i].Code = "sample-" + r.Findings[i].Code
				}
			}
			got := render(t, f, r, Options{Width: 80})
			golden(t, "report."+string(f), got)
			if again := render(t, f, r, Options{Width: 80}); !bytes.Equal(got, again) {
				t.Error("the same report gave other bytes")
			}
		})
	}
	golden(t, "findings.txt", render(t, Text, &Report{Checked: true, Findings: sampleFindings(), Resources: 1234, Elapsed: 400 * time.Millisecond}, Options{}))
	golden(t, "colour.txt", render(t, Text, sampleReport(), Options{Width: 80, Style: Coloured(), All: true}))
	golden(t, "none.txt", render(t, Text, &Report{Checked: true, Compared: true, Resources: 1}, Options{}))
	golden(t, "none.json", render(t, JSON, &Report{Checked: true, Compared: true}, Options{}))
}

// Colour is only put on top: taken away, the text is the plain one.
func TestColourCarriesNothing(t *testing.T) {
	plain := render(t, Text, sampleReport(), Options{Width: 80})
	coloured := render(t, Text, sampleReport(), Options{Width: 80, Style: Coloured()})
	var b strings.Builder
	for i, part := range strings.Split(string(coloured), "\x1b[") {
		if i > 0 {
			_, part, _ = strings.Cut(part, "m")
		}
		b.WriteString(part)
	}
	// The coloured lines end in a reset, so spaces at the end are not seen there.
	var lines []string
	for _, l := range strings.Split(b.String(), "\n") {
		lines = append(lines, strings.TrimRight(l, " "))
	}
	if diff := cmp.Diff(string(plain), strings.Join(lines, "\n")); diff != "" {
		t.Error(diff)
	}
	if !bytes.Contains(coloured, []byte("\x1b[31m")) {
		t.Error("no colour")
	}
}

func TestManyOfOneCode(t *testing.T) {
	var ds schema.Diagnostics
	for i := range 20 {
		d := dangling()
		d.Pos.Line, d.Excerpt = i+1, nil
		ds = append(ds, d)
	}
	for n, want := range map[int]int{5: 5, 6: 6, 7: 5, 20: 5} {
		var b bytes.Buffer
		if err := Findings(&b, ds[:n], Options{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), "error["); got != want {
			t.Errorf("%d of %d are shown, want %d", got, n, want)
		}
		if hidden := strings.Contains(b.String(), "--all"); hidden != (want < n) {
			t.Errorf("%d: says that some are hidden: %t", n, hidden)
		}
		if got := strings.Count(b.String(), "help:"); got != 1 {
			t.Errorf("help stands %d times", got)
		}
		b.Reset()
		if err := Findings(&b, ds[:n], Options{All: true}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), "error["); got != n {
			t.Errorf("with All %d of %d are shown", got, n)
		}
	}
}
