package diff

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

func fixedKey() ([]byte, error) { return []byte("test"), nil }

// applyOps applies a patch with a library that is not ours.
func applyOps(t testing.TB, ops []Op, doc any) any {
	t.Helper()
	text, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	p, err := jsonpatch.DecodePatch(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	got, err := p.Apply(schema.CompactJSON(doc))
	if err != nil {
		t.Fatalf("%v\npatch %s\ndocument %s", err, text, schema.CompactJSON(doc))
	}
	v, err := schema.ParseJSON(got)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// checkPatch holds the contract of Change.Patch: applied to the old body as it was read, it gives one that
// means the same as the new body, and it touches nothing that the tenant owns. Secrets stand as hashes on
// both sides.
func checkPatch(t testing.TB, c *Change) {
	t.Helper()
	h := newHasher(fixedKey)
	typ, _ := schema.TypeOf(c.Type)
	p := rootOf(typ)
	switch c.Action {
	case Create:
		want := h.mask(p, Normalize(typ, c.After.Body))
		if got := applyOps(t, c.Patch, map[string]any{}); !equal(got, want) {
			t.Errorf("%s: what is created is\n%s\nwant\n%s", c.Label(), schema.CompactJSON(got), schema.CompactJSON(want))
		}
		return
	case Delete:
		if len(c.Patch) != 1 || c.Patch[0].Op != "remove" || c.Patch[0].Path != "" {
			t.Errorf("%s: a deletion's patch is %v", c.Label(), c.Patch)
		}
		return
	}
	if len(c.Patch) == 0 || len(c.Items) == 0 {
		t.Errorf("%s: an update with %d operations and %d lines", c.Label(), len(c.Patch), len(c.Items))
	}
	got, ok := applyOps(t, c.Patch, h.mask(p, c.Before.Body)).(map[string]any)
	if !ok {
		t.Fatalf("%s: the patch gives no object", c.Label())
	}
	// What is written and never read back is in the patch, and in no form.
	for _, op := range c.Patch {
		q := p
		segs := schema.SplitPointer(op.Path)
		for _, s := range segs {
			if q = q.at(s); q.has(volatile) && !q.has(secret) {
				t.Errorf("%s: %s %s touches what the tenant owns", c.Label(), op.Op, op.Path)
			}
		}
	}
	form := p.form(got, typ.NullIsAbsent).(map[string]any)
	want := p.form(h.mask(p, c.After.Body), typ.NullIsAbsent).(map[string]any)
	forgetUnknown(typ, form, want)
	if !p.same(form, want) {
		var w opsWriter
		err := w.value(nil, "", form, want)
		t.Errorf("%s: the patch does not give the new body; from what it gives to that: %s %v\npatch %s", c.Label(), spelled(w.ops), err, spelled(c.Patch))
	}
	// And what is the same now is no change any more.
	if same, err := (comparer{hasher: h, names: names{schema.NewSet(""), schema.NewSet("")}}).compare(
		&schema.Resource{Key: c.Key, Body: got}, &schema.Resource{Key: c.Key, Body: asObject(h.mask(p, c.After.Body))}); err != nil {
		t.Error(err)
	} else if same != nil && !slices.ContainsFunc(same.Patch, func(op Op) bool { return strings.Contains(string(op.Value), hashPrefix) }) {
		t.Errorf("%s: after its patch there is still a change: %s", c.Label(), spelled(same.Patch))
	}
}

// spelled writes operations for a failure's message.
func spelled(ops []Op) string {
	var b strings.Builder
	for _, op := range ops {
		v := string(op.Value)
		if len(v) > 300 {
			v = v[:150] + "…" + v[len(v)-150:]
		}
		fmt.Fprintf(&b, "\n  %s %s %s", op.Op, op.Path, v)
	}
	return b.String()
}

// corpusSets are every configuration of the corpus, read once; nobody changes them.
func corpusSets(t *testing.T) map[string]*schema.Set {
	t.Helper()
	if _, err := os.Stat(corpusRoot); err != nil {
		t.Skip("the corpus is not here: ../shared/corpus, as seen from the repository's root")
	}
	sets, err := corpusOnce()
	if err != nil {
		t.Fatal(err)
	}
	return sets
}

const corpusRoot = "../../shared/corpus"

var corpusOnce = sync.OnceValues(func() (map[string]*schema.Set, error) {
	names, err := filepath.Glob(filepath.Join(corpusRoot, "tenant-snapshots", "*.jsonl"))
	if err != nil || len(names) < 2 {
		return nil, fmt.Errorf("no snapshots: %v", err)
	}
	sets := map[string]*schema.Set{}
	for _, name := range append(names, filepath.Join(corpusRoot, "frodo-export", "all.cloud.json"), filepath.Join(corpusRoot, "frodo-export", "all.config.json"), filepath.Join(corpusRoot, "fr-config-manager-repo")) {
		set, _, err := repo.LoadPath(name, repo.Options{})
		if err != nil {
			return nil, err
		}
		if set.Len() == 0 {
			return nil, fmt.Errorf("nothing was read from %s", name)
		}
		sets[filepath.Base(name)] = set
	}
	return sets, nil
})

// exhaustive tells whether all of the corpus is to be compared and every seed tried: LOCKSTEP_CORPUS=all.
// It takes minutes under the race detector; without it a sample goes with every change.
func exhaustive() bool { return os.Getenv("LOCKSTEP_CORPUS") == "all" }

// TestCorpusPatches applies the patch of every change between two configurations of the corpus: neighbours by
// name, or any two.
func TestCorpusPatches(t *testing.T) {
	sets := corpusSets(t)
	names := schema.SortedKeys(sets)
	count := map[Action]int{}
	for i, from := range names {
		for j, to := range names {
			if i > j || !exhaustive() && j > i+1 {
				continue // TestRandomEdits goes both ways
			}
			changes, err := Compare(sets[from], sets[to], Options{HashKey: fixedKey})
			if err != nil {
				t.Fatal(err)
			}
			if from == to && len(changes) > 0 {
				t.Errorf("%s differs from itself: %v", from, changes[0].Label())
			}
			for i := range changes {
				checkPatch(t, &changes[i])
				count[changes[i].Action]++
			}
			if t.Failed() {
				t.Fatalf("between %s and %s", from, to)
			}
		}
	}
	t.Logf("%d configurations: %d creations, %d updates, %d deletions (any two: %t; LOCKSTEP_CORPUS=all)", len(names), count[Create], count[Update], count[Delete], exhaustive())
	if count[Update] < 100 {
		t.Error("too few updates for a test")
	}
}

func fixtureSet(t testing.TB) *schema.Set {
	t.Helper()
	flat, err := fs.Sub(fixtures.Repos(), "flat")
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := repo.Load(flat, ".", repo.Options{})
	if err != nil || set.Len() == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	return set
}

// An editor changes decoded JSON at random, as people and tenants do and as they don't.
type editor struct{ r *rand.Rand }

func (e editor) value() any {
	values := []any{
		nil, true, false, "", "text", "line\nline\n", "line\r\nline\r\n", "&{esv.a.b}", "${ESV_A}", json.Number("0"), json.Number("1.0"), json.Number("-0"),
		json.Number("1e-50"), json.Number("12345678901234567890"), []any{}, []any{"a", "b", "a"}, map[string]any{}, map[string]any{"$int": "&{esv.n|3}"},
		map[string]any{"$crypto": map[string]any{"value": "x"}}, []any{map[string]any{"_id": "x", "n": json.Number("1")}, map[string]any{"_id": "y"}},
		[]any{[]any{"a"}, []any{}, map[string]any{}, nil}, "1.0", map[string]any{"inherited": false, "value": "x"},
	}
	return values[e.r.IntN(len(values))]
}

func (e editor) key() string {
	// Not "": the library that applies the patches takes an empty key for the object itself.
	keys := []string{"a/b", "~", "~1", "0", "-", "_id", "_rev", "name", "enabled", "password", "userpassword-encrypted", "version", "x", "**", "é"}
	return keys[e.r.IntN(len(keys))]
}

// edit returns v with one change somewhere in it.
func (e editor) edit(v any) any {
	switch x := v.(type) {
	case map[string]any:
		keys := schema.SortedKeys(x)
		switch n := e.r.IntN(10); {
		case n == 0 || len(keys) == 0:
			x[e.key()] = schema.Clone(e.value())
		case n == 1:
			delete(x, keys[e.r.IntN(len(keys))])
		case n == 2:
			x[keys[e.r.IntN(len(keys))]] = schema.Clone(e.value())
		case n == 3: // a node under another id, a member under another name
			k := keys[e.r.IntN(len(keys))]
			x[k+"2"] = x[k]
			delete(x, k)
		default:
			k := keys[e.r.IntN(len(keys))]
			x[k] = e.edit(x[k])
		}
		return x
	case []any:
		n := e.r.IntN(6)
		if len(x) == 0 {
			n = 0
		}
		switch n {
		case 0:
			return slices.Insert(x, e.r.IntN(len(x)+1), schema.Clone(e.value()))
		case 1:
			i := e.r.IntN(len(x))
			return slices.Delete(x, i, i+1)
		case 2:
			i, j := e.r.IntN(len(x)), e.r.IntN(len(x))
			x[i], x[j] = x[j], x[i]
			return x
		case 3:
			return append(x, schema.Clone(x[e.r.IntN(len(x))]))
		default:
			i := e.r.IntN(len(x))
			x[i] = e.edit(x[i])
			return x
		}
	case string:
		switch e.r.IntN(3) {
		case 0:
			return x + "!"
		case 1:
			return "new\n" + x
		}
	}
	return schema.Clone(e.value())
}

// object edits an object, and leaves it one.
func (e editor) object(m map[string]any, times int) map[string]any {
	for range times {
		m = e.edit(m).(map[string]any)
	}
	return m
}

// checkEdits compares a real body with itself after random edits, both ways.
func checkEdits(t testing.TB, set *schema.Set, seed uint64) {
	e := editor{rand.New(rand.NewPCG(seed, 1))}
	all := set.All()
	r := all[e.r.IntN(len(all))]
	// Both sides are edited, so that what is odd stands in the old body, too.
	old := &schema.Resource{Key: r.Key, Body: e.object(schema.CloneObject(r.Body), e.r.IntN(4))}
	edited := &schema.Resource{Key: r.Key, Body: e.object(schema.CloneObject(old.Body), 1+e.r.IntN(6))}
	c := comparer{hasher: newHasher(fixedKey), names: names{set, set}}
	typ, _ := schema.TypeOf(r.Type)
	for _, pair := range [][2]*schema.Resource{{old, edited}, {edited, old}} {
		before := string(schema.CompactJSON(pair[0].Body))
		ch, err := c.compare(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if string(schema.CompactJSON(pair[0].Body)) != before {
			t.Fatal("the comparison changed a body")
		}
		if (ch == nil) != (Digest(pair[0]) == Digest(pair[1])) && len(typ.PerTenant) == 0 && !slices.ContainsFunc(typ.Secret, func(s string) bool { return slices.Contains(typ.Volatile, s) }) {
			t.Fatalf("change %v, and the digests say otherwise:\n%s\n%s", ch, before, schema.CompactJSON(pair[1].Body))
		}
		if ch != nil {
			checkPatch(t, ch)
		}
	}
}

func TestRandomEdits(t *testing.T) {
	set := fixtureSet(t)
	seeds := uint64(200)
	if exhaustive() {
		seeds = 1000
	}
	t.Logf("%d seeds; 1000 with LOCKSTEP_CORPUS=all", seeds)
	for seed := range seeds {
		checkEdits(t, set, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzPatch(f *testing.F) {
	set := fixtureSet(f)
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { checkEdits(t, set, seed) })
}
