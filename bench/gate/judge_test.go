// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// ramp returns n values from middle-spread to middle+spread; each call of the same
// length has another order.
func ramp(n int, middle, spread float64, stride int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = middle + spread*(2*float64(i*stride%n)/float64(n-1)-1)
	}
	return out
}

func same(n int, v float64) []float64 { return slices.Repeat([]float64{v}, n) }

var (
	duration = record.Unit{Name: "ready-ns", Better: "lower", Floor: 0.05}
	rate     = record.Unit{Name: "rate", Better: "higher", Floor: 0.05}
	heap     = record.Unit{Name: "heap-bytes", Better: "lower", Floor: 0.05, Slack: 20}
	exit     = record.Unit{Name: "exits", Better: "lower", Floor: 0.01}
)

func TestJudge(t *testing.T) {
	old := ramp(29, 100, 5, 5)
	for _, tc := range []struct {
		name     string
		unit     record.Unit
		old, new []float64
		want     Verdict
		more     int // for Inconclusive; any positive number is math.MaxInt
	}{
		{"slower", duration, old, ramp(29, 112, 5, 8), Regression, 0},
		{"faster", duration, old, ramp(29, 88, 5, 8), Improvement, 0},
		{"as fast", duration, old, ramp(29, 100, 5, 8), OK, 0},
		{"certainly slower, by less than matters", duration, old, ramp(29, 103, 1, 8), OK, 0},
		{"certainly faster, by less than matters", duration, old, ramp(29, 97, 5, 8), OK, 0},
		{"larger is better, and it is", rate, old, ramp(29, 112, 5, 8), Improvement, 0},
		{"larger is better, and it is not", rate, old, ramp(29, 88, 5, 8), Regression, 0},
		{"more than the floor, less than the slack", heap, old, ramp(29, 112, 5, 8), OK, 0},
		{"more than the floor and the slack", heap, old, ramp(29, 125, 5, 8), Regression, 0},
		{"more than the slack, less than the floor", heap, same(12, 1e6), same(12, 1e6+100), OK, 0},
		{"too noisy", duration, ramp(29, 100, 40, 5), ramp(29, 100, 40, 8), Inconclusive, math.MaxInt},
		{"slower as it seems, too few pairs", duration, ramp(5, 100, 1, 2), ramp(5, 200, 1, 3), Inconclusive, math.MaxInt},
		{"just at the limit", duration, same(3, 100), same(3, 105), Inconclusive, 3},

		{"counts that are equal", exit, same(12, 70), same(12, 70), OK, 0},
		{"counts that rose", exit, same(12, 70), same(12, 72), Regression, 0},
		{"counts that fell", exit, same(12, 70), same(12, 68), Improvement, 0},
		{"counts that rose by just the floor", exit, same(12, 100), same(12, 101), OK, 0},
		{"one side constant", exit, same(29, 100), ramp(29, 110, 3, 5), Regression, 0},
		{"few counts", exit, same(3, 70), same(3, 70), Inconclusive, 3},
		{"few counts that rose", exit, same(3, 70), same(3, 80), Inconclusive, 3},
		{"zeros", exit, same(12, 0), same(12, 0), OK, 0},
		{"from zero", exit, same(12, 0), same(12, 3), Regression, 0},
		{"to zero", exit, same(12, 3), same(12, 0), Improvement, 0},
		{"from zero, less than the slack", heap, same(12, 0), same(12, 3), OK, 0},
		{"negatives", duration, same(12, -10), same(12, -8), Regression, 0},
		{"through zero", rate, ramp(29, 0, 1, 5), ramp(29, 9, 1, 8), Improvement, 0},

		{"no pair", duration, nil, nil, Inconclusive, 6},
		{"one pair", duration, same(1, 5), same(1, 5), Inconclusive, 5},
		{"two pairs", duration, same(2, 5), same(2, 9), Inconclusive, 4},
		{"not of the same length", duration, same(12, 5), same(30, 5), OK, 0},
		{"no numbers", duration, append(same(12, 5), math.NaN(), 1, math.Inf(1)), append(same(12, 5), 1, math.NaN(), 1), OK, 0},
		{"not gated", record.Unit{Name: "x", Better: "lower"}, old, ramp(29, 200, 5, 8), "", 0},
		{"no direction", record.Unit{Name: "x", Floor: 0.05}, old, ramp(29, 200, 5, 8), "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Judge([]Comparison{{"b", tc.unit, tc.old, tc.new}})
			require.Len(t, got, 1)
			require.Equal(t, tc.want, got[0].Verdict, "%+v", got[0])
			if tc.more == math.MaxInt {
				require.Positive(t, got[0].More)
			} else {
				require.Equal(t, tc.more, got[0].More)
			}
			require.Equal(t, tc.want == Regression, Failed(got))
		})
	}
}

// TestJudgeFigures: the figures of a finding are those that the documentation names.
func TestJudgeFigures(t *testing.T) {
	got := Judge([]Comparison{
		{"a", duration, same(10, 100), same(10, 110)},
		{"b", duration, same(10, 100), same(10, 100)},
		{"c", record.Unit{Name: "x"}, same(10, 100), same(10, 50)},
		{"d", exit, same(10, 0), same(10, 7)},
		{"e", duration, nil, nil},
	})
	a := got[0]
	require.Equal(t, 100.0, a.OldSummary.Median)
	require.Equal(t, 110.0, a.NewSummary.Median)
	for _, v := range []float64{a.Change, a.Low, a.High} {
		require.InDelta(t, 0.1, v, 1e-12)
	}
	require.InDelta(t, 2./1024, a.P, 1e-12, "the permutation test's")
	require.InDelta(t, 4*2./1024, a.Corrected, 1e-12, "four are gated")
	require.Equal(t, []float64{0, 1, 1}, []float64{got[1].Change, got[1].P, got[1].Corrected})
	require.InDelta(t, -0.5, got[2].Change, 1e-12)
	require.Equal(t, 1.0, got[2].Corrected)
	require.InDelta(t, 2./1024, got[2].P, 1e-12)
	require.True(t, math.IsInf(got[3].Change, 1) && math.IsInf(got[3].Low, 1))
	require.Equal(t, Finding{Comparison: Comparison{Name: "e", Unit: duration}, P: 1, Corrected: 1, Verdict: Inconclusive, More: 8}, got[4])
}

// TestMoreSettles: as many more pairs as a finding asks for settle most of those that
// so few leave open mostly.
func TestMoreSettles(t *testing.T) {
	const pairs, others = 20, 30
	random := rand.New(rand.NewPCG(1, 2))
	judge := func(pairs int, slower float64) Finding {
		comparisons := loud.round(random, 1, pairs, slower)
		for range others {
			comparisons = append(comparisons, Comparison{"other", duration, same(20, 1), same(20, 1)})
		}
		return Judge(comparisons)[0]
	}
	for _, tc := range []struct {
		name   string
		slower float64
	}{{"lacks precision", 1}, {"lacks certainty", 1.12}} {
		t.Run(tc.name, func(t *testing.T) {
			const rounds = 150
			asked, settled := 0, 0
			for range rounds {
				f := judge(pairs, tc.slower)
				if f.More <= 0 {
					continue
				}
				asked++
				if judge(pairs+f.More, tc.slower).Verdict != Inconclusive {
					settled++
				}
			}
			require.Greater(t, float64(asked)/rounds, 0.55)
			require.Greater(t, float64(settled)/float64(asked), 0.65)
		})
	}
}

func TestLeastPairs(t *testing.T) {
	for comparisons := 1; comparisons < 300; comparisons++ {
		n := leastPairs(comparisons)
		smallest := stats.Permutation(same(n, 1))
		require.LessOrEqual(t, smallest*float64(comparisons), Alpha)
		require.Greater(t, 2*smallest*float64(comparisons), Alpha, "one pair less would do")
	}
	require.GreaterOrEqual(t, stats.Shift(same(leastPairs(1), 1), stats.Confidence).Confidence, stats.Confidence)
}

// FuzzJudge: whatever a results file holds, a finding is in itself consistent.
func FuzzJudge(f *testing.F) {
	pack := func(values ...float64) (out []byte) {
		for _, v := range values {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		}
		return out
	}
	f.Add(pack(1, 2, 1, 2, 1, 2), 0.05, 0.0, true)
	f.Add(pack(0, 0, -1, 1), 0.01, 3.0, false)
	f.Add(pack(math.NaN(), 1, math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64, 5e-324, 1e-310), 1.0, 0.0, true)
	f.Fuzz(func(t *testing.T, data []byte, floor, slack float64, lower bool) {
		c := Comparison{Unit: record.Unit{Name: "u", Better: "higher", Floor: floor, Slack: slack}}
		if lower {
			c.Unit.Better = "lower"
		}
		for ; len(data) >= 16 && len(c.Old) < 60; data = data[16:] {
			c.Old = append(c.Old, math.Float64frombits(binary.LittleEndian.Uint64(data)))
			c.New = append(c.New, math.Float64frombits(binary.LittleEndian.Uint64(data[8:])))
		}
		got := Judge([]Comparison{c})[0]
		if !(got.P > 0 && got.P <= 1) {
			t.Errorf("p is %v", got.P)
		}
		if (got.Verdict == "") == c.gated() {
			t.Errorf("the verdict is %q", got.Verdict)
		}
		if got.Verdict != Inconclusive && got.More != 0 || got.Verdict == Inconclusive && got.More == 0 {
			t.Errorf("%s, %d more", got.Verdict, got.More)
		}
		if !(got.Low <= got.Change && got.Change <= got.High) {
			t.Errorf("a change of %v from %v to %v", got.Change, got.Low, got.High)
		}
	})
}
