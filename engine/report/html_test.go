package report

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

// resetJourney is a journey of two nodes, by where the second leads.
func resetJourney(name, to string) *schema.Resource {
	at := func(x, y string) map[string]any { return map[string]any{"x": json.Number(x), "y": json.Number(y)} }
	node := func(typ, x string, connections map[string]any) map[string]any {
		n := at(x, "40")
		n["nodeType"], n["displayName"], n["connections"] = typ, name, connections
		return n
	}
	return &schema.Resource{Key: schema.Key{Type: "journey", Realm: "alpha", ID: name}, Body: map[string]any{
		"entryNodeId": "a",
		"nodes": map[string]any{
			"a": node("PageNode", "120", map[string]any{"outcome": "b"}),
			"b": node("InnerTreeEvaluatorNode", "360", map[string]any{"true": to, "false": schema.FailureNode}),
		},
		"nodeConfigs": map[string]any{"a": map[string]any{"_id": "a"}, "b": map[string]any{"_id": "b", "tree": name}},
		"staticNodes": map[string]any{"startNode": at("20", "50"), schema.SuccessNode: at("620", "20"), schema.FailureNode: at("620", "120")},
	}}
}

func journeyReport(t *testing.T, name string) *Report {
	t.Helper()
	from, to := schema.NewSet("from"), schema.NewSet("to")
	from.Add(resetJourney(name, schema.FailureNode))
	to.Add(resetJourney(name, schema.SuccessNode))
	changes, err := diff.Compare(from, to, diff.Options{})
	if err != nil || len(changes) != 1 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	return &Report{Title: "Changes", Compared: true, Changes: ViewsOf(changes)}
}

func TestHTMLPictures(t *testing.T) {
	out := render(t, HTML, journeyReport(t, "Reset"), Options{})
	golden(t, "journey.html", out)
	page := string(out)
	for _, want := range []string{
		`class="canvas merged"`, `class="canvas sides"`, "What changes", "Before and after", `data-outcome="true"`, "lp-was", "lp-now", ">rewired:<",
		`<a href="#c1">`, // it runs itself, and is in the report
		"JSON Patch, 1 operation", "/nodes/b/connections/true", `<details class="card" id="c1" data-item="updated" open>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	// Names that are markup reach the page through the picture, too.
	page = string(render(t, HTML, journeyReport(t, `<script>alert(1)</script><img src=x onerror=alert(2)>"'`), Options{}))
	if strings.Count(page, "<script") != 1 || strings.Contains(page, "<img") {
		t.Error("a journey's name became markup")
	}
	if n := strings.Count(page, "&lt;script&gt;"); n < 8 {
		t.Errorf("the name stands there %d times only", n)
	}
}

// Two environments that drifted alike have a picture each, with ids of its own; what is accepted has none.
func TestHTMLDriftPictures(t *testing.T) {
	changes := journeyReport(t, "Reset").Changes
	item := DriftItem{Label: "alpha/journey/Reset", Key: changes[0].Key, Text: "outcome true"}
	accepted := DriftItem{Label: "alpha/theme/x", Text: "logo", Accepted: true}
	r := &Report{Title: "Drift", Drift: []DriftView{
		{Environment: "staging", Items: []DriftItem{accepted, item}, Changes: changes}, {Environment: "prod", Items: []DriftItem{item}, Changes: changes}, {Environment: "dev"},
	}}
	out := string(render(t, HTML, r, Options{}))
	if n := strings.Count(out, `<div class="canvas merged"`); n != 2 {
		t.Errorf("%d pictures, want 2", n)
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(out, -1) {
		if ids[m[1]] {
			t.Errorf("two elements have the id %s", m[1])
		}
		ids[m[1]] = true
	}
	if !ids["d1-1"] || !ids["d2-1"] || ids["d1-2"] || !strings.Contains(out, `id="tools"`) {
		t.Errorf("ids %v", ids)
	}
	for _, f := range []Format{JSON, Markdown} {
		if text := string(render(t, f, r, Options{})); strings.Contains(text, "entryNodeId") {
			t.Errorf("%s holds whole journeys", f)
		}
	}
}

func TestMarkdownPictures(t *testing.T) {
	out := string(render(t, Markdown, journeyReport(t, "Reset"), Options{}))
	checkMarkdown(t, out)
	for _, want := range []string{"<details><summary>Picture</summary>\n\n```mermaid\nflowchart LR\n", "  n2 ==>|\"#43; true\"| n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	checkMarkdown(t, string(render(t, Markdown, journeyReport(t, nasty), Options{})))
	// A full page drops pictures before it drops changes.
	r := journeyReport(t, "Reset")
	for len(r.Changes) < 100 {
		r.Changes = append(r.Changes, r.Changes[0])
	}
	out = string(render(t, Markdown, r, Options{}))
	checkMarkdown(t, out)
	if strings.Count(out, "alpha/journey/Reset") < 100 || !strings.Contains(out, "```mermaid") {
		t.Errorf("%d changes", strings.Count(out, "alpha/journey/Reset"))
	}
}

// The page's policy lets only its own script run.
func TestHTMLScript(t *testing.T) {
	page := string(render(t, HTML, sampleReport(), Options{}))
	m := regexp.MustCompile(`script-src 'sha256-([^']+)'`).FindStringSubmatch(html.UnescapeString(page))
	digest := sha256.Sum256([]byte(reportJS))
	if m == nil || m[1] != base64.StdEncoding.EncodeToString(digest[:]) {
		t.Errorf("the policy's digest is %v", m)
	}
	if !strings.Contains(page, "<script>"+reportJS+"</script>") {
		t.Error("the script in the page is not the file")
	}
	if !strings.Contains(page, `data-kind="error"`) { // html/template takes data-on… for a handler, and quotes it twice
		t.Error("no filter for errors")
	}
	for _, bad := range []string{"innerHTML", "eval(", "fetch(", "XMLHttpRequest", "import("} {
		if strings.Contains(reportJS, bad) {
			t.Errorf("the script has %s", bad)
		}
	}
	if strings.Contains(string(render(t, HTML, &Report{Run: sampleRun()}, Options{})), "<script") {
		t.Error("a page with nothing to search has a script")
	}
}

func TestHTMLIsBounded(t *testing.T) {
	one := journeyReport(t, strings.Repeat("J", 60)).Changes[0]
	large := one
	large.Patch = make([]diff.Op, 1000)
	for i := range large.Patch {
		large.Patch[i] = diff.Op{Op: "add", Path: "/x", Value: json.RawMessage(strconv.Quote(strings.Repeat("v", 5000)))}
	}
	r := &Report{Compared: true, Changes: []ChangeView{large}}
	for range 400 {
		r.Changes = append(r.Changes, one)
	}
	page := render(t, HTML, r, Options{})
	if len(page) > 6<<20 {
		t.Errorf("%d bytes", len(page))
	}
	for _, want := range []string{"800 not shown", "this page has its fill of them"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

var variable = regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`)

// palettes reads the colours of the page: light, and dark over it.
func palettes(t *testing.T) map[string]map[string]string {
	t.Helper()
	light, dark, ok := strings.Cut(reportHTML, "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("no dark colours")
	}
	read := func(s string) map[string]string {
		s, _, _ = strings.Cut(s[strings.Index(s, ":root"):], "}")
		m := map[string]string{}
		for _, v := range variable.FindAllStringSubmatch(s, -1) {
			m[v[1]] = v[2]
		}
		return m
	}
	return map[string]map[string]string{"light": read(light), "dark": read(dark)}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) != 7 {
		t.Fatalf("no colour: %q", hex)
	}
	sum := 0.0
	for i, k := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += k * c
	}
	return sum
}

// WCAG 2.2 AA: 4.5 for text, 3 for what shows that something can be used.
func TestHTMLContrast(t *testing.T) {
	for name, p := range palettes(t) {
		for _, pair := range []struct {
			over  string
			on    []string
			ratio float64
		}{
			{"ink", []string{"bg", "panel", "code", "add", "del", "mark"}, 4.5}, {"soft", []string{"bg", "panel", "code"}, 4.5}, {"accent", []string{"bg", "panel"}, 4.5}, {"panel", []string{"accent"}, 4.5},
			{"ok", []string{"ok-bg", "panel"}, 4.5}, {"bad", []string{"bad-bg", "panel"}, 4.5}, {"warn", []string{"warn-bg", "panel"}, 4.5}, {"info", []string{"info-bg", "panel", "code"}, 4.5},
			{"edge", []string{"panel", "bg", "code"}, 3},
		} {
			for _, on := range pair.on {
				a, b := luminance(t, p[pair.over]), luminance(t, p[on])
				if got := (max(a, b) + 0.05) / (min(a, b) + 0.05); got < pair.ratio {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", name, pair.over, on, got, pair.ratio)
				}
			}
		}
	}
}
