// SPDX-License-Identifier: MIT OR Apache-2.0

package compare

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/lineup/lineuptest"
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/suite"
)

// units are those of the made-up scenario.
var units = []record.Unit{
	{Name: "agent_ready-ns", Better: "lower", Floor: 0.05, Slack: 500_000},
	{Name: "vmm_up-ns", Better: "lower", Floor: 0.05, Slack: 500_000},
	{Name: "faults-count", Better: "lower"},
}

// boots returns the values of boots whose two spans take so long, in ms, with noise
// of 3 % that is common to neither.
func boots(random *rand.Rand, vmmUp, rest float64) []record.Value {
	up := 1e6 * vmmUp * math.Exp(0.03*random.NormFloat64())
	all := up + 1e6*rest*math.Exp(0.03*random.NormFloat64())
	return []record.Value{{Value: all, Unit: "agent_ready-ns"}, {Value: up, Unit: "vmm_up-ns"}, {Value: random.Float64(), Unit: "faults-count"}}
}

// steady is a target whose boots are alike.
func steady(seed uint64, vmmUp, rest float64) *lineuptest.System {
	random := rand.New(rand.NewPCG(seed, 1))
	return lineuptest.New("ColdBoot", units, func(int) ([]record.Value, error) { return boots(random, vmmUp, rest), nil })
}

func runs(count int) []suite.Run {
	return []suite.Run{{Scenario: "ColdBoot", Targets: []string{"uml:lean"}, Count: count, Limit: time.Minute, CPUs: 1, Memory: 256 << 20}}
}

// memory keeps what a file would.
type memory struct {
	samples []record.Sample
	full    error // of each write
}

func (m *memory) Write(s record.Sample) error {
	if m.full != nil {
		return m.full
	}
	m.samples = append(m.samples, s)
	return nil
}
func (m *memory) Note(string) error { return nil }

func quiet() runner.Progress { return runner.NewProgress(&strings.Builder{}, false) }

// compared compares two targets from beginning to end.
func compared(t *testing.T, ctx context.Context, old, new *lineuptest.System, count int) (Outcome, *memory, error) {
	t.Helper()
	l, err := lineup.Prepare(ctx, []lineup.Side{lineuptest.Side("old", old), lineuptest.Side("new", new)}, runs(count), func(string) {})
	require.NoError(t, err)
	sink := &memory{}
	o, err := Run(ctx, l, Settings{Seed: 1, MaxFailures: 3}, sink, quiet())
	require.NoError(t, l.Close())
	require.Equal(t, 1, old.Closed)
	require.Equal(t, 1, new.Closed)
	return o, sink, err
}

func TestSameCodePasses(t *testing.T) {
	for seed := range uint64(20) {
		o, sink, err := compared(t, t.Context(), steady(2*seed, 10, 30), steady(2*seed+1, 10, 30), 30)
		require.NoError(t, err)
		require.NoError(t, o.Err())
		require.Len(t, o.Findings, len(units))
		require.GreaterOrEqual(t, len(sink.samples), 60)
	}
}

// TestPlanted: a slow-down fails, and the findings name scenario, target and span.
func TestPlanted(t *testing.T) {
	o, sink, err := compared(t, t.Context(), steady(1, 10, 30), steady(2, 14, 30), 30)
	require.NoError(t, err)
	require.ErrorIs(t, o.Err(), ErrRegression)
	require.EqualError(t, o.Err(), "regression: ColdBoot/target=uml/kernel=lean (agent_ready, vmm_up)")
	require.Equal(t, []string{"ColdBoot/target=uml/kernel=lean"}, o.Suspects)
	require.Len(t, sink.samples, 4*30, "both rounds, both sides")
	require.Equal(t, 60, lastRound(sink.samples), "the second round goes on counting")
	sides := map[string]int{}
	for _, s := range sink.samples {
		sides[s.Label("rev")]++
	}
	require.Equal(t, map[string]int{"old": 60, "new": 60}, sides)
}

func TestImprovementIsSeenTwice(t *testing.T) {
	o, sink, err := compared(t, t.Context(), steady(1, 14, 30), steady(2, 10, 30), 30)
	require.NoError(t, err)
	require.NoError(t, o.Err())
	require.Len(t, sink.samples, 4*30)
	require.Equal(t, gate.Improvement, o.Findings[0].Verdict)
}

// TestSpell: what was slow for a while only, in the first round, does not fail.
func TestSpell(t *testing.T) {
	slow := steady(2, 10, 30)
	random := rand.New(rand.NewPCG(3, 1))
	slow.Values = func(sample int) ([]record.Value, error) {
		if sample <= 30 {
			return boots(random, 20, 30), nil
		}
		return boots(random, 10, 30), nil
	}
	o, _, err := compared(t, t.Context(), steady(1, 10, 30), slow, 30)
	require.NoError(t, err)
	require.NotEmpty(t, o.Suspects)
	require.NoError(t, o.Err())
}

// TestNoise: heavy noise on both sides, with boots that take three times as long.
func TestNoise(t *testing.T) {
	for seed := range uint64(20) {
		noisy := func(seed uint64) *lineuptest.System {
			f, random := steady(seed, 10, 30), rand.New(rand.NewPCG(seed, 2))
			f.Values = func(int) ([]record.Value, error) {
				if random.IntN(10) == 0 {
					return boots(random, 30, 90), nil
				}
				return boots(random, 10*math.Exp(0.1*random.NormFloat64()), 30), nil
			}
			return f
		}
		o, _, err := compared(t, t.Context(), noisy(2*seed), noisy(2*seed+1), 30)
		require.NoError(t, err)
		require.NoError(t, o.Err())
	}
}

// TestBroken: a revision that cannot be measured does not pass.
func TestBroken(t *testing.T) {
	broken := steady(2, 10, 30)
	broken.Values = func(int) ([]record.Value, error) { return nil, errors.New("the guest hangs") }
	o, _, err := compared(t, t.Context(), steady(1, 10, 30), broken, 10)
	require.NoError(t, err)
	require.ErrorIs(t, o.Err(), ErrBroken)
	require.Equal(t, []string{"ColdBoot/target=uml/kernel=lean/rev=new is given up: it failed too often"}, o.Broken)
	require.Len(t, o.Failures, 3)
}

// TestFlaky: a sample that fails now and then costs its pair, and is told.
func TestFlaky(t *testing.T) {
	flaky, random := steady(2, 10, 30), rand.New(rand.NewPCG(2, 2))
	flaky.Values = func(sample int) ([]record.Value, error) {
		if sample%10 == 5 {
			return nil, errors.New("no answer")
		}
		return boots(random, 10, 30), nil
	}
	o, _, err := compared(t, t.Context(), steady(1, 10, 30), flaky, 30)
	require.NoError(t, err)
	require.NoError(t, o.Err())
	require.Len(t, o.Failures, 3)
	require.Len(t, o.Findings[0].Old, 27)
}

// TestInterrupted: no verdict follows from a part.
func TestInterrupted(t *testing.T) {
	for name, at := range map[string]int{"first round": 5, "second round": 35} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			slow, random := steady(2, 10, 30), rand.New(rand.NewPCG(2, 2))
			slow.Values = func(sample int) ([]record.Value, error) {
				if sample == at {
					cancel()
				}
				return boots(random, 20, 30), nil
			}
			o, sink, err := compared(t, ctx, steady(1, 10, 30), slow, 30)
			require.ErrorIs(t, err, context.Canceled)
			require.Empty(t, o.Findings)
			require.NotEmpty(t, sink.samples, "what was measured is kept")
		})
	}
}

// TestPartlyBroken: what works is measured all the same, but the verdict is not good.
func TestPartlyBroken(t *testing.T) {
	old, new := steady(1, 10, 30), steady(2, 10, 30)
	onlyOld := lineuptest.Side("old", old)
	start := onlyOld.Start
	second := steady(3, 10, 30)
	onlyOld.Start = func(ctx context.Context, target string, run suite.Run) (lineup.System, error) {
		if target == "qemu" {
			return second, nil
		}
		return start(ctx, target, run)
	}
	wanted := runs(10)
	wanted[0].Targets = append(wanted[0].Targets, "qemu", "nothing")
	l, err := lineup.Prepare(t.Context(), []lineup.Side{onlyOld, lineuptest.Side("new", new)}, wanted, func(string) {})
	require.NoError(t, err)
	o, err := Run(t.Context(), l, Settings{Seed: 1, MaxFailures: 3}, &memory{}, quiet())
	require.NoError(t, err)
	require.ErrorIs(t, o.Err(), ErrBroken)
	require.ErrorContains(t, o.Err(), "there is no target qemu")
	require.Equal(t, []string{"ColdBoot on nothing is left out: revision old-revision: there is no target nothing"}, l.LeftOut)
	require.NotEmpty(t, o.Findings)
	second.CloseErr = errors.New("a process is left")
	require.ErrorContains(t, l.Close(), "a process is left")
	require.NoError(t, l.Close(), "only once")
}
