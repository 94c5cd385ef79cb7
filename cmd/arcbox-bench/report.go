// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/report"
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
	after, err := report.Splice(string(before), report.Section(found))
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
