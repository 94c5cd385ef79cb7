// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package guestmem

import (
	"errors"
	"fmt"
	"os"
)

// Create makes an anonymous file to serve as guest memory. Only Linux has such.
func Create(string, uint64) (*os.File, error) {
	return nil, fmt.Errorf("creating guest memory: %w", errors.ErrUnsupported)
}
