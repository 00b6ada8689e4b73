package schema

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
)

// ExportSchemas gives the JSON Schemas as editors read them, by file name: one a type, one a type of
// journey node below nodes/, with placeholders let in wherever a value may stand; settings.json with
// VS Code's json.schemas; catalog.json in SchemaStore's form. dir is how the files will be called from
// the repository's root.
func ExportSchemas(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	var settings, catalogue []any
	add := func(name, title string, doc any, globs []string) {
		out[name] = append(EncodeJSON(doc), '\n')
		if len(globs) == 0 {
			return
		}
		settings = append(settings, map[string]any{"fileMatch": toAny(globs), "url": "./" + path.Join(dir, name)})
		catalogue = append(catalogue, map[string]any{"name": title, "description": title, "fileMatch": toAny(globs), "url": "./" + name})
	}
	for _, t := range Types() {
		if t.Schema == "" {
			continue
		}
		doc, err := readSchema(t.Schema)
		if err != nil {
			return nil, err
		}
		main, kinds := splitKinds(doc)
		if t.API.Inherited {
			main, kinds = orInherited(main), orInherited(kinds)
		}
		add(t.Name+".schema.json", t.Plural, editorSchema(withKinds(main, kinds)), fileGlobs(t))
	}
	doc, err := readSchema(nodeSchema)
	if err != nil {
		return nil, err
	}
	main, kinds := splitKinds(doc)
	add("journey-node.schema.json", "journey nodes", editorSchema(withKinds(main, kinds)), []string{"**/journeys/*/nodes/**/*.json"})
	for _, name := range SortedKeys(kinds) {
		kind, _ := kinds[name].(map[string]any)
		add("nodes/"+url.PathEscape(name)+".schema.json", Str(kind, "/title"), editorSchema(mergeKind(main, kind)), nil)
	}
	out["settings.json"] = append(EncodeJSON(map[string]any{"json.schemas": settings}), '\n')
	out["catalog.json"] = append(EncodeJSON(map[string]any{"version": json.Number("1"), "schemas": catalogue}), '\n')
	return out, nil
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func readSchema(name string) (map[string]any, error) {
	data, err := schemaFiles.ReadFile("types/" + name)
	if err != nil {
		return nil, err
	}
	v, err := ParseJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	doc, _ := v.(map[string]any)
	return doc, nil
}

// splitKinds takes the schemas of the kinds out of a document.
func splitKinds(doc map[string]any) (main, kinds map[string]any) {
	main = CloneObject(doc)
	kinds, _ = main["$defs"].(map[string]any)
	delete(main, "$defs")
	return main, kinds
}

// withKinds makes one schema of a type's and its kinds': if the body's _type says so, the kind's holds
// as well. Editors offer the properties of the kind that way, and read no oneOf over all.
func withKinds(main, kinds map[string]any) map[string]any {
	if len(kinds) == 0 {
		return main
	}
	var rules []any
	for _, name := range SortedKeys(kinds) {
		kind, _ := kinds[name].(map[string]any)
		when := map[string]any{"properties": map[string]any{"_type": map[string]any{"properties": map[string]any{"_id": map[string]any{"const": name}}, "required": []any{"_id"}}}, "required": []any{"_type"}}
		rules = append(rules, map[string]any{"if": when, "then": mergeKind(main, kind)})
	}
	out := CloneObject(main)
	delete(out, "additionalProperties")
	out["allOf"] = rules
	return out
}

// mergeKind makes one schema of a type's and one kind's.
func mergeKind(main, kind map[string]any) map[string]any {
	out := CloneObject(main)
	for k, v := range CloneObject(kind) {
		switch k {
		case "properties":
			both, _ := out[k].(map[string]any)
			if both == nil {
				both = map[string]any{}
			}
			more, _ := v.(map[string]any)
			for name, p := range more {
				both[name] = p
			}
			out[k] = both
		case "required":
			list, _ := out[k].([]any)
			more, _ := v.([]any)
			out[k] = append(list, more...)
		default:
			out[k] = v
		}
	}
	return out
}

// orInherited lets {"inherited": false, "value": v} in wherever a value may stand.
func orInherited(schema map[string]any) map[string]any {
	out := make(map[string]any, len(schema))
	for k, v := range schema {
		m, _ := v.(map[string]any)
		switch {
		case m == nil:
			out[k] = v
		case k == "properties":
			props := make(map[string]any, len(m))
			for name, p := range m {
				own, _ := p.(map[string]any)
				if props[name] = p; own != nil && !strings.HasPrefix(name, "_") {
					props[name] = map[string]any{"anyOf": []any{orInherited(own), map[string]any{
						"type": "object", "required": []any{"inherited"}, "properties": map[string]any{"inherited": map[string]any{"type": "boolean"}, "value": own},
					}}}
				}
			}
			out[k] = props
		default:
			out[k] = orInherited(m) // a kind's schema
		}
	}
	return out
}

// editorSchema lets placeholders in: a bare string with one, or a coercing object, may stand where
// another type must.
func editorSchema(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(m))
	for k, e := range m {
		switch k {
		case "properties", "patternProperties":
			props, _ := e.(map[string]any)
			changed := make(map[string]any, len(props))
			for name, p := range props {
				changed[name] = orPlaceholder(editorSchema(p))
			}
			out[k] = changed
		case "items", "additionalProperties":
			out[k] = orPlaceholder(editorSchema(e))
		case "allOf", "anyOf", "oneOf":
			list, _ := e.([]any)
			changed := make([]any, len(list))
			for i, p := range list {
				changed[i] = editorSchema(p)
			}
			out[k] = changed
		case "then", "else":
			out[k] = editorSchema(e)
		default:
			out[k] = e
		}
	}
	return out
}

// orPlaceholder widens a schema by the placeholders that may stand in its place.
func orPlaceholder(v any) any {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return v
	}
	jsonType, _ := m["type"].(string)
	if jsonType == "object" && m["properties"] != nil {
		return v
	}
	wrappers := map[string]any{}
	for _, w := range placeholders.Wrappers() {
		if jsonType == "" || placeholders.WrapperType(w) == jsonType || jsonType == "number" && placeholders.WrapperType(w) == "integer" {
			wrappers[w] = map[string]any{"type": "string"}
		}
	}
	choices := []any{v, map[string]any{"type": "string", "pattern": `&\{`}}
	if len(wrappers) > 0 {
		choices = append(choices, map[string]any{"type": "object", "properties": wrappers, "additionalProperties": false, "minProperties": json.Number("1"), "maxProperties": json.Number("1")})
	}
	out := map[string]any{"anyOf": choices}
	if d, ok := m["description"]; ok {
		out["description"] = d
	}
	return out
}

// fileGlobs are the files that hold a type's resources in fr-config-manager's layout. A member of a
// shared file has none.
func fileGlobs(t *Type) []string {
	if t.FrConfig.Path == "" || t.FrConfig.Member != "" || t.FrConfig.Wrap != "" {
		return nil
	}
	p := variableOrName.ReplaceAllString(t.FrConfig.Path, "*")
	return []string{"**/" + strings.ReplaceAll(p, "**", "*")}
}

var variableOrName = regexp.MustCompile(`\{[^}]*\}`)
