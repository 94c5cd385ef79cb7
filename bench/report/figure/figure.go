// SPDX-License-Identifier: MIT OR Apache-2.0

// Package figure chooses what is drawn of a benchmark, and in which measure: the
// spans of a boot, memory by kind, the distribution of what matters most, and its
// course over the runs.
package figure

import (
	"fmt"
	"slices"
	"strings"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/report"
	"arcbox.dev/bench/report/chart"
)

// marks are the moments of a boot in their order; a span ends at each. Their times
// are since the request.
var marks = []string{"vmm_up-ns", "kernel-ns", "init-ns", "agent_ready-ns", "first_exec-ns"}

// kinds are what memory is made of.
var kinds = []string{"anon-bytes", "file-bytes", "shmem-bytes"}

// HasSpans tells whether the benchmark is a boot.
func HasSpans(m report.Measured) bool { return has(m, "agent_ready-ns") }

// HasKinds tells whether the benchmark tells memory by kind.
func HasKinds(m report.Measured) bool { return has(m, "anon-bytes") }

func has(m report.Measured, unit string) bool {
	return slices.ContainsFunc(m.Table.Rows, func(r report.Row) bool { return r.Unit == unit })
}

// Spans draws the parts of a boot, a bar for each system: each part ends at the
// median of its mark. What a system cannot see is in the part that follows.
func Spans(m report.Measured) (*chart.Chart, error) {
	rows := rowsOf(m, marks)
	divisor, measure := scale("ns", largest(rows))
	bars := make([]chart.Bar, len(m.Table.Columns))
	for i, column := range m.Table.Columns {
		parts, end, unit := spans(rows, i)
		bars[i] = chart.Bar{Label: column, Parts: divided(parts, divisor), Total: report.Format(end, unit)}
	}
	return named(chart.Bars(measure+" since the request", names(rows), bars))
}

// Shares draws the same parts as shares of the whole, so that a quick boot shows its
// own beside a slow one.
func Shares(m report.Measured) (*chart.Chart, error) {
	rows := rowsOf(m, marks)
	bars := make([]chart.Bar, len(m.Table.Columns))
	for i, column := range m.Table.Columns {
		parts, end, unit := spans(rows, i)
		if end > 0 {
			parts = divided(parts, end/100)
		}
		bars[i] = chart.Bar{Label: column, Parts: parts, Total: "of " + report.Format(end, unit)}
	}
	return named(chart.Bars("% of the whole", names(rows), bars))
}

// spans returns the lengths of a column's spans, and where and in which unit it ends.
func spans(rows []report.Row, column int) (parts []float64, end float64, unit string) {
	unit = rows[0].Unit
	for _, r := range rows {
		next := end
		if c := r.Cells[column]; c.N > 0 {
			next, unit = max(end, c.Median), r.Unit
		}
		parts = append(parts, next-end)
		end = next
	}
	return parts, end, unit
}

// Kinds draws memory by kind, a bar for each system.
func Kinds(m report.Measured) (*chart.Chart, error) { return memory(m, rowsOf(m, kinds)) }

// HasRoles tells whether the benchmark tells memory by process.
func HasRoles(m report.Measured) bool { return len(roles(m)) > 0 }

// Roles draws memory by the role of the process that has it, a bar for each system.
func Roles(m report.Measured) (*chart.Chart, error) { return memory(m, rowsOf(m, roles(m))) }

// roleUnit ends the units that tell the memory of one role.
const roleUnit = "_pss-bytes"

// roles are the units that tell a role's memory. What is told of one process without
// its kinds, as of the one that starts the VMs, is no part of the sum.
func roles(m report.Measured) []string {
	var out []string
	for _, r := range m.Table.Rows {
		if role, ok := strings.CutSuffix(r.Unit, roleUnit); ok && has(m, role+"_anon-bytes") {
			out = append(out, r.Unit)
		}
	}
	return out
}

// memory draws a bar for each system, made of the rows.
func memory(m report.Measured, rows []report.Row) (*chart.Chart, error) {
	divisor, measure := scale("bytes", largest(rows))
	bars := make([]chart.Bar, len(m.Table.Columns))
	for i, column := range m.Table.Columns {
		var parts []float64
		sum := 0.0
		for _, r := range rows {
			parts = append(parts, r.Cells[i].Median)
			sum += r.Cells[i].Median
		}
		bars[i] = chart.Bar{Label: column, Parts: divided(parts, divisor), Total: report.Format(sum, "bytes")}
	}
	return named(chart.Bars(measure+" of memory on the host", names(rows), bars))
}

func divided(values []float64, by float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v / by
	}
	return out
}

// mainUnit is the unit of a benchmark that matters most: the first.
func mainUnit(m report.Measured) string { return m.Table.Rows[0].Unit }

// Distribution draws what matters most of each system, sample by sample.
func Distribution(m report.Measured) (*chart.Chart, error) {
	unit := mainUnit(m)
	divisor, measure := scale(unit, largest(m.Table.Rows[:1]))
	var series []chart.Series
	for i, name := range m.Table.Names {
		if values := valuesOf(m.Samples, name, unit); len(values) > 0 {
			series = append(series, chart.Series{Label: m.Table.Columns[i], Values: divided(values, divisor)})
		}
	}
	return named(chart.CDF(report.Name(unit)+", "+measure, series))
}

func valuesOf(samples []record.Sample, name, unit string) []float64 {
	var out []float64
	for _, s := range samples {
		if v, ok := s.Value(unit); ok && s.Name == name {
			out = append(out, v)
		}
	}
	return out
}

// rowsOf returns the rows of the given units that the table has, in the units' order.
func rowsOf(m report.Measured, units []string) []report.Row {
	var out []report.Row
	for _, u := range units {
		if i := slices.IndexFunc(m.Table.Rows, func(r report.Row) bool { return r.Unit == u }); i >= 0 {
			out = append(out, m.Table.Rows[i])
		}
	}
	return out
}

func names(rows []report.Row) []string {
	var out []string
	for _, r := range rows {
		out = append(out, strings.TrimSuffix(report.Name(r.Unit), report.Name(roleUnit)))
	}
	return out
}

func largest(rows []report.Row) float64 {
	most := 0.0
	for _, r := range rows {
		for _, c := range r.Cells {
			most = max(most, c.Max)
		}
	}
	return most
}

// scale returns what values of a unit are divided by for an axis up to the largest
// of them, and the name of the measure that this makes.
func scale(unit string, largest float64) (divisor float64, measure string) {
	switch measure = report.MeasureOf(unit); measure {
	case "ns":
		switch {
		case largest >= 10e9:
			return 1e9, "s"
		case largest >= 1e6:
			return 1e6, "ms"
		case largest >= 1e3:
			return 1e3, "µs"
		}
	case "bytes":
		return 1 << 20, "MiB"
	case "ratio":
		return 0.01, "%"
	}
	return 1, measure
}

func named(c *chart.Chart, err error) (*chart.Chart, error) {
	if err != nil {
		return nil, fmt.Errorf("making a figure: %w", err)
	}
	return c, nil
}
