// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import (
	"encoding/binary"
	"slices"
	"strings"
)

// xattrNamespaces are the name prefixes that the format knows. Linux supports
// setting no others on files of an image.
var xattrNamespaces = []struct {
	prefix string
	index  byte
	whole  bool // the prefix is the whole name
}{
	{"user.", 1, false},
	{"system.posix_acl_access", 2, true},
	{"system.posix_acl_default", 3, true},
	{"trusted.", 4, false},
	{"security.", 6, false},
}

// opaque is overlayfs's mark on a directory that hides lower layers.
var opaque = Xattr{"trusted.overlay.opaque", "y"}

// opaqueSize is the encoded size of opaque.
var opaqueSize = func() int {
	b, _ := appendXattr(nil, opaque)
	return len(b)
}()

// KnownXattr says whether EROFS can store an attribute of that name.
func KnownXattr(name string) bool {
	_, _, ok := splitXattr(name)
	return ok
}

func splitXattr(name string) (index byte, suffix string, ok bool) {
	for _, ns := range xattrNamespaces {
		suffix, found := strings.CutPrefix(name, ns.prefix)
		if found && ns.whole == (suffix == "") {
			return ns.index, suffix, true
		}
	}
	return 0, "", false
}

// encodeXattrs encodes the attributes without their header, in the order of their
// names.
func encodeXattrs(xattrs []Xattr) ([]byte, error) {
	if len(xattrs) == 0 {
		return nil, nil
	}
	sorted := slices.SortedFunc(slices.Values(xattrs), func(a, b Xattr) int {
		return strings.Compare(a.Name, b.Name)
	})
	var b []byte
	var err error
	for _, x := range sorted {
		if b, err = appendXattr(b, x); err != nil {
			return nil, err
		}
	}
	if xattrHeaderSize+len(b)+opaqueSize > maxXattrs {
		return nil, invalid("extended attributes take %d bytes, more than %d", len(b), maxXattrs)
	}
	return b, nil
}

func appendXattr(b []byte, x Xattr) ([]byte, error) {
	index, suffix, ok := splitXattr(x.Name)
	switch {
	case !ok:
		return nil, invalid("extended attribute %q is in no known namespace", x.Name)
	case len(suffix) > maxXattrName:
		return nil, invalid("extended attribute name of %d bytes is longer than %d", len(suffix), maxXattrName)
	case len(x.Value) > maxXattr:
		return nil, invalid("extended attribute %q of %d bytes is longer than %d", x.Name, len(x.Value), maxXattr)
	}
	b = append(b, byte(len(suffix)), index)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(x.Value)))
	b = append(b, suffix...)
	b = append(b, x.Value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b, nil
}

// xattrSize is what the node's attributes take behind its inode.
func (n *Node) xattrSize() int {
	size := int(n.xattrLen)
	if n.Opaque {
		size += opaqueSize
	}
	if size > 0 {
		size += xattrHeaderSize
	}
	return size
}
