// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

// Proportion estimates a chance from k of n: that of a false alarm, say, from how
// many there were. The interval is exact (Clopper and Pearson, The Use of Confidence
// or Fiducial Limits Illustrated in the Case of the Binomial, 1934). With no n, or k
// outside of it, all chances are possible.
func Proportion(k, n int, confidence float64) Estimate {
	if n <= 0 || k < 0 || k > n {
		return Estimate{0.5, 0, 1, confidence}
	}
	tail := (1 - confidence) / 2
	share := float64(k) / float64(n)
	e := Estimate{share, 0, 1, confidence}
	if k > 0 { // the chance with which k or more are as rare as tail
		e.Low = root(0, share, func(p float64) bool { return atLeast(k, n, p) > tail })
	}
	if k < n { // the chance with which k or fewer are: n-k or more of the others
		e.High = root(share, 1, func(p float64) bool { return atLeast(n-k, n, 1-p) <= tail })
	}
	return e
}

// atLeast returns the chance of k or more of n, each with chance p of at most k/n, so
// that the terms fall from the first on.
func atLeast(k, n int, p float64) float64 {
	term := binomial(n, k, p)
	sum := 0.0
	for ; k <= n && term > sum*1e-17; k++ {
		sum += term
		term *= float64(n-k) / float64(k+1) * p / (1 - p)
	}
	return sum
}
