// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import "slices"

// Suspects returns the benchmarks that a second round has to measure, in the order of
// the findings: those with a regression or an improvement.
func Suspects(findings []Finding) []string {
	var names []string
	for _, f := range findings {
		if f.suspect() && !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

func (f Finding) suspect() bool { return f.Verdict == Regression || f.Verdict == Improvement }

// Confirm returns the findings of a first round with its suspicions replaced by what
// a second round says of the same metric, whose figures were not picked for being
// extreme. If that round says the opposite, or did not measure it, the finding is
// inconclusive. What the first round did not suspect stays as it is.
func Confirm(first, second []Finding) []Finding {
	type metric struct{ name, unit string }
	again := map[metric]Finding{}
	for _, f := range second {
		if f.gated() {
			again[metric{f.Name, f.Unit.Name}] = f
		}
	}
	findings := slices.Clone(first)
	for i, f := range first {
		if !f.suspect() {
			continue
		}
		seen, ok := again[metric{f.Name, f.Unit.Name}]
		if !ok {
			seen = f
		}
		if !ok || seen.suspect() && seen.Verdict != f.Verdict {
			seen.Verdict, seen.More = Inconclusive, len(f.Old)
		}
		findings[i] = seen
	}
	return findings
}
