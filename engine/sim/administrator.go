package sim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// An Administrator is the tenants' one administrator, who logs in with a name and a password: what clients of
// before service accounts do, and what makes service accounts. Without a password nobody logs in.
type Administrator struct{ Name, Password string }

const (
	administratorID   = "5a4db0c5-10c5-4e90-b0c5-5a4db0c5ad31"
	adminClient       = "idmAdminClient"
	platformRedirect  = "/platform/appAuthHelperRedirect.html"
	administratorLife = 3599 * time.Second // of a recorded token
	codeLife          = 2 * time.Minute    // of a code, AM's default
)

// A login is that of an administrator, from which codes are made: its name is the value of the cookie. A code is
// kept as one, too.
type login struct {
	expires           time.Time
	challenge, scopes string // of a code
}

// authenticate is the login of the root realm: with the password in two headers, as frodo has it, or in callbacks.
// There is no second factor. The journeys of the other realms can't be run.
func (t *Tenant) authenticate(r *request) *reply {
	admin := t.group.o.Administrator
	name, password := r.header.Get("X-OpenAM-Username"), r.header.Get("X-OpenAM-Password")
	body, _ := decodeObject(r.body) // the first request has none
	for _, v := range list(body["callbacks"]) {
		for _, in := range list(obj(v)["input"]) {
			switch obj(v)["type"] {
			case "NameCallback":
				name = str(obj(in)["value"])
			case "PasswordCallback":
				password = str(obj(in)["value"])
			}
		}
	}
	if name == "" && password == "" {
		callback := func(kind, prompt, id string) object {
			return object{"type": kind, "output": []any{object{"name": "prompt", "value": prompt}}, "input": []any{object{"name": id, "value": ""}}}
		}
		return ok(object{"authId": "eyJ" + strings.ReplaceAll(newUUID(), "-", ""),
			"callbacks": []any{callback("NameCallback", "User Name", "IDToken1"), callback("PasswordCallback", "Password", "IDToken2")}})
	}
	want, have := sha256.Sum256([]byte(admin.Name+"\x00"+admin.Password)), sha256.Sum256([]byte(name+"\x00"+password))
	if admin.Password == "" || subtle.ConstantTimeCompare(want[:], have[:]) != 1 {
		return refusal(http.StatusUnauthorized, "Authentication Failed")
	}
	id := t.newLogin(login{expires: t.now().Add(30 * time.Minute)})
	return ok(object{"tokenId": id, "successUrl": "/platform", "realm": "/"})
}

// newLogin keeps a login under a name of its own; nobody waits for those that are over.
func (t *Tenant) newLogin(s login) string {
	maps.DeleteFunc(t.logins, func(_ string, s login) bool { return !t.now().Before(s.expires) })
	id := strings.ReplaceAll(newUUID()+newUUID(), "-", "")
	t.logins[id] = s
	return id
}

// loggedIn tells a request with the cookie of a login.
func (t *Tenant) loggedIn(r *request) bool {
	for _, c := range (&http.Request{Header: r.header}).CookiesNamed(t.env.ssoCookie) {
		if s, found := t.logins[c.Value]; found && s.challenge == "" && t.now().Before(s.expires) {
			return true
		}
	}
	return false
}

// sessionActions tells of a login, and ends it.
func (t *Tenant) sessionActions(r *request) *reply {
	body, _ := decodeObject(r.body)
	id := str(body["tokenId"])
	s, found := t.logins[id]
	if !found || s.challenge != "" {
		return refusal(http.StatusUnauthorized, "Access Denied")
	}
	if r.isAction("logout") {
		delete(t.logins, id)
		return ok(object{"result": "Successfully logged out"})
	}
	now := t.now().UTC()
	return ok(object{"username": administratorID, "universalId": "id=" + administratorID + ",ou=user,ou=am-config", "realm": "/",
		"latestAccessTime": now.Format(time.RFC3339), "maxIdleExpirationTime": s.expires.UTC().Format(time.RFC3339),
		"maxSessionExpirationTime": now.Add(2 * time.Hour).Format(time.RFC3339), "properties": object{"AMCtxId": administratorID + "-1"}})
}

// authorizeCode makes a code for the administrators' own client, which is public: it needs a challenge.
func (t *Tenant) authorizeCode(r *request) *reply {
	form := r.query
	if r.method == http.MethodPost {
		var err error
		if form, err = url.ParseQuery(string(r.body)); err != nil {
			return oauthError("invalid_request", "The request body is not a form")
		}
	}
	if !t.loggedIn(r) {
		return refusal(http.StatusUnauthorized, "Access Denied")
	}
	if form.Get("client_id") != adminClient || form.Get("response_type") != "code" || form.Get("code_challenge") == "" || form.Get("code_challenge_method") != "S256" {
		return oauthError("invalid_request", "Only "+adminClient+" gets codes here, with a code_challenge of the method S256")
	}
	code := t.newLogin(login{expires: t.now().Add(codeLife), challenge: form.Get("code_challenge"), scopes: form.Get("scope")})
	q := url.Values{"code": {code}, "iss": {"https://" + r.host + "/am/oauth2"}, "client_id": {adminClient}}
	if state := form.Get("state"); state != "" {
		q.Set("state", state)
	}
	return (&reply{status: http.StatusFound}).header("Location", platformRedirect+"?"+q.Encode())
}

// grantCode changes a code for a token, once.
func (t *Tenant) grantCode(form url.Values) *reply {
	code := form.Get("code")
	s, found := t.logins[code]
	if found && s.challenge != "" {
		delete(t.logins, code)
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if !found || s.challenge == "" || !t.now().Before(s.expires) || s.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return oauthError("invalid_grant", "The provided access grant is invalid, expired, or revoked.")
	}
	scopes := slices.DeleteFunc(strings.Fields(s.scopes), func(scope string) bool {
		return scope != "openid" && !covers(t.group.account.scopes, scope)
	})
	a := t.newToken(token{scopes: scopes, account: administratorID}, administratorLife)
	if slices.Contains(scopes, "openid") {
		a.body.(object)["id_token"] = "eyJ" + strings.ReplaceAll(newUUID(), "-", "")
	}
	return a
}

// grantClient is the client_credentials grant of a realm's OAuth2 client. Its token opens IDM where a static user
// mapping of IDM's authentication names the client, and nothing else.
func (t *Tenant) grantClient(r *request, realm string, form url.Values) *reply {
	id, secret, basic := (&http.Request{Header: r.header}).BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	client, _ := t.store.get(realmRoot(realm) + "/realm-config/agents/OAuth2Client/" + escape(id))
	core := obj(client["coreOAuth2ClientConfig"])
	want := str(core["userpassword"])
	if id == "" || want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(secret)) != 1 {
		a := oauthError("invalid_client", "Client authentication failed")
		a.status = http.StatusUnauthorized
		return a
	}
	var granted []string
	for _, s := range list(core["scopes"]) {
		name, _, _ := strings.Cut(str(s), "|") // a title may follow
		granted = append(granted, name)
	}
	scopes := strings.Fields(form.Get("scope"))
	for _, s := range scopes {
		if !covers(granted, s) {
			return oauthError("invalid_scope", "Unknown/invalid scope(s): ["+s+"]")
		}
	}
	return t.newToken(token{scopes: scopes, account: id, client: true}, administratorLife)
}

// mapped tells a client that IDM takes for one of its users.
func (t *Tenant) mapped(client string) bool {
	o, _ := t.store.get(configKey("authentication"))
	return slices.ContainsFunc(list(obj(o["rsFilter"])["staticUserMapping"]), func(v any) bool { return obj(v)["subject"] == client })
}

// createAccount makes a service account, as administrators do.
func (t *Tenant) createAccount(r *request) *reply {
	if r.account != administratorID {
		return refusal(http.StatusForbidden, "Access denied")
	}
	body, a := jsonBody(r)
	if a != nil {
		return a
	}
	id := newUUID()
	key := "/openidm/managed/svcacct/" + id
	t.store.put(key, with(body, "_id", id, "_rev", t.nextRev()))
	o, _ := t.store.get(key)
	a = tagged(ok(o)).header("Location", key)
	a.status = http.StatusCreated
	return a
}
