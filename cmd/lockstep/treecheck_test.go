package main

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/fixtures"
	"github.com/lockstep-gitops/lockstep/schema"
)

// For random changes to the fixtures: what a treeCheck finds by reading what changed is what reading both trees
// whole finds.
func TestTreeCheckFindsWhatAllFinds(t *testing.T) {
	for layout, rounds := range map[string]int{"frconfig": 25, "flat": 15, "frodo": 8} {
		t.Run(layout, func(t *testing.T) { treeCheckRounds(t, layout, rounds) })
	}
}

// turns change what rules about other resources read.
var turns = []string{
	`"enabled": true → "enabled": false`, `"AUTHENTICATION_TREE_DECISION_NODE" → "OAUTH2_ACCESS_TOKEN_MODIFICATION"`, `"isDefault": false → "isDefault": true`,
	`"expressionType": "string" → "expressionType": "int"`, `"useInPlaceholders": true → "useInPlaceholders": false`, `https:// → https://other.`,
	`"tree": "Login" → "tree": "Registration"`, `"from": → "sender":`, `esv- → esv-x-`, `systemEnv → noEnv`, `"reversePropertyName": " → "reversePropertyName": "x`,
}

func treeCheckRounds(t *testing.T, layout string, rounds int) {
	r := newGitRepo(t, gitEnv(t))
	sub, err := fs.Sub(fixtures.Repos(), layout)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err = fs.WalkDir(sub, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sub, name)
		files["config/"+name] = string(data)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	first := r.importFiles("refs/heads/main", "", files)
	g, err := repo.OpenGit(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close() //nolint:errcheck // only read from
	p := &config.Project{Root: r.dir, Config: config.Files{Dir: "config"}}
	rnd := rand.New(rand.NewPCG(3, 5))
	names := slices.Sorted(maps.Keys(files))
	found := 0
	for round := range rounds {
		changed, what := maps.Clone(files), ""
		for range 1 + rnd.IntN(3) {
			name := names[rnd.IntN(len(names))]
			switch data := changed[name]; rnd.IntN(6) {
			case 0:
				delete(changed, name)
				what += " delete " + name
			case 1: // an id that nobody has
				changed[name] = strings.Replace(data, "e0\"", "ff\"", 1)
				what += " retarget " + name
			case 2:
				changed[name] = strings.Replace(data, `"name": "`, `"name": "Other `, 1)
				what += " rename " + name
			case 3, 4: // what others expect of it
				old, other, _ := strings.Cut(turns[rnd.IntN(len(turns))], " → ")
				var having []string
				for _, n := range names {
					if strings.Contains(changed[n], old) {
						having = append(having, n)
					}
				}
				if len(having) > 0 {
					name = having[rnd.IntN(len(having))]
				}
				changed[name] = strings.Replace(changed[name], old, other, 1)
				what += " turn " + old + " in " + name
			default:
				changed[name] = strings.Replace(data, "esv.", "esv.no.such.", 1)
				what += " esv " + name
			}
		}
		second := r.replaceFiles(fmt.Sprintf("refs/heads/r%d", round), changed)
		for _, pair := range [][2]string{{first, second}, {second, first}} {
			old, _, err := g.Tree(pair[0])
			if err != nil {
				t.Fatal(err)
			}
			now, _, err := g.Tree(pair[1])
			if err != nil {
				t.Fatal(err)
			}
			check := treeCheck{p: p, dir: "config", old: old, new: now, limits: repo.DefaultLimits(), now: time.Now}
			got, err := check.run(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			var base *schema.Set
			all := func(tree fs.FS) schema.Diagnostics {
				set, diags, err := repo.Load(tree, "config", repoOptions(p, "x"))
				if err != nil {
					return schema.Diagnostics{{Code: "nothing"}}
				}
				found := schema.Validate(set, schema.Options{Base: base})
				base = set
				return check.judged(append(diags, found...))
			}
			was, is := all(old), all(now)
			if len(was) == 1 && was[0].Code == "nothing" {
				continue
			}
			if len(is) == 1 && is[0].Code == "nothing" {
				if _, there := changed["config/export.json"]; there && pair[1] == second && len(got.diags) != 1 {
					t.Errorf("%s: what can't be read any more passes", what)
				}
				continue
			}
			want := is.New(was)
			found += len(want)
			if a, b := lines(got.diags), lines(want); a != b {
				t.Errorf("round %d:%s\nin part:\n%s\nwhole:\n%s", round, what, a, b)
			}
		}
	}
	if found == 0 {
		t.Errorf("%d findings in all show too little", found)
	}
}

// lines are findings without their hints: a hint may name what only a whole reading knows.
func lines(ds schema.Diagnostics) string {
	var out []string
	for _, d := range ds {
		out = append(out, fmt.Sprintf("%s %s %s %s: %s", d.Pos, d.Code, d.Key, d.Pointer, d.Message))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// replaceFiles makes a commit that holds these files and no others.
func (r *gitRepo) replaceFiles(ref string, files map[string]string) string {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "commit %s\ncommitter t <t@acme.example> 1790000000 +0000\ndata 1\nx\ndeleteall\n", ref)
	for name, data := range files {
		fmt.Fprintf(&b, "M 100644 inline %q\ndata %d\n%s\n", name, len(data), data)
	}
	r.git([]byte(b.String()), "fast-import", "--quiet", "--force")
	return r.git(nil, "rev-parse", ref)
}
