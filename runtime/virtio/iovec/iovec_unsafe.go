// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package iovec

import (
	"io"
	"unsafe"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
)

// Max is the number of segments that one system call is given at most. It is far
// below IOV_MAX (1024), so that a caller's own vector fits on a goroutine's stack.
const Max = 64

// after returns what follows the first skip bytes of segs, at most Max segments of
// it, the first of which is not empty. That one is trimmed where it stands: whole is
// what it was, and has to be put back.
func after(segs []guestmem.Segment, skip int) (part []guestmem.Segment, whole guestmem.Segment) {
	for len(segs) > 0 && skip >= segs[0].Len() {
		skip -= segs[0].Len()
		segs = segs[1:]
	}
	if len(segs) == 0 {
		return nil, whole
	}
	whole = segs[0]
	_, segs[0] = whole.Cut(skip)
	return segs[:min(len(segs), Max)], whole
}

// Preadv fills segs from fd at offset off (bytes). It goes on after partial reads
// and returns how many bytes it read, with io.ErrUnexpectedEOF where the file ends
// before segs are full.
func Preadv(fd int, segs []guestmem.Segment, off int64) (int, error) {
	return at(unix.SYS_PREADV, fd, segs, off, io.ErrUnexpectedEOF)
}

// Pwritev writes segs to fd at offset off (bytes). It goes on after partial writes
// and returns how many bytes it wrote.
func Pwritev(fd int, segs []guestmem.Segment, off int64) (int, error) {
	return at(unix.SYS_PWRITEV, fd, segs, off, io.ErrShortWrite)
}

// at does trap at offset off until all of segs are done. none is the error for a
// call that did nothing.
func at(trap uintptr, fd int, segs []guestmem.Segment, off int64, none error) (done int, err error) {
	for {
		part, whole := after(segs, done)
		if len(part) == 0 {
			return done, nil
		}
		pos := uint64(off) + uint64(done)
		// A Segment is a struct iovec. The pointer becomes a uintptr within the call, so
		// that the compiler keeps part, and through it the memory that it refers to,
		// alive and in place until the call returns. The offset goes in two halves;
		// 64-bit kernels ignore the high one.
		r, _, errno := unix.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&part[0])), uintptr(len(part)),
			uintptr(pos), uintptr(pos>>32), 0)
		part[0] = whole
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return done, errno
		case r == 0:
			return done, none
		default:
			done += int(r)
		}
	}
}

// Recv reads from a socket into segs what is there, without waiting. It returns 0
// and no error at the end of the stream, and unix.EAGAIN if there is nothing yet. It
// is one system call, so it may return less than there is. segs must have room for a
// byte at least.
func Recv(fd int, segs []guestmem.Segment) (int, error) {
	return message(unix.SYS_RECVMSG, fd, segs, 0, unix.MSG_DONTWAIT)
}

// Send writes segs without their first skip bytes to a socket, as far as it takes
// them without waiting, and returns how many it took. unix.EAGAIN says that it took
// none. It is one system call, raises no SIGPIPE, and may take less than would fit.
func Send(fd int, segs []guestmem.Segment, skip int) (int, error) {
	return message(unix.SYS_SENDMSG, fd, segs, skip, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func message(trap uintptr, fd int, segs []guestmem.Segment, skip int, flags uintptr) (int, error) {
	part, whole := after(segs, skip)
	if len(part) == 0 {
		return 0, unix.EINVAL // 0 would read as the end of the stream
	}
	defer func() { part[0] = whole }()
	var msg unix.Msghdr
	// A Segment is a struct iovec.
	msg.Iov = (*unix.Iovec)(unsafe.Pointer(&part[0]))
	msg.SetIovlen(len(part))
	for {
		// As in at: msg is alive during the call, and part through it.
		r, _, errno := unix.Syscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&msg)), flags)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return 0, errno
		default:
			return int(r), nil
		}
	}
}
