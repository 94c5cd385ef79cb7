// SPDX-License-Identifier: MIT OR Apache-2.0

package layer

import (
	"path"
	"slices"
	"strings"
	"time"

	"arcbox.dev/runtime/image/erofs"
)

// tree is the layer as far as it was read.
type tree struct {
	w     *erofs.Writer
	root  *erofs.Node
	lower *Lower
	room  int // nodes that may still be made

	depends bool // lower layers were asked, or would have been
	merged  bool // their answer mattered
	hides   bool // there is a whiteout
}

// node makes an inode.
func (t *tree) node(a erofs.Attr, xattrs ...erofs.Xattr) (*erofs.Node, error) {
	if t.room--; t.room < 0 {
		return nil, invalid("layer has too many files")
	}
	return t.w.Node(a, xattrs...)
}

// below asks the layers below for what they have under the name where the walk is.
func (t *tree) below(w *walk, name string) (*Entry, error) {
	if w.here().hidden {
		return nil, nil
	}
	t.depends = true
	if t.lower == nil {
		return nil, nil
	}
	return t.lower.Lookup(w.path(name))
}

// parent walks to the directory that holds the last of parts and returns it with
// that last name. Directories that the layer does not bring along are made.
func (t *tree) parent(parts []string, mtime time.Time) (*erofs.Node, string, error) {
	w, name, err := t.walk(parts, mtime)
	if err != nil {
		return nil, "", err
	}
	return w.here().dir, name, nil
}

// walk is parent, but returns the way there.
func (t *tree) walk(parts []string, mtime time.Time) (*walk, string, error) {
	last := len(parts) - 1
	w := t.start(parts[:last:last])
	for {
		name, err := w.next()
		if err != nil {
			return nil, "", err
		}
		if name == "" {
			return w, parts[last], nil
		}
		switch n := w.child(name); {
		case n == nil || n.IsWhiteout():
			err = t.missing(w, name, n != nil, mtime)
		case n.IsDir():
			err = w.enter(name, n)
		case n.Type() == erofs.TypeSymlink:
			err = w.follow(n.Target)
		default:
			err = unfit("%q is no directory", short(path.Join(w.path(name)...)))
		}
		if err != nil {
			return nil, "", err
		}
	}
}

// missing goes on where the layer has nothing, or a whiteout: as the layers below
// say, or into a new directory.
func (t *tree) missing(w *walk, name string, whiteout bool, mtime time.Time) error {
	attr := erofs.Attr{Mode: erofs.TypeDir | 0o755, Mtime: mtime.Unix(), MtimeNsec: uint32(mtime.Nanosecond())}
	var xattrs []erofs.Xattr
	if !whiteout {
		e, err := t.below(w, name)
		if err != nil {
			return err
		}
		switch {
		case e == nil:
		case e.Mode&erofs.TypeMask == erofs.TypeSymlink:
			t.merged = true
			return w.follow(e.Target)
		case e.Mode&erofs.TypeMask == erofs.TypeDir:
			t.merged = true
			attr, xattrs = e.Attr, e.Xattrs
		default:
			return invalid("%q is no directory in the layers below", short(path.Join(w.path(name)...)))
		}
	}
	n, err := t.node(attr, xattrs...)
	if err != nil {
		return err
	}
	n.Opaque = whiteout
	w.here().dir.Put(strings.Clone(name), n)
	return w.enter(name, n)
}

// find looks for a file under the name, in the layer or below it. It returns the
// layer's own, or what lies below, or neither. A symbolic link at the end is not
// followed.
func (t *tree) find(parts []string) (own *erofs.Node, real []string, lower *Entry, err error) {
	if len(parts) == 0 {
		return t.root, nil, nil, nil
	}
	last := len(parts) - 1
	w := t.start(parts[:last:last])
	for {
		name, err := w.next()
		if err != nil {
			return nil, nil, nil, err
		}
		if name == "" {
			break
		}
		if ok, err := t.pass(w, name); !ok || err != nil {
			return nil, nil, nil, err
		}
	}
	switch n := w.child(parts[last]); {
	case n == nil:
		lower, err = t.below(w, parts[last])
		return nil, w.path(parts[last]), lower, err
	case n.IsWhiteout():
		return nil, nil, nil, nil
	default:
		return n, nil, nil, nil
	}
}

// pass goes one step on, in the layer or below it, and says whether it could.
func (t *tree) pass(w *walk, name string) (bool, error) {
	if n := w.child(name); n != nil {
		switch n.Type() {
		case erofs.TypeDir:
			return true, w.enter(name, n)
		case erofs.TypeSymlink:
			return true, w.follow(n.Target)
		}
		return false, nil
	}
	e, err := t.below(w, name)
	if err != nil || e == nil {
		return false, err
	}
	switch e.Mode & erofs.TypeMask {
	case erofs.TypeDir:
		return true, w.enter(name, nil)
	case erofs.TypeSymlink:
		return true, w.follow(e.Target)
	}
	return false, nil
}

// whiteout makes the name one that is gone, unless the layer has it or there is
// nothing below to hide.
func (t *tree) whiteout(w *walk, name string, mtime time.Time) error {
	switch old := w.child(name); {
	case old != nil && old.IsDir():
		old.Opaque = true
		return nil
	case old != nil:
		return nil
	}
	if t.lower != nil {
		e, err := t.lower.Lookup(w.path(name))
		if err != nil {
			return err
		}
		if e == nil {
			t.merged = true
			return nil
		}
	}
	n, err := t.node(erofs.Attr{Mode: erofs.TypeChar, Mtime: mtime.Unix(), MtimeNsec: uint32(mtime.Nanosecond())})
	if err != nil {
		return err
	}
	w.here().dir.Put(name, n)
	t.hides = true
	return nil
}

// whiteouts returns the directories with whiteouts, sorted. Those below an opaque
// directory hide nothing more and are taken out.
func (t *tree) whiteouts() []string {
	if !t.hides {
		return nil
	}
	var dirs []string
	var visit func(name string, dir *erofs.Node, hidden bool)
	visit = func(name string, dir *erofs.Node, hidden bool) {
		hidden = hidden || dir.Opaque
		found := false
		for base, n := range dir.Children() {
			switch {
			case n.IsDir():
				visit(path.Join(name, base), n, hidden)
			case n.IsWhiteout() && hidden:
				dir.Delete(base)
			case n.IsWhiteout():
				found = true
			}
		}
		if found {
			dirs = append(dirs, name)
		}
	}
	visit("", t.root, false)
	slices.Sort(dirs)
	return dirs
}
