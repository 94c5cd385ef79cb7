// SPDX-License-Identifier: MIT OR Apache-2.0

package host

import (
	"os"
	"runtime"
	"testing"
	"time"

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

	self, err := OpenSelf()
	require.NoError(t, err)
	defer self.Close()
	for range 3 { // the same files give new figures each time
		grow := make([]byte, 8<<20)
		for i := range grow {
			grow[i] = 1
		}
		before := got.PSS
		got, err = self.Process("test")
		require.NoError(t, err)
		require.Equal(t, os.Getpid(), got.PID)
		require.NotEqual(t, before, got.PSS)
		runtime.KeepAlive(grow)
	}

	_, err = Process(1<<30, "none")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestParseStat(t *testing.T) {
	got, err := parseStat([]byte("123 (a ) b) S 1 1 1 0 -1 4194560 1 0 0 0 25 17 0 0 20 0 1"))
	require.NoError(t, err)
	require.Equal(t, 420*time.Millisecond, got)
	for _, bad := range []string{"", "1 (x) S 1 2", "123 (x) S 1 1 1 0 -1 4194560 1 0 0 0 many 17 0 0"} {
		_, err := parseStat([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}
