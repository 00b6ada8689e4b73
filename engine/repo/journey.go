package repo

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// nodeFiles are the node files of one journey's folder: nodes/*.json, and the children of page nodes
// in folders named like their page's file.
type nodeFiles struct{ files []*file }

// take says that what is found about the journey covers its nodes.
func (n *nodeFiles) take() {
	if n == nil {
		return
	}
	for _, f := range n.files {
		f.used = true
	}
}

// nodeFolder gives the journey's folder of a node file, "" for any other file. The table says where
// journeys lie; their nodes lie in "nodes" beside them.
func nodeFolder(below string) string {
	for _, t := range schema.Types() {
		if !t.Journey {
			continue
		}
		depth := strings.Count(t.FrConfig.Path, "/")
		segs := strings.Split(below, "/")
		if len(segs) < depth+2 || segs[depth] != "nodes" {
			return ""
		}
		want := strings.Split(t.FrConfig.Path, "/")
		for i := range depth {
			if !strings.HasPrefix(want[i], "{") && want[i] != segs[i] {
				return ""
			}
		}
		return strings.Join(segs[:depth], "/")
	}
	return ""
}

// nodeFolders sorts node files by their journey's folder. Where the journey's own file is missing,
// that is one finding for all of them.
func (l *loader) nodeFolders(nodes []*file, journeys map[string]bool) map[string]*nodeFiles {
	folders := map[string]*nodeFiles{}
	for _, f := range nodes {
		dir := nodeFolder(l.below(f.Name))
		if folders[dir] == nil {
			folders[dir] = &nodeFiles{}
		}
		folders[dir].files = append(folders[dir].files, f)
	}
	for _, dir := range schema.SortedKeys(folders) {
		if journeys[dir] {
			continue
		}
		folders[dir].take()
		l.brokenJourney(dir)
		first := folders[dir].files[0]
		l.add(schema.Diagnostic{
			Code: "journey-orphan-node", Severity: schema.Error, Pos: schema.Pos{File: first.Name},
			Message: fmt.Sprintf("%s has %s and no journey: %s.json is not there", dir, count(len(folders[dir].files), "node file"), path.Base(dir)),
			Hint:    fmt.Sprintf("Bring back %s, or delete the folder.", path.Join(l.root, dir, path.Base(dir)+".json")),
		})
	}
	return folders
}

// brokenJourney marks the journey that a folder is of.
func (l *loader) brokenJourney(dir string) {
	for _, t := range schema.Types() {
		if !t.Journey {
			continue
		}
		realm := ""
		for i, s := range strings.Split(t.FrConfig.Path, "/") {
			if s == "{realm}" {
				realm = strings.Split(dir, "/")[i]
			}
		}
		l.broken(t, realm, unsafeName(path.Base(dir)))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// joinNodes puts the bodies of the nodes into the journey. It answers false when one of them can't be
// read: a journey without it would look like another journey.
func (l *loader) joinNodes(r *schema.Resource, nodes *nodeFiles) bool {
	if nodes == nil {
		nodes = &nodeFiles{}
	}
	ok := true
	byID := map[string]*file{}
	for _, f := range nodes.files {
		f.used = true
		body, isObject := f.object()
		if l.report(f) {
			ok = false
			continue
		}
		id := schema.Str(body, "/_id")
		if !isObject || id == "" {
			l.noObject(f, schema.Pos{File: f.Name}, "a node is an object with an _id")
			ok = false
			continue
		}
		if first := byID[id]; first != nil {
			l.add(schema.Diagnostic{
				Code: "duplicate-node", Severity: schema.Error, Key: r.Key, Name: r.Name(), Pos: whole(f, "/_id"),
				Message: fmt.Sprintf("two files of journey %s hold the node %s", r.Name(), id),
				Hint:    "Only the first is read. Delete one of them.",
				Related: []schema.Related{{Pos: whole(first, "/_id"), Text: "the other one"}},
			})
			continue
		}
		byID[id] = f
	}
	if !ok {
		return false
	}
	l.join(r, func(id string) (map[string]any, *schema.Source, bool) {
		f := byID[id]
		if f == nil {
			return nil, nil, false
		}
		body, _ := f.object()
		return body, schema.NewSource(schema.Part{File: f.File}), true
	}, func(stray func(id string) bool) {
		for _, id := range schema.SortedKeys(byID) {
			if stray(id) {
				l.orphan(r, id, whole(byID[id], "/_id"))
			}
		}
	})
	return true
}

// join puts the bodies that get has into the journey, and tells which are of nodes that it does not name. A
// node is found by its id: where the tree names another type or version than the node has, that is for a rule.
// Nor is a node stray whose id is a slip away from one that is named and not there: the rule speaks of that one.
func (l *loader) join(r *schema.Resource, get func(id string) (map[string]any, *schema.Source, bool), done func(stray func(id string) bool)) {
	used := map[string]bool{}
	var missing []string
	schema.JoinJourney(r, func(_, _, id string) (map[string]any, *schema.Source, bool) {
		used[id] = true
		body, src, ok := get(id)
		if !ok {
			missing = append(missing, id)
		}
		return body, src, ok
	})
	done(func(id string) bool { return !used[id] && (len(id) <= 8 || schema.Suggest(id, missing) == "") })
}

func (l *loader) orphan(r *schema.Resource, id string, pos schema.Pos) {
	l.add(schema.Diagnostic{
		Code: "journey-orphan-node", Severity: schema.Warning, Key: r.Key, Name: r.Name(), Pos: pos,
		Message: fmt.Sprintf("journey %s does not name the node %s", r.Name(), id),
		Hint:    "It is not read, and nothing changes when it goes. Delete it, or wire it into the journey.",
	})
}

// whole is the place of a value in a file that holds one object.
func whole(f *file, pointer string) schema.Pos {
	return schema.NewSource(schema.Part{File: f.File}).At(pointer)
}

func fsValid(name string) bool { return fs.ValidPath(name) }

func readDirNames(fsys fs.FS, dir string) []string {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, path.Join(dir, e.Name()))
	}
	return names
}
