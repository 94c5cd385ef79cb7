// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
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
	host := ""
	for _, m := range newest {
		if m.Config["host"] != host {
			host = m.Config["host"]
			fmt.Fprintf(&b, "\n### Host %s\n\n%s.\n", host, m.Host())
		}
		fmt.Fprintf(&b, "\n#### %s\n\n%s%s", m.Table.Base, m.Table.markdown(), source(m))
	}
	if len(newest) == 0 {
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

// source says what is behind a table.
func source(m Measured) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n`%s`\nat commit %s on %s: [%s](%s). Noise before it: %s.\n",
		m.Config["command"], m.Config["commit"], m.Config["date"], m.File, m.File, m.Config["noise"])
	if disturbed := m.Disturbed(); disturbed != "" {
		fmt.Fprintf(&b, "Disturbed samples: %s.\n", disturbed)
	}
	for _, s := range m.Systems() {
		fmt.Fprintf(&b, "- %s: %s\n", s.Key, s.Value)
	}
	return b.String()
}
