package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// cutDisk fails at the nth thing that is done to it. A full disk fails that one, half done, and everything
// later that needs room; a crash fails everything later.
type cutDisk struct {
	rootDisk
	mu    sync.Mutex
	n     int
	crash bool
	done  int
	what  string // the one that failed first
}

var errCut = errors.New("no space left on device")

func (d *cutDisk) fails(what string, room bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done++
	if d.done == d.n {
		d.what = what
	}
	return d.done == d.n || d.done > d.n && (d.crash || room)
}

func (d *cutDisk) MkdirAll(name string) error {
	if d.fails("mkdir "+name, true) {
		return errCut
	}
	return d.rootDisk.MkdirAll(name)
}

func (d *cutDisk) WriteFile(name string, data []byte) error {
	if d.fails("write "+name, true) {
		d.mu.Lock()
		first := d.done == d.n
		d.mu.Unlock()
		if first {
			_ = d.rootDisk.WriteFile(name, data[:len(data)/2])
		}
		return errCut
	}
	return d.rootDisk.WriteFile(name, data)
}

func (d *cutDisk) Sync(names []string) error {
	if d.fails("sync", true) {
		return errCut
	}
	return d.rootDisk.Sync(names)
}

func (d *cutDisk) Link(old, name string) error {
	if d.fails("link "+name, true) {
		return errCut
	}
	return d.rootDisk.Link(old, name)
}

func (d *cutDisk) Rename(old, name string) error {
	if d.fails("rename "+name, false) {
		return errCut
	}
	return d.rootDisk.Rename(old, name)
}

func (d *cutDisk) Remove(name string) error {
	if d.fails("remove "+name, false) {
		return errCut
	}
	return d.rootDisk.Remove(name)
}

func (d *cutDisk) RemoveAll(name string) error {
	if d.fails("remove all of "+name, false) {
		return errCut
	}
	return d.rootDisk.RemoveAll(name)
}

func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if e.IsDir() {
			out[rel+"/"] = ""
			return nil
		}
		data, err := os.ReadFile(name)
		out[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newDisk(t *testing.T, dir string) rootDisk {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return rootDisk{root}
}

// A small change of a tree: files that change, that come, in new folders, too, and that go.
func smallChange(t *testing.T) (dir string, remove []string, todo map[string][]byte) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"a.json": "old a", "b/c.json": "old c", "b/gone.json": "old gone", "d/only.json": "old only", "mine.txt": "mine"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	todo = map[string][]byte{"a.json": []byte("new a"), "b/c.json": []byte("new c"), "b/e.json": []byte("new e"), "f/g/h.json": []byte("new h"), "f/i.json": []byte("new i")}
	return dir, []string{"b/gone.json", "d/only.json"}, todo
}

// Cut off by a full disk or by a refusal at any of its steps, a write leaves all as it was, or is done.
func TestReplaceIsAllOrNothing(t *testing.T) {
	ends := 0
	for n := 1; ends == 0; n++ {
		dir, remove, todo := smallChange(t)
		before := filesIn(t, dir)
		d := &cutDisk{rootDisk: newDisk(t, dir), n: n}
		err := replace(t.Context(), d, remove, todo)
		after := filesIn(t, dir)
		for name := range after {
			if strings.HasPrefix(name, stagePrefix) {
				if !strings.HasPrefix(d.what, "remove all") {
					t.Errorf("cut at %d, %s: %s is left", n, d.what, name)
				}
				delete(after, name)
			}
		}
		changed := after["a.json"] == "new a"
		switch {
		case d.done < n:
			ends = n
			if err != nil {
				t.Errorf("not cut at all: %v", err)
			}
			fallthrough
		case changed:
			for name, data := range todo {
				if after[name] != string(data) {
					t.Errorf("cut at %d, %s: %s holds %q", n, d.what, name, after[name])
				}
			}
			for _, name := range append(remove, "d/") {
				// An empty folder that can't be removed is no harm.
				if _, left := after[name]; left && (name != "d/" || !strings.HasPrefix(d.what, "remove d")) {
					t.Errorf("cut at %d, %s: %s is left", n, d.what, name)
				}
			}
			if after["mine.txt"] != "mine" {
				t.Errorf("cut at %d: mine.txt holds %q", n, after["mine.txt"])
			}
		default:
			if !errors.Is(err, errCut) || !strings.Contains(err.Error(), "nothing was changed") {
				t.Errorf("cut at %d, %s: error %v", n, d.what, err)
			}
			if !maps.Equal(after, before) {
				t.Errorf("cut at %d, %s:\n%v\nwas\n%v", n, d.what, after, before)
			}
		}
	}
	if ends < 20 {
		t.Errorf("there were only %d steps", ends)
	}
}

// Killed at any of its steps, a write leaves each file the old or the new one, as a whole; the next run
// ends it, and takes away what the killed one has left.
func TestReplaceKilled(t *testing.T) {
	for n := 1; ; n++ {
		dir, remove, todo := smallChange(t)
		before := filesIn(t, dir)
		d := &cutDisk{rootDisk: newDisk(t, dir), n: n, crash: true}
		_ = replace(t.Context(), d, remove, todo)
		if d.done < n {
			if n < 20 {
				t.Errorf("there were only %d steps", n)
			}
			return
		}
		after := filesIn(t, dir)
		for name, text := range after {
			if strings.HasPrefix(name, stagePrefix) || strings.HasSuffix(name, "/") {
				continue
			}
			old, was := before[name]
			if data, is := todo[name]; !(was && text == old) && !(is && text == string(data)) {
				t.Errorf("killed at %d, %s: %s holds %q", n, d.what, name, text)
			}
		}
		old := time.Now().Add(-2 * leftoverAge)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), stagePrefix) {
				if err := os.Chtimes(filepath.Join(dir, e.Name()), old, old); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := replace(t.Context(), newDisk(t, dir), remove, todo); err != nil {
			t.Fatalf("killed at %d, %s, and then: %v", n, d.what, err)
		}
		again := filesIn(t, dir)
		for name, data := range todo {
			if again[name] != string(data) {
				t.Errorf("killed at %d, %s, and then: %s holds %q", n, d.what, name, again[name])
			}
		}
		for name := range again {
			if strings.HasPrefix(name, stagePrefix) {
				t.Errorf("killed at %d, %s, and then: %s is left", n, d.what, name)
			}
		}
	}
}

// A stage that is young may be another run's that is under way.
func TestSweepLeavesOthersAlone(t *testing.T) {
	dir, remove, todo := smallChange(t)
	young := filepath.Join(dir, stagePrefix+"other"+stageSuffix)
	if err := os.Mkdir(young, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := replace(t.Context(), newDisk(t, dir), remove, todo); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Error(err)
	}
}

func TestReplaceInterrupted(t *testing.T) {
	dir, remove, todo := smallChange(t)
	before := filesIn(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := replace(ctx, newDisk(t, dir), remove, todo)
	if !errors.Is(err, context.Canceled) || !maps.Equal(filesIn(t, dir), before) {
		t.Errorf("%v; %v", err, filesIn(t, dir))
	}
}

// linkless has no second names, as some file systems.
type linkless struct{ cutDisk }

func (d *linkless) Link(old, name string) error {
	data, err := d.root.ReadFile(old)
	if err != nil {
		return err
	}
	return d.WriteFile(name, data)
}

func TestReplaceWithoutLinks(t *testing.T) {
	for _, n := range []int{1000, 16} {
		dir, remove, todo := smallChange(t)
		before := filesIn(t, dir)
		d := &linkless{cutDisk{rootDisk: newDisk(t, dir), n: n}}
		err := replace(t.Context(), d, remove, todo)
		if after := filesIn(t, dir); err != nil && !maps.Equal(after, before) || err == nil && after["a.json"] != "new a" {
			t.Errorf("%s: %v: %v", d.what, err, after)
		}
	}
}

func TestParseKey(t *testing.T) {
	for _, s := range []string{"alpha/journey/Login", "global/cors/a/b", "alpha/script/x y"} {
		if k, ok := parseKey(s); !ok || k.String() != s {
			t.Errorf("%s: %v %v", s, k, ok)
		}
	}
	for _, s := range []string{"", "alpha", "alpha/journey", "alpha/unknown/x"} {
		if k, ok := parseKey(s); ok {
			t.Errorf("%s: %v", s, k)
		}
	}
}

func TestCovered(t *testing.T) {
	all := []string{"a", "b", "c"}
	for _, tt := range []struct{ asked, source, all, want []string }{
		{nil, nil, all, nil},
		{[]string{"a"}, nil, all, []string{"a"}},
		{nil, []string{"a"}, all, []string{"a"}},
		{nil, []string{"a", "b", "c", "z"}, all, nil},
		{[]string{"a", "b"}, []string{"b", "c"}, all, []string{"b"}},
		{[]string{"a"}, []string{"b"}, all, []string{""}},
		{nil, []string{"alpha"}, nil, []string{"alpha"}},
	} {
		if got := covered(tt.asked, tt.source, tt.all); fmt.Sprint(got) != fmt.Sprint(tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("%v of %v: %v, want %v", tt.asked, tt.source, got, tt.want)
		}
	}
}
