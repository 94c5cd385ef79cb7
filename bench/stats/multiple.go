// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"cmp"
	"slices"
)

// Holm corrects the p-values of several tests for their number: rejecting those whose
// result is at most α rejects any true hypothesis with a chance of at most α,
// however the tests depend on each other (Holm, A Simple Sequentially Rejective
// Multiple Test Procedure, 1979). The results stand in the order of p.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	corrected := make([]float64, len(p))
	largest := 0.0
	for done, i := range order {
		largest = max(largest, min(1, p[i]*float64(len(p)-done)))
		corrected[i] = largest
	}
	return corrected
}
