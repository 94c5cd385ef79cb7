// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sort"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/virtio/iovec"
)

// MaxPartitions is the most files that OpenPartitions takes.
const MaxPartitions = gptEntries

// Partitions is a read-only disk whose partitions are files.
type Partitions struct {
	pieces []piece
	size   int64 // bytes
}

// piece is a range of the disk that comes from one source.
type piece struct {
	off, end int64  // bytes
	mem      []byte // bytes of the partition table, or
	fd       int    // a file from its beginning on, or -1: zeros
}

// OpenPartitions makes a read-only disk with a GUID partition table in front of
// files, one partition a file, in order: the guest finds the first as partition 1.
// A partition is as long as its file in multiples of 4096 bytes, the rest of the
// last of them zeros. The files must not change while the disk is open; they are
// locked as OpenFile locks them. The same paths and sizes give the same GUIDs.
func OpenPartitions(paths []string) (*Partitions, error) {
	if len(paths) == 0 || len(paths) > MaxPartitions {
		return nil, errdefs.New(errdefs.ErrInvalid, "", "making a disk of %d partitions: it can have 1 to %d",
			len(paths), MaxPartitions)
	}
	p := &Partitions{}
	files := make([]int, 0, len(paths))
	sizes := make([]int64, 0, len(paths))
	seed := sha256.New()
	for _, path := range paths {
		fd, size, err := openImage(path, true)
		if err == nil {
			files = append(files, fd)
			if size == 0 {
				err = errdefs.New(errdefs.ErrInvalid, "", "opening disk %s: it is empty", path)
			}
		}
		if err != nil {
			closeAll(files)
			return nil, err
		}
		sizes = append(sizes, size)
		fmt.Fprintf(seed, "%d %q\n", size, path)
	}
	parts, total := layOut(sizes)
	head, tail := partitionTable(parts, total, seed.Sum(nil))
	p.size = total
	p.add(piece{end: int64(len(head)), mem: head, fd: -1})
	for i, part := range parts {
		p.add(piece{off: part.off, end: part.off + sizes[i], fd: files[i]})
	}
	p.add(piece{off: total - int64(len(tail)), end: total, mem: tail, fd: -1})
	return p, nil
}

// add appends a piece, and zeros between the last one and it.
func (p *Partitions) add(next piece) {
	at := int64(0)
	if n := len(p.pieces); n > 0 {
		at = p.pieces[n-1].end
	}
	if at < next.off {
		p.pieces = append(p.pieces, piece{off: at, end: next.off, fd: -1})
	}
	p.pieces = append(p.pieces, next)
}

// Size is the disk's size in bytes, with the partition table.
func (p *Partitions) Size() int64 { return p.size }

// ReadOnly is true.
func (p *Partitions) ReadOnly() bool { return true }

// Readv fills bufs from offset off.
func (p *Partitions) Readv(bufs []guestmem.Segment, off int64) error {
	var space [iovec.Max]guestmem.Segment
	at := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].end > off })
	done := 0 // bytes of bufs[0]
	for len(bufs) > 0 {
		if at == len(p.pieces) {
			return fmt.Errorf("reading disk at %d: beyond its end", off)
		}
		// As many bytes as the piece has and space holds segments for.
		src := &p.pieces[at]
		list, n := space[:0], int64(0)
		for len(bufs) > 0 && len(list) < len(space) && off+n < src.end {
			_, b := bufs[0].Cut(done)
			b, _ = b.Cut(int(min(int64(b.Len()), src.end-off-n)))
			list = append(list, b)
			n += int64(b.Len())
			if done += b.Len(); done == bufs[0].Len() {
				bufs, done = bufs[1:], 0
			}
		}
		if err := src.read(list, off-src.off); err != nil {
			return fmt.Errorf("reading disk at %d: %w", off, err)
		}
		if off += n; off == src.end {
			at++
		}
	}
	return nil
}

// read fills bufs from the piece's offset off.
func (p *piece) read(bufs []guestmem.Segment, off int64) error {
	if p.fd >= 0 {
		_, err := iovec.Preadv(p.fd, bufs, off)
		return err
	}
	for _, b := range bufs {
		if p.mem == nil {
			clear(b.Bytes())
		} else {
			off += int64(copy(b.Bytes(), p.mem[off:]))
		}
	}
	return nil
}

// errReadOnly is what writing gives, which a device does not try.
var errReadOnly = errdefs.New(errdefs.ErrNotSupported, "", "writing to a read-only disk")

// Writev is not supported.
func (p *Partitions) Writev([]guestmem.Segment, int64) error { return errReadOnly }

// Flush has nothing to do.
func (p *Partitions) Flush() error { return nil }

// Discard is not supported.
func (p *Partitions) Discard(int64, int64) error { return errReadOnly }

// WriteZeroes is not supported.
func (p *Partitions) WriteZeroes(int64, int64, bool) error { return errReadOnly }

// Close closes the files.
func (p *Partitions) Close() error {
	var files []int
	for _, piece := range p.pieces {
		if piece.fd >= 0 {
			files = append(files, piece.fd)
		}
	}
	return closeAll(files)
}

func closeAll(files []int) error {
	var errs []error
	for _, fd := range files {
		errs = append(errs, unix.Close(fd))
	}
	return errors.Join(errs...)
}
