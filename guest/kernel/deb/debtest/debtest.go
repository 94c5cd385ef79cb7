// SPDX-License-Identifier: MIT OR Apache-2.0

// Package debtest makes Debian packages, good and bad, for tests.
package debtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// File is a regular file of a package.
type File struct{ Name, Content string }

// Member is a member of an ar archive.
type Member struct {
	Name    string
	Content []byte
}

// Package returns a package with the files, whose data.tar is compressed as the
// suffix says.
func Package(suffix string, files ...File) []byte {
	var packed bytes.Buffer
	z := compressor(&packed, suffix)
	t := tar.NewWriter(z)
	for _, f := range files {
		// Errors cannot come up: the sizes are right and the writer is a buffer.
		_ = t.WriteHeader(&tar.Header{Name: f.Name, Mode: 0o644, Size: int64(len(f.Content)), Typeflag: tar.TypeReg})
		_, _ = io.WriteString(t, f.Content)
	}
	_, _ = t.Close(), z.Close()
	return Archive(
		Member{"debian-binary", []byte("2.0\n")},
		Member{"control.tar.xz", []byte("odd")},
		Member{"data.tar" + suffix, packed.Bytes()},
	)
}

// Archive returns an ar archive.
func Archive(members ...Member) []byte {
	out := []byte("!<arch>\n")
	for _, m := range members {
		out = append(out, Header(m.Name, int64(len(m.Content)))...)
		out = append(out, m.Content...)
		if len(m.Content)%2 == 1 {
			out = append(out, '\n')
		}
	}
	return out
}

// Header returns the header of a member of any size.
func Header(name string, size int64) []byte {
	return fmt.Appendf(nil, "%-16.16s%-12d%-6d%-6d%-8s%-10.10s`\n", name, 0, 0, 0, "100644", fmt.Sprint(size))
}

func compressor(w io.Writer, suffix string) io.WriteCloser {
	switch suffix {
	case ".gz":
		return gzip.NewWriter(w)
	case ".xz":
		if z, err := xz.NewWriter(w); err == nil {
			return z
		}
	case ".zst":
		if z, err := zstd.NewWriter(w); err == nil {
			return z
		}
	}
	return nopCloser{w}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
