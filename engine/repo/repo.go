package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A Layout says how files hold configuration.
type Layout string

// The layouts. REST is only read.
const (
	FrConfig Layout = "fr-config-manager" // ForgeRock's fr-config-manager: a tree, side files for texts
	Frodo    Layout = "frodo"             // frodo's exports: one file, one a type, or separate files
	Flat     Layout = "flat"              // one canonical JSON file a resource, or all of them in one
	REST     Layout = "rest"              // JSON Lines of REST documents: {type, realm, id, path, body}
)

// Layouts lists the layouts that can be written.
func Layouts() []Layout { return []Layout{FrConfig, Frodo, Flat} }

// Options say what to read.
type Options struct {
	Layout Layout   // "" means: look
	Types  []string // nil means every managed type
	Realms []string // nil means all
	Ignore []schema.Glob
	Origin string // for messages; the path when empty
	Seen   *Seen  // what a Fingerprint has seen of the files already; nil when none was taken
}

// Seen says what files there are and that some need not be read. Where that turns out to be wrong, loading fails
// with ErrUnseen.
type Seen struct {
	Stamps *Stamps
	Dir    string          // that the stamps are of, from the top of the tree
	Skip   map[string]bool // files, from the top of the tree, of which all is known
}

// ErrUnseen says that a file is not as it was seen, or that one is needed that was to be skipped.
var ErrUnseen = errors.New("the files are not as they were seen")

// The largest files that are read: one of a tree, and one that holds everything.
const (
	maxFile   = 64 << 20
	maxSource = 1 << 30
)

// LoadPath reads a directory or file on disk. A symbolic link may lead to another file of the same
// repository (or, where there is no repository, of the same directory), and nowhere else.
func LoadPath(name string, o Options) (*schema.Set, schema.Diagnostics, error) {
	o.Origin = firstOf(o.Origin, name)
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	dir, inside := abs, "."
	if !info.IsDir() {
		dir, inside = filepath.Dir(abs), filepath.Base(abs)
	}
	boundary, sub := enclosingRepository(dir)
	root, err := os.OpenRoot(boundary)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	defer root.Close() //nolint:errcheck // only read from
	fsys, err := newDiskFS(root, sub)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration in %s: %w", name, err)
	}
	return Load(fsys, inside, o)
}

// enclosingRepository finds the git work tree around dir, and dir's place in it. Without one, it is
// dir itself.
func enclosingRepository(dir string) (boundary, sub string) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return dir, "."
	}
	for up := real; ; up = filepath.Dir(up) {
		if _, err := os.Lstat(filepath.Join(up, ".git")); err == nil {
			if rel, err := filepath.Rel(up, real); err == nil && filepath.IsLocal(rel) {
				return up, filepath.ToSlash(rel)
			}
		}
		if filepath.Dir(up) == up {
			return real, "."
		}
	}
}

// Load reads configuration below root, a directory or a file in fsys. Places are named relative to
// fsys. It fails only when there is nothing to read; all else is a finding.
func Load(fsys fs.FS, root string, o Options) (*schema.Set, schema.Diagnostics, error) {
	root = path.Clean(firstOf(root, "."))
	if !fs.ValidPath(root) {
		return nil, nil, fmt.Errorf("read configuration: %q is no path inside %s", root, firstOf(o.Origin, "the tree"))
	}
	for _, name := range o.Types {
		if _, ok := schema.TypeOf(name); !ok {
			return nil, nil, fmt.Errorf("there is no type %q: lockstep types lists them", name)
		}
	}
	info, err := fs.Stat(fsys, root)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(o.Types) == 0 {
		o.Types = nil // in a Set, nil means all
	}
	if len(o.Realms) == 0 {
		o.Realms = nil
	}
	l := newLoader(fsys, o)
	if info.IsDir() {
		err = l.loadDir(root)
	} else {
		err = l.loadFile(root, info)
	}
	if err != nil {
		return nil, nil, err
	}
	set := l.finish()
	if l.unseen {
		return nil, nil, ErrUnseen
	}
	l.diags.Sort()
	return set, l.diags, nil
}

func (l *loader) loadDir(root string) error {
	layout, dir := l.o.Layout, root
	if layout == "" {
		var err error
		if layout, dir, err = Detect(l.fsys, root); err != nil {
			return err
		}
	} else if _, inside, err := Detect(l.fsys, root); err == nil && isLayoutDir(l.fsys, layout, inside) {
		dir = inside
	}
	l.layout, l.root = layout, dir
	l.list(dir)
	switch layout {
	case FrConfig:
		l.readAll(l.names, maxFile)
		l.frconfig()
	case Frodo:
		l.readAll(l.names, maxFile)
		l.frodo()
	case Flat:
		l.readAll(l.names, maxFile)
		l.flat()
	case REST:
		l.rest()
	default:
		return fmt.Errorf("layout %q is not one of fr-config-manager, frodo, flat, rest", layout)
	}
	return nil
}

func (l *loader) loadFile(name string, info fs.FileInfo) error {
	l.names, l.root = []string{name}, path.Dir(name)
	l.layout = l.o.Layout
	if strings.HasSuffix(strings.TrimSuffix(name, ".gz"), ".jsonl") {
		l.layout = REST
		l.rest()
		return nil
	}
	if base := strings.TrimSuffix(name, ".gz"); !strings.HasSuffix(base, ".json") {
		return fmt.Errorf("read configuration: %s is neither .json, .json.gz nor .jsonl (%d bytes)", name, info.Size())
	}
	l.readAll(l.names, maxSource)
	f := l.files[name]
	if l.layout == "" {
		l.layout = sniff(f.value)
	}
	switch l.layout {
	case Flat:
		l.flat()
	case Frodo:
		l.frodo()
	case REST, FrConfig:
		return fmt.Errorf("read configuration: %s is one JSON file; layout %s is not that", name, l.layout)
	default:
		if l.report(f) {
			l.partial("")
			return nil // the finding says it all
		}
		return fmt.Errorf("read configuration: %s is no configuration: looked for a Lockstep snapshot (\"resources\"), a frodo export (\"global\" and \"realm\", \"trees\", or sections such as \"script\")", name)
	}
	return nil
}

// finish applies the options to what was read.
func (l *loader) finish() *schema.Set {
	set := l.set
	set.Origin, set.Layout = l.o.Origin, string(l.layout)
	set.Types, set.Realms = covered(l.o.Types, l.types, schema.TypeNames()), covered(l.o.Realms, l.realms, nil)
	gone := map[schema.Key]bool{}
	set = set.Filter(func(r *schema.Resource) bool {
		keep := !l.ignores(r) && (len(l.o.Types) == 0 || slices.Contains(l.o.Types, r.Type)) &&
			(len(l.o.Realms) == 0 || r.Realm == "" || slices.Contains(l.o.Realms, r.Realm))
		if !keep {
			// What was not asked for is there all the same: nothing that refers to it dangles.
			set.MarkIgnored(r.Key)
		}
		gone[r.Key] = gone[r.Key] || !keep
		return keep
	})
	l.diags = slices.DeleteFunc(l.diags, func(d schema.Diagnostic) bool { return gone[d.Key] })
	return set
}

func (l *loader) ignores(r *schema.Resource) bool {
	return slices.ContainsFunc(l.o.Ignore, func(g schema.Glob) bool { return g.Match(r.Key, r.Name()) })
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

var errNothing = errors.New("no configuration found")
