// SPDX-License-Identifier: MIT OR Apache-2.0

// Package stats says what a sample of measurements knows, without assuming any
// distribution: times of computers have none with a name.
//
// The middle is the median, the uncertainty an interval between two order
// statistics, with its exact coverage worked out from the binomial distribution
// (David and Nagaraja, Order Statistics, 3rd edition, §7.1). For few samples that
// coverage is below what was asked for; the interval says how far.
//
// Two samples are compared by ranks: the Mann–Whitney test looks at all their values
// together; the permutation test and the estimate that belongs to it look at the
// differences within pairs that were measured close together, which takes out
// whatever the machine did to both. One wild value moves a rank to the end of the
// line and no further. Against noise that is normal after all ranks cost 5 % of the
// sample, and save any amount of it where tails are heavy (Hodges and Lehmann, The
// Efficiency of Some Nonparametric Competitors of the t-Test, 1956); the permutation
// test, which is built for the latter, costs 17 %.
//
// Values must be finite; nothing panics over others, but their results mean nothing.
package stats

import (
	"errors"
	"math"
	"slices"
)

// Quantile returns the q-quantile of sorted values, q from 0 to 1: linear between
// the two nearest order statistics (Hyndman and Fan's definition 7, as in R and
// NumPy). It is NaN for no values.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	q = min(max(q, 0), 1)
	position := q * float64(len(sorted)-1)
	below := int(position)
	if below == len(sorted)-1 {
		return sorted[below]
	}
	part := position - float64(below)
	return (1-part)*sorted[below] + part*sorted[below+1]
}

// Interval is a confidence interval between two of the values.
type Interval struct {
	Low, High float64
	// LowRank and HighRank are the places of Low and High among the sorted values,
	// counted from 1.
	LowRank, HighRank int
	// Confidence is the chance that such an interval holds the true quantile, for
	// any continuous distribution. It is at least what was asked for wherever so
	// many values can give it; otherwise the interval is the whole range.
	Confidence float64
}

// QuantileInterval returns the interval for the true q-quantile. Each end misses it
// with at most half of 1-confidence. With no values it is the zero Interval.
func QuantileInterval(sorted []float64, q, confidence float64) Interval {
	n := len(sorted)
	if n == 0 {
		return Interval{}
	}
	tail := (1 - confidence) / 2
	// The number of values below the true quantile is binomial(n, q): the value of
	// rank r lies above it when that number is less than r.
	low, below := 0, 0.0 // below: chance of fewer than low values below
	for low < n {
		next := below + binomial(n, low, q)
		if next > tail {
			break
		}
		low, below = low+1, next
	}
	high, above := n+1, 0.0 // above: chance of high values or more below
	for high > 1 {
		next := above + binomial(n, high-1, q)
		if next > tail {
			break
		}
		high, above = high-1, next
	}
	if low == 0 {
		low, below = 1, binomial(n, 0, q)
	}
	if high == n+1 {
		high, above = n, binomial(n, n, q)
	}
	return Interval{sorted[low-1], sorted[high-1], low, high, max(0, 1-below-above)}
}

// binomial returns the chance of exactly k of n, each with chance p.
func binomial(n, k int, p float64) float64 {
	switch {
	case p <= 0:
		return indicator(k == 0)
	case p >= 1:
		return indicator(k == n)
	}
	all, _ := math.Lgamma(float64(n + 1))
	left, _ := math.Lgamma(float64(k + 1))
	right, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(all - left - right + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Summary is what a table shows of a sample.
type Summary struct {
	N                int
	Min, Median, Max float64
	P90, P99         float64
	Interval         Interval // for the median
}

// Confidence is the level of a Summary's interval.
const Confidence = 0.95

// ErrNoSample: a summary was asked of no values, or of one that is no number.
var ErrNoSample = errors.New("no values, or one that is not a number")

// Summarize sums up values in any order, which it leaves as they are.
func Summarize(values []float64) (Summary, error) {
	if len(values) == 0 || slices.ContainsFunc(values, math.IsNaN) {
		return Summary{}, ErrNoSample
	}
	sorted := slices.Sorted(slices.Values(values))
	return Summary{
		N:        len(sorted),
		Min:      sorted[0],
		Median:   Quantile(sorted, 0.5),
		Max:      sorted[len(sorted)-1],
		P90:      Quantile(sorted, 0.9),
		P99:      Quantile(sorted, 0.99),
		Interval: QuantileInterval(sorted, 0.5, Confidence),
	}, nil
}
