// SPDX-License-Identifier: MIT OR Apache-2.0

// Package balloon is the traditional memory balloon device (virtio 1.2 §5.5), with
// memory statistics and free page reporting: memory that the guest does not use goes
// back to the host, either because the host asks for it (SetTarget), or because the
// guest's kernel says by itself that it is free.
//
// Memory that went back is the guest's again as soon as it touches it, so the device
// has nothing to do when the balloon is deflated, and offers no
// VIRTIO_BALLOON_F_MUST_TELL_HOST: a guest short of memory need not wait for it.
//
// All figures that come from the guest (Actual, Stats) are claims.
package balloon
