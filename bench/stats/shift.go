// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"math"
	"slices"
	"sort"
)

// Estimate is a value that was estimated, and an interval for the true one.
type Estimate struct {
	Value, Low, High float64
	// Confidence is the least chance that such an interval holds the true value. It
	// is below what was asked for where there are too few values to give that.
	Confidence float64
}

// Differences returns what lies between the values of each pair, new less old: of
// their logarithms where all values are positive, so that a machine that is twice as
// slow for a while leaves the difference as it is; of the values otherwise.
// Where the lengths differ the rest of the longer is left out.
func Differences(old, new []float64) (differences []float64, logarithms bool) {
	n := min(len(old), len(new))
	old, new = old[:n], new[:n]
	logarithms = n > 0 && slices.Min(old) > 0 && slices.Min(new) > 0
	differences = make([]float64, n)
	for i := range differences {
		if logarithms {
			differences[i] = math.Log(new[i]) - math.Log(old[i])
		} else {
			differences[i] = new[i] - old[i]
		}
	}
	return differences, logarithms
}

// Shift estimates how far the middle of the differences lies from 0: by the shift
// that, taken off each of them, leaves Permutation's sum of scores in its very middle
// (Hodges and Lehmann, Estimates of Location Based on Rank Tests, 1963). The
// interval holds the shifts that the test would not reject (Hollander and Wolfe,
// Nonparametric Statistical Methods, §3.2 and 3.3). Its confidence holds for
// any symmetric distribution; where both sides have the same noise, differences are
// symmetric. Without differences it is the zero Estimate.
func Shift(differences []float64, confidence float64) Estimate {
	return shift(differences, len(differences), confidence)
}

// shift is Shift for doubled ranks of at most limit.
func shift(differences []float64, limit int, confidence float64) Estimate {
	n := len(differences)
	if n == 0 {
		return Estimate{}
	}
	scores := make([]int, n)
	for i := range scores {
		scores[i] = min(2*(i+1), limit)
	}
	null := newSigns(scores)
	least, missed := null.largest((1 - confidence) / 2)
	sorted := slices.Sorted(slices.Values(differences))
	// first returns the smallest shift that leaves a sum of at most most: the larger
	// the shift, the smaller the sum.
	first := func(most int) float64 {
		return root(sorted[0], sorted[n-1], func(by float64) bool { return sumAbove(sorted, scores, by) <= most })
	}
	low, high := first(null.total/2), first((null.total-1)/2)
	return Estimate{
		Value:      min(low+(high-low)/2, high), // whatever overflows
		Low:        first(null.total - least - 1),
		High:       first(least),
		Confidence: 1 - 2*missed,
	}
}

// root returns the smallest number from low to high at which a condition holds that
// holds for all larger ones too, high among them.
func root(low, high float64, condition func(float64) bool) float64 {
	if condition(low) {
		return low
	}
	for {
		middle := low/2 + high/2
		switch {
		case !(low < middle && middle < high): // next to each other, or no numbers
			return high
		case condition(middle):
			high = middle
		default:
			low = middle
		}
	}
}

// sumAbove returns the sum of the scores of those sorted values that are larger than
// by, when scores are dealt in the order of the distance from it.
func sumAbove(sorted []float64, scores []int, by float64) (sum int) {
	above := sort.Search(len(sorted), func(i int) bool { return sorted[i] > by })
	below := above - 1
	for _, score := range scores {
		if below < 0 || above < len(sorted) && sorted[above]-by <= by-sorted[below] {
			sum += score
			above++
		} else {
			below--
		}
	}
	return sum
}
