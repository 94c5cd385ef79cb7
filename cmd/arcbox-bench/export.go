// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/record"
)

func exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export FILE...",
		Short: "Print results files as one JSON document",
		Long: "export prints the runs in the files, in the order given, as one JSON document;\n" +
			"results/SCHEMA.md describes it.",
		Example: "  arcbox-bench export results/*/*.txt | jq '.runs[].samples[].values'",
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				return usageError{errors.New("name a results file (see 'arcbox-bench export --help')")}
			}
			var all []record.Run
			for _, file := range files {
				runs, warnings, err := record.Read(file)
				if err != nil {
					return err
				}
				for _, w := range warnings {
					fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
				}
				all = append(all, runs...)
			}
			return record.Export(cmd.OutOrStdout(), all)
		},
	}
}
