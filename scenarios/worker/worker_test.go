// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/scenarios/target"
)

// patient are limits for a busy machine.
var patient = limits{hello: time.Minute, cancel: time.Minute, revive: time.Minute, close: time.Minute}

// startWorker starts a fake worker and prepares it. Processes that it leaves behind
// fail the test.
func startWorker(t *testing.T, environ ...string) *Worker {
	t.Helper()
	t.Setenv("FAKE_DIR", t.TempDir())
	w, err := start(context.Background(), fakeConfig("worker", environ...), patient)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, w.Close())
		require.Empty(t, livingFakes())
	})
	_, err = w.Prepare(context.Background())
	require.NoError(t, err)
	return w
}

func TestSample(t *testing.T) {
	ctx := context.Background()
	w := startWorker(t)
	require.Equal(t, "fake", w.Name())
	require.NoError(t, w.Check(ctx))
	ready, err := w.Prepare(ctx)
	require.NoError(t, err)
	require.Equal(t, []record.Label{{Key: "target", Value: "fake"}}, ready.Labels)
	require.Equal(t, "target=fake (1)", ready.String())
	d, err := ready.scenario("Fine")
	require.NoError(t, err)
	require.Equal(t, Described{Name: "Fine", Version: 3, Units: []record.Unit{{Name: "fake-ns", Better: "lower"}, {Name: "fakes-count", Better: "lower"}}}, d)

	for n := range 3 {
		m, err := w.Sample(ctx, "Fine")
		require.NoError(t, err)
		require.Equal(t, append(fine, record.Value{Value: float64(n + 1), Unit: "fakes-count"}), m.Values)
	}
}

func TestBadSamples(t *testing.T) {
	w := startWorker(t)
	p := w.process
	for name, want := range map[string]string{
		"Fails":   "no boot",
		"Unknown": `sampling fake: there is no scenario "Unknown"`,
		"Refused": "sampling fake: scenario Refused cannot be run: fakes cannot do that",
		"Unit":    `sampling fake: scenario Unit does not describe the unit "other-ns"`,
		"Twice":   "sampling fake: fake-ns was measured twice",
	} {
		_, err := w.Sample(context.Background(), name)
		require.EqualError(t, err, want)
	}
	require.Same(t, p, w.process, "a failure is no reason to start the worker again")
}

func TestUnpreparedWorker(t *testing.T) {
	ctx := context.Background()
	w, err := start(ctx, fakeConfig("worker"), patient)
	require.NoError(t, err)
	_, err = w.Sample(ctx, "Fine")
	require.EqualError(t, err, "sampling fake: it was not prepared")
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Check(ctx), errClosed)
}

func TestMissingTarget(t *testing.T) {
	w, err := start(context.Background(), fakeConfig("worker", "FAKE_LACKING=1"), patient)
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	err = w.Check(context.Background())
	require.EqualError(t, err, "checking: x is not there (get x)")
	require.ErrorIs(t, err, target.ErrMissing)
	var missing *target.MissingError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, target.MissingError{What: "x is not there", Remedy: "get x"}, *missing)
}

func TestCancel(t *testing.T) {
	w := startWorker(t)
	p := w.process
	limit := errors.New("too slow")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Millisecond, limit)
	defer cancel()
	_, err := w.Sample(ctx, "Slow")
	require.ErrorIs(t, err, limit)
	require.EqualError(t, err, "too slow: the lab cancelled it")

	_, err = w.Sample(ctx, "Fine")
	require.ErrorIs(t, err, limit, "nothing is begun")
	_, err = w.Sample(context.Background(), "Fine")
	require.NoError(t, err)
	require.Same(t, p, w.process)
}

// TestHang: a scenario that ignores its end goes, with all it started, and the next
// sample has a new worker.
func TestHang(t *testing.T) {
	w := startWorker(t)
	w.limits.cancel = 100 * time.Millisecond // it will not come
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := w.Sample(ctx, "Hang")
	require.ErrorIs(t, err, ErrStuck)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, livingFakes())

	m, err := w.Sample(context.Background(), "Fine")
	require.NoError(t, err)
	require.Equal(t, 1.0, m.Values[1].Value, "it is a new process")
}

func TestCrash(t *testing.T) {
	for scenario, want := range map[string]string{
		"Panic":  "the worker crashed: exit status 2: panic: all is lost",
		"Killed": "the worker crashed: exit status 137: signal: killed",
	} {
		t.Run(scenario, func(t *testing.T) {
			w := startWorker(t)
			_, err := w.Sample(context.Background(), scenario)
			require.ErrorIs(t, err, ErrCrashed)
			require.EqualError(t, err, want)
			require.Empty(t, livingFakes(), "what it left is gone")
			_, err = w.Sample(context.Background(), "Fine")
			require.NoError(t, err)
		})
	}
}

// TestDifferentAfterwards: samples of another version are not taken for the same.
func TestDifferentAfterwards(t *testing.T) {
	w := startWorker(t)
	_, err := w.Sample(context.Background(), "Killed")
	require.ErrorIs(t, err, ErrCrashed)
	version := filepath.Join(os.Getenv("FAKE_DIR"), "version")
	require.NoError(t, os.WriteFile(version, []byte("2"), 0o600))
	for range 2 {
		require.EqualError(t, w.Revive(context.Background()), "starting fake again: it is not the same: target=fake (2), and was target=fake (1)")
	}
	require.NoError(t, os.Remove(version))
	_, err = w.Sample(context.Background(), "Fine")
	require.NoError(t, err)
}

// TestCPU: the time of processes below the worker counts, also of those that it
// never waited for.
func TestCPU(t *testing.T) {
	w := startWorker(t)
	for _, scenario := range []string{"Burn", "BurnAway"} {
		m, err := w.Sample(context.Background(), scenario)
		require.NoError(t, err)
		require.Greater(t, m.CPU, burned-2*10*time.Millisecond, scenario) // ticks
		require.Positive(t, m.Took)
	}
}

func TestProgramsThatAreNoWorkers(t *testing.T) {
	for name, want := range map[string]string{
		"mute":    "starting fake: it said nothing within 200ms",
		"quits":   `starting fake: the worker crashed: exit status 2: fake: unknown command "worker"`,
		"garbage": "starting fake: bad message: invalid character 'w' looking for beginning of value: these are my last words",
		"old":     "starting fake: it speaks version 99 of the lab's protocol, this lab version 1: both must be built from revisions that go together: these are my last words",
	} {
		t.Run(name, func(t *testing.T) {
			l := patient
			if name == "mute" {
				l.hello = 200 * time.Millisecond
			}
			_, err := start(context.Background(), fakeConfig(name), l)
			require.EqualError(t, err, want)
		})
	}
	_, err := Start(context.Background(), Config{Name: "fake", Program: "no-such-program"})
	require.ErrorIs(t, err, exec.ErrNotFound)

	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Start(over, fakeConfig("worker"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestBadReplies(t *testing.T) {
	for name, want := range map[string]string{
		"huge":  "bad message: longer than 262144 bytes",
		"half":  "bad message: cut off",
		"stray": "bad message: reply 7 to request 1",
		"empty": "preparing fake: bad message: it says nothing of the target",
	} {
		t.Run(name, func(t *testing.T) {
			w, err := start(context.Background(), fakeConfig(name), patient)
			require.NoError(t, err)
			_, err = w.Prepare(context.Background())
			require.EqualError(t, err, want)
			require.ErrorIs(t, err, ErrBadMessage)
			require.NoError(t, w.discard())
		})
	}
}

func TestCloseCleans(t *testing.T) {
	w := startWorker(t)
	require.NoError(t, w.Close())
	require.FileExists(t, filepath.Join(os.Getenv("FAKE_DIR"), "cleaned"))
}

// TestKilledLab: a lab that is killed leaves no process, and its targets clean up.
func TestKilledLab(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("FAKE_DIR", dir)
	lab := exec.Command("/proc/self/exe")
	lab.Env = append(os.Environ(), envFake+"=lab")
	require.NoError(t, lab.Start())
	require.Eventually(t, func() bool { return len(livingFakes()) > 0 }, time.Minute, time.Millisecond, "no sample was begun")
	require.NoError(t, lab.Process.Kill())
	require.Error(t, lab.Wait())
	require.Eventually(t, func() bool { return len(livingFakes()) == 0 }, time.Minute, time.Millisecond)
	require.FileExists(t, filepath.Join(dir, "cleaned"))
}

// TestPinned: the worker and what it starts are kept where they should be.
func TestPinned(t *testing.T) {
	cfg := fakeConfig("worker")
	cfg.Pinning = env.Pinning{Measured: []int{0}}
	w, err := start(context.Background(), cfg, patient)
	require.NoError(t, err)
	defer func() { require.NoError(t, w.Close()) }()
	require.NoError(t, w.Check(context.Background()))
	all := host.Descendants(w.process.cmd.Process.Pid)
	require.Len(t, all, 2)
	for _, pid := range all {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		require.NoError(t, err)
		require.Contains(t, string(status), "Cpus_allowed_list:\t0\n")
	}
}
