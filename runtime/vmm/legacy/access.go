// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

// read is a guest's read of one register.
func (r *registers) read(off uint64) byte {
	if off <= regIER && r.lcr&divisorAccess != 0 {
		return r.divisor[off]
	}
	switch off {
	case regData:
		return r.readData()
	case regIER:
		return r.ier
	case regIIR:
		id := r.interruptID()
		if id == idTransmitter {
			r.empty = false // PC16550D §8.6, table IV: reading IIR resets it
		}
		if r.fifo&fifoEnable != 0 {
			id |= idFIFOs
		}
		return id
	case regLCR:
		return r.lcr
	case regMCR:
		return r.mcr
	case regLSR:
		v := byte(lineEmpty)
		if r.n > 0 {
			v |= lineReady
		}
		if r.overrun {
			v |= lineOverrun
		}
		r.overrun = false
		return v
	case regMSR:
		v := r.lines | r.deltas
		r.deltas = 0
		return v
	case regScratch:
		return r.scratch
	}
	return 0xff
}

// readData takes the oldest character, or gives 0 where there is none.
func (r *registers) readData() byte {
	if r.n == 0 {
		return 0
	}
	c := r.input[0]
	copy(r.input[:], r.input[1:r.n])
	r.n--
	return c
}

// write is a guest's write to one register. It tells whether v goes out on the line.
func (r *registers) write(off uint64, v byte) (sent bool) {
	if off <= regIER && r.lcr&divisorAccess != 0 {
		r.divisor[off] = v
		return false
	}
	switch off {
	case regData:
		r.empty = true
		if r.mcr&controlLoop != 0 {
			r.receive(v)
			return false
		}
		return true
	case regIER:
		// Enabling the interrupt of an empty THR raises it, whatever IIR said before.
		if v&^r.ier&enableTransmitter != 0 {
			r.empty = true
		}
		r.ier = v & enableMask
	case regFCR:
		r.writeFIFO(v)
	case regLCR:
		r.lcr = v
	case regMCR:
		r.mcr = v & controlMask
		r.setLines()
	case regScratch:
		r.scratch = v
	}
	return false // LSR and MSR are for reading
}

// writeFIFO writes FCR, whose other bits count only where FIFOs are on. Turning them
// on or off empties them (PC16550D §8.5).
func (r *registers) writeFIFO(v byte) {
	if (v^r.fifo)&fifoEnable != 0 || v&(fifoEnable|fifoClearInput) == fifoEnable|fifoClearInput {
		r.n = 0
	}
	r.fifo = v
	if v&fifoEnable == 0 {
		r.fifo = 0
	}
}

// setLines connects MSR's lines with those of MCR in loopback, with the peer's
// otherwise. A change sets the line's delta; that of RI, only where it ends (PC16550D
// §8.8, §8.9).
func (r *registers) setLines() {
	lines := byte(connected)
	if r.mcr&controlLoop != 0 {
		lines = loopback(r.mcr)
	}
	changed := lines ^ r.lines
	if lines&statusRI != 0 {
		changed &^= statusRI
	}
	r.deltas |= changed >> deltaShift
	r.lines = lines
}

// loopback is how MCR's outputs come back as MSR's inputs (PC16550D §8.8, bit 4).
func loopback(mcr byte) (lines byte) {
	for _, wire := range [4][2]byte{
		{controlRTS, statusCTS}, {controlDTR, statusDSR}, {controlOUT1, statusRI}, {controlOUT2, statusDCD},
	} {
		if mcr&wire[0] != 0 {
			lines |= wire[1]
		}
	}
	return lines
}
