// Package sim is a PingOne Advanced Identity Cloud tenant group that runs inside
// the process: development, staging and production, each an http.Handler that
// speaks the tenant's REST API. It is the product's sandbox and the server of its
// tests.
//
// It is not the client's mirror. It imports nothing of this project and spells the
// API by itself, out of the vendor's documents and of recorded traffic, so that a
// mistake about the API can't be made once and pass on both sides. It is no identity
// provider either: nobody logs in, no script runs, and identities are only stored.
//
// A group starts empty. Seed fills a tenant past every rule, as if the documents had
// always been there; requests then meet the rules. One lock guards a group, time
// comes from Options.Now, and what goes wrong is told by Faults, so that a test runs
// the same way each time. A cut connection is a panic with http.ErrAbortHandler,
// which net/http's server turns into a closed connection; a transport that calls the
// handler in-process must recover it.
//
// # Files
//
//	sim.go http.go log.go       groups, tenants, requests, the log of them
//	fault.go faultnames.go      what goes wrong, and its names
//	admin.go state.go           the endpoint beside the tenants; what a restart needs
//	oauth.go administrator.go   service account, tokens, scopes, serverinfo; logins
//	am.go journeys.go scripts.go services.go policies.go saml.go    AM
//	idm.go patch.go system.go   IDM
//	governance.go               IGA: workflows, forms, request types
//	environment.go esv.go       ESVs, restart, domains, direct configuration
//	promotion.go integrity.go report.go class.go    promotions
//	store.go filter.go json.go  documents, query filters, JSON
//	logs.go                     log sources, log keys
//	nodeschema.go               what node types tell of themselves
//	nodetypes.json nodeschemas.json defaults.json idmdefaults.json    generated from recordings and exports
//
// # Choices where documents and recordings are silent
//
// Tokens. An unknown account is invalid_client, every other fault of an assertion is
// invalid_grant, both 400. A grant without scope has all of the account's. A missing
// scope is 403: "Access denied" from AM and IDM, "forbidden" from the environment API.
//
// Phases. With a zero duration a poll shows the phase it finds, and the next poll
// shows the one after it: no client can miss one. With a duration, phases end by the
// clock, polled or not.
//
// Restart. It loads the ESVs that were written before it was asked for. A second
// request while one runs joins it. GET startup says restarting, too, while a promotion
// waits for workloads.
//
// ESVs. expressionType can't be changed (400). An unknown encoding is a 400 in the
// words of today's validator, where a tenant of 2023 said 422. An ESV that any
// document of the tenant names, in a placeholder, in its default, or in a script, can't be
// deleted: 400, naming the document. A description alone never unloads a value.
//
// Locks. One lock for the group. While it is not unlocked, both tenants of the pair
// refuse with 403 "Environment is locked for promotion {id}": the ESV API as a whole,
// reading included, and POST startup; writes to static configuration and SAML; and in
// development every AM and IDM write. 403, because the lock state's proxyState hints
// that a proxy enforces it. Deleting a lock while it is locking or unlocking, or while a
// promotion runs, is 409 "Environment is not in locked state", with another id 409
// "already locked", when nothing is locked 200. POST lock at development is 400.
//
// Promotion. Missing ESVs are looked for before encrypted values, and the first finding
// ends the run. A placeholder with a default is not missing (the documents say so), but
// what its default names is, when neither is set. A script's getProperty with a second
// argument counts as one with a default. An ESV is set when a variable or a secret of
// the name exists, loaded or not. Aliases of secret mappings are not looked at. Lines of encrypted values
// are counted in the document as JSON with sorted keys and two spaces. Dry runs that
// lack ESVs have a report, runs that found encrypted values have none. SAML entities and circles
// of trust are added and changed, never deleted. What only a server writes (_rev,
// created, modified) makes no difference that is promoted or reported. A promotion without
// changes has no restart. After a blocking error only Unblock helps; the lock
// can still be released. A rollback undoes the last promotion, and then the one before
// it. The provisional report compares a tenant with its upper one; production, which has
// none, is compared with staging. Orphaned scripts are not cleaned up. Report headings
// other than "Journeys" and "Email > Templates" are our own.
//
// Tiers. environment/info names tiers by role: development, uat, staging, production. A
// stand-alone sandbox tenant calls itself "other", as the one that was recorded does.
//
// State. Persist is told of a change before the request that made it is answered, and
// tokens are a part of the state: who was logged in stays so.
//
// Immutability. A static write in staging or production is 403 unless a
// direct-configuration session is open and the request has X-Configuration-Type:
// mutable. In a session changes show at once; abort puts the static configuration back.
// apply answers SESSION_APPLYING, the state after the next poll is SESSION_APPLIED. A
// second init, apply without a session, and init under a lock are 409; abort is always 200.
//
// AM. A tree may name only node instances that are there (400); connections and
// entryNodeId are not checked, as recorded. Attributes are checked for trees and
// oidcConfig providers, the two kinds with a recorded list, and taken as they come elsewhere.
// Node types and realm services are those seen on tenants and in seeds; others are 404.
// A container whose child is gone can't be deleted (500), so containers go first.
// Before 9.0, the update of a provider that has a redirectAfterFormPostURI and is not
// sent one is 500, as 2025's recordings have it; since then it is accepted (2026-07).
// Attributes that AM adds are those of defaults.json, from recordings, by version; where two
// builds of one version differ, what most answers had. A provider's transform must
// exist (400). PUT of a custom node type that exists, without If-Match, is 412. Only the
// email service must be there before its children. SAML entities are stored as sent; there is metadata for
// imported and seeded entities only. Of a node type, schema, template and getType tell what was
// recorded: a whole schema of one, attributes with their types of those of which nodes were seen, tags and
// help of all; a custom type's schema is made of its properties. Elsewhere schema and template answer an empty
// object schema. Agents get their default attributes when they are made, and none on an update. Policy sets
// and resource types don't check the policies that use them.
//
// IDM. A plain password of external.email is stored as a $crypto block; no other value
// is encrypted on write. Relationships are stored as sent. PATCH knows add, replace and
// remove of top-level fields.
//
// Relationships (values with a _ref) of managed objects are shown only where _fields
// asks for them. System objects are only stored; a connector answers when it is
// enabled. Script evaluation is refused with 403: it reads ESV secrets in the clear.
//
// Versions. An Accept-API-Version that can't be read, or a protocol other than 1 and 2,
// is 400. Any resource version is served; where versions differ in shape and that is
// known (policy sets, resource types, authentication, ESV lists), the asked one decides.
//
// Conditions. If-Match: * and If-None-Match: * are looked at on every PUT of AM and IDM
// but IDM configuration, which has no revisions. An If-Match that names another
// revision than the resource's is 412.
//
// Governance (Options.Governance). Without it /iga and /auto are 404. PUT of a workflow
// writes its draft, publish removes the draft. GET of a workflow without a status, which
// no client sends, gives the published one.
//
// Telemetry. The one category is otlp. Header values, which are credentials, are read as
// asterisks.
//
// Requests nobody knows are answered with 501, their method and path, and Unknown lists
// them: no tenant answers so, and it can't be taken for a tenant's answer. Devices of identities are not there.
//
// Administrators. One logs in at the root realm, if Options.Administrator has a password, without a second
// factor; the journeys of alpha and bravo can't be run. The session's cookie opens AM, a token of idmAdminClient the
// rest, /environment with fr:idm:* alone, as clients of 2022 have it. Service accounts that it makes are
// the tenant's own, not the group's. An OAuth2 client's own token opens IDM if IDM's authentication maps the
// client; other grants of the realms are refused.
//
// Logs are empty, and any key and secret will do; keys that are asked for are made and forgotten.
//
// Realms. Their aliases may be written, and nothing else. The root realm is listed since AM 9.0. The agent type
// OAuth2Thing is empty before 8.1 and 404 since.
//
// Completeness (Options.Complete). IDM configuration that each real tenant has from the start answers by name where nobody
// seeded it, and is not listed.
package sim
