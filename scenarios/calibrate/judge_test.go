// SPDX-License-Identifier: MIT OR Apache-2.0

package calibrate

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

var units = []record.Unit{
	{Name: "agent_ready-ns", Better: "lower", Floor: 0.05, Slack: 500_000},
	{Name: "vmm_up-ns", Better: "lower", Floor: 0.05, Slack: 500_000},
}

// made makes up the samples of so many rounds: boots of 40 ms with noise, and each
// side slower by its part.
func made(seed uint64, rounds int, sigma float64, slower map[string]float64) []record.Sample {
	random := rand.New(rand.NewPCG(seed, 1))
	var samples []record.Sample
	for round := range rounds {
		for side, part := range slower {
			ready := 40e6 * (1 + part) * math.Exp(sigma*random.NormFloat64())
			samples = append(samples, record.Sample{
				Name: "ColdBoot/target=uml/kernel=lean/rev=" + side, Iters: 1, Round: round + 1,
				Values: []record.Value{{Value: ready, Unit: "agent_ready-ns"}, {Value: ready / 4, Unit: "vmm_up-ns"}},
			})
		}
	}
	return samples
}

var usual = map[string]float64{"old": 0, "same": 0, "slow5": 0.05, "slow10": 0.10}

func TestJudge(t *testing.T) {
	const trials, pairs = 20, 30
	rates, err := Judge(made(1, trials*2*pairs, 0.03, usual), units, pairs)
	require.NoError(t, err)
	require.Len(t, rates, len(Variants))
	for i, r := range rates {
		require.Equal(t, Variants[i], r.Variant)
		require.Equal(t, "ColdBoot/target=uml/kernel=lean", r.Benchmark)
		require.Equal(t, "agent_ready-ns", r.Unit)
		require.Equal(t, trials, r.Trials)
		require.InDelta(t, r.Variant.Slowdown, r.Measured, 0.01)
		require.LessOrEqual(t, r.Chance.Low, r.Chance.Value)
		require.LessOrEqual(t, r.Chance.Value, r.Chance.High)
	}
	same, slow5, slow10 := rates[0], rates[1], rates[2]
	require.Zero(t, same.Wrong)
	require.Zero(t, slow10.Wrong)
	require.Equal(t, trials, slow10.Suspected)
	require.Positive(t, slow5.Wrong, "the floor is 5 %: about half of the first rounds do not suspect it")
}

// TestJudgeAlarms: verdicts that are wrong are counted as such.
func TestJudgeAlarms(t *testing.T) {
	rates, err := Judge(made(2, 400, 0.02, map[string]float64{"old": 0, "same": 0.3, "slow10": 0}), units, 20)
	require.NoError(t, err)
	require.Len(t, rates, 2, "slow5 was not measured")
	require.Equal(t, 10, rates[0].Wrong, "what is said to be the same code is slower")
	require.Equal(t, 10, rates[0].Suspected)
	require.Equal(t, 10, rates[1].Wrong, "what is said to be slower is the same")
	require.Equal(t, NotMet, rates[0].Result())
	require.Equal(t, NotMet, rates[1].Result())
}

// TestJudgeMain: a slow-down that shows in another unit alone is missed.
func TestJudgeMain(t *testing.T) {
	samples := made(3, 80, 0.01, map[string]float64{"old": 0, "slow10": 0})
	for i := range samples {
		if samples[i].Label("rev") == "slow10" {
			samples[i].Values[1].Value *= 2
		}
	}
	rates, err := Judge(samples, units, 20)
	require.NoError(t, err)
	require.Equal(t, 2, rates[0].Suspected)
	require.Equal(t, 2, rates[0].Wrong)
}

// TestTrials: blocks are consecutive, do not overlap, and end with the last whole trial.
func TestTrials(t *testing.T) {
	samples := made(4, 50, 0.01, map[string]float64{"old": 0, "same": 0})
	trials, err := trialsOf(samples, 10)
	require.NoError(t, err)
	require.Len(t, trials, 2, "the last ten rounds are half a trial")
	for i, trial := range trials {
		for half, block := range trial {
			require.Len(t, block, 20)
			for _, s := range block {
				require.Equal(t, 2*i+half, (s.Round-1)/10)
			}
		}
	}
	shifted := made(4, 20, 0.01, map[string]float64{"old": 0, "same": 0})
	for i := range shifted {
		shifted[i].Round += 1000
	}
	trials, err = trialsOf(shifted, 10)
	require.NoError(t, err)
	require.Len(t, trials, 1)
}

func TestJudgeErrors(t *testing.T) {
	few := made(5, 30, 0.01, usual)
	_, err := Judge(few, units, 20)
	require.ErrorIs(t, err, ErrTooFew)
	require.ErrorContains(t, err, "30 rounds, a trial has two times 20")
	_, err = Judge(nil, units, 20)
	require.ErrorIs(t, err, ErrTooFew)
	_, err = Judge(few, units, 0)
	require.ErrorContains(t, err, "0 pairs")
	plain := made(5, 40, 0.01, map[string]float64{"other": 0})
	_, err = Judge(plain, units, 10)
	require.ErrorIs(t, err, ErrTooFew)
	few[0].Round = 0
	_, err = Judge(few, units, 10)
	require.ErrorContains(t, err, "tells no round")
}

// TestFile: what is read from a file is judged as what was measured.
func TestFile(t *testing.T) {
	samples := made(6, 80, 0.03, usual)
	path := filepath.Join(t.TempDir(), "calibration.txt")
	w, err := record.Create(path, []record.Label{{Key: "kind", Value: "calibrate"}}, units)
	require.NoError(t, err)
	for _, s := range samples {
		require.NoError(t, w.Write(s))
	}
	require.NoError(t, w.Close())
	runs, warnings, err := record.Read(path)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, runs, 1)
	want, err := Judge(samples, units, 20)
	require.NoError(t, err)
	got, err := Judge(runs[0].Samples, runs[0].Units, 20)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestText(t *testing.T) {
	rates := []Rate{
		{Benchmark: "ColdBoot/target=uml", Unit: "agent_ready-ns", Variant: Variants[0], Pairs: 40, Measured: -0.001, Trials: 500, Suspected: 3, Chance: stats.Proportion(0, 500, 0.95)},
		{Benchmark: "ColdBoot/target=uml", Unit: "agent_ready-ns", Variant: Variants[1], Pairs: 40, Measured: 0.051, Trials: 500, Suspected: 250, Wrong: 250, Chance: stats.Proportion(250, 500, 0.95)},
		{Benchmark: "ColdBoot/target=uml", Unit: "agent_ready-ns", Variant: Variants[2], Pairs: 40, Measured: 0.1, Trials: 20, Suspected: 20, Chance: stats.Proportion(0, 20, 0.95)},
	}
	var b strings.Builder
	require.NoError(t, Text(&b, rates))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	require.Len(t, lines, 4)
	for i, want := range [][]string{
		{"benchmark", "aim"},
		{"ColdBoot/target=uml agent_ready", "nothing", "-0.1 %", "2 of 40 pairs", "500", "0 false alarms", "0.0 % (0.0–0.7 %)", "≤ 1 %: met"},
		{"+5 %", "+5.1 %", "250 missed", "50.0 %", "none"},
		{"+10 %", "+10.0 %", "0 missed", "0.0 % (0.0–16.8 %)", "≤ 5 %: undecided"},
	} {
		for _, part := range want {
			require.Contains(t, lines[i], part)
		}
	}
	markdown := Markdown(rates)
	require.Equal(t, 5, strings.Count(markdown, "\n"))
	require.Contains(t, markdown, "| ≤ 1 %: met |\n")
}
