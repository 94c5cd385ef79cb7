// SPDX-License-Identifier: MIT OR Apache-2.0

package layer_test

import (
	"archive/tar"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/image/erofs/erofstest"
	"arcbox.dev/runtime/image/layer"
)

// model is a root file system in memory, to which layers are applied one over the
// other as docker does when it extracts them: the reference for what a stack of
// images must show. It is written for clearness and knows no speed.
type model map[string]*file2

// file2 is an inode.
type file2 struct {
	typ    byte
	mode   int64
	uid    int
	mtime  time.Time
	data   string
	target string
	note   string // an extended attribute
}

// apply extracts a layer. Whiteouts hide what other layers brought, so they go first.
func (m model) apply(items []item) {
	lower := map[*file2]bool{}
	for _, f := range m {
		lower[f] = true
	}
	for _, i := range items {
		dir, base := path.Split(path.Clean(i.Name))
		if rest, ok := strings.CutPrefix(base, ".wh."); ok {
			dir = m.resolve(path.Clean(dir))
			if rest == ".wh..opq" {
				for p := range m {
					if strings.HasPrefix(p, dir+"/") || dir == "." && p != "." {
						delete(m, p)
					}
				}
				continue
			}
			m.remove(path.Join(dir, rest))
		}
	}
	for _, i := range items {
		name := path.Clean(i.Name)
		m.mkdir(path.Dir(name), i.ModTime)
		name = path.Join(m.resolve(path.Dir(name)), path.Base(name))
		if strings.HasPrefix(path.Base(name), ".wh.") {
			continue
		}
		old := m[name]
		f := &file2{i.Typeflag, i.Mode, i.Uid, i.ModTime, i.data, i.Linkname, ""}
		if f.typ == tar.TypeReg || f.typ == tar.TypeDir {
			f.note = i.PAXRecords["SCHILY.xattr.user.note"]
		}
		if i.Typeflag == tar.TypeLink {
			to := path.Clean(i.Linkname)
			to = path.Join(m.resolve(path.Dir(to)), path.Base(to))
			if f = m[to]; lower[f] { // overlayfs copies the file up, and its other names stay behind
				c := *f
				f, m[to] = &c, &c
			}
		}
		if old != nil && old.typ == tar.TypeDir && f.typ == tar.TypeDir {
			*old = *f
			continue
		}
		m.remove(name)
		m[name] = f
	}
}

func (m model) remove(name string) {
	for p := range m {
		if p == name || strings.HasPrefix(p, name+"/") {
			delete(m, p)
		}
	}
}

// resolve follows all symbolic links in a path of folders.
func (m model) resolve(dir string) string {
	at := "."
	todo := strings.Split(dir, "/")
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		next := path.Join("/", at, name)[1:] // stays below the root
		if next == "" {
			next = "."
		}
		if f := m[next]; f != nil && f.typ == tar.TypeSymlink {
			if strings.HasPrefix(f.target, "/") {
				at = "."
			}
			todo = append(strings.Split(f.target, "/"), todo...)
			continue
		}
		at = next
	}
	return at
}

func (m model) mkdir(dir string, mtime time.Time) {
	dir = m.resolve(dir)
	if m[dir] != nil {
		return
	}
	m.mkdir(path.Dir(dir), mtime)
	m[dir] = &file2{typ: tar.TypeDir, mode: 0o755, mtime: mtime}
}

// tree is what reading the root file system would show.
func (m model) tree() erofstest.Tree {
	tree := erofstest.Tree{}
	names := map[*file2][]string{}
	for name, f := range m {
		names[f] = append(names[f], name)
	}
	for name, f := range m {
		e := erofstest.File{
			Mode: uint32(f.mode), UID: uint32(f.uid), Same: slices.Min(names[f]),
			Mtime: fmt.Sprintf("%d.%09d", f.mtime.Unix(), f.mtime.Nanosecond()),
		}
		if f.note != "" {
			e.Xattrs = map[string]string{"user.note": f.note}
		}
		switch f.typ {
		case tar.TypeDir:
			e.Mode |= 0o040000
		case tar.TypeReg:
			e.Mode |= 0o100000
			e.Size, e.Sum = int64(len(f.data)), erofstest.Sum([]byte(f.data))
		case tar.TypeSymlink:
			e.Mode |= 0o120000
			e.Size, e.Target = int64(len(f.target)), f.target
		case tar.TypeFifo:
			e.Mode |= 0o010000
		}
		tree[name] = e
	}
	return tree
}

// stack converts layers one over the other, the way the store does.
func stack(t testing.TB, archives ...[]byte) []string {
	t.Helper()
	var all, images []string
	for _, archive := range archives {
		info, image, err := convert(t, archive, layer.Options{Limit: room})
		require.NoError(t, err)
		lower, err := layer.OpenLower(all)
		require.NoError(t, err)
		fits, err := info.Fits(lower)
		require.NoError(t, err)
		require.True(t, fits || !info.Alone())
		if !fits {
			_, image, err = convert(t, archive, layer.Options{Limit: room, Lower: lower})
			require.NoError(t, err)
		}
		require.NoError(t, lower.Close())
		if info.Opaque {
			images = nil
		}
		all = append(all, image)
		images = append(images, image)
	}
	return images
}

// union lists a stack of images without the kernel.
func union(t testing.TB, images []string) erofstest.Tree {
	tree := erofstest.Tree{}
	for _, image := range images {
		above := erofstest.Library(t, image)
		for _, name := range above.Paths() {
			f := above[name]
			if was, ok := tree[name]; ok && (was.Mode>>12 != 4 || f.Mode>>12 != 4 || f.Xattrs["trusted.overlay.opaque"] == "y") {
				for p := range tree {
					if p == name || strings.HasPrefix(p, name+"/") {
						delete(tree, p)
					}
				}
			}
			if f.Rdev == "0:0" {
				delete(tree, name)
				continue
			}
			f.Same = image + f.Same // two layers are two file systems
			tree[name] = f
		}
	}
	first := map[string]string{}
	for _, name := range tree.Paths() {
		f := tree[name]
		if first[f.Same] == "" {
			first[f.Same] = name
		}
		f.Same = first[f.Same]
		tree[name] = f
	}
	return tree
}

// randomLayer invents a layer on top of m. It names few files, so that names meet.
func randomLayer(r *rand.Rand, m model) []item {
	names := []string{"a", "b", "c", "dd"}
	random := func() string {
		p := names[r.IntN(len(names))]
		for r.IntN(2) == 0 {
			p += "/" + names[r.IntN(len(names))]
		}
		return p
	}
	after := model{}
	for p, f := range m {
		c := *f
		after[p] = &c
	}
	for p, f := range m { // hard links stay such
		for q, g := range m {
			if f == g {
				after[q] = after[p]
			}
		}
	}
	usable := func(name string) bool { // no file on the way, no endless links
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if f := after[dir]; f != nil && f.typ != tar.TypeDir && f.typ != tar.TypeSymlink {
				return false
			}
		}
		return true
	}
	var items []item
	gone := map[string]bool{}
	for range r.IntN(12) {
		name := random()
		h := tar.Header{Name: name, Mode: int64(r.IntN(0o10000)), Uid: r.IntN(3), ModTime: time.Unix(int64(r.IntN(1e9)), int64(r.IntN(1e9))), Format: tar.FormatPAX}
		if r.IntN(4) == 0 {
			h.PAXRecords = map[string]string{"SCHILY.xattr.user.note": name}
		}
		i := item{Header: h}
		real := path.Join(after.resolve(path.Dir(name)), path.Base(name))
		switch r.IntN(8) {
		case 0, 1, 2:
			i.Typeflag, i.data = tar.TypeReg, strings.Repeat(name, r.IntN(3000))
		case 3, 4:
			i.Typeflag = tar.TypeDir
		case 5:
			i.Typeflag = tar.TypeFifo
		case 6:
			// Downwards only: no loops.
			i.Typeflag, i.Linkname = tar.TypeSymlink, fmt.Sprintf("/e%d/%s", r.IntN(2), random())
		case 7:
			var files []string
			for p, f := range after {
				if f.typ == tar.TypeReg && p != real {
					files = append(files, p)
				}
			}
			if len(files) == 0 {
				continue
			}
			slices.Sort(files)
			i.Typeflag, i.Linkname = tar.TypeLink, files[r.IntN(len(files))]
		}
		if !usable(name) || !usable(real) || gone[real] {
			continue
		}
		items = append(items, i)
		after.apply([]item{i})
	}
	// Whiteouts are for what this layer does not bring itself.
	var outs []item
	for p, f := range m {
		if r.IntN(10) != 0 || p == "." && (r.IntN(5) != 0 || len(items) > 0) {
			continue
		}
		mine := func(p string) bool {
			return slices.ContainsFunc(items, func(i item) bool {
				real := path.Join(m.resolve(path.Dir(i.Name)), path.Base(i.Name))
				return strings.HasPrefix(i.Name+"/", p+"/") || strings.HasPrefix(real+"/", p+"/") || strings.HasPrefix(i.Linkname+"/", p+"/") || i.Typeflag == tar.TypeSymlink
			})
		}
		if mine(p) || !usable(p+"/x") && f.typ == tar.TypeDir || !usable(p) {
			continue
		}
		name := path.Join(path.Dir(p), ".wh."+path.Base(p))
		if f.typ == tar.TypeDir && r.IntN(2) == 0 || p == "." {
			name = path.Join(p, ".wh..wh..opq")
		}
		outs = append(outs, item{Header: tar.Header{Typeflag: tar.TypeReg, Name: name, ModTime: time.Unix(77, 0)}})
	}
	slices.SortFunc(outs, func(a, b item) int { return strings.Compare(a.Name, b.Name) })
	if r.IntN(2) == 0 {
		return append(outs, items...)
	}
	return append(items, outs...)
}

// Random stacks of layers show what extracting them one over the other would have
// left.
func TestStacksAgainstModel(t *testing.T) {
	const seeds, asked = 200, 15 // stacks, and how many the kernel is asked about
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := model{".": {typ: tar.TypeDir, mode: 0o755, mtime: time.Unix(0, 0)}}
		var archives [][]byte
		var log strings.Builder
		for n := range 1 + r.IntN(5) {
			items := randomLayer(r, m)
			fmt.Fprintf(&log, "layer %d\n", n)
			for _, i := range items {
				fmt.Fprintf(&log, "  %c %s %o %s\n", i.Typeflag, i.Name, i.Mode, i.Linkname)
			}
			m.apply(items)
			archives = append(archives, pack(t, items...))
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("seed %d\n%s", seed, &log)
			}
		})
		images := stack(t, archives...)
		want := m.tree()
		got := []erofstest.Tree{union(t, images)}
		if seed < asked {
			if tree, ok := erofstest.Mount(t, images...); ok {
				got = append(got, tree)
			}
		}
		for _, tree := range got {
			root := tree["."]
			root.Mode, root.Mtime, root.UID, root.Xattrs = want["."].Mode, want["."].Mtime, want["."].UID, nil // nobody sees it
			tree["."] = root
			for name, f := range tree {
				f.Nlink = 0 // counts names that upper layers hide
				delete(f.Xattrs, "trusted.overlay.opaque")
				if len(f.Xattrs) == 0 {
					f.Xattrs = nil
				}
				tree[name] = f
			}
			if t.Failed() {
				return
			}
			if !equal(want, tree) {
				t.Logf("seed %d\n%swant\n%s\ngot\n%s", seed, &log, brief(want), brief(tree))
				erofstest.Equal(t, want, tree)
			}
		}
	}
}

func equal(a, b erofstest.Tree) bool {
	return fmt.Sprint(a) == fmt.Sprint(b) // maps print in order
}
