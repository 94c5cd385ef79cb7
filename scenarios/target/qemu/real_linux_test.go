// SPDX-License-Identifier: MIT OR Apache-2.0

package qemu

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/guest/initramfs"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

// realConfig returns the configuration for a real guest in software.
func realConfig(t *testing.T) Config {
	t.Helper()
	if _, err := exec.LookPath(Program); err != nil {
		t.Skipf("%s is not installed: run ci/setup test", Program)
	}
	return Config{Accel: tcg, CPUs: 1, Memory: 256 << 20, Guest: func(ctx context.Context) (Guest, error) {
		return realGuest(ctx, t)
	}}
}

func realGuest(ctx context.Context, t *testing.T) (Guest, error) {
	k, err := kernel.FetchCloud(ctx, "")
	require.NoError(t, err)
	elf, err := k.Uncompressed()
	require.NoError(t, err)
	modules, err := k.Modules(Modules...)
	require.NoError(t, err)
	dir := t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "arcbox.dev/cmd/arcbox-agent", "arcbox.dev/cmd/arcbox-probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	image := func(files ...initramfs.File) string {
		path, err := initramfs.Cached(dir, initramfs.Spec{Init: filepath.Join(dir, "arcbox-agent"), Modules: modules, Files: files})
		require.NoError(t, err)
		return path
	}
	const tool = "/bin/probe"
	return Guest{
		Kernel: elf, Initramfs: image(), Version: k.Release,
		WithTool: image(initramfs.File{Name: tool, Mode: 0o755, Source: filepath.Join(dir, "arcbox-probe")}), Tool: tool,
	}, nil
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func prepared(t *testing.T, what target.Target) {
	t.Helper()
	ctx := testContext(t)
	require.NoError(t, what.Check(ctx))
	require.NoError(t, what.Prepare(ctx))
	t.Cleanup(func() { require.NoError(t, what.Clean()) })
	t.Log(what.Version())
}

// marked returns the names of the VM's marks, which must be in order of time.
func marked(t *testing.T, vm target.VM) []string {
	t.Helper()
	var names []string
	var last time.Duration
	for _, m := range vm.Marks(context.Background()) {
		require.Greater(t, m.At, last, m.Name)
		last = m.At
		names = append(names, m.Name)
	}
	return names
}

func TestBootAndResume(t *testing.T) {
	qemu := New(realConfig(t))
	prepared(t, qemu)
	ctx := testContext(t)

	cold, err := qemu.Boot(ctx, target.WithTool)
	require.NoError(t, err)
	defer cold.Close()
	require.Equal(t, []string{events.Request, events.VMMUp, events.Init, events.AgentReady}, marked(t, cold))
	status, err := cold.Exec(ctx, cold.Tool())
	require.NoError(t, err)
	require.Equal(t, client.Status{}, status)
	processes, err := cold.Processes(ctx)
	require.NoError(t, err)
	require.Len(t, processes, 1)
	require.NoError(t, cold.Stop(ctx))

	// Two at once, since neither may change what the other goes on from.
	require.NoError(t, qemu.refusal)
	var hot [2]target.VM
	for i := range hot {
		hot[i], err = qemu.Resume(ctx)
		require.NoError(t, err)
		defer hot[i].Close()
		require.Equal(t, []string{events.Request, events.VMMUp, events.AgentReady}, marked(t, hot[i]))
	}
	for _, vm := range hot {
		status, err := vm.Exec(ctx, "/init")
		require.NoError(t, err)
		require.Equal(t, client.Status{Code: 1}, status, "it runs as process 1 only")
		info, err := vm.(target.Informer).Info(ctx)
		require.NoError(t, err)
		require.Less(t, uint64(200<<20), info.MemoryTotal)
		require.NoError(t, vm.Stop(ctx))
	}
	require.NoError(t, qemu.Clean())
	_, err = qemu.Resume(ctx)
	require.ErrorContains(t, err, "there is no snapshot")
}

// TestCountsAreTheSameEachTime holds the counts to what they are gated at.
func TestCountsAreTheSameEachTime(t *testing.T) {
	qemu := NewCounting(realConfig(t))
	prepared(t, qemu)
	require.Equal(t, "qemu:icount", qemu.Name())
	require.Contains(t, qemu.Labels(), record.Label{Key: "accel", Value: "icount"})
	ctx := testContext(t)
	count := func() record.Sample {
		vm, err := qemu.BootCounted(ctx)
		require.NoError(t, err)
		defer vm.Close()
		values, err := vm.Counts(ctx)
		require.NoError(t, err)
		more, err := vm.Counts(ctx)
		require.NoError(t, err)
		require.Greater(t, more[0].Value, values[0].Value, "the guest goes on")
		require.NoError(t, vm.Stop(ctx))
		return record.Sample{Values: values}
	}
	a, b := count(), count()
	for _, unit := range []string{target.GuestInstructionsUnit, target.AgentInstructionsUnit, target.ModulesInstructionsUnit} {
		first, ok := a.Value(unit)
		require.True(t, ok, unit)
		second, ok := b.Value(unit)
		require.True(t, ok, unit)
		t.Logf("%s: %.0f and %.0f", unit, first, second)
		require.Greater(t, first, 100_000.0, unit)
		require.InEpsilon(t, first, second, 0.01, unit)
	}
}
