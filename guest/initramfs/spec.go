// SPDX-License-Identifier: MIT OR Apache-2.0

// Package initramfs builds the image that a guest's kernel unpacks into its first
// root file system: a newc cpio archive with the agent as /init, the modules it
// has to load, and what else the caller names.
//
// The same inputs give the same bytes. Linux Documentation/driver-api/early-userspace/buffer-format.rst
// describes the format.
package initramfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// ModuleList is the file that names the modules, one absolute path a line, in the
// order in which the agent loads them. It is there only if there are modules.
const ModuleList = "/etc/arcbox/modules"

// Compression is how an image is compressed.
type Compression string

const (
	// Plain is the fastest to boot: nothing is decompressed, and the image comes from the host's page cache.
	Plain Compression = ""
	Gzip  Compression = "gzip" // needs CONFIG_RD_GZIP
	Zstd  Compression = "zstd" // needs CONFIG_RD_ZSTD
)

// Spec says what is in an image.
type Spec struct {
	Init        string   // path of the agent on the host; it becomes /init
	Modules     []string // paths of modules on the host, in load order; they go to /lib/modules
	Files       []File   // further entries
	Compression Compression
}

// File is one entry. Its type is that of Mode: a regular file, a folder, a
// symbolic link or a character or block device. Missing parents are made.
type File struct {
	Name string      // in the guest, absolute or relative to the root
	Mode fs.FileMode // type and permissions
	// Source is the path on the host of a regular file's content; where it is empty,
	// the content is Content.
	Source  string
	Content []byte
	Link    string // the target of a symbolic link
	Major   uint32 // of a device
	Minor   uint32
}

// base is what every image has: the mount points, and the devices that the
// kernel or the agent opens before anything is mounted.
var base = []File{
	{Name: "dev", Mode: fs.ModeDir | 0o755},
	{Name: "dev/console", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o600, Major: 5, Minor: 1},
	{Name: "dev/null", Mode: fs.ModeDevice | fs.ModeCharDevice | 0o666, Major: 1, Minor: 3},
	{Name: "proc", Mode: fs.ModeDir | 0o555},
	{Name: "run", Mode: fs.ModeDir | 0o755},
	{Name: "sys", Mode: fs.ModeDir | 0o555},
	{Name: "tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
}

// entries returns the spec's files with clean names, each after its parents, and
// none twice.
func (s Spec) entries() ([]File, error) {
	if s.Init == "" {
		return nil, errors.New("building an initramfs: no init is given")
	}
	files := append(slices.Clone(base), File{Name: "init", Mode: 0o755, Source: s.Init})
	if len(s.Modules) > 0 {
		var list strings.Builder
		for _, m := range s.Modules {
			name := path.Join("lib/modules", path.Base(m))
			files = append(files, File{Name: name, Mode: 0o644, Source: m})
			fmt.Fprintf(&list, "/%s\n", name)
		}
		files = append(files, File{Name: ModuleList[1:], Mode: 0o644, Content: []byte(list.String())})
	}
	files = append(files, s.Files...)

	seen := map[string]File{}
	for i, f := range files {
		name, err := cleanName(f.Name)
		if err != nil {
			return nil, err
		}
		f.Name = name
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("building an initramfs: %s: %w", name, err)
		}
		// A folder may be named again, to change its mode.
		if old, twice := seen[name]; twice && !(old.Mode.IsDir() && f.Mode.IsDir()) {
			return nil, fmt.Errorf("building an initramfs: %s is given twice", name)
		}
		files[i], seen[name] = f, f
	}
	if err := addParents(files, seen); err != nil {
		return nil, err
	}
	sorted := make([]File, 0, len(seen))
	for _, f := range seen {
		sorted = append(sorted, f)
	}
	// By name, a folder comes before what is in it.
	slices.SortFunc(sorted, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return sorted, nil
}

func addParents(files []File, seen map[string]File) error {
	for _, f := range files {
		for dir := path.Dir(f.Name); dir != "."; dir = path.Dir(dir) {
			parent, ok := seen[dir]
			if ok && !parent.Mode.IsDir() {
				return fmt.Errorf("building an initramfs: %s is in %s, which is no folder", f.Name, dir)
			}
			if !ok {
				seen[dir] = File{Name: dir, Mode: fs.ModeDir | 0o755}
			}
		}
	}
	return nil
}

// cleanName returns the name relative to the root, and refuses what would lead
// out of it or end the archive.
func cleanName(name string) (string, error) {
	clean := strings.TrimPrefix(path.Clean(name), "/")
	if !fs.ValidPath(clean) || clean == "." || clean == trailer || strings.ContainsRune(clean, 0) {
		return "", fmt.Errorf("building an initramfs: %q cannot be a name", name)
	}
	return clean, nil
}

func (f File) check() error {
	t := f.Mode.Type()
	switch {
	case f.Source != "" && !f.Mode.IsRegular():
		return errors.New("only a regular file has a source")
	case len(f.Content) > 0 && (f.Source != "" || !f.Mode.IsRegular()):
		return errors.New("content is for a regular file without a source")
	case (f.Link != "") != (t == fs.ModeSymlink):
		return errors.New("a symbolic link, and nothing else, has a target")
	}
	switch t {
	case 0, fs.ModeDir, fs.ModeSymlink, fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return nil
	}
	return fmt.Errorf("no entry can have the mode %v", f.Mode)
}
