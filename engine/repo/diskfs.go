package repo

import (
	"io/fs"
	"os"
	"path"
)

// A diskFS is a folder of the disk in which files are opened quickly: os.Root opens each folder on the way to a
// file anew, which is most of the work of reading ten thousand small files.
type diskFS struct {
	fs.FS          // of root, or of sub below it
	root  *os.Root // no link leads out of it
	sub   string
}

func newDiskFS(root *os.Root, sub string) (diskFS, error) {
	d := diskFS{root.FS(), root, sub}
	var err error
	if sub != "." {
		d.FS, err = fs.Sub(d.FS, sub)
	}
	return d, err
}

// folder gives a folder to open files in. A link in it that leads out of it can't be followed there.
func (d diskFS) folder(dir string) (*os.Root, error) { return d.root.OpenRoot(path.Join(d.sub, dir)) }

// What os.Root can do besides.
func (d diskFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(d.FS, name) }
func (d diskFS) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(d.FS, name) }
func (d diskFS) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(d.FS, name) }
func (d diskFS) ReadLink(name string) (string, error)       { return fs.ReadLink(d.FS, name) }

// atOnce is how many files of a folder are read by one goroutine: the folder is opened once for them.
const atOnce = 64

// byFolder splits sorted names into runs of one folder, of atOnce at most.
func byFolder(names []string) [][]string {
	var out [][]string
	for i, n := range names {
		if i == 0 || path.Dir(names[i-1]) != path.Dir(n) || len(out[len(out)-1]) == atOnce {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], n)
	}
	return out
}
