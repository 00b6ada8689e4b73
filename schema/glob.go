package schema

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"
)

// A Glob matches resources by realm/type/id, as in "alpha/script/experiment-*". "*" stands for any
// text within its part, and in the id for any text at all; "**" at the end stands for all that is
// below. The id's part is matched against the id and against the name that people know.
type Glob struct {
	text  string
	parts []string // realm, type, id; fewer when the glob ends in "**"
}

// idSlash stands for "/" within ids, so that path.Match does not stop there.
const idSlash = "\x1f"

// ParseGlob reads a glob.
func ParseGlob(s string) (Glob, error) {
	parts := strings.SplitN(s, "/", 3)
	if i := len(parts) - 1; parts[i] == "**" {
		parts = parts[:i]
	} else if len(parts) < 3 {
		return Glob{}, fmt.Errorf(`glob %q does not have the three parts realm/type/id, as in "alpha/script/experiment-*" or "alpha/**"`, s)
	}
	for i, p := range parts {
		if p == "" {
			return Glob{}, fmt.Errorf("glob %q has an empty part", s)
		}
		if _, err := path.Match(p, "x"); err != nil {
			return Glob{}, fmt.Errorf("glob %q has an unfinished [ or \\", s)
		}
		if i < 2 && strings.Contains(p, "**") {
			return Glob{}, fmt.Errorf(`glob %q has "**" before its end`, s)
		}
	}
	if len(parts) > 1 && !strings.ContainsAny(parts[1], `*?[\`) {
		if _, ok := TypeOf(parts[1]); !ok {
			err := fmt.Sprintf("glob %q names no type that Lockstep manages", s)
			if near := Suggest(parts[1], TypeNames()); near != "" {
				return Glob{}, fmt.Errorf("%s: did you mean %q?", err, near)
			}
			return Glob{}, errors.New(err + ": lockstep types lists them")
		}
	}
	if len(parts) == 3 {
		parts[2] = strings.ReplaceAll(parts[2], "/", idSlash)
	}
	return Glob{s, parts}, nil
}

func (g Glob) String() string { return g.text }

// MarshalText gives the glob as it was written.
func (g Glob) MarshalText() ([]byte, error) { return []byte(g.text), nil }

// Match says whether the glob names the resource with that key; name is what people call it, and may
// be empty.
func (g Glob) Match(k Key, name string) bool {
	if g.text == "" {
		return false
	}
	for i, have := range []string{cmp.Or(k.Realm, "global"), k.Type, k.ID}[:len(g.parts)] {
		if i == 2 {
			return g.matchID(have) || name != "" && g.matchID(name)
		}
		if ok, err := path.Match(g.parts[i], have); err != nil || !ok {
			return false
		}
	}
	return true
}

func (g Glob) matchID(id string) bool {
	ok, err := path.Match(g.parts[2], strings.ReplaceAll(id, "/", idSlash))
	return err == nil && ok
}
