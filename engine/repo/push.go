package repo

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// An Update is one reference that a push changes.
type Update struct {
	LocalRef  string // "refs/heads/main", or "(delete)"; empty in a receiving hook
	LocalOID  string // what the reference will be; zeros when it is deleted
	RemoteRef string
	RemoteOID string // what it was; zeros when it is new
}

// Deletes says whether the reference goes away.
func (u Update) Deletes() bool { return strings.Trim(u.LocalOID, "0") == "" }

// Creates says whether the reference is new.
func (u Update) Creates() bool { return strings.Trim(u.RemoteOID, "0") == "" }

// ReadPushLines reads what git feeds to a pre-push hook, a line a reference:
//
//	<local ref> <local oid> <remote ref> <remote oid>
func ReadPushLines(r io.Reader) ([]Update, error) {
	return readLines(r, "<local ref> <local oid> <remote ref> <remote oid>", func(f []string) (Update, bool) {
		if len(f) != 4 {
			return Update{}, false
		}
		u := Update{LocalRef: f[0], LocalOID: f[1], RemoteRef: f[2], RemoteOID: f[3]}
		return u, isRef(f[0], true) && isRef(f[2], false)
	})
}

// ReadReceiveLines reads what git feeds to a pre-receive hook: <old oid> <new oid> <ref>.
func ReadReceiveLines(r io.Reader) ([]Update, error) {
	return readLines(r, "<old oid> <new oid> <ref>", func(f []string) (Update, bool) {
		if len(f) != 3 {
			return Update{}, false
		}
		return Update{RemoteOID: f[0], LocalOID: f[1], RemoteRef: f[2]}, isRef(f[2], false)
	})
}

func readLines(r io.Reader, form string, parse func(fields []string) (Update, bool)) ([]Update, error) {
	var updates []Update
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		u, ok := parse(strings.Split(in.Text(), " "))
		if !ok || !isOID(u.LocalOID) || !isOID(u.RemoteOID) || len(u.LocalOID) != len(u.RemoteOID) {
			return nil, fmt.Errorf("line %d of git's input is not %q: is this run by git, as a hook?", n, form)
		}
		updates = append(updates, u)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read git's input: %w", err)
	}
	return updates, nil
}

func isOID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// isRef says whether s can be a reference's name. What is pushed may be any expression, such as
// HEAD~1, what it is pushed to may not.
func isRef(s string, local bool) bool {
	if s == "" || strings.ContainsAny(s, "\x00\t\r\v\f") {
		return false
	}
	return local || strings.HasPrefix(s, "refs/")
}
