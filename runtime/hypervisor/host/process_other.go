// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package host

import (
	"errors"
	"fmt"

	"arcbox.dev/runtime/hypervisor"
)

// Process is not supported here: only Linux shares pages out between their users.
func Process(pid int, role string) (hypervisor.Process, error) {
	return hypervisor.Process{}, fmt.Errorf("reading the memory of process %d: %w", pid, errors.ErrUnsupported)
}
