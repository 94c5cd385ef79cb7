// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/life"
)

// Stats reads marks, the process, device counters and the vCPUs' exits.
func (m *machine) Stats(context.Context) (hypervisor.Stats, error) {
	m.mu.Lock()
	s := hypervisor.Stats{Marks: append([]events.Mark(nil), m.marks...), Devices: map[string]map[string]uint64{}, Exits: m.vm.Exits()}
	m.mu.Unlock()
	if first := m.console.FirstByte(); first != 0 {
		s.Marks = append(s.Marks, events.Mark{Name: events.Kernel, At: first})
	}
	for _, d := range m.slots {
		if c := d.counters(); c != nil {
			s.Devices[d.name] = c
		}
	}
	if p, err := m.self.Process("vmm"); err == nil {
		s.Processes = append(s.Processes, p)
	}
	return s, nil
}

// SetMemoryTarget has the balloon take what the guest has beyond so many bytes.
func (m *machine) SetMemoryTarget(_ context.Context, bytes uint64) error {
	if !m.Running() {
		return life.ErrNotRunning
	}
	if bytes < MinMemory {
		return errdefs.New(errdefs.ErrInvalid, "leave it more", "%d MiB of memory is too small for a guest, which needs %d", bytes>>20, MinMemory>>20)
	}
	m.balloon.SetTarget(m.cfg.Memory - min(bytes, m.cfg.Memory))
	return nil
}

// Snapshot is not supported yet.
func (*machine) Snapshot(context.Context, string) error {
	return errdefs.New(errdefs.ErrNotSupported, "boot another VM", "the kvm driver takes no snapshots yet")
}
