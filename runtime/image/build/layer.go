// SPDX-License-Identifier: MIT OR Apache-2.0

package build

import (
	"archive/tar"
	"bytes"
	"fmt"
	"time"
)

// Layer collects the entries of one layer, in their order.
type Layer struct {
	// ModTime is the time of entries that say none of their own.
	ModTime time.Time

	entries []entry
}

type entry struct {
	header tar.Header
	data   []byte
}

// Add appends any entry. The header's Size is set from data.
func (l *Layer) Add(h tar.Header, data []byte) *Layer {
	h.Size = int64(len(data))
	l.entries = append(l.entries, entry{h, data})
	return l
}

// Dir appends a directory. Mode has permission bits and 0o7000 alone.
func (l *Layer) Dir(name string, mode int64) *Layer {
	return l.Add(tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode}, nil)
}

// File appends a regular file.
func (l *Layer) File(name string, mode int64, data []byte) *Layer {
	return l.Add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}, data)
}

// Symlink appends a symbolic link to target.
func (l *Layer) Symlink(name, target string) *Layer {
	return l.Add(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, nil)
}

// Link appends a hard link to target, an entry before it.
func (l *Layer) Link(name, target string) *Layer {
	return l.Add(tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}, nil)
}

// Owner makes the last entry belong to a user and a group.
func (l *Layer) Owner(uid, gid int) *Layer {
	h := &l.entries[len(l.entries)-1].header
	h.Uid, h.Gid = uid, gid
	return l
}

// Tar returns the layer as an archive.
func (l *Layer) Tar() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range l.entries {
		h := e.header
		if h.ModTime.IsZero() {
			h.ModTime = l.ModTime
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("writing %s: %w", h.Name, err)
		}
		if _, err := w.Write(e.data); err != nil {
			return nil, fmt.Errorf("writing %s: %w", h.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
