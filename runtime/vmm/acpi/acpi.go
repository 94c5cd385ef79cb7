// SPDX-License-Identifier: MIT OR Apache-2.0

// Package acpi writes the tables by which a guest finds its CPUs and devices
// (ACPI 6.4): RSDP, XSDT, FADT, MADT and DSDT, for hardware-reduced ACPI (§4.1). Of
// ACPI's hardware there are three registers only: for power off two, and for reset
// one.
//
// Nothing here comes from a guest. The tables are written before it runs, and it may
// do with them what it likes.
package acpi

import "fmt"

// Addresses of interrupt controllers in guest memory, where KVM has them.
const (
	localAPICAddress = 0xfee0_0000
	ioAPICAddress    = 0xfec0_0000
)

// The tables are where a guest without other firmware looks for the RSDP: on a
// 16-byte boundary of the BIOS area (ACPI 6.4 §5.2.5.1).
const (
	areaStart  = 0xe_0000
	areaEnd    = 0x10_0000
	areaAlign  = 16
	tableAlign = 8
)

// MaxCPUs is how many CPUs the tables can describe.
const MaxCPUs = 4096

// maxDevices is how many devices have a name: V000 to VFFF.
const maxDevices = 4096

// Config is what the tables describe.
type Config struct {
	// CPUs is the number of vCPUs. The APIC id of each is its number, from 0 on.
	CPUs int
	// Devices are virtio-mmio transports, in the order in which the guest finds them.
	Devices []Device
	// Serial says that there is a 16550A at port 0x3f8 with interrupt 4 (COM1).
	Serial bool
	// PowerButtonGSI is the edge interrupt by which the power button is pressed, 0
	// where there is no button.
	PowerButtonGSI uint32
	// SleepControl and SleepStatus are the ports of the sleep registers (ACPI 6.4
	// §4.8.3.7), and SleepType, up to 7, is what powers off. Where SleepControl is 0
	// the guest cannot power itself off.
	SleepControl, SleepStatus uint16
	SleepType                 byte
	// Reset is the port that resets where ResetValue is written to it, 0 where there
	// is none (ACPI 6.4 §4.8.3.6).
	Reset      uint16
	ResetValue byte
}

// Device is a virtio-mmio transport (virtio 1.2 §4.2).
type Device struct {
	Base uint64 // guest address of the registers; they end below 4 GiB
	Size uint32 // of the registers, in bytes
	GSI  uint32 // its edge interrupt
}

// Build writes the tables for guest address base, which is on a 16-byte boundary
// from 0xe0000 on. They end below 0x100000. The RSDP comes first; its address is
// returned beside them, for boot protocols that hand it over.
func Build(cfg Config, base uint64) (tables []byte, rsdp uint64, err error) {
	if err := cfg.check(); err != nil {
		return nil, 0, err
	}
	if base < areaStart || base >= areaEnd || base%areaAlign != 0 {
		return nil, 0, fmt.Errorf("writing ACPI tables: %#x is no address for them", base)
	}
	dsdt, err := cfg.dsdt()
	if err != nil {
		return nil, 0, fmt.Errorf("writing ACPI tables: %w", err)
	}
	l := layout{base: base, tables: make([]byte, rsdpSize)}
	at := l.add(dsdt)
	fadt, madt := l.add(cfg.fadt(at)), l.add(cfg.madt())
	copy(l.tables, makeRSDP(l.add(xsdt(fadt, madt))))
	if end := base + uint64(len(l.tables)); end > areaEnd {
		return nil, 0, fmt.Errorf("writing ACPI tables: they end at %#x, behind %#x: %d devices and %d CPUs are too many",
			end, areaEnd, len(cfg.Devices), cfg.CPUs)
	}
	return l.tables, base, nil
}

func (c *Config) check() error {
	switch {
	case c.CPUs < 1 || c.CPUs > MaxCPUs:
		return fmt.Errorf("writing ACPI tables: %d CPUs, and 1 to %d can be", c.CPUs, MaxCPUs)
	case len(c.Devices) > maxDevices:
		return fmt.Errorf("writing ACPI tables: %d devices, and %d can be", len(c.Devices), maxDevices)
	case c.SleepType > maxSleepType:
		return fmt.Errorf("writing ACPI tables: sleep type %d, and 0 to %d can be", c.SleepType, maxSleepType)
	case (c.SleepControl == 0) != (c.SleepStatus == 0):
		return fmt.Errorf("writing ACPI tables: of two sleep registers only one has a port")
	}
	for _, d := range c.Devices {
		if d.Size == 0 || d.Base > 1<<32-uint64(d.Size) {
			return fmt.Errorf("writing ACPI tables: a device of %#x bytes at %#x, and it must end below 4 GiB", d.Size, d.Base)
		}
	}
	return nil
}

// layout puts tables behind each other.
type layout struct {
	base   uint64
	tables []byte
}

// add appends a table and returns its guest address.
func (l *layout) add(table []byte) uint64 {
	for len(l.tables)%tableAlign != 0 {
		l.tables = append(l.tables, 0)
	}
	at := l.base + uint64(len(l.tables))
	l.tables = append(l.tables, table...)
	return at
}
