// SPDX-License-Identifier: MIT OR Apache-2.0

package kmod

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Index writes modules.alias into a modules folder that depmod has not seen, from
// what each module says of itself. Aliases with wildcards, which only serve to
// find modules by device, are left out.
func Index(dir string) error {
	d, err := Open(dir)
	if err != nil {
		return err
	}
	if err := d.walk(); err != nil {
		return err
	}
	var lines []string
	for name, rel := range d.files {
		info, err := infoOf(filepath.Join(dir, rel))
		if err != nil {
			return fmt.Errorf("indexing modules: %w", err)
		}
		for _, alias := range info.Aliases {
			if !strings.ContainsAny(alias, "*?[ \t\n") {
				lines = append(lines, fmt.Sprintf("alias %s %s\n", alias, name))
			}
		}
	}
	slices.Sort(lines)
	f, err := os.Create(filepath.Join(dir, "modules.alias"))
	if err != nil {
		return fmt.Errorf("indexing modules: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for _, line := range lines {
		w.WriteString(line) // a failure stays, and Flush returns it
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("indexing modules: %w", err)
	}
	return nil
}
