package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/placeholders"
	"github.com/lockstep-gitops/lockstep/schema"
)

// fillIn puts the environment's values into the places where a repository may keep them as ${NAME}:
// agents, SAML entities, raw resources and so on. {"$bool": "${NAME}"} becomes a boolean.
func fillIn(t *schema.Type, body map[string]any, lookup func(string) (string, bool)) (map[string]any, error) {
	if len(t.PerTenant) == 0 {
		return body, nil
	}
	out := schema.CloneObject(body)
	for _, pattern := range t.PerTenant {
		for _, m := range schema.Select(out, pattern) {
			text, ok := m.Value.(string)
			if !ok || !strings.Contains(text, "${") {
				continue
			}
			value, err := placeholders.ExpandEnv(text, lookup)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Pointer, err)
			}
			pointer, v := m.Pointer, any(value)
			up, last, _ := cutPointer(m.Pointer)
			if around, _ := schema.Lookup(out, up); len(object(around)) == 1 && slices.Contains(placeholders.Wrappers(), last) && up != "" {
				if v, err = placeholders.Coerce(last, value); err != nil {
					return nil, fmt.Errorf("%s: %w", m.Pointer, err)
				}
				pointer = up
			}
			schema.SetAt(out, pointer, v)
		}
	}
	return out, nil
}

// cutPointer takes the last segment off a pointer.
func cutPointer(p string) (up, last string, ok bool) {
	i := strings.LastIndexByte(p, '/')
	if i < 0 {
		return "", "", false
	}
	return p[:i], schema.SplitPointer(p[i:])[0], true
}

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }
