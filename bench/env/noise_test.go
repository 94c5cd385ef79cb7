// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBetween(t *testing.T) {
	before := counters{idle: 890, steal: 10, total: 1000, swap: 5}
	for _, tc := range []struct {
		name    string
		after   counters
		want    Noise
		reasons int
	}{
		{"idle", counters{load1: 0.1, idle: 1090, steal: 10, total: 1200, swap: 5}, Noise{Load1: 0.1}, 0},
		{"busy", counters{idle: 1040, steal: 10, total: 1200, swap: 5}, Noise{Busy: 0.25}, 1},
		{"stolen", counters{idle: 1080, steal: 20, total: 1200, swap: 5}, Noise{Steal: 0.05}, 1},
		{"swapping", counters{idle: 1090, steal: 10, total: 1200, swap: 1005}, Noise{Swap: 500}, 1},
		{"no time passed", before, Noise{}, 0},
		{"counters jumped back", counters{}, Noise{}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := between(before, tc.after, 2*time.Second)
			require.Equal(t, tc.want, got)
			require.Len(t, got.Reasons(), tc.reasons)
		})
	}
}

func TestNoiseString(t *testing.T) {
	require.Equal(t, "quiet (load 0.50, busy 1.0%, steal 0.0%, swap 0/s)", Noise{Load1: 0.5, Busy: 0.01}.String())
	require.Equal(t, "disturbed: other work uses 40 % of the CPUs (load 1.50, busy 40.0%, steal 0.0%, swap 0/s)",
		Noise{Load1: 1.5, Busy: 0.4}.String())
	require.Equal(t, "quiet (load 0.00, busy 0.0%, steal 0.0%, swap 0/s, governor powersave)", Noise{Governor: "powersave"}.String())
}

func TestMeasure(t *testing.T) {
	n, err := Measure(context.Background(), 20*time.Millisecond)
	if runtime.GOOS != "linux" {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	require.GreaterOrEqual(t, n.Busy, 0.0)
	require.LessOrEqual(t, n.Busy+n.Steal, 1.0)

	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Measure(stopped, time.Hour)
	require.Error(t, err)
}
