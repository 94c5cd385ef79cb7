// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package iovec

import (
	"io"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Max is the number of buffers that one system call is given at most. It is far
// below IOV_MAX (1024), so that a vector fits on a goroutine's stack.
const Max = 64

// vector is what the kernel is given.
type vector [Max]unix.Iovec

// fill describes bufs without their first skip bytes, at most limit bytes of them,
// and returns the number of elements and of bytes. Empty buffers are left out.
func (v *vector) fill(bufs [][]byte, skip, limit int) (n, bytes int) {
	for _, b := range bufs {
		if skip >= len(b) {
			skip -= len(b)
			continue
		}
		if n == Max || bytes == limit {
			break
		}
		b = b[skip:]
		skip = 0
		b = b[:min(len(b), limit-bytes)]
		// SliceData keeps the buffer alive as any pointer would; it is not nil, since
		// b is not empty.
		v[n].Base = unsafe.SliceData(b)
		v[n].SetLen(len(b))
		n++
		bytes += len(b)
	}
	return n, bytes
}

// Preadv fills bufs from fd at offset off (bytes). It goes on after partial reads
// and returns how many bytes it read, with io.ErrUnexpectedEOF where the file ends
// before bufs are full.
func Preadv(fd int, bufs [][]byte, off int64) (int, error) {
	return at(unix.SYS_PREADV, fd, bufs, off, io.ErrUnexpectedEOF)
}

// Pwritev writes bufs to fd at offset off (bytes). It goes on after partial writes
// and returns how many bytes it wrote.
func Pwritev(fd int, bufs [][]byte, off int64) (int, error) {
	return at(unix.SYS_PWRITEV, fd, bufs, off, io.ErrShortWrite)
}

// at does trap at offset off until all of bufs are done. none is the error for a
// call that did nothing.
func at(trap uintptr, fd int, bufs [][]byte, off int64, none error) (done int, err error) {
	var v vector
	for {
		n, _ := v.fill(bufs, done, maxBytes)
		if n == 0 {
			return done, nil
		}
		pos := uint64(off) + uint64(done)
		// The pointer becomes a uintptr within the call, so that the compiler keeps
		// v, and through it the buffers, alive and in place until the call returns.
		// The offset goes in two halves; 64-bit kernels ignore the high one.
		r, _, errno := unix.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&v)), uintptr(n),
			uintptr(pos), uintptr(pos>>32), 0)
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

// maxBytes is the most that Linux moves in a call (MAX_RW_COUNT, with 4 KiB pages).
const maxBytes = 1<<31 - 4096

// Recv reads from a socket into bufs what is there, at most limit bytes, without
// waiting. It returns 0 and no error at the end of the stream, and unix.EAGAIN if
// there is nothing yet. It is one system call, so it may return less than there is.
// bufs and limit must leave room for a byte at least.
func Recv(fd int, bufs [][]byte, limit int) (int, error) {
	return message(unix.SYS_RECVMSG, fd, bufs, 0, limit, unix.MSG_DONTWAIT)
}

// Send writes bufs without their first skip bytes to a socket, as far as it takes
// them without waiting, and returns how many it took. unix.EAGAIN says that it took
// none. It is one system call, raises no SIGPIPE, and may take less than would fit.
func Send(fd int, bufs [][]byte, skip int) (int, error) {
	return message(unix.SYS_SENDMSG, fd, bufs, skip, maxBytes, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func message(trap uintptr, fd int, bufs [][]byte, skip, limit int, flags uintptr) (int, error) {
	var v vector
	n, _ := v.fill(bufs, skip, limit)
	if n == 0 {
		return 0, unix.EINVAL // 0 would read as the end of the stream
	}
	var msg unix.Msghdr
	msg.Iov = &v[0]
	msg.SetIovlen(n)
	for {
		// As in at: msg is alive during the call, and v through it.
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
