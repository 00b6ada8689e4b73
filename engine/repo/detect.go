package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// Detect finds the layout of the configuration in root, and the directory that holds it: root itself,
// or the one directory in it that does (identity-cloud-config, config).
func Detect(fsys fs.FS, root string) (Layout, string, error) {
	root = path.Clean(firstOf(root, "."))
	entries, err := fs.ReadDir(fsys, root)
	if err != nil {
		return "", "", fmt.Errorf("look for configuration: %w", err)
	}
	if l := layoutOf(fsys, root); l != "" {
		return l, root, nil
	}
	skip := notConfiguration()
	var found []string
	var layout Layout
	for _, e := range entries {
		if !e.IsDir() || !isConfiguration(e.Name(), skip) {
			continue
		}
		dir := path.Join(root, e.Name())
		if l := layoutOf(fsys, dir); l != "" {
			found, layout = append(found, dir), l
		}
	}
	switch len(found) {
	case 1:
		return layout, found[0], nil
	case 0:
		return "", "", fmt.Errorf("%w in %s: looked, there and one folder down, for fr-config-manager's tree (realms/, esvs/, cors/, …), frodo's exports (global/ and realm/, or .json files with sections), Lockstep's flat files (alpha/script/, …) and .jsonl snapshots%s", errNothing, root, unparsable(fsys, root, entries))
	default:
		return "", "", fmt.Errorf("more than one folder of %s holds configuration: %s; name the one that is meant", root, strings.Join(found, ", "))
	}
}

// unparsable names a file that might have been an export if it could be read.
func unparsable(fsys fs.FS, root string, entries []fs.DirEntry) string {
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		if _, err := peek(fsys, path.Join(root, e.Name())); err != nil {
			return fmt.Sprintf("; %s can't be read: %v", e.Name(), err)
		}
	}
	return ""
}

// layoutOf says which layout a directory is the root of; "" when it is of none.
func layoutOf(fsys fs.FS, dir string) Layout {
	for _, l := range []Layout{FrConfig, Frodo, Flat, REST} {
		if isLayoutDir(fsys, l, dir) {
			return l
		}
	}
	return ""
}

func isLayoutDir(fsys fs.FS, l Layout, dir string) bool {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return false
	}
	isDir := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
			return e.Name() == name && (e.IsDir() || e.Type()&fs.ModeSymlink != 0)
		})
	}
	switch l {
	case FrConfig:
		return slices.ContainsFunc(frConfigRoots(), func(name string) bool {
			return isDir(name) && isFrConfigRoot(fsys, dir, name)
		})
	case Frodo:
		return isFrodoDir(fsys, dir, entries, isDir)
	case Flat:
		return isFlatDir(fsys, dir, entries)
	case REST:
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), ".jsonl") })
	}
	return false
}

// onlyOthers says whether a folder holds files and none of them is configuration: esvs/dev.yaml, say, which
// declares ESVs for lockstep.yaml beside the configuration's own folder.
func onlyOthers(fsys fs.FS, dir string) bool {
	entries, err := fs.ReadDir(fsys, dir)
	skip := notConfiguration()
	return err == nil && len(entries) > 0 &&
		!slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return isConfiguration(e.Name(), skip) })
}

// isFrConfigRoot says whether a folder of that name is one of fr-config-manager's tree. Only a few names
// tell by themselves: other projects have folders called audit, services or ui.
func isFrConfigRoot(fsys fs.FS, dir, name string) bool {
	if slices.Contains([]string{"realms", "esvs", "email-templates", "email-provider", "cors"}, name) {
		return !onlyOthers(fsys, path.Join(dir, name))
	}
	found := false
	patterns := frConfigPatterns()
	err := fs.WalkDir(fsys, path.Join(dir, name), func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !isJSON(file) {
			return nil //nolint:nilerr // what can't be read is no sign of anything
		}
		segs := strings.Split(strings.TrimPrefix(file, dir+"/"), "/")
		found = slices.ContainsFunc(patterns, func(p *pathPattern) bool { _, ok := p.match(segs); return ok })
		if found {
			return fs.SkipAll
		}
		return nil
	})
	return err == nil && found
}

// frConfigRoots are the first folders of the paths that the table of types names, less those that
// frodo has too.
func frConfigRoots() []string {
	var roots []string
	for _, t := range schema.Types() {
		if first, _, _ := strings.Cut(t.FrConfig.Path, "/"); !t.FrConfig.Own {
			roots = append(roots, first)
		}
	}
	slices.Sort(roots)
	return slices.Compact(roots)
}

func isFrodoDir(fsys fs.FS, dir string, entries []fs.DirEntry, isDir func(string) bool) bool {
	if isDir("realm") {
		return true
	}
	if isDir("global") && anyJSON(fsys, path.Join(dir, "global"), func(v any) bool { return sniff(v) == Frodo }) {
		return true
	}
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".json") {
			if v, err := peek(fsys, path.Join(dir, e.Name())); err == nil && sniff(v) == Frodo {
				return true
			}
		}
	}
	return false
}

func isFlatDir(fsys fs.FS, dir string, entries []fs.DirEntry) bool {
	for _, e := range entries {
		if !e.IsDir() {
			if !strings.HasSuffix(e.Name(), ".json") {
				continue
			}
			if v, err := peek(fsys, path.Join(dir, e.Name())); err == nil && sniff(v) == Flat {
				return true
			}
			continue
		}
		subs, err := fs.ReadDir(fsys, path.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		for _, s := range subs {
			if _, ok := schema.TypeOf(s.Name()); ok && s.IsDir() && firstJSON(fsys, path.Join(dir, e.Name(), s.Name()), func(v any) bool { return sniff(v) == Flat }) {
				return true
			}
		}
	}
	return false
}

// firstJSON says whether the first readable JSON file below dir is as wanted.
func firstJSON(fsys fs.FS, dir string, want func(any) bool) bool {
	found := false
	err := fs.WalkDir(fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, ".json") {
			return nil //nolint:nilerr // what can't be read is no sign of anything
		}
		v, err := peek(fsys, name)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		found = want(v)
		return fs.SkipAll
	})
	return err == nil && found
}

// anyJSON says whether one of the JSON files below dir is as wanted.
func anyJSON(fsys fs.FS, dir string, want func(any) bool) bool {
	return firstJSON(fsys, dir, want) || fs.WalkDir(fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, ".json") {
			return nil //nolint:nilerr // what can't be read is no sign of anything
		}
		if v, err := peek(fsys, name); err == nil && want(v) {
			return errFound
		}
		return nil
	}) != nil
}

// errFound ends a walk.
var errFound = errors.New("found")

func peek(fsys fs.FS, name string) (any, error) {
	data, err := readFile(fsys, name, maxFile)
	if err != nil {
		return nil, err
	}
	return schema.ParseJSON(data)
}

// sniff says which layout a JSON file is of.
func sniff(v any) Layout {
	m, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	if _, ok := m["resources"].([]any); ok {
		return Flat
	}
	if isFlatResource(m) {
		return Flat
	}
	if isFrodoExport(m) {
		return Frodo
	}
	return ""
}
