// SPDX-License-Identifier: MIT OR Apache-2.0

package calibrate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"arcbox.dev/bench/report"
)

// Result says whether a variant's aim is met.
type Result string

const (
	Met       Result = "met"       // surely: the whole interval is below it
	NotMet    Result = "not met"   // surely: the whole interval is above it
	Undecided Result = "undecided" // more trials would tell
	NoAim     Result = ""
)

// Result compares the chance of a wrong verdict with the variant's aim.
func (r Rate) Result() Result {
	switch {
	case r.Variant.Aim == 0:
		return NoAim
	case r.Chance.High <= r.Variant.Aim:
		return Met
	case r.Chance.Low > r.Variant.Aim:
		return NotMet
	}
	return Undecided
}

// grid is the rates as text, the heads first.
func grid(rates []Rate) [][]string {
	lines := [][]string{{"benchmark", "planted", "measured", "rounds", "trials", "suspected", "wrong", "rate", "aim"}}
	for _, r := range rates {
		kind, planted := "missed", fmt.Sprintf("+%.0f %%", 100*r.Variant.Slowdown)
		if r.Variant.Slowdown == 0 {
			kind, planted = "false alarms", "nothing"
		}
		aim := "none"
		if r.Variant.Aim > 0 {
			aim = fmt.Sprintf("≤ %.0f %%: %s", 100*r.Variant.Aim, r.Result())
		}
		lines = append(lines, []string{
			r.Benchmark + " " + report.Name(r.Unit), planted, fmt.Sprintf("%+.1f %%", 100*r.Measured),
			fmt.Sprintf("2 of %d pairs", r.Pairs), fmt.Sprint(r.Trials), fmt.Sprint(r.Suspected),
			fmt.Sprintf("%d %s", r.Wrong, kind),
			fmt.Sprintf("%.1f %% (%.1f–%.1f %%)", 100*r.Chance.Value, 100*r.Chance.Low, 100*r.Chance.High), aim,
		})
	}
	return lines
}

// Text writes the rates for a terminal.
func Text(w io.Writer, rates []Rate) error {
	tab := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, line := range grid(rates) {
		fmt.Fprintln(tab, strings.Join(line, "\t"))
	}
	if err := tab.Flush(); err != nil {
		return fmt.Errorf("writing the rates: %w", err)
	}
	return nil
}

// Markdown returns the rates for a document.
func Markdown(rates []Rate) string {
	var b strings.Builder
	for i, line := range grid(rates) {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			b.WriteString("|---" + strings.Repeat("|---:", len(line)-1) + "|\n")
		}
	}
	return b.String()
}
