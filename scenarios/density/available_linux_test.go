// SPDX-License-Identifier: MIT OR Apache-2.0

package density

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseAvailable(t *testing.T) {
	for in, want := range map[string]uint64{
		"MemTotal: 5 kB\nMemAvailable:   24 kB\n":   24 << 10,
		"MemAvailable: 0 kB":                        0,
		"MemAvailable: 24 MB\nMemAvailable: 1 kB\n": 1 << 10,
	} {
		got, err := parseAvailable([]byte(in))
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "MemFree: 24 kB\n", "MemAvailable:\n", "MemAvailable: -1 kB\n", "MemAvailable: 99999999999999999999 kB\n"} {
		_, err := parseAvailable([]byte(in))
		require.ErrorContains(t, err, "reading the host's available memory", in)
	}
	host, err := hostAvailable()
	require.NoError(t, err)
	require.Positive(t, host)
}
