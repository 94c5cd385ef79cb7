// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"arcbox.dev/guest/cache"
)

// maxCopies bounds how many changed copies of images the cache keeps.
const maxCopies = 8

var errNoCache = errors.New("there is no cache folder to keep a copy in")

// copyOnce returns the path of a changed copy of the kernel's image in the cache,
// and what is known of it. It is made by write if it is not there yet, and checked
// as any image is.
func (k Kernel) copyOnce(name string, write func(f *os.File, original string) error) (string, seal, error) {
	if k.cacheDir == "" {
		return "", seal{}, errNoCache
	}
	folder := filepath.Join(k.cacheDir, "copies")
	path := filepath.Join(folder, name+"-"+keyOf(k.Digest))
	if s, ok := k.recallCopy(path); ok {
		return path, s, nil
	}
	unlock, err := cache.Lock(context.Background(), filepath.Join(folder, "lock"), nil)
	if err != nil {
		return "", seal{}, err
	}
	defer unlock()
	if s, ok := k.recallCopy(path); ok { // another process has made it meanwhile
		return path, s, nil
	}
	err = cache.WriteFile(path, 0o755, func(f *os.File) error { return write(f, k.Path) })
	if err != nil {
		return "", seal{}, err
	}
	cache.Prune(filepath.Join(folder, "*-*"), maxCopies)
	s, err := inspect(path, k.Flavour)
	if err != nil {
		return "", seal{}, err
	}
	s.From = k.Digest
	keepSeal(k.cacheDir, path, s) // at once: nobody else writes to the cache
	return path, s, nil
}

// recallCopy returns what is known of the copy, if it was made of this kernel and
// is unchanged.
func (k Kernel) recallCopy(path string) (seal, bool) {
	stamp, err := cache.StampOf(path)
	if err != nil {
		return seal{}, false
	}
	s, ok := recall(k.cacheDir, k.Flavour, path, stamp)
	return s, ok && s.From == k.Digest
}

// copyError says that making a copy failed.
func (k Kernel) copyError(doing string, err error) error {
	if errors.Is(err, errTruncated) || errors.Is(err, errFormat) || errors.Is(err, errPayload) {
		return fail(ErrCorrupt, remedy(k.Origin, k.Flavour), "%s: the result %w", doing, err)
	}
	return fail(ErrInvalid, "free some space, or set ARCBOX_CACHE to another folder", "%s: %w", doing, err)
}
