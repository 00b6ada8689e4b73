package repo

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A finder looks for many texts at once.
type finder struct {
	pairs   [1 << 16]bool       // the first two bytes of a text
	long    map[string][]string // by the first longKey bytes
	short   map[[2]byte][]string
	escaped bool // one of the texts may be written otherwise in JSON
}

const longKey = 8

// newFinder looks for texts, however JSON may escape them, and for literals as they stand.
func newFinder(texts, literals []string) *finder {
	f := &finder{long: map[string][]string{}, short: map[[2]byte][]string{}}
	add := func(s string) {
		if len(s) < 2 {
			return
		}
		f.pairs[int(s[0])<<8|int(s[1])] = true
		if len(s) >= longKey {
			f.long[s[:longKey]] = append(f.long[s[:longKey]], s)
			return
		}
		f.short[[2]byte{s[0], s[1]}] = append(f.short[[2]byte{s[0], s[1]}], s)
	}
	for _, s := range texts {
		f.escaped = f.escaped || strings.ContainsFunc(s, mayBeEscaped)
		add(s)
	}
	for _, s := range literals {
		add(s)
	}
	for _, s := range texts {
		if len(s) == 1 { // so short a name is looked for with whatever follows it
			for b := range 256 {
				add(s + string([]byte{byte(b)}))
			}
		}
	}
	return f
}

func (f *finder) in(data []byte) bool {
	for i := 0; i+1 < len(data); i++ {
		if !f.pairs[int(data[i])<<8|int(data[i+1])] {
			continue
		}
		for _, s := range f.short[[2]byte{data[i], data[i+1]}] {
			if bytes.HasPrefix(data[i:], []byte(s)) {
				return true
			}
		}
		if len(data)-i < longKey {
			continue
		}
		for _, s := range f.long[string(data[i:i+longKey])] {
			if bytes.HasPrefix(data[i:], []byte(s)) {
				return true
			}
		}
	}
	return f.escaped && bytes.IndexByte(data, '\\') >= 0
}

// AddMentions chooses the resources whose files hold one of the texts, in whatever file, or one of the literals,
// which JSON does not escape. It reads every file of the tree.
func (p *Part) AddMentions(texts, literals []string) {
	if p.whole || len(texts)+len(literals) == 0 {
		return
	}
	find := newFinder(texts, literals)
	var names []string
	p.walk(p.root, func(name string) {
		if !p.names[name] {
			names = append(names, name)
		}
	})
	for some := range slices.Chunk(names, chunk) {
		p.ahead(some)
		for _, name := range some {
			if data, err := p.text(name); err == nil && !p.names[name] && find.in(data) {
				p.Add(name)
			}
		}
	}
}

// walk goes through the files of a folder that may be configuration.
func (p *Part) walk(dir string, f func(name string)) {
	skip := notConfiguration()
	_ = fs.WalkDir(p.fsys, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || name != dir && !isConfiguration(e.Name(), skip) {
			if e != nil && e.IsDir() {
				return fs.SkipDir
			}
			return nil //nolint:nilerr // the loader reports what can't be read
		}
		if !e.IsDir() {
			f(name)
		}
		return nil
	})
}

// AddESVMentions is AddMentions for ESVs: a text in base64 that speaks of any ESV counts, too.
func (p *Part) AddESVMentions(names []string) {
	var texts []string
	for _, n := range names {
		texts = append(texts, n, strings.ReplaceAll(n, "-", "."))
	}
	// "esv" in base64, wherever in its groups of three the word begins.
	p.AddMentions(texts, []string{"ZXN2", "lc3Y", "Vzd"})
}

// AddNodes chooses the journeys of a realm that have one of the nodes. A node's file bears its id; where all of
// a journey is one file, that is searched.
func (p *Part) AddNodes(realm string, ids []string) {
	if p.whole || len(ids) == 0 {
		return
	}
	find, known := newFinder(ids, nil), map[string]bool{}
	for _, id := range ids {
		known[id] = true
	}
	for _, t := range schema.Types() {
		if !t.Journey {
			continue
		}
		if p.layout == Flat {
			p.searchFor(readDirNames(p.fsys, path.Join(p.root, firstOf(realm, "global"), t.Name)), find)
			continue
		}
		for _, pt := range p.patterns {
			if !slices.Contains(pt.types, t) {
				continue
			}
			for _, main := range p.files(pt, map[string]string{"realm": realm}) {
				dir := path.Dir(main)
				if p.lists["folder "+dir] != nil {
					continue // chosen
				}
				p.walk(dir, func(name string) {
					base := trimExt(path.Base(name))
					if i := strings.LastIndex(base, " - "); i >= 0 {
						base = base[i+3:]
					}
					if known[unsafeName(base)] {
						p.folder(dir)
					}
				})
			}
		}
	}
}

func (p *Part) searchFor(names []string, find *finder) {
	p.ahead(names)
	for _, n := range names {
		if data, err := p.text(n); err == nil && find.in(data) {
			p.take(n)
		}
	}
}

// AddFolded chooses the resources of a type and realm whose files' names differ from the given ones by case at
// most.
func (p *Part) AddFolded(typ, realm string, names map[string]bool) {
	t, ok := schema.TypeOf(typ)
	if !ok || p.whole {
		return
	}
	same := func(file string) bool {
		return names[strings.ToLower(unsafeName(trimExt(path.Base(file))))]
	}
	if p.layout == Flat {
		for _, n := range readDirNames(p.fsys, path.Join(p.root, firstOf(realm, "global"), typ)) {
			if same(n) {
				p.take(n)
			}
		}
		return
	}
	for _, pt := range p.patterns {
		if !slices.Contains(pt.types, t) {
			continue
		}
		for _, n := range p.files(pt, map[string]string{"realm": realm}) {
			if same(n) {
				p.Add(n)
			}
		}
	}
}

// Has says whether there is a file of a type, in whatever realm.
func (p *Part) Has(typ string) bool {
	t, ok := schema.TypeOf(typ)
	if !ok || p.whole {
		return false
	}
	if p.layout == Flat {
		found := false
		entries, _ := fs.ReadDir(p.fsys, p.root)
		for _, e := range entries {
			found = found || len(readDirNames(p.fsys, path.Join(p.root, e.Name(), typ))) > 0
		}
		return found
	}
	for _, pt := range p.patterns {
		if slices.Contains(pt.types, t) && p.any(pt, p.root, 0) {
			return true
		}
	}
	return false
}

// any says whether a folder holds a file of a pattern, from segment i on. It looks no further than the first.
func (p *Part) any(pt *pathPattern, dir string, i int) bool {
	entries, err := fs.ReadDir(p.fsys, dir)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		if name := path.Join(dir, e.Name()); !pt.segs[i].fits(e.Name()) {
			return false
		} else if i < len(pt.segs)-1 {
			return p.isDir(dir, e) && p.any(pt, name, i+1)
		} else if b, _ := p.below(name); p.isDir(dir, e) {
			return false
		} else {
			_, ok := pt.match(strings.Split(b, "/"))
			return ok
		}
	})
}

// Realms lists the folders of the tree that hold a realm each.
func (p *Part) Realms() []string {
	dir := p.root
	if p.layout != Flat {
		dir = p.at("realms")
	}
	var out []string
	entries, _ := fs.ReadDir(p.fsys, dir)
	for _, e := range entries {
		if e.IsDir() && e.Name() != "global" {
			out = append(out, e.Name())
		}
	}
	return out
}
