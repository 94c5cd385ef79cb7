// SPDX-License-Identifier: MIT OR Apache-2.0

package chart

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot"
)

func labels(ticks []plot.Tick) (out []string) {
	for _, t := range ticks {
		out = append(out, t.Label)
	}
	return out
}

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		low, high float64
		want      []string
	}{
		{0, 1600, []string{"0", "500", "1000", "1500"}},
		{0, 10, []string{"0", "2", "4", "6", "8", "10"}},
		{31, 38, []string{"32", "34", "36", "38"}},
		{-1, 1, []string{"-1", "-0.5", "0", "0.5", "1"}},
		{0, 0.004, []string{"0", "0.001", "0.002", "0.003", "0.004"}},
		{7, 7, []string{"7"}},
	} {
		require.Equal(t, tc.want, labels(ticks{count: 5}.Ticks(tc.low, tc.high)), "%v to %v", tc.low, tc.high)
	}
}

func TestLogTicks(t *testing.T) {
	for _, tc := range []struct {
		low, high float64
		want      []string
	}{
		{30, 1500, []string{"50", "100", "200", "500", "1000"}},
		{0.9, 1100, []string{"1", "10", "100", "1000"}},
		{1, 10, []string{"1", "2", "5", "10"}},
	} {
		require.Equal(t, tc.want, labels(logTicks{}.Ticks(tc.low, tc.high)), "%v to %v", tc.low, tc.high)
	}
}

func TestScale(t *testing.T) {
	for _, tc := range []struct {
		low, high   float64
		logarithmic bool
	}{
		{30, 1500, true}, {30, 40, false}, {0, 1500, false}, {-1, 1500, false}, {5, 5, false}, {0, 0, false}, {1e-320, 1, false}, {1, 1e300, false},
	} {
		a := plot.New().X
		scale(&a, tc.low, tc.high)
		_, got := a.Scale.(logScale)
		require.Equal(t, tc.logarithmic, got, "%v to %v", tc.low, tc.high)
		require.Less(t, a.Min, a.Max)
		require.LessOrEqual(t, a.Min, tc.low)
		require.GreaterOrEqual(t, a.Max, tc.high)
	}
}

func TestLogScale(t *testing.T) {
	for x, want := range map[float64]float64{10: 0, 100: 0.5, 1000: 1, 10_000: 1.5, 0: 0, -5: 0} {
		require.InDelta(t, want, logScale{}.Normalize(10, 1000, x), 1e-12, "%v", x)
	}
}

func TestRunTicks(t *testing.T) {
	require.Equal(t, []string{"a", "b"}, labels(runTicks([]string{"a", "b"})))
	got := labels(runTicks(make([]string, 40)))
	require.Len(t, got, 40)
	many := make([]string, 40)
	for i := range many {
		many[i] = "c"
	}
	named := 0
	for _, label := range labels(runTicks(many)) {
		if label != "" {
			named++
		}
	}
	require.LessOrEqual(t, named, maxRunLabels)
	require.Equal(t, "c", labels(runTicks(many))[39], "the newest is named")
}
