// SPDX-License-Identifier: MIT OR Apache-2.0

package initramfs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"arcbox.dev/guest/cache"
)

// keep is how many images a cache folder holds, besides those in recent use.
const keep = 8

// version is part of every image's key. It changes with the layout of what Build writes.
const version = 1

// Cached returns the path of the image in the cache folder dir, and builds it
// where it is not there yet. Inputs are known by their stamps: a second call reads
// none of them. Images that were not used for long are removed.
func Cached(dir string, spec Spec) (string, error) {
	files, err := spec.entries()
	if err != nil {
		return "", err
	}
	key, settled, err := keyOf(spec.Compression, files)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, key+".cpio")
	if _, err := os.Stat(path); err == nil && settled {
		cache.Touch(path)
		return path, nil
	}
	if err := cache.WriteFile(path, 0o644, func(f *os.File) error { return Build(f, spec) }); err != nil {
		return "", err
	}
	cache.Prune(filepath.Join(dir, "*.cpio"), keep)
	return path, nil
}

// keyOf names an image by its entries and the stamps of their sources. settled
// says that every source was left alone for so long that its stamp can be trusted.
func keyOf(c Compression, files []File) (key string, settled bool, err error) {
	h := sha256.New()
	enc := json.NewEncoder(h)
	settled = true
	now := time.Now()
	// Writing to a hash cannot fail, and each value is of plain types.
	_ = enc.Encode([]any{version, c})
	for _, f := range files {
		var stamp cache.Stamp
		if f.Source != "" {
			if stamp, err = cache.StampOf(f.Source); err != nil {
				return "", false, fmt.Errorf("building an initramfs: %s: %w", f.Name, err)
			}
			settled = settled && stamp.Settled(now)
		}
		_ = enc.Encode([]any{f, stamp})
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), settled, nil
}
