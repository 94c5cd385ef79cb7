// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/calibrate"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/revision"
	"arcbox.dev/scenarios/suite"
)

// calibrateOptions are the flags of the calibrate command.
type calibrateOptions struct {
	scenarios []string
	target    string
	trials    int
	pairs     int
	seed      uint64
	out       string
	results   string
	from      []string
}

func calibrateCommand() *cobra.Command {
	var o calibrateOptions
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Find out how often the gate is wrong on this machine",
		Long: "calibrate measures the working tree against itself and against builds of it with a slow-down\n" +
			"of 5 % and 10 % planted, and has the gate of 'arcbox-bench compare' judge: how often does it\n" +
			"fail without a reason, and how often does it miss one? Every sample is in the file as soon as\n" +
			"it is taken; Ctrl-C judges the trials that are complete.",
		Example: "  arcbox-bench calibrate --trials 20\n" +
			"  arcbox-bench calibrate --scenario boot,exec --target uml:lean\n" +
			"  arcbox-bench calibrate --from results/HOST/calibrate-boot-DATE.txt --count 30",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if len(o.from) > 0 {
				pairs := o.pairs
				if !cmd.Flags().Changed("count") {
					pairs = 0
				}
				return judgeFiles(cmd.OutOrStdout(), o.from, pairs)
			}
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Uint64N(1_000_000)
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.scenarios, "scenario", []string{"boot"}, "scenarios, separated by commas")
	f.StringVar(&o.target, "target", "uml:lean", "target")
	f.IntVar(&o.trials, "trials", 50, "trials of each build")
	f.IntVar(&o.pairs, "count", 40, "pairs of samples in each of a trial's two rounds")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the random order (default random)")
	f.StringVar(&o.out, "out", "", "file for the samples of the one scenario, which must not exist (default new ones in the results folder)")
	f.StringVar(&o.results, "results", "results", "results folder")
	f.StringSliceVar(&o.from, "from", nil, "measure nothing; judge the samples of these files again")
	return cmd
}

func (o calibrateOptions) check() error {
	switch {
	case o.trials < 1:
		return usageError{fmt.Errorf("--trials %d: hold at least 1", o.trials)}
	case o.pairs < 1:
		return usageError{fmt.Errorf("--count %d: take at least 1 pair", o.pairs)}
	case len(o.scenarios) == 0:
		return usageError{errors.New("--scenario: name at least one")}
	case o.out != "" && len(o.scenarios) > 1:
		return usageError{errors.New("--out is for one scenario: leave it out, or name one")}
	}
	_, err := pick("scenario", scenarios, o.scenarios)
	return err
}

// medianSamples is how many samples the size of a slow-down is worked out from.
const medianSamples = 40

// run calibrates one scenario after another.
func (o calibrateOptions) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	head, err := revision.Resolve(ctx, ".", "")
	if err != nil {
		return err
	}
	b, err := openBuilds(stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	var rates []calibrate.Rate
	for _, short := range o.scenarios {
		samples, units, measuring := o.measure(ctx, b, head, short, stdout)
		judged, err := calibrate.Judge(samples, units, o.pairs)
		if measuring != nil && errors.Is(err, calibrate.ErrTooFew) {
			err = nil
		}
		if rates = append(rates, judged...); measuring != nil || err != nil {
			return errors.Join(measuring, err, showRates(stdout, rates))
		}
	}
	return errors.Join(showRates(stdout, rates), aims(rates))
}

func showRates(w io.Writer, rates []calibrate.Rate) error {
	if len(rates) == 0 {
		_, err := fmt.Fprintln(w, "no trial is complete, so nothing is known of the gate")
		return err
	}
	return calibrate.Text(w, rates)
}

// measure takes the samples of a scenario. Those that were taken before an error are
// returned with it.
func (o calibrateOptions) measure(ctx context.Context, b *builds, head revision.Revision, short string, stdout io.Writer) ([]record.Sample, []record.Unit, error) {
	runs, err := resolve([]suite.Run{{
		Scenario: short, Targets: []string{o.target}, Count: o.pairs, Warmup: 3, Limit: 2 * time.Minute, CPUs: 1, Memory: 256 << 20,
	}})
	if err != nil {
		return nil, nil, err
	}
	sides, planted, err := b.variants(ctx, head, runs)
	if err != nil {
		return nil, nil, err
	}
	l, err := lineup.Prepare(ctx, sides, runs, b.note)
	if err != nil {
		return nil, nil, err
	}
	if len(l.Broken) > 0 {
		return nil, nil, errors.Join(errors.New(l.Broken[0]), l.Close())
	}
	file, err := b.record(ctx, l, recording{
		kind: calibrationKind, name: "calibrate-" + short, out: o.out, results: o.results,
		commit: head.String(), command: o.commandLine(short), seed: o.seed,
		config: append([]record.Label{{Key: pairsKey, Value: strconv.Itoa(o.pairs)}}, planted...),
	})
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	samples, err := calibrate.Measure(ctx, l, calibrate.Settings{
		Trials: o.trials, Pairs: o.pairs, Seed: o.seed, MaxFailures: maxFailures,
	}, file, b.progress)
	fmt.Fprintf(stdout, "%d samples of %s are in %s\n", len(samples), short, file.Path())
	return samples, l.Units, errors.Join(err, file.Close(), l.Close())
}

// calibrationKind is the kind of run that a calibration's files are of.
const calibrationKind = "calibrate"

// pairsKey is the configuration line that says how many pairs a round has.
const pairsKey = "pairs"

// commandLine is the command that makes the same calibration again.
func (o calibrateOptions) commandLine(short string) string {
	return fmt.Sprintf("arcbox-bench calibrate --scenario %s --target %s --trials %d --count %d --seed %d", short, o.target, o.trials, o.pairs, o.seed)
}

// variants builds the sides of a calibration, and says what was planted where: a part
// of what the first side's scenario takes.
func (b *builds) variants(ctx context.Context, head revision.Revision, runs []suite.Run) ([]lineup.Side, []record.Label, error) {
	b.note("building " + head.String())
	base, err := b.Build(ctx, head)
	if err != nil {
		return nil, nil, err
	}
	labels := calibrate.Sides()
	first, err := b.side(labels[0], base)
	if err != nil {
		return nil, nil, err
	}
	l, err := lineup.Prepare(ctx, []lineup.Side{first}, runs, b.note)
	if err != nil {
		return nil, nil, err
	}
	median, err := calibrate.Median(ctx, l, medianSamples, maxFailures, b.progress)
	if err = errors.Join(err, l.Close()); err != nil {
		return nil, nil, err
	}
	sides := []lineup.Side{first}
	var planted []record.Label
	for i, v := range calibrate.Variants {
		var plant *revision.Plant
		if v.Slowdown > 0 {
			p, err := calibrate.PlantIn(runs[0].Scenario, time.Duration(v.Slowdown*float64(median)))
			if err != nil {
				return nil, nil, err
			}
			plant = &p
			planted = append(planted, record.Label{Key: "plant-" + v.Label, Value: p.String()})
		}
		b.note("building " + describe(head, plant))
		build, err := b.Variant(ctx, head, i+1, plant)
		if err != nil {
			return nil, nil, err
		}
		side, err := b.side(v.Label, build)
		if err != nil {
			return nil, nil, err
		}
		sides = append(sides, side)
	}
	return sides, planted, nil
}

// judgeFiles judges what was measured before, with the files' own number of pairs a
// round where pairs is 0.
func judgeFiles(stdout io.Writer, paths []string, pairs int) error {
	var rates []calibrate.Rate
	for _, path := range paths {
		judged, err := judgeFile(path, pairs)
		if err != nil {
			return err
		}
		rates = append(rates, judged...)
	}
	return errors.Join(calibrate.Text(stdout, rates), aims(rates))
}

// judgeFile judges one file.
func judgeFile(path string, pairs int) ([]calibrate.Rate, error) {
	runs, _, err := record.Read(path)
	if err != nil {
		return nil, err
	}
	var rates []calibrate.Rate
	found := false
	for _, run := range runs {
		if run.Config["kind"] != calibrationKind {
			continue
		}
		found = true
		n := pairs
		if n == 0 {
			if n, err = strconv.Atoi(run.Config[pairsKey]); err != nil {
				return nil, usageError{fmt.Errorf("%s does not say how many pairs a round has: give --count", path)}
			}
		}
		judged, err := calibrate.Judge(run.Samples, run.Units, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		rates = append(rates, judged...)
	}
	if !found {
		return nil, usageError{fmt.Errorf("%s is not a file of 'arcbox-bench calibrate'", path)}
	}
	return rates, nil
}

// aims says which aims are surely not met.
func aims(rates []calibrate.Rate) error {
	var missed []string
	for _, r := range rates {
		if r.Result() == calibrate.NotMet {
			missed = append(missed, fmt.Sprintf("%s (%s)", r.Benchmark, r.Variant.Label))
		}
	}
	if len(missed) > 0 {
		return fmt.Errorf("the gate is wrong more often than it should be: %s", strings.Join(missed, ", "))
	}
	return nil
}
