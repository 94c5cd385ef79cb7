// SPDX-License-Identifier: MIT OR Apache-2.0

package cache

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncTree flushes every file and folder below dir: the whole file system in one
// call, which for a thousand small files is far quicker than one call for each.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = ignoringEINTR(func() error { return unix.Syncfs(int(f.Fd())) })
	return errors.Join(err, f.Close())
}
