// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/lineup/lineuptest"
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/suite"
	"arcbox.dev/scenarios/target"
)

// ticking measures the same each time.
func ticking() *lineuptest.System {
	return lineuptest.New("Tick", []record.Unit{{Name: "time-ns", Better: "lower", Floor: 0.05}}, func(int) ([]record.Value, error) {
		return []record.Value{{Value: 1e6, Unit: "time-ns"}}, nil
	})
}

// newSession measures two samples of Tick on each target.
func newSession(t *testing.T, systems map[string]*lineuptest.System, targets ...string) (s *session, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	for name, system := range systems {
		system.Ready.Labels = []record.Label{{Key: "target", Value: name}}
	}
	return &session{
		about:  record.About{Host: env.Host{Arch: "amd64", Kernel: "Linux 6.1"}, Commit: "abc", Command: "arcbox-bench run tick", Date: time.Unix(0, 0), Seed: 1},
		window: time.Millisecond,
		out:    filepath.Join(t.TempDir(), "host", "tick.txt"),
		runs: []suite.Run{{Scenario: "Tick", Targets: targets, Count: 2, Limit: time.Minute,
			CPUs: suite.DefaultCPUs, Memory: suite.DefaultMemory}},
		side: lineup.Side{Start: func(_ context.Context, name string, _ suite.Run) (lineup.System, error) {
			return systems[name], nil
		}},
		stdout: stdout, stderr: stderr,
		progress: runner.NewProgress(stderr, false),
	}, stdout, stderr
}

func TestSession(t *testing.T) {
	good, absent, bad := ticking(), ticking(), ticking()
	absent.CheckErr = &target.MissingError{What: "it is not installed", Remedy: "install it"}
	bad.Values = func(int) ([]record.Value, error) { return nil, errors.New("no luck") }
	s, stdout, stderr := newSession(t, map[string]*lineuptest.System{"good": good, "absent": absent, "bad": bad}, "good", "absent", "bad")
	s.runs[0].Count = 3
	require.ErrorIs(t, s.run(t.Context()), errIncomplete)

	require.Contains(t, stderr.String(), "Tick on absent is left out: it is not installed (install it)\n")
	require.Contains(t, stderr.String(), "Tick/target=bad is given up\n")
	require.Contains(t, stdout.String(), "Tick   good, n=3\ntime   1.00 ms (1.00–1.00)\n")
	require.Contains(t, stdout.String(), "3 runs failed; given up: Tick/target=bad\n")
	for _, system := range []*lineuptest.System{good, absent, bad} {
		require.Equal(t, 1, system.Closed)
	}

	data, err := os.ReadFile(s.out)
	require.NoError(t, err)
	for _, want := range []string{
		"command: arcbox-bench run tick\n", "date: 1970-01-01T00:00:00Z\n", "target-good: Linux 6.12\n", "Unit time-ns better=lower floor=0.05\n",
		"# Tick on absent is left out: it is not installed (install it)\n", "# Tick/target=bad failed: no luck\n",
		"#: round=1", "BenchmarkTick/target=good 1 1000000 time-ns\n",
	} {
		require.Contains(t, string(data), want)
	}
}

// TestMissingTargets: those that nobody asked for may be missing, but not all.
func TestMissingTargets(t *testing.T) {
	absent := ticking()
	absent.CheckErr = target.ErrMissing
	systems := map[string]*lineuptest.System{"good": ticking(), "absent": absent}
	s, _, _ := newSession(t, systems, "good", "absent")
	require.NoError(t, s.run(t.Context()))

	s, _, _ = newSession(t, systems, "good", "absent")
	s.asked = true
	require.ErrorIs(t, s.run(t.Context()), errIncomplete)

	s, _, _ = newSession(t, systems, "absent")
	require.EqualError(t, s.run(t.Context()), "nothing can be measured: Tick on absent is left out: missing")
	require.NoFileExists(t, s.out)
}

func TestSessionKeepsAnOldFile(t *testing.T) {
	s, _, _ := newSession(t, map[string]*lineuptest.System{"good": ticking()}, "good")
	require.NoError(t, os.MkdirAll(filepath.Dir(s.out), 0o755))
	require.NoError(t, os.WriteFile(s.out, []byte("precious"), 0o600))
	require.ErrorIs(t, s.run(t.Context()), os.ErrExist)
	data, err := os.ReadFile(s.out)
	require.NoError(t, err)
	require.Equal(t, "precious", string(data))
}

// TestInterruptedSession: what was measured is kept, and the run goes on with it.
func TestInterruptedSession(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	system := ticking()
	values := system.Values
	system.Values = func(sample int) ([]record.Value, error) {
		if sample == 2 {
			cancel()
			return nil, ctx.Err()
		}
		return values(sample)
	}
	s, stdout, _ := newSession(t, map[string]*lineuptest.System{"good": system}, "good")
	s.runs[0].Count = 4
	require.ErrorIs(t, s.run(ctx), context.Canceled)
	require.Contains(t, stdout.String(), "1 samples, 0 of them disturbed; file: "+s.out)

	again, stdout, _ := newSession(t, map[string]*lineuptest.System{"good": ticking()}, "good")
	again.out, again.runs[0].Count = s.out, 4
	earlier, err := readRun(s.out)
	require.NoError(t, err)
	again.earlier = &earlier
	require.NoError(t, again.run(t.Context()))
	require.Contains(t, stdout.String(), "Tick   good, n=4\n")
	whole, err := readRun(s.out)
	require.NoError(t, err)
	require.Len(t, whole.Samples, 4)
	require.Equal(t, 2, whole.Samples[1].Round)
	data, err := os.ReadFile(s.out)
	require.NoError(t, err)
	require.Contains(t, string(data), "# resumed on 1970-01-01T00:00:00Z; noise before it: ")
}

// TestResumeRefuses: samples of different things do not get into one file.
func TestResumeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*session, *lineuptest.System)
		want   string
	}{
		"commit": {func(s *session, _ *lineuptest.System) { s.about.Commit = "def" }, `its commit is "abc", and now "def"`},
		"host":   {func(s *session, _ *lineuptest.System) { s.about.Host.Cores = 64 }, "its host is"},
		"target": {func(_ *session, t *lineuptest.System) { t.Ready.Version = "Linux 7" }, `target-good was "Linux 6.12", and is "Linux 7" now`},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _ := newSession(t, map[string]*lineuptest.System{"good": ticking()}, "good")
			require.NoError(t, s.run(t.Context()))
			before, err := os.ReadFile(s.out)
			require.NoError(t, err)

			system := ticking()
			again, _, _ := newSession(t, map[string]*lineuptest.System{"good": system}, "good")
			earlier, err := readRun(s.out)
			require.NoError(t, err)
			again.out, again.earlier = s.out, &earlier
			c.change(again, system)
			require.ErrorContains(t, again.run(t.Context()), c.want)
			after, err := os.ReadFile(s.out)
			require.NoError(t, err)
			require.Equal(t, string(before), string(after))
		})
	}
}

func TestResumeMistakes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const sample = "BenchmarkTick/target=x 1 2 time-ns\n"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{filepath.Join(dir, "absent")}, "no such file"},
		{[]string{write("empty", "host: h\n")}, "it has 0 runs with samples (start anew)"},
		{[]string{write("two", "host: h\n"+sample+"host: i\n"+sample)}, "it has 2 runs"},
		{[]string{write("other", "command: go test\n"+sample)}, "is not of 'arcbox-bench run'"},
		{[]string{write("flag", "command: arcbox-bench run boot --colour\n"+sample)}, "unknown flag: --colour"},
		{[]string{write("gone", "command: arcbox-bench run dance\n"+sample)}, `there is no scenario "dance"`},
		{[]string{write("both", "command: arcbox-bench run boot\n"+sample), "--count", "3"}, "--resume goes alone"},
	} {
		status, _, stderr := lab(append([]string{"run", "--resume"}, c.args...)...)
		require.NotZero(t, status)
		require.Contains(t, stderr, c.want)
	}
}
