package schema

func resourceCodes() []registered {
	return []registered{
		define(Code{
			Name: "copies-disagree", Severity: Error, Summary: "two copies of one resource differ",
			Explain: `A frodo export repeats scripts, templates and providers in each journey that uses them.
Here two copies of the same resource say different things, so which one would be pushed
depends on the order of files.

  good   change all copies alike, or export again from the tenant that is right`,
		},
			bad(`-- repo/realm/root-alpha/all.journey.json --
{"meta": {"origin": "x"}, "trees": {
 "A": {"tree": {"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success"}}}},
  "nodes": {"n1": {"_id": "n1", "_type": {"_id": "ScriptedDecisionNode"}, "script": "s1", "outcomes": ["true"]}}, "innerNodes": {},
  "scripts": {"s1": {"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "script": ["outcome = 'true';"]}}},
 "B": {"tree": {"_id": "B", "entryNodeId": "n2", "nodes": {"n2": {"displayName": "B", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success"}}}},
  "nodes": {"n2": {"_id": "n2", "_type": {"_id": "ScriptedDecisionNode"}, "script": "s1", "outcomes": ["true"]}}, "innerNodes": {},
  "scripts": {"s1": {"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "script": «["outcome = 'false';"]»}}}}}
`),
			good(`-- repo/realm/root-alpha/all.journey.json --
{"meta": {"origin": "x"}, "trees": {
 "A": {"tree": {"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success"}}}},
  "nodes": {"n1": {"_id": "n1", "_type": {"_id": "ScriptedDecisionNode"}, "script": "s1", "outcomes": ["true"]}}, "innerNodes": {},
  "scripts": {"s1": {"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "script": ["outcome = 'true';"]}}}}}
`)),
		define(Code{
			Name: "duplicate-resource", Severity: Error, Summary: "one resource is there twice",
			Explain: `Two files hold a resource of the same type, realm and id. Only the first is read; the
other would never reach a tenant. Often a copied file whose _id was not changed.

  bad    Login.json and Copy of Login.json, both with "_id": "Login"
  good   one file an id`,
		},
			bad(`-- repo/global/variable/a.json --
{"type": "variable", "id": "esv-a", "body": {"_id": "esv-a", "description": "A", "expressionType": "string"}}
-- repo/global/variable/b.json --
{"type": "variable", "id": "esv-a", "body": «{"_id": "esv-a", "description": "A", "expressionType": "string"}»}
`),
			good(`-- repo/global/variable/a.json --
{"type": "variable", "id": "esv-a", "body": {"_id": "esv-a", "description": "A", "expressionType": "string"}}
-- repo/global/variable/b.json --
{"type": "variable", "id": "esv-b", "body": {"_id": "esv-b", "description": "A", "expressionType": "string"}}
`)),
		define(Code{
			Name: "duplicate-node", Severity: Error, Summary: "one node is there twice",
			Explain: `Two files hold a journey's node of the same id. Only one is read. Often left by renaming
a node in the admin UI: the file's name holds the node's name, and the old file stays.

  bad    nodes/Check - 7f1c.json and nodes/Check risk - 7f1c.json
  good   delete the file with the old name`,
		},
			bad(`-- repo/realms/alpha/journeys/L/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}}}
-- repo/realms/alpha/journeys/L/nodes/A - n1.json --
{"_id": "n1", "_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}
-- repo/realms/alpha/journeys/L/nodes/B - n1.json --
{"_id": «"n1"», "_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}
`),
			good(`-- repo/realms/alpha/journeys/L/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}}}
-- repo/realms/alpha/journeys/L/nodes/A - n1.json --
{"_id": "n1", "_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}
`)),
		define(Code{
			Name: "journey-orphan-node", Severity: Warning, Summary: "a node belongs to no journey",
			Explain: `A node's configuration is there, and neither a tree nor a page names the node. It does
nothing. Deleting a journey leaves its nodes behind on the tenant (tenant API notes, 10.1),
and taking a node out of a tree in git leaves its file.

  good   delete the node's file, or add the node to the journey`,
		},
			bad(`-- repo/realms/alpha/journeys/L/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}}}
-- repo/realms/alpha/journeys/L/nodes/A - n1.json --
{"_id": "n1", "_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}
-- repo/realms/alpha/journeys/L/nodes/B - n2.json --
{"_id": «"n2"», "_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}
`),
			good(`-- repo/realms/alpha/journeys/L/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}}}
-- repo/realms/alpha/journeys/L/nodes/A - n1.json --
{"_id": "n1", "_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}
`)),
		define(Code{
			Name: "realm-unknown", Severity: Warning, Summary: "the configuration is for a realm that tenants don't have",
			Explain: `A tenant has the realms alpha and bravo. What stands under another realm's name can't be
pushed to it. The top-level realm is the vendor's: it answers 403 to nearly everything
(tenant API notes, 1.2).

  bad    realms/alfa/journeys/...
  good   realms/alpha/journeys/...`,
		},
			bad(`-- repo/all.script.json --
{"script": {"s1": «{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": ["exports.a = 1;"]}»}}
`),
			good(`-- repo/alphaAll.script.json --
{"script": {"s1": {"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": ["exports.a = 1;"]}}}
`)),
		define(Code{
			Name: "id-mismatch", Severity: Error, Summary: "a file's name and the id in it disagree",
			Explain: `The id in the file decides which resource it is; the tools name the file after it. When
they disagree, a push writes another resource than the one the file's name promises.
Often left by copying a file.

  bad    esvs/variables/esv-b.json with "_id": "esv-a"
  good   rename the file, or correct the _id`,
		},
			bad(`-- repo/esvs/variables/esv-b.json --
{"_id": «"esv-a"», "description": "A", "expressionType": "string"}
`),
			good(`-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A", "expressionType": "string"}
`)),
		define(Code{
			Name: "name-unsafe", Severity: Warning, Summary: "a name that can't be a file's on every machine",
			Explain: `Journeys, scripts, themes and templates are files named after them. A name that ends with a
space or a dot, or that Windows keeps for a device, gets lost or can't be checked out by a
colleague. Characters such as ":" and "?" are no fault: they are written as %3A and %3F.

  bad    "Login "      "aux"      "Login."
  good   "Login"       "auxiliary"`,
		},
			bad(`-- alpha/journey/Login%20.json --
{"_id": «"Login "», "entryNodeId": "@Success", "nodes": {}}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": «"aux"», "language": "JAVASCRIPT", "context": "LIBRARY", "script": "exports.a = 1;"}
`),
			good(`-- alpha/journey/Login.json --
{"_id": "Login", "entryNodeId": "@Success", "nodes": {}}
-- alpha/script/s1.json --
{"_id": "s1", "name": "Check: is it [me]?", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "exports.a = 1;"}
`)),
		define(Code{
			Name: "name-case-collision", Severity: Warning, Summary: "two names differ only by case",
			Explain: `Both are there on the tenant and in git. On macOS and Windows one file takes the place of the
other at the next checkout, and a push from there writes one of the two twice.

  bad    journeys "Login" and "login" in one realm
  good   journeys "Login" and "LoginMFA"`,
		},
			bad(`-- alpha/journey/Login.json --
{"_id": "Login", "entryNodeId": "@Success", "nodes": {}}
-- alpha/journey/login.json --
{"_id": «"login"», "entryNodeId": "@Success", "nodes": {}}
`),
			good(`-- alpha/journey/Login.json --
{"_id": "Login", "entryNodeId": "@Success", "nodes": {}}
-- bravo/journey/login.json --
{"_id": "login", "entryNodeId": "@Success", "nodes": {}}
`)),
	}
}
