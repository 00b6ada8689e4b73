package schema

import (
	"regexp"
	"slices"
)

// Checks say what the rules look at in the resources of one type: rows beside the table of types, so
// that no rule asks for a type by name.
type Checks struct {
	Type string
	// Expects say what a resource that is named must be: a script of the right context.
	Expects []Expect
	// RealmObjects are patterns of values that name a managed object, whose name begins with a realm's.
	RealmObjects []string
	// Inner is the code of the links that lead to inner journeys.
	Inner string
	// Email says where a template keeps what it is made of.
	Email *EmailTemplate
	// Sender is where the sender of all email stands that names none itself.
	Sender string
	// Headers are patterns of HTTP header names, or of lists of them with commas.
	Headers []string
	// URLs are patterns of addresses that must be absolute http(s) URLs.
	URLs []string
	// PlainID, if set, is what the id must match; PlainIDHint is the documentation's wording.
	PlainID     *regexp.Regexp
	PlainIDHint string
	// OneDefault is the pointer of a flag that one resource of a realm may have.
	OneDefault string
	// Cron are pointers of Quartz cron expressions.
	Cron []string
	// Debug are pointers below which a member called debug says that debug mode is on.
	Debug []string
	// Required are members that must be there when others have certain values.
	Required []Required
	// FileID: the id is a file's name in the tools' layouts.
	FileID bool
	// Secrets are patterns of more values, beside Type.Secret, that must hold a placeholder, if anything.
	Secrets []string
	// Public are patterns of values that look secret and that the product itself keeps in the clear.
	Public []string
	// Relations: the resource is a managed object whose schema may name others.
	Relations bool
	// Endpoint says that the resource is a script behind a path.
	Endpoint bool
	// Privileges is the pointer of the list of privileges: what may be done with which managed objects.
	Privileges string
	// URIs are patterns of addresses that may have an application's own scheme.
	URIs []string
	// AccessRules is the pointer of the list of rules that say who may call what.
	AccessRules string
	// Audit says that the resource is an audit configuration: handlers, and who answers queries.
	Audit bool
	// Directives is the pointer of an object whose names are CSP directives.
	Directives string
	// SecretLabels are patterns of identifiers that are part of secret labels.
	SecretLabels []string
	// Overlaps says that the resource is a document by path, which a typed one may be too.
	Overlaps bool
	// Mapping says that the resource is a mapping from one set of objects to another.
	Mapping bool
}

// An Expect says that the resource named at Pattern must have one of the values at Member.
type Expect struct {
	Pattern string
	When    map[string][]string // as in Link
	Member  string              // "/context"
	Values  []string
	Code    string
}

// Required members: when the condition holds, each must be there and not empty.
type Required struct {
	When    map[string][]string // pointer → allowed values; "" among them is an absent member
	Members []string            // pointers
	Why     string              // after "X is missing": "which a provider of type msgraph needs"
	Soft    bool                // a warning: the tenant has something to put in its place
}

// EmailTemplate is where a template keeps its parts.
type EmailTemplate struct {
	From, DefaultLocale, Subject string   // pointers; Subject's value is locale → text
	Texts                        []string // pointers of locale → text; one of them must have the message
	Styles                       string
	Enabled                      string
}

// checksOf returns the row of a type; an empty one where there is none.
func checksOf(typ string) *Checks {
	for i := range checkRows {
		if checkRows[i].Type == typ {
			return &checkRows[i]
		}
	}
	return &noChecks
}

var noChecks Checks

// The script contexts, as pairs: what the older and the newer engine call them.
var (
	decisionContexts  = []string{"AUTHENTICATION_TREE_DECISION_NODE", "SCRIPTED_DECISION_NODE"}
	clientContexts    = []string{"AUTHENTICATION_CLIENT_SIDE"}
	configContexts    = []string{"CONFIG_PROVIDER_NODE", "CONFIG_PROVIDER_NODE_NEXT_GEN"}
	deviceContexts    = []string{"DEVICE_MATCH_NODE", "AUTHENTICATION_TREE_DECISION_NODE", "DEVICE_MATCH_NODE_NEXT_GEN"}
	profileContexts   = []string{"SOCIAL_IDP_PROFILE_TRANSFORMATION", "SOCIAL_IDP_PROFILE_TRANSFORMATION_NEXT_GEN"}
	nameOfCORS        = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	socialHandlerType = []string{"SocialProviderHandlerNode", "SocialProviderHandlerNodeV2"}
)

func pluginContext(pattern string, contexts ...string) Expect {
	return Expect{Pattern: pattern, Member: "/context", Values: contexts, Code: "script-context"}
}

// secretLabels are the members by which AM's configuration names a part of a secret label, whatever it is of.
var secretLabels = []string{"/**/*ecretLabelIdentifier", "/**/*ecretLabel", "/**/secretIdIdentifier"}

func nodeContext(contexts []string, nodeTypes ...string) Expect {
	return Expect{
		Pattern: "/nodeConfigs/*/script", When: map[string][]string{"/_type/_id": nodeTypes},
		Member: "/context", Values: contexts, Code: "script-context",
	}
}

// checkRows is the table.
var checkRows = []Checks{
	{
		Type: "journey", FileID: true, Inner: "journey-missing-inner-journey",
		Expects: []Expect{
			nodeContext(decisionContexts, "ScriptedDecisionNode"),
			nodeContext(clientContexts, "ClientScriptNode"),
			nodeContext(configContexts, "ConfigProviderNode"),
			nodeContext(deviceContexts, "DeviceMatchNode"),
			nodeContext(profileContexts, socialHandlerType...),
		},
		RealmObjects: []string{"/identityResource", "/nodeConfigs/*/identityResource"},
		Debug:        []string{"", "/uiConfig"},
		SecretLabels: []string{"/nodeConfigs/*/*ecretLabel", "/nodeConfigs/*/*ecretLabelIdentifier"},
		Secrets:      []string{"/nodeConfigs/*/*assword", "/nodeConfigs/*/*Secret", "/nodeConfigs/*/apiKey"},
	},
	{
		Type: "idp", SecretLabels: secretLabels,
		Expects: []Expect{pluginContext("/transform", profileContexts...)},
		URLs:    []string{"/*Endpoint", "/redirectURI", "/redirectAfterFormPostURI", "/issuer"},
	},
	{Type: "service-child", SecretLabels: secretLabels},
	{Type: "agent", SecretLabels: secretLabels},
	{Type: "saml-hosted", SecretLabels: secretLabels},
	{Type: "saml-remote", SecretLabels: secretLabels},
	{Type: "internal-role", Privileges: "/privileges"},
	{Type: "org-privileges", Privileges: "/privileges"},
	{
		Type: "service", SecretLabels: secretLabels, URLs: []string{"/fixedValue"},
		Public: []string{"/accessKey"}, // of the push notification service: it names a key, and "secret" is the key
		Expects: []Expect{
			pluginContext("/pluginsConfig/accessTokenModificationScript", "OAUTH2_ACCESS_TOKEN_MODIFICATION", "OAUTH2_ACCESS_TOKEN_MODIFICATION_NEXT_GEN"),
			pluginContext("/pluginsConfig/oidcClaimsScript", "OIDC_CLAIMS", "OIDC_CLAIMS_NEXT_GEN"),
			pluginContext("/pluginsConfig/evaluateScopeScript", "OAUTH2_EVALUATE_SCOPE", "OAUTH2_EVALUATE_SCOPE_NEXT_GEN"),
			pluginContext("/pluginsConfig/validateScopeScript", "OAUTH2_VALIDATE_SCOPE", "OAUTH2_VALIDATE_SCOPE_NEXT_GEN"),
			pluginContext("/pluginsConfig/authorizeEndpointDataProviderScript", "OAUTH2_AUTHORIZE_ENDPOINT_DATA_PROVIDER", "OAUTH2_AUTHORIZE_ENDPOINT_DATA_PROVIDER_NEXT_GEN"),
		},
	},
	{
		Type: "email-template", FileID: true,
		Email: &EmailTemplate{
			From: "/from", DefaultLocale: "/defaultLocale", Subject: "/subject", Texts: []string{"/html", "/message"},
			Styles: "/styles", Enabled: "/enabled",
		},
	},
	{
		Type: "email-provider", Sender: "/from",
		Required: []Required{
			{When: map[string][]string{"/type": {"", "smtp"}}, Members: []string{"/host", "/port"}, Why: "which an SMTP provider of your own needs", Soft: true},
			{When: map[string][]string{"/type": {"msgraph"}}, Members: []string{"/mailEndpoint", "/auth/clientId", "/auth/clientSecret", "/auth/tokenEndpoint"}, Why: "which an MS Graph API provider needs"},
			{When: map[string][]string{"/type": {"", "smtp", "msgraph"}}, Members: []string{"/auth"}, Why: "which every provider needs"},
		},
		URLs: []string{"/mailEndpoint", "/auth/tokenEndpoint"},
	},
	{Type: "theme", FileID: true, OneDefault: "/isDefault"},
	{Type: "script", FileID: true},
	{
		Type: "cors", Headers: []string{"/acceptedHeaders", "/exposedHeaders"},
		PlainID: nameOfCORS, PlainIDHint: `Use only numerals, letters, and hyphens.`,
	},
	{Type: "managed-object", Relations: true},
	{Type: "access", AccessRules: "/configs"},
	{Type: "audit", Audit: true},
	{Type: "csp", Directives: "/directives"},
	{Type: "raw", Overlaps: true},
	{Type: "mapping", Mapping: true},
	{Type: "sync-mapping", Mapping: true},
	{Type: "endpoint", Endpoint: true},
	{Type: "schedule", Cron: []string{"/schedule"}},
	{
		Type: "oauth2-client", SecretLabels: secretLabels, URIs: []string{"/coreOAuth2ClientConfig/redirectionUris/*", "/coreOpenIDClientConfig/postLogoutRedirectUri/*"},
		Expects: []Expect{
			pluginContext("/overrideOAuth2ClientConfig/accessTokenModificationScript", "OAUTH2_ACCESS_TOKEN_MODIFICATION", "OAUTH2_ACCESS_TOKEN_MODIFICATION_NEXT_GEN"),
			pluginContext("/overrideOAuth2ClientConfig/oidcClaimsScript", "OIDC_CLAIMS", "OIDC_CLAIMS_NEXT_GEN"),
		},
	},
	{Type: "cors-idm", Headers: []string{"/initParams/allowedHeaders", "/initParams/exposedHeaders"}},
}

func hasValue(list []string, s string) bool { return slices.Contains(list, s) }
