package repo

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncAll makes sure that all that was written to the folder's file system is on the disk: one call for ten
// thousand files, in place of one each. It says whether it could.
func syncAll(root *os.Root) bool {
	dir, err := root.Open(".")
	if err != nil {
		return false
	}
	defer dir.Close() //nolint:errcheck // only opened for its file system
	return unix.Syncfs(int(dir.Fd())) == nil
}
