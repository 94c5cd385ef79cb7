// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/report"
)

func reportCommand() *cobra.Command {
	var results, out string
	var check bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write the tables of BENCHMARKS.md from the results folder",
		Long: "report writes the newest run of each benchmark on each host into its part of the document;\n" +
			"what was written there by hand stays.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			section, warnings, err := report.Section(results)
			if err != nil {
				return err
			}
			for _, w := range warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			before, err := os.ReadFile(out)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("reading the document: %w", err)
			}
			after, err := report.Splice(string(before), section)
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", out, err)
			case after == string(before):
				return nil
			case check:
				return fmt.Errorf("%s does not show what is in %s (run 'arcbox-bench report')", out, results)
			}
			return replace(out, after)
		},
	}
	f := cmd.Flags()
	f.StringVar(&results, "results", "results", "results folder")
	f.StringVar(&out, "out", "BENCHMARKS.md", "document to write")
	f.BoolVar(&check, "check", false, "write nothing; fail if the document is not up to date")
	return cmd
}

// replace writes a file as a whole or not at all.
func replace(path, content string) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	defer os.Remove(temp.Name()) // once it is renamed there is nothing to remove
	_, err = temp.WriteString(content)
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	return nil
}
