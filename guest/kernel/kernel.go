// SPDX-License-Identifier: MIT OR Apache-2.0

// Package kernel finds the guest's Linux kernels, verifies them and works out
// which of their modules to load.
//
// A kernel is taken, in this order, from ARCBOX_KERNEL, from a manifest that the
// user wrote, from the cache where the lean kernels of this repository are built
// (see the folder build), or from the distribution's package. Every file is
// checked before it is used; what was found is remembered by the file's stamp, so
// that the check costs a boot some microseconds and not a whole read.
package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"arcbox.dev/guest/cache"
	"arcbox.dev/guest/kernel/kmod"
)

// Flavour is what a kernel was configured for.
type Flavour string

const (
	// UML is a User-Mode Linux kernel: an executable of the host.
	UML Flavour = "uml"
	// VM is a kernel for virtual machines: a bzImage, or an ELF file entered by PVH.
	VM Flavour = "vm"
)

// Origin is where a kernel was found.
type Origin string

const (
	Override Origin = "override" // ARCBOX_KERNEL
	Listed   Origin = "manifest" // a manifest that the user wrote
	Lean     Origin = "lean"     // built from a configuration of this repository
	Packaged Origin = "packaged" // the distribution's
)

// Kernel is a verified kernel.
type Kernel struct {
	Flavour Flavour
	Origin  Origin
	Path    string // of the image, absolute
	Release string // as uname -r says it
	Digest  string // sha256 of the image, in hexadecimal
	// ModuleDir holds the modules and lists those that are built in. It is empty
	// where nothing is known about modules; all are then taken to be built in.
	ModuleDir string

	cacheDir string // where unpacked modules are kept; may be empty
}

// maxUnpacked bounds how many unpacked modules the cache keeps.
const maxUnpacked = 256

// Modules returns the files of the modules that make the named ones work, in the
// order in which to load them: none where all are built in. The files are never
// compressed. A module that the kernel does not have gives an error that matches
// kmod.ErrUnknown; ask Has first for one that can be done without.
func (k Kernel) Modules(names ...string) ([]string, error) {
	if k.ModuleDir == "" || len(names) == 0 {
		return nil, nil
	}
	dir, err := kmod.Open(k.ModuleDir)
	if err != nil {
		return nil, k.errorf(ErrNotFound, err)
	}
	if k.cacheDir != "" {
		dir.Plain = k.unpackModule
	}
	order, err := dir.Order(names...)
	if err != nil {
		return nil, k.errorf(ErrInvalid, err)
	}
	paths := make([]string, len(order))
	for i, m := range order {
		if m.Info.Release != "" && m.Info.Release != k.Release {
			return nil, k.errorf(ErrInvalid, fmt.Errorf("%s is for release %s", m.Path, m.Info.Release))
		}
		paths[i] = m.Path
	}
	return paths, nil
}

// Has says whether the kernel has the module, loadable or built in.
func (k Kernel) Has(module string) bool {
	if k.ModuleDir == "" {
		return true
	}
	dir, err := kmod.Open(k.ModuleDir)
	return err == nil && dir.Has(module)
}

func (k Kernel) errorf(class, err error) error {
	return fail(class, remedy(k.Origin, k.Flavour), "modules of kernel %s: %w", k.Release, err)
}

// unpackModule returns the path of a plain copy of a compressed module, made once.
func (k Kernel) unpackModule(file string) (string, error) {
	stamp, err := cache.StampOf(file)
	if err != nil {
		return "", fmt.Errorf("unpacking a module: %w", err)
	}
	plain := filepath.Join(k.cacheDir, "modules", keyOf(file, stamp.String())+".ko")
	if _, err := cache.StampOf(plain); err == nil && stamp.Settled(time.Now()) {
		return plain, nil
	}
	err = cache.WriteFile(plain, 0o644, func(f *os.File) error { return kmod.Unpack(f, file) })
	if err != nil {
		return "", err
	}
	cache.Prune(filepath.Join(filepath.Dir(plain), "*.ko"), maxUnpacked)
	return plain, nil
}
