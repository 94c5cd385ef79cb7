// SPDX-License-Identifier: MIT OR Apache-2.0

package layer

import (
	"archive/tar"
	"time"

	"arcbox.dev/runtime/image/erofs"
)

// link gives a file another name. The file may have to come from below.
func (c *converter) link(parts []string, h *tar.Header) error {
	to, err := split(h.Linkname)
	if err != nil {
		return err
	}
	n, real, lower, err := c.tree.find(to)
	if err != nil {
		return err
	}
	switch {
	case n != nil && n.IsDir() || lower != nil && lower.Mode&erofs.TypeMask == erofs.TypeDir:
		return unfit("hard link to %q, a directory", short(h.Linkname))
	case n != nil:
	case lower != nil:
		if n, err = c.copyUp(real, lower, h.ModTime); err != nil {
			return err
		}
	default:
		return unfit("hard link to %q, which is not there", short(h.Linkname))
	}
	dir, name, err := c.tree.parent(parts, h.ModTime)
	if err != nil {
		return err
	}
	dir.Put(name, n)
	return nil
}

// copyUp copies a file of a lower layer into this one, under the same path, as
// overlayfs would to link to it. Directories on the way that are not there either
// are made.
func (c *converter) copyUp(real []string, e *Entry, mtime time.Time) (*erofs.Node, error) {
	n, err := c.tree.node(e.Attr, e.Xattrs...)
	if err != nil {
		return nil, err
	}
	switch n.Type() {
	case erofs.TypeSymlink:
		err = c.w.SetTarget(n, e.Target)
	case erofs.TypeRegular:
		err = c.copyContents(n, e)
	}
	if err != nil {
		return nil, err
	}
	dir, name, err := c.tree.parent(real, mtime)
	if err != nil {
		return nil, err
	}
	dir.Put(name, n)
	c.tree.merged = true
	return n, nil
}

func (c *converter) copyContents(n *erofs.Node, e *Entry) error {
	if c.left -= e.Size; c.left < 0 {
		return tooLarge()
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return c.w.SetContents(n, r, e.Size)
}
