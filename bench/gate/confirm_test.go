// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

// finding has as many pairs, and as large a change, as its round's number.
func finding(name, unit string, v Verdict, round int) Finding {
	return Finding{
		Comparison: Comparison{name, record.Unit{Name: unit, Better: "lower", Floor: 0.05}, make([]float64, round), make([]float64, round)},
		Change:     float64(round), Verdict: v,
	}
}

func TestSuspects(t *testing.T) {
	require.Equal(t, []string{"b", "d"}, Suspects([]Finding{
		finding("a", "x", OK, 1), finding("b", "x", Regression, 1), finding("b", "y", Regression, 1),
		finding("c", "x", Inconclusive, 1), finding("d", "x", OK, 1), finding("d", "y", Improvement, 1), finding("e", "x", "", 1),
	}))
	require.Empty(t, Suspects(nil))
}

func TestConfirm(t *testing.T) {
	const none Verdict = "none"
	for _, tc := range []struct {
		first, second, want Verdict
		round               int // whose figures the finding has
	}{
		{Regression, Regression, Regression, 2},
		{Regression, OK, OK, 2},
		{Regression, Inconclusive, Inconclusive, 2},
		{Regression, Improvement, Inconclusive, 2},
		{Regression, none, Inconclusive, 1},
		{Improvement, Improvement, Improvement, 2},
		{Improvement, Regression, Inconclusive, 2},
		{OK, Regression, OK, 1},
		{Inconclusive, Regression, Inconclusive, 1},
		{OK, none, OK, 1},
	} {
		first := []Finding{finding("other", "x", OK, 1), finding("b", "x", tc.first, 1)}
		second := []Finding{finding("b", "y", Regression, 2), finding("c", "x", Regression, 2)}
		if tc.second != none {
			second = append(second, finding("b", "x", tc.second, 2))
		}
		got := Confirm(first, second)
		require.Len(t, got, 2)
		require.Equal(t, first[0], got[0])
		require.Equal(t, tc.want, got[1].Verdict, "%s, then %s", tc.first, tc.second)
		require.Equal(t, float64(tc.round), got[1].Change, "%s, then %s", tc.first, tc.second)
		require.Equal(t, tc.first, first[1].Verdict, "the first round's findings stay as they are")
		require.Equal(t, tc.want == Regression, Failed(got))
	}
	// A second round without units has nothing to say.
	ungated := finding("b", "x", "", 2)
	ungated.Unit = record.Unit{Name: "x"}
	require.Equal(t, Inconclusive, Confirm([]Finding{finding("b", "x", Regression, 1)}, []Finding{ungated})[0].Verdict)
}
