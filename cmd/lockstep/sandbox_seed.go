package main

import (
	"encoding/json"
	"fmt"

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
	for _, d := range schema.Documents(seed) {
		out = append(out, sim.Document{Path: d.Path, Body: schema.CompactJSON(d.Body)})
	}
	return append(out, unmanagedBaseline()...)
}

// unmanagedBaseline is what every tenant has from the start of what Lockstep does not manage, as recorded.
func unmanagedBaseline() []sim.Document {
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

// multiply adds n journeys made of those that are there, with node ids of their own.
func multiply(set *schema.Set, n int) {
	var journeys []*schema.Resource
	for _, r := range set.All() {
		if t, _ := schema.TypeOf(r.Type); t.Journey {
			journeys = append(journeys, r)
		}
	}
	for i := range n {
		if len(journeys) == 0 {
			return
		}
		from := journeys[i%len(journeys)]
		id := fmt.Sprintf("%s-%04d", from.ID, i+1)
		ids := map[string]string{}
		for j, ref := range schema.NodeRefs(from.Body) {
			ids[ref.ID] = fmt.Sprintf("%08x-0000-4000-8000-%012x", i+1, j)
		}
		body, _ := rename(from.Body, ids).(map[string]any)
		body["_id"] = id
		set.Add(&schema.Resource{Key: schema.Key{Type: from.Type, Realm: from.Realm, ID: id}, Body: body})
	}
}

// rename replaces ids, as keys and as values.
func rename(v any, ids map[string]string) any {
	swap := func(s string) string {
		if to, ok := ids[s]; ok {
			return to
		}
		return s
	}
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[swap(k)] = rename(e, ids)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = rename(e, ids)
		}
		return out
	case string:
		return swap(x)
	default:
		return v
	}
}
