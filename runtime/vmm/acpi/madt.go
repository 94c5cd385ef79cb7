// SPDX-License-Identifier: MIT OR Apache-2.0

package acpi

import "encoding/binary"

const madtRevision = 5

// Types of interrupt controller structures (ACPI 6.4 §5.2.12, table 5.21).
const (
	typeLocalAPIC   = 0
	typeIOAPIC      = 1
	typeLocalX2APIC = 9
)

// enabled is the flag of a CPU that is there (ACPI 6.4 §5.2.12.2).
const enabled = 1

// firstX2APIC is the first APIC id that does not fit in 8 bits, of which 255 means
// all CPUs.
const firstX2APIC = 255

// madt lists the CPUs and the IOAPIC (ACPI 6.4 §5.2.12). It has no interrupt source
// overrides: hardware-reduced ACPI has no ISA interrupts that need one.
func (c *Config) madt() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, localAPICAddress)
	b = le.AppendUint32(b, 0) // flags: no 8259
	for id := range min(c.CPUs, firstX2APIC) {
		b = append(b, typeLocalAPIC, 8, byte(id), byte(id))
		b = le.AppendUint32(b, enabled)
	}
	// ACPI 6.4 §5.2.12.12
	for id := firstX2APIC; id < c.CPUs; id++ {
		b = append(b, typeLocalX2APIC, 16, 0, 0)
		b = le.AppendUint32(b, uint32(id))
		b = le.AppendUint32(b, enabled)
		b = le.AppendUint32(b, uint32(id)) // the _UID of its device
	}
	const ioAPICID = 0
	b = append(b, typeIOAPIC, 12, ioAPICID, 0)
	b = le.AppendUint32(b, ioAPICAddress)
	b = le.AppendUint32(b, 0) // its first GSI
	return makeTable("APIC", madtRevision, b)
}
