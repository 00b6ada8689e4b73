package schema

func referenceCodes() []registered {
	return []registered{
		define(Code{
			Name: "journey-missing-script", Severity: Error, Summary: "a node runs a script that is not there",
			Explain: `Nodes name a script by its id, a uuid. The tenant refuses to write such a node (400 "Data
validation failed for the attribute, Script"), which leaves a push half done.

  bad    "script": "41c24257-d7fc-4654-8b46-c2666dc5b56e"   and no script has that id
  good   push the script with the journey, or name one that is there; "[Empty]" means none

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "ScriptedDecisionNode"}, "script": «"s1"», "outcomes": ["true"]}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "ScriptedDecisionNode"}, "script": "&{esv.script.id|x}", "outcomes": ["true"]}}}
`)),
		define(Code{
			Name: "journey-missing-inner-journey", Severity: Error, Summary: "a node calls a journey that is not there",
			Explain: `An Inner Tree Evaluator names a journey of the same realm, by its name. When there is none,
the login fails at that node.

  bad    "tree": "Login MFA"    and the journey is called "LoginMFA"

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/journey/A.json --
{"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "InnerTreeEvaluatorNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "InnerTreeEvaluatorNode"}, "tree": «"B"»}}}
`),
			good(`-- alpha/journey/A.json --
{"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "InnerTreeEvaluatorNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "InnerTreeEvaluatorNode"}, "tree": "B"}}}
-- alpha/journey/B.json --
{"_id": "B", "entryNodeId": "@Success", "nodes": {}}
`)),
		define(Code{
			Name: "journey-missing-email-template", Severity: Error, Summary: "a node sends an email whose template is not there",
			Explain: `Email nodes name a template by its id. Without it, no email is sent, and who waits for a
link to go on waits for ever.

  bad    "emailTemplateName": "welcom"
  good   "emailTemplateName": "welcome"   with email-templates/welcome/welcome.json

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "EmailTemplateNode", "connections": {"EMAIL_SENT": "@Success", "EMAIL_NOT_SENT": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "EmailTemplateNode"}, "emailTemplateName": «"welcom"»}}}
-- global/email-template/welcome.json --
{"_id": "emailTemplate/welcome", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "<p>Hi</p>"}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "EmailTemplateNode", "connections": {"EMAIL_SENT": "@Success", "EMAIL_NOT_SENT": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "EmailTemplateNode"}, "emailTemplateName": "welcome"}}}
-- global/email-template/welcome.json --
{"_id": "emailTemplate/welcome", "from": "a@example.com", "subject": {"en": "Hi"}, "message": {"en": "<p>Hi</p>"}}
`)),
		define(Code{
			Name: "journey-missing-idp", Severity: Error, Summary: "a node offers an identity provider that is not there",
			Explain: `A Select Identity Provider node may be limited to some providers ("filteredProviders").
One of those names is no provider of the realm, so its button is not shown.

An empty list means all providers of the realm.

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "SelectIdPNode", "connections": {"socialAuthentication": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "SelectIdPNode"}, "filteredProviders": [«"google"»]}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "SelectIdPNode", "connections": {"socialAuthentication": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "SelectIdPNode"}, "filteredProviders": []}}}
`)),
		define(Code{
			Name: "journey-missing-theme", Severity: Warning, Summary: "a page asks for a theme that is not there",
			Explain: `A page's "stage" may name a theme by its id. When there is none, the realm's default theme
is shown.

  good   "stage": "themeId=..." with the id of a theme of the realm

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "PageNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "PageNode"}, "nodes": [], "stage": «"themeId=t1"»}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "PageNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "PageNode"}, "nodes": [], "stage": "themeId=t1"}}}
-- alpha/theme/t1.json --
{"_id": "t1", "name": "T"}
`)),
		define(Code{
			Name: "script-missing-library", Severity: Error, Summary: "a script requires a library that is not there",
			Explain: `require("name") finds a library script of the same realm by its name. When there is none,
the script fails as soon as it runs.

  bad    var u = require("Utils");     and the library is called "utils"

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var u = require(«'Utils'»);"}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var u = require('Utils'); // require('gone')"}
-- alpha/script/s2.json --
{"_id": "s2", "name": "Utils", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "exports.a = 1;"}
`)),
		define(Code{
			Name: "idp-missing-script", Severity: Error, Summary: "an identity provider's transformation script is not there",
			Explain: `"transform" names the script that turns the provider's profile into the realm's attributes.
The tenant refuses to write a provider whose script it does not have.

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/idp/apple.json --
{"_id": "apple", "_type": {"_id": "appleConfig"}, "enabled": true, "clientId": "c", "transform": «"s1"»}
`),
			good(`-- alpha/idp/apple.json --
{"_id": "apple", "_type": {"_id": "appleConfig"}, "enabled": true, "clientId": "c", "transform": "484e6246-dbc6-4288-97e6-54e55431402e"}
`)),
		define(Code{
			Name: "service-missing-script", Severity: Error, Summary: "a service names a script that is not there",
			Explain: `The OAuth2 provider's plug-ins (access token modification, OIDC claims and so on) name
scripts by id. The tenant refuses to write the service when one is not there.

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/service/oauth-oidc.json --
{"_id": "", "_type": {"_id": "oauth-oidc"}, "pluginsConfig": {"oidcClaimsScript": «"s1"»}}
`),
			good(`-- alpha/service/oauth-oidc.json --
{"_id": "", "_type": {"_id": "oauth-oidc"}, "pluginsConfig": {"oidcClaimsScript": "[Empty]"}}
`)),
		define(Code{
			Name: "service-missing-journey", Severity: Warning, Summary: "a service names a journey that is not there",
			Explain: `The self-service trees map functions such as registration or resetPassword to journeys.
The link in the hosted pages leads to an error when there is no such journey.

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/service/selfServiceTrees.json --
{"_id": "", "_type": {"_id": "selfServiceTrees"}, "treeMapping": {"registration": «"Gone"»}}
`),
			good(`-- alpha/service/selfServiceTrees.json --
{"_id": "", "_type": {"_id": "selfServiceTrees"}, "treeMapping": {"registration": "Login"}}
-- alpha/journey/Login.json --
{"_id": "Login", "entryNodeId": "@Success", "nodes": {}}
`)),
		define(Code{
			Name: "service-missing-transport", Severity: Error, Summary: "the email service names a transport that is not there",
			Explain: `The tenant refuses to write the email service (400 "Data validation failed for the
attribute, Transport Type") unless its transport is one of the service's SMTP transports.

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/service/email.json --
{"_id": "", "_type": {"_id": "email"}, "transportType": «"gmail"»}
`),
			good(`-- alpha/service/email.json --
{"_id": "", "_type": {"_id": "email"}, "transportType": "default-smtp"}
`)),
		define(Code{
			Name: "theme-missing-journey", Severity: Warning, Summary: "a theme is linked to a journey that is not there",
			Explain: `"linkedTrees" lists the journeys that are shown in the theme. A name that is no journey
does nothing; most likely a journey was renamed or deleted.

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- alpha/theme/t1.json --
{"_id": "t1", "name": "T", "linkedTrees": [«"Gone"»]}
`),
			good(`-- alpha/theme/t1.json --
{"_id": "t1", "name": "T", "linkedTrees": ["Login"]}
-- alpha/journey/Login.json --
{"_id": "Login", "entryNodeId": "@Success", "nodes": {}}
`)),
		define(Code{
			Name: "theme-default", Severity: Warning, Summary: "a realm has two default themes",
			Explain: `Which of them users see is not defined. It comes from merging two branches that both made a
theme the default.

  good   "isDefault": true in one theme of the realm`,
		},
			bad(`-- alpha/theme/t1.json --
{"_id": "t1", "name": "T", "isDefault": true}
-- alpha/theme/t2.json --
{"_id": "t2", "name": "U", "isDefault": «true»}
`),
			good(`-- alpha/theme/t1.json --
{"_id": "t1", "name": "T", "isDefault": true}
-- bravo/theme/t2.json --
{"_id": "t2", "name": "U", "isDefault": true}
`)),
		define(Code{
			Name: "script-context", Severity: Error, Summary: "a script of another type than its place needs",
			Explain: `Each place gives a script other bindings, and asks for another result. A script written for
another place fails as soon as it runs; the tenant does not check it when it is written.

  bad    a Scripted Decision node with a script of "context": "OIDC_CLAIMS"
  good   "context": "AUTHENTICATION_TREE_DECISION_NODE"

Vendor documentation: Auth scripts, "Script types".`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "ScriptedDecisionNode"}, "script": «"s1"», "outcomes": ["true"]}}}
-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "OIDC_CLAIMS", "script": "outcome = 'true';"}
`, `-- alpha/idp/apple.json --
{"_id": "apple", "_type": {"_id": "appleConfig"}, "enabled": true, "clientId": "c", "transform": «"s1"»}
-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "script": "outcome = 'true';"}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "ScriptedDecisionNode"}, "script": "s1", "outcomes": ["true"]}}}
-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "script": "outcome = 'true';"}
`)),
		define(Code{
			Name: "missing-reference", Severity: Warning, Summary: "a value names a resource that is not there",
			Explain: `The value is the id or name of another resource - a custom node, a policy's resource type,
a mapping's managed object or connector, a client's script - and the configuration has none
such. The tenant may have it all the same: types that are read on request, or that the
product brings, need not stand in the repository.

  bad    "target": "managed/alpha_usr"     in a mapping; the managed object is alpha_user
  good   "target": "managed/alpha_user"

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`,
		},
			bad(`-- global/mapping/m.json --
{"_id": "mapping/m", "name": "m", "source": "managed/alpha_user", "target": «"managed/alpha_usr"», "properties": []}
-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"type": "object", "properties": {}}}
`),
			good(`-- global/mapping/m.json --
{"_id": "mapping/m", "name": "m", "source": "managed/alpha_user", "target": "managed/alpha_user", "properties": []}
-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"type": "object", "properties": {}}}
`)),
	}
}
