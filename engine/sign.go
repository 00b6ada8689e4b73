package engine

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// SignatureNamespace binds a signature to its purpose, as `ssh-keygen -Y sign -n` does: one made for a git
// commit or a mail is none on a plan.
const SignatureNamespace = "lockstep-plan"

// A SignatureError says why a plan's signatures do not suffice.
type SignatureError struct{ What string }

func (e *SignatureError) Error() string { return e.What }

// SignPlan signs a plan file's bytes with a private key: of OpenSSH, or an Ed25519 (or other) key in PEM. The
// answer is an armored SSH signature; `ssh-keygen -Y verify -n lockstep-plan` checks it, too. ask is called
// for the passphrase of a key that has one; it may be nil.
func SignPlan(plan, key []byte, ask func() ([]byte, error)) ([]byte, error) {
	signer, err := ssh.ParsePrivateKey(key)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if ask == nil {
			return nil, errors.New("the key has a passphrase, and there is no terminal to ask for it on; sign with ssh-keygen -Y sign -n " + SignatureNamespace + ", which knows the agent")
		}
		pass, aerr := ask()
		if aerr != nil {
			return nil, aerr
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(key, pass)
	}
	if err != nil {
		// The library's own text may repeat parts of the file.
		return nil, errors.New("the key can't be read: it must be a private key of OpenSSH, or Ed25519 in PEM (PKCS #8)")
	}
	sig, err := sshsig.Sign(bytes.NewReader(plan), signer, sshsig.HashSHA512, SignatureNamespace)
	if err != nil {
		return nil, fmt.Errorf("sign the plan: %w", err)
	}
	return sshsig.Armor(sig), nil
}

// A Signer is somebody whose signature counts, as a line of an allowed_signers file says (ssh-keygen(1)).
type Signer struct {
	Principals         []string // patterns: "ann@acme.example", "*@acme.example"
	Key                ssh.PublicKey
	After, Until       time.Time // zero: always
	Line               int
	CertAuthority      bool
	wrongNamespaceOnly bool
}

// ParseSigners reads an allowed_signers file. name is the file's, for errors.
func ParseSigners(name string, data []byte) ([]Signer, error) {
	var out []Signer
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		fail := func(what string) ([]Signer, error) { return nil, fmt.Errorf("%s:%d: %s", name, n, what) }
		who, rest, found := strings.Cut(text, " ")
		if !found {
			return fail("a line has who, and then a public key: ann@acme.example ssh-ed25519 AAAA…")
		}
		key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(rest)))
		if err != nil {
			return fail("the public key can't be read; it looks like: ann@acme.example ssh-ed25519 AAAA…")
		}
		s := Signer{Principals: strings.Split(strings.Trim(who, `"`), ","), Key: key, Line: n}
		if err := s.options(options); err != nil {
			return fail(err.Error())
		}
		if !s.wrongNamespaceOnly {
			out = append(out, s)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return out, nil
}

// options reads a line's options. One that is not known could be a limit, and is refused.
func (s *Signer) options(options []string) error {
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		value = strings.Trim(value, `"`)
		var err error
		switch strings.ToLower(name) {
		case "namespaces":
			match := func(p string) bool { ok, merr := path.Match(p, SignatureNamespace); return ok && merr == nil }
			s.wrongNamespaceOnly = !slices.ContainsFunc(strings.Split(value, ","), match)
		case "valid-after":
			s.After, err = signerTime(value)
		case "valid-before":
			s.Until, err = signerTime(value)
		case "cert-authority":
			return errors.New("certificates of an authority are not read here; name the keys themselves")
		default:
			return fmt.Errorf("the option %q is not known", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// signerTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS; with a Z behind it is UTC, else local time.
func signerTime(s string) (time.Time, error) {
	zone := time.Local
	if t, ok := strings.CutSuffix(s, "Z"); ok {
		s, zone = t, time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(s) == len(layout) {
			if t, err := time.ParseInLocation(layout, s, zone); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time as in 20261231", s)
}

// Signed says who signed the plan's bytes: the principal of the allowed signer whose key it was. The error
// says why the signature doesn't count.
func Signed(plan, signature []byte, signers []Signer, now time.Time) (who string, err error) {
	sig, err := sshsig.Unarmor(signature)
	if err != nil {
		return "", &SignatureError{"it is no SSH signature"}
	}
	print := ssh.FingerprintSHA256(sig.PublicKey)
	for _, s := range signers {
		if !bytes.Equal(s.Key.Marshal(), sig.PublicKey.Marshal()) {
			continue
		}
		who = s.Principals[0]
		if !s.After.IsZero() && now.Before(s.After) || !s.Until.IsZero() && !now.Before(s.Until) {
			return "", &SignatureError{fmt.Sprintf("the key of %s (%s) is not valid at this time", who, print)}
		}
		if err := sshsig.Verify(bytes.NewReader(plan), sig, s.Key, sig.HashAlgorithm, SignatureNamespace); err != nil {
			return "", &SignatureError{fmt.Sprintf("it is of %s, and of something else than this plan", who)}
		}
		return who, nil
	}
	return "", &SignatureError{fmt.Sprintf("the key %s is not one of the allowed signers", print)}
}
