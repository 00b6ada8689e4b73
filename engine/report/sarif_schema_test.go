package report

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/lockstep-gitops/lockstep/schema"
)

// TestSARIFIsValid holds what is written against the schema that OASIS publishes.
func TestSARIFIsValid(t *testing.T) {
	published, err := os.ReadFile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	if err := c.AddResource("sarif.json", bytes.NewReader(published)); err != nil {
		t.Fatal(err)
	}
	sarif, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/report.sarif")
	if err != nil {
		t.Fatal(err)
	}
	var all schema.Diagnostics
	for _, c := range schema.Codes() {
		all = append(all, schema.Diagnostic{
			Code: c.Name, Severity: c.Severity, Key: schema.Key{Type: "journey", Realm: "alpha", ID: "a b/ü"}, Pointer: "/x",
			Pos: schema.Pos{File: "a b/ü.json", Line: 3, Column: 4, EndLine: 3, EndColumn: 9}, Message: "m", Hint: "h",
			Related: []schema.Related{{Pos: schema.Pos{File: "c.json", Line: 1, Column: 1}, Text: "there"}},
		})
	}
	all = append(all, schema.Diagnostic{Code: "config", Severity: schema.Error, Message: "no place at all"})
	var every bytes.Buffer
	if err := Write(&every, SARIF, &Report{Tool: "lockstep 1.0.0", Findings: all, Checked: true}, Options{}); err != nil {
		t.Fatal(err)
	}
	var none bytes.Buffer
	if err := Write(&none, SARIF, &Report{Tool: "lockstep 1.0.0", Checked: true}, Options{}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"golden": golden, "every code": every.Bytes(), "none": none.Bytes()} {
		v, err := schema.ParseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := sarif.Validate(v); err != nil {
			t.Errorf("%s: %#v", name, err)
		}
	}
	v, err := schema.ParseJSON([]byte(strings.Replace(every.String(), `"level": "error"`, `"level": "fatal"`, 1)))
	if err != nil || sarif.Validate(v) == nil {
		t.Error("the validator takes anything")
	}
}

// TestFingerprintsSurviveMoves: a finding that only moved to another line is the same one.
func TestFingerprintsSurviveMoves(t *testing.T) {
	d := schema.Diagnostic{Code: "script-syntax", Key: schema.Key{Type: "script", Realm: "alpha", ID: "s"}, Pointer: "/script", Message: "the script is no valid JavaScript: unexpected token ) (line 3, column 9 of the script)"}
	moved := d
	moved.Pos = schema.Pos{File: "x.js", Line: 40, Column: 2}
	moved.Message = strings.Replace(d.Message, "line 3, column 9", "line 12, column 1", 1)
	if fingerprint(d) != fingerprint(moved) {
		t.Error("a move changes the fingerprint")
	}
	other := d
	other.Message = strings.Replace(d.Message, "token )", "token ]", 1)
	if fingerprint(d) == fingerprint(other) {
		t.Error("two findings have one fingerprint")
	}
}
