// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"arcbox.dev/runtime/errdefs"
)

// program is a kernel as a program of the host.
type program struct {
	libraries []string // its dynamic linker and libraries; none for a static one
}

func (p program) dynamic() bool { return len(p.libraries) > 0 }

// programOf reads what the kernel needs in sight to run.
func programOf(kernel string) (p program, err error) {
	f, err := elf.Open(kernel)
	if format := (*elf.FormatError)(nil); errors.As(err, &format) {
		return p, errdefs.New(errdefs.ErrInvalid, "give one that was built with ARCH=um, or use the kvm driver", "%s is no User-Mode Linux kernel: %w", kernel, err)
	}
	if err != nil {
		return p, errdefs.New(errdefs.ErrCorrupt, "reinstall it", "reading the kernel %s: %w", kernel, err)
	}
	defer f.Close()
	interp, err := interpreter(f)
	if err != nil || interp == "" {
		return p, err
	}
	p.libraries = append(p.libraries, interp)
	needed, err := f.ImportedLibraries()
	if err != nil {
		return p, fmt.Errorf("reading the kernel's libraries: %w", err)
	}
	seen := map[string]bool{filepath.Base(interp): true}
	for len(needed) > 0 {
		name := needed[0]
		needed = needed[1:]
		if seen[name] || strings.ContainsRune(name, '/') {
			continue
		}
		seen[name] = true
		path, more, err := findLibrary(name)
		if err != nil {
			return p, err
		}
		p.libraries = append(p.libraries, path)
		needed = append(needed, more...)
	}
	return p, nil
}

// interpreter returns the path in the program's PT_INTERP, or "" for a static one.
func interpreter(f *elf.File) (string, error) {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		if p.Filesz > 4096 {
			return "", errdefs.New(errdefs.ErrCorrupt, "reinstall it", "the kernel names no dynamic linker")
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil {
			return "", fmt.Errorf("reading the kernel's dynamic linker: %w", err)
		}
		return strings.TrimRight(string(b), "\x00"), nil
	}
	return "", nil
}

// libraryDirs are the C library's default folders (ld.so(8)), by distribution.
var libraryDirs = []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// findLibrary returns where a shared library is, and what it needs itself.
func findLibrary(name string) (path string, needs []string, err error) {
	for _, dir := range libraryDirs {
		path = filepath.Join(dir, name)
		f, err := elf.Open(path)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("reading %s: %w", path, err)
		}
		defer f.Close()
		if f.Machine != elf.EM_X86_64 || f.Class != elf.ELFCLASS64 {
			continue
		}
		needs, err = f.ImportedLibraries()
		return path, needs, err
	}
	return "", nil, errdefs.New(errdefs.ErrNotFound, "install the C library", "the kernel needs %s, which is not on this host", name)
}
