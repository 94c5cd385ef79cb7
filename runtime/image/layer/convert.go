// SPDX-License-Identifier: MIT OR Apache-2.0

package layer

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/erofs"
)

// MaxEntries bounds the entries of one layer and the files that come of them, with
// directories that are only implied. That bounds the memory that converting takes:
// about 200 bytes for each, and its name.
const MaxEntries = 2 << 20

// Options say how to convert.
type Options struct {
	// Limit bounds what the layer may unpack to, in bytes. It is checked before
	// anything of that size is read or written.
	Limit int64
	// Entries bounds the number of entries, and that of the files that come of them;
	// 0 stands for MaxEntries.
	Entries int
	// Lower is what lies below the layer, or nil.
	Lower *Lower
}

// Convert reads an unpacked archive from r and writes an image into out. Both out
// and temporary are empty files of the caller's. The error's class is ErrCorrupt
// for a damaged archive, ErrInvalid for one that asks for the impossible, and
// ErrExhausted where it is larger than the limit.
func Convert(ctx context.Context, r io.Reader, out, temporary *os.File, opt Options) (Info, error) {
	hash := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(&source{ctx: ctx, r: r, left: opt.Limit}, hash), 256<<10)
	c := &converter{w: erofs.NewWriter(out, temporary), tar: tar.NewReader(in), left: opt.Limit}
	root, err := c.w.Node(erofs.Attr{Mode: erofs.TypeDir | 0o755})
	if err != nil {
		return Info{}, err
	}
	limit := cmp.Or(opt.Entries, MaxEntries)
	c.tree = tree{w: c.w, root: root, lower: opt.Lower, room: limit}
	if err := c.entries(limit); err != nil {
		return Info{}, readError(ctx, err)
	}
	// What follows the end of the archive counts in the digest.
	if _, err := io.Copy(io.Discard, in); err != nil {
		return Info{}, readError(ctx, err)
	}
	hides := c.tree.whiteouts()
	sum := hash.Sum(nil)
	size, err := c.w.Finish(root, [16]byte(sum))
	if err != nil {
		return Info{}, err
	}
	return Info{
		DiffID:  "sha256:" + hex.EncodeToString(sum),
		Size:    size,
		Opaque:  root.Opaque,
		Depends: c.tree.depends || len(hides) > maxHides,
		Hides:   hides[:min(len(hides), maxHides)],
		Unfit:   c.unfit,
		Merged:  c.tree.merged,
	}, nil
}

// readError gives an error of the archive its class. Errors of files and those that
// have a class stay as they are.
func readError(ctx context.Context, err error) error {
	var classed *errdefs.Error
	var file *fs.PathError
	switch {
	case ctx.Err() != nil, errors.As(err, &classed), errors.As(err, &file):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errdefs.New(errdefs.ErrCorrupt, "", "layer ends early")
	}
	return errdefs.New(errdefs.ErrCorrupt, "", "reading layer: %w", err)
}

// source is the archive as long as it is wanted and within bounds.
type source struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.r.Read(p)
	if s.left -= int64(n); s.left < 0 {
		return 0, tooLarge()
	}
	return n, err
}

func tooLarge() error {
	return errdefs.New(errdefs.ErrExhausted, "free some space", "layer unpacks to more than the disk has room for")
}

// converter applies an archive's entries to a tree.
type converter struct {
	w     *erofs.Writer
	tar   *tar.Reader
	tree  tree
	left  int64 // bytes that files may still take
	unfit string
}

// entries applies all entries, of which there may be at most limit.
func (c *converter) entries(limit int) error {
	for count := 0; ; count++ {
		h, err := c.tar.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names are our business
			return err
		}
		if count == limit {
			return invalid("layer has more than %d entries", limit)
		}
		err = c.entry(h)
		switch {
		case err == nil:
		case c.tree.depends && c.tree.lower == nil && errors.As(err, new(misfit)):
			if c.unfit == "" {
				c.unfit = fmt.Sprintf("entry %q: %v", short(h.Name), err)
			}
		default:
			return fmt.Errorf("entry %q: %w", short(h.Name), err)
		}
	}
}

// misfit is a complaint that may have no cause on top of other layers.
type misfit struct{ error }

func (m misfit) Unwrap() error { return m.error }

func unfit(format string, args ...any) error { return misfit{invalid(format, args...)} }

// short cuts a name for a message.
func short(name string) string {
	if len(name) > 100 {
		return name[:100] + "…"
	}
	return name
}
