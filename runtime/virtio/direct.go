// SPDX-License-Identifier: MIT OR Apache-2.0

package virtio

import "arcbox.dev/datapath/virtq"

// Direct is implemented by devices that another process serves: their queues are
// not virtqueues of this process. A transport gives such a device the two
// descriptors of each queue instead, so that kicks and interrupts go straight
// between the guest and that process. The device's StartQueue is never called.
type Direct interface {
	// StartDirect starts queue i, with the features that were negotiated. Both
	// descriptors stay the caller's and are valid until StopQueue has returned.
	StartDirect(i int, q DirectQueue, features uint64) error
}

// DirectQueue is a queue by its place in guest memory and its descriptors.
type DirectQueue struct {
	Layout virtq.Layout // guest addresses
	Kick   int          // eventfd: driver to device
	Call   int          // eventfd: device to driver; it raises the device's interrupt
	Broken func(error)  // told, at most once, why the queue is no longer served; may be nil
}
