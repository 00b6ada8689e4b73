package schema

func esvCodes() []registered {
	return []registered{
		define(Code{
			Name: "esv-missing", Severity: Error, Summary: "an environment lacks an ESV that the configuration references",
			Explain: `A promotion checks the whole configuration, not only what changed, against the ESVs of the
upper environment, and stops with "Missing ESVs". The ESV must be created there before;
while a promotion runs, ESVs can't be changed.

A placeholder with a default, "&{esv.port|25}", needs no ESV. One without, and a script's
systemEnv.getProperty("esv.port"), do.

  good   lockstep esv push --env staging --name esv-port

Vendor documentation: Configuration integrity checks; Use ESVs in configuration
placeholders; Introduction to configuration placeholders.`,
		},
			bad(`have esv-a
-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "«&{esv.email.from}»", "auth": {"enable": false}}
`),
			good(`have esv-email-from
-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "&{esv.email.from}", "auth": {"enable": false}}
`)),
		define(Code{
			Name: "esv-undeclared", Severity: Warning, Summary: "an ESV is referenced and the configuration does not declare it",
			Explain: `The repository declares ESVs, and this one is not among them. It may be set on each tenant
by hand; when it is not, a promotion stops with "Missing ESVs".

  good   declare it under esvs/variables or esvs/secrets, or give the placeholder a
         default: "&{esv.port|25}"

Vendor documentation: Configuration integrity checks.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "«&{esv.email.from}»", "auth": {"enable": false}}
-- global/variable/esv-a.json --
{"_id": "esv-a", "description": "A", "expressionType": "string"}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "&{esv.email.from|a@example.com}", "auth": {"enable": false}}
-- global/variable/esv-a.json --
{"_id": "esv-a", "description": "A", "expressionType": "string"}
`)),
		define(Code{
			Name: "esv-name", Severity: Error, Summary: "an ESV's name or reference is not one the tenant takes",
			Explain: `An ESV is called "esv-" and up to 124 characters of a-z, 0-9, "-" and "_". Configuration
and scripts reference it with dots in the place of dashes. Anything else is taken for a
property of the platform, for which there is no value; promotions fail.

  bad    &{esv-my-var}     &{ESV.my.var}     &{esv.My.Var}
  good   &{esv.my.var}     for the ESV esv-my-var

Vendor documentation: ESV naming; Use ESVs in scripts.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "«&{esv-email-from}»", "auth": {"enable": false}}
`, `-- global/variable/esv-A.json --
{"_id": «"esv-A"», "description": "A", "expressionType": "string"}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var a = «systemEnv.getProperty»('my.var');"}
-- global/variable/esv-my-var.json --
{"_id": "esv-my-var", "description": "A", "expressionType": "string"}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "&{esv.email.from}", "auth": {"enable": false}}
-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var a = systemEnv.getProperty('am.own'), b = systemEnv.getProperty('esv.email.from');"}
`)),
		define(Code{
			Name: "esv-type", Severity: Warning, Summary: "configuration reads an ESV as another type than it is declared with",
			Explain: `The type in configuration must match the ESV's expressionType. The type of an ESV can't be
changed: the ESV has to be deleted and created anew.

  bad    {"$int": "&{esv.port}"}     with "expressionType": "string"
  good   {"$int": "&{esv.port}"}     with "expressionType": "int"

Vendor documentation: Variable types.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": {"$int": "«&{esv.port}»"}, "from": "a@example.com", "auth": {"enable": false}}
-- global/variable/esv-port.json --
{"_id": "esv-port", "description": "A", "expressionType": "string"}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": {"$int": "&{esv.port}"}, "from": "a@example.com", "auth": {"enable": false}}
-- global/variable/esv-port.json --
{"_id": "esv-port", "description": "A", "expressionType": "int"}
`)),
		define(Code{
			Name: "esv-value", Severity: Error, Summary: "an ESV's value does not fit its type, or is too long", Secret: true,
			Explain: `The value is turned into its expressionType wherever configuration uses it. One that can't
be leaves the tenant without a value there, after the next restart. A value has 65,535
bytes at most. A line feed at the end, as echo writes it, counts.

  bad    "expressionType": "int"     and a value of "25 "
  good   "expressionType": "int"     and a value of "25"

The value is not shown. Vendor documentation: Variable types.`,
		},
			bad(`-- global/variable/esv-port.json --
{"_id": "esv-port", "description": "A", "expressionType": "int", "valueBase64": «"MjUg"»}
`, `-- global/variable/esv-list.json --
{"_id": "esv-list", "description": "A", "expressionType": "array", "valueBase64": «"YSxi"»}
`),
			good(`-- global/variable/esv-port.json --
{"_id": "esv-port", "description": "A", "expressionType": "int", "valueBase64": "MjU="}
`)),
		define(Code{
			Name: "esv-description", Severity: Info, Summary: "an ESV has no description",
			Explain: `Before a promotion somebody has to set the ESV in the next environment, and has nothing but
its name to go by.

  good   "description": "Sender of all email to customers"

Vendor documentation: ESV descriptions.`,
		},
			bad(`-- global/variable/esv-port.json --
«{"_id": "esv-port", "expressionType": "int", "valueBase64": "MjU="}»
`, `-- global/secret/esv-pass.json --
{"_id": "esv-pass", "description": «" "», "encoding": "generic", "valueBase64": "${PASS}"}
`),
			good(`-- global/variable/esv-port.json --
{"_id": "esv-port", "description": "SMTP port", "expressionType": "int", "valueBase64": "MjU="}
`)),
		define(Code{
			Name: "esv-default", Severity: Error, Summary: "a placeholder's default does not fit its type",
			Explain: `Where the ESV is not set, the default is turned into the type that configuration asks for.
This one can't be, so that the tenant has no value there.

  bad    {"$int": "&{esv.port|smtp}"}
  good   {"$int": "&{esv.port|25}"}

Vendor documentation: Introduction to configuration placeholders; Variable types.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": {"$int": "«&{esv.port|smtp}»"}, "from": "a@example.com", "auth": {"enable": false}}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": {"$int": "&{esv.port|25}"}, "from": "a@example.com", "auth": {"enable": false}}
`)),
		define(Code{
			Name: "esv-restricted", Severity: Error, Summary: "a restricted secret is used outside of secret mappings",
			Explain: `A secret that was created with useInPlaceholders false can be mapped to secret IDs only:
placeholders and scripts get no value.

  bad    "password": "&{esv.key}"   with "useInPlaceholders": false in esv-key
  good   another secret, created without the restriction

Vendor documentation: Control access to secrets.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "a@example.com", "auth": {"enable": true, "username": "u", "password": "«&{esv.key}»"}}
-- global/secret/esv-key.json --
{"_id": "esv-key", "description": "A", "encoding": "generic", "useInPlaceholders": false, "valueBase64": "${KEY}"}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var a = «systemEnv.getProperty»('esv.key');"}
-- global/secret/esv-key.json --
{"_id": "esv-key", "description": "A", "encoding": "generic", "useInPlaceholders": false, "valueBase64": "${KEY}"}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "a@example.com", "auth": {"enable": true, "username": "u", "password": "&{esv.key}"}}
-- global/secret/esv-key.json --
{"_id": "esv-key", "description": "A", "encoding": "generic", "useInPlaceholders": true, "valueBase64": "${KEY}"}
`)),
		define(Code{
			Name: "esv-secret-use", Severity: Error, Summary: "a secret where only a variable fits, or the other way round",
			Explain: `A secret is text: it has no expressionType, so that it can't be read as a number, a flag or a
list. And only secrets can be mapped to secret IDs.

  bad    {"$int": "&{esv.port}"}   and esv-port is a secret
  good   esv-port as a variable with "expressionType": "int"

Vendor documentation: Secrets; Use ESVs for signing and encryption keys.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": {"$int": "«&{esv.port}»"}, "from": "a@example.com", "auth": {"enable": false}}
-- global/secret/esv-port.json --
{"_id": "esv-port", "description": "A", "encoding": "generic", "valueBase64": "${PORT}"}
`, `-- other/mapping.json --
{"_id": "am.services.oauth2.jwt", "secretId": "am.services.oauth2.jwt", "aliases": [«"esv-key"»]}
-- global/variable/esv-key.json --
{"_id": "esv-key", "description": "A", "expressionType": "string"}
`),
			good(`-- other/mapping.json --
{"_id": "am.services.oauth2.jwt", "secretId": "am.services.oauth2.jwt", "aliases": ["esv-key"]}
-- global/secret/esv-key.json --
{"_id": "esv-key", "description": "A", "encoding": "pem", "valueBase64": "${KEY}"}
`)),
		define(Code{
			Name: "esv-unused", Severity: Info, Summary: "an ESV is declared and nothing refers to it",
			Explain: `It has to be set in each environment all the same, or the next person wonders why. A name
that a script puts together counts as used when it stands anywhere as a constant.

  good   delete its declaration, and the ESV on each tenant

Vendor documentation: Preconditions to delete an ESV.`,
		},
			bad(`-- global/variable/esv-port.json --
{"_id": «"esv-port"», "description": "A", "expressionType": "int"}
-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "@Success", "nodes": {}}
-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "exports.a = 1;"}
`),
			good(`-- global/variable/esv-port.json --
{"_id": "esv-port", "description": "A", "expressionType": "int"}
-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "@Success", "nodes": {}}
-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var names = ['esv.port']; systemEnv.getProperty(names[0]);"}
`)),
		define(Code{
			Name: "esv-legacy-name", Severity: Warning, Summary: "an ESV's name from before the ESV API",
			Explain: `Names with the prefix byos- were given by the vendor. They still resolve, where they were
promoted to all environments under the prefix esv- as well; the API shows only those.

  bad    systemEnv.getProperty("byos.myvariable123")
  good   systemEnv.getProperty("esv.myvariable123")

Vendor documentation: ESV legacy naming convention and API compatibility.`,
		},
			bad(`-- global/variable/byos-7765622105-myvariable.json --
{"_id": «"byos-7765622105-myvariable"», "description": "A", "expressionType": "string"}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var a = «systemEnv.getProperty»('byos.myvariable123');"}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var a = systemEnv.getProperty('esv.myvariable123');"}
`)),
		define(Code{
			Name: "esv-deleted", Severity: Error, Summary: "an ESV is deleted while something refers to it",
			Explain: `The change takes the ESV's declaration away and leaves a reference to it. The tenant refuses
to delete an ESV that a placeholder or a script refers to, a script that no journey uses
included; and a promotion stops with "Missing ESVs".

  good   take the reference out first, promote that, and delete the ESV then

Vendor documentation: Preconditions to delete an ESV.`,
		},
			bad(`-- base/global/variable/esv-port.json --
{"_id": "esv-port", "description": "A", "expressionType": "int"}
-- global/variable/esv-other.json --
{"_id": "esv-other", "description": "A", "expressionType": "int"}
-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var a = «systemEnv.getProperty»('esv.port');"}
`),
			good(`-- base/global/variable/esv-port.json --
{"_id": "esv-port", "description": "A", "expressionType": "int"}
-- global/variable/esv-port.json --
{"_id": "esv-port", "description": "A", "expressionType": "int"}
-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var a = systemEnv.getProperty('esv.port');"}
`)),
	}
}
