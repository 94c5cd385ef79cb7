// SPDX-License-Identifier: MIT OR Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/layer"
)

// Archive is an opened file or folder with images.
type Archive struct {
	path   string
	files  files
	groups []group
}

// Open opens what lies at path. Where it must be unpacked first, that happens in
// the folder temporary and to at most limit bytes. The caller closes the archive.
// The error's class is ErrNotFound, ErrInvalid where path is no image, or
// ErrCorrupt.
func Open(ctx context.Context, path, temporary string, limit int64) (*Archive, error) {
	a := &Archive{path: path}
	if err := a.open(ctx, temporary, limit); err != nil {
		a.Close()
		return nil, a.name(err)
	}
	return a, nil
}

// Close closes the archive.
func (a *Archive) Close() error {
	if a.files == nil {
		return nil
	}
	return a.files.Close()
}

// name puts the archive's path before a problem.
func (a *Archive) name(err error) error {
	if errors.Is(err, errNoArchive) {
		return errdefs.New(errdefs.ErrInvalid, "give an OCI layout, an OCI archive or the output of docker save", "%s is not an image", a.path)
	}
	return fmt.Errorf("%s: %w", a.path, err)
}

func (a *Archive) open(ctx context.Context, temporary string, limit int64) error {
	info, err := os.Stat(a.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errdefs.New(errdefs.ErrNotFound, "", "no such file")
	case err != nil:
		return err
	case info.IsDir():
		root, err := os.OpenRoot(a.path)
		if err != nil {
			return err
		}
		a.files = folder{root}
	default:
		if err := a.openFile(ctx, info, temporary, limit); err != nil {
			return err
		}
	}
	return a.index()
}

// openFile opens an archive. A compressed one and one that comes out of a pipe are
// unpacked first, since blobs are read in any order.
func (a *Archive) openFile(ctx context.Context, info fs.FileInfo, temporary string, limit int64) error {
	file, err := os.Open(a.path)
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		packed, err := compressed(file)
		if err != nil {
			file.Close()
			return err
		}
		if !packed {
			return a.setTarball(newTarball(ctx, file))
		}
	}
	defer file.Close()
	unpacked, err := os.Create(filepath.Join(temporary, "archive.tar"))
	if err != nil {
		return err
	}
	if err := unpack(ctx, unpacked, file, limit); err != nil {
		unpacked.Close()
		return err
	}
	return a.setTarball(newTarball(ctx, unpacked))
}

func (a *Archive) setTarball(t *tarball, err error) error {
	if err == nil {
		a.files = t
	}
	return err
}

// unpack copies what is in the stream and rewinds the copy.
func unpack(ctx context.Context, to *os.File, from io.Reader, limit int64) error {
	r, err := layer.Decompress(from)
	if err != nil {
		return corrupt("unpacking: %w", err)
	}
	defer r.Close()
	for n := int64(0); ; {
		m, err := io.CopyN(to, r, 1<<20)
		n += m
		var file *fs.PathError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case n > limit:
			return errdefs.New(errdefs.ErrExhausted, "free some space", "archive unpacks to more than the disk has room for")
		case err == io.EOF:
			_, err = to.Seek(0, io.SeekStart)
			return err
		case errors.As(err, &file):
			return err
		case err != nil:
			return corrupt("archive is damaged or ends early: %w", err)
		}
	}
}
