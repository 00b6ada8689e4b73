package diff

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/schema"
)

// mapping is a row with everything that a row can say of a body, for kinds that are yet to come: sync
// mappings, managed objects, OAuth2 clients with wrapped values.
func mapping() *schema.Type {
	return &schema.Type{
		Name: "mapping", Class: schema.Static, NullIsAbsent: true,
		Volatile:  []string{"/_rev", "/**/lastModified", "/objects/*/properties/*/viewCount"},
		Defaults:  []schema.Default{{Pattern: "/**/searchable", Value: true}, {Pattern: "/empty", Value: []any{}}},
		Unordered: []string{"/privileges", "/scopes/value", "/objects"},
		Secret:    []string{"/client/secret", "/pins", "/configs/*/password"},
		Text:      []schema.Text{{Pattern: "/objects/*/on*/source", Language: "javascript"}, {Pattern: "/message/*", Language: "html"}},
		Keyed:     []schema.KeyedList{{Pattern: "/properties", By: "target"}, {Pattern: "/objects", By: "name"}},
	}
}

func parse(t *testing.T, s string) map[string]any {
	t.Helper()
	v, err := schema.ParseJSON([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

func TestItems(t *testing.T) {
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("%q", fmt.Sprintf("scope-%d", i)))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	for _, c := range []struct{ name, before, after, want string }{
		{"what the server owns and adds, at any depth", `{"_rev":"1","a":{"lastModified":1,"searchable":true},"empty":[],"none":null}`, `{"_rev":"2","a":{"lastModified":2}}`, ""},
		{"an unordered list of objects", `{"privileges":[{"path":"a","n":1},{"path":"b"}]}`, `{"privileges":[{"path":"b"},{"n":1.0,"path":"a"}]}`, ""},
		{"an element of an unordered list, by the row's member", `{"objects":[{"name":"user","x":1},{"name":"role"}]}`, `{"objects":[{"name":"role"},{"name":"org"},{"name":"user","x":2}]}`,
			"+ objects[org] | {\"name\":\"org\"}\n~ objects[user] › x | 1 → 2\n"},
		{"by the row's member, among others that repeat", `{"properties":[{"target":"mail","source":"m"},{"target":"cn","source":"m"}]}`, `{"properties":[{"target":"new"},{"target":"mail","source":"n"},{"target":"cn","source":"m"}]}`,
			"+ properties[new] | {\"target\":\"new\"}\n~ properties[mail] › source | m → n\n"},
		{"another order, where it means something", `{"properties":[{"target":"a"},{"target":"b"},{"target":"c"}]}`, `{"properties":[{"target":"c"},{"target":"a"},{"target":"b"}]}`,
			"~ properties | another order: c, a, b\n"},
		{"objects with a technical id go by their name", `{"rules":[{"uuid":"5e2a7c95-94af-4b23-8724-deb13853726a","name":"Admins","on":true}]}`, `{"rules":[{"uuid":"5e2a7c95-94af-4b23-8724-deb13853726a","name":"Admins","on":false}]}`,
			"~ rules[Admins] › on | true → false\n"},
		{"a name that stands deeper", `{"handlers":[{"class":"J","config":{"name":"json","x":1}}]}`, `{"handlers":[{"class":"C","config":{"name":"csv"}},{"class":"J","config":{"name":"json","x":2}}]}`,
			"+ handlers[csv] | {\"class\":\"C\",\"config\":{\"name\":\"csv\"}}\n~ handlers[json] › config › x | 1 → 2\n"},
		{"objects without an identity, by what stayed", `{"list":[{"v":1},{"v":2},{"v":3}]}`, `{"list":[{"v":0},{"v":1},{"v":4},{"v":3}]}`,
			"+ list[0] | {\"v\":0}\n~ list[2] › v | 2 → 4\n"},
		{"plain lists, order meaning something", `{"a":["x","y"]}`, `{"a":["y","x"]}`, "~ a | another order: y, x\n"},
		{"wrapped values", `{"scopes":{"inherited":false,"value":["a","b"]}}`, `{"scopes":{"inherited":false,"value":["b","c","a"]}}`, "~ scopes › value | + c\n"},
		{"long lists say how many more", `{"a":[]}`, `{"a":` + many(30) + `}`,
			"~ a | " + strings.Join(strings.Split("+ scope-"+strings.Join(numbers(20), ",+ scope-"), ","), "  ") + "  … 10 more; -o json has all\n"},
		{"a script within an object, CRLF", `{"objects":[{"name":"user","onCreate":{"source":"a\r\nb"}}]}`, `{"objects":[{"name":"user","onCreate":{"source":"a\nb"}}]}`, ""},
		{"a script within an object", `{"objects":[{"name":"user","onCreate":{"source":"a\nb\n"}}]}`, `{"objects":[{"name":"user","onCreate":{"source":"a\nc\n"}}]}`,
			"~ objects[user] › onCreate › source | \n  @@ -1,2 +1,2 @@\n   a\n  -b\n  +c\n"},
		{"texts in languages: one came, one went", `{"message":{"en":"x","fr":"y"}}`, `{"message":{"en":"x","de":"z"}}`,
			"+ message › de | \n  @@ -0,0 +1,1 @@\n  +z\n- message › fr | 1 line\n"},
		{"all languages went", `{"message":{"en":"x","fr":"y\nz"}}`, `{}`, "- message | en (1 line), fr (2 lines)\n"},
		{"long values show where they differ", `{"a":"` + strings.Repeat("x", 100) + `one"}`, `{"a":"` + strings.Repeat("x", 100) + `two"}`,
			"~ a | …" + strings.Repeat("x", 20) + "one → …" + strings.Repeat("x", 20) + "two\n"},
		{"keys with slashes and tildes", `{"a/b":{"~c":1}}`, `{"a/b":{"~c":2}}`, "~ a/b › ~c | 1 → 2\n"},
		{"another type of value", `{"a":[1]}`, `{"a":{"b":1}}`, "~ a | [1] → {\"b\":1}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := itemText(t, parse(t, c.before), parse(t, c.after)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func numbers(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

// itemText compares two bodies of the made-up type, checks the patch both ways, and writes the items.
func itemText(t *testing.T, before, after map[string]any) string {
	t.Helper()
	ch := updateOf(t, before, after)
	updateOf(t, after, before)
	if ch == nil {
		return ""
	}
	var b strings.Builder
	for _, i := range ch.Items {
		fmt.Fprintf(&b, "%s %s | %s\n", i.Kind, i.Subject, i.Detail)
		for _, l := range i.Text {
			b.WriteString("  " + l + "\n")
		}
	}
	return b.String()
}

func updateOf(t *testing.T, before, after map[string]any) *Change {
	t.Helper()
	typ := mapping()
	k := schema.Key{Type: typ.Name, ID: "x"}
	h := newHasher(fixedKey)
	c := comparer{hasher: h, names: names{schema.NewSet(""), schema.NewSet("")}}
	ch, err := c.update(typ, &Change{Key: k, Before: &schema.Resource{Key: k, Body: before}, After: &schema.Resource{Key: k, Body: after}})
	if err != nil {
		t.Fatal(err)
	}
	same := string(schema.CompactJSON(Normalize(typ, before))) == string(schema.CompactJSON(Normalize(typ, after)))
	if same != (ch == nil) {
		t.Errorf("the change is %v, and the normal forms say otherwise", ch)
	}
	if ch == nil {
		return nil
	}
	p := rootOf(typ)
	got := p.form(applyOps(t, ch.Patch, h.mask(p, before)), true)
	if want := p.form(h.mask(p, after), true); !p.same(got, want) {
		t.Errorf("the patch %s gives %s, want %s", spelled(ch.Patch), schema.CompactJSON(got), schema.CompactJSON(want))
	}
	return ch
}

// TestPatchIsMinimal: one thing changed is one operation, at its place in the body as it was read.
func TestPatchIsMinimal(t *testing.T) {
	for _, c := range []struct{ name, before, after, want string }{
		{"one element changed in a list in another order", `{"_rev":"1","objects":[{"name":"b","lastModified":1,"x":1},{"name":"a"}]}`, `{"objects":[{"name":"a"},{"name":"b","x":2}]}`,
			"\n  replace /objects/0/x 2"},
		{"put in front of others", `{"properties":[{"target":"a"},{"target":"b"}]}`, `{"properties":[{"target":"n"},{"target":"a"},{"target":"b"}]}`,
			"\n  add /properties/0 {\"target\":\"n\"}"},
		{"moved", `{"properties":[{"target":"a"},{"target":"b"},{"target":"c"}]}`, `{"properties":[{"target":"c"},{"target":"a"},{"target":"b"}]}`,
			"\n  remove /properties/2 \n  add /properties/0 {\"target\":\"c\"}"},
		{"several go, one stays", `{"properties":[{"target":"a"},{"target":"b"},{"target":"c"}]}`, `{"properties":[{"target":"b"}]}`,
			"\n  remove /properties/2 \n  remove /properties/0 "},
		{"an unordered list keeps its order", `{"scopes":{"value":["z","b","a"]}}`, `{"scopes":{"value":["a","c","z"]}}`,
			"\n  remove /scopes/value/1 \n  add /scopes/value/2 \"c\""},
		{"a default that was changed is written out", `{"a":{"searchable":false}}`, `{"a":{"searchable":true}}`, "\n  replace /a/searchable true"},
		{"and is taken out where it stands nowhere", `{"a":{"searchable":false}}`, `{"a":{}}`, "\n  remove /a/searchable "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := spelled(updateOf(t, parse(t, c.before), parse(t, c.after)).Patch); got != c.want {
				t.Errorf("got%s\nwant%s", got, c.want)
			}
		})
	}
}

// TestSecretsAreHashed: in every shape a value of the row's Secret patterns may have, and wherever the tenant
// encrypts. What only names a secret is shown.
func TestSecretsAreHashed(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		shown               bool
	}{
		{"plain", `{"client":{"secret":"hunter2-a"}}`, `{"client":{"secret":"hunter2-b"}}`, false},
		{"wrapped", `{"client":{"secret":{"inherited":false,"value":"hunter2-a"}}}`, `{"client":{"secret":{"inherited":false,"value":"hunter2-b"}}}`, false},
		{"in a list", `{"pins":[72011,72012]}`, `{"pins":[72011,72013]}`, false},
		{"in an object of a list", `{"configs":[{"_id":"a","password":"hunter2-a"}]}`, `{"configs":[{"_id":"a","password":"hunter2-b"}]}`, false},
		{"in an object that is new", `{"configs":[]}`, `{"configs":[{"_id":"a","password":"hunter2-b"}]}`, false},
		{"begins with a placeholder", `{"client":{"secret":"&{esv.a}hunter2-a"}}`, `{"client":{"secret":"&{esv.a}hunter2-b"}}`, false},
		{"a placeholder's default", `{"client":{"secret":"&{esv.a|hunter2-a}"}}`, `{"client":{"secret":"&{esv.a|hunter2-b}"}}`, false},
		{"encrypted by the tenant", `{"x":{"y":{"$crypto":{"value":{"data":"hunter2-a"}}}}}`, `{"x":{"y":{"$crypto":{"value":{"data":"hunter2-b"}}}}}`, false},
		{"encrypted, in a list", `{"x":[{"$crypto":{"value":{"data":"hunter2-a"}}}]}`, `{"x":[{"$crypto":{"value":{"data":"hunter2-b"}}}]}`, false},
		{"encrypted by AM", `{"userpassword-encrypted":"hunter2-a"}`, `{"userpassword-encrypted":"hunter2-b"}`, false},
		{"encrypted by AM, wrapped", `{"userpassword-encrypted":{"inherited":false,"value":"hunter2-a"}}`, `{"userpassword-encrypted":{"inherited":false,"value":"hunter2-b"}}`, false},
		{"called a password, in no row", `{"x":[{"filter":{"Password":"hunter2-a"}}]}`, `{"x":[{"filter":{"Password":"hunter2-b"}}]}`, false},
		{"a setting about passwords", `{"x":{"showPassword":"hunter2-a"}}`, `{"x":{"showPassword":"hunter2-b"}}`, true},
		{"a name", `{"client":{"secret":"&{esv.hunter2.a}"}}`, `{"client":{"secret":"&{esv.hunter2.b}"}}`, true},
		{"a name with another as its default", `{"client":{"secret":"&{esv.hunter2.a|&{esv.b}}"}}`, `{"client":{"secret":"&{esv.hunter2.b}"}}`, true},
		{"a wrapped name", `{"client":{"secret":{"$string":"&{esv.hunter2.a}"}}}`, `{"client":{"secret":{"$string":"&{esv.hunter2.b}"}}}`, true},
		{"a name in the environment", `{"client":{"secret":"${hunter2_a}"}}`, `{"client":{"secret":"${hunter2_b}"}}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ch := updateOf(t, parse(t, c.before), parse(t, c.after))
			if ch == nil || len(ch.Items) == 0 {
				t.Fatal("the changed secret is no change")
			}
			all := lines(ch.Items) + spelled(ch.Patch)
			shown := strings.Contains(all, "hunter2") || strings.Contains(all, "7201")
			if shown != c.shown {
				t.Errorf("shown is %v, want %v:\n%s", shown, c.shown, all)
			}
			if !c.shown && !strings.Contains(all, hashPrefix) {
				t.Errorf("no hash in\n%s", all)
			}
		})
	}
}

// TestHashIsKeyed: without the key nobody can try out short values; with it, equal values are equal.
func TestHashIsKeyed(t *testing.T) {
	one, other := newHasher(fixedKey), newHasher(func() ([]byte, error) { return []byte("other"), nil })
	random, failed := newHasher(nil), newHasher(func() ([]byte, error) { return nil, fmt.Errorf("no key") })
	hashes := map[string]bool{}
	for _, h := range []hasher{one, other, random, failed} {
		hashes[h.hash("1234")] = true
		if first, again := h.hash("1234"), h.hash("1234"); first != again || first == h.hash("1235") {
			t.Error("a hash says nothing about its value")
		}
	}
	if len(hashes) != 4 {
		t.Errorf("four keys give %d hashes", len(hashes))
	}
	if one.hash("a\r\nb") != one.hash("a\nb") {
		t.Error("line ends change a hash")
	}
}

// TestSecretBetweenRepositories: a value that is written and never read back is compared where both sides have
// one, and only there.
func TestSecretBetweenRepositories(t *testing.T) {
	typ, _ := schema.TypeOf("secret")
	for _, c := range []struct {
		before, after string
		change        bool
	}{
		{`{"valueBase64":"YQ=="}`, `{"valueBase64":"Yg=="}`, true},
		{`{"valueBase64":"YQ=="}`, `{"valueBase64":"YQ=="}`, false},
		{`{"valueBase64":"YQ=="}`, `{}`, false}, // a tenant never gives it
		{`{"valueBase64":"${A}"}`, `{"valueBase64":"Yg=="}`, false},
		{`{"valueBase64":"${A}"}`, `{"valueBase64":"${B}"}`, true},
	} {
		k := schema.Key{Type: "secret", ID: "esv-a"}
		comparer := comparer{hasher: newHasher(fixedKey), names: names{schema.NewSet(""), schema.NewSet("")}}
		ch, err := comparer.update(typ, &Change{Key: k, Before: &schema.Resource{Key: k, Body: parse(t, c.before)}, After: &schema.Resource{Key: k, Body: parse(t, c.after)}})
		if err != nil {
			t.Fatal(err)
		}
		if (ch != nil) != c.change {
			t.Errorf("%s → %s: change is %v, want %v", c.before, c.after, ch != nil, c.change)
		}
		if ch != nil && strings.Contains(lines(ch.Items)+spelled(ch.Patch), "==") {
			t.Errorf("the value is shown: %s", lines(ch.Items))
		}
	}
}

// TestVariablesShowTheirValue: the tenant keeps it in base64, which nobody reads; the patch has it as it is kept.
func TestVariablesShowTheirValue(t *testing.T) {
	typ, _ := schema.TypeOf("variable")
	k := schema.Key{Type: "variable", ID: "esv-a"}
	c := comparer{hasher: newHasher(fixedKey), names: names{schema.NewSet(""), schema.NewSet("")}}
	ch, err := c.update(typ, &Change{Key: k, Before: &schema.Resource{Key: k, Body: parse(t, `{"valueBase64":"b25l"}`)}, After: &schema.Resource{Key: k, Body: parse(t, `{"valueBase64":"dHdv"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := lines(ch.Items)+spelled(ch.Patch), "~ value | one → two\n\n  replace /valueBase64 \"dHdv\""; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"1", "1.0"}, {"1", "1e0"}, {"0", "-0"}, {"0", "-0.0"}, {"1e-50", "0.1e-49"}, {"100", "1E2"}, {"0.5", "5e-1"}, {"-2.50", "-2.5"},
	} {
		if !equal(number(numberOf(t, c.a)), number(numberOf(t, c.b))) {
			t.Errorf("%s and %s are two numbers: %s, %s", c.a, c.b, number(numberOf(t, c.a)), number(numberOf(t, c.b)))
		}
		if _, err := schema.ParseJSON([]byte(number(numberOf(t, c.a)))); err != nil {
			t.Errorf("%s becomes %s: %v", c.a, number(numberOf(t, c.a)), err)
		}
	}
	for _, c := range []struct{ a, b string }{{"12345678901234567890", "12345678901234567891"}, {"1e-50", "0"}, {"1e999999", "1e999998"}, {"0.1", "0.10000000000000000001"}} {
		if equal(number(numberOf(t, c.a)), number(numberOf(t, c.b))) {
			t.Errorf("%s and %s are one number", c.a, c.b)
		}
	}
}

func numberOf(t *testing.T, s string) json.Number {
	t.Helper()
	v, err := schema.ParseJSON([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v.(json.Number)
}
