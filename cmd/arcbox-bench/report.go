// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/report"
	"arcbox.dev/scenarios/calibrate"
)

// reportOptions are the command line's.
type reportOptions struct {
	results, out string
	check        bool
	html         string // file
	plots        string // folder
	format       string // of the plots
}

func reportCommand() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write BENCHMARKS.md, a page for a browser, or plots, from the results folder",
		Long: "report writes the newest run of each benchmark on each host into its part of the document;\n" +
			"what was written there by hand stays. With --html or --plots it writes these instead.",
		Example: "  arcbox-bench report\n" +
			"  arcbox-bench report --html report.html\n" +
			"  arcbox-bench report --plots results/plots --format svg",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			found, warnings, err := report.Load(o.results)
			if err != nil {
				return err
			}
			for _, w := range warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			if o.html == "" && o.plots == "" {
				return o.document(found)
			}
			return errors.Join(o.page(found), o.drawPlots(found))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.results, "results", "results", "results folder")
	f.StringVar(&o.out, "out", "BENCHMARKS.md", "document to write")
	f.BoolVar(&o.check, "check", false, "write nothing; fail if the document is not up to date")
	f.StringVar(&o.html, "html", "", "page to write, one file that needs no other")
	f.StringVar(&o.plots, "plots", "", "folder for plots of the newest boot and memory")
	f.StringVar(&o.format, "format", "png", "of the plots: png or svg")
	return cmd
}

func (o reportOptions) validate() error {
	switch {
	case o.format != "png" && o.format != "svg":
		return usageError{fmt.Errorf("--format %s: must be png or svg", o.format)}
	case o.check && (o.html != "" || o.plots != ""):
		return usageError{errors.New("--check is of the document: give neither --html nor --plots")}
	}
	return nil
}

// document brings the generated part of the document up to date.
func (o reportOptions) document(found []report.Measured) error {
	before, err := os.ReadFile(o.out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the document: %w", err)
	}
	rates, err := gateErrors(filepath.Dir(filepath.Clean(o.results)), found)
	if err != nil {
		return err
	}
	after, err := report.Splice(string(before), report.Section(found)+rates)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", o.out, err)
	case after == string(before):
		return nil
	case o.check:
		return fmt.Errorf("%s does not show what is in %s (run 'arcbox-bench report')", o.out, o.results)
	}
	return replace(o.out, []byte(after))
}

// gateErrors returns the Markdown of the newest calibration of each benchmark on each
// host: how often the gate is wrong there. Paths of files are relative to root.
func gateErrors(root string, found []report.Measured) (string, error) {
	newest := map[[2]string]report.Measured{}
	for _, m := range found { // the oldest first
		if m.Config["kind"] == calibrationKind {
			newest[[2]string{m.Config["host"], m.Table.Base}] = m
		}
	}
	var b strings.Builder
	for _, key := range slices.SortedFunc(maps.Keys(newest), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		m := newest[key]
		rates, err := judgeFile(filepath.Join(root, filepath.FromSlash(m.File)), 0)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n### How often the gate is wrong: %s on %s\n\n%s\n`%s`\nat commit %s on %s: [%s](%s). Noise before it: %s.\n",
			key[1], key[0], calibrate.Markdown(rates), m.Config["command"], m.Config["commit"], m.Config["date"], m.File, m.File, m.Config["noise"])
		if disturbed := m.Disturbed(); disturbed != "" {
			fmt.Fprintf(&b, "Disturbed samples: %s.\n", disturbed)
		}
	}
	return b.String(), nil
}
