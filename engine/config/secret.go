package config

import (
	"bytes"
	"fmt"
	"log/slog"
)

const hidden = "***"

// A Secret is a value that must not be shown. Whatever prints, formats, logs or encodes it gets "***";
// only Reveal gives the value. The zero Secret holds nothing.
type Secret struct {
	// A function, so that fmt finds no bytes even where it can't call Format (in unexported fields) and
	// follows pointers (a bad verb).
	reveal func() []byte
}

// NewSecret wraps a copy of b.
func NewSecret(b []byte) Secret {
	c := bytes.Clone(b)
	return Secret{func() []byte { return bytes.Clone(c) }}
}

// IsZero says whether it holds no value at all.
func (s Secret) IsZero() bool { return s.reveal == nil }

// Reveal gives a copy of the value; nil when there is none.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// String says ***.
func (s Secret) String() string { return hidden }

// GoString says ***.
func (s Secret) GoString() string { return hidden }

// Format says *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// MarshalJSON says ***.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText says ***.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalYAML says ***.
func (s Secret) MarshalYAML() (any, error) { return hidden, nil }

// LogValue says ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
