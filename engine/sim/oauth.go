package sim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A ServiceAccount is what a client needs to get tokens of every tenant of a
// group: its id, and its private RSA key as a JSON Web Key.
type ServiceAccount struct {
	ID  string
	JWK []byte
}

// ServiceAccount returns the group's account.
func (g *Group) ServiceAccount() ServiceAccount {
	return ServiceAccount{ID: g.account.id, JWK: slices.Clone(g.account.jwk)}
}

// Scopes lists the service account's scopes.
func (g *Group) Scopes() []string { return slices.Clone(g.account.scopes) }

type account struct {
	id, name string
	key      *rsa.PrivateKey
	jwk      []byte
	scopes   []string
}

// tokenLife is what every recorded grant of a service account said.
const tokenLife = 899 * time.Second

type token struct {
	scopes  []string
	expires time.Time
	account string // whose it is; empty for the group's service account
	client  bool   // of an OAuth2 client
}

func newAccount(o Options) (account, error) {
	a := account{id: o.AccountID, name: "lockstep-sandbox", key: o.Key, scopes: o.Scopes}
	if a.id == "" {
		a.id = newUUID()
	}
	if a.key == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return account{}, fmt.Errorf("make the service account's key: %w", err)
		}
		a.key = key
	}
	a.key.Precompute()
	jwk := publicJWK(&a.key.PublicKey)
	for name, n := range map[string]*big.Int{
		"d": a.key.D, "p": a.key.Primes[0], "q": a.key.Primes[1],
		"dp": a.key.Precomputed.Dp, "dq": a.key.Precomputed.Dq, "qi": a.key.Precomputed.Qinv,
	} {
		jwk[name] = base64.RawURLEncoding.EncodeToString(n.Bytes())
	}
	a.jwk = encode(jwk)
	return a, nil
}

func publicJWK(k *rsa.PublicKey) object {
	return object{"kty": "RSA", "alg": "RS256", "use": "sig",
		"n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes())}
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand says
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func oauthError(name, description string) *reply {
	return &reply{status: http.StatusBadRequest, kind: amType,
		body: object{"error": name, "error_description": description}}
}

// serveOAuth serves the token endpoints, of the root realm and of the others: rest stands behind /am/oauth2.
func (t *Tenant) serveOAuth(r *request, rest []string) *reply {
	realm := "/"
	if len(rest) > 2 && rest[0] == "realms" && rest[1] == "root" {
		for rest = rest[2:]; len(rest) > 2 && rest[0] == "realms"; rest = rest[2:] {
			realm = strings.TrimSuffix(realm, "/") + "/" + rest[1]
		}
	} else if len(rest) == 2 {
		realm, rest = "/"+rest[0], rest[1:]
	}
	switch {
	case len(rest) != 1:
	case rest[0] == "access_token" && r.method == http.MethodPost:
		return t.grant(r, realm)
	case rest[0] == "authorize" && realm == "/" && (r.method == http.MethodPost || r.method == http.MethodGet):
		return t.authorizeCode(r)
	}
	return unknown(r)
}

func (t *Tenant) grant(r *request, realm string) *reply {
	form, err := url.ParseQuery(string(r.body))
	if err != nil {
		return oauthError("invalid_request", "The request body is not a form")
	}
	switch kind := form.Get("grant_type"); {
	case kind == "urn:ietf:params:oauth:grant-type:jwt-bearer" && realm == "/":
		return t.grantAccount(r, form)
	case kind == "authorization_code" && realm == "/":
		return t.grantCode(form)
	case kind == "client_credentials":
		return t.grantClient(r, realm, form)
	default:
		return oauthError("unsupported_grant_type", "Grant type is not supported: "+kind)
	}
}

// grantAccount is the jwt-bearer grant of a service account. An assertion may be used again: frodo does so after
// invalid_scope.
func (t *Tenant) grantAccount(r *request, form url.Values) *reply {
	if form.Get("client_id") != "service-account" {
		return oauthError("invalid_client", "Client authentication failed")
	}
	account, granted, a := t.verify(r, form.Get("assertion"))
	if a != nil {
		return a
	}
	scopes := strings.Fields(form.Get("scope"))
	if len(scopes) == 0 {
		scopes = granted
	}
	var refused []string
	for _, s := range scopes {
		if s == "fr:idc:ccc:*" { // what direct configuration was called before 2026
			s = "fr:idc:direct-configuration:session:*"
		}
		if !covers(granted, s) {
			refused = append(refused, s)
		}
	}
	if len(refused) > 0 {
		return oauthError("invalid_scope", "Unsupported scope for service account: "+strings.Join(refused, ","))
	}
	return t.newToken(token{scopes: slices.Compact(slices.Sorted(slices.Values(scopes))), account: account}, tokenLife)
}

// newToken keeps a token, and is the answer that gives it.
func (t *Tenant) newToken(k token, life time.Duration) *reply {
	value := "eyJ" + strings.ReplaceAll(newUUID()+newUUID(), "-", "")
	if len(t.tokens) >= 1000 { // nobody waits for those that are over
		maps.DeleteFunc(t.tokens, func(_ string, k token) bool { return !t.now().Before(k.expires) })
	}
	k.expires = t.now().Add(life)
	t.tokens[value] = k
	a := &reply{status: http.StatusOK, kind: amType, body: object{
		"access_token": value, "scope": strings.Join(k.scopes, " "), "token_type": "Bearer",
		"expires_in": int(life / time.Second)}}
	return a.header("Cache-Control", "no-store").header("Pragma", "no-cache")
}

// accountKeys are the keys and the scopes of a service account: the group's, or one that an administrator made.
func (t *Tenant) accountKeys(id string) ([]*rsa.PublicKey, []string) {
	if id == t.group.account.id {
		return []*rsa.PublicKey{&t.group.account.key.PublicKey}, t.group.account.scopes
	}
	o, found := t.store.get("/openidm/managed/svcacct/" + escape(id))
	if !found || id == "" {
		return nil, nil
	}
	var keys []*rsa.PublicKey
	jwks, _ := decodeObject([]byte(str(o["jwks"])))
	for _, k := range list(jwks["keys"]) {
		n, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(str(obj(k)["n"]), "="))
		e, err2 := base64.RawURLEncoding.DecodeString(str(obj(k)["e"]))
		if exponent := new(big.Int).SetBytes(e); err == nil && err2 == nil && len(n) > 0 && len(n) <= 2048 && exponent.BitLen() < 32 {
			keys = append(keys, &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent.Int64())})
		}
	}
	var scopes []string
	for _, s := range list(o["scopes"]) {
		scopes = append(scopes, str(s))
	}
	return keys, scopes
}

// verify checks an assertion: RS256 with the account's key, issuer and subject,
// audience, and time. The texts are the simulator's own; none is recorded.
func (t *Tenant) verify(r *request, assertion string) (account string, scopes []string, _ *reply) {
	invalid := func(text string) (string, []string, *reply) { return "", nil, oauthError("invalid_grant", text) }
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return invalid("Assertion is not a signed JWT")
	}
	var header struct{ Alg string }
	var claims struct {
		Iss, Sub string
		Aud      json.RawMessage
		Exp      json.Number
	}
	if decodePart(parts[0], &header) != nil || decodePart(parts[1], &claims) != nil {
		return invalid("Assertion is not a signed JWT")
	}
	keys, scopes := t.accountKeys(claims.Iss)
	if len(keys) == 0 || claims.Sub != claims.Iss {
		return "", nil, oauthError("invalid_client", "Service account not found")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || header.Alg != "RS256" || !slices.ContainsFunc(keys, func(k *rsa.PublicKey) bool {
		return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	}) {
		return invalid("JWT signature is invalid")
	}
	seconds, err := claims.Exp.Float64()
	if err != nil || !t.now().Before(time.UnixMilli(int64(seconds*1000))) {
		return invalid("JWT has expired or is not valid")
	}
	var one string
	var many []string
	if json.Unmarshal(claims.Aud, &one) == nil {
		many = []string{one}
	} else if json.Unmarshal(claims.Aud, &many) != nil {
		many = nil
	}
	if !slices.ContainsFunc(many, func(aud string) bool { return isAudience(aud, r.host) }) {
		return invalid("JWT audience is not the token endpoint")
	}
	return claims.Iss, scopes, nil
}

func decodePart(part string, v any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// isAudience accepts the token endpoint of the host that was asked, with its port,
// with :443 or with none: frodo and fr-config-manager differ in it. Frodo puts the
// port behind an origin that names it already, where it is not the scheme's own, as
// it never is on loopback.
func isAudience(aud, host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, ""
	} else {
		aud = strings.Replace(aud, ":"+port+":"+port, ":"+port, 1)
	}
	u, err := url.Parse(aud)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return false
	}
	if strings.TrimSuffix(u.Path, "/") != "/am/oauth2/access_token" {
		return false
	}
	return strings.EqualFold(u.Hostname(), strings.Trim(name, "[]")) &&
		(u.Port() == "" || u.Port() == port || u.Port() == "443")
}

// covers tells whether one of the granted scopes is the wanted one or its parent,
// as fr:idc:esv:* is of fr:idc:esv:read.
func covers(granted []string, want string) bool {
	return slices.ContainsFunc(granted, func(g string) bool {
		family, ok := strings.CutSuffix(g, "*")
		return g == want || ok && strings.HasPrefix(want, family)
	})
}

// authorize checks the bearer token and its scope; an empty scope asks for any
// token. AM takes the cookie of a login, too, and so does what tells of the environment.
func (t *Tenant) authorize(r *request, scope string) *reply {
	if r.header.Get("Authorization") == "" && (r.segs[0] == "am" || r.path == "/environment/info") && t.loggedIn(r) {
		r.account = administratorID
		return nil
	}
	value, ok := strings.CutPrefix(r.header.Get("Authorization"), "Bearer ")
	tok, known := t.tokens[strings.TrimSpace(value)]
	if !ok || !known || !t.now().Before(tok.expires) {
		return unauthorized(r)
	}
	if tok.account == administratorID && r.segs[0] == "environment" && slices.Contains(tok.scopes, "fr:idm:*") {
		scope = "" // clients of 2022 ask for no other scope
	}
	if scope != "" && (!covers(tok.scopes, scope) || tok.client && (r.segs[0] != "openidm" || !t.mapped(tok.account))) {
		if r.segs[0] == "environment" {
			return envRefusal(http.StatusForbidden, "forbidden")
		}
		return refusal(http.StatusForbidden, "Access denied")
	}
	r.account = orDefault(tok.account, t.group.account.id)
	return nil
}

func unauthorized(r *request) *reply {
	if strings.HasPrefix(r.path, "/environment") {
		return envRefusal(http.StatusUnauthorized, "unauthorized")
	}
	return refusal(http.StatusUnauthorized, "Access Denied")
}

// scopeList is the answer of /environment/scopes/service-accounts: the recorded
// list of a tenant without governance, with direct configuration as in newer ones.
func scopeList(governance bool) []any {
	families := []struct{ name, description, read string }{
		{"fr:am:*", "All Access Management APIs", ""},
		{"fr:autoaccess:*", "All Auto Access APIs", ""},
		{"fr:idc:analytics:*", "All Analytics APIs", ""},
		{"fr:idc:certificate:*", "All TLS certificate APIs", "Read TLS certificates"},
		{"fr:idc:content-security-policy:*", "All content security policy APIs", "Read content security policy"},
		{"fr:idc:cookie-domain:*", "All cookie domain APIs", "Read cookie domains"},
		{"fr:idc:custom-domain:*", "All custom domain APIs", "Read custom domains"},
		{"fr:idc:dataset:*", "All dataset deletion APIs", "Read dataset deletions"},
		{"fr:idc:direct-configuration:session:*", "All direct configuration session APIs", "Read direct configuration session state"},
		{"fr:idc:esv:*", "All ESV APIs", "Read ESVs, excluding values of secrets"},
		{"fr:idc:promotion:*", "All configuration promotion APIs", "Read configuration promotion"},
		{"fr:idc:proxy-connect:*", "All proxy connect APIs", ""},
		{"fr:idc:release:*", "All product release APIs", "Read product release"},
		{"fr:idc:sso-cookie:*", "All SSO cookie APIs", "Read SSO cookie"},
		{"fr:idc:telemetry:*", "All telemetry APIs", "Read telemetry"},
		{"fr:idc:ws:admin", "All PingFederate APIs", ""},
		{"fr:idm:*", "All Identity Management APIs", ""},
		{"fr:iga:*", "All Governance APIs", ""},
	}
	var l []any
	for _, f := range families {
		if f.name == "fr:iga:*" && !governance {
			continue
		}
		o := object{"scope": f.name, "description": f.description}
		prefix := strings.TrimSuffix(f.name, "*")
		if f.read != "" {
			children := []any{object{"scope": prefix + "read", "description": f.read}}
			if f.name == "fr:idc:esv:*" {
				children = append(children,
					object{"scope": prefix + "update", "description": "Create, modify, and delete ESVs"},
					object{"scope": prefix + "restart", "description": "Restart workloads that consume ESVs"})
			}
			o["childScopes"] = children
		}
		l = append(l, o)
	}
	return l
}

func allScopes(governance bool) []string {
	var l []string
	for _, s := range scopeList(governance) {
		l = append(l, str(obj(s)["scope"]))
	}
	return l
}

// serverInfo answers the two probes every client starts with; only the first is
// open to all.
func (t *Tenant) serverInfo(r *request, what string) *reply {
	var o object
	switch what {
	case "*":
		o = object{"_id": "*", "domains": []any{}, "protectedUserAttributes": []any{"telephoneNumber", "mail"},
			"cookieName": t.env.ssoCookie, "secureCookie": true, "forgotPassword": "false", "forgotUsername": "false",
			"kbaEnabled": "false", "selfRegistration": "false", "lang": "en-US",
			"successfulUserRegistrationDestination": "default", "socialImplementations": []any{},
			"referralsEnabled": "false", "zeroPageLogin": object{"enabled": false, "refererWhitelist": []any{}, "allowedWithoutReferer": true},
			"realm": "/", "xuiUserSessionValidationEnabled": true, "fileBasedConfiguration": true,
			"userIdAttributes": []any{}, "cloudOnlyFeaturesEnabled": true}
	case "version":
		if a := t.authorize(r, ""); a != nil {
			return a
		}
		v := t.group.o.AMVersion
		const revision, date = "0000000000000000000000000000000000000000", "2026-May-04 09:53"
		o = object{"_id": "version", "version": v, "revision": revision, "date": date,
			"fullVersion": "ForgeRock Access Management " + v + " Build " + revision + " (" + date + ")"}
	default:
		return unknown(r)
	}
	if r.method != http.MethodGet {
		return notAllowed(r)
	}
	o["_rev"] = revision(o)
	return (&reply{status: http.StatusOK, kind: amType, body: o}).header("ETag", `"`+str(o["_rev"])+`"`)
}
