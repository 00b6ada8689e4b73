package repo

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockstep-gitops/lockstep/schema"
)

// LoadIn is LoadPath for a directory or file below root, with places named from root: as they are in a
// commit, and as people see them from the top of their repository. Nothing outside of root is read.
func LoadIn(root, name string, o Options) (*schema.Set, schema.Diagnostics, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	defer r.Close() //nolint:errcheck // only read from
	o.Origin = firstOf(o.Origin, name)
	fsys, err := newDiskFS(r, ".")
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	return Load(fsys, filepath.ToSlash(name), o)
}

// loadFiles reads some files of a tree of a layout whose place is known.
func loadFiles(fsys fs.FS, layout Layout, root string, names []string, o Options) (*schema.Set, schema.Diagnostics, error) {
	if len(o.Types) == 0 {
		o.Types = nil // in a Set, nil means all
	}
	if len(o.Realms) == 0 {
		o.Realms = nil
	}
	l := newLoader(fsys, o)
	l.layout, l.root, l.names = layout, root, names
	l.readAll(names, maxFile)
	switch layout {
	case FrConfig:
		l.frconfig()
	case Flat:
		l.flat()
	default:
		return nil, nil, fmt.Errorf("layout %q is not read file by file", layout)
	}
	set := l.finish()
	l.diags.Sort()
	return set, l.diags, nil
}
