// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix && !linux

package qemu

import (
	"errors"
	"os"
)

// anonymousFile returns a file that ends with its last descriptor.
func anonymousFile(name string) (*os.File, error) {
	f, err := os.CreateTemp("", name)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
