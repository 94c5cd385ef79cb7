// SPDX-License-Identifier: MIT OR Apache-2.0

package initramfs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"
)

const trailer = cpio.Trailer

// Build writes the image to w.
func Build(w io.Writer, spec Spec) error {
	files, err := spec.entries()
	if err != nil {
		return err
	}
	z, err := compressor(w, spec.Compression)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(z, 1<<20)
	if err := writeFiles(cpio.Newc.Writer(b), files); err != nil {
		return err
	}
	if err := errors.Join(b.Flush(), z.Close()); err != nil {
		return fmt.Errorf("building an initramfs: %w", err)
	}
	return nil
}

func writeFiles(w cpio.RecordWriter, files []File) error {
	for i, f := range files {
		if err := f.write(w, uint64(i+1)); err != nil {
			return fmt.Errorf("building an initramfs: %s: %w", f.Name, err)
		}
	}
	if err := cpio.WriteTrailer(w); err != nil {
		return fmt.Errorf("building an initramfs: %w", err)
	}
	return nil
}

// write writes the entry as one record. Times and owners are zero. The inode
// number only tells the entries apart: with equal ones they would be hard links.
func (f File) write(w cpio.RecordWriter, ino uint64) error {
	info := cpio.Info{Name: f.Name, Ino: ino, NLink: 1, Mode: unixMode(f.Mode)}
	switch f.Mode.Type() {
	case fs.ModeSymlink:
		info.FileSize = uint64(len(f.Link))
		return w.WriteRecord(cpio.Record{ReaderAt: strings.NewReader(f.Link), Info: info})
	case fs.ModeDir:
		info.NLink = 2
		return w.WriteRecord(cpio.Record{Info: info})
	case 0:
		if f.Source != "" {
			return f.copySource(w, info)
		}
		info.FileSize = uint64(len(f.Content))
		return w.WriteRecord(cpio.Record{ReaderAt: bytes.NewReader(f.Content), Info: info})
	}
	info.Rmajor, info.Rminor = uint64(f.Major), uint64(f.Minor)
	return w.WriteRecord(cpio.Record{Info: info})
}

func (f File) copySource(w cpio.RecordWriter, info cpio.Info) error {
	src, err := os.Open(f.Source)
	if err != nil {
		return err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() || st.Size() > math.MaxUint32 {
		return fmt.Errorf("%s is not a regular file of at most 4 GiB", f.Source)
	}
	info.FileSize = uint64(st.Size())
	// The section reader hides Close, which WriteRecord would call, and keeps a file
	// that grows meanwhile to the size in its header.
	return w.WriteRecord(cpio.Record{ReaderAt: io.NewSectionReader(src, 0, st.Size()), Info: info})
}

// unixMode returns the mode as inode(7) has it.
func unixMode(m fs.FileMode) uint64 {
	mode := uint64(m.Perm())
	for _, bit := range []struct {
		in  fs.FileMode
		out uint64
	}{
		{fs.ModeSetuid, cpio.S_ISUID}, {fs.ModeSetgid, cpio.S_ISGID}, {fs.ModeSticky, cpio.S_ISVTX},
	} {
		if m&bit.in != 0 {
			mode |= bit.out
		}
	}
	switch m.Type() {
	case fs.ModeDir:
		return mode | cpio.S_IFDIR
	case fs.ModeSymlink:
		return mode | cpio.S_IFLNK
	case fs.ModeDevice | fs.ModeCharDevice:
		return mode | cpio.S_IFCHR
	case fs.ModeDevice:
		return mode | cpio.S_IFBLK
	}
	return mode | cpio.S_IFREG
}

// compressor returns a writer whose Close ends the compressed stream, not w.
func compressor(w io.Writer, c Compression) (io.WriteCloser, error) {
	switch c {
	case Plain:
		return plainWriter{w}, nil
	case Gzip:
		return gzip.NewWriter(w), nil
	case Zstd:
		// One goroutine, so that the output does not depend on the host's CPUs.
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	}
	return nil, fmt.Errorf("building an initramfs: unknown compression %q", c)
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }
