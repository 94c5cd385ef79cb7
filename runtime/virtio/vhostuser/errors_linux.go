// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// exhausted tells whether err says that a resource is short just now, and may not
// be a moment later.
func exhausted(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// gone tells whether err, of receiving or sending, says that the other side has
// closed the connection, be it with replies unread.
func gone(err error) bool {
	return err == io.EOF || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE)
}
