// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package cache

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Stamp tells one state of a file from another without reading it. Whoever
// changes a file's content changes its stamp: the kernel sets the change time,
// and no system call can set it back.
type Stamp struct {
	Dev   uint64 `json:"dev"`
	Ino   uint64 `json:"ino"`
	Size  int64  `json:"size"`  // bytes
	MTime int64  `json:"mtime"` // ns since 1970, content
	CTime int64  `json:"ctime"` // ns since 1970, content or attributes
}

// settling is how old the last change must be before a stamp is believed: within
// one tick of a file system's clock a second change leaves no trace.
const settling = time.Second

// StampOf returns the stamp of the file that path leads to.
func StampOf(path string) (Stamp, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Stat(path, &st) }); err != nil {
		return Stamp{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return stampFrom(&st), nil
}

// StampFile returns the stamp of an open file.
func StampFile(f *os.File) (Stamp, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Fstat(int(f.Fd()), &st) }); err != nil {
		return Stamp{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return stampFrom(&st), nil
}

func stampFrom(st *unix.Stat_t) Stamp {
	return Stamp{
		Dev:   uint64(st.Dev),
		Ino:   uint64(st.Ino),
		Size:  st.Size,
		MTime: st.Mtim.Nano(),
		CTime: st.Ctim.Nano(),
	}
}

// Settled says whether the file was left alone for long enough that a later
// change must show in the stamp.
func (s Stamp) Settled(now time.Time) bool {
	return now.UnixNano()-max(s.MTime, s.CTime) > int64(settling)
}

// String returns the stamp in a form that differs wherever the stamps differ.
func (s Stamp) String() string {
	return fmt.Sprintf("%d:%d:%d:%d:%d", s.Dev, s.Ino, s.Size, s.MTime, s.CTime)
}

func ignoringEINTR(fn func() error) error {
	for {
		if err := fn(); err != unix.EINTR {
			return err
		}
	}
}
