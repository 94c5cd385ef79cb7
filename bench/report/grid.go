// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// writeText writes lines of cells, the heads first, for a terminal.
func writeText(w io.Writer, grid [][]string) error {
	tab := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, line := range grid {
		fmt.Fprintln(tab, strings.Join(line, "\t"))
	}
	if err := tab.Flush(); err != nil {
		return fmt.Errorf("writing a table: %w", err)
	}
	return nil
}

// gridMarkdown returns lines of cells, the heads first, for a document. All columns
// but the first are numbers.
func gridMarkdown(grid [][]string) string {
	var b strings.Builder
	for i, line := range grid {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			b.WriteString("|---|" + strings.Repeat("---:|", len(line)-1) + "\n")
		}
	}
	return b.String()
}
