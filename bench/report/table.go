// SPDX-License-Identifier: MIT OR Apache-2.0

// Package report makes tables of recorded runs and of what the gate found, and
// BENCHMARKS.md of all runs.
//
// Every figure is a median with the interval that package stats gives it, beside
// the number of samples; a document names the command, the commit, the host and
// the file behind each.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// Table sums up one benchmark: a column for each set of labels, a row for each unit.
type Table struct {
	Base    string   // of the benchmarks' names
	Names   []string // full ones, a column each
	Columns []string // what distinguishes them: "uml lean"
	Rows    []Row
}

// Row is what was measured in one unit.
type Row struct {
	Unit  string
	Cells []stats.Summary // a column each; N is 0 where there is nothing
}

// Tables sums up samples: one table for each base name, in the order in which the
// samples first show it. Rows are in the order of the samples' values, columns in
// that of the names.
func Tables(samples []record.Sample) ([]Table, error) {
	var bases []string
	groups := map[string][]record.Sample{}
	for _, s := range samples {
		if _, ok := groups[s.Base()]; !ok {
			bases = append(bases, s.Base())
		}
		groups[s.Base()] = append(groups[s.Base()], s)
	}
	tables := make([]Table, len(bases))
	for i, base := range bases {
		var err error
		if tables[i], err = tableOf(base, groups[base]); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

func tableOf(base string, samples []record.Sample) (Table, error) {
	var names, units []string
	values := map[[2]string][]float64{} // by name and unit
	for _, s := range samples {
		if !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
		units = merge(units, s.Values)
		for _, v := range s.Values {
			key := [2]string{s.Name, v.Unit}
			values[key] = append(values[key], v.Value)
		}
	}
	slices.Sort(names) // the order of the samples is random
	t := Table{Base: base, Names: names}
	for _, n := range names {
		t.Columns = append(t.Columns, column(n))
	}
	for _, u := range units {
		row := Row{Unit: u, Cells: make([]stats.Summary, len(names))}
		for i, n := range names {
			x := values[[2]string{n, u}]
			if len(x) == 0 {
				continue
			}
			var err error
			if row.Cells[i], err = stats.Summarize(x); err != nil {
				return Table{}, fmt.Errorf("summing up %s of %s: %w", u, n, err)
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// merge adds the values' units that are new, each behind the one that it follows
// in the sample; those that follow none, before the first that is not new.
func merge(units []string, values []record.Value) []string {
	place := len(units)
	for _, v := range values {
		if at := slices.Index(units, v.Unit); at >= 0 {
			place = at
			break
		}
	}
	for _, v := range values {
		if at := slices.Index(units, v.Unit); at >= 0 {
			place = at + 1
			continue
		}
		units = slices.Insert(units, place, v.Unit)
		place++
	}
	return units
}

// column shows a name's labels: "uml lean".
func column(full string) string {
	var values []string
	for _, part := range strings.Split(full, "/")[1:] {
		_, value, ok := strings.Cut(part, "=")
		if !ok {
			value = part
		}
		values = append(values, value)
	}
	if len(values) == 0 {
		return full
	}
	return strings.Join(values, " ")
}

// grid is a part of the table's rows as text, the heads first.
func (t Table) grid(rows []Row) [][]string {
	head := []string{t.Base}
	for i, c := range t.Columns {
		n := 0
		for _, r := range t.Rows {
			n = max(n, r.Cells[i].N)
		}
		head = append(head, fmt.Sprintf("%s, n=%d", c, n))
	}
	grid := [][]string{head}
	for _, r := range rows {
		line := []string{Name(r.Unit)}
		for _, c := range r.Cells {
			if c.N == 0 {
				line = append(line, "—")
			} else {
				line = append(line, cell(c, r.Unit))
			}
		}
		grid = append(grid, line)
	}
	return grid
}

// Text writes the table for a terminal.
func (t Table) Text(w io.Writer) error {
	return writeText(w, t.grid(t.Rows))
}

// Parts divides the table as text, the heads first, into what stands for the whole
// and what tells of single parts of it: "vmm_pss" and "vmm_anon", where there are
// rows "pss" and "anon" too. Without such rows parts is nil.
func (t Table) Parts() (whole, parts [][]string) {
	units := map[string]bool{}
	for _, r := range t.Rows {
		units[r.Unit] = true
	}
	kinds := map[string]int{} // rows of each role
	for _, r := range t.Rows {
		if role, kind, ok := strings.Cut(r.Unit, "_"); ok && units[kind] {
			kinds[role]++
		}
	}
	var ofWhole, ofParts []Row
	for _, r := range t.Rows {
		// One alone is a measure of its own.
		if role, kind, ok := strings.Cut(r.Unit, "_"); ok && units[kind] && kinds[role] > 1 {
			ofParts = append(ofParts, r)
		} else {
			ofWhole = append(ofWhole, r)
		}
	}
	whole = t.grid(ofWhole)
	if len(ofParts) > 0 {
		parts = t.grid(ofParts)
	}
	return whole, parts
}

// markdown returns the table for a document, parts of the whole folded.
func (t Table) markdown() string {
	whole, parts := t.Parts()
	text := gridMarkdown(whole)
	if parts != nil {
		text += "\n<details><summary>by process</summary>\n\n" + gridMarkdown(parts) + "\n</details>\n"
	}
	return text
}
