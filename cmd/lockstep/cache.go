package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A resultCache keeps what validate found last, for one source. It is keyed by all that the result depends on:
// this program, the project's settings, the day (exemptions end), the base commit, and the name and content of
// every file. It holds findings, sums, and of most resources the few members that rules about others read (see
// schema.Stub); of the files' text, nothing: excerpts are read again.
//
// Whatever is wrong with the cache, the answer is a miss; it never fails a command.
type resultCache struct {
	file     string // "" when nothing is kept
	dir      string // whose content counts
	top      string // what findings name files from
	source   pathSource
	settings string // the part of the key that does not need the files
	key      string
	// What the files are now, and what is kept of the last time; nil when nothing is.
	stamps, was *repo.Stamps
	kept        *cached
	part        []byte // of the file, not decoded yet
}

// cacheFormat is the first line of a cache file. Another one is not read.
const cacheFormat = "lockstep cache 2"

// cacheMax is the largest cache file that is read, in bytes: the stamps of half a million files.
const cacheMax = 128 << 20

// cacheRoot is the folder for what may be thrown away at any time; "" when nothing is to be kept.
func (a *app) cacheRoot() string {
	where, _ := a.env("LOCKSTEP_CACHE")
	if a.noCache || a.cacheDir == nil || where == "off" {
		return ""
	}
	dir, err := a.cacheDir()
	if err != nil || !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, "lockstep")
}

// openCache finds the place of what validate found last.
func (a *app) openCache(p *config.Project, o validateOptions) *resultCache {
	none := &resultCache{}
	root := a.cacheRoot()
	if root == "" || strings.HasPrefix(o.source, "git:") || strings.HasPrefix(o.source, "env:") {
		return none
	}
	s, err := a.pathSource(p, o.source)
	if err != nil {
		return none
	}
	c := &resultCache{dir: s.path, top: s.path, source: s} // what is not the project's own is named from its folder
	if s.own {
		c.dir, c.top = p.Dir(), s.top
	}
	if c.dir, err = filepath.EvalSymlinks(c.dir); err != nil {
		return none
	}
	base := ""
	if o.base != "" {
		if base = a.baseCommit(p, o.base); base == "" {
			return none
		}
	}
	program, err := programID()
	if err != nil {
		return none
	}
	place := sumOf(c.dir, s.path, p.Root, o.source, base)
	c.settings = sumOf(cacheFormat, program, s.path, s.top, s.dir, o.source, base, a.now().UTC().Format(time.DateOnly), p.Dir(), fmt.Sprint(s.own),
		encoded(s.options.Layout), encoded(s.options.Types), encoded(s.options.Realms), encoded(s.options.Ignore), encoded(s.options.Origin),
		encoded(p.Config), encoded(p.Rules), encoded(p.Exemptions))
	c.file = filepath.Join(root, "validate", place[:40])
	return c
}

// baseCommit is the commit that a base names; "" when it names none, and so nothing that stays as it is.
func (a *app) baseCommit(p *config.Project, base string) string {
	rev, ok := strings.CutPrefix(base, "git:")
	if !ok {
		return ""
	}
	g, err := repo.OpenGit(p.Root)
	if err != nil {
		return ""
	}
	commit, err := g.Resolve(rev)
	if err != nil {
		return ""
	}
	return commit
}

// programID tells this build of the program from every other: those that are no release share a version.
func programID() (string, error) {
	name, err := os.Executable()
	if err != nil {
		return "", err
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s %d %d", toolVersion(), name, info.Size(), info.ModTime().UnixNano()), nil
}

// encoded writes a setting for a key; values that JSON can't write make no key that another run has.
func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "? " + err.Error() + time.Now().String()
	}
	return string(b)
}

// sumOf is the SHA-256 of a list of texts, in hexadecimal.
func sumOf(list ...string) string {
	h := sha256.New()
	for _, s := range list {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// cached is the first line of a cache file, beside the format. Then come what survey.part makes, an empty line, and
// the stamps.
type cached struct {
	Settings, Key string
	Result        validated // without findings
	Findings      bareFindings
}

// bareFindings are findings without their excerpts.
type bareFindings struct {
	Findings schema.Diagnostics
	Lines    []int // of each one's excerpt
}

func bare(ds schema.Diagnostics) bareFindings {
	b := bareFindings{slices.Clone(ds), make([]int, len(ds))}
	for i := range b.Findings {
		b.Lines[i] = len(b.Findings[i].Excerpt)
		b.Findings[i].Excerpt = nil
	}
	return b
}

// get answers what was found last, if nothing has changed since; nil otherwise.
func (c *resultCache) get() *validated {
	if c.file == "" {
		return nil
	}
	c.read()
	sum, stamps, err := repo.Fingerprint(c.dir, c.was)
	if err != nil {
		c.file = "" // nothing can be kept of it
		return nil
	}
	c.key, c.stamps = sumOf(c.settings, c.source.commit, sum.String()), stamps
	if c.kept == nil || c.kept.Key != c.key {
		return nil
	}
	v, ok := c.kept.Result, false
	v.Findings, ok = c.lines().fill(c.kept.Findings)
	if !ok {
		return nil
	}
	return &v
}

// read reads the cache file. A file that is not whole is none.
func (c *resultCache) read() {
	data, ok := readCacheFile(c.file)
	if !ok {
		return
	}
	result, rest, _ := bytes.Cut(data, []byte("\n"))
	part, rest, _ := bytes.Cut(rest, []byte("\n\n"))
	var kept cached
	if json.Unmarshal(result, &kept) != nil {
		return
	}
	if stamps, err := repo.ParseStamps(rest); err == nil {
		c.kept, c.part, c.was = &kept, part, stamps
	}
}

// fileLines are the lines of files, each read once.
type fileLines struct {
	top   string
	files map[string][][]byte
}

func (c *resultCache) lines() fileLines { return fileLines{c.top, map[string][][]byte{}} }

// fill reads the lines around findings again.
func (f fileLines) fill(b bareFindings) (schema.Diagnostics, bool) {
	if len(b.Lines) != len(b.Findings) {
		return nil, false
	}
	for i, n := range b.Lines {
		if n == 0 {
			continue
		}
		d := &b.Findings[i]
		lines, ok := f.files[d.Pos.File]
		if !ok {
			data, err := os.ReadFile(filepath.Join(f.top, filepath.FromSlash(d.Pos.File)))
			if err != nil {
				return nil, false
			}
			lines = bytes.Split(data, []byte("\n"))
			f.files[d.Pos.File] = lines
		}
		from := d.ExcerptLine - 1
		if from < 0 || from+n > len(lines) {
			return nil, false
		}
		for _, l := range lines[from : from+n] {
			d.Excerpt = append(d.Excerpt, schema.ExcerptLine(string(l)))
		}
	}
	return b.Findings, true
}

// holds says whether findings are the same when they are filled again. What a reader would take for another
// excerpt is not kept at all.
func (f fileLines) holds(b bareFindings, ds schema.Diagnostics) bool {
	b.Findings = slices.Clone(b.Findings)
	again, ok := f.fill(b)
	return ok && reflect.DeepEqual(again, ds)
}

// put keeps what was found, if the files are still those that it was found in.
func (c *resultCache) put(v *validated, s *survey) {
	if c.file == "" || c.key == "" {
		return
	}
	if !s.seen {
		sum, stamps, err := repo.Fingerprint(c.dir, c.stamps)
		if err != nil || sumOf(c.settings, c.source.commit, sum.String()) != c.key {
			return
		}
		c.stamps = stamps
	}
	lines := c.lines()
	kept := cached{Settings: c.settings, Key: c.key, Result: *v, Findings: bare(v.Findings)}
	kept.Result.Findings = nil
	result, err := json.Marshal(kept)
	if err != nil {
		return
	}
	again := cached{}
	if json.Unmarshal(result, &again) != nil || !lines.holds(again.Findings, v.Findings) {
		return
	}
	part, err := s.part(lines)
	if err != nil {
		return
	}
	// A result that is not kept is found again.
	_ = writeCacheFile(c.file, c.stamps.Append(slices.Concat(result, []byte("\n"), part, []byte("\n\n"))))
}

// readCacheFile reads what writeCacheFile wrote. A file that is not whole, or of another format, is none.
func readCacheFile(name string) ([]byte, bool) {
	info, err := os.Stat(name)
	if err != nil || info.Size() > cacheMax {
		return nil, false
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, false
	}
	data, ok := bytes.CutPrefix(data, []byte(cacheFormat+"\n"))
	if !ok || len(data) < sha256.Size {
		return nil, false
	}
	data, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	is := sha256.Sum256(data)
	return data, bytes.Equal(is[:], sum)
}

// writeCacheFile puts the file there whole or not at all; what a crash leaves of it is not whole, and not read.
func writeCacheFile(name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // for this user alone
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	for _, part := range [][]byte{[]byte(cacheFormat + "\n"), data, sum[:]} {
		if err == nil {
			_, err = f.Write(part)
		}
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return pruneCache(dir)
}

// cacheFiles is how many sources' results are kept.
const cacheFiles = 64

// pruneCache removes the oldest file when there are too many.
func pruneCache(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) <= cacheFiles {
		return err
	}
	var oldest fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && (oldest == nil || info.ModTime().Before(oldest.ModTime())) {
			oldest = info
		}
	}
	if oldest == nil {
		return nil
	}
	return os.Remove(filepath.Join(dir, oldest.Name()))
}
