// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import (
	"iter"
	"maps"
)

// File types, the type bits of Attr.Mode (inode(7)).
const (
	TypeMask    = 0o170000
	TypeFIFO    = 0o010000
	TypeChar    = 0o020000
	TypeDir     = 0o040000
	TypeBlock   = 0o060000
	TypeRegular = 0o100000
	TypeSymlink = 0o120000
	TypeSocket  = 0o140000
)

// Attr is what an inode says about itself.
type Attr struct {
	Mode      uint16 // type and permission bits, with set-user-ID and sticky
	UID, GID  uint32
	Rdev      uint32 // of a device: see Rdev
	MtimeNsec uint32 // nanoseconds beyond Mtime
	Mtime     int64  // seconds since 1970
}

// Xattr is one extended attribute, named with its namespace ("user.x").
type Xattr struct{ Name, Value string }

// Node is one inode. A node with several names is a file with hard links. Nodes
// come from a Writer and belong to it.
type Node struct {
	Attr
	// Opaque makes overlayfs hide what lower layers have in this directory.
	Opaque bool
	// Target is where a symbolic link points.
	Target string

	inline   bool // the last partial block follows the inode
	nlink    uint32
	block    uint32 // first block of the data area that holds contents
	xattrLen uint32 // bytes of encoded attributes at xattrAt of the spool
	xattrAt  int64
	tailAt   int64 // where the spool holds the tail of a file
	size     int64 // bytes of contents
	nid      uint64
	dir      *directory // of a directory alone
}

// directory holds the names of a directory.
type directory struct {
	children map[string]*Node
	sorted   []dirent // set when the image is laid out; "." and ".." included
}

type dirent struct {
	name string
	node *Node
}

// Type returns the type bits.
func (n *Node) Type() uint16 { return n.Mode & TypeMask }

// IsDir says whether the node is a directory.
func (n *Node) IsDir() bool { return n.dir != nil }

// IsWhiteout says whether overlayfs takes the node for a whiteout: a character
// device 0/0.
func (n *Node) IsWhiteout() bool { return n.Type() == TypeChar && n.Rdev == 0 }

// Size returns the length of a file's contents in bytes.
func (n *Node) Size() int64 { return n.size }

// Child returns what the directory holds under the name, or nil.
func (n *Node) Child(name string) *Node { return n.dir.children[name] }

// Children goes over the names of the directory, in no order. Names may be deleted
// meanwhile.
func (n *Node) Children() iter.Seq2[string, *Node] { return maps.All(n.dir.children) }

// Put makes child known under the name, in place of what was there. A directory
// may have one name only, which the caller sees to.
func (n *Node) Put(name string, child *Node) {
	if n.dir.children == nil {
		n.dir.children = make(map[string]*Node)
	}
	n.dir.children[name] = child
}

// Delete takes the name from the directory.
func (n *Node) Delete(name string) { delete(n.dir.children, name) }

// Rdev encodes a device number the way EROFS and Linux store it. It reports false
// where Linux has no such device.
func Rdev(major, minor int64) (uint32, bool) {
	if major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff {
		return 0, false
	}
	return uint32(minor&0xff | major<<8 | (minor&^0xff)<<12), true
}
