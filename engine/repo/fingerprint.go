package repo

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Sum is the SHA-256 of some content.
type Sum [sha256.Size]byte

func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// Stamps are what a Fingerprint saw of each file: its content's sum, and what the file system says when a file
// has not been written since.
type Stamps struct {
	at    time.Time // when the walk began
	names Sum       // of all names, in order
	files map[string]stamp
}

// Changed names the files whose content is not what it was before, when the same files are there as before.
func (s *Stamps) Changed(before *Stamps) (files map[string]bool, ok bool) {
	if before == nil || s.names != before.names || len(s.files) != len(before.files) {
		return nil, false
	}
	files = map[string]bool{}
	for name, now := range s.files {
		was, ok := before.files[name]
		if !ok {
			return nil, false
		}
		if was.sum != now.sum {
			files[name] = true
		}
	}
	return files, true
}

// stamp is one file's. mtime and ctime are nanoseconds since 1970.
type stamp struct {
	size, mtime, ctime int64
	inode, device      uint64
	sum                Sum
}

// same says whether the file system still tells the same of a file.
func (s stamp) same(o stamp) bool {
	return s.size == o.size && s.mtime == o.mtime && s.ctime == o.ctime && s.inode == o.inode && s.device == o.device
}

// noStamp is in the future, which no reading ever is: its content is read each time.
func noStamp(info fs.FileInfo) stamp {
	return stamp{size: info.Size(), mtime: math.MaxInt64, ctime: math.MaxInt64}
}

// racy is the coarsest step of the clocks that file systems stamp with (FAT's). A file stamped later than that
// before it was read may have been written again with the same stamp, so that its content is read anew: git's
// rule for its index.
const racy = 2 * time.Second

func (s *Stamps) trusts(name string, now stamp) (Sum, bool) {
	if s == nil {
		return Sum{}, false
	}
	was, ok := s.files[name]
	limit := s.at.Add(-racy).UnixNano()
	return was.sum, ok && was.same(now) && was.mtime < limit && was.ctime < limit
}

// ErrNoFingerprint is wrapped by the errors about a folder whose content can't be summed up: it has links, or
// what can't be read.
var ErrNoFingerprint = errors.New("the folder has no fingerprint")

// Fingerprint sums up the names and contents of all files below dir that reading configuration may look at. Of
// files that known has seen and that the file system says were not written since, the content is not read
// again. Two folders of one sum are read alike.
func Fingerprint(dir string, known *Stamps) (Sum, *Stamps, error) {
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return Sum{}, nil, fmt.Errorf("%w: it is no folder", ErrNoFingerprint)
	}
	seen := &Stamps{at: time.Now(), files: map[string]stamp{}}
	list, err := listed(dir)
	if err != nil {
		return Sum{}, nil, err
	}
	stamps, errs := make([]stamp, len(list)), make([]error, len(list))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(list)) {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < len(list); i = int(next.Add(1) - 1) {
				if list[i].entry != nil {
					stamps[i], errs[i] = list[i].stamp(dir, known)
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return Sum{}, nil, fmt.Errorf("%w: %w", ErrNoFingerprint, err)
	}
	names, h := sha256.New(), sha256.New()
	for i, x := range list {
		fmt.Fprintf(names, "%d %s\x00", len(x.name), x.name)
		h.Write(stamps[i].sum[:])
		if x.entry != nil {
			seen.files[x.name] = stamps[i]
		}
	}
	seen.names = Sum(names.Sum(nil))
	h.Write(seen.names[:])
	return Sum(h.Sum(nil)), seen, nil
}

// listing is a file or folder below the one that is summed up. A folder's name ends in a slash; entry is nil
// when the name is all that counts.
type listing struct {
	name  string
	entry fs.DirEntry
}

// stamp sums up a file's content, unless it is known.
func (x listing) stamp(dir string, known *Stamps) (stamp, error) {
	info, err := x.entry.Info()
	if err != nil {
		return stamp{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return stamp{}, fmt.Errorf("%s is no file, or large", x.name)
	}
	now, ok := stampOf(info), false
	if now.sum, ok = known.trusts(x.name, now); ok {
		return now, nil
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(x.name)))
	now.sum = sha256.Sum256(data)
	return now, err
}

// listed lists what is below dir, sorted within each folder.
func listed(dir string) ([]listing, error) {
	var list []listing
	skip := notConfiguration()
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNoFingerprint, err)
		}
		if file == dir {
			return nil
		}
		name := strings.TrimPrefix(filepath.ToSlash(file[len(dir):]), "/")
		switch {
		case e.IsDir() && (e.Name() == ".git" || e.Name() == ".lockstep"):
			return fs.SkipDir
		case e.IsDir():
			name, e = name+"/", nil
		case !e.Type().IsRegular():
			return fmt.Errorf("%w: %s is a link, or neither a file nor a folder", ErrNoFingerprint, name)
		case !isConfiguration(e.Name(), skip) && !isJSON(name) && !strings.HasSuffix(name, ".gz") && !strings.HasSuffix(name, ".jsonl"):
			e = nil
		}
		list = append(list, listing{name, e})
		return nil
	})
	return list, err
}

// Append writes the stamps as lines, in no order.
func (s *Stamps) Append(b []byte) []byte {
	b = slices.Grow(b, 256*len(s.files))
	b = fmt.Appendf(b, "%d %s\n", s.at.UnixNano(), s.names)
	for name, f := range s.files {
		b = hex.AppendEncode(b, f.sum[:])
		for _, n := range []int64{f.size, f.mtime, f.ctime} {
			b = strconv.AppendInt(append(b, ' '), n, 10)
		}
		for _, n := range []uint64{f.inode, f.device} {
			b = strconv.AppendUint(append(b, ' '), n, 10)
		}
		b = append(strconv.AppendQuote(append(b, ' '), name), '\n')
	}
	return b
}

// ParseStamps reads what Append wrote.
func ParseStamps(data []byte) (*Stamps, error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return nil, errors.New("no stamps")
	}
	when, names, _ := strings.Cut(lines.Text(), " ")
	at, err := strconv.ParseInt(when, 10, 64)
	if err != nil {
		return nil, err
	}
	sum, err := hex.DecodeString(names)
	if err != nil || len(sum) != sha256.Size {
		return nil, errors.New("the sum of the names is none")
	}
	s := &Stamps{at: time.Unix(0, at), names: Sum(sum), files: make(map[string]stamp, bytes.Count(data, []byte("\n")))}
	for lines.Scan() {
		name, f, err := parseStamp(lines.Text())
		if err != nil {
			return nil, err
		}
		s.files[name] = f
	}
	return s, lines.Err()
}

func parseStamp(line string) (name string, f stamp, err error) {
	fields := strings.SplitN(line, " ", 7)
	if len(fields) != 7 || len(fields[0]) != 2*len(f.sum) {
		return "", f, errors.New("a stamp has seven fields")
	}
	if _, err := hex.Decode(f.sum[:], []byte(fields[0])); err != nil {
		return "", f, err
	}
	for i, n := range []*int64{&f.size, &f.mtime, &f.ctime} {
		if *n, err = strconv.ParseInt(fields[1+i], 10, 64); err != nil {
			return "", f, err
		}
	}
	for i, n := range []*uint64{&f.inode, &f.device} {
		if *n, err = strconv.ParseUint(fields[4+i], 10, 64); err != nil {
			return "", f, err
		}
	}
	name, err = strconv.Unquote(fields[6])
	return name, f, err
}
