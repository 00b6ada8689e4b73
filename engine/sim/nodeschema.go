package sim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// nodeSchemasJSON is what was recorded of node types besides their nodes: tags and help of each type (2026-07), a whole
// schema where one was asked for, and the attributes of recorded nodes with their JSON types.
//
//go:embed nodeschemas.json
var nodeSchemasJSON []byte

type nodeSchemas struct {
	Types []struct {
		ID, Help string
		Tags     []any
	}
	Attributes map[string][][2]string     // attribute and JSON type, in order
	Schemas    map[string]json.RawMessage // by "Type/version"
}

func loadNodeSchemas() (*nodeSchemas, error) {
	var s nodeSchemas
	if err := json.Unmarshal(nodeSchemasJSON, &s); err != nil {
		return nil, fmt.Errorf("read node schemas: %w", err)
	}
	return &s, nil
}

// nodeType is a type as getType and getAllTypes tell of it.
func (t *Tenant) nodeType(id, title string) object {
	o := object{"_id": id, "name": title, "collection": true, "tags": []any{}}
	for _, k := range t.schemas.Types {
		if k.ID == id {
			o["tags"] = k.Tags
			if k.Help != "" {
				o["help"] = k.Help
			}
		}
	}
	o["metadata"] = object{"tags": o["tags"]}
	return o
}

// nodeSchema is the schema of a type's nodes: the recorded one, else one made of a custom type's properties, else of
// the attributes that were seen, and of those that the server adds with their values.
func (t *Tenant) nodeSchema(kind, version string) *reply {
	if raw, found := t.schemas.Schemas[kind+"/"+version]; found {
		return &reply{status: 200, kind: amType, raw: raw}
	}
	if service, isDesigned := strings.CutPrefix(kind, "designer-"); isDesigned {
		o, _ := t.store.get(designerRoot + "/" + escape(service) + "-1")
		return ok(designedSchema(obj(o["properties"])))
	}
	properties, required := object{}, []any{}
	add := func(name, jsonType string, value any) {
		p := object{"title": name, "description": "", "propertyOrder": 100 * (len(properties) + 1), "type": jsonType, "exampleValue": ""}
		if jsonType == "array" {
			p["items"] = object{"type": "string"}
		}
		if value != nil {
			p["default"] = value
		}
		properties[name] = p
		required = append(required, name)
	}
	added := t.types.Defaults[kind]
	for _, a := range t.schemas.Attributes[kind] {
		add(a[0], a[1], added[a[0]])
	}
	for _, name := range slices.Sorted(maps.Keys(added)) {
		if properties[name] == nil {
			add(name, jsonTypeOf(added[name]), added[name])
		}
	}
	return ok(object{"type": "object", "properties": properties, "required": required})
}

// designedSchema is the schema of a custom node, out of the properties of its type.
func designedSchema(defined object) object {
	if len(defined) == 0 {
		return object{"type": "object", "required": []any{}}
	}
	types := map[string]string{"STRING": "string", "NUMBER": "number", "BOOLEAN": "boolean", "OBJECT": "object"}
	properties, required := object{}, []any{}
	for i, name := range slices.Sorted(maps.Keys(defined)) {
		d := obj(defined[name])
		p := object{"title": d["title"], "description": d["description"], "propertyOrder": i + 1, "type": orDefault(types[str(d["type"])], "string"), "exampleValue": ""}
		if choices := obj(d["options"]); len(choices) > 0 {
			values, titles := []any{}, []any{}
			for _, v := range slices.Sorted(maps.Keys(choices)) {
				values, titles = append(values, v), append(titles, choices[v])
			}
			p["enum"], p["enumNames"], p["options"] = values, titles, object{"enum_titles": titles}
		}
		if boolean(d["multivalued"]) {
			p["items"], p["type"] = object{"type": p["type"]}, "array"
		} else if p["type"] == "object" {
			p["patternProperties"] = object{".*": object{"type": "string"}}
		}
		if d["defaultValue"] != nil {
			p["default"] = d["defaultValue"]
		} else if p["type"] == "object" {
			p["default"] = object{}
		}
		if boolean(d["required"]) {
			required = append(required, name)
		}
		properties[name] = p
	}
	return object{"type": "object", "properties": properties, "required": required}
}

func jsonTypeOf(v any) string {
	switch v := v.(type) {
	case bool:
		return "boolean"
	case []any:
		return "array"
	case object:
		return "object"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	case float64:
		return "number"
	}
	return "string"
}

// nodeTemplate is what a node of a type has from the start, as far as it is known.
func (t *Tenant) nodeTemplate(kind, title, version string) *reply {
	return ok(with(t.types.Defaults[kind], "_id", "", "_type", object{"_id": kind, "name": title, "collection": true, "version": version}))
}
