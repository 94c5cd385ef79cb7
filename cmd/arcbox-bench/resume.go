// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/lineup"
)

// resume goes on with the run of a file: its own command says what is measured.
func resume(cmd *cobra.Command, path string) error {
	earlier, err := readRun(path)
	if err != nil {
		return err
	}
	if cmd.Flags().NArg() > 0 || cmd.Flags().NFlag() > 1 {
		return usageError{errors.New("--resume goes alone: the file says what is measured")}
	}
	words := strings.Fields(earlier.Config["command"])
	if len(words) < 2 || words[0] != "arcbox-bench" || words[1] != "run" {
		return fmt.Errorf("%s is not of 'arcbox-bench run': its command is %q", path, earlier.Config["command"])
	}
	var o runOptions
	again := &cobra.Command{Use: "run"}
	again.SetContext(cmd.Context())
	again.SetOut(cmd.OutOrStdout())
	again.SetErr(cmd.ErrOrStderr())
	o.flags(again)
	if err := again.ParseFlags(words[2:]); err != nil {
		return fmt.Errorf("%s: reading its command: %w", path, err)
	}
	o.scenarios, o.out = again.Flags().Args(), path
	s, err := o.session(again)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.earlier = &earlier
	return s.run(cmd.Context())
}

// readRun reads a file that holds exactly one run.
func readRun(path string) (record.Run, error) {
	runs, warnings, err := record.Read(path)
	switch {
	case err != nil:
		return record.Run{}, err
	case len(warnings) > 0:
		return record.Run{}, fmt.Errorf("%s cannot be gone on with: %s", path, warnings[0])
	case len(runs) != 1:
		return record.Run{}, fmt.Errorf("%s cannot be gone on with: it has %d runs with samples (start anew)", path, len(runs))
	}
	return runs[0], nil
}

// same makes sure that what is measured now is what the earlier run measured.
func (s *session) same(l *lineup.Lineup) error {
	now := map[string]string{}
	for _, c := range s.about.Config() {
		now[c.Key] = c.Value
	}
	for _, system := range l.Systems {
		now[record.SystemPrefix+system.Key] = system.Value
	}
	for _, key := range []string{"host", "commit", "pinning"} {
		if before := s.earlier.Config[key]; before != now[key] {
			return fmt.Errorf("%s cannot be gone on with: its %s is %q, and now %q", s.out, key, before, now[key])
		}
	}
	for key, before := range s.earlier.Config {
		if strings.HasPrefix(key, record.SystemPrefix) && now[key] != before {
			return fmt.Errorf("%s cannot be gone on with: %s was %q, and is %q now", s.out, key, before, now[key])
		}
	}
	return nil
}

// done counts the samples of each benchmark, and says which round comes next.
func done(samples []record.Sample) (counts map[string]int, next int) {
	counts = map[string]int{}
	for _, s := range samples {
		counts[s.Name]++
		next = max(next, s.Round)
	}
	return counts, next + 1
}
