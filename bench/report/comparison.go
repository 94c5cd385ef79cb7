// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/stats"
)

// Compared shows what the gate found, in benchstat's manner.
type Compared struct {
	findings []gate.Finding
	tables   [][][]string // the cells of each, the heads first
}

// Comparison makes one table of each benchmark, in the order of the findings.
func Comparison(findings []gate.Finding) Compared {
	var names []string
	tables := map[string][][]string{}
	for _, f := range findings {
		if tables[f.Name] == nil {
			names = append(names, f.Name)
			tables[f.Name] = [][]string{{f.Name, "old", "new", "change", "verdict"}}
		}
		tables[f.Name] = append(tables[f.Name], []string{
			Name(f.Unit.Name), side(f.OldSummary, f.Unit.Name), side(f.NewSummary, f.Unit.Name), change(f), verdict(f),
		})
	}
	c := Compared{findings: findings}
	for _, name := range names {
		c.tables = append(c.tables, tables[name])
	}
	return c
}

// Text writes tables and summary for a terminal.
func (c Compared) Text(w io.Writer) error {
	for _, t := range c.tables {
		if err := writeText(w, t); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if _, err := fmt.Fprintln(w, strings.Join(c.Summary(), "\n")); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}

// Markdown returns tables and summary for a document.
func (c Compared) Markdown() string {
	var b strings.Builder
	for _, t := range c.tables {
		b.WriteString(gridMarkdown(t) + "\n")
	}
	for _, line := range c.Summary() {
		b.WriteString("- " + line + "\n")
	}
	return b.String()
}

// Summary says, a line each, what became worse, what became better and what is not
// known; that nothing became worse is said only if all is known.
func (c Compared) Summary() []string {
	lines := map[gate.Verdict][]string{}
	judged := 0
	for _, f := range c.findings {
		if f.Verdict != "" {
			judged++
		}
		if f.Verdict == gate.OK || f.Verdict == "" {
			continue
		}
		line := fmt.Sprintf("%s %s %s: ", f.Verdict, f.Name, Name(f.Unit.Name))
		switch {
		case f.OldSummary.N == 0:
			line += "no pair of samples"
		case f.Verdict == gate.Inconclusive:
			line += percent(f.Change) + rangeOf(f) + ", " + settle(f.More)
		default:
			line += fmt.Sprintf("%s%s, %s -> %s", percent(f.Change), rangeOf(f),
				Format(f.OldSummary.Median, f.Unit.Name), Format(f.NewSummary.Median, f.Unit.Name))
		}
		if f.Verdict == gate.Regression {
			line = "REGRESSION" + strings.TrimPrefix(line, string(gate.Regression))
		}
		lines[f.Verdict] = append(lines[f.Verdict], line)
	}
	out := slices.Concat(lines[gate.Regression], lines[gate.Improvement], lines[gate.Inconclusive])
	switch {
	case judged == 0:
		out = append(out, "nothing was compared")
	case len(lines[gate.Regression]) == 0 && len(lines[gate.Inconclusive]) == 0:
		out = append(out, fmt.Sprintf("ok: none of %d comparisons shows a change for the worse that matters", judged))
	}
	return out
}

// side shows one side's median and half the width of its interval.
func side(s stats.Summary, unit string) string {
	if s.N == 0 {
		return "—"
	}
	shown := Format(s.Median, unit)
	if s.N == 1 || s.Median == 0 {
		return shown
	}
	return fmt.Sprintf("%s ± %.0f %%", shown, 50*(s.Interval.High-s.Interval.Low)/math.Abs(s.Median))
}

// change shows the estimated change, or "~" where it may be chance.
func change(f gate.Finding) string {
	if f.OldSummary.N == 0 {
		return "—"
	}
	p := f.Corrected
	if f.Verdict == "" {
		p = f.P
	}
	shown := "~"
	if p <= gate.Alpha {
		shown = percent(f.Change)
	}
	return fmt.Sprintf("%s (p=%.3f, n=%d)", shown, p, f.OldSummary.N)
}

func verdict(f gate.Finding) string {
	switch {
	case f.Verdict == "":
		return "not gated"
	case f.Verdict == gate.Inconclusive && f.More > 0:
		return fmt.Sprintf("inconclusive, %d more", f.More)
	}
	return string(f.Verdict)
}

func settle(more int) string {
	if more <= 0 {
		return "more samples would not settle it"
	}
	return fmt.Sprintf("%d more samples a side would settle it", more)
}

// percent shows a relative change: "+27 %", "-1.2 %".
func percent(change float64) string {
	switch {
	case math.IsInf(change, 0) || math.IsNaN(change):
		return "from nothing"
	case math.Abs(change) < 0.0995:
		return fmt.Sprintf("%+.1f %%", 100*change)
	}
	return fmt.Sprintf("%+.0f %%", 100*change)
}

// rangeOf shows the change's interval, or nothing where it has no ends.
func rangeOf(f gate.Finding) string {
	if math.IsInf(f.Low, 0) || math.IsInf(f.High, 0) || math.IsNaN(f.Low) || math.IsNaN(f.High) {
		return ""
	}
	return fmt.Sprintf(" (%s to %s)", strings.TrimSuffix(percent(f.Low), " %"), percent(f.High))
}
