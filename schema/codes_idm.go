package schema

func idmCodes() []registered {
	return []registered{
		define(Code{
			Name: "relationship-reverse", Severity: Error, Summary: "a relationship whose other side is not there",
			Explain: `A relationship is kept on both sides: each property of type relationship says how the other
object's is called. When that object has no such property, writing the relationship fails.

  bad    alpha_user.manager: "reversePropertyName": "report", and alpha_user has "reports"
  good   "reversePropertyName": "reports"`,
		},
			bad(`-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"type": "object", "properties": {
 "manager": {"type": "relationship", "reverseRelationship": true, "reversePropertyName": «"report"», "resourceCollection": [{"path": "managed/alpha_user"}]},
 "reports": {"type": "array", "items": {"type": "relationship", "reverseRelationship": true, "reversePropertyName": "manager", "resourceCollection": [{"path": "managed/alpha_user"}]}}}}}
`),
			good(`-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"type": "object", "properties": {
 "manager": {"type": "relationship", "reverseRelationship": true, "reversePropertyName": "reports", "resourceCollection": [{"path": "managed/alpha_user"}]},
 "reports": {"type": "array", "items": {"type": "relationship", "reverseRelationship": true, "reversePropertyName": "manager", "resourceCollection": [{"path": "managed/alpha_user"}]}}}}}
`)),
		define(Code{
			Name: "managed-schema", Severity: Warning, Summary: "a managed object's schema contradicts itself",
			Explain: `Properties that are required, or that are listed in the order of the form, must be among the
object's properties. IDM refuses objects that lack a required property, and no form shows
one that the schema does not have. Names that begin with an underscore are IDM's own.

  bad    "required": ["userNmae"], "properties": {"userName": {...}}
  good   "required": ["userName"]`,
		},
			bad(`-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"type": "object", "required": [«"userNmae"»], "properties": {"userName": {"type": "string"}}}}
`, `-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"type": "object", "order": ["userName", «"sn"»], "properties": {"userName": {"type": "string"}}}}
`),
			good(`-- global/managed-object/alpha_user.json --
{"name": "alpha_user", "schema": {"type": "object", "required": ["userName"], "order": ["_id", "userName"], "properties": {"_id": {"type": "string"}, "userName": {"type": "string"}}}}
`)),
		define(Code{
			Name: "schedule-cron", Severity: Error, Summary: "a schedule's cron expression can't be read",
			Explain: `Schedules of type cron have a Quartz expression: seconds, minutes, hours, day of month, month,
day of week and, if need be, year. One of the two days is "?". IDM refuses to start a
schedule whose expression it can't read.

  bad    "schedule": "0 0 * * *"         (crontab's five fields)
  good   "schedule": "0 0 0 * * ?"`,
		},
			bad(`-- global/schedule/s.json --
{"_id": "schedule/s", "enabled": true, "type": "cron", "schedule": «"0 0 * * *"», "invokeService": "script"}
`, `-- global/schedule/s.json --
{"_id": "schedule/s", "enabled": true, "type": "cron", "schedule": «"0 0 25 * * ?"», "invokeService": "script"}
`),
			good(`-- global/schedule/s.json --
{"_id": "schedule/s", "enabled": true, "type": "cron", "schedule": "0 0/15 8-18 ? * MON-FRI", "invokeService": "script"}
-- global/schedule/t.json --
{"_id": "schedule/t", "enabled": true, "type": "simple", "repeatInterval": 3600000, "invokeService": "script"}
-- global/schedule/u.json --
{"_id": "schedule/u", "enabled": true, "type": "cron", "schedule": "0 0 12 L * ?", "invokeService": "script"}
`)),
		define(Code{
			Name: "mapping-properties", Severity: Warning, Summary: "a mapping fills one property twice, or names none",
			Explain: `Of two entries with one target, the later wins, unless a condition chooses between them or they
refer to objects of different types. An entry without a target does nothing.

  bad    [{"source": "sn", "target": "name"}, {"source": "cn", "target": "name"}]
  good   one entry a target`,
		},
			bad(`-- global/mapping/m.json --
{"_id": "mapping/m", "name": "m", "source": "system/A/User", "target": "system/A/User", "properties": [{"source": "sn", "target": "name"}, {"source": "cn", "target": «"name"»}]}
-- global/connector/A.json --
{"_id": "provisioner.openicf/A", "connectorRef": {"bundleName": "b", "bundleVersion": "1", "connectorName": "c"}, "configurationProperties": {}}
`),
			good(`-- global/mapping/m.json --
{"_id": "mapping/m", "name": "m", "source": "system/A/User", "target": "system/A/User", "properties": [{"source": "sn", "target": "name"}, {"source": "cn", "target": "cn"},
  {"source": "groups", "target": "ldapGroups", "referencedObjectType": "__GROUP__"}, {"source": "roles", "target": "ldapGroups", "referencedObjectType": "role"},
  {"source": "mail", "target": "mail"}, {"source": "other", "target": "mail", "condition": {"type": "text/javascript", "source": "!source.mail"}}]}
-- global/connector/A.json --
{"_id": "provisioner.openicf/A", "connectorRef": {"bundleName": "b", "bundleVersion": "1", "connectorName": "c"}, "configurationProperties": {}}
`)),
		define(Code{
			Name: "endpoint-script", Severity: Error, Summary: "an endpoint has no script",
			Explain: `An endpoint runs its source, or a file of the product. Without either it answers 500.

  bad    {"type": "text/javascript"}
  good   {"type": "text/javascript", "source": "..."}

Vendor documentation: Create custom endpoints to launch scripts.`,
		},
			bad(`-- global/endpoint/e.json --
«{"_id": "endpoint/e", "type": "text/javascript"}»
`),
			good(`-- global/endpoint/e.json --
{"_id": "endpoint/e", "type": "text/javascript", "source": "(function () { return {}; }());"}
-- global/endpoint/f.json --
{"_id": "endpoint/f", "type": "text/javascript", "file": "ui/onDelete-user-cleanup.js"}
`)),
		define(Code{
			Name: "endpoint-name", Severity: Warning, Summary: "an endpoint's name is no path",
			Explain: `The endpoint is called at /openidm/endpoint/ and its name. A name with spaces or other signs
than letters, digits, dashes, dots, underscores and slashes can't be called as it stands.

  bad    "endpoint/my endpoint"
  good   "endpoint/my-endpoint"`,
		},
			bad(`-- global/endpoint/my%20endpoint.json --
{"_id": «"endpoint/my endpoint"», "type": "text/javascript", "source": "(function () { return {}; }());"}
`),
			good(`-- global/endpoint/my-endpoint.json --
{"_id": "endpoint/my-endpoint", "type": "text/javascript", "source": "(function () { return {}; }());"}
`)),
	}
}
