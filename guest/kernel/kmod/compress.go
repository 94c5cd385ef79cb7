// SPDX-License-Identifier: MIT OR Apache-2.0

package kmod

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// suffixes are those of module files, the plain one first.
var suffixes = []string{"", ".zst", ".xz", ".gz"}

// maxModule bounds an unpacked module, in bytes; the largest in Linux 6.12 has about 20 MiB.
const maxModule = 128 << 20

// Compressed says whether a module's file name is that of a compressed one.
func Compressed(file string) bool { return trimCompression(file) != file }

func trimCompression(file string) string {
	for _, s := range suffixes[1:] {
		if plain, ok := strings.CutSuffix(file, ".ko"+s); ok {
			return plain + ".ko"
		}
	}
	return file
}

// Unpack copies the module in the named file to w, decompressing it where the
// name says that it is compressed.
func Unpack(w io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("unpacking a module: %w", err)
	}
	defer f.Close()
	r, err := decompress(f, filepath.Ext(file))
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	defer r.Close()
	n, err := io.Copy(w, io.LimitReader(r, maxModule+1))
	if err == nil && n > maxModule {
		err = errors.New("it is too large for a module")
	}
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	return nil
}

// decompress returns a reader of r's content, by the suffix of r's name.
func decompress(r io.Reader, suffix string) (io.ReadCloser, error) {
	switch suffix {
	case ".zst":
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxModule))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case ".xz":
		x, err := xz.NewReader(r)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(x), nil
	case ".gz":
		return gzip.NewReader(r)
	}
	return io.NopCloser(r), nil
}
