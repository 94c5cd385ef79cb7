// SPDX-License-Identifier: MIT OR Apache-2.0

// Package kmod finds a kernel's loadable modules and works out the order in which
// to load them.
//
// It reads what a kernel build installs (modules.order, modules.builtin and the
// .modinfo sections) and needs neither depmod nor the files that it writes;
// modules.alias is used where it is there.
package kmod

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrUnknown: no module of that name is in the folder, nor built into the kernel.
var ErrUnknown = errors.New("unknown module")

// Dir is the folder of one kernel release's modules, such as /lib/modules/6.1.0.
// It is not safe for concurrent use.
type Dir struct {
	// Plain, where set, returns the path of an uncompressed copy of a compressed
	// module's file. Order then gives that path; otherwise it gives the file's own.
	Plain func(file string) (string, error)

	path    string
	files   map[string]string   // name -> path below the folder
	builtin map[string]bool     // names
	aliases map[string][]string // alias -> names; nil until first needed
	walked  bool                // the folder has been searched; no use doing it again
}

// Open reads the folder's lists. A folder with modules.builtin alone is a kernel
// without loadable modules.
func Open(dir string) (*Dir, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("opening the modules folder: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("opening the modules folder: %s is not a folder", dir)
	}
	d := &Dir{path: dir, files: map[string]string{}, builtin: map[string]bool{}}
	err := d.eachLine("modules.builtin", func(line string) { d.builtin[moduleName(line)] = true })
	if err != nil {
		return nil, err
	}
	err = d.eachLine("modules.order", func(line string) { d.add(line) })
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Has says whether the kernel has the module, loadable or built in.
func (d *Dir) Has(name string) bool {
	name = canonical(name)
	if d.builtin[name] {
		return true
	}
	_, err := d.file(name)
	return err == nil
}

// add notes a module's path below the folder. A path that leads out of it is ignored.
func (d *Dir) add(rel string) {
	if name := moduleName(rel); name != "" && filepath.IsLocal(rel) {
		d.files[name] = rel
	}
}

// file returns the path of a loadable module's file. Where modules.order is
// missing, or names a file that is not there, the folder itself is searched, once.
func (d *Dir) file(name string) (string, error) {
	rel, listed := d.files[name]
	if listed {
		// modules.order does not tell how the installed files are compressed.
		for _, suffix := range suffixes {
			p := filepath.Join(d.path, trimCompression(rel)+suffix)
			if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
				return p, nil
			}
		}
	}
	if !d.walked && (listed || len(d.files) == 0) {
		if err := d.walk(); err != nil {
			return "", err
		}
		return d.file(name)
	}
	return "", fmt.Errorf("%w: %s is neither in %s nor built into the kernel", ErrUnknown, name, d.path)
}

// walk notes every module file below the folder.
func (d *Dir) walk() error {
	d.walked = true
	err := filepath.WalkDir(d.path, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// build and source lead to the kernel's sources; they are links, and not followed.
		if e.Type().IsRegular() {
			if rel, err := filepath.Rel(d.path, p); err == nil {
				d.add(rel)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("searching the modules folder: %w", err)
	}
	return nil
}

// resolve returns the modules that an alias without wildcards stands for, those
// that are built in first: where one is, nothing needs to be loaded.
func (d *Dir) resolve(alias string) []string {
	if d.aliases == nil {
		d.aliases = map[string][]string{}
		add := func(alias, name string) {
			alias = canonical(alias)
			d.aliases[alias] = append(d.aliases[alias], canonical(name))
		}
		// A list that is missing or cannot be read leaves aliases unknown. Only soft
		// dependencies rely on them, and they may be missing.
		d.builtinAliases(add)
		_ = d.eachLine("modules.alias", func(line string) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == "alias" {
				add(f[1], f[2])
			}
		})
	}
	return d.aliases[alias]
}

// builtinAliases calls add for the aliases in modules.builtin.modinfo, whose
// strings are those of the .modinfo sections with the module's name in front:
// "crc32c_generic.alias=crc32c".
func (d *Dir) builtinAliases(add func(alias, name string)) {
	data, err := os.ReadFile(filepath.Join(d.path, "modules.builtin.modinfo"))
	if err != nil {
		return
	}
	for field := range strings.SplitSeq(string(data), "\x00") {
		name, rest, _ := strings.Cut(field, ".")
		if alias, ok := strings.CutPrefix(rest, "alias="); ok {
			add(alias, name)
		}
	}
}

// eachLine calls fn for the lines of a list in the folder. A list that is missing is empty.
func (d *Dir) eachLine(list string, fn func(line string)) error {
	f, err := os.Open(filepath.Join(d.path, list))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the list of modules: %w", err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' {
			fn(line)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	return nil
}

// moduleName returns the name of the module in a file, or "" where the file is no module.
func moduleName(file string) string {
	base := path.Base(trimCompression(filepath.ToSlash(file)))
	name, ok := strings.CutSuffix(base, ".ko")
	if !ok {
		return ""
	}
	return canonical(name)
}
