// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import (
	"cmp"
	"slices"
)

// plan gives every node its number, and every directory its blocks.
type plan struct {
	packer packer
	meta   uint64  // first block of the metadata area
	nodes  []*Node // in the order of their numbers
	dirs   []*Node // directories with whole blocks, in the order of those
}

// newPlan starts with the first block after the data.
//
// No inode has number 0, which readdir(3) takes for a deleted file.
func newPlan(next uint64) *plan {
	return &plan{meta: next, packer: packer{blocks: 1, open: []space{{block: 0, used: slotSize}}}}
}

// tree plans all that can be reached from root.
func (p *plan) tree(root *Node) {
	root.dir.sorted = sortDir(root, root)
	p.place(root)
	p.below(root)
	slices.SortFunc(p.nodes, func(a, b *Node) int { return cmp.Compare(a.nid, b.nid) })
	// fsck.erofs up to 1.5 reads an attribute header behind every inode, even where
	// there is none: not beyond the image, then.
	last := p.nodes[len(p.nodes)-1]
	if last.nid*slotSize+uint64(last.metaSize())+xattrHeaderSize > p.packer.blocks*BlockSize {
		p.packer.blocks++
	}
}

// metaSize is what the node takes in the metadata area, in bytes.
func (n *Node) metaSize() int {
	size := inodeSize + n.xattrSize()
	if n.inline {
		size += int(n.size % BlockSize)
	}
	return size
}

// below plans the contents of a directory that is placed: its own inodes side by
// side, since they are read together, then its subdirectories. The depth is the
// tree's, which the caller bounds.
func (p *plan) below(dir *Node) {
	dir.nlink = 2
	for _, e := range dir.dir.sorted {
		switch n := e.node; {
		case e.name == "." || e.name == "..":
		case n.IsDir():
			dir.nlink++
			n.dir.sorted = sortDir(n, dir)
			p.place(n)
		default:
			if n.nlink++; n.nlink == 1 {
				p.place(n)
			}
		}
	}
	for _, e := range dir.dir.sorted {
		if e.node.IsDir() && e.name != "." && e.name != ".." {
			p.below(e.node)
		}
	}
}

// place gives the node room in the metadata area.
func (p *plan) place(n *Node) {
	if n.IsDir() {
		p.placeDir(n)
	}
	n.nid = p.packer.place(n.metaSize())
	p.nodes = append(p.nodes, n)
}

// placeDir finds out the size of a directory and gives it its whole blocks.
func (p *plan) placeDir(n *Node) {
	blocks := packDir(n.dir.sorted)
	last := dirBlockSize(blocks[len(blocks)-1])
	n.size = int64(len(blocks)-1)*BlockSize + int64(last)
	n.inline = inodeSize+n.xattrSize()+last <= BlockSize
	whole := len(blocks)
	if n.inline {
		whole--
	}
	if whole > 0 {
		n.block = uint32(p.meta)
		p.meta += uint64(whole)
		p.dirs = append(p.dirs, n)
	}
}

// packer deals out the metadata area. A node's inode and inline tail lie in one
// block, so blocks end with room to spare; several are kept open, and a node goes
// to the one that it fills best.
type packer struct {
	blocks uint64 // blocks given out
	open   []space
}

type space struct {
	block uint64
	used  int // bytes, a multiple of slotSize
}

// openBlocks bounds the blocks that take nodes at one time, so that neighbours in
// the tree stay neighbours on disk.
const openBlocks = 32

// place returns the number of a node that takes size bytes.
func (p *packer) place(size int) uint64 {
	size = (size + slotSize - 1) &^ (slotSize - 1)
	best := -1
	for i, s := range p.open {
		if s.used+size <= BlockSize && (best < 0 || s.used > p.open[best].used) {
			best = i
		}
	}
	if best < 0 {
		best = p.grow(size)
	}
	s := &p.open[best]
	nid := (s.block*BlockSize + uint64(s.used)) / slotSize
	s.used += size
	if whole := s.used / BlockSize; whole > 0 { // a node with large attributes
		s.block += uint64(whole)
		s.used %= BlockSize
	}
	if s.used == 0 {
		p.open = slices.Delete(p.open, best, best+1)
	}
	return nid
}

// grow opens as many blocks as a node of that size needs. Nodes larger than a
// block have no inline tail: their attributes may cross blocks.
func (p *packer) grow(size int) int {
	if len(p.open) == openBlocks {
		fullest := 0
		for i, s := range p.open {
			if s.used > p.open[fullest].used {
				fullest = i
			}
		}
		p.open = slices.Delete(p.open, fullest, fullest+1)
	}
	p.open = append(p.open, space{block: p.blocks})
	p.blocks += uint64((size + BlockSize - 1) / BlockSize)
	return len(p.open) - 1
}
