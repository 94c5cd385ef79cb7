// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	pprof "github.com/google/pprof/profile"
	"github.com/spf13/cobra"

	"arcbox.dev/bench/profile/diff"
	"arcbox.dev/bench/profile/folder"
)

func profileCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Look at profiles that runs have kept",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(profileDiffCommand(), profileTopCommand())
	return cmd
}

func profileDiffCommand() *cobra.Command {
	var functions int
	cmd := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Name the functions that explain a change",
		Long: "diff compares two folders of profiles, or two profiles, and names for each process and\n" +
			"kind the functions whose own cost changed the most, for one run. A share is of all\n" +
			"changes, up and down; ~ marks what sampling alone may well have made.",
		Args: profilePaths(2, "BEFORE and AFTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFunctions(functions); err != nil {
				return err
			}
			before, err := folder.Load(args[0])
			if err != nil {
				return err
			}
			after, err := folder.Load(args[1])
			if err != nil {
				return err
			}
			return diffProfiles(cmd.OutOrStdout(), before, after, functions)
		},
	}
	functionsFlag(cmd, &functions)
	return cmd
}

func profileTopCommand() *cobra.Command {
	var functions int
	cmd := &cobra.Command{
		Use:   "top PROFILES",
		Short: "Name the functions that cost the most",
		Long:  "top names for each profile of a folder, or for one profile, the functions with the highest\ncost of their own, for one run.",
		Args:  profilePaths(1, "PROFILES"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFunctions(functions); err != nil {
				return err
			}
			files, err := folder.Load(args[0])
			if err != nil {
				return err
			}
			for _, f := range files {
				costs, err := diff.Measure([]*pprof.Profile{f.Profile})
				if err != nil {
					return fmt.Errorf("%s: %w", f.Name, err)
				}
				if err := diff.WriteTop(cmd.OutOrStdout(), f.Name, costs, functions); err != nil {
					return err
				}
			}
			return nil
		},
	}
	functionsFlag(cmd, &functions)
	return cmd
}

func functionsFlag(cmd *cobra.Command, n *int) {
	cmd.Flags().IntVar(n, "functions", 10, "functions to name of each profile")
}

func checkFunctions(n int) error {
	if n < 1 {
		return usageError{fmt.Errorf("--functions %d: name at least 1", n)}
	}
	return nil
}

// profilePaths wants that many arguments, which are what.
func profilePaths(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("give %s: folders that a run with --profile has made, or profiles in them (see '%s --help')", what, cmd.CommandPath())}
		}
		return nil
	}
}

// diffProfiles compares profiles of the same name. Two that are alone are compared
// whatever their names.
func diffProfiles(w io.Writer, before, after []folder.File, functions int) error {
	if len(before) == 1 && len(after) == 1 {
		return diffPair(w, before[0], after[0], functions)
	}
	compared := false
	var alone []string
	for _, a := range after {
		i := slices.IndexFunc(before, func(b folder.File) bool { return b.Name == a.Name })
		if i < 0 {
			alone = append(alone, a.Name+" (after)")
			continue
		}
		compared = true
		if err := diffPair(w, before[i], a, functions); err != nil {
			return err
		}
	}
	for _, b := range before {
		if !slices.ContainsFunc(after, func(a folder.File) bool { return a.Name == b.Name }) {
			alone = append(alone, b.Name+" (before)")
		}
	}
	if !compared {
		return errors.New("no profile is on both sides: the folders are of different benchmarks")
	}
	if len(alone) > 0 {
		fmt.Fprintf(w, "on one side only: %s\n", strings.Join(alone, ", "))
	}
	return nil
}

func diffPair(w io.Writer, before, after folder.File, functions int) error {
	differences, err := diff.Diff([]*pprof.Profile{before.Profile}, []*pprof.Profile{after.Profile})
	if err != nil {
		return fmt.Errorf("%s: %w", after.Name, err)
	}
	return diff.WriteDiff(w, after.Name, differences, functions)
}
