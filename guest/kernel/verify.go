// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/cache"
)

// candidate is an image that may be the kernel.
type candidate struct {
	origin Origin
	path   string // absolute
	digest string // the sha256 that it must have, in hexadecimal; empty if none is known
}

// verify checks an image and returns it as a kernel whose modules are not known yet.
func verify(o Options, c candidate) (Kernel, error) {
	stamp, err := cache.StampOf(c.path)
	if err != nil {
		class := ErrInvalid
		if errors.Is(err, fs.ErrNotExist) {
			class = ErrNotFound
		}
		return Kernel{}, fail(class, remedy(c.origin, o.Flavour), "%s kernel: %w", c.origin, err)
	}
	if o.Flavour == UML && unix.Access(c.path, unix.X_OK) != nil {
		return Kernel{}, fail(ErrInvalid, "run `chmod a+rx "+c.path+"`, or move it to a file system that allows execution",
			"kernel %s is not executable", c.path)
	}
	s, known := recall(o.CacheDir, o.Flavour, c.path, stamp)
	if !known {
		if s, err = inspect(c.path, o.Flavour); err != nil {
			return Kernel{}, bad(o, c, err)
		}
		remember(o.CacheDir, c.path, s)
	}
	if c.digest != "" && !strings.EqualFold(s.Digest, c.digest) {
		return Kernel{}, fail(ErrCorrupt, remedy(c.origin, o.Flavour),
			"kernel %s has sha256 %s, expected %s", c.path, s.Digest, strings.ToLower(c.digest))
	}
	return Kernel{Flavour: o.Flavour, Origin: c.origin, Path: c.path, Release: s.Release, Digest: s.Digest, cacheDir: o.CacheDir}, nil
}

// bad classifies what inspect found wrong.
func bad(o Options, c candidate, err error) error {
	class := ErrInvalid
	if errors.Is(err, errTruncated) {
		class = ErrCorrupt
	}
	return fail(class, remedy(c.origin, o.Flavour), "kernel %s %w", c.path, err)
}

// What inspect finds wrong, worded to follow the image's name.
var (
	errTruncated = errors.New("is truncated")
	errFormat    = errors.New("is not a kernel of the kind that is needed")
	errArch      = errors.New("is for another architecture")
)

// inspect reads a whole image and checks that it is a kernel of the flavour for
// this host's architecture.
func inspect(path string, flavour Flavour) (seal, error) {
	// Opening something else, such as a pipe, could wait for ever.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return seal{}, fmt.Errorf("%w: it is no regular file", errFormat)
	}
	f, err := os.Open(path)
	if err != nil {
		return seal{}, fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	before, err := cache.StampFile(f)
	if err != nil {
		return seal{}, fmt.Errorf("cannot be read: %w", err)
	}
	release, err := checkFormat(f, before.Size, flavour)
	if err != nil {
		return seal{}, err
	}
	c, err := readContent(f)
	if err != nil {
		return seal{}, fmt.Errorf("cannot be read: %w", err)
	}
	if release == "" {
		release = c.release
	}
	if release == "" {
		return seal{}, fmt.Errorf("%w: it does not name its Linux version", errFormat)
	}
	after, err := cache.StampFile(f)
	if err != nil || after != before {
		return seal{}, errors.New("was changed while it was read")
	}
	return seal{Stamp: before, Flavour: flavour, Release: release, Digest: c.digest}, nil
}

// checkFormat checks an image's headers. It returns the release where they name it.
func checkFormat(f io.ReaderAt, size int64, flavour Flavour) (release string, err error) {
	if flavour == UML {
		return "", checkELF(f, size, false)
	}
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && string(magic[:]) == elfMagic {
		return "", checkELF(f, size, true)
	}
	b, err := readBzImage(f, size)
	if err != nil {
		return "", err
	}
	return b.release, nil
}
