package config

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

func TestParseESVs(t *testing.T) {
	ds, diags := ParseESVs("dev.yaml", []byte(`
esv-number: {type: number, value: 1.50}
esv-int: {type: int, description: "tries", value: 3}
esv-list: {type: list, value: [a, "b c"]}
esv-array: {type: array, value: [1.50, {x: true}]}
esv-object: {type: object, value: {z: null, a: "<b>"}}
esv-text: {value: "hello"}
esv-bool: {type: bool, value: false}
esv-secret: {secret: true, from: "env:S"}
esv-cert: {encoding: pem, useInPlaceholders: false, from: "file:certs/x.pem"}
esv-by-hand: {type: string}
`))
	if len(diags) > 0 {
		t.Fatalf("%q", lines(diags))
	}
	var got []string
	for _, d := range ds {
		value := "-"
		if d.Value != nil {
			value = *d.Value
		}
		got = append(got, fmt.Sprintf("%s %t %s|%s %t %s %s", d.Name, d.Secret, d.Type, d.Encoding, d.UseInPlaceholders, d.From, value))
	}
	want := `esv-array false array| true  [1.50,{"x":true}]
esv-bool false bool| true  false
esv-by-hand false string| true  -
esv-cert true |pem false file:certs/x.pem -
esv-int false int| true  3
esv-list false list| true  a,b c
esv-number false number| true  1.50
esv-object false object| true  {"a":"<b>","z":null}
esv-secret true |generic true env:S -
esv-text false string| true  hello`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
}

func TestESVFindings(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"name", "esv.My.var: {}", `1:1: "esv.My.var" can't be an ESV's name | Did you mean "esv-my-var"?`},
		{"name without prefix", "port: {}", `1:1: "port" can't be an ESV's name | Did you mean "esv-port"?`},
		{"unknown key", "esv-a: {valu: 1}", `1:9: unknown key "valu" | Did you mean "value"?`},
		{"type", "esv-a: {type: integer}", `1:15: type "integer" is not known | One of string, int, number, bool, list, array, object, base64encodedinlined, keyvaluelist`},
		{"not an int", "esv-a: {type: int, value: 1.5}", `1:27: the value is not of type int`},
		{"not a bool", "esv-a: {type: bool, value: yes}", `1:28: the value is not of type bool`},
		{"not an array", "esv-a: {type: array, value: '{}'}", `1:29: the value is not of type array`},
		{"list with comma", "esv-a: {type: list, value: ['a,b']}", `1:29: an item of a list must be text without commas: the tenant keeps the list with commas between`},
		{"list for a string", "esv-a: {value: [a]}", `1:16: a value of type string can't be a list`},
		{"both", "esv-a: {value: a, from: 'env:A'}", `1:25: either value or from, not both`},
		{"from", "esv-a: {from: 'vault:A'}", `1:15: from must start with env:, file: or exec: | As in env:SESSION_DOMAIN, file:certs/signing.pem, exec:vault kv get …`},
		{"from nothing", "esv-a: {from: 'env:'}", `1:15: from names nothing after env:`},
		{"secret value", "esv-a: {secret: true, value: s3cr3t}", `1:30: a secret's value must not stand in this file: it is in git for everybody to read | Write from: env:NAME, file:PATH or exec:COMMAND. If this was a real value, replace it on the tenant now`},
		{"secret type", "esv-a: {secret: true, type: string}", `1:29: a secret has no type | It has an encoding: generic, pem, base64hmac, base64aes`},
		{"no secret", "esv-a: {secret: false, encoding: pem}", `1:17: only a secret has an encoding or useInPlaceholders | Drop them, or say secret: true`},
		{"encoding", "esv-a: {encoding: der}", `1:19: encoding "der" is not known | One of generic, pem, base64hmac, base64aes`},
		{"variable", "esv-a: {value: '${A}'}", `1:16: ${…} is not expanded here: it would reach the tenant as it stands | Write from: env:NAME to take a value out of the environment`},
		{"twice", "esv-a: {}\nesv-a: {}", `2:1: the key "esv-a" stands twice`},
		{"list", "- esv-a", `1:1: a file of ESVs must be a mapping, not a list`},
		{"too long", "esv-a: {value: '" + strings.Repeat("x", MaxESV+1) + "'}", `1:16: the value has 65536 bytes; a tenant takes 65535`},
		{"hex in JSON", "esv-a: {type: array, value: [0x1f]}", `1:30: this number is not written as JSON writes numbers`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, diags := ParseESVs("f.yaml", []byte(tt.text))
			if got := strings.Join(lines(diags), "\n"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if strings.Contains(fmt.Sprintf("%+v", diags), "s3cr3t") {
				t.Error("a finding shows a secret")
			}
		})
	}
}

func TestResolve(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for sh")
	}
	dir := t.TempDir()
	write(t, dir, "v", "from a file\r\n")
	write(t, dir, "pem", "-----BEGIN\n")
	env := lookup("S", "s3cr3t", "EMPTY", "")
	literal := "7"
	tests := []struct {
		d          DeclaredESV
		want, fail string
	}{
		{d: DeclaredESV{Value: &literal}, want: "7"},
		{d: DeclaredESV{From: "env:S"}, want: "s3cr3t"},
		{d: DeclaredESV{From: "file:v"}, want: "from a file"},
		{d: DeclaredESV{From: "file:pem", Encoding: "pem"}, want: "-----BEGIN\n"},
		{d: DeclaredESV{From: "exec:printf 'a:%s\\n' b"}, want: "a:b"},
		{d: DeclaredESV{From: "exec:cat v"}, want: "from a file"},
		{d: DeclaredESV{From: "env:NO"}, fail: "esv-x: the environment variable NO is not set"},
		{d: DeclaredESV{From: "env:EMPTY"}, fail: "esv-x: env:EMPTY gave nothing"},
		{d: DeclaredESV{From: "env:S", Type: "int"}, fail: "esv-x: the value is not of type int"},
		{d: DeclaredESV{From: "exec:echo s3cr3t; exit 3"}, fail: "esv-x: the command failed (exit status 3); run it by hand"},
		{d: DeclaredESV{From: "exec:yes"}, fail: "esv-x: the command printed more than 1024 KiB: yes"},
		{d: DeclaredESV{From: "file:none"}, fail: "esv-x: read open"},
		{d: DeclaredESV{}, fail: "esv-x: its declaration has neither value nor from"},
	}
	for _, tt := range tests {
		tt.d.Name = "esv-x"
		got, err := tt.d.Resolve(context.Background(), env, dir)
		switch {
		case tt.fail == "" && (err != nil || string(got.Reveal()) != tt.want):
			t.Errorf("%s: got %q, %v; want %q", tt.d.From, got.Reveal(), err, tt.want)
		case tt.fail != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.fail)):
			t.Errorf("%s: got %v, want %s", tt.d.From, err, tt.fail)
		case err != nil && strings.Contains(strings.ReplaceAll(err.Error(), "echo s3cr3t", ""), "s3cr3t"):
			t.Errorf("%s: the error shows the value", tt.d.From)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (DeclaredESV{Name: "esv-x", From: "exec:cat"}).Resolve(ctx, env, dir); err == nil {
		t.Error("a cancelled command gave a value")
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	s := NewSecret([]byte("s3cr3t"))
	type inner struct{ hidden Secret }
	holder := struct {
		S Secret
		P *Secret
		A Access
		i inner
		m map[string]Secret
	}{s, &s, Access{Key: s, Token: s}, inner{s}, map[string]Secret{"a": s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb, s, &s, holder)
	}
	b, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "s", s, "h", holder)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "s", s, "h", holder)
	for _, bad := range []string{"s3cr3t", "733363723374", "115 51 99", "czNjcjN0"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("a secret is shown as %q", bad)
		}
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("no *** where the secret was")
	}
	b = s.Reveal()
	b[0] = 'X'
	if string(s.Reveal()) != "s3cr3t" {
		t.Error("Reveal gives away its own bytes")
	}
}

// Whatever the file, it is read without a panic, places are in it, and the same file gives the same answer.
func checkFindings(t *testing.T, data []byte, ds schema.Diagnostics) {
	t.Helper()
	n := strings.Count(string(data), "\n") + 1
	for _, d := range ds {
		// YAML also ends lines at CR, NEL, LS and PS.
		extra := strings.Count(string(data), "\r") + strings.Count(string(data), "\u0085") + strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029")
		if d.Pos.Line > n+extra+1 {
			t.Errorf("%v is beyond the end (%d lines)", d.Pos, n)
		}
		if d.Message == "" {
			t.Error("a finding without words")
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{whole, "", "a: b: c", "config: &x {dir: *x}", "? [a]\n: b", "environments: {a: {url: '${A}', token: x}}", "!!binary x", "- - -", "\ufeffversion: 1", "%YAML 1.1\n---\na"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, ds := Parse("/", FileName, data, lookup("A", "x"))
		checkFindings(t, data, ds)
		for _, n := range p.Names() {
			p.Chain(n)
			if e, err := p.Env(n); err == nil {
				if e.URL != "" && !strings.HasPrefix(e.URL, "http") {
					t.Errorf("url %q", e.URL)
				}
			}
		}
		if _, again := Parse("/", FileName, data, lookup("A", "x")); fmt.Sprint(again) != fmt.Sprint(ds) {
			t.Error("a second reading differs")
		}
	})
}

func FuzzParseESVs(f *testing.F) {
	for _, s := range []string{"esv-a: {type: object, value: {a: [1, {b: null}]}}", "esv-a: {secret: true, from: 'exec:x'}", "esv-a: {value: &a [*a]}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ds := ParseESVs("f", data)
		checkFindings(t, data, ds)
		for _, d := range got {
			if d.Secret && d.Value != nil {
				t.Error("a secret with a literal value")
			}
			if d.Value != nil && checkValue(d.Type, *d.Value) != nil {
				t.Errorf("%s has a value that is not of type %s", d.Name, d.Type)
			}
		}
	})
}

func FuzzDotenv(f *testing.F) {
	for _, s := range []string{"A=b", "export A='b\nc'\nD=e # f", "A=\"\\n\\\"", "A=`", "=", "\ufeffA=b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		values, ds := parseDotenv(data)
		checkFindings(t, data, ds)
		for name := range values {
			if !variableName.MatchString(name) {
				t.Errorf("name %q", name)
			}
		}
	})
}
