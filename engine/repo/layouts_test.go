package repo_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// sources are the fixture's forms.
func sources() map[string]repo.Layout {
	return map[string]repo.Layout{
		"frconfig": repo.FrConfig, "flat": repo.Flat, "frodo": repo.Frodo, "frodo/export.json": repo.Frodo, "frodo-separate": repo.Frodo,
	}
}

func loadFixture(t *testing.T, name string) *schema.Set {
	t.Helper()
	set, diags, err := repo.Load(fixtures.Repos(), name, repo.Options{Origin: name})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range diags {
		t.Errorf("%s: %s: %s: %s", name, d.Pos, d.Code, d.Message)
	}
	return set
}

// The invariant the package stands for: one configuration is one Set.
func TestOneDigestInEveryLayout(t *testing.T) {
	want := loadFixture(t, "flat")
	counts := want.CountByType()
	for _, name := range schema.TypeNames() {
		if counts[name] == 0 {
			t.Errorf("the fixture has no %s: no layout is tried with one", name)
		}
	}
	for name, layout := range sources() {
		got := loadFixture(t, name)
		if got.Layout != string(layout) {
			t.Errorf("%s was taken for layout %s", name, got.Layout)
		}
		sameSets(t, name, got, want)
	}
}

func sameSets(t *testing.T, what string, got, want *schema.Set) {
	t.Helper()
	if diff.SetDigest(got) == diff.SetDigest(want) {
		return
	}
	t.Errorf("%s: the digests differ", what)
	for _, r := range want.All() {
		o, ok := got.Get(r.Key)
		switch {
		case !ok:
			t.Errorf("  %s is missing", r.Key)
		case diff.Digest(o) != diff.Digest(r):
			t.Errorf("  %s differs\n%s\n%s", r.Key, schema.CompactJSON(o.Body), schema.CompactJSON(r.Body))
		}
	}
	for _, r := range got.All() {
		if _, ok := want.Get(r.Key); !ok {
			t.Errorf("  %s is too much", r.Key)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	want := loadFixture(t, "flat")
	targets := map[string]repo.Layout{"tree": repo.FrConfig, "flat": repo.Flat, "separate": repo.Frodo, "export.json": repo.Frodo}
	for from := range sources() {
		set := loadFixture(t, from)
		for target, layout := range targets {
			t.Run(strings.ReplaceAll(from, "/", "_")+" to "+target, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), target)
				res, err := repo.Write(dir, set, layout, repo.WriteOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if len(res.Written) == 0 || len(res.Unchanged)+len(res.Removed)+len(res.Stale) != 0 {
					t.Errorf("first write: %d written, and %v", len(res.Written), res)
				}
				got, diags, err := repo.LoadPath(dir, repo.Options{})
				if err != nil || len(diags) > 0 {
					t.Fatal(err, diags)
				}
				if got.Layout != string(layout) {
					t.Errorf("read back as %s", got.Layout)
				}
				sameSets(t, "read back", got, want)
				again, err := repo.Write(dir, got, layout, repo.WriteOptions{})
				if err != nil || len(again.Written)+len(again.Removed)+len(again.Stale) > 0 || !slices.Equal(again.Unchanged, res.Written) {
					t.Errorf("second write: %v %v", again, err)
				}
			})
		}
	}
}

// The trees of the fixture are what Write makes: names, formatting, everything.
func TestWriteMakesTheFixture(t *testing.T) {
	for name, layout := range map[string]repo.Layout{"frconfig": repo.FrConfig, "flat": repo.Flat} {
		dir := t.TempDir()
		if _, err := repo.Write(dir, loadFixture(t, name), layout, repo.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		want, err := fs.Sub(fixtures.Repos(), name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		err = fs.WalkDir(want, ".", func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			n++
			a, err := fs.ReadFile(want, p)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(filepath.Join(dir, p))
			if err != nil {
				return err
			}
			if string(a) != string(b) {
				t.Errorf("%s/%s differs", name, p)
			}
			return nil
		})
		if err != nil || n < 40 {
			t.Errorf("%s: %d files, %v", name, n, err)
		}
	}
}

func TestSnapshot(t *testing.T) {
	want := loadFixture(t, "flat")
	for _, name := range []string{"dev.json", "dev.json.gz"} {
		file := filepath.Join(t.TempDir(), name)
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		meta := repo.SnapshotMeta{Tenant: "https://openam-acme-dev.id.forgerock.io", Tool: "lockstep test", Digest: diff.Digest}
		if err := repo.WriteSnapshot(f, want, meta, strings.HasSuffix(name, ".gz")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		got, diags, err := repo.LoadPath(file, repo.Options{})
		if err != nil || len(diags) > 0 {
			t.Fatal(err, diags)
		}
		sameSets(t, name, got, want)
		if got.Files != 1 {
			t.Errorf("%d files", got.Files)
		}
		r, _ := got.Get(schema.Key{Type: "variable", ID: "esv-neo-age"})
		if pos := r.Source.At("/valueBase64"); pos.File != name || pos.Line < 100 {
			t.Errorf("place in a snapshot: %s", pos)
		}
	}
}

// Every value of every resource is where its Source says, in every layout: the text that stands
// there is the value. Texts are checked in their middle too.
func TestPlaces(t *testing.T) {
	for name := range sources() {
		set := loadFixture(t, name)
		checked, texts := 0, 0
		for _, r := range set.All() {
			n := 0
			schema.Walk(r.Body, func(p string, v any) bool {
				switch v.(type) {
				case map[string]any, []any:
					return true
				}
				if n++; strings.Contains(name, "frodo") && n%5 != 0 && len(fmt.Sprint(v)) < 200 {
					return true // the one large file is searched from its start for every value
				}
				checked++
				if p == "/_id" && r.Source.At(p) == r.Source.At("") {
					return true
				}
				if isText := checkPlace(t, name, r, p, v); isText {
					texts++
				}
				return true
			})
		}
		if checked < 250 || texts < 10 {
			t.Errorf("%s: only %d values and %d texts were looked at", name, checked, texts)
		}
	}
}

// checkPlace answers whether the value was a long text.
func checkPlace(t *testing.T, origin string, r *schema.Resource, p string, v any) bool {
	t.Helper()
	pos := r.Source.At(p)
	if pos.IsZero() || pos.Line == 0 {
		t.Errorf("%s: %s %s has no place", origin, r.Key, p)
		return false
	}
	data := fileOf(r, pos.File)
	if data == nil {
		t.Fatalf("%s: %s is none of the files of %s", origin, pos.File, r.Key)
	}
	text, isString := v.(string)
	word := longWord(text)
	if isString && word != "" {
		at := strings.Index(text, word)
		wp := r.Source.AtText(p, text, at, at+len(word))
		got := cut(fileOf(r, wp.File), wp)
		if got == word {
			return true
		}
		// Only the place of the whole string is known where it was decoded.
		if whole := cut(data, pos); wp != pos || !decodesTo(whole, text) {
			t.Errorf("%s: %s %s: %s should hold %q and holds %.40q", origin, r.Key, p, wp, word, got)
		}
		return true
	}
	if pos.EndLine == 0 {
		return isString // a file that is the text
	}
	got := cut(data, pos)
	back, err := schema.ParseJSON([]byte(got))
	if err == nil && string(schema.CompactJSON(back)) == string(schema.CompactJSON(v)) || isString && decodesTo(got, text) {
		return false
	}
	t.Errorf("%s: %s %s: %s should hold %.60q and holds %.60q", origin, r.Key, p, pos, v, got)
	return false
}

func decodesTo(raw, text string) bool {
	var s string
	if json.Unmarshal([]byte(raw), &s) != nil {
		return false
	}
	var inner string
	plain, ok := schema.DecodeBase64(s)
	return ok && plain == text || schema.EncodeBase64(s) == text || json.Unmarshal([]byte(s), &inner) == nil && inner == text
}

// longWord takes a word out of the middle of a text of some length.
func longWord(text string) string {
	if len(text) < 60 {
		return ""
	}
	for _, w := range strings.FieldsFunc(text[len(text)/3:], func(r rune) bool { return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') }) {
		if len(w) > 4 && strings.Count(text, w) == 1 {
			return w
		}
	}
	return ""
}

func fileOf(r *schema.Resource, name string) []byte {
	for _, p := range r.Source.Parts() {
		if p.File.Name == name {
			return p.File.Data
		}
	}
	return nil
}

// cut gives the text between a place's start and end.
func cut(data []byte, pos schema.Pos) string {
	from, to := offset(data, pos.Line, pos.Column), offset(data, pos.EndLine, pos.EndColumn)
	if from < 0 || to < from {
		return ""
	}
	return string(data[from:to])
}

func offset(data []byte, line, col int) int {
	at := 0
	for range line - 1 {
		i := bytes.IndexByte(data[at:], '\n')
		if i < 0 {
			return -1
		}
		at += i + 1
	}
	for range col - 1 {
		_, n := utf8.DecodeRune(data[at:])
		at += n
	}
	return at
}
