// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
	"strconv"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// RatioGoal is what a benchmark of ours is to reach, by itself or beside another.
type RatioGoal struct {
	Text   string // what is done: "SPSC, one item at a time, two cores"
	Ours   string // the benchmark's full name
	Theirs string // what it is measured beside; "" where the limit is a time
	// Limit is the most that our time may be of theirs, or else of a nanosecond.
	Limit float64
}

// measured is our time, the first value of a sample, or ours by theirs in each round that has both.
func (g RatioGoal) measured(samples []record.Sample) []float64 {
	ours, theirs := map[int]float64{}, map[int]float64{}
	rounds := 0
	for _, s := range samples {
		if len(s.Values) == 0 {
			continue
		}
		v := s.Values[0].Value
		rounds = max(rounds, s.Round)
		switch s.Name {
		case g.Ours:
			ours[s.Round] = v
		case g.Theirs:
			theirs[s.Round] = v
		}
	}
	var out []float64
	for round := range rounds + 1 {
		v, ok := ours[round]
		if g.Theirs != "" {
			other, both := theirs[round]
			v, ok = v/other, ok && both && other > 0
		}
		if ok {
			out = append(out, v)
		}
	}
	return out
}

// verdict is "met" only if the whole interval lies within the limit, and "missed" only
// if none of it does.
func (g RatioGoal) verdict(s stats.Summary) string {
	switch {
	case s.Interval.High <= g.Limit:
		return "met"
	case s.Interval.Low > g.Limit:
		return "missed"
	case s.Median <= g.Limit:
		return "met by the median"
	}
	return "missed by the median"
}

// show writes a time or a ratio with three digits.
func (g RatioGoal) show(v float64) string {
	text := strconv.FormatFloat(v, 'g', 3, 64)
	if g.Theirs != "" {
		return text + " ×"
	}
	return text + " ns"
}

// ratioGrid holds a run against goals, a line each, the heads first.
func ratioGrid(goals []RatioGoal, samples []record.Sample) [][]string {
	grid := [][]string{{"what", "goal", "measured", "n", "verdict"}}
	for _, g := range goals {
		line := []string{g.Text, "≤ " + g.show(g.Limit), "—", "0", "not measured"}
		if s, err := stats.Summarize(g.measured(samples)); err == nil {
			line[2] = fmt.Sprintf("%s (%.3g–%.3g)", g.show(s.Median), s.Interval.Low, s.Interval.High)
			line[3], line[4] = strconv.Itoa(s.N), g.verdict(s)
		}
		grid = append(grid, line)
	}
	return grid
}
