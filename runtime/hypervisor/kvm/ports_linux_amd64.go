// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/vmm"
	"arcbox.dev/runtime/vmm/bus"
	"arcbox.dev/runtime/vmm/legacy"
)

// The guest's interrupts. Those of virtio devices come after these, up to the last
// pin of the IOAPIC.
const (
	powerButtonGSI = 5
	firstGSI       = 6
	lastGSI        = 23
)

// addPorts gives the VM what it has behind I/O ports.
func (m *machine) addPorts(pio *bus.Bus) error {
	serial, err := m.vm.IRQ(legacy.SerialGSI)
	if err != nil {
		return err
	}
	if m.powerButton, err = m.vm.IRQ(powerButtonGSI); err != nil {
		return err
	}
	reset := func() { m.vm.End(vmm.Reset, "") }
	powerOff := func() { m.vm.End(vmm.PowerOff, "") }
	// An interrupt that is lost since the counter is full is one of many that were not looked at.
	m.serial = legacy.NewSerial(m.console, func() { _ = eventfd.Signal(serial) })
	power := legacy.NewPower(reset, powerOff)
	for _, p := range []struct {
		at, size uint64
		device   bus.Device
	}{
		{legacy.SerialPort, legacy.SerialSize, m.serial},
		{legacy.I8042Port, legacy.I8042Size, legacy.NewI8042(reset)},
		{legacy.PowerPort, legacy.PowerSize, power},
	} {
		if err := pio.Add(p.at, p.size, p.device); err != nil {
			return err
		}
	}
	return nil
}
