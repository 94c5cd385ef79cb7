// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTarget(t *testing.T) {
	begin := time.Now()
	const s = time.Second
	at := func(seconds int, waited time.Duration, idle ...time.Duration) sample {
		out := sample{at: begin.Add(time.Duration(seconds) * s), waited: waited, idle: map[int]time.Duration{}}
		for cpu, d := range idle {
			out.idle[cpu] = d
		}
		return out
	}
	for name, c := range map[string]struct {
		last, now sample
		want      int
	}{
		"nothing to compare with":      {sample{}, at(1, s, 0, s), -1},
		"no wait":                      {at(0, 0, 0, 0), at(1, s/10, 0, s), -1},
		"waits, and another idles":     {at(0, 0, 0, 0, 0), at(1, s/2, 0, s/3, s/2), 2},
		"waits, and all are busy":      {at(0, 0, 0, 0), at(1, s/2, 0, s/10), -1},
		"the own CPU idles":            {at(0, 0, 0, 0), at(1, s/2, s, 0), -1},
		"one that may not be used":     {at(0, 0, 0, 0, 0, 0), at(1, s/2, 0, 0, 0, s), -1},
		"only the interval is counted": {at(0, 5*s, 0, 9*s), at(1, 5*s+s/2, 0, 9*s), -1},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, target(c.last, c.now, 0, []int{0, 1, 2}))
		})
	}
}

func TestScheduleAndIdleTimes(t *testing.T) {
	before := schedule(os.Getpid())
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
	}
	require.Greater(t, schedule(os.Getpid()).ran+time.Second, before.ran)
	require.Zero(t, schedule(1<<30))
	require.NotEmpty(t, idleTimes())
	for _, cpu := range allowedCPUs() {
		require.Contains(t, idleTimes(), cpu)
	}
}
