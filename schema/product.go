package schema

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// productScripts are the scripts that every realm has from the start ("default": true on the tenant).
// Exports leave them out while journeys, providers and services go on naming them, so a reference to
// one is never dangling. Collected from recorded tenants of 2024 to 2026.
//
//go:embed productscripts.json
var productScriptsJSON []byte

type productScript struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Context string `json:"context"`
}

var productScripts = sync.OnceValue(func() map[string]productScript {
	var list []productScript
	if err := json.Unmarshal(productScriptsJSON, &list); err != nil {
		panic("schema: productscripts.json: " + err.Error()) // embedded, and read by a test
	}
	byID := map[string]productScript{}
	for _, s := range list {
		byID[s.ID] = s
	}
	return byID
})

// isProductDefault says whether the product itself brings the resource.
func isProductDefault(k Key) bool {
	t, ok := TypeOf(k.Type)
	return ok && t.Brings != nil && t.Brings(k.ID)
}

func isProductScript(id string) bool { _, ok := productScripts()[id]; return ok }

// isProductObject knows the managed objects that each tenant has from the start, for each realm.
func isProductObject(id string) bool {
	realm, name, _ := strings.Cut(id, "_")
	return slices.Contains([]string{"alpha", "bravo"}, realm) &&
		slices.Contains([]string{"user", "role", "assignment", "organization", "group", "application", "aiagent", "aiagentprivilege"}, name)
}

// ProductDefault returns a script that the product brings, as far as it is known: without its text.
func ProductDefault(k Key) (*Resource, bool) {
	t, known := TypeOf(k.Type)
	s, ok := productScripts()[k.ID]
	if !known || !t.Libraries || !ok {
		return nil, false
	}
	return &Resource{Key: k, Body: map[string]any{
		"_id": s.ID, "name": s.Name, "context": s.Context, "language": "JAVASCRIPT", "default": true, "evaluatorVersion": "1.0",
		"description": "Comes with the product", "script": "// The product's own script; its text is not kept here.\n",
	}}, true
}

func isProductLibrary(name string) bool {
	for _, s := range productScripts() {
		if s.Name == name && s.Context == "LIBRARY" {
			return true
		}
	}
	return false
}
