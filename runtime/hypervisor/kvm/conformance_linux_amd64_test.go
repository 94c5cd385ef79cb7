// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"testing"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/hypervisor/hvtest"
)

// needLinux skips where KVM cannot run a stock kernel. `make test-kvm` runs these
// tests on any machine.
func needLinux(t *testing.T) *Hypervisor {
	t.Helper()
	h := new(Hypervisor)
	if r := h.Probe(t.Context()); !r.Usable {
		t.Skipf("%s (`make test-kvm` runs it)", r.Reason)
	}
	return h
}

func lean(t *testing.T) hvtest.Guest     { return hvtest.Machine(t, kernel.Lean, Modules...) }
func packaged(t *testing.T) hvtest.Guest { return hvtest.Machine(t, kernel.Packaged, Modules...) }

// TestLean and TestPackaged run the suite of all drivers.
func TestLean(t *testing.T)     { hvtest.Suite(t, needLinux(t), lean(t)) }
func TestPackaged(t *testing.T) { hvtest.Suite(t, needLinux(t), packaged(t)) }
