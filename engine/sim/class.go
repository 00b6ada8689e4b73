package sim

import "strings"

// class says what a promotion and an immutable tenant do with a document. No field
// of the API tells it; the table stands in the vendor's documents (tenant-api.md,
// section 12).
type class int

const (
	// dynamic configuration is kept per tenant and editable everywhere.
	dynamic class = iota
	// static configuration is written in development and promoted.
	static
	// promoted configuration is editable everywhere and still promoted: SAML.
	promoted
)

func classOf(path string) class {
	if rest, ok := strings.CutPrefix(path, "/openidm/"); ok {
		if strings.HasPrefix(rest, "config/") || strings.HasPrefix(rest, "internal/role/") {
			return static
		}
		return dynamic
	}
	if strings.HasPrefix(path, "/am/saml2/") {
		return promoted
	}
	if rest, ok := strings.CutPrefix(path, "/am/json/global-config/"); ok {
		if strings.HasPrefix(rest, "services/") && !strings.HasPrefix(rest, "services/scripting/") {
			return static
		}
		return dynamic
	}
	if strings.HasPrefix(path, "/am/json/node-designer/") {
		return static
	}
	_, rest := splitRealm(path)
	switch {
	case strings.HasPrefix(rest, "scripts/"):
		return static
	case strings.HasPrefix(rest, "realm-config/saml2/"), strings.HasPrefix(rest, "realm-config/federation/"):
		return promoted
	case strings.HasPrefix(rest, "realm-config/agents/"):
		return dynamic
	case strings.HasPrefix(rest, "realm-config/"):
		return static
	}
	return dynamic // policies, policy sets, resource types
}

// splitRealm cuts a canonical AM path into "/alpha" (or "/") and what lies below.
func splitRealm(path string) (realm, rest string) {
	rest, ok := strings.CutPrefix(path, "/am/json/realms/root/")
	if !ok {
		return "", path
	}
	for strings.HasPrefix(rest, "realms/") {
		name, tail, found := strings.Cut(rest[len("realms/"):], "/")
		if !found {
			break
		}
		realm, rest = realm+"/"+name, tail
	}
	if realm == "" {
		realm = "/"
	}
	return realm, rest
}
