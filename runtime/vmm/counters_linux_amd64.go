// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"sync/atomic"

	"arcbox.dev/datapath/pad"
)

// exitKind is what an exit is counted as.
type exitKind int

const (
	exitPortRead exitKind = iota
	exitPortWrite
	exitMMIORead
	exitMMIOWrite
	exitInterrupted // no exit of the guest's: a kick, or a signal of the Go runtime's
	exitSystemEvent
	exitShutdown
	exitInternalError
	exitFailEntry
	exitOther
	exitKinds
)

var exitNames = [exitKinds]string{
	"port_read", "port_write", "mmio_read", "mmio_write", "interrupted",
	"system_event", "shutdown", "internal_error", "fail_entry", "other",
}

// counters are one vCPU's, which alone writes to them: no other core's writes are
// near.
type counters struct {
	_ pad.Line
	n [exitKinds]atomic.Uint64
	_ pad.Line
}

func (c *counters) add(k exitKind) { c.n[k].Add(1) }

// Exits returns how often the vCPUs have come back from the guest so far, by reason;
// a reason that has not occurred is left out.
func (v *VM) Exits() map[string]uint64 {
	sum := make(map[string]uint64)
	for _, c := range v.cpus {
		for k := range exitKinds {
			if n := c.exits.n[k].Load(); n > 0 {
				sum[exitNames[k]] += n
			}
		}
	}
	return sum
}
