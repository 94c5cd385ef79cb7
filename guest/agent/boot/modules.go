// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package boot

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// ModuleList names the kernel modules to load, one path a line, in order.
const ModuleList = "/etc/arcbox/modules"

// LoadModules loads what the file names. No such file is no error, nor is a module
// that is loaded; one that cannot be loaded does not keep the others from it.
func LoadModules(list string) error {
	text, err := read(list)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading list of modules: %w", err)
	}
	var errs []error
	for path := range strings.FieldsSeq(text) {
		if err := loadModule(path); err != nil {
			errs = append(errs, fmt.Errorf("loading module %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

func loadModule(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.FinitModule(fd, "", 0); err != nil && err != unix.EEXIST {
		return err
	}
	return nil
}
