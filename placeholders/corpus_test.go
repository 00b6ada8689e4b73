package placeholders

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// corpusDir is where the corpus of real configuration lies beside a developer's
// checkout; it is no part of the repository.
const corpusDir = "../../shared/corpus"

func corpus(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat(corpusDir); err != nil {
		t.Skipf("no corpus of real configuration at %s", corpusDir)
	}
	return corpusDir
}

// documents calls f with every JSON document of a file: its records by line, if
// it is JSON Lines, else the one document with line 0.
func documents(t *testing.T, name string, f func(line int, doc any)) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".jsonl") {
		f(0, decode(t, name, data))
		return
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		if len(bytes.TrimSpace(line)) > 0 {
			f(i+1, decode(t, name, line))
		}
	}
}

func decode(t *testing.T, name string, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("%s: more than one document", name)
	}
	return v
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// walk calls f for every value of a document with its JSON pointer and, where it
// is the value of a coercing object, the wrapper.
func walk(v any, pointer, wrapper string, f func(pointer, wrapper string, v any)) {
	f(pointer, wrapper, v)
	switch v := v.(type) {
	case map[string]any:
		w, _, _ := Wrapper(v)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			walk(v[k], pointer+"/"+pointerEscape.Replace(k), w, f)
		}
	case []any:
		for i, e := range v {
			walk(e, pointer+"/"+strconv.Itoa(i), "", f)
		}
	}
}

// labels reads one of the label files; the values of its files are lists of T.
func labels[T any](t *testing.T, name string) map[string][]T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpus(t), "labels-sample", name))
	if err != nil {
		t.Fatal(err)
	}
	var l struct{ Files map[string][]T }
	if err := json.Unmarshal(data, &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Files) == 0 {
		t.Fatalf("%s labels no file", name)
	}
	return l.Files
}

// compare reports what is in one of two lists and not in the other, one to one.
func compare(t *testing.T, file string, got, want []string) (agreed int) {
	t.Helper()
	left := map[string]int{}
	for _, w := range want {
		left[w]++
	}
	for _, g := range got {
		if left[g] == 0 {
			t.Errorf("%s: not labelled: %s", file, g)
			continue
		}
		left[g]--
		agreed++
	}
	for w, n := range left {
		if n > 0 {
			t.Errorf("%s: not found (%d times): %s", file, n, w)
		}
	}
	return agreed
}

type placeholderLabel struct {
	Line                              int
	Pointer, Kind, Raw, Name, Wrapper string
	Default, NestedIn                 *string
	Whole                             bool
}

// key leaves out the line where the pointer says enough: a decoded document has
// no lines.
func (l placeholderLabel) key(jsonl bool) string {
	if !jsonl {
		l.Line = 0
	}
	b, _ := json.Marshal(l)
	return string(b)
}

func labelOf(r Ref, line int, pointer, wrapper string, in *string) placeholderLabel {
	l := placeholderLabel{
		Line: line, Pointer: pointer, Kind: r.Kind.String(), Raw: r.Raw, Name: r.Name, Wrapper: wrapper,
		Default: r.Default, NestedIn: in, Whole: r.Whole,
	}
	if r.Kind == ESV {
		l.Name = r.ESV
	}
	if wrapper == "" {
		l.Wrapper = "bare"
	}
	return l
}

func TestCorpusPlaceholderLabels(t *testing.T) {
	total, agreed := 0, 0
	for file, list := range labels[placeholderLabel](t, "placeholders.json") {
		jsonl := strings.HasSuffix(file, ".jsonl")
		var want, got []string
		lines := map[int]bool{0: true} // of JSON Lines only the records drawn have labels
		for _, l := range list {
			want = append(want, l.key(jsonl))
			lines[l.Line] = true
		}
		documents(t, filepath.Join(corpus(t), file), func(line int, doc any) {
			if !lines[line] {
				return
			}
			walk(doc, "", "", func(pointer, wrapper string, v any) {
				s, _ := v.(string)
				for _, l := range labelsIn(t, file, s, line, pointer, wrapper) {
					got = append(got, l.key(jsonl))
				}
			})
		})
		total += len(want)
		agreed += compare(t, file, got, want)
	}
	t.Logf("%d of %d labels agree", agreed, total)
}

func labelsIn(t *testing.T, file, s string, line int, pointer, wrapper string) []placeholderLabel {
	t.Helper()
	refs, err := Scan(s)
	if err == nil && strings.HasPrefix(file, "fr-config-manager-") {
		var env []Ref
		env, err = ScanEnv(s)
		refs = append(refs, env...)
	}
	if err != nil {
		t.Errorf("%s %s: %v in %q", file, pointer, err, s)
	}
	var out []placeholderLabel
	var add func(refs []Ref, in *string)
	add = func(refs []Ref, in *string) {
		for _, r := range refs {
			out = append(out, labelOf(r, line, pointer, wrapper, in))
			add(r.Nested, &r.Raw)
		}
	}
	add(refs, nil)
	return out
}

type scriptLabel struct {
	Pointer       *string
	Container     string
	Line          int
	SourceLine    int
	API, Argument string
	Name          *string
	Dynamic       bool
}

func (l scriptLabel) key() string {
	p, n := "-", "-"
	if l.Pointer != nil {
		p = *l.Pointer
	}
	if l.Name != nil {
		n = *l.Name
	}
	line := l.Line
	if l.Container == "json" { // no lines in a decoded document
		line = 0
	}
	return fmt.Sprint(line, " ", p, " line ", l.SourceLine, " ", l.API, " ", l.Argument, " ", n, " ", l.Dynamic)
}

// scriptText gives the script a value may be, in every form the corpus has: a
// string, base64 of one, a list of lines.
func scriptText(v any) []string {
	switch v := v.(type) {
	case string:
		out := []string{v}
		if b, err := base64.StdEncoding.DecodeString(v); err == nil && len(b) > 0 {
			out = append(out, string(b))
		}
		return out
	case []any:
		var lines []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil
			}
			lines = append(lines, s)
		}
		return []string{strings.Join(lines, "\n")}
	}
	return nil
}

func scriptLabels(refs []ScriptRef, line int, pointer *string) []string {
	var out []string
	for _, r := range refs {
		l := scriptLabel{Pointer: pointer, Line: line, SourceLine: r.Line, API: r.API, Argument: r.Argument, Dynamic: r.Dynamic}
		if pointer == nil {
			l.Line = r.Line
		}
		if r.ESV != "" {
			l.Name = &r.ESV
		}
		out = append(out, l.key())
	}
	return out
}

func TestCorpusScriptLabels(t *testing.T) {
	total, agreed := 0, 0
	for file, list := range labels[scriptLabel](t, "esv-references.json") {
		name := filepath.Join(corpus(t), file)
		isJSON := strings.Contains(filepath.Ext(file), ".json")
		jsonl := strings.HasSuffix(file, ".jsonl")
		var want, got []string
		lines := map[int]bool{0: true}
		for _, l := range list {
			lines[l.Line] = true
			if isJSON && !jsonl {
				l.Container = "json"
			}
			want = append(want, l.key())
		}
		if !isJSON {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got = scriptLabels(ScriptRefs(string(src)), 0, nil)
		} else {
			documents(t, name, func(line int, doc any) {
				if lines[line] {
					got = append(got, scriptsIn(doc, line)...)
				}
			})
		}
		total += len(want)
		agreed += compare(t, file, got, want)
	}
	t.Logf("%d of %d labels agree", agreed, total)
}

func scriptsIn(doc any, line int) []string {
	var out []string
	inList := "\x00" // pointer of the list of lines last read as one script
	walk(doc, "", "", func(pointer, _ string, v any) {
		if strings.HasPrefix(pointer, inList+"/") {
			return
		}
		if _, isList := v.([]any); isList {
			inList = pointer
		}
		texts := scriptText(v)
		if texts == nil && inList == pointer {
			inList = "\x00"
		}
		for _, text := range texts {
			out = append(out, scriptLabels(ScriptRefs(text), line, &pointer)...)
		}
	})
	return out
}

// TestCorpusSweep reads everything there is: every "&{" in a value must be a
// placeholder that scans, every call that a plain search finds must be found, or
// be known to be none.
func TestCorpusSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 50 MB")
	}
	naive := regexp.MustCompile(`(systemEnv|identityServer)\s*\.\s*getProperty\s*\(`)
	files, strs, refs, calls := 0, 0, 0, 0
	script := func(where, s string) {
		found := ScriptRefs(s)
		calls += len(found)
		if n := len(naive.FindAllString(s, -1)); n != len(found) {
			t.Errorf("%s: %d calls found, a plain search finds %d", where, len(found), n)
		}
	}
	err := filepath.WalkDir(corpus(t), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && d.Name() == "labels-sample" {
				return fs.SkipDir
			}
			return err
		}
		switch filepath.Ext(name) {
		case ".json", ".jsonl":
			files++
			documents(t, name, func(line int, doc any) {
				walk(doc, "", "", func(pointer, _ string, v any) {
					s, ok := v.(string)
					if !ok {
						return
					}
					strs++
					found, err := Scan(s)
					if err != nil {
						t.Errorf("%s:%d %s: %v", name, line, pointer, err)
					}
					n := len(All(found))
					if refs += n; n != strings.Count(s, "&{") {
						t.Errorf("%s:%d %s: %d placeholders in %q", name, line, pointer, n, s)
					}
					for _, src := range scriptText(s) {
						if strings.Contains(src, "getProperty") {
							script(fmt.Sprint(name, ":", line, pointer), src)
						}
					}
				})
			})
		case ".js", ".groovy":
			files++
			src, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			script(name, string(src))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 || strs == 0 || refs == 0 || calls == 0 {
		t.Fatalf("too little to see: %d files, %d strings, %d placeholders, %d calls", files, strs, refs, calls)
	}
	t.Logf("%d files, %d strings, %d placeholders, %d script calls", files, strs, refs, calls)
}
