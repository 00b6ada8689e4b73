package repo

import (
	"io/fs"
	"syscall"
)

// stampOf is what the file system says of a file. The time of its last change of any kind (ctime) can't be set
// back as its time of writing can.
func stampOf(info fs.FileInfo) stamp {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return noStamp(info)
	}
	return stamp{
		size: info.Size(), mtime: info.ModTime().UnixNano(), ctime: st.Ctim.Nano(),
		inode: st.Ino, device: uint64(st.Dev), //nolint:unconvert // its width differs from system to system
	}
}
