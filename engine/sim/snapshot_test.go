package sim_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// TestSnapshots seeds whole tenants and reads every document back by its path.
func TestSnapshots(t *testing.T) {
	dir := corpus(t, "tenant-snapshots")
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snapshots in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			w := newWorld(t, sim.Options{})
			var docs []sim.Document
			readLines(t, file, func(d sim.Document) { docs = append(docs, d) })
			if err := w.dev.tenant.Seed(docs); err != nil {
				t.Fatal(err)
			}
			dump := w.dev.tenant.Documents()
			again := newWorld(t, sim.Options{})
			if err := again.dev.tenant.Seed(dump); err != nil {
				t.Fatal(err)
			}
			if second := again.dev.tenant.Documents(); !sameJSON(dump, second) {
				t.Error("a dump seeds a tenant that dumps differently")
			}
			for _, d := range dump {
				if strings.Contains(d.Path, "/exportmetadata.jsp") || strings.HasSuffix(d.Path, "/services/DataStoreService") ||
					strings.HasSuffix(d.Path, "/services/id-repositories") || strings.HasPrefix(d.Path, "/am/json/realms/root/realm-config") {
					continue // a dump without an escape, or a surface the cloud shuts
				}
				if a := w.dev.do("GET", escapeID(d.Path), nil); a.status != http.StatusOK {
					t.Errorf("GET %s: %d %.200s", d.Path, a.status, a.text)
				}
			}
		})
	}
}

// escapeID escapes what a document path leaves plain.
func escapeID(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// TestSnapshotPromotes takes a whole recorded tenant from development to staging.
func TestSnapshotPromotes(t *testing.T) {
	dir := corpus(t, "tenant-snapshots")
	w := newWorld(t, sim.Options{})
	var docs []sim.Document
	readLines(t, filepath.Join(dir, "frodo-dev_2026-07-13.jsonl"), func(d sim.Document) { docs = append(docs, d) })
	if err := w.dev.tenant.Seed(docs); err != nil {
		t.Fatal(err)
	}
	id := w.stage.lock()
	end, _ := w.stage.promote(m{"dryRun": true, "ignoreEncryptedSecrets": true})
	missing := end.list("missingESVs")
	t.Logf("missing: %v", missing)
	w.stage.unlock(id)
	for _, name := range missing {
		w.stage.seed("/environment/variables/esv-"+strings.ReplaceAll(name.(string), ".", "-"), m{"valueBase64": "", "expressionType": "string"})
	}
	w.stage.lock()
	end, _ = w.stage.promote(m{"dryRun": false})
	t.Logf("encrypted: %v", end.list("encryptedSecrets"))
	if end.str("status") == "ERROR" {
		end, _ = w.stage.promote(m{"dryRun": false, "ignoreEncryptedSecrets": true})
	}
	if end.str("message") != "Promotion completed" {
		t.Fatalf("promotion: %s", end.text)
	}
	var upper []string
	for _, d := range w.stage.tenant.Documents() {
		upper = append(upper, d.Path+string(d.Body))
	}
	for _, d := range w.dev.tenant.Documents() {
		isStatic := strings.Contains(d.Path, "/authenticationtrees/") || strings.Contains(d.Path, "/scripts/") || strings.HasPrefix(d.Path, "/openidm/config/")
		if isStatic && !slices.Contains(upper, d.Path+string(d.Body)) {
			t.Errorf("%s was not promoted as it is", d.Path)
		}
	}
	left := w.dev.want(200, "GET", promotion+"report/provisional", nil)
	if changes, _ := left.object()["report"].(map[string]any); len(changes) != 0 {
		t.Errorf("a promotion left changes: %.500s", left.text)
	}
}
