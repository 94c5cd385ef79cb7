// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/env"
	"arcbox.dev/scenarios/runner"
)

// runOptions are the flags of the run command.
type runOptions struct {
	targets   []string
	count     int
	warmup    int
	seed      uint64
	limit     time.Duration
	cpus      int
	memoryMiB uint64
	out       string
	results   string
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run SCENARIO...",
		Short: "Measure scenarios on targets and keep the samples",
		Long: "run measures scenarios on targets. Each round takes one sample of every scenario on every\n" +
			"target, in a random order, so that whatever changes on the machine meets all of them alike.\n" +
			"Every sample is in the file as soon as it is taken; Ctrl-C keeps what was measured.\n" +
			"'arcbox-bench list' shows the scenarios and targets.",
		Example: "  arcbox-bench run boot\n" +
			"  arcbox-bench run boot memory --targets uml:lean,qemu --count 10 --seed 1 --out boot.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("name a scenario (see 'arcbox-bench list')")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Uint64N(1_000_000)
			}
			s, err := o.session(cmd, args)
			if err != nil {
				return err
			}
			return s.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.targets, "targets", nil, "targets to measure, separated by commas (default "+strings.Join(usualTargets, ",")+")")
	f.IntVar(&o.count, "count", 20, "samples of each scenario on each target")
	f.IntVar(&o.warmup, "warmup", 1, "runs of each before that, which are not recorded")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the random order (default random)")
	f.DurationVar(&o.limit, "limit", 2*time.Minute, "how long one sample may take")
	f.IntVar(&o.cpus, "cpus", 1, "CPUs of each VM")
	f.Uint64Var(&o.memoryMiB, "memory", 256, "memory of each VM, in MiB")
	f.StringVar(&o.out, "out", "", "file for the samples, which must not exist (default a new one in the results folder)")
	f.StringVar(&o.results, "results", "results", "results folder")
	return cmd
}

// maxFailures is how many times in a row a target may fail before it is given up.
const maxFailures = 3

// noiseWindow is how long the host is watched before a run.
const noiseWindow = time.Second

// session makes what a run needs of the command line.
func (o runOptions) session(cmd *cobra.Command, names []string) (*session, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	chosen, err := pick("scenario", scenarios, names)
	if err != nil {
		return nil, err
	}
	// Targets that the user named are asked for; the usual ones are taken if they are there.
	wanted, asked := o.targets, true
	if len(wanted) == 0 {
		wanted, asked = usualTargets, false
	}
	entries, err := pick("target", targets, wanted)
	if err != nil {
		return nil, err
	}
	host, err := env.Detect()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	out := o.out
	if out == "" {
		out = filepath.Join(o.results, host.Fingerprint(), strings.Join(names, "-")+"-"+started.UTC().Format("20060102-150405")+".txt")
	}
	s := &session{
		host: host, started: started, out: out, asked: asked, window: noiseWindow,
		command: o.commandLine(names, wanted),
		stdout:  cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(),
		progress: runner.NewProgress(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr())),
		plan: runner.Plan{
			Count: o.count, Warmup: o.warmup, Seed: o.seed, Limit: o.limit, MaxFailures: maxFailures,
		},
	}
	for _, c := range chosen {
		s.scenarios = append(s.scenarios, c.value)
	}
	for _, e := range entries {
		s.targets = append(s.targets, e.value(vmSize{cpus: o.cpus, memory: o.memoryMiB << 20}))
	}
	return s, nil
}

func (o runOptions) check() error {
	switch {
	case o.count < 1:
		return usageError{fmt.Errorf("--count %d: take at least 1 sample", o.count)}
	case o.warmup < 0:
		return usageError{fmt.Errorf("--warmup %d: must not be negative", o.warmup)}
	case o.limit <= 0:
		return usageError{fmt.Errorf("--limit %v: must be positive", o.limit)}
	case o.cpus < 1:
		return usageError{fmt.Errorf("--cpus %d: a VM has at least 1", o.cpus)}
	case o.memoryMiB < 1 || o.memoryMiB > 1<<24:
		return usageError{fmt.Errorf("--memory %d: must be from 1 MiB to 16 TiB", o.memoryMiB)}
	}
	return nil
}

// commandLine is the command that makes the same run again.
func (o runOptions) commandLine(scenarios, targets []string) string {
	return fmt.Sprintf("arcbox-bench run %s --targets %s --count %d --warmup %d --seed %d --limit %v --cpus %d --memory %d",
		strings.Join(scenarios, " "), strings.Join(targets, ","), o.count, o.warmup, o.seed, o.limit, o.cpus, o.memoryMiB)
}
