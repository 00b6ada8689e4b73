package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/config"
)

// cachingApp is a program that works in dir and keeps its results in cache; none when cache is "".
func cachingApp(t testing.TB, dir, cache string) (a *app, stdout *bytes.Buffer) {
	a, stdout, stderr := corpusApp(t)
	a.chdir = dir
	if cache != "" {
		a.cacheDir = func() (string, error) { return cache, nil }
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(stderr)
		}
	})
	return a, stdout
}

// validated runs validate and gives its code and output.
func validatedOutput(t testing.TB, dir, cache string, args ...string) string {
	t.Helper()
	return output(t, dir, cache, "validate", args...)
}

// output is what a command says, as JSON.
func output(t testing.TB, dir, cache, command string, args ...string) string {
	t.Helper()
	a, stdout := cachingApp(t, dir, cache)
	code := a.run(t.Context(), append([]string{"-C", dir, command, "-o", "json"}, args...))
	return fmt.Sprintf("%d\n%s", code, stdout)
}

// hits says whether validate would be answered from the cache.
func hits(t testing.TB, dir, cache string) bool {
	t.Helper()
	a, _ := cachingApp(t, dir, cache)
	p, err := a.project()
	if err != nil {
		t.Fatal(err)
	}
	return a.openCache(p, validateOptions{}).get() != nil
}

func copyFixture(t testing.TB, layout string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "fixtures", "repos", layout))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func allFiles(t testing.TB, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatal("no files", err)
	}
	return names
}

// TestCachedIsUncached edits files at random, and finds with the cache what is found without it, byte for byte.
func TestCachedIsUncached(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	for _, layout := range []string{"frconfig", "flat"} {
		t.Run(layout, func(t *testing.T) {
			dir, cache := copyFixture(t, layout), t.TempDir()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			for i := range rounds {
				what := edit(t, random, dir)
				want := validatedOutput(t, dir, "")
				for range 2 { // the second is a hit, mostly
					if got := validatedOutput(t, dir, cache); got != want {
						t.Fatalf("round %d, after %s: with the cache\n%s\nwithout\n%s", i, what, got, want)
					}
				}
			}
			if !hits(t, dir, cache) {
				t.Error("the cache never answers")
			}
		})
	}
}

// edit changes a file in one of many ways, some of which keep its size and its time of writing.
func edit(t *testing.T, random *rand.Rand, dir string) string {
	t.Helper()
	names := allFiles(t, dir)
	name := names[random.IntN(len(names))]
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	what := ""
	switch random.IntN(8) {
	case 0:
		what = "removed"
		err = os.Remove(name)
	case 1:
		what = "copied"
		err = os.WriteFile(strings.TrimSuffix(name, filepath.Ext(name))+" copy"+filepath.Ext(name), data, 0o600)
	case 2:
		what = "cut off"
		write(data[:random.IntN(len(data)+1)])
	case 3, 4:
		what = "a letter changed, its time set back"
		if at := bytes.IndexAny(data, "abcdefghij"); at >= 0 {
			at += random.IntN(len(data) - at)
			data[at] = "klmnop\" "[random.IntN(8)]
		}
		write(data)
		err = os.Chtimes(name, info.ModTime(), info.ModTime())
	case 5:
		what = "an ESV mentioned"
		write(bytes.Replace(data, []byte(`": "`), []byte(`": "&{esv.not.there}`), 1))
	case 6:
		what = "a false true"
		write(bytes.Replace(data, []byte("true"), []byte("false"), 1))
	case 7:
		what = "touched"
		err = os.Chtimes(name, time.Now(), time.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	return name + ": " + what
}

func TestCacheKeyHoldsTheSettings(t *testing.T) {
	dir, cache := copyFixture(t, "frconfig"), t.TempDir()
	settle := func() { validatedOutput(t, dir, cache) }
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	if !hits(t, dir, cache) {
		t.Fatal("nothing has changed, and the cache does not answer")
	}
	for _, s := range []struct{ file, text string }{
		{"lockstep.yaml", "rules: {journey-unreachable-node: off}\n"},
		{"lockstep.yaml", "rules: {journey-unreachable-node: error}\n"},
		{".lockstepignore", "alpha/script/**\n"},
		{config.ExemptionsName, "- {code: esv-unused, match: \"**\", reason: later, until: 2026-11-01}\n"},
	} {
		put(s.file, s.text)
		if hits(t, dir, cache) {
			t.Errorf("%s changed, and the cache answers", s.file)
		}
		settle()
		if !hits(t, dir, cache) {
			t.Errorf("%s stayed, and the cache does not answer", s.file)
		}
	}
	a, _ := cachingApp(t, dir, cache)
	p, err := a.project()
	if err != nil {
		t.Fatal(err)
	}
	next := a.now().Add(24 * time.Hour)
	a.now = func() time.Time { return next }
	if a.openCache(p, validateOptions{}).get() != nil {
		t.Error("exemptions end, and the cache answers on the next day")
	}
	a.noCache = true
	if a.openCache(p, validateOptions{}).get() != nil {
		t.Error("--no-cache, and the cache answers")
	}
}

func TestCacheIsOff(t *testing.T) {
	dir, cache := copyFixture(t, "frconfig"), t.TempDir()
	a, _ := cachingApp(t, dir, cache)
	a.env = func(name string) (string, bool) { return "off", name == "LOCKSTEP_CACHE" }
	a.run(t.Context(), []string{"-C", dir, "validate"})
	a, _ = cachingApp(t, dir, cache)
	a.run(t.Context(), []string{"-C", dir, "validate", "--no-cache"})
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
}

// cacheFile is the one file that is kept.
func cacheFile(t testing.TB, cache string) string {
	t.Helper()
	names := allFiles(t, cache)
	if len(names) != 1 {
		t.Fatalf("%d files are kept: %q", len(names), names)
	}
	return names[0]
}

func TestCacheBrokenFileIsIgnored(t *testing.T) {
	dir, cache := copyFixture(t, "frconfig"), t.TempDir()
	want := validatedOutput(t, dir, cache)
	name := cacheFile(t, cache)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	rounds := 24
	if testing.Short() {
		rounds = 9
	}
	for i := range rounds {
		bad := bytes.Clone(good)
		switch i % 3 {
		case 0:
			bad = bad[:random.IntN(len(bad))]
		case 1:
			bad[random.IntN(len(bad))] ^= byte(1 + random.IntN(255))
		case 2:
			bad = append(bad, 'x')
		}
		if err := os.WriteFile(name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if hits(t, dir, cache) {
			t.Fatalf("%d: a broken file is believed", i)
		}
	}
	if got := validatedOutput(t, dir, cache); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if !hits(t, dir, cache) {
		t.Error("a broken file is not replaced")
	}
}

// TestCacheHoldsNoText looks for the configuration's strings in what is kept.
func TestCacheHoldsNoText(t *testing.T) {
	dir, cache := copyFixture(t, "frconfig"), t.TempDir()
	const secret = "Hq7-vanilla-ReseT-9921"
	script := filepath.Join(dir, "realms/alpha/scripts/scripts-config/secret.json")
	text := `{
  "_id": "11111111-2222-4333-8444-555555555555", "name": "s", "language": "JAVASCRIPT", "context": "LIBRARY",
  "clientSecret": "` + secret + `", "evaluatorVersion": "2.0", "nothingKnown": true,
  "script": "var password = '` + secret + `'; }"
}`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := validatedOutput(t, dir, cache); !strings.Contains(out, "script-syntax") {
		t.Fatalf("the script has no finding: %s", out)
	}
	data, err := os.ReadFile(cacheFile(t, cache))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(secret)) {
		t.Error("the cache holds a secret")
	}
	if !hits(t, dir, cache) {
		t.Error("nothing is kept")
	}
}

// TestCacheLeavesLinksAlone: what a link leads to may change without a stamp of the folder's.
func TestCacheLeavesLinksAlone(t *testing.T) {
	dir, cache := copyFixture(t, "frconfig"), t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "realms", "alpha", "link")); err != nil {
		t.Skip(err)
	}
	validatedOutput(t, dir, cache)
	if hits(t, dir, cache) {
		t.Error("a folder with a link is kept")
	}
}

func TestCacheConcurrentRuns(t *testing.T) {
	dir, cache := copyFixture(t, "frconfig"), t.TempDir()
	want := validatedOutput(t, dir, "")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			a, stdout, _ := corpusApp(t)
			a.chdir, a.cacheDir = dir, func() (string, error) { return cache, nil }
			a.stderr = io.Discard
			code := a.run(t.Context(), []string{"-C", dir, "validate", "-o", "json"})
			if got := fmt.Sprintf("%d\n%s", code, stdout); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
		})
	}
	wg.Wait()
	cacheFile(t, cache) // and no leavings
}
