package sim

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Scale adds n journeys to every tenant, made of those that it has: the copies have
// ids of their own for themselves and their nodes, and name the same scripts,
// templates and inner journeys. A tenant without journeys stays without. What tenants
// share they go on sharing.
func (g *Group) Scale(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	made := map[copyOf]object{}
	for _, t := range g.tenants {
		var sources []string
		for _, realm := range []string{"/alpha", "/bravo"} {
			sources = append(sources, t.store.in(realmRoot(realm)+"/"+strings.TrimSuffix(treesBelow, "/"))...)
		}
		for i := range n {
			if len(sources) > 0 {
				t.copyJourney(sources[i%len(sources)], i+1, made)
			}
		}
	}
}

// copyOf is the key of the copy number n of an object.
type copyOf struct {
	from uintptr
	n    int
}

func (t *Tenant) copyJourney(path string, n int, made map[copyOf]object) {
	tree, _ := t.store.get(path)
	realm, _ := splitRealm(path)
	ids := map[string]string{}
	var held []string // paths of the nodes
	hold := func(kind, version, id string) object {
		key := nodeKey(realm, kind, version, id)
		o, found := t.store.get(key)
		if found && ids[id] == "" {
			ids[id] = fmt.Sprintf("%08x-0000-4000-8000-%012x", n, len(ids))
			held = append(held, key)
		}
		return o
	}
	nodes := obj(tree["nodes"])
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		ref := obj(nodes[id])
		for _, c := range list(hold(str(ref["nodeType"]), str(ref["version"]), id)["nodes"]) {
			child := obj(c)
			hold(str(child["nodeType"]), str(child["nodeVersion"]), str(child["_id"]))
		}
	}
	copied := func(o object) object {
		key := copyOf{reflect.ValueOf(o).Pointer(), n}
		c := made[key]
		if c == nil {
			c = obj(renamed(o, ids))
			made[key] = c
		}
		return c
	}
	for _, key := range held {
		o, _ := t.store.get(key)
		t.store.put(parent(key)+"/"+escape(ids[last(key)]), copied(o))
	}
	id := fmt.Sprintf("%s-%04d", last(path), n)
	c := copied(tree)
	c["_id"] = id
	t.store.put(parent(path)+"/"+escape(id), c)
}

// renamed is v with ids replaced, as keys and as values.
func renamed(v any, ids map[string]string) any {
	swap := func(s string) string {
		if to, is := ids[s]; is {
			return to
		}
		return s
	}
	switch v := v.(type) {
	case object:
		o := make(object, len(v))
		for k, e := range v {
			o[swap(k)] = renamed(e, ids)
		}
		return o
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = renamed(e, ids)
		}
		return l
	case string:
		return swap(v)
	}
	return v
}
