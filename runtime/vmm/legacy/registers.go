// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

// Registers by their offsets (PC16550D §8, table II). With the divisor latch access
// bit of LCR set, 0 and 1 are the divisor.
const (
	regData    = 0 // RBR where it is read, THR where it is written
	regIER     = 1 // interrupt enable
	regIIR     = 2 // interrupt identification where it is read
	regFCR     = 2 // FIFO control where it is written
	regLCR     = 3 // line control
	regMCR     = 4 // modem control
	regLSR     = 5 // line status
	regMSR     = 6 // modem status
	regScratch = 7
)

// Interrupt enable and identification (PC16550D §8.7, §8.6, table IV).
const (
	enableReceived    = 1 << 0
	enableTransmitter = 1 << 1
	enableLine        = 1 << 2
	enableModem       = 1 << 3
	enableMask        = 0x0f

	idModem       = 0x00
	noInterrupt   = 0x01
	idTransmitter = 0x02
	idReceived    = 0x04
	idLine        = 0x06
	idTimeout     = 0x0c
	idFIFOs       = 0xc0 // both FIFOs are on
)

// FIFO control (PC16550D §8.5), and line control (§8.1).
const (
	fifoEnable       = 1 << 0
	fifoClearInput   = 1 << 1
	fifoTriggerShift = 6
	divisorAccess    = 1 << 7
)

// Modem control and modem status (PC16550D §8.8, §8.9).
const (
	controlDTR  = 1 << 0
	controlRTS  = 1 << 1
	controlOUT1 = 1 << 2
	controlOUT2 = 1 << 3
	controlLoop = 1 << 4
	controlMask = 0x1f
	statusCTS   = 1 << 4
	statusDSR   = 1 << 5
	statusRI    = 1 << 6
	statusDCD   = 1 << 7
	deltaShift  = 4 // from a line in MSR to its delta
	// connected is what the modem lines say outside of loopback.
	connected = statusCTS | statusDSR | statusDCD
)

// Line status (PC16550D §8.4).
const (
	lineReady   = 1 << 0
	lineOverrun = 1 << 1
	// lineEmpty: holding register and shift register are empty (THRE, TEMT).
	lineEmpty = 1<<5 | 1<<6
)

const fifoSize = 16

// triggers are the FIFO's trigger levels in characters, by FCR's bits 7–6.
var triggers = [4]int{1, 4, 8, 14}

// registers is the UART less its line.
type registers struct {
	ier, fifo, lcr, mcr, scratch byte
	lines, deltas                byte // upper and lower half of MSR
	divisor                      [2]byte
	overrun                      bool
	empty                        bool // THR became empty and IIR has not said so
	input                        [fifoSize]byte
	n                            int // characters in input
}

// reset is what the reset input does (PC16550D §8, table I), with the divisor of 9600
// baud.
func (r *registers) reset() {
	*r = registers{lines: connected, divisor: [2]byte{12, 0}}
}

// depth is how many characters the receiver holds.
func (r *registers) depth() int {
	if r.fifo&fifoEnable != 0 {
		return fifoSize
	}
	return 1
}

// accepts tells whether a character may come in on the line, which loopback cuts off.
func (r *registers) accepts() bool { return r.mcr&controlLoop == 0 && r.n < r.depth() }

// receive takes a character from the shift register. Where there is no room a FIFO
// loses the new character, a plain register the old one (PC16550D §8.4, bit 1).
func (r *registers) receive(c byte) {
	if r.n == r.depth() {
		r.overrun = true
		if r.fifo&fifoEnable == 0 {
			r.input[0] = c
		}
		return
	}
	r.input[r.n] = c
	r.n++
}

// interruptID is the pending interrupt of the highest priority, as the low 4 bits of
// IIR (PC16550D §8.6, table IV).
func (r *registers) interruptID() byte {
	switch {
	case r.ier&enableLine != 0 && r.overrun:
		return idLine
	case r.ier&enableReceived != 0 && r.n > 0:
		if r.fifo&fifoEnable != 0 && r.n < triggers[r.fifo>>fifoTriggerShift] {
			return idTimeout
		}
		return idReceived
	case r.ier&enableTransmitter != 0 && r.empty:
		return idTransmitter
	case r.ier&enableModem != 0 && r.deltas != 0:
		return idModem
	}
	return noInterrupt
}
