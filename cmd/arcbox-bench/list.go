// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"arcbox.dev/scenarios/suite"
)

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show the scenarios, suites and targets, and what is missing here",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			beside, err := partsBeside()
			if err != nil {
				return err
			}
			suites, err := suite.Own()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "SCENARIO\t")
			for _, s := range scenarios {
				fmt.Fprintf(w, "%s\t%s\n", s.name, s.about)
			}
			fmt.Fprintln(w, "\t\nSUITE\t")
			for _, s := range suites {
				fmt.Fprintf(w, "%s\t%s\n", s.Name, s.About)
			}
			fmt.Fprintln(w, "\t\nTARGET\t")
			for _, e := range targets {
				fmt.Fprintf(w, "%s\t%s\n", e.name, e.about)
				if err := e.value(machine{parts: beside}).Check(cmd.Context()); err != nil {
					fmt.Fprintf(w, "\tmissing: %v\n", err)
				}
			}
			if err := w.Flush(); err != nil {
				return fmt.Errorf("writing the list: %w", err)
			}
			return nil
		},
	}
}
