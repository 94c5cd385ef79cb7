// SPDX-License-Identifier: MIT OR Apache-2.0

package figure

import (
	"slices"

	"arcbox.dev/bench/report"
	"arcbox.dev/bench/report/chart"
)

// maxRuns is how many runs a course shows, the newest.
const maxRuns = 40

// Course draws what matters most of a benchmark over its runs on one host, oldest
// first: median and interval of each system, by commit.
func Course(runs []report.Measured) (*chart.Chart, error) {
	if len(runs) == 0 {
		return named(nil, chart.ErrNothing)
	}
	runs = runs[max(0, len(runs)-maxRuns):]
	unit := mainUnit(runs[len(runs)-1])
	var main []report.Row // of each run; without cells where it has none
	for _, m := range runs {
		rows := rowsOf(m, []string{unit})
		main = append(main, append(rows, report.Row{})[0])
	}
	divisor, measure := scale(unit, largest(main))
	var commits []string
	var trends []chart.Trend
	for i, m := range runs {
		commits = append(commits, short(m.Config["commit"]))
		for k, cell := range main[i].Cells {
			if cell.N == 0 {
				continue
			}
			at := slices.IndexFunc(trends, func(t chart.Trend) bool { return t.Label == m.Table.Columns[k] })
			if at < 0 {
				at, trends = len(trends), append(trends, chart.Trend{Label: m.Table.Columns[k]})
			}
			trends[at].Points = append(trends[at].Points, chart.Point{
				Run: i, Median: cell.Median / divisor, Low: cell.Interval.Low / divisor, High: cell.Interval.High / divisor,
			})
		}
	}
	return named(chart.Trends(report.Name(unit)+", "+measure, commits, trends))
}

// short is a commit's first characters.
func short(commit string) string { return commit[:min(len(commit), 7)] }
