package schema

import (
	"bytes"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the want sections anew")

// testSet makes a set of an archive's files: realm/type/id.json is a resource ("global" for none),
// other/name an unmanaged file.
func testSet(t testing.TB, a *txtar.Archive) *Set {
	t.Helper()
	s := NewSet("test")
	for _, f := range a.Files {
		if f.Name == "want" {
			continue
		}
		file := &File{Name: f.Name, Data: f.Data}
		parts := strings.SplitN(f.Name, "/", 3)
		if parts[0] == "other" {
			var v any
			if strings.HasSuffix(f.Name, ".json") {
				v = mustParse(t, f.Data)
			}
			s.Others = append(s.Others, Other{Kind: "other", File: file, Value: v})
			continue
		}
		id, err := url.PathUnescape(strings.TrimSuffix(parts[2], ".json"))
		if err != nil {
			t.Fatal(err)
		}
		k := Key{Type: parts[1], Realm: parts[0], ID: id}
		if k.Realm == "global" {
			k.Realm = ""
		}
		if _, ok := TypeOf(k.Type); !ok {
			t.Fatalf("%s: no such type", f.Name)
		}
		body, ok := mustParse(t, f.Data).(map[string]any)
		if !ok {
			t.Fatalf("%s: no object", f.Name)
		}
		s.Add(&Resource{Key: k, Body: body, Source: NewSource(Part{File: file})})
	}
	return s
}

func mustParse(t testing.TB, data []byte) any {
	t.Helper()
	v, err := ParseJSON(data)
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

// format writes findings as the want sections hold them.
func format(ds Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintf(&b, "%s: %s[%s]: %s\n", d.Pos, d.Severity, d.Code, d.Message)
		for i, l := range d.Excerpt {
			fmt.Fprintf(&b, "  %4d | %s\n", d.ExcerptLine+i, l)
		}
		for line := range strings.SplitSeq(d.Hint, "\n") {
			if line != "" {
				fmt.Fprintf(&b, "  %s\n", line)
			}
		}
		for _, r := range d.Related {
			fmt.Fprintf(&b, "  also %s %s\n", r.Pos, r.Text)
		}
	}
	return b.String()
}

func archives(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/findings/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	return files
}

func TestFindings(t *testing.T) {
	for _, file := range archives(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := format(Validate(testSet(t, a), Options{}))
			want := &a.Files[len(a.Files)-1]
			if want.Name != "want" {
				t.Fatal("the last section is not want")
			}
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want.Data), got); diff != "" {
				t.Errorf("findings differ (-want +got), go test -update writes them:\n%s", diff)
			}
		})
	}
}

// TestFindingsAreStable: the same set gives the same findings, byte for byte, and every finding's
// code is explained.
func TestFindingsAreStable(t *testing.T) {
	for _, file := range archives(t) {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first := format(Validate(testSet(t, a), Options{}))
		for range 20 {
			if again := format(Validate(testSet(t, a), Options{})); again != first {
				t.Fatalf("%s: two runs differ:\n%s", file, cmp.Diff(first, again))
			}
		}
		for _, d := range Validate(testSet(t, a), Options{}) {
			if _, ok := CodeOf(d.Code); !ok {
				t.Errorf("%s: code %s is not in the table", file, d.Code)
			}
			if d.Message == "" || strings.HasSuffix(d.Message, ".") {
				t.Errorf("%s: message %q is no sentence without a full stop", file, d.Message)
			}
		}
	}
}

func TestNoSecretIsShown(t *testing.T) {
	a, err := txtar.ParseFile("testdata/findings/secrets.txtar")
	if err != nil {
		t.Fatal(err)
	}
	ds := Validate(testSet(t, a), Options{})
	if len(ds) == 0 {
		t.Fatal("no findings")
	}
	shown := format(ds)
	for _, secret := range []string{"hunter2", "aHVudGVyMg"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown in:\n%s", secret, shown)
		}
	}
}

func TestMaskSecrets(t *testing.T) {
	tests := []struct{ line, want string }{
		{`  "clientSecret": "hunter2",`, `  "clientSecret": "*******",`},
		{`  "password" : "a\"b"`, `  "password" : "****"`},
		{`  "password": "&{esv.x}"`, `  "password": "&{esv.x}"`},
		{`  "valueBase64": "${X}"`, `  "valueBase64": "${X}"`},
		{`  "name": "hunter2"`, `  "name": "hunter2"`},
	}
	for _, tt := range tests {
		if got := maskSecrets(tt.line); got != tt.want {
			t.Errorf("maskSecrets(%s) = %s, want %s", tt.line, got, tt.want)
		}
	}
}

func TestValidateOptions(t *testing.T) {
	a, err := txtar.ParseFile("testdata/findings/cors.txtar")
	if err != nil {
		t.Fatal(err)
	}
	s := testSet(t, a)
	all := Validate(s, Options{})
	open := Key{Type: "cors", ID: "open"}
	one := Validate(s, Options{Only: func(k Key) bool { return k == open }})
	if len(one) == 0 || len(one) >= len(all) {
		t.Errorf("Only: %d of %d findings", len(one), len(all))
	}
	for _, d := range one {
		if d.Key != open {
			t.Errorf("Only: a finding about %v", d.Key)
		}
	}
	off := Validate(s, Options{Severities: map[string]Severity{"cors-malformed-origin": Off, "cors-methods": Info}})
	for _, d := range off {
		if d.Code == "cors-malformed-origin" || d.Code == "cors-methods" && d.Severity != Info {
			t.Errorf("severity not applied: %v", d)
		}
	}
}

func TestTypesThatWereNotAskedFor(t *testing.T) {
	s := NewSet("test")
	s.Add(&Resource{Key: Key{Type: "theme", Realm: "alpha", ID: "t"}, Body: map[string]any{"name": "T", "linkedTrees": []any{"Gone"}}})
	has := func() bool {
		return strings.Contains(format(Validate(s, Options{})), "theme-missing-journey")
	}
	if !has() {
		t.Error("a missing journey is not reported")
	}
	s.Types = []string{"theme"}
	if has() {
		t.Error("journeys were not asked for, and one is reported as missing")
	}
	s.Types = nil
	s.MarkBroken(Key{Type: "journey", Realm: "alpha", ID: "Gone"})
	if has() {
		t.Error("the journey is there and can't be read, and is reported as missing")
	}
}

func TestPartialExport(t *testing.T) {
	s := NewSet("test")
	s.Layout = "frodo"
	s.Add(&Resource{Key: Key{Type: "idp", Realm: "alpha", ID: "i"}, Body: map[string]any{
		"_type": map[string]any{"_id": "x"}, "enabled": true, "clientId": "c", "transform": "gone",
	}})
	find := func() Severity {
		for _, d := range Validate(s, Options{}) {
			if d.Code == "idp-missing-script" {
				return d.Severity
			}
		}
		return Off
	}
	if got := find(); got != Warning {
		t.Errorf("an export without scripts: %v", got)
	}
	s.Add(&Resource{Key: Key{Type: "script", Realm: "alpha", ID: "s"}, Body: map[string]any{"name": "S"}})
	if got := find(); got != Error {
		t.Errorf("an export with scripts: %v", got)
	}
}

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Codes() {
		if seen[c.Name] {
			t.Errorf("%s is there twice", c.Name)
		}
		seen[c.Name] = true
		if c.Summary == "" || len(c.Explain) < 60 || c.Severity == Off {
			t.Errorf("%s lacks something: %+v", c.Name, c)
		}
		for line := range strings.SplitSeq(c.Explain, "\n") {
			if len(line) > 96 || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: line %q", c.Name, line)
			}
		}
	}
	for _, ty := range Types() {
		for _, l := range ty.Links {
			if !seen[l.Code] {
				t.Errorf("type %s: code %q is not in the table", ty.Name, l.Code)
			}
		}
	}
	// What other packages emit by name.
	for _, name := range []string{
		"json-syntax", "json-duplicate-key", "journey-orphan-node", "duplicate-node", "duplicate-resource", "file-missing",
		"path-escapes", "file-too-large", "file-unreadable", "copies-disagree", "realm-unknown", "id-mismatch", "esv-missing", MissingLibrary,
	} {
		if !seen[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
	if _, ok := CodeOf("no-such-code"); ok {
		t.Error("CodeOf knows what is not there")
	}
}

// emitted finds a code that is passed to report, or stands in a finding.
var emitted = regexp.MustCompile(`(?:report(?:At)?\([^"]*|Code: )"([a-z]+(?:-[a-z]+)+)"`)

// TestEmittedCodes reads the sources: each code that is spelled out is in the table.
func TestEmittedCodes(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	n := 0
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") || strings.HasPrefix(f, "codes") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range emitted.FindAllSubmatch(data, -1) {
			n++
			if _, ok := CodeOf(string(m[1])); !ok {
				t.Errorf("%s emits %s, which is not in the table", f, m[1])
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d codes found in the sources: has their form changed?", n)
	}
}

func TestSchemasCompile(t *testing.T) {
	table, err := newSchemaTable()
	if err != nil {
		t.Fatal(err)
	}
	for name := range table.files {
		f := table.file(name) // panics where it can't be compiled
		for kind := range f.kinds {
			if s, err := table.kind(f, kind); err != nil || s == nil {
				t.Errorf("%s: %s: %v", name, kind, err)
			}
		}
	}
	if n := len(table.file(nodeSchema).kinds); n < 20 {
		t.Errorf("only %d node types", n)
	}
	for _, ty := range Types() {
		if ty.Schema != "" && table.file(ty.Schema) == nil {
			t.Errorf("type %s: no schema %s", ty.Name, ty.Schema)
		}
	}
	if len(productScripts()) < 40 {
		t.Errorf("only %d product scripts", len(productScripts()))
	}
}

func TestSuggest(t *testing.T) {
	candidates := []string{"entryNodeId", "enabled", "description", "Login", "esv-port"}
	tests := []struct{ word, want string }{
		{"entryNodeID", "entryNodeId"},
		{"enabld", "enabled"},
		{"Lgoin", "Login"},
		{"esv-prot", "esv-port"},
		{"esv-port", ""}, // itself is no suggestion
		{"xyz", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := Suggest(tt.word, candidates); got != tt.want {
			t.Errorf("Suggest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"größe", "große", 1}, {"abc", "xyz", 3}}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b, 5); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
	if got := distance("abcdef", "uvwxyz", 2); got != 3 {
		t.Errorf("beyond the limit: %d", got)
	}
}

// TestCorpusIsQuiet: what is reported as an error on real tenants is a real fault. Each is listed with
// its reason.
func TestCorpusIsQuiet(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus(t), "tenant-snapshots", "frodo*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snapshots: %v", err)
	}
	real := map[string]string{
		"journey-entry-missing alpha/journey/test": "starts at d26176be-…, which is in no source (corpus notes, 8)",
		// Page nodes of version 2.0, read without the version, answered 404 (corpus notes, 1).
		"journey-node-missing alpha/journey/P1P-Test":           "7 page nodes answered 404 on that day",
		"journey-node-missing alpha/journey/FrodoTestJourney13": "a page node answered 404 on that day",
		"encrypted-secret global/connector/Azure":               "its client secret is a $crypto value",
		"encrypted-secret global/connector/test":                "the same",
		// Stored on the tenant as a JSON literal (corpus notes, 2).
		"script-double-encoded alpha/script/484e6246-dbc6-4288-97e6-54e55431402e": "Apple Profile Normalization",
		"script-double-encoded bravo/script/484e6246-dbc6-4288-97e6-54e55431402e": "Apple Profile Normalization",
		"script-double-encoded alpha/script/73cecbfc-dad0-4395-be6a-6858ee3a80e5": "Microsoft Profile Normalization",
		"script-double-encoded bravo/script/73cecbfc-dad0-4395-be6a-6858ee3a80e5": "Microsoft Profile Normalization",
		"script-double-encoded alpha/script/58d29080-4563-480b-89bb-1e7719776a21": "Google Profile Normalization",
		"script-double-encoded bravo/script/58d29080-4563-480b-89bb-1e7719776a21": "Google Profile Normalization",
		"script-double-encoded alpha/script/58c824ae-84ed-4724-82cd-db128fc3f6c":  "Normalized Profile to Managed User",
		"script-double-encoded bravo/script/58c824ae-84ed-4724-82cd-db128fc3f6c":  "Normalized Profile to Managed User",
	}
	found := map[string]bool{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var docs []Document
		for line := range bytes.Lines(data) {
			v := mustParse(t, line)
			if body, ok := v.(map[string]any)["body"].(map[string]any); ok {
				docs = append(docs, Document{Path: Str(v, "/path"), Body: body})
			}
		}
		set, _ := FromDocuments(f, docs)
		if set.Len() < 50 {
			t.Errorf("%s: only %d resources", f, set.Len())
		}
		for _, d := range Validate(set, Options{}).AtLeast(Error) {
			k := d.Code + " " + d.Key.String()
			found[k] = true
			if real[k] == "" {
				t.Errorf("%s: %s %s: %s", filepath.Base(f), k, d.Pointer, d.Message)
			}
		}
	}
	for k := range real {
		if !found[k] {
			t.Errorf("%s is a real fault and is not found", k)
		}
	}
}
