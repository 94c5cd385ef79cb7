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

func count(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(i + 1)
	}
	return out
}

// TestQuantile holds values that R's quantile(x, type=7) gives.
func TestQuantile(t *testing.T) {
	for _, tc := range []struct {
		x       []float64
		q, want float64
	}{
		{[]float64{5}, 0.99, 5},
		{[]float64{1, 2}, 0.5, 1.5},
		{[]float64{1, 2, 3, 4}, 0.25, 1.75},
		{count(10), 0.9, 9.1},
		{count(10), 0.99, 9.91},
		{count(101), 0.5, 51},
		{count(10), 0, 1},
		{count(10), 1, 10},
		{count(10), -3, 1},
		{count(10), 7, 10},
	} {
		require.InDelta(t, tc.want, Quantile(tc.x, tc.q), 1e-12, "%v of %v", tc.q, tc.x)
	}
	require.True(t, math.IsNaN(Quantile(nil, 0.5)))
}

// TestMedianInterval holds the ranks and coverages of the published tables for the
// sign test's interval (Conover, Practical Nonparametric Statistics, table A3;
// Hollander and Wolfe, table A.4).
func TestMedianInterval(t *testing.T) {
	for _, tc := range []struct {
		n, low, high int
		coverage     float64
	}{
		{6, 1, 6, 0.9688},
		{7, 1, 7, 0.9844},
		{8, 1, 8, 0.9922},
		{9, 2, 8, 0.9609},
		{10, 2, 9, 0.9785},
		{12, 3, 10, 0.9614},
		{15, 4, 12, 0.9648},
		{17, 5, 13, 0.9510},
		{20, 6, 15, 0.9586},
		{25, 8, 18, 0.9567},
		{30, 10, 21, 0.9572},
		{40, 14, 27, 0.9615},
		{50, 18, 33, 0.9672},
		{100, 40, 61, 0.9648},
	} {
		got := QuantileInterval(count(tc.n), 0.5, 0.95)
		require.Equal(t, []int{tc.low, tc.high}, []int{got.LowRank, got.HighRank}, "n=%d", tc.n)
		require.InDelta(t, tc.coverage, got.Confidence, 5e-5, "n=%d", tc.n)
		require.Equal(t, float64(tc.low), got.Low)
		require.Equal(t, float64(tc.high), got.High)
	}
}

// TestFewValues: where so few values cannot give the confidence, the interval is
// the range and says what it is worth.
func TestFewValues(t *testing.T) {
	for n := 1; n <= 5; n++ {
		got := QuantileInterval(count(n), 0.5, 0.95)
		require.Equal(t, []int{1, n}, []int{got.LowRank, got.HighRank})
		require.InDelta(t, 1-math.Pow(0.5, float64(n-1)), got.Confidence, 1e-12)
	}
	require.Zero(t, QuantileInterval(nil, 0.5, 0.95))
	// A hundred values do not bound their distribution's 99th percentile from above:
	// none of them lies beyond it in 0.99^100 = 36.6 % of all samples.
	got := QuantileInterval(count(100), 0.99, 0.95)
	require.Equal(t, 100, got.HighRank)
	require.Less(t, got.Confidence, 1-math.Pow(0.99, 100))
	require.Greater(t, got.Confidence, 0.6)
	// The extreme quantiles are the range's ends, never an index outside it.
	for _, q := range []float64{0, 1} {
		got := QuantileInterval(count(9), q, 0.95)
		require.GreaterOrEqual(t, got.LowRank, 1)
		require.LessOrEqual(t, got.HighRank, 9)
	}
}

// TestIntervalAgainstSum compares with coverages summed without logarithms.
func TestIntervalAgainstSum(t *testing.T) {
	for n := 1; n <= 40; n++ {
		for _, q := range []float64{0.1, 0.5, 0.9} {
			got := QuantileInterval(count(n), q, 0.9)
			want, term := 0.0, math.Pow(1-q, float64(n))
			for k := 0; k < got.HighRank; k++ {
				if k >= got.LowRank {
					want += term
				}
				term *= float64(n-k) / float64(k+1) * q / (1 - q)
			}
			require.InDelta(t, want, got.Confidence, 1e-12, "n=%d q=%v", n, q)
		}
	}
}

// TestCoverage draws from a skewed distribution and counts how often the interval
// holds the true quantile.
func TestCoverage(t *testing.T) {
	const rounds = 4000
	random := rand.New(rand.NewPCG(1, 2))
	for _, tc := range []struct {
		n int
		q float64
	}{{10, 0.5}, {20, 0.5}, {99, 0.5}, {60, 0.9}} {
		t.Run(fmt.Sprintf("n=%d/q=%v", tc.n, tc.q), func(t *testing.T) {
			truth := -math.Log(1 - tc.q) // of the exponential distribution
			held, stated := 0, 0.0
			for range rounds {
				x := make([]float64, tc.n)
				for i := range x {
					x[i] = random.ExpFloat64()
				}
				slices.Sort(x)
				got := QuantileInterval(x, tc.q, 0.95)
				stated = got.Confidence
				if got.Low <= truth && truth <= got.High {
					held++
				}
			}
			require.GreaterOrEqual(t, stated, 0.95)
			require.InDelta(t, stated, float64(held)/rounds, 0.015)
		})
	}
}

func TestSummarize(t *testing.T) {
	values := []float64{3, 1, 2, 5, 4}
	got, err := Summarize(values)
	require.NoError(t, err)
	require.Equal(t, []float64{3, 1, 2, 5, 4}, values)
	require.Equal(t, Summary{
		N: 5, Min: 1, Median: 3, Max: 5, P90: 4.6, P99: 4.96,
		Interval: Interval{1, 5, 1, 5, 0.9375},
	}, got)
	_, err = Summarize(nil)
	require.ErrorIs(t, err, ErrNoSample)
	_, err = Summarize([]float64{1, math.NaN()})
	require.ErrorIs(t, err, ErrNoSample)
}

// TestLargeSample: a million values take no precision and no time.
func TestLargeSample(t *testing.T) {
	const n = 1_000_000
	got := QuantileInterval(count(n), 0.5, 0.95)
	require.InDelta(t, 0.95, got.Confidence, 1e-3)
	require.Equal(t, n+1, got.LowRank+got.HighRank)
	require.InDelta(t, n/2-1.96*math.Sqrt(n)/2, got.LowRank, 3)
}
