// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// maxUncompressed bounds an unpacked kernel, in bytes; a distribution's has about 60 MiB.
const maxUncompressed = 512 << 20

var errPayload = errors.New("has a payload that cannot be unpacked")

// Uncompressed returns the path of the kernel as an ELF file, which a VMM can
// enter by PVH without the guest unpacking anything. It is unpacked once, into the
// cache.
func (k Kernel) Uncompressed() (string, error) {
	f, err := os.Open(k.Path)
	if err != nil {
		return "", fail(ErrNotFound, remedy(k.Origin, k.Flavour), "unpacking a kernel: %w", err)
	}
	defer f.Close()
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && string(magic[:]) == elfMagic {
		return k.Path, nil
	}
	path, _, err := k.copyOnce("vmlinux", unpackPayload)
	if err != nil {
		return "", k.copyError("unpacking "+k.Path, err)
	}
	return path, nil
}

// unpackPayload writes the ELF file in the bzImage at path to w.
func unpackPayload(w *os.File, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := readBzImage(f, st.Size())
	if err != nil {
		return err
	}
	return extract(w, io.NewSectionReader(f, b.payloadOffset, b.payloadBytes))
}

// extract unpacks a bzImage's payload. The kernel's build appends the unpacked
// size, 32 bits, where the format does not end with it (gzip does).
func extract(w io.Writer, payload *io.SectionReader) error {
	var trailer [4]byte
	if payload.Size() < int64(len(trailer)) {
		return fmt.Errorf("%w: it has %d bytes", errPayload, payload.Size())
	}
	if _, err := payload.ReadAt(trailer[:], payload.Size()-int64(len(trailer))); err != nil {
		return err
	}
	size := int64(binary.LittleEndian.Uint32(trailer[:]))
	if size > maxUncompressed {
		return fmt.Errorf("%w: it claims to unpack to %d bytes", errPayload, size)
	}
	r, err := payloadReader(payload)
	if err != nil {
		return err
	}
	// Hiding w's other methods keeps the copy to few, large writes.
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(payloadErrors{r}, size), make([]byte, 1<<20))
	if err == nil && n < size {
		err = fmt.Errorf("%w: it ends after %d of %d bytes", errPayload, n, size)
	}
	return err
}

// payloadErrors tells a reader's errors from those of what is written to.
type payloadErrors struct{ r io.Reader }

func (p payloadErrors) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errPayload, err)
	}
	return n, err
}

// payloadReader returns a reader of the unpacked payload, by its first bytes.
func payloadReader(payload *io.SectionReader) (io.Reader, error) {
	var magic [6]byte
	if _, err := payload.ReadAt(magic[:], 0); err != nil {
		return nil, fmt.Errorf("%w: %w", errPayload, err)
	}
	body := io.NewSectionReader(payload, 0, payload.Size()-4) // without the appended size
	switch {
	case bytes.HasPrefix(magic[:], []byte{0x02, 0x21, 0x4c, 0x18}): // LZ4, legacy frame
		return lz4.NewReader(body), nil
	case bytes.HasPrefix(magic[:], []byte{0x28, 0xb5, 0x2f, 0xfd}):
		r, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUncompressed))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errPayload, err)
		}
		return r.IOReadCloser(), nil
	case bytes.HasPrefix(magic[:], []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		r, err := xz.NewReader(bufio.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errPayload, err)
		}
		return r, nil
	case bytes.HasPrefix(magic[:], []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(bufio.NewReader(payload))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errPayload, err)
		}
		return r, nil
	}
	return nil, fmt.Errorf("%w: it begins with % x", errPayload, magic)
}
