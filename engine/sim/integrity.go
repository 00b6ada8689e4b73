package sim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// dotted is an ESV's id in the form configuration uses: esv-my-var and esv-my_var
// are both esv.my.var.
func dotted(id string) string { return strings.NewReplacer("-", ".", "_", ".").Replace(id) }

// ref is one place where configuration names ESVs: the name, and where it has a
// default, what the default names in turn.
type ref struct {
	name       string
	hasDefault bool
	inDefault  []ref
}

func (r ref) mentions(name string) bool {
	return r.name == name || slices.ContainsFunc(r.inDefault, func(d ref) bool { return d.mentions(name) })
}

// missing adds the names that can't be resolved: a placeholder with a default
// always can (identity-cloud-docs.txt, line 1781), if what the default names can.
func (r ref) missing(set map[string]bool, into map[string]bool) {
	if set[r.name] {
		return
	}
	if !r.hasDefault && strings.HasPrefix(r.name, "esv.") {
		into[strings.TrimPrefix(r.name, "esv.")] = true
	}
	for _, d := range r.inDefault {
		d.missing(set, into)
	}
}

// placeholders finds &{name} and &{name|default} in text; defaults nest.
func placeholders(s string) []ref {
	var refs []ref
	for {
		at := strings.Index(s, "&{")
		if at < 0 {
			return refs
		}
		s = s[at+2:]
		end, depth := -1, 1
		for i := 0; i < len(s) && end < 0; i++ {
			switch {
			case strings.HasPrefix(s[i:], "&{"):
				depth++
				i++
			case s[i] == '}':
				if depth--; depth == 0 {
					end = i
				}
			}
		}
		if end < 0 {
			return refs // not closed: no placeholder
		}
		name, fallback, hasDefault := strings.Cut(s[:end], "|")
		refs = append(refs, ref{name: name, hasDefault: hasDefault, inDefault: placeholders(fallback)})
		s = s[end+1:]
	}
}

// property finds ESVs a script reads by a constant name.
func property(source string) []ref {
	var refs []ref
	call := regexp.MustCompile(`\b(?:systemEnv|identityServer)\s*\.\s*getProperty\s*\(\s*(?:"([^"\\]+)"|'([^'\\]+)')\s*([,)])`)
	for _, m := range call.FindAllStringSubmatch(source, -1) {
		if name := m[1] + m[2]; strings.HasPrefix(name, "esv.") {
			refs = append(refs, ref{name: name, hasDefault: m[3] == ","})
		}
	}
	return refs
}

// references lists every ESV reference of a document: placeholders in any text,
// and calls in script text, wherever the script stands.
func references(path string, o object) []ref {
	var refs []ref
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				walk(v[k])
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case string:
			refs = append(refs, placeholders(v)...)
			if strings.Contains(v, "getProperty") {
				refs = append(refs, property(v)...)
			}
		}
	}
	if isScript(path) {
		source, err := base64.StdEncoding.DecodeString(str(o["script"]))
		if err == nil {
			refs = append(refs, property(string(source))...)
		}
		o = without(o, "script")
	}
	walk(o)
	return refs
}

// missingESVs is the first integrity check: names, dotted and without the prefix,
// that the configuration of a tenant uses and that upper has not set.
func missingESVs(config map[string]object, upper *Tenant) []string {
	set := map[string]bool{}
	for id := range upper.env.variables {
		set[dotted(id)] = true
	}
	for id := range upper.env.secrets {
		set[dotted(id)] = true
	}
	missing := map[string]bool{}
	for path, o := range config {
		for _, r := range references(path, o) {
			r.missing(set, missing)
		}
	}
	return slices.Sorted(maps.Keys(missing))
}

// encryptedSecrets is the second: file and line of every encrypted value, in the
// form the documents show.
func encryptedSecrets(config map[string]object) []string {
	var found []string
	for path, o := range config {
		text := indented(without(o, "_rev"))
		for i, line := range bytes.Split(text, []byte("\n")) {
			if isEncrypted(string(line)) {
				found = append(found, fmt.Sprintf("* %s:%d", configFile(path), i+1))
			}
		}
	}
	slices.Sort(found)
	return found
}

// isEncrypted looks at one line of indented JSON: "$crypto": {, or a member whose
// name ends in -encrypted and whose value is text.
func isEncrypted(line string) bool {
	key, value, is := strings.Cut(strings.TrimSpace(line), `": `)
	if !is || !strings.HasPrefix(key, `"`) {
		return false
	}
	value = strings.TrimSuffix(value, ",")
	return key == `"$crypto` || strings.HasSuffix(key, "-encrypted") && strings.HasPrefix(value, `"`)
}

// configFile is a document's file in the tenant's configuration repository.
func configFile(path string) string {
	if id, is := strings.CutPrefix(path, "/openidm/config/"); is {
		return "idm/conf/" + strings.ReplaceAll(id, "/", "-") + ".json"
	}
	if id, is := strings.CutPrefix(path, "/openidm/"); is {
		return "idm/" + id + ".json"
	}
	realm, rest := splitRealm(path)
	if realm == "" {
		return "am/services/global/" + strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(path, "/am/json/"), "global-config/services/")) + ".json"
	}
	where := "am/services/realm/root-" + strings.ReplaceAll(strings.Trim(realm, "/"), "/", "-") + "/"
	if tail, is := strings.CutPrefix(rest, nodesBelow); is {
		p := strings.Split(tail, "/")
		return where + strings.ToLower(p[0]) + "/" + p[1] + "/organizationconfig/default/" + p[2] + ".json"
	}
	if id, is := strings.CutPrefix(rest, treesBelow); is {
		return where + "authenticationtreesservice/1.0/organizationconfig/default/" + id + ".json"
	}
	if id, is := strings.CutPrefix(rest, "scripts/"); is {
		return where + "scriptingservice/1.0/organizationconfig/default/scriptconfigurations/" + id + ".json"
	}
	service, tail, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(rest, "realm-config/"), "services/"), "/")
	file := where + strings.ToLower(service) + "/1.0/organizationconfig/default"
	if tail != "" {
		file += "/" + tail
	}
	return file + ".json"
}
