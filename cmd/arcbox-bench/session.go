// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
	"arcbox.dev/bench/report"
	"arcbox.dev/bench/stats"
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
)

// session is one run from its command line to its tables.
type session struct {
	host      env.Host
	started   time.Time
	command   string
	out       string // path of the results file
	scenarios []scenario.Scenario
	targets   []target.Target
	asked     bool        // the user named the targets
	plan      runner.Plan // without its jobs
	// window is how long the host is watched before the run.
	window time.Duration

	stdout, stderr io.Writer
	progress       runner.Progress
}

// errIncomplete: the run is over and something that was asked for is not in it.
var errIncomplete = errors.New("not all that was asked for was measured")

// run measures and shows what came of it.
func (s *session) run(ctx context.Context) error {
	ready, missing, err := runner.Prepare(ctx, s.targets, s.progress)
	if err != nil {
		return err
	}
	defer s.clean(ready)
	for _, m := range missing {
		fmt.Fprintf(s.stderr, "%s is left out: %v\n", m.Target.Name(), m.Err)
	}
	if len(ready) == 0 {
		return errors.New("no target can be measured here")
	}
	noise, err := s.listen(ctx)
	if err != nil {
		return err
	}
	file, err := record.Create(s.out, s.about(ctx, ready, noise).Config(), s.units())
	if err != nil {
		return err
	}
	for _, m := range missing {
		if err := file.Note(fmt.Sprintf("%s is left out: %v", m.Target.Name(), m.Err)); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	for _, sc := range s.scenarios {
		for _, t := range ready {
			s.plan.Jobs = append(s.plan.Jobs, runner.Job{Scenario: sc, Target: t})
		}
	}
	result, err := runner.Run(ctx, s.plan, file, s.progress)
	err = errors.Join(err, file.Close(), s.show(result))
	if err == nil && (len(result.GivenUp) > 0 || len(result.Failures) > 0 || s.asked && len(missing) > 0) {
		err = errIncomplete
	}
	return err
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
		fmt.Fprintf(s.stderr, "warning: %s: times will be worse than they are on a quiet machine\n", reason)
	}
	return noise.String(), nil
}

// about says what the results file's configuration lines tell.
func (s *session) about(ctx context.Context, ready []target.Target, noise string) record.About {
	about := record.About{
		Host: s.host, Commit: env.Commit(ctx), Command: s.command, Date: s.started, Seed: s.plan.Seed, Noise: noise,
	}
	for _, t := range ready {
		key := strings.ReplaceAll(t.Name(), ":", "-")
		about.Systems = append(about.Systems, record.Label{Key: key, Value: t.Version()})
	}
	return about
}

func (s *session) units() []record.Unit {
	var units []record.Unit
	for _, sc := range s.scenarios {
		units = append(units, sc.Units()...)
	}
	return units
}

// show prints the tables, what failed, and where the samples are.
func (s *session) show(result runner.Result) error {
	tables, err := report.Tables(result.Samples)
	if err != nil {
		return err
	}
	for _, t := range tables {
		fmt.Fprintln(s.stdout)
		if err := t.Text(s.stdout); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.stdout, "\nmedian (%.0f %% interval, or the range of fewer than 6); %d samples in %s\n", 100*stats.Confidence, len(result.Samples), s.out)
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

func (s *session) clean(ready []target.Target) {
	for _, t := range ready {
		if err := t.Clean(); err != nil {
			fmt.Fprintf(s.stderr, "warning: cleaning up after %s: %v\n", t.Name(), err)
		}
	}
}

// isTerminal says whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
