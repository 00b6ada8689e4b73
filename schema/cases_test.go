package schema_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A casePlace is where a case says that something is found.
type casePlace struct {
	file      string
	line, col int
}

// parseCase reads a case: its files without the marks, where the mark stood, and the words of its comment.
func parseCase(t testing.TB, c schema.Case) (*txtar.Archive, *casePlace) {
	t.Helper()
	text := strings.NewReplacer("@Success", schema.SuccessNode, "@Failure", schema.FailureNode).Replace(string(c))
	a := txtar.Parse([]byte(text))
	var at *casePlace
	for i, f := range a.Files {
		s := string(f.Data)
		if n := strings.Index(s, "«"); n >= 0 {
			if at != nil || strings.Count(s, "«") != 1 || strings.Count(s, "»") != 1 {
				t.Fatalf("more than one mark in %s", s)
			}
			from := strings.LastIndex(s[:n], "\n") + 1
			at = &casePlace{strings.TrimPrefix(f.Name, "repo/"), 1 + strings.Count(s[:n], "\n"), 1 + len([]rune(s[from:n]))}
			a.Files[i].Data = []byte(strings.NewReplacer("«", "", "»", "").Replace(s))
		}
	}
	return a, at
}

// runCase finds what a case shows.
func runCase(t testing.TB, a *txtar.Archive) schema.Diagnostics {
	t.Helper()
	set, base := schema.NewSet("case"), (*schema.Set)(nil)
	tree := caseFS{fstest.MapFS{}, map[string]bool{}}
	var exemptions []schema.Exemption
	var ds schema.Diagnostics
	var have map[string]bool
	for _, line := range strings.Split(string(a.Comment), "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "have":
			have = map[string]bool{words[1]: true}
		case len(words) == 2 && words[0] == "unreadable":
			tree.unreadable[strings.TrimPrefix(words[1], "repo/")] = true
		case len(words) == 2 && words[0] == "large":
			name := strings.TrimPrefix(words[1], "repo/")
			tree.MapFS[name] = &fstest.MapFile{Data: make([]byte, 65<<20)}
		}
	}
	for _, f := range a.Files {
		if name, ok := strings.CutPrefix(f.Name, "repo/"); ok {
			switch name {
			case config.FileName:
				_, more := config.Parse("/", name, f.Data, func(string) (string, bool) { return "", false })
				ds = append(ds, more...)
			case config.ExemptionsName:
				list, more := config.ParseExemptions(f.Data)
				exemptions, ds = list, append(ds, more...)
			default:
				if tree.MapFS[name] == nil {
					tree.MapFS[name] = &fstest.MapFile{Data: f.Data}
				}
			}
			continue
		}
		if name, ok := strings.CutPrefix(f.Name, "base/"); ok {
			if base == nil {
				base = schema.NewSet("base")
			}
			addCaseFile(t, base, name, f.Data)
			continue
		}
		addCaseFile(t, set, f.Name, f.Data)
	}
	if len(tree.MapFS) > 0 {
		read, more, err := repo.Load(tree, ".", repo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		set, ds = read, append(ds, more...)
	}
	ds = append(ds, schema.Validate(set, schema.Options{Base: base})...)
	if have != nil {
		ds = append(ds, schema.MissingDiagnostics("staging", schema.MissingESVs(schema.ESVReferences(set), have))...)
	}
	ds = ds.Exempt(exemptions, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	ds.Sort()
	return ds
}

// caseFS has files that the operating system refuses to read.
type caseFS struct {
	fstest.MapFS
	unreadable map[string]bool
}

func (c caseFS) Open(name string) (fs.File, error) {
	if c.unreadable[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return c.MapFS.Open(name)
}

func (c caseFS) ReadFile(name string) ([]byte, error) {
	if c.unreadable[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return c.MapFS.ReadFile(name)
}

// addCaseFile adds realm/type/id.json, or a file of no managed kind below "other".
func addCaseFile(t testing.TB, s *schema.Set, name string, data []byte) {
	t.Helper()
	file := &schema.File{Name: name, Data: data}
	v, err := schema.ParseJSON(data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	parts := strings.SplitN(name, "/", 3)
	if parts[0] == "other" {
		s.Others = append(s.Others, schema.Other{Kind: "other", File: file, Value: v})
		return
	}
	id, err := url.PathUnescape(strings.TrimSuffix(parts[2], ".json"))
	if err != nil {
		t.Fatal(err)
	}
	k := schema.Key{Type: parts[1], Realm: strings.Replace(parts[0], "global", "", 1), ID: id}
	if _, ok := schema.TypeOf(k.Type); !ok {
		t.Fatalf("there is no type %s", k.Type)
	}
	s.Add(&schema.Resource{Key: k, Body: v.(map[string]any), Source: schema.NewSource(schema.Part{File: file})})
}

func showFindings(ds schema.Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintf(&b, "  %s %s[%s] %s: %s\n", d.Pos, d.Severity, d.Code, d.Pointer, d.Message)
	}
	return b.String()
}

// TestEveryCodeHasItsCases: each code is found at the marked place of each positive, with nothing else
// beside it, and in none of the negatives, in which nothing at all is found.
func TestEveryCodeHasItsCases(t *testing.T) {
	codes, found, silent := schema.Codes(), 0, 0
	if len(codes) < 90 {
		t.Errorf("only %d codes", len(codes))
	}
	for _, c := range codes {
		pos, neg := schema.CasesOf(c.Name)
		if len(pos) == 0 || len(neg) == 0 {
			t.Errorf("%s: %d positives, %d negatives", c.Name, len(pos), len(neg))
		}
		for i, one := range pos {
			t.Run(fmt.Sprintf("%s/found-%d", c.Name, i), func(t *testing.T) {
				a, at := parseCase(t, one)
				ds := runCase(t, a)
				hits := slices.DeleteFunc(slices.Clone(ds), func(d schema.Diagnostic) bool { return d.Code != c.Name })
				if len(hits) == 0 {
					t.Fatalf("not found; what is:\n%s", showFindings(ds))
				}
				if at != nil && !slices.ContainsFunc(hits, func(d schema.Diagnostic) bool {
					return d.Pos.File == at.file && d.Pos.Line == at.line && d.Pos.Column == at.col
				}) {
					t.Errorf("not found at %v; found:\n%s", *at, showFindings(ds))
				}
				// A finding of another code is a rule's own fault, unless it is said to be a companion.
				for _, d := range ds {
					if d.Code != c.Name && !companion(c.Name, d.Code) {
						t.Errorf("beside it:\n%s", showFindings(schema.Diagnostics{d}))
					}
				}
			})
			found++
		}
		for i, one := range neg {
			t.Run(fmt.Sprintf("%s/silent-%d", c.Name, i), func(t *testing.T) {
				a, at := parseCase(t, one)
				if at != nil {
					t.Fatal("a negative has a mark")
				}
				for _, d := range runCase(t, a) {
					if d.Code == c.Name || d.Severity > schema.Info {
						t.Errorf("found:\n%s", showFindings(schema.Diagnostics{d}))
					}
				}
			})
			silent++
		}
	}
	t.Logf("%d codes, %d positives, %d negatives", len(codes), found, silent)
}

// companion says that two codes come together by nature.
func companion(code, other string) bool {
	pairs := [][2]string{
		{"script-syntax", "script-groovy"},
		{"file-missing", "schema-invalid"}, {"path-escapes", "schema-invalid"},
		{"esv-missing", "esv-undeclared"},
		{"exemption-expired", "esv-description"},
	}
	return slices.Contains(pairs, [2]string{code, other})
}
