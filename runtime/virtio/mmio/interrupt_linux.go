// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio/eventfd"
)

// call is the interrupt of a queue. All queues of a device share one.
type call struct{ t *Transport }

// Signal is part of virtio.Call. It signals although the bit may be set already: an
// edge that the guest has missed is then made up for by the next.
func (c call) Signal() error {
	c.t.interrupt.Or(interruptQueue)
	return c.t.raise()
}

// raise signals the interrupt. What it is for is in the status by then.
func (t *Transport) raise() error {
	err := eventfd.Signal(t.wire.Interrupt)
	if err == unix.EAGAIN {
		return nil // the counter is full: there are signals left to take
	}
	return err
}

// notifyConfig tells the driver that the configuration space or the status has
// changed. Before the device is in use it is only noted, for activate to tell: each
// of the two does its own part first and looks for the other's then.
func (t *Transport) notifyConfig() {
	t.interrupt.Or(interruptConfig)
	if t.Active() {
		// A guest without a hypervisor that listens has nothing to lose.
		_ = t.raise()
	}
}
