// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"arcbox.dev/guest/cache"
)

// Options say which kernel is wanted, and where to look.
type Options struct {
	Flavour Flavour
	// Origin asks for a kernel from one place alone; when it is empty the places
	// are tried in order.
	Origin Origin
	// CacheDir is ArcBox's cache folder; when it is empty, cache.DefaultDir says.
	CacheDir string
	// ConfigDir is the folder that may hold kernels.json; empty for none.
	ConfigDir string
	// Root is the file system in which the distribution's packages are installed;
	// "/" when it is empty.
	Root string
	// Getenv looks up an environment variable; os.Getenv when it is nil.
	Getenv func(string) string
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Root == "" {
		o.Root = "/"
	}
	if o.CacheDir == "" {
		// Without a cache there is no lean kernel and nothing is remembered.
		o.CacheDir, _ = cache.DefaultDir(o.Getenv)
	}
	return o
}

// errNone: nothing is to be found in this place; the next one is tried.
var errNone = errors.New("none here")

// Find returns the kernel to boot. A kernel that is there but damaged is an
// error: it is not passed over in silence. The error is an *Error, one line.
func Find(opts Options) (Kernel, error) {
	o := opts.withDefaults()
	if o.Flavour != UML && o.Flavour != VM {
		return Kernel{}, fail(ErrInvalid, "", "unknown kernel flavour %q", o.Flavour)
	}
	places := []struct {
		origin Origin
		find   func(Options) (Kernel, error)
	}{
		{Override, findOverride}, {Listed, findListed}, {Lean, findLean}, {Packaged, findPackaged},
	}
	for _, p := range places {
		if o.Origin != "" && o.Origin != p.origin {
			continue
		}
		k, err := p.find(o)
		if err == nil {
			return k, nil
		}
		if !errors.Is(err, errNone) {
			return Kernel{}, err
		}
	}
	return Kernel{}, notFound(o)
}

func notFound(o Options) error {
	switch o.Origin {
	case Override:
		return fail(ErrNotFound, "set it to the path of a kernel", "ARCBOX_KERNEL is not set")
	case Listed:
		return fail(ErrNotFound, "set ARCBOX_KERNEL_MANIFEST to its path", "no manifest lists a %s kernel for %s", o.Flavour, runtime.GOARCH)
	case Lean:
		return fail(ErrNotFound, "run `make kernel`", "no lean kernel with the present configuration is in the cache")
	}
	if o.Flavour == VM {
		return fail(ErrNotFound, "run `make kernel-cloud`, which fetches the distribution's, or `make kernel`", "no kernel for virtual machines was found")
	}
	return fail(ErrNotFound, "run `sudo ci/setup`, which installs user-mode-linux, or `make kernel`", "no User-Mode Linux kernel was found")
}

// findOverride takes the kernel that ARCBOX_KERNEL names. Its modules are where
// ARCBOX_KERNEL_MODULES says, or in the usual folders for its release.
func findOverride(o Options) (Kernel, error) {
	path := o.Getenv("ARCBOX_KERNEL")
	if path == "" {
		return Kernel{}, errNone
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return Kernel{}, fail(ErrInvalid, remedy(Override, o.Flavour), "resolving ARCBOX_KERNEL: %w", err)
	}
	k, err := verify(o, candidate{origin: Override, path: path})
	if err != nil {
		return Kernel{}, err
	}
	if dir := o.Getenv("ARCBOX_KERNEL_MODULES"); dir != "" {
		if k.ModuleDir, err = filepath.Abs(dir); err == nil {
			err = isFolder(k.ModuleDir)
		}
		if err != nil {
			return Kernel{}, fail(ErrNotFound, "correct or unset it", "ARCBOX_KERNEL_MODULES: %w", err)
		}
		return k, nil
	}
	for _, dir := range moduleFolders(o, k.Release) {
		if isFolder(dir) == nil {
			k.ModuleDir = dir
			break
		}
	}
	return k, nil
}

// findPackaged takes the kernel that the distribution's package installed, or for
// virtual machines the one that FetchCloud keeps in the cache.
func findPackaged(o Options) (Kernel, error) {
	if o.Flavour == VM {
		return findCached(o, Packaged, "")
	}
	path := filepath.Join(o.Root, "usr/bin/linux.uml")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return Kernel{}, errNone
	}
	k, err := verify(o, candidate{origin: Packaged, path: path})
	if err != nil {
		return Kernel{}, err
	}
	for _, dir := range moduleFolders(o, k.Release) {
		if isFolder(dir) == nil {
			k.ModuleDir = dir
			return k, nil
		}
	}
	return Kernel{}, fail(ErrNotFound, remedy(Packaged, o.Flavour),
		"%s is release %s, but %s is missing", path, k.Release, moduleFolders(o, k.Release)[0])
}

// moduleFolders returns where distributions install modules of the release.
func moduleFolders(o Options, release string) []string {
	if o.Flavour == UML {
		return []string{filepath.Join(o.Root, "usr/lib/uml/modules", release)}
	}
	return []string{
		filepath.Join(o.Root, "lib/modules", release),
		filepath.Join(o.Root, "usr/lib/modules", release),
	}
}

func isFolder(path string) error {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a folder", path)
	}
	return err
}
