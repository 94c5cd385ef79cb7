// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

// Ports of Power. Its registers are where no PC has any.
const (
	PowerPort = 0x600 // the first port
	PowerSize = 3     // number of ports

	SleepControlPort = PowerPort
	SleepStatusPort  = PowerPort + 1
	ResetPort        = PowerPort + 2
)

const (
	// SleepTypeOff is the sleep type of power off, the first element of \_S5.
	SleepTypeOff = 5
	// ResetValue resets where it is written to ResetPort.
	ResetValue = 1
)

// Bits of the sleep control register (ACPI 6.4 §4.8.3.7).
const (
	sleepTypeShift = 2
	sleepTypeMask  = 7
	sleepEnable    = 1 << 5
)

// Power is the registers by which a guest with hardware-reduced ACPI ends: sleep
// control and sleep status (ACPI 6.4 §4.8.3.7), and reset (§4.8.3.6). It has no
// state, and all registers read as 0.
type Power struct {
	reset, powerOff func()
}

// NewPower makes the registers. The functions are called on the vCPU's thread, each
// as often as the guest asks for it.
func NewPower(reset, powerOff func()) *Power { return &Power{reset: reset, powerOff: powerOff} }

// Read is part of bus.Device.
func (d *Power) Read(_ uint64, p []byte) { clear(p) }

// Write is part of bus.Device.
func (d *Power) Write(off uint64, p []byte) {
	for i, v := range p {
		switch off + uint64(i) {
		case SleepControlPort - PowerPort:
			if v&sleepEnable != 0 && v>>sleepTypeShift&sleepTypeMask == SleepTypeOff {
				d.powerOff()
			}
		case ResetPort - PowerPort:
			if v == ResetValue {
				d.reset()
			}
		}
	}
}
