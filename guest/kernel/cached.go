// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// CacheEntry returns the folder in which a kernel is kept that was made from the
// given things (digests, versions): other things, other folder. Origin is Lean or
// Packaged.
func CacheEntry(cacheDir string, flavour Flavour, origin Origin, from ...string) string {
	return filepath.Join(cacheDir, "kernels", entryPrefix(flavour, origin)+keyOf(from...))
}

// entryPrefix returns how the names of such entries begin. None is another's
// beginning, so that what is done to the ones leaves the others alone.
func entryPrefix(flavour Flavour, origin Origin) string {
	if origin == Packaged {
		return fmt.Sprintf("%s-%s-", origin, flavour)
	}
	return fmt.Sprintf("%s-", flavour)
}

// PruneEntries removes the flavour's other kernels of the origin from the cache:
// they were made from something else than the present one. What runs keeps its open
// files.
func PruneEntries(cacheDir string, flavour Flavour, origin Origin, present string) {
	others, err := filepath.Glob(filepath.Join(cacheDir, "kernels", entryPrefix(flavour, origin)+"*"))
	if err != nil {
		return
	}
	for _, other := range others {
		if other != present {
			os.RemoveAll(other) // what cannot be removed is not looked at either
		}
	}
}

// keyOf returns a short name that stands for the parts, in this order.
func keyOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// findLean takes the kernel that was built from the present recipe. An
// older one lies in the cache under another key, and is not looked at.
func findLean(o Options) (Kernel, error) {
	recipe, ok := RecipeFor(o.Flavour)
	if !ok {
		return Kernel{}, errNone
	}
	return findCached(o, Lean, recipe.Digest())
}

// findCached takes the newest kernel of the flavour and origin in the cache whose
// recipe has the digest.
func findCached(o Options, origin Origin, recipe string) (Kernel, error) {
	if o.CacheDir == "" {
		return Kernel{}, errNone
	}
	parent := filepath.Join(o.CacheDir, "kernels")
	folders, err := os.ReadDir(parent)
	if err != nil {
		return Kernel{}, errNone // no cache yet, or none that can be read
	}
	var best Entry
	var bestDir string
	for _, f := range folders {
		if !strings.HasPrefix(f.Name(), entryPrefix(o.Flavour, origin)) {
			continue
		}
		dir := filepath.Join(parent, f.Name())
		m, err := readManifest(filepath.Join(dir, ManifestName))
		if err != nil {
			return Kernel{}, fail(ErrCorrupt, remedy(origin, o.Flavour), "kernel in %s: %w", dir, err)
		}
		e, ok := m.entryFor(o.Flavour)
		if !ok || e.Recipe != recipe {
			continue
		}
		if bestDir == "" || compareReleases(e.Release, best.Release) > 0 {
			best, bestDir = e, dir
		}
	}
	if bestDir == "" {
		return Kernel{}, errNone
	}
	return best.verify(o, origin, bestDir)
}

// compareReleases orders kernel releases: 6.9 comes before 6.12, and 6.12 before 6.12.1.
func compareReleases(a, b string) int {
	return slices.CompareFunc(releaseWords(a), releaseWords(b), func(x, y string) int {
		n, errN := strconv.ParseUint(x, 10, 64)
		m, errM := strconv.ParseUint(y, 10, 64)
		switch {
		case errN != nil || errM != nil:
			return strings.Compare(x, y)
		case n < m:
			return -1
		case n > m:
			return 1
		}
		return 0
	})
}

func releaseWords(release string) []string {
	return strings.FieldsFunc(release, func(r rune) bool { return strings.ContainsRune(".-+~_", r) })
}
