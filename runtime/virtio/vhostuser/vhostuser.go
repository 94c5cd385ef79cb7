// SPDX-License-Identifier: MIT OR Apache-2.0

// Package vhostuser carries a virtio device over the vhost-user protocol: a unix
// socket for control, shared memory for the queues, and a descriptor for each
// queue's two signals.
//
// A Backend serves a virtio.Device to a front end: User-Mode Linux's virtio_uml
// driver, QEMU, or another VMM. A Frontend is the other end of the socket: the
// messages, one by one. A Remote is what a VMM of our own uses: on top of a
// Frontend, a virtio.Device that another process serves, which may go and return.
//
// The specification is QEMU's docs/interop/vhost-user.rst; comments cite it as
// "vhost-user", followed by the section. Rings are split virtqueues of VERSION_1
// devices. Migration logs, postcopy, in-band notifications, an IOMMU and in-flight
// tracking are not offered.
//
// A back end is handed all of guest memory, and may do there what it likes; beyond
// that a Remote trusts it with nothing: sizes of replies are bounded, and so is the
// time that they may take.
//
// The front end is as hostile as the guest behind it: a User-Mode Linux kernel is
// both. Whatever it sends, a Backend closes each descriptor that came with it,
// checks sizes and addresses before it uses them, touches shared memory under
// guestmem.Guard alone, and either acts on a message or refuses it.
//
// # What is refused, and how
//
// If the front end asked for a reply, it gets a non-zero one and the connection
// goes on, as if the message had not been sent, but that a queue which it was to
// start again stays stopped. Otherwise the connection ends, since the front end
// would go on in the belief that it was heard. A message whose header makes no
// sense always ends the connection.
//
// # States of a ring
//
// A ring is started by its kick descriptor, stopped by GET_VRING_BASE, and enabled
// and disabled by SET_VRING_ENABLE (vhost-user, Ring states). The device has the
// queue while the ring is both started and enabled: a disabled ring is left alone.
// Size, addresses and position are frozen for that time. A message that would
// change one of them is refused; one that repeats what is set is fine. New memory
// tables, and a new kick descriptor, stop the device's queues and start them again
// where they were.
package vhostuser

// FeatureProtocol is the device feature bit that stands for the protocol features
// below (vhost-user, Communication: VHOST_USER_F_PROTOCOL_FEATURES).
const FeatureProtocol uint64 = 1 << 30

// Protocol features (vhost-user, Protocol features) that a Backend offers.
const (
	ProtocolMQ             uint64 = 1 << 0  // GET_QUEUE_NUM
	ProtocolReplyAck       uint64 = 1 << 3  // a reply to any message, on demand
	ProtocolBackendChannel uint64 = 1 << 5  // requests by the back end (BACKEND_REQ, once SLAVE_REQ)
	ProtocolConfig         uint64 = 1 << 9  // the device's configuration space
	ProtocolResetDevice    uint64 = 1 << 13 // RESET_DEVICE
)

// offeredProtocol is the set of protocol features that a Backend offers.
const offeredProtocol = ProtocolMQ | ProtocolReplyAck | ProtocolBackendChannel | ProtocolConfig | ProtocolResetDevice
