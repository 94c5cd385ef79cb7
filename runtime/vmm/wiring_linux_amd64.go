// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"fmt"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// mapRAM shows the guest its memory, one slot a region. It touches none of it.
func (v *VM) mapRAM() error {
	for _, r := range v.cfg.RAM.Regions() {
		if err := v.mapSlot(r.Addr, r.Mem, 0); err != nil {
			return fmt.Errorf("%#x bytes at %#x: %w", len(r.Mem), r.Addr, err)
		}
	}
	return nil
}

// mapSlot shows the guest mem at addr in the next slot.
func (v *VM) mapSlot(addr uint64, mem []byte, flags kvmapi.MemoryFlags) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return errClosed
	}
	if err := kvmapi.MapMemoryWith(v.fd, v.slots, addr, mem, flags); err != nil {
		return err
	}
	v.slots++
	return nil
}

// ioapicPins is how many inputs KVM's IOAPIC has (KVM_IOAPIC_NUM_PINS).
const ioapicPins = 24

// routeIRQs leads interrupts to the IOAPIC, and but for the timer's to it alone. KVM
// would lead the first 16 to the PICs, too, which a kernel that has our ACPI tables
// (hardware-reduced) neither sets up nor masks: they would interrupt it with the
// numbers of exceptions.
func (v *VM) routeIRQs() error {
	routes := []kvmapi.Route{kvmapi.RouteToChip(0, kvmapi.PICMaster, 0)}
	for pin := range uint32(ioapicPins) {
		routes = append(routes, kvmapi.RouteToChip(pin, kvmapi.IOAPIC, pin))
	}
	return kvmapi.SetRoutes(v.fd, routes)
}

// ShowReadOnly shows the guest mem, which comes from mmap, at addr: its reads do not
// exit, and its writes go to the MMIO bus or an eventfd, as if there were no memory.
// Address and length are multiples of 4 KiB. The memory stays the caller's, who may
// change its content at any time, and there until Close has returned. Where KVM has
// no such memory the error matches errdefs.ErrNotSupported.
func (v *VM) ShowReadOnly(addr uint64, mem []byte) error {
	if n, err := kvmapi.CheckExtension(v.cfg.Device, gokvm.CapReadOnlyMEM); err != nil || n == 0 {
		return errdefs.New(errdefs.ErrNotSupported, "", "this host's KVM has no read-only guest memory")
	}
	if err := v.mapSlot(addr, mem, kvmapi.ReadOnly); err != nil {
		return fmt.Errorf("showing %#x bytes at %#x read-only: %w", len(mem), addr, err)
	}
	return nil
}

// IRQ returns an eventfd each write to which raises the interrupt gsi, an input of the
// IOAPIC from 1 to 23, once, as an edge: KVM takes it without this process. The
// descriptor is the VM's, good until Close.
func (v *VM) IRQ(gsi uint32) (int, error) {
	if gsi == 0 || gsi >= ioapicPins {
		return -1, errdefs.New(errdefs.ErrInvalid, "", "interrupt %d is not one of 1 to %d", gsi, ioapicPins-1)
	}
	fd, err := v.wire(func(fd int) error { return kvmapi.AssignIRQ(v.fd, fd, gsi) })
	if err != nil {
		return -1, fmt.Errorf("wiring interrupt %d: %w", gsi, err)
	}
	return fd, nil
}

// Notify returns an eventfd that KVM signals when a guest writes match, in size
// bytes, to the physical address addr: the write does not exit. The descriptor is
// the VM's, good until Close.
func (v *VM) Notify(addr uint64, size uint32, match uint64) (int, error) {
	fd, err := v.wire(func(fd int) error { return kvmapi.AssignIOEvent(v.fd, fd, addr, size, match) })
	if err != nil {
		return -1, fmt.Errorf("wiring writes of %d to %#x: %w", match, addr, err)
	}
	return fd, nil
}

// wire makes an eventfd and gives it to KVM.
func (v *VM) wire(assign func(fd int) error) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return -1, errClosed
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("eventfd: %w", err)
	}
	if err := assign(fd); err != nil {
		_ = unix.Close(fd) // made a moment ago and used by nobody
		return -1, err
	}
	v.eventfds = append(v.eventfds, fd)
	return fd, nil
}

// errClosed and errEnded are for calls that come too late.
var (
	errClosed = errdefs.New(errdefs.ErrUnavailable, "", "the VM is closed")
	errEnded  = errdefs.New(errdefs.ErrUnavailable, "", "the VM has ended")
)
