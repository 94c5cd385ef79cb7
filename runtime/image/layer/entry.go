// SPDX-License-Identifier: MIT OR Apache-2.0

package layer

import (
	"archive/tar"
	"math"
	"path"
	"strings"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/erofs"
)

// The names of the specification that stand for what is not there any more.
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	metadataPrefix = ".wh..wh." // other marks of AUFS, without a meaning here
)

// xattrRecord is how PAX names an extended attribute.
const xattrRecord = "SCHILY.xattr."

// overlayXattr is the namespace in which overlayfs talks to itself. An image does
// not get to speak in it.
const overlayXattr = "trusted.overlay."

func invalid(format string, args ...any) error {
	return errdefs.New(errdefs.ErrInvalid, "", format, args...)
}

// entry applies one entry.
func (c *converter) entry(h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	parts, err := split(h.Name)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		if h.Typeflag != tar.TypeDir {
			return invalid("the root is no directory")
		}
		return c.describe(c.tree.root, h)
	}
	switch base := parts[len(parts)-1]; {
	case strings.HasPrefix(base, whiteoutPrefix):
		return c.whiteout(parts, h)
	case h.Typeflag == tar.TypeLink:
		return c.link(parts, h)
	case h.Typeflag == tar.TypeDir:
		return c.directory(parts, h)
	case h.Typeflag == tar.TypeChar && h.Devmajor == 0 && h.Devminor == 0:
		return c.gone(parts, base, h) // overlayfs would take it for a whiteout
	}
	return c.file(parts, h)
}

// split normalises a name of the archive into its components.
func split(name string) ([]string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return nil, invalid("name holds a zero byte")
	}
	clean := path.Clean(strings.TrimLeft(name, "/"))
	switch {
	case clean == "." || name == "":
		return nil, nil
	case clean == ".." || strings.HasPrefix(clean, "../"):
		return nil, invalid("name leads out of the layer")
	case len(clean) > maxPath:
		return nil, invalid("name of %d bytes is longer than %d", len(clean), maxPath)
	}
	parts := strings.Split(clean, "/")
	for i, p := range parts {
		if len(p) > erofs.MaxName {
			return nil, invalid("name component of %d bytes is longer than %d", len(p), erofs.MaxName)
		}
		parts[i] = strings.Clone(p) // the tree outlives the header
	}
	return parts, nil
}

// attr returns what the header says of the inode, without its type.
func attr(h *tar.Header) (erofs.Attr, error) {
	const maxID = math.MaxUint32 - 1 // the last one means "none"
	if h.Uid < 0 || int64(h.Uid) > maxID || h.Gid < 0 || int64(h.Gid) > maxID {
		return erofs.Attr{}, invalid("owner %d:%d is impossible", h.Uid, h.Gid)
	}
	a := erofs.Attr{
		Mode:      uint16(h.Mode & 0o7777),
		UID:       uint32(h.Uid),
		GID:       uint32(h.Gid),
		Mtime:     h.ModTime.Unix(),
		MtimeNsec: uint32(h.ModTime.Nanosecond()),
	}
	if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
		rdev, ok := erofs.Rdev(h.Devmajor, h.Devminor)
		if !ok {
			return a, invalid("device number %d:%d is impossible", h.Devmajor, h.Devminor)
		}
		a.Rdev = rdev
	}
	return a, nil
}

// xattrs returns the extended attributes that Linux can have on such a file.
func xattrs(h *tar.Header, typ uint16) []erofs.Xattr {
	var out []erofs.Xattr
	for key, value := range h.PAXRecords {
		name, ok := strings.CutPrefix(key, xattrRecord)
		switch {
		case !ok || !erofs.KnownXattr(name) || strings.HasPrefix(name, overlayXattr):
		case strings.HasPrefix(name, "user.") && typ != erofs.TypeRegular && typ != erofs.TypeDir: // xattr(7)
		default:
			out = append(out, erofs.Xattr{Name: name, Value: value})
		}
	}
	return out
}

// describe gives a directory the header's attributes.
func (c *converter) describe(n *erofs.Node, h *tar.Header) error {
	a, err := attr(h)
	if err != nil {
		return err
	}
	a.Mode |= erofs.TypeDir
	n.Attr = a
	return c.w.SetXattrs(n, xattrs(h, erofs.TypeDir)...)
}

// directory makes a directory, or describes the one that is there.
func (c *converter) directory(parts []string, h *tar.Header) error {
	dir, name, err := c.tree.parent(parts, h.ModTime)
	if err != nil {
		return err
	}
	old := dir.Child(name)
	if old != nil && old.IsDir() {
		return c.describe(old, h)
	}
	n, err := c.tree.node(erofs.Attr{Mode: erofs.TypeDir})
	if err != nil {
		return err
	}
	n.Opaque = old != nil // something else, or a whiteout: what is below was gone already
	if err := c.describe(n, h); err != nil {
		return err
	}
	dir.Put(name, n)
	return nil
}

var types = map[byte]uint16{
	tar.TypeReg:       erofs.TypeRegular,
	tar.TypeCont:      erofs.TypeRegular,
	tar.TypeGNUSparse: erofs.TypeRegular,
	tar.TypeSymlink:   erofs.TypeSymlink,
	tar.TypeChar:      erofs.TypeChar,
	tar.TypeBlock:     erofs.TypeBlock,
	tar.TypeFifo:      erofs.TypeFIFO,
}

// file makes anything that has one inode of its own and is no directory.
func (c *converter) file(parts []string, h *tar.Header) error {
	typ, ok := types[h.Typeflag]
	if !ok {
		return invalid("entry type %q is unknown", h.Typeflag)
	}
	a, err := attr(h)
	if err != nil {
		return err
	}
	a.Mode |= typ
	dir, name, err := c.tree.parent(parts, h.ModTime)
	if err != nil {
		return err
	}
	n, err := c.tree.node(a, xattrs(h, typ)...)
	if err != nil {
		return err
	}
	switch typ {
	case erofs.TypeSymlink:
		err = c.w.SetTarget(n, strings.Clone(h.Linkname))
	case erofs.TypeRegular:
		if c.left -= h.Size; c.left < 0 {
			return tooLarge()
		}
		err = c.w.SetContents(n, c.tar, h.Size)
	}
	if err != nil {
		return err
	}
	dir.Put(name, n)
	return nil
}

// whiteout obeys a name that stands for what is not there any more.
func (c *converter) whiteout(parts []string, h *tar.Header) error {
	base := parts[len(parts)-1]
	name := strings.TrimPrefix(base, whiteoutPrefix)
	switch {
	case base == opaqueName:
		dir, _, err := c.tree.parent(parts, h.ModTime)
		if err == nil {
			dir.Opaque = true
		}
		return err
	case strings.HasPrefix(base, metadataPrefix):
		return nil
	case name == "" || name == "." || name == "..":
		return invalid("whiteout of nothing")
	}
	return c.gone(parts, name, h)
}

// gone notes that something below is not there any more. What the layer itself holds
// stays, whatever the order of entries.
func (c *converter) gone(parts []string, name string, h *tar.Header) error {
	w, _, err := c.tree.walk(parts, h.ModTime)
	if err != nil {
		return err
	}
	return c.tree.whiteout(w, name, h.ModTime)
}
