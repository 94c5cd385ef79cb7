// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

// Ports of I8042. Those between data and status belong to the speaker, which KVM has.
const (
	I8042Port = 0x60 // the first port
	I8042Size = 5    // number of ports
)

// Registers by their offsets.
const (
	i8042Data   = 0
	i8042Status = 4 // commands where it is written
)

const (
	// i8042Ready: the self test has passed, the controller takes input and has no
	// output.
	i8042Ready = 1 << 2
	// i8042Pulse is the first of 16 commands that pulse those lines low whose bits in
	// the command are 0.
	i8042Pulse = 0xf0
	// i8042ResetLine is the bit of the line that resets the CPU.
	i8042ResetLine = 1 << 0
)

// I8042 is as much of a keyboard controller as resets a machine: it takes commands
// and answers none.
type I8042 struct {
	reset func()
}

// NewI8042 makes a controller. reset is called on the vCPU's thread, as often as the
// guest asks for it.
func NewI8042(reset func()) *I8042 { return &I8042{reset: reset} }

// Read is part of bus.Device.
func (d *I8042) Read(off uint64, p []byte) {
	for i := range p {
		switch off + uint64(i) {
		case i8042Data:
			p[i] = 0
		case i8042Status:
			p[i] = i8042Ready
		default:
			p[i] = 0xff
		}
	}
}

// Write is part of bus.Device.
func (d *I8042) Write(off uint64, p []byte) {
	for i, v := range p {
		if off+uint64(i) == i8042Status && v >= i8042Pulse && v&i8042ResetLine == 0 {
			d.reset()
		}
	}
}
