// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// found makes a finding of six equal pairs a side, but for the verdict.
func found(t *testing.T, name, unit string, old, new float64, v gate.Verdict) gate.Finding {
	t.Helper()
	summary := func(middle float64) stats.Summary {
		s, err := stats.Summarize([]float64{middle * 0.9, middle, middle, middle, middle, middle * 1.1})
		require.NoError(t, err)
		return s
	}
	return gate.Finding{
		Comparison: gate.Comparison{Name: name, Unit: record.Unit{Name: unit, Better: "lower", Floor: 0.05}},
		OldSummary: summary(old), NewSummary: summary(new),
		Change: new/old - 1, Low: new/old - 1.08, High: new/old - 0.92, P: 0.001, Corrected: 0.004, Verdict: v,
	}
}

const lean = "ColdBoot/target=uml/kernel=lean"

func findings(t *testing.T) []gate.Finding {
	ok := found(t, lean, "agent_ready-ns", 35.4e6, 35.5e6, gate.OK)
	ok.Corrected = 0.4
	open := found(t, "IdleMemory/target=uml", "pss-bytes", 26<<20, 27<<20, gate.Inconclusive)
	open.Corrected, open.More = 0.2, 14
	shown := found(t, "IdleMemory/target=uml", "launcher_pss-bytes", 14<<20, 14<<20, "")
	shown.P, shown.Corrected = 0.7, 1
	return []gate.Finding{ok, found(t, lean, "vmm_up-ns", 7.6e6, 9.7e6, gate.Regression), open, shown}
}

func TestComparisonText(t *testing.T) {
	var got bytes.Buffer
	require.NoError(t, Comparison(findings(t)).Text(&got))
	require.Equal(t, `ColdBoot/target=uml/kernel=lean   old              new              change                 verdict
agent_ready                       35.4 ms ± 10 %   35.5 ms ± 10 %   ~ (p=0.400, n=6)       ok
vmm_up                            7.60 ms ± 10 %   9.70 ms ± 10 %   +28 % (p=0.004, n=6)   regression

IdleMemory/target=uml   old               new               change             verdict
pss                     26.0 MiB ± 10 %   27.0 MiB ± 10 %   ~ (p=0.200, n=6)   inconclusive, 14 more
launcher_pss            14.0 MiB ± 10 %   14.0 MiB ± 10 %   ~ (p=0.700, n=6)   not gated

REGRESSION ColdBoot/target=uml/kernel=lean vmm_up: +28 % (+20 to +36 %), 7.60 ms -> 9.70 ms
inconclusive IdleMemory/target=uml pss: +3.8 % (-4.2 to +12 %), 14 more samples a side would settle it
`, got.String())
}

func TestComparisonMarkdown(t *testing.T) {
	got := Comparison(findings(t)[:2]).Markdown()
	require.Contains(t, got, "| ColdBoot/target=uml/kernel=lean | old | new | change | verdict |\n|---|---:|---:|---:|---:|\n| agent_ready | 35.4 ms ± 10 % |")
	require.Contains(t, got, "\n- REGRESSION ColdBoot/target=uml/kernel=lean vmm_up: +28 %")
}

func TestComparisonSummary(t *testing.T) {
	better := found(t, lean, "vmm_up-ns", 9.7e6, 7.6e6, gate.Improvement)
	hopeless := found(t, lean, "stop-ns", 3e6, 3e6, gate.Inconclusive)
	hopeless.More = -1
	none := gate.Finding{Comparison: gate.Comparison{Name: lean, Unit: record.Unit{Name: "stop-ns"}}, Verdict: gate.Inconclusive}
	fromNothing := found(t, lean, "exits-count", 0, 5, gate.Regression)
	fromNothing.Change, fromNothing.Low, fromNothing.High = math.Inf(1), math.Inf(1), math.Inf(1)
	for _, tc := range []struct {
		name     string
		findings []gate.Finding
		want     []string
	}{
		{"nothing", nil, []string{"nothing was compared"}},
		{"nothing gated", []gate.Finding{findings(t)[3]}, []string{"nothing was compared"}},
		{"all well", findings(t)[:1], []string{"ok: none of 1 comparisons shows a change for the worse that matters"}},
		{"better", []gate.Finding{better}, []string{
			"improvement ColdBoot/target=uml/kernel=lean vmm_up: -22 % (-30 to -14 %), 9.70 ms -> 7.60 ms",
			"ok: none of 1 comparisons shows a change for the worse that matters",
		}},
		{"hopeless", []gate.Finding{hopeless}, []string{
			"inconclusive ColdBoot/target=uml/kernel=lean stop: +0.0 % (-8.0 to +8.0 %), more samples would not settle it",
		}},
		{"no pair", []gate.Finding{none}, []string{"inconclusive ColdBoot/target=uml/kernel=lean stop: no pair of samples"}},
		{"from nothing", []gate.Finding{fromNothing}, []string{"REGRESSION ColdBoot/target=uml/kernel=lean exits: from nothing, 0 -> 5"}},
		{"the worst first", []gate.Finding{hopeless, better, fromNothing}, []string{
			"REGRESSION ColdBoot/target=uml/kernel=lean exits: from nothing, 0 -> 5",
			"improvement ColdBoot/target=uml/kernel=lean vmm_up: -22 % (-30 to -14 %), 9.70 ms -> 7.60 ms",
			"inconclusive ColdBoot/target=uml/kernel=lean stop: +0.0 % (-8.0 to +8.0 %), more samples would not settle it",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := Comparison(tc.findings)
			require.Equal(t, tc.want, c.Summary())
			require.NoError(t, c.Text(&bytes.Buffer{}))
		})
	}
}

// TestComparisonOfTheGate shows what the gate itself makes of samples.
func TestComparisonOfTheGate(t *testing.T) {
	var samples []record.Sample
	for i := range 40 {
		for rev, ns := range map[string]float64{gate.Old: 20e6, gate.New: 30e6} {
			samples = append(samples, record.Sample{
				Name: "ColdBoot/target=uml/rev=" + rev, Iters: 1, Round: i + 1,
				Values: []record.Value{{Value: ns + float64(i%7)*1e4, Unit: "vmm_up-ns"}},
			})
		}
	}
	judged := gate.Judge(gate.Compare(samples, []record.Unit{{Name: "vmm_up-ns", Better: "lower", Floor: 0.05}}))
	lines := Comparison(judged).Summary()
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "REGRESSION ColdBoot/target=uml vmm_up: +50 %")
}
