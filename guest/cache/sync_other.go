// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix && !linux

package cache

import (
	"io/fs"
	"path/filepath"
)

// syncTree flushes every file and folder below dir.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || (!d.IsDir() && !d.Type().IsRegular()) {
			return err
		}
		return syncDir(path)
	})
}
