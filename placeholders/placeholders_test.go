package placeholders

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func ptr(s string) *string { return &s }

func TestScan(t *testing.T) {
	tests := []struct {
		in   string
		want []Ref
	}{
		{"", nil},
		{"plain & {text} $ &amp;{", nil},
		{"&{esv.my.var}", []Ref{{Kind: ESV, Name: "esv.my.var", ESV: "esv-my-var", Raw: "&{esv.my.var}", End: 13, Whole: true}}},
		{"&{fqdn}", []Ref{{Kind: Property, Name: "fqdn", Raw: "&{fqdn}", End: 7, Whole: true}}},
		{"é&{a|}", []Ref{{Kind: Property, Name: "a", Default: ptr(""), Raw: "&{a|}", Start: 2, End: 7}}},
		{"&{am.server.protocol|https}://&{fqdn}/*", []Ref{
			{Kind: Property, Name: "am.server.protocol", Default: ptr("https"), Raw: "&{am.server.protocol|https}", End: 27},
			{Kind: Property, Name: "fqdn", Raw: "&{fqdn}", Start: 30, End: 37},
		}},
		{"&{a|&{esv.b|10}/x|y}", []Ref{{
			Kind: Property, Name: "a", Default: ptr("&{esv.b|10}/x|y"), Raw: "&{a|&{esv.b|10}/x|y}", End: 20, Whole: true,
			Nested: []Ref{{Kind: ESV, Name: "esv.b", ESV: "esv-b", Default: ptr("10"), Raw: "&{esv.b|10}", Start: 4, End: 15}},
		}}},
		{`&{esv.o|{"a":{}}}}`, []Ref{{Kind: ESV, Name: "esv.o", ESV: "esv-o", Default: ptr(`{"a":{}}`), Raw: `&{esv.o|{"a":{}}}`, End: 17}}},
		{`\&{no}&{yes}`, []Ref{{Kind: Property, Name: "yes", Raw: "&{yes}", Start: 6, End: 12}}},
		{`&{a|\&{b}}`, []Ref{{Kind: Property, Name: "a", Default: ptr(`\&{b}`), Raw: `&{a|\&{b}}`, End: 10, Whole: true}}},
		{"&&{a}", []Ref{{Kind: Property, Name: "a", Raw: "&{a}", Start: 1, End: 5}}},
		{"&{esv.}", []Ref{{Kind: ESV, Name: "esv.", ESV: "esv-", Raw: "&{esv.}", End: 7, Whole: true}}},
		{"&{esv-x}", []Ref{{Kind: Property, Name: "esv-x", Raw: "&{esv-x}", End: 8, Whole: true}}},
	}
	for _, tt := range tests {
		got, err := Scan(tt.in)
		if err != nil {
			t.Errorf("Scan(%q): %v", tt.in, err)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Scan(%q)\n got %+v\nwant %+v", tt.in, got, tt.want)
		}
	}
}

func TestScanErrors(t *testing.T) {
	tests := []struct {
		in     string
		offset int
		msg    string
		refs   int
	}{
		{"&{", 0, "not closed", 0},
		{"&{esv.a", 0, "not closed", 0},
		{"x&{a}&{esv.b|", 5, "not closed", 1},
		{"&{a|&{b}", 0, "not closed", 0},
		{"&{a|&{b", 4, "not closed", 0},
		{"&{a|{x}", 0, "a '{' in its default", 0},
		{"&{}", 0, "no name", 0},
		{"&{a}&{|x}", 4, "no name", 1},
		{"&{a b}", 3, "illegal character ' '", 0},
		{"&{é}", 2, "illegal character 'é'", 0},
		{"&{a.&{b}}", 4, "not in a name", 0},
		{strings.Repeat("&{a|", 200) + strings.Repeat("}", 200), 400, "nested more than", 0},
	}
	for _, tt := range tests {
		refs, err := Scan(tt.in)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Scan(%.40q): error %v, want a SyntaxError", tt.in, err)
			continue
		}
		if syntax.Offset != tt.offset || !strings.Contains(syntax.Msg, tt.msg) || len(refs) != tt.refs {
			t.Errorf("Scan(%.40q): %d refs and %v, want %d and one with %q at %d", tt.in, len(refs), err, tt.refs, tt.msg, tt.offset)
		}
	}
}

func TestAll(t *testing.T) {
	refs, err := Scan("&{a|&{b|&{c}}&{d}}&{e}")
	if err != nil {
		t.Fatal(err)
	}
	var names string
	for _, r := range All(refs) {
		names += r.Name
	}
	if names != "abcde" {
		t.Errorf("order is %q, want abcde", names)
	}
}

func TestScanEnv(t *testing.T) {
	tests := []struct {
		in, names, err string
	}{
		{"plain", "", ""},
		{"${ESV_X}", "ESV_X whole", ""},
		{"a${X}b${BASE64:Y_1}", "X|Y_1 base64", ""},
		{`\${NOT}${YES}`, "YES", ""},
		{"&{esv.x}", "", ""},
		{"${A}${B", "A", "not closed"},
		{"${A\n}", "", "not closed"},
		{"${}", "", "no name"},
		{"${BASE64:}", "", "no name"},
		{"${a b}", "", "illegal character ' '"},
	}
	for _, tt := range tests {
		refs, err := ScanEnv(tt.in)
		var names []string
		for _, r := range refs {
			if r.Kind != Env || tt.in[r.Start:r.End] != r.Raw {
				t.Errorf("ScanEnv(%q): odd ref %+v", tt.in, r)
			}
			n := r.Name
			if r.Whole {
				n += " whole"
			}
			if r.Base64 {
				n += " base64"
			}
			names = append(names, n)
		}
		if got := strings.Join(names, "|"); got != tt.names {
			t.Errorf("ScanEnv(%q) = %q, want %q", tt.in, got, tt.names)
		}
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("ScanEnv(%q): error %v, want %q", tt.in, err, tt.err)
		}
	}
}

func lookupIn(m map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func TestExpand(t *testing.T) {
	values := lookupIn(map[string]string{"esv.host": "id", "esv.empty": "", "esv.tricky": "&{esv.host}"})
	tests := []struct {
		in, want, missing string
	}{
		{"", "", ""},
		{"&{esv.host}.example.com", "id.example.com", ""},
		{"&{esv.host|x}", "id", ""},
		{"&{esv.empty|x}", "", ""},
		{"&{esv.no|x}", "x", ""},
		{"&{esv.no|}", "", ""},
		{"&{esv.no}", "&{esv.no}", "esv.no"},
		{"&{esv.no|&{esv.host}/&{also.no|7}}", "id/7", ""},
		{"<&{a|&{b}/k}>", "<&{b}/k>", "b"},
		{`&{esv.no|{"a":1}}`, `{"a":1}`, ""},
		{"&{esv.tricky}", "&{esv.host}", ""},
		{`\&{esv.host}`, "&{esv.host}", ""},
		{`&{esv.no|\&{b}}`, "&{b}", ""},
	}
	for _, tt := range tests {
		got, missing, err := Expand(tt.in, values)
		if err != nil {
			t.Errorf("Expand(%q): %v", tt.in, err)
		}
		var names []string
		for _, r := range missing {
			names = append(names, r.Name)
			if tt.in[r.Start:r.End] != r.Raw {
				t.Errorf("Expand(%q): missing %q is not at its place", tt.in, r.Raw)
			}
		}
		if got != tt.want || strings.Join(names, " ") != tt.missing {
			t.Errorf("Expand(%q) = %q, missing %v; want %q, %q", tt.in, got, names, tt.want, tt.missing)
		}
	}
	if got, _, err := Expand("&{esv.host}&{", values); err == nil || got != "&{esv.host}&{" {
		t.Errorf("Expand of a syntax error = %q, %v; want the input and an error", got, err)
	}
}

func TestExpandEnv(t *testing.T) {
	values := lookupIn(map[string]string{"X": "é$", "Y": "eA==", "EMPTY": "", "LOOP": "${X}"})
	type fn = func(string, func(string) (string, bool)) (string, error)
	tests := []struct {
		name     string
		f        fn
		in, want string
		unset    string
	}{
		{"plain", ExpandEnv, "a${X}b${BASE64:Y}", "aé$beA==", ""},
		{"values are data", ExpandEnv, "${LOOP}", "${X}", ""},
		{"escape", ExpandEnv, `\${X}${X}`, "${X}é$", ""},
		{"unset", ExpandEnv, "${X}${NO}", "", "NO"},
		{"empty counts as unset", ExpandEnv, "${EMPTY}", "", "EMPTY"},
		{"encoded", ExpandEnvBase64, "${X}", "w6kk", ""},
		{"encoded already", ExpandEnvBase64, "${BASE64:Y}", "eA==", ""},
		{"fr-config-manager's bug is not ours", ExpandEnvBase64, "${BASE64:Y} ${X}", "eA== w6kk", ""},
		{"text of a file", ExpandEnvText, `{"a": ${X}, "b": "\\${X}"}`, `{"a": é$, "b": "${X}"}`, ""},
		{"text, unset", ExpandEnvText, `"${NO}"`, "", "NO"},
	}
	for _, tt := range tests {
		got, err := tt.f(tt.in, values)
		if tt.unset != "" {
			var unset *UnsetError
			if !errors.As(err, &unset) || unset.Name != tt.unset || !strings.Contains(err.Error(), tt.unset) {
				t.Errorf("%s: error %v, want one naming %s", tt.name, err, tt.unset)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}
	if _, err := ExpandEnv("${X", values); err == nil {
		t.Error("ExpandEnv takes an unclosed placeholder")
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ placeholder, esv string }{
		{"esv.my.var", "esv-my-var"}, {"esv.a_b", "esv-a_b"}, {"esv.x1", "esv-x1"},
	} {
		if got, ok := ESVName(tt.placeholder); !ok || got != tt.esv {
			t.Errorf("ESVName(%q) = %q, %v", tt.placeholder, got, ok)
		}
		if got := PlaceholderName(tt.esv); got != tt.placeholder {
			t.Errorf("PlaceholderName(%q) = %q", tt.esv, got)
		}
	}
	for _, name := range []string{"", "fqdn", "esv", "esv-x", "ESV.x", "esvx.y", "my.esv.x"} {
		if got, ok := ESVName(name); ok || got != "" {
			t.Errorf("ESVName(%q) = %q, %v; want none", name, got, ok)
		}
	}
	for in, want := range map[string]string{
		"esv-my-var": "esv.my.var", "ESV.My.Var": "esv.my.var", "esv_x": "esv.x", "Esv-a_b": "esv.a_b",
		"esv.x": "", "fqdn": "", "esvx": "", "esv-": "", "": "",
	} {
		if got, ok := MeantESV(in); got != want || ok != (want != "") {
			t.Errorf("MeantESV(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestCheckESVName(t *testing.T) {
	for in, want := range map[string]string{
		"esv-a": "", "esv-my_var-1": "", "esv--": "", "esv-" + strings.Repeat("x", 124): "",
		"":                                "empty",
		"esv-":                            "nothing after",
		"my-var":                          `must begin with "esv-"`,
		"ESV-x":                           "lower case",
		"byos-x":                          "legacy",
		"esv.my.var":                      `the ESV is "esv-my-var"`,
		"esv-my.var":                      "dot",
		"esv-myVar":                       "upper-case letter 'V'",
		"esv-a b":                         "illegal character ' ' at position 6",
		"esv-é!":                          "'é' at position 5",
		"esv-\xff":                        "UTF-8",
		"esv-" + strings.Repeat("x", 125): "too long: 125",
	} {
		err := CheckESVName(in)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("CheckESVName(%.20q) = %v, want %q", in, err, want)
		}
	}
}
