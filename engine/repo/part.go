package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A Part is some of a tree's configuration: whole resources, chosen by the files that changed. Reading ten
// journeys of a thousand is then the work of ten. It knows fr-config-manager's and the flat layout, in
// which a resource's files are found by their names; other layouts are read whole.
type Part struct {
	fsys     fs.FS
	layout   Layout
	root     string
	o        Options
	patterns []*pathPattern
	names    map[string]bool
	whole    bool
	lists    map[string][]string            // files of a type, by pattern and realm
	owned    map[string]map[string][]string // main files, by pattern and realm, then by the name of a side file
}

// InParts says whether a resource's files are found by their names, so that some can be read without the others.
func (l Layout) InParts() bool { return l == FrConfig || l == Flat }

// NewPart begins an empty part of the configuration below root. It fails when there is none.
func NewPart(fsys fs.FS, root string, o Options) (*Part, error) {
	layout, dir, err := place(fsys, path.Clean(firstOf(root, ".")), o.Layout)
	if err != nil {
		return nil, err
	}
	p := &Part{fsys: fsys, layout: layout, root: dir, o: o, names: map[string]bool{}, lists: map[string][]string{}, owned: map[string]map[string][]string{}, whole: !layout.InParts()}
	if layout == FrConfig {
		p.patterns = frConfigPatterns()
	}
	return p, nil
}

// text reads a file that is searched.
func (p *Part) text(name string) ([]byte, error) {
	t, ok := p.fsys.(*treeFS)
	if !ok {
		return readFile(p.fsys, name, maxFile)
	}
	e, err := t.find(name, true)
	if err != nil {
		return nil, err
	}
	return t.blobUpTo(e.hash, maxFile)
}

// ahead has files read at once that are looked at one by one afterwards.
func (p *Part) ahead(names []string) {
	if t, ok := p.fsys.(*treeFS); ok {
		t.ahead(names, maxFile)
	}
}

// Layout is the layout that was found or asked for.
func (p *Part) Layout() Layout { return p.layout }

// Root is the directory that holds the layout's tree.
func (p *Part) Root() string { return p.root }

// Whole says that the layout can't be read in parts: Load reads all there is.
func (p *Part) Whole() bool { return p.whole }

// place finds the layout and the directory that holds it.
func place(fsys fs.FS, root string, layout Layout) (Layout, string, error) {
	if layout == "" {
		return Detect(fsys, root)
	}
	if isLayoutDir(fsys, layout, root) {
		return layout, root, nil
	}
	if _, inside, err := Detect(fsys, root); err == nil && isLayoutDir(fsys, layout, inside) {
		return layout, inside, nil
	}
	if info, err := fs.Stat(fsys, root); err != nil || !info.IsDir() {
		return "", "", fmt.Errorf("%w in %s", errNothing, root)
	}
	return layout, root, nil
}

func (p *Part) below(name string) (string, bool) {
	if p.root == "." {
		return name, true
	}
	return strings.CutPrefix(name, p.root+"/")
}

func (p *Part) at(below string) string { return path.Join(p.root, below) }

// Add chooses the resources that a file belongs to, whether it is still there or not. A file that is no
// configuration chooses nothing.
func (p *Part) Add(name string) {
	below, ok := p.below(name)
	if !ok || p.whole {
		return
	}
	skip := notConfiguration()
	if slices.ContainsFunc(strings.Split(below, "/"), func(seg string) bool { return !isConfiguration(seg, skip) }) {
		return
	}
	if p.layout == Flat {
		p.take(name)
		return
	}
	segs := strings.Split(below, "/")
	if dir := nodeFolder(below); dir != "" && isJSON(below) {
		p.folder(p.at(dir))
		return
	}
	if isJSON(below) {
		for _, pt := range p.patterns {
			if vars, ok := pt.match(segs); ok {
				p.resource(name, pt, vars)
				return
			}
		}
	}
	if !p.owners(below) {
		p.take(name)
	}
}

// take chooses one file, if it is there.
func (p *Part) take(name string) bool {
	if p.names[name] {
		return true
	}
	if !isFile(p.fsys, name) {
		return false
	}
	p.names[name] = true
	return true
}

// folder chooses all files of a journey's folder.
func (p *Part) folder(dir string) {
	key := "folder " + dir
	if p.lists[key] != nil {
		return
	}
	p.lists[key] = []string{dir}
	skip := notConfiguration()
	_ = fs.WalkDir(p.fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // the loader reports what can't be read
		}
		if name != dir && !isConfiguration(e.Name(), skip) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !e.IsDir() {
			p.take(name)
		}
		return nil
	})
}

// resource chooses a resource's main file and what belongs to it.
func (p *Part) resource(name string, pt *pathPattern, vars map[string]string) {
	if pt.types[0].Journey {
		p.folder(path.Dir(name))
		return
	}
	if p.names[name] || !p.take(name) {
		return
	}
	for _, f := range p.includes(name, pt, vars) {
		p.take(f)
	}
}

// includes names the side files of a main file.
func (p *Part) includes(name string, pt *pathPattern, vars map[string]string) []string {
	if !slices.ContainsFunc(pt.types, func(t *schema.Type) bool { return len(t.FrConfig.Include) > 0 }) {
		return nil
	}
	v, err := peek(p.fsys, name)
	if err != nil {
		return nil
	}
	var files []string
	for _, t := range pt.types {
		for _, inc := range t.FrConfig.Include {
			base := path.Dir(name)
			if inc.Base != "" {
				base = p.at(fillVariables(inc.Base, vars))
			}
			// Wherever a member "file" stands: a row may mean it as the text's place or beside the text. One too
			// many does no harm.
			schema.Walk(v, func(_ string, x any) bool {
				if file := schema.Str(x, "/file"); file != "" && fs.ValidPath(path.Join(base, file)) {
					files = append(files, path.Join(base, file))
				}
				return true
			})
		}
	}
	return files
}

func fillVariables(pattern string, vars map[string]string) string {
	for k, v := range vars {
		pattern = strings.ReplaceAll(pattern, "{"+k+"}", v)
	}
	return pattern
}

// owners chooses the resources that name a file as one of their texts.
func (p *Part) owners(below string) bool {
	found := false
	for _, pt := range p.patterns {
		for _, t := range pt.types {
			bases := map[string]bool{}
			for _, inc := range t.FrConfig.Include {
				bases[inc.Base] = true
			}
			for base := range bases {
				if p.ownersOf(below, pt, base) {
					found = true
				}
			}
		}
	}
	return found
}

// ownersOf looks through the main files that can name a file below base: those of the same realm, or, where
// side files lie beside them, those of the folders above the file.
func (p *Part) ownersOf(below string, pt *pathPattern, base string) bool {
	var candidates []string
	if base == "" {
		for dir := path.Dir(below); dir != "."; dir = path.Dir(dir) {
			if len(pt.segs) != strings.Count(dir, "/")+2 {
				continue
			}
			for _, n := range readDirNames(p.fsys, p.at(dir)) {
				b, _ := p.below(n)
				if _, ok := pt.match(strings.Split(b, "/")); ok {
					candidates = append(candidates, n)
				}
			}
		}
	} else {
		want, have := strings.Split(base, "/"), strings.Split(below, "/")
		if len(have) <= len(want) {
			return false
		}
		realm := ""
		for i, s := range want {
			if s == "{realm}" {
				realm = have[i]
			} else if s != have[i] {
				return false
			}
		}
		key := fmt.Sprint("owners ", pt.types[0].Name, " ", realm)
		if p.owned[key] == nil {
			p.owned[key] = p.sideFiles(p.files(pt, map[string]string{"realm": realm}))
		}
		candidates = p.owned[key][path.Base(below)]
	}
	found := false
	for _, name := range candidates {
		b, _ := p.below(name)
		vars, _ := pt.match(strings.Split(b, "/"))
		if slices.Contains(p.includes(name, pt, vars), p.at(below)) {
			p.resource(name, pt, vars)
			found = true
		}
	}
	return found
}

// sideFiles says which of some main files speak of a side file of a name, by that name without its folder.
func (p *Part) sideFiles(mains []string) map[string][]string {
	owners := map[string][]string{}
	p.ahead(mains)
	for _, name := range mains {
		data, err := p.text(name)
		if err != nil {
			continue
		}
		for m := range fileMembers(data) {
			owners[path.Base(m)] = append(owners[path.Base(m)], name)
		}
	}
	return owners
}

// fileMembers goes through the values of all members "file" of a JSON text that are strings, without parsing the
// rest. One that only looks so does no harm.
func fileMembers(data []byte) iter.Seq[string] {
	const space = " \t\r\n"
	return func(yield func(string) bool) {
		for {
			_, after, ok := bytes.Cut(data, []byte(`"file"`))
			if !ok {
				return
			}
			data = after
			value, ok := bytes.CutPrefix(bytes.TrimLeft(data, space), []byte(":"))
			if value = bytes.TrimLeft(value, space); !ok || !bytes.HasPrefix(value, []byte(`"`)) {
				continue
			}
			end, escaped := 1, false
			for ; end < len(value) && value[end] != '"'; end++ {
				if value[end] == '\\' {
					end, escaped = end+1, true
				}
			}
			if end >= len(value) {
				return
			}
			s := string(value[1:end])
			if escaped && json.Unmarshal(value[:end+1], &s) != nil {
				continue
			}
			if !yield(s) {
				return
			}
		}
	}
}

// mentions says whether a JSON text can hold a string; one that JSON may escape is never ruled out.
func mentions(data []byte, s string) bool {
	return bytes.Contains(data, []byte(s)) || bytes.IndexByte(data, '\\') >= 0 && strings.ContainsFunc(s, mayBeEscaped)
}

func mayBeEscaped(r rune) bool {
	return r < 0x20 || r > 0x7e || strings.ContainsRune(`"\/<>&`, r)
}

// files lists the files of a pattern whose variables have the given values.
func (p *Part) files(pt *pathPattern, vars map[string]string) []string {
	key := fmt.Sprint(pt.types[0].Name, vars)
	if list, ok := p.lists[key]; ok {
		return list
	}
	dirs := []string{p.root}
	for i, s := range pt.segs {
		var next []string
		want, known := vars[s.variable]
		for _, d := range dirs {
			if s.variable == "" || known {
				name := path.Join(d, s.pre+want+s.post)
				if info, err := fs.Stat(p.fsys, name); err == nil && info.IsDir() == (i < len(pt.segs)-1) {
					next = append(next, name)
				}
				continue
			}
			entries, err := fs.ReadDir(p.fsys, d)
			if err != nil {
				continue
			}
			for _, e := range entries {
				if s.fits(e.Name()) && (i == len(pt.segs)-1) != p.isDir(d, e) {
					next = append(next, path.Join(d, e.Name()))
				}
			}
		}
		dirs = next
	}
	dirs = slices.DeleteFunc(dirs, func(n string) bool {
		b, _ := p.below(n)
		_, ok := pt.match(strings.Split(b, "/"))
		return !ok
	})
	p.lists[key] = dirs
	return dirs
}

// isDir says whether a directory's entry is a directory; a link is what it leads to.
func (p *Part) isDir(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := fs.Stat(p.fsys, path.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

// AddKey chooses the resource that a reference names, by its id or its name. Where no file is called so,
// every file of the type that holds the text is chosen: the id in a file counts, not the file's name.
func (p *Part) AddKey(k schema.Key, byName bool) {
	t, ok := schema.TypeOf(k.Type)
	if !ok || p.whole {
		return
	}
	if p.layout == Flat {
		dir := path.Join(p.root, firstOf(k.Realm, "global"), k.Type)
		if !byName && p.take(path.Join(dir, safeName(k.ID)+".json")) {
			return
		}
		p.search(readDirNames(p.fsys, dir), k.ID, p.take)
		return
	}
	i := slices.IndexFunc(p.patterns, func(pt *pathPattern) bool { return slices.Contains(pt.types, t) })
	if i < 0 {
		return
	}
	pt := p.patterns[i]
	add := func(name string) bool {
		b, _ := p.below(name)
		vars, _ := pt.match(strings.Split(b, "/"))
		p.resource(name, pt, vars)
		return true
	}
	if !byName && slices.ContainsFunc(pt.segs, func(s pathSegment) bool { return s.variable == "id" }) {
		if exact := p.files(pt, map[string]string{"realm": k.Realm, "id": safeName(k.ID)}); len(exact) > 0 {
			add(exact[0])
			return
		}
	}
	id := k.ID
	if j := strings.LastIndexByte(id, '/'); j >= 0 {
		id = id[j+1:]
	}
	p.search(p.files(pt, map[string]string{"realm": k.Realm}), id, add)
}

// AddNamesakes chooses every resource of a type and realm, so that two of one name are seen.
func (p *Part) AddNamesakes(typ, realm string) { p.AddKey(schema.Key{Type: typ, Realm: realm}, true) }

func (p *Part) search(names []string, text string, add func(string) bool) {
	p.ahead(names)
	for _, n := range names {
		if data, err := p.text(n); err == nil && mentions(data, text) {
			add(n)
		}
	}
}

// Declared names the ESVs that files declare, by the files' names; nil when there are none. Nothing is read.
// Files that were read are left out: what they declare is known better.
func (p *Part) Declared(read ...string) map[string]bool {
	if p.whole {
		return nil
	}
	var out map[string]bool
	for _, t := range schema.Types() {
		if t.Class != schema.PerEnvironment || len(p.o.Types) > 0 && !slices.Contains(p.o.Types, t.Name) {
			continue
		}
		for _, n := range p.declarations(t) {
			if slices.Contains(read, n) {
				continue
			}
			if out == nil {
				out = map[string]bool{}
			}
			out[numbered.ReplaceAllString(unsafeName(trimExt(path.Base(n))), "")] = true
		}
	}
	return out
}

func (p *Part) declarations(t *schema.Type) []string {
	if p.layout == Flat {
		return readDirNames(p.fsys, path.Join(p.root, "global", t.Name))
	}
	var out []string
	dir, _, _ := strings.Cut(t.FrConfig.Path, "/{")
	for _, n := range readDirNames(p.fsys, p.at(dir)) {
		if isJSON(n) {
			out = append(out, n)
		}
	}
	return out
}

// Files lists what is chosen, sorted.
func (p *Part) Files() []string { return schema.SortedKeys(p.names) }

// Without forgets files: of those that were read already only the others remain to be read.
func (p *Part) Without(files []string) []string {
	gone := map[string]bool{}
	for _, f := range files {
		gone[f] = true
	}
	return slices.DeleteFunc(p.Files(), func(n string) bool { return gone[n] })
}

// Load reads files of the part; all that is chosen when names is nil.
func (p *Part) Load(names []string) (*schema.Set, schema.Diagnostics, error) {
	if p.whole {
		o := p.o
		o.Layout = p.layout
		return Load(p.fsys, p.root, o)
	}
	if names == nil {
		names = p.Files()
	}
	return loadFiles(p.fsys, p.layout, p.root, names, p.o)
}

// IsNothing says whether an error means that there is no configuration at all.
func IsNothing(err error) bool { return errors.Is(err, errNothing) }
