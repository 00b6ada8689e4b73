package engine_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lockstep-gitops/lockstep"

// may says who may import whom (design/house.md, section 3): nouns at the bottom, one direction, children
// don't import each other but for this list. Tests may import more; what ships may not.
var may = map[string][]string{
	"placeholders":   {},
	"schema":         {"placeholders"},
	"diff":           {"schema", "placeholders"},
	"diff/picture":   {"diff", "schema"},
	"engine":         {"diff", "schema", "placeholders"},
	"fixtures":       {},
	"fixtures/scale": {"fixtures"},
	"examples":       {},
	"engine/config":  {"schema", "placeholders"},
	"engine/repo":    {"schema", "placeholders"},
	"engine/tenant":  {"schema"},
	"engine/sim":     {},
	"engine/report":  {"engine", "diff", "diff/picture", "schema"},
	"cmd/lockstep":   {"*"},
	"engine/merge":   {"schema"},
	"engine/forge":   {},
}

// only says which packages may use a library that shapes code.
var only = map[string][]string{
	"github.com/go-git/":                    {"engine/repo"},
	"github.com/wI2L/jsondiff":              {"diff"},
	"github.com/santhosh-tekuri/jsonschema": {"schema"},
	"gopkg.in/yaml":                         {"engine/config"},
	"github.com/spf13/cobra":                {"cmd/lockstep"},
}

// imports reads what the shipped files of each package import, from the sources.
func imports(t *testing.T) map[string]map[string]string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(name)
		if found[pkg] == nil {
			found[pkg] = map[string]string{}
		}
		for _, i := range f.Imports {
			to, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			found[pkg][to] = name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestImports(t *testing.T) {
	found := imports(t)
	for pkg := range may {
		if len(found[pkg]) == 0 && pkg != "fixtures" {
			t.Errorf("package %s of the fence has no files, or imports nothing at all", pkg)
		}
	}
	for pkg, list := range found {
		allowed, listed := may[pkg]
		if strings.HasPrefix(pkg, "cmd/") {
			allowed, listed = []string{"*"}, true
		}
		if !listed {
			t.Errorf("package %s is not in the fence: say in deps_test.go whom it may import", pkg)
		}
		for to, file := range list {
			own, ours := strings.CutPrefix(to, module+"/")
			if !ours {
				continue
			}
			if strings.HasPrefix(own, "cmd/") {
				t.Errorf("%s imports %s: nothing imports a command", file, own)
			}
			if !slices.Contains(allowed, own) && !slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s: %s may import %v", file, own, pkg, allowed)
			}
		}
	}
}

func TestLibraries(t *testing.T) {
	found := imports(t)
	used := map[string]bool{}
	for pkg, list := range found {
		for to, file := range list {
			for library, in := range only {
				if !strings.HasPrefix(to, library) {
					continue
				}
				used[library+" "+pkg] = true
				if !slices.Contains(in, pkg) {
					t.Errorf("%s imports %s, which only %v may", file, to, in)
				}
			}
		}
	}
	for library, in := range only {
		for _, pkg := range in {
			if !used[library+" "+pkg] {
				t.Errorf("%s does not import %s: the fence stands around nothing", pkg, library)
			}
		}
	}
}
