package picture

import "strings"

// innerTree is the type of nodes that run another journey.
const innerTree = "InnerTreeEvaluatorNode"

// A category is what a node is for, as the admin UI groups its palette.
type category struct {
	name string // also the class of its colour
	icon string // strokes in a box of 16 × 16
}

var categories = map[string]category{
	"page":     {"page", "M3 2.5h10v11H3zM3 5.5h10M5.5 8.5h5M5.5 11h3"},
	"inner":    {"inner", "M2.5 3.5h4v3h-4zM9.5 9.5h4v3h-4zM4.5 6.5v4.5h5M7.5 5h4v4.5"},
	"script":   {"script", "M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5M9 3L7 13"},
	"decision": {"decision", "M8 2l6 6-6 6-6-6zM6 8l1.5 1.5L10.2 6.8"},
	"identity": {"identity", "M8 8a2.8 2.8 0 1 0 0-5.6A2.8 2.8 0 0 0 8 8zM2.8 13.6c.5-2.6 2.6-3.9 5.2-3.9s4.7 1.3 5.2 3.9"},
	"input":    {"input", "M2 5h12v6H2zM4.5 7v2M7 8h4"},
	"mfa":      {"mfa", "M5 1.5h6v13H5zM7.2 12.5h1.6"},
	"social":   {"social", "M4 10.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4zM12 5.7a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM12 14.3a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM6 7l4.2-2.3M6 9l4.2 2.4"},
	"message":  {"message", "M2 3.5h12v9H2zM2 4l6 5 6-5"},
	"risk":     {"risk", "M8 1.8l5.5 2v4c0 3.2-2.3 5.4-5.5 6.5-3.2-1.1-5.5-3.3-5.5-6.5v-4zM8 5v3.5M8 10.5v.3"},
	"session":  {"session", "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 4.8V8l2.3 1.6"},
	"custom":   {"custom", "M6.5 2.5h3v2a1.5 1.5 0 1 1 0 0h4v4h-1.5a1.5 1.5 0 1 0 0 3h1.5v2h-11v-11z"},
	"other":    {"other", "M8 5.2L10.8 8 8 10.8 5.2 8zM8 2v1.5M8 12.5V14M2 8h1.5M12.5 8H14"},
}

// categoryRows say which node types are of which category: the first row of which a part stands in the type's
// name, without regard to case. Read off the node reference's groups.
var categoryRows = []struct{ part, category string }{
	{"pagenode", "page"},
	{"innertree", "inner"}, {"backchannelinit", "inner"}, {"configprovider", "script"},
	{"designer-", "custom"},
	{"scripted", "script"}, {"clientscript", "script"}, {"restnode", "script"},
	{"protect", "risk"}, {"risk", "risk"}, {"captcha", "risk"}, {"lockout", "risk"}, {"retrylimit", "risk"}, {"autonomous", "risk"}, {"intelligence", "risk"},
	{"webauthn", "mfa"}, {"devicematch", "mfa"}, {"devicebinding", "mfa"}, {"deviceprofile", "mfa"}, {"device", "mfa"}, {"otp", "mfa"}, {"oath", "mfa"},
	{"push", "mfa"}, {"recoverycode", "mfa"}, {"mfa", "mfa"}, {"hotp", "mfa"}, {"pingoneverify", "mfa"}, {"certificate", "mfa"}, {"fingerprint", "mfa"},
	{"social", "social"}, {"selectidp", "social"}, {"saml", "social"}, {"oidc", "social"}, {"oauth", "social"}, {"federation", "social"}, {"provision", "social"},
	{"email", "message"}, {"message", "message"}, {"sms", "message"}, {"polling", "message"}, {"choicecollector", "input"},
	{"datastoredecision", "identity"}, {"identitystore", "identity"}, {"ldapdecision", "identity"}, {"createobject", "identity"}, {"patchobject", "identity"},
	{"identifyexisting", "identity"}, {"queryfilter", "identity"}, {"attributepresent", "identity"}, {"attributevalue", "identity"}, {"requiredattributes", "identity"},
	{"profilecompleteness", "identity"}, {"displayusername", "identity"}, {"consent", "identity"}, {"deleteobject", "identity"}, {"timesince", "identity"},
	{"kba", "input"}, {"collector", "input"}, {"validated", "input"}, {"terms", "input"}, {"username", "input"}, {"password", "input"}, {"zeropage", "input"},
	{"session", "session"}, {"setstate", "session"}, {"logincount", "session"}, {"setsuccess", "session"}, {"setfailure", "session"}, {"getsession", "session"},
	{"persistentcookie", "session"}, {"cookie", "session"}, {"timer", "session"}, {"metrics", "session"}, {"debug", "session"}, {"state", "session"},
	{"decision", "decision"}, {"choice", "decision"},
	{"product-", "other"},
}

func categoryOf(typ string) category {
	typ = strings.ToLower(typ)
	for _, r := range categoryRows {
		if strings.Contains(typ, r.part) {
			return categories[r.category]
		}
	}
	return categories["other"]
}
