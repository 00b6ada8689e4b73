package main

import (
	"encoding/json"

	"github.com/lockstep-gitops/lockstep/engine/sim"
	"github.com/lockstep-gitops/lockstep/schema"
)

// sandboxDocuments turns a set into the documents of a tenant. ESV values that only a real environment knows
// get one that says so, and what every tenant has from the start is there, as far as the peers' clients ask
// for it: they fail when it is not.
func sandboxDocuments(set *schema.Set) []sim.Document {
	seed := schema.NewSet(set.Origin)
	for _, r := range set.All() {
		t, _ := schema.TypeOf(r.Type)
		if t.Class == schema.PerEnvironment {
			r = withSandboxValue(r)
		}
		seed.Add(r)
	}
	for _, ref := range schema.References(seed) {
		if r, ok := schema.ProductDefault(ref.To); ok && !seed.Knows(ref.To) {
			seed.Add(r)
		}
	}
	var out []sim.Document
	has := map[string]bool{}
	for _, d := range schema.Documents(seed) {
		has[d.Path] = true
		body := schema.CompactJSON(d.Body)
		if d.Body == nil {
			body = schema.CompactJSON(d.Text)
		}
		out = append(out, sim.Document{Path: d.Path, Body: body})
	}
	for _, d := range baseline() {
		if !has[d.Path] {
			out = append(out, d)
		}
	}
	return out
}

// baseline is what every tenant has from the start, as recorded.
func baseline() []sim.Document {
	out := []sim.Document{{Path: "/openidm/config/sync", Body: json.RawMessage(`{"_id":"sync","mappings":[]}`)}}
	for _, realm := range []string{"alpha", "bravo"} {
		out = append(out, sim.Document{
			Path: "/am/json/realms/root/realms/" + realm + "/realm-config/authentication",
			Body: json.RawMessage(`{"_id":"","core":{"adminAuthModule":"Login","orgConfig":"Login"},"_type":{"_id":"EMPTY","name":"Core","collection":false}}`),
		})
	}
	return out
}

// sandboxValues are values that fit each expression type.
var sandboxValues = map[string]string{
	"bool": "false", "int": "1", "number": "1", "array": `["sandbox"]`, "object": `{"sandbox":true}`, "keyvaluelist": "sandbox=true",
}

func withSandboxValue(r *schema.Resource) *schema.Resource {
	if v := schema.Str(r.Body, "/valueBase64"); v != "" {
		if _, ok := schema.DecodeBase64(v); ok {
			return r
		}
	}
	value, ok := sandboxValues[schema.Str(r.Body, "/expressionType")]
	if !ok {
		value = "sandbox"
	}
	body := schema.CloneObject(r.Body)
	body["valueBase64"] = schema.EncodeBase64(value)
	return &schema.Resource{Key: r.Key, Body: body, Source: r.Source}
}
