package sim_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// A real tenant, or one of somebody else's simulators, is held against the recordings,
// too, when it is named:
//
//	SIM_TENANT_URL      https://openam-acme-dev.forgeblocks.com
//	SIM_TENANT_SA_ID    a service account with fr:am:* fr:idm:* fr:idc:esv:*
//	SIM_TENANT_SA_KEY   file of its key as a JSON Web Key
//	SIM_TENANT_WRITE=1  also make, change and delete objects of names of their own
//
// Without them, a tenant of the simulator stands in, reached as a real one is.
func contractTenant(t *testing.T) (c *client, write bool) {
	t.Helper()
	address := os.Getenv("SIM_TENANT_URL")
	if address != "" {
		raw, err := os.ReadFile(os.Getenv("SIM_TENANT_SA_KEY"))
		if err != nil {
			t.Fatal(err)
		}
		return &client{t: t, base: strings.TrimSuffix(address, "/"), id: os.Getenv("SIM_TENANT_SA_ID"), key: readJWK(t, raw)}, os.Getenv("SIM_TENANT_WRITE") == "1"
	}
	g, err := sim.NewGroup(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Tenant("development"))
	t.Cleanup(server.Close)
	account := g.ServiceAccount()
	return &client{t: t, base: server.URL, id: account.ID, key: readJWK(t, account.JWK)}, true
}

func readJWK(t *testing.T, raw []byte) *rsa.PrivateKey {
	t.Helper()
	var k map[string]any
	if err := json.Unmarshal(raw, &k); err != nil {
		t.Fatal(err)
	}
	part := func(name string) *big.Int {
		text, _ := k[name].(string)
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(b) == 0 {
			t.Fatalf("the key has no %s", name)
		}
		return new(big.Int).SetBytes(b)
	}
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: part("n"), E: int(part("e").Int64())}, D: part("d"), Primes: []*big.Int{part("p"), part("q")}}
	key.Precompute()
	return key
}

// TestContract asks a tenant the recorded questions that need no state, and compares
// the shape of its answers; then it writes, reads and deletes one object of each kind.
func TestContract(t *testing.T) {
	c, write := contractTenant(t)
	c.login("fr:am:*", "fr:idm:*", "fr:idc:esv:*")
	t.Run("recorded questions", func(t *testing.T) { askRecorded(t, c) })
	if !write {
		t.Log("SIM_TENANT_WRITE is not 1: nothing was written")
		return
	}
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		t.Fatal(err)
	}
	name := "lockstep-contract-" + hex.EncodeToString(b[:])
	for _, s := range []surface{
		{kind: "script", path: alpha + "/scripts/" + "00000000-0000-4000-8000-" + hex.EncodeToString(b[:]), body: script(name, "1")},
		{kind: "node", path: nodes + "MessageNode/" + name, body: m{"message": m{"en": "hello"}, "messageYes": m{}, "messageNo": m{}}},
		{kind: "endpoint", path: config + "endpoint/" + name, body: m{"type": "text/javascript", "source": "1"}},
		{kind: "email template", path: config + "emailTemplate/" + name, body: m{"defaultLocale": "en", "enabled": true, "subject": m{"en": "s"}, "message": m{"en": "m"}}},
		{kind: "secret mapping", path: mappings + "/am.services.oauth2.oidc.signing.RSA." + name, body: m{"aliases": []any{"esv-" + name}}},
		{kind: "variable", path: variables + "esv-" + name, body: m{"valueBase64": b64("1"), "expressionType": "int"}, made: 200},
	} {
		t.Run(s.kind, func(t *testing.T) {
			c := *c
			c.t = t
			made := s.made
			if made == 0 {
				made = 201
			}
			c.want(404, "GET", s.path, nil)
			c.want(made, "PUT", s.path, s.body)
			first := c.want(200, "GET", s.path, nil)
			c.want(200, "PUT", s.path, s.body)
			again := c.want(200, "GET", s.path, nil)
			for _, tag := range []string{"_id", "_rev"} {
				if s.kind != "script" && first.str(tag) != again.str(tag) {
					t.Errorf("the same content has %s %q and then %q", tag, first.str(tag), again.str(tag))
				}
			}
			c.want(200, "DELETE", s.path, nil)
			c.want(404, "GET", s.path, nil)
		})
	}
}

// askRecorded sends the lists and probes that were recorded with 200, each once, and
// compares status, envelope and types, not what a tenant happens to hold.
func askRecorded(t *testing.T, c *client) {
	dir := corpus(t, "recordings")
	asked := map[string]bool{}
	for _, file := range areas() {
		readLines(t, filepath.Join(dir, file+".jsonl"), func(e exchange) {
			question := e.Method + " " + e.Path + "?" + e.Query
			reads := e.Method == "GET" && (strings.Contains(e.Query, "_queryFilter=true") || strings.HasPrefix(e.Path, "/am/json/serverinfo/") ||
				strings.HasPrefix(e.Path, "/environment/") && strings.Count(e.Path, "/") == 2) || strings.Contains(e.Query, "nextdescendents")
			if !reads || e.Status != 200 && e.Status != 403 || asked[question] || strings.Contains(e.Path, "/users/") ||
				strings.HasPrefix(e.Path, "/monitoring") || strings.HasSuffix(e.Path, "/privileges") || strings.Contains(e.Path, "TNTPPing") {
				return
			}
			asked[question] = true
			copied := *c
			copied.t = t
			var header []string
			if e.AcceptAPIVersion != "" {
				header = append(header, "Accept-API-Version", e.AcceptAPIVersion)
			}
			a := copied.do(e.Method, e.Path+"?"+e.Query, nil, header...)
			switch {
			case a.status == 404 && strings.Contains(e.Path, "/services/"), a.status == 403:
				return // a service the tenant has not; a scope the account has not
			case a.status != e.Status:
				t.Errorf("%s: status %d, recorded %d: %.200s", question, a.status, e.Status, a.text)
				return
			}
			for name, want := range e.response() {
				if got, found := a.object()[name]; strings.HasPrefix(e.Path, "/am/json/serverinfo") || name == "channel" {
					continue
				} else if !found || kindOf(got) != kindOf(want) && want != nil && got != nil {
					t.Errorf("%s: %s is %s, recorded %s", question, name, short(got), short(want))
				}
			}
		})
	}
	if len(asked) < 40 {
		t.Errorf("only %d questions were asked: %v", len(asked), slices.Sorted(maps.Keys(asked)))
	}
	t.Logf("%d questions asked", len(asked))
}
