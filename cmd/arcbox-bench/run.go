// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/suite"
	"arcbox.dev/scenarios/worker"
)

// runOptions are the flags of the run command.
type runOptions struct {
	scenarios []string // the arguments
	suite     string
	targets   []string
	count     int
	warmup    int
	seed      uint64
	limit     time.Duration
	cpus      int
	memoryMiB uint64
	profile   string
	out       string
	results   string
	resume    string
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [SCENARIO...]",
		Short: "Measure scenarios on targets and keep the samples",
		Long: "run measures scenarios on targets: those that are named, or those of a suite. Each round takes\n" +
			"one sample of every scenario on every target, in a random order, so that whatever changes on\n" +
			"the machine meets all of them alike. Every sample is in the file as soon as it is taken; Ctrl-C\n" +
			"keeps what was measured, and --resume goes on with it.\n" +
			"'arcbox-bench list' shows the scenarios, targets and suites.",
		Example: "  arcbox-bench run boot\n" +
			"  arcbox-bench run boot memory --targets uml:lean,qemu --count 10 --seed 1 --out boot.txt\n" +
			"  arcbox-bench run --suite full\n" +
			"  arcbox-bench run --resume boot.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.scenarios = args
			if o.resume != "" {
				return resume(cmd, o.resume)
			}
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Uint64N(1_000_000)
			}
			s, err := o.session(cmd)
			if err != nil {
				return err
			}
			return s.run(cmd.Context())
		},
	}
	o.flags(cmd)
	return cmd
}

func (o *runOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.suite, "suite", "", "measure what this suite or scenario file says")
	f.StringSliceVar(&o.targets, "targets", nil, "targets to measure, separated by commas (default "+strings.Join(usualTargets, ",")+")")
	f.IntVar(&o.count, "count", 20, "samples of each scenario on each target")
	f.IntVar(&o.warmup, "warmup", 1, "runs of each before that, which are not recorded")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the random order (default random)")
	f.DurationVar(&o.limit, "limit", 2*time.Minute, "how long one sample may take")
	f.IntVar(&o.cpus, "cpus", 1, "CPUs of each VM")
	f.Uint64Var(&o.memoryMiB, "memory", 256, "memory of each VM, in MiB")
	f.StringVar(&o.profile, "profile", "", "keep profiles of every process in this folder (samples take longer then)")
	f.StringVar(&o.out, "out", "", "file for the samples, which must not exist (default a new one in the results folder)")
	f.StringVar(&o.results, "results", "results", "results folder")
	f.StringVar(&o.resume, "resume", "", "go on with the run of this file, where it ended")
}

// maxFailures is how many times in a row a target may fail before it is given up.
const maxFailures = 3

// noiseWindow is how long the host is watched before a run.
const noiseWindow = time.Second

// runs returns what is to be measured, and a name for it.
func (o runOptions) runs(cmd *cobra.Command) (string, []suite.Run, error) {
	if o.suite != "" {
		for _, flag := range []string{"targets", "count", "warmup", "limit", "cpus", "memory"} {
			if cmd.Flags().Changed(flag) {
				return "", nil, usageError{fmt.Errorf("--%s does not go with --suite, which says that itself", flag)}
			}
		}
		if len(o.scenarios) > 0 {
			return "", nil, usageError{fmt.Errorf("unexpected %q: --suite names the scenarios itself", o.scenarios[0])}
		}
		s, err := suite.Load(o.suite)
		if err != nil {
			return "", nil, usageError{err}
		}
		runs, err := resolve(s.Runs)
		return s.Name, runs, err
	}
	if len(o.scenarios) == 0 {
		return "", nil, usageError{errors.New("name a scenario or a suite (see 'arcbox-bench list')")}
	}
	if len(o.targets) == 0 {
		o.targets = usualTargets
	}
	var runs []suite.Run
	for _, name := range o.scenarios {
		r := suite.Run{Scenario: name, Targets: o.targets, Count: o.count, Warmup: o.warmup, Limit: o.limit,
			CPUs: o.cpus, Memory: min(o.memoryMiB, math.MaxUint64>>20) << 20}
		if err := r.Check(); err != nil {
			return "", nil, usageError{err}
		}
		runs = append(runs, r)
	}
	runs, err := resolve(runs)
	return strings.Join(o.scenarios, "-"), runs, err
}

// commandLine is the command that makes the same run again.
func (o runOptions) commandLine() string {
	if o.suite != "" {
		return fmt.Sprintf("arcbox-bench run --suite %s --seed %d", o.suite, o.seed)
	}
	targets := o.targets
	if len(targets) == 0 {
		targets = usualTargets
	}
	return fmt.Sprintf("arcbox-bench run %s --targets %s --count %d --warmup %d --seed %d --limit %v --cpus %d --memory %d",
		strings.Join(o.scenarios, " "), strings.Join(targets, ","), o.count, o.warmup, o.seed, o.limit, o.cpus, o.memoryMiB)
}

// session makes what a run needs of the command line.
func (o runOptions) session(cmd *cobra.Command) (*session, error) {
	name, runs, err := o.runs(cmd)
	if err != nil {
		return nil, err
	}
	host, err := env.Detect()
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	pinning := env.PlanPinning()
	if err := pinning.Apply(); err != nil {
		return nil, err
	}
	started := time.Now()
	if o.out == "" {
		o.out = filepath.Join(o.results, host.Fingerprint(), name+"-"+started.UTC().Format("20060102-150405")+".txt")
	}
	commit := env.Commit(cmd.Context())
	s := &session{
		about: record.About{Host: host, Commit: commit, Command: o.commandLine(), Date: started, Seed: o.seed, Pinning: pinning.String()},
		out:   o.out, runs: runs, asked: len(o.targets) > 0, window: noiseWindow,
		stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(),
		progress: runner.NewProgress(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr())),
	}
	if o.profile != "" {
		// Times of profiled samples are no figures.
		s.about.Kind = "profile"
	}
	s.side = lineup.Side{Revision: commit, Start: func(ctx context.Context, target string, run suite.Run) (lineup.System, error) {
		args := workerArgs(target, run)
		if o.profile != "" {
			args = append(args, "--profile", o.profile)
		}
		return worker.Start(ctx, worker.Config{Name: target, Program: program, Args: args, Pinning: pinning})
	}}
	return s, nil
}
