// SPDX-License-Identifier: MIT OR Apache-2.0

// Package virtio is the contract between a virtio device and the transport that
// carries it, with the feature bits and constants that both need (virtio 1.2).
//
// A device is written once. It never learns which transport or driver carries it:
// the transport negotiates features, lays out queues over guest memory and hands
// each one to the device when the driver has enabled it.
package virtio

// DeviceID is a device type (virtio 1.2 §5).
type DeviceID uint32

const (
	IDNet     DeviceID = 1
	IDBlock   DeviceID = 2
	IDConsole DeviceID = 3
	IDEntropy DeviceID = 4
	IDBalloon DeviceID = 5
	IDVsock   DeviceID = 19
	IDFS      DeviceID = 26
)

// Feature bits that are not a device's own (virtio 1.2 §6).
const (
	FeatureIndirectDesc uint64 = 1 << 28
	FeatureEventIdx     uint64 = 1 << 29
	FeatureVersion1     uint64 = 1 << 32
)

// Feature bits by whose they are (virtio 1.2 §2.2).
const (
	// DeviceFeatures are the bits that are a device's own: 0 to 23, and from 50 on. The
	// rest concerns queues and the transport.
	DeviceFeatures uint64 = 1<<24 - 1 | ^uint64(1<<50-1)
	// QueueFeatures are what virtqueues of this process can do, whatever the device.
	QueueFeatures = FeatureIndirectDesc | FeatureEventIdx | FeatureVersion1
)

// Device is one virtio device. The transport calls its methods one at a time, but
// config accesses may come while queues run.
type Device interface {
	// ID is the device's type.
	ID() DeviceID
	// Features are the device's own feature bits that it offers. The transport
	// adds those that concern queues alone.
	Features() uint64
	// QueueSizes holds the largest size of each queue; its length is the number of queues.
	QueueSizes() []uint16

	// ReadConfig fills p from the configuration space at offset off; bytes beyond
	// its end read as zero.
	ReadConfig(off uint32, p []byte)
	// WriteConfig stores p; writes to what is read-only or beyond the end are ignored.
	WriteConfig(off uint32, p []byte)

	// StartQueue gives queue i to the device, with the features that were
	// negotiated. The device serves it from goroutines of its own until StopQueue.
	StartQueue(i int, q *Queue, features uint64) error
	// StopQueue takes queue i back. When it returns, the device holds no chain of
	// the queue and touches neither the queue nor guest memory through it.
	// Stopping a queue that does not run does nothing.
	StopQueue(i int)
	// Reset returns the device to its first state; all queues are stopped before.
	Reset()
	// Close frees what the device holds on the host. All queues are stopped before.
	Close() error
}

// Counters is implemented by devices that count what they do.
type Counters interface {
	// Counters returns a snapshot by name. Safe at any time.
	Counters() map[string]uint64
}
