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
	{"access configuration", []string{"access-config/**"}, []string{"global/idm/access"}, []string{"/openidm/config/access"}},
	{"audit configuration", []string{"audit/**"}, []string{"global/idm/audit"}, []string{"/openidm/config/audit"}},
	{"authentication settings", []string{"realms/*/realm-config/authentication.json"}, []string{"realm/authentication"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/authentication"}},
	{"agents and OAuth2 clients", []string{"realms/*/realm-config/agents/**"}, []string{"realm/agent", "realm/agentGroup", "realm/application", "realm/oauth2.app", "realm/trustedJwtIssuer", "realm/ai.agent"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/agents"}},
	{"authentication modules", nil, []string{"realm/authenticationModules", "realm/authenticationChains"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/authentication/modules", "/am/json/realms/root/realms/{realm}/realm-config/authentication/chains"}},
	{"certificates", []string{"certificates/**"}, nil, []string{"/environment/certificates"}},
	{"circles of trust and SAML entities", []string{"realms/*/realm-config/saml/**"}, []string{"realm/saml", "realm/saml2", "realm/cot"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/federation", "/am/json/realms/root/realms/{realm}/realm-config/saml2", "/am/saml2/"}},
	{"configuration metadata", []string{"custom-config.metadata/**", "config-metadata/**"}, nil, []string{"/openidm/config/custom"}},
	{"connectors and remote servers", []string{"sync/connectors/**", "sync/rcs/**"}, []string{"global/idm/provisioner.openicf*", "global/idm/provisioner.openic*"}, []string{"/openidm/config/provisioner.openic"}},
	{"content security policy", []string{"csp/**"}, nil, []string{"/environment/content-security-policy"}},
	{"cookie domains", []string{"cookie-domains/**"}, nil, []string{"/environment/cookie-domains"}},
	{"custom domains", []string{"custom-domains/**"}, nil, []string{"/environment/custom-domains"}},
	{"custom nodes", []string{"custom-nodes/**"}, []string{"global/nodeTypes"}, []string{"/am/json/node-designer"}},
	{"endpoints", []string{"endpoints/**"}, []string{"global/idm/endpoint*"}, []string{"/openidm/config/endpoint"}},
	{"global services", []string{"services/**"}, []string{"global/service"}, []string{"/am/json/global-config/services"}},
	{"IDM authentication", []string{"idm-authentication-config/**"}, []string{"global/idm/authentication"}, []string{"/openidm/config/authentication"}},
	{"IGA workflows", []string{"iga/**"}, nil, []string{"/iga/", "/auto/"}},
	{"internal roles", []string{"internal-roles/**"}, []string{"global/internalRole"}, []string{"/openidm/internal/role"}},
	{"KBA", []string{"kba/**"}, []string{"global/idm/selfservice.kba"}, []string{"/openidm/config/selfservice.kba"}},
	{"locales", []string{"locales/**"}, []string{"global/idm/uilocale*"}, []string{"/openidm/config/uilocale"}},
	{"managed objects", []string{"managed-objects/**"}, []string{"global/idm/managed*"}, []string{"/openidm/config/managed"}},
	{"managed applications", nil, []string{"realm/managedApplication"}, []string{"/openidm/managed/"}},
	{"org privileges", []string{"org-privileges/**"}, []string{"global/idm/alphaOrgPrivileges", "global/idm/bravoOrgPrivileges", "global/idm/privilegeAssignments", "global/idm/privileges"}, []string{"/openidm/config/alphaOrgPrivileges", "/openidm/config/bravoOrgPrivileges", "/openidm/config/privilegeAssignments", "/openidm/config/privileges"}},
	{"password policies", []string{"realms/*/password-policy/**"}, []string{"global/idm/fieldPolicy*"}, []string{"/openidm/config/fieldPolicy"}},
	{"policies, policy sets and resource types", []string{"realms/*/authorization/**"}, []string{"realm/policy", "realm/policyset", "realm/resourcetype", "realm/applicationTypes", "realm/conditionTypes", "realm/decisionCombiners", "realm/subjectTypes", "realm/subjectAttributes", "root/policy", "root/policyset", "root/resourcetype"},
		[]string{"/am/json/realms/root/realms/{realm}/policies", "/am/json/realms/root/realms/{realm}/applications", "/am/json/realms/root/realms/{realm}/resourcetypes", "/am/json/realms/root/realms/{realm}/applicationtypes", "/am/json/realms/root/realms/{realm}/conditiontypes", "/am/json/realms/root/realms/{realm}/decisioncombiners", "/am/json/realms/root/realms/{realm}/subject", "/am/json/realms/root/policies", "/am/json/realms/root/applications", "/am/json/realms/root/resourcetypes", "/am/json/realms/root/"}},
	{"raw configuration", []string{"raw/**"}, nil, nil},
	{"realms", nil, []string{"global/realm"}, []string{"/am/json/global-config/realms"}},
	{"schedules", []string{"schedules/**"}, []string{"global/idm/schedule*"}, []string{"/openidm/config/schedule"}},
	{"script types", nil, []string{"global/scripttype"}, []string{"/am/json/global-config/services/scripting", "/am/json/contexts"}},
	{"secret stores and mappings", []string{"realms/*/secret-mappings/**"}, []string{"realm/secretstore", "global/secretstore", "realm/secretstoremappings"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/secrets"}},
	{"server information", nil, []string{"global/server", "global/serverInformation", "global/serverVersion"}, []string{"/am/json/serverinfo"}},
	{"service objects", []string{"service-objects/**"}, nil, nil},
	{"sync mappings", []string{"sync/mappings/**"}, []string{"global/mapping", "global/sync", "global/idm/sync", "global/idm/mapping*"}, []string{"/openidm/config/mapping", "/openidm/config/sync"}},
	{"telemetry", []string{"telemetry/**"}, nil, []string{"/environment/telemetry"}},
	{"terms and conditions", []string{"terms-conditions/**"}, []string{"global/idm/selfservice.terms"}, []string{"/openidm/config/selfservice.terms"}},
	{"UI configuration", []string{"ui/**"}, []string{"global/idm/ui*"}, []string{"/openidm/config/ui"}},
	{"web hooks and WS-Federation entities", nil, []string{"realm/webhookService", "realm/wsEntity"}, []string{"/am/json/realms/root/realms/{realm}/realm-config/webhooks"}},
	{"other IDM configuration", nil, []string{"global/idm*"}, []string{"/openidm/config/"}},
	{"services the tenant does not show", nil, nil, []string{"/am/json/realms/root/realms/{realm}/realm-config/services"}},
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
