// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCPUTotals(t *testing.T) {
	got, err := cpuTotals([]byte("cpu  10 1 5 100 20 2 3 7 4 0\ncpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 1 1 1 1 1 1 1 1 1 1\nintr 5 1\n"))
	require.NoError(t, err)
	require.Equal(t, counters{cpus: 2, idle: 120, steal: 7, total: 148}, got)

	for _, bad := range []string{"", "cpu 1 2 3", "intr 1 2 3 4 5 6 7 8 9", "cpu a b c d e f g h"} {
		_, err := cpuTotals([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}
