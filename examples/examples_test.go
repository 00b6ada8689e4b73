package examples_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/lockstep-gitops/lockstep/examples"
)

// untrusted are the parts of an event that an author of a pull request chooses; in a shell line they would run.
var untrusted = regexp.MustCompile(`\$\{\{\s*github\.(head_ref|base_ref|event\.pull_request\.(title|body|head\.(ref|label)))`)

// The CI files are well-formed, and none of them lets a pull request's author run anything with its rights.
func TestCIFiles(t *testing.T) {
	if len(examples.CINames()) < 8 {
		t.Fatal(examples.CINames())
	}
	for _, service := range examples.CINames() {
		list, ok := examples.CI(service)
		if !ok || len(list) == 0 {
			t.Fatalf("%s has no files", service)
		}
		for _, f := range list {
			if !fs.ValidPath(f.Name) || len(f.Data) == 0 {
				t.Errorf("%s: %q", service, f.Name)
			}
			text := string(f.Data)
			if strings.HasSuffix(f.Name, ".yml") || strings.HasSuffix(f.Name, ".yaml") {
				var v map[string]any
				if err := yaml.Unmarshal(f.Data, &v); err != nil {
					t.Errorf("%s: %v", f.Name, err)
				}
				inScripts(t, f.Name, v)
			}
			if strings.Contains(text, "pull_request_target") {
				t.Errorf("%s runs with the base repository's rights on what a fork sends", f.Name)
			}
			if strings.Contains(text, "workflow_run") && strings.Contains(text, "actions/checkout") {
				t.Errorf("%s checks out in a job that has rights", f.Name)
			}
			if strings.HasSuffix(f.Name, ".sh") {
				name := filepath.Join(t.TempDir(), "x.sh")
				if err := os.WriteFile(name, f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.Command("sh", "-n", name).CombinedOutput(); err != nil {
					t.Errorf("%s: %v %s", f.Name, err, out)
				}
			}
		}
	}
	if _, ok := examples.CI("nothing"); ok {
		t.Error("there is a service called nothing")
	}
}

// inScripts looks for expressions in shell lines.
func inScripts(t *testing.T, file string, v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			if s, ok := e.(string); ok && (k == "run" || k == "script") && untrusted.MatchString(s) {
				t.Errorf("%s puts untrusted text into a shell line: %s", file, s)
			}
			inScripts(t, file, e)
		}
	case []any:
		for _, e := range x {
			inScripts(t, file, e)
		}
	}
}
