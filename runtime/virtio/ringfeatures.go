// SPDX-License-Identifier: MIT OR Apache-2.0

package virtio

// RingFeatures is implemented by devices whose queues this process does not serve,
// so that what a queue can do is not for the transport alone to say.
type RingFeatures interface {
	// RingFeatures returns those of QueueFeatures that the device's queues have. The
	// transport offers no other ones of them.
	RingFeatures() uint64
}
