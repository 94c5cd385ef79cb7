// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
)

func TestVerdict(t *testing.T) {
	tests := []struct {
		name        string
		instruction float64
		want        string
	}{
		{"CPU", 0.3, ""},
		{"emulated CPU with virtualization", 2, ""},
		{"as slow as may be", slowest, ""},
		{"interpreter", 250, interprets},
		{"slow interpreter", 1200, interprets},
		{"not measured", 0, "KVM cannot run 64-bit kernel code: too little was done to measure it in 3s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := speed{instruction: tt.instruction, exit: time.Microsecond}
			err := s.verdict()
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errdefs.ErrNotSupported)
			reason, remedy := explain(err)
			require.Equal(t, tt.want, reason)
			require.NotEmpty(t, remedy)
		})
	}
}

func TestNotes(t *testing.T) {
	s := speed{instruction: 1234, exit: 13_400}
	require.Equal(t, []string{
		"an instruction of guest kernel code takes 1.23 µs (a CPU takes less than 1 ns)",
		"entering and leaving the guest takes 13.4 µs",
	}, s.notes())
	require.Empty(t, new(speed).notes())
}

func TestNanoseconds(t *testing.T) {
	tests := []struct {
		ns   float64
		want string
	}{
		{0.2913, "0.291 ns"}, {47, "47 ns"}, {999, "999 ns"}, {1000, "1 µs"}, {13_449, "13.4 µs"}, {2.5e6, "2.5 ms"}, {1.5e9, "1.5e+03 ms"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, nanoseconds(tt.ns))
	}
}
