// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// TestReasons changes readings of a machine with two CPUs that was idle for a second.
func TestReasons(t *testing.T) {
	start := reading{mono: 7 * time.Hour, boot: 9 * time.Hour, wall: 1e6 * time.Hour, cpus: 2, idle: time.Hour, stolen: time.Minute,
		lab: time.Second, swapped: 3600, throttled: 3, speed: 6e6}
	for _, tc := range []struct {
		name   string
		own    time.Duration
		change func(r *reading)
		want   []string
	}{
		{"idle", 0, func(*reading) {}, nil},
		{"measured alone", 800 * ms, func(r *reading) { r.idle -= 800 * ms }, nil},
		{"the lab is not another", 0, func(r *reading) { r.idle -= 500 * ms; r.lab += 500 * ms }, nil},
		{"others", 200 * ms, func(r *reading) { r.idle -= 880 * ms }, []string{"others used 34 % of the CPUs"}},
		{"a tenth is allowed", 200 * ms, func(r *reading) { r.idle -= 400 * ms }, nil},
		{"measured more than was used", time.Second, func(r *reading) { r.idle -= 900 * ms }, nil},
		{"stolen", 0, func(r *reading) { r.idle -= 100 * ms; r.stolen += 100 * ms }, []string{"the hypervisor below took 5 % of the CPUs"}},
		{"one tick stolen", 0, func(r *reading) { r.idle -= 10 * ms; r.stolen += 10 * ms }, nil},
		{"swap", 0, func(r *reading) { r.swapped += 150 }, []string{"150 pages were swapped"}},
		{"little swap", 0, func(r *reading) { r.swapped += 50 }, nil},
		{"hot", 0, func(r *reading) { r.throttled++ }, []string{"a CPU was slowed down because it was hot"}},
		{"limited", 0, func(r *reading) { r.speed -= 1e6 }, []string{"the speed that CPUs are limited to changed"}},
		{"CPU gone", 0, func(r *reading) { r.cpus = 1; r.idle = 0; r.speed = 3e6 }, []string{"CPUs online went from 2 to 1"}},
		{"sleep", 0, func(r *reading) { r.boot += 2 * time.Hour; r.wall += 2 * time.Hour }, []string{"the machine slept for 2h0m0s"}},
		{"clock set forward", 0, func(r *reading) { r.wall += time.Hour }, []string{"the wall clock jumped by 1h0m0s"}},
		{"clock set back", 0, func(r *reading) { r.wall -= 250 * ms }, []string{"the wall clock jumped by -250ms"}},
		{"clock slewed", 0, func(r *reading) { r.wall += 5 * ms }, nil},
		{"several", 0, func(r *reading) { r.idle -= 2 * time.Second; r.throttled++ },
			[]string{"others used 100 % of the CPUs", "a CPU was slowed down because it was hot"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			end := after(start, time.Second)
			tc.change(&end)
			require.Equal(t, tc.want, reasons(start, end, tc.own))
		})
	}
}

// after is the reading of an idle machine so much later.
func after(r reading, d time.Duration) reading {
	r.mono, r.boot, r.wall, r.idle = r.mono+d, r.boot+d, r.wall+d, r.idle+time.Duration(r.cpus)*d
	return r
}

// TestShortSamples: what rounding to ticks can make of an idle machine is no finding.
func TestShortSamples(t *testing.T) {
	start := reading{cpus: 2}
	for _, tc := range []struct {
		used time.Duration
		want bool
	}{{10 * ms, false}, {30 * ms, false}, {40 * ms, true}} {
		end := after(start, 50*ms)
		end.idle -= tc.used
		require.Equal(t, tc.want, len(reasons(start, end, 0)) > 0, "%v", tc.used)
	}
}

// TestUnwatchedCPUs: without a source nothing is said.
func TestUnwatchedCPUs(t *testing.T) {
	require.Empty(t, reasons(reading{}, reading{mono: time.Hour, boot: time.Hour, wall: time.Hour}, 0))
}

func TestWatch(t *testing.T) {
	now := reading{cpus: 2}
	w := startWatch(func() reading { return now })
	now = after(now, time.Second)
	require.Empty(t, w.Disturbed(0))
	require.Empty(t, w.Clock())
	now.wall += time.Minute
	now.idle -= time.Second
	require.Equal(t, "others used 50 % of the CPUs, the wall clock jumped by 1m0s", w.Disturbed(0))
	require.Equal(t, "the wall clock jumped by 1m0s", w.Clock())
}
