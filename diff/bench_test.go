package diff_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/diff"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/fixtures/scale"
	"github.com/lockstep-gitops/lockstep/schema"
)

const (
	benchJourneys = 1000 // of 11 files each
	benchChanges  = 80
)

// written loads files from a disk, as a person's are.
func written(b *testing.B, files map[string][]byte) *schema.Set {
	b.Helper()
	dir := b.TempDir()
	for name, data := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	start := time.Now()
	set, _, err := repo.LoadPath(dir, repo.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d files, %d resources: loaded in %v", len(files), set.Len(), time.Since(start).Round(time.Millisecond))
	return set
}

// asTenant gives the set as a tenant answers: each object with what the server owns, so that no body is the
// same as its file's byte for byte.
func asTenant(set *schema.Set) *schema.Set {
	out := schema.NewSet("tenant")
	for _, r := range set.All() {
		body := schema.CloneObject(r.Body)
		if t, _ := schema.TypeOf(r.Type); slices.Contains(t.Volatile, "/_rev") {
			body["_rev"] = "1"
		}
		if configs, ok := body["nodeConfigs"].(map[string]any); ok {
			for id, c := range configs {
				config := c.(map[string]any)
				config["_rev"], config["_id"] = "1", id
				config["_outcomes"] = []any{map[string]any{"id": "true", "displayName": "True"}}
			}
		}
		out.Add(&schema.Resource{Key: r.Key, Body: body})
	}
	return out
}

// BenchmarkCompare compares two configurations of 11,000 files with 80 changes, which are loaded before. Its
// measure is json.Valid over the bytes of one of them, in the same run.
func BenchmarkCompare(b *testing.B) {
	files := scale.Files(benchJourneys)
	edited := scale.Edit(files, benchChanges)
	live, want := written(b, files), written(b, edited)
	for _, c := range []struct {
		name string
		live *schema.Set
		o    diff.Options
	}{{"files", live, diff.Options{}}, {"tenant", asTenant(live), diff.Options{Tenant: true}}} {
		b.Run(c.name, func(b *testing.B) {
			var ours, valid time.Duration
			runs := 0
			for b.Loop() {
				start := time.Now()
				changes, err := diff.Compare(c.live, want, c.o)
				if err != nil || len(changes) != benchChanges {
					b.Fatalf("%d changes, want %d: %v", len(changes), benchChanges, err)
				}
				ours += time.Since(start)
				runs++

				b.StopTimer()
				start = time.Now()
				for name, data := range files {
					if filepath.Ext(name) == ".json" && !json.Valid(data) {
						b.Fatalf("%s is no JSON", name)
					}
				}
				valid += time.Since(start)
				b.StartTimer()
			}
			b.ReportMetric(float64(ours.Milliseconds())/float64(runs), "ms/diff")
			b.ReportMetric(float64(ours)/float64(valid), "x-json.Valid")
		})
	}
}
