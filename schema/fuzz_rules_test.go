package schema

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// textSeeds adds the fixtures' side files.
func textSeeds(f *testing.F, suffixes ...string) {
	f.Helper()
	n := 0
	err := filepath.WalkDir("../fixtures/repos/frconfig", func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !hasSuffix(name, suffixes...) {
			return err
		}
		data, err := os.ReadFile(name)
		n++
		f.Add(string(data))
		return err
	})
	if err != nil || n == 0 {
		f.Fatalf("no seeds: %v", err)
	}
}

// inText fails when a place is not in the text.
func inText(t *testing.T, text string, places ...int) {
	t.Helper()
	for _, p := range places {
		if p < 0 || p > len(text) {
			t.Fatalf("place %d of %d bytes", p, len(text))
		}
	}
}

func FuzzScriptRules(f *testing.F) {
	textSeeds(f, ".js")
	f.Add("def a = '''x''' // (\n\"\"\"}\"\"\"")
	f.Add("for each (x in y) { let (a = 1) {} } var e = <a b='c'/>;")
	f.Fuzz(func(t *testing.T, src string) {
		for _, groovy := range []bool{true, false} {
			if at, _, ok := bracketFault(src, groovy); ok {
				inText(t, src, at)
			}
		}
		isRhinoOnly(src)
		for _, v := range []string{"1.0", "2.0"} {
			if at, _, ok := apiOf(src, v); ok {
				inText(t, src, at)
			}
		}
		if _, from, to, ok := personalData(src); ok {
			inText(t, src, from, to)
		}
		for _, x := range credentialsIn(src) {
			inText(t, src, x.start, x.end)
		}
		if _, from, to, ok := secretIn(src); ok {
			inText(t, src, from, to)
		}
		if len(codeAlone(src)) != len(src) {
			t.Fatal("offsets moved")
		}
	})
}

func FuzzTemplate(f *testing.F) {
	textSeeds(f, ".md", ".html")
	f.Add("{{#if a}}<div>{{else}}{{/if}}{{{x}}}{{!-- c --}}{{> p}}{{#each a as |b|}}{{/each}}")
	f.Add("{{{{raw}}}} {{x}} {{{{/raw}}}} \\{{a}}")
	f.Fuzz(func(t *testing.T, text string) {
		if at, end, _, bad := handlebarsFault(text); bad {
			inText(t, text, at)
			_ = end
		}
		if at, _, _, bad := htmlFault(text); bad {
			inText(t, text, at)
		}
	})
}

func FuzzCSS(f *testing.F) {
	textSeeds(f, ".css")
	f.Add("@media screen { a { color: red } } /* c */ a::before { content: \"}\" }")
	f.Fuzz(func(t *testing.T, text string) {
		if at, _, bad := cssFault(text); bad {
			inText(t, text, at)
		}
	})
}

func FuzzCron(f *testing.F) {
	for _, s := range []string{"0 0 3 * * ?", "0 0/15 8-18 ? * MON-FRI", "0 0 12 L * ?", "0 0 12 ? * 6#3 2030", "* * * * *", "0 0 12 LW * ?"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) { cronFault(s) })
}

func FuzzValidate(f *testing.F) {
	f.Add("journey", `{"entryNodeId": "n", "nodes": {"n": {"nodeType": "PageNode", "connections": {"outcome": "n"}}}, "nodeConfigs": {"n": {"_type": {"_id": "PageNode"}, "nodes": [{"_id": "n", "nodeType": "PageNode"}]}}}`)
	f.Add("email-template", `{"subject": {"en": "{{#"}, "message": {"en": "<b>"}, "styles": "{"}`)
	f.Add("managed-object", `{"schema": {"properties": {"a": {"type": "relationship"}}, "order": ["b"]}}`)
	f.Add("cors-idm", `{"initParams": {"allowedOrigins": "*,a"}}`)
	f.Fuzz(func(t *testing.T, typ, body string) {
		row, ok := TypeOf(typ)
		v, err := ParseJSON([]byte(body))
		m, isObject := v.(map[string]any)
		if !ok || err != nil || !isObject {
			return
		}
		s := NewSet("fuzz")
		k := Key{Type: typ, ID: "x"}
		if row.Realm {
			k.Realm = "alpha"
		}
		s.Add(&Resource{Key: k, Body: m, Source: NewSource(Part{File: &File{Name: "x.json", Data: []byte(body)}})})
		for _, d := range Validate(s, Options{}) {
			if d.Message == "" || strings.Contains(d.Message, "%!") {
				t.Fatalf("message %q", d.Message)
			}
		}
	})
}
