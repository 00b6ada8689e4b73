package schema

func scriptCodes() []registered {
	return []registered{
		define(Code{
			Name: "script-syntax", Severity: Error, Summary: "a script is no valid JavaScript",
			Explain: `The tenant takes the script without compiling it; it fails when a user gets there. Scripts
are parsed as the body of a function, so that a return at the top level is fine. A Groovy
script must have "language": "GROOVY".

Forms that only Rhino knows ("for each", E4X) are not judged.`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var a = 1;\nvar b = «)»;"}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "GROOVY", "context": "LIBRARY", "script": "def a = [1, 2«)»"}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "for each (var x in list) «{» f(x);"}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "for each (var x in list) { f(x); }\nvar o = 010;\nreturn;"}
`)),
		define(Code{
			Name: "script-double-encoded", Severity: Error, Summary: "a script is a JSON string of a script",
			Explain: `Instead of the script, its JSON form is stored, with quotes around it and \n for its line
ends. As JavaScript that is a string and does nothing at all. It comes from exports whose
form a tool did not undo when it pushed them; real tenants have such scripts.

  bad    "/*\n * Copyright ...\n */\n\nnodeState.putShared(...)"    quotes and all
  good   the script itself`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": «"\"var a = 1;\\n\""»}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "'use strict'; var a = 1;"}
`)),
		define(Code{
			Name: "script-groovy", Severity: Info, Summary: "a script in Groovy",
			Explain: `Groovy is deprecated for scripts: the product's own have been rewritten in JavaScript. Of a
Groovy script only the brackets and quotes are checked.

  bad    "language": "GROOVY"
  good   "language": "JAVASCRIPT"`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": «"GROOVY"», "context": "LIBRARY", "script": "def a = '''it's (here'''"}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "GROOVY", "context": "LIBRARY", "default": true, "script": "def a = 1 // (\ndef b = \"\"\"}\"\"\""}
`)),
		define(Code{
			Name: "script-evaluator", Severity: Warning, Summary: "a script uses what its engine does not offer",
			Explain: `Scripts of evaluator version 2.0 (next-generation) reach no Java classes, and have other
bindings than those of version 1.0 (legacy). The first use of what is not there ends the
script with an error.

  bad    "evaluatorVersion": "2.0"    sharedState.put("a", 1)
  good   "evaluatorVersion": "2.0"    nodeState.putShared("a", 1)`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "evaluatorVersion": "2.0", "script": "«sharedState».put('a', 1);"}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "evaluatorVersion": "1.0", "script": "«action.goTo»('true');"}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "evaluatorVersion": "2.0", "script": "var sharedState = nodeState; sharedState.get('a'); // JavaImporter(x)"}
-- alpha/script/s2.json --
{"_id": "s2", "name": "T", "language": "JAVASCRIPT", "context": "AUTHENTICATION_TREE_DECISION_NODE", "evaluatorVersion": "1.0", "script": "sharedState.put('a', 1); var fr = JavaImporter(java.util);"}
`)),
		define(Code{
			Name: "script-secret", Severity: Warning, Summary: "a constant in a script looks like a credential", Secret: true,
			Explain: `Everybody who can read the repository or the tenant's scripts can read it.

  bad    var clientSecret = "h7Gt!kq29xZ";
  good   var clientSecret = systemEnv.getProperty("esv.my.client.secret");

The value is not shown. Vendor documentation: Use ESVs in scripts.`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var clientSecret = «'h7Gt!kq29xZ'»;"}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "request.setHeader('Authorization', «'Basic Y2xpZW50OnMzY3IzdC12YWx1ZQ=='»);"}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "var passwordField = 'password'; var secret = systemEnv.getProperty('esv.my.secret'); var o = {accessToken: 'access_token'};\n// password = 'h7Gt!kq29xZ'"}
`)),
		define(Code{
			Name: "script-personal-data", Severity: Info, Summary: "a script logs what looks like personal data",
			Explain: `Logs are read by more people, kept elsewhere, and longer, than the data may be. An id tells
as much when a fault is looked for.

  bad    logger.error("login of " + emailAddress);
  good   logger.error("login of " + userId);`,
		},
			bad(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "logger.error('login of ' + «emailAddress»);"}
`, `-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "logger.error(nodeState.get(\"«mail»\"));"}
`),
			good(`-- alpha/script/s1.json --
{"_id": "s1", "name": "S", "language": "JAVASCRIPT", "context": "LIBRARY", "script": "logger.error('no password was given for ' + userId);"}
`)),
	}
}
