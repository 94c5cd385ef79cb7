// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShiftPublished: with scores that are plain ranks these are the estimate and the
// interval of Hollander and Wolfe's examples 3.2 and 3.3, with signs turned.
func TestShiftPublished(t *testing.T) {
	got := shift(improvement, unlimited, 0.96)
	require.InDelta(t, 0.46, got.Value, 1e-9)
	require.InDelta(t, 0.010, got.Low, 1e-9)
	require.InDelta(t, 0.786, got.High, 1e-9)
	require.InDelta(t, 0.961, got.Confidence, 5e-4)
}

// TestShiftMeans: likewise the estimate is the median of the means of all pairs of
// differences, each with itself too, and the interval's ends are two of these means.
func TestShiftMeans(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 30; n++ {
		differences := make([]float64, n)
		var means []float64
		for i := range differences {
			differences[i] = random.NormFloat64()
			for _, other := range differences[:i+1] {
				means = append(means, (differences[i]+other)/2)
			}
		}
		slices.Sort(means)
		got := shift(differences, unlimited, 0.95)
		require.InDelta(t, Quantile(means, 0.5), got.Value, 1e-12)
		doubled, _ := signsOf(n, unlimited).largest(0.025)
		outside := doubled / 2
		require.InDelta(t, means[outside], got.Low, 1e-12, "n=%d", n)
		require.InDelta(t, means[len(means)-1-outside], got.High, 1e-12, "n=%d", n)
	}
}

// TestShiftInverts: the interval holds exactly the shifts that the test does not reject.
func TestShiftInverts(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{6, 7, 15, 40, exactPairs + 20} {
		differences := make([]float64, n)
		for i := range differences {
			differences[i] = random.NormFloat64() / random.NormFloat64()
		}
		got := Shift(differences, 0.95)
		width := got.High - got.Low
		for part := -1.0; part <= 2; part += 0.0101 {
			by := got.Low + part*width
			moved := make([]float64, n)
			for i, d := range differences {
				moved[i] = d - by
			}
			if part > 0 && part < 1 {
				require.Greater(t, Permutation(moved), 0.05, "n=%d, %v of the interval", n, part)
			} else {
				require.LessOrEqual(t, Permutation(moved), 0.05, "n=%d, %v of the interval", n, part)
			}
		}
		require.True(t, got.Low < got.Value && got.Value < got.High)
	}
}

func TestShiftFew(t *testing.T) {
	for _, tc := range []struct {
		name        string
		differences []float64
		want        Estimate
	}{
		{"none", nil, Estimate{}},
		{"one", []float64{3}, Estimate{3, 3, 3, 0}},
		{"two", []float64{3, 5}, Estimate{4, 3, 5, 0.5}},
		{"five", []float64{5, 1, 2, 4, 3}, Estimate{3, 1, 5, 0.9375}},
		{"six zeros", make([]float64, 6), Estimate{0, 0, 0, 0.96875}},
		{"mostly zeros", []float64{0, 0, 0, 0, 0, 0, 0, 0, 0, -1}, Estimate{0, 0, 0, 0.95}},
		{"all alike", slices.Repeat([]float64{0.25}, 20), Estimate{0.25, 0.25, 0.25, 0.95}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Shift(tc.differences, 0.95)
			require.InDelta(t, tc.want.Value, got.Value, 1e-12)
			require.InDelta(t, tc.want.Low, got.Low, 1e-12)
			require.InDelta(t, tc.want.High, got.High, 1e-12)
			if tc.want.Confidence < 0.95 {
				require.InDelta(t, tc.want.Confidence, got.Confidence, 1e-12)
			} else {
				require.GreaterOrEqual(t, got.Confidence, 0.95)
			}
		})
	}
}

// TestNoNumbers: what is returned for such values means nothing, but it is returned.
func TestNoNumbers(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		for _, other := range []float64{-bad, 0, 1, bad} {
			values := []float64{bad, 1, other, 2, bad}
			require.Less(t, Shift(values, 0.95).Confidence, 1.0)
			_, p := MannWhitney(values, []float64{1, other})
			for _, p := range []float64{p, Permutation(values)} {
				require.True(t, p > 0 && p <= 1, "p is %v of %v", p, values)
			}
		}
	}
}

// TestShiftCoverage counts how often the interval holds the true shift when noise has
// heavy tails.
func TestShiftCoverage(t *testing.T) {
	const rounds, truth = 2000, 0.3
	random := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{8, 20, 40} {
		t.Run(fmt.Sprintf("n=%d", n), func(t *testing.T) {
			held, stated, errors := 0, 0.0, 0.0
			for range rounds {
				differences := make([]float64, n)
				for i := range differences {
					differences[i] = truth + random.NormFloat64()/math.Abs(random.NormFloat64())
				}
				got := Shift(differences, 0.95)
				stated = got.Confidence
				errors += math.Copysign(1, got.Value-truth)
				if got.Low <= truth && truth <= got.High {
					held++
				}
			}
			require.GreaterOrEqual(t, stated, 0.95)
			require.InDelta(t, stated, float64(held)/rounds, 0.02)
			require.InDelta(t, 0, errors/rounds, 0.08, "estimates lie on both sides alike")
		})
	}
}

func TestDifferences(t *testing.T) {
	for _, tc := range []struct {
		name       string
		old, new   []float64
		want       []float64
		logarithms bool
	}{
		{"positive", []float64{1, 10}, []float64{math.E, 10}, []float64{1, 0}, true},
		{"a zero", []float64{0, 2}, []float64{3, 2}, []float64{3, 0}, false},
		{"a negative", []float64{1, 2}, []float64{3, -2}, []float64{2, -4}, false},
		{"one longer", []float64{1, 2, -3}, []float64{1}, []float64{0}, true},
		{"none", nil, []float64{1}, []float64{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, logarithms := Differences(tc.old, tc.new)
			require.Equal(t, tc.logarithms, logarithms)
			require.InDeltaSlice(t, tc.want, got, 1e-12)
		})
	}
}
