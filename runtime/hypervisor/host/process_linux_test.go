// SPDX-License-Identifier: MIT OR Apache-2.0

package host

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/hypervisor"
)

func TestParseRollup(t *testing.T) {
	got, err := parseRollup([]byte(`55e0b6a6f000-7ffd0f1f2000 ---p 00000000 00:00 0                          [rollup]
Rss:               10240 kB
Pss:                6001 kB
Pss_Dirty:          2000 kB
Pss_Anon:           2000 kB
Pss_File:           4000 kB
Pss_Shmem:             1 kB
`))
	require.NoError(t, err)
	require.Equal(t, hypervisor.Process{PSS: 6001 << 10, Anon: 2000 << 10, File: 4000 << 10, Shmem: 1 << 10}, got)

	for _, bad := range []string{"", "Pss: 5 kB\n", "Pss: many kB\n", "Pss: 99999999999999999999 kB\n"} {
		_, err := parseRollup([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func TestMemoryOfSelf(t *testing.T) {
	got, err := Process(os.Getpid(), "test")
	require.NoError(t, err)
	require.Equal(t, "test", got.Role)
	require.NotZero(t, got.PSS)
	// The kernel rounds each of them down to a KiB.
	require.InDelta(t, float64(got.PSS), float64(got.Anon+got.File+got.Shmem), 4<<10)

	_, err = Process(1<<30, "none")
	require.ErrorIs(t, err, os.ErrNotExist)
}
