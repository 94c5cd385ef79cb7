// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// PackagesKind is the kind of run whose samples are of Go benchmarks. Their tables
// have a row a benchmark, since there are many and each has few figures.
const PackagesKind = "packages"

// packageLabel is the label that says which package a benchmark is in.
const packageLabel = "pkg"

// byPackage parts the samples of such a run.
func byPackage(samples []record.Sample) map[string][]record.Sample {
	out := map[string][]record.Sample{}
	for _, s := range samples {
		name := s.Label(packageLabel)
		out[name] = append(out[name], s)
	}
	return out
}

// benchmarkGrid has a line a benchmark, sorted by name, the heads first.
func benchmarkGrid(samples []record.Sample) [][]string {
	var units []string
	values := map[string]map[string][]float64{} // by name and unit
	for _, s := range samples {
		units = merge(units, s.Values)
		if values[s.Name] == nil {
			values[s.Name] = map[string][]float64{}
		}
		for _, v := range s.Values {
			values[s.Name][v.Unit] = append(values[s.Name][v.Unit], v.Value)
		}
	}
	grid := [][]string{append([]string{"benchmark", "n"}, units...)}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		line := []string{withoutPackage(name), ""}
		n := 0
		for _, unit := range units {
			text := "—"
			if summary, err := stats.Summarize(values[name][unit]); err == nil {
				text, n = bare(summary), max(n, summary.N)
			}
			line = append(line, text)
		}
		line[1] = strconv.Itoa(n)
		grid = append(grid, line)
	}
	return grid
}

// bare shows a summary whose unit stands above it.
func bare(s stats.Summary) string {
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', decimals(v), 64) }
	if s.N == 1 {
		return f(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", f(s.Median), f(s.Interval.Low), f(s.Interval.High))
}

// withoutPackage shows a name in a table that is of one package.
func withoutPackage(name string) string {
	base, labels, _ := strings.Cut(name, "/"+packageLabel+"=")
	_, rest, found := strings.Cut(labels, "/")
	if !found {
		return base
	}
	return base + "/" + rest
}

// PackagesText writes the tables of such a run for a terminal, and its goals.
func PackagesText(w io.Writer, samples []record.Sample) error {
	groups := byPackage(samples)
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(w, "%s\n", name)
		if err := writeText(w, benchmarkGrid(groups[name])); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return writeText(w, ratioGrid(DatapathGoals, samples))
}

// packagesMarkdown shows the newest run of each host, given oldest first.
func packagesMarkdown(found []Measured) string {
	newest := map[string][]Measured{} // by host: all of its newest run
	for _, m := range found {
		if m.Config[kindKey] != PackagesKind {
			continue
		}
		host := m.Config["host"]
		if runs := newest[host]; len(runs) > 0 && runs[0].File != m.File {
			newest[host] = nil
		}
		newest[host] = append(newest[host], m)
	}
	var b strings.Builder
	for _, host := range slices.Sorted(maps.Keys(newest)) {
		var samples []record.Sample
		for _, m := range newest[host] {
			samples = append(samples, m.Samples...)
		}
		fmt.Fprintf(&b, "\n### The datapath on %s\n\n", host)
		b.WriteString("Ratios are of the two figures of one round, which were measured within seconds of each other; below 1 ours is the faster.\n\n")
		b.WriteString(gridMarkdown(ratioGrid(DatapathGoals, samples)))
		groups := byPackage(samples)
		for _, name := range slices.Sorted(maps.Keys(groups)) {
			fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n%s\n</details>\n", name, gridMarkdown(benchmarkGrid(groups[name])))
		}
		b.WriteString("\n" + disturbedOf(samples) + source(newest[host][0]))
	}
	return b.String()
}

// disturbedOf says how many samples were disturbed.
func disturbedOf(samples []record.Sample) string {
	n := 0
	for _, s := range samples {
		if s.Disturbed != "" {
			n++
		}
	}
	return fmt.Sprintf("Disturbed samples: %d of %d. ", n, len(samples))
}
