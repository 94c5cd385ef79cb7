// SPDX-License-Identifier: MIT OR Apache-2.0

// Package mmio carries a virtio device over memory-mapped registers (virtio 1.2
// §4.2): version 2 only, for a device in the VMM's own process, or for one that
// another process serves (virtio.Direct).
//
// A Transport is the register file. Its Read and Write are what a bus calls when a
// guest's access has left the guest; kicks and interrupts are eventfds, so that
// neither passes through here where the hypervisor knows them.
//
// The guest is hostile. It may write any register at any time, from several vCPUs
// at once. What a queue is made of is checked when the driver declares it ready and
// frozen from then on; a queue that was started stays frozen until the device is
// reset, and is started once at most.
//
// # The mirror
//
// All that a driver reads while the device is in use lies at MirrorOffset and above:
// the interrupt status, the device's status, the generation and the configuration
// space. The transport keeps the answers in one page of memory, and answers reads
// from it. If that page is also what the guest has there, mapped read-only, such
// reads never leave the guest, and get the same answers; see Wiring.
//
// # Locks
//
// Transport.mu is held over every call of a device's method, and while registers
// change that the device is started by. The words of the page are atomic: reading
// them, acknowledging interrupts and raising them take no lock. Transport.ending,
// taken with or without mu held, is for a queue that breaks while it is stopped.
package mmio
