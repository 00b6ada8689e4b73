package schema

var esvTypes = []Type{
	{
		Name: "secret", Plural: "ESV secrets", Doc: "ESV secret; its value is never read back, compared or shown",
		Class: PerEnvironment, Schema: "secret.json",
		API: API{
			Path: "/environment/secrets/{id}", Version: "protocol=1.0,resource=1.0",
			List:  List{"GET", "/environment/secrets", ""},
			Value: "valueBase64", Versioned: true,
			Evidence: "section 5",
		},
		Volatile: []string{"/loaded", "/loadedVersion", "/activeVersion", "/lastChangeDate", "/lastChangedBy", "/activeValue", "/versions", "/valueBase64", "/value"},
		Defaults: []Default{{"/description", ""}},
		Secret:   []string{"/value", "/valueBase64", "/versions/*/value", "/versions/*/valueBase64"},
		FrConfig: FrConfig{Path: "esvs/secrets/{id}.json"},
		Frodo:    Frodo{Section: "secret"},
	},
	{
		Name: "variable", Plural: "ESV variables", Doc: "ESV variable",
		Class: PerEnvironment, Schema: "variable.json",
		API: API{
			Path: "/environment/variables/{id}", Version: "protocol=1.0,resource=1.0",
			List: List{"GET", "/environment/variables", ""}, Drop: []string{"_id", "loaded", "lastChangeDate", "lastChangedBy"},
			Value:    "valueBase64",
			Evidence: "section 4",
		},
		Volatile: []string{"/loaded", "/lastChangeDate", "/lastChangedBy"}, PerTenant: []string{"/valueBase64"},
		Defaults: []Default{{"/description", ""}},
		FrConfig: FrConfig{Path: "esvs/variables/{id}.json"},
		Frodo:    Frodo{Section: "variable", Plain: "value", PlainOf: "valueBase64"},
	},
}

var environmentTypes = []Type{
	{
		Name: "cookie-domains", Plural: "cookie domains", Doc: "domains of the session cookie",
		Class: Dynamic, Schema: "cookie-domains.json", OnRequest: true, API: API{Path: "/environment/cookie-domains", Fixed: "cookie-domains", Version: environment10, Scope: "fr:idc:cookie-domain:*", Evidence: "section 8; frodo has no place for it"},
		Unordered: []string{"/domains"}, PerTenant: []string{"/**"}, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "cookie-domains/cookie-domains.json"},
		Frodo:    Frodo{Section: "cookieDomains", Own: true},
	},
	{
		Name: "csp", Plural: "content security policies", Doc: "content security policy of the hosted pages: enforced, report-only",
		Class: Dynamic, Schema: "csp.json", OnRequest: true, ID: idByPath,
		API: API{
			Path: "/environment/content-security-policy/{id}", IDs: []string{"enforced", "report-only"}, Version: environment10,
			Scope:    "fr:idc:content-security-policy:*",
			Evidence: "section 8; frodo has no place for it",
		},
		Unordered: []string{"/directives/*"}, PerTenant: []string{"/**"}, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "csp/csp.json", Member: "/{id}"},
		Frodo:    Frodo{Section: "contentSecurityPolicy", Own: true},
	},
	{
		Name: "custom-domains", Plural: "custom domains", Doc: "domains of a realm's hosted pages",
		Realm: true, Class: Dynamic, Schema: "custom-domains.json",
		API: API{
			Path: "/environment/custom-domains/{realm}", Fixed: "custom-domains", Version: environment10, Extra: true, Scope: "fr:idc:custom-domain:*",
			Evidence: "section 8; a name must be verified before it is added; the peers have no place for it",
		},
		Unordered: []string{"/domains"}, PerTenant: []string{"/**"}, OnRequest: true, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "realms/{realm}/custom-domains/custom-domains.json", Own: true},
		Frodo:    Frodo{Section: "customDomains", Own: true},
	},
	{
		Name: "telemetry", Plural: "telemetry providers", Doc: "where the tenant sends its telemetry",
		Class: Dynamic, Schema: "telemetry.json", OnRequest: true, ID: "{parent}/{/id|/_id|/name}",
		API: API{
			Path: "/environment/telemetry/{id}", Version: environment10, List: List{"GET", "/environment/telemetry", ""}, Grouped: true, Extra: true, Scope: "fr:idc:telemetry:*",
			Evidence: "section 8; never recorded: the list is an object of arrays by category, an entry's id is its member id, _id or name; frodo has no place for it",
		},
		PerTenant: []string{"/**"}, Secret: []string{"/**/*ey", "/**/*oken", "/**/*assword", "/**/*ecret"},
		FrConfig: FrConfig{Path: "telemetry/{parent}/{/id|/_id|/name}.json"},
		Frodo:    Frodo{Section: "telemetry", Own: true},
	},
	{
		Name: "workflow", Plural: "governance workflows", Doc: "workflow of Identity Governance, on tenants that have it",
		Class: Static, Schema: "workflow.json", OnRequest: true, ID: "{/id|/_id}", NamePath: "/displayName|/name", NullIsAbsent: true,
		API: API{
			Path: "/auto/orchestration/definition/{id}", List: List{"GET", "/auto/orchestration/definition", "_pageSize=100"},
			Publish: "POST /auto/orchestration/definition?_action=publish", Parts: []string{"draft", "published"}, Scope: "fr:iga:* fr:autoaccess:*", Extra: true, Drop: []string{"_rev"},
			Evidence: "section 14; the address that fr-config-manager uses; a draft is written, then published when the file says published",
		},
		Volatile: []string{"/_rev", "/_id"}, Defaults: []Default{{"/mutable", true}},
		FrConfig: FrConfig{Path: "iga/workflows/{id}/{id}.json"},
		Frodo:    Frodo{Section: "workflow"},
	},
}

var rawTypes = []Type{
	{
		Name: "raw", Plural: "raw resources", Doc: "any document of the tenant's REST API, by its path",
		Class: Static, Schema: "raw.json", OnRequest: true, ID: idByPath,
		API: API{
			Path: "/{id}", Keyed: true, VersionAt: "/_pushApiVersion", Drop: append([]string{"_pushApiVersion"}, notSent...),
			Evidence: "sections 15, 16; only those that the files have are read; frodo has no place for them",
		},
		Volatile: append([]string{"/_id", "/_pushApiVersion"}, authored...), PerTenant: []string{"/**"},
		FrConfig: FrConfig{Path: "raw/{id...}.json"},
		Frodo:    Frodo{Section: "raw", Own: true},
	},
}

// accessTypes are written last of all: each write makes IDM read its filters anew, and other requests
// may fail meanwhile (tenant-api, section 11.2).
var accessTypes = []Type{
	{
		Name: "audit", Plural: "audit configuration", Doc: "what IDM writes to the audit logs",
		Class: Static, Schema: "audit.json", API: API{Path: idmConfig + "audit", Fixed: "audit", Evidence: "section 11.11"},
		Volatile: []string{"/_rev"}, Text: idmScripts, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "audit/audit.json"},
		Frodo:    Frodo{Section: "idm"},
	},
	{
		Name: "access", Plural: "access configuration", Doc: "which roles may call which IDM endpoints",
		Class: Static, Schema: "access.json", API: API{Path: idmConfig + "access", Fixed: "access", Evidence: "sections 11.2, 11.11"},
		Volatile: []string{"/_rev"}, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "access-config/access.json"},
		Frodo:    Frodo{Section: "idm"},
	},
	{
		Name: "idm-authentication", Plural: "IDM authentication", Doc: "how IDM knows who calls it; written last of all",
		Class: Static, Schema: "idm-authentication.json", API: API{Path: idmConfig + "authentication", Fixed: "authentication", Evidence: "sections 11.2, 11.11"},
		Volatile: []string{"/_rev"}, Secret: []string{"/rsFilter/clientSecret"}, Text: idmScripts, Protected: func(*Resource) bool { return true },
		FrConfig: FrConfig{Path: "idm-authentication-config/authentication.json"},
		Frodo:    Frodo{Section: "idm"},
	},
}
