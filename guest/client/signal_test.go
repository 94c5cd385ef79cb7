// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSignal(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int
	}{
		{"1", 1}, {"15", 15}, {"64", 64},
		{"HUP", 1}, {"SIGKILL", 9}, {"term", 15}, {"sigwinch", 28}, {"SYS", 31},
		{"RTMIN", 34}, {"SIGRTMIN+3", 37}, {"RTMAX", 64}, {"RTMAX-1", 63}, {"rtmin+30", 64},
	} {
		got, err := ParseSignal(tt.text)
		require.NoError(t, err, tt.text)
		require.Equal(t, tt.want, got, tt.text)
	}
	for _, text := range []string{"", "0", "-1", "65", "SIG", "NOPE", "TERM ", "RTMIN-1", "RTMAX+1", "RTMIN+31", "RTMIN++1", "RTMIN+x", "RTMIN3", "RTMIN+-3", "99999999999999999999"} {
		_, err := ParseSignal(text)
		require.ErrorIs(t, err, ErrInvalid, text)
	}
}

func FuzzParseSignal(f *testing.F) {
	f.Add("SIGRTMIN+3")
	f.Add("15")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseSignal(text)
		require.Equal(t, err == nil, n != 0)
		require.GreaterOrEqual(t, n, 0)
		require.LessOrEqual(t, n, lastSignal)
	})
}
