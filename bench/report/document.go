// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"

	"arcbox.dev/bench/stats"
)

// Section returns the Markdown of what was measured, as Load gives it: the mission's
// targets, then of each benchmark on each host the newest plain run.
func Section(found []Measured) string {
	plain := Plain(found)
	newest := Newest(plain)
	var b strings.Builder
	fmt.Fprintf(&b, "Each figure is a median, with an interval that holds the true one with at least %.0f %% confidence\n"+
		"(of fewer than six samples: their range). Made by `arcbox-bench report`; [results/SCHEMA.md](results/SCHEMA.md) describes the files.\n", 100*stats.Confidence)
	fmt.Fprintf(&b, "\n### The mission's targets\n\n%s", outcomesMarkdown(Outcomes(plain)))
	for len(newest) > 0 {
		host := newest[0].Config["host"]
		end := slices.IndexFunc(newest, func(m Measured) bool { return m.Config["host"] != host })
		if end < 0 {
			end = len(newest)
		}
		hostMarkdown(&b, newest[:end])
		newest = newest[end:]
	}
	b.WriteString(packagesMarkdown(found))
	if len(plain) == 0 {
		b.WriteString("\nNothing has been recorded yet.\n")
	}
	return b.String()
}

func outcomesMarkdown(outcomes []Outcome) string {
	var b strings.Builder
	b.WriteString("| target | measured | of | verdict | host | from |\n|---|---:|---|---|---|---|\n")
	for _, o := range outcomes {
		if o.From == nil {
			fmt.Fprintf(&b, "| %s | — | | %s | %s | |\n", o.Goal.Text, o.Verdict(), o.Host)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | [%s](%s) at %s |\n", o.Goal.Text, cell(o.Summary, o.Goal.Unit), o.System,
			o.Verdict(), o.Host, o.From.Table.Base, o.From.File, o.From.Config["commit"])
	}
	return b.String()
}

// hostMarkdown shows the benchmarks of one host, and then the runs that they are of.
func hostMarkdown(b *strings.Builder, found []Measured) {
	fmt.Fprintf(b, "\n### Host %s\n\n%s.\n", found[0].Config["host"], found[0].Host())
	var runs []Measured
	for _, m := range found {
		fmt.Fprintf(b, "\n#### %s\n\n%s\nFrom [%s](%s) at commit %s.", m.Table.Base, m.Table.markdown(), m.File, m.File, m.Config["commit"])
		if disturbed := m.Disturbed(); disturbed != "" {
			b.WriteString(" Disturbed samples: " + disturbed + ".")
		}
		b.WriteByte('\n')
		if !slices.ContainsFunc(runs, func(r Measured) bool { return r.File == m.File }) {
			runs = append(runs, m)
		}
	}
	b.WriteString("\n#### The runs\n")
	for _, m := range runs {
		b.WriteString("\n" + source(m))
	}
}

// source says how a run was made, and of what.
func source(m Measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s](%s): `%s` at commit %s on %s. Noise before it: %s.\n",
		m.File, m.File, m.Config["command"], m.Config["commit"], m.Config["date"], m.Config["noise"])
	for _, s := range m.Systems() {
		fmt.Fprintf(&b, "- %s: %s\n", s.Key, s.Value)
	}
	return b.String()
}
