package schema

func fileCodes() []Code {
	return []Code{
		{
			Name: "config", Severity: Error, Summary: "lockstep.yaml, .lockstepignore or an ESV file says something it can't",
			Explain: `These files steer what is compared and where it is written, so Lockstep guesses nothing: an
unknown key, a wrong type, an environment that promotes from itself, or a secret written
into the file ends every command before it does anything.

A variable that is not set is told only when the value is needed, so that lockstep validate
needs no credentials.

  bad    dev: {url: "https://openam-acme-dev.id.forgerock.io", rol: development}
  good   dev: {url: "https://openam-acme-dev.id.forgerock.io", role: development}`,
		},
		{
			Name: "json-syntax", Severity: Error, Summary: "a file is not valid JSON",
			Explain: `The file can't be read, so the resource in it is not checked, compared or pushed. It
counts as broken, not as deleted: no plan removes it from a tenant.

Usual causes: a comma too many after the last member, a conflict marker (<<<<<<<) left
by a merge, a file that was cut off.

  bad    {"name": "Login",}
  good   {"name": "Login"}`,
		},
		{
			Name: "json-duplicate-key", Severity: Error, Summary: "an object has a key twice",
			Explain: `JSON readers take one of the two values and say nothing; which one differs from tool to
tool. What you see in review may not be what the tenant gets. Often left by a merge.

  bad    {"enabled": true, "enabled": false}
  good   {"enabled": false}`,
		},
		{
			Name: "file-missing", Severity: Error, Summary: "a file that the configuration names is not there",
			Explain: `Scripts, templates and theme texts stand in files of their own, named by {"file": "..."}
(fr-config-manager) or "file://..." (frodo). Without the file, the resource would be
pushed without its text.

  bad    "script": {"file": "scripts-content/LIBRARY/gone.js"}
  good   the file is committed beside the JSON that names it; names differ by case, too`,
		},
		{
			Name: "path-escapes", Severity: Error, Summary: "a file reference leads out of the configuration",
			Explain: `A reference such as {"file": "../../../etc/passwd"} would let whoever can open a pull
request read files of the machine that runs the check, or push them to a tenant.
Lockstep reads nothing outside the configuration's directory, and follows no symbolic
link that leads out of it.

  bad    "script": {"file": "../../secrets/key.pem"}
  good   "script": {"file": "scripts-content/LIBRARY/Utils.js"}`,
		},
		{
			Name: "file-too-large", Severity: Error, Summary: "a file is larger than any configuration",
			Explain: `The file is not read, so that a mistake or an attack can't use up the memory of the
machine that runs the check. Real configuration files stay below a few megabytes.

Take the file out of the configuration's directory, or name it in .lockstepignore.`,
		},
		{
			Name: "file-unreadable", Severity: Error, Summary: "a file can't be read",
			Explain: `The operating system refused to read the file; the message says why. The resource in it
is not checked, and counts as broken, not as deleted.

Look at the file's permissions, and whether it is a link that leads nowhere.`,
		},
	}
}

func resourceCodes() []Code {
	return []Code{
		{
			Name: "copies-disagree", Severity: Error, Summary: "two copies of one resource differ",
			Explain: `A frodo export repeats scripts, templates and providers in each journey that uses them.
Here two copies of the same resource say different things, so which one would be pushed
depends on the order of files.

  good   change all copies alike, or export again from the tenant that is right`,
		},
		{
			Name: "duplicate-resource", Severity: Error, Summary: "one resource is there twice",
			Explain: `Two files hold a resource of the same type, realm and id. Only the first is read; the
other would never reach a tenant. Often a copied file whose _id was not changed.

  bad    Login.json and Copy of Login.json, both with "_id": "Login"
  good   one file an id`,
		},
		{
			Name: "duplicate-node", Severity: Error, Summary: "one node is there twice",
			Explain: `Two files hold a journey's node of the same id. Only one is read. Often left by renaming
a node in the admin UI: the file's name holds the node's name, and the old file stays.

  bad    nodes/Check - 7f1c.json and nodes/Check risk - 7f1c.json
  good   delete the file with the old name`,
		},
		{
			Name: "journey-orphan-node", Severity: Warning, Summary: "a node belongs to no journey",
			Explain: `A node's configuration is there, and neither a tree nor a page names the node. It does
nothing. Deleting a journey leaves its nodes behind on the tenant (tenant API notes, 10.1),
and taking a node out of a tree in git leaves its file.

  good   delete the node's file, or add the node to the journey`,
		},
		{
			Name: "realm-unknown", Severity: Warning, Summary: "the configuration is for a realm that tenants don't have",
			Explain: `A tenant has the realms alpha and bravo. What stands under another realm's name can't be
pushed to it. The top-level realm is the vendor's: it answers 403 to nearly everything
(tenant API notes, 1.2).

  bad    realms/alfa/journeys/...
  good   realms/alpha/journeys/...`,
		},
		{
			Name: "id-mismatch", Severity: Error, Summary: "a file's name and the id in it disagree",
			Explain: `The id in the file decides which resource it is; the tools name the file after it. When
they disagree, a push writes another resource than the one the file's name promises.
Often left by copying a file.

  bad    esvs/variables/esv-b.json with "_id": "esv-a"
  good   rename the file, or correct the _id`,
		},
	}
}

func schemaCodes() []Code {
	return []Code{
		{
			Name: "schema-invalid", Severity: Error, Summary: "a value has not the shape its type asks for",
			Explain: `The resource lacks a member that it needs, or one has the wrong type or a value that the
tenant does not know. The tenant answers 400 to such a body, or takes it and fails at a
login.

A placeholder counts as the type it coerces to. {"$int": "&{esv.port}"} may stand where a
number must; a bare "&{esv.port}" takes the expressionType of the ESV.

  bad    "port": "25"           "language": "JavaScript"
  good   "port": 25             "language": "JAVASCRIPT"`,
		},
		{
			Name: "schema-unknown-property", Severity: Warning, Summary: "a property is not one the type is known to have",
			Explain: `AM answers 400 to attributes it does not know; IDM keeps them and uses nothing of them. A
name that is close to a known one is most likely a slip. Other unknown names are an
info only, since each release of the product brings new properties.

  bad    "entryNodeID": "4d45..."
  good   "entryNodeId": "4d45..."`,
		},
		{
			Name: "placeholder-syntax", Severity: Error, Summary: "a placeholder can't be read",
			Explain: `The tenant would not find the placeholder and would use its text as the value.

  bad    "&{esv.email.from"     "&{esv.email from}"     "&{}"
  good   "&{esv.email.from}"    "&{esv.email.from|no-reply@example.com}"

Vendor documentation: Introduction to configuration placeholders.`,
		},
	}
}

func journeyCodes() []Code {
	return []Code{
		{
			Name: "journey-dangling-connection", Severity: Error, Summary: "a connection leads to a node that is not there",
			Explain: `Who takes that outcome sees an error instead of the next page, and can't log in. Nothing
shows it before that: the tenant accepts such a tree.

A connection leads to a node of the journey, to Success
(70e691a5-1e33-4ac3-a356-e7b6d60d92e0) or to Failure (e301438c-0bd0-429c-ab0c-66126501069a).

  bad    "connections": {"false": "70e691a5-1e33-4ac3-a356-e7b6d60d92e1"}
  good   "connections": {"false": "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"}`,
		},
		{
			Name: "journey-entry-missing", Severity: Error, Summary: "a journey starts at a node that is not there",
			Explain: `entryNodeId names the node that Start is connected to. When the journey has no such node,
it can't be run at all.

  good   "entryNodeId" is a key of "nodes"`,
		},
		{
			Name: "journey-node-missing", Severity: Error, Summary: "a journey names a node whose configuration is not there",
			Explain: `A tree, or a page, names its nodes by type and id; the configuration of each is kept
apart. Without it the tenant can't run the node. Often a file that was not committed, or
whose deletion was.

  good   nodes/<name> - <id>.json is there for each id in "nodes", and for each child of a page`,
		},
		{
			Name: "journey-node-type", Severity: Error, Summary: "a node's type differs between tree and node",
			Explain: `The tenant finds a node by its type and id: with another type in the tree or the page it
looks in the wrong place.

  bad    tree "nodeType": "PageNode", node "_type": {"_id": "ScriptedDecisionNode"}`,
		},
		{
			Name: "journey-unknown-outcome", Severity: Error, Summary: "a connection is for an outcome that the node does not have",
			Explain: `The connection is never taken, and the outcome that was meant is most likely not
connected. It happens when a scripted decision's outcomes are renamed and the tree is not.

  bad    node "outcomes": ["true", "false"], tree "connections": {"True": "..."}
  good   the connections' names are the node's outcomes, also in case

Where the outcomes are only those the tenant last computed ("_outcomes"), it is a warning.`,
		},
		{
			Name: "journey-unconnected-outcome", Severity: Warning, Summary: "an outcome leads nowhere",
			Explain: `Who takes that outcome sees an error. Connect it, to Failure if to nothing else.

  bad    node "outcomes": ["known", "unknown"], tree "connections": {"known": "..."}`,
		},
		{
			Name: "journey-unreachable-node", Severity: Warning, Summary: "no path leads to a node",
			Explain: `The node is part of the journey and is never run. It may be left over, or the connection
to it got lost.`,
		},
	}
}

func missing(name string, s Severity, summary, explain string) Code {
	return Code{Name: name, Severity: s, Summary: summary, Explain: explain + `

What the product brings itself (its default scripts) need not be in the configuration.
A value that is a placeholder is not checked.`}
}

func referenceCodes() []Code {
	return []Code{
		missing("journey-missing-script", Error, "a node runs a script that is not there",
			`Nodes name a script by its id, a uuid. The tenant refuses to write such a node (400 "Data
validation failed for the attribute, Script"), which leaves a push half done.

  bad    "script": "41c24257-d7fc-4654-8b46-c2666dc5b56e"   and no script has that id
  good   push the script with the journey, or name one that is there; "[Empty]" means none`),
		missing("journey-missing-inner-journey", Error, "a node calls a journey that is not there",
			`An Inner Tree Evaluator names a journey of the same realm, by its name. When there is none,
the login fails at that node.

  bad    "tree": "Login MFA"    and the journey is called "LoginMFA"`),
		missing("journey-missing-email-template", Error, "a node sends an email whose template is not there",
			`Email nodes name a template by its id. Without it, no email is sent, and who waits for a
link to go on waits for ever.

  bad    "emailTemplateName": "welcom"
  good   "emailTemplateName": "welcome"   with email-templates/welcome/welcome.json`),
		missing("journey-missing-idp", Error, "a node offers an identity provider that is not there",
			`A Select Identity Provider node may be limited to some providers ("filteredProviders").
One of those names is no provider of the realm, so its button is not shown.

An empty list means all providers of the realm.`),
		missing("journey-missing-theme", Warning, "a page asks for a theme that is not there",
			`A page's "stage" may name a theme by its id. When there is none, the realm's default theme
is shown.

  good   "stage": "themeId=..." with the id of a theme of the realm`),
		missing("script-missing-library", Error, "a script requires a library that is not there",
			`require("name") finds a library script of the same realm by its name. When there is none,
the script fails as soon as it runs.

  bad    var u = require("Utils");     and the library is called "utils"`),
		missing("idp-missing-script", Error, "an identity provider's transformation script is not there",
			`"transform" names the script that turns the provider's profile into the realm's attributes.
The tenant refuses to write a provider whose script it does not have.`),
		missing("service-missing-script", Error, "a service names a script that is not there",
			`The OAuth2 provider's plug-ins (access token modification, OIDC claims and so on) name
scripts by id. The tenant refuses to write the service when one is not there.`),
		missing("service-missing-journey", Warning, "a service names a journey that is not there",
			`The self-service trees map functions such as registration or resetPassword to journeys.
The link in the hosted pages leads to an error when there is no such journey.`),
		missing("service-missing-transport", Error, "the email service names a transport that is not there",
			`The tenant refuses to write the email service (400 "Data validation failed for the
attribute, Transport Type") unless its transport is one of the service's SMTP transports.`),
		missing("theme-missing-journey", Warning, "a theme is linked to a journey that is not there",
			`"linkedTrees" lists the journeys that are shown in the theme. A name that is no journey
does nothing; most likely a journey was renamed or deleted.`),
		missing("missing-reference", Warning, "a value names a resource that is not there",
			`The value is the id or name of another resource - a custom node, a policy's resource type,
a mapping's managed object or connector, a client's script - and the configuration has none
such. The tenant may have it all the same: types that are read on request, or that the
product brings, need not stand in the repository.

  bad    "target": "managed/alpha_usr"     in a mapping; the managed object is alpha_user`),
	}
}

func esvCodes() []Code {
	return []Code{
		{
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
		{
			Name: "esv-undeclared", Severity: Warning, Summary: "an ESV is referenced and the configuration does not declare it",
			Explain: `The repository declares ESVs, and this one is not among them. It may be set on each tenant
by hand; when it is not, a promotion stops with "Missing ESVs".

  good   declare it under esvs/variables or esvs/secrets, or give the placeholder a
         default: "&{esv.port|25}"

Vendor documentation: Configuration integrity checks.`,
		},
		{
			Name: "esv-name", Severity: Error, Summary: "an ESV's name or reference is not one the tenant takes",
			Explain: `An ESV is called "esv-" and up to 124 characters of a-z, 0-9, "-" and "_". Configuration
and scripts reference it with dots in the place of dashes. Anything else is taken for a
property of the platform, for which there is no value; promotions fail.

  bad    &{esv-my-var}     &{ESV.my.var}     &{esv.My.Var}
  good   &{esv.my.var}     for the ESV esv-my-var

Vendor documentation: ESV naming; Use ESVs in scripts.`,
		},
		{
			Name: "esv-type", Severity: Warning, Summary: "configuration reads an ESV as another type than it is declared with",
			Explain: `The type in configuration must match the ESV's expressionType. The type of an ESV can't be
changed: the ESV has to be deleted and created anew.

  bad    {"$int": "&{esv.port}"}     with "expressionType": "string"
  good   {"$int": "&{esv.port}"}     with "expressionType": "int"

Vendor documentation: Variable types.`,
		},
		{
			Name: "esv-value", Severity: Error, Summary: "an ESV's value does not fit its type, or is too long", Secret: true,
			Explain: `The value is turned into its expressionType wherever configuration uses it. One that can't
be leaves the tenant without a value there, after the next restart. A value has 65,535
bytes at most. A line feed at the end, as echo writes it, counts.

  bad    "expressionType": "int"     and a value of "25 "
  good   "expressionType": "int"     and a value of "25"

The value is not shown. Vendor documentation: Variable types.`,
		},
	}
}

func secretCodes() []Code {
	return []Code{
		{
			Name: "encrypted-secret", Severity: Error, Summary: "configuration holds an encrypted value", Secret: true,
			Explain: `IDM encrypts passwords that are put into configuration ("$crypto"). Only the tenant that
wrote the value can decrypt it, so it is of no use anywhere else, and a promotion stops
with "Found encrypted values in the AM/IDM configuration" unless it is told to ignore
them.

  bad    "clientSecret": {"$crypto": {...}}
  good   "clientSecret": "&{esv.my.client.secret}"   with the ESV secret in each environment

Vendor documentation: Integrity check for encrypted secrets.`,
		},
		{
			Name: "plaintext-secret", Severity: Error, Summary: "a secret stands in configuration in the clear", Secret: true,
			Explain: `Everybody who can read the repository, now or later, can read the secret, and so can
everybody who can read the tenant's configuration. Taking it out of the file does not take
it out of git's history: it has to be changed.

  bad    "clientSecret": "hunter2"
  good   "clientSecret": "&{esv.my.client.secret}"     an ESV secret
         "valueBase64": "${MY_SECRET}"                 in an ESV's own declaration

The value is not shown. Vendor documentation: ESV secrets.`,
		},
	}
}

func corsCodes() []Code {
	return []Code{
		{
			Name: "cors-wildcard-origin", Severity: Warning, Summary: "every web site may call the tenant's API",
			Explain: `"*" lets a page of any site read the API's answers in its visitors' browsers. With
allowCredentials it could do so as the visitor, and it is an error then. The vendor does
not support wildcards in AM's accepted origins.

  bad    "acceptedOrigins": ["*"]
  good   "acceptedOrigins": ["https://app.example.com"]

Vendor documentation: Configure CORS.`,
		},
		{
			Name: "cors-malformed-origin", Severity: Error, Summary: "an origin that no browser sends",
			Explain: `An origin is compared as text with what browsers send: scheme://host, and :port unless it
is the scheme's own. With a path, a slash at the end or a wildcard, it matches nothing, and
the application gets CORS errors.

  bad    "https://app.example.com/"     "app.example.com"     "https://*.example.com"
  good   "https://app.example.com"

Vendor documentation: Configure CORS.`,
		},
		{
			Name: "cors-methods", Severity: Error, Summary: "a CORS method is not in upper case",
			Explain: `Methods are compared as text, and browsers send them in upper case.

  bad    "acceptedMethods": ["post"]
  good   "acceptedMethods": ["POST"]

Vendor documentation: Configure CORS ("Use only uppercase characters").`,
		},
	}
}

func scriptCodes() []Code {
	return []Code{
		{
			Name: "script-syntax", Severity: Error, Summary: "a script is no valid JavaScript",
			Explain: `The tenant takes the script without compiling it; it fails when a user gets there. Scripts
are parsed as the body of a function, so that a return at the top level is fine. A Groovy
script must have "language": "GROOVY".

Forms that only Rhino knows ("for each", E4X) are not judged.`,
		},
		{
			Name: "script-double-encoded", Severity: Error, Summary: "a script is a JSON string of a script",
			Explain: `Instead of the script, its JSON form is stored, with quotes around it and \n for its line
ends. As JavaScript that is a string and does nothing at all. It comes from exports whose
form a tool did not undo when it pushed them; real tenants have such scripts.

  bad    "/*\n * Copyright ...\n */\n\nnodeState.putShared(...)"    quotes and all
  good   the script itself`,
		},
	}
}
