// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"arcbox.dev/runtime/errdefs"
)

const moreMemory = "give the VM more memory"

// image is a file to load from.
type image struct {
	what string // "kernel" or "initrd"
	file *os.File
	size uint64 // bytes
}

// openImage looks at a file that has to be a regular one and not empty.
func openImage(what string, file *os.File) (*image, error) {
	st, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("looking at the %s: %w", what, err)
	}
	im := &image{what: what, file: file, size: uint64(st.Size())}
	if !st.Mode().IsRegular() || st.Size() <= 0 {
		return nil, im.invalid("give a regular file", "it is empty or not a file")
	}
	return im, nil
}

// has says whether magic is at off.
func (im *image) has(off int64, magic string) bool {
	b := make([]byte, len(magic))
	_, err := im.file.ReadAt(b, off)
	return err == nil && string(b) == magic
}

// holds says whether the file has the n bytes at off.
func (im *image) holds(off, n uint64) bool { return off <= im.size && n <= im.size-off }

// read fills dst with the file's bytes at off.
func (im *image) read(dst []byte, off uint64) error {
	if !im.holds(off, uint64(len(dst))) {
		return im.truncated("%#x bytes at %#x", len(dst), off)
	}
	_, err := im.file.ReadAt(dst, int64(off))
	if errors.Is(err, io.EOF) {
		return im.truncated("%#x bytes at %#x", len(dst), off)
	}
	if err != nil {
		return fmt.Errorf("reading the %s: %w", im.what, err)
	}
	return nil
}

// readStruct reads a little-endian structure of fixed size at off.
func (im *image) readStruct(v any, off uint64) error {
	buf := make([]byte, binary.Size(v))
	if err := im.read(buf, off); err != nil {
		return err
	}
	_, err := binary.Decode(buf, binary.LittleEndian, v)
	return err
}

// invalid is the error for a file that cannot be used.
func (im *image) invalid(remedy, format string, args ...any) error {
	return im.fault(errdefs.ErrInvalid, remedy, format, args...)
}

// truncated is the error for a file that lacks something.
func (im *image) truncated(format string, args ...any) error {
	return im.fault(errdefs.ErrCorrupt, "fetch or build it again",
		"it is cut short: its %d bytes do not hold "+format, append([]any{im.size}, args...)...)
}

// unsupported is the error for a file that is sound but cannot be booted this way.
func (im *image) unsupported(remedy, format string, args ...any) error {
	return im.fault(errdefs.ErrNotSupported, remedy, format, args...)
}

func (im *image) fault(class error, remedy, format string, args ...any) error {
	return errdefs.New(class, remedy, "%s %s: %s", im.what, im.file.Name(), fmt.Sprintf(format, args...))
}
