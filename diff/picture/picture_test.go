package picture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/diff/picture"
	"github.com/lockstep-gitops/lockstep/schema"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))), string(got)); d != "" {
		t.Errorf("%s: -want +got\n%s", file, d)
	}
}

// journey parses a body: nodes as "id|type|name|x|y|outcome=target,…", children as "page>id|type|name".
func journey(t *testing.T, name, entry string, lines ...string) *schema.Resource {
	t.Helper()
	nodes, configs := map[string]any{}, map[string]any{}
	for _, l := range lines {
		f := strings.Split(l, "|")
		if page, kid, ok := strings.Cut(f[0], ">"); ok {
			c, _ := configs[page].(map[string]any)
			list, _ := c["nodes"].([]any)
			c["nodes"] = append(list, map[string]any{"_id": kid, "nodeType": f[1], "displayName": f[2]})
			configs[kid] = map[string]any{"_id": kid, "_type": map[string]any{"_id": f[1]}}
			continue
		}
		connections := map[string]any{}
		for _, o := range strings.Split(f[5], ",") {
			if outcome, to, ok := strings.Cut(o, "="); ok {
				to = map[string]string{"OK": schema.SuccessNode, "FAIL": schema.FailureNode}[to] + strings.TrimPrefix(strings.TrimPrefix(to, "OK"), "FAIL")
				connections[outcome] = to
			}
		}
		n := map[string]any{"nodeType": f[1], "displayName": f[2], "connections": connections}
		if f[3] != "" {
			n["x"], n["y"] = json.Number(f[3]), json.Number(f[4])
		}
		nodes[f[0]] = n
		configs[f[0]] = map[string]any{"_id": f[0], "_type": map[string]any{"_id": f[1]}}
		if len(f) > 6 {
			k, v, _ := strings.Cut(f[6], "=")
			configs[f[0]].(map[string]any)[k] = v
		}
	}
	return &schema.Resource{Key: schema.Key{Type: "journey", Realm: "alpha", ID: name}, Body: map[string]any{
		"_id": name, "entryNodeId": entry, "nodes": nodes, "nodeConfigs": configs,
		"staticNodes": map[string]any{
			"startNode":        map[string]any{"x": json.Number("50"), "y": json.Number("25")},
			schema.SuccessNode: map[string]any{"x": json.Number("900"), "y": json.Number("40")},
			schema.FailureNode: map[string]any{"x": json.Number("900"), "y": json.Number("240")},
		},
	}}
}

func loginBefore(t *testing.T) *schema.Resource {
	return journey(t, "Login", "page",
		"page|PageNode|Login Page|150|20|outcome=ldap", "page>user|ValidatedUsernameNode|Username", "page>pass|ValidatedPasswordNode|Password",
		"ldap|DataStoreDecisionNode|LDAP Decision|350|20|true=count,false=lock", "count|IncrementLoginCountNode|Increment Login Count|560|20|outcome=inner",
		"lock|AccountLockoutNode|Account Lockout|560|140|outcome=FAIL", "inner|InnerTreeEvaluatorNode|Profile|720|20|true=OK,false=FAIL|tree=ProgressiveProfile")
}

func loginAfter(t *testing.T) *schema.Resource {
	return journey(t, "Login", "page",
		"page|PageNode|Login Page|150|20|outcome=ldap", "page>user|ValidatedUsernameNode|Username", "page>otp|OneTimePasswordCollectorDecisionNode|One-time password",
		"ldap|DataStoreDecisionNode|LDAP Decision|350|20|true=count,false=retry", "count2|IncrementLoginCountNode|Increment Login Count|560|20|outcome=inner",
		"retry|RetryLimitDecisionNode|Retry Limit|560|140|Retry=page,Reject=FAIL", "count|SetStateNode|State|560|300|outcome=OK",
		"inner|InnerTreeEvaluatorNode|Profile|720|20|true=OK,false=FAIL|tree=FullProfile")
}

// change compares two journeys as lockstep diff does.
func change(t *testing.T, from, to *schema.Resource) *diff.Change {
	t.Helper()
	a, b := schema.NewSet("from"), schema.NewSet("to")
	if from != nil {
		a.Add(from)
	}
	if to != nil {
		b.Add(to)
	}
	changes, err := diff.Compare(a, b, diff.Options{})
	if err != nil || len(changes) != 1 {
		t.Fatalf("%d changes, %v", len(changes), err)
	}
	return &changes[0]
}

func drawChange(t *testing.T, c *diff.Change) *picture.Picture {
	t.Helper()
	p, ok, err := picture.Change(c)
	if err != nil || !ok {
		t.Fatalf("%t, %v", ok, err)
	}
	return p
}

func TestGolden(t *testing.T) {
	p, err := picture.Journey(loginBefore(t))
	if err != nil {
		t.Fatal(err)
	}
	check(t, "login", loginBefore(t), p.SVG(picture.Options{}))
	golden(t, "login.svg", p.SVG(picture.Options{Link: func(j string) string { return "./" + j + ".svg" }}))
	golden(t, "login.mmd", []byte(p.Mermaid()))
	c := drawChange(t, change(t, loginBefore(t), loginAfter(t)))
	golden(t, "change.svg", c.SVG(picture.Options{}))
	golden(t, "sides.svg", c.SVG(picture.Options{View: picture.Sides}))
	golden(t, "inline.svg", c.SVG(picture.Options{Inline: true}))
	golden(t, "change.mmd", []byte(c.Mermaid()))
	var b strings.Builder
	for _, l := range c.Outline() {
		fmt.Fprintf(&b, "%1s %t %s | %s\n", l.Sign, l.Node, l.Text, l.Note)
	}
	golden(t, "change.txt", []byte(b.String()))
	again := drawChange(t, change(t, loginBefore(t), loginAfter(t)))
	if !bytes.Equal(again.SVG(picture.Options{}), c.SVG(picture.Options{})) {
		t.Error("the same change gave other bytes")
	}
}

func TestMarks(t *testing.T) {
	tests := []struct {
		name     string
		from, to *schema.Resource
		want     picture.Counts
	}{
		{"a bit of all", loginBefore(t), loginAfter(t), picture.Counts{Added: 3, Removed: 2, Changed: 3, Rewired: 2}},
		{"re-created under a new id", journey(t, "J", "a", "a|SetStateNode|A|10|10|outcome=OK"), journey(t, "J", "b", "b|SetStateNode|A|10|10|outcome=OK"), picture.Counts{Changed: 1}},
		{"another start", journey(t, "J", "a", "a|SetStateNode|A|10|10|outcome=OK", "b|SetStateNode|B|300|10|outcome=OK"),
			journey(t, "J", "b", "a|SetStateNode|A|10|10|outcome=OK", "b|SetStateNode|B|300|10|outcome=OK"), picture.Counts{Rewired: 1}},
		{"moved on the canvas", journey(t, "J", "a", "a|SetStateNode|A|10|10|outcome=OK"), journey(t, "J", "a", "a|SetStateNode|A|90|10|outcome=OK"), picture.Counts{}},
		{"renamed", journey(t, "J", "a", "a|SetStateNode|A|10|10|outcome=OK"), journey(t, "J", "a", "a|SetStateNode|B|10|10|outcome=OK"), picture.Counts{Changed: 1}},
		{"created", nil, loginAfter(t), picture.Counts{}},
		{"deleted", loginBefore(t), nil, picture.Counts{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := drawChange(t, change(t, tt.from, tt.to))
			if got := p.Counts(); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			for _, view := range []picture.View{picture.Merged, picture.Sides} {
				for _, inline := range []bool{true, false} {
					noOverlaps(t, tt.name, read(t, tt.name, p.SVG(picture.Options{View: view, Inline: inline})))
				}
			}
		})
	}
	if _, ok, _ := picture.Change(&diff.Change{Key: schema.Key{Type: "script"}, After: loginAfter(t)}); ok {
		t.Error("a script has a picture")
	}
}

// Exports "without coordinates" have all nodes at 0, 0, or say nothing.
func TestLayered(t *testing.T) {
	for _, at := range []string{"|", "0|0"} {
		lines := []string{
			"a|PageNode|First|" + at + "|outcome=b", "b|ScriptedDecisionNode|Second|" + at + "|yes=c,no=a,stop=FAIL", "c|SetStateNode|Third|" + at + "|outcome=OK",
			"d|SetStateNode|Lost|" + at + "|outcome=c", "e|SetStateNode|Alone|" + at + "|",
		}
		r := journey(t, "J", "a", lines...)
		p, err := picture.Journey(r)
		if err != nil {
			t.Fatal(err)
		}
		if layered, _ := picture.Placed(p); !layered {
			t.Errorf("%q: drawn by coordinates that are none", at)
		}
		svg := p.SVG(picture.Options{})
		check(t, "layered", r, svg)
		x := map[string]float64{}
		for _, b := range read(t, "layered", svg).texts {
			x[b.text] = b.x
		}
		for _, pair := range [][2]string{{"First", "Second"}, {"Second", "Third"}, {"Third", "Success"}} {
			if x[pair[0]] >= x[pair[1]] {
				t.Errorf("%s stands right of %s", pair[0], pair[1])
			}
		}
	}
}

func TestCoordinates(t *testing.T) {
	tests := []struct {
		name    string
		layered bool
		forced  int
		lines   []string
	}{
		{"as the admin UI has them", false, 0, []string{"a|SetStateNode|A|100|100|outcome=b", "b|SetStateNode|B|400|100|outcome=OK"}},
		{"one on another", false, 1, []string{"a|SetStateNode|A|100|100|outcome=b", "b|SetStateNode|B|100|100|outcome=c", "c|SetStateNode|C|400|100|outcome=d", "d|SetStateNode|D|650|100|outcome=e", "e|SetStateNode|E|650|300|outcome=f", "f|SetStateNode|F|100|300|outcome=OK"}},
		{"out of this world", true, 0, []string{"a|SetStateNode|A|1e5|100|outcome=b", "b|SetStateNode|B|400|-1e5|outcome=OK"}},
		{"no numbers", true, 0, []string{"a|SetStateNode|A|1e999|100|outcome=b", "b|SetStateNode|B|NaN|1|outcome=OK"}},
		{"negative", false, 0, []string{"a|SetStateNode|A|-900|-100|outcome=b", "b|SetStateNode|B|400|-100.5|outcome=OK"}},
		{"a target that is not there", false, 0, []string{"a|SetStateNode|A|100|100|outcome=zzz"}},
		{"an entry that is not there", false, 0, []string{"b|SetStateNode|B|100|100|outcome=OK"}},
		{"no nodes at all", true, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := journey(t, "J", "a", tt.lines...)
			p, err := picture.Journey(r)
			if err != nil {
				t.Fatal(err)
			}
			if layered, forced := picture.Placed(p); layered != tt.layered || forced != tt.forced {
				t.Errorf("layered %t, %d moved; want %t, %d", layered, forced, tt.layered, tt.forced)
			}
			check(t, tt.name, r, p.SVG(picture.Options{}))
		})
	}
}

const nasty = "</title><script>alert(1)</script> ]]> & \" ' <!-- \x1b[31m \u202e @everyone `x` \x00 \ufffe \xff click n1 javascript:alert(1) %% end"

func nastyJourney(t testing.TB, s string) *schema.Resource {
	t.Helper()
	return &schema.Resource{Key: schema.Key{Type: "journey", Realm: s, ID: s}, Body: map[string]any{
		"_id": s, "entryNodeId": s, "staticNodes": map[string]any{s: map[string]any{}},
		"nodes": map[string]any{
			s:   map[string]any{"nodeType": "PageNode", "displayName": s, "connections": map[string]any{s: s + s, "x" + s: schema.SuccessNode}},
			"i": map[string]any{"nodeType": "InnerTreeEvaluatorNode", "displayName": s, "connections": map[string]any{"true": s, s: 7}},
			"u": map[string]any{"nodeType": s, "displayName": "", "connections": nil},
		},
		"nodeConfigs": map[string]any{s: map[string]any{"nodes": []any{map[string]any{"_id": s + "k", "nodeType": s, "displayName": s}}}, "i": map[string]any{"tree": s}},
	}}
}

var (
	mermaidNode = regexp.MustCompile(`^  n\d+[\[({/]+"[^"]*"[\])}/]+$`)
	mermaidWire = regexp.MustCompile(`^  n\d+ (-->|==>|-\.->)(\|"[^"]*"\|)? n\d+$`)
	mermaidRest = regexp.MustCompile(`^(flowchart LR|  (linkStyle|classDef|class) [a-z0-9 ,:#-]+)$`)
	mermaidText = regexp.MustCompile(`"[^"]*"`)
	mermaidSafe = regexp.MustCompile(`[<>&"'` + "`" + `@%\\\x00-\x1f]`)
)

// harmless draws a journey made of one text, in all forms, and reads all of them strictly.
func harmless(t *testing.T, s string) {
	t.Helper()
	p, err := picture.Journey(nastyJourney(t, s))
	if err != nil {
		t.Fatal(err)
	}
	c := &diff.Change{Key: schema.Key{Type: "journey", Realm: s, ID: s}, Name: s, Action: diff.Update, Before: nastyJourney(t, s), After: nastyJourney(t, s+"2"),
		Items: []diff.Item{{Kind: "~", Pointer: s}, {Kind: "~", Pointer: "/nodeConfigs/i/tree"}}}
	for name, p := range map[string]*picture.Picture{"journey": p, "change": drawChange(t, c)} {
		for _, o := range []picture.Options{{}, {Inline: true, View: picture.Sides, Link: func(j string) string { return "./" + j }}} {
			svg := p.SVG(o)
			if i := bytes.Index(bytes.ToLower(svg), []byte("<script")); i >= 0 {
				t.Errorf("%s: a script", name)
			}
			noOverlaps(t, name, read(t, name, svg))
		}
		for _, l := range strings.Split(strings.TrimSuffix(p.Mermaid(), "\n"), "\n") {
			if !mermaidNode.MatchString(l) && !mermaidWire.MatchString(l) && !mermaidRest.MatchString(l) {
				t.Errorf("mermaid: %q", l)
			}
			for _, text := range mermaidText.FindAllString(l, -1) {
				if text = strings.ReplaceAll(strings.Trim(text, `"`), "<br/>", ""); mermaidSafe.MatchString(text) {
					t.Errorf("mermaid: %q", text)
				}
			}
		}
	}
}

func TestHarmless(t *testing.T) { harmless(t, nasty) }

func FuzzHarmless(f *testing.F) {
	for _, s := range []string{nasty, "", "a", "#quot;", "1. x", "- y", "end", "日本語 e\u0301", "👩‍👩‍👧", strings.Repeat("w", 300), "__proto__", "startNode"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) < 500 {
			harmless(t, s)
		}
	})
}

func FuzzCoordinates(f *testing.F) {
	f.Add(0.0, 0.0, 10.0, 10.0, 20.0, -5.5)
	f.Add(1e9, 0.0, math.MaxFloat64, 1.0, 2.0, 3.0)
	f.Fuzz(func(t *testing.T, ax, ay, bx, by, cx, cy float64) {
		text := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
		r := journey(t, "J", "a", "a|PageNode|A|"+text(ax)+"|"+text(ay)+"|x=b,y=c,z=FAIL", "b|SetStateNode|B|"+text(bx)+"|"+text(by)+"|o=a,p=OK", "c|SetStateNode|C|"+text(cx)+"|"+text(cy)+"|o=b")
		p, err := picture.Journey(r)
		if err != nil {
			t.Fatal(err)
		}
		check(t, "fuzz", r, p.SVG(picture.Options{}))
	})
}

func TestTooLarge(t *testing.T) {
	lines := make([]string, 1001)
	for i := range lines {
		lines[i] = fmt.Sprintf("n%d|SetStateNode|N|%d|0|o=OK", i, i*300)
	}
	var large *picture.TooLargeError
	if _, err := picture.Journey(journey(t, "J", "n0", lines...)); !errors.As(err, &large) || large.Nodes != 1001 {
		t.Errorf("got %v", err)
	}
	r := journey(t, "J", "n0", lines[:1000]...)
	p, err := picture.Journey(r)
	if err != nil {
		t.Fatal(err)
	}
	if s := read(t, "large", p.SVG(picture.Options{})); len(s.nodes) < 1000 {
		t.Errorf("%d nodes", len(s.nodes))
	}
}

// luminance is WCAG's relative luminance of #rrggbb.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, k := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatalf("colour %q: %v", hex, err)
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

func TestContrast(t *testing.T) {
	pairs := []struct {
		over  string
		on    []string
		ratio float64
	}{
		{"ink", []string{"bg", "card", "kid", "addbg", "delbg", "modbg", "rewbg", "badbg"}, 4.5},
		{"soft", []string{"bg", "card", "addbg", "delbg", "modbg", "badbg"}, 4.5},
		{"blue", []string{"card", "addbg", "delbg", "modbg"}, 4.5}, {"rew", []string{"rewbg"}, 4.5}, {"ok", []string{"okbg"}, 4.5}, {"bad", []string{"badbg"}, 4.5},
		{"wire", []string{"bg"}, 3}, {"line", []string{"card"}, 3}, {"add", []string{"bg", "addbg", "sign"}, 3}, {"del", []string{"bg", "delbg", "sign"}, 3}, {"mod", []string{"bg", "modbg", "sign"}, 3}, {"rew", []string{"bg", "sign"}, 3},
		{"slate", []string{"slatebg", "kid"}, 3}, {"blue", []string{"bluebg", "kid"}, 3}, {"teal", []string{"tealbg", "kid"}, 3}, {"violet", []string{"violetbg", "kid"}, 3}, {"rose", []string{"rosebg", "kid"}, 3}, {"amber", []string{"amberbg", "kid"}, 3},
	}
	for name, p := range map[string]picture.Palette{"light": picture.Light(), "dark": picture.Dark()} {
		for _, pair := range pairs {
			for _, on := range pair.on {
				a, b := luminance(t, p[pair.over]), luminance(t, p[on])
				if got := (max(a, b) + 0.05) / (min(a, b) + 0.05); got < pair.ratio {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", name, pair.over, on, got, pair.ratio)
				}
			}
		}
	}
	if s := picture.Style(); strings.Contains(s, "$") || strings.Contains(s, ":}") || strings.Contains(s, ":;") {
		t.Error("a colour is missing in the style sheet")
	}
}
