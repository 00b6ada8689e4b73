package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/schema"
)

// surveyed says whether what has changed in a folder would be looked at with stubs for the rest.
func surveyed(t testing.TB, dir, cache string, o validateOptions) bool {
	t.Helper()
	a, _ := cachingApp(t, dir, cache)
	p, err := a.project()
	if err != nil {
		t.Fatal(err)
	}
	c := a.openCache(p, o)
	return c.get() == nil && a.again(c, nil) != nil
}

// TestPartIsWhole changes files at random, so that what rules about other resources see changes as well, and finds
// by looking at what changed what is found by looking at everything, byte for byte.
func TestPartIsWhole(t *testing.T) {
	rounds := 24
	if testing.Short() {
		rounds = 10
	}
	for layout, inParts := range map[string]bool{"frconfig": true, "flat": true, "frodo": false} {
		t.Run(layout, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			inPart := 0
			var dir, cache string
			for i := range rounds {
				if i%10 == 0 {
					dir, cache = copyFixture(t, layout), t.TempDir()
					validatedOutput(t, dir, cache)
				}
				var what []string
				for range 1 + random.IntN(2) {
					if inParts && random.IntN(5) == 0 { // frodo has one file: what is cut off is nothing
						what = append(what, edit(t, random, dir))
					} else {
						what = append(what, turn(t, random, dir))
					}
				}
				if surveyed(t, dir, cache, validateOptions{}) {
					inPart++
				}
				want := validatedOutput(t, dir, "")
				if got := validatedOutput(t, dir, cache); got != want {
					t.Fatalf("round %d, after %s:\nin part\n%s\nwhole\n%s", i, strings.Join(what, " and "), got, want)
				}
			}
			t.Logf("%d of %d changes were looked at in part", inPart, rounds)
			if inParts && inPart*4 < rounds {
				t.Errorf("only %d of %d changes were looked at in part", inPart, rounds)
			}
		})
	}
}

// turn changes one of the things in a file that rules look at, or moves its lines.
func turn(t *testing.T, random *rand.Rand, dir string) string {
	t.Helper()
	names := allFiles(t, dir)
	changes := append([]string{
		`"name": "→"name": "Other `, `"displayName": "→"displayName": "Other `, `esv.→esv.no.such.`, `true→false`, `false→true`, `e0"→ff"`, `"outcomes→"outcome`,
		`var →vaar `, `function→functon`, `{{→{`, `</→<`, "\n→\n\n", `": {→":  {`, `"description": "→"description": "More `, `": "→": "&{esv.not.there}`,
		`"x": →"x": 1`, `"nodeType": "→"nodeType": "X`, `"_id": "→"_id": "x`, `AUTHENTICATION→OAUTH2`, `"default": false→"default": "no"`,
	}, turns...)
	before, after, _ := strings.Cut(strings.ReplaceAll(changes[random.IntN(len(changes))], " → ", "→"), "→")
	for range 200 {
		name := names[random.IntN(len(names))]
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Count(string(data), before)
		if at == 0 {
			continue
		}
		parts := strings.SplitN(string(data), before, 2+random.IntN(at))
		last := len(parts) - 1
		text := strings.Join(parts[:last], before) + after + parts[last]
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(dir, name)
		return fmt.Sprintf("%s: %q to %q", rel, before, after)
	}
	return "nothing"
}

// TestPartIsLookedAt holds which changes are looked at in part: those that others do not see.
func TestPartIsLookedAt(t *testing.T) {
	for _, s := range []struct {
		what, file, before, after string
		want                      bool
	}{
		{"a node's setting", "realms/alpha/journeys/Login/nodes/*", `{`, `{"changed": true,`, true},
		{"a script's text", "realms/alpha/scripts/scripts-content/*/*", "var", "\n\nvar", true},
		{"a script's context", "realms/alpha/scripts/scripts-config/*", `"context": "`, `"context": "X`, false},
		{"a template's text", "email-templates/*/*.md", "e", "ee", true},
		{"a template that can't be read", "email-templates/*/*.json", `{`, `{{`, false},
		{"an ESV's description", "esvs/variables/*", `"description": "`, `"description": "More `, true},
		{"a theme", "realms/alpha/themes/*/*.json", `Color": "#`, `Color": "#0`, true},
		{"a journey's switch", "realms/alpha/journeys/Login/Login.json", `"enabled": true`, `"enabled": false`, false},
	} {
		t.Run(s.what, func(t *testing.T) {
			dir, cache := copyFixture(t, "frconfig"), t.TempDir()
			validatedOutput(t, dir, cache)
			names, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(s.file)))
			done := false
			for _, name := range names {
				data, _ := os.ReadFile(name)
				if text := strings.Replace(string(data), s.before, s.after, 1); text != string(data) {
					done, err = true, os.WriteFile(name, []byte(text), 0o600)
					break
				}
			}
			if err != nil || !done {
				t.Fatalf("%d files of %s, %v", len(names), s.file, err)
			}
			if got := surveyed(t, dir, cache, validateOptions{}); got != s.want {
				t.Errorf("looked at in part: %t, want %t", got, s.want)
			}
			if got, want := validatedOutput(t, dir, cache), validatedOutput(t, dir, ""); got != want {
				t.Errorf("in part\n%s\nwhole\n%s", got, want)
			}
		})
	}
}

// TestStubsSeeWhatResourcesSee: a set of stubs has the view of the set that they were made of.
func TestStubsSeeWhatResourcesSee(t *testing.T) {
	a, _ := cachingApp(t, copyFixture(t, "frconfig"), "")
	p, err := a.project()
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.load(t.Context(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	want := schema.View(l.Set)
	stubs := schema.Stubs(l.Set, nil, nil)
	for _, x := range stubs {
		l.Replace(x.Resource(func(k schema.Key) { t.Errorf("%s is asked for a place", k) }))
	}
	if got := schema.View(l.Set); got != want || len(stubs)*2 < l.Len() {
		t.Errorf("%d stubs in a set of %d: another view", len(stubs), l.Len())
	}
}

// TestBaseIsKept: findings since a commit are the same with what is kept of the commit, after changes too.
func TestBaseIsKept(t *testing.T) {
	env := gitEnv(t)
	dir, cache := copyFixture(t, "frconfig"), t.TempDir()
	git := func(args ...string) {
		t.Helper()
		c := exec.Command("git", args...)
		c.Dir, c.Env = dir, env
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", "-A")
	git("-c", "user.name=t", "-c", "user.email=t@acme.example", "commit", "-qm", "x")
	esv, err := filepath.Glob(filepath.Join(dir, "esvs", "variables", "*.json"))
	if err != nil || len(esv) == 0 {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 9))
	steps := []func() string{
		func() string { return "nothing" },
		func() string { return turn(t, random, dir) },
		func() string {
			for _, name := range esv[1:] {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			return "most ESVs deleted"
		},
		func() string { return turn(t, random, dir) },
		func() string { return turn(t, random, dir) },
	}
	deleted := false
	for _, step := range steps {
		what := step()
		want := validatedOutput(t, dir, "", "--base", "git:HEAD")
		deleted = deleted || strings.Contains(want, `"esv-deleted"`)
		checked := output(t, dir, "", "check", "--base", "HEAD")
		for range 2 {
			if got := validatedOutput(t, dir, cache, "--base", "git:HEAD"); got != want {
				t.Fatalf("after %s: kept\n%s\nanew\n%s", what, got, want)
			}
			if got := output(t, dir, cache, "check", "--base", "HEAD"); got != checked {
				t.Fatalf("after %s: check, kept\n%s\nanew\n%s", what, got, checked)
			}
		}
	}
	if !deleted {
		t.Error("no finding tells of a deleted ESV")
	}
	kept, err := filepath.Glob(filepath.Join(cache, "lockstep", "base", "*"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept of the commit: %q %v", kept, err)
	}
	// What check finds without a base is what validate finds, and is kept as its is.
	if hits(t, dir, cache) {
		t.Fatal("nobody has validated without a base")
	}
	output(t, dir, cache, "check")
	if !hits(t, dir, cache) {
		t.Error("check keeps nothing")
	}
}
