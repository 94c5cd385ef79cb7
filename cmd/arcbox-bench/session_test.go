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
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/targettest"
)

// fake is a target with a name of its own.
type fake struct {
	targettest.Plain
	name  string
	check error
}

func (f fake) Name() string                { return f.name }
func (f fake) Check(context.Context) error { return f.check }
func (f fake) Labels() []record.Label      { return []record.Label{{Key: "target", Value: f.name}} }

// tick measures nothing, and fails on the target "bad".
type tick struct{ hook func() }

func (tick) Name() string              { return "Tick" }
func (tick) Units() []record.Unit      { return []record.Unit{{Name: "time-ns", Better: "lower"}} }
func (tick) Check(target.Target) error { return nil }

func (s tick) Run(_ context.Context, t target.Target) ([]record.Value, error) {
	if s.hook != nil {
		s.hook()
	}
	if t.Name() == "bad" {
		return nil, errors.New("no luck")
	}
	return []record.Value{{Value: 1e6, Unit: "time-ns"}}, nil
}

func newSession(t *testing.T, targets ...target.Target) (s *session, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return &session{
		host:      env.Host{Arch: "amd64", Kernel: "Linux 6.1"},
		started:   time.Unix(0, 0),
		window:    time.Millisecond,
		command:   "arcbox-bench run tick",
		out:       filepath.Join(t.TempDir(), "host", "tick.txt"),
		scenarios: []scenario.Scenario{tick{}},
		targets:   targets,
		plan:      runner.Plan{Count: 2, Seed: 1, Limit: time.Minute, MaxFailures: 2},
		stdout:    stdout, stderr: stderr,
		progress: runner.NewProgress(stderr, false),
	}, stdout, stderr
}

func TestSession(t *testing.T) {
	absent := fake{name: "absent", check: &target.MissingError{What: "it is not installed", Remedy: "install it"}}
	s, stdout, stderr := newSession(t, fake{name: "good"}, absent, fake{name: "bad"})
	require.ErrorIs(t, s.run(context.Background()), errIncomplete)

	require.Contains(t, stderr.String(), "absent is left out: it is not installed (install it)\n")
	require.Contains(t, stderr.String(), "Tick/target=bad is given up\n")
	require.Contains(t, stdout.String(), "Tick   good, n=2\ntime   1.00 ms (1.00–1.00)\n")
	require.Contains(t, stdout.String(), "2 runs failed; given up: Tick/target=bad\n")

	data, err := os.ReadFile(s.out)
	require.NoError(t, err)
	for _, want := range []string{
		"command: arcbox-bench run tick\n", "date: 1970-01-01T00:00:00Z\n", "target-good: 0\n", "Unit time-ns better=lower\n",
		"# absent is left out: it is not installed (install it)\n", "# Tick/target=bad failed: no luck\n",
		"BenchmarkTick/target=good 1 1000000 time-ns\n",
	} {
		require.Contains(t, string(data), want)
	}
}

// TestMissingTargets: those that nobody asked for may be missing, but not all.
func TestMissingTargets(t *testing.T) {
	absent := fake{name: "absent", check: target.ErrMissing}
	s, _, _ := newSession(t, fake{name: "good"}, absent)
	require.NoError(t, s.run(context.Background()))

	s, _, _ = newSession(t, fake{name: "good"}, absent)
	s.asked = true
	require.ErrorIs(t, s.run(context.Background()), errIncomplete)

	s, _, _ = newSession(t, absent)
	require.EqualError(t, s.run(context.Background()), "no target can be measured here")
	require.NoFileExists(t, s.out)
}

func TestSessionKeepsAnOldFile(t *testing.T) {
	s, _, _ := newSession(t, fake{name: "good"})
	require.NoError(t, os.MkdirAll(filepath.Dir(s.out), 0o755))
	require.NoError(t, os.WriteFile(s.out, []byte("precious"), 0o600))
	require.ErrorIs(t, s.run(context.Background()), os.ErrExist)
	data, err := os.ReadFile(s.out)
	require.NoError(t, err)
	require.Equal(t, "precious", string(data))
}

func TestInterruptedSession(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, stdout, _ := newSession(t, fake{name: "good"})
	runs := 0
	s.scenarios = []scenario.Scenario{tick{hook: func() {
		if runs++; runs == 2 {
			cancel()
		}
	}}}
	require.ErrorIs(t, s.run(ctx), context.Canceled)
	require.Contains(t, stdout.String(), "1 samples in "+s.out)
}
