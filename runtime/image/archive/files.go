// SPDX-License-Identifier: MIT OR Apache-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"arcbox.dev/runtime/errdefs"
)

// files are the files of an image by name.
type files interface {
	// open returns a file and its size in bytes, or an error that is fs.ErrNotExist.
	// The caller closes it.
	open(name string) (io.ReadCloser, int64, error)
	Close() error
}

// folder is an image layout that lies unpacked.
type folder struct{ root *os.Root }

func (f folder) Close() error { return f.root.Close() }

func (f folder) open(name string) (io.ReadCloser, int64, error) {
	info, err := f.root.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() { // opening a FIFO would wait
		return nil, 0, errdefs.New(errdefs.ErrInvalid, "", "%s is no regular file", name)
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	return file, info.Size(), nil
}

// Bounds of what an archive may make us remember.
const (
	maxMembers = 1 << 16
	maxHops    = 10 // links from member to member
)

// member is where a file of an archive lies, or the name of another one.
type member struct {
	at, size int64
	link     string
}

// tarball is an archive, indexed by one pass over its headers.
type tarball struct {
	file    *os.File
	members map[string]member
	cut     bool // the archive has no end
}

func (t *tarball) Close() error { return t.file.Close() }

func (t *tarball) open(name string) (io.ReadCloser, int64, error) {
	name = path.Clean(name)
	for range maxHops {
		m, ok := t.members[name]
		if !ok {
			return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if m.link == "" {
			return io.NopCloser(io.NewSectionReader(t.file, m.at, m.size)), m.size, nil
		}
		name = m.link
	}
	return nil, 0, corrupt("%s is a link that leads nowhere", name)
}

// errNoArchive says that a file does not even begin like an archive.
var errNoArchive = errors.New("no archive")

// newTarball indexes the archive. It owns file, also when it fails.
func newTarball(ctx context.Context, file *os.File) (*tarball, error) {
	t := &tarball{file: file, members: map[string]member{}}
	if err := t.index(ctx); err != nil {
		file.Close()
		return nil, err
	}
	return t, nil
}

func (t *tarball) index(ctx context.Context) error {
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	r := tar.NewReader(t.file)
	for first := true; ; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.Next()
		switch {
		case err == io.EOF && first:
			return errNoArchive
		case err == io.EOF:
			t.cut, err = t.endless()
			return err
		case err != nil && first && !errors.Is(err, tar.ErrInsecurePath):
			return errNoArchive
		case err != nil && !errors.Is(err, tar.ErrInsecurePath):
			return corrupt("archive is damaged or ends early: %w", err)
		case len(t.members) == maxMembers:
			return errdefs.New(errdefs.ErrInvalid, "", "archive has more than %d members", maxMembers)
		}
		name := path.Clean(strings.TrimLeft(h.Name, "/"))
		switch h.Typeflag {
		case tar.TypeSymlink:
			t.members[name] = member{link: path.Join(path.Dir(name), h.Linkname)}
		case tar.TypeLink:
			t.members[name] = member{link: path.Clean(h.Linkname)}
		case tar.TypeReg, tar.TypeGNUSparse:
			if sparse(h) {
				return errdefs.New(errdefs.ErrInvalid, "pack it without --sparse", "archive stores %s as a sparse file", name)
			}
			// The reader does not read ahead: the file stands where the contents begin.
			at, err := t.file.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			if h.Size > info.Size()-at {
				return corrupt("archive ends early")
			}
			t.members[name] = member{at: at, size: h.Size}
		}
	}
}

// endless says whether the archive lacks the zeros that close it. By itself that is
// no reason to refuse it.
func (t *tarball) endless() (bool, error) {
	var block [512]byte
	at, err := t.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return false, err
	}
	if _, err := t.file.ReadAt(block[:], at-int64(len(block))); err != nil {
		return err == io.EOF, nil
	}
	return block != [512]byte{}, nil
}

// sparse says whether the archive holds less of a file than its size says.
func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// compressed says whether the file begins like a compressed one.
func compressed(f *os.File) (bool, error) {
	var magic [4]byte
	n, err := f.ReadAt(magic[:], 0)
	if err != nil && err != io.EOF {
		return false, err
	}
	return bytes.HasPrefix(magic[:n], []byte{0x1f, 0x8b}) || bytes.HasPrefix(magic[:n], []byte{0x28, 0xb5, 0x2f, 0xfd}), nil
}

func corrupt(format string, args ...any) error {
	return errdefs.New(errdefs.ErrCorrupt, "get the file again", format, args...)
}
