// SPDX-License-Identifier: MIT OR Apache-2.0

package cache

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// inUse is how long after its last use a cached file may still be about to be opened.
const inUse = 10 * time.Minute

// touchEvery limits how often a use is noted in a file's times.
const touchEvery = time.Minute

// Touch notes that a cached file is used, so that Prune spares it.
func Touch(path string) {
	now := time.Now()
	if info, err := os.Stat(path); err == nil && now.Sub(info.ModTime()) > touchEvery {
		os.Chtimes(path, time.Time{}, now)
	}
}

// Prune removes the files matching pattern (see filepath.Glob) that were least
// recently used, until keep are left. What was used within ten minutes stays.
// A file that cannot be removed is left: the next Prune tries again.
func Prune(pattern string, keep int) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) <= keep {
		return
	}
	type entry struct {
		path string
		used time.Time
	}
	var entries []entry
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil {
			entries = append(entries, entry{p, info.ModTime()})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return b.used.Compare(a.used) })
	for i, e := range entries {
		if i >= keep && time.Since(e.used) > inUse {
			os.RemoveAll(e.path)
		}
	}
}
