// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/bus"
)

var (
	_ bus.Device = (*Serial)(nil)
	_ bus.Device = (*I8042)(nil)
	_ bus.Device = (*Power)(nil)
)

// port is a UART as a guest uses it.
type port struct {
	*Serial
	edges int // calls of interrupt
}

func newPort(out io.Writer) *port {
	p := new(port)
	p.Serial = NewSerial(out, func() { p.edges++ })
	return p
}

func (p *port) in(reg uint64) byte {
	b := []byte{0xa5}
	p.Read(reg, b)
	return b[0]
}

func (p *port) put(reg uint64, v byte) { p.Write(reg, []byte{v}) }

// edge wants that f raises the interrupt n times.
func (p *port) edge(t *testing.T, n int, f func()) {
	t.Helper()
	before := p.edges
	f()
	require.Equal(t, n, p.edges-before, "interrupts")
}

func TestResetState(t *testing.T) {
	p := newPort(io.Discard)
	for reg, want := range []byte{0, 0, 0x01, 0, 0, 0x60, 0xb0, 0} {
		require.Equal(t, want, p.in(uint64(reg)), "register %d", reg)
	}
	p.put(regLCR, 0x80)
	require.Equal(t, []byte{12, 0}, []byte{p.in(0), p.in(1)}, "9600 baud")
}

// TestProbe does what a driver does to find out which UART this is: each step tells
// a 16550A from one of its relatives.
func TestProbe(t *testing.T) {
	p := newPort(io.Discard)
	for _, step := range []struct {
		name   string
		writes [][2]byte // register and value
		reg    uint64
		mask   byte
		want   byte
	}{
		{name: "no enabled interrupts", writes: [][2]byte{{regIER, 0}}, reg: regIER, mask: 0xff, want: 0},
		{name: "four kinds of interrupt", writes: [][2]byte{{regIER, 0xff}}, reg: regIER, mask: 0xff, want: 0x0f},
		{name: "loopback", writes: [][2]byte{{regIER, 0}, {regMCR, 0x1a}}, reg: regMSR, mask: 0xf0, want: 0x90},
		{name: "the other half of loopback", writes: [][2]byte{{regMCR, 0x15}}, reg: regMSR, mask: 0xf0, want: 0x60},
		{name: "5 bits of modem control", writes: [][2]byte{{regMCR, 0xff}}, reg: regMCR, mask: 0xff, want: 0x1f},
		{name: "connected again", writes: [][2]byte{{regMCR, 0}}, reg: regMSR, mask: 0xf0, want: 0xb0},
		{name: "scratch: no 8250", writes: [][2]byte{{regScratch, 0x5a}}, reg: regScratch, mask: 0xff, want: 0x5a},
		{name: "FIFOs: no 16450", writes: [][2]byte{{regFCR, 1}}, reg: regIIR, mask: 0xff, want: 0xc1},
		{name: "no FIFO of 64 bytes: no 16750", writes: [][2]byte{{regLCR, 0x80}, {regFCR, 0x21}}, reg: regIIR, mask: 0xe0, want: 0xc0},
		{name: "no enhanced features: no 16650", writes: [][2]byte{{regLCR, 0xbf}, {regFCR, 0}}, reg: regIIR, mask: 0xff, want: 0x01},
		{name: "no second bank", writes: [][2]byte{{regMCR, 0x10}, {regLCR, 0xe0}}, reg: regIIR, mask: 0x10, want: 0},
		{name: "divisor latch, low", writes: [][2]byte{{0, 0x34}, {1, 0x12}}, reg: 0, mask: 0xff, want: 0x34},
		{name: "divisor latch, high", reg: 1, mask: 0xff, want: 0x12},
		{name: "interrupts are behind it", writes: [][2]byte{{regLCR, 0x03}}, reg: regIER, mask: 0xff, want: 0},
		{name: "line control", reg: regLCR, mask: 0xff, want: 0x03},
		{name: "line status is for reading", writes: [][2]byte{{regLSR, 0xff}}, reg: regLSR, mask: 0xff, want: 0x60},
	} {
		for _, w := range step.writes {
			p.put(uint64(w[0]), w[1])
		}
		require.Equal(t, step.want, p.in(step.reg)&step.mask, step.name)
	}
}

// TestTransmitterInterrupt: an empty holding register interrupts when that is
// enabled and after each write, and until IIR has said so.
func TestTransmitterInterrupt(t *testing.T) {
	p := newPort(io.Discard)
	for range 2 { // a driver tries it twice
		p.edge(t, 1, func() { p.put(regIER, enableTransmitter) })
		require.EqualValues(t, idTransmitter, p.in(regIIR))
		require.EqualValues(t, noInterrupt, p.in(regIIR))
		p.edge(t, 0, func() { p.put(regIER, enableTransmitter) }) // no change
		require.EqualValues(t, noInterrupt, p.in(regIIR))
		p.put(regIER, 0)
	}
	p.edge(t, 1, func() { p.put(regIER, enableTransmitter) })
	require.EqualValues(t, idTransmitter, p.in(regIIR))
	// A burst into the FIFO is one interrupt.
	p.edge(t, 1, func() {
		for range fifoSize {
			p.put(regData, 'x')
		}
	})
	require.EqualValues(t, lineEmpty, p.in(regLSR))
	require.EqualValues(t, idTransmitter, p.in(regIIR))
	// A driver that polls hears nothing.
	p.put(regIER, 0)
	p.edge(t, 0, func() { p.put(regData, 'x') })
}

func TestReceiverInterrupt(t *testing.T) {
	p := newPort(io.Discard)
	p.put(regFCR, 0x81) // FIFOs on, trigger level 8
	require.EqualValues(t, 0xc1, p.in(regIIR))
	p.edge(t, 0, func() { p.Input([]byte("a")) })
	p.edge(t, 1, func() { p.put(regIER, enableReceived) })
	require.EqualValues(t, idFIFOs|idTimeout, p.in(regIIR))
	p.edge(t, 0, func() { p.Input([]byte("bcdefgh")) }) // the output is still high
	require.EqualValues(t, idFIFOs|idReceived, p.in(regIIR))
	require.EqualValues(t, 'a', p.in(regData))
	require.EqualValues(t, idFIFOs|idTimeout, p.in(regIIR))
	for _, want := range []byte("bcdefgh") {
		require.EqualValues(t, lineEmpty|lineReady, p.in(regLSR))
		require.Equal(t, want, p.in(regData))
	}
	require.EqualValues(t, lineEmpty, p.in(regLSR))
	require.EqualValues(t, idFIFOs|noInterrupt, p.in(regIIR))
	require.Zero(t, p.in(regData))
	p.edge(t, 1, func() { p.Input([]byte("i")) })
	p.put(regFCR, fifoEnable|fifoClearInput)
	require.EqualValues(t, idFIFOs|noInterrupt, p.in(regIIR))
}

// TestPriority: the pending interrupt of the highest priority is named, and each goes
// by its own access (PC16550D §8.6, table IV).
func TestPriority(t *testing.T) {
	p := newPort(io.Discard)
	p.put(regMCR, controlLoop) // CTS, DSR and DCD fall
	p.put(regData, 'a')
	p.put(regData, 'b') // overruns the receiver, which has no FIFO
	p.edge(t, 1, func() { p.put(regIER, enableMask) })
	for _, step := range []struct {
		id  byte
		reg uint64 // read it, and it goes
		got byte
	}{
		{idLine, regLSR, lineEmpty | lineOverrun | lineReady},
		{idReceived, regData, 'b'},
		{idTransmitter, regLSR, lineEmpty}, // gone by the read of IIR
		{idModem, regMSR, 0x0b},
		{noInterrupt, regMSR, 0},
	} {
		require.Equal(t, step.id, p.in(regIIR))
		require.Equal(t, step.got, p.in(step.reg))
	}
}

// TestModemStatus: deltas are of changes; that of RI is of its end.
func TestModemStatus(t *testing.T) {
	p := newPort(io.Discard)
	p.put(regMCR, controlLoop|controlRTS|controlDTR|controlOUT2)
	require.EqualValues(t, 0xb0, p.in(regMSR), "as it was outside")
	p.put(regMCR, controlLoop|controlRTS|controlDTR|controlOUT2|controlOUT1)
	require.EqualValues(t, 0xf0, p.in(regMSR), "the ring's start")
	p.put(regMCR, controlLoop|controlRTS)
	require.EqualValues(t, 0x1e, p.in(regMSR), "its end, DSR and DCD")
	require.EqualValues(t, 0x10, p.in(regMSR))
}

func TestLoopback(t *testing.T) {
	var out bytes.Buffer
	p := newPort(&out)
	p.put(regFCR, fifoEnable)
	p.put(regMCR, controlLoop)
	p.Input([]byte("outside"))
	for c := range byte(fifoSize + 1) {
		p.put(regData, c)
	}
	require.EqualValues(t, lineEmpty|lineReady|lineOverrun, p.in(regLSR))
	require.EqualValues(t, lineEmpty|lineReady, p.in(regLSR), "told once")
	for c := range byte(fifoSize) {
		require.Equal(t, c, p.in(regData)) // the last one is lost
	}
	require.EqualValues(t, lineEmpty, p.in(regLSR))
	p.put(regMCR, 0)
	require.EqualValues(t, 'o', p.in(regData), "the line waited")
	p.Flush()
	require.Empty(t, out.Bytes())
}

// TestFIFOControl: the FIFOs' other bits count only where they are on.
func TestFIFOControl(t *testing.T) {
	p := newPort(io.Discard)
	p.put(regIER, enableReceived)
	p.Input([]byte("ab"))
	require.EqualValues(t, idReceived, p.in(regIIR))
	p.put(regFCR, fifoClearInput) // not on: nothing is cleared
	require.EqualValues(t, 'a', p.in(regData))
	p.put(regFCR, 0xc0|fifoEnable) // turned on: 'b' is lost
	require.EqualValues(t, idFIFOs|noInterrupt, p.in(regIIR))
	p.Input([]byte(strings.Repeat("c", 13)))
	require.EqualValues(t, idFIFOs|idTimeout, p.in(regIIR))
	p.Input([]byte("d"))
	require.EqualValues(t, idFIFOs|idReceived, p.in(regIIR))
	p.put(regFCR, fifoEnable|1<<2) // clears the transmitter's
	require.EqualValues(t, idFIFOs|idReceived, p.in(regIIR))
	p.put(regFCR, 0)
	require.EqualValues(t, noInterrupt, p.in(regIIR))
}

// TestInput: more than the guest reads waits, up to a limit, and comes in order.
func TestInput(t *testing.T) {
	p := newPort(io.Discard)
	p.put(regFCR, fifoEnable)
	data := make([]byte, 3*queueSize)
	for i := range data {
		data[i] = byte(i*7 + i>>8)
	}
	sent := p.Input(data)
	require.Equal(t, queueSize, sent)
	require.Equal(t, fifoSize, p.Input(data[sent:]), "what the FIFO has taken")
	sent += fifoSize
	require.Zero(t, p.Input(data[sent:]))
	var got []byte
	for len(got) < len(data) {
		require.NotZero(t, p.in(regLSR)&lineReady, "after %d bytes", len(got))
		got = append(got, p.in(regData))
		select {
		case <-p.Room():
			n := p.Input(data[sent:])
			require.NotZero(t, n)
			sent += n
		default:
		}
	}
	require.Equal(t, data, got)
	require.Zero(t, p.in(regLSR)&lineReady)
}

// TestWideAccess: an access of several bytes is one of each port.
func TestWideAccess(t *testing.T) {
	p := newPort(io.Discard)
	p.Write(regIER, []byte{0x05, 0x01, 0x03, 0x02, 0, 0, 0x77})
	got := make([]byte, 8)
	p.Read(0, got)
	require.Equal(t, []byte{0, 0x05, 0xc1, 0x03, 0x02, 0x60, 0xb0, 0x77}, got)
}

func TestConcurrentUse(t *testing.T) {
	var out bytes.Buffer
	s := NewSerial(&out, func() {})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 1000 {
				s.Write(regData, []byte("x"))
				s.Write(regIER, []byte{enableMask})
				s.Read(0, make([]byte, 8))
			}
		})
	}
	wg.Go(func() {
		for range 1000 {
			s.Input([]byte("in"))
			s.Flush()
		}
	})
	wg.Wait()
	s.Flush()
	require.Equal(t, strings.Repeat("x", 2000), out.String())
}
