package schema

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// FuzzWordSearch holds the search against one for each word.
func FuzzWordSearch(f *testing.F) {
	f.Add("a ghp_ and an eyJ://AKI", "ghp_ eyJ ://  AKIA x: :/")
	f.Add("aaab", "aab ab aaab")
	f.Add("", "ab")
	f.Fuzz(func(t *testing.T, text, list string) {
		var words []string
		for _, s := range strings.Split(list, " ") {
			if len(s) >= 2 {
				words = append(words, s)
			}
		}
		found := newWordSearch(words).in(text)
		for _, s := range words {
			if found[s] != strings.Contains(text, s) {
				t.Errorf("%q in %q: %t", s, text, found[s])
			}
		}
	})
}

// TestCredentialsAreNotSkipped puts lines together at random: what the expressions find on a line is found, though
// they see few lines.
func TestCredentialsAreNotSkipped(t *testing.T) {
	pieces := []string{
		"password", "apiKey", "api_key", "clientSecrets", "Bearer_Token", "x.credential", "monkey", "secret2", `"`, `'`, `"`, `'`, " = ", ": ", "=", ":", " ", "\t",
		"S3cret-9x81", "Basic ", "bearer\t", "dXNlcjpwYXNzd29yZDEy", "var ", "+", "\\", "// ", "é", "{",
	}
	random := rand.New(rand.NewPCG(5, 3))
	found := 0
	for range 200_000 {
		var b strings.Builder
		for range 2 + random.IntN(9) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		line := b.String()
		var want []credentialPlace
		for _, m := range credential().FindAllStringSubmatchIndex(line, -1) {
			if looksSecret(line[m[6]:m[7]]) && !commented(line, m[0]) {
				want = append(want, credentialPlace{line[m[2]:m[3]], m[6] - 1, m[7] + 1})
			}
		}
		for _, m := range authHeader().FindAllStringSubmatchIndex(line, -1) {
			if looksSecret(line[m[2]:m[3]]) && !commented(line, m[0]) {
				want = append(want, credentialPlace{"", m[0], m[1]})
			}
		}
		found += len(want)
		if got := credentialsIn(line); !slices.Equal(got, want) {
			t.Fatalf("%q: %v, want %v", line, got, want)
		}
	}
	if found < 100 {
		t.Errorf("%d credentials show too little", found)
	}
}
