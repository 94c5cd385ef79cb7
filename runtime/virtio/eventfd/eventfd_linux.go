// SPDX-License-Identifier: MIT OR Apache-2.0

// Package eventfd is what transports carry a queue's two signals by: descriptors of
// eventfd(2), which the kernel can signal and wait for without this process.
package eventfd

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// New makes an eventfd whose counter is 0 and which never blocks. The caller closes it.
func New() (int, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("eventfd: %w", err)
	}
	return fd, nil
}

// one is what is written to signal: 8 bytes, which are added to the counter.
var one = [8]byte{1}

// Signal adds 1 to an eventfd's counter. EAGAIN says that the counter is full.
func Signal(fd int) error {
	for {
		if _, err := unix.Write(fd, one[:]); err != unix.EINTR {
			return err
		}
	}
}
