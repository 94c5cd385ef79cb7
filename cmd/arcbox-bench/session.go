// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
	"arcbox.dev/bench/report"
	"arcbox.dev/bench/stats"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/suite"
)

// session is one run from its command line to its tables.
type session struct {
	about record.About // what the file says of the run; its systems and noise are found out
	out   string       // path of the results file
	runs  []suite.Run
	side  lineup.Side // this program, whose workers measure
	asked bool        // the user named the targets
	// earlier is the run that this one goes on with, if any; out has it.
	earlier *record.Run
	// window is how long the host is watched before the run.
	window time.Duration

	stdout, stderr io.Writer
	progress       runner.Progress
}

// errIncomplete: the run is over and something that was asked for is not in it.
var errIncomplete = errors.New("not all that was asked for was measured")

// run measures and shows what came of it.
func (s *session) run(ctx context.Context) (err error) {
	l, err := lineup.Prepare(ctx, []lineup.Side{s.side}, s.runs, s.progress.Note)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for _, line := range l.LeftOut {
		s.progress.Note(line)
	}
	file, err := s.open(ctx, l)
	if err != nil {
		return err
	}
	plan := runner.Plan{Jobs: l.Jobs(nil), Seed: s.about.Seed, MaxFailures: maxFailures}
	var before []record.Sample
	if s.earlier != nil {
		before = s.earlier.Samples
		plan.Done, plan.FirstRound = done(before)
	}
	result, err := runner.Run(ctx, plan, file, s.progress)
	result.Samples = append(before, result.Samples...)
	err = errors.Join(err, file.Close(), s.show(result))
	if err == nil && (len(result.GivenUp) > 0 || len(result.Failures) > 0 || s.asked && s.absent(l)) {
		err = errIncomplete
	}
	return err
}

// absent tells whether a target that was asked for takes part in nothing.
func (s *session) absent(l *lineup.Lineup) bool {
	for _, r := range s.runs {
		for _, name := range r.Targets {
			if !slices.ContainsFunc(l.Systems, func(label record.Label) bool { return label.Key == lineup.SystemKey(name, s.side) }) {
				return true
			}
		}
	}
	return false
}

// open starts the results file, or goes on with the earlier one.
func (s *session) open(ctx context.Context, l *lineup.Lineup) (*record.Writer, error) {
	noise, err := s.listen(ctx)
	if err != nil {
		return nil, err
	}
	if s.earlier != nil {
		if err := s.same(l); err != nil {
			return nil, err
		}
		file, err := record.Append(s.out)
		if err != nil {
			return nil, err
		}
		if err := file.Note(fmt.Sprintf("resumed on %s; noise before it: %s", s.about.Date.UTC().Format(time.RFC3339), noise)); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return file, nil
	}
	s.about.Noise, s.about.Systems = noise, l.Systems
	file, err := record.Create(s.out, s.about.Config(), l.Units)
	if err != nil {
		return nil, err
	}
	for _, line := range l.LeftOut {
		if err := file.Note(line); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file, nil
}

// listen checks how quiet the host is, and warns if it is not.
func (s *session) listen(ctx context.Context) (string, error) {
	noise, err := env.Measure(ctx, s.window)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "unknown: " + err.Error(), nil
	}
	for _, reason := range noise.Reasons() {
		s.progress.Note("warning: " + reason + ": times will be worse than they are on a quiet machine")
	}
	return noise.String(), nil
}

// show prints the tables, what failed, and where the samples are.
func (s *session) show(result runner.Result) error {
	tables, err := report.Tables(result.Samples)
	if err != nil {
		return err
	}
	disturbed := 0
	for _, sample := range result.Samples {
		if sample.Disturbed != "" {
			disturbed++
		}
	}
	for _, t := range tables {
		fmt.Fprintln(s.stdout)
		if err := t.Text(s.stdout); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.stdout, "\nmedian (%.0f %% interval, or the range of fewer than 6); %d samples, %d of them disturbed; file: %s\n",
		100*stats.Confidence, len(result.Samples), disturbed, s.out)
	if n := len(result.Failures); n > 0 {
		fmt.Fprintf(s.stdout, "%d runs failed; given up: %s\n", n, orNone(result.GivenUp))
	}
	fmt.Fprintf(s.stdout, "compare with another run: benchstat -table host OLD %s\n", s.out)
	return nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// isTerminal says whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
