// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

// Size is the size of the register window in bytes. Beyond it nothing is claimed.
const Size = ConfigOffset + ConfigSize

// MirrorOffset is where a mirror begins in the window: reads from there on are
// answered from memory.
const MirrorOffset = regInterruptStatus

const (
	// ConfigOffset is where the configuration space begins in the window.
	ConfigOffset = 0x100
	// ConfigSize is the size in bytes of what a driver can see of a configuration
	// space, the same as over vhost-user. No device of virtio 1.2 §5 has a larger one.
	ConfigSize = 0x100
)

// QueueNotify is the register that a driver writes a queue's number to when it
// kicks it, 32 bits wide: what an ioeventfd is to match.
const QueueNotify = 0x50

// Registers (virtio 1.2 §4.2.2).
const (
	regMagicValue        = 0x00
	regVersion           = 0x04
	regDeviceID          = 0x08
	regVendorID          = 0x0c
	regDeviceFeatures    = 0x10
	regDeviceFeaturesSel = 0x14
	regDriverFeatures    = 0x20
	regDriverFeaturesSel = 0x24
	regQueueSel          = 0x30
	regQueueNumMax       = 0x34
	regQueueNum          = 0x38
	regQueueReady        = 0x44
	regInterruptStatus   = 0x60
	regInterruptACK      = 0x64
	regStatus            = 0x70
	regQueueDescLow      = 0x80
	regQueueDescHigh     = 0x84
	regQueueDriverLow    = 0x90
	regQueueDriverHigh   = 0x94
	regQueueDeviceLow    = 0xa0
	regQueueDeviceHigh   = 0xa4
	regSHMLenLow         = 0xb0
	regSHMLenHigh        = 0xb4
	regSHMBaseLow        = 0xb8
	regSHMBaseHigh       = 0xbc
	regConfigGeneration  = 0xfc
)

const (
	magicValue = 0x74726976 // "virt"
	version    = 2
	vendorID   = 0x58424341 // "ACBX"
	noSHM      = 1<<32 - 1  // of a region that does not exist, whichever is selected
)

// Bits of the device status (virtio 1.2 §2.1).
const (
	statusAcknowledge = 1
	statusDriver      = 2
	statusDriverOK    = 4
	statusFeaturesOK  = 8
	statusNeedsReset  = 64
	statusFailed      = 128

	// statusSteps are the bits that a driver sets and that need no check.
	statusSteps = statusAcknowledge | statusDriver | statusFailed
)

// Bits of the interrupt status (virtio 1.2 §4.2.2).
const (
	interruptQueue  = 1 // used buffers
	interruptConfig = 2 // the configuration space or the status has changed
)
