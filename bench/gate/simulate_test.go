// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// noise is how a machine makes one and the same thing take different times.
type noise struct {
	name     string
	sigma    float64 // of the logarithm, each sample on its own
	shared   float64 // of the logarithm, both samples of a round together
	drift    float64 // change of the logarithm from the first round to the last
	outliers float64 // share of samples that take 1.5 to 3 times as long
	second   float64 // share of samples in a second mode
	apart    float64 // logarithm of how much longer that mode takes
}

var (
	quiet = noise{name: "quiet", sigma: 0.03}
	plain = noise{name: "plain", sigma: 0.05, outliers: 0.02}
	busy  = noise{name: "busy", sigma: 0.05, shared: 0.05, drift: 0.1, outliers: 0.05}
	loud  = noise{name: "loud", sigma: 0.08, shared: 0.05, drift: 0.1, outliers: 0.05}
	modes = noise{name: "modes", sigma: 0.03, outliers: 0.02, second: 0.3, apart: math.Log(1.2)}
)

// round draws one round of so many metrics that are slower by a factor.
func (n noise) round(random *rand.Rand, metrics, pairs int, slower float64) []Comparison {
	comparisons := make([]Comparison, metrics)
	for i := range comparisons {
		c := Comparison{Name: fmt.Sprint(i), Unit: record.Unit{Name: "ready-ns", Better: "lower", Floor: 0.05}}
		for k := range pairs {
			machine := n.drift*float64(k)/float64(pairs) + n.shared*random.NormFloat64()
			c.Old = append(c.Old, 1e8*n.sample(random, machine))
			c.New = append(c.New, 1e8*n.sample(random, machine)*slower)
		}
		comparisons[i] = c
	}
	return comparisons
}

func (n noise) sample(random *rand.Rand, machine float64) float64 {
	log := machine + n.sigma*random.NormFloat64()
	if random.Float64() < n.outliers {
		log += math.Log(1.5 + 1.5*random.Float64())
	}
	if random.Float64() < n.second {
		log += n.apart
	}
	return math.Exp(log)
}

// metrics is how many of them the simulated gates look at.
const metrics = 20

// TestFalseAlarms compares a thing with itself, as a gate with two rounds does.
func TestFalseAlarms(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	gates, suspicions, alarms := 0, 0, 0
	for _, tc := range []struct{ pairs, gates int }{{20, 120}, {40, 20}} {
		for _, n := range []noise{quiet, plain, busy, loud, modes} {
			for range tc.gates {
				gates++
				first := Judge(n.round(random, metrics, tc.pairs, 1))
				if Failed(first) {
					suspicions++
				}
				again := n.round(random, len(Suspects(first)), tc.pairs, 1)
				for i, name := range Suspects(first) {
					again[i].Name = name
				}
				if Failed(Confirm(first, Judge(again))) {
					alarms++
				}
			}
		}
	}
	require.LessOrEqual(t, stats.Proportion(suspicions, gates, 0.95).High, Alpha)
	require.LessOrEqual(t, stats.Proportion(alarms, gates, 0.95).High, 0.01)
}

// detected tells whether a gate of which one metric became slower by a factor fails.
func (n noise) detected(random *rand.Rand, pairs int, slower float64) bool {
	round := func(metrics int) []Finding {
		comparisons := n.round(random, 1, pairs, slower)
		for i := range metrics - 1 {
			comparisons = append(comparisons, Comparison{Name: fmt.Sprint(i + 1), Unit: duration, Old: same(pairs, 1), New: same(pairs, 1)})
		}
		return Judge(comparisons)
	}
	return Failed(Confirm(round(metrics), round(1)))
}

// TestMisses makes one of the metrics slower. A machine that has two modes of its own,
// 20 % apart, hides a change of 10 %, but not one of 15 %.
func TestMisses(t *testing.T) {
	for _, tc := range []struct {
		noise  noise
		pairs  int
		slower float64
		gates  int
	}{{quiet, 20, 1.1, 200}, {plain, 30, 1.1, 200}, {busy, 40, 1.1, 800}, {modes, 40, 1.15, 300}} {
		t.Run(fmt.Sprintf("%s/pairs=%d/slower=%v", tc.noise.name, tc.pairs, tc.slower), func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, 4))
			missed := 0
			for range tc.gates {
				if !tc.noise.detected(random, tc.pairs, tc.slower) {
					missed++
				}
			}
			require.LessOrEqual(t, stats.Proportion(missed, tc.gates, 0.95).High, 0.05)
		})
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, pairs := range []int{20, 40} {
		b.Run(fmt.Sprintf("metrics=%d/pairs=%d", metrics, pairs), func(b *testing.B) {
			comparisons := busy.round(rand.New(rand.NewPCG(1, 2)), metrics, pairs, 1)
			for b.Loop() {
				Judge(comparisons)
			}
		})
	}
}
