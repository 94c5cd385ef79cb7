// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/bus"
)

// FuzzSerial has a guest do what it likes, while input comes in. Each access is a
// byte that says what it is and one of data.
func FuzzSerial(f *testing.F) {
	f.Add([]byte{0x81, 0x0f, 0x82, 0x01, 0x40, 8, 0x00, 0, 0x80, 'x', 0x02, 0})
	f.Add([]byte{0x84, 0x10, 0x80, 'a', 0x80, 'b', 0x05, 0, 0x00, 0, 0x06, 0})
	f.Fuzz(func(t *testing.T, accesses []byte) {
		if len(accesses) > 256 {
			return // 128 accesses reach every state
		}
		var out bytes.Buffer
		p := newPort(&out)
		p.out.timer = time.NewTimer(time.Hour) // one that does nothing: runs can be repeated
		taken, looped, sent := 0, 0, 0
		for ; len(accesses) >= 2; accesses = accesses[2:] {
			op, v := accesses[0], accesses[1]
			reg := uint64(op & 7)
			before := p.edges
			wasHigh := p.registers.interruptID() != noInterrupt
			switch {
			case op&0x80 != 0:
				if reg == regData && p.lcr&divisorAccess == 0 {
					if p.mcr&controlLoop == 0 {
						sent++
					} else {
						looped++
					}
				}
				p.put(reg, v)
			case op&0x40 != 0:
				n := p.Input(make([]byte, int(v)*16))
				require.LessOrEqual(t, n, queueSize)
				taken += n
			default:
				ready := p.n
				p.in(reg)
				if reg == regData && p.lcr&divisorAccess == 0 && ready == 0 {
					require.Zero(t, p.n, "a read of nothing")
				}
			}
			high := p.registers.interruptID() != noInterrupt
			require.Equal(t, high, p.raised)
			switch {
			case high && !wasHigh:
				require.Equal(t, before+1, p.edges, "an edge that nobody was told of")
			case wasHigh:
				require.LessOrEqual(t, p.edges-before, 1)
			default:
				require.Equal(t, before, p.edges, "an interrupt without a cause")
			}
			require.LessOrEqual(t, p.n, p.depth())
			require.LessOrEqual(t, p.n+p.queue.n, taken+looped)
			// The line never waits for a receiver that has room.
			require.False(t, p.queue.n > 0 && p.accepts())
		}
		p.Flush()
		require.Equal(t, sent, out.Len())
	})
}

// FuzzPorts has a guest access the other devices as it likes: a wide access does what
// the same bytes do alone.
func FuzzPorts(f *testing.F) {
	f.Add(byte(0), []byte{0x34, 0x34, 0x01})
	f.Add(byte(4), []byte{0xfe})
	f.Fuzz(func(t *testing.T, off byte, p []byte) {
		calls := 0
		call := func() { calls++ }
		p = p[:min(len(p), bus.MaxAccess)]
		for _, d := range []bus.Device{NewI8042(call), NewPower(call, call)} {
			calls = 0
			d.Write(uint64(off), p)
			wide := calls
			calls = 0
			got, want := make([]byte, len(p)), make([]byte, len(p))
			d.Read(uint64(off), got)
			for i := range p {
				d.Write(uint64(off)+uint64(i), p[i:i+1])
				d.Read(uint64(off)+uint64(i), want[i:i+1])
			}
			require.Equal(t, calls, wide)
			require.LessOrEqual(t, calls, 2, "a port is written to once")
			require.Equal(t, want, got)
		}
	})
}
