package schema

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// corpusDir is where the corpus lies, relative to the package.
const corpusDir = "../../shared/corpus"

// corpus skips the test when there is no corpus.
func corpus(t testing.TB) string {
	t.Helper()
	if _, err := os.Stat(corpusDir); err != nil {
		t.Skipf("no corpus at %s", corpusDir)
	}
	return corpusDir
}

// label is an entry of the label files; each kind has some of the members.
type label struct {
	Line      int     `json:"line"`
	Pointer   *string `json:"pointer"`
	Kind      string  `json:"kind"`
	Raw       string  `json:"raw"`
	Name      *string `json:"name"`
	Wrapper   string  `json:"wrapper"`
	Default   *string `json:"default"`
	Whole     bool    `json:"whole"`
	NestedIn  string  `json:"nestedIn"`
	Container string  `json:"container"`
	SrcLine   int     `json:"sourceLine"`
	API       string  `json:"api"`
	Argument  string  `json:"argument"`
	Dynamic   bool    `json:"dynamic"`
	Form      string  `json:"form"`
}

func show[T any](p *T) string {
	if p == nil {
		return "nil"
	}
	return fmt.Sprint(*p)
}

// A labelKind says how labels and what is found are written, to be compared as text.
type labelKind struct {
	file  string
	label func(label) string
	found func(Scanned) []string
}

func labelKinds() []labelKind {
	return []labelKind{
		{
			"placeholders.json",
			func(l label) string {
				return fmt.Sprintln(l.Line, show(l.Pointer), l.Kind, l.Raw, show(l.Name), l.Wrapper, show(l.Default), l.Whole, l.NestedIn)
			},
			func(s Scanned) (out []string) {
				for _, p := range s.Placeholders {
					name, wrapper := p.ESV, p.Wrapper
					if name == "" {
						name = p.Name
					}
					if wrapper == "" {
						wrapper = "bare"
					}
					out = append(out, fmt.Sprintln(p.Pos.Line, p.Pointer, p.Kind, p.Raw, name, wrapper, show(p.Default), p.Whole, p.NestedIn))
				}
				return out
			},
		},
		{
			"esv-references.json",
			func(l label) string {
				return fmt.Sprintln(l.Line, show(l.Pointer), l.Container, l.SrcLine, l.API, l.Argument, show(l.Name), l.Dynamic)
			},
			func(s Scanned) (out []string) {
				for _, u := range s.Scripts {
					pointer, name := u.Pointer, u.ESV
					if u.Container == "file" {
						pointer = "nil"
					}
					if u.Dynamic {
						name = "nil"
					}
					out = append(out, fmt.Sprintln(u.Pos.Line, pointer, u.Container, u.Line, u.API, u.Argument, name, u.Dynamic))
				}
				return out
			},
		},
		{
			"encrypted-values.json",
			func(l label) string { return fmt.Sprintln(l.Line, show(l.Pointer), l.Form) },
			func(s Scanned) (out []string) {
				for _, e := range s.Encrypted {
					out = append(out, fmt.Sprintln(e.Pos.Line, e.Pointer, e.Form))
				}
				return out
			},
		},
	}
}

func TestLabelAgreement(t *testing.T) {
	root := corpus(t)
	// What one label file speaks of is drawn, so that silence in another is a label too.
	drawn := map[string]map[int]bool{}
	for _, file := range []string{"placeholders.json", "esv-references.json", "encrypted-values.json", "esv-definitions.json", "esv-mentions.json"} {
		for name, list := range readLabels(t, root, file) {
			if drawn[name] == nil {
				drawn[name] = map[int]bool{}
			}
			for _, l := range list {
				drawn[name][l.Line] = true
			}
		}
	}
	scanned := map[string]Scanned{}
	for name := range drawn {
		scanned[name] = scanCorpusFile(t, root, name, drawn[name])
	}
	for _, tt := range labelKinds() {
		t.Run(tt.file, func(t *testing.T) {
			labels := readLabels(t, root, tt.file)
			agree, total := 0, 0
			for _, name := range SortedKeys(drawn) {
				want := map[string]int{}
				for _, l := range labels[name] {
					want[tt.label(l)]++
				}
				total += len(labels[name])
				for _, got := range tt.found(scanned[name]) {
					if want[got] > 0 {
						want[got]--
						agree++
						continue
					}
					var line int
					fmt.Sscan(got, &line)
					if strings.HasSuffix(name, ".jsonl") && !drawn[name][line] {
						continue // in JSON Lines the sample draws records
					}
					t.Errorf("%s: found, not labelled: %s", name, got)
				}
				for _, l := range sortedCounts(want) {
					t.Errorf("%s: labelled, not found: %s", name, l)
				}
			}
			if total == 0 {
				t.Fatal("no labels")
			}
			t.Logf("%s: %d of %d labels, in %d files", tt.file, agree, total, len(drawn))
		})
	}
}

// readLabels reads one label file: the labels of each file.
func readLabels(t *testing.T, root, name string) map[string][]label {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "labels-sample", name))
	if err != nil {
		t.Fatal(err)
	}
	var labels struct {
		Files map[string][]label `json:"files"`
	}
	if err := json.Unmarshal(data, &labels); err != nil {
		t.Fatal(err)
	}
	if len(labels.Files) == 0 {
		t.Fatalf("%s labels no file", name)
	}
	return labels.Files
}

func sortedCounts(m map[string]int) []string {
	var out []string
	for k, n := range m {
		for range n {
			out = append(out, k)
		}
	}
	sort.Strings(out)
	return out
}

// scanCorpusFile scans a file; of JSON Lines, the drawn lines only.
func scanCorpusFile(t *testing.T, root, name string, drawn map[int]bool) Scanned {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".jsonl") {
		lines := strings.SplitAfter(string(data), "\n")
		for i := range lines {
			if !drawn[i+1] {
				lines[i] = "\n"
			}
		}
		data = []byte(strings.Join(lines, ""))
	}
	f := &File{Name: name, Data: data}
	var v any
	if strings.HasSuffix(name, ".json") {
		if v, err = ParseJSON(data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return ScanFile(f, v)
}
