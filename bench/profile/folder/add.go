// SPDX-License-Identifier: MIT OR Apache-2.0

package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	pprof "github.com/google/pprof/profile"
)

// FolderName is the name of a benchmark's folder.
func FolderName(benchmark string) (string, error) {
	name := strings.ReplaceAll(benchmark, "/", ".")
	if name == "" || strings.HasPrefix(name, ".") || filepath.Base(name) != name {
		return "", fmt.Errorf("keeping profiles: %q is no name of a benchmark", benchmark)
	}
	return name, nil
}

// add adds one sample's profiles to the files of a benchmark's folder. What cannot be
// added does not keep the others from it.
func add(dir string, sample map[string][]*pprof.Profile) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("keeping profiles: %w", err)
	}
	var err error
	for name, profiles := range sample {
		if addErr := addTo(filepath.Join(dir, name), profiles); addErr != nil {
			err = errors.Join(err, fmt.Errorf("adding to profile %s: %w", filepath.Join(dir, name), addErr))
		}
	}
	return err
}

// addTo merges one sample's profiles into a file.
func addTo(path string, profiles []*pprof.Profile) error {
	runs := 1
	switch have, err := Read(path); {
	case err == nil:
		runs += Runs(have)
		profiles = append([]*pprof.Profile{have}, profiles...)
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w (remove it)", err)
	}
	merged, err := pprof.Merge(profiles)
	if err != nil {
		return err
	}
	merged.Comments = []string{runsComment + strconv.Itoa(runs)}
	return replace(path, merged)
}

// replace writes a profile as a whole or not at all.
func replace(path string, p *pprof.Profile) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".adding-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // once it is renamed there is nothing to remove
	err = errors.Join(p.Write(temp), temp.Chmod(0o644), temp.Close())
	if err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
