package schema

func secretCodes() []registered {
	return []registered{
		define(Code{
			Name: "encrypted-secret", Severity: Error, Summary: "configuration holds an encrypted value", Secret: true,
			Explain: `IDM encrypts passwords that are put into configuration ("$crypto"). Only the tenant that
wrote the value can decrypt it, so it is of no use anywhere else, and a promotion stops
with "Found encrypted values in the AM/IDM configuration" unless it is told to ignore
them.

  bad    "clientSecret": {"$crypto": {...}}
  good   "clientSecret": "&{esv.my.client.secret}"   with the ESV secret in each environment

Vendor documentation: Integrity check for encrypted secrets.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "a@example.com", "auth": {"enable": true, "username": "u", "password": «{"$crypto": {"type": "x-simple-encryption", "value": {"cipher": "AES/CBC/PKCS5Padding", "stableId": "openidm-sym-default", "salt": "x", "data": "x", "keySize": 16, "purpose": "idm.config.encryption", "iv": "x", "mac": "x"}}}»}}
`, `-- other/connector.json --
{"configurationProperties": {"bindPassword": «"{SSHA512}Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"»}}
`, `-- other/agent.json --
{"agentpassword-encrypted": «"AAAABkFFU0NCQxBRY3J5cHRlZA=="»}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "a@example.com", "auth": {"enable": true, "username": "u", "password": "&{esv.smtp.password}"}}
-- other/connector.json --
{"bindPassword-encrypted": "&{esv.bind}", "$cryptography": 1, "sshKey": "AAAAB3NzaC1yc2EAAAADAQABAAABAQ"}
`)),
		define(Code{
			Name: "plaintext-secret", Severity: Error, Summary: "a secret stands in configuration in the clear", Secret: true,
			Explain: `Everybody who can read the repository, now or later, can read the secret, and so can
everybody who can read the tenant's configuration. Taking it out of the file does not take
it out of git's history: it has to be changed.

  bad    "clientSecret": "hunter2"
  good   "clientSecret": "&{esv.my.client.secret}"     an ESV secret
         "valueBase64": "${MY_SECRET}"                 in an ESV's own declaration

The value is not shown. Vendor documentation: ESV secrets.`,
		},
			bad(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "a@example.com", "auth": {"enable": true, "username": "u", "password": «"hunter2"»}}
`, `-- alpha/journey/L.json --
{"_id": "L", "entryNodeId": "n1", "nodes": {"n1": {"displayName": "A", "nodeType": "LdapDecisionNode", "connections": {"TRUE": "@Success", "FALSE": "@Failure", "LOCKED": "@Failure", "CANCELLED": "@Failure", "EXPIRED": "@Failure"}}},
 "nodeConfigs": {"n1": {"_type": {"_id": "LdapDecisionNode"}, "primaryServers": ["l:1389"], "accountSearchBaseDn": ["o=example"], "adminPassword": «"hunter2"»}}}
`, `-- global/secret/esv-smtp.json --
{"_id": "esv-smtp", "description": "SMTP", "encoding": "generic", "useInPlaceholders": true, "valueBase64": «"hunter2!"»}
`),
			good(`-- global/email-provider/external.email.json --
{"host": "mail.example.com", "port": 25, "from": "a@example.com", "auth": {"enable": true, "username": "u", "password": {"$string": "&{esv.smtp.password}"}}}
`)),
		define(Code{
			Name: "secret-in-text", Severity: Error, Summary: "a private key or token stands in configuration", Secret: true,
			Explain: `It has the form that its issuer gives to keys and tokens: PEM private keys, private JWKs,
JSON Web Tokens, keys of AWS, GitHub, GitLab, Slack, Google, Stripe, SendGrid and Twilio, and
passwords in URLs. Taking it out does not take it out of git's history: it has to be revoked.

  bad    "jwks": "{\"keys\": [{\"kty\": \"RSA\", \"d\": \"...\"}]}"
  good   the public key here, the private one in an ESV secret

The value is not shown. Vendor documentation: ESV secrets; Use ESVs for signing and
encryption keys.`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var k = '«ghp_0123456789abcdefghijklmnopqrstuvwxyzAB»';"}
`, `-- other/client.json --
{"jwks": {"keys": [{"kty": "RSA", "n": "abc", "d": «"Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"»}]}}
`, `-- alpha/theme/t1.json --
{"_id": "t1", "name": "T", "logo": "«https://user:hunter22@example.com»/logo.png"}
`),
			good(`-- alpha/service/pushNotification.json --
{"_id": "", "_type": {"_id": "pushNotification"}, "accessKey": "AKIAIOSFODNN7EXAMPLE", "secret": null, "region": "eu-west-1"}
`, `-- other/client.json --
{"jwks": {"keys": [{"kty": "RSA", "n": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4", "e": "AQAB"}]}, "cert": "-----BEGIN CERTIFICATE-----\nMIIC", "hint": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----"}
`)),
	}
}
