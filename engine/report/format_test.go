package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

func TestExcerpt(t *testing.T) {
	tests := []struct {
		name, line  string
		column, end int
		width       int
		want        string
	}{
		{"tab", "\tif (x) {", 6, 7, 80, "    7 |     if (x) {\n      |         ^\n"},
		{"tab within", "a\tb", 3, 4, 80, "    7 | a   b\n      |     ^\n"},
		{"wide characters", `"ログイン": "x"`, 9, 12, 80, "    7 | \"ログイン\": \"x\"\n      |             ^^^\n"},
		{"wide value", `"a": "日本"`, 6, 10, 80, "    7 | \"a\": \"日本\"\n      |      ^^^^^^\n"},
		{"combining", "e\u0301x", 3, 4, 80, "    7 | e\u0301x\n      |  ^\n"},
		{"escape sequence", "a\x1b[31mb", 7, 8, 80, "    7 | a<U+001B>[31mb\n      |              ^\n"},
		{"right to left override", "a\u202eb", 3, 4, 80, "    7 | a<U+202E>b\n      |          ^\n"},
		{"end of line", "abc", 4, 0, 80, "    7 | abc\n      |    ^\n"},
		{"beyond the line", "abc", 40, 50, 80, "    7 | abc\n      |    ^\n"},
		{"long line, value in front", strings.Repeat("x", 100), 2, 4, 40, "    7 | " + strings.Repeat("x", 31) + "…\n      |  ^^\n"},
		{"long line, value behind", strings.Repeat("x", 100) + "VALUE" + strings.Repeat("y", 100), 101, 106, 40, "    7 | …xxxxxxxxxxVALUEyyyyyyyyyyyyyyy…\n      |            ^^^^^\n"},
		{"long value", strings.Repeat("x", 100) + strings.Repeat("V", 100), 101, 201, 40, "    7 | …xxxxxxxxxxVVVVVVVVVVVVVVVVVVVV…\n      |            ^^^^^^^^^^^^^^^^^^^^^\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := schema.Diagnostic{Excerpt: []string{tt.line}, ExcerptLine: 7, Pos: schema.Pos{File: "f", Line: 7, Column: tt.column}}
			if tt.end > 0 {
				d.Pos.EndLine, d.Pos.EndColumn = 7, tt.end
			}
			var b bytes.Buffer
			p := &printer{w: &b, o: Options{Width: tt.width}}
			p.excerpt(d)
			if b.String() != tt.want {
				t.Errorf("got\n%swant\n%s", b.String(), tt.want)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	ds := sampleFindings()
	for _, tt := range []struct {
		ds        schema.Diagnostics
		resources int
		elapsed   time.Duration
		want      string
	}{
		{ds, 1234, 400 * time.Millisecond, "2 errors, 1 warning, 1 info in 3 of 1,234 resources (0.4 s)"},
		{ds[:1], 1234567, 0, "1 error in 1 of 1,234,567 resources"},
		{ds[3:], 0, 0, "1 info in 1 file"},
		{nil, 1, 0, "no findings in 1 resource"},
	} {
		if got := Summary(tt.ds, tt.resources, tt.elapsed); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		200 * time.Millisecond: "0.2 s", 9960 * time.Millisecond: "10 s", 59700 * time.Millisecond: "1m00s", 134 * time.Second: "2m14s",
		63 * time.Minute: "1h03m", -time.Second: "0.0 s", 3599700 * time.Millisecond: "1h00m",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// A path is never broken, whatever the terminal's width.
func TestPathsStayWhole(t *testing.T) {
	long := "realms/alpha/scripts/scripts-content/AUTHENTICATION_TREE_DECISION_NODE/notify.js:12:34"
	for _, w := range []int{20, 40, 80} {
		if out := render(t, Text, sampleReport(), Options{Width: w}); !bytes.Contains(out, []byte("\n  "+long+"\n")) {
			t.Errorf("width %d breaks a path", w)
		}
	}
	got := wrap("a bb ccc "+strings.Repeat("p", 30)+" d", "  ", 10)
	if want := "a bb ccc\n  " + strings.Repeat("p", 30) + "\n  d"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProblem(t *testing.T) {
	var b bytes.Buffer
	err := errors.New("dev: token refused\n  Tenant answered 400\n\x1b[2J")
	if e := Problem(&b, err, Options{}); e != nil {
		t.Fatal(e)
	}
	if want := "lockstep: dev: token refused\n  Tenant answered 400\n  <U+001B>[2J\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestJSONShape(t *testing.T) {
	var doc struct {
		Findings []map[string]any
		Changes  []map[string]any
		Summary  map[string]any
	}
	if err := json.Unmarshal(render(t, JSON, sampleReport(), Options{}), &doc); err != nil {
		t.Fatal(err)
	}
	f := doc.Findings[3]
	for k, want := range map[string]any{"code": "journey-dangling-connection", "severity": "error", "pointer": "/nodes/2082/connections/FALSE",
		"file": "realms/alpha/journeys/Login/Login.json", "line": 31.0, "column": 16.0, "hint": dangling().Hint, "message": dangling().Message} {
		if f[k] != want {
			t.Errorf("finding: %s is %v, want %v", k, f[k], want)
		}
	}
	if got := fmt.Sprint(f["resource"]); got != "map[id:Login realm:alpha type:journey]" {
		t.Errorf("resource: %s", got)
	}
	if _, ok := doc.Findings[0]["line"]; ok {
		t.Error("a place was invented")
	}
	for k, want := range map[string]float64{"resources": 1234, "errors": 2, "warnings": 1, "infos": 1, "create": 1, "update": 3, "delete": 1} {
		if doc.Summary[k] != want {
			t.Errorf("summary: %s is %v, want %v", k, doc.Summary[k], want)
		}
	}
	if c := doc.Changes[0]; c["action"] != "update" || c["class"] != "static" || c["patch"].([]any)[0].(map[string]any)["value"] != "<b>" {
		t.Errorf("change: %v", c)
	}
	if text := string(render(t, JSON, sampleReport(), Options{})); strings.Contains(text, `\u003c`) || strings.Contains(text, "null") || !strings.HasSuffix(text, "}\n") {
		t.Error("escapes for HTML, null for an empty list, or no line break at the end")
	}
	var b bytes.Buffer
	if err := EncodeJSON(&b, EnvironmentStatus{Name: "staging"}); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"environment\": \"staging\",\n  \"missingESVs\": [],\n  \"encryptedSecrets\": [],\n  \"references\": []\n}\n"; b.String() != want {
		t.Errorf("got %s", b.String())
	}
}

func TestPrefix(t *testing.T) {
	r := sampleReport()
	r.Prefix = "iam/config"
	for _, f := range []Format{Text, JSON, Markdown, SARIF, GitHub, Azure, CodeQuality, JUnit, HTML} {
		if !bytes.Contains(render(t, f, r, Options{}), []byte("iam/config/email-provider/external.email.json")) {
			t.Errorf("%s: no prefix", f)
		}
	}
	if r.Findings[0].Pos.File != dangling().Pos.File {
		t.Error("the caller's findings were changed")
	}
}

// The members that SARIF 2.1.0 requires, and what GitHub asks for beyond.
func TestSARIF(t *testing.T) {
	r := sampleReport()
	r.Findings[0].Pos.File = "realms/alpha/journeys/a b/100% – x:y.json"
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			ColumnKind string
			Tool       struct {
				Driver struct {
					Name, Version string
					Rules         []struct {
						ID               string
						ShortDescription *struct{ Text string }
						Help             *struct{ Text string }
					}
				}
			}
			Results []struct {
				RuleID              string
				RuleIndex           *int
				Level               string
				Message             struct{ Text string }
				PartialFingerprints map[string]string
				Locations           []struct {
					PhysicalLocation *struct {
						ArtifactLocation struct{ URI, URIBaseID string }
						Region           *struct{ StartLine, StartColumn, EndLine, EndColumn int }
					}
					LogicalLocations []struct{ FullyQualifiedName string }
				}
			}
		}
	}
	if err := json.Unmarshal(render(t, SARIF, r, Options{}), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || log.Schema == "" || len(log.Runs) != 1 {
		t.Fatalf("version %s, schema %s, %d runs", log.Version, log.Schema, len(log.Runs))
	}
	run := log.Runs[0]
	if run.ColumnKind != "unicodeCodePoints" || run.Tool.Driver.Name != "lockstep" || run.Tool.Driver.Version != "1.2.0" {
		t.Errorf("columnKind %s, driver %+v", run.ColumnKind, run.Tool.Driver)
	}
	if len(run.Results) != 4 || len(run.Tool.Driver.Rules) != 4 {
		t.Fatalf("%d results, %d rules", len(run.Results), len(run.Tool.Driver.Rules))
	}
	levels := map[string]string{"journey-dangling-connection": "error", "esv-missing": "error", "theme-missing-journey": "warning", "config": "note"}
	for _, res := range run.Results {
		if res.RuleIndex == nil || run.Tool.Driver.Rules[*res.RuleIndex].ID != res.RuleID {
			t.Errorf("%s has a wrong ruleIndex", res.RuleID)
		}
		if res.Level != levels[res.RuleID] || res.Message.Text == "" || res.PartialFingerprints["lockstep/v1"] == "" {
			t.Errorf("%+v", res)
		}
		for _, l := range res.Locations {
			if l.PhysicalLocation == nil {
				continue
			}
			u, err := url.Parse(l.PhysicalLocation.ArtifactLocation.URI)
			if err != nil || u.IsAbs() || strings.HasPrefix(u.Path, "/") {
				t.Errorf("URI %q: %v", l.PhysicalLocation.ArtifactLocation.URI, err)
			}
			if reg := l.PhysicalLocation.Region; reg != nil && reg.StartLine < 1 {
				t.Errorf("region %+v", reg)
			}
		}
		switch res.RuleID {
		case "theme-missing-journey":
			if res.Locations[0].PhysicalLocation != nil {
				t.Error("a place was invented")
			}
		case "journey-dangling-connection":
			place := res.Locations[0].PhysicalLocation
			u, _ := url.Parse(place.ArtifactLocation.URI)
			if u.Path != r.Findings[0].Pos.File || place.Region.StartColumn != 16 || place.Region.EndColumn != 54 {
				t.Errorf("place %+v", place)
			}
			if rule := run.Tool.Driver.Rules[*res.RuleIndex]; rule.ShortDescription == nil || rule.Help == nil {
				t.Error("no help from the table of codes")
			}
		case "config":
			if res.Locations[0].PhysicalLocation.Region != nil {
				t.Error("a line was invented")
			}
		}
	}
}

func TestJUnit(t *testing.T) {
	for _, tt := range []struct {
		failOn schema.Severity
		want   int
	}{{schema.Off, 2}, {schema.Warning, 3}, {schema.Info, 4}} {
		var suites junitSuites
		if err := xml.Unmarshal(render(t, JUnit, sampleReport(), Options{FailOn: tt.failOn}), &suites); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for _, c := range suites.Suites[0].Cases {
			if c.Failure != nil {
				failed++
			}
		}
		if suites.Tests != 4 || suites.Failures != tt.want || failed != tt.want {
			t.Errorf("%d tests, %d failures, %d failed; want %d", suites.Tests, suites.Failures, failed, tt.want)
		}
	}
	if out := render(t, JUnit, &Report{Checked: true}, Options{}); !bytes.Contains(out, []byte(`tests="1" failures="0"`)) {
		t.Errorf("nothing found: %s", out)
	}
}

func TestGitHub(t *testing.T) {
	d := schema.Diagnostic{Code: "x", Severity: schema.Error, Message: "50%\n::warning::b", Pos: schema.Pos{File: "a,b:c.json", Line: 3, Column: 5, EndLine: 4, EndColumn: 1}}
	got := string(render(t, GitHub, &Report{Findings: schema.Diagnostics{d}}, Options{}))
	if want := "::error file=a%2Cb%3Ac.json,line=3,col=5,title=x::50%25%0A::warning::b\n1 error in 1 file\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Azure's agent takes a line for a command wherever it begins with ##vso or ##[; a finding's text begins none.
func TestAzure(t *testing.T) {
	r := &Report{Findings: schema.Diagnostics{
		{Code: "y", Severity: schema.Info, Message: "by the way", Hint: "##vso[task.complete result=Succeeded;]"},
		{Code: "x", Severity: schema.Error, Message: "50%\n##vso[task.setvariable variable=a]b", Hint: "one\ntwo", Pos: schema.Pos{File: "a;b]c%.json", Line: 3, Column: 5}},
		{Code: "z", Severity: schema.Warning, Message: "no place", Key: login},
	}}
	got := string(render(t, Azure, r, Options{}))
	want := "##vso[task.logissue type=error;sourcepath=a%3Bb%5Dc%AZP25.json;linenumber=3;columnnumber=5;code=x;]50%AZP25 ## vso[task.setvariable variable=a]b%0Aone%0Atwo\n" +
		"##vso[task.logissue type=warning;code=z;]alpha/journey/Login: no place\n" +
		"y: by the way ## vso[task.complete result=Succeeded;]\n" +
		"1 error, 1 warning, 1 info in 1 resource\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Whatever is printed in an Azure pipeline is read by its agent, in whatever format, and anywhere in a line.
func TestNoLoggingCommand(t *testing.T) {
	for _, s := range []string{"###vso[task.setvariable variable=PATH]x", "a ##VSO[task.complete]", "##\u200dvso[task.complete]", "##v\rso[x]"} {
		for _, f := range []Format{Text, Azure, GitHub, Markdown} {
			out := string(render(t, f, nastyReport(s), Options{Width: 80, All: true}))
			for line := range strings.Lines(out) {
				rest := strings.TrimPrefix(line, "##vso[task.logissue ")
				if f != Azure {
					rest = line
				}
				if i := strings.Index(strings.ToLower(strings.ReplaceAll(rest, "\u200d", "")), "##vso["); i >= 0 {
					t.Errorf("%s: a command in %q", f, line)
				}
			}
		}
	}
}

// What GitLab documents of its code quality report: required members, severities, a path without "./" or "/" in front,
// fingerprints that are unique.
func TestCodeQualityIsValid(t *testing.T) {
	text, err := os.ReadFile("testdata/code-quality.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := jsonschema.CompileString("code-quality.schema.json", string(text))
	if err != nil {
		t.Fatal(err)
	}
	r := sampleReport()
	r.Findings = append(r.Findings, r.Findings...)
	for name, r := range map[string]*Report{"sample, twice": r, "none": {Checked: true}, "nasty": nastyReport("realms/a b/ü.json")} {
		v, err := schema.ParseJSON(render(t, CodeQuality, r, Options{}))
		if err != nil {
			t.Fatal(name, err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
		seen := map[string]bool{}
		for _, x := range v.([]any) {
			if id := x.(map[string]any)["fingerprint"].(string); seen[id] {
				t.Errorf("%s: two entries have the fingerprint %s", name, id)
			} else {
				seen[id] = true
			}
		}
	}
	if v, err := schema.ParseJSON([]byte(`[{"description": "d", "check_name": "c", "fingerprint": "f", "severity": "error", "location": {"path": "p", "lines": {"begin": 1}}}]`)); err != nil || s.Validate(v) == nil {
		t.Error("the validator takes anything")
	}
}

const nasty = "a|b `c` <script>alert(1)</script> @everyone #12 [x](http://evil) ![i](x)\n# head\r\n| t |\n``` \x1b[2J\u202e</details><!-- &amp; \x00"

func nastyReport(s string) *Report {
	d := schema.Diagnostic{Code: s, Severity: schema.Error, Key: schema.Key{Type: s, Realm: s, ID: s}, Name: s, Pointer: s,
		Pos: schema.Pos{File: s, Line: 2, Column: 2, EndLine: 2, EndColumn: 3}, Message: s, Hint: s, Related: []schema.Related{{Pos: schema.Pos{File: s}, Text: s}}, Excerpt: []string{s, s}, ExcerptLine: 1}
	item := diff.Item{Kind: "~", Subject: s, Detail: s, Text: []string{"+" + s, "@@" + s, s}}
	plan := &PlanView{Environment: s, Role: s, Source: s, Steps: []PlanStep{{1, s, s, s, true}}, Ahead: []AheadView{{s, false, s}}, Kept: 1, File: s, Notes: []string{s}}
	return &Report{Title: s, Tool: s, Commit: s, Base: s, Source: s, Checked: true, Findings: schema.Diagnostics{d}, Unmanaged: []schema.Unmanaged{{Type: s, Files: []string{s}}},
		Compared: true, Changes: []ChangeView{{Change: diff.Change{Key: d.Key, Name: s, Action: diff.Update, Items: []diff.Item{item, item}}, Picture: "https://" + s}},
		Environments: []EnvironmentStatus{{Name: s, Role: s, MissingESVs: []string{s}, EncryptedSecrets: []string{s}, Plan: plan, References: []ReferenceView{{ESV: s, File: s, Line: 1}}}, {Name: s, Problem: s}},
		Plan:         plan, Run: &RunView{ID: s, Environment: s, Steps: []RunStep{{1, s, Failed, s, []string{s}, 1}}, Message: s, Next: []Next{{s, s}}},
		Promotion: &PromotionView{From: s, To: s, ID: s, Source: s, Steps: []PromotionStep{{s, Failed, s, []string{s}, 1}}, Message: s, Next: []Next{{s, s}}},
		Drift:     []DriftView{{Environment: s, Source: s, Checked: s, Items: []DriftItem{{Label: s, Text: s, Accepted: true, Until: s, Reason: s}}}, {Environment: s, Problem: s}},
		Steps:     []StoryStep{{s, s, s, s}}, LinkBase: "https://git.example/" + s + "/"}
}

var (
	fenceLine = regexp.MustCompile("^(`{3,})[a-z]*$")
	tag       = regexp.MustCompile(`<[^>]*>?`)
)

// checkHarmless says whether a report made of one text shows it without letting it do anything.
func checkHarmless(t *testing.T, s string) {
	t.Helper()
	for _, f := range []Format{Text, GitHub, Azure, Markdown, HTML} {
		out := string(render(t, f, nastyReport(s), Options{Width: 80}))
		for _, r := range out {
			if r != '\n' && hazard(r) {
				t.Fatalf("%s: control character %U in the output", f, r)
			}
		}
		if !utf8.ValidString(out) && utf8.ValidString(s) {
			t.Errorf("%s: not UTF-8", f)
		}
		switch f {
		case GitHub, Azure:
			if n := strings.Count(out, "\n"); n != 2 {
				t.Errorf("%s: %d lines for one finding", f, n)
			}
		case Markdown:
			checkMarkdown(t, out)
		case HTML:
			// The page's own script is the only one, and its policy lets no other run.
			if n := strings.Count(strings.ToLower(out), "<script"); n != 1 || !strings.Contains(out, "<script>"+reportJS+"</script>") {
				t.Errorf("html: %d scripts", n)
			}
		}
	}
	for _, f := range []Format{JSON, SARIF} {
		if !json.Valid(render(t, f, nastyReport(s), Options{})) {
			t.Errorf("%s: not JSON", f)
		}
	}
	dec := xml.NewDecoder(bytes.NewReader(render(t, JUnit, nastyReport(s), Options{})))
	for {
		if _, err := dec.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("junit: %v", err)
		}
	}
}

// checkMarkdown looks at all that is outside fences: only the tags that Lockstep writes, balanced, no
// mention, and table rows of four cells.
func checkMarkdown(t *testing.T, out string) {
	t.Helper()
	if len(out) > maxMarkdown {
		t.Errorf("markdown: %d bytes", len(out))
	}
	fence, open := "", 0
	for _, l := range strings.Split(out, "\n") {
		if m := fenceLine.FindStringSubmatch(l); m != nil {
			switch {
			case fence == "":
				fence = m[1]
				continue
			case l == fence:
				fence = ""
				continue
			}
		}
		if fence != "" {
			continue
		}
		if strings.HasPrefix(l, "|") {
			cells := strings.Count(strings.ReplaceAll(l, `\|`, ""), "|")
			if cells != 5 {
				t.Errorf("markdown: a row of %d cells: %s", cells-1, l)
			}
		}
		for _, x := range tag.FindAllString(l, -1) {
			switch x {
			case "<details>":
				open++
			case "</details>":
				open--
			case "<summary>", "</summary>", "<b>", "</b>", "<sub>", "</sub>", "<br>", Marker:
			default:
				t.Errorf("markdown: tag %s", x)
			}
		}
		if i := strings.Index(l, "@"); i >= 0 && !strings.HasPrefix(l[i:], "@&#8203;") && !strings.Contains(l, "](http") {
			t.Errorf("markdown: a mention in %s", l)
		}
	}
	if fence != "" || open != 0 {
		t.Errorf("markdown: fence %q, %d details are left open", fence, open)
	}
}

func TestHarmless(t *testing.T) { checkHarmless(t, nasty) }

func FuzzHarmless(f *testing.F) {
	for _, s := range []string{nasty, "", "a", "````", "```diff", "\\|", "](x", "\xff\xfe", "--!>", "{{.}}", "日本語 e\u0301", "%0A::error::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 {
			return
		}
		checkHarmless(t, s)
	})
}

func TestMarkdownIsBounded(t *testing.T) {
	r := &Report{Checked: true, Compared: true, Commit: "abc", Tool: "lockstep 1"}
	for i := range 3000 {
		d := dangling()
		d.Code = fmt.Sprintf("code-%d", i%40)
		d.Message = strings.Repeat("m", i%2000)
		r.Findings = append(r.Findings, d)
		lines := make([]string, 100)
		for j := range lines {
			lines[j] = "+ " + strings.Repeat("x", i%50)
		}
		r.Changes = append(r.Changes, ChangeView{Change: diff.Change{Key: login, Name: fmt.Sprint(i), Action: diff.Update, Items: []diff.Item{script(lines...)}}})
		r.Environments = append(r.Environments, EnvironmentStatus{Name: fmt.Sprintf("env%d", i), MissingESVs: make([]string, 20)})
	}
	out := string(render(t, Markdown, r, Options{}))
	checkMarkdown(t, out)
	if len(out) < maxMarkdown/2 {
		t.Errorf("only %d bytes are used", len(out))
	}
	for _, want := range []string{"more findings.", "more resources that differ.", "… and 2,900 more |", "lockstep 1</sub>"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	one := &Report{Compared: true, Changes: []ChangeView{{Change: diff.Change{Key: login, Name: "L", Action: diff.Update, Items: []diff.Item{script(strings.Repeat("+x\n", 1), "+"+strings.Repeat("y", 200000))}}}}}
	checkMarkdown(t, string(render(t, Markdown, one, Options{})))
}

func TestHTMLIsSelfContained(t *testing.T) {
	out := string(render(t, HTML, sampleReport(), Options{}))
	for _, bad := range []string{"<script ", "src=", "<link", "<img", "@import", "url(", " onclick", "ZgotmplZ"} {
		if strings.Contains(out, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	for _, want := range []string{`lang="en"`, "prefers-color-scheme: dark", "@media print", `role="search" hidden`, "<mark>&#34;70e691a5", `href="https://git.example/acme/iam/blob/4f2c9e1/realms/alpha/journeys/Login/Login.json#L31"`, "✗ missing"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	r := sampleReport()
	r.LinkBase = "javascript:alert(1)//"
	r.Changes[0].Picture = "javascript:alert(1)"
	for _, f := range []Format{HTML, Markdown} {
		if strings.Contains(string(render(t, f, r, Options{})), "javascript:") {
			t.Errorf("%s links to a script", f)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); err != nil || got != f {
			t.Errorf("%s: %s, %v", f, got, err)
		}
	}
	if _, err := ParseFormat("markdwon"); err == nil || !strings.Contains(err.Error(), "did you mean markdown?") {
		t.Errorf("got %v", err)
	}
	if err := Write(io.Discard, "yaml", &Report{}, Options{}); err == nil {
		t.Error("an unknown format was written")
	}
}

type failing struct{ n int }

func (f *failing) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestWriteErrorsAreTold(t *testing.T) {
	for _, f := range Formats() {
		for _, n := range []int{0, 100} {
			if err := Write(&failing{n}, f, sampleReport(), Options{}); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("%s after %d bytes: %v", f, n, err)
			}
		}
	}
}
