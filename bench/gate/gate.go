// SPDX-License-Identifier: MIT OR Apache-2.0

// Package gate says whether a change made something worse, from samples of both sides
// that were taken in the same rounds.
//
// A comparison fails only if what it shows is certain and also matters. Certain: both
// the Mann–Whitney test and the permutation test within rounds reject that nothing
// changed, corrected by Holm's method for the number of comparisons, so that the
// chance of any false alarm among them is at most Alpha. Matters: the estimated
// change for the worse exceeds what the unit calls a change, Floor and Slack both.
// And it must be seen again: Confirm lets a finding stand only if a second round
// of new samples, judged on its own, says the same.
//
// "Ok" needs evidence too: an interval that leaves no room for a change for the worse
// that matters. Whatever is neither is inconclusive, with the number of pairs that
// would settle it.
//
// Samples that were disturbed count like the others: leaving them out could hide a
// change that disturbs the machine.
package gate

import (
	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// Alpha is the chance of a false alarm in one round, over all its comparisons.
const Alpha = 0.05

// Comparison is one metric of one benchmark, measured on two sides in the same rounds.
type Comparison struct {
	Name     string // of the benchmark, without the label that tells the sides apart
	Unit     record.Unit
	Old, New []float64 // in the unit's measure; Old[i] and New[i] are of one round
}

// gated tells whether the unit says what a change for the worse is.
func (c Comparison) gated() bool {
	return c.Unit.Floor > 0 && (c.Unit.Better == "lower" || c.Unit.Better == "higher")
}

// Verdict is what is known of a comparison. It is "" where the unit is not gated.
type Verdict string

const (
	Regression   Verdict = "regression"   // certainly worse, by more than matters
	Improvement  Verdict = "improvement"  // certainly better, by more than matters
	OK           Verdict = "ok"           // not worse by more than matters
	Inconclusive Verdict = "inconclusive" // none of these is known
)

// Finding is a comparison that was judged.
type Finding struct {
	Comparison
	OldSummary, NewSummary stats.Summary // zero without pairs

	// Change is the estimated change, new/old-1, within pairs; from Low to High is its
	// interval. They are infinite where the old side's median is 0 and the new one's is not.
	Change, Low, High float64

	// P is the chance of a difference like this one if nothing changed: the larger one
	// of the two tests. Corrected is the same for the number of gated comparisons, and
	// 1 where the unit is not gated.
	P, Corrected float64

	Verdict Verdict
	// More is how many further pairs would settle an inconclusive finding, if they are
	// like those measured; -1 if no sensible number would. It is 0 for other verdicts.
	More int
}

// Failed tells whether there is a regression.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Verdict == Regression {
			return true
		}
	}
	return false
}
