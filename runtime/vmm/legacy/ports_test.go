// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestI8042(t *testing.T) {
	resets := 0
	d := NewI8042(func() { resets++ })
	got := make([]byte, I8042Size)
	d.Read(0, got)
	require.Equal(t, []byte{0, 0xff, 0xff, 0xff, 0x04}, got)
	require.Zero(t, got[i8042Status]&0x03, "no output, and ready for input")
	for v := range 256 {
		before := resets
		d.Write(i8042Status, []byte{byte(v)})
		// A pulse of the reset line, alone or with others.
		want := 0
		if v >= 0xf0 && v%2 == 0 {
			want = 1
		}
		require.Equal(t, want, resets-before, "command %#x", v)
	}
	resets = 0
	d.Write(i8042Data, []byte{0xfe, 0xfe, 0xfe, 0xfe})
	require.Zero(t, resets, "only the command port takes commands")
	d.Write(0, []byte{0, 0, 0, 0, 0xfe})
	require.Equal(t, 1, resets)
}

func TestPower(t *testing.T) {
	var resets, offs int
	d := NewPower(func() { resets++ }, func() { offs++ })
	for v := range 256 {
		d.Write(SleepControlPort-PowerPort, []byte{byte(v)})
	}
	require.Equal(t, 16, offs, "sleep type 5, enabled, whatever the reserved bits")
	offs = 0
	d.Write(SleepControlPort-PowerPort, []byte{SleepTypeOff << 2})
	require.Zero(t, offs, "not enabled")
	d.Write(SleepControlPort-PowerPort, []byte{SleepTypeOff<<2 | 1<<5})
	require.Equal(t, 1, offs)
	require.Zero(t, resets)

	for v := range 256 {
		d.Write(ResetPort-PowerPort, []byte{byte(v)})
		d.Write(SleepStatusPort-PowerPort, []byte{byte(v)})
	}
	require.Equal(t, 1, resets)
	require.Equal(t, 1, offs)
	got := []byte{1, 1, 1}
	d.Read(0, got)
	require.Equal(t, make([]byte, PowerSize), got)
}
