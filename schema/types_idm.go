package schema

import (
	"net/url"
	"slices"
	"strings"
)

var experienceTypes = []Type{
	{
		Name: "email-template", Plural: "email templates", Doc: "email template with its texts per locale",
		Class: Static, NamePath: "", IDPrefix: "emailTemplate/", Schema: "email-template.json",
		API: API{
			// The cut prefix is what frodo sends: "emailTemplate" misses product templates on some tenants.
			Path: "/openidm/config/emailTemplate/{id}", List: List{"GET", "/openidm/config", "_queryFilter=" + url.QueryEscape(`_id sw "emailTemplat"`)},
			Evidence: "section 11.3",
		},
		Volatile: []string{"/_rev"},
		Text:     []Text{{"/html/*", "html"}, {"/message/*", "html"}, {"/styles", "css"}},
		// The seven that answer 403 to every write (tenant-api, section 11.3).
		Protected: func(r *Resource) bool {
			return slices.Contains([]string{"frEmailUpdated", "frForgotUsername", "frOnboarding", "frPasswordUpdated", "frProfileUpdated", "frResetPassword", "frUsernameUpdated"}, r.ID)
		},
		FrConfig: FrConfig{
			Path: "email-templates/{id}/{id}.json",
			Include: []Include{
				{Pattern: "/html/*", Name: "{id}.{*}.html"}, {Pattern: "/message/*", Name: "{id}.{*}.md"}, {Pattern: "/styles", Name: "{id}.css"},
			},
		},
		Frodo: Frodo{Section: "emailTemplate"},
	},
	{
		Name: "email-provider", Plural: "email provider", Doc: "email provider in force: external.email",
		Class: Static, Schema: "email-provider.json",
		API:      API{Path: "/openidm/config/external.email", Fixed: "external.email", Evidence: "section 11.4"},
		Volatile: []string{"/_rev"}, Secret: []string{"/auth/password", "/auth/clientSecret"},
		Protected: func(*Resource) bool { return true },
		FrConfig:  FrConfig{Path: "email-provider/external.email.json"},
		Frodo:     Frodo{Section: "idm"},
	},
	{
		Name: "theme", Plural: "themes", Doc: "theme of the hosted pages; all themes share one document on the tenant",
		Realm: true, Class: Static, NamePath: "/name", Schema: "theme.json",
		API: API{
			Path: "/openidm/config/ui/themerealm", Member: "/realm/{realm}", Evidence: "section 11.10; one whole document, read, changed and written under a lock",
		},
		Unordered: []string{"/linkedTrees"},
		Links:     []Link{{Pattern: "/linkedTrees/*", To: "journey", Soft: true, Code: "theme-missing-journey"}},
		Text: []Text{
			{"/accountFooter", "html"}, {"/journeyFooter", "html"}, {"/journeyHeader", "html"}, {"/journeyJustifiedContent", "html"},
			{"/accountFooter/*", "html"}, {"/journeyFooter/*", "html"}, {"/journeyHeader/*", "html"}, {"/journeyJustifiedContent/*", "html"},
			{"/accountFooterScriptTag", "html"}, {"/journeyFooterScriptTag", "html"}, {"/script", "javascript"},
		},
		FrConfig: FrConfig{
			Path: "realms/{realm}/themes/{name}/{name}.json",
			Include: []Include{
				{Pattern: "/accountFooter", Name: "accountFooter.html"}, {Pattern: "/accountFooter/*", Name: "accountFooter/{*}.html"},
				{Pattern: "/accountFooterScriptTag", Name: "accountFooterScriptTag.html", Coded: true}, {Pattern: "/journeyFooterScriptTag", Name: "journeyFooterScriptTag.html", Coded: true},
				{Pattern: "/journeyFooter", Name: "journeyFooter.html"}, {Pattern: "/journeyFooter/*", Name: "journeyFooter/{*}.html"},
				{Pattern: "/journeyHeader", Name: "journeyHeader.html"}, {Pattern: "/journeyHeader/*", Name: "journeyHeader/{*}.html"},
				{Pattern: "/journeyJustifiedContent", Name: "journeyJustifiedContent.html"}, {Pattern: "/journeyJustifiedContent/*", Name: "journeyJustifiedContent/{*}.html"},
			},
		},
		Frodo: Frodo{Section: "theme"},
	},
	{
		Name: "cors-service", Plural: "CORS service", Doc: "AM's CORS switch for the whole tenant",
		Class: Static, Schema: "cors-service.json", NullIsAbsent: true,
		API: API{
			Path: "/am/json/global-config/services/CorsService", Fixed: "CorsService", Version: "protocol=2.0,resource=1.0",
			Drop: []string{"_rev", "nextDescendents", "location"}, Evidence: "section 10.14",
		},
		Volatile:  []string{"/_rev", "/_id", "/_type", "/location"},
		Protected: func(*Resource) bool { return true },
		FrConfig:  FrConfig{Path: "cors/cors-config.json", Member: "/corsServiceGlobal"},
		Frodo:     Frodo{Section: "service"},
	},
	{
		Name: "cors-idm", Plural: "IDM CORS filter", Doc: "IDM's CORS filter: servletfilter/cors; changed together with AM's",
		Class: Static, Schema: "cors-idm.json",
		API:       API{Path: "/openidm/config/servletfilter/cors", Fixed: "servletfilter/cors", Evidence: "section 11.5"},
		Volatile:  []string{"/_rev"},
		CORS:      &CORS{Origins: "/initParams/allowedOrigins", Methods: "/initParams/allowedMethods", Credentials: "/initParams/allowCredentials", Open: true},
		Protected: func(*Resource) bool { return true },
		FrConfig:  FrConfig{Path: "cors/cors-config.json", Member: "/idmCorsConfig"},
		Frodo:     Frodo{Section: "idm"},
	},
	{
		Name: "cors", Plural: "CORS configurations", Doc: "AM CORS configuration: which origins may call, with what",
		Class: Static, Schema: "cors.json", NullIsAbsent: true,
		Parent: Parent{Type: "cors-service", ID: "CorsService"},
		API: API{
			Path: "/am/json/global-config/services/CorsService/configuration/{id}", Version: "protocol=2.0,resource=1.0",
			List: List{"POST", "/am/json/global-config/services/CorsService", "_action=nextdescendents"},
			Drop: []string{"_rev"}, Evidence: "section 10.14",
		},
		Volatile:  []string{"/_rev", "/_type"},
		Unordered: []string{"/acceptedOrigins", "/acceptedMethods", "/acceptedHeaders", "/exposedHeaders"},
		CORS:      &CORS{Origins: "/acceptedOrigins", Methods: "/acceptedMethods", Credentials: "/allowCredentials"},
		FrConfig:  FrConfig{Path: "cors/cors-config.json", Member: "/corsServices/*"},
		Frodo:     Frodo{Section: "service", Children: true},
	},
}

// idmScripts are the texts of IDM's script objects: {"type": "text/javascript", "source": "…"}.
var idmScripts = []Text{{"/**/source", "{../type}"}}

var idmTypes = []Type{
	{
		Name: "managed-object", Plural: "managed objects", Doc: "managed object type: its schema and event scripts; all share one document on the tenant",
		Class: Static, Schema: "managed-object.json", ID: "{/name}",
		API: API{
			Path: idmConfig + "managed", Member: "/objects", Evidence: "section 11.6; one whole document, read, changed and written under a lock",
		},
		Text: idmScripts,
		Links: []Link{
			{Pattern: "/schema/properties/*/resourceCollection/*/path", To: "managed-object", Soft: true, Names: managedName, Code: missingReference},
			{Pattern: "/schema/properties/*/items/resourceCollection/*/path", To: "managed-object", Soft: true, Names: managedName, Code: missingReference},
		},
		Brings:    isProductObject,
		Protected: func(r *Resource) bool { return isProductObject(r.ID) },
		FrConfig: FrConfig{
			Path: "managed-objects/{id}/{id}.json",
			Include: []Include{
				{Pattern: "/*/source", Name: "{id}.{*}.js", Sibling: true}, {Pattern: "/schema/properties/*/*/source", Name: "{id}.{*1}.{*2}.js", Sibling: true},
			},
		},
		Frodo: Frodo{Section: "idm", Elements: "managed"},
	},
	{
		Name: "password-policy", Plural: "password policies", Doc: "password policy of a realm's users",
		Realm: true, Class: Static, Schema: "password-policy.json",
		API: API{Path: idmConfig + "fieldPolicy/{realm}_user", Fixed: "user", Evidence: "section 11.11"}, Volatile: []string{"/_rev"},
		Protected: func(*Resource) bool { return true },
		FrConfig:  FrConfig{Path: "realms/{realm}/password-policy/{realm}_user-password-policy.json"},
		Frodo:     Frodo{Section: "idm"},
	},
	{
		Name: "remote-server", Plural: "remote connector servers", Doc: "remote connector servers and their groups",
		Class: Static, Schema: "remote-server.json",
		API:      API{Path: idmConfig + "provisioner.openicf.connectorinfoprovider", Fixed: "provisioner.openicf.connectorinfoprovider", Evidence: "section 11.8; may be absent"},
		Volatile: []string{"/_rev"}, Secret: []string{"/**/key"},
		FrConfig: FrConfig{Path: "sync/rcs/provisioner.openicf.connectorinfoprovider.json"},
		Frodo:    Frodo{Section: "idm"},
	},
	{
		Name: "connector", Plural: "connectors", Doc: "connector to another system",
		Class: Static, Schema: "connector.json", IDPrefix: "provisioner.openicf/",
		API:      API{Path: idmConfig + "provisioner.openicf/{id}", List: idmList("provisioner.openicf"), Evidence: "section 11.8"},
		Volatile: []string{"/_rev"},
		Secret:   []string{"/configurationProperties/*assword", "/configurationProperties/*ecret", "/configurationProperties/*oken", "/configurationProperties/*rivateKey"},
		Text:     idmScripts,
		FrConfig: FrConfig{Path: "sync/connectors/{id}.json"},
		Frodo:    Frodo{Section: "idm", Aliases: []string{"connector"}},
	},
	{
		Name: "sync-mapping", Plural: "sync mappings", Doc: "mapping in the shared document sync, the older form; the order of the document is the order of synchronization",
		Class: Static, Schema: "sync-mapping.json", ID: "{/name}", NamePath: "/name", IDPrefix: "sync/",
		API:  API{Path: idmConfig + "sync", Member: "/mappings", Evidence: "section 11.7; 404 when the tenant has none"},
		Text: idmScripts, Links: mappingLinks,
		FrConfig: FrConfig{Path: "sync/mappings/{name}/{name}.json", Include: []Include{{Pattern: "/*/source", Name: "{name}.{*}.js", Sibling: true}}},
		Frodo:    Frodo{Section: "sync", Single: true, Elements: "sync", Aliases: []string{"mapping"}},
	},
	{
		Name: "mapping", Plural: "mappings", Doc: "mapping with a document of its own, the newer form",
		Class: Static, Schema: "mapping.json", IDPrefix: "mapping/", NamePath: "/name",
		API:      API{Path: idmConfig + "mapping/{id}", List: idmList("mapping"), Evidence: "section 11.7"},
		Volatile: []string{"/_rev"}, Text: idmScripts, Links: mappingLinks,
		FrConfig: FrConfig{Path: "sync/mappings/{name}/{name}.json", Include: []Include{{Pattern: "/*/source", Name: "{name}.{*}.js", Sibling: true}}},
		Frodo:    Frodo{Section: "mapping", Prefixed: true},
	},
	{
		Name: "endpoint", Plural: "endpoints", Doc: "custom endpoint: a script behind a path",
		Class: Static, Schema: "endpoint.json", IDPrefix: "endpoint/",
		API:      API{Path: idmConfig + "endpoint/{id}", List: idmList("endpoint"), Evidence: "section 11.9; those that name a file of the product, or serve its own pages, are the product's"},
		Volatile: []string{"/_rev"}, Text: idmScripts,
		Protected: func(r *Resource) bool {
			file, source := Str(r.Body, "/file"), Str(r.Body, "/source")
			return file != "" && source == "" || strings.HasPrefix(Str(r.Body, "/context"), "util") || r.ID == "linkedView"
		},
		FrConfig: FrConfig{Path: "endpoints/{id}/{id}.json", Include: []Include{{Pattern: "/source", Name: "{id}.js", Sibling: true, Product: []string{"mappingDetails.js", "linkedView.js", "oauthProxy.js"}}}},
		Frodo:    Frodo{Section: "idm"},
	},
	{
		Name: "schedule", Plural: "schedules", Doc: "scheduled task",
		Class: Static, Schema: "schedule.json", IDPrefix: "schedule/",
		API:      API{Path: idmConfig + "schedule/{id}", List: idmList("schedule"), Evidence: "section 11.9"},
		Volatile: []string{"/_rev"}, Text: idmScripts,
		FrConfig: FrConfig{
			Path: "schedules/{id}/{id}.json",
			Include: []Include{
				{Pattern: "/invokeContext/script/source", Name: "{id}.js", Sibling: true}, {Pattern: "/invokeContext/task/script/source", Name: "{id}.js", Sibling: true},
			},
		},
		Frodo: Frodo{Section: "idm"},
	},
	{
		Name: "internal-role", Plural: "internal roles", Doc: "internal role with privileges; those without are the product's",
		Class: Static, Schema: "internal-role.json", NamePath: "/name", NullIsAbsent: true,
		API: API{
			Path: "/openidm/internal/role/{id}",
			List: List{"GET", "/openidm/internal/role", "_queryFilter=true&_pageSize=1000&_fields=condition,description,name,privileges,temporalConstraints"},
			Drop: []string{"_rev"}, DropEmpty: []string{"temporalConstraints"}, Evidence: "section 11.12",
		},
		Volatile: []string{"/_rev"}, Defaults: []Default{{"/temporalConstraints", []any{}}}, Links: privilegeLinks,
		Protected: func(r *Resource) bool {
			list, _ := r.Body["privileges"].([]any)
			return len(list) == 0
		},
		FrConfig: FrConfig{Path: "internal-roles/{name}.json"},
		Frodo:    Frodo{Section: "internalRole"},
	},
	{
		Name: "org-privileges", Plural: "organization privileges", Doc: "what administrators of organizations may do",
		Class: Static, Schema: "org-privileges.json",
		API:       API{Path: idmConfig + "{id}", IDs: []string{"alphaOrgPrivileges", "bravoOrgPrivileges", "privilegeAssignments"}, Evidence: "section 11.11"},
		Volatile:  []string{"/_rev"},
		Links:     privilegeLinks,
		Protected: func(*Resource) bool { return true },
		FrConfig:  FrConfig{Path: "org-privileges/{id}.json"},
		Frodo:     Frodo{Section: "idm"},
	},
	{
		Name: "terms-and-conditions", Plural: "terms and conditions", Doc: "versions of the terms that users accept",
		Class: Static, Schema: "terms-and-conditions.json", API: API{Path: idmConfig + "selfservice.terms", Fixed: "selfservice.terms", Evidence: "section 11.11"},
		Volatile: []string{"/_rev"}, Text: []Text{{"/versions/*/termsTranslations/*", "html"}},
		Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{
			Path: "terms-conditions/terms-conditions.json", Include: []Include{{Pattern: "/versions/*/termsTranslations/*", Name: "{../version}/{*}.html"}},
		},
		Frodo: Frodo{Section: "idm"},
	},
	{
		Name: "kba", Plural: "security questions", Doc: "questions that users answer to prove who they are (KBA)",
		Class: Static, Schema: "kba.json", API: API{Path: idmConfig + "selfservice.kba", Fixed: "selfservice.kba", Evidence: "section 11.11"},
		Volatile: []string{"/_rev"}, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "kba/selfservice.kba.json"},
		Frodo:    Frodo{Section: "idm"},
	},
	{
		Name: "locale", Plural: "locales", Doc: "texts of the hosted pages in a language",
		Class: Static, Schema: "locale.json", IDPrefix: "uilocale/",
		API:      API{Path: idmConfig + "uilocale/{id}", List: idmList("uilocale"), Evidence: "section 11.11"},
		Volatile: []string{"/_rev"},
		FrConfig: FrConfig{Path: "locales/{id}.json"},
		Frodo:    Frodo{Section: "idm"},
	},
	{
		Name: "ui-configuration", Plural: "UI configuration", Doc: "settings of the administrators' and end users' pages",
		Class: Static, Schema: "ui-configuration.json", API: API{Path: idmConfig + "ui/configuration", Fixed: "ui/configuration", Evidence: "section 11.11"},
		Volatile: []string{"/_rev"}, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "ui/ui-configuration.json"},
		Frodo:    Frodo{Section: "idm"},
	},
	{
		Name: "idm-config", Plural: "other IDM configuration", Doc: "IDM's own documents that have no type: repo.ds, router, ui/themeconfig and so on",
		Class: Static, Schema: "idm-config.json", OnRequest: true, ID: idByPath,
		ReadOnly: "these documents are the product's own; one that is yours can be kept as a raw resource",
		API:      API{Path: idmConfig + "{id}", List: List{"GET", "/openidm/config", queryAll}, Rest: true, Evidence: "section 11.11; fr-config-manager leaves them out"},
		Volatile: []string{"/_rev"}, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "idm-config/{id...}.json", Own: true},
		Frodo:    Frodo{Section: "idm"},
	},
	{
		Name: "application", Plural: "applications", Doc: "application of the applications page: its template, connector and mappings",
		Realm: true, Class: Dynamic, Schema: "application.json", OnRequest: true, NamePath: "/name",
		API: API{
			Path: "/openidm/managed/{realm}_application/{id}",
			List: List{"GET", "/openidm/managed/{realm}_application", "_queryFilter=true&_pageSize=1000&_fields=authoritative,connectorId,description,icon,mappingNames,name,ssoEntities,templateName,templateVersion,uiConfig,url"},
			Drop: []string{"_rev"}, Evidence: "section 11.12; fr-config-manager leaves them out",
		},
		Volatile: []string{"/_rev"},
		Links: []Link{
			{Pattern: "/connectorId", To: "connector", Soft: true, Code: missingReference},
			{Pattern: "/ssoEntities/oidcId", To: "oauth2-client", Soft: true, Code: missingReference},
		},
		FrConfig: FrConfig{Path: "realms/{realm}/applications/{name}.json", Own: true},
		Frodo:    Frodo{Section: "managedApplication", Folder: "application"},
	},
	{
		Name: "service-object", Plural: "service objects", Doc: "managed object that carries configuration: a role, a service user",
		Class: Dynamic, Schema: "service-object.json", OnRequest: true, ID: "{parent}/{/_id}", NamePath: "/userName|/name|/mail",
		API: API{
			Path: "/openidm/managed/{id}", Keyed: true, Drop: []string{"_rev"},
			Evidence: "section 11.12; only those that the files have are read; frodo has no place for them",
		},
		Volatile: []string{"/_rev", "/**/_rev", "/**/_refProperties"}, PerTenant: []string{"/**"}, Secret: []string{"/password"},
		FrConfig: FrConfig{Path: "service-objects/{parent}/{name}.json"},
		Frodo:    Frodo{Section: "serviceObject", Own: true},
	},
}

// privilegeLinks are the managed objects that privileges are for.
var privilegeLinks = []Link{{Pattern: "/privileges/*/path", To: "managed-object", Soft: true, Names: managedName, Code: missingReference}}

// mappingLinks are what a mapping reads and writes.
var mappingLinks = []Link{
	{Pattern: "/source", To: "managed-object", Soft: true, Names: managedName, Code: missingReference},
	{Pattern: "/target", To: "managed-object", Soft: true, Names: managedName, Code: missingReference},
	{Pattern: "/source", To: "connector", Soft: true, Names: systemName, Code: missingReference},
	{Pattern: "/target", To: "connector", Soft: true, Names: systemName, Code: missingReference},
}

// managedName takes the managed object's name out of "managed/alpha_user".
func managedName(v string) string {
	name, ok := strings.CutPrefix(v, "managed/")
	if name, _, _ = strings.Cut(name, "/"); ok {
		return name
	}
	return ""
}

// systemName takes the connector's name out of "system/Azure/User".
func systemName(v string) string {
	name, ok := strings.CutPrefix(v, "system/")
	if name, _, _ = strings.Cut(name, "/"); ok {
		return name
	}
	return ""
}
