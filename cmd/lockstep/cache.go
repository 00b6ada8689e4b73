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
	"strings"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/config"
	"github.com/lockstep-gitops/lockstep/engine/repo"
	"github.com/lockstep-gitops/lockstep/schema"
)

// A resultCache keeps what validate found last, for one source. It is keyed by all that the result depends on:
// this program, the project's settings, the day (exemptions end), the base commit, and the name and content of
// every file. It holds findings and sums; of the files' text, nothing: excerpts are read again.
//
// Whatever is wrong with the cache, the answer is a miss; it never fails a command.
type resultCache struct {
	file   string // "" when nothing is kept
	dir    string // whose content counts
	top    string // what findings name files from
	fixed  string // the part of the key that does not need the files
	key    string
	stamps *repo.Stamps
}

// cacheFormat is the first line of a cache file. Another one is not read.
const cacheFormat = "lockstep cache 1"

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
	c := &resultCache{dir: s.path, top: s.path} // what is not the project's own is named from its folder
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
	c.fixed = sumOf(cacheFormat, program, s.path, s.top, s.dir, s.commit, o.source, base, a.now().UTC().Format(time.DateOnly), p.Dir(), fmt.Sprint(s.own),
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

// cached is what stands in a cache file, beside the stamps.
type cached struct {
	Key    string
	Result validated
	// Lines counts each finding's lines of excerpt, which are not kept.
	Lines []int
}

// get answers what was found last, if nothing has changed since; nil otherwise.
func (c *resultCache) get() *validated {
	if c.file == "" {
		return nil
	}
	kept, stamps := c.read()
	sum, stamps, err := repo.Fingerprint(c.dir, stamps)
	if err != nil {
		c.file = "" // nothing can be kept of it
		return nil
	}
	c.key, c.stamps = sumOf(c.fixed, sum.String()), stamps
	if kept == nil || kept.Key != c.key || !c.excerpts(kept) {
		return nil
	}
	return &kept.Result
}

// read reads the cache file. A file that is not whole is none.
func (c *resultCache) read() (*cached, *repo.Stamps) {
	info, err := os.Stat(c.file)
	if err != nil || info.Size() > cacheMax {
		return nil, nil
	}
	data, err := os.ReadFile(c.file)
	if err != nil {
		return nil, nil
	}
	data, ok := bytes.CutPrefix(data, []byte(cacheFormat+"\n"))
	if !ok || len(data) < sha256.Size {
		return nil, nil
	}
	data, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if is := sha256.Sum256(data); !bytes.Equal(is[:], sum) {
		return nil, nil
	}
	result, rest, _ := bytes.Cut(data, []byte("\n"))
	var kept cached
	if json.Unmarshal(result, &kept) != nil || len(kept.Lines) != len(kept.Result.Findings) {
		return nil, nil
	}
	stamps, err := repo.ParseStamps(rest)
	if err != nil {
		return nil, nil
	}
	return &kept, stamps
}

// excerpts reads the lines around the findings again.
func (c *resultCache) excerpts(kept *cached) bool {
	files := map[string][][]byte{}
	for i, n := range kept.Lines {
		if n == 0 {
			continue
		}
		d := &kept.Result.Findings[i]
		lines, ok := files[d.Pos.File]
		if !ok {
			data, err := os.ReadFile(filepath.Join(c.top, filepath.FromSlash(d.Pos.File)))
			if err != nil {
				return false
			}
			lines = bytes.Split(data, []byte("\n"))
			files[d.Pos.File] = lines
		}
		from := d.ExcerptLine - 1
		if from < 0 || from+n > len(lines) {
			return false
		}
		for _, l := range lines[from : from+n] {
			d.Excerpt = append(d.Excerpt, schema.ExcerptLine(string(l)))
		}
	}
	return true
}

// put keeps what was found, if the files are still those that it was found in.
func (c *resultCache) put(v *validated) {
	if c.file == "" || c.key == "" {
		return
	}
	sum, stamps, err := repo.Fingerprint(c.dir, c.stamps)
	if err != nil || sumOf(c.fixed, sum.String()) != c.key {
		return
	}
	kept := cached{Key: c.key, Result: *v, Lines: make([]int, len(v.Findings))}
	kept.Result.Findings = make(schema.Diagnostics, len(v.Findings))
	for i, d := range v.Findings {
		kept.Lines[i] = len(d.Excerpt)
		d.Excerpt = nil
		kept.Result.Findings[i] = d
	}
	if v.Findings == nil {
		kept.Result.Findings = nil
	}
	result, err := json.Marshal(kept)
	if err != nil {
		return
	}
	// What a reader would take for another excerpt is not kept at all.
	again := cached{}
	if json.Unmarshal(result, &again) != nil || !c.excerpts(&again) || !reflect.DeepEqual(again.Result, *v) {
		return
	}
	data := stamps.Append(append(result, '\n'))
	is := sha256.Sum256(data)
	_ = c.write(append(append([]byte(cacheFormat+"\n"), data...), is[:]...)) // a result that is not kept is found again
}

// write puts the file there whole or not at all; what a crash leaves of it is not whole, and not read.
func (c *resultCache) write(data []byte) error {
	dir := filepath.Dir(c.file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // for this user alone
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return c.prune(dir)
}

// cacheFiles is how many sources' results are kept.
const cacheFiles = 64

// prune removes the oldest files when there are too many.
func (c *resultCache) prune(dir string) error {
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
