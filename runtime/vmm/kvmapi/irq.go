// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import gokvm "github.com/bobuhiro11/gokvm/kvm"

const (
	nrIRQLine       = 0x61
	nrGetIRQChip    = 0x62
	nrSetIRQChip    = 0x63
	nrSetGSIRouting = 0x6a
	nrIRQFD         = 0x76
	nrGetPIT2       = 0x9f
	nrSetPIT2       = 0xa0
	nrSignalMSI     = 0xa5
)

// irqfd is struct kvm_irqfd.
type irqfd struct {
	fd         uint32
	gsi        uint32
	flags      uint32
	resampleFD uint32
	_          [16]byte
}

const irqfdDeassign = 1 << 0 // KVM_IRQFD_FLAG_DEASSIGN

// AssignIRQ has each write to the eventfd raise the interrupt gsi for a moment, as
// an edge-triggered device does (KVM_IRQFD).
func AssignIRQ(vm, eventfd int, gsi uint32) error {
	return write(vm, nrIRQFD, &irqfd{fd: uint32(eventfd), gsi: gsi})
}

// DeassignIRQ ends that. After it returns no write raises the interrupt any more.
func DeassignIRQ(vm, eventfd int, gsi uint32) error {
	return write(vm, nrIRQFD, &irqfd{fd: uint32(eventfd), gsi: gsi, flags: irqfdDeassign})
}

// SetIRQLine sets an interrupt's line to 1 or 0 (KVM_IRQ_LINE).
func SetIRQLine(vm int, gsi, level uint32) error {
	return write(vm, nrIRQLine, &[2]uint32{gsi, level})
}

// Route says what an interrupt number leads to (struct kvm_irq_routing_entry).
type Route struct {
	GSI   uint32
	kind  uint32
	flags uint32
	_     uint32
	to    [8]uint32
}

// Kinds of routes (KVM_IRQ_ROUTING_…).
const (
	routeToChip = 1
	routeToMSI  = 2
)

// Interrupt controllers (KVM_IRQCHIP_…).
const (
	PICMaster = 0
	IOAPIC    = 2
)

// RouteToChip leads gsi to an input of an interrupt controller.
func RouteToChip(gsi, chip, pin uint32) Route {
	return Route{GSI: gsi, kind: routeToChip, to: [8]uint32{chip, pin}}
}

// RouteToMSI has gsi send a message to the local APICs (Intel SDM vol. 3 §11.11).
func RouteToMSI(gsi uint32, addr uint64, data uint32) Route {
	return Route{GSI: gsi, kind: routeToMSI, to: [8]uint32{uint32(addr), uint32(addr >> 32), data}}
}

// SetRoutes replaces all routes (KVM_SET_GSI_ROUTING). A VM begins with its
// interrupt controllers' inputs: 0 to 15 lead to PIC and IOAPIC, 16 to 23 to the
// IOAPIC alone.
func SetRoutes(vm int, routes []Route) error {
	l, err := listOf(routes)
	if err != nil {
		return err
	}
	_, err = pass(vm, gokvm.IIOW(nrSetGSIRouting, headSize), l)
	return err
}

// msi is struct kvm_msi.
type msi struct {
	addressLow  uint32
	addressHigh uint32
	data        uint32
	flags       uint32
	deviceID    uint32
	_           [12]byte
}

// SignalMSI sends a message to the local APICs (KVM_SIGNAL_MSI) and says whether one
// has taken it: none does that is off.
func SignalMSI(vm int, addr uint64, data uint32) (taken bool, err error) {
	const size = 32 // of struct kvm_msi
	n, err := pass(vm, gokvm.IIOW(nrSignalMSI, size), &msi{addressLow: uint32(addr), addressHigh: uint32(addr >> 32), data: data})
	return n > 0, err
}

// GetIRQChip reads the state of the interrupt controller that chip.ChipID names
// (KVM_GET_IRQCHIP).
func GetIRQChip(vm int, chip *gokvm.IRQChip) error { return exchange(vm, nrGetIRQChip, chip) }

// SetIRQChip writes it (KVM_SET_IRQCHIP, whose number says "read" by mistake).
func SetIRQChip(vm int, chip *gokvm.IRQChip) error { return read(vm, nrSetIRQChip, chip) }

// GetPIT2 reads the state of the i8254 timer (KVM_GET_PIT2).
func GetPIT2(vm int, pit *gokvm.PITState2) error { return read(vm, nrGetPIT2, pit) }

// SetPIT2 writes it (KVM_SET_PIT2).
func SetPIT2(vm int, pit *gokvm.PITState2) error { return write(vm, nrSetPIT2, pit) }
