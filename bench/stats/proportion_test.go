// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProportion holds values that R's binom.test gives: the first is Mendel's peas,
// the example of its help page.
func TestProportion(t *testing.T) {
	for _, tc := range []struct {
		k, n             int
		value, low, high float64
	}{
		{682, 925, 682. / 925, 0.7076683, 0.7654066},
		{0, 10, 0, 0, 0.3084971},
		{10, 10, 1, 0.6915029, 1},
		{5, 10, 0.5, 0.1870860, 0.8129140},
		{1, 20, 0.05, 0.0012651, 0.2487328},
		{0, 1, 0, 0, 0.975},
		{0, 0, 0.5, 0, 1},
		{3, 2, 0.5, 0, 1},
		{-1, 2, 0.5, 0, 1},
	} {
		got := Proportion(tc.k, tc.n, 0.95)
		require.InDelta(t, tc.value, got.Value, 1e-12, "%d of %d", tc.k, tc.n)
		require.InDelta(t, tc.low, got.Low, 1e-6, "%d of %d", tc.k, tc.n)
		require.InDelta(t, tc.high, got.High, 1e-6, "%d of %d", tc.k, tc.n)
	}
}

// TestProportionExact: at each end of the interval the chance of so many, or so few,
// is the tail, and the truth is missed no more often than allowed.
func TestProportionExact(t *testing.T) {
	const n, confidence = 25, 0.9
	intervals := make([]Estimate, n+1)
	for k := range intervals {
		intervals[k] = Proportion(k, n, confidence)
		for _, end := range []struct {
			p        float64
			from, to int
		}{{intervals[k].Low, k, n}, {intervals[k].High, 0, k}} {
			if end.p == 0 || end.p == 1 {
				continue
			}
			tail := 0.0
			for i := end.from; i <= end.to; i++ {
				tail += binomial(n, i, end.p)
			}
			require.InDelta(t, 0.05, tail, 1e-9)
		}
	}
	for p := 0.01; p < 1; p += 0.01 {
		held := 0.0
		for k, e := range intervals {
			if e.Low <= p && p <= e.High {
				held += binomial(n, k, p)
			}
		}
		require.GreaterOrEqual(t, held, confidence, "p=%v", p)
	}
}

// TestProportionLarge: large numbers take no precision.
func TestProportionLarge(t *testing.T) {
	got := Proportion(500_000, 1_000_000, 0.95)
	require.InDelta(t, 0.5-1.96*0.0005, got.Low, 2e-6)
	require.InDelta(t, 0.5+1.96*0.0005, got.High, 2e-6)
}
