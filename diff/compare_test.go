package diff_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/schema"
)

var update = flag.Bool("update", false, "write the golden parts of testdata/*.txtar anew")

// readSet reads lines {"type","realm","id","body"} into a set.
func readSet(t *testing.T, data []byte) *schema.Set {
	t.Helper()
	set := schema.NewSet("test")
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	for d.More() {
		var r struct {
			Type, Realm, ID string
			Body            map[string]any
		}
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if _, ok := schema.TypeOf(r.Type); !ok {
			t.Fatalf("no type %q", r.Type)
		}
		set.Add(&schema.Resource{Key: schema.Key{Type: r.Type, Realm: r.Realm, ID: r.ID}, Body: r.Body})
	}
	return set
}

// render writes changes as plain text, patches included.
func render(changes []diff.Change) string {
	var b strings.Builder
	for i := range changes {
		c := &changes[i]
		fmt.Fprintf(&b, "%s %s", c.Label(), c.Action)
		if c.Cosmetic() {
			b.WriteString(" (cosmetic)")
		}
		b.WriteByte('\n')
		for _, item := range c.Items {
			fmt.Fprintf(&b, "  %s %s", item.Kind, item.Subject)
			if item.Detail != "" {
				fmt.Fprintf(&b, " | %s", item.Detail)
			}
			b.WriteByte('\n')
			for _, l := range item.Text {
				fmt.Fprintf(&b, "      %s\n", l)
			}
		}
		if c.Action == diff.Update {
			for _, op := range c.Patch {
				fmt.Fprintf(&b, "  patch %s %s %s\n", op.Op, op.Path, op.Value)
			}
		}
	}
	if len(changes) == 0 {
		b.WriteString("no change\n")
	}
	return b.String()
}

func testKey() ([]byte, error) { return []byte("test"), nil }

func TestCompare(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := func(name string) *txtar.File {
				for i := range ar.Files {
					if ar.Files[i].Name == name {
						return &ar.Files[i]
					}
				}
				t.Fatalf("%s has no part %q", file, name)
				return nil
			}
			live, want := readSet(t, part("live").Data), readSet(t, part("want").Data)
			changes, err := diff.Compare(live, want, diff.Options{HashKey: testKey})
			if err != nil {
				t.Fatal(err)
			}
			got, golden := render(changes), part("text")
			if *update {
				golden.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(golden.Data) {
				t.Errorf("got:\n%s\nwant:\n%s", got, golden.Data)
			}
			for i := range changes {
				diff.CheckPatch(t, &changes[i])
			}
			if same, err := diff.Compare(want, want, diff.Options{}); err != nil || len(same) != 0 {
				t.Errorf("a set differs from itself: %v %v", same, err)
			}
			if len(changes) == 0 && diff.SetDigest(live) != diff.SetDigest(want) && !strings.Contains(string(ar.Comment), "digests differ") {
				t.Error("no change, but the digests differ")
			}
		})
	}
}

func TestTenantsOwnIsNoChange(t *testing.T) {
	live := readSet(t, []byte(`
{"type":"script","realm":"alpha","id":"d1","body":{"name":"Product default","default":true,"script":"x"}}
{"type":"script","realm":"alpha","id":"m1","body":{"name":"Mine","default":false,"script":"x"}}
{"type":"variable","id":"esv-a","body":{"expressionType":"string","valueBase64":"YQ=="}}
`))
	want := schema.NewSet("git")
	for tenant, n := range map[bool]int{true: 1, false: 3} {
		changes, err := diff.Compare(live, want, diff.Options{Tenant: tenant})
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) != n {
			t.Errorf("Tenant=%v: %d changes, want %d:\n%s", tenant, len(changes), n, render(changes))
		}
		// The same the other way round.
		changes, err = diff.Compare(want, live, diff.Options{WantTenant: tenant})
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) != n {
			t.Errorf("WantTenant=%v: %d changes, want %d:\n%s", tenant, len(changes), n, render(changes))
		}
	}
}

// TestExportsLeaveOut: a script that comes with the product is no change for being absent from one side; one
// that only claims to be a default is.
func TestExportsLeaveOut(t *testing.T) {
	const productScript = "01e1a3c0-038b-4c16-956a-6c9d89328cff" // Authentication Tree Decision Node Script
	for id, want := range map[string]int{productScript: 0, "11111111-2222-3333-4444-555555555555": 1} {
		one := readSet(t, fmt.Appendf(nil, `{"type":"script","realm":"alpha","id":%q,"body":{"name":"S","default":true,"script":"x"}}`, id))
		for _, pair := range [][2]*schema.Set{{one, schema.NewSet("empty")}, {schema.NewSet("empty"), one}} {
			changes, err := diff.Compare(pair[0], pair[1], diff.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(changes) != want {
				t.Errorf("%s: %d changes, want %d", id, len(changes), want)
			}
		}
	}
}

// TestNothingSecret holds that no part of a change shows a secret, and that a changed one shows as changed.
func TestNothingSecret(t *testing.T) {
	set := func(password, crypto string) *schema.Set {
		return readSet(t, fmt.Appendf(nil, `
{"type":"email-provider","id":"external.email","body":{"host":"h","auth":{"password":%q},"other":{"$crypto":{"value":{"data":%q}}}}}
{"type":"secret","id":"esv-s","body":{"valueBase64":%q,"encoding":"generic"}}
`, password, crypto, password))
	}
	changes, err := diff.Compare(set("hunter2-old", "cipher-old"), set("hunter2-new", "cipher-new"), diff.Options{HashKey: testKey})
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 2 || len(changes[0].Items) != 2 || len(changes[1].Items) != 1 {
		t.Fatalf("want two changes with two items and one, got:\n%s", render(changes))
	}
	ops, err := json.Marshal(append(changes[0].Patch, changes[1].Patch...))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "cipher-"} {
		if strings.Contains(render(changes), secret) || strings.Contains(string(ops), secret) {
			t.Errorf("%q is shown:\n%s\n%s", secret, render(changes), ops)
		}
	}
	for _, r := range []*schema.Set{set("hunter2", "c")} {
		for _, res := range r.OfType("secret") {
			typ, _ := schema.TypeOf("secret")
			if s := string(schema.CompactJSON(diff.Strip(typ, res.Body))); strings.Contains(s, "hunter2") {
				t.Errorf("a stripped secret holds its value: %s", s)
			}
		}
	}
}
