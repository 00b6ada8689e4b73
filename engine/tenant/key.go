package tenant

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// parseKey reads a service account's private key: a JWK, or PEM. Its errors hold nothing of the key, not
// even the parsers' words, which may quote what they stumbled over.
func parseKey(data []byte) (*rsa.PrivateKey, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	switch {
	case len(data) == 0:
		return nil, errors.New("no private key: give the JWK that was downloaded when the account was made, or its PEM")
	case data[0] == '{':
		return parseJWK(data)
	case bytes.HasPrefix(data, []byte("-----BEGIN")):
		return parsePEM(data)
	}
	return nil, errors.New("the private key is neither a JWK (a JSON object) nor PEM (-----BEGIN …): was a path given where the key itself is due?")
}

func parseJWK(data []byte) (*rsa.PrivateKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(data, &set) == nil && len(set.Keys) > 0 {
		if len(set.Keys) > 1 {
			return nil, fmt.Errorf("the private key is a set of %d JWKs: give one", len(set.Keys))
		}
		data = set.Keys[0]
	}
	var k jose.JSONWebKey
	if k.UnmarshalJSON(data) != nil {
		return nil, errors.New("the private key is not a valid JWK: it may be cut off or changed")
	}
	return rsaKey(k.Key)
}

func parsePEM(data []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("the private key is not valid PEM: it may be cut off, or its line ends lost")
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, errors.New("the private key is protected by a pass phrase: give it without")
		}
		k, err := x509.ParsePKCS1PrivateKey(block.Bytes)
		if err != nil {
			// fr-config-manager takes PKCS #8 under this header.
			if k8, err8 := x509.ParsePKCS8PrivateKey(block.Bytes); err8 == nil {
				return rsaKey(k8)
			}
			return nil, errors.New("the private key is not a valid PKCS #1 key: it may be cut off or changed")
		}
		return rsaKey(k)
	case "PRIVATE KEY":
		k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, errors.New("the private key is not a valid PKCS #8 key: it may be cut off or changed")
		}
		return rsaKey(k)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the private key is protected by a pass phrase: give it without")
	}
	return nil, fmt.Errorf("the private key is a PEM block %q: want \"PRIVATE KEY\" or \"RSA PRIVATE KEY\"", block.Type)
}

func rsaKey(k any) (*rsa.PrivateKey, error) {
	switch k := k.(type) {
	case *rsa.PrivateKey:
		if k.Validate() != nil {
			return nil, errors.New("the private key is damaged: its numbers don't fit together")
		}
		return k, nil
	case *rsa.PublicKey:
		return nil, errors.New("this is a public key: the private one is needed, with the member \"d\"")
	}
	return nil, errors.New("the private key is not RSA, which service accounts need")
}
