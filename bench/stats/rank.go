// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"cmp"
	"math"
	"slices"
)

// midranks returns the place of each value among all, counted from 1 and doubled:
// equal values share the mean of their places, whose double is still whole. ties is
// the sum of t³-t over the groups of t equal values.
func midranks(values []float64) (doubled []int, ties float64) {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(values[i], values[j]) })
	doubled = make([]int, len(values))
	for start, end := 0, 0; start < len(order); start = end {
		for end = start + 1; end < len(order) && values[order[end]] == values[order[start]]; end++ {
		}
		for _, i := range order[start:end] {
			doubled[i] = start + 1 + end
		}
		t := float64(end - start)
		ties += t*t*t - t
	}
	return doubled, ties
}

// beyond returns the chance that a standard normal variable is further from 0 than z,
// on either side.
func beyond(z float64) float64 { return math.Erfc(max(z, 0) / math.Sqrt2) }

// Z returns the distance from 0 that a standard normal variable exceeds, on either
// side, with chance p: 1.96 for 0.05. It is infinite for p = 0.
func Z(p float64) float64 { return math.Sqrt2 * math.Erfcinv(min(max(p, 0), 1)) }
