// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// finding is one benchmark of one run.
type finding struct {
	file   string // relative to the results folder's parent, with slashes
	config map[string]string
	table  Table
}

// Section returns the Markdown of all that the results folder holds: of each
// benchmark on each host the newest run. Warnings are lines that could not be read.
func Section(results string) (text string, warnings []string, err error) {
	found, warnings, err := collect(results)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Each figure is a median, with an interval that holds the true one with at least %.0f %% confidence\n"+
		"(of fewer than six samples: their range). Made by `arcbox-bench report`; [results/SCHEMA.md](results/SCHEMA.md) describes the files.\n", 100*stats.Confidence)
	host := ""
	for _, f := range newest(found) {
		if f.config["host"] != host {
			host = f.config["host"]
			fmt.Fprintf(&b, "\n### Host %s\n\n%s\n", host, hostLine(f.config))
		}
		fmt.Fprintf(&b, "\n#### %s\n\n%s%s", f.table.Base, f.table.markdown(), source(f))
	}
	if len(found) == 0 {
		b.WriteString("\nNothing has been recorded yet.\n")
	}
	return b.String(), warnings, nil
}

// collect reads all results files below the folder.
func collect(results string) (found []finding, warnings []string, err error) {
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
			tables, err := Tables(run.Samples)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			for _, t := range tables {
				found = append(found, finding{filepath.ToSlash(relative), run.Config, t})
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the results: %w", err)
	}
	return found, warnings, nil
}

// newest keeps of each benchmark on each host the newest run, sorted by both.
func newest(found []finding) []finding {
	best := map[[2]string]finding{}
	for _, f := range found {
		key := [2]string{f.config["host"], f.table.Base}
		if old, ok := best[key]; !ok || older(old, f) {
			best[key] = f
		}
	}
	var out []finding
	for _, f := range best {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b finding) int {
		return cmp.Or(cmp.Compare(a.config["host"], b.config["host"]), cmp.Compare(a.table.Base, b.table.Base))
	})
	return out
}

// older orders runs by date, which RFC 3339 in UTC makes one of text, then by file.
func older(a, b finding) bool {
	return cmp.Or(cmp.Compare(a.config["date"], b.config["date"]), cmp.Compare(a.file, b.file)) < 0
}

func hostLine(config map[string]string) string {
	return fmt.Sprintf("%s; %s CPUs; %s of memory; %s; %s.",
		config["cpu"], config["cores"], config["memory"], config["kernel"], config["os"])
}

// source says what is behind a table.
func source(f finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n`%s`\nat commit %s on %s: [%s](%s). Noise before it: %s.\n",
		f.config["command"], f.config["commit"], f.config["date"], f.file, f.file, f.config["noise"])
	var systems []string
	for k := range f.config {
		if strings.HasPrefix(k, record.SystemPrefix) {
			systems = append(systems, k)
		}
	}
	slices.Sort(systems)
	for _, k := range systems {
		fmt.Fprintf(&b, "- %s: %s\n", strings.TrimPrefix(k, record.SystemPrefix), f.config[k])
	}
	return b.String()
}

// The generated part of a document lies between these lines.
const (
	begin = "<!-- begin: made by arcbox-bench report, do not edit -->"
	end   = "<!-- end: made by arcbox-bench report -->"
)

// Splice puts the section into the document in the place of the one that is there,
// or at its end. An empty document gets a title.
func Splice(document, section string) (string, error) {
	section = begin + "\n" + strings.TrimRight(section, "\n") + "\n" + end
	before, rest, ok := strings.Cut(document, begin)
	if !ok {
		if strings.Contains(document, end) {
			return "", fmt.Errorf("finding the generated part: its end is there and its beginning is not")
		}
		if document = strings.TrimRight(document, "\n"); document == "" {
			document = "# Benchmarks"
		}
		return document + "\n\n" + section + "\n", nil
	}
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("finding the generated part: its beginning is there and its end is not")
	}
	return before + section + after, nil
}
