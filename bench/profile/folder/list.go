// SPDX-License-Identifier: MIT OR Apache-2.0

package folder

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	pprof "github.com/google/pprof/profile"

	"arcbox.dev/bench/profile"
)

// File is one profile of a folder.
type File struct {
	Name    string // "ColdBoot.target=uml/vmm.cpu"; of a single file its base name, "vmm.cpu"
	Profile *pprof.Profile
}

// Load reads a profile, or all profiles of a folder and of those below it, in the
// order of their names.
func Load(path string) ([]File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading profiles: %w", err)
	}
	if !info.IsDir() {
		p, err := Read(path)
		if err != nil {
			return nil, err
		}
		return []File{{Name: strings.TrimSuffix(filepath.Base(path), profile.Extension), Profile: p}}, nil
	}
	var files []File
	err = filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(at) != profile.Extension {
			return err
		}
		p, err := Read(at)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(path, at)
		if err != nil {
			return err
		}
		files = append(files, File{Name: strings.TrimSuffix(filepath.ToSlash(name), profile.Extension), Profile: p})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading profiles: %w", err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("reading profiles: no %s file in %s", profile.Extension, path)
	}
	return files, nil
}
