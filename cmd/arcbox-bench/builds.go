// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/gate"
	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/paths"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/revision"
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/suite"
	"arcbox.dev/scenarios/worker"
)

// builds are revisions that are measured by their own programs.
type builds struct {
	*revision.Cache
	pinning  env.Pinning
	progress runner.Progress
}

// openBuilds opens the user's cache of builds. The caller closes it.
func openBuilds(stderr io.Writer) (*builds, error) {
	where, err := paths.Of(os.Getenv)
	if err != nil {
		return nil, err
	}
	cache, err := revision.OpenCache(filepath.Join(where.Cache, "builds"))
	if err != nil {
		return nil, err
	}
	b := &builds{cache, env.PlanPinning(), runner.NewProgress(stderr, isTerminal(stderr))}
	if err := b.pinning.Apply(); err != nil {
		return nil, errors.Join(err, cache.Close())
	}
	return b, nil
}

// note tells the user what goes on.
func (b *builds) note(text string) { b.progress.Note(text) }

// pair builds the two sides of a comparison.
func (b *builds) pair(ctx context.Context, old, head revision.Revision, plant *revision.Plant) ([]lineup.Side, error) {
	b.note(fmt.Sprintf("building %v", old))
	before, err := b.Build(ctx, old)
	if err != nil {
		return nil, err
	}
	b.note("building " + describe(head, plant))
	// A build of its own even where both are one commit: what is measured must not
	// share files on one side and have its own on the other.
	var after revision.Build
	if plant == nil && head.Tree {
		after, err = b.Build(ctx, head)
	} else {
		after, err = b.Variant(ctx, head, 1, plant)
	}
	if err != nil {
		return nil, err
	}
	first, err := b.side(gate.Old, before)
	if err != nil {
		return nil, err
	}
	second, err := b.side(gate.New, after)
	return []lineup.Side{first, second}, err
}

// side is a build that is measured by its own lab.
func (b *builds) side(label string, build revision.Build) (lineup.Side, error) {
	program, err := build.Program("arcbox-bench")
	if err != nil {
		return lineup.Side{}, err
	}
	start := func(ctx context.Context, target string, run suite.Run) (lineup.System, error) {
		return worker.Start(ctx, worker.Config{
			Name: target, Program: program, Pinning: b.pinning,
			Args: workerArgs(target, run),
		})
	}
	return lineup.Side{Label: label, Revision: build.Revision.String(), Start: start}, nil
}

// recording says what a file of samples of several builds is about.
type recording struct {
	kind         string // "compare" or "calibrate"
	name         string // of the file, without date and ending
	out, results string // the file, or else the folder for it
	commit       string
	command      string
	seed         uint64
	config       []record.Label
}

// record starts the file for a line-up's samples.
func (b *builds) record(ctx context.Context, l *lineup.Lineup, r recording) (*record.Writer, error) {
	host, err := env.Detect()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	noise := "unknown"
	if n, err := env.Measure(ctx, noiseWindow); err == nil {
		noise = n.String()
		for _, reason := range n.Reasons() {
			b.note("warning: " + reason + ": this takes more samples to see the same")
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if r.out == "" {
		r.out = filepath.Join(r.results, host.Fingerprint(), r.name+"-"+started.UTC().Format("20060102-150405")+".txt")
	}
	about := record.About{
		Host: host, Commit: r.commit, Command: r.command, Date: started, Seed: r.seed, Noise: noise,
		Systems: l.Systems, Kind: r.kind, Pinning: b.pinning.String(),
	}
	file, err := record.Create(r.out, append(about.Config(), r.config...), l.Units)
	if err != nil {
		return nil, err
	}
	for _, line := range append(append([]string{}, l.LeftOut...), l.Broken...) {
		b.note(line)
		if err := file.Note(line); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return file, nil
}
