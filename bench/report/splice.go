// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
	"strings"
)

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
