// SPDX-License-Identifier: MIT OR Apache-2.0

package layer

import (
	"strings"

	"arcbox.dev/runtime/image/erofs"
)

// Limits of Linux (limits.h, namei.c) on what a walk may do, and one of ours.
const (
	maxPath  = 4096 // bytes of a name
	maxDepth = 2048 // directories above each other
	maxLinks = 40   // symbolic links on one way
	maxSteps = 8192 // components on one way, with those of symbolic links
)

// walk is one way through the tree, within the root as in a chroot.
type walk struct {
	at    []place  // from the root to where it is
	todo  []string // components ahead
	links int      // symbolic links met
	steps int      // components gone
}

// place is a directory on the way.
type place struct {
	name   string
	dir    *erofs.Node // nil for what lies only below
	hidden bool        // nothing below can be seen here
}

func (t *tree) start(parts []string) *walk {
	return &walk{at: []place{{dir: t.root, hidden: t.root.Opaque}}, todo: parts}
}

// here is where the walk is.
func (w *walk) here() place { return w.at[len(w.at)-1] }

// child returns what the layer has under the name where the walk is.
func (w *walk) child(name string) *erofs.Node {
	if dir := w.here().dir; dir != nil {
		return dir.Child(name)
	}
	return nil
}

// path returns the components that lead to the name, without symbolic links.
func (w *walk) path(name string) []string {
	parts := make([]string, 0, len(w.at))
	for _, p := range w.at[1:] {
		parts = append(parts, p.name)
	}
	return append(parts, name)
}

// enter goes down into a directory.
func (w *walk) enter(name string, dir *erofs.Node) error {
	if len(w.at) == maxDepth {
		return invalid("directories are nested deeper than %d", maxDepth)
	}
	w.at = append(w.at, place{name, dir, w.here().hidden || dir != nil && dir.Opaque})
	return nil
}

// follow puts a symbolic link's target ahead.
func (w *walk) follow(target string) error {
	if w.links++; w.links > maxLinks {
		return invalid("more than %d symbolic links on the way", maxLinks)
	}
	if strings.HasPrefix(target, "/") {
		w.at = w.at[:1]
	}
	w.todo = append(strings.Split(target, "/"), w.todo...)
	return nil
}

// next takes the next component that must be looked up, or "" at the end.
func (w *walk) next() (string, error) {
	for len(w.todo) > 0 {
		name := w.todo[0]
		w.todo = w.todo[1:]
		if w.steps++; w.steps > maxSteps {
			return "", invalid("more than %d steps on the way", maxSteps)
		}
		switch {
		case name == "" || name == ".":
		case name == "..":
			w.at = w.at[:max(1, len(w.at)-1)]
		case len(name) > erofs.MaxName:
			return "", invalid("name component of %d bytes is longer than %d", len(name), erofs.MaxName)
		default:
			return name, nil
		}
	}
	return "", nil
}
