// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import (
	"encoding/binary"
	"slices"
	"strings"
)

// sortDir lists the directory in the order of the format, with "." and "..".
func sortDir(n, parent *Node) []dirent {
	list := make([]dirent, 0, len(n.dir.children)+2)
	list = append(list, dirent{".", n}, dirent{"..", parent})
	for name, child := range n.dir.children {
		list = append(list, dirent{name, child})
	}
	slices.SortFunc(list, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
	return list
}

// packDir deals the sorted entries out to blocks. There is always one.
func packDir(list []dirent) [][]dirent {
	var blocks [][]dirent
	start, used := 0, 0
	for i, e := range list {
		need := direntSize + len(e.name)
		if used+need > BlockSize {
			blocks = append(blocks, list[start:i])
			start, used = i, 0
		}
		used += need
	}
	return append(blocks, list[start:])
}

// dirBlockSize is what the entries take in their block.
func dirBlockSize(entries []dirent) int {
	size := 0
	for _, e := range entries {
		size += direntSize + len(e.name)
	}
	return size
}

// appendDirBlock encodes one block: the entries, then their names.
func appendDirBlock(b []byte, entries []dirent) []byte {
	le := binary.LittleEndian
	name := direntSize * len(entries)
	for _, e := range entries {
		b = le.AppendUint64(b, e.node.nid)
		b = le.AppendUint16(b, uint16(name))
		b = append(b, fileType(e.node), 0)
		name += len(e.name)
	}
	for _, e := range entries {
		b = append(b, e.name...)
	}
	return b
}
