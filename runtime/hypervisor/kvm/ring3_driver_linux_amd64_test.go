// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"encoding/binary"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/mmio"
	"arcbox.dev/runtime/vmm/asmtest"
)

// Where the driver has its queue, of which it uses one descriptor, and its data, as
// guest addresses.
const (
	driverDesc    = 0x8000
	driverAvail   = 0x8100
	driverUsed    = 0x8200
	driverBuffer  = 0x9000
	driverResults = 0xa000 // what the buffer held after each round
)

const (
	driverQueueSize = 8
	driverRounds    = 1000
	driverRequest   = 4 // bytes of the buffer
	driverDone      = 0 // is reported at the end; other reports name a check that failed
)

// Registers and bits of the device status (virtio 1.2 §4.2.2, §2.1).
const (
	regMagic           = 0x00
	regVersion         = 0x04
	regID              = 0x08
	regDeviceFeatures  = 0x10
	regFeaturesSel     = 0x14
	regDriverFeatures  = 0x20
	regDriverSel       = 0x24
	regQueueSel        = 0x30
	regQueueNumMax     = 0x34
	regQueueNum        = 0x38
	regQueueReady      = 0x44
	regInterruptStatus = 0x60
	regInterruptACK    = 0x64
	regStatus          = 0x70
	regQueueDesc       = 0x80
	regQueueDriver     = 0x90
	regQueueDevice     = 0xa0

	acknowledge, driver, driverOK, featuresOK = 1, 2, 4, 8
)

// ring3Driver is a virtio driver as a guest program, with the exits that it must cost.
type ring3Driver struct {
	asmtest.Program
	base          uint32 // of the registers
	reads, writes uint64 // exits of accesses to them
	wants         uint32
}

// newRing3Driver makes the driver of one queue of the guest's only device: it sets the
// device up, gives it a buffer driverRounds times, which the device is to write or to
// read, and reports. A buffer for the device to read holds the round's number, from 0.
func newRing3Driver(s *slot, queue int, deviceWrites bool) *ring3Driver {
	d := &ring3Driver{base: uint32(s.base)}
	// Of its selector the ring alone is the guest's: a KVM that runs guests in ring 3
	// of the host shows them the host's.
	d.Raw(0x8c, 0xc8).Imm(0x25, 3) // mov eax, cs; and eax, 3
	d.want(3)
	d.negotiate(s.device.ID())
	d.enable(uint32(queue), s.device.QueueSizes()[queue])
	d.serve(uint32(queue), deviceWrites)
	d.Poke(reportAddr, driverDone).Spin()
	return d
}

// negotiate does virtio 1.2 §3.1.1 up to FEATURES_OK.
func (d *ring3Driver) negotiate(id virtio.DeviceID) {
	d.expect(regMagic, binary.LittleEndian.Uint32([]byte("virt")))
	d.expect(regVersion, 2)
	d.expect(regID, uint32(id))
	d.write(regStatus, 0)
	d.expect(regStatus, 0)
	d.write(regStatus, acknowledge)
	d.write(regStatus, acknowledge|driver)
	const version1 = uint32(virtio.FeatureVersion1 >> 32)
	d.write(regFeaturesSel, 1)
	d.expect(regDeviceFeatures, version1)
	d.write(regDriverSel, 1)
	d.write(regDriverFeatures, version1)
	d.write(regStatus, acknowledge|driver|featuresOK)
	d.expect(regStatus, acknowledge|driver|featuresOK)
}

// enable sets up the queue (virtio 1.2 §4.2.3.2) and begins to use the device. Memory
// is zero before, so that the rings are empty.
func (d *ring3Driver) enable(queue uint32, most uint16) {
	d.write(regQueueSel, queue)
	d.expect(regQueueReady, 0)
	d.expect(regQueueNumMax, uint32(most))
	d.write(regQueueNum, driverQueueSize)
	for _, half := range []struct{ reg, v uint32 }{
		{regQueueDesc, driverDesc}, {regQueueDriver, driverAvail}, {regQueueDevice, driverUsed},
	} {
		d.write(half.reg, half.v)
		d.write(half.reg+4, 0)
	}
	d.write(regQueueReady, 1)
	d.expect(regQueueReady, 1)
	d.write(regStatus, acknowledge|driver|featuresOK|driverOK)
	d.expect(regStatus, acknowledge|driver|featuresOK|driverOK)
}

// serve does the rounds, one after the other: each ends when the buffer is back, the
// interrupt has come, and its status has been acknowledged. EBX is the number of rounds
// begun.
func (d *ring3Driver) serve(queue uint32, deviceWrites bool) {
	const writeFlag = 2 // VIRTQ_DESC_F_WRITE
	flags := uint32(0)
	if deviceWrites {
		flags = writeFlag
	}
	d.EBX(0)
	round := d.Here()
	if !deviceWrites {
		d.EDI(driverBuffer).Raw(0x89, 0x1f) // mov [rdi], ebx
	}
	d.Poke(driverDesc, driverBuffer).Poke(driverDesc+4, 0)
	d.Poke(driverDesc+8, driverRequest).Poke(driverDesc+12, flags)
	d.Raw(0xff, 0xc3).EDI(driverAvail+2).Raw(0x66, 0x89, 0x1f) // inc ebx; mov [rdi], bx: the ring's entries are all 0
	d.Poke(d.base+mmio.QueueNotify, queue)

	used := d.EDI(driverUsed + 2).Here()
	d.Raw(0xf3, 0x90, 0x66, 0x3b, 0x1f).Back(asmtest.JNZ, used) // pause; cmp bx, [rdi]
	interrupts := d.EDI(ring3Interrupts).Here()
	d.Raw(0xf3, 0x90, 0x3b, 0x1f).Back(asmtest.JNZ, interrupts) // pause; cmp ebx, [rdi]
	d.check(regInterruptStatus, 1)
	d.Poke(d.base+regInterruptACK, 1)
	d.writes += driverRounds
	d.check(regInterruptStatus, 0)

	d.EDI(driverBuffer).Load32().
		Raw(0x89, 0x04, 0x9d).Raw(binary.LittleEndian.AppendUint32(nil, driverResults-4)...). // mov [4*rbx+driverResults-4], eax
		Raw(0x81, 0xfb).Raw(binary.LittleEndian.AppendUint32(nil, driverRounds)...)           // cmp ebx, driverRounds
	d.Skip(asmtest.JZ, func() {
		at := d.Here() + 5
		d.Imm(0xe9, uint32(round-at)) // jmp round
	})
}

// write writes a register, which exits.
func (d *ring3Driver) write(reg, v uint32) {
	d.Poke(d.base+reg, v)
	d.writes++
}

// expect is check for a register, and counts the exit that reading it is, if it is one.
func (d *ring3Driver) expect(reg, want uint32) {
	if reg < mmio.MirrorOffset {
		d.reads++
	}
	d.check(reg, want)
}

// check wants a register to have that value.
func (d *ring3Driver) check(reg, want uint32) {
	d.EDI(d.base + reg).Load32()
	d.want(want)
}

// want reports its own number, and goes no further, unless EAX has that value.
func (d *ring3Driver) want(eax uint32) {
	d.wants++
	d.Imm(0x3d, eax) // cmp eax, imm32
	d.Skip(asmtest.JZ, func() { d.Poke(reportAddr, d.wants).Spin() })
}
