// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/report"
	"arcbox.dev/scenarios/compare"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/revision"
	"arcbox.dev/scenarios/suite"
)

// compareOptions are the flags of the compare command.
type compareOptions struct {
	suite      string
	base, head string // revisions; "" is the usual one
	plant      string
	seed       uint64
	out        string
	results    string
}

func compareCommand() *cobra.Command {
	var o compareOptions
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Measure two revisions side by side and say what became worse",
		Long: "compare builds two revisions of this repository and measures both in one interleaved run.\n" +
			"What looks changed is measured again in the opposite order. It fails if something became\n" +
			"worse, certainly and by more than matters, both times.\n" +
			"Without --base it compares with the last commit on main, without --head it measures the\n" +
			"working tree as it is.",
		Example: "  arcbox-bench compare\n" +
			"  arcbox-bench compare --suite quick --base v0.3 --head HEAD\n" +
			"  arcbox-bench compare --plant 'arcbox.dev/runtime/core:(*Runtime).Boot:time.Sleep(20*time.Millisecond)'",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("seed") {
				o.seed = rand.Uint64N(1_000_000)
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.suite, "suite", "quick", "what to measure: a suite's name, or a scenario file")
	f.StringVar(&o.base, "base", "", "revision to compare with (default the last commit on main)")
	f.StringVar(&o.head, "head", "", "revision to judge (default the working tree)")
	f.StringVar(&o.plant, "plant", "", "put a statement into the head's build, as PACKAGE:FUNC:STATEMENT, to see whether it is noticed")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the random order (default random)")
	f.StringVar(&o.out, "out", "", "file for the samples, which must not exist (default a new one in the results folder)")
	f.StringVar(&o.results, "results", "results", "results folder")
	return cmd
}

// run compares, from the command line to the verdict.
func (o compareOptions) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	var plant *revision.Plant
	if o.plant != "" {
		p, err := revision.ParsePlant(o.plant)
		if err != nil {
			return usageError{err}
		}
		plant = &p
	}
	wanted, err := suite.Load(o.suite)
	if err != nil {
		return usageError{err}
	}
	if wanted.Runs, err = resolve(wanted.Runs); err != nil {
		return err
	}
	old, head, err := o.revisions(ctx, stderr)
	if err != nil {
		return err
	}
	b, err := openBuilds(stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	sides, err := b.pair(ctx, old, head, plant)
	if err != nil {
		return err
	}
	l, err := lineup.Prepare(ctx, sides, wanted.Runs, b.note)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	file, err := b.record(ctx, l, recording{
		kind: "compare", name: "compare-" + wanted.Name, out: o.out, results: o.results,
		commit: head.String(), command: o.commandLine(old, head), seed: o.seed,
		config: []record.Label{{Key: "rev-old", Value: old.String()}, {Key: "rev-new", Value: describe(head, plant)}},
	})
	if err != nil {
		return err
	}
	outcome, err := compare.Run(ctx, l, compare.Settings{Seed: o.seed, MaxFailures: maxFailures}, file, b.progress)
	if err = errors.Join(err, file.Close()); ctx.Err() != nil {
		return errors.Join(err, fmt.Errorf("what was measured is in %s", file.Path()))
	}
	return errors.Join(err, showOutcome(stdout, outcome, l, file.Path()), outcome.Err())
}

// revisions finds what is compared.
func (o compareOptions) revisions(ctx context.Context, stderr io.Writer) (old, head revision.Revision, err error) {
	if head, err = revision.Resolve(ctx, ".", o.head); err != nil {
		return old, head, err
	}
	if o.base == "" {
		old, err = revision.Base(ctx, ".")
	} else {
		old, err = revision.Resolve(ctx, ".", o.base)
	}
	if err == nil && old.SameCode(head) && o.plant == "" {
		what := "the revisions are one"
		if o.base == "" && o.head == "" {
			what = "the tree is main itself"
		}
		fmt.Fprintf(stderr, "%s (%v): both sides are the same\n", what, head)
	}
	return old, head, err
}

// describe names a revision with what was planted in it.
func describe(r revision.Revision, plant *revision.Plant) string {
	if plant == nil {
		return r.String()
	}
	return fmt.Sprintf("%v with %v", r, plant)
}

// commandLine is the command that makes the same comparison again.
func (o compareOptions) commandLine(old, head revision.Revision) string {
	line := fmt.Sprintf("arcbox-bench compare --suite %s --base %v", o.suite, old)
	if !head.Tree {
		line += fmt.Sprintf(" --head %v", head)
	}
	if o.plant != "" {
		line += fmt.Sprintf(" --plant '%s'", o.plant)
	}
	return line + fmt.Sprintf(" --seed %d", o.seed)
}

// showOutcome prints what was found: the tables, what else there is to know, and the
// verdict at the end.
func showOutcome(w io.Writer, o compare.Outcome, l *lineup.Lineup, path string) error {
	fmt.Fprintln(w)
	for _, line := range append(append([]string{}, l.LeftOut...), o.Broken...) {
		fmt.Fprintln(w, line)
	}
	for _, f := range o.Failures {
		fmt.Fprintf(w, "failed once: %s: %v\n", f.Job, f.Err)
	}
	fmt.Fprintf(w, "the samples are in %s (benchstat -col /rev %s)\n\n", path, path)
	return report.Comparison(o.Findings).Text(w)
}
