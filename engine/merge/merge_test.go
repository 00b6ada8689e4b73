package merge_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/merge"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

func TestFiles(t *testing.T) {
	const tree = `{
  "_id": "Login",
  "entryNodeId": "a",
  "nodes": {
    "a": {"connections": {"true": "b"}, "displayName": "A", "x": 1},
    "b": {"connections": {"true": "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"}, "displayName": "B", "x": 2}
  }
}
`
	edit := func(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }
	tests := []struct {
		name               string
		base, ours, theirs string
		want               string // "" when only the conflicts count
		conflicts          []string
		notes              int
	}{
		{name: "one side only", base: tree, ours: tree, theirs: edit(tree, `"A"`, `"AA"`), want: edit(tree, `"A"`, `"AA"`)},
		{name: "different members", base: tree, ours: edit(tree, `"A"`, `"AA"`), theirs: edit(tree, `"B"`, `"BB"`), want: edit(tree, `"A"`, `"AA"`, `"B"`, `"BB"`)},
		{name: "the same change", base: tree, ours: edit(tree, `"A"`, `"AA"`), theirs: edit(tree, `"A"`, `"AA"`), want: edit(tree, `"A"`, `"AA"`)},
		{name: "one value", base: tree, ours: edit(tree, `"A"`, `"AA"`), theirs: edit(tree, `"A"`, `"AAA"`), conflicts: []string{"/nodes/a/displayName: both sides changed it, differently"}},
		{name: "rewired both", base: tree, ours: edit(tree, `"true": "b"`, `"true": "c"`), theirs: edit(tree, `"true": "b"`, `"true": "a"`), conflicts: []string{"/nodes/a/connections/true: both sides changed it, differently"}},
		{name: "removed and changed", base: `{"a": {"b": 1, "c": 2}, "d": 1}`, ours: `{"d": 1}`, theirs: `{"a": {"b": 2, "c": 2}, "d": 1}`, conflicts: []string{"/a: one side removed it, the other changed it"}},
		{name: "added differently", base: `{"d": 1}`, ours: `{"d": 1, "n": {"a": 1}}`, theirs: `{"d": 1, "n": {"a": 2}}`, conflicts: []string{"/n: both sides added it, differently"}},
		{name: "added by both sides", base: `{"d": 1}`, ours: `{"d": 1, "n": 1}`, theirs: `{"m": 2, "d": 1}`, want: `{"m": 2,"d": 1,"n": 1}`},
		{name: "moved on the canvas", base: tree, ours: edit(tree, `"x": 1`, `"x": 5`), theirs: edit(tree, `"x": 1`, `"x": 7`), want: edit(tree, `"x": 1`, `"x": 5`), notes: 1},
		{
			name: "leads to a removed node", base: edit(tree, `"true": "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"`, `"true": "a"`),
			ours: edit(tree, `"true": "b"`, `"true": "a"`, `,
    "b": {"connections": {"true": "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"}, "displayName": "B", "x": 2}`, ""),
			theirs:    edit(tree, `"true": "70e691a5-1e33-4ac3-a356-e7b6d60d92e0"`, `"true": "a"`, `"entryNodeId": "a"`, `"entryNodeId": "b"`),
			conflicts: []string{"/nodes/b: one side removed the node, the other leads to it"},
		},
		{name: "wrapper is one value", base: `{"n": {"$int": "&{esv.a}"}, "k": 1}`, ours: `{"n": {"$int": "&{esv.b}"}, "k": 1}`, theirs: `{"n": {"$int": "&{esv.c}"}, "k": 1}`, conflicts: []string{"/n: both sides changed it, differently"}},
		{name: "set", base: `{"set": ["a", "b", "c"]}`, ours: `{"set": ["a", "c", "x"]}`, theirs: `{"set": ["y", "a", "b"]}`, want: `{"set": ["a","x","y"]}`},
		{name: "sequence", base: `["a", "b", "c", "d"]`, ours: `["a", "x", "b", "c", "d"]`, theirs: `["a", "b", "c"]`, want: `["a","x","b","c"]`},
		{name: "sequence, one place", base: `["a", "b", "c"]`, ours: `["a", "x", "c"]`, theirs: `["a", "y", "c"]`, conflicts: []string{": both sides changed the same place of the list"}},
		{name: "named elements", base: `[{"_id": "a", "v": 1}, {"_id": "b", "v": 1}]`, ours: `[{"_id": "n", "v": 0}, {"_id": "a", "v": 2}, {"_id": "b", "v": 1}]`, theirs: `[{"_id": "b", "v": 3}, {"_id": "a", "v": 1}]`, want: `[{"_id": "n", "v": 0},{"_id": "b", "v": 3},{"_id": "a", "v": 2}]`},
		{name: "script in a line", base: `{"s": "a\nb\nc\nd\n", "t": 1}`, ours: `{"s": "a\nB\nc\nd\n", "t": 1}`, theirs: `{"s": "a\nb\nc\nD\n", "t": 1}`, want: `{"s": "a\nB\nc\nD\n","t": 1}`},
		{name: "script, one line", base: `{"s": "a\nb\nc\n"}`, ours: `{"s": "a\nX\nc\n"}`, theirs: `{"s": "a\nY\nc\n"}`, conflicts: []string{"/s: both sides changed it, differently"}},
		{name: "no JSON", base: "a\nb\nc\nd\n", ours: "a\nB\nc\nd\n", theirs: "a\nb\nc\nD\n", want: "a\nB\nc\nD\n"},
		{name: "no JSON, one line", base: "a\nb\nc\n", ours: "a\nX\nc\n", theirs: "a\nY\nc\n", want: "a\n<<<<<<< ours\nX\n||||||| base\nb\n=======\nY\n>>>>>>> theirs\nc\n", conflicts: []string{": both sides changed line 2"}},
		{name: "no base", base: "", ours: `{"a": 1}`, theirs: `{"b": 1}`, conflicts: []string{": both sides added it, differently"}},
		{name: "large numbers", base: `{"a": 12345678901234567890, "b": 1}`, ours: `{"a": 12345678901234567891, "b": 1}`, theirs: `{"a": 12345678901234567890, "b": 1.50}`, want: `{"a": 12345678901234567891,"b": 1.50}`},
		{name: "escapes stay", base: `{"a": "\u003cb\u003e", "b": 1, "c": 1}`, ours: `{"a": "\u003cb\u003e", "b": 2, "c": 1}`, theirs: `{"a": "\u003cb\u003e", "b": 1, "c": 2}`, want: `{"a": "\u003cb\u003e","b": 2,"c": 2}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := merge.Files([]byte(test.base), []byte(test.ours), []byte(test.theirs), merge.Options{Unordered: []string{"/set"}})
			if err != nil {
				t.Fatal(err)
			}
			var conflicts []string
			for _, c := range got.Conflicts {
				conflicts = append(conflicts, c.Pointer+": "+c.What)
			}
			if !reflect.DeepEqual(conflicts, test.conflicts) || len(got.Notes) != test.notes {
				t.Errorf("conflicts %q, want %q; notes %q\n%s", conflicts, test.conflicts, got.Notes, got.Data)
			}
			if test.want != "" && string(got.Data) != test.want {
				t.Errorf("got\n%s\nwant\n%s", got.Data, test.want)
			}
			if n := strings.Count(string(got.Data), "<<<<<<<"); n != len(conflicts) {
				t.Errorf("%d markers, %d conflicts\n%s", n, len(conflicts), got.Data)
			}
		})
	}
}

func TestMarkers(t *testing.T) {
	got, err := merge.Files([]byte("{\n    \"a\": 1,\n    \"b\": 2\n}\n"), []byte("{\n    \"a\": 3,\n    \"b\": 2\n}\n"), []byte("{\n    \"a\": 4,\n    \"b\": 5\n}\n"), merge.Options{MarkerSize: 9, Ours: "HEAD", Theirs: "feature"})
	if err != nil {
		t.Fatal(err)
	}
	const want = "{\n<<<<<<<<< HEAD\n    \"a\": 3,\n||||||||| base\n    \"a\": 1,\n=========\n    \"a\": 4,\n>>>>>>>>> feature\n    \"b\": 5\n}\n"
	if string(got.Data) != want {
		t.Errorf("got\n%s\nwant\n%s", got.Data, want)
	}
}

// What git left between markers is shown as both sides are; what only looks so stays as it is.
func TestTextOfConflict(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"one", "{\n<<<<<<< ours\n \"a\": 3,\n||||||| base\n \"a\": 1,\n=======\n \"a\": 4,\n>>>>>>> theirs\n \"b\": 5\n}\n", "<<<<<<< ours\na: 3\n=======\na: 4\n>>>>>>> theirs\nb: 5\n"},
		{"removed", "{\"a\": 1\n<<<<<<< HEAD\n, \"b\": 2\n=======\n>>>>>>> x\n}", "a: 1\n<<<<<<< ours\nb: 2\n=======\n>>>>>>> theirs\n"},
		{"longer markers", "<<<<<<<<< a\n1\n=========\n2\n>>>>>>>>> b\n", "<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n"},
		{"not closed", "<<<<<<< a\n1\n=======\n2\n", ""},
		{"no beginning", "1\n=======\n2\n>>>>>>> b\n", ""},
		{"no JSON", "<<<<<<< a\nx y\n=======\nz\n>>>>>>> b\n", ""},
		{"none", "{", ""},
	} {
		if test.want == "" {
			test.want = test.in
		}
		if got := merge.Text([]byte(test.in)); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}

func TestBinary(t *testing.T) {
	for _, bad := range []string{"\x00\x01", "\xff\xfe"} {
		if _, err := merge.Files([]byte("a"), []byte(bad), []byte("b"), merge.Options{}); err == nil {
			t.Errorf("%q is merged", bad)
		}
	}
	if _, err := merge.Files([]byte("a"), []byte("bb"), []byte("ccc"), merge.Options{MaxSize: 2}); err == nil {
		t.Error("what is too large is merged")
	}
}

// realJourneys are the trees of journeys in the fixtures, and in the corpus where it is there.
func realJourneys(t testing.TB) []string {
	t.Helper()
	var docs []string
	read := func(fsys fs.FS) {
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".json") || !strings.Contains(name, "/journey") {
				return err
			}
			data, err := fs.ReadFile(fsys, name)
			if err == nil && strings.Contains(string(data), `"connections"`) {
				docs = append(docs, string(data))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	read(fixtures.Repos())
	if len(docs) < 10 {
		t.Fatalf("%d journeys in the fixtures", len(docs))
	}
	if dir := filepath.Join("..", "..", "..", "shared", "corpus", "fr-config-manager-repo"); dirExists(dir) {
		read(os.DirFS(dir))
	} else {
		t.Log("the corpus is not here: fixtures only")
	}
	return docs
}

func dirExists(dir string) bool { info, err := os.Stat(dir); return err == nil && info.IsDir() }

// An edit sets or removes one member of an object.
type edit struct {
	pointer string
	remove  bool
	value   any
}

func (e edit) apply(doc any) bool {
	segs := schema.SplitPointer(e.pointer)
	parent, ok := schema.Lookup(doc, schema.Pointer(segs[:len(segs)-1]...))
	obj, isObject := parent.(map[string]any)
	if !ok || !isObject {
		return false
	}
	last := segs[len(segs)-1]
	if _, there := obj[last]; e.remove && !there {
		return false
	}
	if e.remove {
		delete(obj, last)
	} else {
		obj[last] = schema.Clone(e.value)
	}
	return true
}

// randomEdit changes what the admin UI changes: a value, an outcome's target, a node; or any member.
func randomEdit(r *rand.Rand, doc any) edit {
	var places []string
	schema.Walk(doc, func(p string, v any) bool {
		if _, isList := v.([]any); p != "" {
			places = append(places, p)
			return !isList
		}
		return true
	})
	at := places[r.IntN(len(places))]
	switch r.IntN(5) {
	case 0:
		return edit{pointer: at, remove: true}
	case 1:
		v, _ := schema.Lookup(doc, at)
		if _, ok := v.(map[string]any); ok {
			at += "/new" + fmt.Sprint(r.IntN(3))
		}
		return edit{pointer: at, value: json.Number(fmt.Sprint(r.IntN(4)))}
	default:
		return edit{pointer: at, value: fmt.Sprintf("value %d", r.IntN(3))}
	}
}

func applyAll(base any, edits ...[]edit) (any, bool) {
	doc := schema.Clone(base)
	for _, list := range edits {
		for _, e := range list {
			if !e.apply(doc) {
				return nil, false
			}
		}
	}
	return doc, true
}

// For random pairs of edits to real journeys: a merge without conflict is what applying both sides' edits
// gives, in either order; and where both orders give the same, there is no conflict, but for a node that one
// side removed and the other leads to.
func TestRandomEdits(t *testing.T) {
	docs := realJourneys(t)
	r := rand.New(rand.NewPCG(7, 11))
	clean, clashed := 0, 0
	rounds := 500
	if os.Getenv("LOCKSTEP_CORPUS") == "all" {
		rounds = 2000
	}
	t.Logf("%d rounds; 2000 with LOCKSTEP_CORPUS=all", rounds)
	for round := range rounds {
		text := docs[round%len(docs)]
		base, err := schema.ParseJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var a, b []edit
		for range 1 + r.IntN(3) {
			a, b = append(a, randomEdit(r, base)), append(b, randomEdit(r, base))
		}
		ours, okA := applyAll(base, a)
		theirs, okB := applyAll(base, b)
		if !okA || !okB {
			continue
		}
		ab, okAB := applyAll(base, a, b)
		ba, okBA := applyAll(base, b, a)
		agree := okAB && okBA && reflect.DeepEqual(ab, ba)
		got, err := merge.Files([]byte(text), schema.EncodeJSON(ours), schema.EncodeJSON(theirs), merge.Options{})
		if err != nil {
			t.Fatalf("round %d: %v\n%v\n%v", round, err, a, b)
		}
		if len(got.Conflicts) == 0 {
			clean++
			merged, err := schema.ParseJSON(got.Data)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if agree && !reflect.DeepEqual(merged, ab) {
				t.Fatalf("round %d: %v and %v do not give what both applied give\n%s\nwant\n%s", round, a, b, got.Data, schema.EncodeJSON(ab))
			}
			// Both sides may have come to the same by different edits; else order matters and somebody must say so.
			if !agree && len(got.Notes) == 0 && !reflect.DeepEqual(ours, theirs) && !coincidence(base, ours, theirs, merged) {
				t.Fatalf("round %d: %v and %v depend on their order, and nobody says so\n%s", round, a, b, got.Data)
			}
			continue
		}
		clashed++
		if !strings.Contains(string(got.Data), "<<<<<<< ours") {
			t.Fatalf("round %d: a conflict without marker\n%s", round, got.Data)
		}
		if agree && !strings.Contains(got.Conflicts[0].What, "leads to it") && !touchesSame(base, ours, theirs) {
			t.Fatalf("round %d: %v and %v are a conflict: %v", round, a, b, got.Conflicts)
		}
	}
	if clean < rounds*15/100 || clashed < rounds*25/1000 {
		t.Errorf("%d clean merges and %d conflicts show too little", clean, clashed)
	}
	t.Logf("%d clean merges, %d conflicts", clean, clashed)
}

// coincidence checks a clean merge by the rule itself: at each place, the merged value is the one side's that
// changed it, and both sides' where both did.
func coincidence(base, ours, theirs, merged any) bool {
	if reflect.DeepEqual(ours, theirs) || reflect.DeepEqual(base, theirs) {
		return reflect.DeepEqual(merged, ours)
	}
	if reflect.DeepEqual(base, ours) {
		return reflect.DeepEqual(merged, theirs)
	}
	b, ok1 := base.(map[string]any)
	o, ok2 := ours.(map[string]any)
	t, ok3 := theirs.(map[string]any)
	m, ok4 := merged.(map[string]any)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return false
	}
	for _, side := range []map[string]any{b, o, t, m} {
		for k := range side {
			_, inB := b[k]
			_, inO := o[k]
			_, inT := t[k]
			_, inM := m[k]
			want := inO
			if inO == inB {
				want = inT
			}
			if inM != want || inM && !coincidence(b[k], o[k], t[k], m[k]) {
				return false
			}
		}
	}
	return true
}

// touchesSame says whether both sides changed one value, or one changed what the other removed: two edits that
// agree by chance after all.
func touchesSame(base, ours, theirs any) bool {
	if reflect.DeepEqual(ours, theirs) || reflect.DeepEqual(base, ours) || reflect.DeepEqual(base, theirs) {
		return false
	}
	b, ok1 := base.(map[string]any)
	o, ok2 := ours.(map[string]any)
	t, ok3 := theirs.(map[string]any)
	if !ok1 || !ok2 || !ok3 {
		return true
	}
	for k := range b {
		if touchesSame(b[k], o[k], t[k]) {
			return true
		}
	}
	for k := range o {
		if _, had := b[k]; !had && t[k] != nil && !reflect.DeepEqual(o[k], t[k]) {
			return true
		}
	}
	return false
}

func FuzzFiles(f *testing.F) {
	f.Add(`{"a": 1}`, `{"a": 2}`, `{"a": 3}`)
	f.Add("a\nb\n", "a\n", "b\n")
	f.Add(`[1,2,3]`, `[1,3]`, `[2,3]`)
	f.Add(`{"nodes":{"a":{"connections":{"t":"b"}},"b":{"connections":{}}}}`, `{"nodes":{"a":{"connections":{"t":"b"}}}}`, `{"nodes":{"b":{"connections":{}}}}`)
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		got, err := merge.Files([]byte(base), []byte(ours), []byte(theirs), merge.Options{})
		if err != nil {
			if strings.Contains(err.Error(), "fault of the program") {
				t.Fatal(err)
			}
			return
		}
		again, err := merge.Files([]byte(base), []byte(theirs), []byte(ours), merge.Options{})
		if err == nil && len(got.Notes) == 0 && (len(got.Conflicts) == 0) != (len(again.Conflicts) == 0) {
			t.Errorf("the sides are not treated alike: %v, %v", got.Conflicts, again.Conflicts)
		}
	})
}
