// SPDX-License-Identifier: MIT OR Apache-2.0

package engine

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// unmount takes away all mounts at a path, if there are any.
func unmount(path string) error {
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // no mount is left, or there is no such path
			return nil
		}
		if err != nil {
			return fmt.Errorf("unmounting %s: %w", path, err)
		}
	}
}
