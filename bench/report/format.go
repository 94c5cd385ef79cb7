// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/perf/benchunit"

	"arcbox.dev/bench/stats"
)

// Format shows a value in its unit: times in milliseconds, or what fits where they
// are long or very short, sizes in MiB or bytes, ratios in percent, counts as they are,
// anything else with a prefix.
func Format(value float64, unit string) string {
	_, measure := parts(unit)
	switch measure {
	case "ns":
		switch ms := value / 1e6; {
		case ms >= 10_000:
			return fmt.Sprintf("%.2f s", value/1e9)
		case value > 0 && ms < 0.1:
			return fmt.Sprintf("%.*f µs", decimals(value/1e3), value/1e3)
		default:
			return fmt.Sprintf("%.*f ms", decimals(ms), ms)
		}
	case "bytes", "B":
		if math.Abs(value) < 1<<13 {
			return strconv.FormatFloat(math.Round(value), 'f', -1, 64) + " B"
		}
		mib := value / (1 << 20)
		return fmt.Sprintf("%.*f MiB", decimals(mib), mib)
	case "ratio":
		return fmt.Sprintf("%.1f %%", 100*value)
	case "count":
		if math.Abs(value) < 1e7 {
			return strconv.FormatFloat(math.Round(value*10)/10, 'f', -1, 64)
		}
		return strings.TrimSpace(benchunit.Scale(value, benchunit.Decimal))
	}
	return strings.TrimSpace(benchunit.Scale(value, benchunit.ClassOf(unit)) + " " + measure)
}

// decimals gives four significant digits to what is not tiny.
func decimals(v float64) int {
	switch {
	case v < 10:
		return 2
	case v < 1000:
		return 1
	}
	return 0
}

// parts splits what is measured from its unit of measure: "agent_ready-ns" into
// "agent_ready" and "ns", "ns/op" into "" and "ns/op".
func parts(unit string) (what, measure string) {
	if i := strings.LastIndexByte(unit, '-'); i >= 0 {
		return unit[:i], unit[i+1:]
	}
	return "", unit
}

// Name says what is measured in a unit: "agent_ready" of "agent_ready-ns".
func Name(unit string) string {
	if what, _ := parts(unit); what != "" {
		return what
	}
	return unit
}

// MeasureOf is a unit's unit of measure: "ns" of "agent_ready-ns".
func MeasureOf(unit string) string {
	_, measure := parts(unit)
	return measure
}

// cell shows a summary: the median and its interval.
func cell(s stats.Summary, unit string) string {
	middle := Format(s.Median, unit)
	if s.N == 1 {
		return middle
	}
	low, measure := number(Format(s.Interval.Low, unit))
	high, other := number(Format(s.Interval.High, unit))
	if _, own := number(middle); measure != own || other != own {
		return fmt.Sprintf("%s (%s–%s)", middle, Format(s.Interval.Low, unit), Format(s.Interval.High, unit))
	}
	return fmt.Sprintf("%s (%s–%s)", middle, low, high)
}

func number(shown string) (number, measure string) {
	number, measure, _ = strings.Cut(shown, " ")
	return number, measure
}
