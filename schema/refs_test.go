package schema

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

func TestReferences(t *testing.T) {
	a, err := txtar.ParseFile("testdata/findings/references.txtar")
	if err != nil {
		t.Fatal(err)
	}
	s := testSet(t, a)
	var got []string
	for _, r := range References(s) {
		kind := "link"
		switch {
		case r.Link == nil && r.Code == "":
			kind = "parent"
		case r.Link == nil:
			kind = "library"
		case r.Soft:
			kind = "soft"
		}
		got = append(got, fmt.Sprintf("%s %s → %s %s found=%v", r.From, r.Pointer, r.To, kind, r.Found))
	}
	want := strings.Split(strings.TrimSpace(`
alpha/idp/apple  → alpha/service/SocialIdentityProviders parent found=true
alpha/idp/apple /transform → alpha/script/99999999-d7fc-4654-8b46-c2666dc5b56d link found=false
alpha/idp/google  → alpha/service/SocialIdentityProviders parent found=true
alpha/idp/google /transform → alpha/script/41c24257-d7fc-4654-8b46-c2666dc5b56d link found=true
alpha/journey/Login /nodeConfigs/n1/script → alpha/script/41c24257-d7fc-4654-8b46-c2666dc5b56e link found=false
alpha/journey/Login /nodeConfigs/n2/tree → alpha/journey/Login MFA link found=false
alpha/journey/Login /nodeConfigs/n3/emailTemplateName → global/email-template/welcom link found=false
alpha/journey/Login /nodeConfigs/n4/filteredProviders/0 → alpha/idp/google link found=true
alpha/journey/Login /nodeConfigs/n4/filteredProviders/1 → alpha/idp/gogle link found=false
alpha/journey/Login /nodeConfigs/n5/stage → alpha/theme/00000000-0000-4000-8000-000000000000 soft found=false
alpha/journey/Login /nodeConfigs/n6/script → alpha/script/01e1a3c0-038b-4c16-956a-6c9d89328cff link found=true
alpha/script/41c24257-d7fc-4654-8b46-c2666dc5b56d /script → alpha/script/2c38c998-aec0-4e56-8d46-bff6e24a704e library found=true
alpha/script/41c24257-d7fc-4654-8b46-c2666dc5b56d /script → alpha/script/Library Script library found=true
alpha/script/41c24257-d7fc-4654-8b46-c2666dc5b56d /script → alpha/script/utils library found=false
alpha/service/email /transportType → alpha/service-child/email/smtpTransports/sendgrid link found=false
alpha/service/oauth-oidc /pluginsConfig/accessTokenModificationScript → alpha/script/d22f9a0c-426a-4466-b95e-d0f125b0d5fa link found=true
alpha/service/oauth-oidc /pluginsConfig/oidcClaimsScript → alpha/script/88888888-d7fc-4654-8b46-c2666dc5b56d link found=false
alpha/service/selfServiceTrees /treeMapping/registration → alpha/journey/Registration soft found=false
alpha/theme/63e19668-909f-479e-83d7-be7a01cd8187 /linkedTrees/0 → alpha/journey/Login soft found=true
alpha/theme/63e19668-909f-479e-83d7-be7a01cd8187 /linkedTrees/1 → alpha/journey/Gone soft found=false
`), "\n")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	r, _ := s.Get(Key{Type: "theme", Realm: "alpha", ID: "63e19668-909f-479e-83d7-be7a01cd8187"})
	if n := len(ReferencesOf(s, r)); n != 2 {
		t.Errorf("the theme has %d references", n)
	}
}

func TestLinkWhen(t *testing.T) {
	body := map[string]any{"nodeConfigs": map[string]any{"n": map[string]any{
		"_type": map[string]any{"_id": "DeviceMatchNode"}, "useScript": true, "script": "s", "list": []any{"x"},
	}}}
	tests := []struct {
		when map[string][]string
		at   string
		want bool
	}{
		{nil, "/nodeConfigs/n/script", true},
		{map[string][]string{"/useScript": {"true"}}, "/nodeConfigs/n/script", true},
		{map[string][]string{"/useScript": {"false"}}, "/nodeConfigs/n/script", false},
		{map[string][]string{"/_type/_id": {"A", "DeviceMatchNode"}}, "/nodeConfigs/n/list/0", true},
		{map[string][]string{"/_type/_id": {"A"}}, "/nodeConfigs/n/list/0", false},
		{map[string][]string{"/gone": {""}}, "/nodeConfigs/n/script", false},
	}
	for _, tt := range tests {
		l := Link{When: tt.when}
		if got := l.applies(body, tt.at); got != tt.want {
			t.Errorf("when %v at %s: %v", tt.when, tt.at, got)
		}
	}
}

func TestRequires(t *testing.T) {
	tests := []struct {
		src  string
		want []string
	}{
		{`var a = require("A");`, []string{"A"}},
		{"require('A'); require ( \"B\" ); require('A')", []string{"A", "B"}},
		{`// require("A")`, nil},
		{"/* require('A')\n */ require('B')", []string{"B"}},
		{`x.require("A"); myrequire("B"); $require("C")`, nil},
		{`require(name); require("A" + b)`, nil},
		{`var s = "require('A')"; var t = 'it\'s'; require('B')`, []string{"B"}},
		{`var re = /['"]/; require('A')`, []string{"A"}},
		{`x.replace(/[/'"]+/g, ''); require('A')`, []string{"A"}},
		{`var d = a / b; var e = "x" / 2; require('A') // '`, []string{"A"}},
		{"`${require('A')}`", nil}, // within a template: not followed
		{"no calls", nil},
		{"/* never closed require('A')", nil},
		{"'never closed", nil},
		{"require('a\\'b')", nil},
	}
	for _, tt := range tests {
		var got []string
		for _, u := range requires(tt.src) {
			got = append(got, u.name)
			if quoted := tt.src[u.start:u.end]; strings.Trim(quoted, `'"`) != u.name {
				t.Errorf("%s: the place of %s is %q", tt.src, u.name, quoted)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("requires(%s) = %q, want %q", tt.src, got, tt.want)
		}
	}
}

func FuzzRequires(f *testing.F) {
	for _, s := range []string{`require("A")`, "/* ' */ require('b')", "a = /[/]/; `x", "\"\\", "/*", "//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if code := onlyCode(src); len(code) != len(src) {
			t.Fatalf("%q becomes %q", src, code)
		}
		for _, u := range requires(src) {
			if src[u.start+1:u.end-1] != u.name {
				t.Fatalf("%q: %+v", src, u)
			}
		}
	})
}
