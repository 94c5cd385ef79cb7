// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

import (
	"io"
	"sync"
)

// Where a PC has its first serial port (COM1).
const (
	SerialPort = 0x3f8 // the first port
	SerialSize = 8     // number of ports
	SerialGSI  = 4
)

// Serial is a 16550A UART (National Semiconductor, PC16550D data sheet, June 1995). The
// line behind it has no speed: a character that is written has been sent at once, one
// that comes in is there when the guest reads the one before, and the four character
// times after which a FIFO below its trigger level interrupts have always passed.
// Divisor, word length, parity and break are kept and have no effect.
//
// The peer is always connected and ready: CTS, DSR and DCD are set. The interrupt
// output goes to its GSI directly: OUT2, which gates it in a PC, has no part in it.
type Serial struct {
	interrupt func()
	room      chan struct{}
	out       output

	mu sync.Mutex // guards what follows; not held while out or interrupt is called
	registers
	queue   queue // what has come in and is not in the FIFO yet
	waiting bool  // Input could not take all
	raised  bool  // the interrupt output
}

// NewSerial makes a UART in its reset state. What the guest sends is written to out:
// by lines, in pieces of up to 256 bytes, and 5 ms after a piece's first byte at the
// latest; errors are ignored. out may block for a time, which stops the vCPU that
// writes. interrupt is called on each rising edge of the interrupt output, by the
// vCPU's thread or by Input, and must not block.
func NewSerial(out io.Writer, interrupt func()) *Serial {
	s := &Serial{interrupt: interrupt, room: make(chan struct{}, 1), out: output{out: out}}
	s.registers.reset()
	return s
}

// Read is part of bus.Device.
func (s *Serial) Read(off uint64, p []byte) {
	for i := range p {
		p[i] = s.readByte(off + uint64(i))
	}
}

// Write is part of bus.Device.
func (s *Serial) Write(off uint64, p []byte) {
	for i, v := range p {
		s.writeByte(off+uint64(i), v)
	}
}

func (s *Serial) readByte(off uint64) byte {
	s.mu.Lock()
	v := s.registers.read(off)
	s.unlock()
	return v
}

func (s *Serial) writeByte(off uint64, v byte) {
	s.mu.Lock()
	sent := s.registers.write(off, v)
	s.unlock()
	if sent {
		s.out.put(v)
	}
}

// Input gives the guest what came in on the line and returns how many bytes of p
// there was room for. Where that is not all, Room tells when to go on.
func (s *Serial) Input(p []byte) int {
	s.mu.Lock()
	n := s.queue.put(p)
	s.waiting = n < len(p)
	s.unlock()
	return n
}

// Room gets a value when there is room again after an Input that could not take all.
func (s *Serial) Room() <-chan struct{} { return s.room }

// Flush writes what the guest has sent and is not written yet.
func (s *Serial) Flush() { s.out.flush() }

// unlock fills the FIFO, unlocks, and tells what has changed.
func (s *Serial) unlock() {
	for s.queue.n > 0 && s.registers.accepts() {
		s.registers.receive(s.queue.get())
	}
	room := s.waiting && s.queue.n < queueSize/2
	if room {
		s.waiting = false
	}
	pending := s.registers.interruptID() != noInterrupt
	edge := pending && !s.raised
	s.raised = pending
	s.mu.Unlock()
	if room {
		select {
		case s.room <- struct{}{}:
		default:
		}
	}
	if edge {
		s.interrupt()
	}
}
