// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
	"arcbox.dev/bench/report"
	"arcbox.dev/scenarios/gobench"
	"arcbox.dev/scenarios/runner"
)

// packagesOptions are the flags of the packages command.
type packagesOptions struct {
	modules []string // the arguments
	also    []string
	rounds  int
	each    time.Duration
	seed    uint64
	out     string
	results string
}

func packagesCommand() *cobra.Command {
	var o packagesOptions
	cmd := &cobra.Command{
		Use:   "packages MODULE...",
		Short: "Run the Go benchmarks of modules in rounds and keep the samples",
		Long: "packages builds the benchmarks of all packages of the modules in the folders that are named,\n" +
			"each with its own module's requirements alone, and runs them round by round in a random order.\n" +
			"Packages are named after their paths below the first module.",
		Example: "  arcbox-bench packages datapath datapath/peers\n" +
			"  arcbox-bench packages datapath --also 'purego:^checksum$'",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.modules = args
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Uint64N(1_000_000)
			}
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.also, "also", nil, "build packages that match a second time: TAGS:EXPRESSION")
	f.IntVar(&o.rounds, "rounds", 12, "samples of each benchmark")
	f.DurationVar(&o.each, "time", 50*time.Millisecond, "how long a benchmark runs for one sample")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the random order (default random)")
	f.StringVar(&o.out, "out", "", "file for the samples, which must not exist (default a new one in the results folder)")
	f.StringVar(&o.results, "results", "results", "results folder")
	return cmd
}

func (o packagesOptions) validate() error {
	switch {
	case len(o.modules) == 0:
		return usageError{errors.New("name the folder of a module (such as 'arcbox-bench packages datapath')")}
	case o.rounds < 1:
		return usageError{fmt.Errorf("--rounds %d: must be at least 1", o.rounds)}
	case o.each <= 0:
		return usageError{fmt.Errorf("--time %v: must be positive", o.each)}
	}
	for _, dir := range o.modules {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
			return usageError{fmt.Errorf("%s is not the folder of a module: %w", dir, err)}
		}
	}
	return nil
}

func (o packagesOptions) commandLine() string {
	also := ""
	for _, v := range o.also {
		also += " --also '" + v + "'"
	}
	return fmt.Sprintf("arcbox-bench packages %s%s --rounds %d --time %v --seed %d", strings.Join(o.modules, " "), also, o.rounds, o.each, o.seed)
}

func (o packagesOptions) run(cmd *cobra.Command) (err error) {
	ctx := cmd.Context()
	progress := runner.NewProgress(cmd.ErrOrStderr(), isTerminal(cmd.ErrOrStderr()))
	into, err := os.MkdirTemp("", "arcbox-benchmarks-")
	if err != nil {
		return fmt.Errorf("making a folder for the benchmarks: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(into)) }()
	benchmarks, systems, err := o.build(ctx, into, progress)
	if err != nil {
		return err
	}
	file, err := o.open(ctx, systems, progress)
	if err != nil {
		return err
	}
	samples, err := gobench.Measure(ctx, gobench.Plan{Benchmarks: benchmarks, Rounds: o.rounds, Each: o.each, Seed: o.seed}, file, progress)
	err = errors.Join(err, file.Close())
	fmt.Fprintf(cmd.OutOrStdout(), "%d samples are in %s\n\n", len(samples), file.Path())
	return errors.Join(err, report.PackagesText(cmd.OutOrStdout(), samples))
}

// build builds all benchmarks, and tells what they measure beside our own.
func (o packagesOptions) build(ctx context.Context, into string, progress runner.Progress) (all []gobench.Benchmark, systems []record.Label, err error) {
	var variants []gobench.Variant
	for _, text := range o.also {
		v, err := gobench.ParseVariant(text)
		if err != nil {
			return nil, nil, usageError{fmt.Errorf("--also %w", err)}
		}
		variants = append(variants, v)
	}
	root, err := gobench.Path(ctx, o.modules[0])
	if err != nil {
		return nil, nil, err
	}
	for _, module := range o.modules {
		progress.Note("building the benchmarks of " + module)
		found, err := gobench.Build(ctx, module, root, into, variants...)
		if err != nil {
			return nil, nil, err
		}
		required, err := gobench.Requirements(ctx, module)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, found...)
		systems = append(systems, required...)
	}
	if len(all) == 0 {
		return nil, nil, usageError{fmt.Errorf("%s: there is no benchmark in it", strings.Join(o.modules, ", "))}
	}
	return all, systems, nil
}

// open starts the results file.
func (o packagesOptions) open(ctx context.Context, systems []record.Label, progress runner.Progress) (*record.Writer, error) {
	host, err := env.Detect()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	noise, err := env.Measure(ctx, noiseWindow)
	if err != nil {
		return nil, err
	}
	for _, reason := range noise.Reasons() {
		progress.Note("warning: " + reason + ": times will be worse than they are on a quiet machine")
	}
	if o.out == "" {
		o.out = filepath.Join(o.results, host.Fingerprint(), filepath.Base(o.modules[0])+"-"+started.UTC().Format("20060102-150405")+".txt")
	}
	about := record.About{Host: host, Commit: env.Commit(ctx), Command: o.commandLine(), Date: started, Seed: o.seed,
		Noise: noise.String(), Kind: report.PackagesKind, Systems: systems}
	return record.Create(o.out, about.Config(), nil)
}
