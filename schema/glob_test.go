package schema_test

import (
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

func TestGlob(t *testing.T) {
	script := schema.Key{Type: "script", Realm: "alpha", ID: "11-22"}
	child := schema.Key{Type: "service-child", Realm: "alpha", ID: "email/smtp"}
	cors := schema.Key{Type: "cors", ID: "spa"}
	tests := []struct {
		glob string
		key  schema.Key
		name string
		want bool
	}{
		{"alpha/script/11-22", script, "Login Risk", true},
		{"alpha/script/Login*", script, "Login Risk", true},
		{"alpha/script/Login", script, "Login Risk", false},
		{"bravo/script/*", script, "", false},
		{"*/script/*", script, "", true},
		{"alpha/**", script, "", true},
		{"**", cors, "", true},
		{"alpha/**", cors, "", false},
		{"global/cors/*", cors, "", true},
		{"*/cors*/spa", cors, "", true},
		{"alpha/service-child/**", child, "", true},
		{"alpha/service-child/email/*", child, "", true},
		{"alpha/service-child/*", child, "", true},
		{"alpha/service-child/[de]mail/smtp", child, "", true},
	}
	for _, tt := range tests {
		g, err := schema.ParseGlob(tt.glob)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := g.Match(tt.key, tt.name); got != tt.want {
			t.Errorf("%s matches %s: %t, want %t", tt.glob, tt.key, got, tt.want)
		}
	}
	if (schema.Glob{}).Match(script, "") {
		t.Error("the zero glob matches")
	}
	for _, bad := range []string{"", "alpha", "alpha/script", "//x", "alpha/**/x", "alpha//**", "alpha/script/"} {
		if g, err := schema.ParseGlob(bad); err == nil {
			t.Errorf("schema.ParseGlob(%q) = %v, want an error", bad, g)
		}
	}
}

func FuzzGlob(f *testing.F) {
	for _, s := range []string{"alpha/script/a*", "**", `a/b\*/[a-z]`, "*/*/*/x"} {
		f.Add(s, "x/y")
	}
	f.Fuzz(func(t *testing.T, glob, id string) {
		g, err := schema.ParseGlob(glob)
		if err != nil {
			return
		}
		g.Match(schema.Key{Realm: "alpha", Type: "script", ID: id}, id)
		if g.String() != glob {
			t.Error("a glob is not what was written")
		}
	})
}
