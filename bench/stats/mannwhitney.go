// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"math"
	"slices"
)

// Up to so many values in all the distribution of U is counted, which takes a
// millisecond there; beyond it is near enough to a normal one.
const (
	exactUntied = 200
	exactTied   = 40
)

// MannWhitney tests whether values of a tend to be larger or smaller than those of b
// (Mann and Whitney, On a Test of Whether One of Two Random Variables is
// Stochastically Larger than the Other, 1947). u is the number of pairs in which a's
// value is the larger one, equal ones counting half; p is two-sided: the chance of a
// u at least as far from the middle when all the values come from one distribution.
//
// Small samples get the exact chance, with ties too: over all ways to deal these
// very values to the two sides. Larger ones get the normal approximation with
// corrections for ties and continuity (Lehmann, Nonparametrics, §1.3 to 1.5).
// Without values on either side p is 1.
func MannWhitney(a, b []float64) (u, p float64) {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return 0, 1
	}
	ranks, ties := midranks(slices.Concat(a, b))
	sum := 0 // of a's doubled ranks
	for _, r := range ranks[:n] {
		sum += r
	}
	u = float64(sum)/2 - float64(n)*float64(n+1)/2
	switch {
	case slices.Max(ranks) == slices.Min(ranks): // all are equal
		p = 1
	case ties == 0 && n+m <= exactUntied:
		p = untiedU(n, m, int(min(u, float64(n*m)-u)))
	case n+m <= exactTied:
		p = tiedU(ranks, n, sum)
	default:
		p = normalU(n, m, u, ties)
	}
	return u, p
}

// untiedU returns the chance of a U of at most u, or as far above the middle. The
// number of ways to reach each U is a coefficient of the Gaussian binomial
// coefficient, the product of (1-q^(m+i))/(1-q^i) over i from 1 to n (Andrews, The
// Theory of Partitions, §3.2).
func untiedU(n, m, u int) float64 {
	n, m = min(n, m), max(n, m)
	ways := make([]float64, u+1)
	ways[0] = 1
	all := 1.0
	for i := 1; i <= n; i++ {
		for k := u; k >= m+i; k-- {
			ways[k] -= ways[k-m-i]
		}
		for k := i; k <= u; k++ {
			ways[k] += ways[k-i]
		}
		all *= float64(m+i) / float64(i)
	}
	within := 0.0
	for _, w := range ways {
		within += w
	}
	return min(1, 2*within/all)
}

// tiedU returns the chance that n of the ranks have a sum as far from the mean of
// such sums as sum is, by counting all choices of n. Ties make the distribution
// lopsided where the sides differ in size, so both tails are counted.
func tiedU(ranks []int, n, sum int) float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([][]float64, n+1) // ways[k][s] to choose k ranks with the sum s
	for k := range ways {
		ways[k] = make([]float64, total+1)
	}
	ways[0][0] = 1
	reach := 0 // the largest sum so far
	for _, r := range ranks {
		reach += r
		for k := n; k >= 1; k-- {
			from, to := ways[k-1], ways[k]
			for s := r; s <= reach; s++ {
				to[s] += from[s-r]
			}
		}
	}
	mean := n * (len(ranks) + 1)
	distance := max(sum-mean, mean-sum)
	all, outside := 0.0, 0.0
	for s, w := range ways[n] {
		all += w
		if s-mean >= distance || mean-s >= distance {
			outside += w
		}
	}
	return outside / all
}

func normalU(n, m int, u, ties float64) float64 {
	product, count := float64(n)*float64(m), float64(n+m)
	variance := product / 12 * (count + 1 - ties/(count*(count-1)))
	return beyond((math.Abs(u-product/2) - 0.5) / math.Sqrt(variance))
}
