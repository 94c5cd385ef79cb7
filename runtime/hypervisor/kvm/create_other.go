// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux || !amd64

package kvm

import (
	"context"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

// Create is for Linux on x86-64 alone.
func (h *Hypervisor) Create(context.Context, hypervisor.Config) (hypervisor.VirtualMachine, error) {
	return nil, errdefs.New(errdefs.ErrNotSupported, "use another driver", "the kvm driver needs Linux on x86-64")
}
