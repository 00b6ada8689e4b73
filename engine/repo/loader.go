package repo

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/lockstep-gitops/lockstep/schema"
)

// A file is one file as it was read: its content, and its JSON value if it has one.
type file struct {
	*schema.File
	value    any
	err      error // why it could not be read or parsed
	reported bool
	used     bool // a resource or a kind that is not managed has taken it
}

// object is the file's value when that is a JSON object.
func (f *file) object() (map[string]any, bool) { m, ok := f.value.(map[string]any); return m, ok }

func (f *file) isJSON() bool { return isJSON(f.Name) }

func isJSON(name string) bool { return strings.HasSuffix(strings.TrimSuffix(name, ".gz"), ".json") }

// A loader makes a Set of files.
type loader struct {
	fsys   fs.FS
	o      Options
	layout Layout
	root   string // the directory that holds the layout's tree
	names  []string
	files  map[string]*file
	set    *schema.Set
	diags  schema.Diagnostics
	// What a snapshot was asked for; nil means everything.
	types, realms []string
	unseen        bool // what Options.Seen says is wrong
}

func newLoader(fsys fs.FS, o Options) *loader {
	return &loader{fsys: fsys, o: o, files: map[string]*file{}, set: schema.NewSet(o.Origin)}
}

// below is the file's name relative to the tree's root.
func (l *loader) below(name string) string {
	if l.root == "." {
		return name
	}
	return strings.TrimPrefix(name, l.root+"/")
}

func (l *loader) add(d schema.Diagnostic) { l.diags = append(l.diags, d) }

// notConfiguration are the files that live beside configuration and are none: names, at every depth,
// with a star at one end at most. Names that begin with a dot are skipped as well.
func notConfiguration() []string {
	return []string{
		"README*", "LICENSE*", "LICENCE*", "NOTICE*", "CHANGELOG*", "CONTRIBUTING*", "CODEOWNERS", "SECURITY*",
		"lockstep.yaml", "lockstep.yml", "*.env", "*.yaml", "*.yml", "*.gz", "*.zip", "*.tgz", "*.jsonl",
		"Makefile", "Dockerfile", "Jenkinsfile", "package.json", "package-lock.json", "node_modules", "*.sh", "*~", "*.orig", "*.rej",
	}
}

func isConfiguration(name string, skip []string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	for _, p := range skip {
		before, isPrefix := strings.CutSuffix(p, "*")
		after, isSuffix := strings.CutPrefix(p, "*")
		if p == name || isPrefix && strings.HasPrefix(name, before) || isSuffix && strings.HasSuffix(name, after) {
			return false
		}
	}
	return true
}

// maxDepth bounds how deep a tree may be: links between folders can make one without end.
const maxDepth = 40

// list finds the files below dir that may be configuration.
func (l *loader) list(dir string) {
	if l.o.Seen != nil {
		l.listSeen(dir)
	} else {
		l.walk(dir, nil, notConfiguration())
	}
	slices.Sort(l.names)
}

// listSeen takes the names from a fingerprint, which has no links in it.
func (l *loader) listSeen(dir string) {
	skip := notConfiguration()
	isOf := map[string]bool{} // folders that may hold configuration
	var may func(dir string) bool
	may = func(at string) bool {
		ok, known := isOf[at]
		if !known {
			ok = at == dir || at != "." && at != "/" && isConfiguration(path.Base(at), skip) && may(path.Dir(at))
			isOf[at] = ok
		}
		return ok
	}
	for name := range l.o.Seen.Stamps.files {
		name = path.Join(l.o.Seen.Dir, name)
		if !l.o.Seen.Skip[name] && isConfiguration(path.Base(name), skip) && may(path.Dir(name)) {
			l.names = append(l.names, name)
			l.unseen = l.unseen || strings.Count(name, "/") > maxDepth
		}
	}
}

// named is the file that another one names; nil when it is not there.
func (l *loader) named(name string) *file {
	l.unseen = l.unseen || l.o.Seen != nil && l.o.Seen.Skip[name]
	return l.files[name]
}

// isAsSeen says whether a file's content is what the fingerprint has seen of it.
func (l *loader) isAsSeen(f *file) bool {
	if l.o.Seen == nil {
		return true
	}
	name := f.Name
	if dir := path.Clean(firstOf(l.o.Seen.Dir, ".")); dir != "." {
		name = strings.TrimPrefix(name, dir+"/")
	}
	return l.o.Seen.Stamps.files[name].sum == sha256.Sum256(f.Data)
}

func (l *loader) walk(dir string, above []string, skip []string) {
	above = append(above[:len(above):len(above)], dir)
	entries, err := fs.ReadDir(l.fsys, dir)
	if err != nil {
		l.unreadable(dir, err)
		l.partial("")
		return
	}
	for _, e := range entries {
		if !isConfiguration(e.Name(), skip) {
			continue
		}
		name := path.Join(dir, e.Name())
		mode := e.Type()
		var target fs.FileInfo
		if mode&fs.ModeSymlink != 0 {
			if target, err = fs.Stat(l.fsys, name); err != nil {
				l.badLink(name, err)
				if isJSON(name) {
					// It is still there: what its name says is broken, not gone.
					l.files[name] = &file{File: &schema.File{Name: name}, err: err, reported: true}
					l.names = append(l.names, name)
				}
				continue
			}
			mode = target.Mode().Type()
		}
		switch {
		case mode.IsDir():
			if len(above) > maxDepth || target != nil && l.isAbove(above, target) {
				l.badLink(name, errors.New("it leads back into a folder it stands in"))
				continue
			}
			l.walk(name, above, skip)
		case mode.IsRegular():
			l.names = append(l.names, name)
		default:
			l.unreadable(name, errors.New("it is neither a file nor a folder"))
		}
	}
}

func (l *loader) isAbove(above []string, target fs.FileInfo) bool {
	return slices.ContainsFunc(above, func(dir string) bool {
		info, err := fs.Stat(l.fsys, dir)
		return err == nil && sameDir(info, target)
	})
}

// sameDir compares directories of the disk by identity, those of a commit by the id of their tree.
func sameDir(a, b fs.FileInfo) bool {
	if h, ok := a.Sys().(treeID); ok {
		return h == b.Sys()
	}
	return os.SameFile(a, b)
}

func (l *loader) badLink(name string, err error) {
	l.add(schema.Diagnostic{
		Code: "path-escapes", Severity: schema.Error, Pos: schema.Pos{File: name},
		Message: fmt.Sprintf("the link %s can't be followed: %s", path.Base(name), cause(err)),
		Hint:    "A link may lead to another file of the same repository. Put the file itself here.",
	})
}

func (l *loader) unreadable(name string, err error) {
	l.add(schema.Diagnostic{
		Code: "file-unreadable", Severity: schema.Error, Pos: schema.Pos{File: name},
		Message: fmt.Sprintf("%s can't be read: %s", path.Base(name), cause(err)),
		Hint:    "What it holds is not checked. Make it readable, or take it away.",
	})
}

// cause is the reason alone: the finding names the file already, and a machine's paths have no place
// in it.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

var errTooLarge = errors.New("too large")

// chunk is how many files of a commit git is asked for in one go.
const chunk = 32

// readAll reads and parses the files, a few at a time.
func (l *loader) readAll(names []string, limit int64) {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return l.files[n] != nil })
	parts := byFolder(names)
	tree, _ := l.fsys.(*treeFS)
	if tree != nil {
		parts = slices.Collect(slices.Chunk(names, chunk))
	}
	read := make([][]*file, len(parts))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(parts)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(parts); i = next.Add(1) - 1 {
				if tree != nil {
					tree.ahead(parts[i], limit) // git reads a few files while another worker parses
				}
				read[i] = l.readTogether(parts[i], limit)
			}
		})
	}
	wg.Wait()
	for _, f := range slices.Concat(read...) {
		l.files[f.Name] = f
		l.set.Files++
		l.unseen = l.unseen || !l.isAsSeen(f)
	}
}

// readTogether reads a few files: of the disk, those that lie in one folder.
func (l *loader) readTogether(names []string, limit int64) []*file {
	open := l.fsys.Open
	if d, ok := l.fsys.(diskFS); ok && len(names) > 1 {
		if folder, err := d.folder(path.Dir(names[0])); err == nil {
			defer folder.Close() //nolint:errcheck // only read from
			open = func(name string) (fs.File, error) {
				if f, err := folder.Open(path.Base(name)); err == nil {
					return f, nil
				}
				return l.fsys.Open(name) // a link that leads elsewhere, or the error as it is known
			}
		}
	}
	out := make([]*file, len(names))
	for i, name := range names {
		f := &file{File: &schema.File{Name: name}}
		if f.Data, f.err = readOpen(open, name, limit); f.err == nil && f.isJSON() {
			f.value, f.err = schema.ParseJSON(f.Data)
		}
		out[i] = f
	}
	return out
}

func readFile(fsys fs.FS, name string, limit int64) ([]byte, error) {
	return readOpen(fsys.Open, name, limit)
}

func readOpen(open func(string) (fs.File, error), name string, limit int64) ([]byte, error) {
	in, err := open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close() //nolint:errcheck // only read from
	var r io.Reader = in
	size := int64(0)
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		r = z
	} else if info, err := in.Stat(); err == nil {
		size = info.Size()
	}
	if size > limit {
		return nil, errTooLarge
	}
	b := bytes.NewBuffer(make([]byte, 0, int(size)+bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > limit {
		return nil, errTooLarge
	}
	return b.Bytes(), nil
}

// report makes the finding about a file that could not be read, once, and says whether there is one.
func (l *loader) report(f *file) bool {
	if f.err == nil {
		return false
	}
	if f.reported {
		return true
	}
	f.reported = true
	var pe *schema.ParseError
	switch {
	case errors.As(f.err, &pe):
		l.add(parseFinding(f.File, pe))
	case errors.Is(f.err, errTooLarge):
		l.add(schema.Diagnostic{
			Code: "file-too-large", Severity: schema.Error, Pos: schema.Pos{File: f.Name},
			Message: fmt.Sprintf("%s is larger than %d MiB", path.Base(f.Name), maxFile>>20),
			Hint:    "It is not read. Configuration files are far smaller: look at what it is.",
		})
	case isEscape(f.err):
		l.badLink(f.Name, f.err)
	default:
		l.unreadable(f.Name, f.err)
	}
	return true
}

// isEscape recognises what os.Root and a commit's tree answer for a link that leaves them.
func isEscape(err error) bool {
	return errors.Is(err, errEscapes) || strings.Contains(err.Error(), "escapes from parent")
}

func parseFinding(f *schema.File, pe *schema.ParseError) schema.Diagnostic {
	d := schema.Diagnostic{
		Code: "json-syntax", Severity: schema.Error,
		Pos:     schema.Pos{File: f.Name, Line: pe.Line + f.LinesBefore, Column: pe.Column},
		Message: "this is no JSON: " + pe.Msg,
		Hint:    "Nothing in this file is read until it is repaired.",
	}
	if pe.Duplicate {
		d.Code, d.Message = "json-duplicate-key", pe.Msg
		d.Hint = "Readers disagree about which of the two counts. Delete one."
	}
	return d
}

// other notes a file of a kind that is not managed.
func (l *loader) other(kind string, f *file) {
	f.used = true
	l.set.AddUnmanaged(kind, f.Name)
	if kind == schema.OtherKind && (f.err != nil || !utf8.Valid(f.Data)) {
		return // nobody says that this is configuration
	}
	if !l.report(f) {
		l.set.Others = append(l.set.Others, schema.Other{Kind: kind, File: f.File, Value: f.value})
	}
}

// broken notes a resource that is there but could not be read.
func (l *loader) broken(t *schema.Type, realm, id string) {
	if id == "" || strings.Contains(t.ID, "{parent}") {
		l.partial(realm, t) // its file's name does not say which one it is
		return
	}
	if !t.Realm {
		realm = ""
	}
	l.set.MarkBroken(schema.Key{Type: t.Name, Realm: realm, ID: id})
}

// partial notes that resources of these types may be there and were not read, where nothing says which:
// none of the type is then taken for deleted. Without types it is all of them.
func (l *loader) partial(realm string, types ...*schema.Type) {
	if len(types) == 0 {
		types = schema.Types()
	}
	for _, t := range types {
		name := t.Name
		if t.Realm && realm != "" {
			name = realm + "/" + t.Name
		}
		if !slices.Contains(l.set.Partial, name) {
			l.set.Partial = append(l.set.Partial, name)
		}
	}
	slices.Sort(l.set.Partial)
}

// put adds a resource; a second one of the same key is a finding.
func (l *loader) put(r *schema.Resource) {
	if old := l.set.Add(r); old != nil {
		l.add(schema.Duplicate(old, r))
	}
}

// noObject is the finding about a file that should hold a resource and does not.
func (l *loader) noObject(f *file, pos schema.Pos, what string) {
	l.add(schema.Diagnostic{
		Code: "file-unreadable", Severity: schema.Error, Pos: pos,
		Message: fmt.Sprintf("%s is no resource: %s", path.Base(f.Name), what),
		Hint:    "Export it again, or delete it.",
	})
}
