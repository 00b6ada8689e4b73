package config

import (
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

func TestParseExemptions(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"fine", `- {code: script-syntax, match: "alpha/script/*", reason: r, until: 2027-01-31}`, ""},
		{"a file", `- {code: secret-in-text, file: "sync/**", reason: r, until: 2027-01-31}`, ""},
		{"empty", ``, ""},
		{"no reason", `- {code: script-syntax, match: "alpha/script/*", until: 2027-01-31}`, "the exemption needs reason"},
		{"no day", `- {code: script-syntax, match: "alpha/script/*", reason: r}`, "the exemption needs until"},
		{"no day but a word", `- {code: script-syntax, match: "alpha/script/*", reason: r, until: later}`, `"later" is no date`},
		{"no match", `- {code: script-syntax, reason: r, until: 2027-01-31}`, "the exemption needs either match"},
		{"both", `- {code: script-syntax, match: "alpha/script/*", file: a, reason: r, until: 2027-01-31}`, "the exemption needs either match"},
		{"no code", `- {match: "alpha/script/*", reason: r, until: 2027-01-31}`, "the exemption needs code"},
		{"unknown code", `- {code: script-sintax, match: "alpha/script/*", reason: r, until: 2027-01-31}`, "script-sintax"},
		{"of itself", `- {code: exemption-expired, match: "alpha/script/*", reason: r, until: 2027-01-31}`, "can't be exempted"},
		{"no list", `code: x`, "must be a list"},
		{"unknown key", `- {cod: x}`, `"cod"`},
	}
	for _, tt := range tests {
		list, ds := ParseExemptions([]byte(tt.text))
		if tt.want == "" {
			if len(ds) != 0 || tt.text != "" && len(list) != 1 {
				t.Errorf("%s: %d entries, %v", tt.name, len(list), ds)
			}
			continue
		}
		if len(list) != 0 || len(ds) == 0 || !strings.Contains(ds[0].Message, tt.want) {
			t.Errorf("%s: %d entries, %v", tt.name, len(list), ds)
		}
		for _, d := range ds {
			if d.Pos.Line == 0 || d.Severity != schema.Error {
				t.Errorf("%s: no place: %+v", tt.name, d)
			}
		}
	}
}

func FuzzParseExemptions(f *testing.F) {
	f.Add([]byte(`- {code: script-syntax, match: "alpha/script/*", pointer: /x, reason: r, until: 2027-01-31}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := ParseExemptions(data)
		for _, x := range list {
			if x.Code == "" || x.Reason == "" || x.Until.IsZero() {
				t.Fatalf("half an exemption: %+v", x)
			}
		}
	})
}
