package repo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage"
)

// objects is a repository's storage whose objects git itself reads, through one child process that is asked for
// many at once: that is some ten times as fast as go-git, knows every form of a pack, and fetches what a partial
// clone lacks. Where there is no git, or one older than 2.36, go-git reads. Safe for several goroutines.
type objects struct {
	storage.Storer
	mu    sync.Mutex // go-git's pack readers share a file offset
	git   *catFile
	start func() (*catFile, error) // nil once it was tried

	// What was read ahead, or is wanted again: neighbouring commits have most files in common.
	kept  map[plumbing.Hash]content
	sizes map[plumbing.Hash]int64
	room  int64 // bytes that may still be kept
}

// A content is an object as it was read. It is shared, and never changed.
type content struct {
	kind plumbing.ObjectType
	data []byte
}

// maxKept bounds what objects keeps, in bytes.
const maxKept = 64 << 20

func newObjects(store storage.Storer, dot string) *objects {
	return &objects{
		Storer: store, start: func() (*catFile, error) { return startCatFile(dot) },
		kept: map[plumbing.Hash]content{}, sizes: map[plumbing.Hash]int64{}, room: maxKept,
	}
}

// stop ends the child process; go-git reads from then on.
func (o *objects) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.start = nil
	o.fail()
}

func (o *objects) fail() {
	if o.git != nil {
		o.git.end()
		o.git = nil
	}
}

// ask has git answer for each id; false means that go-git must.
func (o *objects) ask(verb string, ids []plumbing.Hash, limit int64, each func(answer)) bool {
	if o.start != nil {
		if git, err := o.start(); err == nil {
			o.git = git
			// Not everybody closes what was opened to look something up.
			runtime.AddCleanup(o, func(end func()) { end() }, git.end)
		}
		o.start = nil
	}
	if o.git == nil {
		return false
	}
	if err := o.git.ask(verb, ids, limit, each); err != nil {
		o.fail() // whatever is wrong, go-git says it better
		return false
	}
	return true
}

// EncodedObjectSize is an object's size in bytes.
func (o *objects) EncodedObjectSize(h plumbing.Hash) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n, ok := o.sizes[h]; ok {
		return n, nil
	}
	o.learn([]plumbing.Hash{h})
	if n, ok := o.sizes[h]; ok {
		return n, nil
	}
	return o.Storer.EncodedObjectSize(h)
}

// measure learns the sizes of objects at once. What is missing is found when its size is asked for.
func (o *objects) measure(ids []plumbing.Hash) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.learn(without(ids, func(h plumbing.Hash) bool { _, ok := o.sizes[h]; return ok }))
}

func (o *objects) learn(ids []plumbing.Hash) {
	o.ask("info", ids, 0, func(a answer) { o.sizes[a.id] = a.size })
}

// ahead reads objects of at most limit bytes at once. What is missing is found when it is read.
func (o *objects) ahead(ids []plumbing.Hash, limit int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids = without(ids, func(h plumbing.Hash) bool { _, ok := o.kept[h]; return ok || o.sizes[h] > limit })
	if len(ids) > 0 && o.room > 0 {
		o.ask("contents", ids, limit, func(a answer) { o.take(a) })
	}
}

// take keeps what an answer tells; ok is false when the content was too large to be read.
func (o *objects) take(a answer) (c content, ok bool) {
	o.sizes[a.id] = a.size
	if a.data == nil {
		return content{}, false
	}
	c = content{a.kind, a.data}
	o.keep(a.id, c)
	return c, true
}

func (o *objects) keep(h plumbing.Hash, c content) {
	if n := int64(len(c.data)); n <= o.room {
		o.kept[h] = c
		o.room -= n
	}
}

// read gives an object's content, which is not to be changed. More than limit bytes are errTooLarge.
func (o *objects) read(h plumbing.Hash, limit int64) (content, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, ok := o.kept[h]
	if !ok && o.sizes[h] <= limit {
		o.ask("contents", []plumbing.Hash{h}, limit, func(a answer) { c, ok = o.take(a) })
	}
	switch {
	case ok && int64(len(c.data)) <= limit:
		return c, nil
	case ok || o.sizes[h] > limit:
		return content{}, errTooLarge
	}
	obj, err := o.Storer.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return content{}, err
	}
	if o.sizes[h] = obj.Size(); obj.Size() > limit {
		return content{}, errTooLarge
	}
	r, err := obj.Reader()
	if err != nil {
		return content{}, err
	}
	c = content{obj.Type(), make([]byte, obj.Size())}
	_, err = io.ReadFull(r, c.data)
	if err = errors.Join(err, r.Close()); err != nil {
		return content{}, err
	}
	o.keep(h, c)
	return c, nil
}

// EncodedObject gives an object of a kind to go-git.
func (o *objects) EncodedObject(kind plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	c, err := o.read(h, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	if kind != plumbing.AnyObject && kind != c.kind {
		return nil, plumbing.ErrObjectNotFound
	}
	return &encoded{MemoryObject: &plumbing.MemoryObject{}, id: h, content: c}, nil
}

// encoded is a content as go-git wants it; its id is known and need not be computed.
type encoded struct {
	*plumbing.MemoryObject // what is there for writing
	id                     plumbing.Hash
	content
}

func (e *encoded) Hash() plumbing.Hash            { return e.id }
func (e *encoded) Type() plumbing.ObjectType      { return e.kind }
func (e *encoded) Size() int64                    { return int64(len(e.data)) }
func (e *encoded) Reader() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(e.data)), nil }

func without(ids []plumbing.Hash, known func(plumbing.Hash) bool) []plumbing.Hash {
	seen := make(map[plumbing.Hash]bool, len(ids))
	out := make([]plumbing.Hash, 0, len(ids))
	for _, h := range ids {
		if !seen[h] && !known(h) {
			seen[h] = true
			out = append(out, h)
		}
	}
	return out
}

func missingBlob(err error) error {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return fmt.Errorf("this clone does not have it (a partial clone? fetch it with git first): %w", err)
	}
	return err
}

// A catFile is a running git cat-file --batch-command.
type catFile struct {
	in  io.WriteCloser
	out *bufio.Reader
	end func() // stops the process, whatever it is at
}

// An answer is what git says of an object. The data are nil where they were not asked for, or are too large.
type answer struct {
	id   plumbing.Hash
	kind plumbing.ObjectType
	size int64
	data []byte
}

func startCatFile(dot string) (*catFile, error) {
	// Run in the .git folder, git looks for itself, and refuses a repository that is somebody else's: its
	// configuration could name programs to run.
	cmd := exec.Command("git", "cat-file", "--batch-command")
	cmd.Dir, cmd.Env = dot, catFileEnv(os.Environ())
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &catFile{in, bufio.NewReaderSize(out, 64<<10), func() {
		_ = in.Close()
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // killed
	}}, nil
}

// catFileEnv is a hook's surrounding without what would lead git elsewhere from another folder. The places of a
// quarantine stay.
func catFileEnv(env []string) []string {
	var out []string
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_INDEX_FILE", "GIT_COMMON_DIR":
			continue
		case "GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH":
			if abs, err := filepath.Abs(value); err == nil {
				v = name + "=" + abs
			}
		}
		out = append(out, v)
	}
	// An object is what its id says, and nobody is there to type a password.
	return append(out, "GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0")
}

// ask sends all requests, and hands over the answers as they come. A missing object has none. Of content, no more
// than limit bytes are kept.
func (c *catFile) ask(verb string, ids []plumbing.Hash, limit int64, each func(answer)) error {
	var b strings.Builder
	b.Grow(len(ids) * (len(verb) + 42))
	for _, h := range ids {
		b.WriteString(verb + " " + h.String() + "\n")
	}
	sent := make(chan error, 1)
	// git answers before it has read all: both ends would wait for each other.
	go func() {
		_, err := io.WriteString(c.in, b.String())
		sent <- err
	}()
	for _, h := range ids {
		a, err := c.answer(h, verb == "contents", limit)
		if err != nil {
			c.end() // which frees the writer, too
			return errors.Join(err, <-sent)
		}
		if a.id == h {
			each(a)
		}
	}
	return <-sent
}

// answer reads the next one, which is h's; the zero answer when h is missing.
func (c *catFile) answer(h plumbing.Hash, content bool, limit int64) (answer, error) {
	line, err := c.out.ReadString('\n')
	if err != nil {
		return answer{}, err
	}
	f := strings.Fields(line)
	if len(f) == 2 && f[0] == h.String() && f[1] == "missing" {
		return answer{}, nil
	}
	if len(f) != 3 || f[0] != h.String() {
		return answer{}, fmt.Errorf("git cat-file answers %q for %s", strings.TrimSpace(line), h)
	}
	a := answer{id: h}
	a.kind, err = plumbing.ParseObjectType(f[1])
	if err != nil {
		return answer{}, fmt.Errorf("git cat-file answers %q", strings.TrimSpace(line))
	}
	if a.size, err = strconv.ParseInt(f[2], 10, 64); err != nil || a.size < 0 {
		return answer{}, fmt.Errorf("git cat-file answers %q", strings.TrimSpace(line))
	}
	if !content {
		return a, nil
	}
	if a.size > limit {
		_, err = io.CopyN(io.Discard, c.out, a.size)
	} else {
		a.data, err = readSized(c.out, a.size)
	}
	if err != nil {
		return answer{}, err
	}
	if end, err := c.out.ReadByte(); err != nil || end != '\n' {
		return answer{}, errors.Join(fmt.Errorf("git cat-file: the content of %s does not end where it should", h), err)
	}
	return a, nil
}

// readSized reads so many bytes. A size that is not true fails, and does not fill the memory first.
func readSized(r io.Reader, size int64) ([]byte, error) {
	const trusted = 1 << 20
	if size <= trusted {
		data := make([]byte, size)
		_, err := io.ReadFull(r, data)
		return data, err
	}
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, size)
	return b.Bytes(), err
}
