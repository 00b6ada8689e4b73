package schema

func fileCodes() []registered {
	return []registered{
		define(Code{
			Name: "config", Severity: Error, Summary: "lockstep.yaml, .lockstepignore or an ESV file says something it can't",
			Explain: `These files steer what is compared and where it is written, so Lockstep guesses nothing: an
unknown key, a wrong type, an environment that promotes from itself, or a secret written
into the file ends every command before it does anything.

A variable that is not set is told only when the value is needed, so that lockstep validate
needs no credentials.

  bad    dev: {url: "https://openam-acme-dev.id.forgerock.io", rol: development}
  good   dev: {url: "https://openam-acme-dev.id.forgerock.io", role: development}`,
		},
			bad(`-- repo/lockstep.yaml --
environments:
  dev: {url: "https://openam-acme-dev.id.forgerock.io", «rol»: development}
`),
			good(`-- repo/lockstep.yaml --
environments:
  dev: {url: "https://openam-acme-dev.id.forgerock.io", role: development}
`)),
		define(Code{
			Name: "json-syntax", Severity: Error, Summary: "a file is not valid JSON",
			Explain: `The file can't be read, so the resource in it is not checked, compared or pushed. It
counts as broken, not as deleted: no plan removes it from a tenant.

Usual causes: a comma too many after the last member, a conflict marker (<<<<<<<) left
by a merge, a file that was cut off.

  bad    {"name": "Login",}
  good   {"name": "Login"}`,
		},
			bad(`-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a"«,» }
`),
			good(`-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A", "expressionType": "string"}
`)),
		define(Code{
			Name: "json-duplicate-key", Severity: Error, Summary: "an object has a key twice",
			Explain: `JSON readers take one of the two values and say nothing; which one differs from tool to
tool. What you see in review may not be what the tenant gets. Often left by a merge.

  bad    {"enabled": true, "enabled": false}
  good   {"enabled": false}`,
		},
			bad(`-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A", «"description"»: "B"}
`),
			good(`-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A", "expressionType": "string"}
`)),
		define(Code{
			Name: "file-missing", Severity: Error, Summary: "a file that the configuration names is not there",
			Explain: `Scripts, templates and theme texts stand in files of their own, named by {"file": "..."}
(fr-config-manager) or "file://..." (frodo). Without the file, the resource would be
pushed without its text.

  bad    "script": {"file": "scripts-content/LIBRARY/gone.js"}
  good   the file is committed beside the JSON that names it; names differ by case, too`,
		},
			bad(`-- repo/realms/alpha/scripts/scripts-config/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": {"file": «"scripts-content/LIBRARY/gone.js"»}}
`),
			good(`-- repo/realms/alpha/scripts/scripts-config/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": {"file": "scripts-content/LIBRARY/S.js"}}
-- repo/realms/alpha/scripts/scripts-content/LIBRARY/S.js --
exports.a = 1;
`)),
		define(Code{
			Name: "path-escapes", Severity: Error, Summary: "a file reference leads out of the configuration",
			Explain: `A reference such as {"file": "../../../etc/passwd"} would let whoever can open a pull
request read files of the machine that runs the check, or push them to a tenant.
Lockstep reads nothing outside the configuration's directory, and follows no symbolic
link that leads out of it.

  bad    "script": {"file": "../../secrets/key.pem"}
  good   "script": {"file": "scripts-content/LIBRARY/Utils.js"}`,
		},
			bad(`-- repo/realms/alpha/scripts/scripts-config/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": {"file": «"../../../../etc/passwd"»}}
`),
			good(`-- repo/realms/alpha/scripts/scripts-config/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": {"file": "scripts-content/LIBRARY/S.js"}}
-- repo/realms/alpha/scripts/scripts-content/LIBRARY/S.js --
exports.a = 1;
`)),
		define(Code{
			Name: "file-too-large", Severity: Error, Summary: "a file is larger than any configuration",
			Explain: `The file is not read, so that a mistake or an attack can't use up the memory of the
machine that runs the check. Real configuration files stay below a few megabytes.

Take the file out of the configuration's directory, or name it in .lockstepignore.`,
		},
			bad(`large repo/esvs/variables/esv-a.json
-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A"}
`),
			good(`-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A", "expressionType": "string"}
`)),
		define(Code{
			Name: "file-unreadable", Severity: Error, Summary: "a file can't be read",
			Explain: `The operating system refused to read the file; the message says why. The resource in it
is not checked, and counts as broken, not as deleted.

Look at the file's permissions, and whether it is a link that leads nowhere.`,
		},
			bad(`unreadable repo/esvs/variables/esv-a.json
-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A"}
`),
			good(`-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A", "expressionType": "string"}
`)),
		define(Code{
			Name: "exemption-expired", Severity: Error, Summary: "an exemption's day has passed",
			Explain: `Exemptions stand in .lockstepexemptions, each with a reason and a day until which it holds.
After that day what it covered is reported again, and so is the exemption, so that nobody
takes it for one that works.

  bad    - {code: plaintext-secret, match: "alpha/idp/old", reason: "...", until: 2024-01-31}
  good   mend what it covered and take it out, or agree on another day`,
		},
			bad(`-- repo/.lockstepexemptions --
- {code: esv-description, match: "global/variable/esv-a", reason: "until the owner is back", until: «2020-01-31»}
-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "expressionType": "string"}
`),
			good(`-- repo/.lockstepexemptions --
- {code: esv-description, match: "global/variable/esv-a", reason: "until the owner is back", until: 2099-01-31}
-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "expressionType": "string"}
`)),
		define(Code{
			Name: "exemption-unused", Severity: Info, Summary: "an exemption covers nothing",
			Explain: `No finding has that code, resource and place: it was mended, or the exemption has a slip in
it. Taken out, it can't hide a finding that comes later.

  good   delete the entry from .lockstepexemptions`,
		},
			bad(`-- repo/.lockstepexemptions --
- {code: esv-description, match: «"global/variable/esv-gone"», reason: "until the owner is back", until: 2099-01-31}
-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "description": "A", "expressionType": "string"}
`),
			good(`-- repo/.lockstepexemptions --
- {code: esv-description, match: "global/variable/*", reason: "until the owner is back", until: 2099-01-31}
-- repo/esvs/variables/esv-a.json --
{"_id": "esv-a", "expressionType": "string"}
`)),
	}
}
