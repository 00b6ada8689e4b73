package schema_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// TestRepositoriesAreQuiet: every error that Validate finds in the corpus' repositories and exports
// is a real fault, listed here with its reason.
func TestRepositoriesAreQuiet(t *testing.T) {
	const root = "../../shared/corpus"
	if _, err := os.Stat(root); err != nil {
		t.Skipf("no corpus at %s", root)
	}
	real := map[string]string{
		"journey-entry-missing alpha/journey/test":        "starts at a node that no source has (corpus notes, 8)",
		"encrypted-secret Azure":                          "the Azure connector's client secret is a $crypto value",
		"idp-missing-script alpha/idp/github":             "fr-config-manager-repo: its script was not pulled; all frodo exports have it",
		"idp-missing-script alpha/idp/okta-trial-5735851": "the same",
		// A JSON literal of a script, stored so on the tenant (corpus notes, 2).
		"script-double-encoded 3c778553-374f-418d-818d-9aa40a4fe789": "Preston Test Script",
		"script-double-encoded 484e6246-dbc6-4288-97e6-54e55431402e": "Apple Profile Normalization",
		"script-double-encoded 58c824ae-84ed-4724-82cd-db128fc3f6c":  "Normalized Profile to Managed User",
		"script-double-encoded 58d29080-4563-480b-89bb-1e7719776a21": "Google Profile Normalization",
		"script-double-encoded 73cecbfc-dad0-4395-be6a-6858ee3a80e5": "Microsoft Profile Normalization",
	}
	sources := []string{"fr-config-manager-repo", "fr-config-manager-push-input"}
	for _, dir := range []string{"frodo-export", "frodo-export/by-type"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil || len(entries) == 0 {
			t.Fatalf("no exports in %s: %v", dir, err)
		}
		for _, e := range entries {
			if e.Name() != "by-type" {
				sources = append(sources, dir+"/"+e.Name())
			}
		}
	}
	seen := map[string]bool{}
	total := 0
	for _, source := range sources {
		set, _, err := repo.LoadPath(filepath.Join(root, filepath.FromSlash(source)), repo.Options{})
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		total += set.Len()
		for _, d := range schema.Validate(set, schema.Options{}).AtLeast(schema.Error) {
			name := d.Code + " " + d.Key.String()
			switch d.Code {
			case "script-double-encoded":
				name = d.Code + " " + d.Key.ID
			case "encrypted-secret":
				if strings.Contains(d.Key.ID+d.Pointer+d.Pos.File, "Azure") {
					name = d.Code + " Azure"
				}
			}
			seen[name] = true
			if real[name] == "" {
				t.Errorf("%s: %v: %s: %s", source, d.Pos, name, d.Message)
			}
			if d.Pos.IsZero() || d.Pos.Line == 0 {
				t.Errorf("%s: %s has no place", source, name)
			}
		}
	}
	for name := range real {
		if !seen[name] {
			t.Errorf("%s is a real fault and is not found", name)
		}
	}
	if total < 500 {
		t.Errorf("only %d resources were read", total)
	}
}
