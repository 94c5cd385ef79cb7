// SPDX-License-Identifier: MIT OR Apache-2.0

package page

import (
	"fmt"
	"html/template"

	"arcbox.dev/bench/report"
	"arcbox.dev/bench/report/chart"
	"arcbox.dev/bench/report/figure"
)

type picture struct {
	Title, Remark string
	SVG           template.HTML
	Source        string
}

// drawings are what may be drawn of a benchmark's newest run.
var drawings = []struct {
	title, remark string
	fits          func(report.Measured) bool
	draw          func(report.Measured) (*chart.Chart, error)
}{
	{"where the time goes", "each part ends at the median of its mark; what a system cannot see is in the next part", figure.HasSpans, figure.Spans},
	{"where the time goes, in shares", "the same parts, each boot being 100 %", figure.HasSpans, figure.Shares},
	{"memory by kind", "medians of the proportional set size on the host", figure.HasKinds, figure.Kinds},
	{"memory by process", "medians of the proportional set size on the host", figure.HasRoles, figure.Roles},
	{"distribution", "the share of the samples that are not above a value", func(report.Measured) bool { return true }, figure.Distribution},
}

// pictures draws a benchmark's newest run, and its course over all of them.
func pictures(newest report.Measured, plain []report.Measured) ([]picture, error) {
	var out []picture
	add := func(title, remark, source string, drawn *chart.Chart, err error) error {
		if err != nil {
			return err
		}
		svg, err := drawn.Inline(newest.Table.Base + ": " + title)
		// The drawing escapes all text that is in it.
		out = append(out, picture{title, remark, template.HTML(svg), source})
		return err
	}
	source := newest.File + " at " + newest.Config["commit"]
	for _, d := range drawings {
		if !d.fits(newest) {
			continue
		}
		drawn, err := d.draw(newest)
		if err := add(d.title, d.remark, source, drawn, err); err != nil {
			return nil, err
		}
	}
	var runs []report.Measured
	for _, m := range plain {
		if m.Config["host"] == newest.Config["host"] && m.Table.Base == newest.Table.Base {
			runs = append(runs, m)
		}
	}
	drawn, err := figure.Course(runs)
	if err := add("by commit", "median and interval of each run, oldest first", fmt.Sprintf("runs of %s on this host: %d, named below", newest.Table.Base, len(runs)), drawn, err); err != nil {
		return nil, err
	}
	return out, nil
}

func benchmarkOf(m report.Measured, plain []report.Measured) (benchmark, error) {
	drawn, err := pictures(m, plain)
	b := benchmark{Measured: m, ID: m.Config["host"] + "-" + m.Table.Base, Pictures: drawn}
	b.Whole, b.Parts = m.Table.Parts()
	return b, err
}
