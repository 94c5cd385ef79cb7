// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// Writer writes one image. It is for one goroutine.
type Writer struct {
	data  *blocks
	spool *spool
	tail  [BlockSize]byte
}

// NewWriter returns a writer of an image into out, which must be empty. It needs a
// second empty file, temporary, to keep small contents until Finish. Both files
// stay the caller's.
func NewWriter(out, temporary *os.File) *Writer {
	return &Writer{data: newBlocks(out), spool: newSpool(temporary)}
}

// Node returns a new inode without contents and without a name. Its type is that
// of a.Mode.
func (w *Writer) Node(a Attr, xattrs ...Xattr) (*Node, error) {
	n := &Node{Attr: a}
	switch a.Mode & TypeMask {
	case TypeDir:
		n.dir = &directory{}
	case TypeRegular, TypeSymlink, TypeChar, TypeBlock, TypeFIFO, TypeSocket:
	default:
		return nil, invalid("mode %#o has no file type", a.Mode)
	}
	if a.MtimeNsec >= 1e9 {
		return nil, invalid("%d nanoseconds are more than a second", a.MtimeNsec)
	}
	if err := w.SetXattrs(n, xattrs...); err != nil {
		return nil, err
	}
	return n, nil
}

// SetXattrs replaces the node's extended attributes. It comes before contents.
func (w *Writer) SetXattrs(n *Node, xattrs ...Xattr) error {
	enc, err := encodeXattrs(xattrs)
	if err != nil {
		return err
	}
	n.xattrLen = uint32(len(enc))
	n.xattrAt, err = w.spool.append(enc)
	return err
}

// SetTarget makes the node, a symbolic link, point to target.
func (w *Writer) SetTarget(n *Node, target string) error {
	switch {
	case target == "":
		return invalid("symbolic link points nowhere")
	case len(target) > MaxTarget:
		return invalid("target of %d bytes is longer than %d", len(target), MaxTarget)
	case strings.IndexByte(target, 0) >= 0:
		return invalid("target %q holds a zero byte", target)
	}
	n.Target = target
	return w.store(n, strings.NewReader(target), int64(len(target)))
}

// SetContents gives the node, a regular file, its contents: exactly size bytes of
// r. It returns io.ErrUnexpectedEOF where r has fewer.
func (w *Writer) SetContents(n *Node, r io.Reader, size int64) error {
	if size < 0 || size > math.MaxInt64-BlockSize {
		return invalid("file size %d is impossible", size)
	}
	return w.store(n, r, size)
}

// store puts whole blocks into the data area, and a last partial block there or
// into the spool, if it fits into one block with the inode.
func (w *Writer) store(n *Node, r io.Reader, size int64) error {
	tail := size % BlockSize
	n.size = size
	n.inline = tail > 0 && int64(inodeSize+n.xattrSize())+tail <= BlockSize
	if !n.inline {
		tail = 0
	}
	if whole := size - tail; whole > 0 {
		if (w.data.pos()+whole)/BlockSize >= math.MaxUint32 {
			return invalid("image grows beyond %d blocks", uint32(math.MaxUint32))
		}
		n.block = uint32(w.data.pos() / BlockSize)
		if err := w.data.readFrom(r, whole); err != nil {
			return err
		}
		if err := w.data.align(); err != nil {
			return err
		}
	}
	if tail == 0 {
		return nil
	}
	if _, err := io.ReadFull(r, w.tail[:tail]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	var err error
	n.tailAt, err = w.spool.append(w.tail[:tail])
	return err
}

// Finish lays out the tree below root and completes the image. It returns the
// image's size in bytes, a multiple of BlockSize. Neither the writer nor its nodes
// may be used afterwards. The caller syncs the file.
func (w *Writer) Finish(root *Node, uuid [16]byte) (int64, error) {
	if !root.IsDir() {
		return 0, errors.New("the root is no directory")
	}
	if err := w.spool.buf.Flush(); err != nil {
		return 0, fmt.Errorf("writing temporary file: %w", err)
	}
	p := newPlan(uint64(w.data.pos() / BlockSize))
	p.tree(root)
	size := int64(p.meta+p.packer.blocks) * BlockSize
	if p.meta+p.packer.blocks > math.MaxUint32 {
		return 0, invalid("image grows beyond %d blocks", uint32(math.MaxUint32))
	}
	if err := w.directories(p); err != nil {
		return 0, err
	}
	if err := w.inodes(p); err != nil {
		return 0, err
	}
	if err := w.data.pad(size); err != nil {
		return 0, err
	}
	if err := w.data.finish(); err != nil {
		return 0, err
	}
	block0 := superblock(uint32(p.meta), root.nid, uint64(len(p.nodes)), uint64(size/BlockSize), uuid)
	if _, err := w.data.file.WriteAt(block0, 0); err != nil {
		return 0, fmt.Errorf("writing image: %w", err)
	}
	return size, nil
}

// directories writes the directories' whole blocks, in the order in which the plan
// gave them out.
func (w *Writer) directories(p *plan) error {
	for _, n := range p.dirs {
		blocks := packDir(n.dir.sorted)
		if n.inline {
			blocks = blocks[:len(blocks)-1]
		}
		for _, entries := range blocks {
			if _, err := w.data.Write(appendDirBlock(w.tail[:0], entries)); err != nil {
				return err
			}
			if err := w.data.align(); err != nil {
				return err
			}
		}
	}
	return nil
}

// inodes writes the metadata area.
func (w *Writer) inodes(p *plan) error {
	var b bytes.Buffer
	base := w.data.pos()
	for i, n := range p.nodes {
		b.Reset()
		if err := w.encode(&b, n, uint32(i+1)); err != nil {
			return err
		}
		if err := w.data.pad(base + int64(n.nid)*slotSize); err != nil {
			return err
		}
		if _, err := w.data.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// encode appends the inode, its attributes and its inline tail.
func (w *Writer) encode(b *bytes.Buffer, n *Node, ino uint32) error {
	size := n.xattrSize()
	var inode [inodeSize]byte
	putInode(inode[:], n, size, ino)
	b.Write(inode[:])
	if size > 0 {
		b.Write(zeros[:xattrHeaderSize])
		enc := make([]byte, n.xattrLen, int(n.xattrLen)+opaqueSize)
		if err := w.spool.read(enc, n.xattrAt); err != nil {
			return err
		}
		if n.Opaque {
			enc, _ = appendXattr(enc, opaque) // a constant: cannot fail
		}
		b.Write(enc)
	}
	switch {
	case !n.inline:
	case n.IsDir():
		blocks := packDir(n.dir.sorted)
		b.Write(appendDirBlock(w.tail[:0], blocks[len(blocks)-1]))
	case n.Type() == TypeSymlink:
		b.WriteString(n.Target)
	default:
		tail := w.tail[:n.size%BlockSize]
		if err := w.spool.read(tail, n.tailAt); err != nil {
			return err
		}
		b.Write(tail)
	}
	return nil
}
