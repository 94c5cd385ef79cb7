// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"math"

	"arcbox.dev/bench/stats"
)

// Judge judges the comparisons of one round, each in its place. A regression or an
// improvement is a suspicion until Confirm has seen a second round. Pairs with a
// value that is no finite number are dropped.
func Judge(comparisons []Comparison) []Finding {
	findings := make([]Finding, len(comparisons))
	effects := make([]effect, len(comparisons))
	var gated []int // indexes
	var p []float64
	for i, c := range comparisons {
		findings[i], effects[i] = measure(finite(c))
		if c.gated() {
			gated = append(gated, i)
			p = append(p, findings[i].P)
		}
	}
	for k, corrected := range stats.Holm(p) {
		f := &findings[gated[k]]
		f.Corrected = corrected
		f.Verdict, f.More = effects[gated[k]].judge(f, len(gated))
	}
	return findings
}

// finite returns the comparison with the pairs that are two finite numbers.
func finite(c Comparison) Comparison {
	var old, new []float64
	for i := range min(len(c.Old), len(c.New)) {
		if !math.IsInf(c.Old[i]-c.New[i], 0) && !math.IsNaN(c.Old[i]-c.New[i]) {
			old, new = append(old, c.Old[i]), append(new, c.New[i])
		}
	}
	c.Old, c.New = old, new
	return c
}

// effect is a change in the unit's own measure, positive for the worse.
type effect struct {
	worse      float64
	high       float64 // the interval's end on the worse side
	confidence float64 // of the interval
	limit      float64 // the largest change that does not matter
}

// rounding is how much larger a limit is taken, so that the last bits of a logarithm
// do not decide over a count that changed by just that much.
const rounding = 1e-9

func measure(c Comparison) (Finding, effect) {
	f := Finding{Comparison: c, P: 1, Corrected: 1}
	if len(c.Old) == 0 {
		return f, effect{}
	}
	// Neither fails: there are values, and they are numbers.
	f.OldSummary, _ = stats.Summarize(c.Old)
	f.NewSummary, _ = stats.Summarize(c.New)
	base := math.Abs(f.OldSummary.Median)

	differences, logarithms := stats.Differences(c.Old, c.New)
	_, p := stats.MannWhitney(c.Old, c.New)
	f.P = max(p, stats.Permutation(differences))
	change := stats.Shift(differences, stats.Confidence)
	absolute := func(difference float64) float64 {
		if logarithms {
			return base * math.Expm1(difference)
		}
		return difference
	}
	value, low, high := absolute(change.Value), absolute(change.Low), absolute(change.High)
	f.Change, f.Low, f.High = relative(value, base), relative(low, base), relative(high, base)

	e := effect{value, high, change.Confidence, max(c.Unit.Floor*base, c.Unit.Slack) * (1 + rounding)}
	if c.Unit.Better == "higher" {
		e.worse, e.high = -value, -low
	}
	return f, e
}

// relative returns a change as a part of the base that it is a change of.
func relative(change, base float64) float64 {
	if change == 0 {
		return 0
	}
	return change / base
}

// judge gives the verdict on a gated comparison, which is one of so many.
func (e effect) judge(f *Finding, comparisons int) (v Verdict, more int) {
	certain := f.Corrected <= Alpha
	enough := e.confidence >= stats.Confidence
	switch {
	case certain && e.worse > e.limit:
		return Regression, 0
	case certain && -e.worse > e.limit:
		return Improvement, 0
	case enough && e.high <= e.limit:
		return OK, 0
	}
	pairs := len(f.Old)
	switch least := leastPairs(comparisons); {
	case pairs < least && (!enough || e.worse > e.limit): // too few to say anything
		return Inconclusive, least - pairs
	case e.worse > e.limit: // lacks certainty: distances from chance grow like the root of pairs
		return Inconclusive, stats.More(pairs, stats.Z(Alpha/float64(comparisons)), stats.Z(f.P))
	default: // lacks precision
		return Inconclusive, stats.More(pairs, e.high-e.worse, e.limit-e.worse)
	}
}

// leastPairs is how many pairs it takes for a corrected p of Alpha: of n pairs the
// permutation test's smallest is 2/2ⁿ, and one less that is the confidence that an
// interval can reach.
func leastPairs(comparisons int) int {
	return int(math.Ceil(math.Log2(2 * float64(comparisons) / Alpha)))
}
