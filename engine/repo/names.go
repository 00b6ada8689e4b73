package repo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// safeName makes a file name of an id or a name, as fr-config-manager does (the npm package
// sanitize-filename, with percent-encoding): what a file system refuses is percent-encoded, all else,
// spaces included, is kept. Where that package drops characters, this encodes them too, so that two
// names do not become one.
func safeName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if strings.ContainsRune(`/?<>\:*|"`, r) || r < 0x20 || r >= 0x7f && r <= 0x9f || r == utf8.RuneError && n == 1 {
			escape(&b, s[i:i+n])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	name := b.String()
	// Windows takes trailing dots and spaces away, and keeps some names for devices.
	if last := len(name) - 1; last >= 0 && (name[last] == '.' || name[last] == ' ') {
		name = fmt.Sprintf("%s%%%02X", name[:last], name[last])
	}
	if isDevice(name) || name != "" && name[0] == '.' {
		name = fmt.Sprintf("%%%02X%s", name[0], name[1:])
	}
	if name == "" {
		return "%"
	}
	return shorten(name)
}

// SafeName makes a file name of an id or a name, as the layouts do: what a file system refuses is
// percent-encoded, and nothing in it leads out of a folder.
func SafeName(s string) string { return safeName(s) }

func escape(b *strings.Builder, s string) {
	for i := range len(s) {
		fmt.Fprintf(b, "%%%02X", s[i])
	}
}

func isDevice(name string) bool {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (strings.HasPrefix(base, "com") || strings.HasPrefix(base, "lpt")) && base[3] >= '0' && base[3] <= '9'
}

// longest is what a name may have before its suffix: file systems allow 255 bytes.
const longest = 220

// shorten cuts a long name and ends it with a hash of the whole.
func shorten(name string) string {
	if len(name) <= longest {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	cut := longest - 9
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "~" + hex.EncodeToString(sum[:4])
}

// unsafeName is what safeName was made of, as far as the name tells.
func unsafeName(name string) string {
	if s, err := url.PathUnescape(name); err == nil {
		return s
	}
	return name
}

// names gives out file names, none twice, also not on file systems that do not tell upper from lower
// case.
type names map[string]bool

// take gives want, or want with a number before its extension.
func (n names) take(want string) string {
	name := want
	for i := 2; n[strings.ToLower(name)]; i++ {
		ext := path.Ext(want)
		name = fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(want, ext), i, ext)
	}
	n[strings.ToLower(name)] = true
	return name
}
