// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"

	"arcbox.dev/runtime/hypervisor"
)

// Create is not supported yet: Probe is all there is of this driver so far.
func (h *Hypervisor) Create(context.Context, hypervisor.Config) (hypervisor.VirtualMachine, error) {
	return nil, errNoDriver
}
