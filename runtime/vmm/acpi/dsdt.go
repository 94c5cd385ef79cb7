// SPDX-License-Identifier: MIT OR Apache-2.0

package acpi

import (
	"fmt"

	"arcbox.dev/runtime/vmm/acpi/aml"
)

// dsdtRevision makes integers 64 bits wide (ACPI 6.4 §5.2.11.1).
const dsdtRevision = 2

// COM1, as PCs have it.
const (
	serialPort  = 0x3f8
	serialPorts = 8
	serialGSI   = 4
)

// maxSleepType is the largest value of a sleep register's 3 bits.
const maxSleepType = 7

// buttonPressed is the notification of a power button (ACPI 6.4 §4.8.2.2.2).
const buttonPressed = 0x80

// dsdt describes the devices (ACPI 6.4 §5.2.11.1).
func (c *Config) dsdt() ([]byte, error) {
	var bus []aml.Term
	for id := range c.CPUs {
		bus = append(bus, processor(id))
	}
	if c.Serial {
		bus = append(bus, serial())
	}
	for i, d := range c.Devices {
		bus = append(bus, virtio(i, d))
	}
	if c.PowerButtonGSI != 0 {
		bus = append(bus, powerButton(c.PowerButtonGSI)...)
	}
	terms := []aml.Term{aml.Scope(`\_SB`, bus...)}
	if c.SleepControl != 0 {
		// The first element goes to the sleep control register (ACPI 6.4 §7.4.2).
		terms = append(terms, aml.Name(`\_S5`, aml.Package(aml.Int(uint64(c.SleepType)), aml.Int(0), aml.Int(0), aml.Int(0))))
	}
	code, err := aml.Encode(terms...)
	if err != nil {
		return nil, err
	}
	return makeTable("DSDT", dsdtRevision, code), nil
}

// processor is a CPU, tied by its _UID to its entry in the MADT (ACPI 6.4 §8.4).
func processor(id int) aml.Term {
	return aml.Device(fmt.Sprintf("C%03X", id), identity(aml.String("ACPI0007"), id)...)
}

// identity names a device's kind, and which of that kind it is.
func identity(hid aml.Term, uid int) []aml.Term {
	return []aml.Term{aml.Name("_HID", hid), aml.Name("_UID", aml.Int(uint64(uid)))}
}

func serial() aml.Term {
	return aml.Device("COM1", append(identity(aml.EISAID("PNP0501"), 0),
		aml.Name("_CRS", aml.Resources(aml.IO(serialPort, serialPorts), aml.Interrupt(serialGSI))))...)
}

// virtio is a transport whose memory accesses are coherent (_CCA, ACPI 6.4 §6.2.17).
func virtio(i int, d Device) aml.Term {
	return aml.Device(fmt.Sprintf("V%03X", i), append(identity(aml.String("LNRO0005"), i),
		aml.Name("_CCA", aml.Int(1)),
		aml.Name("_CRS", aml.Resources(aml.Memory32Fixed(uint32(d.Base), d.Size), aml.Interrupt(d.GSI))))...)
}

// powerButton is a button (ACPI 6.4 §4.8.2.2.1.2) and the generic event device whose
// interrupt says that it was pressed (§5.6.9).
func powerButton(gsi uint32) []aml.Term {
	const name = "PWRB"
	pressed := aml.If(aml.Equal(aml.Arg(0), aml.Int(uint64(gsi))),
		aml.Notify(aml.Ref(name), aml.Int(buttonPressed)))
	return []aml.Term{
		aml.Device(name, identity(aml.EISAID("PNP0C0C"), 0)...),
		aml.Device("GED", append(identity(aml.String("ACPI0013"), 0),
			aml.Name("_CRS", aml.Resources(aml.Interrupt(gsi))),
			aml.Method("_EVT", 1, true, pressed))...),
	}
}
