package schema

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// The paths that many rows begin with.
const (
	realmBase      = "/am/json/realms/root/realms/{realm}"
	treesBase      = realmBase + "/realm-config/authentication/authenticationtrees"
	realmConfig    = realmBase + "/realm-config"
	services       = realmConfig + "/services"
	globalServices = "/am/json/global-config/services"
	agents         = realmConfig + "/agents"
	esvStore       = realmConfig + "/secrets/stores/GoogleSecretManagerSecretStoreProvider/ESV"
	saml           = realmConfig + "/saml2"
	idmConfig      = "/openidm/config/"
	am20           = "protocol=2.0,resource=1.0"
	am21           = "protocol=2.1,resource=1.0"
	environment10  = "protocol=1.0,resource=1.0"
)

var queryAll = "_queryFilter=true"

// idmList is the request for the documents of IDM's configuration whose ids begin so.
func idmList(prefix string) List {
	return List{"GET", "/openidm/config", "_queryFilter=" + url.QueryEscape(`_id sw '`+prefix+`'`)}
}

// missingReference is the finding about a value that names a resource which is not there, where no
// other finding says it better.
const missingReference = "missing-reference"

// The fixed ids of every tree (tenant-api, section 10.1).
const (
	SuccessNode = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"
	FailureNode = "e301438c-0bd0-429c-ab0c-66126501069a"
	StartNode   = "startNode"
)

// The scripted node types and the attribute that names their script (tenant-api, section 10.2).
var scriptNodes = []string{"ScriptedDecisionNode", "ClientScriptNode", "ConfigProviderNode", "SocialProviderHandlerNode", "SocialProviderHandlerNodeV2", "CustomScriptNode"}

// Server-owned members of scripts, policies and what belongs to them (tenant-api, section 15).
var authored = []string{"/_rev", "/createdBy", "/creationDate", "/lastModifiedBy", "/lastModifiedDate"}

var notSent = []string{"_rev", "createdBy", "creationDate", "lastModifiedBy", "lastModifiedDate"}

var scriptTypes = []Type{
	{
		Name: "custom-node", Plural: "custom nodes", Doc: "node type made in the node designer, with its script; both realms have it",
		Class: Static, Schema: "custom-node.json", NamePath: "/displayName", UniqueName: true, NullIsAbsent: true,
		API: API{
			Path: "/am/json/node-designer/node-type/{id}", Version: am21, List: List{"GET", "/am/json/node-designer/node-type", queryAll},
			IfMatch: true, Drop: []string{"_rev"}, Evidence: "section 10.3; its script is plain text",
		},
		Volatile: []string{"/_rev"}, Defaults: []Default{{"/version", json.Number("1")}},
		Text: []Text{{"/script", "javascript"}},
		FrConfig: FrConfig{
			Path: "custom-nodes/nodes/{name}/{name}.json", Include: []Include{{Pattern: "/script", Name: "{name}.js"}},
		},
		Frodo: Frodo{Section: "nodeTypes", Lines: []string{"/script"}},
	},
	{
		Name: "script", Plural: "scripts", Doc: "AM script: decision nodes, profile transformations, OAuth2 and SAML plug-ins, libraries",
		Realm: true, Class: Static, NamePath: "/name", UniqueName: true, Schema: "script.json", NullIsAbsent: true,
		API: API{
			Path: realmBase + "/scripts/{id}", Version: "protocol=2.0,resource=1.0",
			List: List{"GET", realmBase + "/scripts", queryAll}, Coded: []string{"/script"},
			Drop:     []string{"_rev", "createdBy", "creationDate", "lastModifiedBy", "lastModifiedDate", "exports"},
			Evidence: "section 10.4",
		},
		Volatile:  []string{"/_rev", "/createdBy", "/creationDate", "/lastModifiedBy", "/lastModifiedDate", "/default", "/exports"},
		Defaults:  []Default{{"/evaluatorVersion", "1.0"}, {"/description", ""}},
		Text:      []Text{{"/script", "{/language}"}},
		Libraries: true, Brings: isProductScript,
		Protected: func(r *Resource) bool { d, _ := r.Body["default"].(bool); return d },
		FrConfig: FrConfig{
			Path:    "realms/{realm}/scripts/scripts-config/{id}.json",
			Also:    "realms/{realm}/scripts/{name}.json",
			Include: []Include{{Pattern: "/script", Base: "realms/{realm}/scripts", Name: "scripts-content/{/context}/{name}.js"}},
		},
		Frodo: Frodo{Section: "script"},
	},
}

var realmTypes = []Type{
	{
		Name: "secret-store", Plural: "secret stores", Doc: "the store of ESV secrets that each realm has",
		Realm: true, Class: Static, Schema: "secret-store.json", OnRequest: true, NullIsAbsent: true,
		ReadOnly: "the tenant lets nobody change its ESV secret store",
		API: API{
			Path: esvStore, Fixed: "ESV", Version: "protocol=2.1,resource=2.0", Drop: []string{"_rev"},
			Evidence: "section 10.13; fr-config-manager leaves it out",
		},
		Volatile:  []string{"/_rev", "/_type/name", "/_type/collection"},
		Protected: func(*Resource) bool { return true },
		FrConfig:  FrConfig{Path: "realms/{realm}/secret-stores/ESV.json", Own: true},
		Frodo:     Frodo{Section: "secretstore"},
	},
	{
		Name: "secret-mapping", Plural: "secret mappings", Doc: "which ESV secret stands for a secret label of a realm",
		Realm: true, Class: Static, Schema: "secret-mapping.json", NullIsAbsent: true, Parent: Parent{Type: "secret-store", ID: "ESV"},
		API: API{
			Path: esvStore + "/mappings/{id}", Version: "protocol=2.1,resource=2.0", List: List{"GET", esvStore + "/mappings", queryAll},
			Drop: []string{"_rev"}, Evidence: "section 10.13; exactly one alias",
		},
		Volatile: []string{"/_rev", "/_type"},
		FrConfig: FrConfig{Path: "realms/{realm}/secret-mappings/{id}.json"},
		Frodo:    Frodo{Section: "secretstore", Children: true, List: "mappings"},
	},
	{
		Name: "global-service", Plural: "global services", Doc: "service of the whole tenant: dashboard; CORS has its own types",
		Class: Static, Schema: "global-service.json", OnRequest: true, ID: "{/_type/_id}", NullIsAbsent: true,
		API: API{
			Path: globalServices + "/{id}", Version: am20, List: List{"POST", globalServices, "_action=nextdescendents"},
			Drop: []string{"_rev", "nextDescendents", "location"}, Skip: []string{"CorsService", "scripting"},
			Evidence: "section 10.5; fr-config-manager leaves them out",
		},
		Volatile:  []string{"/_rev", "/_id", "/_type/name", "/_type/collection", "/location"},
		Protected: func(*Resource) bool { return true },
		FrConfig:  FrConfig{Path: "services/{id}.json", Own: true},
		Frodo:     Frodo{Section: "service"},
	},
	{
		Name: "global-service-child", Plural: "global service entries", Doc: "an entry of a service of the whole tenant: a dashboard tile",
		Class: Static, Schema: "global-service-child.json", OnRequest: true, ID: "{parent}/{/_type/_id}/{/_id}", NullIsAbsent: true, Parent: Parent{Type: "global-service"},
		API: API{
			Path: globalServices + "/{id}", Version: am20, List: List{"POST", globalServices + "/{parent}", "_action=nextdescendents"},
			Drop: []string{"_rev"}, Skip: []string{"CorsService", "scripting"}, Evidence: "section 10.5",
		},
		Volatile: []string{"/_rev", "/_type/name", "/_type/collection"},
		FrConfig: FrConfig{Path: "services/{parent}/{/_id}.json", Own: true},
		Frodo:    Frodo{Section: "service", Children: true},
	},
	{
		Name: "service", Plural: "realm services", Doc: "realm service: OAuth2 provider, base URL, validation, self-service trees and so on",
		Realm: true, Class: Static, ID: "{/_type/_id}", Schema: "service.json", NullIsAbsent: true,
		API: API{
			Path: services + "/{id}", Version: "protocol=2.0,resource=1.0",
			List: List{"POST", services, "_action=nextdescendents"},
			Drop: []string{"_rev", "nextDescendents", "location"},
			// The tenant lists its scripts among the services, and two services that it refuses to show.
			Skip: []string{"scripts", "DataStoreService", "id-repositories"},
			// Each of them answered with an empty list wherever it was asked (recordings, services).
			Childless: []string{"oauth-oidc", "baseurl", "policyconfiguration", "selfServiceTrees", "validation", "session"},
			Evidence:  "sections 10.5, 10.6",
		},
		Volatile:  []string{"/_rev", "/_id", "/_type/name", "/_type/collection", "/location"},
		Unordered: []string{"/*/supported*", "/validGotoDestinations"},
		Secret:    []string{"/bindPassword", "/security/sharedSecret"},
		Links: []Link{
			{Pattern: "/treeMapping/*", To: "journey", Soft: true, Code: "service-missing-journey"},
			{Pattern: "/pluginsConfig/*Script", To: "script", None: []string{"[Empty]"}, Code: "service-missing-script"},
			{Pattern: "/coreOAuth2Config/*Script", To: "script", None: []string{"[Empty]"}, Code: "service-missing-script"},
			{Pattern: "/advancedOAuth2Config/passwordGrantAuthService", To: "journey", None: []string{"[Empty]", "PasswordGrant"}, Soft: true, Code: "service-missing-journey"},
			{Pattern: "/transportType", When: map[string][]string{"/_type/_id": {"email"}}, To: "service-child", Soft: false, None: []string{"default-smtp"},
				Names: func(v string) string { return "email/smtpTransports/" + v }, Code: "service-missing-transport"},
		},
		Stub: func(body map[string]any) map[string]any {
			stub := CloneObject(body)
			delete(stub, "transportType")
			return stub
		},
		Protected: func(r *Resource) bool {
			return slices.Contains([]string{"oauth-oidc", "SocialIdentityProviders", "baseurl", "policyconfiguration", "selfServiceTrees", "validation"}, r.ID)
		},
		FrConfig: FrConfig{Path: "realms/{realm}/services/{id}.json"},
		Frodo:    Frodo{Section: "service"},
	},
	{
		Name: "service-child", Plural: "realm service entries", Doc: "an entry of a realm service: SMTP transport, PingOne worker, HTTP client",
		Realm: true, Class: Static, ID: "{parent}/{/_type/_id}/{/_id}", Schema: "service-child.json", NullIsAbsent: true,
		Parent: Parent{Type: "service"},
		API: API{
			Path: services + "/{id}", Version: "protocol=2.0,resource=1.0",
			List: List{"POST", services + "/{parent}", "_action=nextdescendents"},
			Drop: []string{"_rev"}, Evidence: "section 10.5",
		},
		Volatile: []string{"/_rev", "/_type/name", "/_type/collection"},
		Secret:   []string{"/password", "/clientSecret"},
		FrConfig: FrConfig{Path: "realms/{realm}/services/{parent}/{/_id}.json"},
		Frodo:    Frodo{Section: "service", Children: true},
	},
	{
		Name: "idp", Plural: "social identity providers", Doc: "social identity provider of a realm",
		Realm: true, Class: Static, Schema: "idp.json", NullIsAbsent: true,
		Parent: Parent{Type: "service", ID: "SocialIdentityProviders"},
		API: API{
			Path: services + "/SocialIdentityProviders/{/_type/_id}/{id}", Version: "protocol=2.1,resource=1.0",
			List: List{"POST", services + "/SocialIdentityProviders", "_action=nextdescendents"},
			Drop: []string{"_rev"}, Evidence: "section 10.7",
		},
		Volatile: []string{"/_rev", "/_type/name", "/_type/collection"},
		// Missing on an update, AM answers 500; both clients send the empty string.
		Defaults: []Default{{"/redirectAfterFormPostURI", ""}},
		Secret:   []string{"/clientSecret"},
		Links:    []Link{{Pattern: "/transform", To: "script", None: []string{"[Empty]"}, Code: "idp-missing-script"}},
		FrConfig: FrConfig{Path: "realms/{realm}/services/SocialIdentityProviders/{id}.json"},
		Frodo:    Frodo{Section: "idp"},
	},
}

// samlLinks are the scripts that a SAML entity names.
var samlLinks = []Link{{Pattern: "/**/*Script", To: "script", None: []string{"[Empty]"}, Soft: true, Code: missingReference}}

// samlDefaults are the groups of an entity's settings that AM answers with when they are empty, whether
// they were written or not (recordings, saml).
var samlDefaults = []Default{
	{"/**/clientAuthentication", map[string]any{}}, {"/**/redirectTreeConfiguration", map[string]any{}}, {"/**/applicationContext", map[string]any{}},
	{"/**/treeConfiguration", map[string]any{}}, {"/**/secrets", map[string]any{}},
}

var federationTypes = []Type{
	{
		Name: "saml-hosted", Plural: "hosted SAML entities", Doc: "SAML entity that the tenant itself is",
		Realm: true, Class: Dynamic, Schema: "saml-hosted.json", OnRequest: true, NamePath: "/entityId", NullIsAbsent: true,
		API: API{
			Path: saml + "/hosted/{id}", Version: am21, List: List{"GET", saml, queryAll}, Stubs: map[string]string{"/location": "hosted"},
			Create: "POST " + saml + "/hosted/?_action=create", Metadata: true, Drop: []string{"_rev", "metadata"},
			Evidence: "section 10.10; dynamic, and promoted all the same",
		},
		// AM makes the metadata of its own entities.
		Volatile: []string{"/_rev", "/metadata", "/entityLocation"}, PerTenant: []string{"/**"}, Links: samlLinks, Defaults: samlDefaults,
		FrConfig: FrConfig{Path: "realms/{realm}/realm-config/saml/hosted/{name}.json", Wrap: "config"},
		Frodo:    Frodo{Section: "saml/hosted", Folder: "saml", Lines: []string{"/metadata"}},
	},
	{
		Name: "saml-remote", Plural: "remote SAML entities", Doc: "SAML entity of a partner, with its metadata",
		Realm: true, Class: Dynamic, Schema: "saml-remote.json", OnRequest: true, NamePath: "/entityId", NullIsAbsent: true,
		API: API{
			Path: saml + "/remote/{id}", Version: am21, List: List{"GET", saml, queryAll}, Stubs: map[string]string{"/location": "remote"},
			Metadata: true, Drop: []string{"_rev", "metadata"},
			Evidence: "section 10.10; its metadata is imported, then the rest is written; dynamic, and promoted all the same",
		},
		Volatile: []string{"/_rev", "/entityLocation"}, PerTenant: []string{"/**"}, Links: samlLinks, Defaults: samlDefaults,
		Text:     []Text{{"/metadata", "xml"}},
		FrConfig: FrConfig{Path: "realms/{realm}/realm-config/saml/remote/{name}.json", Wrap: "config"},
		Frodo:    Frodo{Section: "saml/remote", Folder: "saml", Lines: []string{"/metadata"}},
	},
	{
		Name: "circle-of-trust", Plural: "circles of trust", Doc: "circle of trust: the SAML entities that trust each other",
		Realm: true, Class: Dynamic, Schema: "circle-of-trust.json", OnRequest: true, NullIsAbsent: true,
		API: API{
			Path: realmConfig + "/federation/circlesoftrust/{id}", Version: am21, List: List{"GET", realmConfig + "/federation/circlesoftrust", queryAll},
			Create: "POST " + realmConfig + "/federation/circlesoftrust/?_action=create", Drop: []string{"_rev"},
			Evidence: "section 10.11; dynamic, and promoted all the same",
		},
		Volatile: []string{"/_rev", "/_type"}, Unordered: []string{"/trustedProviders"}, PerTenant: []string{"/**"},
		FrConfig: FrConfig{Path: "realms/{realm}/realm-config/saml/COT/{id}.json"},
		Frodo:    Frodo{Section: "saml/cot", Folder: "cot", Suffix: "cot.saml"},
	},
}

var journeyTypes = []Type{
	{
		Name: "journey", Plural: "journeys", Doc: "journey with all its nodes, page nodes and their children",
		Realm: true, Class: Static, Schema: "journey.json", NullIsAbsent: true, Journey: true,
		API: API{
			Path: treesBase + "/trees/{id}", Version: "protocol=2.1,resource=1.0",
			List: List{"GET", treesBase + "/trees", queryAll}, Drop: []string{"_rev", "nodeConfigs"},
			Evidence: "sections 10.1, 10.2; its nodes are written before the tree",
		},
		Volatile: []string{
			"/_rev", "/nodeConfigs/*/_rev", "/nodeConfigs/*/_id", "/nodeConfigs/*/_outcomes",
			"/nodeConfigs/*/_type/name", "/nodeConfigs/*/_type/collection",
		},
		Defaults: []Default{
			{"/enabled", true}, {"/innerTreeOnly", false}, {"/noSession", false}, {"/mustRun", false}, {"/transactionalOnly", false},
			{"/nodes/*/version", "1.0"}, {"/nodeConfigs/*/_type/version", "1.0"}, {"/nodeConfigs/*/nodes/*/nodeVersion", "1.0"},
			{"/nodes/*/x", json.Number("0")}, {"/nodes/*/y", json.Number("0")}, {"/staticNodes/*/x", json.Number("0")}, {"/staticNodes/*/y", json.Number("0")},
			{"/nodeConfigs/*/displayErrorOutcome", false},
		},
		Links: []Link{
			{Pattern: "/nodeConfigs/*/script", When: map[string][]string{"/_type/_id": scriptNodes}, To: "script", None: []string{"[Empty]"}, Code: "journey-missing-script"},
			{Pattern: "/nodeConfigs/*/script", When: map[string][]string{"/_type/_id": {"DeviceMatchNode"}, "/useScript": {"true"}}, To: "script", None: []string{"[Empty]"}, Code: "journey-missing-script"},
			{Pattern: "/nodeConfigs/*/filterScript", When: map[string][]string{"/useFilterScript": {"true"}}, To: "script", None: []string{"[Empty]"}, Code: "journey-missing-script"},
			{Pattern: "/nodeConfigs/*/tree", When: map[string][]string{"/_type/_id": {"InnerTreeEvaluatorNode", "BackChannelInitNode"}}, To: "journey", Code: "journey-missing-inner-journey"},
			{Pattern: "/nodeConfigs/*/emailTemplateName", To: "email-template", Code: "journey-missing-email-template"},
			{Pattern: "/nodeConfigs/*/filteredProviders/*", When: map[string][]string{"/_type/_id": {"SelectIdPNode"}}, To: "idp", Code: "journey-missing-idp"},
			{Pattern: "/nodeConfigs/*/idpEntityId", When: map[string][]string{"/_type/_id": {"product-Saml2Node"}}, To: "saml-remote", ByName: true, Soft: true, HardIfAny: true, Code: "journey-missing-saml-entity"},
			{Pattern: "/nodes/*/nodeType", To: "custom-node", Soft: true, Names: customNode, Code: missingReference},
			{Pattern: "/nodeConfigs/*/nodes/*/nodeType", To: "custom-node", Soft: true, Names: customNode, Code: missingReference},
			{Pattern: "/identityResource", To: "managed-object", Soft: true, Names: managedName, Code: missingReference},
			{Pattern: "/nodeConfigs/*/identityResource", To: "managed-object", Soft: true, Names: managedName, Code: missingReference},
			{Pattern: "/nodeConfigs/*/stage", When: map[string][]string{"/_type/_id": {"PageNode"}}, To: "theme", Soft: true, Names: stageTheme, Code: "journey-missing-theme"},
		},
		Stub: func(body map[string]any) map[string]any {
			stub := CloneObject(body)
			stub["entryNodeId"], stub["nodes"], stub["nodeConfigs"] = FailureNode, map[string]any{}, map[string]any{}
			return stub
		},
		FrConfig: FrConfig{Path: "realms/{realm}/journeys/{id}/{id}.json"},
		Frodo:    Frodo{Section: "trees", Folder: "journey"},
	},
	{
		Name: "authentication-settings", Plural: "authentication settings", Doc: "authentication settings of a realm: its default journey, sessions, lockout",
		Realm: true, Class: Static, Schema: "authentication-settings.json", NullIsAbsent: true,
		API: API{
			Path: realmConfig + "/authentication", Fixed: "authentication", Version: am21, Drop: []string{"_rev"}, Evidence: "section 10.8",
		},
		Volatile: []string{"/_rev", "/_id", "/_type"}, Unordered: []string{"/general/identityType"}, Secret: []string{"/security/sharedSecret"},
		Links: []Link{
			{Pattern: "/core/orgConfig", To: "journey", Soft: true, Code: missingReference},
			{Pattern: "/core/adminAuthModule", To: "journey", Soft: true, Code: missingReference},
		},
		Protected: func(*Resource) bool { return true },
		FrConfig:  FrConfig{Path: "realms/{realm}/realm-config/authentication.json"},
		Frodo:     Frodo{Section: "authentication", Suffix: "authentication.settings", Single: true},
	},
}

// Lists of a client or agent are sets: AM answers in no order of its own.
var clientSets = []string{
	"/coreOAuth2ClientConfig/scopes", "/coreOAuth2ClientConfig/defaultScopes", "/coreOAuth2ClientConfig/redirectionUris", "/coreOpenIDClientConfig/postLogoutRedirectUri",
	"/coreOpenIDClientConfig/claims", "/coreOpenIDClientConfig/defaultAcrValues", "/advancedOAuth2ClientConfig/grantTypes", "/advancedOAuth2ClientConfig/responseTypes",
	"/advancedOAuth2ClientConfig/contacts", "/advancedOAuth2ClientConfig/javascriptOrigins", "/advancedOAuth2ClientConfig/requestUris", "/igCdssoRedirectUrls",
}

var agentVolatile = []string{"/_rev", "/_type/name", "/_type/collection", "/_provider"}

var agentSecrets = []string{"/userpassword", "/coreOAuth2ClientConfig/userpassword", "/secretKey", "/*/userpassword"}

var overrideScripts = []Link{
	{Pattern: "/overrideOAuth2ClientConfig/*Script", To: "script", None: []string{"[Empty]"}, Soft: true, Code: missingReference},
	{Pattern: "/agentgroup", To: "agent-group", Soft: true, Code: missingReference},
}

// What the tenant has from the start need not be in the configuration.
var (
	productResourceTypes = []string{"76656a38-5f8e-401b-83aa-4ccb74ce88d2", "d60b7a71-1dc6-44a5-8e48-e4b9d92dee8b", "authenticationResourceType"}
	productPolicySets    = []string{"oauth2Scopes", "sunAMDelegationService", "FeatureStorePolicySet", "customerApplicationPolicySet"}
)

var authorizationTypes = []Type{
	{
		Name: "agent-group", Plural: "agent groups", Doc: "settings that agents share",
		Realm: true, Class: Dynamic, Schema: "agent-group.json", OnRequest: true, NullIsAbsent: true,
		API: API{
			Path: agents + "/groups/{/_type/_id}/{id}", Version: am21, List: List{"POST", agents + "/groups", "_action=nextdescendents"},
			Inherited: true, Drop: []string{"_rev"}, Evidence: "section 10.9; fr-config-manager leaves them out",
		},
		Volatile: agentVolatile, Unordered: clientSets, PerTenant: []string{"/**"}, Secret: agentSecrets,
		FrConfig: FrConfig{Path: "realms/{realm}/realm-config/agent-groups/{/_type/_id}/{id}.json", Own: true},
		Frodo:    Frodo{Section: "agentGroup"},
	},
	{
		Name: "oauth2-client", Plural: "OAuth2 clients", Doc: "OAuth2 or OpenID Connect client of a realm",
		Realm: true, Class: Dynamic, Schema: "oauth2-client.json", OnRequest: true, NullIsAbsent: true,
		API: API{
			Path: agents + "/OAuth2Client/{id}", Version: am21, List: List{"GET", agents + "/OAuth2Client", queryAll}, Kinds: []string{"OAuth2Client"},
			Inherited: true, Drop: []string{"_rev", "_provider"}, Evidence: "section 10.9; its secret is never answered",
		},
		Volatile: agentVolatile, Unordered: clientSets, PerTenant: []string{"/**"}, Secret: agentSecrets, Links: overrideScripts,
		Protected: func(r *Resource) bool {
			return slices.Contains([]string{"RCSClient", "endUserUIClient", "idmAdminClient", "idm-provisioning", "openidm-resource-server"}, r.ID)
		},
		FrConfig: FrConfig{Path: "realms/{realm}/realm-config/agents/OAuth2Client/{id}.json"},
		Frodo:    Frodo{Section: "application", Folder: "oauth2.app"},
	},
	{
		Name: "trusted-jwt-issuer", Plural: "trusted JWT issuers", Doc: "issuer whose JWTs the OAuth2 provider takes as grants",
		Realm: true, Class: Dynamic, Schema: "trusted-jwt-issuer.json", OnRequest: true, NullIsAbsent: true,
		API: API{
			Path: agents + "/TrustedJwtIssuer/{id}", Version: am20, List: List{"GET", agents + "/TrustedJwtIssuer", queryAll}, Kinds: []string{"TrustedJwtIssuer"},
			Inherited: true, Drop: []string{"_rev"}, Evidence: "section 10.9",
		},
		Volatile: agentVolatile, PerTenant: []string{"/**"},
		FrConfig: FrConfig{Path: "realms/{realm}/realm-config/agents/TrustedJwtIssuer/{id}.json"},
		Frodo:    Frodo{Section: "trustedJwtIssuer"},
	},
	{
		Name: "agent", Plural: "agents", Doc: "web, Java, gateway, remote consent, software publisher or AI agent of a realm",
		Realm: true, Class: Dynamic, Schema: "agent.json", OnRequest: true, NullIsAbsent: true,
		API: API{
			Path: agents + "/{/_type/_id}/{id}", Version: am21, List: List{"POST", agents, "_action=nextdescendents"}, NotKinds: []string{"OAuth2Client", "TrustedJwtIssuer"},
			KindVersions: map[string]string{"AIAgent": "protocol=2.1,resource=2.0"},
			Inherited:    true, Drop: []string{"_rev", "_provider"}, Evidence: "section 10.9",
		},
		Volatile: agentVolatile, Unordered: clientSets, PerTenant: []string{"/**"}, Secret: agentSecrets, Links: overrideScripts,
		FrConfig: FrConfig{Path: "realms/{realm}/realm-config/agents/{/_type/_id}/{id}.json"},
		Frodo:    Frodo{Section: "agent"},
	},
	{
		Name: "resource-type", Plural: "resource types", Doc: "what kind of resource policies protect, and its actions",
		Realm: true, Class: Dynamic, Schema: "resource-type.json", OnRequest: true, ID: "{/uuid|/_id}", NamePath: "/name", NullIsAbsent: true,
		API: API{
			Path: realmBase + "/resourcetypes/{id}", Version: environment10, List: List{"GET", realmBase + "/resourcetypes", queryAll},
			Create: "POST " + realmBase + "/resourcetypes/?_action=create", Drop: append([]string{"_id"}, notSent...), Evidence: "section 10.12",
		},
		Volatile: append([]string{"/_id"}, authored...), Unordered: []string{"/patterns"},
		Protected: func(r *Resource) bool {
			return slices.Contains(productResourceTypes, r.ID) || Str(r.Body, "/name") == "Delegation Service"
		},
		FrConfig: FrConfig{Path: "realms/{realm}/authorization/resource-types/{name}.json"},
		Frodo:    Frodo{Section: "resourcetype"},
	},
	{
		Name: "policy-set", Plural: "policy sets", Doc: "set of authorization policies",
		Realm: true, Class: Dynamic, Schema: "policy-set.json", OnRequest: true, ID: "{/name}", NullIsAbsent: true,
		API: API{
			Path: realmBase + "/applications/{id}", Version: "protocol=1.0,resource=2.1", List: List{"GET", realmBase + "/applications", queryAll},
			Create: "POST " + realmBase + "/applications/?_action=create", Drop: append([]string{"_id"}, notSent...), Evidence: "section 10.12",
		},
		Volatile: append([]string{"/_id"}, authored...), Unordered: []string{"/conditions", "/subjects", "/resourceTypeUuids", "/attributeNames"},
		Links: []Link{{Pattern: "/resourceTypeUuids/*", To: "resource-type", None: productResourceTypes, Soft: true, HardIfAny: true, Code: "policy-missing-reference"}},
		Protected: func(r *Resource) bool {
			return slices.Contains(productPolicySets, r.ID)
		},
		FrConfig: FrConfig{Path: "realms/{realm}/authorization/policy-sets/{id}/{id}.json"},
		Frodo:    Frodo{Section: "policyset"},
	},
	{
		Name: "policy", Plural: "policies", Doc: "authorization policy: who may do what with which resources",
		Realm: true, Class: Dynamic, Schema: "policy.json", OnRequest: true, NullIsAbsent: true,
		API: API{
			Path: realmBase + "/policies/{id}", Version: "resource=2.1", List: List{"GET", realmBase + "/policies", queryAll},
			Drop: notSent, Evidence: "section 10.12",
		},
		Volatile: authored, Unordered: []string{"/resources"},
		Links: []Link{
			{Pattern: "/applicationName", To: "policy-set", None: productPolicySets, Soft: true, HardIfAny: true, Code: "policy-missing-reference"},
			{Pattern: "/resourceTypeUuid", To: "resource-type", None: productResourceTypes, Soft: true, HardIfAny: true, Code: "policy-missing-reference"},
			{Pattern: "/**/scriptId", To: "script", Soft: true, Code: missingReference},
			{Pattern: "/**/authenticateToService", To: "journey", Soft: true, Names: policyJourney, Code: missingReference},
		},
		FrConfig: FrConfig{Path: "realms/{realm}/authorization/policy-sets/{/applicationName}/policies/{id}.json"},
		Frodo:    Frodo{Section: "policy"},
	},
}

// policyJourney takes the journey out of a policy's condition, which may name its realm too: "/alpha:Login".
func policyJourney(service string) string { return service[strings.LastIndexByte(service, ':')+1:] }

// customNode gives the id of the custom node that a node's type is: "designer-<serviceName>"
// (tenant-api, section 10.3).
func customNode(nodeType string) string {
	if service, ok := strings.CutPrefix(nodeType, "designer-"); ok {
		return service + "-1"
	}
	return ""
}

// stageTheme takes the theme's id out of a page node's stage: "themeId=<id>", or a JSON object with
// a member themeId, or free text (tenant-api, section 10.2).
func stageTheme(stage string) string {
	if id, ok := strings.CutPrefix(stage, "themeId="); ok {
		return id
	}
	var s struct {
		ThemeID string `json:"themeId"`
	}
	if json.Unmarshal([]byte(stage), &s) == nil {
		return s.ThemeID
	}
	return ""
}
