package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

const esvArchive = `
-- alpha/script/s.json --
{"name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "// &{esv.in.script}\nvar a = systemEnv.getProperty('esv.a');\nsystemEnv.getProperty(x);\nsystemEnv.getProperty('am.own');"}
-- alpha/script/g.json --
{"name": "G", "language": "GROOVY", "context": "LIBRARY", "script": "def a = systemEnv.getProperty(\"esv.g\", \"default\")"}
-- global/email-provider/external.email.json --
{
  "port": {"$int": "&{esv.port|25}"},
  "host": "&{esv.host|&{esv.fallback}}.example.com",
  "from": "&{fqdn}",
  "&{esv.key}": 1
}
-- global/variable/esv-a.json --
{"_id": "esv-a", "description": "see &{esv.other}"}
-- other/realms/alpha/secret-mappings/m.json --
{"_id": "x", "aliases": ["esv-cert", "plain"]}
-- other/list.json --
{
  "script": [
    "var a;",
    "identityServer.getProperty('esv.lines');"
  ]
}
-- other/coded.json --
{"script": "c3lzdGVtRW52LmdldFByb3BlcnR5KCdlc3YuY29kZWQnKQ=="}
-- other/double.json --
{"script": "\"\\nsystemEnv.getProperty('esv.double')\""}
-- other/x.groovy --
def x = identityServer.getProperty "esv.groovy"
-- other/config.yaml --
a: "&{esv.yaml}"
`

func TestESVReferences(t *testing.T) {
	s := testSet(t, txtar.Parse([]byte(esvArchive)))
	refs := ESVReferences(s)
	var got []string
	for _, r := range refs {
		def := "-"
		if r.Default != nil {
			def = *r.Default
		}
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %q %s default=%s %s %s", r.Pos, r.Kind, r.ESV, r.Wrapper, def, r.Pointer, r.Name)))
	}
	want := strings.Split(strings.TrimSpace(`
alpha/script/g.json:1:78 script "esv-g"  default=- /script G
alpha/script/s.json:1:103 script "esv-a"  default=- /script S
alpha/script/s.json:1:136 script ""  default=- /script S
global/email-provider/external.email.json:2:21 placeholder "esv-port" $int default=25 /port/$int external.email
global/email-provider/external.email.json:3:12 placeholder "esv-host"  default=&{esv.fallback} /host external.email
global/email-provider/external.email.json:3:23 placeholder "esv-fallback"  default=- /host external.email
other/coded.json:1:12 script "esv-coded"  default=- /script other
other/config.yaml:1:5 placeholder "esv-yaml"  default=-  other
other/double.json:1:12 script "esv-double"  default=- /script other
other/list.json:4:6 script "esv-lines"  default=- /script other
other/realms/alpha/secret-mappings/m.json:1:26 secret-mapping "esv-cert"  default=- /aliases/0 other
other/x.groovy:1:9 script "esv-groovy"  default=-  other
`), "\n")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}

	if d := cmp.Diff(map[string]bool{"esv-a": true}, s.Declared()); d != "" {
		t.Error(d)
	}
	var missing []string
	for _, r := range MissingESVs(refs, map[string]bool{"esv-a": true, "esv-yaml": true}) {
		missing = append(missing, r.ESV)
	}
	// esv-port and esv-host have defaults; the call without a constant name can't be judged.
	if d := cmp.Diff([]string{"esv-g", "esv-fallback", "esv-coded", "esv-double", "esv-lines", "esv-cert", "esv-groovy"}, missing); d != "" {
		t.Error(d)
	}
}

func TestMissingDiagnostics(t *testing.T) {
	def := "x"
	refs := []ESVReference{
		{ESV: "esv-b", Key: Key{Type: "script", Realm: "alpha", ID: "1"}, Name: "Risk", Pos: Pos{File: "z.js", Line: 3, Column: 1}, Text: "esv.b"},
		{ESV: "esv-b", Pos: Pos{File: "a.json", Line: 9, Column: 2}, Text: "&{esv.b}", Name: "endpoints"},
		{ESV: "esv-a", Pos: Pos{File: "z.js", Line: 1, Column: 1}},
		{ESV: "esv-c", Default: &def},
	}
	ds := MissingDiagnostics("staging", MissingESVs(refs, nil))
	if len(ds) != 2 || ds[0].Message != "esv-a is referenced and staging does not have it" || ds[0].Code != "esv-missing" || ds[0].Severity != Error {
		t.Fatalf("%+v", ds)
	}
	b := ds[1]
	if b.Pos.File != "a.json" || len(b.Related) != 1 || b.Related[0].Pos.File != "z.js" {
		t.Errorf("%+v", b)
	}
	if want := `A promotion to staging would stop with "Missing ESVs". Create it: lockstep esv push --env staging --name esv-b`; b.Hint != want {
		t.Errorf("hint %q", b.Hint)
	}
}

func TestEncryptedValues(t *testing.T) {
	a, err := txtar.ParseFile("testdata/findings/secrets.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range EncryptedValues(testSet(t, a)) {
		got = append(got, fmt.Sprintf("%s %s %s exempt=%v", e.Pos, e.Pointer, e.Form, e.Exempt))
	}
	want := []string{
		"global/email-provider/external.email.json:3:17 /auth/password $crypto x-simple-encryption exempt=false",
		"global/secret/esv-active.json:1:38 /activeValue $crypto x-simple-encryption exempt=true",
		"other/connector.json:3:21 /configurationProperties/clientSecret $crypto x-simple-encryption exempt=false",
		"other/connector.json:6:13 /configurationProperties/text $crypto inside a JSON string exempt=false",
		"other/connector.json:7:31 /configurationProperties/bindPassword-encrypted -encrypted property exempt=false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestScanLines(t *testing.T) {
	f := &File{Name: "r.jsonl", Data: []byte("{\"a\": \"&{esv.one}\"}\n\nnot json\n{\"b\": [\"&{esv.two}\"]}\r\n")}
	var got []string
	for _, p := range ScanFile(f, nil).Placeholders {
		got = append(got, fmt.Sprint(p.Pos, " ", p.Pointer, " ", p.ESV))
	}
	if d := cmp.Diff([]string{"r.jsonl:1:8 /a esv-one", "r.jsonl:4:9 /b/0 esv-two"}, got); d != "" {
		t.Error(d)
	}
}

func FuzzScanFile(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		ScanFile(&File{Name: "x.js", Data: data}, nil)
		ScanFile(&File{Name: "x.jsonl", Data: data}, nil)
		if v, err := ParseJSON(data); err == nil && v != nil {
			ScanFile(&File{Name: "esvs/x.json", Data: data}, v)
		}
	})
}
