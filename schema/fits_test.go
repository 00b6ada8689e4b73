package schema

import (
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/lockstep-gitops/lockstep/fixtures"
)

// flatFixtures are the resources of the flat fixtures.
func flatFixtures(t testing.TB) []*Resource {
	t.Helper()
	var out []*Resource
	err := fs.WalkDir(fixtures.Repos(), "flat", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".json" {
			return err
		}
		data, err := fs.ReadFile(fixtures.Repos(), name)
		if err != nil {
			return err
		}
		v := mustParse(t, data)
		if body, ok := v.(map[string]any)["body"].(map[string]any); ok {
			out = append(out, &Resource{Key: Key{Str(v, "/type"), Str(v, "/realm"), Str(v, "/id")}, Body: body})
		}
		return nil
	})
	if err != nil || len(out) < 50 {
		t.Fatalf("%d resources: %v", len(out), err)
	}
	return out
}

// TestFitsIsNeverWrong changes real bodies at random: where fits has nothing to report, the validator has not
// either.
func TestFitsIsNeverWrong(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	rounds := 2000
	if testing.Short() {
		rounds = 40
	}
	asIs, quick, slow := 0, 0, 0
	for _, r := range flatFixtures(t) {
		typ, ok := TypeOf(r.Type)
		if !ok || typ.Schema == "" {
			continue
		}
		c := &checker{known: newKnown(NewSet("x"), Options{})}
		checkSchema(c, typ, r)
		if len(c.found) == 0 {
			asIs++
		}
		for range rounds / 40 {
			checkFits(t, typ, r, schemas().file(typ.Schema), disturbed(random, r.Body, 1+random.IntN(2)), &quick, &slow)
		}
		nodes, _ := r.Body["nodeConfigs"].(map[string]any)
		for _, id := range SortedKeys(nodes) {
			body, _ := nodes[id].(map[string]any)
			for range rounds / 40 {
				checkFits(t, typ, r, schemas().file(nodeSchema), disturbed(random, body, 1+random.IntN(2)), &quick, &slow)
			}
		}
	}
	t.Logf("%d bodies are fine; of the changed ones, %d fit and the validator was asked about %d", asIs, quick, slow)
	if quick < 100 || slow < 100 {
		t.Errorf("%d that fit, and %d for the validator, show too little", quick, slow)
	}
}

// TestFitsWhatIsFine: where there is nothing to report, the validator is hardly ever asked.
func TestFitsWhatIsFine(t *testing.T) {
	asked, fine := 0, 0
	for _, r := range flatFixtures(t) {
		typ, ok := TypeOf(r.Type)
		if !ok || typ.Schema == "" {
			continue
		}
		c := &checker{known: newKnown(NewSet("x"), Options{})}
		v := &shape{c: c, t: typ, r: r}
		f := schemas().file(typ.Schema)
		kind, err := schemas().kind(f, Str(r.Body, "/_type/_id"))
		if err != nil {
			t.Fatal(err)
		}
		v.explain(f.main, kind, r.Body, "")
		if len(c.found) > 0 {
			continue
		}
		fine++
		if !v.fits(schemas().form(f.main), schemas().form(kind), r.Body) {
			asked++
			t.Logf("the validator is asked about %s", r.Key)
		}
	}
	if fine < 50 || asked*20 > fine {
		t.Errorf("of %d bodies that are fine, the validator is asked about %d", fine, asked)
	}
}

func checkFits(t *testing.T, typ *Type, r *Resource, f *schemaFile, body map[string]any, quick, slow *int) {
	t.Helper()
	c := &checker{known: newKnown(NewSet("x"), Options{})}
	v := &shape{c: c, t: typ, r: &Resource{Key: r.Key, Body: body}}
	kind, err := schemas().kind(f, Str(body, "/_type/_id"))
	if err != nil {
		t.Fatal(err)
	}
	if !v.fits(schemas().form(f.main), schemas().form(kind), body) {
		*slow++
		return
	}
	*quick++
	v.explain(f.main, kind, body, "")
	if len(c.found) > 0 {
		t.Errorf("%s fits, and %s\n%s", r.Key, c.found[0].Message, EncodeJSON(body))
	}
}

// disturbed copies a body with n changes somewhere in it.
func disturbed(random *rand.Rand, body map[string]any, n int) map[string]any {
	out := CloneObject(body)
	for range n {
		var at []map[string]any
		Walk(out, func(_ string, v any) bool {
			if m, ok := v.(map[string]any); ok && len(m) > 0 {
				at = append(at, m)
			}
			return true
		})
		if len(at) == 0 {
			break
		}
		m := at[random.IntN(len(at))]
		keys := SortedKeys(m)
		name := keys[random.IntN(len(keys))]
		values := []any{
			nil, true, "", "text", "&{esv.some.name}", json.Number("0"), json.Number("-7"), json.Number("1.5"), json.Number("123456789012345678901234567890"), []any{}, []any{"a", json.Number("2")},
			map[string]any{}, map[string]any{"$int": "&{esv.n}"}, map[string]any{"$bool": "true"}, map[string]any{"$list": "&{esv.l}"}, map[string]any{"$string": "x"},
			map[string]any{"inherited": false, "value": m[name]}, map[string]any{"inherited": true}, []any{m[name]}, map[string]any{"x": m[name]},
		}
		switch random.IntN(4) {
		case 0:
			delete(m, name)
		case 1:
			m[name+"s"] = m[name]
			delete(m, name)
		case 2:
			m["unknownMember"] = values[random.IntN(len(values))]
		case 3:
			m[name] = values[random.IntN(len(values))]
		}
	}
	return out
}
