// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio"
)

func TestIdentity(t *testing.T) {
	d := New(io.Discard, Options{})
	require.Equal(t, virtio.IDConsole, d.ID())
	require.EqualValues(t, 0b101, d.Features())
	require.Equal(t, []uint16{8, 64}, d.QueueSizes())
	require.ErrorContains(t, d.StartQueue(2, nil, 0), "the device has 2")
	require.ErrorContains(t, d.StartQueue(-1, nil, 0), "the device has 2")
	for i := -1; i < 4; i++ {
		d.StopQueue(i)
	}
}

func TestConfig(t *testing.T) {
	d := New(io.Discard, Options{Columns: 80, Rows: 25})
	whole := []byte{80, 0, 25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for off := range len(whole) {
		for n := range len(whole) - off {
			p := make([]byte, n)
			for i := range p {
				p[i] = 0xff
			}
			d.ReadConfig(uint32(off), p)
			require.Equal(t, whole[off:off+n], p)
		}
	}
	p := []byte{0xff}
	d.ReadConfig(1<<32-1, p)
	require.Equal(t, []byte{0}, p)
}

func TestResize(t *testing.T) {
	d := New(io.Discard, Options{Columns: 80, Rows: 25})
	told := 0
	d.OnConfigChange(func() { told++ })
	d.Resize(80, 25)
	require.Zero(t, told)
	d.Resize(132, 300)
	require.Equal(t, 1, told)
	p := make([]byte, 4)
	d.ReadConfig(0, p)
	require.Equal(t, []byte{132, 0, 44, 1}, p)
	d.OnConfigChange(nil)
	d.Resize(1, 2)
	require.Equal(t, 1, told)
}

// TestEmergency: characters come out before there is a queue.
func TestEmergency(t *testing.T) {
	out := &sink{}
	d := New(out, Options{})
	d.WriteConfig(8, []byte{'a', 0, 0, 0})
	d.WriteConfig(8, []byte{'b'})
	for _, off := range []uint32{0, 4, 7, 9, 12, 1<<32 - 1} {
		d.WriteConfig(off, []byte{'x', 'x'})
	}
	d.WriteConfig(8, nil)
	require.Equal(t, "ab", string(out.all()))
	require.EqualValues(t, 2, d.Counters()["emergency_bytes"])
	p := make([]byte, 8)
	d.ReadConfig(0, p)
	require.Equal(t, make([]byte, 8), p, "the size is read-only")
}
