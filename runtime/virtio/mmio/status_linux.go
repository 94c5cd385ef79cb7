// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import "arcbox.dev/runtime/virtio"

// writeStatus acts on what the driver writes to the status register (virtio 1.2
// §2.1, §3.1). Zero resets the device. Bits are only ever added: without a reset a
// driver must not clear any (§2.1.1), so that those it leaves out stay set.
func (t *Transport) writeStatus(v uint32) {
	if v == 0 {
		t.reset()
		return
	}
	old := t.status.Load()
	added := v & statusSteps
	if old&statusFeaturesOK != 0 || v&statusFeaturesOK != 0 && t.acceptable() {
		added |= statusFeaturesOK
		added |= v & statusDriverOK
	}
	t.status.Or(added)
	if added&^old&statusDriverOK != 0 {
		t.activate()
	}
}

// acceptable tells whether the device works with the features that the driver has
// accepted (virtio 1.2 §2.2.2, §6.1).
func (t *Transport) acceptable() bool {
	return t.features&^t.offered == 0 && t.features&virtio.FeatureVersion1 != 0
}

// activate starts the queues that are ready, and raises the interrupt that was due
// before there was a driver to take it.
func (t *Transport) activate() {
	for i := range t.queues {
		if t.queues[i].ready {
			t.start(i)
		}
	}
	if t.interrupt.Load()&interruptConfig != 0 {
		_ = t.raise() // as in notifyConfig
	}
}

// Active tells whether a driver has the device in use. Safe from any goroutine.
func (t *Transport) Active() bool { return t.status.Load()&statusDriverOK != 0 }

// reset returns device and registers to their first state, but for the generation,
// which never goes back (virtio 1.2 §2.4, §4.2.2.1).
func (t *Transport) reset() {
	for i := range t.queues {
		t.stop(i)
		t.queues[i] = queue{max: t.queues[i].max}
	}
	t.dev.Reset()
	t.featuresSel, t.driverSel, t.features, t.queueSel = 0, 0, 0, 0
	t.interrupt.Store(t.sticky)
	t.refresh()
	// Last: who reads zero finds the rest done.
	t.status.Store(0)
}

// fail tells the driver that the device does not work any more until it is reset
// (virtio 1.2 §2.1.2).
func (t *Transport) fail() {
	t.status.Or(statusNeedsReset)
	t.notifyConfig()
}
