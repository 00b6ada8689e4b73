package sim

import (
	_ "embed"
	"fmt"
	"strings"
)

// defaultsJSON holds, by kind of object, the attributes that AM was seen to add to
// what was written, and the version since which it did. All of it was taken from
// recordings by comparing what was sent with what was answered; none of it was
// written by hand. Attributes of agents stand unwrapped.
//
//go:embed defaults.json
var defaultsJSON []byte

type defaults map[string][]defaultValue

type defaultValue struct {
	at           []string
	major, minor int
	value        any
}

func loadDefaults() (defaults, error) {
	all, err := decodeObject(defaultsJSON)
	if err != nil {
		return nil, fmt.Errorf("read the defaults: %w", err)
	}
	d := defaults{}
	for kind, l := range all {
		for _, v := range list(l) {
			x := defaultValue{value: obj(v)["value"]}
			for _, name := range list(obj(v)["at"]) {
				x.at = append(x.at, str(name))
			}
			if _, err := fmt.Sscanf(str(obj(v)["since"]), "%d.%d", &x.major, &x.minor); err != nil {
				return nil, fmt.Errorf("read the defaults of %s: %w", kind, err)
			}
			d[kind] = append(d[kind], x)
		}
	}
	return d, nil
}

// productsJSON is IDM's configuration of a tenant that nobody changed, as recorded in 2024-11, with a few
// properties of each managed object.
//
//go:embed idmdefaults.json
var productsJSON []byte

func loadProducts() (map[string]object, error) {
	all, err := decodeObject(productsJSON)
	if err != nil {
		return nil, fmt.Errorf("read IDM's defaults: %w", err)
	}
	products := map[string]object{}
	for id, o := range all {
		products[id] = obj(o)
	}
	return products, nil
}

// completed is an object with the attributes that AM adds to its kind.
func (t *Tenant) completed(kind string, o object) object {
	for _, d := range t.defaults[kind] {
		if t.atLeast(d.major, d.minor) {
			o = withDefault(o, d.at, d.value)
		}
	}
	return o
}

// withDefault sets a value that was not sent, in groups that were.
func withDefault(o object, at []string, value any) object {
	v, sent := o[at[0]]
	switch {
	case len(at) == 1 && !sent:
		return with(o, at[0], value)
	case len(at) > 1 && obj(v) != nil:
		return with(o, at[0], withDefault(obj(v), at[1:], value))
	}
	return o
}

// kindOf names an AM object's kind as the defaults do, from its place below the realm.
func kindOf(path string) string {
	realm, rest := splitRealm(path)
	if realm == "" {
		rest = strings.TrimPrefix(strings.TrimPrefix(path, "/am/json/"), "global-config/")
		rest = strings.Replace(strings.Replace(rest, "services/", "global/", 1), "node-designer/", "", 1)
	}
	rest = strings.TrimPrefix(rest, "realm-config/")
	if tail, is := strings.CutPrefix(rest, "authentication/authenticationtrees/"); is {
		rest = tail
	}
	if strings.HasPrefix(rest, "secrets/") {
		return "mappings"
	}
	parts := strings.Split(rest, "/")
	if (parts[0] == "services" || parts[0] == "global") && len(parts) == 2 || parts[0] == "authentication" {
		return rest
	}
	return strings.Join(parts[:len(parts)-1], "/")
}

// atLeast compares the tenant's AM version.
func (t *Tenant) atLeast(major, minor int) bool {
	var have [2]int
	for i, part := range strings.SplitN(t.group.o.AMVersion, ".", 3) {
		if i < 2 {
			for _, c := range part {
				if c >= '0' && c <= '9' {
					have[i] = have[i]*10 + int(c-'0')
				}
			}
		}
	}
	return have[0] > major || have[0] == major && have[1] >= minor
}
