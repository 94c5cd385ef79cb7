// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/record"
)

// Measured is one benchmark of one run.
type Measured struct {
	File    string // relative to the results folder's parent, with slashes
	Config  map[string]string
	Samples []record.Sample
	Table   Table // of the samples; never without rows
}

// kindKey is the configuration line of runs that were not taken to show how things
// are, but to compare two revisions or to try out the gate.
const kindKey = "kind"

// Load reads all results files below a folder, oldest run first. Warnings are lines
// that could not be read.
func Load(results string) (found []Measured, warnings []string, err error) {
	err = filepath.WalkDir(results, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		runs, warn, err := record.Read(path)
		if err != nil {
			return err
		}
		warnings = append(warnings, warn...)
		relative, err := filepath.Rel(filepath.Dir(filepath.Clean(results)), path)
		if err != nil {
			return err
		}
		for _, run := range runs {
			measured, err := split(run)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			for _, m := range measured {
				m.File = filepath.ToSlash(relative)
				found = append(found, m)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the results: %w", err)
	}
	slices.SortStableFunc(found, func(a, b Measured) int {
		// RFC 3339 in UTC is in the order of text too.
		return cmp.Or(cmp.Compare(a.Config["date"], b.Config["date"]), cmp.Compare(a.File, b.File))
	})
	return found, warnings, nil
}

// split parts a run by benchmark.
func split(run record.Run) ([]Measured, error) {
	tables, err := Tables(run.Samples)
	if err != nil {
		return nil, err
	}
	out := make([]Measured, 0, len(tables))
	for _, t := range tables {
		if len(t.Rows) == 0 {
			continue
		}
		samples := slices.DeleteFunc(slices.Clone(run.Samples), func(s record.Sample) bool { return s.Base() != t.Base })
		out = append(out, Measured{Config: run.Config, Samples: samples, Table: t})
	}
	return out, nil
}

// Plain leaves out what was taken for a comparison or to calibrate the gate: its
// samples may be of other revisions, or slowed down on purpose.
func Plain(found []Measured) []Measured {
	return slices.DeleteFunc(slices.Clone(found), func(m Measured) bool {
		return m.Config[kindKey] != "" ||
			slices.ContainsFunc(m.Samples, func(s record.Sample) bool { return s.Label(gate.Label) != "" })
	})
}

// Newest keeps of each benchmark on each host the newest run, sorted by both. The
// runs are given oldest first.
func Newest(found []Measured) []Measured {
	best := map[[2]string]Measured{}
	for _, m := range found {
		best[[2]string{m.Config["host"], m.Table.Base}] = m
	}
	out := make([]Measured, 0, len(best))
	for _, m := range best {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Measured) int {
		return cmp.Or(cmp.Compare(a.Config["host"], b.Config["host"]), cmp.Compare(a.Table.Base, b.Table.Base))
	})
	return out
}

// Systems tells what exactly was measured in the run, a line each: name and version.
func (m Measured) Systems() []record.Label {
	var out []record.Label
	for key, version := range m.Config {
		if name, ok := strings.CutPrefix(key, record.SystemPrefix); ok {
			out = append(out, record.Label{Key: name, Value: version})
		}
	}
	slices.SortFunc(out, func(a, b record.Label) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// Host describes the run's host in words.
func (m Measured) Host() string {
	return fmt.Sprintf("%s; %s CPUs; %s of memory; %s; %s",
		m.Config["cpu"], m.Config["cores"], m.Config["memory"], m.Config["kernel"], m.Config["os"])
}

// Disturbed says of each column how many of its samples were disturbed: "uml lean 2
// of 20". It is "" where nobody watched, which the samples tell by having no round.
func (m Measured) Disturbed() string {
	type count struct{ disturbed, all int }
	counts := map[string]count{}
	watched := false
	for _, s := range m.Samples {
		c := counts[s.Name]
		c.all++
		if s.Disturbed != "" {
			c.disturbed++
		}
		counts[s.Name] = c
		watched = watched || s.Round > 0
	}
	if !watched {
		return ""
	}
	var parts []string
	for i, name := range m.Table.Names {
		if c := counts[name]; c.disturbed > 0 {
			parts = append(parts, fmt.Sprintf("%s %d of %d", m.Table.Columns[i], c.disturbed, c.all))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
