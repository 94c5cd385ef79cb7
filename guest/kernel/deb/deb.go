// SPDX-License-Identifier: MIT OR Apache-2.0

// Package deb reads Debian's binary packages, see deb(5): an ar archive whose
// member data.tar holds the files. Nothing of a package is run.
package deb

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// ErrFormat: it is no binary package, or a damaged one.
var ErrFormat = errors.New("not a whole Debian package")

// maxWindow bounds the memory that a compressed package may ask for, in bytes.
const maxWindow = 256 << 20

// Walk calls fn for each regular file in the package, in order, with its clean
// path (relative, without "..") and a reader of its content, which is valid until
// fn returns. Other entries are passed over. An error of fn ends the walk.
func Walk(r io.Reader, fn func(name string, size int64, content io.Reader) error) error {
	a, err := newArReader(r)
	if err != nil {
		return err
	}
	if err := checkVersion(a); err != nil {
		return err
	}
	for {
		member, err := a.next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: it has no data.tar", ErrFormat)
		}
		if err != nil {
			return err
		}
		if suffix, ok := strings.CutPrefix(member, "data.tar"); ok {
			return walkTar(a, suffix, fn)
		}
	}
}

// checkVersion reads the first member: a line with the format's version, 2.something.
func checkVersion(a *arReader) error {
	name, err := a.next()
	if err != nil || name != "debian-binary" {
		return fmt.Errorf("%w: its first member is not debian-binary", ErrFormat)
	}
	var version [2]byte
	if _, err := io.ReadFull(a, version[:]); err != nil || string(version[:]) != "2." {
		return fmt.Errorf("%w: its format is not version 2", ErrFormat)
	}
	return nil
}

func walkTar(r io.Reader, suffix string, fn func(string, int64, io.Reader) error) error {
	z, err := decompress(r, suffix)
	if err != nil {
		return fmt.Errorf("%w: data.tar%s: %w", ErrFormat, suffix, err)
	}
	defer z.Close()
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: data.tar%s: %w", ErrFormat, suffix, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		// Rooting the path before cleaning it takes away every leading "..".
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if name == "" {
			continue
		}
		if err := fn(name, h.Size, t); err != nil {
			return err
		}
	}
}

func decompress(r io.Reader, suffix string) (io.ReadCloser, error) {
	switch suffix {
	case "":
		return io.NopCloser(r), nil
	case ".gz":
		return gzip.NewReader(r)
	case ".xz":
		x, err := xz.NewReader(r)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(x), nil
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return nil, errors.New("unknown compression")
}
