package sim

import (
	"slices"
	"testing"
)

func TestFilter(t *testing.T) {
	o := object{"_id": "endpoint/a", "n": number(7), "list": []any{"x", "y"}, "deep": object{"v": true}, "q": `it's`}
	for filter, want := range map[string]bool{
		`true`: true, `false`: false, `!true`: false, `!(false)`: true,
		`_id sw "endpoint"`: true, `_id ew 'b'`: false, `_id co "point/"`: true,
		`n gt 6`: true, `n ge 7`: true, `n lt 7`: false, `n le 7`: true, `n gt 10`: false,
		`list eq "y"`: true, `list eq "z"`: false, `deep/v eq true`: true, `/deep/v eq false`: false,
		`q eq 'it\'s'`: true, `none pr`: false, `n pr`: true,
		`false and false or true`: true, `false and (false or true)`: false, `TRUE pr OR n pr AND n eq 7`: true,
	} {
		f, err := parseFilter(filter, false)
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		if got := f(o); got != want {
			t.Errorf("%s is %v", filter, got)
		}
	}
	for _, bad := range []string{``, `n`, `n is 5`, `n eq`, `(true`, `true)`, `true true`, `! `, `and`} {
		if _, err := parseFilter(bad, false); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`_id sw 'a' and !(b pr)`, `name eq "^(?!x$).*"`, `'`, `a eq "\`, `((`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, patterns := range []bool{false, true} {
			if p, err := parseFilter(s, patterns); err == nil {
				p(object{"_id": "x"})
			}
		}
	})
}

func TestPlaceholders(t *testing.T) {
	set := map[string]bool{"esv.there": true}
	for text, want := range map[string][]string{
		"&{esv.a}":                             {"a"},
		"x &{esv.a} y &{esv.b} &{fqdn}":        {"a", "b"},
		"&{esv.there}":                         nil,
		"&{esv.a|5}":                           nil,
		"&{esv.a|}":                            nil,
		"&{esv.a|&{esv.b}}":                    {"b"},
		"&{esv.there|&{esv.b}}":                nil, // the default isn't needed
		"&{esv.a|&{esv.b|&{esv.c}}&{esv.d}} z": {"c", "d"},
		"&{idm.a|&{esv.b}}":                    {"b"},
		"&{esv.a":                              nil,
		"&{esv.open &{esv.a}":                  nil,
	} {
		missing := map[string]bool{}
		for _, r := range placeholders(text) {
			r.missing(set, missing)
		}
		var got []string
		for name := range missing {
			got = append(got, name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
