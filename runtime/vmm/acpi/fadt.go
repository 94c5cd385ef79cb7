// SPDX-License-Identifier: MIT OR Apache-2.0

package acpi

import "encoding/binary"

// The fixed ACPI description table (ACPI 6.4 §5.2.9, table 5.9).
const (
	fadtSize     = 276 // bytes
	fadtRevision = 6
	fadtMinor    = 4

	fadtBootFlags     = 109
	fadtFlags         = 112
	fadtResetRegister = 116
	fadtResetValue    = 128
	fadtMinorVersion  = 131
	fadtDSDT          = 140
	fadtSleepControl  = 244
	fadtSleepStatus   = 256
	fadtHypervisor    = 268
)

// Fixed feature flags (ACPI 6.4 §5.2.9, table 5.10). That of each button says that
// it is not in a fixed register.
const (
	flagWBINVD          = 1 << 0
	flagC1              = 1 << 2 // hlt works on each CPU
	flagPowerButton     = 1 << 4
	flagSleepButton     = 1 << 5
	flagReset           = 1 << 10
	flagHeadless        = 1 << 12
	flagHardwareReduced = 1 << 20
)

// IA-PC boot architecture flags (ACPI 6.4 §5.2.9.3, table 5.11).
const (
	bootLegacyDevices = 1 << 0
	bootNoVGA         = 1 << 2
	bootNoRTC         = 1 << 5
)

// fadt describes fixed hardware, of which there is next to none. Fields of hardware
// that is not there are 0 (ACPI 6.4 §4.1).
func (c *Config) fadt(dsdt uint64) []byte {
	le := binary.LittleEndian
	t := make([]byte, fadtSize)
	boot := uint16(bootNoVGA | bootNoRTC)
	if c.Serial {
		boot |= bootLegacyDevices
	}
	flags := uint32(flagWBINVD | flagC1 | flagPowerButton | flagSleepButton | flagHeadless | flagHardwareReduced)
	if c.Reset != 0 {
		flags |= flagReset
		putPort(t[fadtResetRegister:], c.Reset)
		t[fadtResetValue] = c.ResetValue
	}
	if c.SleepControl != 0 {
		putPort(t[fadtSleepControl:], c.SleepControl)
		putPort(t[fadtSleepStatus:], c.SleepStatus)
	}
	le.PutUint16(t[fadtBootFlags:], boot)
	le.PutUint32(t[fadtFlags:], flags)
	t[fadtMinorVersion] = fadtMinor
	le.PutUint64(t[fadtDSDT:], dsdt)
	copy(t[fadtHypervisor:], oemID)
	return makeTable("FACP", fadtRevision, t[headerSize:])
}

// putPort writes the generic address structure of a port of one byte (ACPI 6.4
// §5.2.3.2).
func putPort(b []byte, port uint16) {
	b[0] = 1 // system I/O space
	b[1] = 8 // bits wide
	b[2] = 0 // bit offset
	b[3] = 1 // byte access
	binary.LittleEndian.PutUint64(b[4:], uint64(port))
}
