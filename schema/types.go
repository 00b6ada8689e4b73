package schema

import (
	"encoding/json"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Class says how a type's resources get from one tenant environment to the next
// (vendor documentation, "Promotions FAQ").
type Class string

// The classes.
const (
	Static         Class = "static"          // changed in development only, moved by promotion
	Dynamic        Class = "dynamic"         // kept per environment in a live store, never promoted
	PerEnvironment Class = "per-environment" // ESVs: must exist everywhere, with other values
)

// A Type describes one kind of resource. Everything that differs between kinds is data here, so no
// other package switches on a type's name.
//
// Paths and pointers in a row may hold variables: {realm}, {id}, {/pointer} (a string in the body),
// {parent} (the id of the resource it belongs to).
type Type struct {
	Name     string // "journey"; what Key.Type holds
	Plural   string // "journeys"
	Doc      string // one line for `lockstep types`
	Realm    bool   // lives in a realm
	Class    Class
	NamePath string // pointer to what the admin UI calls it; empty where that is the id
	// UniqueName: the tenant refuses two of one name in a realm.
	UniqueName bool
	ID         string // how the id is made from a body; "{/_id}" less IDPrefix when empty
	IDPrefix   string // stands before the id in the body's _id: "emailTemplate/"
	Parent     Parent // the resource it belongs to, if any
	Journey    bool   // the body is a journey: a tree, with its nodes' bodies under nodeConfigs
	API        API
	Schema     string    // file name of the embedded JSON Schema; empty if there is none
	Links      []Link    // values that name other resources: order, dangling checks
	Volatile   []string  // patterns of what the server owns or rewrites: never a difference
	Defaults   []Default // what the server adds when it is absent: no difference
	// NullIsAbsent: AM answers null for what is not set.
	NullIsAbsent bool
	// PerTenant are patterns of values that a repository may keep as ${NAME}, to be filled from the
	// environment when they are pushed: then they are unknown, and no difference.
	PerTenant []string
	Unordered []string // patterns of lists whose order means nothing
	Secret    []string // patterns of values that must hold a placeholder, if anything
	Text      []Text   // long texts
	Libraries bool     // its scripts may require("name") others of the type
	CORS      *CORS    // what the CORS rules look at
	// Stub, if set, makes a body that can be created before what the full body refers to exists: it
	// breaks cycles (inner journeys that call each other; the email service and its transport).
	Stub func(body map[string]any) map[string]any
	// Protected says that the product owns the resource: it is never deleted.
	Protected func(r *Resource) bool
	FrConfig  FrConfig
	Frodo     Frodo
}

// Parent names the resource that one belongs to. The id is constant or the own id's first segment.
type Parent struct {
	Type string
	ID   string // "" means the first segment of the own id
}

// API says where the tenant keeps a type (reference: tenant-api, the section named in the row).
type API struct {
	Path    string // of one resource: "/am/json/realms/root/realms/{realm}/scripts/{id}"
	Version string // the Accept-API-Version header; empty when clients send none
	List    List   // how to get all of them
	// Member: Path is a whole document, and the resources are the elements of the array at this
	// pointer in it. Writing one is read, change, write of the document.
	Member string
	// Fixed: the document at Path is the one resource of the type, with this id.
	Fixed string
	// Coded are pointers of strings that the tenant stores in base64.
	Coded []string
	// Value is the member that holds an ESV's value in base64; it must be resolved before it is sent.
	Value string
	// Versioned: PUT only creates the resource; an existing one gets a new version and a description.
	Versioned bool
	// Drop are top-level members that are not sent.
	Drop []string
	// Skip are ids that the tenant lists but refuses to show, or that are no resources of the type.
	Skip []string
	// Evidence is the section of the API notes, and what is a choice where they are silent.
	Evidence string
}

// List is the request that answers with all resources of a type.
type List struct {
	Method string // GET or POST
	Path   string
	Query  string
}

// A Link is a value that names another resource.
type Link struct {
	Pattern string              // where the value stands
	When    map[string][]string // pointer into the nearest object around the value → what may stand there
	To      string              // the type it names
	ByName  bool                // names it by name, not by id
	None    []string            // values that mean "none"; the empty string always does
	// Names, if set, takes the name out of the value; it returns "" when there is none.
	Names func(value string) string
	// Soft: a missing one is a warning, and the order of writing doesn't depend on it.
	Soft bool
	Code string // the finding when what it names is not there
}

// A Default is a value that the server adds when it is absent.
type Default struct {
	Pattern string // the last segment is the member's name
	Value   any
}

// A Text is a long text within a body, shown line by line.
type Text struct {
	Pattern  string
	Language string // javascript, html, css, markdown; a pointer "{/language}" into the body
}

// FrConfig is where fr-config-manager's tree keeps a type.
type FrConfig struct {
	Path    string // "realms/{realm}/scripts/scripts-config/{id}.json"; {name} is the name made safe
	Member  string // several resources share the file: where this one's is; "/corsServices/*" is a list
	Include []Include
}

// An Include is text that stands in a side file, named by {"file": "…"} in the JSON.
type Include struct {
	Pattern string // "/html/*"; {*} in Name is what the star stood for
	Base    string // the folder the name is relative to; empty: the JSON file's own
	Name    string
	Coded   bool // the side file holds in the clear what the tenant keeps in base64
}

// Frodo is where frodo's exports keep a type.
type Frodo struct {
	Section  string // "script"; below "global" or "realm/root-alpha" in a full export
	Key      string // the object's key in the section, when it is not the id: "emailTemplate", "idm"
	Children bool   // stands in the nextDescendents of its parent's object
	// Plain is the member that holds in the clear what the tenant keeps in base64 under PlainOf.
	Plain, PlainOf string
}

// TypeOf returns the row of a type.
func TypeOf(name string) (*Type, bool) {
	for i := range types {
		if types[i].Name == name {
			return &types[i], true
		}
	}
	return nil, false
}

// Types returns the table, in the order in which resources are written to a tenant.
func Types() []*Type {
	all := make([]*Type, len(types))
	for i := range types {
		all[i] = &types[i]
	}
	return all
}

// TypeNames lists the names of the types, in the order of the table.
func TypeNames() []string {
	names := make([]string, len(types))
	for i := range types {
		names[i] = types[i].Name
	}
	return names
}

// Rank is the type's place in the order of writing.
func (t *Type) Rank() int {
	return slices.IndexFunc(types, func(x Type) bool { return x.Name == t.Name })
}

// Expand fills the variables of a path or pointer. escape is applied to what is filled in.
func (t *Type) Expand(pattern string, k Key, body map[string]any, escape func(string) string) string {
	return variable.ReplaceAllStringFunc(pattern, func(v string) string {
		switch name := v[1 : len(v)-1]; name {
		case "realm":
			return escape(k.Realm)
		case "id":
			return escape(k.ID)
		default:
			return escape(Str(body, name))
		}
	})
}

var variable = regexp.MustCompile(`\{(realm|id|/[^}]*)\}`)

// Key makes a resource's key from its body. parent is the id of the resource it belongs to.
// It returns an empty id when the body has none.
func (t *Type) Key(realm, parent string, body map[string]any) Key {
	if !t.Realm {
		realm = ""
	}
	k := Key{Type: t.Name, Realm: realm}
	switch {
	case t.API.Fixed != "":
		k.ID = t.API.Fixed
	case t.ID == "":
		k.ID = strings.TrimPrefix(Str(body, "/_id"), t.IDPrefix)
	default:
		k.ID = t.Expand(strings.ReplaceAll(t.ID, "{parent}", parent), k, body, func(s string) string { return s })
	}
	return k
}

// RESTPath is the path the tenant keeps the resource at, escaped.
func (t *Type) RESTPath(k Key, body map[string]any) string {
	return t.Expand(t.API.Path, k, body, func(s string) string {
		segs := strings.Split(s, "/")
		for i := range segs {
			segs[i] = url.PathEscape(segs[i])
		}
		return strings.Join(segs, "/")
	})
}

// ParentKey is the key of the resource that k belongs to; ok is false when it belongs to none.
func (t *Type) ParentKey(k Key) (Key, bool) {
	if t.Parent.Type == "" {
		return Key{}, false
	}
	id := t.Parent.ID
	if id == "" {
		id, _, _ = strings.Cut(k.ID, "/")
	}
	p, _ := TypeOf(t.Parent.Type)
	if p == nil || !p.Realm {
		return Key{Type: t.Parent.Type, ID: id}, true
	}
	return Key{Type: t.Parent.Type, Realm: k.Realm, ID: id}, true
}

// IsProtected says whether the product owns the resource.
func (t *Type) IsProtected(r *Resource) bool { return t.Protected != nil && t.Protected(r) }

// Short node and tree bases.
const (
	realmBase = "/am/json/realms/root/realms/{realm}"
	treesBase = realmBase + "/realm-config/authentication/authenticationtrees"
	services  = realmBase + "/realm-config/services"
)

var queryAll = "_queryFilter=true"

// The fixed ids of every tree (tenant-api, section 10.1).
const (
	SuccessNode = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"
	FailureNode = "e301438c-0bd0-429c-ab0c-66126501069a"
	StartNode   = "startNode"
)

// The scripted node types and the attribute that names their script (tenant-api, section 10.2).
var scriptNodes = []string{"ScriptedDecisionNode", "ClientScriptNode", "ConfigProviderNode", "SocialProviderHandlerNode", "SocialProviderHandlerNodeV2", "CustomScriptNode"}

// types is the table. Its order is the order of writing (tenant-api, section 13.1): what is referred
// to stands before what refers to it.
var types = []Type{
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
		Libraries: true,
		Protected: func(r *Resource) bool { d, _ := r.Body["default"].(bool); return d },
		FrConfig: FrConfig{
			Path:    "realms/{realm}/scripts/scripts-config/{id}.json",
			Include: []Include{{Pattern: "/script", Base: "realms/{realm}/scripts", Name: "scripts-content/{/context}/{name}.js"}},
		},
		Frodo: Frodo{Section: "script"},
	},
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
		CORS:      &CORS{"/initParams/allowedOrigins", "/initParams/allowedMethods", "/initParams/allowCredentials"},
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
		CORS:      &CORS{"/acceptedOrigins", "/acceptedMethods", "/allowCredentials"},
		FrConfig:  FrConfig{Path: "cors/cors-config.json", Member: "/corsServices/*"},
		Frodo:     Frodo{Section: "service", Children: true},
	},
	{
		Name: "service", Plural: "realm services", Doc: "realm service: OAuth2 provider, base URL, validation, self-service trees and so on",
		Realm: true, Class: Static, ID: "{/_type/_id}", Schema: "service.json", NullIsAbsent: true,
		API: API{
			Path: services + "/{id}", Version: "protocol=2.0,resource=1.0",
			List: List{"POST", services, "_action=nextdescendents"},
			Drop: []string{"_rev", "nextDescendents", "location"},
			// The tenant lists its scripts among the services, and two services that it refuses to show.
			Skip:     []string{"scripts", "DataStoreService", "id-repositories"},
			Evidence: "sections 10.5, 10.6",
		},
		Volatile:  []string{"/_rev", "/_id", "/_type/name", "/_type/collection", "/location"},
		Unordered: []string{"/*/supported*", "/validGotoDestinations"},
		Secret:    []string{"/bindPassword", "/security/sharedSecret"},
		Links: []Link{
			{Pattern: "/treeMapping/*", To: "journey", Soft: true, Code: "service-missing-journey"},
			{Pattern: "/pluginsConfig/*Script", To: "script", None: []string{"[Empty]"}, Code: "service-missing-script"},
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
			{Pattern: "/nodeConfigs/*/stage", When: map[string][]string{"/_type/_id": {"PageNode"}}, To: "theme", Soft: true, Names: stageTheme, Code: "journey-missing-theme"},
		},
		Stub: func(body map[string]any) map[string]any {
			stub := CloneObject(body)
			stub["entryNodeId"], stub["nodes"], stub["nodeConfigs"] = FailureNode, map[string]any{}, map[string]any{}
			return stub
		},
		FrConfig: FrConfig{Path: "realms/{realm}/journeys/{id}/{id}.json"},
		Frodo:    Frodo{Section: "trees"},
	},
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

// MatchSegment matches one segment of a pattern: "*" is anything, a star within is a wildcard.
func MatchSegment(pattern, name string) bool {
	if pattern == "*" || pattern == name {
		return true
	}
	if !strings.Contains(pattern, "*") {
		return false
	}
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
