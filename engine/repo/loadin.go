package repo

import (
	"fmt"
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
	return Load(r.FS(), filepath.ToSlash(name), o)
}
