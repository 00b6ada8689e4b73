package engine_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/lockstep-gitops/lockstep/engine"
)

// keyPair is a new Ed25519 key: in OpenSSH's form, in PEM (PKCS #8), and its public half.
func keyPair(t testing.TB) (open, pkcs8 []byte, public string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "test")
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sshPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPub)))
}

func TestSigned(t *testing.T) {
	plan := []byte(`{"format":1}` + "\n")
	annKey, annPEM, ann := keyPair(t)
	bobKey, _, bob := keyPair(t)
	signers := func(text string) []engine.Signer {
		t.Helper()
		s, err := engine.ParseSigners("signers", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sign := func(data, key []byte) []byte {
		t.Helper()
		s, err := engine.SignPlan(data, key, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name    string
		sig     []byte
		signers string
		who     string
		err     string
	}{
		{"an OpenSSH key", sign(plan, annKey), "# who may\n\nann@acme.example " + ann + " comment\n", "ann@acme.example", ""},
		{"Ed25519 in PEM", sign(plan, annPEM), "ann@acme.example,boss " + ann, "ann@acme.example", ""},
		{"the second of two", sign(plan, bobKey), "ann " + ann + "\nbob " + bob, "bob", ""},
		{"for our purpose", sign(plan, annKey), `ann namespaces="git,lockstep-*" ` + ann, "ann", ""},
		{"for another purpose", sign(plan, annKey), `ann namespaces="git" ` + ann, "", "not one of the allowed signers"},
		{"still valid", sign(plan, annKey), `ann valid-before="20261123Z" ` + ann, "ann", ""},
		{"no longer valid", sign(plan, annKey), `ann valid-before="20261122Z" ` + ann, "", "not valid at this time"},
		{"not yet valid", sign(plan, annKey), `ann valid-after="202611221300Z" ` + ann, "", "not valid at this time"},
		{"somebody else", sign(plan, bobKey), "ann " + ann, "", "is not one of the allowed signers"},
		{"another plan", sign([]byte("{}"), annKey), "ann " + ann, "", "of something else than this plan"},
		{"no signature", []byte("hello"), "ann " + ann, "", "no SSH signature"},
		{"nobody is allowed", sign(plan, annKey), "", "", "is not one of the allowed signers"},
	} {
		who, err := engine.Signed(plan, tc.sig, signers(tc.signers), now)
		var serr *engine.SignatureError
		if who != tc.who || (err != nil) != (tc.err != "") || err != nil && (!errors.As(err, &serr) || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%s: %q, %v", tc.name, who, err)
		}
	}
	for text, want := range map[string]string{
		"ann":                               "signers:1: a line has who",
		"# x\nann ssh-ed25519 nokey":        "signers:2: the public key can't be read",
		"ann cert-authority " + ann:         "certificates",
		"ann no-such-option " + ann:         `the option "no-such-option" is not known`,
		`ann valid-after="tomorrow" ` + ann: `"tomorrow" is no time`,
	} {
		if _, err := engine.ParseSigners("signers", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := engine.SignPlan(plan, []byte("hush-hush"), nil); err == nil || strings.Contains(err.Error(), "hush-hush") {
		t.Errorf("got %v", err)
	}
}

// What is signed here verifies with ssh-keygen, and the other way round.
func TestSignaturesOfSSHKeygen(t *testing.T) {
	program, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("no ssh-keygen here")
	}
	dir := t.TempDir()
	key, _, public := keyPair(t)
	write := func(name string, data []byte) string {
		t.Helper()
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	plan := []byte("{}\n")
	sig, err := engine.SignPlan(plan, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, keyFile := write("plan.json", plan), write("key", key)
	allowed, ours := write("signers", []byte("ann "+public+"\n")), write("ours.sig", sig)
	verify := exec.Command(program, "-Y", "verify", "-f", allowed, "-I", "ann", "-n", engine.SignatureNamespace, "-s", ours)
	verify.Stdin = strings.NewReader(string(plan))
	if out, err := verify.CombinedOutput(); err != nil {
		t.Errorf("ssh-keygen doesn't take our signature: %v, %s", err, out)
	}
	if out, err := exec.Command(program, "-Y", "sign", "-n", engine.SignatureNamespace, "-f", keyFile, file).CombinedOutput(); err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	theirs, err := os.ReadFile(file + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	signers, err := engine.ParseSigners("signers", []byte("ann "+public))
	if err != nil {
		t.Fatal(err)
	}
	if who, err := engine.Signed(plan, theirs, signers, time.Now()); who != "ann" || err != nil {
		t.Errorf("%q, %v", who, err)
	}
}

func FuzzParseSigners(f *testing.F) {
	_, _, public := keyPair(f)
	f.Add("ann " + public)
	f.Add(`*@acme.example namespaces="lockstep-plan",valid-before="20271231" ` + public + "\n# comment\n")
	f.Fuzz(func(t *testing.T, text string) {
		signers, err := engine.ParseSigners("signers", []byte(text))
		for _, s := range signers {
			if err == nil && (s.Key == nil || len(s.Principals) == 0) {
				t.Errorf("%+v", s)
			}
		}
	})
}
