// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const interprets = "KVM is present but interprets kernel code"

// TestProbeHost holds what the probe says of this very host against what can be
// seen without it.
func TestProbeHost(t *testing.T) {
	report := new(Hypervisor).Probe(t.Context())
	t.Logf("%+v", report)
	require.Equal(t, "kvm", report.Driver)
	require.NotEmpty(t, report.Isolation)
	require.Equal(t, report.Usable, report.Reason == "")
	require.Equal(t, report.Usable, report.Remedy == "")

	_, err := os.Stat("/sys/module/kvm_pvm")
	pvm := err == nil
	switch {
	case unix.Access(DefaultDevice, unix.R_OK|unix.W_OK) != nil:
		require.Contains(t, report.Reason, DefaultDevice)
		require.Empty(t, report.Notes)
		return
	case pvm:
		require.Equal(t, interprets, report.Reason)
	default:
		require.Empty(t, report.Reason)
	}
	require.Equal(t, "KVM API 12", report.Version)
	require.Len(t, report.Notes, 2)
	require.Regexp(t, `^an instruction of guest kernel code takes [0-9.]+ (ns|µs) `, report.Notes[0])
	require.Regexp(t, `^entering and leaving the guest takes [0-9.]+ (ns|µs|ms)$`, report.Notes[1])
}

func TestProbeDevice(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("kvm"), 0o600))
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	dangling := filepath.Join(dir, "dangling")
	require.NoError(t, os.Symlink("nowhere", dangling))

	tests := []struct{ name, device, reason string }{
		{"missing", filepath.Join(dir, "kvm"), "no KVM at " + dir + "/kvm"},
		{"below a file", filepath.Join(file, "kvm"), "opening " + file + "/kvm: not a directory"},
		{"dangling link", dangling, "no KVM at " + dangling},
		{"regular file", file, file + " is not a KVM device: inappropriate ioctl for device"},
		{"fifo", fifo, fifo + " is not a KVM device: inappropriate ioctl for device"},
		{"folder", dir, "opening " + dir + ": is a directory"},
		{"another device", os.DevNull, os.DevNull + " is not a KVM device: inappropriate ioctl for device"},
		{"nul in path", "/dev/k\x00vm", "opening /dev/k\x00vm: invalid argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report := (&Hypervisor{Device: tt.device}).Probe(t.Context())
			require.False(t, report.Usable)
			require.True(t, strings.HasPrefix(report.Reason, tt.reason), "got %q, want %q", report.Reason, tt.reason)
			require.Empty(t, report.Version)
			require.Empty(t, report.Notes)
		})
	}
}

// TestProbeInterrupted: an end of the context is not taken for a slow KVM.
func TestProbeInterrupted(t *testing.T) {
	needKVM(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report := new(Hypervisor).Probe(ctx)
	require.Equal(t, "probing KVM: context canceled", report.Reason)
	require.Empty(t, report.Notes)
}

// TestProbeTime: of ten probes, half take less than 50 ms. On a machine with more
// to do than CPUs that can fail for no fault of the probe, hence three attempts.
func TestProbeTime(t *testing.T) {
	// A machine in software may take as many times longer.
	slower, _ := strconv.Atoi(os.Getenv("ARCBOX_TEST_SLOW"))
	want := 50 * time.Millisecond * time.Duration(max(1, slower))
	var got time.Duration
	for range 3 {
		took := make([]time.Duration, 10)
		for i := range took {
			start := time.Now()
			new(Hypervisor).Probe(t.Context())
			took[i] = time.Since(start)
		}
		slices.Sort(took)
		got = took[len(took)/2]
		t.Logf("best %v, median %v, worst %v", took[0], got, took[len(took)-1])
		if got < want {
			return
		}
	}
	t.Errorf("median of ten probes: got %v, want less than %v", got, want)
}

// TestProbeLeavesNothing: a hundred probes, also interrupted and failed ones and
// several at once, leave no descriptor, mapping or thread behind.
func TestProbeLeavesNothing(t *testing.T) {
	probes := func(n int) {
		var wg sync.WaitGroup
		for worker := range 4 {
			wg.Go(func() {
				for i := range n / 4 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%4)*time.Millisecond+time.Second*time.Duration(worker%2))
					new(Hypervisor).Probe(ctx)
					cancel()
				}
			})
		}
		wg.Wait()
		(&Hypervisor{Device: os.DevNull}).Probe(t.Context())
	}
	probes(20) // the Go runtime starts the threads that it wants

	files, mappings, threads := leftBehind(t)
	probes(100)
	gotFiles, gotMappings, gotThreads := leftBehind(t)
	require.Equal(t, files, gotFiles)
	require.Equal(t, mappings, gotMappings)
	require.LessOrEqual(t, gotThreads, threads+2, "threads that the runtime may add, whatever it runs")
}

// leftBehind lists what a probe could leave: open descriptors, mappings of the
// kinds that it makes, and threads.
func leftBehind(t *testing.T) (files, mappings []string, threads int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, e := range entries {
		// The descriptor that lists them has gone already.
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			files = append(files, target)
		}
	}
	slices.Sort(files)
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "kvm") || strings.Contains(line, "/dev/zero") {
			fields := strings.Fields(line)
			mappings = append(mappings, fields[len(fields)-1])
		}
	}
	tasks, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	return files, mappings, len(tasks)
}

func needKVM(t *testing.T) {
	t.Helper()
	device, err := openDevice(DefaultDevice)
	if err != nil {
		t.Skipf("needs KVM: %v", err)
	}
	require.NoError(t, unix.Close(device))
}
