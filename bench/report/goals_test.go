// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

// measured is a run on a host, as Load gives it.
func measured(t *testing.T, host, date string, samples ...[]record.Sample) []Measured {
	t.Helper()
	found, err := split(record.Run{Config: map[string]string{"host": host, "date": date}, Samples: slices.Concat(samples...)})
	require.NoError(t, err)
	return found
}

func TestOutcomes(t *testing.T) {
	ms := func(values ...float64) []float64 {
		for i := range values {
			values[i] *= 1e6
		}
		return values
	}
	const ready, ratio = "agent_ready-ns", "native-ratio"
	lean := samplesOf("ColdBoot/target=uml/kernel=lean", ready, ms(30, 31, 32, 33, 34, 35)...)
	for _, tc := range []struct {
		name    string
		samples [][]record.Sample
		goal    int // index
		want    string
		system  string
		median  float64
	}{
		{"the best system", [][]record.Sample{samplesOf("ColdBoot/target=uml/kernel=packaged", ready, ms(900)...), lean}, 0, "pass", "uml lean", 32.5e6},
		{"rivals do not count", [][]record.Sample{samplesOf("ColdBoot/target=qemu", ready, ms(1)...), lean}, 0, "pass", "uml lean", 32.5e6},
		{"rivals alone", [][]record.Sample{samplesOf("ColdBoot/target=qemu", ready, ms(1)...)}, 0, "not measurable here: no ColdBoot of ArcBox is recorded", "", 0},
		{"another unit alone", [][]record.Sample{samplesOf("ColdBoot/target=uml", "stop-ns", 1)}, 0, "not measurable here: no ColdBoot of ArcBox is recorded", "", 0},
		{"too slow", [][]record.Sample{samplesOf("HotBoot/target=kvm", ready, ms(501)...)}, 1, "fail", "kvm", 501e6},
		{"the interval reaches over the limit", [][]record.Sample{samplesOf("HotBoot/target=kvm", ready, ms(400, 410, 420, 430, 440, 600)...)}, 1, "fail", "kvm", 425e6},
		{"at the limit", [][]record.Sample{samplesOf("IdleMemory/target=vz", "pss-bytes", 150e6)}, 2, "fail", "vz", 150e6},
		{"megabytes of the mission", [][]record.Sample{samplesOf("IdleMemory/target=vz", "pss-bytes", 149e6)}, 2, "pass", "vz", 149e6},
		{"every workload counts", [][]record.Sample{
			samplesOf("FileIO/target=uml/workload=read", ratio, 0.99), samplesOf("FileIO/target=uml/workload=create", ratio, 0.5),
			samplesOf("FileIO/target=kvm/workload=read", ratio, 0.95), samplesOf("FileIO/target=kvm/workload=create", ratio, 0.91),
		}, 3, "pass", "kvm", 0.91},
		{"slower than native", [][]record.Sample{samplesOf("FileIO/target=uml", ratio, 0.9)}, 3, "fail", "uml", 0.9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			outcomes := Outcomes(measured(t, "h", "1", tc.samples...))
			require.Len(t, outcomes, len(Goals))
			got := outcomes[tc.goal]
			require.Equal(t, tc.want, got.Verdict())
			require.Equal(t, tc.system, got.System)
			require.InDelta(t, tc.median, got.Summary.Median, 1e-6)
			require.Equal(t, tc.system != "", got.From != nil)
		})
	}
}

// TestOutcomesByHost: each host has its own, of the newest run that tells.
func TestOutcomesByHost(t *testing.T) {
	boot := func(target string, ns float64) []record.Sample {
		return samplesOf("ColdBoot/target="+target, "agent_ready-ns", ns)
	}
	got := Outcomes(slices.Concat(
		measured(t, "b", "1", boot("uml", 3e9)),
		measured(t, "b", "2", boot("uml", 1e9)),
		measured(t, "a", "3", boot("kvm", 2e9)),
		measured(t, "b", "4", boot("qemu", 1)),
	))[:2]
	require.Equal(t, []string{"a", "b"}, []string{got[0].Host, got[1].Host})
	require.Equal(t, []string{"fail", "pass"}, []string{got[0].Verdict(), got[1].Verdict()})
	require.Equal(t, "2", got[1].From.Config["date"])
}
