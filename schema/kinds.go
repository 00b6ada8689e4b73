package schema

import (
	"path"
	"slices"
	"strings"
)

// A Kind is configuration that Lockstep knows by name and does not manage yet: it is reported once,
// never dropped in silence and never touched.
type Kind struct {
	Name     string   // as the tenant's documentation calls it
	FrConfig []string // path patterns in fr-config-manager's tree; "**" at the end is everything below
	Frodo    []string // sections of a frodo export: "global/idm/access", "realm/agent"
	REST     []string // path prefixes; {realm} is any
}

// kinds is matched in order; the first match wins.
var kinds = []Kind{
	{"authentication modules and chains", nil, []string{"realm/authenticationModules", "realm/authenticationChains"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/authentication/modules", "/am/json/realms/root/realms/{realm}/realm-config/authentication/chains"}},
	{"certificates", []string{"certificates/**"}, nil, []string{"/environment/certificates", "/environment/csrs"}},
	{"configuration metadata", []string{"custom-config.metadata/**", "config-metadata/**"}, nil, nil},
	{"other agents", nil, []string{"realm/ai.agent"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/agents"}},
	{"other governance configuration", []string{"iga/**"}, nil, []string{"/iga/", "/auto/"}},
	{"other managed data", nil, nil, []string{"/openidm/managed/"}},
	{"other SAML configuration", nil, nil, []string{"/am/json/realms/root/realms/{realm}/realm-config/federation", "/am/json/realms/root/realms/{realm}/realm-config/saml2", "/am/saml2/"}},
	{"other secret stores", nil, []string{"global/secretstore", "realm/secretstoremappings", "realm/secrets"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/secrets"}},
	{"policies of the root realm", nil, []string{"root/policy", "root/policyset", "root/resourcetype"}, []string{"/am/json/realms/root/policies", "/am/json/realms/root/applications", "/am/json/realms/root/resourcetypes"}},
	{"kinds of policies, conditions and subjects", nil, []string{"realm/applicationTypes", "realm/conditionTypes", "realm/decisionCombiners", "realm/subjectTypes", "realm/subjectAttributes"},
		[]string{"/am/json/realms/root/realms/{realm}/applicationtypes", "/am/json/realms/root/realms/{realm}/conditiontypes", "/am/json/realms/root/realms/{realm}/decisioncombiners", "/am/json/realms/root/realms/{realm}/subject", "/am/json/realms/root/"}},
	{"realms", nil, []string{"global/realm"}, []string{"/am/json/global-config/realms"}},
	{"script types", nil, []string{"global/scripttype"}, []string{"/am/json/global-config/services/scripting", "/am/json/contexts"}},
	{"server information", nil, []string{"global/server", "global/serverInformation", "global/serverVersion"}, []string{"/am/json/serverinfo"}},
	{"web hooks and WS-Federation entities", nil, []string{"realm/webhookService", "realm/wsEntity"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/webhooks"}},
	{"services the tenant does not show", nil, nil, []string{"/am/json/realms/root/realms/{realm}/realm-config/services", "/am/json/global-config/services"}},
	{"other environment settings", nil, nil, []string{"/environment/"}},
}

// OtherKind is the name for what matches nothing in the table.
const OtherKind = "files of no known type"

// KindOfFile names the kind of a file in fr-config-manager's tree, by its path below the tree's root.
func KindOfFile(file string) string {
	for _, k := range kinds {
		for _, p := range k.FrConfig {
			if matchPath(p, file) {
				return k.Name
			}
		}
	}
	return OtherKind
}

// KindOfSection names the kind of a section of a frodo export: scope ("global", "realm", "root"),
// section, and the object's id.
func KindOfSection(scope, section, id string) string {
	whole := scope + "/" + section
	for _, k := range kinds {
		for _, p := range k.Frodo {
			if p == whole || p == whole+"/"+id {
				return k.Name
			}
			if prefix, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(whole+"/"+id, prefix) {
				return k.Name
			}
		}
	}
	return OtherKind
}

// KindOfPath names the kind of a REST document.
func KindOfPath(rest string) string {
	segs := strings.Split(rest, "/")
	best, name := -1, OtherKind
	for _, k := range kinds {
		for _, p := range k.REST {
			prefix := p
			if strings.Contains(p, "{realm}") && len(segs) > 6 {
				prefix = strings.ReplaceAll(p, "{realm}", segs[6])
			}
			if strings.HasPrefix(rest, prefix) && len(prefix) > best {
				best, name = len(prefix), k.Name
			}
		}
	}
	return name
}

// matchPath matches a slash-separated path against a pattern whose segments are globs and whose last
// one may be "**".
func matchPath(pattern, file string) bool {
	ps, fs := strings.Split(pattern, "/"), strings.Split(file, "/")
	for i, p := range ps {
		if p == "**" {
			return len(fs) > i
		}
		if i >= len(fs) {
			return false
		}
		if ok, err := path.Match(p, fs[i]); err != nil || !ok {
			return false
		}
	}
	return len(ps) == len(fs)
}

// AddUnmanaged notes files of a kind that is not managed.
func (s *Set) AddUnmanaged(kind string, files ...string) {
	i := slices.IndexFunc(s.Unmanaged, func(u Unmanaged) bool { return u.Type == kind })
	if i < 0 {
		s.Unmanaged = append(s.Unmanaged, Unmanaged{Type: kind})
		i = len(s.Unmanaged) - 1
	}
	s.Unmanaged[i].Files = append(s.Unmanaged[i].Files, files...)
	slices.Sort(s.Unmanaged[i].Files)
	slices.SortFunc(s.Unmanaged, func(a, b Unmanaged) int { return strings.Compare(a.Type, b.Type) })
}
