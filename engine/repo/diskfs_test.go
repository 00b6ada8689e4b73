package repo

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestByFolder(t *testing.T) {
	var names []string
	for i := range atOnce + 1 {
		names = append(names, fmt.Sprintf("a/%04d", i))
	}
	names = append(names, "a/b/c", "top")
	var sizes []int
	for _, list := range byFolder(names) {
		sizes = append(sizes, len(list))
	}
	if want := []int{atOnce, 1, 1, 1}; !slices.Equal(sizes, want) {
		t.Errorf("%v, want %v", sizes, want)
	}
	if got := slices.Concat(byFolder(names)...); !slices.Equal(got, names) {
		t.Error("names are lost")
	}
}

// TestDiskFSFollowsLinksWithin: a link between folders is followed, though the file is opened from its own folder;
// one that leads out is not.
func TestDiskFSFollowsLinksWithin(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "repo")
	for _, d := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"repo/b/real.json": "{}", "repo/a/other.json": "{}", "out.json": "{}"} {
		if err := os.WriteFile(filepath.Join(top, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"in.json": "../b/real.json", "out.json": "../../out.json", "beside.json": "other.json"} {
		if err := os.Symlink(to, filepath.Join(dir, "a", name)); err != nil {
			t.Skip(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close() //nolint:errcheck // only read from
	fsys, err := newDiskFS(root, ".")
	if err != nil {
		t.Fatal(err)
	}
	l := newLoader(fsys, Options{})
	l.readAll([]string{"a/beside.json", "a/gone.json", "a/in.json", "a/other.json", "a/out.json"}, maxFile)
	for name, want := range map[string]bool{"a/beside.json": true, "a/in.json": true, "a/other.json": true, "a/gone.json": false, "a/out.json": false} {
		if f := l.files[name]; (f.err == nil) != want {
			t.Errorf("%s: %v", name, f.err)
		}
	}
	if err := l.files["a/out.json"].err; !isEscape(err) {
		t.Errorf("what leads out is not told so: %v", err)
	}
}
