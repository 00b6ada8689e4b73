package schema

func journeyCodes() []registered {
	return []registered{
		define(Code{
			Name: "journey-dangling-connection", Severity: Error, Summary: "a connection leads to a node that is not there",
			Explain: `Who takes that outcome sees an error instead of the next page, and can't log in. Nothing
shows it before that: the tenant accepts such a tree.

A connection leads to a node of the journey, to Success
(70e691a5-1e33-4ac3-a356-e7b6d60d92e0) or to Failure (e301438c-0bd0-429c-ab0c-66126501069a).

  bad    "connections": {"false": "70e691a5-1e33-4ac3-a356-e7b6d60d92e1"}
  good   "connections": {"false": "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"}`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": «"70e691a5-1e33-4ac3-a356-e7b6d60d92e1"»}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
`)),
		define(Code{
			Name: "journey-entry-missing", Severity: Error, Summary: "a journey starts at a node that is not there",
			Explain: `entryNodeId names the node that Start is connected to. When the journey has no such node,
it can't be run at all.

  good   "entryNodeId" is a key of "nodes"`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": «"n9"», "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "@Failure", "nodes": {}}
`)),
		define(Code{
			Name: "journey-node-missing", Severity: Error, Summary: "a journey names a node whose configuration is not there",
			Explain: `A tree, or a page, names its nodes by type and id; the configuration of each is kept
apart. Without it the tenant can't run the node. Often a file that was not committed, or
whose deletion was.

  good   nodes/<name> - <id>.json is there for each id in "nodes", and for each child of a page`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": «{"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}»}, "nodeConfigs": {}}
`, `-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "PageNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "PageNode"}, "nodes": [«{"_id": "n2", "nodeType": "ValidatedUsernameNode", "displayName": "User"}»]}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "PageNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "PageNode"}, "nodes": [{"_id": "n2", "nodeType": "ValidatedUsernameNode", "displayName": "User"}]}, "n2": {"_type": {"_id": "ValidatedUsernameNode"}}}}
`)),
		define(Code{
			Name: "journey-node-type", Severity: Error, Summary: "a node's type differs between tree and node",
			Explain: `The tenant finds a node by its type and id: with another type in the tree or the page it
looks in the wrong place.

  bad    tree "nodeType": "PageNode", node "_type": {"_id": "ScriptedDecisionNode"}`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": «"IncrementLoginCountNode"», "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
`)),
		define(Code{
			Name: "journey-unknown-outcome", Severity: Error, Summary: "a connection is for an outcome that the node does not have",
			Explain: `The connection is never taken, and the outcome that was meant is most likely not
connected. It happens when a scripted decision's outcomes are renamed and the tree is not.

  bad    node "outcomes": ["true", "false"], tree "connections": {"True": "..."}
  good   the connections' names are the node's outcomes, also in case

Where the outcomes are only those the tenant last computed ("_outcomes"), it is a warning.`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success", "fales": «"@Failure"»}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "ScriptedDecisionNode"}, "script": "[Empty]", "outcomes": ["true", "false"]}}}
`, `-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "IncrementLoginCountNode", "connections": {"true": «"@Success"»}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "IncrementLoginCountNode"}}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "ScriptedDecisionNode"}, "script": "[Empty]", "outcomes": ["true", "false"]}}}
`)),
		define(Code{
			Name: "journey-unconnected-outcome", Severity: Warning, Summary: "an outcome leads nowhere",
			Explain: `Who takes that outcome sees an error. Connect it, to Failure if to nothing else.

  bad    node "outcomes": ["known", "unknown"], tree "connections": {"known": "..."}`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": «{"true": "@Success"}»}},
 "nodeConfigs": {"n1": {"_type": {"_id": "ScriptedDecisionNode"}, "script": "[Empty]", "outcomes": ["true", "false"]}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "ScriptedDecisionNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "ScriptedDecisionNode"}, "script": "[Empty]", "outcomes": ["true", "false"]}}}
`)),
		define(Code{
			Name: "journey-unreachable-node", Severity: Warning, Summary: "no path leads to a node",
			Explain: `The node is part of the journey and is never run. It may be left over, or the connection
to it got lost.`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}},
  "n2": «{"displayName": "B", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}»},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}, "n2": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "UNLOCK"}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "n2"}},
  "n2": {"displayName": "B", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}, "n2": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "UNLOCK"}}}
`)),
		define(Code{
			Name: "journey-dead-end", Severity: Warning, Summary: "from a node neither Success nor Failure can be reached",
			Explain: `All outcomes are connected and lead round in a circle. Who gets there stays until the journey
times out.

  bad    "Retry?" leads to "Page", "Page" leads to "Retry?", and nothing else
  good   a Retry Limit Decision in the circle, whose Reject leads to Failure`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": «{"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "n2"}}»,
  "n2": {"displayName": "B", "nodeType": "AccountLockoutNode", "connections": {"outcome": "n1"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}, "n2": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "UNLOCK"}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "RetryLimitDecisionNode", "connections": {"Retry": "n1", "Reject": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "RetryLimitDecisionNode"}, "retryLimit": 3}}}
`)),
		define(Code{
			Name: "journey-node-shared", Severity: Warning, Summary: "a node is used twice",
			Explain: `The tenant keeps a realm's nodes by type and id, not by journey. Two journeys (or pages) that
name the same id share one node: who changes one changes the other, and who deletes one
journey takes the node from both. Often left by copying a journey's files.

  bad    Login.json and Copy.json, both with node 4d45a1c2-...
  good   each node has an id of its own`,
		},
			bad(`-- alpha/journey/A.json --
{"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
-- alpha/journey/B.json --
{"_id": "B", "entryNodeId": "n1", "nodes": {"n1": «{"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}»},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
`),
			good(`-- alpha/journey/A.json --
{"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
-- bravo/journey/B.json --
{"_id": "B", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}}}
`)),
		define(Code{
			Name: "journey-node-unknown", Severity: Info, Summary: "a node's type or version is not known",
			Explain: `The type is none that tenants were seen to have, and no custom node. It may be new, or mean
that a marketplace node is not installed: then the journey can't be edited or run. Nothing
within the node is checked.

  bad    "nodeType": "AcountLockoutNode"
  good   "nodeType": "AccountLockoutNode"`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": «"AcountLockoutNode"», "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AcountLockoutNode"}}}}
`, `-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "version": «"7.0"», "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode", "version": "7.0"}, "lockAction": "LOCK"}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "AccountLockoutNode", "version": "1.0", "connections": {"outcome": "n2"}},
  "n2": {"displayName": "B", "nodeType": "designer-4b76e2122a0541498f380072cd115683", "connections": {"outcome": "@Success"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "AccountLockoutNode"}, "lockAction": "LOCK"}, "n2": {"_type": {"_id": "designer-4b76e2122a0541498f380072cd115683"}}}}
-- global/custom-node/4b76e2122a0541498f380072cd115683-1.json --
{"_id": "4b76e2122a0541498f380072cd115683-1", "serviceName": "4b76e2122a0541498f380072cd115683", "displayName": "Debug", "outcomes": ["outcome"], "script": "outcome = 'outcome';"}
`)),
		define(Code{
			Name: "journey-inner-cycle", Severity: Warning, Summary: "a journey calls itself through inner journeys",
			Explain: `Inner journeys are put into each other as they run. A circle of them ends only when the user
gives up, and the state of the authentication grows with each round.

  bad    Login calls Register, and Register calls Login
  good   Register ends with Success, and Login goes on`,
		},
			bad(`-- alpha/journey/A.json --
{"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "InnerTreeEvaluatorNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "InnerTreeEvaluatorNode"}, "tree": «"B"»}}}
-- alpha/journey/B.json --
{"_id": "B", "entryNodeId": "n2", "nodes": {"n2": {"displayName": "B", "nodeType": "InnerTreeEvaluatorNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n2": {"_type": {"_id": "InnerTreeEvaluatorNode"}, "tree": "A"}}}
`),
			good(`-- alpha/journey/A.json --
{"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "InnerTreeEvaluatorNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "InnerTreeEvaluatorNode"}, "tree": "B"}}}
-- alpha/journey/B.json --
{"_id": "B", "entryNodeId": "@Success", "nodes": {}}
`)),
		define(Code{
			Name: "journey-inner-disabled", Severity: Warning, Summary: "a journey calls one that is disabled",
			Explain: `A disabled journey can't be run, neither by its URL nor from within another.

  bad    Login calls "MFA", and MFA.json has "enabled": false
  good   "enabled": true`,
		},
			bad(`-- alpha/journey/A.json --
{"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "InnerTreeEvaluatorNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "InnerTreeEvaluatorNode"}, "tree": «"B"»}}}
-- alpha/journey/B.json --
{"_id": "B", "entryNodeId": "@Success", "nodes": {}, "enabled": false}
`),
			good(`-- alpha/journey/A.json --
{"_id": "A", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "InnerTreeEvaluatorNode", "connections": {"true": "@Success", "false": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "InnerTreeEvaluatorNode"}, "tree": "B"}}}
-- alpha/journey/B.json --
{"_id": "B", "entryNodeId": "@Success", "nodes": {}, "enabled": true}
`)),
		define(Code{
			Name: "journey-identity-resource", Severity: Error, Summary: "a journey works on identities of another realm",
			Explain: `A journey of realm alpha knows the identities of alpha only. Naming the other realm's managed
object makes the nodes that look users up or create them fail, or write into the wrong place.
Often left by copying a journey from one realm to the other.

  bad    realms/bravo: "identityResource": "managed/alpha_user"
  good   realms/bravo: "identityResource": "managed/bravo_user"`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "identityResource": «"managed/bravo_user"», "entryNodeId": "@Success", "nodes": {}}
`, `-- bravo/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "CreateObjectNode", "connections": {"CREATED": "@Success", "FAILURE": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "CreateObjectNode"}, "identityResource": «"managed/alpha_user"»}}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "identityResource": "managed/alpha_user", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "CreateObjectNode", "connections": {"CREATED": "@Success", "FAILURE": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "CreateObjectNode"}, "identityResource": "managed/user"}}}
`)),
		define(Code{
			Name: "journey-debug", Severity: Warning, Summary: "a journey is in debug mode",
			Explain: `Debug mode shows the shared, transient and secure state of an authentication to whoever opens
the pop-up window, passwords among it, and puts nodes of its own between those of the
journey. It must be off before a promotion.

  bad    "uiConfig": {"debug": "true"}
  good   "uiConfig": {}

Vendor documentation: Debug Identity Cloud end-user journeys.`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "@Success", "nodes": {}, "uiConfig": {"debug": «"true"»}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "@Success", "nodes": {}, "uiConfig": {"debug": "false", "categories": "[]"}}
`)),
	}
}
