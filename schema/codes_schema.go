package schema

func schemaCodes() []registered {
	return []registered{
		define(Code{
			Name: "schema-invalid", Severity: Error, Summary: "a value has not the shape its type asks for",
			Explain: `The resource lacks a member that it needs, or one has the wrong type or a value that the
tenant does not know. The tenant answers 400 to such a body, or takes it and fails at a
login.

A placeholder counts as the type it coerces to. {"$int": "&{esv.port}"} may stand where a
number must; a bare "&{esv.port}" takes the expressionType of the ESV.

  bad    "port": "25"           "language": "JavaScript"
  good   "port": 25             "language": "JAVASCRIPT"`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": «"JavaScript"», "context": "LIBRARY", "script": "exports.a = 1;"}
`, `-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": «"25"», "from": "a@example.com", "auth": {"enable": false}}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "exports.a = 1;"}
-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": {"$int": "&{aic.smtp.port|25}"}, "from": "a@example.com", "auth": {"enable": false}}
`, `-- global/managed-object/thing.json --
{"name": "thing", "schema": {"description": null, "icon": "fa-database", "properties": {"name": {"type": "string", "title": null}}, "required": ["name"]}}
`)),
		define(Code{
			Name: "schema-unknown-property", Severity: Warning, Summary: "a property is not one the type is known to have",
			Explain: `AM answers 400 to attributes it does not know; IDM keeps them and uses nothing of them. A
name that is close to a known one is most likely a slip; another may be newer than this
release of Lockstep.

  bad    "entryNodeID": "4d45..."
  good   "entryNodeId": "4d45..."`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "@Success", "nodes": {}, "innerTreeOnyl": «true»}
`, `-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK", "colour": «"red"»}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "@Success", "nodes": {}, "innerTreeOnly": true}
`)),
		define(Code{
			Name: "placeholder-syntax", Severity: Error, Summary: "a placeholder can't be read",
			Explain: `The tenant would not find the placeholder and would use its text as the value.

  bad    "&{esv.email.from"     "&{esv.email from}"     "&{}"
  good   "&{esv.email.from}"    "&{esv.email.from|no-reply@example.com}"

Vendor documentation: Introduction to configuration placeholders.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "«&{»esv.email.from", "auth": {"enable": false}}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "&{a|&{b|10}}", "port": 25, "from": "&{esv.email.from|a@example.com}", "auth": {"enable": false}}
`)),
		define(Code{
			Name: "placeholder-dynamic", Severity: Warning, Summary: "an ESV placeholder in dynamic configuration",
			Explain: `Placeholders are replaced in static configuration only. In dynamic configuration, which each
environment keeps for itself, the text of the placeholder is the value.

  bad    an OAuth2 client's "clientName": ["&{esv.client.name}"]
  good   "clientName": ["Shop"]

Vendor documentation: Introduction to configuration placeholders; Promotions FAQ, "What is
the difference between static and dynamic configuration?".`,
		},
			bad(`-- alpha/oauth2-client/c1.json --
{"_id": "c1", "_type": {"_id": "OAuth2Client"}, "coreOAuth2ClientConfig": {"clientName": ["«&{esv.client.name}»"]}}
`),
			good(`-- alpha/oauth2-client/c1.json --
{"_id": "c1", "_type": {"_id": "OAuth2Client"}, "coreOAuth2ClientConfig": {"clientName": ["Shop"]}}
`)),
		define(Code{
			Name: "url-malformed", Severity: Error, Summary: "an address is no URL",
			Explain: `The tenant calls this address, or sends users there. One without a scheme or a host leads
nowhere, and is found when somebody logs in.

  bad    "tokenEndpoint": "appleid.apple.com/auth/token"
  good   "tokenEndpoint": "https://appleid.apple.com/auth/token"`,
		},
			bad(`-- alpha/idp/apple.json --
{"_id": "apple", "_type": {"_id": "appleConfig"}, "enabled": true, "clientId": "c", "tokenEndpoint": «"appleid.apple.com/auth/token"»}
`, `-- alpha/idp/apple.json --
{"_id": "apple", "_type": {"_id": "appleConfig"}, "enabled": true, "clientId": "c", "tokenEndpoint": «"https:///auth/token"»}
`),
			good(`-- alpha/idp/apple.json --
{"_id": "apple", "_type": {"_id": "appleConfig"}, "enabled": true, "clientId": "c", "tokenEndpoint": "https://appleid.apple.com/auth/token", "redirectURI": "&{esv.redirect}"}
`)),
	}
}
