// Package config reads what a repository says about itself: lockstep.yaml, .lockstepignore, the
// files that declare ESVs, and, where there is no lockstep.yaml, the environment variables of
// fr-config-manager and frodo. It reads files and the environment it is given, and nothing else: it
// talks to no tenant and prints nothing.
//
// # What is an error, and when
//
// A fault of the file itself (an unknown key, a wrong type, a cycle in promoteFrom) is a finding with
// the code "config" and a place, whoever asks. A fault of the surroundings is not: that ${DEV_SA_ID}
// is unset must not break `lockstep validate`. Such faults are kept with the environment they belong
// to, and told when they matter:
//
//   - what [Project.Env] needs (role, promoteFrom, esvs, snapshot, limits) is told by Env;
//   - what is needed to talk to the tenant (url, serviceAccount, token, scope) is told by
//     [Environment.Access], so that a check against an exported snapshot needs no credentials.
//
// ${NAME} stands for a variable of the process environment, in any value but not in keys; one that is
// unset or empty is an error, never an empty string. $${NAME} is the text ${NAME}. A value is expanded
// after the YAML is read, so a variable can't change the file's structure.
//
// A key or a token is never written into lockstep.yaml, only named: key: "${DEV_SA_KEY}". A literal
// one is refused, and so are YAML anchors and aliases, which small files don't need and large ones
// abuse. Files are read up to a bound.
//
// # ESV declarations
//
// The file that an environment's esvs names is a mapping from ESV name to what is known of it:
//
//	esv-login-retry-limit: {type: int, description: "tries before lockout", value: 3}
//	esv-session-domain:    {type: string, from: "env:SESSION_DOMAIN"}
//	esv-captcha-key:       {secret: true, from: "exec:vault kv get -field=value kv/captcha"}
//	esv-signing-cert:      {encoding: pem, from: "file:certs/signing.pem"}
//	esv-set-by-hand:       {type: string}
//
// It declares a secret if it says secret: true, or encoding, or useInPlaceholders; a variable
// otherwise. A secret has no literal value. A variable's type is an expression type and defaults to
// string; lists may be written as YAML lists, objects as YAML mappings. What has neither value nor
// from is declared to be there, and its value is left alone. Text from env:, file: and exec: loses one
// line break at its end, unless it is a pem secret. exec: commands run only in [DeclaredESV.Resolve]:
// whoever calls it trusts the file.
package config
