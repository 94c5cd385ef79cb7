// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix && !linux

package engine

import (
	"context"
	"errors"
	"fmt"

	"arcbox.dev/runtime/hypervisor"
)

// processes has none: engines run containers in a VM here, which all of them share.
func processes(string) ([]hypervisor.Process, error) {
	return nil, fmt.Errorf("finding the container's processes: %w", errors.ErrUnsupported)
}

// waitGone has nothing to wait for, likewise.
func waitGone(context.Context, string) error { return nil }

// unmount has nothing to unmount, likewise.
func unmount(string) error { return nil }
