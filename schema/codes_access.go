package schema

// accessCodes are about who may do what: IDM's access rules, policies, SAML partners, secret labels; and
// about what is kept twice.
func accessCodes() []registered {
	return append(guardCodes(), partnerCodes()...)
}

func guardCodes() []registered {
	return []registered{
		define(Code{
			Name: "access-method", Severity: Error, Summary: "an access rule names a method that IDM does not have",
			Explain: `A rule of the access configuration lets a request in by its method: create, read, update,
delete, patch, action, query, script, or * for all. By another word it lets nobody in.

  bad    "methods": "read,querry"
  good   "methods": "read,query"`,
		},
			bad(`-- global/access/access.json --
{"_id": "access", "configs": [{"pattern": "info/*", "roles": "*", "methods": «"read,querry"», "actions": "*"}]}
`),
			good(`-- global/access/access.json --
{"_id": "access", "configs": [{"pattern": "info/*", "roles": "*", "methods": "read, query", "actions": "*"}]}
`)),
		define(Code{
			Name: "access-action", Severity: Warning, Summary: "an access rule allows an action that nobody can call",
			Explain: `A rule lets an action in when its methods have action, or *, and its actions name it. An
action beside methods without action is never called, and one that differs by a letter or
two from one of IDM's own does not exist. Actions of your own endpoints are let be.

  bad    "methods": "read", "actions": "sendTemplate"
  good   "methods": "read,action", "actions": "sendTemplate"`,
		},
			bad(`-- global/access/access.json --
{"_id": "access", "configs": [{"pattern": "external/email", "roles": "internal/role/openidm-authorized", "methods": "read", "actions": «"sendTemplate"»}]}
`, `-- global/access/access.json --
{"_id": "access", "configs": [{"pattern": "external/email", "roles": "internal/role/openidm-authorized", "methods": "action", "actions": «"sendTemplte"»}]}
`),
			good(`-- global/access/access.json --
{"_id": "access", "configs": [{"pattern": "external/email", "roles": "internal/role/openidm-authorized", "methods": "action", "actions": "sendTemplate,myOwnAction"},
 {"pattern": "info/*", "roles": "*", "methods": "read", "actions": "*"}, {"pattern": "schema/*", "roles": "internal/role/openidm-authorized", "methods": "read,query", "actions": ""},
 {"pattern": "workflow/processdefinition/*", "roles": "internal/role/openidm-authorized", "methods": "*", "actions": "read"}]}
`)),
		define(Code{
			Name: "privilege-attribute", Severity: Warning, Summary: "a privilege is for an attribute that the managed object lacks",
			Explain: `A privilege lists the attributes of a managed object that its holder may see or change. One
that the object does not have gives nobody anything, and the attribute that was meant stays
out of reach.

  bad    "path": "managed/alpha_user", "accessFlags": [{"attribute": "usrName"}]
  good   "path": "managed/alpha_user", "accessFlags": [{"attribute": "userName"}]`,
		},
			bad(`-- global/internal-role/help.json --
{"_id": "help", "name": "help", "privileges": [{"name": "users", "path": "managed/alpha_user", "actions": [], "permissions": ["VIEW"], "accessFlags": [{"attribute": «"usrName"», "readOnly": true}]}]}
-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"properties": {"userName": {"type": "string"}}}}
`, `-- global/org-privileges/alphaOrgPrivileges.json --
{"_id": "alphaOrgPrivileges", "privileges": [{"name": "owner", "path": "managed/alpha_user", "actions": [], "permissions": ["VIEW"], "accessFlags": [{"attribute": "userName", "readOnly": true}, {"attribute": «"nothing"», "readOnly": true}]}]}
-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"properties": {"userName": {"type": "string"}}}}
`),
			good(`-- global/internal-role/help.json --
{"_id": "help", "name": "help", "privileges": [{"name": "users", "path": "managed/alpha_user", "actions": [], "permissions": ["VIEW"], "accessFlags": [{"attribute": "userName", "readOnly": true}]},
 {"name": "roles", "path": "managed/alpha_role", "actions": [], "permissions": ["VIEW"], "accessFlags": [{"attribute": "whatever", "readOnly": true}]}]}
-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"properties": {"userName": {"type": "string"}}}}
`)),
		define(Code{
			Name: "access-role", Severity: Warning, Summary: "an access rule names a role that is nearly another's name",
			Explain: `A rule lets in who has one of its roles. A role that differs by a letter or two from one of
the product's, or from an internal role of the configuration, is nobody's.

  bad    "roles": "internal/role/openidm-authorised"
  good   "roles": "internal/role/openidm-authorized"`,
		},
			bad(`-- global/access/access.json --
{"_id": "access", "configs": [{"pattern": "schema/*", "roles": «"internal/role/openidm-authorised"», "methods": "read", "actions": "*"}]}
`),
			good(`-- global/access/access.json --
{"_id": "access", "configs": [{"pattern": "schema/*", "roles": "internal/role/openidm-authorized,internal/role/4f6c", "methods": "read", "actions": "*"}]}
`)),
		define(Code{
			Name: "access-open", Severity: Warning, Summary: "an access rule opens identities or configuration to everybody",
			Explain: `The role * and internal/role/openidm-reg are those of callers who have not logged in. A rule
that gives them managed objects, connected systems or IDM's configuration opens the tenant
to the internet, unless a function (customAuthz) has the last word. What the login pages
read (config/ui/..., info/...) is open by design.

  bad    {"pattern": "managed/*", "roles": "*", "methods": "*"}
  good   {"pattern": "managed/*", "roles": "internal/role/openidm-admin", "methods": "*"}`,
		},
			bad(`-- global/access/access.json --
{"_id": "access", "configs": [«{"pattern": "managed/*", "roles": "*", "methods": "read"}»]}
`, `-- global/access/access.json --
{"_id": "access", "configs": [«{"pattern": "*", "roles": "internal/role/openidm-reg", "methods": "*", "actions": "*"}»]}
`),
			good(`-- global/access/access.json --
{"_id": "access", "configs": [{"pattern": "config/ui/themerealm", "roles": "*", "methods": "read", "actions": "*"},
 {"pattern": "managed/*", "roles": "internal/role/openidm-reg", "methods": "create", "customAuthz": "checkIfProgressiveProfileIsEnabled()"}]}
`)),
		define(Code{
			Name: "audit-handler", Severity: Error, Summary: "the audit configuration names a handler that is not there",
			Explain: `Queries of the audit logs go to the handler that handlerForQueries names, by its config.name.
Each handler's class must be one of availableAuditEventHandlers. Without it IDM starts its
audit service in part, or not at all.

  bad    "handlerForQueries": "repo"      and the one handler is called "json"
  good   "handlerForQueries": "json"`,
		},
			bad(`-- global/audit/audit.json --
{"_id": "audit", "auditServiceConfig": {"handlerForQueries": «"jsn"»}, "eventHandlers": [{"class": "org.forgerock.audit.handlers.json.stdout.JsonStdoutAuditEventHandler", "config": {"name": "json", "topics": ["access"]}}]}
`, `-- global/audit/audit.json --
{"_id": "audit", "auditServiceConfig": {"handlerForQueries": "json", "availableAuditEventHandlers": ["org.forgerock.audit.handlers.json.JsonAuditEventHandler"]}, "eventHandlers": [{"class": «"org.forgerock.audit.handlers.JsonAuditEventHandler"», "config": {"name": "json", "topics": ["access"]}}]}
`),
			good(`-- global/audit/audit.json --
{"_id": "audit", "auditServiceConfig": {"handlerForQueries": "json", "availableAuditEventHandlers": ["org.forgerock.audit.handlers.json.JsonAuditEventHandler"]}, "eventHandlers": [{"class": "org.forgerock.audit.handlers.json.JsonAuditEventHandler", "config": {"name": "json", "topics": ["access"]}}]}
`)),
		define(Code{
			Name: "csp-directive", Severity: Warning, Summary: "a content security policy has a directive that no browser knows",
			Explain: `Browsers leave out directives that they do not know, so the policy is weaker than it looks.
The names are those of Content Security Policy level 3, in lower case with dashes.

  bad    "frame-ancestor": ["'self'"]
  good   "frame-ancestors": ["'self'"]`,
		},
			bad(`-- global/csp/enforced.json --
{"active": true, "directives": {"frame-ancestor": «["'self'"]»}}
`),
			good(`-- global/csp/enforced.json --
{"active": true, "directives": {"frame-ancestors": ["'self'"], "script-src": ["'self'"]}}
`)),
	}
}

func partnerCodes() []registered {
	return []registered{
		define(Code{
			Name: "journey-missing-saml-entity", Severity: Error, Summary: "a node sends users to a SAML partner that is not there",
			Explain: `The SAML2 Authentication node names an identity provider by its entity id. When the realm has
no remote entity of that id, the login fails at the node. Repositories without any remote
entity are not checked: they are kept per environment, and many leave them out.

  bad    "idpEntityId": "https://idp.example.com"     only "https://idp.example.com/x" is there
  good   the entity id as the remote entity has it`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "product-Saml2Node", "connections": {"ACCOUNT_EXISTS": "@Success", "NO_ACCOUNT": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "product-Saml2Node"}, "idpEntityId": «"https://idp.example.com"», "metaAlias": "/alpha/sp", "requestBinding": "HTTP_POST", "binding": "HTTP_POST"}}}
-- alpha/saml-remote/aWRw.json --
{"_id": "aWRw", "entityId": "idp"}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "product-Saml2Node", "connections": {"ACCOUNT_EXISTS": "@Success", "NO_ACCOUNT": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "product-Saml2Node"}, "idpEntityId": "idp", "metaAlias": "/alpha/sp", "requestBinding": "HTTP_POST", "binding": "HTTP_POST"}}}
-- alpha/saml-remote/aWRw.json --
{"_id": "aWRw", "entityId": "idp"}
`, `-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "product-Saml2Node", "connections": {"ACCOUNT_EXISTS": "@Success", "NO_ACCOUNT": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "product-Saml2Node"}, "idpEntityId": "elsewhere", "metaAlias": "/alpha/sp", "requestBinding": "HTTP_POST", "binding": "HTTP_POST"}}}
`)),
		define(Code{
			Name: "secret-label-unmapped", Severity: Warning, Summary: "a secret label is named that is mapped to no secret",
			Explain: `A node, a provider, a client or a service that needs a key or a password names a part of a
secret label; a secret mapping of the realm says which ESV secret stands for the label.
Without the mapping no secret is found. Realms without any mapping in the configuration are
not checked.

  bad    "mtlsSecretLabel": "ldap1"      and no mapping's label has the part "ldap1"
  good   a mapping whose label has it`,
		},
			bad(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "LdapDecisionNode", "connections": {"TRUE": "@Success", "FALSE": "@Failure", "LOCKED": "@Failure", "CANCELLED": "@Failure", "EXPIRED": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "LdapDecisionNode"}, "primaryServers": ["ldap.example.com:636"], "accountSearchBaseDn": ["dc=example"], "mtlsSecretLabel": «"ldap1"»}}}
-- alpha/secret-mapping/am.services.httpclient.mtls.clientcert.ldap2.secret.json --
{"_id": "am.services.httpclient.mtls.clientcert.ldap2.secret", "secretId": "am.services.httpclient.mtls.clientcert.ldap2.secret", "aliases": ["esv-ldap"]}
-- alpha/secret-store/ESV.json --
{"_id": "ESV", "_type": {"_id": "GoogleSecretManagerSecretStoreProvider"}}
`),
			good(`-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "LdapDecisionNode", "connections": {"TRUE": "@Success", "FALSE": "@Failure", "LOCKED": "@Failure", "CANCELLED": "@Failure", "EXPIRED": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "LdapDecisionNode"}, "primaryServers": ["ldap.example.com:636"], "accountSearchBaseDn": ["dc=example"], "mtlsSecretLabel": "ldap2"}}}
-- alpha/secret-mapping/am.services.httpclient.mtls.clientcert.ldap2.secret.json --
{"_id": "am.services.httpclient.mtls.clientcert.ldap2.secret", "secretId": "am.services.httpclient.mtls.clientcert.ldap2.secret", "aliases": ["esv-ldap"]}
-- alpha/secret-store/ESV.json --
{"_id": "ESV", "_type": {"_id": "GoogleSecretManagerSecretStoreProvider"}}
`)),
		define(Code{
			Name: "policy-missing-reference", Severity: Error, Summary: "a policy names a policy set or resource type that is not there",
			Explain: `A policy stands in a policy set (applicationName) and is about resources of a type
(resourceTypeUuid); a policy set lists the types it may have. The tenant refuses a policy
whose set or type it does not have. A warning when the configuration has none at all of
what is named: they may be on the tenant.

  bad    "applicationName": "web"      and the policy set is called "Web"
  good   "applicationName": "Web"`,
		},
			bad(`-- alpha/policy/p.json --
{"_id": "p", "name": "p", "applicationName": «"web"», "resources": ["*"], "actionValues": {"GET": true}}
-- alpha/policy-set/Web.json --
{"name": "Web", "applicationType": "iPlanetAMWebAgentService", "resourceTypeUuids": []}
`),
			good(`-- alpha/policy/p.json --
{"_id": "p", "name": "p", "applicationName": "Web", "resources": ["*"], "actionValues": {"GET": true}}
-- alpha/policy-set/Web.json --
{"name": "Web", "applicationType": "iPlanetAMWebAgentService", "resourceTypeUuids": []}
`)),
		define(Code{
			Name: "raw-overlaps", Severity: Warning, Summary: "a document is kept twice: by its path and by its type",
			Explain: `A file below raw/ is any document of the REST API, by its path. When a typed resource of the
configuration is pushed to the same path, the two overwrite each other, and the one that is
written last counts.

  bad    raw/openidm/config/authentication.json, idm-authentication-config/authentication.json
  good   one of the two`,
		},
			bad(`-- global/raw/openidm%2Fconfig%2Faudit.json --
«{"_id": "audit", "auditServiceConfig": {}, "eventHandlers": []}»
-- global/audit/audit.json --
{"_id": "audit", "auditServiceConfig": {}, "eventHandlers": []}
`),
			good(`-- global/raw/openidm%2Fconfig%2Faccess.json --
{"_id": "access", "configs": []}
-- global/audit/audit.json --
{"_id": "audit", "auditServiceConfig": {}, "eventHandlers": []}
`)),
	}
}
