// SPDX-License-Identifier: MIT OR Apache-2.0

package kmod

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Module is a loadable module.
type Module struct {
	Name string
	Path string // of its file, which may be compressed
	Info Info
}

// Order returns the modules that make the named ones work, each after those it
// depends on and none twice. What is built into the kernel is left out. A name
// may be an alias without wildcards, such as "fs-erofs". A name that the kernel
// does not have gives an error that matches ErrUnknown.
func (d *Dir) Order(names ...string) ([]Module, error) {
	v := &visit{dir: d, state: map[string]state{}}
	for _, name := range names {
		if err := v.require(canonical(name)); err != nil {
			return nil, err
		}
	}
	return v.order, nil
}

type state int

const (
	unseen state = iota
	visiting
	done
)

// visit is a depth-first walk over dependencies.
type visit struct {
	dir   *Dir
	state map[string]state
	path  []string // the modules being visited, for naming a cycle
	order []Module
}

// require adds a module, by name or alias, with all that it depends on.
func (v *visit) require(name string) error {
	if v.dir.builtin[name] {
		return nil
	}
	file, err := v.dir.file(name)
	if err == nil {
		return v.add(name, file)
	}
	for _, target := range v.dir.resolve(name) {
		if v.dir.Has(target) {
			return v.require(target)
		}
	}
	if len(v.path) > 0 {
		return fmt.Errorf("%w (module %s depends on it)", err, v.path[len(v.path)-1])
	}
	return err
}

// suggest adds a soft dependency: one that is missing, or already being visited, is no error.
func (v *visit) suggest(names []string) error {
	for _, name := range names {
		if !v.dir.Has(name) {
			targets := v.dir.resolve(name)
			i := slices.IndexFunc(targets, v.dir.Has)
			if i < 0 {
				continue
			}
			name = targets[i]
		}
		if v.state[name] == visiting {
			continue
		}
		if err := v.require(name); err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) add(name, file string) error {
	switch v.state[name] {
	case done:
		return nil
	case visiting:
		return fmt.Errorf("ordering modules: %s depends on itself by way of %s",
			name, strings.Join(v.path[slices.Index(v.path, name):], ", "))
	}
	v.state[name] = visiting
	v.path = append(v.path, name)
	if Compressed(file) && v.dir.Plain != nil {
		plain, err := v.dir.Plain(file)
		if err != nil {
			return err
		}
		file = plain
	}
	info, err := infoOf(file)
	if err != nil {
		return err
	}
	if err := v.suggest(info.SoftPre); err != nil {
		return err
	}
	for _, dep := range info.Depends {
		if err := v.require(dep); err != nil {
			return err
		}
	}
	v.state[name] = done
	v.path = v.path[:len(v.path)-1]
	v.order = append(v.order, Module{Name: name, Path: file, Info: info})
	return v.suggest(info.SoftPost)
}

// infoOf reads the .modinfo of a module's file.
func infoOf(file string) (Info, error) {
	if Compressed(file) {
		var plain bytes.Buffer
		if err := Unpack(&plain, file); err != nil {
			return Info{}, err
		}
		return describe(file, bytes.NewReader(plain.Bytes()))
	}
	f, err := os.Open(file)
	if err != nil {
		return Info{}, fmt.Errorf("reading a module: %w", err)
	}
	defer f.Close()
	return describe(file, f)
}

func describe(file string, r io.ReaderAt) (Info, error) {
	info, err := ReadInfo(r)
	if err != nil {
		return Info{}, fmt.Errorf("%s: %w", file, err)
	}
	return info, nil
}
